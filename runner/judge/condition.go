package judge

import (
	"errors"
	"fmt"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/template"
)

// VariableHolds tests a variable; one that has no value is only known not to exist.
func VariableHolds(v *scenarios.VarExpect, sc template.Scope, hidden HiddenValues) (bool, error) {
	tests, err := newTests(v.Matchers, sc)
	if err != nil {
		return false, err
	}
	value, found, err := sc.Lookup(v.Name)
	if err != nil && !errors.Is(err, template.ErrNoValue) {
		return false, err
	}
	for i := range tests {
		t := &tests[i]
		switch {
		case t.Op == scenarios.OpExists && found != t.want():
			return false, nil
		case t.Op == scenarios.OpExists:
		case found && t.needsValue([]datum{valueDatum(value)}, hidden):
			return false, fmt.Errorf("variable %s: %s", v.Name, run.NotKept)
		case !found || !t.holds(valueDatum(value)):
			return false, nil
		}
	}
	return true, nil
}

// Holds asks a condition of an answer, and says why it does not hold. No answer,
// or a failed one, holds nothing.
func Holds(expect *scenarios.Expect, side scenarios.Side, a *Answer, sc template.Scope) (ok bool, why string, err error) {
	checks, err := NewChecks(expect, sc)
	if err != nil {
		return false, "", err
	}
	checks.sparse = true
	switch {
	case a == nil:
		return false, "there is no answer", nil
	case a.Err != nil:
		return false, fmt.Sprintf("%s: %s", a.Err.Class, a.Err.Detail), nil
	}
	for _, e := range checks.Check(side, a, nil) {
		if e.Withheld() {
			return false, "", fmt.Errorf("%s: %s", e.What, e.Got)
		}
		if !e.OK {
			return false, fmt.Sprintf("expected %s, got %s", e.What, e.Got), nil
		}
	}
	return true, "", nil
}
