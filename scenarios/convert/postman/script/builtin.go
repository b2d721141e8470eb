package script

import (
	"regexp"
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
	return sym{kind: symTemplate, text: "{{$pick: " + strings.Join(words, ", ") + "}}", drawn: true}
}

// methodOf is a method of a value that is followed.
func (r *scriptReader) methodOf(v sym, method string, args []sym) sym {
	arg := first(args)
	key, isText := arg.constant()
	switch v.kind {
	case symBody:
		if f := arg; f.kind == symFunc && len(args) == 1 {
			return r.everyOf(v, method, f)
		}
		if out := cutAnswer(v, method, args); out.kind != symUnknown {
			return out
		}
		if len(args) == 0 && method == "pop" {
			return last(v)
		} else if len(args) == 0 && method == "shift" {
			return at(v, "0")
		}
		return bodyMethod(v, method, arg, key, isText)
	case symText, symReason, symHeader, symCookie:
		switch {
		case (method == "has" || method == "includes" || method == "contains") && arg.operand() != nil:
			return cond(test(v, "contains", arg.operand()))
		case method == "toString" && v.kind != symReason:
			return v
		case v.kind != symReason:
			return cutAnswer(v, method, args)
		}
	case symHeaders:
		if isText && (method == "get" || method == "one") {
			return sym{kind: symHeader, text: key, path: v.path}
		}
		if isText && (method == "has" || method == "hasOwnProperty") {
			return cond(test(sym{kind: symHeader, text: key, path: v.path}, "exists", model.Literal("true")))
		}
	case symRegex:
		if method == "test" && arg.about() {
			return cond(test(arg, "matches", model.String(v.text)))
		}
		if method == "exec" && len(args) == 1 {
			return sym{kind: symMatch, text: v.text, items: []sym{arg}}
		}
	case symSplit:
		if method == "pop" && len(args) == 0 || method == "at" && arg.node.Is("-1") {
			return splitPart(v, -1)
		}
	case symNode:
		if method == "includes" && v.node.Kind == model.ArrayNode && arg.about() && len(v.node.Items) > 0 {
			return cond(claim{arg, model.Matcher{Op: "in", List: v.node.Items}})
		}
		if method == "join" && v.node.Kind == model.ArrayNode {
			return r.joined(v, args)
		}
		if v.node.Kind == model.LiteralNode && method == "toString" && len(args) == 0 {
			return toText(v)
		}
		return r.textMethod(v, method, args)
	case symList:
		if method == "join" {
			return r.joined(v, args)
		}
	case symTemplate, symJoin:
		return r.textMethod(v, method, args)
	case symNow:
		return dateMethod(v, method, args)
	case symBytes:
		if encoding, ok := arg.constant(); method == "toString" && ok {
			if encoding == "base64" {
				return r.filter(v.items[0], "base64")
			} else if encoding == "utf8" || encoding == "utf-8" {
				return v.items[0]
			}
		}
	case symDigest:
		if method == "toString" && (len(args) == 0 || arg.kind == symUnknown) {
			return r.filter(v.items[0], "sha256")
		}
	case symDatePart:
		return v.part(method, args)
	case symResponse:
		if method == "json" {
			return body(v.path + "$")
		} else if method == "text" {
			return sym{kind: symText, path: v.path}
		}
	case symVars:
		if isText && method == "get" {
			return sym{}
		}
	case symModule:
		if method == "v4" {
			return surelyText("{{$uuid}}")
		}
		if method == "compile" && arg.node != nil {
			return sym{kind: symValidator, node: arg.node}
		}
		if schema, v := arg, second(args); method == "validate" && v.kind == symBody && v.path == "$" && schema.node != nil {
			return cond(test(v, "schema", schema.node))
		}
	}
	return sym{}
}

// part is a method of a number of a date: String(d.getDate()).padStart(2, '0').
func (s sym) part(method string, args []sym) sym {
	switch width, isWhole := first(args).whole(); method {
	case "toString":
		return s
	case "padStart":
		if fill, ok := second(args).constant(); isWhole && width == 2 && ok && fill == "0" {
			return s.partText()
		}
	}
	return sym{}
}

// joined is list.join(separator) of a list that the script holds.
func (r *scriptReader) joined(v sym, args []sym) sym {
	items, ok := elements(v)
	sep := constantText(",")
	if len(args) > 0 {
		sep = args[0]
	}
	if !ok {
		return sym{}
	}
	out := sym{kind: symNode, node: model.String("")}
	for i, x := range items {
		if i > 0 {
			out = r.join(out, sep)
		}
		out = r.join(out, x)
	}
	return out
}

// everyOf is list.every(x => …): what holds for each element.
func (r *scriptReader) everyOf(list sym, method string, f sym) sym {
	if method != "every" || list.or || list.number {
		return sym{}
	}
	v := r.result(f, []sym{element(list)})
	if v.kind != symCond {
		return sym{}
	}
	for _, c := range v.claims {
		if !strings.HasPrefix(c.subject.path, list.path+"[*]") || c.subject.kind != symBody {
			return sym{}
		}
	}
	return v
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
			out.drawn, out.sure = strings.Contains(out.text, "{{$"), sureText
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
