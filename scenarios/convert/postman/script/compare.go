package script

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/template"
)

var comparisons = map[token.Token]string{
	token.EQUAL: "eq", token.STRICT_EQUAL: "eq", token.NOT_EQUAL: "ne", token.STRICT_NOT_EQUAL: "ne",
	token.LESS: "lt", token.LESS_OR_EQUAL: "lte", token.GREATER: "gt", token.GREATER_OR_EQUAL: "gte",
}

var mirrored = map[string]string{"eq": "eq", "ne": "ne", "lt": "gt", "lte": "gte", "gt": "lt", "gte": "lte"}

func (r *scriptReader) binary(x *ast.BinaryExpression) sym {
	a, b := r.eval(x.Left), r.eval(x.Right)
	op, compares := comparisons[x.Operator]
	if v, ok := arithmetic(a, b, x.Operator); ok {
		return v
	}
	if holds, ok := equalConstants(a, b); ok && (op == "eq" || op == "ne") {
		return literal(model.Literal(strconv.FormatBool(holds == (op == "eq"))))
	}
	switch {
	case compares && (x.Operator == token.EQUAL || x.Operator == token.NOT_EQUAL):
		return compareLoose(a, op, b)
	case compares:
		if op != "eq" && op != "ne" { // <, > and their like read text as numbers
			a.number, b.number = a.number || a.isText(), b.number || b.isText()
		}
		return compare(a, op, b)
	case x.Operator == token.LOGICAL_AND:
		return both(a, b)
	case x.Operator == token.LOGICAL_OR && a.kind == symCond && b.kind == symCond:
		return oneOf(a, b)
	case x.Operator == token.LOGICAL_OR && a.kind == symTemplate && isOnePlaceholder(a.text) && !a.generated:
		if text, ok := b.constant(); ok && text != "" && !strings.ContainsAny(text, "'{}|") {
			return asTemplate(strings.TrimSuffix(a.text, "}}")+" | default: '"+text+"'}}", false)
		}
	case x.Operator == token.LOGICAL_OR && (a.kind == symBody || a.isText()):
		a.or = true // responseJSON.user || {}: a member of either is the same
		return a
	case x.Operator == token.IN:
		if name, ok := a.constant(); ok && b.kind == symBody {
			m := member(b, name)
			m.within = true
			return cond(test(m, "exists", model.Literal("true")))
		}
	case x.Operator == token.INSTANCEOF && dotted(x.Right) == "Array" && a.kind == symBody:
		return cond(test(a, "type", model.String("array")))
	case x.Operator == token.MULTIPLY:
		return scaled(a, b)
	case x.Operator == token.SLASH && a.millis && b.node.Is("1000"): // seconds, once they are whole
		return surelyNumber(now(a.offset).placeholder("unix"))
	case x.Operator == token.PLUS:
		return r.plus(a, b)
	case x.Operator == token.MINUS:
		if v, ok := a.shiftedPart(b, -1); ok {
			return v
		}
		return added(a, b, "-")
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
		if moved.kind == symUnknown {
			return sym{}, true
		}
		return dateMethod(moved, "getTime", nil), true
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
	return literal(model.Literal(strconv.FormatInt(x, 10))), true
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
	if !okX || !okY {
		return sym{}
	}
	return cond(slices.Concat(x, y)...)
}

// oneOf is a === 1 || a === 2 and its like.
func oneOf(a, b sym) sym {
	values := func(s sym) []*model.Node {
		switch {
		case len(s.claims) != 1:
		case s.claims[0].Op == "eq":
			return []*model.Node{s.claims[0].Value}
		case s.claims[0].Op == "in":
			return s.claims[0].List
		}
		return nil
	}
	x, y := values(a), values(b)
	if len(x) == 0 || len(y) == 0 {
		return sym{}
	}
	one, two := a.claims[0].subject, b.claims[0].subject
	one.loose = one.loose || two.loose
	two.loose = one.loose
	if !reflect.DeepEqual(one, two) {
		return sym{}
	}
	return cond(claim{one, model.Matcher{Op: "in", List: slices.Concat(x, y)}})
}

// needed leaves out that a value counts as true where another claim is about a member of it:
// what has a member is an object.
func needed(claims []claim) []claim {
	return slices.DeleteFunc(slices.Clone(claims), func(c claim) bool {
		return reflect.DeepEqual(c.Matcher, falsy()) && slices.ContainsFunc(claims, func(o claim) bool {
			rest, below := strings.CutPrefix(o.subject.path, c.subject.path)
			below = below && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "["))
			return (below || o.subject.kind == symLength && o.subject.path == c.subject.path) && needsValue([]model.Matcher{o.Matcher})
		})
	})
}

