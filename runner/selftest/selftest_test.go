package selftest

import (
	"testing"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// Off loopback selftest asks for what it does there, and for no more.
func TestSelftestOffLoopback(t *testing.T) {
	both := &scenarios.Env{}
	both.Limits.Writes, both.Limits.Load = true, true
	for _, row := range []struct {
		name         string
		url          string
		writes, load bool // flags
		env          *scenarios.Env
		stages       bool // load stages are run
		ok           bool
	}{
		{"loopback needs no permission", "http://127.0.0.1:1", false, false, nil, true, true},
		{"nothing is allowed", "http://192.0.2.1", false, false, nil, false, false},
		{"writes alone suffice without load", "http://192.0.2.1", true, false, nil, false, true},
		{"load alone does not", "http://192.0.2.1", false, true, nil, false, false},
		{"load stages need both", "http://192.0.2.1", true, false, nil, true, false},
		{"both are given", "http://192.0.2.1", true, true, nil, true, true},
		{"the env file allows both", "http://192.0.2.1", false, false, both, true, true},
	} {
		suite := &scenarios.Suite{}
		suite.Green.URL = row.url
		allowed := &Options{AllowWrites: row.writes, AllowLoad: row.load}
		if err := mayProxy(suite, allowed, row.env, row.stages); (err == nil) != row.ok {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

// A case is accused only of what its comparison could have seen.
func TestCountOfBrokenAnswers(t *testing.T) {
	equal := run.PlantedFault{What: "a", Invisible: true}
	ruled := run.PlantedFault{What: "b", Rules: []string{"s.yaml:2:5"}}
	seen := run.PlantedFault{What: "c"}
	for _, row := range []struct {
		name                    string
		verdict                 run.Verdict
		faults                  []run.PlantedFault
		hits, noticed           int
		missed, covered, equals int
	}{
		{"nothing was broken", run.Fail, nil, 0, 0, 0, 0, 0},
		{"noticed", run.Fail, []run.PlantedFault{seen}, 1, 1, 0, 0, 0},
		{"noticed in another way than by the comparison", run.Fail, []run.PlantedFault{ruled}, 1, 1, 0, 0, 0},
		{"missed", run.Pass, []run.PlantedFault{equal, ruled, seen}, 1, 0, 1, 0, 0},
		{"under a rule", run.Pass, []run.PlantedFault{equal, ruled}, 0, 0, 0, 1, 0},
		{"equal", run.Pass, []run.PlantedFault{equal}, 0, 0, 0, 0, 1},
	} {
		r := &tried{missed: map[string]string{}, covered: map[string]string{}}
		r.count(&run.CaseResult{ID: "s/c", Verdict: row.verdict, Steps: []run.StepResult{{Planted: row.faults}}})
		if r.hits != row.hits || r.noticed != row.noticed || len(r.missed) != row.missed || len(r.covered) != row.covered || r.equal != row.equals {
			t.Errorf("%s: %+v", row.name, r)
		}
	}
}
