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
	if slices.Contains(getters, name) {
		if args := r.evalAll(x.ArgumentList); len(args) == 1 {
			key, _ := args[0].constant()
			return r.variable(key)
		}
		return sym{}
	}
	if root, _ := rootName(x.Callee); root != "" {
		if v, ok := r.scope.get(root); ok && v.by < len(r.followed) {
			r.reads = append(r.reads, v.by) // the function is part of what the name stands for
		}
	}
	args := r.evalAll(x.ArgumentList)
	if f := builtins[name]; f != nil {
		return f(r, first(args), second(args))
	}
	if f := r.called(x.Callee); f.kind == symFunc {
		return r.result(f, args)
	} else if f.kind == symValidator && len(args) == 1 {
		return validated(args[0], f)
	}
	left, method := receiver(x.Callee)
	if left == nil {
		return sym{}
	}
	return r.methodOf(r.eval(left), method, args)
}

// evalAll are the values of the arguments of a call.
func (r *scriptReader) evalAll(list []ast.Expression) []sym {
	out := make([]sym, len(list))
	for i, e := range list {
		out[i] = r.eval(e)
	}
	return out
}

// receiver is what a method is called on, and the name of the method; nil for functions.
func receiver(callee ast.Expression) (left ast.Expression, method string) {
	if o, ok := callee.(*ast.OptionalChain); ok {
		callee = o.Expression
	}
	if d, ok := callee.(*ast.DotExpression); ok {
		return d.Left, d.Identifier.Name.String()
	}
	return nil, ""
}

// called is a function, or a compiled schema, that is called by its name or in place.
func (r *scriptReader) called(callee ast.Expression) sym {
	switch c := callee.(type) {
	case *ast.Identifier, *ast.FunctionLiteral, *ast.ArrowFunctionLiteral:
		return r.eval(c)
	}
	return sym{}
}

// A builtin gives the value of a function that JavaScript, Postman's sandbox or one of its
// libraries has, from its first two arguments.
type builtin func(r *scriptReader, a, b sym) sym

