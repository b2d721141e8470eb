// Package script reads the scripts of a Postman collection as data. In come the
// scripts of one request or folder and a Host, which knows the variables; out
// come expectations, in a model.Expect, and Definitions: the variables that the
// scripts set, as captures or templates. Every statement that becomes neither is
// reported to the Host, line by line.
//
// The text is parsed by goja's parser and never executed. A value is followed
// symbolically (sym.go, eval.go, builtin.go) as long as it is a part of the
// answer, a variable, a literal or text joined of these; chain.go and shape.go
// read assertions about such values, expect.go and schema.go add them to the
// expectations. The package touches no file and no network.
package script

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

// A scriptReader reads the scripts of one request. Nothing is executed: the
// statements are parsed, and those whose meaning is data become data.
//
//  1. A value is followed as long as it is a part of the answer (body, status,
//     header, cookie, time), a variable, a literal, or text joined of these.
//  2. An assertion about such a value that the language has a matcher for
//     becomes an expectation: pm.expect chains, pm.response.to, tests[…].
//  3. Setting a variable to such a value becomes a capture or a variable.
//  4. Statements under "if the status is a success" count as if they stood
//     alone, for the step expects that status anyway. Under any other condition
//     only captures do: a later request needs them.
//  5. Everything else is listed line by line.
type scriptReader struct {
	host  Host
	into  *model.Expect
	defs  []Definition
	after bool
	code  string
	base  int // bytes of what was put before the code for the parser
	first int // line of the script that code begins with, from 1
	scope *scope
	// guarded is why a statement may not run; empty: it always runs.
	guarded string
	inTest  bool
	set     map[string]sym // what the script itself gave variables
	// followed are the statements that only give names to values. They count as
	// carried over when something that is carried over reads them.
	followed []*followed
	reads    []int // those that the statement being read has read so far
	lost     []lostLine

	functions []*declared
	objects   map[string]ast.Expression // object literals by the names they were given
	mutable   map[string]bool           // names whose values change in place
	calls     int
	depth     int
	loops     []loop
	sent      []*Sent
	// nonEmpty are the lists of the answer that a condition says to have elements: what
	// is said of the first one holds for it where it is there.
	nonEmpty   []string
	ifNonEmpty string
	branch     *branch
	// when is what the condition around says of variables, where it says nothing else.
	when []model.Check
	done map[string]bool // what was counted or listed, of statements that are read twice
}

// A followed statement names a value. Text is empty where a loop does it.
type followed struct {
	text string
	line int
	deps []int
	used int // how many that are carried over read it
	// counted says that it is one of the statements that are carried over.
	counted bool
}

// A lostLine is a line of the script that does not become data.
type lostLine struct {
	line int
	model.Lost
}

// A binding is the value of a name, and which followed statement gave it.
type binding struct {
	sym
	by int
}

// A scope holds the values of a script's names.
type scope struct {
	names  map[string]binding
	parent *scope
}

func (s *scope) get(name string) (binding, bool) {
	for ; s != nil; s = s.parent {
		if v, ok := s.names[name]; ok {
			return v, true
		}
	}
	return binding{}, false
}

// set gives an existing name another value, or declares it here.
func (s *scope) set(name string, v binding) {
	for at := s; at != nil; at = at.parent {
		if _, ok := at.names[name]; ok {
			at.names[name] = v
			return
		}
	}
	s.names[name] = v
}

// A Host is the request, or folder, that scripts belong to, with what the
// import knows of variables. Templates are text of the scenario language.
type Host interface {
	// VarName is the name of the language for a variable of the scripts.
	VarName(name string) string
	// NamesIn are the scripts' names of the variables in a template.
	NamesIn(template string) []string
	// Unset reports whether nothing ever gives a variable a value.
	Unset(name string) bool
	// Scopes reports whether an environment and the collection give a variable a
	// value: they win over what a script sets in a wider scope.
	Scopes(name string) (environment, collection bool)
	// Template translates text with placeholders of the source.
	Template(text string) string
	// Secret takes a secret out of a text. What it returns may be written.
	Secret(name, text, where string) string
	// Use records that an expectation reads a variable.
	Use(name string)
	// SetHeader sets a header of the request; add keeps others of its name. It
	// reports whether the language can send it.
	SetHeader(name, value string, add bool) bool
	// IsNext reports whether a name is that of the request that follows anyway; the
	// empty name stands for the end.
	IsNext(name string) bool
	// Schema keeps a JSON Schema as a file and returns its name.
	Schema(data []byte) string
	// IsHead reports whether the answers have no body.
	IsHead() bool
	// Helper is a name for a value that a script does not name. The same key has the
	// same name.
	Helper(key string) string
	// Used reports whether anything reads a variable.
	Used(name string) bool
	// Static is the text of a variable that nothing changes.
	Static(name string) (text string, ok bool)
	// RequestName is the name of the request; empty for a folder.
	RequestName() string
	Lose(l model.Lost)
	Mapped(k model.Kind, n int)
	Note(format string, args ...any)
}

