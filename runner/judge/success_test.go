package judge

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// reply is an exchange of a status, a content type and a body.
func reply(status int, typ, body string, headers ...wire.Field) *wire.Exchange {
	if typ != "" {
		headers = append(headers, wire.Field{Name: "Content-Type", Value: typ})
	}
	return &wire.Exchange{Method: "GET", Status: status, Headers: headers, Answer: []byte(body)}
}

// judged is the verdict and the reasons of one exchange on both sides.
func judged(t *testing.T, checks *Checks, x *wire.Exchange) (run.Verdict, string) {
	t.Helper()
	j := Judge(&Trial{Step: &scenarios.Step{}, Rules: &StepRules{}, Blue: NewAnswer(x), Green: NewAnswer(x), BlueChecks: checks, GreenChecks: checks})
	return j.Step.Verdict, strings.Join(j.Step.Reasons, "\n")
}

// TestNeedsNoBody lists answers without a body, and who may have none.
func TestNeedsNoBody(t *testing.T) {
	location := wire.Field{Name: "Location", Value: "/x/1"}
	origin := wire.Field{Name: "Access-Control-Allow-Origin", Value: "*"}
	preflight := reply(200, "", "", origin)
	preflight.Method = "OPTIONS"
	options := reply(200, "", "")
	options.Method = "OPTIONS"
	head := reply(200, "application/json", "")
	head.Method = "HEAD"
	tests := []struct {
		name, expect string
		x            *wire.Exchange
		want         run.Verdict
	}{
		{"a redirect that is expected", `{status: 302}`, reply(302, "", "", location), run.Pass},
		{"its page for people", `{status: 3xx}`, reply(301, "text/html", "<html><body>moved</body></html>", location), run.Pass},
		{"a redirect to nowhere", `{status: 302}`, reply(302, "", ""), run.Fail},
		{"a redirect to nowhere with a page", `{status: 3xx}`, reply(301, "text/html", "<html>moved</html>"), run.Fail},
		{"a redirect that is not", `{headers: {location: /x/1}}`, reply(302, "", "", location), run.Fail},
		{"one of two statuses", `{status: [200, 304]}`, reply(304, "", ""), run.Pass},
		{"201 with a Location", `{status: 201}`, reply(201, "", "", location), run.Pass},
		{"202 with a Location", `{status: 2xx}`, reply(202, "", "", location), run.Pass},
		{"201 without", `{status: 201}`, reply(201, "", ""), run.Fail},
		{"201 with an error", `{status: 201}`, reply(201, "application/json", `{"error":"x"}`, location), run.Fail},
		{"a preflight", `{status: 200}`, preflight, run.Pass},
		{"OPTIONS that says nothing", `{status: 200}`, options, run.Fail},
		{"GET with the headers of a preflight", `{status: 200}`, reply(200, "", "", origin), run.Fail},
		{"204", `{status: 204}`, reply(204, "", ""), run.Pass},
		{"HEAD", `{status: 200}`, head, run.Pass},
		{"200", `{status: 200}`, reply(200, "application/json", ""), run.Fail},
	}
	for _, tt := range tests {
		if got, why := judged(t, checksOf(t, tt.expect), tt.x); got != tt.want {
			t.Errorf("%s: %v, want %v: %s", tt.name, got, tt.want, why)
		}
	}
}

