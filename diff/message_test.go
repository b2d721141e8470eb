package diff

import (
	"strings"
	"testing"
	"time"
)

func headers(lines ...string) []Header {
	var out []Header
	for _, l := range lines {
		n, v, _ := strings.Cut(l, ": ")
		out = append(out, Header{n, v})
	}
	return out
}

func TestHeaders(t *testing.T) {
	ignoreServed := Rule{Header: "x-served-by", Do: DoIgnore, Why: "pod"}
	for _, tt := range []struct {
		name        string
		rules       []Rule
		blue, green []Header
		want, why   string
	}{
		{"names without letter case", nil, headers("Content-Type: a"), headers("content-type: a"), "", "RFC 9110, 5.1"},
		{"value", nil, headers("ETag: 1"), headers("ETag: 2"), "changed etag", "compared as it is"},
		{"all values", nil, headers("X-A: 1", "X-A: 2"), headers("X-A: 1", "X-A: 3"), "changed x-a", "not only the first"},
		{"number of values", nil, headers("X-A: 1", "X-A: 2"), headers("X-A: 1"), "changed x-a", "none is lost"},
		{"only one side", nil, headers("X-A: 1"), headers("X-B: 1"), "removed x-a, added x-b", "presence"},
		{"framing", nil, headers("Content-Length: 5", "Connection: close"), headers("Transfer-Encoding: chunked", "Keep-Alive: x"), "", "how a body travels"},
		{"volatile value", nil, headers("Date: a", "X-Request-Id: 1"), headers("Date: b", "X-Request-Id: 2"), "", "differs between any two answers"},
		{"volatile and empty", nil, headers("X-Request-Id: 1", "Traceparent: "), headers("X-Request-Id: ", "Traceparent: 2"), "changed traceparent, changed x-request-id", "empty is no better than absent"},
		{"volatile presence", nil, headers("X-Request-Id: 1"), nil, "removed x-request-id", "losing it breaks tracing"},
		{"volatile under a rule", []Rule{{Header: "date", Do: DoTime, Within: time.Second}}, headers("Date: Mon, 23 Nov 2026 03:12:45 GMT"), headers("Date: Mon, 23 Nov 2026 03:13:45 GMT"), "changed date", "a rule says how to compare it"},
		{"list as set", nil, headers("Vary: Accept, Origin"), headers("Vary: origin", "Vary: accept"), "", "a list without order, in one field or two"},
		{"methods have a letter case", nil, headers("Access-Control-Allow-Methods: GET, PATCH", "Allow: PATCH"), headers("Access-Control-Allow-Methods: patch, GET", "Allow: patch"), "changed access-control-allow-methods, changed allow", "RFC 9110, 9.1: browsers refuse the request"},
		{"names of headers have none", nil, headers("Access-Control-Allow-Headers: X-A, X-B"), headers("Access-Control-Allow-Headers: x-b, x-a"), "", "RFC 9110, 5.1"},
		{"list differs", nil, headers("Allow: GET, POST"), headers("Allow: GET"), "changed allow", "a method is gone"},
		{"content encoding", nil, headers("Content-Encoding: gzip"), nil, "removed content-encoding", "clients pay for it"},
		{"ignore", []Rule{ignoreServed}, headers("X-Served-By: a"), headers("X-Served-By: b"), "", "value"},
		{"ignore, presence", []Rule{ignoreServed}, headers("X-Served-By: a"), nil, "removed x-served-by", "presence is still compared"},
		{"drop", []Rule{{Header: "X-Served-By", Do: DoDrop, Why: "pod"}}, headers("X-Served-By: a"), nil, "", "not looked at"},
		{"glob", []Rule{{Header: "x-debug-*", Do: DoDrop, Why: "d"}}, headers("X-Debug-A: a", "X-Debug: 1"), headers("X-Debug: 2"), "changed x-debug", "names that begin so"},
		{"allow", []Rule{{Header: "x-new", Do: DoAllow, Kind: "added", Why: "w", Until: testDay.AddDate(0, 0, 9)}}, nil, headers("X-New: 1", "X-Other: 1"), "added x-other", "an intended one"},
		{"rewrite", []Rule{{Header: "location", Do: DoRewrite, BlueText: "blue.example", GreenText: "green.example", As: "HOST"}}, headers("Location: https://blue.example/a"), headers("Location: https://green.example/a"), "", "the hosts stand for each other"},
		{"tolerance", []Rule{{Header: "x-count", Do: DoTolerance, Abs: new(float64(2))}}, headers("X-Count: 10"), headers("X-Count: 12"), "", "numbers in headers"},
		{"only", []Rule{{Headers: []string{"Content-Type", "ETag"}, Do: DoOnly}}, headers("ETag: 1", "X-A: 1"), headers("ETag: 2", "X-A: 2"), "changed etag", "just these"},
		{"cookie lost", nil, headers("Set-Cookie: sid=1; Path=/", "Set-Cookie: lang=ko"), headers("Set-Cookie: lang=ko"), "removed set-cookie[sid]", "per cookie"},
		{"cookie value", nil, headers("Set-Cookie: lang=ko"), headers("Set-Cookie: lang=en"), "changed set-cookie[lang]", "a plain value counts"},
		{"session cookie", nil, headers("Set-Cookie: sid=0f8a9be1c2d34e5f60718293a4b5c6d7"), headers("Set-Cookie: sid=ffffffffffffffff60718293a4b5c6d7"), "", "tokens never agree"},
		{"session cookie shape", nil, headers("Set-Cookie: sid=0f8a9be1c2d34e5f60718293a4b5c6d7"), headers("Set-Cookie: sid=deleted"), "changed set-cookie[sid]", "a token and no token"},
		{"cookie attributes", nil, headers("Set-Cookie: a=1; Path=/; Secure; HttpOnly; SameSite=Lax; Expires=Wed, 09 Dec 2026 10:00:00 GMT"), headers("Set-Cookie: a=1; HttpOnly; path=/; SameSite=lax; Expires=Wed, 09 Dec 2026 10:00:01 GMT; Max-Age=5"), "added set-cookie[a].max-age, removed set-cookie[a].secure", "without order; Expires is a clock"},
		{"cookie order", nil, headers("Set-Cookie: a=1", "Set-Cookie: b=2"), headers("Set-Cookie: b=2", "Set-Cookie: a=1"), "", "cookies are told apart by name"},
		{"cookie rule", []Rule{{Header: "set-cookie[lang]", Do: DoIgnore, Why: "w"}}, headers("Set-Cookie: lang=ko", "Set-Cookie: x=1"), headers("Set-Cookie: lang=en", "Set-Cookie: x=2"), "changed set-cookie[x]", "one cookie"},
		{"cookies rule", []Rule{{Header: "set-cookie", Do: DoIgnore, Why: "w"}}, headers("Set-Cookie: lang=ko"), headers("Set-Cookie: lang=en"), "", "all cookies"},
		{"not utf-8", nil, headers("X-A: \xff"), headers("X-A: \xfe"), "changed x-a", "compared as bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := CompareMessages(&Message{Headers: tt.blue}, &Message{Headers: tt.green}, mustCompile(t, Options{}, tt.rules...), nil)
			if got := brief(r.Differences); got != tt.want {
				t.Errorf("got %q, want %q: %s", got, tt.want, tt.why)
			}
			for _, d := range r.Differences {
				if d.Where != InHeader {
					t.Errorf("%s lies in %v", d.Path, d.Where)
				}
			}
			checkResult(t, r, "", "")
		})
	}
}

