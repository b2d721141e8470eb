package openapi

import (
	"slices"

	"github.com/bgverify/bgverify/scenarios/problem"
)

// A Kind is the kind of a value. Zero is invalid.
type Kind uint8

// The kinds of value of JSON, which YAML is read as.
const (
	Object Kind = iota + 1
	Array
	String
	Number // Text is a number of JSON's grammar
	Bool
	Null
)

// A Node is a value of a document with its place. Nodes are shared where the
// document has aliases, and never changed after reading.
type Node struct {
	Kind Kind
	// Text is a string's content, or a literal as JSON writes it.
	Text string
	// Keys are the names of an object's members, in the order of Items.
	Keys []string
	// Items are the values of an object or array.
	Items []*Node
	// Line and Col are the place in the file, from 1; Col counts characters.
	Line, Col int

	file *file
}

// Get is a member of an object. It is nil where there is none, and for a nil node.
func (n *Node) Get(name string) *Node {
	if n == nil || n.Kind != Object {
		return nil
	}
	for i, key := range n.Keys {
		if key == name {
			return n.Items[i]
		}
	}
	return nil
}

// Str is the text of a member that is a string; empty where it is not.
func (n *Node) Str(name string) string {
	if v := n.Get(name); v != nil && v.Kind == String {
		return v.Text
	}
	return ""
}

// True reports whether a member is true.
func (n *Node) True(name string) bool {
	v := n.Get(name)
	return v != nil && v.Kind == Bool && v.Text == "true"
}

// elements are the values of a member that is of the kind.
func (n *Node) elements(name string, kind Kind) []*Node {
	if v := n.Get(name); v != nil && v.Kind == kind {
		return v.Items
	}
	return nil
}

// wants are what a value of the wrong kind is not.
var wants = map[Kind]string{Object: "a mapping", Array: "a list", String: "text", Bool: "true or false"}

// is reports whether a value is of the kind. One that is of another is a fault of the
// document, listed once; null is what YAML makes of nothing, and no fault.
func (n *Node) is(kind Kind, what string) bool {
	switch {
	case n == nil || n.Kind == Null:
		return false
	case n.Kind == kind:
		return true
	}
	if n.file != nil && n.file.doc != nil {
		n.file.doc.wrongKind(n, what+" is not "+wants[kind])
	}
	return false
}

// The methods from here on read parts of the description itself, where a value of the
// wrong kind is a fault. Str and True read schemas and values, where it may be none.

// member is a member of the kind; nil where there is none, or one of another kind.
func (n *Node) member(name string, kind Kind) *Node {
	if !n.is(Object, "what should have "+name) {
		return nil
	}
	if v := n.Get(name); v.is(kind, name) {
		return v
	}
	return nil
}

func (n *Node) text(name string) string {
	if v := n.member(name, String); v != nil {
		return v.Text
	}
	return ""
}

func (n *Node) truth(name string) bool {
	v := n.member(name, Bool)
	return v != nil && v.Text == "true"
}

// list are the elements of a member that is an array.
func (n *Node) list(name string) []*Node {
	if v := n.member(name, Array); v != nil {
		return v.Items
	}
	return nil
}

// members are the names and values of a member that is an object.
func (n *Node) members(name string) ([]string, []*Node) {
	if v := n.member(name, Object); v != nil {
		return v.Keys, v.Items
	}
	return nil, nil
}

// words are the strings of a member that is an array.
func (n *Node) words(name string) []string {
	var out []string
	for _, item := range n.list(name) {
		if item.is(String, "an element of "+name) && item.Text != "" && !slices.Contains(out, item.Text) {
			out = append(out, item.Text)
		}
	}
	return out
}

// Pos is the place of the value.
func (n *Node) Pos() problem.Pos {
	if n == nil || n.file == nil {
		return problem.Pos{}
	}
	return problem.Pos{File: n.file.name, Line: n.Line, Col: n.Col}
}

// An Error is something wrong in a document, or something that it does not say.
type Error struct {
	Pos problem.Pos
	Msg string // lower case, one line
}

func (e *Error) Error() string { return e.Pos.String() + ": " + e.Msg }
