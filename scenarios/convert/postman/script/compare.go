package script

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script/claim"
	"github.com/bgverify/bgverify/scenarios/template"
)

var comparisons = map[token.Token]string{
	token.EQUAL: "eq", token.STRICT_EQUAL: "eq", token.NOT_EQUAL: "ne", token.STRICT_NOT_EQUAL: "ne",
	token.LESS: "lt", token.LESS_OR_EQUAL: "lte", token.GREATER: "gt", token.GREATER_OR_EQUAL: "gte",
}

var mirrored = map[string]string{"eq": "eq", "ne": "ne", "lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte"}

// binary is an operator between two values.
func (r *scriptReader) binary(x *ast.BinaryExpression) sym {
	a, b := r.eval(x.Left), r.eval(x.Right)
	if v, ok := arithmetic(a, b, x.Operator); ok {
		return v
	}
	if op, compares := comparisons[x.Operator]; compares {
		return comparison(a, op, b, x.Operator == token.EQUAL || x.Operator == token.NOT_EQUAL)
	}
	switch x.Operator {
	case token.LOGICAL_AND:
		return both(a, b)
	case token.LOGICAL_OR:
		return either(a, b)
	case token.IN:
		if name, ok := a.constant(); ok && b.kind == symBody {
			m := member(b, name)
			m.within = true
			return cond(test(m, "exists", yes))
		}
	case token.INSTANCEOF:
		return only(dotted(x.Right) == "Array" && a.kind == symBody, cond(test(a, "type", model.String("array"))))
	case token.MULTIPLY:
		return scaled(a, b)
	case token.SLASH: // seconds, once they are whole
		return only(a.millis && b.node.Is("1000"), surelyNumber(now(a.offset).placeholder("unix")))
	case token.PLUS:
		return r.plus(a, b)
	case token.MINUS:
		if v, ok := a.shiftedPart(b, -1); ok {
			return v
		}
		return added(a, b, "-")
	}
	return sym{}
}

// comparison is a test of two values; a loose one is == or !=.
func comparison(a sym, op string, b sym, loose bool) sym {
	equality := op == "eq" || op == "ne"
	if holds, ok := equalConstants(a, b); ok && equality {
		return literal(model.Bool(holds == (op == "eq")))
	}
	switch {
	case loose:
		return compareLoose(a, op, b)
	case !equality: // <, > and their like read text as numbers
		a.number, b.number = a.number || a.isText(), b.number || b.isText()
	}
	return compare(a, op, b)
}

// either is a || b: one of several values, or another value in the place of one that is not there.
func either(a, b sym) sym {
	switch {
	case a.kind == symCond && b.kind == symCond:
		return oneOf(a, b)
	case a.kind == symTemplate && isOnePlaceholder(a.text) && !a.generated:
		text, ok := b.constant()
		return only(ok && text != "" && !strings.ContainsAny(text, "'{}|"), asTemplate(strings.TrimSuffix(a.text, "}}")+" | default: '"+text+"'}}", false))
	case a.kind == symBody || a.isText():
		a.or = true // responseJSON.user || {}: a member of either is the same
		return a
	}
	return sym{}
}

// shiftedPart is a part of a date, or its milliseconds, plus or minus a literal number.
func (s sym) shiftedPart(n sym, sign int64) (sym, bool) {
	k, isWhole := n.whole()
	switch {
	case !isWhole:
	case s.kind == symDatePart:
		s.low += sign * k
		return s, true
	case s.millis:
		moved := now(s.offset).later(sign*k, time.Millisecond)
		return only(moved.kind != symUnknown, dateMethod(moved, "getTime", nil)), true
	}
	return sym{}, false
}

// arithmetic is a sum, difference or product of two literal whole numbers.
func arithmetic(a, b sym, op token.Token) (sym, bool) {
	x, okX := a.whole()
	y, okY := b.whole()
	if !okX || !okY {
		return sym{}, false
	}
	switch op {
	case token.PLUS:
		x += y
	case token.MINUS:
		x -= y
	case token.MULTIPLY:
		if y != 0 && (x*y)/y != x {
			return sym{}, false
		}
		x *= y
	default:
		return sym{}, false
	}
	return literal(model.Int(x)), true
}

// equalConstants compares two literal scalars of one type; ok is false for others.
func equalConstants(a, b sym) (holds, ok bool) {
	if a.kind != symNode || b.kind != symNode || a.node.Kind != b.node.Kind || a.node.Kind != model.StringNode &&
		a.node.Kind != model.LiteralNode ||
		strings.Contains(a.node.Text+b.node.Text, "{{") {
		return false, false
	}
	return a.node.Text == b.node.Text, true
}

// truth is whether a value counts as true, where the script itself says it.
func (r *scriptReader) truth(v sym) (holds, known bool) {
	switch v.kind {
	case symUndefined:
		return false, true
	case symNode:
		switch v.node.Kind {
		case model.StringNode:
			return v.node.Text != "", !strings.Contains(v.node.Text, "{{")
		case model.LiteralNode:
			return !v.node.Is("false") && !v.node.Is("0") && !v.node.Is("null"), true
		}
		return true, true
	case symFunc, symModule, symResponse, symNow:
		return true, true
	}
	return false, false
}

