package recorded

import (
	"fmt"
	"strings"
	"testing"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

const jtlHead = "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,sentBytes,grpThreads,allThreads,URL,Latency,IdleTime,Connect\n"

func jtlSampleWith(parts string) string {
	return `<httpSample t="4" ts="1764300000123" s="true" lb="x" rc="200" rm="OK" by="77">` + parts + `</httpSample>`
}

// Results of JMeter are read by the rules of jtl.go.
func TestReadJTL(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{
			"CSV", jtlHead + `1764300000123,45,"List, all",200,OK,g 1-1,text,true,,310,100,1,1,http://h.example/list?a=1,44,0,1` + "\n",
			"1764300000123 200 45ms 310 GET http://h.example/list?a=1 []",
		},
		{
			"a failed assertion", jtlHead + "1764300000123,0,x,200,OK,g 1-1,text,false,\"expected\n a list\",310,100,1,1,http://h.example/x,0,0,0\n",
			"1764300000123 200 500µs 310 GET http://h.example/x [JMeter: expected\n a list OK]",
		},
		{
			"no answer", jtlHead + "1764300000123,9,x,Non HTTP response code: java.net.ConnectException,Non HTTP response message: refused,g,text,false,,0,0,1,1,http://h.example/x,0,0,0\n",
			"1764300000123 0 9ms 0 GET http://h.example/x [Non HTTP response code: java.net.ConnectException Non HTTP response message: refused]",
		},
		{
			"scripts and transactions do not count", jtlHead + "1764300000123,9,script,200,OK,g,text,true,,0,0,1,1,null,0,0,0\n" +
				"1764300000123,9,all,200,\"Number of samples in transaction : 2, number of failing samples : 0\",g,,true,,0,0,1,1,,0,0,0\n" +
				"1764300000124,9,x,404,Not Found,g,text,false,,20,0,1,1,http://h.example/x,0,0,0\n",
			"1764300000124 404 9ms 20 GET http://h.example/x []",
		},
		{
			"without names", "1764300000123,7,list all,200,OK,g 1-1,text,true,310,1,1,6\n",
			"1764300000123 200 7ms 310 GET /list%20all []",
		},
		{
			"dates and semicolons", "timeStamp;elapsed;label;responseCode;success;bytes\n2026/03/01 10:00:00.250;3;a;204;true;90\n",
			"1772359200250 204 3ms 90 GET /a []",
		},
		{
			"XML", `<?xml version="1.0"?><testResults version="1.2">
<sample t="9" ts="1764300000000" s="true" lb="all" rc="200"><httpSample t="4" ts="1764300000123" s="true" lb="x" rc="200" rm="OK" by="77">
  <httpSample t="1" ts="1764300000123" s="true" lb="part" rc="302" by="5"/><method class="java.lang.String">POST</method><java.net.URL>http://h.example/x</java.net.URL></httpSample></sample>
<httpSample t="5" ts="1764300000200" s="false" lb="y" rc="200" rm="OK" by="8"><assertionResult><failureMessage>too small</failureMessage></assertionResult></httpSample></testResults>`,
			"1764300000123 200 4ms 77 POST http://h.example/x []\n1764300000200 200 5ms 8 GET /y [JMeter: too small OK]",
		},
		{
			"success with a failed assertion", jtlHead + "1764300000123,3,x,200,OK,g 1-1,text,true,no id,310,100,1,1,http://h.example/x,0,0,0\n" +
				"1764300000124,3,x,404,Not Found,g 1-1,text,false,no id,310,100,1,1,http://h.example/x,0,0,0\n" +
				"1764300000125,3,x,200,OK,g 1-1,text,true, ,310,100,1,1,http://h.example/x,0,0,0\n",
			"1764300000123 200 3ms 310 GET http://h.example/x [JMeter: no id OK]\n" +
				"1764300000124 404 3ms 310 GET http://h.example/x [JMeter: no id Not Found]\n1764300000125 200 3ms 310 GET http://h.example/x []",
		},
		{
			"XML: success with a part that failed", `<testResults>` +
				jtlSampleWith(`<assertionResult><name>a</name><failure>false</failure><error>false</error></assertionResult>`) +
				jtlSampleWith(`<assertionResult><failure> true </failure><failureMessage>no id</failureMessage></assertionResult>`) +
				jtlSampleWith(`<assertionResult><failure>false</failure><error>true</error></assertionResult>`) +
				jtlSampleWith(`<httpSample s="true" lb="p"/><httpSample s="false" lb="q" rc="404"/>`) +
				jtlSampleWith(`<sample s="true"><sample s="false" lb="r"/></sample>`) +
				jtlSampleWith(`<httpSample s="true"><assertionResult><failure>true</failure></assertionResult></httpSample>`) + `</testResults>`,
			"1764300000123 200 4ms 77 GET /x []\n1764300000123 200 4ms 77 GET /x [JMeter: assertion failure no id OK]\n" +
				"1764300000123 200 4ms 77 GET /x [JMeter: assertion error  OK]\n1764300000123 200 4ms 77 GET /x [JMeter: part \"q\" failed  OK]\n" +
				"1764300000123 200 4ms 77 GET /x [JMeter: part \"r\" failed  OK]\n1764300000123 200 4ms 77 GET /x [JMeter: assertion failure  OK]",
		},
	}
	for _, tt := range tests {
		var got []string
		err := readResults(strings.NewReader(tt.text), func(r *vegeta.Result) {
			method := r.Method
			if method == "" {
				method = "GET"
			}
			got = append(got, fmt.Sprintf("%d %d %s %d %s %s [%s]", r.Timestamp.UnixMilli(), r.Code, r.Latency, r.BytesIn, method, r.URL, r.Error))
		})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if text := strings.Join(got, "\n"); text != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, text, tt.want)
		}
	}
}

// A file of JMeter that cannot be judged says why.
func TestRefuseJTL(t *testing.T) {
	row := "1764300000123,45,x,200,OK,g 1-1,text,true,,310,100,1,1,http://h.example/x,44,0,1\n"
	tests := []struct{ name, text, want string }{
		{"no sizes", "timeStamp,elapsed,label,responseCode,success\n1764300000123,1,x,200,true\n", "without the column bytes"},
		{"a cut line", jtlHead + row + "1764300000124,45,x\n", "result 2: a line of 3 columns where the first has 17"},
		{"a word for a time", jtlHead + row + strings.Replace(row, ",45,", ",fast,", 1), `result 2: "fast" is not a time in milliseconds`},
		{"a cut document", `<testResults><httpSample t="5" ts="1764300000200" s="true" rc="200" by="1"/>`, "unexpected EOF"},
		{"entities", `<!DOCTYPE x [<!ENTITY a "b">]><testResults/>`, "a damaged result file (JTL) of JMeter"},
		{"XML without sizes", `<testResults><httpSample t="5" ts="1764300000200" s="true" rc="200"/></testResults>`, "whose samples have no by"},
	}
	for _, tt := range tests {
		err := readResults(strings.NewReader(tt.text), func(*vegeta.Result) {})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
