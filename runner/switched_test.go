package runner

import (
	"slices"
	"testing"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// What the environment switches off in every case is inconclusive, what the env file
// or a flag does is said, and what captures, data and the suites' own variables
// decide is the ordinary way through a case.
func TestSwitchedOff(t *testing.T) {
	good := jsonHandler(map[string]string{"/a": `{"v":1,"next":""}`, "/b": `{"v":1}`})
	const steps = "\ncases:\n  - {case: ping, get: /a}\n  - case: one\n    steps:\n      - {step: x, get: /a, capture: {next: $.next}}\n"
	when := func(head, condition string) string {
		return "suite: s\n" + head + steps + "      - {step: y, get: /b, when: " + condition + "}\n"
	}
	for _, row := range []struct {
		name, suite, env, flag string
		environ                map[string]string
		want                   run.Verdict
		by                     run.Source // of the step that is left out; empty: none is
		cause                  string
		off                    bool
	}{
		{name: "an environment variable that is not set", suite: when(`env: [FULL]`, `"{{env.FULL | default: ''}}"`), want: run.Inconclusive, by: run.ByEnvironment, cause: "env.FULL", off: true},
		{name: "read through a variable", suite: when("env: [FULL]\nvars: {full: \"{{env.FULL | default: ''}}\"}", `"{{full}}"`), want: run.Inconclusive, by: run.ByEnvironment, cause: "env.FULL", off: true},
		{name: "read by a test of a variable", suite: when("env: [FULL]\nvars: {full: \"{{env.FULL | default: no}}\"}", `{vars: {full: "yes"}}`), want: run.Inconclusive, by: run.ByEnvironment, cause: "env.FULL", off: true},
		{name: "a test whose operand it is", suite: when("env: [FULL]", `{vars: {next: "{{env.FULL | default: no}}"}}`), want: run.Inconclusive, by: run.ByEnvironment, cause: "env.FULL", off: true},
		{name: "read through the env file", suite: when("env: [FULL]", `"{{full}}"`), env: "env: [FULL]\nvars: {full: \"{{env.FULL | default: ''}}\"}\n", want: run.Inconclusive, by: run.ByEnvironment, cause: "env.FULL", off: true},
		{name: "a variable of bgverify", suite: when("vars: {full: true}", `"{{full}}"`), environ: map[string]string{"BGVERIFY_VAR_full": "0"}, want: run.Inconclusive, by: run.ByEnvironment, cause: "BGVERIFY_VAR_full", off: true},
		{name: "the env file", suite: when("vars: {full: true}", `"{{full}}"`), env: "vars: {full: ''}\n", want: run.Pass, by: run.ByStage, cause: "vars: {full} of the env file", off: true},
		{name: "a flag", suite: when("vars: {full: true}", `"{{full}}"`), flag: "0", want: run.Pass, by: run.ByFlag, cause: "--var full", off: true},
		{name: "a capture", suite: when("env: [FULL]", `"{{next}}"`), want: run.Pass, off: true},
		{name: "a variable of the suite", suite: when("vars: {full: ''}", `"{{full}}"`), want: run.Pass, off: true},
		{name: "a capture, after a part that holds", suite: when("env: [FULL]", `{vars: {full: "1", next: {ne: ""}}}`), flag: "1", want: run.Pass, off: true},
		{name: "the environment switches it on", suite: when("env: [FULL]", `"{{env.FULL | default: ''}}"`), environ: map[string]string{"FULL": "1"}, want: run.Pass},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, good, good).file("s.yaml", row.suite)
			r.env, r.getenv = row.env, func(name string) (string, bool) { v, ok := row.environ[name]; return v, ok }
			if row.flag != "" {
				r.vars = []scenarios.Named{{Name: "full", Value: row.flag}}
			}
			end := r.run()
			want(t, end, row.want)
			if off := stepOf(t, r.sink.find(t, "s/one"), "y").ByWhen != nil; off != row.off {
				t.Errorf("typed as switched off: %t", off)
			}
			var left []run.LeftOut
			for _, l := range end.LeftOut {
				if l.What == run.AspectSteps {
					left = append(left, l)
				}
			}
			var all []run.LeftOut
			if row.by != "" {
				all = []run.LeftOut{{What: run.AspectSteps, By: row.by, Name: row.cause, Count: 1, Step: "y of s/one"}}
			}
			if !slices.Equal(left, all) {
				t.Errorf("left out %+v, want %+v", left, all)
			}
			i := slices.IndexFunc(end.Gates, func(g run.GateResult) bool { return g.Name == "cases judged" })
			measured := "2 of 2"
			if row.off {
				measured += ", 1 step switched off by when"
			}
			if got := end.Gates[i].Measured; got != measured {
				t.Errorf("cases judged: %q, want %q", got, measured)
			}
		})
	}
}

// A step that a row does send is not left out, whatever switches it off in the others;
// nor does an advisory suite count.
func TestSwitchedOffSomewhere(t *testing.T) {
	good := jsonHandler(map[string]string{"/a": `{"v":1}`, "/b": `{"v":1}`})
	part := "      - {step: x, get: /a}\n      - {step: y, get: /b, when: {vars: {row: \"{{env.ROW | default: p}}\"}}}\n"
	rows := "suite: s\nenv: [ROW]\ncases:\n  - case: one\n    data: [{row: o}, {row: p}, {row: q}]\n    steps:\n" + part
	end := newRig(t, good, good).file("s.yaml", rows).run()
	want(t, end, run.Pass)
	r := newRig(t, good, good).file("s.yaml", "suite: s\ngate: advisory\nenv: [ROW]\ncases:\n  - case: one\n    data: [{row: o}]\n    steps:\n"+part)
	want(t, r.file("t.yaml", "suite: t\ncases: [{case: a, get: /a}]\n").run(), run.Pass)
}
