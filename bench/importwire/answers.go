package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"
	"github.com/dop251/goja/token"
)

// An answer is what the mock gives to the requests of one item.
type answer struct {
	status  int
	headers [][2]string
	cookies []string
	body    []byte
}

// A scriptShape reads the test scripts of one item.
type scriptShape struct {
	root  *shape
	names map[string]*shape
	out   *answer
}

// answerFor is an answer that the scripts find everything in that they look for.
func answerFor(scripts []string) answer {
	a := answer{}
	s := &scriptShape{root: &shape{}, names: map[string]*shape{}, out: &a}
	for _, code := range scripts {
		s.read(code)
	}
	if a.status == 0 {
		a.status = 200
	}
	a.body, _ = json.Marshal(s.root.json("body"))
	if len(s.root.names) == 0 && s.root.element == nil && s.root.value == nil && s.root.kind == "" {
		a.body = []byte(`{"id":7,"name":"none"}`)
	}
	return a
}

func (s *scriptShape) read(code string) {
	defer func() { _ = recover() }() // the parser is not ours
	program, err := parser.ParseFile(nil, "", "(async function(){"+code+"\n})", parser.IgnoreRegExpErrors, parser.WithDisableSourceMaps)
	if err != nil {
		return
	}
	s.walk(reflect.ValueOf(program.Body))
}

var nodeType = reflect.TypeFor[ast.Node]()

// walk visits every node below a value, each before what it holds.
func (s *scriptShape) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return
		}
		if v.Kind() == reflect.Pointer && v.Type().Implements(nodeType) {
			s.node(v.Interface().(ast.Node))
		}
		s.walk(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			s.walk(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "DeclarationList" && f.Name != "File" {
				s.walk(v.Field(i))
			}
		}
	}
}

// node learns what one node says about the answer.
func (s *scriptShape) node(n ast.Node) {
	switch x := n.(type) {
	case *ast.Binding:
		if x.Initializer != nil {
			s.bind(x.Target, s.eval(x.Initializer))
		}
	case *ast.AssignExpression:
		if id, ok := x.Left.(*ast.Identifier); ok {
			s.bind(id, s.eval(x.Right))
		}
	case *ast.DotExpression, *ast.BracketExpression:
		s.eval(x.(ast.Expression))
	case *ast.BinaryExpression:
		s.compare(x)
	case *ast.ForOfStatement:
		if d, ok := x.Into.(*ast.ForDeclaration); ok {
			if list := s.eval(x.Source); list != nil {
				s.bind(d.Target, list.elem())
			}
		}
	case *ast.CallExpression:
		s.call(x)
	}
}

func (s *scriptShape) bind(target ast.Expression, v *shape) {
	switch t := target.(type) {
	case *ast.Identifier:
		if v != nil {
			s.names[t.Name.String()] = v
		} else {
			delete(s.names, t.Name.String())
		}
	case *ast.ObjectPattern:
		for _, p := range t.Properties {
			if short, ok := p.(*ast.PropertyShort); ok && v != nil {
				s.names[short.Name.Name.String()] = v.member(short.Name.Name.String())
			}
		}
	}
}

// chained is a chain of names, pm.response.json, or "".
func chained(e ast.Expression) string {
	switch x := e.(type) {
	case *ast.Identifier:
		return x.Name.String()
	case *ast.DotExpression:
		if left := chained(x.Left); left != "" {
			return left + "." + x.Identifier.Name.String()
		}
	}
	return ""
}

// ownMembers are members of lists and texts, not of JSON.
var ownMembers = []string{
	"length", "forEach", "map", "filter", "find", "some", "every", "includes", "indexOf", "push", "sort", "reduce", "slice",
	"split", "toString",
	"hasOwnProperty", "startsWith", "endsWith", "match", "replace", "trim", "toLowerCase", "toUpperCase", "join", "keys", "pop",
	"at", "findIndex", "substring",
}

// at is the member that a text in brackets names, else an element: a number in the brackets
// says how many there are at least.
func (s *shape) at(index ast.Expression) *shape {
	switch m := index.(type) {
	case *ast.StringLiteral:
		return s.member(m.Value.String())
	case *ast.NumberLiteral:
		if i, err := strconv.Atoi(fmt.Sprint(m.Value)); err == nil && i < 20 {
			s.count = max(s.count, i+1)
		}
	}
	return s.elem()
}