// Status, body, headers: what a client meets first is listed first.
func TestStatusComesFirst(t *testing.T) {
	blue := &Message{Status: 200, Headers: headers("ETag: 1"), Body: []byte(`{"a":1}`), ContentType: "application/json"}
	green := &Message{Status: 503, Headers: headers("ETag: 2"), Body: []byte(`{"a":2}`), ContentType: "application/json"}
	r := CompareMessages(blue, green, nil, nil)
	if got := brief(r.Differences); got != "changed , changed $.a, changed etag" || r.Severity != StatusClass || r.Differences[0].Where != InStatus {
		t.Errorf("got %q, severity %v", got, r.Severity)
	}
	rules := mustCompile(t, Options{Mode: Shape})
	if r := CompareMessages(blue, green, rules, nil); r.Equal() {
		t.Error("shape mode hides the status")
	}
	rules = mustCompile(t, Options{}, Rule{Where: "status", Do: DoIgnore, Why: "w"})
	if r := CompareMessages(&Message{Status: 200}, &Message{Status: 204}, rules, nil); !r.Equal() || r.HiddenTotal != 1 {
		t.Errorf("ignored status: %v", r.Differences)
	}
}

func TestBodies(t *testing.T) {
	const j = "application/json"
	for _, tt := range []struct {
		name, blueType, blue, greenType, green, want, why string
	}{
		{"both empty", j, "", j, "", "", "nothing is nothing"},
		{"green empty", j, `{"a":1}`, j, "", "removed $", "the whole body is gone"},
		{"blue empty", j, "", j, `{"a":1}`, "added $", "and the other way round"},
		{"json", j, `{"a":1}`, j, `{"a":2}`, "changed $.a", "by the engine"},
		{"same broken json", j, `{"a":`, j, `{"a":`, "invalid $, invalid $", "the same broken bytes are not equality"},
		{"html declared as json", j, "<html>", j, "<html>", "invalid $, invalid $", "an error page is no API answer"},
		{"undeclared json", "", `{"a":1}`, "", `{"a":1.0}`, "", "sniffed"},
		{"mislabelled json", "text/plain", `{"a":1}`, "text/html", `{"a":2}`, "changed $.a", "compared as what it is; the Content-Type headers differ by themselves"},
		{"json and html", j, `{"a":1}`, "text/html", "<html>", "type $", "two kinds of body"},
		{"text", "text/plain", "a\nb\nc", "text/plain", "a\nx\nc", "changed $[1]", "by lines"},
		{"text insertion", "text/plain", "a\nb\nc", "text/plain", "a\nnew\nb\nc", "added $[1]", "one line came"},
		{"xml", "text/xml", `<a x="1" y="2"><b>1</b></a>`, "application/xml", "<a y='2' x='1'>\n<b>2</b></a>", "changed $.a[0].b[0]", "attributes without order, layout dropped"},
		{"xml order", "text/xml", `<a><b/><c/></a>`, "text/xml", `<a><c/><b/></a>`, "changed $.a[0]['#order']", "the order of elements counts"},
		{"broken xml", "text/xml", `<a>`, "text/xml", `<a>`, "invalid $, invalid $", "as with JSON"},
		{"ndjson", "application/x-ndjson", "{\"a\":1}\n{\"a\":2}\n", "application/x-ndjson", "{\"a\":1}\n{\"a\":3}\n", "changed $[1].a", "document by document"},
		{"form", "application/x-www-form-urlencoded", "a=1&b=2", "application/x-www-form-urlencoded", "b=2&a=3", "changed $.a[0]", "by name"},
		{"playlist", "application/vnd.apple.mpegurl", "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:1\n#EXTINF:9.0,\na.ts\n", "application/x-mpegURL", "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:2\n#EXTINF:9,\nb.ts\n", "changed $.tags['EXT-X-MEDIA-SEQUENCE'], changed $.segments[0].uri", "by tag and segment"},
		{"binary", "image/png", "\x89PNG\r\n\x1a\n1", "image/png", "\x89PNG\r\n\x1a\n2", "changed $.sha256", "by digest"},
		{"korean undeclared", j, "{\"a\":\"\xb0\xa1\"}", j, "{\"a\":\"\xb0\xa1\"}", "invalid $, invalid $", "JSON is UTF-8"},
		{"same text in an unknown charset", "text/plain", "caf\xe9", "text/plain", "caf\xe9", "", "the same bytes are the same text, whatever they mean"},
		{"same page in a charset that does not exist", "text/html; charset=none", "<p>caf\xe9", "text/html; charset=none", "<p>caf\xe9", "", "the same"},
		{"same text that is not in its charset", "text/css; charset=utf-8", "a\x81\xff", "text/css; charset=utf-8", "a\x81\xff", "", "the same"},
		{"same text that looks like json", "text/plain", "{\"a\":\"\xff\"}", "text/plain", "{\"a\":\"\xff\"}", "", "it is declared as text"},
		{"same undeclared korean", "", "\xb0\xa1\xb3\xaa", "", "\xb0\xa1\xb3\xaa", "", "sniffed as text"},
		{"same broken utf-16", "text/plain; charset=utf-16le", "a\x00\x00\xd8", "text/plain; charset=utf-16le", "a\x00\x00\xd8", "invalid $, invalid $", "its hosts cannot be found"},
		{"another text in an unknown charset", "text/plain", "caf\xe9", "text/plain", "caf\xe8", "invalid $, invalid $", "nobody knows what differs"},
		{"text of which one side names the charset", "text/plain; charset=latin1", "caf\xe9", "text/plain", "caf\xe9", "invalid $", "green's characters are not blue's"},
		{"same xml in no charset", "text/xml", "<a>\xe9</a>", "text/xml", "<a>\xe9</a>", "invalid $, invalid $", "a reader of XML must refuse it"},
		{"same playlist in no charset", "application/x-mpegurl", "#EXTM3U\n\xe9\n", "application/x-mpegurl", "#EXTM3U\n\xe9\n", "invalid $, invalid $", "a player must refuse it"},
		{"same json in no charset", j, "{\"a\":\"\xe9\"}", j, "{\"a\":\"\xe9\"}", "invalid $, invalid $", "a reader of JSON must refuse it"},
		{"korean declared", j + "; charset=euc-kr", "{\"a\":\"\xb0\xa1\"}", j, `{"a":"가"}`, "", "decoded by what is declared"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			blue := &Message{Status: 200, Body: []byte(tt.blue), ContentType: tt.blueType}
			green := &Message{Status: 200, Body: []byte(tt.green), ContentType: tt.greenType}
			r := CompareMessages(blue, green, nil, nil)
			if got := brief(r.Differences); got != tt.want {
				t.Errorf("got %q, want %q: %s", got, tt.want, tt.why)
			}
			checkResult(t, r, tt.blue, tt.green)
			for _, d := range r.Differences {
				if d.Kind == Invalid && (d.Severity != StatusClass || d.Note == "") {
					t.Errorf("an invalid body is %v, %q", d.Severity, d.Note)
				}
			}
		})
	}
	r := CompareMessages(&Message{Body: []byte("{\"a\":\"\xb0\xa1\"}"), ContentType: j}, &Message{Body: []byte(`{}`), ContentType: j}, nil, nil)
	if len(r.Differences) != 1 || !strings.Contains(r.Differences[0].Note, "euc-kr") || r.Differences[0].Offset != 6 {
		t.Errorf("no hint at the likely charset: %+v", r.Differences)
	}
}

