package runner

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

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
func judged(t *testing.T, checks *Checks, x *wire.Exchange) (Verdict, string) {
	t.Helper()
	j := Judge(&Trial{Step: &scenarios.Step{}, Rules: &StepRules{}, Blue: x, Green: x, BlueChecks: checks, GreenChecks: checks})
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
		want         Verdict
	}{
		{"a redirect that is expected", `{status: 302}`, reply(302, "", "", location), Pass},
		{"its page for people", `{status: 3xx}`, reply(301, "text/html", "<html><body>moved</body></html>", location), Pass},
		{"a redirect that is not", `{headers: {location: /x/1}}`, reply(302, "", "", location), Fail},
		{"one of two statuses", `{status: [200, 304]}`, reply(304, "", ""), Pass},
		{"201 with a Location", `{status: 201}`, reply(201, "", "", location), Pass},
		{"202 with a Location", `{status: 2xx}`, reply(202, "", "", location), Pass},
		{"201 without", `{status: 201}`, reply(201, "", ""), Fail},
		{"201 with an error", `{status: 201}`, reply(201, "application/json", `{"error":"x"}`, location), Fail},
		{"a preflight", `{status: 200}`, preflight, Pass},
		{"OPTIONS that says nothing", `{status: 200}`, options, Fail},
		{"GET with the headers of a preflight", `{status: 200}`, reply(200, "", "", origin), Fail},
		{"204", `{status: 204}`, reply(204, "", ""), Pass},
		{"HEAD", `{status: 200}`, head, Pass},
		{"200", `{status: 200}`, reply(200, "application/json", ""), Fail},
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
		want               Verdict
	}{
		{"nothing is said", `{status: 200}`, failed, Fail},
		{"a member that any error has", `{body: {"$.requestId": {exists: true}}}`, failed, Fail},
		{"any object", `{body: {$: {type: object}}}`, failed, Fail},
		{"a message, whatever it says", `{body: {"$.message": {type: string, not: {contains: ok}}}}`, failed, Fail},
		{"what is not there", `{body: {"$.items[*].id": {count: 0}}}`, failed, Fail},
		{"its code", `{body: {"$.code": E100}}`, failed, Pass},
		{"that it has a code", `{body: {"$.code": {exists: true}}}`, failed, Fail},
		{"that it has members", `{body: {"$.*": {exists: true}}}`, failed, Fail},
		{"any code", `{body: {"$.code": {matches: .+}}}`, failed, Fail},
		{"a code that is no success", `{body: {"$.code": {matches: "^E"}}}`, failed, Pass},
		{"any number", `{body: {"$.code": {gte: 0}}}`, `{"success":false,"code":500,"message":"x"}`, Fail},
		{"a number that is no success", `{body: {"$.code": {gte: 500}}}`, `{"success":false,"code":500,"message":"x"}`, Pass},
		{"a flag of any value", `{body: {"$.success": {type: boolean}}}`, `{"success":false,"code":500,"message":"x"}`, Fail},
		{"the flag", `{body: {"$.success": false}}`, `{"success":false,"code":500,"message":"x"}`, Pass},
		{"a message of any length", `{body: {"$.message": {count: {lt: 9999}}}}`, failed, Fail},
		{"any text", `{text: {matches: .+}}`, failed, Fail},
		{"text of any JSON", `{text: {contains: "{"}}`, failed, Fail},
		{"text of a name in the error", `{text: {contains: success}}`, `{"success":false,"code":500,"message":"x"}`, Fail},
		{"an error, whatever it holds", `{body: {"$.error": {exists: true}}}`, `{"error":{"id":7}}`, Fail},
		{"an error that says something", `{body: {"$.error": {empty: false}}}`, `{"error":{"id":7}}`, Pass},
		{"data, whatever it holds", `{body: {"$.data": {exists: true}}}`, `{"success":false,"data":{"a":1}}`, Fail},
		{"its message", `{body: {"$.message": {contains: no such}}}`, failed, Pass},
		{"content", `{body: {"$.items": {type: array}}}`, failed, Pass},
		{"the text", `{text: {contains: no such box}}`, failed, Pass},
		{"little of the text", `{text: {not: {contains: html}}}`, failed, Fail},
		{"content next to partial errors", `{body: {"$.data.a": 1}}`, `{"data":{"a":1},"errors":[{"message":"x"}]}`, Pass},
		{"something in the error", `{body: {"$.error.id": {exists: true}}}`, `{"error":{"id":7}}`, Pass},
		{"nothing in {}", `{status: 200}`, `{}`, Inconclusive},
		{"nothing in []", `{status: 200}`, ` [] `, Inconclusive},
		{"nothing in data", `{status: 200}`, `{"data":null}`, Inconclusive},
		{"an empty list, expected", `{body: {$: {count: 0}}}`, `[]`, Pass},
		{"an empty object, expected", `{body: {$: {type: object}}}`, `{}`, Pass},
		{"no data, expected", `{body: {$: {eq: {data: null}}}}`, `{"data":null}`, Pass},
		{"data", `{status: 200}`, `{"items":[]}`, Pass},
	}
	for _, tt := range tests {
		if got, why := judged(t, checksOf(t, tt.expect), reply(200, "application/json", tt.body)); got != tt.want {
			t.Errorf("%s: %v, want %v: %s", tt.name, got, tt.want, why)
		}
	}
	grpc := reply(200, "application/grpc", "\x00\x00\x00\x00\x00")
	grpc.Trailers = []wire.Field{{Name: "grpc-status", Value: "13"}}
	if got, why := judged(t, checksOf(t, `{status: 200}`), grpc); got != Fail || !strings.Contains(why, "grpc-status 13 (INTERNAL)") {
		t.Errorf("a trailer: %v: %s", got, why)
	}
	grpc.Headers, grpc.Trailers = append(grpc.Headers, grpc.Trailers...), nil
	if got, why := judged(t, checksOf(t, `{headers: {grpc-status: "13"}}`), grpc); got != Pass {
		t.Errorf("a header that is expected: %v: %s", got, why)
	}
}

