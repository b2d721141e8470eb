package script

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dop251/goja/ast"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

// A Sent is a request that a script sends: a step before the request, or after its
// answer. Texts are of the scenario language.
type Sent struct {
	After   bool
	Line    int
	Method  string
	URL     string
	Headers []model.Field
	Mode    string // of the body: raw, urlencoded, formdata; empty: none
	Raw     string
	Fields  []model.Field
	When    []model.Check // what variables must be for it to be sent
	Expect  model.Expect
	Defs    []Definition
	Uses    []string      // the scripts' names of the variables that Expect reads
	schemas []*model.Node // that its body must obey
}

// maxSent bounds the requests of one script.
const maxSent = 20

// send reads pm.sendRequest(request, callback). What the callback takes out of the
// answer and asserts about it belongs to the step.
func (r *scriptReader) send(e ast.Expression, call *ast.CallExpression) bool {
	if len(call.ArgumentList) == 0 || len(call.ArgumentList) > 2 {
		return false
	}
	answer, ok := r.sentRequest(e, call.ArgumentList[0])
	if ok && len(call.ArgumentList) == 2 {
		r.callback(call.ArgumentList[1], literal(model.Literal("null")), answer)
	}
	return ok
}

// then reads pm.sendRequest(request).then(response => …).
func (r *scriptReader) then(e ast.Expression, chain []link) bool {
	if len(chain) < 2 || chain[0].name != "sendRequest" || chain[1].name != "then" || len(chain[0].args) != 1 || len(chain[1].args) == 0 {
		return false
	}
	answer, ok := r.sentRequest(e, chain[0].args[0])
	if ok {
		r.callback(chain[1].args[0], answer)
	}
	return ok
}

// callback reads the function that gets an answer.
func (r *scriptReader) callback(e ast.Expression, args ...sym) {
	f := r.eval(e)
	if f.kind != symFunc {
		return
	}
	before := r.guarded
	if strings.HasPrefix(before, "only if") { // the request is sent in any case
		r.guarded = ""
	}
	r.run(f, args)
	r.guarded = before
}

// sentRequest keeps the request that pm.sendRequest is called with and returns its answer.
func (r *scriptReader) sentRequest(e, request ast.Expression) (answer sym, ok bool) {
	if strings.HasPrefix(r.guarded, "in the else") || r.guarded == "the step expects the other case" || len(r.sent) >= maxSent ||
		len(r.loops) > 0 {
		return sym{}, false
	}
	_, at := r.source(e)
	s := &Sent{After: r.after, Line: r.line(at), Method: "GET"}
	if !r.readRequest(s, request) {
		return sym{}, false
	}
	if s.When = slices.Clone(r.when); r.guarded != "" && len(r.when) == 0 {
		r.host.Note("a script sends %s %s; the step is sent always, the script asks: %s", s.Method, naming.OneLine(s.URL, 80), r.guarded)
	}
	i := slices.IndexFunc(r.sent, func(o *Sent) bool { return o.Line == s.Line && o.URL == s.URL && o.Method == s.Method })
	if i < 0 { // otherwise a function is called again
		r.keep()
		r.counts(e, model.ScriptLines)
		i, r.sent = len(r.sent), append(r.sent, s)
	}
	return sym{kind: symResponse, path: "@" + strconv.Itoa(i+1)}, true
}

