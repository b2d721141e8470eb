package jmeter

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A condition is what an IfController asks: always, never, or tests of variables.
type condition struct {
	always, never bool
	checks        []model.Check
}

// comparison is "a" == "b", in the forms of JavaScript, JEXL and Groovy.
var comparison = lazy.Regexp(`^\s*(.+?)\s*(==|!=|<=|>=|<|>|\beq\b|\bne\b|\blt\b|\bgt\b|\ble\b|\bge\b)\s*(.+?)\s*$`)

var javaEquals = lazy.Regexp(`^\s*(!?)\s*(.+?)\.equals(?:IgnoreCase)?\(\s*(.+?)\s*\)\s*$`)

var wordOps = map[string]string{"eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">="}

// scripts are the functions that evaluate an expression.
var scripts = []string{"__jexl3", "__jexl2", "__jexl", "__groovy", "__javaScript", "__js"}

// condition reads the expression of an IfController. ok is false where it is more
// than comparisons.
func (s *scope) condition(text string) (out condition, ok bool) {
	text = strings.TrimSpace(text)
	if r := single(text); r != nil && r.function {
		if slices.Contains(scripts, r.name) {
			return s.condition(strings.Join(conditionArgs(r), ","))
		}
		if r.name == "__isVarDefined" {
			return s.test(strings.TrimSpace(r.arg(0)), "exists", "true")
		}
		return out, false
	}
	// Brackets around the whole expression mean nothing.
	for strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") && strings.Count(text, "(") == 1 {
		text = strings.TrimSpace(text[1 : len(text)-1])
	}
	// Either all parts are joined by "or", or by "and": a mix would need precedence.
	if strings.Contains(text, "||") || strings.Contains(text, " or ") {
		return s.anyOf(regexp.MustCompile(`\|\|| or `).Split(text, -1))
	}
	for _, part := range regexp.MustCompile(`&&| and `).Split(text, -1) {
		one, ok := s.compare(part)
		if !ok {
			return out, false
		}
		out.never = out.never || one.never
		for _, c := range one.checks {
			// The language has one entry for each variable.
			for _, before := range out.checks {
				if before.Name == c.Name {
					return out, false
				}
			}
			out.checks = append(out.checks, c)
		}
	}
	out.always = !out.never && len(out.checks) == 0
	return out, true
}

// conditionArgs are the arguments of a script function without the variable that
// it sets, which is last and has no signs.
func conditionArgs(r *ref) []string {
	args := r.args
	if n := len(args); n > 1 && !strings.ContainsAny(args[n-1], `"'=<>(){}`) {
		args = args[:n-1]
	}
	return args
}

// compare reads one comparison.
func (s *scope) compare(text string) (condition, bool) {
	text = strings.TrimSpace(text)
	if m := javaEquals().FindStringSubmatch(text); m != nil && !strings.Contains(text, "equalsIgnoreCase") {
		op := "=="
		if m[1] != "" {
			op = "!="
		}
		return s.operands(m[2], op, m[3])
	}
	if m := comparison().FindStringSubmatch(text); m != nil {
		op := m[2]
		if word, known := wordOps[op]; known {
			op = word
		}
		return s.operands(m[1], op, m[3])
	}
	// What is left is a truth value: ${ok}, !${ok}, true.
	negated := strings.HasPrefix(text, "!")
	name, literal, ok := s.operand(strings.TrimSpace(strings.TrimPrefix(text, "!")))
	switch {
	case !ok:
		return condition{}, false
	case name == "":
		return condition{never: (literal == "true") == negated}, literal == "true" || literal == "false"
	case negated:
		return s.test(name, "==", "false")
	}
	return s.test(name, "==", "true")
}

// operands compares a variable with a literal, in either order.
func (s *scope) operands(left, op, right string) (condition, bool) {
	a, aText, okA := s.operand(left)
	b, bText, okB := s.operand(right)
	switch {
	case !okA || !okB || a != "" && b != "":
		return condition{}, false
	case a != "":
		return s.test(a, op, bText)
	case b != "":
		return s.test(b, map[string]string{"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}[op], aText)
	case op == "==" || op == "!=":
		return condition{never: (aText == bText) != (op == "==")}, true
	}
	return condition{}, false
}

var getter = lazy.Regexp(`^vars\s*(?:\.get\(\s*["']([^"']+)["']\s*\)|\[\s*["']([^"']+)["']\s*\])$`)

// operand is the name of a variable, or a literal.
func (s *scope) operand(text string) (variable, literal string, ok bool) {
	text = strings.TrimSpace(text)
	if m := getter().FindStringSubmatch(text); m != nil {
		return m[1] + m[2], "", true
	}
	isQuoted := len(text) >= 2 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0]
	if isQuoted {
		text = text[1 : len(text)-1]
		if strings.ContainsAny(text, `"'\`) {
			return "", "", false
		}
	}
	if !strings.Contains(text, "${") {
		return "", text, isQuoted || isLiteral(text)
	}
	r := single(text)
	switch {
	case r == nil:
		return "", "", false
	case r.name == "JMeterThread.last_sample_ok":
		return "", "true", true
	case isProperty(r.name):
		return "\x00" + strings.Join(r.args, "\x00") + "\x00" + r.name, "", true
	case r.function:
		return "", "", false
	}
	return r.name, "", true
}

// test is the condition of a variable.
func (s *scope) test(name, op, literal string) (condition, bool) {
	value := ""
	if strings.HasPrefix(name, "\x00") {
		parts := strings.Split(name[1:], "\x00")
		value = s.p.names.property(&ref{name: parts[len(parts)-1], args: parts[:len(parts)-1], function: true})
	} else {
		value = s.value(&ref{name: name})
	}
	// Only a value that is one variable can be tested when the case runs; text without variables
	// is compared now.
	inside := strings.Trim(value, "\x00")
	if !strings.HasPrefix(value, "\x00") || strings.ContainsAny(inside, "\x00|$ ") || strings.HasPrefix(inside, "env.") {
		if strings.Contains(value, "\x00") || op != "==" && op != "!=" {
			return condition{}, false
		}
		return condition{never: (value == literal) != (op == "==")}, true
	}
	// JMeter compares texts, so that 5 and "5" are equal: both types are accepted.
	same := []*model.Node{model.String(naming.Escape(literal))}
	if isLiteral(literal) {
		same = append(same, model.Literal(literal))
	}
	var m model.Matcher
	switch op {
	case "exists":
		m = exists(literal == "true")
	case "==":
		m = model.Matcher{Op: "in", List: same}
		if len(same) == 1 {
			m = model.Matcher{Op: "eq", Value: same[0]}
		}
	case "!=":
		m = model.Matcher{Op: "not", Sub: []model.Matcher{{Op: "in", List: same}}}
		if len(same) == 1 {
			m = model.Matcher{Op: "ne", Value: same[0]}
		}
	default:
		if !template.IsNumber(literal) {
			return condition{}, false
		}
		m = model.Matcher{Op: map[string]string{"<": "lt", ">": "gt", "<=": "lte", ">=": "gte"}[op], Value: model.Literal(literal)}
	}
	return condition{checks: []model.Check{{Name: inside, Matchers: []model.Matcher{m}}}}, true
}

// anyOf is one of several equalities of the same variable.
func (s *scope) anyOf(parts []string) (condition, bool) {
	var out condition
	for _, part := range parts {
		one, ok := s.compare(part)
		if !ok || len(one.checks) > 1 {
			return out, false
		}
		if len(one.checks) == 0 {
			if !one.never {
				return condition{always: true}, true
			}
			continue
		}
		c := one.checks[0]
		m := c.Matchers[0]
		if m.Op == "eq" {
			m = model.Matcher{Op: "in", List: []*model.Node{m.Value}}
		}
		if m.Op != "in" || len(out.checks) > 0 && out.checks[0].Name != c.Name {
			return out, false
		}
		// The values of one variable become one list.
		if len(out.checks) == 0 {
			out.checks = []model.Check{{Name: c.Name, Matchers: []model.Matcher{m}}}
		} else {
			out.checks[0].Matchers[0].List = append(out.checks[0].Matchers[0].List, m.List...)
		}
	}
	out.never = len(out.checks) == 0
	return out, true
}
