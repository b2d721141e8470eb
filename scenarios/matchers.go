package scenarios

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// operand reads a value that something is compared with, its JSON type kept
// unless it is compared with text anyway (headers, cookies).
func (w *walker) operand(n *yaml.Node, what string, asText bool) *Template {
	n = source.Deref(n)
	if asText {
		t := w.template(n, what)
		if t != nil {
			t.JSON = ""
		}
		return t
	}
	node := w.jsonNode(n, what)
	switch node.Kind {
	case 's':
		return node.Text
	case 'l':
		return template.JSON(node.Literal, w.pos(n))
	}
	return &Template{Node: node, Pos: w.pos(n)}
}

// matchers reads what a value must be: a mapping of tests, or a value that
// stands for eq. asText is set where only text can be met.
func (w *walker) matchers(n *yaml.Node, what string, asText bool) []Matcher {
	n = source.Deref(n)
	if n.Kind != yaml.MappingNode {
		t := w.operand(n, what, asText)
		if t == nil {
			return nil
		}
		return []Matcher{{Op: OpEq, Value: t, Pos: w.pos(n)}}
	}
	if len(n.Content) == 0 {
		w.errorf(n, "write eq: {} to expect an empty object", "no matcher in %s", what)
	}
	return w.tests("matchers", n, what, asText)
}

// tests reads a mapping of tests by a table of them.
func (w *walker) tests(table string, n *yaml.Node, what string, asText bool) []Matcher {
	o := w.object(n, table, what)
	var out []Matcher
	for _, name := range o.t.names() {
		n := o.get(name)
		if n == nil {
			continue
		}
		m := Matcher{Op: opOf(name), Pos: w.pos(o.keys[name])}
		if w.matcher(o, name, source.Deref(n), &m, asText) {
			out = append(out, m)
		}
	}
	return out
}

func (w *walker) matcher(o *obj, name string, n *yaml.Node, m *Matcher, asText bool) bool {
	switch m.Op {
	case OpEq, OpNe, OpContains:
		m.Value = w.operand(n, name, asText)
	case OpLt, OpLte, OpGt, OpGte:
		m.Value = w.numberOperand(n, name)
	case OpIn:
		o.list(name, func(_ int, n *yaml.Node) {
			if t := w.operand(n, name, asText); t != nil {
				m.List = append(m.List, t)
			}
		})
		if len(m.List) == 0 && !o.broken {
			o.fail(n, "", "in has an empty list")
		}
	case OpMatches:
		if m.Value = o.template(name); m.Value != nil && m.Value.Static() {
			w.checkRegex(n, m.Value.Text, name)
		}
	case OpType, OpFormat:
		m.Value = template.Text(o.word(name), w.pos(n))
	case OpCount:
		m.Sub = w.counts(n, name)
		return len(m.Sub) > 0
	case OpUnique, OpExists, OpEmpty:
		text := strconv.FormatBool(o.bool(name, true))
		m.Value = template.JSON(text, w.pos(n))
		if m.Op == OpUnique && text == "false" && !o.broken {
			o.fail(n, "remove it", "unique: false tests nothing")
		}
	case OpEach:
		if n.Kind != yaml.MappingNode {
			o.fail(n, "write each: {type: string}", "each must be a mapping of matchers, not %s", kindWord(n))
			return false
		}
		m.Sub = w.matchers(n, "each", asText)
		return len(m.Sub) > 0
	case OpNot:
		o.list(name, func(_ int, n *yaml.Node) { m.Sub = append(m.Sub, w.tests("not", n, "not", asText)...) })
		return len(m.Sub) > 0
	}
	return m.Value != nil || len(m.List) > 0
}

// numberOperand reads a number or a placeholder.
func (w *walker) numberOperand(n *yaml.Node, what string) *Template {
	t := w.template(n, what)
	if t == nil {
		return nil
	}
	if t.Static() && !template.IsNumber(strings.TrimSpace(t.Text)) {
		hint := ""
		if _, err := template.ParseDuration(t.Text); err == nil {
			hint = "durations belong to latency"
		}
		w.errorf(n, hint, "%s must be a number, not %q", what, problem.Cut(t.Text, 40))
		return nil
	}
	return t
}

