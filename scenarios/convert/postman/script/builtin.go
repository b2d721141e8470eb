package script

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dop251/goja/ast"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
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
	if root, _ := rootName(x.Callee); root != "" {
		if v, ok := r.scope.get(root); ok && v.by < len(r.followed) {
			r.reads = append(r.reads, v.by) // the function is part of what the name stands for
		}
	}
	if v, ok := r.builtin(name, arg); ok {
		return v
	}
	args := make([]sym, len(x.ArgumentList))
	for i := range args {
		args[i] = arg(i)
	}
	if f := r.called(x.Callee); f.kind == symFunc {
		return r.result(f, args)
	} else if f.kind == symValidator && len(args) == 1 && args[0].kind == symBody && args[0].path == "$" {
		return cond(test(args[0], "schema", f.node))
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
	return r.methodOf(r.eval(left), method, args)
}

// called is a function, or a compiled schema, that is called by its name or in place.
func (r *scriptReader) called(callee ast.Expression) sym {
	switch c := callee.(type) {
	case *ast.Identifier, *ast.FunctionLiteral, *ast.ArrowFunctionLiteral:
		return r.eval(c)
	}
	return sym{}
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
		return r.parsed(arg(0)), true
	case "JSON.stringify":
		return stringified(arg(0)), true
	case "xml2Json":
		if v := arg(0); v.kind == symText {
			return sym{kind: symXML, path: v.path}, true
		}
	case "btoa", "Base64.encode", "base64.encode", "_.base64Encode":
		return r.filter(arg(0), "base64"), true
	case "Buffer.from", "CryptoJS.enc.Utf8.parse", "CryptoJS.enc.Latin1.parse":
		if v := r.resolved(arg(0)); v.kind == symTemplate || v.kind == symNode {
			return sym{kind: symBytes, items: []sym{v}}, true
		}
	case "CryptoJS.enc.Base64.stringify":
		if v := arg(0); v.kind == symBytes {
			return r.filter(v.items[0], "base64"), true
		}
	case "CryptoJS.SHA256":
		if v := arg(0); v.kind == symNode || v.kind == symTemplate {
			return sym{kind: symDigest, items: []sym{v}}, true
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
	case "moment", "moment.utc", "dayjs", "dayjs.utc":
		if v := arg(0); v.kind == symUnknown || v.kind == symNow {
			return now(v.offset), true
		}
	case "_.sample", "_.first", "_.head", "_.last":
		return choice(name, arg(0)), true
	case "_.shuffle":
		if _, ok := elements(arg(0)); ok {
			return sym{kind: symShuffled, items: []sym{arg(0)}}, true
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
	case "ajv.compile":
		if schema := arg(0).node; schema != nil {
			return sym{kind: symValidator, node: schema}, true
		}
	case "tv4.validate", "tv4.validateResult", "ajv.validate":
		if v, schema := arg(0), arg(1).node; name != "ajv.validate" && v.kind == symBody && v.path == "$" && schema != nil {
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

// parsed is JSON.parse: of the body's text, or of a variable that nothing changes.
func (r *scriptReader) parsed(v sym) sym {
	if v.kind == symText {
		return body(v.path + "$")
	}
	text, isText := v.constant()
	if names := r.host.NamesIn(v.text); !isText && v.kind == symTemplate && len(names) == 1 && v.text == "{{"+r.host.VarName(names[0])+"}}" {
		text, isText = r.host.Static(names[0])
	}
	if !isText || len(text) > maxScript {
		return sym{}
	}
	value, err := source.ParseJSON("", []byte(text))
	if err != nil {
		return sym{}
	}
	if n, ok := nodeOf(value, 0); ok {
		return literal(n)
	}
	return sym{}
}

// nodeOf is a value of JSON as a literal of the script.
func nodeOf(v *source.Value, depth int) (*model.Node, bool) {
	n := &model.Node{Keys: v.Keys}
	switch v.Kind {
	case 's':
		return model.String(naming.Escape(v.Text)), true
	case 'o':
		n.Kind = model.ObjectNode
	case 'a':
		n.Kind = model.ArrayNode
	case '0':
		return model.Literal("null"), true
	default:
		return model.Literal(v.Text), true
	}
	if depth > maxScriptDepth {
		return nil, false
	}
	for i, item := range v.Items {
		inner, ok := nodeOf(item, depth+1)
		if !ok || v.Kind == 'o' && (len(v.Keys[i]) > model.InlineKey || slices.Contains(v.Keys[:i], v.Keys[i])) {
			return nil, false
		}
		n.Items = append(n.Items, inner)
	}
	return n, true
}

// stringified is JSON.stringify: of a value that the script holds, or of a part of the
// answer, which is written as JSON wherever it is used without quotes.
func stringified(v sym) sym {
	switch {
	case v.kind == symNode && v.node.Kind == model.LiteralNode:
		return constantText(v.node.Text)
	case v.kind == symNode && v.node.Kind == model.StringNode, v.kind == symTemplate && v.sure == sureText:
		return sym{kind: symStringified, items: []sym{v}}
	case v.kind == symNode:
		if text, ok := jsonOf(v.node); ok {
			return literal(model.String(text))
		}
	case v.kind == symBody && v.single() && !v.or && !v.number:
		return sym{kind: symStringified, items: []sym{v}}
	}
	return sym{}
}

// choice is an element of a list that the script holds: one at random, or one by its
// place.
func choice(name string, v sym) sym {
	items, ok := elements(v)
	if !ok || len(items) == 0 {
		return sym{}
	}
	switch name {
	case "_.first", "_.head":
		return items[0]
	case "_.last":
		return items[len(items)-1]
	}
	var words []string
	for _, x := range items {
		text, isText := x.constant()
		if !isText {
			if text, isText = x.asText(); !isText || x.kind != symNode {
				return sym{}
			}
		}
		if strings.ContainsAny(text, `'"{}|`) || text == "" || strings.TrimSpace(text) != text {
			return sym{}
		}
		if strings.Contains(text, ",") {
			text = "'" + text + "'"
		}
		words = append(words, text)
	}
	return sym{kind: symTemplate, text: "{{$pick: " + strings.Join(words, ", ") + "}}", generated: true}
}

// isWholeSeconds reports whether a value is the seconds of a date.
func isWholeSeconds(v sym) bool {
	return v.kind == symTemplate && strings.HasSuffix(v.text, "format: unix}}")
}

// generator are the functions that draw a value or tell the time.
func (r *scriptReader) generator(name string, arg func(int) sym) (sym, bool) {
	switch name {
	case "pm.variables.replaceIn":
		if text, ok := arg(0).constant(); ok {
			out := asTemplate(r.host.Template(text), false)
			out.generated, out.sure = strings.Contains(out.text, "{{$"), sureText
			return out, true
		}
	case "Date.now":
		return dateMethod(now(0), "getTime", nil), true
	case "uuid", "uuid.v4", "uuidv4", "crypto.randomUUID":
		return surelyText("{{$uuid}}"), true
	case "Math.random":
		return sym{kind: symRandom}, true
	case "Math.floor", "Math.round", "Math.ceil", "Math.trunc", "_.parseInt":
		if v := arg(0); name != "_.parseInt" && (v.millis || isWholeSeconds(v)) {
			return v, true
		}
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
