package script

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script/claim"
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
		return literal(model.Bool(x.Value))
	case *ast.NullLiteral:
		return literal(model.Literal("null"))
	case *ast.RegExpLiteral:
		pattern, why := goRegex(validText(x.Pattern), x.Flags)
		if why == "" {
			return sym{kind: symRegex, text: pattern, global: strings.Contains(x.Flags, "g")}
		}
	case *ast.TemplateLiteral:
		return r.templateLiteral(x)
	case *ast.ArrayLiteral:
		return r.array(x)
	case *ast.ObjectLiteral:
		return r.object(x)
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
	args := r.evalAll(x.ArgumentList)
	arg, name := first(args), dotted(x.Callee)
	switch isDate := name == "Date"; {
	case isDate && len(args) == 0:
		return now(0)
	case isDate && len(args) == 1 && (arg.millis || arg.kind == symNow):
		return now(arg.offset)
	case isDate && len(args) == 1 && arg.isPart():
		return sym{kind: symInstant, path: arg.path}
	}
	return only(strings.HasSuffix(strings.ToLower(name), "ajv"), sym{kind: symModule})
}

func validText(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// numberText is a number as JSON has it; empty for what JSON has not: infinity, NaN.
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

// identifier is the value of a name: what the script gave it, otherwise what the sandbox calls so.
// A name whose value changes in place is not followed.
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
	return sandboxNames[name]
}

// sandboxNames are the values that the sandbox gives names to.
var sandboxNames = map[string]sym{
	"responseBody": {kind: symText}, "responseCode": {kind: symCode}, "responseTime": {kind: symTime}, "responseHeaders": {kind: symHeaders},
	"environment": {kind: symVars}, "globals": {kind: symVars}, "data": {kind: symVars}, "undefined": {kind: symUndefined},
}

// access is a member of a value, by its name or its number.
func (r *scriptReader) access(e ast.Expression) sym {
	switch dotted(e) {
	case "pm.response":
		return sym{kind: symResponse}
	case "pm.info.requestName", "request.name":
		text := r.host.RequestName()
		return only(text != "", constantText(text))
	}
	if d, ok := e.(*ast.DotExpression); ok {
		return r.memberOf(d.Left, r.eval(d.Left), d.Identifier.Name.String())
	}
	b := e.(*ast.BracketExpression)
	left, key := r.eval(b.Left), r.eval(b.Member)
	if name, ok := key.constant(); ok {
		return r.memberOf(b.Left, left, name)
	}
	switch {
	case key.kind == symNode && key.node.Kind == model.LiteralNode:
		return at(left, key.node.Text)
	case key.kind == symIndex && left.isPart() && key.path == left.path:
		return element(left)
	}
	if minus, ok := b.Member.(*ast.BinaryExpression); ok && minus.Operator == token.MINUS { // list[list.length - 1]
		length, one := r.eval(minus.Left), r.eval(minus.Right)
		return only(length.kind == symLength && length.path == left.path && one.node.Is("1"), last(left))
	}
	return sym{}
}

// memberOf is the member of a value, which an expression stands for, by name: of what a loop
// filled, of the variables of a scope, or of what the value is.
func (r *scriptReader) memberOf(e ast.Expression, v sym, name string) sym {
	if found, ok := r.fromKeyed(e, name); ok {
		return found
	}
	if v.kind == symVars {
		return r.variable(name)
	}
	return member(v, name)
}

// last is the last element of a list.
func last(v sym) sym {
	if v.kind == symSplit {
		return splitPart(v, -1)
	}
	return only(v.isPart(), body(v.path+"[-1]"))
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
		return sym{kind: symJoin, items: slices.Concat(a.parts(), b.parts()), sure: sureText}
	}
	if strings.HasPrefix(y, "{") {
		x = naming.GuardBrace(x) // two braces would begin a placeholder
	}
	if a.kind == symNode && b.kind == symNode {
		return literal(model.String(x + y))
	}
	out := asTemplate(x+y, a.generated || b.generated)
	out.sure = sureText
	return out
}

// parts are the texts that a text was joined of.
func (s sym) parts() []sym {
	if s.kind == symJoin {
		return s.items
	}
	return []sym{s}
}

// joinable reports whether a value is a text of the answer that can be captured.
func (s sym) joinable() bool {
	switch s.kind {
	case symBody:
		return s.isPart() && s.single()
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

// array is an array literal: JSON where every value is known, otherwise a list.
func (r *scriptReader) array(x *ast.ArrayLiteral) sym {
	if slices.Contains(x.Value, nil) {
		return sym{}
	}
	list, n := sym{kind: symList, items: r.evalAll(x.Value)}, &model.Node{Kind: model.ArrayNode}
	for _, v := range list.items {
		item := v.operand()
		if item == nil {
			return list
		}
		n.Items = append(n.Items, item)
	}
	return literal(n)
}

// object is an object literal whose every value is known.
func (r *scriptReader) object(x *ast.ObjectLiteral) sym {
	n := &model.Node{Kind: model.ObjectNode}
	for _, p := range x.Value {
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

// unary is an operator before a value. The opposite of several claims at once is none of the
// language, so that only one claim is negated.
func (r *scriptReader) unary(x *ast.UnaryExpression) sym {
	v := r.eval(x.Operand)
	holds, known := r.truth(v)
	switch {
	case x.Postfix:
	case x.Operator == token.NOT && known:
		return literal(model.Bool(!holds))
	case x.Operator == token.NOT:
		claims, ok := asClaims(v)
		if claims = claim.Needed(claims); ok && len(claims) == 1 {
			if c, ok := claims[0].Negated(); ok {
				c.Sheltered = c.Op == claim.Falsy && slices.ContainsFunc(v.claims, func(o claim.Claim) bool {
					return o.Kind == claim.Body && o.Path == c.Path[:claim.LastStep(c.Path)]
				})
				return cond(c)
			}
		}
	case x.Operator == token.TYPEOF && v.kind == symBody:
		return sym{kind: symType, path: v.path}
	case x.Operator == token.MINUS && v.kind == symNode && claim.IsNumber(v.node) && v.node.Text[0] != '-':
		return literal(model.Literal("-" + v.node.Text))
	case x.Operator == token.PLUS:
		return toNumber(v)
	}
	return sym{}
}
