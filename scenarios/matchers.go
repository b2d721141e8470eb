package scenarios

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// readOperand reads a value that something is compared with, its JSON type kept
// unless it is compared with text anyway (headers, cookies).
// A placeholder that is the whole operand keeps the type of its value.
func (w *walker) readOperand(n *yaml.Node, what string, asText bool) *Template {
	n = source.Deref(n)
	// Headers and cookies are text: the spelling counts, not the type.
	if asText {
		t := w.Template(n, what)
		if t != nil {
			t.JSON = ""
		}
		return t
	}
	// A list or mapping is compared as a whole, with its placeholders expanded.
	node := w.JSONNode(n, what)
	switch node.Kind {
	case 's':
		return node.Text
	case 'l':
		return template.JSON(node.Literal, w.Pos(n))
	}
	return &Template{Node: node, Pos: w.Pos(n)}
}

// readMatchers reads what a value must be: a mapping of tests, or a value that
// stands for eq. asText is set where only text can be met.
// It returns nil where a problem was reported.
func (w *walker) readMatchers(n *yaml.Node, what string, asText bool) []Matcher {
	n = source.Deref(n)
	if n.Kind != yaml.MappingNode {
		t := w.readOperand(n, what, asText)
		if t == nil {
			return nil
		}
		return []Matcher{{Op: OpEq, Value: t, Pos: w.Pos(n)}}
	}
	if len(n.Content) == 0 {
		w.Errorf(n, "write eq: {} to expect an empty object", "no matcher in %s", what)
	}
	return w.readTests("matchers", n, what, asText)
}

// readTests reads a mapping of tests by a table of them, in the order of the table: reports
// list the tests of a value in the same order whatever the file's is.
func (w *walker) readTests(table string, n *yaml.Node, what string, asText bool) []Matcher {
	o := w.Object(n, table, what)
	var out []Matcher
	for _, name := range o.Table.Names() {
		n := o.Get(name)
		if n == nil {
			continue
		}
		if name == "all" {
			out = append(out, w.readMore(o, n, what, asText)...)
			continue
		}
		// The place is that of the key, since operands may be several lines.
		m := Matcher{Op: opOf(name), Pos: w.Pos(o.Keys[name])}
		if w.readMatcher(o, name, source.Deref(n), &m, asText) {
			out = append(out, m)
		}
	}
	return out
}

// readMore reads all: its tests are tests of the value like those next to it, and are kept
// like them.
func (w *walker) readMore(o *keys.Mapping, n *yaml.Node, what string, asText bool) []Matcher {
	var out []Matcher
	o.EachElement("all", func(_ int, one *yaml.Node) {
		if one = source.Deref(one); one.Kind != yaml.MappingNode {
			o.Fail(one, "write all: [{contains: id}, {contains: name}]", "all is a list of mappings of matchers, not of %s", keys.KindWord(one))
			return
		}
		out = append(out, w.readMatchers(one, what, asText)...)
	})
	if len(out) == 0 && !o.Broken {
		o.Fail(n, "", "all has an empty list")
	}
	return out
}

// readMatcher reads the operand of one test into m, and reports whether there is one. Which
// operand a test takes is said at the constants of [Op].
func (w *walker) readMatcher(o *keys.Mapping, name string, n *yaml.Node, m *Matcher, asText bool) bool {
	switch m.Op {
	case OpEq, OpNe, OpContains:
		m.Value = w.readOperand(n, name, asText)
	case OpLt, OpLte, OpGt, OpGte:
		m.Value = w.readNumberOperand(n, name)
	case OpIn:
		o.EachElement(name, func(_ int, n *yaml.Node) {
			if t := w.readOperand(n, name, asText); t != nil {
				m.List = append(m.List, t)
			}
		})
		if len(m.List) == 0 && !o.Broken {
			o.Fail(n, "", "in has an empty list")
		}
	case OpMatches:
		if m.Value = o.Template(name); m.Value != nil && m.Value.Static() {
			w.checkRegex(n, m.Value.Text, name)
		}
	case OpType, OpFormat:
		m.Value = template.Text(o.Word(name), w.Pos(n))
	case OpInstant:
		if m.Value = o.Template(name); m.Value != nil && m.Value.Static() {
			if _, err := time.Parse(time.RFC3339, m.Value.Text); err != nil {
				o.Fail(n, "write it as 2026-01-31T10:00:00Z", "%q is not a time of RFC 3339", problem.Cut(m.Value.Text, 40))
			}
		}
	case OpCount:
		m.Sub = w.readCounts(n, name)
		return len(m.Sub) > 0
	// Without a word they mean true; unique: false would test nothing.
	case OpUnique, OpExists, OpEmpty:
		text := strconv.FormatBool(o.Bool(name, true))
		m.Value = template.JSON(text, w.Pos(n))
		if m.Op == OpUnique && text == "false" && !o.Broken {
			o.Fail(n, "remove it", "unique: false tests nothing")
		}
	// each of a plain value would be read as eq and is refused: who writes
	// each: string means a type.
	case OpEach:
		if n.Kind != yaml.MappingNode {
			o.Fail(n, "write each: {type: string}", "each must be a mapping of matchers, not %s", keys.KindWord(n))
			return false
		}
		m.Sub = w.readMatchers(n, "each", asText)
		return len(m.Sub) > 0
	case OpNot:
		o.EachElement(name, func(_ int, n *yaml.Node) { m.Sub = append(m.Sub, w.readTests("not", n, "not", asText)...) })
		if n.Kind != yaml.ScalarNode && len(n.Content) == 0 {
			o.Fail(n, "", "no test in not")
		}
		return len(m.Sub) > 0
	}
	return m.Value != nil || len(m.List) > 0
}

