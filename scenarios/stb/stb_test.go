package stb_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/fixtures"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/stb"
)

func load(t *testing.T) []*scenarios.Suite {
	t.Helper()
	suites, problems := scenarios.Load(stb.FS, []string{"."}, scenarios.LoadOptions{
		Now: time.Now(), BlueURL: "http://127.0.0.1:1", GreenURL: "http://127.0.0.1:2",
		Getenv: func(string) (string, bool) { return "", false },
	})
	if len(problems) > 0 {
		var b strings.Builder
		problems.Write(&b)
		t.Fatalf("%d problems:\n%s", len(problems), b.String())
	}
	return suites
}

// The suite keeps what it is shipped as: without a problem or warning, at least
// 40 cases over 12 services, crossovers, a load stage, and a sign-off for each rule.
func TestSuite(t *testing.T) {
	services := make(map[string]bool)
	cases, crossovers, loads, alone := 0, 0, 0, 0
	for _, suite := range load(t) {
		loads += len(suite.Loads)
		for _, c := range suite.Cases {
			cases++
			if c.Crossover {
				crossovers++
			}
			if first := c.Steps[0]; slices.Contains(c.Tags, "smoke") && len(c.Steps) == 1 && first.Auth != nil && first.Auth.Kind == scenarios.AuthNone {
				alone++
			}
			for _, step := range c.Steps {
				services[step.Service] = true
				for _, rule := range step.Rules {
					if rule.Why == "" {
						t.Errorf("%s: rule at %s without a why", c.ID, rule.Origin)
					}
				}
			}
		}
	}
	if alone == 0 {
		t.Error("no smoke case is asked without a session: the probe of a shift with tag: smoke has nothing to ask")
	}
	if cases < 40 || len(services) < 12 || crossovers < 1 || loads != 1 {
		t.Errorf("%d cases, %d services %v, %d crossovers, %d load stages", cases, len(services), services, crossovers, loads)
	}
}

// The table of faults names cases that exist.
func TestFaultsNameCases(t *testing.T) {
	known := make(map[string]bool)
	for _, suite := range load(t) {
		for _, c := range suite.Cases {
			known[c.ID] = true
		}
		for _, l := range suite.Loads {
			known[l.Name] = true
		}
	}
	name := regexp.MustCompile("stb-[a-z-]+/[a-z-]+|`[a-z ]+`")
	for _, fault := range fixtures.Faults() {
		for _, id := range name.FindAllString(fault.Caught, -1) {
			if !known[strings.Trim(id, "`")] {
				t.Errorf("fault %s is to be caught by %s, which does not exist", fault.Name, id)
			}
		}
	}
}
