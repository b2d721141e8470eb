package runner

import (
	"testing"

	"github.com/bgverify/bgverify/runner/run"
)

const plain = `
suite: s
cases:
  - case: one
    get: /one
  - case: two
    get: /two
`

func TestEqualSidesPass(t *testing.T) {
	bodies := map[string]string{"/one": `{"a":1,"b":"x"}`, "/two": `[1,2,3]`}
	r := newRig(t, jsonHandler(bodies), jsonHandler(bodies)).file("s.yaml", plain)
	end := r.run()
	want(t, end, run.Pass)
	for _, g := range end.Gates {
		t.Logf("%-20s %-40s %-20s %s", g.Name, g.Measured, g.Limit, g.Verdict)
	}
	t.Log(end.Coverage, end.Warnings, end.Counts)
}

func TestTwin(t *testing.T) {
}