// falsy is the test that a value is none of those that count as false.
func falsy() model.Matcher {
	list := []*model.Node{model.Literal("false"), model.Literal("0"), model.String(""), model.Literal("null")}
	return model.Matcher{Op: "not", Sub: []model.Matcher{{Op: "in", List: list}}}
}

// compare is a comparison as a claim of what is known of the answer.
func compare(a sym, op string, b sym) sym {
	for range 2 {
		if a.isVariable() && b.kind == symNode && b.node.Kind == model.StringNode && (op == "eq" || op == "ne") &&
			!strings.Contains(b.node.Text, "{{") {
			return cond(test(a, op, b.node)) // a condition, never an expectation
		}
		a, b = b, a
	}
	if a.operand() != nil || a.kind == symUndefined {
		a, op, b = b, mirrored[op], a
	}
	switch {
	case b.kind == symUndefined && (op == "eq" || op == "ne") && a.about():
		return cond(test(a, "exists", model.Literal(strconv.FormatBool(op == "ne"))))
	case a.kind == symIndexOf && b.operand() != nil:
		found := b.node != nil && op == "ne" && b.node.Is("-1") || op == "gt" && b.node.Is("-1") || op == "gte" && b.node.Is("0")
		if found {
			return cond(test(body(a.path), "contains", a.node))
		}
		return sym{}
	case a.kind == symCond && len(a.claims) == 1 && b.node.Is("true") && op == "eq", a.kind == symCond && b.node.Is("false") && op == "ne":
		return a
	case a.about() && b.operand() != nil:
		if b.node != nil && (b.node.Kind == model.ObjectNode || b.node.Kind == model.ArrayNode) {
			return sym{} // by identity
		}
		return cond(test(a, op, b.operand()))
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
			return cond(test(a, "exists", model.Literal("true")), test(a, "ne", model.Literal("null")))
		}
		return sym{} // null, or not there
	}
	list := looselyEqual(n)
	if len(list) == 1 {
		return compare(a, op, b)
	}
	c := claim{a, model.Matcher{Op: "in", List: list}}
	if op == "ne" {
		c, _ = c.negated()
	}
	return cond(c)
}

// looselyEqual are the scalars that == takes for equal to a value.
func looselyEqual(n *model.Node) []*model.Node {
	text := model.String(n.Text)
	switch {
	case n.Is("true"), n.Is("1"), n.Kind == model.StringNode && n.Text == "1":
		return []*model.Node{model.Literal("1"), model.String("1"), model.Literal("true")}
	case n.Is("false"), n.Is("0"):
		return []*model.Node{model.Literal("0"), model.String("0"), model.Literal("false"), model.String("")}
	case n.Kind == model.StringNode && n.Text == "0":
		return []*model.Node{model.Literal("0"), n, model.Literal("false")}
	case n.Kind == model.StringNode && n.Text == "":
		return []*model.Node{n, model.Literal("0"), model.Literal("false")}
	case n.Kind == model.LiteralNode:
		return []*model.Node{n, text}
	case n.Kind == model.StringNode && template.IsNumber(n.Text):
		return []*model.Node{model.Literal(n.Text), n}
	}
	return []*model.Node{n}
}

// negated is the opposite of a claim, where the language has it.
func (c claim) negated() (claim, bool) {
	opposite := map[string]string{"eq": "ne", "ne": "eq", "lt": "gte", "lte": "gt", "gt": "lte", "gte": "lt"}
	switch {
	case c.Op == isFalsy:
		return claim{c.subject, falsy()}, true
	case c.subject.kind == symBody && reflect.DeepEqual(c.Matcher, falsy()):
		return claim{c.subject, model.Matcher{Op: isFalsy}}, true
	case opposite[c.Op] != "":
		c.Op = opposite[c.Op]
		return c, true
	case c.Op == "exists" || c.Op == "empty":
		c.Value = model.Literal(strconv.FormatBool(c.Value.Is("false")))
		return c, true
	case c.Op == "contains" || c.Op == "matches" || c.Op == "in":
		return claim{c.subject, model.Matcher{Op: "not", Sub: []model.Matcher{c.Matcher}}}, true
	case c.Op == "not" && len(c.Sub) == 1:
		return claim{c.subject, c.Sub[0]}, true
	}
	return c, false
}
