package script

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dop251/goja/ast"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

var getters = []string{
	"pm.environment.get", "pm.globals.get", "pm.variables.get", "pm.collectionVariables.get", "pm.iterationData.get",
	"postman.getEnvironmentVariable", "postman.getGlobalVariable",
}

// callValue follows a call to the value that it gives.
func (r *scriptReader) callValue(x *ast.CallExpression) sym {
	name := dotted(x.Callee)
	arg := func(i int) sym {
		if i < len(x.ArgumentList) {
			return r.eval(x.ArgumentList[i])
		}
		return sym{}
	}
	if slices.Contains(getters, name) {
		if key, ok := arg(0).constant(); ok && len(x.ArgumentList) == 1 {
			return r.variable(key)
		}
		return sym{}
	}
	if v, ok := r.builtin(name, arg); ok {
		return v
	}
	var left ast.Expression
	method := ""
	switch c := x.Callee.(type) {
	case *ast.DotExpression:
		left, method = c.Left, c.Identifier.Name.String()
	case *ast.OptionalChain:
		if d, ok := c.Expression.(*ast.DotExpression); ok {
			left, method = d.Left, d.Identifier.Name.String()
		}
	}
	if left == nil {
		return sym{}
	}
	return methodOf(r.eval(left), method, arg(0), len(x.ArgumentList))
}

// builtin are the functions of JavaScript and of Postman's sandbox that are known.
func (r *scriptReader) builtin(name string, arg func(int) sym) (sym, bool) {
	switch name {
	case "pm.response.json":
		return body("$"), true
	case "pm.response.text":
		return sym{kind: symText}, true
	case "pm.response.reason":
		return sym{kind: symReason}, true
	case "JSON.parse":
		if arg(0).kind == symText {
			return body("$"), true
		}
	case "Number":
		return toNumber(arg(0)), true
	case "String":
		return toText(arg(0)), true
	case "parseInt", "parseFloat":
		return readNumber(arg(0), name == "parseInt"), true
	case "_.has", "_.get":
		return lodash(name, arg(0), arg(1)), true
	case "Object.keys":
		if v := arg(0); v.kind == symBody && !v.or && !v.number {
			return sym{kind: symKeys, path: v.path}, true
		}
	case "Array.isArray", "Number.isInteger", "_.isArray", "_.isString", "_.isNumber", "_.isBoolean":
		typ := strings.ToLower(strings.TrimPrefix(name[strings.LastIndex(name, ".")+1:], "is"))
		if v := arg(0); v.kind == symBody && !v.number {
			return cond(test(v, "type", model.String(typ))), true
		}
	case "pm.response.headers.get", "postman.getResponseHeader":
		if key, ok := arg(0).constant(); ok {
			return sym{kind: symHeader, text: key}, true
		}
	case "pm.response.headers.has", "responseHeaders.hasOwnProperty":
		if key, ok := arg(0).constant(); ok {
			return cond(test(sym{kind: symHeader, text: key}, "exists", model.Literal("true"))), true
		}
	case "pm.cookies.get", "postman.getResponseCookie":
		if key, ok := arg(0).constant(); ok {
			return sym{kind: symCookie, text: key}, true
		}
	case "pm.cookies.has":
		if key, ok := arg(0).constant(); ok {
			return cond(test(sym{kind: symCookie, text: key}, "exists", model.Literal("true"))), true
		}
	case "tv4.validate", "tv4.validateResult", "ajv.validate":
		if v, schema := arg(0), arg(1).node; name == "tv4.validate" && v.kind == symBody && v.path == "$" && schema != nil {
			return cond(test(v, "schema", schema)), true
		} else if v, schema := arg(1), arg(0).node; name == "ajv.validate" && v.kind == symBody && v.path == "$" && schema != nil {
			return cond(test(v, "schema", schema)), true
		}
	case "require":
		return sym{kind: symModule}, true
	default:
		return r.generator(name, arg)
	}
	return sym{}, true
}