// A Source is one script of a request.
type Source struct {
	After bool // after the answer; otherwise before the request
	Code  string
}

// A Definition is a variable that a script gives a value.
type Definition struct {
	Name    string
	Capture *model.Capture // from the answer; Name is not set
	Value   string         // otherwise: a template of the scenario language
	Literal bool           // the value is a number, true or false, not the text of one
	Drawn   bool           // the value holds a generated one: later requests must see the same
	After   bool           // set after the answer
	Helper  bool           // import made the name up
	JSON    bool           // the script wrote the text as JSON: in a body it has quotes
	Text    string         // the statement
	Line    int
	follows []*followed // the statements that it is made of
}

// Drop says that a definition is not used: the statements that only led to
// it are lost with it, and returned.
func (d *Definition) Drop(r *model.Report) []model.Lost {
	var out []model.Lost
	for _, f := range d.follows {
		if f.used--; f.used == 0 && f.counted {
			r.Unmap(model.ScriptLines, 1)
			for _, l := range scriptLines(f.text, f.line, d.After, model.ScriptLines, "") {
				out = append(out, l.Lost)
			}
		}
	}
	return out
}

// Read reads the scripts of one request or folder in their order. What
// they assert is added to into; what they set, and which requests they send, is
// returned.
func Read(host Host, scripts []Source, into *model.Expect) ([]Definition, []*Sent) {
	var defs []Definition
	var sent []*Sent
	for _, s := range scripts {
		r := &scriptReader{
			host: host, into: into, after: s.After, code: s.Code, first: 1, scope: newScope(nil), set: map[string]sym{},
			objects: map[string]ast.Expression{}, done: map[string]bool{},
		}
		if !r.whole() {
			r.byLine()
		}
		r.flush()
		defs = append(defs, r.defs...)
		sent = append(sent, r.sent...)
	}
	tidyExpect(into)
	for _, s := range sent {
		tidyExpect(&s.Expect)
	}
	return defs, sent
}

func newScope(parent *scope) *scope { return &scope{map[string]binding{}, parent} }

// follow notes a statement that names a value, with what it read.
func (r *scriptReader) follow(text string, line int) int {
	r.followed = append(r.followed, &followed{text: text, line: line, deps: slices.Clone(r.reads)})
	return len(r.followed) - 1
}

// keep notes that the statement is carried over, and with it what it has read
// and what that was made of.
func (r *scriptReader) keep() []*followed {
	var out []*followed
	var visit func(list []int)
	visit = func(list []int) {
		for _, i := range list {
			if f := r.followed[i]; !slices.Contains(out, f) {
				out = append(out, f)
				f.used++
				visit(f.deps)
			}
		}
	}
	visit(r.reads)
	return out
}

// flush lists what was lost of the script, in the order of its lines.
func (r *scriptReader) flush() {
	for _, d := range r.functions {
		if !d.used {
			r.lose(d.node, model.ScriptLines, "nothing calls it")
		}
	}
	for _, f := range r.followed {
		switch {
		case f.text == "":
		case f.used > 0:
			if key := fmt.Sprint("kept ", f.line, f.text); !r.done[key] {
				r.done[key], f.counted = true, true
				r.host.Mapped(model.ScriptLines, 1)
			}
		case r.done[fmt.Sprint("followed ", f.line, f.text)]: // read again
		default:
			r.done[fmt.Sprint("followed ", f.line, f.text)] = true
			r.loseLines(f.text, f.line, model.ScriptLines, "")
		}
	}
	slices.SortStableFunc(r.lost, func(a, b lostLine) int { return cmp.Compare(a.line, b.line) })
	for _, l := range r.lost {
		r.host.Lose(l.Lost)
	}
}

