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
	answer, ok := r.sentRequest(e, call)
	if !ok {
		return false
	}
	if len(call.ArgumentList) == 2 {
		f := r.eval(call.ArgumentList[1])
		if f.kind != symFunc {
			return true
		}
		r.callback(f, []sym{literal(model.Literal("null")), answer})
	}
	return true
}

// callback reads the function that gets an answer.
func (r *scriptReader) callback(f sym, args []sym) {
	before := r.guarded
	if strings.HasPrefix(before, "only if") { // the request is sent in any case
		r.guarded = ""
	}
	r.run(f, args)
	r.guarded = before
}

// then reads pm.sendRequest(request).then(response => …).
func (r *scriptReader) then(e ast.Expression, chain []link) bool {
	if len(chain) < 2 || chain[0].name != "sendRequest" || chain[1].name != "then" || len(chain[0].args) != 1 || len(chain[1].args) == 0 {
		return false
	}
	answer, ok := r.sentRequest(e, &ast.CallExpression{ArgumentList: chain[0].args})
	if f := r.eval(chain[1].args[0]); ok && f.kind == symFunc {
		r.callback(f, []sym{answer})
	}
	return ok
}

// sentRequest keeps the request of a call of pm.sendRequest and returns its answer.
func (r *scriptReader) sentRequest(e ast.Expression, call *ast.CallExpression) (answer sym, ok bool) {
	if strings.HasPrefix(r.guarded, "in the else") || r.guarded == "the step expects the other case" || len(r.sent) >= maxSent ||
		len(r.loops) > 0 {
		return sym{}, false
	}
	_, at := r.source(e)
	s := &Sent{After: r.after, Line: r.line(at), Method: "GET"}
	if !r.readRequest(s, call.ArgumentList[0]) {
		return sym{}, false
	}
	if s.When = slices.Clone(r.when); r.guarded != "" && len(r.when) == 0 {
		r.host.Note("a script sends %s %s; the step is sent always, the script asks: %s", s.Method, naming.OneLine(s.URL, 80), r.guarded)
	}
	for i, old := range r.sent {
		if old.Line == s.Line && old.URL == s.URL && old.Method == s.Method { // a function that is called again
			return sym{kind: symResponse, path: "@" + strconv.Itoa(i+1)}, true
		}
	}
	r.keep()
	r.counts(e, model.ScriptLines)
	r.sent = append(r.sent, s)
	return sym{kind: symResponse, path: "@" + strconv.Itoa(len(r.sent))}, true
}

// readRequest reads an address, or an object with url, method, header and body.
func (r *scriptReader) readRequest(s *Sent, arg ast.Expression) bool {
	if text, ok := r.sendable(r.eval(arg)); ok {
		s.URL = text
		return text != ""
	}
	object, ok := r.objectOf(arg)
	if !ok {
		return false
	}
	for _, m := range object {
		e := m.value
		switch m.name {
		case "url":
			if s.URL, ok = r.sendable(r.eval(e)); !ok {
				return false
			}
		case "method":
			if s.Method, ok = r.eval(e).constant(); !ok {
				return false
			}
		case "header", "headers":
			if !r.sentHeaders(s, e) {
				return false
			}
		case "body":
			if !r.sentBody(s, e) {
				return false
			}
		default:
			return false
		}
	}
	s.Method = strings.ToUpper(s.Method)
	return s.URL != ""
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
func (r *scriptReader) evalOf(m members, name string) sym {
	if e := m.get(name); e != nil {
		return r.eval(e)
	}
	return sym{}
}

// sendable is a value as text that a request may hold. Parts of an answer get a name.
func (r *scriptReader) sendable(v sym) (string, bool) {
	return r.resolved(v).asText()
}

// sentHeaders reads headers: an object, a list of {key, value} or of lines.
func (r *scriptReader) sentHeaders(s *Sent, e ast.Expression) bool {
	add := func(name, value string) bool {
		if !naming.IsToken(name) || strings.ContainsAny(value, "\r\n") {
			return false
		}
		s.Headers = append(s.Headers, model.Field{Name: name, Text: value})
		return true
	}
	line := func(v sym) bool {
		text, ok := r.sendable(v)
		name, value, cut := strings.Cut(text, ":")
		return ok && cut && add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if list, ok := e.(*ast.ArrayLiteral); ok {
		for _, x := range list.Value {
			members, isObject := r.objectOf(x)
			if !isObject {
				if !line(r.eval(x)) {
					return false
				}
				continue
			}
			name, okName := r.evalOf(members, "key").constant()
			value, okValue := r.sendable(r.evalOf(members, "value"))
			if !okName || !okValue || !add(name, value) {
				return false
			}
		}
		return true
	}
	members, ok := r.objectOf(e)
	if !ok {
		return line(r.eval(e))
	}
	for _, m := range members {
		value, okValue := r.sendable(r.eval(m.value))
		if !okValue || !add(m.name, value) {
			return false
		}
	}
	return true
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
		return ok
	case "urlencoded", "formdata":
		return r.sentFields(s, members.get(mode))
	}
	return false
}

// rawBody is a text, or JSON.stringify of an object.
func (r *scriptReader) rawBody(e ast.Expression) (string, bool) {
	if e == nil {
		return "", false
	}
	v := r.eval(e)
	if v.kind == symNode && v.node.Kind != model.StringNode {
		return jsonOf(v.node)
	}
	return r.sendable(v)
}

// sentFields reads a=b&c=d, a list of {key, value}, or an object.
func (r *scriptReader) sentFields(s *Sent, e ast.Expression) bool {
	if e == nil {
		return false
	}
	add := func(name, value ast.Expression) bool {
		n, okName := r.eval(name).constant()
		v, okValue := r.sendable(r.eval(value))
		s.Fields = append(s.Fields, model.Field{Name: n, Text: v})
		return okName && okValue && n != ""
	}
	if list, ok := e.(*ast.ArrayLiteral); ok {
		for _, x := range list.Value {
			m, isObject := r.objectOf(x)
			if !isObject || m.get("key") == nil || m.get("value") == nil || m.get("src") != nil || !add(m.get("key"), m.get("value")) {
				return false
			}
		}
		return true
	}
	if members, ok := r.objectOf(e); ok {
		for _, m := range members {
			v, okValue := r.sendable(r.eval(m.value))
			if !okValue {
				return false
			}
			s.Fields = append(s.Fields, model.Field{Name: m.name, Text: v})
		}
		return true
	}
	text, ok := r.sendable(r.eval(e))
	if !ok {
		return false
	}
	for pair := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name == "" || strings.Contains(name, "{{") || strings.ContainsAny(pair, "%+") {
			return false
		}
		s.Fields = append(s.Fields, model.Field{Name: name, Text: value})
	}
	return true
}
