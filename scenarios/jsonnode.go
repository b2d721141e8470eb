package scenarios

import (
	"fmt"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/template"
)

// jsonNode reads a JSON value written in YAML: a plain scalar in JSON's number
// grammar, true, false and null are that literal as written; any other scalar
// is a string, with a warning where YAML would have read something else. Names of
// members may have placeholders; see JSONNode.
func (w *walker) jsonNode(n *yaml.Node, what string) *JSONNode {
	n = source.Deref(n)
	w.checkTag(n)
	switch n.Kind {
	case yaml.MappingNode:
		out := &JSONNode{Kind: 'o'}
		w.pairs(n, func(k, v *yaml.Node) {
			if emptyNull(v) {
				w.errorf(k, `write null, or "" for an empty text`, "key %q has no value in %s", k.Value, what)
				return
			}
			out.Keys = append(out.Keys, w.jsonText(k, what))
			out.Items = append(out.Items, w.jsonNode(v, what))
		})
		return out
	case yaml.SequenceNode:
		out := &JSONNode{Kind: 'a'}
		for _, c := range n.Content {
			if emptyNull(source.Deref(c)) {
				w.errorf(c, `write null, or "" for an empty text`, "an element of %s is empty", what)
				continue
			}
			out.Items = append(out.Items, w.jsonNode(c, what))
		}
		return out
	}
	if isLiteral(n) {
		return &JSONNode{Kind: 'l', Literal: n.Value}
	}
	w.warnMisread(n)
	return &JSONNode{Kind: 's', Text: w.jsonText(n, what)}
}

// jsonText reads the text of a string or of a member's name.
func (w *walker) jsonText(n *yaml.Node, what string) *Template {
	t, errs := template.Parse(n.Value, w.pos(n))
	for _, e := range errs {
		w.errorAt(n, e.Offset, e.Hint, "%s: %s", what, e.Msg)
	}
	if len(errs) > 0 {
		t = template.Text(n.Value, w.pos(n))
	}
	w.places[t] = place{w, n}
	return t
}

// emptyNull is a value that was left out, as opposed to a written null.
func emptyNull(n *yaml.Node) bool { return source.IsNull(n) && n.Value == "" }

// warnMisread warns of plain scalars that YAML reads as a number, date, boolean
// or null and JSON does not know.
func (w *walker) warnMisread(n *yaml.Node) {
	if n.Style != 0 {
		return
	}
	read := ""
	switch n.ShortTag() {
	case "!!int", "!!float":
		read = "a number"
	case "!!timestamp":
		read = "a date"
	case "!!bool":
		read = "true or false"
	case "!!null":
		read = "null"
	}
	if read == "" {
		return
	}
	w.warnf(n, fmt.Sprintf("quote it to say so: %q", n.Value), "%s is text here; YAML reads %s", n.Value, read)
}
