package jmeter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A names knows every variable and property of a plan, and writes those that
// requests use into the suite.
type names struct {
	p *plan
	// variables are user defined variables: all of a plan count everywhere, and the
	// last of a name wins.
	variables map[string]string
	// properties are those of the properties file.
	properties map[string]string
	// set are properties that the plan sets from a variable: property to raw text.
	set map[string]string
	// constants are variables that a script sets to a text, or that a data file
	// with one row holds.
	constants map[string]string
	// setters name the elements that set a variable in a form that is not
	// converted, for the report.
	setters map[string]string
	taken   *naming.Namer
	given   map[string]string // key (kind and name) to the name in the language
	written map[string]bool   // names in the language that suite vars or needs hold
	busy    []string          // definitions that are being resolved
	depth   int               // of constants and functions that are being resolved
	alias   map[string]string // property to the variable that is defined as it
	// captured are variables that a step of setup captures.
	captured map[string]bool
	// mayBeNumber are variables, by their name in the language, that an answer or a
	// generator may give a number.
	mayBeNumber map[string]bool
}

func newNames(p *plan) *names {
	return &names{
		p: p, variables: map[string]string{}, properties: map[string]string{}, set: map[string]string{}, constants: map[string]string{}, setters: map[string]string{},
		taken: naming.NewNamer("_"), given: map[string]string{}, written: map[string]bool{}, alias: map[string]string{}, captured: map[string]bool{}, mayBeNumber: map[string]bool{},
	}
}

// name is the language's name of a variable ("v"), or of a property ("p").
func (n *names) name(kind, name string) string {
	key := kind + ":" + name
	if out, known := n.given[key]; known {
		return out
	}
	n.given[key] = n.taken.Take(naming.VarName(name))
	return n.given[key]
}

// suiteVar writes a variable of the suite once. Secrets are read from the
// environment.
func (n *names) suiteVar(name, original, marked string) {
	if n.written[name] {
		return
	}
	n.written[name] = true
	if !web.HasMark(marked) && marked != "" && (naming.SecretName(original) || naming.SecretText(marked)) {
		marked = n.p.Secret(&web.Request{}, original, marked, "the value of "+naming.OneLine(original, 60))
	}
	n.p.Suite.Vars = append(n.p.Suite.Vars, model.Var{Name: name, Text: n.p.Text(marked)})
	n.p.Report.Mapped(model.Variables, 1)
}

// need asks for a variable from outside.
func (n *names) need(name, original, why string) string {
	if !n.written[name] {
		n.written[name] = true
		n.p.Suite.Needs = append(n.p.Suite.Needs, name)
		n.p.Report.Note("", "%s comes from outside (--var %s=…): %s", naming.OneLine(original, 80), name, why)
	}
	return web.Marked(name)
}

// variable is ${name} outside captures, rows and what the walk knows.
func (n *names) variable(name string) string {
	if n.captured[name] { // by setup: it wins over every other value
		return web.Marked(n.name("v", name))
	}
	// A text that a script or a data file with one row sets.
	if text, known := n.constants[name]; known {
		n.suiteVar(n.name("v", name), name, text)
		return web.Marked(n.name("v", name))
	}
	// Nothing sets it, or it is defined by itself.
	raw, known := n.variables[name]
	if !known || slices.Contains(n.busy, name) {
		why := "nothing in the plan sets it"
		if by := n.setters[name]; by != "" {
			why = "set by " + by + ", which is not converted"
		}
		return n.need(n.name("v", name), name, why)
	}
	out := n.name("v", name)
	if n.written[out] {
		return web.Marked(out)
	}
	n.busy = append(n.busy, name)
	defer func() { n.busy = n.busy[:len(n.busy)-1] }()
	if r := single(raw); r != nil && isProperty(r.name) && n.set[r.arg(0)] == "" {
		// host = ${__P(host,localhost)}: one variable with the property's default.
		property := n.constantOr(r.arg(0))
		if _, twice := n.alias[property]; !twice && n.given["p:"+property] == "" {
			n.alias[property], n.given["p:"+property] = name, out
			return n.property(r)
		}
	}
	// Its own references become variables of the suite in turn.
	text := n.p.plain().text(raw)
	n.suiteVar(out, name, text)
	return web.Marked(out)
}