func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		opts       Options
	}{
		{"body", `{"a":"0123456789"}`, Options{MaxBody: 10}},
		{"depth", `[[[[]]]]`, Options{MaxDepth: 3}},
		{"depth of objects", `{"a":{"a":{"a":{}}}}`, Options{MaxDepth: 3}},
		{"nodes", `[1,2,3,4]`, Options{MaxNodes: 4}},
		{"keys", `{"a":1,"b":2,"c":3}`, Options{MaxKeys: 2}},
		{"exponent", `1e` + strings.Repeat("9", 5000), Options{}},
	} {
		rules := mustCompile(t, tt.opts)
		for name, r := range map[string]Result{
			"Compare":         Compare([]byte(tt.body), []byte(tt.body), rules),
			"CompareMessages": CompareMessages(&Message{Body: []byte(tt.body)}, &Message{Body: []byte(tt.body)}, rules, nil),
		} {
			if name == "CompareMessages" && tt.name == "exponent" {
				continue // undeclared and no object: text
			}
			if brief(r.Differences) != "limit $, limit $" {
				t.Errorf("%s past its bound: %s gives %q", tt.name, name, brief(r.Differences))
			}
		}
	}
}

func TestDuplicateKeyPolicies(t *testing.T) {
	blue := `{"a":1,"b":[1,2],"a":2,"\u0061":3}`
	for policy, green := range map[string]string{"last": `{"a":3,"b":[1,2]}`, "first": `{"b":[1,2],"a":1}`} {
		rules := mustCompile(t, Options{DuplicateKeys: policy})
		r := Compare([]byte(blue), []byte(green), rules)
		if !r.Equal() || r.Leaves != (Leaves{Seen: 3, Compared: 3}) {
			t.Errorf("%s: %v, leaves %+v", policy, r.Differences, r.Leaves)
		}
		if r := Compare([]byte(green), []byte(blue), rules); !r.Equal() {
			t.Errorf("%s, swapped: %v", policy, r.Differences)
		}
	}
	var many strings.Builder
	for i := range 40 {
		many.WriteString(`,"k` + strings.Repeat("x", i) + `":1`)
	}
	body := `{"k":0` + many.String() + `}`
	r := Compare([]byte(body), []byte(body), nil)
	if brief(r.Differences) != "duplicate-key $.k, duplicate-key $.k" || r.Differences[0].Offset != 7 {
		t.Errorf("in a large object: %+v", r.Differences)
	}
}

