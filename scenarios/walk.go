package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// A walker maps the nodes of one file to types and reports what does not fit.
type walker struct {
	*loader
	src *source.File
}

func (w *walker) pos(n *yaml.Node) Pos { return w.src.Pos(n) }

// errorf reports a mistake at a node.
func (w *walker) errorf(n *yaml.Node, hint, format string, args ...any) {
	w.report(Error, n, hint, format, args...)
}

// warnf reports a warning at a node.
func (w *walker) warnf(n *yaml.Node, hint, format string, args ...any) {
	w.report(Warning, n, hint, format, args...)
}

func (w *walker) report(kind ProblemKind, n *yaml.Node, hint, format string, args ...any) {
	if w.src.Marred(n.Line) || w.full() {
		return
	}
	w.add(Problem{Pos: w.pos(n), Kind: kind, Summary: fmt.Sprintf(format, args...), Hint: hint, Width: w.src.Width(n)})
}

// errorAt reports a mistake at a byte offset into a scalar's text.
func (w *walker) errorAt(n *yaml.Node, offset int, hint, format string, args ...any) {
	if w.src.Marred(n.Line) || w.full() {
		return
	}
	w.add(Problem{Pos: w.src.PosAt(n, offset), Kind: Error, Summary: fmt.Sprintf(format, args...), Hint: hint, Width: 1})
}

// An obj is one mapping read by a key table. Its accessors check each value by
// the key's shape, report what is wrong and return zero for it.
type obj struct {
	w      *walker
	n      *yaml.Node
	t      *table
	what   string // suffix of messages: ` in case "epg"`
	keys   map[string]*yaml.Node
	values map[string]*yaml.Node
	used   map[string]bool
	broken bool // something was reported: an unread key may be its result
}

// object reads a mapping. what names it in messages, such as case "epg".
func (w *walker) object(n *yaml.Node, tableName, what string) *obj {
	t := tables[tableName]
	if t == nil {
		panic("scenarios: no key table " + tableName)
	}
	return w.objectOf(n, t, what)
}

func (w *walker) objectOf(n *yaml.Node, t *table, what string) *obj {
	n = source.Deref(n)
	o := &obj{w: w, n: n, t: t, keys: map[string]*yaml.Node{}, values: map[string]*yaml.Node{}, used: map[string]bool{}}
	if what != "" {
		o.what = " in " + what
	}
	if n.Kind != yaml.MappingNode {
		w.errorf(n, exampleOf(t.name), "%s must be a mapping, not %s", o.t.name, kindWord(n))
		o.broken = true
		return o
	}
	w.objects = append(w.objects, o)
	w.pairs(n, func(k, v *yaml.Node) {
		known := o.t.key(k.Value)
		switch {
		case known == nil:
			o.fail(k, w.unknownHint(k.Value, o.t), "unknown key %q%s", k.Value, o.what)
		case source.IsNull(v) && (known.shape.form != formJSON || emptyNull(v)):
			o.fail(k, nullHint(v), "key %q has no value%s", k.Value, o.what)
			o.used[k.Value] = true
		default:
			o.values[k.Value] = v
		}
		o.keys[k.Value] = k
	})
	for i := range o.t.keys {
		if k := &o.t.keys[i]; k.required && o.keys[k.name] == nil {
			o.fail(n, "add "+k.name+": "+k.example, "%s without %q%s", o.t.name, k.name, o.what)
		}
	}
	if names := someOf[o.t.name]; names != nil && !slices.ContainsFunc(names, func(name string) bool { return o.keys[name] != nil }) {
		o.fail(n, "add "+names[0]+": "+o.t.key(names[0]).example, "%s without %q%s", o.t.name, names[0], o.what)
	}
	return o
}

// exampleOf is a hint that shows a mapping of a table; empty where no key has one.
func exampleOf(tableName string) string {
	for _, name := range tableOrder {
		for _, k := range tables[name].keys {
			if s := shapeOf(k.shape, formObject); s != nil && s.table == tableName && strings.HasPrefix(k.example, "{") {
				return fmt.Sprintf("write %s: %s", k.name, k.example)
			}
		}
	}
	return ""
}

