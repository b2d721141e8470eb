package script

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/dop251/goja/ast"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

// statements reads a list. What follows an if that may leave the function is as
// conditional as what the if holds.
func (r *scriptReader) statements(list []ast.Statement) {
	before, branch := r.guarded, r.branch
	r.hoist(list)
	for i, s := range list {
		if branch, ok := s.(*ast.IfStatement); ok && r.onlyLeaves(branch) {
			test := r.eval(branch.Test)
			text, _ := r.source(branch.Test)
			rest := &ast.IfStatement{Test: branch.Test, Consequent: &ast.BlockStatement{}, Alternate: &ast.BlockStatement{List: list[i+1:]}}
			r.eitherWay(rest, test, "", "not if "+naming.OneLine(text, 60))
			return
		}
		r.statement(s)
		if branch, ok := s.(*ast.IfStatement); ok && r.mayLeave(branch) {
			text, _ := r.source(branch.Test)
			r.guarded = cmp.Or(r.guarded, "not if "+naming.OneLine(text, 60))
			r.branch = nil // what follows may not be reached
		}
	}
	r.guarded, r.branch = before, branch
}

// inner reads statements in their own scope.
func (r *scriptReader) inner(list []ast.Statement) {
	r.scope = newScope(r.scope)
	r.statements(list)
	r.scope = r.scope.parent
}

// reporting is what a catch says when it makes the failure one of the test.
var reporting = regexp.MustCompile(`tests\[[^\]]*\]\s*=\s*false|\bthrow\b|expect\.fail|\.to\.|\bassert\b`)

// reports reports whether a catch makes the failure one of the script.
func (r *scriptReader) reports(s *ast.CatchStatement) bool {
	text, _ := r.source(s.Body)
	return reporting.MatchString(text)
}

// caught lists a catch. One that makes the failure the script's own is what the step
// expects anyway, once it expects the body to be JSON where the try reads it as JSON.
func (r *scriptReader) caught(s *ast.TryStatement) {
	if !r.reports(s.Catch) {
		r.lose(s.Catch.Body, model.ScriptLines, "what a failure does")
		return
	}
	text, at := r.source(s.Catch.Body)
	r.loseText(text, at, model.ScriptLines, "what a failure does")
	if tried, _ := r.source(s.Body); r.after && r.guarded == "" && len(r.nonEmpty) == 0 && parsesBody.MatchString(tried) {
		g := cloneExpect(r.into)
		if g.value(test(body("$"), "exists", model.Literal("true"))) == "" {
			*r.into = g.Expect
		}
	}
}

// parsesBody finds what reads the body as JSON.
var parsesBody = regexp.MustCompile(`JSON\.parse\(\s*(?:responseBody|pm\.response\.text\(\))|pm\.response\.json\(`)

// isCaught guards what is in a try: its failure may be no failure of the script.
const isCaught = "the script catches the failure"

// neverThrows reports whether a statement certainly runs to its end: a test, which keeps its
// failures to itself, or an old one of what every answer has.
func (r *scriptReader) neverThrows(s ast.Statement) bool {
	e, ok := s.(*ast.ExpressionStatement)
	if !ok {
		return false
	}
	if call, ok := e.Expression.(*ast.CallExpression); ok {
		return dotted(call.Callee) == "pm.test" && len(call.ArgumentList) == 2 && r.eval(call.ArgumentList[0]).kind == symNode
	}
	x, ok := e.Expression.(*ast.AssignExpression)
	if !ok {
		return false
	}
	ok = false
	switch left := x.Left.(type) {
	case *ast.BracketExpression:
		ok = dotted(left.Left) == "tests"
	case *ast.DotExpression:
		ok = dotted(left.Left) == "tests"
	}
	if !ok {
		return false
	}
	v := r.eval(x.Right)
	return v.kind == symCond && !slices.ContainsFunc(v.claims, func(c claim) bool { return c.subject.kind != symText && c.subject.kind != symStatus })
}