// eval is the part of the answer that an expression names, or nil.
func (s *scriptShape) eval(e ast.Expression) *shape {
	switch x := e.(type) {
	case *ast.Identifier:
		return s.names[x.Name.String()]
	case *ast.OptionalChain:
		return s.eval(x.Expression)
	case *ast.Optional:
		return s.eval(x.Expression)
	case *ast.AwaitExpression:
		return s.eval(x.Argument)
	case *ast.DotExpression:
		name := x.Identifier.Name.String()
		if left := s.eval(x.Left); left != nil && !slices.Contains(ownMembers, name) {
			return left.member(name)
		}
	case *ast.BracketExpression:
		if left := s.eval(x.Left); left != nil {
			return left.at(x.Member)
		}
	case *ast.CallExpression:
		switch name := chained(x.Callee); {
		case name == "pm.response.json", name == "JSON.parse":
			return s.root
		case strings.HasSuffix(name, ".find"), strings.HasSuffix(name, ".at"), strings.HasSuffix(name, ".pop"):
			if d := x.Callee.(*ast.DotExpression); s.eval(d.Left) != nil {
				return s.eval(d.Left).elem()
			}
		}
	case *ast.BinaryExpression:
		if x.Operator == token.LOGICAL_OR {
			return s.eval(x.Left)
		}
	}
	return nil
}

// literalOf is a literal as JSON has it; ok is false for anything else.
func literalOf(e ast.Expression) (v any, ok bool) {
	switch x := e.(type) {
	case *ast.StringLiteral:
		return x.Value.String(), true
	case *ast.NumberLiteral:
		return x.Value, true
	case *ast.BooleanLiteral:
		return x.Value, true
	case *ast.UnaryExpression:
		if n, isNumber := x.Operand.(*ast.NumberLiteral); isNumber && x.Operator == token.MINUS {
			return json.Number("-" + fmt.Sprint(n.Value)), true
		}
	}
	return nil, false
}

func isStatus(e ast.Expression) bool {
	name := chained(e)
	return name == "pm.response.code" || name == "responseCode.code" || name == "pm.response.status"
}

func (s *scriptShape) setStatus(v any) {
	if n, err := strconv.Atoi(fmt.Sprint(v)); err == nil && n >= 200 && n < 600 && s.out.status == 0 {
		s.out.status = n
	}
}

// compare makes the answer hold what a comparison asks.
func (s *scriptShape) compare(x *ast.BinaryExpression) {
	a, b := x.Left, x.Right
	if _, ok := literalOf(a); ok {
		a, b = b, a
	}
	v, ok := literalOf(b)
	if !ok {
		return
	}
	equal := x.Operator == token.EQUAL || x.Operator == token.STRICT_EQUAL
	if equal && isStatus(a) {
		s.setStatus(v)
	}
	at := s.eval(a)
	if at == nil || at.value != nil || len(at.names) > 0 {
		return
	}
	switch x.Operator {
	case token.EQUAL, token.STRICT_EQUAL:
		at.value = v
	case token.GREATER, token.GREATER_OR_EQUAL, token.LESS, token.LESS_OR_EQUAL:
		at.kind = "number"
	}
}

// call reads iterations, headers, cookies and assertions.
func (s *scriptShape) call(x *ast.CallExpression) {
	name := chained(x.Callee)
	if len(x.ArgumentList) > 0 {
		v, _ := literalOf(x.ArgumentList[0])
		text, isText := v.(string)
		switch {
		case (name == "pm.response.headers.get" || name == "postman.getResponseHeader") && isText && !strings.EqualFold(text, "content-type"):
			s.out.headers = append(s.out.headers, [2]string{text, "h-" + text})
		case name == "pm.cookies.get" && isText, name == "postman.getResponseCookie" && isText:
			s.out.cookies = append(s.out.cookies, text)
		}
	}
	if d, ok := x.Callee.(*ast.DotExpression); ok {
		if d.Identifier.Name.String() == "hasOwnProperty" && len(x.ArgumentList) == 1 {
			if v, isText := literalOf(x.ArgumentList[0]); isText && s.eval(d.Left) != nil {
				s.eval(d.Left).member(fmt.Sprint(v))
			}
		}
		s.iterate(d, x)
		s.assertion(d, x)
	}
}

func (s *scriptShape) iterate(d *ast.DotExpression, x *ast.CallExpression) {
	if !slices.Contains([]string{"forEach", "map", "filter", "find", "some", "every", "each", "findIndex"},
		d.Identifier.Name.String()) || len(x.ArgumentList) == 0 {
		return
	}
	list, f := s.eval(d.Left), x.ArgumentList[0]
	if chained(d.Left) == "_" && len(x.ArgumentList) > 1 {
		list, f = s.eval(x.ArgumentList[0]), x.ArgumentList[1]
	}
	if list == nil {
		return
	}
	list.elem()
	var params *ast.ParameterList
	switch f := f.(type) {
	case *ast.FunctionLiteral:
		params = f.ParameterList
	case *ast.ArrowFunctionLiteral:
		params = f.ParameterList
	}
	if params != nil && len(params.List) > 0 {
		s.bind(params.List[0].Target, list.elem())
	}
}
