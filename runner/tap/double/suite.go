package double

import (
	"cmp"
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
		err := cmp.Or(mergeServices(&one.Blue, &s.Blue), mergeServices(&one.Green, &s.Green))
		if err != nil {
			return nil, err
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

// mergeServices adds the services of a side of another suite.
func mergeServices(into, from *scenarios.SideConfig) error {
	for _, service := range from.Services {
		i := slices.IndexFunc(into.Services, func(b scenarios.Service) bool { return b.Name == service.Name })
		switch {
		case i < 0:
			into.Services = append(into.Services, service)
		case into.Services[i].URL != service.URL:
			return hint.Errorf("name them differently, or use --suite with one file", "%s: service %s is %s here and %s in another suite",
				service.Pos, service.Name, service.URL, into.Services[i].URL)
		}
	}
	return nil
}
