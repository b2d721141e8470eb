package archive

import (
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/runner/run"
)

// A gate for one service counts its suites and every load stage that puts it under
// load, wherever the stage is written; no gate opens without what it requires.
func TestGateOfTwoSuites(t *testing.T) {
	load := func(suite int, name string, v run.Verdict, services ...string) run.Event {
		l := sampleLoad()
		l.Suite, l.Name, l.Verdict, l.Reason, l.Services = suite, name, v, "p95 is worse", services
		return run.Event{Load: l}
	}
	left := func(what run.Aspect, by run.Source) []run.LeftOut {
		return []run.LeftOut{{What: what, By: by}}
	}
	onEPG := load(1, "evening", run.Fail, "auth", "epg")
	for _, row := range []struct {
		name  string
		loads []run.Event
		left  []run.LeftOut
		gate  Gate
		want  run.Verdict
		say   string
	}{
		{"both pass", nil, nil, Gate{Service: "epg"}, run.Pass, ""},
		{"a stage of the other suite puts it under load", []run.Event{onEPG}, nil, Gate{Service: "epg"}, run.Fail, "load evening"},
		{"a stage that does not", []run.Event{load(1, "evening", run.Fail, "auth")}, nil, Gate{Service: "epg"}, run.Pass, ""},
		{"a stage that does not say", []run.Event{load(1, "evening", run.Fail)}, nil, Gate{Service: "epg"}, run.Fail, "load evening"},
		{"an inconclusive stage", []run.Event{load(0, "evening", run.Inconclusive, "epg")}, nil, Gate{Service: "epg"}, run.Inconclusive, "load evening"},
		{"load is required and there is none", nil, nil, Gate{Service: "epg", Require: []run.Aspect{run.AspectLoad}}, run.Inconclusive, "the suites hold none"},
		{"load is required and was run", []run.Event{load(0, "evening", run.Pass, "epg")}, nil, Gate{Require: []run.Aspect{run.AspectLoad}}, run.Pass, ""},
		{"load was left out", nil, left(run.AspectLoad, run.ByFlag), Gate{}, run.Inconclusive, "--without load accepts that"},
		{"load was left out, which is accepted", nil, left(run.AspectLoad, run.ByFlag), Gate{Without: []run.Aspect{run.AspectLoad}}, run.Pass, ""},
		{"load was left out, and something else is accepted", nil, left(run.AspectLoad, run.ByFlag), Gate{Without: []run.Aspect{run.AspectWrites, run.AspectIdentity}}, run.Inconclusive, "without load"},
		{"load was left out, and is required", nil, left(run.AspectLoad, run.ByFlag), Gate{Require: []run.Aspect{run.AspectLoad}}, run.Inconclusive, "load is required"},
		{"no identity", nil, left(run.AspectIdentity, run.ByFile), Gate{}, run.Inconclusive, "two places"},
		{"no identity, for one service", nil, left(run.AspectIdentity, run.ByFile), Gate{Service: "epg"}, run.Inconclusive, "two places"},
		{"writes the stage did not allow are not excused by chosen cases", nil, left(run.AspectWrites, run.ByStage), Gate{Partial: true}, run.Inconclusive, "without writes"},
		{"writes that were not chosen are", nil, left(run.AspectWrites, run.ByFlag), Gate{Partial: true}, run.Pass, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, err := Create(t.TempDir(), Options{Clock: testClock()})
			if err != nil {
				t.Fatal(err)
			}
			head := sampleHeader(w.ID(), 1)
			head.Suites = append(head.Suites, run.SuiteHead{Name: "auth", File: "auth.yaml", Service: "auth", Gate: "required", Cases: 1, Loads: 1})
			head.Asks = &run.Asks{}
			end := sampleEnd(run.Pass, 1)
			end.Suites = append(end.Suites, end.Suites[0])
			end.LeftOut = row.left
			emitAll(t, w, run.Event{Begin: head})
			if err := emitCases(w, 0, 1); err != nil {
				t.Fatal(err)
			}
			emitAll(t, w, append(row.loads, run.Event{End: end})...)
			if _, err := closeRun(w); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			row.gate.Now = testStart.Add(time.Hour)
			got := row.gate.Check(mustOpen(t, w.Path()))
			if got.Verdict != row.want || !strings.Contains(strings.Join(got.Reasons, "\n"), row.say) {
				t.Errorf("got %s %q, want %s saying %q", got.Verdict, got.Reasons, row.want, row.say)
			}
		})
	}
}
