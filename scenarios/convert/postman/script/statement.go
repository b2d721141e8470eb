package script

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script/claim"
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

// try reads a try with its catch. Behind a catch that keeps a failure to itself, what may
// fail asserts nothing.
func (r *scriptReader) try(s *ast.TryStatement) {
	before, branch, list := r.guarded, r.branch, s.Body.List
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
		g := claim.Grow(r.into)
		if g.Add(test(body("$"), "exists", model.Literal("true"))) == "" {
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
	switch x := e.Expression.(type) {
	case *ast.CallExpression:
		return dotted(x.Callee) == "pm.test" && len(x.ArgumentList) == 2 && r.eval(x.ArgumentList[0]).kind == symNode
	case *ast.AssignExpression:
		if !isTest(x.Left) {
			return false
		}
		v := r.eval(x.Right)
		return v.kind == symCond && !slices.ContainsFunc(v.claims, func(c claim.Claim) bool { return c.Kind != claim.Text && c.Kind != claim.Status })
	}
	return false
}

// isTest reports whether a target of an assignment is a member of tests, the old way to assert.
func isTest(target ast.Expression) bool {
	switch x := target.(type) {
	case *ast.BracketExpression:
		return nameOf(x.Left) == "tests"
	case *ast.DotExpression:
		return nameOf(x.Left) == "tests"
	}
	return false
}

// statement reads one statement.
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
		r.try(s)
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
		if b.Initializer == nil {
			continue
		}
		values[i] = r.eval(b.Initializer)
		o, isObject := b.Initializer.(*ast.ObjectLiteral)
		if name := nameOf(b.Target); name != "" && isObject {
			r.objects[name] = o
		} else {
			delete(r.objects, name)
			isObject = false
		}
		known = known && (values[i].kind != symUnknown || isObject && r.plainObject(o))
	}
	id := r.follow(n)
	for i, b := range list {
		known = r.bind(b.Target, binding{values[i], id}) && known
	}
	if !known {
		r.unfollow(id, n)
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
				name := p.Name.Name.String()
				m := member(v.sym, name)
				m.or = m.or || p.Initializer != nil // { name = other }
				r.scope.names[name] = binding{m, v.by}
			case *ast.PropertyKeyed:
				key, isText := p.Key.(*ast.StringLiteral)
				ok = isText && r.bind(p.Value, binding{member(v.sym, key.Value.String()), v.by}) && ok
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
	list, target := r.eval(s.Source), loopTarget(s.Into)
	if target == nil || !r.over(list, loop{element: target}, []ast.Statement{s.Body}) {
		r.lose(s, model.ScriptLines, "")
	}
}

// forIn reads for (const i in list) of a list of the answer; the numbers are text there, and
// name its elements all the same.
func (r *scriptReader) forIn(s *ast.ForInStatement) {
	r.reads = nil
	list, name := r.eval(s.Source), nameOf(loopTarget(s.Into))
	if name == "" || list.kind != symBody || !r.over(list, loop{index: name}, []ast.Statement{s.Body}) {
		r.lose(s, model.ScriptLines, "")
	}
}

// loopTarget is what a loop declares for its elements, or their numbers; nil where it
// declares nothing.
func loopTarget(into ast.ForInto) ast.Expression {
	switch into := into.(type) {
	case *ast.ForDeclaration:
		return into.Target
	case *ast.ForIntoVar:
		return into.Binding.Target
	}
	return nil
}

// nameOf is the name that an expression or the target of a declaration is; empty for any other.
func nameOf(n ast.Node) string {
	if id, ok := n.(*ast.Identifier); ok {
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
	name := nameOf(x.Left)
	switch {
	case isTest(x.Left):
		r.claim(x, r.eval(x.Right))
		return
	case name == "" && r.fills(x):
		return
	case name == "" || x.Operator != token.ASSIGN:
		r.lose(x, model.ScriptLines, "")
		if name != "" {
			r.scope.set(name, binding{})
		}
		return
	}
	v := r.eval(x.Right)
	if len(r.loops) > 0 && !r.inLoop(name) { // it stays that of the last element
		v = sym{}
	}
	if old, known := r.scope.get(name); (r.guarded != "" || len(r.nonEmpty) > 0) && known && old.kind != symUnknown &&
		fmt.Sprint(old.sym) != fmt.Sprint(v) {
		v = sym{}
	}
	by := r.follow(x)
	r.scope.set(name, binding{v, by})
	if v.kind == symUnknown {
		r.unfollow(by, x)
	}
}