// readNumberOperand reads a number or a placeholder.
func (w *walker) readNumberOperand(n *yaml.Node, what string) *Template {
	t := w.Template(n, what)
	if t == nil {
		return nil
	}
	// A placeholder is checked when it has a value.
	if t.Static() && !template.IsNumber(strings.TrimSpace(t.Text)) {
		hint := ""
		if _, err := template.ParseDuration(t.Text); err == nil {
			hint = "durations belong to latency"
		}
		if strings.HasPrefix(t.Text, ">") || strings.HasPrefix(t.Text, "<") {
			hint = "write a matcher: {gt: 3}, {gte: 3}, {lt: 3} or {lte: 3}"
		}
		w.Errorf(n, hint, "%s must be a number, not %q", what, problem.Cut(t.Text, 40))
		return nil
	}
	return t
}

// readCounts reads a number or tests of a number: `count: 3` is `count: {eq: 3}`.
func (w *walker) readCounts(n *yaml.Node, what string) []Matcher {
	n = source.Deref(n)
	if n.Kind != yaml.MappingNode {
		t := w.readNumberOperand(n, what)
		if t == nil {
			return nil
		}
		return []Matcher{{Op: OpEq, Value: t, Pos: w.Pos(n)}}
	}
	o := w.Object(n, "count", what)
	var out []Matcher
	for _, op := range o.Table.Names() {
		v := o.Get(op)
		if v == nil {
			continue
		}
		m := Matcher{Op: opOf(op), Pos: w.Pos(o.Keys[op])}
		if m.Op == OpIn {
			o.EachElement(op, func(_ int, n *yaml.Node) {
				if t := w.readNumberOperand(n, op); t != nil {
					m.List = append(m.List, t)
				}
			})
		} else if m.Value = w.readNumberOperand(v, op); m.Value == nil {
			continue
		}
		out = append(out, m)
	}
	if len(out) == 0 && len(n.Content) == 0 {
		o.Fail(n, "write a number, or {gte: 1}", "no test in %s", what)
	}
	return out
}

// maxRegex bounds patterns, in bytes. RE2 is linear in the text but not in the pattern.
const maxRegex = 1 << 10

// checkRegex compiles a pattern while the file is read; it is compiled again where it is
// used, with the values of its placeholders.
func (w *walker) checkRegex(n *yaml.Node, text, what string) {
	// Length first: compiling is what costs.
	if len(text) > maxRegex {
		w.Errorf(n, "", "%s is longer than %d bytes", what, maxRegex)
		return
	}
	if _, err := regexp.Compile(text); err != nil {
		msg := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		hint := ""
		if strings.Contains(msg, "invalid or unsupported Perl syntax") {
			hint = "RE2 has no lookaround and no backreferences"
		}
		w.Errorf(n, hint, "%s: %s", what, msg)
	}
}

// String is the matcher as a person would say it, its operand unexpanded.
// It is what reports show of an expectation that failed.
func (m Matcher) String() string {
	if m.Value != nil {
		return m.Op.String() + " " + m.Value.Text
	}
	return fmt.Sprintf("%s %v", m.Op, append(m.Sub[:0:0], m.Sub...))
}

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

// comparison is the text after a placeholder that other tools would read as an operator and
// an operand.
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
