package archive

import (
	"strings"
	"testing"

	"github.com/bgverify/bgverify/runner"
)

// A gate for one service counts its suites and every load stage that puts it under
// load, wherever the stage is written; no gate opens without what it requires.
func TestGateOfTwoSuites(t *testing.T) {
	load := func(suite int, name string, v runner.Verdict, services ...string) runner.Event {
		l := sampleLoad()
		l.Suite, l.Name, l.Verdict, l.Reason, l.Services = suite, name, v, "p95 is worse", services
		return runner.Event{Load: l}
	}
	left := func(what runner.Aspect, by runner.Source) []runner.LeftOut {
		return []runner.LeftOut{{What: what, By: by}}
	}
	onEPG := load(1, "evening", runner.Fail, "auth", "epg")
	for _, row := range []struct {
		name  string
		loads []runner.Event
		left  []runner.LeftOut
		gate  Gate
		want  runner.Verdict
		say   string
	}{
		{"both pass", nil, nil, Gate{Service: "epg"}, runner.Pass, ""},
		{"a stage of the other suite puts it under load", []runner.Event{onEPG}, nil, Gate{Service: "epg"}, runner.Fail, "load evening"},
		{"a stage that does not", []runner.Event{load(1, "evening", runner.Fail, "auth")}, nil, Gate{Service: "epg"}, runner.Pass, ""},
		{"a stage that does not say", []runner.Event{load(1, "evening", runner.Fail)}, nil, Gate{Service: "epg"}, runner.Fail, "load evening"},
		{"an inconclusive stage", []runner.Event{load(0, "evening", runner.Inconclusive, "epg")}, nil, Gate{Service: "epg"}, runner.Inconclusive, "load evening"},
		{"load is required and there is none", nil, nil, Gate{Service: "epg", Require: []runner.Aspect{runner.AspectLoad}}, runner.Inconclusive, "the suites hold none"},
		{"load is required and was run", []runner.Event{load(0, "evening", runner.Pass, "epg")}, nil, Gate{Require: []runner.Aspect{runner.AspectLoad}}, runner.Pass, ""},
		{"load was left out", nil, left(runner.AspectLoad, runner.ByFlag), Gate{}, runner.Inconclusive, "--without load accepts that"},
		{"load was left out, which is accepted", nil, left(runner.AspectLoad, runner.ByFlag), Gate{Without: []runner.Aspect{runner.AspectLoad}}, runner.Pass, ""},
		{"load was left out, and something else is accepted", nil, left(runner.AspectLoad, runner.ByFlag), Gate{Without: []runner.Aspect{runner.AspectWrites, runner.AspectIdentity}}, runner.Inconclusive, "without load"},
		{"load was left out, and is required", nil, left(runner.AspectLoad, runner.ByFlag), Gate{Require: []runner.Aspect{runner.AspectLoad}}, runner.Inconclusive, "load is required"},
		{"no identity", nil, left(runner.AspectIdentity, runner.ByFile), Gate{}, runner.Inconclusive, "two places"},
		{"no identity, for one service", nil, left(runner.AspectIdentity, runner.ByFile), Gate{Service: "epg"}, runner.Inconclusive, "two places"},
		{"writes the stage did not allow are not excused by chosen cases", nil, left(runner.AspectWrites, runner.ByStage), Gate{Partial: true}, runner.Inconclusive, "without writes"},
		{"writes that were not chosen are", nil, left(runner.AspectWrites, runner.ByFlag), Gate{Partial: true}, runner.Pass, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, err := Create(t.TempDir(), Options{Clock: testClock()})
			if err != nil {
				t.Fatal(err)
			}
			head := sampleHeader(w.ID(), 1)
			head.Suites = append(head.Suites, runner.SuiteHead{Name: "auth", File: "auth.yaml", Service: "auth", Gate: "required", Cases: 1, Loads: 1})
			head.Asks = &runner.Asks{}
			end := sampleEnd(runner.Pass, 1)
			end.Suites = append(end.Suites, end.Suites[0])
			end.LeftOut = row.left
			emitAll(t, w, runner.Event{Begin: head})
			if err := emitCases(w, 0, 1); err != nil {
				t.Fatal(err)
			}
			emitAll(t, w, append(row.loads, runner.Event{End: end})...)
			if _, err := closeRun(w); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got := row.gate.Check(mustOpen(t, w.Path()))
			if got.Verdict != row.want || !strings.Contains(strings.Join(got.Reasons, "\n"), row.say) {
				t.Errorf("got %s %q, want %s saying %q", got.Verdict, got.Reasons, row.want, row.say)
			}
		})
	}
}