// whole parses the script as one program; false when it is none.
func (r *scriptReader) whole() bool {
	list, ok := r.parse(r.code)
	if !ok {
		return false
	}
	r.findMutable(list)
	r.statements(list)
	return true
}

// statements reads a list. What follows an if that may leave the function is as
// conditional as what the if holds.
func (r *scriptReader) statements(list []ast.Statement) {
	before, branch := r.guarded, r.branch
	r.hoist(list)
	for _, s := range list {
		r.statement(s)
		if branch, ok := s.(*ast.IfStatement); ok && r.mayLeave(branch) {
			text, _ := r.source(branch.Test)
			r.guarded = cmp.Or(r.guarded, "not if "+naming.OneLine(text, 60))
			r.branch = nil // what follows may not be reached
		}
	}
	r.guarded, r.branch = before, branch
}

// mayLeave reports whether a branch of an if returns, continues or breaks, in a
// case that the step does not exclude anyway.
func (r *scriptReader) mayLeave(s *ast.IfStatement) bool {
	leaves := func(s ast.Statement) bool {
		list := []ast.Statement{s}
		if b, ok := s.(*ast.BlockStatement); ok {
			list = b.List
		}
		return slices.ContainsFunc(list, func(s ast.Statement) bool {
			switch s := s.(type) {
			case *ast.ReturnStatement, *ast.BranchStatement:
				return true
			case *ast.IfStatement:
				return r.mayLeave(s)
			}
			return false
		})
	}
	if s.Alternate != nil && leaves(s.Alternate) {
		return true
	}
	if !leaves(s.Consequent) {
		return false
	}
	c := r.eval(s.Test)
	if holds, known := r.truth(c); known && !holds {
		return false
	}
	if c.kind == symCond && len(c.claims) == 1 { // if the status is no success: return
		if opposite, ok := c.claims[0].negated(); ok && r.isSuccess(cond(opposite)) {
			return false
		}
	}
	return true
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
		if s.Catch != nil && !r.reports(s.Catch) {
			r.guarded, r.branch = cmp.Or(r.guarded, isCaught), nil
		}
		r.inner(s.Body.List)
		r.guarded, r.branch = before, branch
		if s.Catch != nil && len(s.Catch.Body.List) > 0 {
			r.caught(s)
		}
		if s.Finally != nil {
			r.inner(s.Finally.List)
		}
	case *ast.ForOfStatement:
		r.forOf(s)
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
				r.scope.names[p.Name.Name.String()] = binding{member(v.sym, p.Name.Name.String()), v.by}
			case *ast.PropertyKeyed:
				key, isText := p.Key.(*ast.StringLiteral)
				if !isText || !r.bind(p.Value, binding{member(v.sym, key.Value.String()), v.by}) {
					ok = false
				}
			}
		}
		return ok
	}
	return false
}

// ifStatement follows rule 4. Of a condition that the script itself decides only one
// branch is read. What is said of the elements of a list, if it has any, holds for
// those that are there.
func (r *scriptReader) ifStatement(s *ast.IfStatement) {
	before, lists := r.guarded, len(r.nonEmpty)
	r.reads = nil
	test := r.eval(s.Test)
	text, _ := r.source(s.Test)
	why := "only if " + naming.OneLine(text, 60)
	otherwise := "in the else branch of a condition"
	switch holds, known := r.truth(test); {
	case known && holds:
		r.keep()
		r.inner([]ast.Statement{s.Consequent})
		return
	case known:
		if r.keep(); s.Alternate != nil {
			r.inner([]ast.Statement{s.Alternate})
		}
		return
	case r.isSuccess(test), r.isUnset(s.Test):
		r.keep()
		otherwise = "the step expects the other case"
	case before == "" && len(nonEmptyLists(test)) > 0:
		r.keep()
		r.nonEmpty = append(r.nonEmpty, nonEmptyLists(test)...)
		r.ifNonEmpty = cmp.Or(r.ifNonEmpty, why)
	case before == "" && len(r.variablesIn(test)) > 0:
		r.guarded, r.when = why, r.variablesIn(test)
		defer func() { r.when = nil }()
	case before == "" && s.Alternate != nil && r.branch == nil && r.after:
		r.eitherWay(s, why, otherwise)
		return
	default:
		r.guarded = cmp.Or(before, why)
		defer func(b *branch) { r.branch = b }(r.branch)
		r.branch = nil
	}
	r.inner([]ast.Statement{s.Consequent})
	if r.nonEmpty = r.nonEmpty[:lists]; lists == 0 {
		r.ifNonEmpty = ""
	}
	if s.Alternate != nil {
		r.guarded = otherwise
		r.inner([]ast.Statement{s.Alternate})
	}
	r.guarded = before
}

