package script

import (
	"slices"
	"strings"

	"github.com/dop251/goja/ast"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

var setters = []string{
	"pm.environment.set", "pm.globals.set", "pm.variables.set", "pm.collectionVariables.set",
	"postman.setEnvironmentVariable", "postman.setGlobalVariable",
}

// A link is one member of a chain: .have, .status(200).
type link struct {
	name string
	call bool
	args []ast.Expression
}

// links cuts a chain into its first call or name and what follows.
func links(e ast.Expression) (base ast.Expression, out []link) {
	switch x := e.(type) {
	case *ast.OptionalChain:
		return links(x.Expression)
	case *ast.DotExpression:
		base, out = links(x.Left)
		return base, append(out, link{name: x.Identifier.Name.String()})
	case *ast.CallExpression:
		if base, out = links(x.Callee); len(out) > 0 && !out[len(out)-1].call {
			out[len(out)-1].call, out[len(out)-1].args = true, x.ArgumentList
			return base, out
		}
		if id, ok := x.Callee.(*ast.Identifier); ok && len(out) == 0 {
			return nil, []link{{id.Name.String(), true, x.ArgumentList}}
		}
		return x, nil
	}
	return e, nil
}

// call reads a call, or a chain, that is a statement on its own.
func (r *scriptReader) call(e ast.Expression) {
	base, chain := links(e)
	head := ""
	if id, ok := base.(*ast.Identifier); ok {
		head = id.Name.String()
	}
	switch {
	case head == "pm" && len(chain) > 1 && chain[0].name == "expect" && chain[0].call && len(chain[0].args) > 0:
		r.expectChain(e, r.eval(chain[0].args[0]), chain[1:])
	case base == nil && chain[0].name == "expect" && len(chain[0].args) > 0 && len(chain) > 1:
		r.expectChain(e, r.eval(chain[0].args[0]), chain[1:])
	case head == "pm" && len(chain) > 2 && chain[0].name == "response" && chain[1].name == "to":
		r.expectChain(e, sym{kind: symResponse}, chain[2:])
	case head == "pm" && len(chain) >= 1 && chain[0].name == "test":
		r.pmTest(e, chain)
	case r.each(e, chain):
	default:
		r.effect(e)
	}
}

// pmTest reads pm.test("name", function () { … }).
func (r *scriptReader) pmTest(e ast.Expression, chain []link) {
	if len(chain) != 1 || len(chain[0].args) < 2 {
		r.lose(e, model.Assertions, "a test that is switched off, or has no function")
		return
	}
	list, ok := statementsOf(chain[0].args[1])
	if !ok {
		r.lose(e, model.Assertions, "")
		return
	}
	before, guard := r.inTest, r.guarded
	r.inTest = true
	if r.guarded == caught { // a test catches its own failures before
		r.guarded = ""
	}
	r.inner(list)
	r.inTest, r.guarded = before, guard
}

// statementsOf are the statements of a function.
func statementsOf(f ast.Expression) ([]ast.Statement, bool) {
	switch f := f.(type) {
	case *ast.FunctionLiteral:
		return f.Body.List, true
	case *ast.ArrowFunctionLiteral:
		switch b := f.Body.(type) {
		case *ast.BlockStatement:
			return b.List, true
		case *ast.ExpressionBody:
			return []ast.Statement{&ast.ExpressionStatement{Expression: b.Expression}}, true
		}
	}
	return nil, false
}

// parameter is the name of a function's first parameter.
func parameter(f ast.Expression) string {
	var list *ast.ParameterList
	switch f := f.(type) {
	case *ast.FunctionLiteral:
		list = f.ParameterList
	case *ast.ArrowFunctionLiteral:
		list = f.ParameterList
	}
	if list != nil && len(list.List) > 0 {
		if id, ok := list.List[0].Target.(*ast.Identifier); ok {
			return id.Name.String()
		}
	}
	return ""
}

// each reads list.forEach(x => { … }) and _.each(list, …) as what holds for
// each element. In it the same expectation is not said twice.
func (r *scriptReader) each(e ast.Expression, chain []link) bool {
	call, ok := e.(*ast.CallExpression)
	if !ok || len(chain) == 0 {
		return false
	}
	last := chain[len(chain)-1]
	var list sym
	var f ast.Expression
	d, isDot := call.Callee.(*ast.DotExpression)
	switch {
	case !isDot || !last.call:
		return false
	case last.name == "forEach" && len(last.args) == 1 && dotted(d.Left) != "_":
		list, f = r.eval(d.Left), last.args[0]
	case (last.name == "each" || last.name == "forEach") && dotted(d.Left) == "_" && len(last.args) == 2:
		list, f = r.eval(last.args[0]), last.args[1]
	default:
		return false
	}
	name := parameter(f)
	body, ok := statementsOf(f)
	if !ok || name == "" || list.kind != symBody || list.or || list.number {
		return false
	}
	r.eachOf(list, name, body)
	return true
}

var quiet = map[string]string{
	"pm.sendRequest":                    "a request of a script; write it as a step",
	"postman.setNextRequest":            "steps run in their order",
	"pm.execution.setNextRequest":       "steps run in their order",
	"pm.setNextRequest":                 "steps run in their order",
	"pm.execution.skipRequest":          "write when:",
	"pm.environment.unset":              "variables last until the end of their case",
	"pm.globals.unset":                  "variables last until the end of their case",
	"pm.collectionVariables.unset":      "variables last until the end of their case",
	"pm.variables.unset":                "variables last until the end of their case",
	"pm.environment.clear":              "variables last until the end of their case",
	"pm.globals.clear":                  "variables last until the end of their case",
	"pm.collectionVariables.clear":      "variables last until the end of their case",
	"postman.clearEnvironmentVariable":  "variables last until the end of their case",
	"postman.clearGlobalVariable":       "variables last until the end of their case",
	"postman.clearEnvironmentVariables": "variables last until the end of their case",
	"postman.clearGlobalVariables":      "variables last until the end of their case",
	"console.log":                       "output",
	"console.info":                      "output",
	"console.warn":                      "output",
	"console.error":                     "output",
	"console.debug":                     "output",
	"pm.visualizer.set":                 "output",
	"setTimeout":                        "write pause:",
	"eval":                              "code from text",
}

// effect reads a call that is made for its effect.
func (r *scriptReader) effect(e ast.Expression) {
	call, ok := e.(*ast.CallExpression)
	if !ok {
		r.lose(e, model.ScriptLines, "")
		return
	}
	name := dotted(call.Callee)
	if r.header(call, name) || r.jump(call, name) {
		return
	}
	if !slices.Contains(setters, name) {
		r.lose(e, model.ScriptLines, quiet[name])
		return
	}
	key, okKey := "", false
	if len(call.ArgumentList) == 2 {
		key, okKey = r.eval(call.ArgumentList[0]).constant()
	}
	if !okKey || key == "" {
		r.lose(e, model.Captures, "the name of the variable is not known")
		return
	}
	v := r.eval(call.ArgumentList[1])
	if why := r.outranked(name, key); why != "" {
		r.lose(e, model.Captures, why)
		return
	}
	r.set[key] = v
	r.setVariable(e, key, v)
}

// header reads pm.request.headers.upsert({key, value}), and add.
func (r *scriptReader) header(call *ast.CallExpression, name string) bool {
	method, ok := strings.CutPrefix(name, "pm.request.headers.")
	if !ok || method != "upsert" && method != "add" || r.after || r.guarded != "" || len(call.ArgumentList) != 1 {
		return false
	}
	object, ok := call.ArgumentList[0].(*ast.ObjectLiteral)
	if !ok {
		return false
	}
	values := map[string]sym{}
	for _, p := range object.Value {
		if keyed, ok := p.(*ast.PropertyKeyed); ok {
			if key, isText := keyed.Key.(*ast.StringLiteral); isText {
				values[key.Value.String()] = r.eval(keyed.Value)
			}
		}
	}
	key, okKey := values["key"].constant()
	value, okValue := values["value"].asText()
	if !okKey || !okValue || values["disabled"].kind != symUnknown {
		return false
	}
	if values["value"].kind == symNode && (naming.SecretName(key) || naming.SecretText(value)) {
		value = r.host.Secret(key, value, "header "+key+" in a script")
	}
	if !r.host.SetHeader(key, value, method == "add") {
		return false
	}
	r.keep()
	r.host.Mapped(model.ScriptLines, 1)
	return true
}

// jump reads setNextRequest: to the request that follows anyway it is no jump.
func (r *scriptReader) jump(call *ast.CallExpression, name string) bool {
	if !strings.HasSuffix(name, "setNextRequest") || r.guarded != "" || len(call.ArgumentList) != 1 {
		return false
	}
	v := r.eval(call.ArgumentList[0])
	next, isText := v.constant()
	if !isText && (v.node == nil || !v.node.Is("null")) || !r.host.IsNext(next) {
		return false
	}
	r.keep()
	r.host.Mapped(model.ScriptLines, 1)
	return true
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

// setVariable reads a value that is kept for later.
func (r *scriptReader) setVariable(e ast.Expression, key string, v sym) {
	text, at := r.source(e)
	def := Definition{Name: key, After: r.after, Text: naming.OneLine(text, 200), Line: r.line(at)}
	why := ""
	switch v.kind {
	case symBody:
		if def.Capture = (&model.Capture{At: v.path}); !v.single() {
			why = "it may be more than one value"
		}
	case symHeader:
		if def.Capture = (&model.Capture{Header: v.text}); !naming.IsToken(v.text) {
			why = "this is not the name of a header"
		}
	case symCookie:
		if def.Capture = (&model.Capture{Cookie: v.text}); !naming.IsToken(v.text) {
			why = "this is not the name of a cookie"
		}
	case symStatus:
		def.Capture = &model.Capture{Status: true}
	case symNode, symTemplate:
		value, ok := v.asText()
		if v.kind == symNode && ok && value != "" && (naming.SecretName(key) || naming.SecretText(value)) {
			value = r.host.Secret(key, value, "the value of "+key+" in a script")
		}
		def.Literal = v.kind == symNode && v.node.Kind == model.LiteralNode && !v.node.Is("null") && value == v.node.Text
		if def.Value, def.Drawn = value, v.drawn; !ok {
			why = "the value is not text"
		} else if slices.Contains(r.host.NamesIn(value), key) {
			why = "the new value is made of the old one"
		}
		if r.guarded != "" {
			why = r.guarded
		}
	default:
		why = "the value is made by code"
	}
	if def.Capture != nil && r.host.IsHead() && def.Capture.At != "" {
		why = "an answer to HEAD has no body"
	}
	if why == "" && r.guarded != "" && strings.HasPrefix(r.guarded, "in the else") {
		why = r.guarded
	}
	if why != "" {
		r.lose(e, model.Captures, why)
		return
	}
	def.follows = r.keep()
	r.defs = append(r.defs, def)
}