// builtins are the functions that are known, by the names that scripts call them by.
var builtins = map[string]builtin{
	"pm.response.json":               always(body("$")),
	"pm.response.text":               always(sym{kind: symText}),
	"pm.response.reason":             always(sym{kind: symReason}),
	"pm.response.headers.get":        func(_ *scriptReader, a, _ sym) sym { return named(symHeader, "", a) },
	"postman.getResponseHeader":      func(_ *scriptReader, a, _ sym) sym { return named(symHeader, "", a) },
	"pm.response.headers.has":        func(_ *scriptReader, a, _ sym) sym { return there(named(symHeader, "", a)) },
	"responseHeaders.hasOwnProperty": func(_ *scriptReader, a, _ sym) sym { return there(named(symHeader, "", a)) },
	"pm.cookies.get":                 func(_ *scriptReader, a, _ sym) sym { return named(symCookie, "", a) },
	"postman.getResponseCookie":      func(_ *scriptReader, a, _ sym) sym { return named(symCookie, "", a) },
	"pm.cookies.has":                 func(_ *scriptReader, a, _ sym) sym { return there(named(symCookie, "", a)) },
	"pm.variables.replaceIn":         (*scriptReader).replacedIn,

	"JSON.parse":     func(r *scriptReader, a, _ sym) sym { return r.parsed(a) },
	"JSON.stringify": func(_ *scriptReader, a, _ sym) sym { return stringified(a) },
	"xml2Json":       func(_ *scriptReader, a, _ sym) sym { return only(a.kind == symText, sym{kind: symXML, path: a.path}) },
	"Number":         func(_ *scriptReader, a, _ sym) sym { return toNumber(a) },
	"String":         func(_ *scriptReader, a, _ sym) sym { return toText(a) },
	"parseInt":       func(_ *scriptReader, a, _ sym) sym { return readNumber(a, true) },
	"parseFloat":     func(_ *scriptReader, a, _ sym) sym { return readNumber(a, false) },
	"Object.keys":    func(_ *scriptReader, a, _ sym) sym { return only(a.isPart(), sym{kind: symKeys, path: a.path}) },

	"Array.isArray":    ofType("array"),
	"Number.isInteger": ofType("integer"),
	"_.isArray":        ofType("array"),
	"_.isString":       ofType("string"),
	"_.isNumber":       ofType("number"),
	"_.isBoolean":      ofType("boolean"),
	"_.has":            func(_ *scriptReader, a, b sym) sym { return there(lodash(a, b)) },
	"_.get":            func(_ *scriptReader, a, b sym) sym { return lodash(a, b) },
	"_.first":          func(_ *scriptReader, a, _ sym) sym { return endOf(a, 0) },
	"_.head":           func(_ *scriptReader, a, _ sym) sym { return endOf(a, 0) },
	"_.last":           func(_ *scriptReader, a, _ sym) sym { return endOf(a, -1) },
	"_.sample":         func(_ *scriptReader, a, _ sym) sym { return choice(a) },
	"_.shuffle":        shuffled,
	"_.random":         between,

	"btoa":                          base64Of,
	"Base64.encode":                 base64Of,
	"base64.encode":                 base64Of,
	"_.base64Encode":                base64Of,
	"Buffer.from":                   bytesOf,
	"CryptoJS.enc.Utf8.parse":       bytesOf,
	"CryptoJS.enc.Latin1.parse":     bytesOf,
	"CryptoJS.enc.Base64.stringify": base64OfBytes,
	"CryptoJS.SHA256": func(_ *scriptReader, a, _ sym) sym {
		return only(a.isKnownText(), sym{kind: symDigest, items: []sym{a}})
	},

	"moment":            moment,
	"moment.utc":        moment,
	"dayjs":             moment,
	"dayjs.utc":         moment,
	"Date.now":          func(*scriptReader, sym, sym) sym { return dateMethod(now(0), "getTime", nil) },
	"uuid":              always(surelyText("{{$uuid}}")),
	"uuid.v4":           always(surelyText("{{$uuid}}")),
	"uuidv4":            always(surelyText("{{$uuid}}")),
	"crypto.randomUUID": always(surelyText("{{$uuid}}")),
	"Math.random":       always(sym{kind: symRandom}),
	"Math.floor":        wholeOf,
	"Math.round":        wholeOf,
	"Math.ceil":         wholeOf,
	"Math.trunc":        wholeOf,
	"_.parseInt":        func(_ *scriptReader, a, _ sym) sym { return drawnBelow(a) },

	"ajv.compile":        func(_ *scriptReader, a, _ sym) sym { return only(a.node != nil, sym{kind: symValidator, node: a.node}) },
	"ajv.validate":       func(_ *scriptReader, a, b sym) sym { return validated(b, a) },
	"tv4.validate":       func(_ *scriptReader, a, b sym) sym { return validated(a, b) },
	"tv4.validateResult": func(_ *scriptReader, a, b sym) sym { return validated(a, b) },
	"require":            always(sym{kind: symModule}),
}

// always is a function that gives the same whatever its arguments.
func always(v sym) builtin { return func(*scriptReader, sym, sym) sym { return v } }

// ofType is a function that tests the type of a value of the body.
func ofType(typ string) builtin {
	return func(_ *scriptReader, a, _ sym) sym {
		return only(a.kind == symBody && !a.number, cond(test(a, "type", model.String(typ))))
	}
}

// named is a header or cookie, of the answer that a path begins with, by a name that the
// script holds.
func named(kind symKind, path string, name sym) sym {
	text, ok := name.constant()
	return only(ok, sym{kind: kind, text: text, path: path})
}

// there is the condition that a value is there.
func there(v sym) sym { return only(v.kind != symUnknown, cond(test(v, "exists", yes))) }