// readRequest reads an address, or an object with url, method, header and body.
func (r *scriptReader) readRequest(s *Sent, arg ast.Expression) bool {
	if text, ok := r.sendable(r.eval(arg)); ok {
		s.URL = text
		return text != ""
	}
	object, ok := r.objectOf(arg)
	for _, m := range object {
		switch m.name {
		case "url":
			s.URL, ok = r.sendable(r.eval(m.value))
		case "method":
			s.Method, ok = r.eval(m.value).constant()
		case "header", "headers":
			s.Headers, ok = r.fieldsOf(m.value, headerLine)
			ok = ok && !slices.ContainsFunc(s.Headers, func(h model.Field) bool { return !naming.IsToken(h.Name) || strings.ContainsAny(h.Text, "\r\n") })
		case "body":
			ok = r.sentBody(s, m.value)
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	s.Method = strings.ToUpper(s.Method)
	return ok && s.URL != ""
}

// An objectMember is a member of an object literal.
type objectMember struct {
	name  string
	value ast.Expression
}

// members are those of an object literal, in their order.
type members []objectMember

// get is the value of a member, or nil.
func (m members) get(name string) ast.Expression {
	for _, x := range m {
		if x.name == name {
			return x.value
		}
	}
	return nil
}

// objectOf are the members of an object literal, also of one with a name.
func (r *scriptReader) objectOf(e ast.Expression) (members, bool) {
	if id, ok := e.(*ast.Identifier); ok && !r.mutable[id.Name.String()] {
		e = r.objects[id.Name.String()]
	}
	object, ok := e.(*ast.ObjectLiteral)
	if !ok {
		return nil, false
	}
	var out members
	for _, p := range object.Value {
		switch p := p.(type) {
		case *ast.PropertyKeyed:
			key, isText := p.Key.(*ast.StringLiteral)
			if !isText || p.Computed {
				return nil, false
			}
			out = append(out, objectMember{key.Value.String(), p.Value})
		case *ast.PropertyShort:
			name := p.Name
			out = append(out, objectMember{name.Name.String(), &name})
		default:
			return nil, false
		}
	}
	return out, true
}

// evalOf is the value of a member; nothing when there is none.
func (r *scriptReader) evalOf(m members, name string) sym { return r.eval(m.get(name)) }

// sendable is a value as text that a request may hold. Parts of an answer get a name.
func (r *scriptReader) sendable(v sym) (string, bool) {
	return r.resolved(v).asText()
}

// fieldsOf reads names and values: an object, or a list of {key, value} and of texts, which
// cut takes apart. ok is false where one of them is not known.
func (r *scriptReader) fieldsOf(e ast.Expression, cut func(text string) ([]model.Field, bool)) (out []model.Field, ok bool) {
	list, isList := e.(*ast.ArrayLiteral)
	if !isList {
		object, isObject := r.objectOf(e)
		if !isObject {
			return r.cutText(e, cut)
		}
		for _, m := range object {
			value, ok := r.sendable(r.eval(m.value))
			if !ok {
				return nil, false
			}
			out = append(out, model.Field{Name: m.name, Text: value})
		}
		return out, true
	}
	for _, x := range list.Value {
		var one []model.Field
		if object, isObject := r.objectOf(x); isObject {
			one, ok = r.keyAndValue(object)
		} else {
			one, ok = r.cutText(x, cut)
		}
		if !ok {
			return nil, false
		}
		out = append(out, one...)
	}
	return out, true
}

// keyAndValue reads {key, value}, of what is not a file.
func (r *scriptReader) keyAndValue(object members) ([]model.Field, bool) {
	name, okName := r.evalOf(object, "key").constant()
	value, okValue := r.sendable(r.evalOf(object, "value"))
	return []model.Field{{Name: name, Text: value}}, okName && okValue && name != "" && object.get("src") == nil
}

// cutText reads names and values in one text.
func (r *scriptReader) cutText(e ast.Expression, cut func(text string) ([]model.Field, bool)) ([]model.Field, bool) {
	text, ok := r.sendable(r.eval(e))
	if !ok {
		return nil, false
	}
	return cut(text)
}

// headerLine is the header in "name: value".
func headerLine(text string) ([]model.Field, bool) {
	name, value, ok := strings.Cut(text, ":")
	return []model.Field{{Name: strings.TrimSpace(name), Text: strings.TrimSpace(value)}}, ok
}

// formFields are the fields in a=b&c=d, where nothing in it is encoded.
func formFields(text string) (out []model.Field, ok bool) {
	for pair := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name == "" || strings.Contains(name, "{{") || strings.ContainsAny(pair, "%+") {
			return nil, false
		}
		out = append(out, model.Field{Name: name, Text: value})
	}
	return out, true
}

// sentBody reads {mode, raw | urlencoded | formdata}.
func (r *scriptReader) sentBody(s *Sent, e ast.Expression) bool {
	members, ok := r.objectOf(e)
	if !ok {
		text, isText := r.sendable(r.eval(e))
		s.Mode, s.Raw = "raw", text
		return isText
	}
	mode, ok := r.evalOf(members, "mode").constant()
	if !ok {
		return false
	}
	switch s.Mode = mode; mode {
	case "raw":
		s.Raw, ok = r.rawBody(members.get("raw"))
	case "urlencoded", "formdata":
		s.Fields, ok = r.fieldsOf(members.get(mode), formFields)
	default:
		ok = false
	}
	return ok
}

// rawBody is a text, or JSON.stringify of an object.
func (r *scriptReader) rawBody(e ast.Expression) (string, bool) {
	v := r.eval(e)
	if v.kind == symNode && v.node.Kind != model.StringNode {
		return jsonOf(v.node)
	}
	return r.sendable(v)
}
