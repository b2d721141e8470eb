package double

import (
	"embed"
	"slices"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/scenarios"
)

// SuiteFile is the name in Suite of the suite that judges where no other is given: it
// has no rules.
const SuiteFile = "tap.yaml"

// Suite holds SuiteFile.
//
//go:embed tap.yaml
var Suite embed.FS

// suiteName is that of a tap with several suites.
const suiteName = "boxes"

// mergeSuites is one suite that holds the services, identities and variables of all, and no
// case: clients bring the pairs. Two suites that give one service two addresses are an error.
func mergeSuites(suites []*scenarios.Suite) (*scenarios.Suite, error) {
	one := *suites[0]
	if len(suites) > 1 {
		one.Name = suiteName
	}
	// An advisory suite decides nothing, and here it judges everything.
	one.Gate, one.Wave, one.MinCoverage = scenarios.Required, 0, 0
	one.Cases, one.Loads, one.Setup, one.Teardown, one.Session = nil, nil, nil, nil, nil
	one.Blue.Services, one.Green.Services, one.Identity, one.Vars, one.Secrets = nil, nil, nil, nil, nil
	for _, s := range suites {
		for _, side := range []struct{ into, from *scenarios.SideConfig }{{&one.Blue, &s.Blue}, {&one.Green, &s.Green}} {
			for _, service := range side.from.Services {
				i := slices.IndexFunc(side.into.Services, func(b scenarios.Service) bool { return b.Name == service.Name })
				switch {
				case i < 0:
					side.into.Services = append(side.into.Services, service)
				case side.into.Services[i].URL != service.URL:
					return nil, hint.Errorf("name them differently, or use --suite with one file", "%s: service %s is %s here and %s in another suite",
						service.Pos, service.Name, service.URL, side.into.Services[i].URL)
				}
			}
		}
		one.Identity = append(one.Identity, s.Identity...)
		one.Secrets = append(one.Secrets, s.Secrets...)
		for _, v := range s.Vars {
			if !slices.ContainsFunc(one.Vars, func(w scenarios.Var) bool { return w.Name == v.Name }) {
				one.Vars = append(one.Vars, v)
			}
		}
	}
	return &one, nil
}