func (r *scriptReader) statement(s ast.Statement) {
	switch s := s.(type) {
	case *ast.ExpressionStatement:
		r.expression(s.Expression)
	case *ast.VariableStatement:
		r.declare(s, s.List)
	case *ast.LexicalDeclaration:
		r.declare(s, s.List)
	case *ast.BlockStatement:
		r.inner(s.List)
	case *ast.IfStatement:
		r.ifStatement(s)
	case *ast.TryStatement:
		before := r.guarded
		branch := r.branch
		list := s.Body.List
		if s.Catch != nil && !r.reports(s.Catch) {
			safe := slices.IndexFunc(list, func(s ast.Statement) bool { return !r.neverThrows(s) })
			if safe < 0 {
				safe = len(list)
			}
			r.inner(list[:safe])
			list = list[safe:]
			r.guarded, r.branch = cmp.Or(r.guarded, isCaught), nil
		}
		r.inner(list)
		r.guarded, r.branch = before, branch
		if s.Catch != nil && len(s.Catch.Body.List) > 0 {
			r.caught(s)
		}
		if s.Finally != nil {
			r.inner(s.Finally.List)
		}
	case *ast.ForOfStatement:
		r.forOf(s)
	case *ast.ForInStatement:
		r.forIn(s)
	case *ast.ForStatement:
		if !r.counted(s) {
			r.lose(s, model.ScriptLines, "")
		}
	case *ast.FunctionDeclaration: // read where it is called
	case *ast.EmptyStatement:
	case *ast.ReturnStatement:
		if s.Argument != nil {
			r.expression(s.Argument)
		}
	default:
		r.lose(s, model.ScriptLines, "")
	}
}

// declare follows the values of declared names.
func (r *scriptReader) declare(n ast.Node, list []*ast.Binding) {
	r.reads = nil
	known := true
	values := make([]sym, len(list))
	for i, b := range list {
		if b.Initializer != nil {
			values[i] = r.eval(b.Initializer)
			if id, ok := b.Target.(*ast.Identifier); ok {
				if o, isObject := b.Initializer.(*ast.ObjectLiteral); isObject {
					r.objects[id.Name.String()] = o
					known = known && (values[i].kind != symUnknown || r.plainObject(o))
					continue
				}
				delete(r.objects, id.Name.String())
			}
			known = known && values[i].kind != symUnknown
		}
	}
	text, at := r.source(n)
	id := r.follow(text, r.line(at))
	for i, b := range list {
		known = r.bind(b.Target, binding{values[i], id}) && known
	}
	if !known {
		r.followed[id].text = ""
		r.lose(n, model.ScriptLines, "")
	}
}

// plainObject reports whether an object literal holds nothing but data, so that a
// request may be made of it.
func (r *scriptReader) plainObject(o *ast.ObjectLiteral) bool {
	members, ok := r.objectOf(o)
	return ok && members.get("url") != nil
}

// bind gives a name, or the names of a pattern, their values.
func (r *scriptReader) bind(target ast.Expression, v binding) bool {
	switch t := target.(type) {
	case *ast.Identifier:
		r.scope.names[t.Name.String()] = v
		return true
	case *ast.ObjectPattern:
		ok := t.Rest == nil
		for _, p := range t.Properties {
			switch p := p.(type) {
			case *ast.PropertyShort:
				m := member(v.sym, p.Name.Name.String())
				m.or = m.or || p.Initializer != nil // { name = other }
				r.scope.names[p.Name.Name.String()] = binding{m, v.by}
			case *ast.PropertyKeyed:
				key, isText := p.Key.(*ast.StringLiteral)
				if !isText || !r.bind(p.Value, binding{member(v.sym, key.Value.String()), v.by}) {
					ok = false
				}
			}
		}
		return ok
	case *ast.ArrayPattern:
		ok := t.Rest == nil
		for i, e := range t.Elements {
			if e != nil {
				ok = r.bind(e, binding{at(v.sym, strconv.Itoa(i)), v.by}) && ok
			}
		}
		return ok
	}
	return false
}

