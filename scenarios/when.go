package scenarios

import (
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A VarExpect is what a variable must be for a step to run.
type VarExpect struct {
	Name string
	// Value is the variable alone, as a placeholder.
	Value    *Template
	Matchers []Matcher
	Pos      Pos
}

// readWhen reads a step's condition: one placeholder that must not be empty, or a
// mapping of tests on variables and on the previous answer. A condition that cannot be
// false is a problem: a step that always runs where somebody wanted a choice.
func (w *walker) readWhen(o *keys.Mapping, n *yaml.Node, s *Step, what string) {
	n = source.Deref(n)
	if n.Kind != yaml.MappingNode {
		if t := o.Template("when"); t != nil && w.checkCanFail(n, t) {
			s.WhenVar = t
		}
		return
	}
	x := w.Object(n, "when", what)
	// A variable may be expected to be null.
	x.EachPairOrNull("vars", func(k, v *yaml.Node) {
		if e, ok := w.readVarExpect(k, v); ok {
			s.WhenVars = append(s.WhenVars, e)
		}
	})
	x.RefuseEmpty("vars", "write {name: value}")
	// The other keys are tests of the previous answer.
	e := &Expect{}
	if w.readExpectInto(x, e); len(e.Written) > 0 {
		s.When = e
	}
	o.Broken = o.Broken || x.Broken
}

// readVarExpect reads the tests of one variable. The variable is kept as a template, so that it
// is looked up, checked and expanded like any placeholder.
func (w *walker) readVarExpect(k, v *yaml.Node) (VarExpect, bool) {
	name := k.Value
	if env, ok := template.CutEnv(name); (!ok || template.BadNameAt(env) >= 0) && !w.CheckVarName(k, name) {
		return VarExpect{}, false
	}
	t, _ := template.Parse("{{"+name+"}}", w.Pos(k))
	m := w.readMatchers(v, "variable "+name, false)
	return VarExpect{Name: name, Value: t, Matchers: m, Pos: w.Pos(k)}, len(m) > 0
}

// checkCanFail refuses a condition that is the same whatever the variables are: text
// next to a placeholder is never empty, so that {{x}} == yes would always hold.
func (w *walker) checkCanFail(n *yaml.Node, t *Template) bool {
	if t.Static() {
		w.Errorf(n, "write a placeholder, or when: {vars: {name: value}}; a case that is not to run has skip: reason",
			"when: %s is always the same", problem.Cut(t.Text, 40))
		return false
	}
	for i := range t.Parts {
		if t.Parts[i].Name == "" && strings.TrimSpace(t.Parts[i].Literal) != "" {
			w.Errorf(n, comparisonHint(t), "this condition always holds: text next to a placeholder is never empty")
			return false
		}
	}
	return true
}

var comparison = regexp.MustCompile(`^\s*(==|=|!=|<>|<=|>=|<|>)\s*(.+?)\s*$`)

// comparisonHint writes a comparison such as {{x}} == yes, which other tools have, as a test
// of x. Expressions were rejected: they need types, precedence and quoting of their own,
// and matchers say the same in the words of expect.
func comparisonHint(t *Template) string {
	const general = "compare a variable: when: {vars: {name: value}}"
	if len(t.Parts) != 2 || t.Parts[0].Name == "" || len(t.Parts[0].Filters) > 0 || strings.ContainsAny(t.Parts[0].Name, "$'") {
		return general
	}
	m := comparison.FindStringSubmatch(t.Parts[1].Literal)
	if m == nil {
		return general
	}
	test := map[string]string{
		"==": "%s", "=": "%s", "!=": "{ne: %s}", "<>": "{ne: %s}", "<": "{lt: %s}", "<=": "{lte: %s}",
		">": "{gt: %s}", ">=": "{gte: %s}",
	}[m[1]]
	return fmt.Sprintf("write when: {vars: {%s: "+test+"}}", t.Parts[0].Name, problem.Cut(m[2], 40))
}

// whenNode is the when of a case's first step, looked up in the tree: the case may be of
// steps or of one request.
func whenNode(o *keys.Mapping) *yaml.Node {
	n := o.Node
	if list := o.Values["steps"]; list != nil && len(source.Deref(list).Content) > 0 {
		n = source.Deref(source.Deref(list).Content[0])
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "when" {
			return n.Content[i+1]
		}
	}
	return n
}