// both is a && b where each is a condition, or a part of the answer that must not
// count as false.
func both(a, b sym) sym {
	x, okX := asClaims(a)
	y, okY := asClaims(b)
	return only(okX && okY, cond(slices.Concat(x, y)...))
}

// oneOf is a === 1 || a === 2 and its like.
func oneOf(a, b sym) sym {
	x, y := a.allowed(), b.allowed()
	if len(x) == 0 || len(y) == 0 {
		return sym{}
	}
	one, two := a.claims[0].Subject, b.claims[0].Subject
	one.Loose = one.Loose || two.Loose
	two.Loose = one.Loose
	return only(reflect.DeepEqual(one, two), cond(claim.Claim{Subject: one, Matcher: model.Matcher{Op: "in", List: slices.Concat(x, y)}}))
}

// allowed are the values of which a condition allows one; none where it says something else.
func (s sym) allowed() []*model.Node {
	switch {
	case len(s.claims) != 1:
	case s.claims[0].Op == "eq":
		return []*model.Node{s.claims[0].Value}
	case s.claims[0].Op == "in":
		return s.claims[0].List
	}
	return nil
}

// compare is a comparison as a claim of what is known of the answer.
func compare(a sym, op string, b sym) sym {
	equality := op == "eq" || op == "ne"
	for range 2 {
		if text, isText := b.constant(); a.isVariable() && isText && equality && !strings.Contains(text, "{{") {
			return cond(test(a, op, b.node)) // a condition, never an expectation
		}
		a, b = b, a
	}
	if a.operand() != nil || a.kind == symUndefined {
		a, op, b = b, mirrored[op], a
	}
	n := b.operand()
	switch {
	case b.kind == symUndefined && equality && a.about():
		return cond(test(a, "exists", model.Bool(op == "ne")))
	case a.kind == symIndexOf && n != nil:
		found := (op == "ne" || op == "gt") && n.Is("-1") || op == "gte" && n.Is("0")
		return only(found, cond(test(body(a.path), "contains", a.node)))
	case a.kind == symCond && (op == "eq" && len(a.claims) == 1 && n.Is("true") || op == "ne" && n.Is("false")):
		return a
	case a.about() && n != nil && n.Kind != model.ObjectNode && n.Kind != model.ArrayNode: // those are compared by identity
		return cond(test(a, op, n))
	}
	return sym{}
}

// isVariable reports whether a value is that of one variable.
func (s sym) isVariable() bool {
	return s.kind == symTemplate && isOnePlaceholder(s.text) && !strings.ContainsAny(s.text, "|$")
}

// compareLoose is == or !=, which takes values of several types for equal: 5, "5"
// and, for 1, true.
func compareLoose(a sym, op string, b sym) sym {
	if a.operand() != nil || a.kind == symUndefined {
		a, b = b, a
	}
	n := b.operand()
	if b.kind == symUndefined {
		n = model.Literal("null")
	}
	if n == nil || !a.about() && a.kind != symIndexOf {
		return compare(a, op, b)
	}
	if a.kind == symHeader || a.kind == symCookie {
		a.number = true
	}
	if a.kind == symStatus && n.Kind == model.StringNode && template.IsNumber(n.Text) {
		return compare(a, op, literal(model.Literal(n.Text)))
	}
	if a.kind != symBody || n.Kind == model.StringNode && strings.Contains(n.Text, "{{") {
		return compare(a, op, b)
	}
	a.loose = !n.Is("null")
	if n.Is("null") {
		if op == "ne" {
			return cond(test(a, "exists", yes), test(a, "ne", model.Literal("null")))
		}
		return sym{} // null, or not there
	}
	list := looselyEqual(n)
	if len(list) == 1 {
		return compare(a, op, b)
	}
	c := claimOf(a, model.Matcher{Op: "in", List: list})
	if op == "ne" {
		c, _ = c.Negated()
	}
	return cond(c)
}

// looselyEqual are the scalars that == takes for equal to a value.
func looselyEqual(n *model.Node) []*model.Node {
	text := model.String(n.Text)
	switch {
	case n.Is("true"), n.Is("1"), n.Kind == model.StringNode && n.Text == "1":
		return []*model.Node{model.Literal("1"), model.String("1"), yes}
	case n.Is("false"), n.Is("0"):
		return []*model.Node{model.Literal("0"), model.String("0"), no, model.String("")}
	case n.Kind == model.StringNode && n.Text == "0":
		return []*model.Node{model.Literal("0"), n, no}
	case n.Kind == model.StringNode && n.Text == "":
		return []*model.Node{n, model.Literal("0"), no}
	case n.Kind == model.LiteralNode:
		return []*model.Node{n, text}
	case n.Kind == model.StringNode && template.IsNumber(n.Text):
		return []*model.Node{model.Literal(n.Text), n}
	}
	return []*model.Node{n}
}
