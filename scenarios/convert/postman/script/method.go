package script

import (
	"regexp"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

// methodOf is a method of a value that is followed.
func (r *scriptReader) methodOf(v sym, method string, args []sym) sym {
	arg := first(args)
	key, isText := arg.constant()
	switch v.kind {
	case symBody:
		if f := arg; f.kind == symFunc && len(args) == 1 {
			switch method {
			case "find":
				return r.chosen(v, f)
			case "some":
				if at := r.chosen(v, f); at.kind == symBody {
					return cond(test(at, "exists", model.Literal("true")))
				}
				return sym{}
			}
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
	case symInstant:
		v.iso = method == "toISOString" && !v.iso
		return v
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