// forOf reads for (const x of list) as what holds for each element.
func (r *scriptReader) forOf(s *ast.ForOfStatement) {
	r.reads = nil
	list, name := r.eval(s.Source), loopName(s.Into)
	if name == "" || !r.over(list, loop{element: name}, []ast.Statement{s.Body}) {
		r.lose(s, model.ScriptLines, "")
	}
}

// forIn reads for (const i in list) of a list of the answer; the numbers are text there, and
// name its elements all the same.
func (r *scriptReader) forIn(s *ast.ForInStatement) {
	r.reads = nil
	list, name := r.eval(s.Source), loopName(s.Into)
	if name == "" || list.kind != symBody || !r.over(list, loop{index: name}, []ast.Statement{s.Body}) {
		r.lose(s, model.ScriptLines, "")
	}
}

// loopName is the name that a loop gives its elements, or their numbers; empty for patterns.
func loopName(into ast.ForInto) string {
	var target ast.Node
	switch into := into.(type) {
	case *ast.ForDeclaration:
		target = into.Target
	case *ast.ForIntoVar:
		target = into.Binding.Target
	}
	if id, ok := target.(*ast.Identifier); ok {
		return id.Name.String()
	}
	return ""
}

// expression reads an expression that is a statement on its own.
func (r *scriptReader) expression(e ast.Expression) {
	r.reads = nil
	switch x := e.(type) {
	case *ast.SequenceExpression:
		for _, one := range x.Sequence {
			r.expression(one)
		}
	case *ast.AwaitExpression:
		r.expression(x.Argument)
	case *ast.AssignExpression:
		r.assign(x)
	case *ast.StringLiteral: // "use strict"
	case *ast.CallExpression, *ast.DotExpression, *ast.OptionalChain:
		r.call(e)
	case *ast.ConditionalExpression:
		r.ifStatement(&ast.IfStatement{
			Test: x.Test, Consequent: &ast.ExpressionStatement{Expression: x.Consequent},
			Alternate: &ast.ExpressionStatement{Expression: x.Alternate},
		})
	default:
		r.lose(e, model.ScriptLines, "")
	}
}

// assign reads x = …, and the old tests["name"] = condition.
func (r *scriptReader) assign(x *ast.AssignExpression) {
	root := x.Left
	if b, ok := root.(*ast.BracketExpression); ok {
		root = b.Left
	} else if d, ok := root.(*ast.DotExpression); ok {
		root = d.Left
	}
	if id, ok := root.(*ast.Identifier); ok && root != x.Left && id.Name.String() == "tests" {
		r.claim(x, r.eval(x.Right))
		return
	}
	id, ok := x.Left.(*ast.Identifier)
	if !ok && r.fills(x) {
		return
	}
	if !ok || x.Operator.String() != "=" {
		r.lose(x, model.ScriptLines, "")
		if ok {
			r.scope.set(id.Name.String(), binding{})
		}
		return
	}
	v := r.eval(x.Right)
	if len(r.loops) > 0 && v.kind != symUnknown { // it stays that of the last element
		if _, inside := r.inLoop(id.Name.String()); !inside {
			v = sym{}
		}
	}
	if (r.guarded != "" || len(r.nonEmpty) > 0) && v.kind != symUnknown {
		if old, known := r.scope.get(id.Name.String()); known && old.kind != symUnknown && fmt.Sprint(old.sym) != fmt.Sprint(v) {
			v = sym{}
		}
	}
	text, at := r.source(x)
	by := r.follow(text, r.line(at))
	r.scope.set(id.Name.String(), binding{v, by})
	if v.kind == symUnknown {
		r.followed[by].text = ""
		r.lose(x, model.ScriptLines, "")
	}
}