// TestHiddenErrors holds errors in a 200 against expectations: those that would hold of
// the error as well do not excuse it.
func TestHiddenErrors(t *testing.T) {
	const failed = `{"code":"E100","message":"no such box","requestId":"5f","title":"oops","items":[]}`
	tests := []struct {
		name, expect, body string
		want               run.Verdict
	}{
		{"nothing is said", `{status: 200}`, failed, run.Fail},
		{"a member that any error has", `{body: {"$.requestId": {exists: true}}}`, failed, run.Fail},
		{"any object", `{body: {$: {type: object}}}`, failed, run.Fail},
		{"a message, whatever it says", `{body: {"$.message": {type: string, not: {contains: ok}}}}`, failed, run.Fail},
		{"what is not there", `{body: {"$.items[*].id": {count: 0}}}`, failed, run.Fail},
		{"its code", `{body: {"$.code": E100}}`, failed, run.Pass},
		{"that it has a code", `{body: {"$.code": {exists: true}}}`, failed, run.Fail},
		{"that it has members", `{body: {"$.*": {exists: true}}}`, failed, run.Fail},
		{"any code", `{body: {"$.code": {matches: .+}}}`, failed, run.Fail},
		{"a code that is no success", `{body: {"$.code": {matches: "^E"}}}`, failed, run.Pass},
		{"any number", `{body: {"$.code": {gte: 0}}}`, `{"success":false,"code":500,"message":"x"}`, run.Fail},
		{"a number that is no success", `{body: {"$.code": {gte: 500}}}`, `{"success":false,"code":500,"message":"x"}`, run.Pass},
		{"a flag of any value", `{body: {"$.success": {type: boolean}}}`, `{"success":false,"code":500,"message":"x"}`, run.Fail},
		{"the flag", `{body: {"$.success": false}}`, `{"success":false,"code":500,"message":"x"}`, run.Pass},
		{"a message of any length", `{body: {"$.message": {count: {lt: 9999}}}}`, failed, run.Fail},
		{"any text", `{text: {matches: .+}}`, failed, run.Fail},
		{"text of any JSON", `{text: {contains: "{"}}`, failed, run.Fail},
		{"text of a name in the error", `{text: {contains: success}}`, `{"success":false,"code":500,"message":"x"}`, run.Fail},
		{"an error, whatever it holds", `{body: {"$.error": {exists: true}}}`, `{"error":{"id":7}}`, run.Fail},
		{"an error that says something", `{body: {"$.error": {empty: false}}}`, `{"error":{"id":7}}`, run.Pass},
		{"data, whatever it holds", `{body: {"$.data": {exists: true}}}`, `{"success":false,"data":{"a":1}}`, run.Fail},
		{"its message", `{body: {"$.message": {contains: no such}}}`, failed, run.Pass},
		{"content", `{body: {"$.items": {type: array}}}`, failed, run.Pass},
		{"the text", `{text: {contains: no such box}}`, failed, run.Pass},
		{"little of the text", `{text: {not: {contains: html}}}`, failed, run.Fail},
		{"content next to partial errors", `{body: {"$.data.a": 1}}`, `{"data":{"a":1},"errors":[{"message":"x"}]}`, run.Pass},
		{"something in the error", `{body: {"$.error.id": {exists: true}}}`, `{"error":{"id":7}}`, run.Pass},
		{"nothing in {}", `{status: 200}`, `{}`, run.Inconclusive},
		{"nothing in []", `{status: 200}`, ` [] `, run.Inconclusive},
		{"nothing in data", `{status: 200}`, `{"data":null}`, run.Inconclusive},
		{"an empty list, expected", `{body: {$: {count: 0}}}`, `[]`, run.Pass},
		{"an empty object, expected", `{body: {$: {type: object}}}`, `{}`, run.Pass},
		{"no data, expected", `{body: {$: {eq: {data: null}}}}`, `{"data":null}`, run.Pass},
		{"data", `{status: 200}`, `{"items":[]}`, run.Pass},
	}
	for _, tt := range tests {
		if got, why := judged(t, checksOf(t, tt.expect), reply(200, "application/json", tt.body)); got != tt.want {
			t.Errorf("%s: %v, want %v: %s", tt.name, got, tt.want, why)
		}
	}
	grpc := reply(200, "application/grpc", "\x00\x00\x00\x00\x00")
	grpc.Trailers = []wire.Field{{Name: "grpc-status", Value: "13"}}
	if got, why := judged(t, checksOf(t, `{status: 200}`), grpc); got != run.Fail || !strings.Contains(why, "grpc-status 13 (INTERNAL)") {
		t.Errorf("a trailer: %v: %s", got, why)
	}
	grpc.Headers, grpc.Trailers = append(grpc.Headers, grpc.Trailers...), nil
	if got, why := judged(t, checksOf(t, `{headers: {grpc-status: "13"}}`), grpc); got != run.Pass {
		t.Errorf("a header that is expected: %v: %s", got, why)
	}
}

// TestSuiteAnswer: the suite's answer: decides where an answer has its paths, env file
// and suite together, and a step's own expectation wins.
func TestSuiteAnswer(t *testing.T) {
	files := fstest.MapFS{
		"stage.yaml": {Data: []byte("limits: {load: allow}\nanswer: {ok: {\"$.resultCode\": \"9\", \"$.state\": {in: [UP, IDLE]}}}\n")},
		"s.yaml": {Data: []byte(`suite: s
answer: {ok: {"$.resultCode": {in: ["7777", "0"]}, "$.any": {exists: true, matches: ".*"}}}
defaults: {expect: {status: 200}}
cases:
  - {case: plain, get: /a}
  - {case: own, get: /a, expect: {body: {"$.resultCode": "E1"}}}
  - {case: green, get: /a, expect: {green: {status: 200}}}
`)},
	}
	env, problems := scenarios.LoadEnv(files, "stage.yaml", scenarios.LoadOptions{})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	suites, problems := scenarios.Load(files, []string{"s.yaml"}, scenarios.LoadOptions{Env: env})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	tests := []struct {
		name, body string
		at         int // of the case
		want       run.Verdict
	}{
		{"a code that is fine here", `{"resultCode":"7777","resultMsg":"box busy"}`, 0, run.Pass},
		{"it settles the rest", `{"resultCode":"0","error":"partial"}`, 0, run.Pass},
		{"a code that is not", `{"resultCode":"0000","resultMsg":"OK","items":[1]}`, 0, run.Fail},
		{"the stage's own path", `{"state":"DOWN","items":[1]}`, 0, run.Fail},
		{"both paths", `{"state":"IDLE","resultCode":"7777"}`, 0, run.Pass},
		{"one of them wrong", `{"state":"GONE","resultCode":"7777"}`, 0, run.Fail},
		{"a path that accepts everything decides nothing", `{"any":"E500","error":"x"}`, 0, run.Fail},
		{"none of the paths: the defaults", `{"error":"x"}`, 0, run.Fail},
		{"none of the paths: data", `{"a":1}`, 0, run.Pass},
		{"the step names the code", `{"resultCode":"E1"}`, 1, run.Pass},
		{"the step's code is another", `{"resultCode":"E2"}`, 1, run.Fail},
		{"an override of one side", `{"resultCode":"0000"}`, 2, run.Fail},
	}
	for _, tt := range tests {
		step := suites[0].Cases[tt.at].Steps[0]
		expect := step.ExpectGreen
		if expect == nil {
			expect = &step.Expect
		}
		c, err := NewChecks(expect, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, why := judged(t, c, reply(200, "application/json", tt.body)); got != tt.want {
			t.Errorf("%s: %v, want %v: %s", tt.name, got, tt.want, why)
		}
	}
}
