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

// Get is a member of an object; of a name that is written twice the last. It is
// nil where there is none, and for a nil node.
func (n *Node) Get(name string) *Node {
	if n == nil || n.Kind != Object {
		return nil
	}
	for i := len(n.Keys) - 1; i >= 0; i-- {
		if n.Keys[i] == name {
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

// list are the elements of a member that is an array.
func (n *Node) list(name string) []*Node {
	if v := n.Get(name); v != nil && v.Kind == Array {
		return v.Items
	}
	return nil
}

// members are the names and values of a member that is an object.
func (n *Node) members(name string) ([]string, []*Node) {
	if v := n.Get(name); v != nil && v.Kind == Object {
		return v.Keys, v.Items
	}
	return nil, nil
}

// words are the strings of a member that is an array.
func (n *Node) words(name string) []string {
	var out []string
	for _, item := range n.list(name) {
		if item.Kind == String && item.Text != "" && !slices.Contains(out, item.Text) {
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
