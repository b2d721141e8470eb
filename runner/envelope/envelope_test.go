package envelope_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/media"
	"github.com/bgverify/bgverify/runner/envelope"
)

func find(t *testing.T, typ, body string) (envelope.Finding, bool) {
	t.Helper()
	doc, err := media.Read([]byte(body), typ)
	b := &envelope.Body{Kind: doc.Kind, Type: typ, Raw: []byte(body), Text: doc.Text}
	if err == nil {
		b.Tree, _ = diff.ReadStrict(doc.JSON) // absent where it is not valid
	}
	return envelope.Find(b)
}

const (
	jsonType = "application/json"
	xmlType  = "application/xml"
)

// TestErrors lists answers that a client of the API takes for an error, each with
// the place that is named.
func TestErrors(t *testing.T) {
	tests := []struct{ typ, body, path string }{
		{jsonType, `{"errcode":-3,"msg":"invalid session"}`, "$.errcode"},
		{jsonType, `{"message":"Missing Authentication Token"}`, "$.message"},
		{jsonType, `{"message":"Endpoint request timed out"}`, "$.message"},
		{jsonType, `{"message":"세션이 만료되었습니다"}`, "$.message"},
		{jsonType, `{"detail":"Authentication credentials were not provided."}`, "$.detail"},
		{jsonType, `{"__type":"ThrottlingException","message":"slow down"}`, "$.__type"},
		{jsonType, `{"type":"com.a.BoxError","detail":"x"}`, "$.type"},
		{jsonType, `{"rsltCd":"E999","rsltMsg":"error"}`, "$.rsltCd"},
		{jsonType, `{"PROC_RESULT_CD":"E999","PROC_RESULT_MSG":"x"}`, "$.PROC_RESULT_CD"},
		{jsonType, `{"code":"ERR_SESSION","desc":"expired"}`, "$.code"},
		{jsonType, `{"code":"SESSION_EXPIRED","title":"x"}`, "$.code"},
		{jsonType, `{"payload":{"errorCode":"E1","errorMessage":"x"}}`, "$.payload.errorCode"},
		{jsonType, `{"data":{"error":"not authorized"}}`, "$.data.error"},
		{jsonType, `{"rc":1,"rm":"fail"}`, "$.rc"},
		{jsonType, `{"failed":true}`, "$.failed"},
		{jsonType, `{"ok":false,"items":[]}`, "$.ok"},
		{jsonType, `"{\"success\":false,\"message\":\"x\"}"`, ""},
		{jsonType, `{"odata.error":{"code":"","message":{"value":"x"}}}`, "$['odata.error']"},
		{jsonType, `{"@error":"x"}`, "$['@error']"},
		{jsonType, `{"errors":[{"id":"1","status":"422","title":"x"}]}`, "$.errors"},
		{jsonType, `{"exception":"a.b.BoxException","serial":7}`, "$.exception"},
		{jsonType, `{"result":"FAIL","resultMsg":"x","userId":"u1"}`, "$.result"},
		{"application/javascript", `cb({"error":"x"});`, ""},
		{"text/plain", "PHP Warning:  mysqli_connect(): refused in /srv/a.php on line 3", ""},
		{"text/plain", "<br />\n<b>Warning</b>:  a() in <b>/srv/a.php</b> on line <b>3</b><br />", ""},
		{jsonType, `{"response":{"header":{"resultCode":"30","resultMsg":"SERVICE_KEY_IS_NOT_REGISTERED_ERROR"}}}`, "$.response.header.resultCode"},
		{jsonType, `{"response":{"header":{"resultCode":"03","resultMsg":"NODATA_ERROR"},"body":{"items":"","numOfRows":10,"pageNo":1,"totalCount":0}}}`, "$.response.header.resultCode"},
		{jsonType, `{"header":{"isSuccessful":false,"resultCode":-4010,"resultMessage":"no auth"},"body":null}`, "$.header.isSuccessful"},
		{jsonType, `{"RESULT":{"CODE":"ERROR-300","MESSAGE":"필수 값이 누락되어 있습니다"}}`, "$.RESULT.CODE"},
		{jsonType, `{"fault":{"faultstring":"Failed to resolve API Key","detail":{"errorcode":"steps.x"}}}`, "$.fault"},
		{jsonType, `{"success":"false","message":"session expired"}`, "$.success"},
		{jsonType, `{"Success":false,"Data":null}`, "$.Success"},
		{jsonType, `{"is_success":"N","items":[1]}`, "$.is_success"},
		{jsonType, `{"success":0,"message":"no"}`, "$.success"},
		{jsonType, `{"hasError":true,"items":[]}`, "$.hasError"},
		{jsonType, `{"result":"FAIL","resultMessage":"세션이 만료되었습니다"}`, "$.result"},
		{jsonType, `{"result":"NG"}`, "$.result"},
		{jsonType, `{"result":false,"message":"not registered"}`, "$.result"},
		{jsonType, `{"status":"FAILED"}`, "$.status"},
		{jsonType, `{"STATUS":"Error","MESSAGE":"x","HOST":"stb-1"}`, "$.STATUS"},
		{jsonType, `{"status":"fail","data":{"title":"a title is required"}}`, "$.status"},
		{jsonType, `{"status":"UNAVAILABLE","message":"try later"}`, "$.status"},
		{jsonType, `{"status":500,"path":"/a","timestamp":1}`, "$.status"},
		{jsonType, `{"timestamp":"2026-11-28T00:00:00Z","status":500,"error":"Internal Server Error","path":"/x"}`, "$.error"},
		{jsonType, `{"type":"about:blank","title":"Not Found","status":404,"detail":"no such channel"}`, "$.status"},
		{jsonType, `{"statusCode":503,"body":"{}"}`, "$.statusCode"},
		{jsonType, `{"status":{"code":404,"message":"no such channel"}}`, "$.status.code"},
		{jsonType, `{"meta":{"code":400,"error_type":"OAuth","error_message":"bad token"},"data":{}}`, "$.meta.code"},
		{jsonType, `{"resultCode":"9999","resultMsg":"시스템 오류가 발생했습니다"}`, "$.resultCode"},
		{jsonType, `{"resultCode":"9999"}`, "$.resultCode"},
		{jsonType, `{"returnCode":"E001","returnMessage":"timeout"}`, "$.returnCode"},
		{jsonType, `{"result":"0","errCode":"E1001","errMsg":"invalid device"}`, "$.errCode"},
		{jsonType, `{"errorCode":"E1001"}`, "$.errorCode"},
		{jsonType, `{"errorCode":"E1001","errorMessage":"invalid device","hints":["a"]}`, "$.errorCode"},
		{jsonType, `{"errorMessage":"Task timed out","errorType":"Sandbox.Timedout"}`, "$.errorMessage"},
		{jsonType, `{"exception":"java.lang.NullPointerException","path":"/a"}`, "$.exception"},
		{jsonType, `{"code":"AUTH_REQUIRED","message":"login first"}`, "$.code"},
		{jsonType, `{"code":"AUTH_REQUIRED","message":"login first","requestId":"5f","data":null}`, "$.code"},
		{jsonType, `{"status":200,"code":"AUTH_REQUIRED","message":"login first"}`, "$.code"},
		{jsonType, `{"code":-1,"msg":"error"}`, "$.code"},
		{jsonType, `{"code":50301,"message":"try later","data":null,"shard":3}`, "$.code"},
		{jsonType, `{"code":40003,"message":"invalid","details":[{"field":"a"}]}`, "$.code"},
		{jsonType, `{"code":5,"message":"not found","details":[]}`, "$.code"},
		{jsonType, `{"error":"E"}`, "$.error"},
		{jsonType, `{"error":true,"items":[1]}`, "$.error"},
		{jsonType, `{"error":{"code":"0","message":""},"errors":[{"message":"x"}]}`, "$.errors"},
		{jsonType, `{"data":{"a":1},"errors":[{"message":"partial"}]}`, "$.errors"},
		{jsonType, `[{"errors":[{"message":"Cannot query field"}],"data":null}]`, "$[0].errors"},
		{jsonType, `[{"data":{"a":1}},{"errors":[{"message":"x"}],"data":null}]`, "$[1].errors"},
		{jsonType, `[{"message":"Session expired","errorCode":"INVALID_SESSION_ID"}]`, "$[0].errorCode"},
		{jsonType, `[{"jsonrpc":"2.0","id":1,"result":7},{"jsonrpc":"2.0","id":2,"error":{"code":-32600,"message":"x"}}]`, "$[1].error"},
		{jsonType, `[{"code":0,"data":{"a":1}},{"code":500,"message":"x"}]`, "$[1].code"},
		{jsonType, `{"took":3,"responses":[{"status":404,"error":{"type":"index_not_found"}}]}`, "$.responses[0].error"},
		{jsonType, `"no healthy upstream"`, ""},
		{jsonType, `{"message":"Internal Server Error"}`, "$.message"},
		{jsonType, `{"status":"E500","message":"x"}`, "$.status"},
		{jsonType, `{"successYn":"N"}`, "$.successYn"},
		{jsonType, `{"resp":{"RSP_CD":"99","rspMsg":"x"}}`, "$.resp.RSP_CD"},
		{jsonType, `{"result":"nok","orders":[]}`, "$.result"},
		{"application/problem+json", `{"title":"oops"}`, ""},
		{"application/x-ndjson", "{\"id\":1}\n{\"error\":\"stream aborted\"}\n", "$[1].error"},
		{xmlType, `<error><code>500</code></error>`, "$.error[0]"},
		{xmlType, `<OpenAPI_ServiceResponse><cmmMsgHeader><errMsg>SERVICE ERROR</errMsg><returnReasonCode>30</returnReasonCode></cmmMsgHeader></OpenAPI_ServiceResponse>`, "$.OpenAPI_ServiceResponse[0].cmmMsgHeader[0].returnReasonCode[0]"},
		{xmlType, `<rsp stat="fail"><err code="100" msg="Invalid API Key"/></rsp>`, "$.rsp[0].err[0]"},
		{xmlType, `<channelList><resultCode>E100</resultCode><resultMessage>no such box</resultMessage><channels/></channelList>`, "$.channelList[0].resultCode[0]"},
		{xmlType, `<Result>FAIL</Result>`, "$.Result[0]"},
		{xmlType, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultstring>x</faultstring></s:Fault></s:Body></s:Envelope>`, "$.Envelope[0].Body[0].Fault[0]"},
		{xmlType, `<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><getBox xmlns="urn:a"><resultCode>E1</resultCode><resultMsg>x</resultMsg></getBox></e:Body></e:Envelope>`, "$.Envelope[0].Body[0].getBox[0].resultCode[0]"},
		{"application/x-www-form-urlencoded", "error=invalid_grant&error_description=x", "$.error[0]"},
		{"text/plain", "upstream connect error or disconnect/reset before headers. reset reason: connection failure", ""},
		{"text/plain", "no healthy upstream", ""},
		{"text/plain", "default backend - 404", ""},
		{"text/plain", "404 page not found\n", ""},
		{"text/plain; charset=utf-8", "\ufeffService Unavailable", ""},
		{"text/plain", "HTTP/1.1 502 Bad Gateway", ""},
		{"text/plain", "Error: connect ECONNREFUSED 10.0.0.7:443", ""},
		{"text/plain", "java.lang.IllegalStateException: no pool\n\tat a.b(C.java:1)", ""},
		{"text/plain", "ERROR", ""},
		{"", "stream timeout", ""},
		{"text/plain", "FAIL|1001|invalid device", ""},
		{"application/octet-stream", "no healthy upstream", ""},
		{"text/event-stream", "data: {\"error\":\"busy\"}\n\n", ""},
		{"text/event-stream", "event: error\ndata: busy\n\n", ""},
		{"multipart/mixed; boundary=b", "--b\r\nContent-Type: application/json\r\n\r\n{\"a\":1}\r\n--b\r\nContent-Type: application/json\r\n\r\n{\"error\":\"x\"}\r\n--b--\r\n", ""},
		{"multipart/mixed; boundary=b", "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n\r\n--b--\r\n", ""},
		{"application/grpc-web+proto", "\x80\x00\x00\x00\x1egrpc-status:14\r\ngrpc-message:x", ""},
		{"application/grpc-web+proto", "\x00\x00\x00\x00\x02\x08\x01\x80\x00\x00\x00\x0fgrpc-status: 5\r\n", ""},
		{"application/grpc-web-text", base64.StdEncoding.EncodeToString([]byte("\x00\x00\x00\x00\x02\x08\x01")) + base64.StdEncoding.EncodeToString([]byte("\x80\x00\x00\x00\x0fgrpc-status: 5\r\n")), ""},
		{"application/connect+json", "\x02\x00\x00\x00\x20" + `{"error":{"code":"unavailable"}}`, ""},
	}
	for _, tt := range tests {
		got, ok := find(t, tt.typ, tt.body)
		if !ok || got.Class != envelope.Error || got.Path != tt.path || got.Value == "" {
			t.Errorf("%s: %v %+v, want an error at %q", tt.body, ok, got, tt.path)
		}
	}
}

// TestAnswers lists answers that are data, however much they look like an error.
func TestAnswers(t *testing.T) {
	tests := []struct{ typ, body, why string }{
		{jsonType, `{"error":{"code":0},"items":[1]}`, "a code of success"},
		{jsonType, `{"error":{"code":"0000","message":"정상 처리되었습니다"},"channels":[1]}`, "a code of success"},
		{jsonType, `{"error":"N","errorMessage":"","items":[1]}`, "no"},
		{jsonType, `{"data":{"a":[1,2]},"errors":[]}`, "an empty list"},
		{jsonType, `{"errors":{"name":[],"age":[]},"id":3}`, "empty lists by field"},
		{jsonType, `{"error":null,"errors":null,"exception":"","fault":false,"id":1}`, "nothing"},
		{jsonType, `{"processed":100,"errors":3,"warnings":2}`, "a count"},
		{jsonType, `{"model":"x","estimate":3.5,"error":0.02}`, "a margin of error"},
		{jsonType, `{"orderId":"A-7","status":"FAILED","amount":5000}`, "the state of an order"},
		{jsonType, `{"id":7,"status":"FAILED","message":"card declined"}`, "the state of an order"},
		{jsonType, `{"paymentId":"p1","status":"FAIL","message":"card declined","amount":100}`, "the state of a payment"},
		{jsonType, `{"date":"2026-11-28","exception":"holiday"}`, "a calendar"},
		{jsonType, `{"fault":"2026-F1","serial":"s"}`, "a notice of repair"},
		{jsonType, `{"errors":[{"id":1,"text":"disk"}],"total":1}`, "a list of things that are called errors"},
		{jsonType, `{"code":"KR","message":"대한민국"}`, "a country"},
		{jsonType, `{"code":"ko-KR","message":"한국어"}`, "a language"},
		{jsonType, `{"ok":false,"items":[1]}`, "the answer to a question"},
		{jsonType, `{"jobId":7,"failed":true}`, "the state of a job"},
		{jsonType, `{"data":{"status":"FAILED"}}`, "the state of what was asked for"},
		{jsonType, `{"message":"인증번호를 발송했습니다"}`, "a message alone"},
		{jsonType, `"{\"id\":7}"`, "a document in a text"},
		{"application/javascript", `cb({"id":7});`, "a script"},
		{xmlType, `<VAST version="3.0"><Error><![CDATA[https://ads.example/e?c=303]]></Error></VAST>`, "no ad"},
		{xmlType, `<VAST version="4.0"/>`, "no ad"},
		{jsonType, `[{"orderId":1,"status":"FAILED"},{"orderId":2,"status":"DONE"}]`, "the states of orders"},
		{jsonType, `{"orders":[{"id":1,"status":"FAILED","message":"card declined"}]}`, "the states of orders"},
		{jsonType, `{"results":[{"id":1,"status":"ERROR","error":"boom"}],"total":1}`, "the states of jobs"},
		{jsonType, `{"url":"http://a.example","status":404,"checkedAt":"2026-11-28"}`, "what a monitor saw"},
		{jsonType, `{"code":"KR","name":"Korea"}`, "a country"},
		{jsonType, `{"code":"410","name":"Korea"}`, "a country's number"},
		{jsonType, `{"code":"KR","name":"Korea","message":"welcome"}`, "a country with a greeting"},
		{jsonType, `[{"code":"KR","message":"안녕하세요"},{"code":"US","message":"Hello"}]`, "a catalogue"},
		{jsonType, `[{"code":404,"message":"Not Found"},{"code":500,"message":"Internal Server Error"}]`, "a catalogue of errors"},
		{jsonType, `{"message":"welcome back"}`, "a message alone"},
		{jsonType, `{"message":"Not found in the list of favourites"}`, "a message alone"},
		{jsonType, `{"status":"queued","message":"your request is queued"}`, "an acknowledgement"},
		{jsonType, `{"reasonCode":"USER_REQUEST","amount":5}`, "a refund"},
		{jsonType, `{"filters":{}}`, "a named empty object"},
		{jsonType, `{"code":0,"message":"ok","data":null}`, "an acknowledgement"},
		{jsonType, `{"code":200,"message":"something"}`, "2xx"},
		{jsonType, `{"code":20000,"message":"something"}`, "2xx with digits after"},
		{jsonType, `{"code":"S0000","message":"something"}`, "S and zeros"},
		{jsonType, `{"code":1,"message":"success"}`, "the message says so"},
		{jsonType, `{"resultCode":"0000","resultMsg":"OK"}`, "zeros"},
		{jsonType, `{"resultCode":"00","resultMsg":"NORMAL SERVICE."}`, "zeros"},
		{jsonType, `{"resultCode":"success"}`, "a word"},
		{jsonType, `{"resultCode":"Success","errorCode":"","errorMessage":null}`, "a word"},
		{jsonType, `{"RESULT":{"CODE":"INFO-000","MESSAGE":"정상 처리되었습니다"},"row":[{"a":1}]}`, "the message says so"},
		{jsonType, `{"errcode":0,"errmsg":"ok","ticket":"x"}`, "zero"},
		{jsonType, `{"errMsg":"getLocation:ok","latitude":1}`, "the message says so"},
		{jsonType, `{"code":"P1","message":"경고","channels":[{"id":1}]}`, "content"},
		{jsonType, `{"resultCode":"PARTIAL","resultMsg":"some","body":{"items":[1]}}`, "content"},
		{jsonType, `{"response":{"header":{"resultCode":"77","resultMsg":"x"},"body":{"items":[{"a":1}]}}}`, "content next to the header"},
		{jsonType, `{"success":true}`, "an acknowledgement"},
		{jsonType, `{"success":12,"failed":0}`, "counts"},
		{jsonType, `{"ok":true,"result":[]}`, "an empty list"},
		{jsonType, `{"result":false}`, "the answer to a question"},
		{jsonType, `{"items":[]}`, "a named empty list"},
		{jsonType, `{"channels":[],"total":0}`, "a named empty list"},
		{jsonType, `{"data":{"channels":[]}}`, "a named empty list"},
		{jsonType, `{"data":[],"total":0}`, "a total"},
		{jsonType, `{"status":"UP"}`, "healthy"},
		{jsonType, `{"status":"OK","errorCount":0}`, "healthy"},
		{jsonType, `{"description":"Action","code":"A1","title":"액션"}`, "a genre"},
		{jsonType, `{"fieldId":"f","pattern":"x","errorMessage":"숫자를 입력하세요"}`, "the definition of a field"},
		{jsonType, `{"jsonrpc":"2.0","id":1,"result":{"a":1},"error":null}`, "an answer of JSON-RPC"},
		{jsonType, `7`, "a number"},
		{jsonType, `"hello"`, "a text"},
		{"application/x-ndjson", "{\"level\":\"error\",\"error\":\"x\"}\n{\"level\":\"info\"}\n", "lines of a log"},
		{xmlType, `<rsp stat="ok"><photos page="1"><photo id="1"/></photos></rsp>`, "ok"},
		{xmlType, `<response><header><resultCode>00</resultCode><resultMsg>NORMAL SERVICE.</resultMsg></header><body><items><item><a>1</a></item></items></body></response>`, "zeros"},
		{xmlType, `<order id="7"><status>FAILED</status></order>`, "the state of an order"},
		{xmlType, `<tv><channel id="a"/><programme start="1"><title>Error</title></programme></tv>`, "a guide"},
		{"text/plain", "OK", "a word"},
		{"text/plain", "errors are data here: a list", "prose"},
		{"text/plain", "Not found in our list? Ask us.", "prose"},
		{"text/csv", "error,count\nE1,3\n", "a table"},
		{"text/event-stream", "data: {\"id\":1,\"error\":\"disk\"}\n\n", "an event of a log"},
		{"text/event-stream", "event: tick\ndata: {\"a\":1}\n\n", "an event"},
		{"application/vnd.apple.mpegurl", "#EXTM3U\n#EXTINF:6,\nerror.ts\n", "a playlist"},
		{"multipart/mixed; boundary=b", "--b\r\nContent-Type: application/json\r\n\r\n{\"a\":1}\r\n--b--\r\n", "a part with data"},
		{"application/grpc-web+proto", "\x00\x00\x00\x00\x02\x08\x01\x80\x00\x00\x00\x0fgrpc-status: 0\r\n", "status 0"},
		{"image/png", "\x89PNG\r\n\x1a\nerror", "bytes"},
	}
	for _, tt := range tests {
		if got, ok := find(t, tt.typ, tt.body); ok {
			t.Errorf("%s (%s): %+v, want an answer", tt.body, tt.why, got)
		}
	}
}

// TestEmpty lists answers that say nothing.
func TestEmpty(t *testing.T) {
	if got, ok := find(t, "application/vnd.apple.mpegurl", "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:7\n"); !ok || got.Class != envelope.Empty {
		t.Errorf("a playlist of nothing: %v %+v, want an empty answer", ok, got)
	}
	for _, body := range []string{`{}`, `[]`, `false`, `[{}]`, `[[],null]`, `""`, `{"data":null}`, `{"data":{}}`, `{"data":[]}`, `{"result":{"data":null}}`, `{"data":{"user":null}}`, `{"device":null}`, ` { } `} {
		if got, ok := find(t, jsonType, body); !ok || got.Class != envelope.Empty {
			t.Errorf("%s: %v %+v, want an empty answer", body, ok, got)
		}
	}
	for typ, body := range map[string]string{xmlType: `<channels></channels>`, "application/x-ndjson": "{}\n{}\n"} {
		if got, ok := find(t, typ, body); !ok || got.Class != envelope.Empty {
			t.Errorf("%s: %v %+v, want an empty answer", body, ok, got)
		}
	}
}

// TestGRPC: a status other than 0 in a field, whatever the case of its name.
func TestGRPC(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"grpc-status", "0", ""},
		{"Grpc-Status", " 13 ", "grpc-status 13 (INTERNAL)"},
		{"grpc-status", "99", "grpc-status 99"},
		{"grpc-status", "", ""},
		{"grpc-message", "13", ""},
	}
	for _, tt := range tests {
		got, _ := envelope.GRPC([]envelope.Field{{Name: "a", Value: "b"}, {Name: tt.name, Value: tt.value}})
		if got.Value != tt.want {
			t.Errorf("%s: %q: got %q, want %q", tt.name, tt.value, got.Value, tt.want)
		}
	}
}

// TestAnyCase is a law: whatever the case and the separators of the names, the finding is the same.
func TestAnyCase(t *testing.T) {
	for _, tt := range []struct {
		words []string
		value string
	}{
		{[]string{"result", "code"}, `"E1"`}, {[]string{"error", "code"}, "7"}, {[]string{"is", "successful"}, "false"}, {[]string{"error", "message"}, `"x"`}, {[]string{"has", "errors"}, "true"},
	} {
		title := func(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
		for _, name := range []string{
			strings.Join(tt.words, ""), strings.ToUpper(strings.Join(tt.words, "")), strings.Join(tt.words, "_"), strings.ToUpper(strings.Join(tt.words, "_")),
			strings.Join(tt.words, "-"), tt.words[0] + title(tt.words[1]), title(tt.words[0]) + title(tt.words[1]),
		} {
			for _, body := range []string{`{"` + name + `":` + tt.value + `}`, `{"Header":{"` + name + `":` + tt.value + `},"BODY":null}`} {
				if got, ok := find(t, jsonType, body); !ok || got.Class != envelope.Error || !strings.Contains(got.Path, name) {
					t.Errorf("%s: %v %+v, want an error", body, ok, got)
				}
			}
		}
	}
}
