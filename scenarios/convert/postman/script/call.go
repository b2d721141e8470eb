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
	case head == "pm" && r.then(e, chain):
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
	if r.guarded == isCaught { // a test catches its own failures before
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

// each reads list.forEach(x => { … }) and _.each(list, …) as what holds for
// each element. In it the same expectation is not said twice.
func (r *scriptReader) each(e ast.Expression, chain []link) bool {
	call, ok := e.(*ast.CallExpression)
	if !ok || len(chain) == 0 {
		return false
	}
	last := chain[len(chain)-1]
	d, isDot := call.Callee.(*ast.DotExpression)
	if !isDot || !last.call || len(last.args) == 0 {
		return false
	}
	var list sym
	switch lodash := dotted(d.Left) == "_"; {
	case (last.name == "forEach" || last.name == "map") && len(last.args) == 1 && !lodash:
		list = r.eval(d.Left)
	case (last.name == "each" || last.name == "forEach") && len(last.args) == 2 && lodash:
		list = r.eval(last.args[0])
	default:
		return false
	}
	f := r.eval(last.args[len(last.args)-1])
	body, ok := statementsOf(f.fn)
	if !ok || f.scope == nil {
		return false
	}
	r.markUsed(f.fn)
	l, names := loop{}, parameters(f.fn)
	if len(names) > 0 {
		l.element = names[0].Target
	}
	if len(names) > 1 {
		l.index = nameOf(names[1].Target)
	}
	return r.over(list, l, body)
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
	if name == "xml2js.parseString" && r.parsesXML(call) || r.header(call, name) || r.jump(call, name) ||
		name == "pm.sendRequest" && r.send(e, call) || r.changesDate(e, call) || r.calls1(call) {
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
	if len(call.ArgumentList) == 2 && !okKey && r.numbered(e, call.ArgumentList[0], r.eval(call.ArgumentList[1]), name) {
		return
	}
	if !okKey || key == "" {
		r.lose(e, model.Captures, "the name of the variable is not known")
		return
	}
	v := r.eval(call.ArgumentList[1])
	if choice, ok := call.ArgumentList[1].(*ast.ConditionalExpression); ok && v.kind == symUnknown {
		if other := r.eval(choice.Alternate); other.kind == symNode || other.kind == symUndefined { // the later request needs the value
			v = r.eval(choice.Consequent)
		}
	}
	if why := r.outranked(name, key); why != "" {
		r.lose(e, model.Captures, why)
		return
	}
	r.set[key] = v
	r.setVariable(e, key, v)
}

// calls1 reads a call of a function of the script.
func (r *scriptReader) calls1(call *ast.CallExpression) bool {
	f := r.called(call.Callee)
	return f.kind == symFunc && r.run(f, r.evalAll(call.ArgumentList))
}

// changesDate reads d.setDate(d.getDate() + 3) and its like: the name stands for another
// date from there on.
func (r *scriptReader) changesDate(e ast.Expression, call *ast.CallExpression) bool {
	d, ok := call.Callee.(*ast.DotExpression)
	if !ok {
		return false
	}
	id, ok := d.Left.(*ast.Identifier)
	if !ok {
		return false
	}
	args := r.evalAll(call.ArgumentList)
	v := r.eval(id)
	method := d.Identifier.Name.String()
	out, isSetter := setDate(v, method, args)
	if v.kind == symNow && (method == "add" || method == "subtract") { // moment changes in place
		out, isSetter = dateMethod(v, method, args), true
	}
	if !isSetter {
		return false
	}
	if r.guarded != "" {
		out = sym{}
	}
	by := r.follow(e)
	r.scope.set(id.Name.String(), binding{out, by})
	if out.kind == symUnknown {
		r.unfollow(by, e)
	}
	return true
}

// header reads pm.request.headers.upsert({key, value}), and add.
func (r *scriptReader) header(call *ast.CallExpression, name string) bool {
	method, ok := strings.CutPrefix(name, "pm.request.headers.")
	if name == "pm.request.addHeader" || name == "pm.request.upsertHeader" {
		method, ok = strings.TrimSuffix(strings.TrimPrefix(name, "pm.request."), "Header"), true
	}
	if !ok || method != "upsert" && method != "add" || r.after || r.guarded != "" || len(call.ArgumentList) != 1 {
		return false
	}
	object, _ := r.objectOf(call.ArgumentList[0])
	key, okKey := r.evalOf(object, "key").constant()
	v := r.evalOf(object, "value")
	value, okValue := r.sendable(v)
	if !okKey || !okValue || r.evalOf(object, "disabled").kind != symUnknown {
		return false
	}
	if v.kind == symNode && (naming.SecretName(key) || naming.SecretText(value)) {
		value = r.host.Secret(key, value, "header "+key+" in a script")
	}
	if !r.host.SetHeader(key, value, method == "add") {
		return false
	}
	r.keep()
	r.counts(call, model.ScriptLines)
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
