// Package layout writes YAML as a person would: short mappings in one line, text of
// several lines as a block, comments where they belong, and quotes wherever some YAML
// reader could take a text for something else.
//
// In comes a tree of [Node] values, made by the functions of their kinds; out goes its
// text. The package knows nothing of the scenario language: which keys a mapping has and in
// which order is decided by package keys. Equal trees give equal bytes.
package layout

import (
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/internal/text"
)

// A Node is a value of YAML as it will be written: a scalar, a mapping or a list. Which fields
// it uses depends on its kind: text for scalars, Pairs and Tail for mappings, Items and Apart
// for lists. It may be changed until it is written, and must not contain itself.
type Node struct {
	kind kind
	text string // of a scalar
	// Pairs are those of a mapping, in the order they are written.
	Pairs []Pair
	// Items are the elements of a list.
	Items []*Node
	// Comment is written above the node when it is an element of a list.
	Comment []string
	// Tail is a comment below the last pair of a mapping.
	Tail []string
	// Apart puts a blank line between the elements of a list.
	Apart bool
	// Open keeps a mapping or list from being written in one line.
	Open bool
}

// A Pair is a key of a mapping with its value. Its key is written as text, with quotes where it
// needs them.
type Pair struct {
	Key   string
	Value *Node
	// Comment is written above the key, Note after the value in the same line.
	Comment []string
	Note    string
	// Blank puts an empty line above the key.
	Blank bool
}

// A kind says how a node is written; the zero value is not valid.
type kind uint8

const (
	// textKind is text that must stay text.
	textKind kind = iota + 1
	// looseKind is text for which a number or a truth value is as good.
	looseKind
	// plainKind is written without being looked at.
	plainKind
	mappingKind
	listKind
)

// Text is a string: quoted where YAML would read something else.
func Text(s string) *Node { return &Node{kind: textKind, text: s} }

// Loose is a string of a place that takes text whatever YAML makes of it: a number, true
// and false are written without quotes.
func Loose(s string) *Node { return &Node{kind: looseKind, text: s} }

// Plain is written as it is. The caller knows that it is read as it is meant: a number, a
// word, a literal of JSON.
func Plain(s string) *Node { return &Node{kind: plainKind, text: s} }

// Mapping is a mapping of these pairs. Without pairs it is written as {}.
func Mapping(pairs ...Pair) *Node { return &Node{kind: mappingKind, Pairs: pairs} }

// List is a list of these elements. Without elements it is written as [].
func List(items ...*Node) *Node { return &Node{kind: listKind, Items: items} }

// Write writes the pairs of a mapping as the lines of a document, below a comment. indent is
// how many columns each line is moved to the right. The text ends with a line feed. An empty
// mapping gives an empty text below the comment: a document of {} is not written.
func Write(n *Node, comment []string, indent int) string {
	w := &writer{}
	w.comment(indent, comment)
	w.mapping(n, indent, false)
	return w.b.String()
}

// lineWidth is where a mapping in one line becomes one of several lines. It counts characters,
// the indent included.
const lineWidth = 110

// A writer writes nodes.
type writer struct{ b strings.Builder }

// comment writes lines with a # before each. Line feeds inside a line become visible, so that
// no text can leave its comment.
func (w *writer) comment(indent int, lines []string) {
	for _, l := range lines {
		w.pad(indent)
		w.b.WriteString(strings.TrimRight("# "+text.OneRow(l), " ") + "\n")
	}
}

// pad writes the indent of a line.
func (w *writer) pad(indent int) {
	for range indent {
		w.b.WriteByte(' ')
	}
}

// mapping writes pairs, the first without its indent when inline is set: it
// follows the dash of a list.
func (w *writer) mapping(n *Node, indent int, inline bool) {
	for i, p := range n.Pairs {
		if p.Blank {
			w.b.WriteByte('\n')
		}
		w.comment(indent, p.Comment)
		if i > 0 || !inline {
			w.pad(indent)
		}
		key := scalar(p.Key, false, textKind)
		w.b.WriteString(key + ":")
		w.value(p.Value, indent, len(key)+1, p.Note)
	}
	w.comment(indent, n.Tail)
}

