package template

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// A Node is a JSON value with templates at its leaves and as the names of its
// members, in the file's order. A name is always text: {"{{n}}": 1} with n = 7 is
// {"7": 1}. Two members that get the same name are an error when it is rendered.
type Node struct {
	// Kind is 'o' for an object, 'a' for an array, 's' for a string template and 'l' for a
	// literal; it says which of the other fields count.
	Kind byte
	// Keys are the names of an object's members, and Items their values or an array's elements.
	Keys  []*Template
	Items []*Node
	// Literal is a number, true, false or null as written; Text is the template of a string.
	Literal string
	Text    *Template
}

// Static reports whether neither a name nor a leaf has a placeholder.
func (n *Node) Static() bool {
	if n.Kind == 's' {
		return n.Text.Static()
	}
	return !slices.ContainsFunc(n.Keys, func(k *Template) bool { return !k.Static() }) &&
		!slices.ContainsFunc(n.Items, func(item *Node) bool { return !item.Static() })
}

// Render writes the node as compact JSON. A whole placeholder keeps its type.
func (n *Node) Render(scope Scope) (string, error) {
	var b strings.Builder
	err := n.write(&b, scope)
	return b.String(), err
}

// write appends the node to b. What was written before an error is of no use.
func (n *Node) write(b *strings.Builder, scope Scope) error {
	switch n.Kind {
	case 'l':
		b.WriteString(n.Literal)
	case 's':
		v, err := n.Text.Expand(scope)
		if err != nil {
			return err
		}
		b.WriteString(v.JSON)
	case 'a':
		b.WriteByte('[')
		for i, item := range n.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := item.write(b, scope); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case 'o':
		return n.writeObject(b, scope)
	default:
		return errors.New("invalid JSON node")
	}
	return nil
}

// A DuplicateMemberError is a JSON object in which two members got the same name
// when their placeholders were expanded.
// Parsers disagree which of the two counts, so that both sides could read another body.
type DuplicateMemberError struct {
	Name          string
	First, Second *Template // as written
}

// Error names both members as written, with their places.
func (e *DuplicateMemberError) Error() string {
	return fmt.Sprintf("two members of a JSON object are named %q: %s at %s and %s at %s", problem.Cut(e.Name, 64), e.First.Text,
		e.First.Pos, e.Second.Text, e.Second.Pos)
}

// writeObject writes an object; its error is a *DuplicateMemberError where two
// members get one name.
func (n *Node) writeObject(b *strings.Builder, scope Scope) error {
	b.WriteByte('{')
	seen := make(map[string]*Template, len(n.Keys))
	for i, item := range n.Items {
		if i > 0 {
			b.WriteByte(',')
		}
		// Two names can only be compared when both are expanded.
		name, err := n.Keys[i].Expand(scope)
		if err != nil {
			return err
		}
		if first := seen[name.Text]; first != nil {
			return &DuplicateMemberError{name.Text, first, n.Keys[i]}
		}
		seen[name.Text] = n.Keys[i]
		b.WriteString(text.Quote(name.Text))
		b.WriteByte(':')
		if err := item.write(b, scope); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

// Each calls f for the templates of a JSON value.
// The names of members come before their values.
func (n *Node) Each(f func(*Template)) {
	if n.Kind == 's' {
		f(n.Text)
	}
	for _, key := range n.Keys {
		f(key)
	}
	for _, item := range n.Items {
		item.Each(f)
	}
}
