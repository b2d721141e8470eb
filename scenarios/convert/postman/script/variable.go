package script

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/dop251/goja/ast"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script/claim"
)

// parsesXML reads xml2js.parseString(text, [options], (error, result) => …).
func (r *scriptReader) parsesXML(call *ast.CallExpression) bool {
	args := call.ArgumentList
	if len(args) < 2 || len(args) > 3 {
		return false
	}
	text, f := r.eval(args[0]), r.eval(args[len(args)-1])
	if text.kind != symText || f.kind != symFunc {
		return false
	}
	r.counts(call, model.ScriptLines)
	return r.run(f, []sym{literal(model.Literal("null")), {kind: symXML, path: text.path}})
}

// xmlText is the text of the first element that the names lead to, picked out of the
// body by a regular expression.
func xmlText(v sym) sym {
	var b strings.Builder
	b.WriteString("(?s)")
	for _, x := range v.items {
		name, ok := x.constant()
		if !ok || name == "" || strings.ContainsAny(name, "$_ <>&") {
			return sym{}
		}
		if b.Len() > len("(?s)") {
			b.WriteString(".*?")
		}
		b.WriteString("<" + regexp.QuoteMeta(name) + `(?:\s[^>]*)?>`)
	}
	if len(v.items) == 0 {
		return sym{}
	}
	return picked(sym{kind: symText, path: v.path}, b.String()+`\s*([^<]*?)\s*<`)
}

// outranked says why setting a variable does nothing: Postman looks into the
// environment before the collection, and into that before the globals.
func (r *scriptReader) outranked(setter, key string) string {
	collection, globals := strings.HasPrefix(setter, "pm.collectionVariables"), strings.HasPrefix(setter, "pm.globals") ||
		setter == "postman.setGlobalVariable"
	inEnvironment, inCollection := r.host.Scopes(key)
	switch {
	case inEnvironment && (collection || globals):
		return "the environment's value wins"
	case inCollection && globals:
		return "the collection's value wins"
	}
	return ""
}

// capture is where a value of an answer is; why says that it cannot be captured. sent is
// the request whose answer it is.
func (r *scriptReader) capture(v sym) (c *model.Capture, sent int, why string) {
	base := v
	if v.kind == symPicked {
		base = v.items[0]
	}
	sent, own := claim.Owner(base.path)
	switch base.kind {
	case symBody:
		if c = (&model.Capture{At: own}); !base.single() || base.or || base.number {
			why = "it may be more than one value"
		}
	case symHeader:
		if c = (&model.Capture{Header: base.text}); !naming.IsToken(base.text) {
			why = "this is not the name of a header"
		}
	case symCookie:
		if c = (&model.Capture{Cookie: base.text}); !naming.IsToken(base.text) {
			why = "this is not the name of a cookie"
		}
	case symStatus:
		c = &model.Capture{Status: true}
	case symText:
		c = &model.Capture{Regex: "(?s)^(.*)$"}
	}
	if c != nil && v.kind == symPicked {
		c.Regex = v.text
	}
	if c != nil && sent == 0 && (c.At != "" || base.kind == symText) && r.host.IsHead() {
		why = "an answer to HEAD has no body"
	}
	if c != nil && sent == 0 && !r.after {
		why = "there is no answer yet"
	}
	return c, sent, why
}

// setVariable reads a value that is kept for later.
func (r *scriptReader) setVariable(e ast.Expression, key string, v sym) {
	text, at := r.source(e)
	def := Definition{Name: key, After: r.after, Text: naming.OneLine(text, 200), Line: r.line(at)}
	why, sent := "", 0
	if v.kind == symBody && (v.number || v.or) { // Number(x) and x || y of what is there
		v.number, v.or = false, false
	}
	if v.kind == symStringified { // {{x}} in place of a JSON value is that value
		v = v.items[0]
		def.JSON = v.kind != symBody
	}
	if v.kind == symXML {
		v = xmlText(v)
	}
	if v.kind == symJoin && len(v.items) == 1 { // String(x)
		v = v.items[0]
	}
	if v.kind == symJoin {
		if v = r.resolved(v); v.kind == symUnknown {
			why = "a part of the text is made by code"
		}
	}
	switch v.kind {
	case symBody, symHeader, symCookie, symStatus, symText, symPicked:
		def.Capture, sent, why = r.capture(v)
	case symNode, symTemplate:
		value, ok := v.asText()
		if v.kind == symNode && ok && value != "" && (naming.SecretName(key) || naming.SecretText(value)) {
			value = r.host.Secret(key, value, "the value of "+key+" in a script")
		}
		def.Literal = v.kind == symNode && v.node.Kind == model.LiteralNode && !v.node.Is("null") && value == v.node.Text
		if def.Value, def.Generated = value, v.generated; !ok {
			why = "the value is not text"
		} else if slices.Contains(r.host.NamesIn(value), key) {
			why = "the new value is made of the old one"
		}
		if r.guarded != "" {
			why = r.guarded
		}
	default:
		why = cmp.Or(why, "the value is made by code")
	}
	if why == "" && r.guarded != "" && strings.HasPrefix(r.guarded, "in the else") {
		why = r.guarded
	}
	if why != "" {
		r.lose(e, model.Captures, why)
		return
	}
	def.After = def.After || sent > 0
	def.follows = r.keep()
	r.define(sent, def)
}

// jsonOf is a list or object that a script holds as JSON text; ok is false when a text
// in it is not known.
func jsonOf(n *model.Node) (string, bool) {
	return naming.Escape(claim.JSON(n)), !n.IsScalar() && !claim.HoldsPlaceholder(n)
}
