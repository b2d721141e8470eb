package calibrate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// rounds calibrates a side that answers request i with body(i, how often it waited).
func calibrateRounds(t *testing.T, body func(i, waited int) string) *calibrating {
	t.Helper()
	waited, asked := 0, 0
	c := &calibrating{Result: Result{rounds: 4, settle: time.Minute, seen: newObservations()}}
	c.sleep = func(d time.Duration) error {
		if d != c.settle {
			t.Errorf("waits %s", d)
		}
		waited++
		return nil
	}
	c.ask = func(_ int, _ scenarios.Side, rules []diff.Rule, visit visitor) (*run.End, error) {
		compiled, bad := diff.Compile(rules, diff.Options{})
		if len(bad) > 0 {
			t.Fatal(bad[0].Msg)
		}
		result := diff.Compare([]byte(body(asked, waited)), []byte(body(asked+1, waited)), compiled)
		asked += 2
		visit(&run.CaseResult{ID: "s/c", Steps: []run.StepResult{{Name: "get", Compared: true, Differences: result.Differences}}}, 0)
		return &run.End{Verdict: run.Pass}, nil
	}
	for round := range c.rounds {
		if _, err := c.ask(round, scenarios.Blue, nil, func(r *run.CaseResult, _ float64) { c.seen.add(round, r) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.check(context.Background()); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestProposalsAreTried(t *testing.T) {
	pods := []string{"red", "tan"}
	for _, row := range []struct {
		name, why string
		body      func(i, waited int) string
		rounds    int
		rule      string // of the only proposal; "": it was dropped
	}{
		{"holds", "one round at once and one after the wait", func(i, _ int) string { return fmt.Sprintf(`{"k":"a-%d"}`, i) }, 2, `pattern: "^a-[0-9]+$"`},
		{"moves after the wait", "what the last round finds is evidence, and tried again", func(i, waited int) string {
			if waited == 0 {
				return fmt.Sprintf(`{"k":%q}`, pods[i%2])
			}
			return fmt.Sprintf(`{"k":"pod-%c-%d"}`, 'a'+i%5, i)
		}, 4, `pattern: "^[0-9A-Za-z_-]+$"`},
		{"never holds", "each round is further off", func(i, _ int) string { return fmt.Sprintf(`{"k":%.0f}`, math.Pow(3, float64(i))) }, maxChecks, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := calibrateRounds(t, row.body)
			if c.tried != row.rounds || len(c.proposals) != 1 || c.held != (row.rule != "") {
				t.Fatalf("%d rounds under rules, held %t, proposals %+v", c.tried, c.held, c.proposals)
			}
			p := c.proposals[0]
			var out bytes.Buffer
			if err := c.Write(&out, strings.Clone); err != nil {
				t.Fatal(err)
			}
			switch {
			case row.rule != "" && (p.rule == nil || !strings.Contains(diff.RuleYAML(*p.rule), row.rule)):
				t.Errorf("%s: %+v\n%s", row.why, p, &out)
			case row.rule == "" && (p.rule != nil || !strings.Contains(out.String(), "did not hold in a fresh round")):
				t.Errorf("%s: %+v\n%s", row.why, p, &out)
			}
		})
	}
}

// A request that is accepted once is named with what to do, and so is what could not be run.
func TestWhatCouldNotBeMeasured(t *testing.T) {
	o := newObservations()
	setup := func(blue, green int, verdict run.Verdict) *run.CaseResult {
		return &run.CaseResult{ID: "s/(setup)", Kind: "setup", Verdict: verdict, Steps: []run.StepResult{{
			Name: "sign up", Verdict: verdict,
			Blue: &run.SideResult{Method: "POST", Status: blue}, Green: &run.SideResult{Method: "POST", Status: green},
		}}}
	}
	o.add(0, setup(409, 201, run.Fail))
	o.add(0, &run.CaseResult{ID: "s/c", Verdict: run.Broken, Reasons: []string{"setup failed"}})
	o.add(1, &run.CaseResult{ID: "s/d", Verdict: run.Broken, Reasons: []string{"reset"}})
	o.add(2, &run.CaseResult{ID: "s/d", Verdict: run.Fail, Steps: []run.StepResult{{Name: "get", Compared: true}}})
	if got := o.onceLines(); len(got) != 1 || !strings.HasPrefix(got[0], "s/(setup)/sign up: answered 201 and then 409; ") || !strings.Contains(got[0], "{{$uuid.side}}") {
		t.Errorf("accepted once: %q", got)
	}
	if got := o.unmeasured(); !slices.Equal(got, []string{"s/c: setup failed"}) {
		t.Errorf("not measured: %q", got)
	}
	expected := newObservations()
	expected.add(0, setup(201, 409, run.Pass))
	if got := expected.onceLines(); len(got) > 0 {
		t.Errorf("a suite that expects a conflict: %q", got)
	}
}

// A field that blue shows as unstable only later is not a finding of green.
func TestLateBlueClearsAFinding(t *testing.T) {
	late := 0
	side := func(s scenarios.Side, round int) (string, string) {
		if s == scenarios.Green || round >= late {
			return fmt.Sprintf(`{"at":%d}`, 2*round), fmt.Sprintf(`{"at":%d}`, 2*round+1)
		}
		return `{"at":1}`, `{"at":1}`
	}
	calibrated := func() *Result {
		var rules []diff.Rule
		asked := map[scenarios.Side]int{}
		o := Options{
			Rounds: 3, Both: true, Log: io.Discard,
			Plan: func(_ uint64, r []diff.Rule) (*runner.Plan, error) {
				rules = r
				suite := &scenarios.Suite{}
				return &runner.Plan{Suites: []*scenarios.Suite{suite}}, nil
			},
		}
		// The first rounds are blue's, the next green's; what follows is blue's again until
		// rules are tried, when blue comes before green in each round.
		calls := 0
		o.Execute = func(_ context.Context, _ *runner.Plan, visit func(*run.CaseResult)) (*run.End, []run.LoadResult, error) {
			calls++
			s := scenarios.Blue
			if calls > 3 && calls <= 6 || len(rules) > 0 && calls%2 == 0 {
				s = scenarios.Green
			}
			b, g := side(s, asked[s])
			asked[s]++
			compiled, _ := diff.Compile(rules, diff.Options{})
			result := diff.Compare([]byte(b), []byte(g), compiled)
			visit(&run.CaseResult{ID: "s/c", Steps: []run.StepResult{{Name: "get", Compared: true, Differences: result.Differences}}})
			return &run.End{Verdict: run.Pass}, nil, nil
		}
		found, err := Fields(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	late = 4 // in the second of the rounds that ask blue again
	if found := calibrated(); found.GreenUnstable() || len(found.proposals) != 1 {
		t.Errorf("%d findings and %d proposals, want a rule and no finding", len(found.findings), len(found.proposals))
	}
	late = 1000
	if found := calibrated(); !found.GreenUnstable() {
		t.Error("blue is stable in all rounds, green is not, and there is no finding")
	}
}