func TestLeaks(t *testing.T) {
	opts := Options{BlueAuthorities: []string{"api.blue.example:443", "cdn.example"}, GreenAuthorities: []string{"api.green.example:443", "cdn.example"}}
	body := func(s string) *Message {
		return &Message{Status: 200, Body: []byte(s), ContentType: "application/json"}
	}
	for _, tt := range []struct {
		name        string
		blue, green string
		rules       []Rule
		want, why   string
	}{
		{"both say blue", `{"u":"https://api.blue.example/x"}`, `{"u":"https://api.blue.example/x"}`, nil, "changed $.u", "clients of green are sent to blue"},
		{"differs anyway", `{"u":"https://x/"}`, `{"u":"https://API.Blue.example/x"}`, nil, "changed $.u", "one difference, not two"},
		{"percent-encoded", `{"u":"https://x/?to=https%3A%2F%2Fapi.blue.example%2Fa"}`, `{"u":"https://x/?to=https%3A%2F%2Fapi.blue.example%2Fa"}`, nil, "changed $.u", "clients are sent on to blue"},
		{"percent-encoded twice", `{"u":"to=https%253A%252F%252Fapi.blue.example%252Fa"}`, `{"u":"to=https%253A%252F%252Fapi.blue.example%252Fa"}`, nil, "changed $.u", "in two steps"},
		{"percent signs", `{"u":"100%xapi.blue.example %2Gapi.blue.examples %"}`, `{"u":"100%xapi.blue.example %2Gapi.blue.examples %"}`, nil, "", "other hosts, and nothing encoded"},
		{"escaped", `{"u":"a"}`, `{"u":"https:\/\/api\u002eblue.example\/x"}`, nil, "changed $.u", "by characters"},
		{"shared host", `{"u":"https://cdn.example/x"}`, `{"u":"https://cdn.example/x"}`, nil, "", "nobody's secret"},
		{"longer name", `{"u":"https://xapi.blue.example/"}`, `{"u":"https://xapi.blue.example/"}`, nil, "", "another host"},
		{"longer domain", `{"u":"api.blue.example.org"}`, `{"u":"api.blue.example.org"}`, nil, "", "another host"},
		{"end of a sentence", `{"u":"see api.blue.example."}`, `{"u":"see api.blue.example."}`, nil, "changed $.u", "the full stop is not the host's"},
		{"blue may name itself", `{"u":"https://api.blue.example/"}`, `{"u":"https://api.green.example/"}`, []Rule{{At: "$.u", Do: DoRewrite, BlueText: "api.blue.example", GreenText: "api.green.example", As: "API"}}, "", "what green says counts"},
		{"ignored value", `{"u":"a"}`, `{"u":"https://api.blue.example/"}`, []Rule{{At: "$.u", Do: DoIgnore, Why: "w"}}, "changed $.u", "a value that may differ may still not lead to blue"},
		{"allowed", `{"u":"https://api.blue.example/"}`, `{"u":"https://api.blue.example/"}`, []Rule{{At: "$.u", Do: DoLeak, Allow: true, Why: "history"}}, "", "on purpose"},
		{"dropped", `{"u":1}`, `{"u":"https://api.blue.example/"}`, []Rule{{At: "$.u", Do: DoDrop, Why: "w"}}, "", "not looked at"},
		{"in an array", `{"l":[1,"api.blue.example"]}`, `{"l":[1,"api.blue.example"]}`, nil, "changed $.l[1]", "every string"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := CompareMessages(body(tt.blue), body(tt.green), mustCompile(t, opts, tt.rules...), nil)
			if got := brief(r.Differences); got != tt.want {
				t.Errorf("got %q, want %q: %s", got, tt.want, tt.why)
			}
			if tt.want != "" && !strings.Contains(r.Differences[0].Note, "green names blue: api.blue.example") {
				t.Errorf("note %q", r.Differences[0].Note)
			}
			checkResult(t, r, tt.blue, tt.green)
		})
	}
	h := func(lines ...string) *Message { return &Message{Status: 302, Headers: headers(lines...)} }
	rules := mustCompile(t, opts)
	for _, tt := range []struct{ blue, green, want string }{
		{"Location: https://api.blue.example/", "Location: https://api.blue.example/", "changed location"},
		{"Location: https://api.blue.example/", "Location: https://api.green.example/", "changed location"},
		{"Set-Cookie: a=1; Domain=api.blue.example", "Set-Cookie: a=1; Domain=.api.blue.example", "changed set-cookie[a].domain"},
	} {
		r := CompareMessages(h(tt.blue), h(tt.green), rules, nil)
		if got := brief(r.Differences); got != tt.want {
			t.Errorf("%s beside %s: %q, want %q", tt.green, tt.blue, got, tt.want)
		}
	}
	unread := &Message{Status: 200, ContentType: "text/html", Body: []byte("<a href=\"https://api.blue.example/\">caf\xe9</a>")}
	if r := CompareMessages(unread, unread, mustCompile(t, opts), nil); r.Equal() {
		t.Error("a text that is not in its charset leaks blue's host, and nothing is found")
	}
	ports := mustCompile(t, Options{BlueAuthorities: []string{"127.0.0.1:8001"}, GreenAuthorities: []string{"127.0.0.1:8002"}})
	if r := CompareMessages(body(`{"u":"http://127.0.0.1:8001/"}`), body(`{"u":"http://127.0.0.1:8001/"}`), ports, nil); r.Equal() {
		t.Error("blue's port on a shared host is not noticed")
	}
	if r := CompareMessages(body(`{"u":"x?http%3A%2F%2F127.0.0.1%3A8001"}`), body(`{"u":"x?http%3A%2F%2F127.0.0.1%3A8001"}`), ports, nil); r.Equal() {
		t.Error("blue's port behind an encoded colon is not noticed")
	}
	if r := CompareMessages(body(`{"u":"http://127.0.0.1:80011/ 127.0.0.1"}`), body(`{"u":"http://127.0.0.1:80011/ 127.0.0.1"}`), ports, nil); !r.Equal() {
		t.Errorf("another port, or the shared host alone: %v", r.Differences)
	}
}
