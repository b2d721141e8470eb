package script

import (
	"reflect"
	"slices"
	"sync"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"
)

// A name stands for what it was given last. Where a script changes a value in place, or
// in code that is not followed, that is no longer known: such names mean nothing.

var nodeType = reflect.TypeFor[ast.Node]()

// eachNode calls f for every node below a value, and not for those in a node for which it
// returns false.
func eachNode(v reflect.Value, f func(ast.Node) (inside bool)) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() || v.Kind() == reflect.Pointer && v.Type().Implements(nodeType) && !f(v.Interface().(ast.Node)) {
			return
		}
		eachNode(v.Elem(), f)
	case reflect.Slice:
		for i := range v.Len() {
			eachNode(v.Index(i), f)
		}
	case reflect.Struct:
		for _, i := range nodeFields(v.Type()) {
			eachNode(v.Field(i), f)
		}
	}
}

// fieldsByType are the results of nodeFields: asking reflect anew for each node takes
// longer than parsing the script.
var fieldsByType sync.Map // of []int by reflect.Type

// nodeFields are the fields of a struct that may hold nodes. A declaration list repeats
// nodes that are elsewhere in the tree, and a file holds the text.
func nodeFields(t reflect.Type) []int {
	if known, ok := fieldsByType.Load(t); ok {
		return known.([]int)
	}
	var out []int
	for i := range t.NumField() {
		f := t.Field(i)
		kind := f.Type.Kind()
		holds := kind == reflect.Interface || kind == reflect.Pointer || kind == reflect.Slice || kind == reflect.Struct
		if holds && f.IsExported() && f.Name != "DeclarationList" && f.Name != "File" {
			out = append(out, i)
		}
	}
	fieldsByType.Store(t, out)
	return out
}

// mutators are the methods that change a list or object in place.
var mutators = []string{
	"push", "pop", "shift", "unshift", "splice", "sort", "reverse", "fill", "copyWithin", "set", "delete",
	"clear", "append",
}

// changers are functions that change their first argument.
var changers = []string{
	"Object.assign", "_.extend", "_.assign", "_.merge", "_.defaults", "_.set", "_.unset", "_.remove",
	"_.pull", "Object.defineProperty",
}

// rootName is the name that an expression begins with; member says that it is a part of
// what the name stands for.
func rootName(e ast.Expression) (name string, member bool) {
	switch x := e.(type) {
	case *ast.Identifier:
		return x.Name.String(), false
	case *ast.DotExpression:
		name, _ = rootName(x.Left)
	case *ast.BracketExpression:
		name, _ = rootName(x.Left)
	case *ast.OptionalChain:
		name, _ = rootName(x.Expression)
	case *ast.Optional:
		name, _ = rootName(x.Expression)
	}
	return name, true
}

// findMutable notes the names whose values the script changes in place.
func (r *scriptReader) findMutable(list []ast.Statement) {
	r.mutable, r.changes = map[string]bool{}, map[string]int{}
	seen := map[string]int{}
	steps := map[ast.Expression]bool{} // of the loops that are counted
	var calls []*ast.CallExpression
	note := func(e ast.Expression) {
		if name, _ := rootName(e); name != "" {
			r.mutable[name] = true
			r.changes[name]++
		}
	}
	eachNode(reflect.ValueOf(list), func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.Identifier:
			seen[x.Name.String()]++
		case *ast.ForStatement:
			if name, ok := loopStart(x.Initializer); ok && isStep(x.Update, name) {
				steps[x.Update] = true
			}
		case *ast.UnaryExpression:
			if (x.Operator == token.INCREMENT || x.Operator == token.DECREMENT || x.Operator == token.DELETE) && !steps[x] {
				note(x.Operand)
			}
		case *ast.AssignExpression:
			if _, member := rootName(x.Left); (member || x.Operator != token.ASSIGN) && !steps[x] {
				note(x.Left)
			}
		case *ast.CallExpression:
			calls = append(calls, x)
		}
		return true
	})
	for _, x := range calls {
		left, method := receiver(x.Callee)
		// list.pop() of a name that is read nowhere else is its last element.
		once := (method == "pop" || method == "shift") && nameOf(left) != "" && seen[nameOf(left)] <= 2
		if slices.Contains(mutators, method) && !once {
			note(left)
		}
		if slices.Contains(changers, dotted(x.Callee)) && len(x.ArgumentList) > 0 {
			note(x.ArgumentList[0])
		}
	}
	for _, name := range []string{"pm", "postman", "tests", "console", "environment", "globals"} {
		delete(r.mutable, name)
	}
}

// forget makes the names unknown that code gives values which is not followed.
func (r *scriptReader) forget(n ast.Node) {
	eachNode(reflect.ValueOf(n), func(n ast.Node) bool {
		if x, ok := n.(*ast.AssignExpression); ok && nameOf(x.Left) != "" {
			r.scope.set(nameOf(x.Left), binding{})
		}
		return true
	})
}
