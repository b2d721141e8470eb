package script

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script/claim"
)

// methodOf is a method of a value that is followed.
func (r *scriptReader) methodOf(v sym, method string, args []sym) sym {
	arg := first(args)
	switch v.kind {
	case symBody:
		if arg.kind == symFunc && len(args) == 1 {
			return r.searched(v, method, arg)
		}
		if out := cutAnswer(v, method, args); out.kind != symUnknown {
			return out
		}
		return bodyMethod(v, method, args)
	case symReason:
		return holding(v, method, arg)
	case symText, symHeader, symCookie:
		if method == "toString" {
			return v
		}
		if out := holding(v, method, arg); out.kind != symUnknown {
			return out
		}
		return cutAnswer(v, method, args)
	case symNode, symList, symTemplate, symJoin:
		return r.heldMethod(v, method, args)
	case symNow:
		return dateMethod(v, method, args)
	case symInstant:
		v.iso = method == "toISOString" && !v.iso
		return v
	case symDatePart:
		return v.part(method, args)
	}
	return r.libraryMethod(v, method, args)
}

// holding is text.includes(part) and its like.
func holding(v sym, method string, part sym) sym {
	holds := method == "has" || method == "includes" || method == "contains"
	return only(holds && part.operand() != nil, cond(test(v, "contains", part.operand())))
}

// heldMethod is a method of a value that the script holds.
func (r *scriptReader) heldMethod(v sym, method string, args []sym) sym {
	isList := v.kind == symNode && v.node.Kind == model.ArrayNode
	switch arg := first(args); {
	case method == "join" && (isList || v.kind == symList):
		return r.joined(v, args)
	case v.kind == symList:
		return sym{}
	case method == "includes" && isList && arg.about() && len(v.node.Items) > 0:
		return cond(claimOf(arg, model.Matcher{Op: "in", List: v.node.Items}))
	case v.kind == symNode && v.node.Kind == model.LiteralNode && method == "toString" && len(args) == 0:
		return toText(v)
	}
	return r.textMethod(v, method, args)
}

// libraryMethod is a method of the answer, of its headers, or of what a library gives.
func (r *scriptReader) libraryMethod(v sym, method string, args []sym) sym {
	arg := first(args)
	switch {
	case v.kind == symHeaders && (method == "get" || method == "one"):
		return named(symHeader, v.path, arg)
	case v.kind == symHeaders && (method == "has" || method == "hasOwnProperty"):
		return there(named(symHeader, v.path, arg))
	case v.kind == symResponse && method == "json":
		return body(v.path + "$")
	case v.kind == symResponse && method == "text":
		return sym{kind: symText, path: v.path}
	case v.kind == symRegex && method == "test" && arg.about():
		return cond(test(arg, "matches", model.String(v.text)))
	case v.kind == symRegex && method == "exec" && len(args) == 1:
		return sym{kind: symMatch, text: v.text, items: []sym{arg}}
	case v.kind == symSplit && (method == "pop" && len(args) == 0 || method == "at" && arg.node.Is("-1")):
		return splitPart(v, -1)
	case v.kind == symDigest && method == "toString" && (len(args) == 0 || arg.kind == symUnknown):
		return r.filter(v.items[0], "sha256")
	case v.kind == symModule && method == "v4":
		return surelyText("{{$uuid}}")
	case v.kind == symModule && method == "compile" && arg.node != nil:
		return sym{kind: symValidator, node: arg.node}
	case v.kind == symModule && method == "validate":
		return validated(second(args), arg)
	case v.kind == symBytes && method == "toString":
		switch encoding, _ := arg.constant(); encoding {
		case "base64":
			return r.filter(v.items[0], "base64")
		case "utf8", "utf-8":
			return v.items[0]
		}
	}
	return sym{}
}

// part is a method of a number of a date: String(d.getDate()).padStart(2, '0').
func (s sym) part(method string, args []sym) sym {
	width, _ := first(args).whole()
	fill, _ := second(args).constant()
	switch {
	case method == "toString":
		return s
	case method == "padStart" && width == 2 && fill == "0":
		return s.partText()
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

// searched is list.find(x => …), some and every.
func (r *scriptReader) searched(list sym, method string, f sym) sym {
	switch method {
	case "find":
		return r.chosen(list, f)
	case "some":
		return there(r.chosen(list, f))
	case "every":
		return r.everyOf(list, f)
	}
	return sym{}
}

// everyOf is list.every(x => …): what holds for each element.
func (r *scriptReader) everyOf(list, f sym) sym {
	if !list.isPart() {
		return sym{}
	}
	v := r.result(f, []sym{element(list)})
	return only(v.kind == symCond && !slices.ContainsFunc(v.claims, func(c claim.Claim) bool {
		return !strings.HasPrefix(c.Path, list.path+"[*]") || c.Kind != claim.Body
	}), v)
}

// lodash is _.get(value, path).
func lodash(v, path sym) sym {
	text, isText := path.constant()
	if !isText || !v.isPart() {
		return sym{}
	}
	at, _ := lodashPath(v, text)
	return at
}

// readNumber is parseInt or parseFloat: of a literal, of a part of the answer, or
// of a variable, whose text is taken to be nothing but the number.
func readNumber(v sym, whole bool) sym {
	n := toNumber(v)
	switch n.kind {
	case symNode:
		return only(!whole || !strings.ContainsAny(n.node.Text, ".eE"), n)
	case symBody, symStatus, symLength, symKeyCount:
		return n
	}
	return only(n.sure == sureNumber, n)
}

// bodyMethod is a method of a value of the body that is not cut.
func bodyMethod(v sym, method string, args []sym) sym {
	switch {
	case len(args) == 0 && method == "pop":
		return last(v)
	case len(args) == 0 && method == "shift":
		return at(v, "0")
	case v.number || v.or && method != "hasOwnProperty": // of nothing, and of what takes its place: no member
		return sym{}
	}
	arg := first(args)
	key, isText := arg.constant()
	matches := func(known bool, pattern string) sym {
		return only(known, cond(test(v, "matches", model.String(pattern)), test(v, "type", model.String("string"))))
	}
	switch method {
	case "hasOwnProperty":
		return only(isText, there(below(v, key)))
	case "includes", "contains":
		return holding(v, method, arg)
	case "indexOf":
		return only(arg.operand() != nil, sym{kind: symIndexOf, path: v.path, node: arg.operand()})
	case "startsWith":
		return matches(isText, "^"+regexp.QuoteMeta(key))
	case "endsWith":
		return matches(isText, regexp.QuoteMeta(key)+"$")
	case "match":
		return matches(arg.kind == symRegex, arg.text)
	case "at":
		if arg.kind == symNode && arg.node.Kind == model.LiteralNode {
			return at(v, arg.node.Text)
		}
	}
	return sym{}
}