// methodOf is a method of a value that is followed.
func methodOf(v sym, method string, arg sym, args int) sym {
	key, isText := arg.constant()
	switch v.kind {
	case symBody:
		return bodyMethod(v, method, arg, key, isText)
	case symText, symReason, symHeader, symCookie:
		switch {
		case (method == "has" || method == "includes" || method == "contains") && arg.operand() != nil:
			return cond(test(v, "contains", arg.operand()))
		case method == "toString" && v.kind != symReason:
			return v
		}
	case symHeaders:
		if isText && method == "get" {
			return sym{kind: symHeader, text: key}
		}
		if isText && (method == "has" || method == "hasOwnProperty") {
			return cond(test(sym{kind: symHeader, text: key}, "exists", model.Literal("true")))
		}
	case symRegex:
		if method == "test" && arg.about() {
			return cond(test(arg, "matches", model.String(v.text)))
		}
	case symNode:
		switch {
		case method == "includes" && v.node.Kind == model.ArrayNode && arg.about() && len(v.node.Items) > 0:
			return cond(claim{arg, model.Matcher{Op: "in", List: v.node.Items}})
		case method == "toString" && args == 0:
			return toText(v)
		}
	case symTemplate:
		if method == "toString" && args == 0 {
			return toText(v)
		}
	case symNow:
		switch method {
		case "getTime", "valueOf":
			return surelyNumber("{{$now | format: unix_ms}}")
		case "toISOString", "toJSON":
			return surelyText("{{$now}}")
		}
	case symResponse:
		if method == "json" {
			return body("$")
		} else if method == "text" {
			return sym{kind: symText}
		}
	case symVars:
		if isText && method == "get" {
			return sym{}
		}
	case symModule:
		if method == "v4" {
			return surelyText("{{$uuid}}")
		}
	}
	return sym{}
}

// lodash is _.has(value, path) or _.get(value, path).
func lodash(name string, v, path sym) sym {
	text, isText := path.constant()
	if !isText || v.kind != symBody || v.number || v.or {
		return sym{}
	}
	at, ok := lodashPath(v, text)
	switch {
	case !ok:
		return sym{}
	case name == "_.get":
		return at
	}
	return cond(test(at, "exists", model.Literal("true")))
}

// readNumber is parseInt or parseFloat: of a literal, of a part of the answer, or
// of a variable, whose text is taken to be nothing but the number.
func readNumber(v sym, whole bool) sym {
	n := toNumber(v)
	switch {
	case n.kind == symNode && !(whole && strings.ContainsAny(n.node.Text, ".eE")):
		return n
	case n.kind == symBody, n.kind == symStatus, n.kind == symLength, n.kind == symKeyCount, n.sure == sureNumber:
		return n
	}
	return sym{}
}

func bodyMethod(v sym, method string, arg sym, key string, isText bool) sym {
	if v.number || v.or && method != "hasOwnProperty" { // of nothing, and of what takes its place: no member
		return sym{}
	}
	text := test(v, "type", model.String("string"))
	switch method {
	case "hasOwnProperty":
		if isText {
			return cond(test(body(v.path+source.PathMember(key)), "exists", model.Literal("true")))
		}
	case "includes", "contains":
		if arg.operand() != nil {
			return cond(test(v, "contains", arg.operand()))
		}
	case "indexOf":
		if n := arg.operand(); n != nil {
			return sym{kind: symIndexOf, path: v.path, node: n}
		}
	case "startsWith":
		if isText {
			return cond(test(v, "matches", model.String("^"+regexp.QuoteMeta(key))), text)
		}
	case "endsWith":
		if isText {
			return cond(test(v, "matches", model.String(regexp.QuoteMeta(key)+"$")), text)
		}
	case "match":
		if arg.kind == symRegex {
			return cond(test(v, "matches", model.String(arg.text)), text)
		}
	case "at":
		if arg.kind == symNode && arg.node.Kind == model.LiteralNode {
			return at(v, arg.node.Text)
		}
	}
	return sym{}
}

// generator are the functions that draw a value or tell the time.
func (r *scriptReader) generator(name string, arg func(int) sym) (sym, bool) {
	switch name {
	case "pm.variables.replaceIn":
		if text, ok := arg(0).constant(); ok {
			out := asTemplate(r.host.Template(text), false)
			out.drawn, out.sure = strings.Contains(out.text, "{{$"), sureText
			return out, true
		}
	case "Date.now":
		return surelyNumber("{{$now | format: unix_ms}}"), true
	case "uuid", "uuid.v4", "uuidv4", "crypto.randomUUID":
		return surelyText("{{$uuid}}"), true
	case "Math.random":
		return sym{kind: symRandom}, true
	case "Math.floor", "Math.round", "Math.ceil", "Math.trunc":
		if v := arg(0); v.kind == symRandom && v.high > 0 {
			return drawnInt(0, v.high-1), true
		}
	case "_.random":
		low, high := arg(0).operand(), arg(1).operand()
		if low != nil && high != nil {
			a, errA := strconv.ParseInt(low.Text, 10, 64)
			b, errB := strconv.ParseInt(high.Text, 10, 64)
			if errA == nil && errB == nil && a > -1<<50 && b < 1<<50 {
				return drawnInt(a, b), true
			}
		}
	default:
		return sym{}, false
	}
	return sym{}, true
}