// value writes what follows a key or dash, with the end of the line. used is
// how many columns after the indent are taken.
func (w *writer) value(n *Node, indent, used int, note string) {
	// A note stays in the line of the key, also where the value goes on below it.
	if note != "" {
		note = " # " + text.OneRow(note)
	}
	switch {
	case n.kind == mappingKind && len(n.Pairs) == 0:
		w.b.WriteString(" {}" + note + "\n")
		return
	case n.kind == listKind && len(n.Items) == 0:
		w.b.WriteString(" []" + note + "\n")
		return
	case n.kind == mappingKind || n.kind == listKind:
		if line, ok := flow(n, lineWidth-indent-used); ok {
			w.b.WriteString(" " + line + note + "\n")
			return
		}
		w.b.WriteString(note + "\n")
		if n.kind == mappingKind {
			w.mapping(n, indent+2, false)
		} else {
			w.list(n, indent+2)
		}
		return
	}
	// A note of a block of text is left out, as it would become part of the text.
	if text, ok := blockText(n, indent+2); ok {
		w.b.WriteString(" " + text)
		return
	}
	w.b.WriteString(" " + scalar(n.text, false, n.kind) + note + "\n")
}

// list writes elements, each with its dash. A mapping begins in the line of the dash, unless
// its first pair has a comment, which needs a line before it.
func (w *writer) list(n *Node, indent int) {
	for i, item := range n.Items {
		if i > 0 && n.Apart {
			w.b.WriteByte('\n')
		}
		w.comment(indent, item.Comment)
		w.pad(indent)
		w.b.WriteByte('-')
		if item.kind == mappingKind && len(item.Pairs) > 0 {
			// The dash and the space after it take two columns.
			if line, ok := flow(item, lineWidth-indent-2); ok {
				w.b.WriteString(" " + line + "\n")
				continue
			}
			w.b.WriteByte(' ')
			w.mapping(item, indent+2, len(item.Pairs[0].Comment) == 0)
			continue
		}
		w.value(item, indent, 1, "")
	}
}

// flow writes a node in one line of at most width characters, if that can be read: a mapping or
// list without comments whose own values are short. ok is false where it cannot. Nothing is
// written then.
func flow(n *Node, width int) (string, bool) {
	var b strings.Builder
	if !flowInto(&b, n, width, 0) || utf8.RuneCountInString(b.String()) > width {
		return "", false
	}
	return b.String(), true
}

// maxFlowDepth is how deep a mapping in one line may be nested. Deeper ones are hard to read,
// whatever their length is.
const maxFlowDepth = 3

// flowInto writes a node to b and reports whether it may be in one line. It gives up early once
// the text is much too long; b has then a part of it, which the caller drops.
func flowInto(b *strings.Builder, n *Node, width, depth int) bool {
	switch {
	// The width is in characters and Len in bytes, of which a character has four at most.
	case n.Open || len(n.Tail) > 0 || b.Len() > 4*width || depth > maxFlowDepth:
		return false
	case n.kind == mappingKind:
		b.WriteByte('{')
		for i, p := range n.Pairs {
			if len(p.Comment) > 0 || p.Note != "" {
				return false
			}
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(scalar(p.Key, true, textKind) + ": ")
			if !flowInto(b, p.Value, width, depth+1) {
				return false
			}
		}
		b.WriteByte('}')
	case n.kind == listKind:
		b.WriteByte('[')
		for i, item := range n.Items {
			if len(item.Comment) > 0 {
				return false
			}
			if i > 0 {
				b.WriteString(", ")
			}
			if !flowInto(b, item, width, depth+1) {
				return false
			}
		}
		b.WriteByte(']')
	default:
		if strings.Contains(n.text, "\n") {
			return false
		}
		b.WriteString(scalar(n.text, true, n.kind))
	}
	return true
}
