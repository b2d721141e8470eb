package script

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

// The functions of a script are read where they are called, with the arguments of the
// call; loops over lists that the script holds are read once for each element. Both are
// bounded, so that a script cannot make the import slow.
const (
	maxCalls     = 2000
	maxCallDepth = 12
	maxUnrolled  = 200
)

// A declared function is listed when nothing calls it, or a call could not be read.
type declared struct {
	node ast.Node
	fn   ast.Expression
	used bool
}

// markUsed notes that a declared function was read where it is called.
func (r *scriptReader) markUsed(fn ast.Expression) {
	for _, d := range r.functions {
		d.used = d.used || d.fn == fn
	}
}

// hoist makes the functions of a list known before its first statement.
func (r *scriptReader) hoist(list []ast.Statement) {
	for _, s := range list {
		d, ok := s.(*ast.FunctionDeclaration)
		if !ok || d.Function.Name == nil {
			continue
		}
		v := sym{kind: symFunc, fn: d.Function, scope: r.scope}
		r.scope.names[d.Function.Name.Name.String()] = binding{v, r.follow(nil)}
		if !slices.ContainsFunc(r.functions, func(o *declared) bool { return o.fn == d.Function }) {
			r.functions = append(r.functions, &declared{node: d, fn: d.Function})
		}
	}
}

// enter binds the parameters of a function in a scope below the one it was written in;
// ok is false when too much was called already. leave undoes it.
func (r *scriptReader) enter(f sym, args []sym) (list []ast.Statement, leave func(), ok bool) {
	list, ok = statementsOf(f.fn)
	if !ok || r.calls >= maxCalls || r.depth >= maxCallDepth || f.scope == nil {
		return nil, nil, false
	}
	r.calls++
	r.depth++
	r.markUsed(f.fn)
	before := r.scope
	r.scope = newScope(f.scope)
	id := r.follow(nil)
	for i, p := range parameters(f.fn) {
		v := sym{kind: symUndefined}
		if i < len(args) {
			v = args[i]
		} else if p.Initializer != nil {
			v = r.eval(p.Initializer)
		}
		r.bind(p.Target, binding{v, id})
	}
	return list, func() { r.scope, r.depth = before, r.depth-1 }, true
}

func parameters(f ast.Expression) []*ast.Binding {
	switch f := f.(type) {
	case *ast.FunctionLiteral:
		return f.ParameterList.List
	case *ast.ArrowFunctionLiteral:
		return f.ParameterList.List
	}
	return nil
}

// run reads a call of a function of the script for its effects.
func (r *scriptReader) run(f sym, args []sym) bool {
	list, leave, ok := r.enter(f, args)
	if !ok {
		return false
	}
	r.statements(list)
	leave()
	return true
}

// result is what a function of the script returns. Its other statements are read too.
func (r *scriptReader) result(f sym, args []sym) sym {
	reads := slices.Clone(r.reads)
	list, leave, ok := r.enter(f, args)
	if !ok {
		return sym{}
	}
	defer leave()
	r.hoist(list)
	var out sym
	if arrow, ok := f.fn.(*ast.ArrowFunctionLiteral); ok {
		if one, isExpression := arrow.Body.(*ast.ExpressionBody); isExpression {
			list, out = nil, r.eval(one.Expression)
		}
	}
	if list != nil {
		out, _ = r.returned(list)
	}
	r.reads = append(reads, r.reads...)
	return out
}

// returned is the value of the first return that is certainly reached; done says that
// one was met.
func (r *scriptReader) returned(list []ast.Statement) (v sym, done bool) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ReturnStatement:
			if s.Argument == nil {
				return sym{kind: symUndefined}, true
			}
			return r.eval(s.Argument), true
		case *ast.IfStatement:
			holds, known := r.truth(r.eval(s.Test))
			branch := s.Consequent
			if known && !holds {
				branch = s.Alternate
			}
			if !known {
				if returns(s) {
					return sym{}, true
				}
				r.statement(s)
				continue
			}
			if branch == nil {
				continue
			}
			inner := []ast.Statement{branch}
			if b, ok := branch.(*ast.BlockStatement); ok {
				inner = b.List
			}
			if v, done := r.returned(inner); done {
				return v, true
			}
		default:
			if returns(s) {
				return sym{}, true
			}
			r.statement(s)
		}
	}
	return sym{kind: symUndefined}, false
}

// returns reports whether a statement may return: it holds one anywhere but in an
// inner function.
func returns(s ast.Statement) bool {
	any := func(list []ast.Statement) bool { return slices.ContainsFunc(list, returns) }
	switch s := s.(type) {
	case *ast.ReturnStatement:
		return true
	case *ast.BlockStatement:
		return any(s.List)
	case *ast.IfStatement:
		return returns(s.Consequent) || s.Alternate != nil && returns(s.Alternate)
	case *ast.TryStatement:
		return any(s.Body.List) || s.Catch != nil && any(s.Catch.Body.List) || s.Finally != nil && any(s.Finally.List)
	case *ast.ForStatement:
		return returns(s.Body)
	case *ast.ForOfStatement:
		return returns(s.Body)
	case *ast.ForInStatement:
		return returns(s.Body)
	case *ast.WhileStatement:
		return returns(s.Body)
	case *ast.DoWhileStatement:
		return returns(s.Body)
	case *ast.SwitchStatement:
		return slices.ContainsFunc(s.Body, func(c *ast.CaseStatement) bool { return any(c.Consequent) })
	}
	return false
}

