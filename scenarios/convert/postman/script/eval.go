package script

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/template"
)

// dotted is a chain of names: pm.response.json. Empty when it is none.
func dotted(e ast.Expression) string {
	switch x := e.(type) {
	case *ast.Identifier:
		return x.Name.String()
	case *ast.DotExpression:
		if left := dotted(x.Left); left != "" {
			return left + "." + x.Identifier.Name.String()
		}
	case *ast.OptionalChain:
		return dotted(x.Expression)
	case *ast.Optional:
		return dotted(x.Expression)
	}
	return ""
}

// eval follows an expression to what it means.
func (r *scriptReader) eval(e ast.Expression) sym {
	switch x := e.(type) {
	case *ast.Identifier:
		return r.identifier(x.Name.String())
	case *ast.StringLiteral:
		return literal(model.String(naming.Escape(validText(x.Value.String()))))
	case *ast.NumberLiteral:
		if text := numberText(x.Value); text != "" {
			return literal(model.Literal(text))
		}
	case *ast.BooleanLiteral:
		return literal(model.Literal(strconv.FormatBool(x.Value)))
	case *ast.NullLiteral:
		return literal(model.Literal("null"))
	case *ast.RegExpLiteral:
		pattern, why := goRegex(validText(x.Pattern), x.Flags)
		if why == "" {
			return sym{kind: symRegex, text: pattern, global: strings.Contains(x.Flags, "g")}
		}
	case *ast.TemplateLiteral:
		return r.templateLiteral(x)
	case *ast.ArrayLiteral, *ast.ObjectLiteral:
		return r.structure(e)
	case *ast.BinaryExpression:
		return r.binary(x)
	case *ast.UnaryExpression:
		return r.unary(x)
	case *ast.DotExpression, *ast.BracketExpression:
		return r.access(e)
	case *ast.CallExpression:
		return r.callValue(x)
	case *ast.NewExpression:
		return r.created(x)
	case *ast.ConditionalExpression:
		switch holds, known := r.truth(r.eval(x.Test)); {
		case known && holds:
			return r.eval(x.Consequent)
		case known:
			return r.eval(x.Alternate)
		}
	case *ast.OptionalChain:
		return r.eval(x.Expression)
	case *ast.Optional:
		return r.eval(x.Expression)
	case *ast.AwaitExpression:
		return r.eval(x.Argument)
	case *ast.FunctionLiteral, *ast.ArrowFunctionLiteral:
		return sym{kind: symFunc, fn: e, scope: r.scope}
	}
	return sym{}
}

// created is new Date(…), new Ajv(…) and the like.
func (r *scriptReader) created(x *ast.NewExpression) sym {
	arg := sym{}
	if len(x.ArgumentList) > 0 {
		arg = r.eval(x.ArgumentList[0])
	}
	switch name := dotted(x.Callee); {
	case name == "Date" && len(x.ArgumentList) == 0:
		return now(0)
	case name == "Date" && len(x.ArgumentList) == 1 && (arg.millis || arg.kind == symNow):
		return now(arg.offset)
	case strings.HasSuffix(strings.ToLower(name), "ajv"):
		return sym{kind: symModule}
	}
	return sym{}
}

