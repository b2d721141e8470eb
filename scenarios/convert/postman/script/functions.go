package script

import (
	"reflect"
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
func (r *scriptReader) result(f sym, args []sym) (out sym) {
	reads := slices.Clone(r.reads)
	list, leave, ok := r.enter(f, args)
	if !ok {
		return sym{}
	}
	defer leave()
	if e := arrowResult(f.fn); e != nil {
		out = r.eval(e)
	} else {
		r.hoist(list)
		out, _ = r.returned(list)
	}
	r.reads = append(reads, r.reads...)
	return out
}

// arrowResult is the expression of x => expression; nil for other functions.
func arrowResult(f ast.Expression) ast.Expression {
	if arrow, ok := f.(*ast.ArrowFunctionLiteral); ok {
		if one, isExpression := arrow.Body.(*ast.ExpressionBody); isExpression {
			return one.Expression
		}
	}
	return nil
}

// returned is the value of the first return that is certainly reached; done says that
// one was met.
func (r *scriptReader) returned(list []ast.Statement) (v sym, done bool) {
	for _, s := range list {
		choice, isChoice := s.(*ast.IfStatement)
		holds, known := false, false
		if isChoice {
			holds, known = r.truth(r.eval(choice.Test))
		}
		switch ret, isReturn := s.(*ast.ReturnStatement); {
		case isReturn && ret.Argument == nil:
			return sym{kind: symUndefined}, true
		case isReturn:
			return r.eval(ret.Argument), true
		case known && holds:
			v, done = r.returned(blockOf(choice.Consequent))
		case known:
			v, done = r.returned(blockOf(choice.Alternate))
		case returns(s):
			return sym{}, true
		default:
			r.statement(s)
		}
		if done {
			return v, true
		}
	}
	return sym{kind: symUndefined}, false
}

// blockOf are the statements of a block, or one statement that has none; nil is none.
func blockOf(s ast.Statement) []ast.Statement {
	switch s := s.(type) {
	case nil:
		return nil
	case *ast.BlockStatement:
		return s.List
	}
	return []ast.Statement{s}
}

// returns reports whether a statement may return: it holds one anywhere but in an
// inner function.
func returns(s ast.Statement) bool {
	found := false
	eachNode(reflect.ValueOf(s), func(n ast.Node) bool {
		switch n.(type) {
		case *ast.ReturnStatement:
			found = true
		case *ast.FunctionLiteral, *ast.ArrowFunctionLiteral:
			return false
		}
		return !found
	})
	return found
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
	element ast.Expression // name or pattern in the script; nil: none
	index   string         // name in the script; empty: none
	outside *scope         // around the loop
}

// over reads statements for each element of a list: all at once for a list of the
// answer, one by one for a list that the script holds. It reports whether it could.
func (r *scriptReader) over(list sym, l loop, body []ast.Statement) bool {
	if items, ok := elements(list); ok {
		for i, item := range items {
			if r.calls++; r.calls > maxCalls || !r.round(l, item, literal(model.Int(int64(i))), body) {
				return false
			}
		}
		return true
	}
	if !list.isPart() {
		return false
	}
	l.list, l.outside = list, r.scope
	r.loops = append(r.loops, l)
	ok := r.round(l, element(list), sym{kind: symIndex, path: list.path}, body)
	r.loops = r.loops[:len(r.loops)-1]
	return ok
}

// round reads the body of a loop for one element; false where the loop takes it apart by a
// pattern that is not followed.
func (r *scriptReader) round(l loop, item, index sym, body []ast.Statement) bool {
	id := r.follow(nil)
	before := r.scope
	defer func() { r.scope = before }()
	r.scope = newScope(r.scope)
	if l.element != nil && !r.bind(l.element, binding{item, id}) {
		return false
	}
	if l.index != "" {
		r.scope.names[l.index] = binding{index, id}
	}
	r.inner(body)
	return true
}

// counted reads for (let i = 0; i < list.length; i++), over a list or to a number.
func (r *scriptReader) counted(s *ast.ForStatement) bool {
	name, ok := loopStart(s.Initializer)
	test, isTest := s.Test.(*ast.BinaryExpression)
	if !ok || !isTest || test.Operator != token.LESS || !isStep(s.Update, name) || nameOf(test.Left) != name {
		return false
	}
	r.reads = nil
	end, body, l := r.eval(test.Right), []ast.Statement{s.Body}, loop{index: name}
	n, known := end.whole()
	if !known || n > maxUnrolled {
		return end.kind == symLength && !end.or && r.over(sym{kind: symBody, path: end.path}, l, body)
	}
	for i := range n {
		if r.calls++; r.calls > maxCalls {
			return false
		}
		r.round(l, sym{}, literal(model.Int(i)), body)
	}
	return true
}

// loopStart is the name in let i = 0.
func loopStart(init ast.ForLoopInitializer) (name string, ok bool) {
	var list []*ast.Binding
	switch i := init.(type) {
	case *ast.ForLoopInitializerLexicalDecl:
		list = i.LexicalDeclaration.List
	case *ast.ForLoopInitializerVarDeclList:
		list = i.List
	}
	if len(list) != 1 {
		return "", false
	}
	zero, isNumber := list[0].Initializer.(*ast.NumberLiteral)
	name = nameOf(list[0].Target)
	return name, name != "" && isNumber && numberText(zero.Value) == "0"
}

// isStep reports whether an expression adds one to a name.
func isStep(e ast.Expression, name string) bool {
	switch x := e.(type) {
	case *ast.UnaryExpression:
		return x.Operator == token.INCREMENT && nameOf(x.Operand) == name
	case *ast.AssignExpression:
		one, isNumber := x.Right.(*ast.NumberLiteral)
		return isNumber && nameOf(x.Left) == name && x.Operator == token.PLUS && numberText(one.Value) == "1"
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
		r.scope.names[l.index] = binding{literal(model.Int(int64(i))), len(r.followed)}
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
