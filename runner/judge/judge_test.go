package judge

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

func exchange(status int, body string) *wire.Exchange {
	return &wire.Exchange{Method: "GET", URL: "http://x/a", Status: status, Headers: []wire.Field{{Name: "Content-Type", Value: "application/json"}}, Answer: []byte(body), Attempts: 1}
}

func failure(class wire.Class) *wire.Exchange {
	return &wire.Exchange{Method: "GET", Err: &wire.Err{Class: class, Detail: "as the test says"}}
}

func trialOf(t *testing.T, step *scenarios.Step, blue, green *wire.Exchange) *Trial {
	t.Helper()
	rules, err := NewStepRules(step, diff.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &Checks{expect: &step.Expect}
	return &Trial{Step: step, Name: "step", Key: "s/one/step", Rules: rules, Blue: NewAnswer(blue), Green: NewAnswer(green), BlueChecks: c, GreenChecks: c, Control: Control{Seed: 1, Mutants: 16}}
}

func TestJudge(t *testing.T) {
	tests := []struct {
		name        string
		blue, green *wire.Exchange
		change      func(*scenarios.Step)
		want        run.Verdict
		reason      string
	}{
		{"equal", exchange(200, `{"v":1}`), exchange(200, `{ "v": 1.0 }`), nil, run.Pass, ""},
		{"differs", exchange(200, `{"v":1}`), exchange(200, `{"v":2}`), nil, run.Fail, "1 difference: $.v changed, blue 1, green 2"},
		{"status differs", exchange(200, `{"v":1}`), exchange(201, `{"v":1}`), nil, run.Fail, "status changed"},
		{"green refuses", exchange(200, `{"v":1}`), failure(wire.ClassRefused), nil, run.Fail, "green: refused"},
		{"blue refuses", failure(wire.ClassRefused), exchange(200, `{"v":1}`), nil, run.Broken, "blue: refused"},
		{"both refuse", failure(wire.ClassRefused), failure(wire.ClassRefused), nil, run.Broken, "green: refused"},
		{"green times out", exchange(200, `{"v":1}`), failure(wire.ClassTimeout), nil, run.Fail, "green: timeout"},
		{"both cut", failure(wire.ClassTruncated), failure(wire.ClassTruncated), nil, run.Broken, "blue: truncated"},
		{"both at our limit", failure(wire.ClassLimit), failure(wire.ClassLimit), nil, run.Broken, "blue: limit"},
		{"our descriptors", exchange(200, `{"v":1}`), failure(wire.ClassDescriptors), nil, run.Broken, "green: descriptors"},
		{"stopped", exchange(200, `{"v":1}`), failure(wire.ClassCanceled), nil, run.Interrupted, "green: canceled"},
		{"nothing sent", nil, nil, nil, run.Broken, "nothing was sent"},
		{"green alone", nil, exchange(200, `{"v":1}`), nil, run.Pass, ""},
		{"green alone fails", nil, exchange(500, `{"v":1}`), nil, run.Fail, "green: expected status 2xx, got 500"},
		{"not compared", exchange(200, `{"v":1}`), exchange(200, `{"v":2}`), func(s *scenarios.Step) { s.Compare = false }, run.Pass, ""},
		{"duplicate key on both", exchange(200, `{"v":1,"v":2}`), exchange(200, `{"v":1,"v":2}`), nil, run.Fail, "duplicate-key"},
		{"bytes after the value on both", exchange(200, `{"v":1} x`), exchange(200, `{"v":1} x`), nil, run.Fail, "invalid"},
		{"big numbers", exchange(200, `{"v":9223372036854775807}`), exchange(200, `{"v":9223372036854775808}`), nil, run.Fail, "$.v changed"},
		{"invalid UTF-8 on both", exchange(200, "{\"v\":\"\xff\"}"), exchange(200, "{\"v\":\"\xff\"}"), nil, run.Fail, "invalid"},
		{"invalid JSON on both, declared as text", typed("text/plain", "{\"v\":\"\xff\"}"), typed("text/plain", "{\"v\":\"\xff\"}"), nil, run.Pass, ""},
		{"text in no charset on both", typed("text/css", "caf\xe9 au lait"), typed("text/css", "caf\xe9 au lait"), nil, run.Pass, ""},
		{"text in no charset that differs", typed("text/css", "caf\xe9 au lait"), typed("text/css", "caf\xe9 au lail"), nil, run.Fail, "invalid"},
		{"no content", exchange(204, ""), exchange(204, ""), nil, run.Pass, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			step := &scenarios.Step{Name: "step", Compare: true}
			if tt.change != nil {
				tt.change(step)
			}
			j := Judge(trialOf(t, step, tt.blue, tt.green))
			reasons := strings.Join(j.Step.Reasons, "; ")
			if j.Step.Verdict != tt.want || !strings.Contains(reasons, tt.reason) {
				t.Errorf("%s: %s; want %s: %s", j.Step.Verdict, reasons, tt.want, tt.reason)
			}
			again := Judge(trialOf(t, step, tt.blue, tt.green))
			if !reflect.DeepEqual(j, again) {
				t.Errorf("judged twice:\n%+v\n%+v", j, again)
			}
			if compared := tt.blue != nil && tt.green != nil && step.Compare && tt.blue.Err == nil && tt.green.Err == nil; j.Step.Compared != compared {
				t.Errorf("compared %t, want %t", j.Step.Compared, compared)
			}
		})
	}
}

