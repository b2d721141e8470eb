package main

import (
	"slices"
	"strings"
)

// A shape is a JSON value that grows while a script is read: what the script looks at
// is there, and what it compares with has that value.
type shape struct {
	names   []string
	members map[string]*shape
	element *shape
	count   int
	value   any // of a leaf
	kind    string
}

func (s *shape) member(name string) *shape {
	if s.members == nil {
		s.members = map[string]*shape{}
	}
	if s.members[name] == nil {
		s.members[name] = &shape{}
		s.names = append(s.names, name)
	}
	return s.members[name]
}

func (s *shape) elem() *shape {
	if s.element == nil {
		s.element = &shape{}
	}
	return s.element
}

// numeric are the endings of names whose values are usually numbers.
var numeric = []string{"id", "count", "total", "price", "amount", "number", "size", "page"}

func (s *shape) json(name string) any {
	switch {
	case s.element != nil || s.kind == "array":
		list := []any{}
		for range max(s.count, 1) {
			list = append(list, s.elem().json(strings.TrimSuffix(name, "s")))
		}
		return list
	case s.value != nil:
		return s.value
	case len(s.names) > 0 || s.kind == "object":
		out := map[string]any{}
		for _, n := range s.names {
			out[n] = s.members[n].json(n)
		}
		return out
	case s.kind == "null":
		return nil
	case s.kind == "boolean":
		return true
	case s.kind == "number", s.kind == "" && slices.ContainsFunc(numeric,
		func(n string) bool { return strings.HasSuffix(strings.ToLower(name), n) }):
		return 42
	}
	return "t-" + name
}