func isProperty(function string) bool { return function == "__P" || function == "__property" }

// propertyDefault is the default that a reference to a property gives.
func (r *ref) propertyDefault() (text string, has bool) {
	i := 1
	if r.name == "__property" {
		i = 2
	}
	return strings.TrimSpace(r.arg(i)), len(r.args) > i
}

// property is ${__P(name,default)} or ${__property(name,variable,default)}.
func (n *names) property(r *ref) string {
	name := strings.TrimSpace(n.constantOr(r.arg(0)))
	value, has := r.propertyDefault()
	if raw, set := n.set[name]; set {
		return n.p.plain().text(raw)
	}
	out := n.name("p", name)
	switch given, known := n.properties[name]; {
	case n.written[out]:
	case known:
		n.suiteVar(out, name, given)
	case has:
		n.suiteVar(out, name, n.p.plain().text(value))
	default:
		return n.need(out, name, "the property "+strconv.Quote(naming.OneLine(name, 60))+" has no default")
	}
	return web.Marked(out)
}

func (n *names) constantOr(raw string) string {
	if text, ok := n.constant(raw); ok {
		return text
	}
	return raw
}

// integer is a text that is a whole number in every thread and iteration.
func (n *names) integer(raw string) (int, bool) {
	text, ok := n.constant(strings.TrimSpace(raw))
	i, err := strconv.Atoi(strings.TrimSpace(text))
	return i, ok && err == nil
}

// number is a text that is a number in every thread and iteration.
func (n *names) number(raw string) (float64, bool) {
	text, ok := n.constant(strings.TrimSpace(raw))
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return f, ok && err == nil
}

// constant resolves a text that is the same in every thread and iteration, with
// the defaults of its properties.
func (n *names) constant(raw string) (string, bool) {
	n.depth++
	defer func() { n.depth-- }()
	var b strings.Builder
	for _, p := range pieces(raw) {
		if p.ref == nil {
			b.WriteString(p.literal)
			continue
		}
		if n.depth > maxReferences {
			return "", false
		}
		value, known := n.rawOf(p.ref)
		text, ok := n.constant(value)
		if !known || !ok {
			return "", false
		}
		b.WriteString(text)
	}
	return b.String(), true
}

// maxReferences bounds how often a value names another one, or a function holds another one:
// they may name each other in a circle.
const maxReferences = 20

// rawOf is the text that a reference stands for.
func (n *names) rawOf(r *ref) (string, bool) {
	if isProperty(r.name) {
		name := n.constantOr(r.arg(0))
		if text, known := n.properties[strings.TrimSpace(name)]; known {
			return text, true
		}
		text, has := r.propertyDefault()
		return text, has && n.set[name] == ""
	}
	switch {
	case r.name == "__V":
		return "${" + n.constantOr(r.arg(0)) + "}", true
	case r.name == "__threadNum":
		return "1", true
	case r.name == "__CSVRead":
		return n.p.files.cell(n.constantOr(r.arg(0)), n.constantOr(r.arg(1)))
	case r.function:
		return "", false
	}
	if text, known := n.constants[r.name]; known {
		return strings.ReplaceAll(text, "$", `\$`), true
	}
	raw, known := n.variables[r.name]
	return raw, known
}

// collect reads what counts in the whole plan: variables, and what scripts set.
func (n *names) collect(top *node) {
	top.walk(func(x *node) {
		switch role := x.role(); {
		case x.class == "TestPlan":
			n.arguments(propOf(x.props, "TestPlan.user_defined_variables"))
		case x.class == "Arguments":
			n.arguments(x.props)
		case role == after, role == before, role == assertion, role == sampler:
			n.script(x)
		}
	})
}

func (n *names) arguments(props *element) {
	for _, a := range list(props, "Arguments.arguments") {
		name := strings.TrimSpace(textOf(a, "Argument.name"))
		if name == "" {
			name = strings.TrimSpace(a.attr("name"))
		}
		if name != "" {
			n.variables[name] = textOf(a, "Argument.value")
		}
	}
}