// A body that is only equal as bytes meets no expectation of JSON.
func TestJudgeUnreadText(t *testing.T) {
	body := typed("text/plain", "{\"v\":\"\xff\"}")
	trial := trialOf(t, &scenarios.Step{Name: "step", Compare: true}, body, body)
	checks := checksOf(t, `{body: {"$.v": {exists: true}}}`)
	trial.BlueChecks, trial.GreenChecks = checks, checks
	if j := Judge(trial); j.Step.Verdict != run.Fail {
		t.Errorf("%s %v", j.Step.Verdict, j.Step.Reasons)
	}
}

func typed(mediaType, body string) *wire.Exchange {
	x := exchange(200, body)
	x.Headers[0].Value = mediaType
	return x
}

func TestJudgeUnframedBody(t *testing.T) {
	cutText := func() *wire.Exchange {
		x := exchange(200, "half a te")
		x.Headers[0].Value, x.Unframed = "text/plain", true
		return x
	}
	step := &scenarios.Step{Name: "step", Compare: true}
	if j := Judge(trialOf(t, step, cutText(), cutText())); j.Step.Verdict != run.Inconclusive {
		t.Errorf("text that ended with the connection: %s %v", j.Step.Verdict, j.Step.Reasons)
	}
	whole := exchange(200, `{"v":1}`)
	whole.Unframed = true
	if j := Judge(trialOf(t, step, whole, whole)); j.Step.Verdict != run.Pass {
		t.Errorf("JSON that closes itself: %s %v", j.Step.Verdict, j.Step.Reasons)
	}
}

// TestNegativeControlSeesThroughRules: what a rule hides, a mutant shows.
func TestNegativeControlSeesThroughRules(t *testing.T) {
	const body = `{"a":1,"b":"x","c":[1,2,3],"host":"blue.example"}`
	green := strings.Replace(body, "blue.example", "green.example", 1)
	tests := []struct {
		name     string
		rules    []diff.Rule
		all      bool // every value mutant is found
		anything bool // some are
	}{
		{"no rules", nil, false, true}, // green's host differs: a pair that fails has coverage too
		{"rewrite", []diff.Rule{{At: "$.host", Do: diff.DoRewrite, BlueText: "blue.example", GreenText: "green.example", As: "HOST"}}, true, true},
		{"half ignored", []diff.Rule{{At: "$.host", Do: diff.DoIgnore, Why: "x"}, {At: "$.c[*]", Do: diff.DoIgnore, Why: "x"}}, false, true},
		{"all ignored", []diff.Rule{{At: "$.host", Do: diff.DoIgnore, Why: "x"}, {At: "$.c[*]", Do: diff.DoIgnore, Why: "x"}, {At: "$.a", Do: diff.DoIgnore, Why: "x"}, {At: "$.b", Do: diff.DoIgnore, Why: "x"}}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			step := &scenarios.Step{Name: "step", Compare: true, Rules: tt.rules}
			c := Judge(trialOf(t, step, exchange(200, body), exchange(200, green))).Step.Coverage
			if c.Mutants == 0 || c.Leaves != 6 {
				t.Fatalf("coverage %+v", c)
			}
			if tt.all && c.Killed != c.Mutants || !tt.anything && c.Killed != 0 || tt.anything && c.Killed == 0 {
				t.Errorf("%d of %d mutants found", c.Killed, c.Mutants)
			}
			if c.OthersKilled == 0 {
				t.Errorf("no change of type, presence or status was found: %+v", c)
			}
		})
	}
	x := exchange(200, "#EXTM3U\n#EXTINF:6,\nseg-1.ts\n")
	x.Headers[0].Value = "application/vnd.apple.mpegurl"
	c := Judge(trialOf(t, &scenarios.Step{Name: "step", Compare: true}, x, x)).Step.Coverage
	if c.Mutants == 0 || c.Killed == 0 {
		t.Errorf("a playlist has no coverage: %+v", c)
	}
}

// TestTimesMayBeAsFarApartAsTheExchanges: a clock that a rule allows 1 s is not a
// difference because a crossing lane, or a side that was polled longer, came later.
func TestTimesMayBeAsFarApartAsTheExchanges(t *testing.T) {
	start := time.Now()
	at := func(after time.Duration, clock time.Duration) *wire.Exchange {
		x := exchange(200, fmt.Sprintf(`{"v":1,"serverTime":%q}`, start.Add(clock).UTC().Format(time.RFC3339Nano)))
		x.Started, x.Timing.Total = start.Add(after), 20*time.Millisecond
		return x
	}
	step := &scenarios.Step{Name: "step", Compare: true, Rules: []diff.Rule{{At: "$.serverTime", Do: diff.DoTime, Within: time.Second}}}
	tests := []struct {
		name        string
		blue, green *wire.Exchange
		apart       time.Duration
		want        run.Verdict
	}{
		{"at once", at(0, 0), at(0, 900*time.Millisecond), 0, run.Pass},
		{"at once, clocks too far apart", at(0, 0), at(0, 1500*time.Millisecond), 0, run.Fail},
		{"6 s later", at(0, 0), at(6*time.Second, 6*time.Second), 0, run.Pass},
		{"6 s later, clock 9 s off", at(0, 0), at(6*time.Second, 9*time.Second), 0, run.Fail},
		{"blue later", at(6*time.Second, 6*time.Second), at(0, 0), 0, run.Pass},
		{"left behind by a step that was 6 s apart", at(0, 0), at(0, 6*time.Second), 6 * time.Second, run.Pass},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			trial := trialOf(t, step, tt.blue, tt.green)
			trial.Apart = tt.apart
			if j := Judge(trial); j.Step.Verdict != tt.want {
				t.Errorf("%s %v, want %s", j.Step.Verdict, j.Step.Reasons, tt.want)
			}
		})
	}
}