// counts reads a number or tests of a number.
func (w *walker) counts(n *yaml.Node, what string) []Matcher {
	n = source.Deref(n)
	if n.Kind != yaml.MappingNode {
		t := w.numberOperand(n, what)
		if t == nil {
			return nil
		}
		return []Matcher{{Op: OpEq, Value: t, Pos: w.pos(n)}}
	}
	o := w.object(n, "count", what)
	var out []Matcher
	for _, op := range o.t.names() {
		v := o.get(op)
		if v == nil {
			continue
		}
		m := Matcher{Op: opOf(op), Pos: w.pos(o.keys[op])}
		if m.Op == OpIn {
			o.list(op, func(_ int, n *yaml.Node) {
				if t := w.numberOperand(n, op); t != nil {
					m.List = append(m.List, t)
				}
			})
		} else if m.Value = w.numberOperand(v, op); m.Value == nil {
			continue
		}
		out = append(out, m)
	}
	if len(out) == 0 && len(n.Content) == 0 {
		o.fail(n, "write a number, or {gte: 1}", "no test in %s", what)
	}
	return out
}

// maxRegex bounds patterns.
const maxRegex = 1 << 10

func (w *walker) checkRegex(n *yaml.Node, text, what string) {
	if len(text) > maxRegex {
		w.errorf(n, "", "%s is longer than %d bytes", what, maxRegex)
		return
	}
	if _, err := regexp.Compile(text); err != nil {
		msg := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		hint := ""
		if strings.Contains(msg, "invalid or unsupported Perl syntax") {
			hint = "RE2 has no lookaround and no backreferences"
		}
		w.errorf(n, hint, "%s: %s", what, msg)
	}
}

// String is the matcher as a person would say it, its operand unexpanded.
func (m Matcher) String() string {
	if m.Value != nil {
		return m.Op.String() + " " + m.Value.Text
	}
	return fmt.Sprintf("%s %v", m.Op, append(m.Sub[:0:0], m.Sub...))
}

// jsonNode reads a JSON value written in YAML: a plain scalar in JSON's number
// grammar, true, false and null are that literal as written; any other scalar
// is a string, with a warning where YAML would have read something else. Names of
// members may have placeholders; see JSONNode.
func (w *walker) jsonNode(n *yaml.Node, what string) *JSONNode {
	n = source.Deref(n)
	w.checkTag(n)
	switch n.Kind {
	case yaml.MappingNode:
		out := &JSONNode{Kind: 'o'}
		w.pairs(n, func(k, v *yaml.Node) {
			if emptyNull(v) {
				w.errorf(k, `write null, or "" for an empty text`, "key %q has no value in %s", k.Value, what)
				return
			}
			out.Keys = append(out.Keys, w.jsonText(k, what))
			out.Items = append(out.Items, w.jsonNode(v, what))
		})
		return out
	case yaml.SequenceNode:
		out := &JSONNode{Kind: 'a'}
		for _, c := range n.Content {
			if emptyNull(source.Deref(c)) {
				w.errorf(c, `write null, or "" for an empty text`, "an element of %s is empty", what)
				continue
			}
			out.Items = append(out.Items, w.jsonNode(c, what))
		}
		return out
	}
	if isLiteral(n) {
		return &JSONNode{Kind: 'l', Literal: n.Value}
	}
	w.warnMisread(n)
	return &JSONNode{Kind: 's', Text: w.jsonText(n, what)}
}

// jsonText reads the text of a string or of a member's name.
func (w *walker) jsonText(n *yaml.Node, what string) *Template {
	t, errs := template.Parse(n.Value, w.pos(n))
	for _, e := range errs {
		w.errorAt(n, e.Offset, e.Hint, "%s: %s", what, e.Msg)
	}
	if len(errs) > 0 {
		t = template.Text(n.Value, w.pos(n))
	}
	w.places[t] = place{w, n}
	return t
}

// emptyNull is a value that was left out, as opposed to a written null.
func emptyNull(n *yaml.Node) bool { return source.IsNull(n) && n.Value == "" }

// warnMisread warns of plain scalars that YAML reads as a number, date, boolean
// or null and JSON does not know.
func (w *walker) warnMisread(n *yaml.Node) {
	if n.Style != 0 {
		return
	}
	read := ""
	switch n.ShortTag() {
	case "!!int", "!!float":
		read = "a number"
	case "!!timestamp":
		read = "a date"
	case "!!bool":
		read = "true or false"
	case "!!null":
		read = "null"
	}
	if read == "" {
		return
	}
	w.warnf(n, fmt.Sprintf("quote it to say so: %q", n.Value), "%s is text here; YAML reads %s", n.Value, read)
}
