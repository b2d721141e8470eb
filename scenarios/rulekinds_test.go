package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
)

// Every kind of rules that the comparison knows can be written in a file with all
// of its parameters, and the documentation of its keys names it.
func TestEveryRuleKindIsRead(t *testing.T) {
	place := map[diff.Do]string{diff.DoOnly: "headers: [etag]"}
	values := map[string]string{"by": "id", "as": "NAME", "abs": "1", "rel": "0.1", "within": "5s", "is": "uuid", "notation": "any", "blue": "a", "green": "b", "kind": "added", "max": "3", "allow": "true"}
	for _, k := range diff.RuleKinds() {
		at := place[k.Do]
		if at == "" {
			at = "at: $.a"
		}
		parts := []string{at, fmt.Sprintf("do: %q", string(k.Do)), "why: w", "until: 2999-01-31"}
		for _, name := range k.Params {
			value := values[name]
			switch {
			case keys.Tables["rule"].Key(name) == nil:
				t.Errorf("%s takes %q, which is not a key of rules", k.Do, name)
			case name == "headers", name == "pattern": // a place; for another form of the rule
				continue
			case name == "as" && k.AsList:
				value = "[" + strings.Join(k.As, ", ") + "]"
			case name == "as" && slices.Contains(k.As, "set"):
				value = "set" // not every word goes with by
			case name == "as" && len(k.As) > 0:
				value = k.As[0]
			}
			parts = append(parts, name+": "+value)
		}
		text := "rules:\n  - {" + strings.Join(parts, ", ") + "}\n"
		rules, problems := LoadRules(fstest.MapFS{"r.yaml": {Data: []byte(text)}}, "r.yaml", LoadOptions{Now: today, Getenv: noEnv})
		if problems.HasErrors() || len(rules) != 1 || rules[0].Do != k.Do {
			t.Errorf("%s: %v\n%s", k.Do, problems, text)
		}
	}
}
