package runner

import (
	"net/http"
	"testing"

	"github.com/bgverify/bgverify/runner/run"
)

// recorded is the Run that a memory kept.
func (m *memory) recorded() *run.Run {
	return &run.Run{
		Header: *m.begin, End: *m.end, Loads: m.loads,
		Pair: func(key string) (*run.Pair, error) { return m.pairs[key], nil },
	}
}

func TestRejudgeUnderOtherRules(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		if r.path == "/version" {
			ok(w, `{"commit":"a"}`)
			return
		}
		ok(w, `{"id":"%s","v":1,"next":"/next"}`, d.name)
	})
	const cases = `
identity: [{get: /version, at: $.commit, must: same}]
setup: [{step: in, post: /in, side_effects: isolated, capture: {token: $.id}, rules: [{at: $.id, do: ignore, why: own}]}]
cases:
  - case: one
    crossover: true
    steps:
      - {step: a, get: /a, auth: {bearer: "{{token}}"}, capture: {next: $.next}}
      - {step: b, get: "{{next}}"}
`
	r := newRig(t, blue, green).file("s.yaml", "suite: s\nrules: [{at: $.v, do: ignore, why: x}]\n"+cases)
	want(t, r.run(), run.Fail, "$.id changed")
	sent := len(blue.seen)
	again := func(rules string) *run.End {
		t.Helper()
		second := newRig(t, blue, green).file("s.yaml", "suite: s\n"+rules+cases)
		end, err := Rejudge(t.Context(), second.plan(), r.sink.recorded(), second.sink, nil)
		if err != nil {
			t.Fatal(err)
		}
		return end
	}
	want(t, again(""), run.Fail, "$.id changed")
	own := "rules: [{at: $.id, do: ignore, why: own ids}]\n"
	want(t, again(own), run.Pass) // a difference does not keep later steps from being sent
	longer := newRig(t, blue, green).file("s.yaml", "suite: s\n"+own+cases+"      - {step: c, get: /c}\n")
	end, err := Rejudge(t.Context(), longer.plan(), r.sink.recorded(), longer.sink, nil)
	if err != nil {
		t.Fatal(err)
	}
	want(t, end, run.Broken, "the run that is judged again did not send it")
	if len(blue.seen) != sent {
		t.Errorf("%d requests were sent", len(blue.seen)-sent)
	}
	// A run whose every step was sent can come to a pass.
	r = newRig(t, blue, green).file("s.yaml", "suite: s\nrules: [{at: $.id, do: ignore, why: own ids}]\n"+cases)
	want(t, r.run(), run.Pass)
	end = again(own)
	want(t, end, run.Pass)
	if len(end.Sides.Green.Identity) == 0 {
		t.Error("what green said it is was lost")
	}
	want(t, again("rules: [{at: $.id, do: format, is: uuid, why: x}]\n"), run.Fail)
	r.sink.end.Gates[1].Verdict = run.Broken
	want(t, again(own), run.Broken, "the run that is judged again: ")
}