// elements are those of a list that the script holds; ok is false for others.
func elements(v sym) ([]sym, bool) {
	switch {
	case v.kind == symList && len(v.items) <= maxUnrolled:
		return v.items, true
	case v.kind == symNode && v.node.Kind == model.ArrayNode && len(v.node.Items) <= maxUnrolled:
		var out []sym
		for _, n := range v.node.Items {
			out = append(out, literal(n))
		}
		return out, true
	}
	return nil, false
}

// A loop is a walk over a list of the answer, whose elements are read as one.
type loop struct {
	list    sym
	element string // names in the script; empty: none
	index   string
	outside *scope // around the loop
}

// over reads statements for each element of a list: all at once for a list of the
// answer, one by one for a list that the script holds. It reports whether it could.
func (r *scriptReader) over(list sym, names loop, body []ast.Statement) bool {
	if items, ok := elements(list); ok {
		for i, item := range items {
			if r.calls++; r.calls > maxCalls {
				return false
			}
			r.each1(names, item, literal(model.Literal(strconv.Itoa(i))), body)
		}
		return true
	}
	if list.kind != symBody || list.or || list.number {
		return false
	}
	names.list, names.outside = list, r.scope
	r.loops = append(r.loops, names)
	r.each1(names, element(list), sym{kind: symIndex, path: list.path}, body)
	r.loops = r.loops[:len(r.loops)-1]
	return true
}

func (r *scriptReader) each1(names loop, item, index sym, body []ast.Statement) {
	id := r.follow(nil)
	r.scope = newScope(r.scope)
	if names.element != "" {
		r.scope.names[names.element] = binding{item, id}
	}
	if names.index != "" {
		r.scope.names[names.index] = binding{index, id}
	}
	r.inner(body)
	r.scope = r.scope.parent
}

// counted reads for (let i = 0; i < list.length; i++), over a list or to a number.
func (r *scriptReader) counted(s *ast.ForStatement) bool {
	name, ok := loopStart(s.Initializer)
	test, isTest := s.Test.(*ast.BinaryExpression)
	if !ok || !isTest || test.Operator != token.LESS || !isStep(s.Update, name) {
		return false
	}
	if id, ok := test.Left.(*ast.Identifier); !ok || id.Name.String() != name {
		return false
	}
	r.reads = nil
	end := r.eval(test.Right)
	if n, known := end.whole(); known && n <= maxUnrolled {
		for i := range n {
			if r.calls++; r.calls > maxCalls {
				return false
			}
			r.each1(loop{index: name}, sym{}, literal(model.Literal(strconv.FormatInt(i, 10))), []ast.Statement{s.Body})
		}
		return true
	}
	if end.kind != symLength || end.or {
		return false
	}
	return r.over(body(end.path), loop{index: name}, []ast.Statement{s.Body})
}

// loopStart is the name in let i = 0.
func loopStart(init ast.ForLoopInitializer) (string, bool) {
	var list []*ast.Binding
	switch i := init.(type) {
	case *ast.ForLoopInitializerLexicalDecl:
		list = i.LexicalDeclaration.List
	case *ast.ForLoopInitializerVarDeclList:
		list = i.List
	}
	if len(list) == 0 {
		return "", false
	}
	id, isName := list[0].Target.(*ast.Identifier)
	zero, isNumber := list[0].Initializer.(*ast.NumberLiteral)
	if len(list) != 1 || !isName || !isNumber || numberText(zero.Value) != "0" {
		return "", false
	}
	return id.Name.String(), true
}

// isStep reports whether an expression adds one to a name.
func isStep(e ast.Expression, name string) bool {
	switch x := e.(type) {
	case *ast.UnaryExpression:
		id, ok := x.Operand.(*ast.Identifier)
		return ok && x.Operator == token.INCREMENT && id.Name.String() == name
	case *ast.AssignExpression:
		id, ok := x.Left.(*ast.Identifier)
		one, isNumber := x.Right.(*ast.NumberLiteral)
		return ok && isNumber && id.Name.String() == name && x.Operator == token.PLUS && numberText(one.Value) == "1"
	}
	return false
}

// maxNumbered bounds how many elements are looked for whose values get names with a
// number in them.
const maxNumbered = 20

// numbered reads set("id" + (i + 1), x.id) in a loop over the answer: a capture for each
// element whose name something uses.
func (r *scriptReader) numbered(e ast.Expression, key ast.Expression, v sym, setter string) bool {
	if len(r.loops) == 0 || v.kind != symBody || r.guarded != "" {
		return false
	}
	l := r.loops[len(r.loops)-1]
	if l.index == "" || !strings.HasPrefix(v.path, l.list.path+"[*]") {
		return false
	}
	found, known := false, false
	for i := range maxNumbered {
		r.scope = newScope(r.scope)
		r.scope.names[l.index] = binding{literal(model.Literal(strconv.Itoa(i))), len(r.followed)}
		name, ok := r.eval(key).constant()
		r.scope = r.scope.parent
		if !ok || name == "" {
			return false
		}
		one := body(l.list.path + "[" + strconv.Itoa(i) + "]" + strings.TrimPrefix(v.path, l.list.path+"[*]"))
		if known = true; !r.host.Used(name) || r.outranked(setter, name) != "" || !one.single() {
			continue
		}
		found = true
		r.set[name] = one
		r.setVariable(e, name, one)
	}
	if known && !found {
		r.lose(e, model.ScriptLines, "no later request uses such a name")
	}
	return known
}
