package judge

import (
	"strings"
	"testing"

	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// TestOneReading holds expectations and captures against bodies of every kind: they
// see the decoded text and the tree that the comparison sees.
func TestOneReading(t *testing.T) {
	const hanbit = "\xc7\xd1\xba\xfb" // 한빛 in EUC-KR
	tests := []struct {
		name, typ, body, expect string
		ok                      bool
	}{
		{"text in EUC-KR", "text/plain;charset=euc-kr", "name=" + hanbit, `{text: {contains: 한빛, matches: "^name=한빛$", count: 7}}`, true},
		{"JSON in EUC-KR", "application/json; charset=EUC-KR", `{"t":"` + hanbit + `"}`, `{body: {"$.t": 한빛}, text: '{"t":"한빛"}'}`, true},
		{"another word", "application/json; charset=EUC-KR", `{"t":"` + hanbit + `"}`, `{body: {"$.t": 한}}`, false},
		{"JSON against a schema", "application/json; charset=EUC-KR", `{"name":"` + hanbit + `"}`, `{schema: schema.json}`, true},
		{"XML in EUC-KR", "text/xml", `<?xml version="1.0" encoding="EUC-KR"?><r><t>` + hanbit + `</t></r>`, `{body: {"$.r[0].t[0]": 한빛}, text: {contains: <t>한빛</t>}}`, true},
		{"XML attributes and lists", "application/xml", `<r><c id="1"/><c id="2"/></r>`, `{body: {"$.r[0].c": {count: 2}, "$.r[0].c[1]['@id']": "2"}}`, true},
		{"a missing element", "application/xml", `<r/>`, `{body: {"$.r[0].t": {exists: false}}}`, true},
		{"broken XML", "application/xml", `<r><t></r>`, `{body: {"$.r": {exists: false}}}`, false},
		{"lines of text", "text/plain", "one\ntwo\n", `{body: {"$[1]": two}}`, true},
		{"a line of HTML", "text/html", "<html>\n<p>two</p>\n</html>", `{body: {"$[1]": {contains: two}}}`, true},
		{"a name in text", "text/plain", "one\n", `{body: {"$.error": {exists: false}}}`, false},
		{"lines of JSON", "application/x-ndjson", "{\"a\":1}\n{\"a\":2}\n", `{body: {"$[*].a": {count: 2}, "$[1].a": 2}}`, true},
		{"JSON declared as bytes", "application/octet-stream", `{"a":1}`, `{body: {"$.a": 1}}`, true},
		{"bytes", "image/png", "\x89PNG\r\n\x1a\n", `{body: {"$.length": 8, "$.type": image/png}}`, true},
		{"a form", "application/x-www-form-urlencoded", "a=1&a=2", `{body: {"$.a": {count: 2}, "$.a[0]": "1"}}`, true},
		{"a playlist", "application/vnd.apple.mpegurl", "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\na.ts\n", `{hls: {segments: 1}, body: {"$.segments": {count: 1}}}`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := &wire.Exchange{Method: "GET", Status: 200, Headers: []wire.Field{{Name: "Content-Type", Value: tt.typ}}, Answer: []byte(tt.body)}
			got := checksOf(t, tt.expect).Check(scenarios.Blue, NewAnswer(x), nil)
			ok := true
			for _, e := range got {
				ok = ok && e.OK
			}
			if ok != tt.ok {
				t.Errorf("%s of %q: %v, want %v: %+v", tt.expect, tt.body, ok, tt.ok, got)
			}
		})
	}
	x := &wire.Exchange{Status: 200, Headers: []wire.Field{{Name: "Content-Type", Value: "text/plain; charset=euc-kr"}}, Answer: []byte("name=" + hanbit + ";")}
	if v, err := NewCapture(&scenarios.Capture{Regex: "name=([^;]+);"}).Find(NewAnswer(x)); err != nil || v.Text != "한빛" {
		t.Errorf("captured %q, %v", v.Text, err)
	}
	x.Headers[0].Value, x.Answer = "text/xml", []byte(`<?xml version="1.0" encoding="euc-kr"?><r><t>`+hanbit+`</t></r>`)
	if v, err := NewCapture(&scenarios.Capture{At: "$.r[0].t[0]"}).Find(NewAnswer(x)); err != nil || v.Text != "한빛" {
		t.Errorf("captured %q, %v", v.Text, err)
	}
}

// TestReadingIsShared: of equal bytes under two types each has a reading of its own type.
func TestReadingIsShared(t *testing.T) {
	exchange := func(typ string) *wire.Exchange {
		return &wire.Exchange{Method: "GET", Status: 200, Headers: []wire.Field{{Name: "Content-Type", Value: typ}}, Answer: []byte("<r/>")}
	}
	checks := checksOf(t, `{body: {"$.r": {count: 1}}}`)
	step := scenarios.Step{}
	step.Compare = false
	j := Judge(&Trial{Step: &step, Rules: &StepRules{}, Blue: NewAnswer(exchange("text/xml")), Green: NewAnswer(exchange("image/png")), BlueChecks: checks, GreenChecks: checks})
	var sides []string
	for _, e := range j.Step.Expectations {
		if strings.HasPrefix(e.What, "$.r ") && e.OK {
			sides = append(sides, e.Side)
		}
	}
	if strings.Join(sides, " ") != "blue" {
		t.Errorf("the expectation holds on %q, want blue: %+v", sides, j.Step.Expectations)
	}
}