// TestSuiteAnswer: the suite's answer: decides where an answer has its paths, env file
// and suite together, and a step's own expectation wins.
func TestSuiteAnswer(t *testing.T) {
	files := fstest.MapFS{
		"stage.yaml": {Data: []byte("limits: {load: allow}\nanswer: {ok: {\"$.resultCode\": \"9\", \"$.state\": {in: [UP, IDLE]}}}\n")},
		"s.yaml": {Data: []byte(`suite: s
answer: {ok: {"$.resultCode": {in: ["7777", "0"]}}}
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
		want       Verdict
	}{
		{"a code that is fine here", `{"resultCode":"7777","resultMsg":"box busy"}`, 0, Pass},
		{"it settles the rest", `{"resultCode":"0","error":"partial"}`, 0, Pass},
		{"a code that is not", `{"resultCode":"0000","resultMsg":"OK","items":[1]}`, 0, Fail},
		{"the stage's own path", `{"state":"DOWN","items":[1]}`, 0, Fail},
		{"both paths", `{"state":"IDLE","resultCode":"7777"}`, 0, Pass},
		{"one of them wrong", `{"state":"GONE","resultCode":"7777"}`, 0, Fail},
		{"none of the paths: the defaults", `{"error":"x"}`, 0, Fail},
		{"none of the paths: data", `{"a":1}`, 0, Pass},
		{"the step names the code", `{"resultCode":"E1"}`, 1, Pass},
		{"the step's code is another", `{"resultCode":"E2"}`, 1, Fail},
		{"an override of one side", `{"resultCode":"0000"}`, 2, Fail},
	}
	for _, tt := range tests {
		step := suites[0].Cases[tt.at].Steps[0]
		w := newWalk(&suiteRun{run: &execution{plan: &Plan{}, board: &board{}}, suite: suites[0]}, "s/one", time.Time{})
		c, err := NewChecks(expectOf(step, scenarios.Green), w.scope(newLane(LaneBlue), scenarios.Blue, nil, "one", w.started))
		if err != nil {
			t.Fatal(err)
		}
		if got, why := judged(t, c, reply(200, "application/json", tt.body)); got != tt.want {
			t.Errorf("%s: %v, want %v: %s", tt.name, got, tt.want, why)
		}
	}
}