// pairs calls f for each key of a mapping that is plain text and not repeated.
func (w *walker) pairs(n *yaml.Node, f func(k, v *yaml.Node)) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := source.Deref(n.Content[i]), source.Deref(n.Content[i+1])
		switch {
		case k.Kind != yaml.ScalarNode:
			w.errorf(k, `a value that starts with { or [ must be quoted`, "a key must be text, not %s", kindWord(k))
			continue
		case k.Value == "<<" && k.Style == 0:
			w.errorf(k, "use defaults: or parts: instead", "merge keys are not part of the language")
			continue
		case source.IsNull(k):
			w.errorf(k, "", "a key is missing before the colon")
			continue
		}
		if first, dup := seen[k.Value]; dup {
			w.errorf(k, fmt.Sprintf("it is already written in line %d", first), "duplicate key %q", k.Value)
			continue
		}
		seen[k.Value] = k.Line
		if k.Style == 0 && slices.Contains(booleanWords, strings.ToLower(k.Value)) {
			w.warnf(k, fmt.Sprintf("quote it: %q", k.Value), "the key %s is text here; YAML 1.1 tools read it as true or false", k.Value)
		}
		w.checkTag(k)
		w.checkTag(v)
		f(k, v)
	}
}

// booleanWords are what YAML 1.1 reads as true or false.
var booleanWords = []string{"y", "n", "yes", "no", "on", "off", "true", "false"}

// checkTag refuses explicit YAML tags: they would change types unseen.
func (w *walker) checkTag(n *yaml.Node) {
	if n.Style&yaml.TaggedStyle != 0 {
		w.errorf(n, "", "YAML tag %q is not part of the language", n.Tag)
	}
}

func (w *walker) unknownHint(word string, t *table) string {
	if w.full() {
		return "" // nobody will read it
	}
	foreign := foreignKeys
	if t.name == "matchers" || t.name == "count" {
		foreign = foreignMatchers
	}
	if hint, ok := foreign[strings.ToLower(word)]; ok && suggest.Nearest(word, t.names()) == "" {
		return hint
	}
	if hint := suggest.Hint(word, t.names()); hint != "" {
		return hint
	}
	for _, name := range tableOrder {
		if other := tables[name]; other.key(word) != nil {
			return fmt.Sprintf("%q is a key of %s", word, other.name)
		}
	}
	return ""
}

func nullHint(v *yaml.Node) string {
	if v.Value != "" {
		return fmt.Sprintf("remove it, or quote the text %q", v.Value)
	}
	return "remove it or give it a value; look at the indentation of what follows"
}

// kindWord names what a node is.
func kindWord(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case source.IsNull(n):
		return "nothing"
	}
	return fmt.Sprintf("%q", problem.Cut(n.Value, 40))
}

func (o *obj) fail(n *yaml.Node, hint, format string, args ...any) {
	o.broken = true
	o.w.errorf(n, hint, format, args...)
}

// get returns the value of a key, or nil. It marks the key as read.
func (o *obj) get(name string) *yaml.Node {
	if o.t.key(name) == nil {
		panic("scenarios: table " + o.t.name + " has no key " + name)
	}
	o.used[name] = true
	return o.values[name]
}

// has reports whether a key is written, whatever its value.
func (o *obj) has(name string) bool { return o.keys[name] != nil }

// at is the node to report a key's mistake at: its value, its key, the mapping.
func (o *obj) at(name string) *yaml.Node {
	if v := o.values[name]; v != nil {
		return v
	}
	if k := o.keys[name]; k != nil {
		return k
	}
	return o.n
}

// element is the element of a key's list with this text, or nil.
func (o *obj) element(name, text string) *yaml.Node {
	v := o.values[name]
	if v == nil {
		return nil
	}
	for _, c := range source.Deref(v).Content {
		if source.Deref(c).Value == text {
			return source.Deref(c)
		}
	}
	return nil
}

// done reports the keys that were written and never read: they would do nothing.
func (o *obj) done(because string) {
	if o.broken {
		return
	}
	for i := range o.t.keys {
		name := o.t.keys[i].name
		if k := o.keys[name]; k != nil && !o.used[name] {
			o.used[name] = true
			o.w.errorf(k, "", "key %q does nothing%s%s", name, because, o.what)
		}
	}
}