func validText(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

func numberText(v any) string {
	text := fmt.Sprint(v)
	if f, ok := v.(float64); ok {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if !template.IsNumber(text) {
		return ""
	}
	return text
}

func (r *scriptReader) identifier(name string) sym {
	if v, ok := r.scope.get(name); ok {
		if r.mutable[name] {
			return sym{}
		}
		if v.by < len(r.followed) {
			r.reads = append(r.reads, v.by)
		}
		return v.sym
	}
	switch name {
	case "responseBody":
		return sym{kind: symText}
	case "responseCode":
		return sym{kind: symCode}
	case "responseTime":
		return sym{kind: symTime}
	case "responseHeaders":
		return sym{kind: symHeaders}
	case "environment", "globals", "data":
		return sym{kind: symVars}
	case "undefined":
		return sym{kind: symUndefined}
	}
	return sym{}
}

func (r *scriptReader) access(e ast.Expression) sym {
	switch name := dotted(e); name {
	case "pm.response":
		return sym{kind: symResponse}
	case "pm.info.requestName", "request.name":
		if text := r.host.RequestName(); text != "" {
			return constantText(text)
		}
		return sym{}
	}
	if d, ok := e.(*ast.DotExpression); ok {
		left := r.eval(d.Left)
		if left.kind == symVars {
			return r.variable(d.Identifier.Name.String())
		}
		return member(left, d.Identifier.Name.String())
	}
	b := e.(*ast.BracketExpression)
	left, key := r.eval(b.Left), r.eval(b.Member)
	if name, ok := key.constant(); ok {
		if left.kind == symVars {
			return r.variable(name)
		}
		return member(left, name)
	}
	switch {
	case key.kind == symNode && key.node.Kind == model.LiteralNode:
		return at(left, key.node.Text)
	case key.kind == symIndex && left.kind == symBody && key.path == left.path && !left.or && !left.number:
		return element(left)
	}
	if minus, ok := b.Member.(*ast.BinaryExpression); ok && minus.Operator == token.MINUS { // list[list.length - 1]
		if length, one := r.eval(minus.Left), r.eval(minus.Right); length.kind == symLength && length.path == left.path && one.node.Is("1") {
			return last(left)
		}
	}
	return sym{}
}

// last is the last element of a list.
func last(v sym) sym {
	switch {
	case v.kind == symBody && !v.number && !v.or:
		return body(v.path + "[-1]")
	case v.kind == symSplit:
		return splitPart(v, -1)
	}
	return sym{}
}

// variable is the value of a variable, as a placeholder.
func (r *scriptReader) variable(name string) sym {
	if name == "" {
		return sym{}
	}
	if v, ok := r.set[name]; ok {
		return v
	}
	return asTemplate("{{"+r.host.VarName(name)+"}}", false)
}

func (r *scriptReader) templateLiteral(x *ast.TemplateLiteral) sym {
	if x.Tag != nil {
		return sym{}
	}
	out := sym{kind: symNode, node: model.String("")}
	for i, e := range x.Elements {
		out = r.join(out, literal(model.String(naming.Escape(validText(e.Parsed.String())))))
		if i < len(x.Expressions) {
			out = r.join(out, r.eval(x.Expressions[i]))
		}
	}
	return out
}

// join is two values as one text. Parts of the answer get a name when the text is kept.
func (r *scriptReader) join(a, b sym) sym {
	x, okA := a.asText()
	y, okB := b.asText()
	if !okA || !okB {
		if !okA && !a.joinable() || !okB && !b.joinable() {
			return sym{}
		}
		parts := func(s sym) []sym {
			if s.kind == symJoin {
				return s.items
			}
			return []sym{s}
		}
		return sym{kind: symJoin, items: slices.Concat(parts(a), parts(b)), sure: sureText}
	}
	if strings.HasPrefix(y, "{") {
		x = naming.GuardBrace(x) // two braces would begin a placeholder
	}
	if a.kind == symNode && b.kind == symNode {
		return literal(model.String(x + y))
	}
	out := asTemplate(x+y, a.drawn || b.drawn)
	out.sure = sureText
	return out
}

// joinable reports whether a value is a text of the answer that can be captured.
func (s sym) joinable() bool {
	switch s.kind {
	case symBody:
		return s.single() && !s.or && !s.number
	case symHeader, symCookie, symPicked, symJoin:
		return true
	}
	return false
}

// resolved is a joined text as a template: its parts of the answer are captured under
// names that only import uses.
func (r *scriptReader) resolved(v sym) sym {
	switch v.kind {
	case symJoin:
		out := sym{kind: symNode, node: model.String("")}
		for _, part := range v.items {
			if out = r.join(out, r.resolved(part)); out.kind == symUnknown || out.kind == symJoin {
				return sym{}
			}
		}
		return out
	case symBody, symHeader, symCookie, symPicked:
		c, sent, why := r.capture(v)
		if why != "" {
			return sym{}
		}
		name := r.host.Helper(fmt.Sprint(sent, *c))
		r.define(sent, Definition{Name: name, Capture: c, After: true, Helper: true, Line: 1})
		return asTemplate("{{"+r.host.VarName(name)+"}}", false)
	}
	return v
}

// structure is an array or object whose every value is known.
func (r *scriptReader) structure(e ast.Expression) sym {
	if list, ok := e.(*ast.ArrayLiteral); ok {
		n, all, plain := &model.Node{Kind: model.ArrayNode}, sym{kind: symList}, true
		for _, v := range list.Value {
			if v == nil {
				return sym{}
			}
			value := r.eval(v)
			all.items = append(all.items, value)
			item := value.operand()
			if item == nil {
				plain = false
				continue
			}
			n.Items = append(n.Items, item)
		}
		if !plain {
			return all
		}
		return literal(n)
	}
	n := &model.Node{Kind: model.ObjectNode}
	for _, p := range e.(*ast.ObjectLiteral).Value {
		keyed, ok := p.(*ast.PropertyKeyed)
		if !ok || keyed.Computed || keyed.Kind != ast.PropertyKindValue {
			return sym{}
		}
		key := ""
		switch k := keyed.Key.(type) {
		case *ast.StringLiteral:
			key = validText(k.Value.String())
		case *ast.Identifier:
			key = validText(k.Name.String())
		case *ast.NumberLiteral:
			key = fmt.Sprint(k.Value)
		}
		item := r.eval(keyed.Value).operand()
		if item == nil || slices.Contains(n.Keys, key) || len(key) > model.InlineKey || strings.Contains(key, "{{") {
			return sym{}
		}
		n.Keys, n.Items = append(n.Keys, key), append(n.Items, item)
	}
	return literal(n)
}

func (r *scriptReader) unary(x *ast.UnaryExpression) sym {
	v := r.eval(x.Operand)
	holds, known := r.truth(v)
	switch {
	case x.Postfix:
	case x.Operator == token.NOT && known:
		return literal(model.Literal(strconv.FormatBool(!holds)))
	case x.Operator == token.NOT && v.kind == symCond && len(v.claims) == 1:
		if c, ok := v.claims[0].negated(); ok {
			return cond(c)
		}
	case x.Operator == token.TYPEOF && v.kind == symBody:
		return sym{kind: symType, path: v.path}
	case x.Operator == token.MINUS && v.kind == symNode && isNumber(v.node) && v.node.Text[0] != '-':
		return literal(model.Literal("-" + v.node.Text))
	case x.Operator == token.PLUS:
		return toNumber(v)
	}
	return sym{}
}

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
	case x.Operator == token.LOGICAL_OR && a.kind == symTemplate && isOnePlaceholder(a.text) && !a.drawn:
		if text, ok := b.constant(); ok && text != "" && !strings.ContainsAny(text, "'{}|") {
			return asTemplate(strings.TrimSuffix(a.text, "}}")+" | default: '"+text+"'}}", false)
		}
	case x.Operator == token.LOGICAL_OR && (a.kind == symBody || a.isText()):
		a.or = true // responseJSON.user || {}: a member of either is the same
		return a
	case x.Operator == token.IN:
		if name, ok := a.constant(); ok && b.kind == symBody {
			return cond(test(member(b, name), "exists", model.Literal("true")))
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
	if a.kind != symNode || b.kind != symNode || a.node.Kind != b.node.Kind || a.node.Kind != model.StringNode && a.node.Kind != model.LiteralNode ||
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
	claims := func(s sym) ([]claim, bool) {
		if s.kind == symBody && !s.number && !s.or {
			return []claim{{s, falsy()}}, true
		}
		return s.claims, s.kind == symCond
	}
	x, okX := claims(a)
	y, okY := claims(b)
	if !okX || !okY {
		return sym{}
	}
	x = slices.DeleteFunc(slices.Clone(x), func(c claim) bool { // what has the member that follows is an object
		return reflect.DeepEqual(c.Matcher, falsy()) && slices.ContainsFunc(y, func(o claim) bool {
			return len(o.subject.path) > len(c.subject.path) && strings.HasPrefix(o.subject.path, c.subject.path) && needsValue([]model.Matcher{o.Matcher})
		})
	})
	return cond(slices.Concat(x, y)...)
}

// falsy is the test that a value is none of those that count as false.
func falsy() model.Matcher {
	list := []*model.Node{model.Literal("false"), model.Literal("0"), model.String(""), model.Literal("null")}
	return model.Matcher{Op: "not", Sub: []model.Matcher{{Op: "in", List: list}}}
}

// compare is a comparison as a claim of what is known of the answer.
func compare(a sym, op string, b sym) sym {
	for range 2 {
		if a.isVariable() && b.kind == symNode && b.node.Kind == model.StringNode && (op == "eq" || op == "ne") && !strings.Contains(b.node.Text, "{{") {
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

// isText reports whether a value is text of the answer: a header or a cookie.
func (s sym) isText() bool { return s.kind == symHeader || s.kind == symCookie }

// toNumber is Number(x), or a plus before x.
func toNumber(v sym) sym {
	switch v.kind {
	case symNode:
		if template.IsNumber(v.node.Text) && (v.node.Kind == model.LiteralNode || v.node.Kind == model.StringNode) {
			return literal(model.Literal(v.node.Text))
		}
	case symBody, symHeader, symCookie:
		v.number = true
		return v
	case symStatus, symTime, symLength, symKeyCount:
		return v
	case symTemplate:
		return v.filtered("number", sureNumber)
	}
	return sym{}
}

// toText is String(x).
func toText(v sym) sym {
	switch v.kind {
	case symNode:
		if v.node.Kind == model.StringNode || v.node.Kind == model.LiteralNode {
			return literal(model.String(v.node.Text))
		}
	case symHeader, symCookie, symText, symPicked, symJoin:
		return v
	case symDatePart:
		return v
	case symBody:
		if v.joinable() {
			return sym{kind: symJoin, items: []sym{v}, sure: sureText}
		}
	case symTemplate:
		if v.sure == sureNumber {
			v.sure, v.millis = sureText, false
			return v
		}
		return v.filtered("text", sureText)
	}
	return sym{}
}

// filtered is a template of one placeholder with a filter that gives a type.
func (s sym) filtered(filter string, sure surety) sym {
	switch {
	case s.sure == sure:
		return s
	case strings.HasPrefix(s.text, "{{") && strings.Index(s.text, "}}") == len(s.text)-2:
		s.text = strings.TrimSuffix(s.text, "}}") + " | " + filter + "}}"
		s.sure = sure
		return s
	}
	return sym{}
}

// added is a number plus or minus a literal one.
func added(a, b sym, sign string) sym {
	if sign == "+" && a.kind == symNode && b.kind == symTemplate {
		a, b = b, a
	}
	if a.kind != symTemplate || a.sure != sureNumber || a.high > 0 || b.kind != symNode || b.node.Kind != model.LiteralNode ||
		!template.IsNumber(b.node.Text) || strings.ContainsAny(b.node.Text, "eE") {
		return sym{}
	}
	n := b.node.Text
	if sign == "-" {
		n = strings.TrimPrefix("-"+n, "--")
	}
	a.text = strings.TrimSuffix(a.text, "}}") + " | add: " + n + "}}"
	return a
}

// about reports whether a value is a part of the answer.
func (s sym) about() bool {
	switch s.kind {
	case symBody, symText, symStatus, symReason, symTime, symHeader, symCookie, symLength, symType, symKeyCount:
		return true
	}
	return false
}

// scaled is Math.random() * n.
func scaled(a, b sym) sym {
	if b.kind == symRandom {
		a, b = b, a
	}
	if a.kind == symRandom && b.kind == symNode && b.node.Kind == model.LiteralNode {
		if n, err := strconv.ParseInt(b.node.Text, 10, 64); err == nil && n > 0 && n < 1<<50 {
			return sym{kind: symRandom, high: n}
		}
	}
	return sym{}
}

// plus adds to a generated number, or joins text.
func (r *scriptReader) plus(a, b sym) sym {
	if v, ok := a.shiftedPart(b, 1); ok {
		return v
	}
	if v, ok := b.shiftedPart(a, 1); ok {
		return v
	}
	if a.kind == symNode && a.node.Kind == model.LiteralNode && b.high > 0 {
		a, b = b, a
	}
	if a.high > 0 && a.kind == symTemplate && b.kind == symNode && b.node.Kind == model.LiteralNode {
		if n, err := strconv.ParseInt(b.node.Text, 10, 64); err == nil && n > -1<<50 && n < 1<<50 {
			return drawnInt(a.low+n, a.high+n)
		}
		return sym{}
	}
	if sum := added(a, b, "+"); sum.kind != symUnknown {
		return sum
	}
	if a.isString() || b.isString() {
		return r.join(a, b)
	}
	return sym{} // it may be a sum
}

// isString reports whether a value is certainly text.
func (s sym) isString() bool {
	return s.sure == sureText || s.kind == symNode && s.node.Kind == model.StringNode
}

func drawnInt(low, high int64) sym {
	if high < low {
		return sym{}
	}
	s := asTemplate(fmt.Sprintf("{{$int: %d..%d}}", low, high), true)
	s.low, s.high, s.sure = low, max(high, 1), sureNumber
	return s
}

// negated is the opposite of a claim, where the language has it.
func (c claim) negated() (claim, bool) {
	opposite := map[string]string{"eq": "ne", "ne": "eq", "lt": "gte", "lte": "gt", "gt": "lte", "gte": "lt"}
	switch {
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