// variablesIn is what a condition says of variables; nothing when it also says something
// else.
func (r *scriptReader) variablesIn(c sym) []model.Check {
	var out []model.Check
	for _, one := range c.claims {
		names := r.host.NamesIn(one.subject.text)
		if one.subject.kind != symTemplate || len(names) != 1 {
			return nil
		}
		out = append(out, model.Check{Name: r.host.VarName(names[0]), Matchers: []model.Matcher{one.Matcher}})
	}
	return out
}

// A branch holds what is asserted in one branch of a condition, with the statements.
type branch struct{ found []asserted }

type asserted struct {
	node   ast.Node
	claims []claim
}

// holds reports whether a branch asserts all of some claims.
func (b *branch) holds(claims []claim) bool {
	return !slices.ContainsFunc(claims, func(c claim) bool {
		return !slices.ContainsFunc(b.found, func(a asserted) bool {
			return slices.ContainsFunc(a.claims, func(o claim) bool { return reflect.DeepEqual(c, o) })
		})
	})
}

// eitherWay reads both branches of a condition that is not known: what both assert holds
// in any case.
func (r *scriptReader) eitherWay(s *ast.IfStatement, why, otherwise string) {
	read := func(s ast.Statement, guard string) *branch {
		r.guarded, r.branch = guard, &branch{}
		defer func() { r.guarded, r.branch = "", nil }()
		r.inner([]ast.Statement{s})
		return r.branch
	}
	yes := read(s.Consequent, why)
	no := read(s.Alternate, otherwise)
	for _, x := range []struct {
		mine, other *branch
		why         string
	}{{yes, no, why}, {no, yes, otherwise}} {
		for _, a := range x.mine.found {
			if !x.other.holds(a.claims) {
				r.lose(a.node, model.Assertions, x.why)
				continue
			}
			r.claims(a.node, a.claims)
		}
	}
}

// nonEmptyLists are the lists that a condition says to have elements, and nothing else:
// list.length, list.length > 0, list && list.length.
func nonEmptyLists(c sym) []string {
	switch {
	case c.kind == symLength && !c.or:
		return []string{c.path}
	case c.kind == symCond && len(c.claims) == 1 && c.claims[0].subject.kind == symLength && !c.claims[0].subject.or:
		m := c.claims[0].Matcher
		if m.Op == "gt" && m.Value.Is("0") || m.Op == "gte" && m.Value.Is("1") || m.Op == "ne" && m.Value.Is("0") {
			return []string{c.claims[0].subject.path}
		}
	}
	return nil
}

// ofElements moves what a claim says of the first element of a list that may be empty to
// a path that names it where it is there; why says that the claim is about something else.
func (r *scriptReader) ofElements(c claim) (claim, string) {
	for _, list := range r.nonEmpty {
		rest, inside := strings.CutPrefix(c.subject.path, list)
		switch c.subject.kind {
		case symBody, symLength, symType, symKeyCount:
		default:
			inside = false
		}
		switch {
		case inside && strings.HasPrefix(rest, "[0:1]"), inside && strings.HasPrefix(rest, "[*]"):
		case inside && strings.HasPrefix(rest, "[0]"):
			c.subject.path = list + "[0:1]" + strings.TrimPrefix(rest, "[0]")
		default:
			return c, r.ifNonEmpty
		}
	}
	return c, ""
}

// isSuccess reports whether a condition says what the step expects anyway: a
// status of its own, or a success where it says nothing.
func (r *scriptReader) isSuccess(cond sym) bool {
	if cond.kind != symCond || len(cond.claims) == 0 {
		return false
	}
	for _, c := range cond.claims {
		if c.subject.kind != symStatus || c.Op != "eq" {
			return false
		}
		status := r.expectOf(c.subject).Status
		if len(status) > 0 && (len(status) != 1 || status[0] != c.Value.Text) || len(status) == 0 && !strings.HasPrefix(c.Value.Text, "2") {
			return false
		}
	}
	return true
}