// validated is the condition that the whole body obeys a schema.
func validated(v, schema sym) sym {
	return only(v.kind == symBody && v.path == "$" && schema.node != nil, cond(test(v, "schema", schema.node)))
}

func base64Of(r *scriptReader, a, _ sym) sym { return r.filter(a, "base64") }

func base64OfBytes(r *scriptReader, a, _ sym) sym {
	if a.kind != symBytes {
		return sym{}
	}
	return r.filter(a.items[0], "base64")
}

func bytesOf(r *scriptReader, a, _ sym) sym {
	v := r.resolved(a)
	return only(v.isKnownText(), sym{kind: symBytes, items: []sym{v}})
}

func shuffled(_ *scriptReader, a, _ sym) sym {
	_, ok := elements(a)
	return only(ok, sym{kind: symShuffled, items: []sym{a}})
}

// moment is the time of the run, or a date that is a copy of another.
func moment(_ *scriptReader, a, _ sym) sym {
	return only(a.kind == symUnknown || a.kind == symNow, now(a.offset))
}

// wholeOf is Math.floor and its like: of seconds, of milliseconds and of a random number.
func wholeOf(_ *scriptReader, a, _ sym) sym {
	if a.millis || a.kind == symTemplate && strings.HasSuffix(a.text, "format: unix}}") {
		return a
	}
	return drawnBelow(a)
}

// drawnBelow is a random number from 0 to below a limit, made whole.
func drawnBelow(v sym) sym { return only(v.kind == symRandom && v.high > 0, drawnInt(0, v.high-1)) }

// between is _.random(low, high).
func between(_ *scriptReader, a, b sym) sym {
	low, high := a.operand(), b.operand()
	if low == nil || high == nil {
		return sym{}
	}
	from, errFrom := strconv.ParseInt(low.Text, 10, 64)
	to, errTo := strconv.ParseInt(high.Text, 10, 64)
	return only(errFrom == nil && errTo == nil && from > -maxDrawn && to < maxDrawn, drawnInt(from, to))
}

// replacedIn is a text in which the sandbox replaces placeholders.
func (r *scriptReader) replacedIn(a, _ sym) sym {
	text, ok := a.constant()
	if !ok {
		return sym{}
	}
	out := asTemplate(r.host.Template(text), false)
	out.generated, out.sure = strings.Contains(out.text, "{{$"), sureText
	return out
}

// parsed is JSON.parse: of the body's text, or of a variable that nothing changes.
func (r *scriptReader) parsed(v sym) sym {
	if v.kind == symText {
		return body(v.path + "$")
	}
	text, isText := v.constant()
	if name, ok := r.variableIn(v); ok && v.text == "{{"+r.host.VarName(name)+"}}" {
		text, isText = r.host.Static(name)
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
	case v.isString() && v.isKnownText(), v.isPart() && v.single():
		return sym{kind: symStringified, items: []sym{v}}
	case v.kind == symNode:
		text, ok := jsonOf(v.node)
		return only(ok, literal(model.String(text)))
	}
	return sym{}
}

// endOf is the first element of a list that the script holds, or with -1 the last.
func endOf(v sym, at int) sym {
	items, _ := elements(v)
	if len(items) == 0 {
		return sym{}
	}
	return items[(at+len(items))%len(items)]
}

// choice is one element of a list that the script holds, at random.
func choice(v sym) sym {
	items, _ := elements(v)
	var words []string
	for _, x := range items {
		text, ok := x.asText()
		if constant, isText := x.constant(); isText {
			text = constant
		}
		if !ok || x.kind != symNode || strings.ContainsAny(text, `'"{}|`) || text == "" || strings.TrimSpace(text) != text {
			return sym{}
		}
		if strings.Contains(text, ",") {
			text = "'" + text + "'"
		}
		words = append(words, text)
	}
	return only(len(words) > 0, sym{kind: symTemplate, text: "{{$pick: " + strings.Join(words, ", ") + "}}", generated: true})
}
