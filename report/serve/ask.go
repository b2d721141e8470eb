package serve

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/runner/run"
)

// askNames are the conditions that a gate takes, as parameters of its URL and as metadata
// of Flagger.
var askNames = []string{"after", "digest", "env", "green_build", "max_age", "partial", "require", "service", "suites", "without"}

// readAsk reads conditions by name. One that is unknown, empty or malformed is a mistake:
// a condition that is passed over would open the gate.
func (m menu) readAsk(given map[string]string) (Ask, error) {
	// Every condition that is wrong is reported, in the order of the names: whoever writes a gate
	// into a pipeline mends them at once.
	var a Ask
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(given)) {
		value := given[name]
		var err error
		switch {
		case !slices.Contains(askNames, name):
			help := "one of " + strings.Join(askNames, ", ")
			if near := suggest.Nearest(name, askNames); near != "" {
				help = "did you mean " + near + "?"
			}
			err = hint.Errorf(help, "unknown condition %q", cut(name))
		case value == "" || len(value) > maxField:
			err = fmt.Errorf("%s is empty, or longer than %d bytes", name, maxField)
		default:
			err = m.setAsk(&a, name, value)
		}
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	// A condition that demands and waives the same part would be answered by whichever is read
	// last.
	for _, what := range a.Gate.Require {
		if slices.Contains(a.Gate.Without, what) {
			wrong = append(wrong, fmt.Errorf("require and without both name %s", what))
		}
	}
	return a, errors.Join(wrong...)
}

// setAsk sets one condition.
func (m menu) setAsk(a *Ask, name, value string) (err error) {
	switch name {
	case "after":
		a.Gate.After.Stages, err = readStages(value)
	case "digest":
		a.Gate.Digest = value
	case "env":
		a.Env, err = m.env(value)
	case "green_build":
		a.Gate.GreenBuild = value
	case "max_age":
		a.Gate.MaxAge, err = readAge(value)
	case "partial":
		if a.Gate.Partial, err = strconv.ParseBool(value); err != nil {
			err = fmt.Errorf("partial: %q is neither true nor false", cut(value))
		}
	case "require":
		a.Gate.Require, err = readAspects(name, value)
	case "service":
		a.Gate.Service = value
	case "suites":
		a.Suites, err = m.readSuites(value)
	case "without":
		a.Gate.Without, err = readAspects(name, value)
	}
	return err
}

func readAge(value string) (time.Duration, error) {
	age, err := time.ParseDuration(value)
	if err != nil || age <= 0 {
		return 0, hint.Errorf("max_age=2h", "max_age: %q is not a duration above zero", cut(value))
	}
	return age, nil
}

// readStages reads names of stages separated by commas.
func readStages(value string) ([]string, error) {
	stages := strings.Split(value, ",")
	for i := range stages {
		if stages[i] = strings.TrimSpace(stages[i]); stages[i] == "" {
			return nil, hint.Errorf("after=dev,verification", "after: a stage is empty")
		}
	}
	return stages, nil
}

// readAspects reads a condition that lists parts of a run.
func readAspects(name, value string) ([]run.Aspect, error) {
	list, err := archive.ParseAspects(strings.Split(value, ","))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return list, nil
}

// readSuites reads names separated by commas.
func (m menu) readSuites(value string) ([]string, error) {
	names := strings.Split(value, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	// The names are checked as those of an order are, without its other fields.
	o, err := menu{suites: m.suites}.complete(Order{ID: "x", Suites: names})
	return o.Suites, err
}
