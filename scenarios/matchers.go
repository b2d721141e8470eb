package scenarios

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// readOperand reads a value that something is compared with, its JSON type kept
// unless it is compared with text anyway (headers, cookies).
func (w *walker) readOperand(n *yaml.Node, what string, asText bool) *Template {
	n = source.Deref(n)
	if asText {
		t := w.Template(n, what)
		if t != nil {
			t.JSON = ""
		}
		return t
	}
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
		m := Matcher{Op: opOf(name), Pos: w.Pos(o.Keys[name])}
		if w.readMatcher(o, name, source.Deref(n), &m, asText) {
			out = append(out, m)
		}
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
	if t.Static() && !template.IsNumber(strings.TrimSpace(t.Text)) {
		hint := ""
		if _, err := template.ParseDuration(t.Text); err == nil {
			hint = "durations belong to latency"
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
func (m Matcher) String() string {
	if m.Value != nil {
		return m.Op.String() + " " + m.Value.Text
	}
	return fmt.Sprintf("%s %v", m.Op, append(m.Sub[:0:0], m.Sub...))
}
