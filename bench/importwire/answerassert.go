package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dop251/goja/ast"
)

// subjectOf is what expect was given at the beginning of a chain, and whether the
// chain says not; member follows property(name).
func (s *scriptShape) subjectOf(e ast.Expression) (at *shape, arg ast.Expression, not bool) {
	switch x := e.(type) {
	case *ast.DotExpression:
		at, arg, not = s.subjectOf(x.Left)
		return at, arg, not || x.Identifier.Name.String() == "not"
	case *ast.CallExpression:
		if name := chained(x.Callee); (name == "pm.expect" || name == "expect") && len(x.ArgumentList) > 0 {
			return s.eval(x.ArgumentList[0]), x.ArgumentList[0], false
		}
		d, ok := x.Callee.(*ast.DotExpression)
		if !ok {
			return nil, nil, false
		}
		at, arg, not = s.subjectOf(d.Left)
		if d.Identifier.Name.String() == "property" && len(x.ArgumentList) > 0 && at != nil {
			if v, _ := literalOf(x.ArgumentList[0]); v != nil {
				at = at.member(fmt.Sprint(v))
			}
		}
		return at, arg, not
	}
	return nil, nil, false
}

// assertion makes the answer hold what an assertion asks.
func (s *scriptShape) assertion(d *ast.DotExpression, x *ast.CallExpression) {
	name := d.Identifier.Name.String()
	if strings.HasPrefix(chained(d), "pm.response.to") {
		s.aboutResponse(name, x)
		return
	}
	at, arg, not := s.subjectOf(d.Left)
	if not || arg == nil || len(x.ArgumentList) == 0 {
		return
	}
	v, ok := literalOf(x.ArgumentList[0])
	if list, isList := x.ArgumentList[0].(*ast.ArrayLiteral); isList && name == "oneOf" && len(list.Value) > 0 {
		v, ok = literalOf(list.Value[0])
	}
	if !ok {
		return
	}
	length := strings.HasSuffix(chained(arg), ".length")
	switch name {
	case "equal", "eql", "eq", "equals", "oneOf", "include", "contain", "string":
		switch {
		case isStatus(arg):
			s.setStatus(v)
		case length && at == nil:
			s.setCount(arg, v, 0)
		case at != nil && len(at.names) == 0 && at.element == nil && at.value == nil:
			at.value = v
		}
	case "a", "an":
		if at != nil {
			at.kind = fmt.Sprint(v)
		}
	case "property":
		if at == nil {
			return
		}
		m := at.member(fmt.Sprint(v))
		if len(x.ArgumentList) > 1 {
			if v, ok := literalOf(x.ArgumentList[1]); ok {
				m.value = v
			}
		}
	case "lengthOf", "length":
		if n, err := strconv.Atoi(fmt.Sprint(v)); err == nil && at != nil && n < 50 {
			at.kind, at.count = "array", n
		}
	case "above", "least", "greaterThan", "gt", "gte", "below", "most", "lt", "lte", "within":
		if length && at == nil {
			s.setCount(arg, v, 1)
		} else if at != nil && at.value == nil {
			if n, err := strconv.Atoi(fmt.Sprint(v)); err == nil {
				at.value = n + map[bool]int{true: -1, false: 1}[slices.Contains([]string{"below", "most", "lt", "lte"}, name)]
			}
		}
	}
}

// setCount gives the list whose length a script looks at its elements.
func (s *scriptShape) setCount(length ast.Expression, v any, more int) {
	d, ok := length.(*ast.DotExpression)
	if !ok {
		return
	}
	list := s.eval(d.Left)
	if n, err := strconv.Atoi(fmt.Sprint(v)); err == nil && list != nil && n < 50 {
		list.kind, list.count = "array", max(list.count, n+more)
	}
}

func (s *scriptShape) aboutResponse(name string, x *ast.CallExpression) {
	if len(x.ArgumentList) == 0 {
		return
	}
	v, ok := literalOf(x.ArgumentList[0])
	if !ok {
		return
	}
	switch name {
	case "status":
		s.setStatus(v)
	case "header":
		value := "h"
		if len(x.ArgumentList) > 1 {
			if w, ok := literalOf(x.ArgumentList[1]); ok {
				value = fmt.Sprint(w)
			}
		} else if strings.EqualFold(fmt.Sprint(v), "content-type") {
			return
		}
		s.out.headers = append(s.out.headers, [2]string{fmt.Sprint(v), value})
	case "jsonBody":
		if text, isText := v.(string); isText && !strings.ContainsAny(text, "[.") {
			s.root.member(text)
		}
	}
}
