package keys

import (
	"fmt"
	"path"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// Vars reads a mapping of variables in file order.
func (w *Reader) Vars(o *Mapping, name string) []template.Var {
	var out []template.Var
	o.EachPair(name, func(k, v *yaml.Node) {
		if !w.CheckVarName(k, k.Value) {
			return
		}
		if t := w.Template(v, "variable "+k.Value); t != nil {
			out = append(out, template.Var{Name: k.Value, Value: t, Pos: w.Pos(k)})
		}
	})
	return out
}

// CheckVarName reports a name that no variable can have; env is refused because {{env.NAME}}
// reads the environment.
func (w *Reader) CheckVarName(n *yaml.Node, text string) bool {
	i := template.BadNameAt(text)
	if i < 0 && text != "" && text != "env" {
		return true
	}
	w.ErrorAt(n, max(i, 0), "names begin with a letter or _ and hold letters, digits, - and _", "%q is not the name of a variable",
		problem.Cut(text, 40))
	return false
}

// Template reads a scalar with placeholders; nil when it is none.
func (w *Reader) Template(n *yaml.Node, what string) *template.Template {
	n = source.Deref(n)
	text, ok := w.ScalarText(n, what, aTemplate)
	if !ok {
		return nil
	}
	t, ok := w.parse(n, text, what)
	if !ok {
		return nil
	}
	w.sink.Placed(t, w.Src, n)
	if IsLiteral(n) {
		t.JSON = n.Value
	}
	return t
}

// parse parses the text of a node and reports what is wrong with it.
func (w *Reader) parse(n *yaml.Node, text, what string) (*template.Template, bool) {
	t, errs := template.Parse(text, w.Pos(n))
	for _, e := range errs {
		w.ErrorAt(n, e.Offset, e.Hint, "%s: %s", what, e.Msg)
	}
	return t, len(errs) == 0
}

// Template reads a key with placeholders; nil when it is absent or wrong.
func (o *Mapping) Template(name string) *template.Template {
	n := o.Get(name)
	if n == nil {
		return nil
	}
	t := o.Reader.Template(n, name)
	o.Broken = o.Broken || t == nil
	return t
}

// FileName reads the name of a file relative to this one and returns its path below
// the root; empty when absent or wrong.
func (o *Mapping) FileName(name string) string {
	file, _ := o.filePart(name, false)
	return file
}

// FilePart is FileName for a name that may be followed by # and what names a part of
// the file; the fragment begins with the #, and is empty where there is none.
func (o *Mapping) FilePart(name string) (file, fragment string) {
	return o.filePart(name, true)
}

func (o *Mapping) filePart(name string, isPart bool) (file, fragment string) {
	n, text, _, ok := o.scalar(name, formFile)
	if !ok {
		return "", ""
	}
	if i := strings.IndexByte(text, '#'); i >= 0 && isPart {
		text, fragment = text[:i], text[i:]
	}
	file, ok = o.Reader.Resolve(n, text)
	o.Broken = o.Broken || !ok
	return file, fragment
}

// Resolve joins a reference to the folder of the file it is written in.
func (w *Reader) Resolve(n *yaml.Node, ref string) (string, bool) {
	switch {
	case ref == "":
		w.Errorf(n, "", "the name of a file is empty")
	case strings.Contains(ref, "{{"):
		w.Errorf(n, "", "the name of a file takes no placeholders")
	case path.IsAbs(ref) || strings.Contains(ref, "\\") || strings.Contains(ref, ":"):
		w.Errorf(n, "write a path relative to this file, with /", "%q is not a relative path", problem.Cut(ref, 60))
	case strings.ContainsAny(ref, "\x00\n\r"):
		w.Errorf(n, "", "the name of a file has a control character")
	default:
		name := path.Join(w.Src.Dir, ref)
		if name == ".." || strings.HasPrefix(name, "../") {
			w.Errorf(n, "", "%q leaves the scenario folder", problem.Cut(ref, 60))
			return "", false
		}
		return name, true
	}
	return "", false
}

// bound reads the most that a rule hides: 3 or 10%.
func (o *Mapping) bound(name string) diff.Bound {
	if n := o.At(name); n != nil && strings.HasSuffix(n.Value, "%") {
		return diff.Bound{Share: o.percent(name)}
	}
	return diff.Bound{Count: o.Int(name, 0)}
}

// RefuseEmpty refuses an empty list or mapping where it would look like something
// that is checked or done, and is nothing.
func (o *Mapping) RefuseEmpty(name, hint string) {
	if o.IsEmpty(name) {
		o.Fail(o.Values[name], hint, "%s is empty%s", name, o.What)
	}
}

// IsEmpty reports whether a key is written with an empty list or mapping.
func (o *Mapping) IsEmpty(name string) bool {
	n := o.Values[name]
	if n == nil {
		return false
	}
	n = source.Deref(n)
	return n.Kind != yaml.ScalarNode && len(n.Content) == 0
}

// EachPairOrNull is mapping for values that may be a written null.
func (o *Mapping) EachPairOrNull(name string, f func(k, v *yaml.Node)) {
	n := o.Get(name)
	if n == nil {
		return
	}
	if n = source.Deref(n); n.Kind != yaml.MappingNode {
		o.Fail(n, o.exampleOfKey(name), "%s must be a mapping, not %s", name, KindWord(n))
		return
	}
	o.Reader.EachPair(n, func(k, v *yaml.Node) {
		if EmptyNull(v) {
			o.Fail(k, "write null when it must be null", "key %q has no value in %s", k.Value, name)
			return
		}
		f(k, v)
	})
}

// JSONNode reads a JSON value written in YAML: a plain scalar in JSON's number
// grammar, true, false and null are that literal as written; any other scalar
// is a string, with a warning where YAML would have read something else. Names of
// members may have placeholders; see JSONNode.
func (w *Reader) JSONNode(n *yaml.Node, what string) *template.Node {
	n = source.Deref(n)
	w.checkTag(n)
	switch n.Kind {
	case yaml.MappingNode:
		out := &template.Node{Kind: 'o'}
		w.EachPair(n, func(k, v *yaml.Node) {
			if EmptyNull(v) {
				w.Errorf(k, `write null, or "" for an empty text`, "key %q has no value in %s", k.Value, what)
				return
			}
			out.Keys = append(out.Keys, w.jsonText(k, what))
			out.Items = append(out.Items, w.JSONNode(v, what))
		})
		return out
	case yaml.SequenceNode:
		out := &template.Node{Kind: 'a'}
		for _, c := range n.Content {
			if EmptyNull(source.Deref(c)) {
				w.Errorf(c, `write null, or "" for an empty text`, "an element of %s is empty", what)
				continue
			}
			out.Items = append(out.Items, w.JSONNode(c, what))
		}
		return out
	}
	if IsLiteral(n) {
		return &template.Node{Kind: 'l', Literal: n.Value}
	}
	w.warnMisread(n)
	return &template.Node{Kind: 's', Text: w.jsonText(n, what)}
}

// jsonText reads the text of a string or of a member's name.
func (w *Reader) jsonText(n *yaml.Node, what string) *template.Template {
	t, ok := w.parse(n, n.Value, what)
	if !ok {
		t = template.Text(n.Value, w.Pos(n))
	}
	w.sink.Placed(t, w.Src, n)
	return t
}

// EmptyNull is a value that was left out, as opposed to a written null.
func EmptyNull(n *yaml.Node) bool { return source.IsNull(n) && n.Value == "" }

// warnMisread warns of plain scalars that YAML reads as a number, date, boolean
// or null and JSON does not know.
func (w *Reader) warnMisread(n *yaml.Node) {
	read := map[string]string{"!!int": "a number", "!!float": "a number", "!!timestamp": "a date", "!!bool": "true or false", "!!null": "null"}
	if what := read[n.ShortTag()]; what != "" && n.Style == 0 {
		w.Warnf(n, fmt.Sprintf("quote it to say so: %q", n.Value), "%s is text here; YAML reads %s", n.Value, what)
	}
}