// isUnset reports whether a condition is that a variable is not set which
// nothing sets: a switch that is off.
func (r *scriptReader) isUnset(test ast.Expression) bool {
	not, ok := test.(*ast.UnaryExpression)
	if !ok || not.Operator != token.NOT {
		return false
	}
	v := r.eval(not.Operand)
	names := r.host.NamesIn(v.text)
	if v.kind != symTemplate || len(names) != 1 || v.text != "{{"+r.host.VarName(names[0])+"}}" {
		return false
	}
	if !r.host.Unset(names[0]) {
		return false
	}
	r.host.Note("the scripts ask for %s, which nothing sets; they are read as if it were not set", names[0])
	return true
}

// forOf reads for (const x of list) as what holds for each element.
func (r *scriptReader) forOf(s *ast.ForOfStatement) {
	r.reads = nil
	list := r.eval(s.Source)
	name := ""
	switch into := s.Into.(type) {
	case *ast.ForDeclaration:
		if id, ok := into.Target.(*ast.Identifier); ok {
			name = id.Name.String()
		}
	case *ast.ForIntoVar:
		if id, ok := into.Binding.Target.(*ast.Identifier); ok {
			name = id.Name.String()
		}
	}
	if name == "" || !r.over(list, loop{element: name}, []ast.Statement{s.Body}) {
		r.lose(s, model.ScriptLines, "")
	}
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

// inLoop finds a name that was declared in the loop being read.
func (r *scriptReader) inLoop(name string) (binding, bool) {
	for s := r.scope; s != nil && s != r.loops[len(r.loops)-1].outside; s = s.parent {
		if v, ok := s.names[name]; ok {
			return v, true
		}
	}
	return binding{}, false
}

// claim makes a condition an expectation. A condition that the script itself makes true
// asks nothing of the answer.
func (r *scriptReader) claim(n ast.Node, v sym) {
	if holds, known := r.truth(v); known && holds && r.guarded == "" {
		r.keep()
		r.counts(n, model.Assertions)
		return
	}
	if v.kind != symCond {
		r.lose(n, model.Assertions, "the condition is made by code")
		return
	}
	r.claims(n, v.claims)
}

// counts counts a statement that is carried over, once however often it is read.
func (r *scriptReader) counts(n ast.Node, kind model.Kind) {
	key := fmt.Sprint(kind, n.Idx0(), r.first)
	if !r.done[key] {
		r.done[key] = true
		r.host.Mapped(kind, 1)
	}
}

// expectOf is where what is said of a value is expected: of the request, or of one that
// the script sends.
func (r *scriptReader) expectOf(v sym) *model.Expect {
	if i, _ := owner(v.path); i > 0 && i <= len(r.sent) {
		return &r.sent[i-1].Expect
	}
	return r.into
}

// define keeps a definition with the request whose answer it is about: 0 is that of the
// script, others those that it sends.
func (r *scriptReader) define(sent int, d Definition) {
	list := &r.defs
	if sent > 0 && sent <= len(r.sent) {
		list = &r.sent[sent-1].Defs
	}
	same := func(o Definition) bool { return d.Helper && o.Name == d.Name }
	if !slices.ContainsFunc(*list, same) {
		*list = append(*list, d)
	}
}

// claims adds claims to the expectations, all or none of them.
func (r *scriptReader) claims(n ast.Node, claims []claim) {
	sent := -1
	out := make([]claim, len(claims))
	for i, c := range claims {
		c, why := r.ofElements(c)
		at, own := owner(c.subject.path)
		if sent >= 0 && at != sent {
			why = "it is about several answers"
		}
		if why != "" {
			r.lose(n, model.Assertions, why)
			return
		}
		sent = at
		c.subject.path = own
		out[i] = c
	}
	if r.branch != nil && r.guarded != "" && len(r.nonEmpty) == 0 {
		r.branch.found = append(r.branch.found, asserted{n, claims})
		return
	}
	if r.guarded != "" || !r.after && sent == 0 {
		r.lose(n, model.Assertions, cmp.Or(r.guarded, "there is no answer yet"))
		return
	}
	into := r.into
	if sent > 0 && sent <= len(r.sent) {
		into = &r.sent[sent-1].Expect
	}
	trial := cloneExpect(into)
	trial.keep = r.host.Schema
	for _, c := range out {
		if why := trial.add(c); why != "" {
			r.lose(n, model.Assertions, why)
			return
		}
	}
	*into = trial.Expect
	r.keep()
	for _, c := range out {
		for _, name := range r.host.NamesIn(c.text()) {
			r.host.Use(name)
		}
	}
	r.counts(n, model.Assertions)
}