// A scope is what a text is resolved in: where the walk is.
type scope struct {
	p *plan
	// local are variables whose value is known here, as marked text: a user
	// parameter, a counter of a loop that is written out.
	local map[string]string
	// captured are what earlier steps of the case captured; columns those of its rows.
	captured, columns map[string]bool
	// aliases are captures of several groups: their text.
	joined map[string]string
	// vars receives variables of the case.
	vars *[]model.Var
	// request is where lost functions are reported.
	request *web.Request
	// literal writes the value of a variable out that the language would escape in
	// an address: JMeter puts it there as it is.
	literal bool
	// free is the address of the request at hand that begins with a value, which
	// the language then takes for an address; empty: it begins with text.
	free string
}

// plain is the scope outside every case.
func (p *plan) plain() *scope { return &scope{p: p} }

// text is a text of the plan as marked text.
func (s *scope) text(raw string) string {
	var b strings.Builder
	for _, p := range pieces(raw) {
		if p.ref == nil {
			b.WriteString(strings.ReplaceAll(p.literal, web.Mark, ""))
		} else {
			b.WriteString(s.value(p.ref))
		}
	}
	return b.String()
}

// value is a reference as marked text.
func (s *scope) value(r *ref) string {
	n := s.p.names
	switch {
	case r.function:
		return s.function(r)
	case s.local[r.name] != "":
		return s.local[r.name]
	case s.joined[r.name] != "":
		return s.joined[r.name]
	case s.captured[r.name], s.columns[r.name]:
		return web.Marked(n.name("v", r.name))
	case strings.HasPrefix(r.name, "JMeterThread."):
		return "true"
	}
	if s.literal {
		if text, ok := n.constant(r.source()); ok && plainInAddress(text) != text {
			s.p.Report.Note("", "the value of %s is written out in addresses, where JMeter does not encode it", naming.OneLine(r.name, 60))
			return text
		}
	}
	return n.variable(r.name)
}

// plainInAddress is a text without the characters that an address gives a meaning.
func plainInAddress(text string) string { return template.PercentEncode(text, "") }

// address resolves a text of an address, where values are not encoded.
func (s *scope) address(raw string) string {
	in := *s
	in.literal = true
	return in.text(raw)
}

// origin resolves a text that is only shown: nothing of it is asked for.
func (s *scope) origin(raw string) string {
	var b strings.Builder
	for _, p := range pieces(raw) {
		switch {
		case p.ref == nil:
			b.WriteString(p.literal)
		case s.local[p.ref.name] != "":
			b.WriteString(s.local[p.ref.name])
		default:
			if text, ok := s.p.names.constant(p.ref.source()); ok && text != "" {
				b.WriteString(text)
				continue
			}
			name := p.ref.name
			if isProperty(name) {
				name = p.ref.arg(0)
			}
			b.WriteString(web.Marked(naming.VarName(name)))
		}
	}
	return b.String()
}

// caseVar defines a variable of the case, for a value that is made once.
func (s *scope) caseVar(name, marked string) string {
	out := s.p.names.name("v", name)
	s.p.names.mayBeNumber[out] = true
	if s.vars == nil {
		s.p.names.suiteVar(out, name, marked)
		return web.Marked(out)
	}
	for i, v := range *s.vars {
		if v.Name == out {
			(*s.vars)[i].Text = s.p.Text(marked)
			return web.Marked(out)
		}
	}
	*s.vars = append(*s.vars, model.Var{Name: out, Text: s.p.Text(marked)})
	return web.Marked(out)
}

// lost asks for the value of a function from outside, and lists the function.
func (s *scope) lost(r *ref, why string) string {
	s.p.Lose(s.request, model.Lost{Kind: model.Dynamics, Place: "function", Text: r.source(), Why: why})
	var name strings.Builder
	name.WriteString(strings.TrimPrefix(r.name, "__"))
	for _, a := range r.args {
		if a = strings.TrimSpace(a); a != "" && len(a) < 30 {
			name.WriteString(" " + a)
		}
	}
	return s.p.names.need(s.p.names.name("f", name.String()), r.source(), fmt.Sprintf("the function is not converted: %s", why))
}
