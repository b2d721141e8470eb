package keys

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A Reader reads the mappings of one file by their tables and reports what does not fit.
type Reader struct {
	Src  *source.File
	sink Sink
}

// A Sink takes what readers find.
type Sink interface {
	// Add takes a problem; Full reports that no more are wanted.
	Add(problem.Problem)
	Full() bool
	// Opened takes every mapping, to ask it for unread keys at the end.
	Opened(*Mapping)
	// Placed takes every template with its place, for problems inside of it.
	Placed(*template.Template, *source.File, *yaml.Node)
	// ReadField reads a key into a field of a type that this package does not know; false
	// when the sink does not know it either.
	ReadField(o *Mapping, k *Key, field any) bool
}

// NewReader reads the mappings of a file; what it finds goes to a sink.
func NewReader(src *source.File, into Sink) *Reader { return &Reader{src, into} }

// Pos is the place of a node in its file.
func (w *Reader) Pos(n *yaml.Node) problem.Pos { return w.Src.Pos(n) }

// Errorf reports a mistake at a node.
func (w *Reader) Errorf(n *yaml.Node, hint, format string, args ...any) {
	w.report(problem.Error, n, hint, format, args...)
}

// Warnf reports a warning at a node.
func (w *Reader) Warnf(n *yaml.Node, hint, format string, args ...any) {
	w.report(problem.Warning, n, hint, format, args...)
}

func (w *Reader) report(kind problem.Kind, n *yaml.Node, hint, format string, args ...any) {
	if w.Src.Marred(n.Line) || w.sink.Full() {
		return
	}
	// A character that only looks right explains a mistake better than any other hint.
	if likely := source.Lookalike(n.Value); likely != "" && kind == problem.Error {
		hint = likely
	}
	w.sink.Add(problem.Problem{Pos: w.Pos(n), Kind: kind, Summary: fmt.Sprintf(format, args...), Hint: hint, Width: w.Src.Width(n)})
}

// ErrorAt reports a mistake at a byte offset into a scalar's text.
func (w *Reader) ErrorAt(n *yaml.Node, offset int, hint, format string, args ...any) {
	if w.Src.Marred(n.Line) || w.sink.Full() {
		return
	}
	w.sink.Add(problem.Problem{Pos: w.Src.PosAt(n, offset), Kind: problem.Error, Summary: fmt.Sprintf(format, args...), Hint: hint, Width: 1})
}

// A Mapping is one mapping read by a key table. Its accessors check each value by
// the key's shape, report what is wrong and return zero for it.
type Mapping struct {
	Reader *Reader
	Node   *yaml.Node
	Table  *Table
	What   string // suffix of messages: ` in case "epg"`
	Keys   map[string]*yaml.Node
	Values map[string]*yaml.Node
	used   map[string]bool
	Broken bool // something was reported: an unread key may be its result
}

// Object reads a mapping. what names it in messages, such as case "epg".
func (w *Reader) Object(n *yaml.Node, tableName, what string) *Mapping {
	return w.ObjectOf(n, tableOf(tableName), what)
}

// tableOf is the table of a name; a name without one is a mistake of the caller.
func tableOf(name string) *Table {
	t := Tables[name]
	if t == nil {
		panic("scenarios: no key table " + name)
	}
	return t
}

// ObjectOf reads a mapping by a table that need not be one of Tables. Unknown, duplicate and
// null keys are reported, and required ones that are missing; the mapping is returned all the
// same, so that everything else in it is checked too.
func (w *Reader) ObjectOf(n *yaml.Node, t *Table, what string) *Mapping {
	n = source.Deref(n)
	o := &Mapping{Reader: w, Node: n, Table: t, Keys: map[string]*yaml.Node{}, Values: map[string]*yaml.Node{}, used: map[string]bool{}}
	if what != "" {
		o.What = " in " + what
	}
	if n.Kind != yaml.MappingNode {
		w.Errorf(n, exampleOf(t.Name), "%s must be a mapping, not %s", o.Table.Name, KindWord(n))
		o.Broken = true
		return o
	}
	w.sink.Opened(o)
	w.eachPair(n, func(key string) bool { return t.Key(key) != nil }, func(k, v *yaml.Node) {
		known := o.Table.Key(k.Value)
		switch {
		case known == nil:
			o.Fail(k, w.unknownHint(k.Value, o.Table), "unknown key %q%s", k.Value, o.What)
		case source.IsNull(v) && (known.Shape.Form != FormJSON || EmptyNull(v)):
			o.Fail(k, nullHint(v), "key %q has no value%s", k.Value, o.What)
			o.used[k.Value] = true
		default:
			o.Values[k.Value] = v
		}
		o.Keys[k.Value] = k
	})
	for i := range o.Table.Keys {
		if k := &o.Table.Keys[i]; k.Required && o.Keys[k.Name] == nil {
			o.Fail(n, "add "+k.Name+": "+k.Example, "%s without %q%s", o.Table.Name, k.Name, o.What)
		}
	}
	if names := someOf[o.Table.Name]; names != nil && !slices.ContainsFunc(names, func(name string) bool { return o.Keys[name] != nil }) {
		o.Fail(n, "add "+names[0]+": "+o.Table.Key(names[0]).Example, "%s without %q%s", o.Table.Name, names[0], o.What)
	}
	return o
}

// exampleOf is a hint that shows a mapping of a table; empty where no key has one.
func exampleOf(tableName string) string {
	for _, name := range Order {
		for _, k := range Tables[name].Keys {
			if s := shapeOf(k.Shape, FormObject); s != nil && s.Table == tableName && strings.HasPrefix(k.Example, "{") {
				return fmt.Sprintf("write %s: %s", k.Name, k.Example)
			}
		}
	}
	return ""
}

// exampleOfKey is a hint that shows a key with a value; empty where the table has no example.
func (o *Mapping) exampleOfKey(name string) string {
	if k := o.Table.Key(name); k != nil && k.Example != "" && !strings.Contains(k.Example, "\n") {
		return fmt.Sprintf("write %s: %s", name, k.Example)
	}
	return ""
}

// EachPair calls f for each key of a mapping that is plain text and not repeated.
func (w *Reader) EachPair(n *yaml.Node, f func(k, v *yaml.Node)) {
	w.eachPair(n, func(string) bool { return false }, f)
}

// eachPair is EachPair for a mapping with known keys: a key of ours that YAML 1.1 takes for
// a truth value (on) is meant as a key, and needs no warning.
func (w *Reader) eachPair(n *yaml.Node, known func(key string) bool, f func(k, v *yaml.Node)) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := source.Deref(n.Content[i]), source.Deref(n.Content[i+1])
		switch {
		case k.Kind != yaml.ScalarNode:
			w.Errorf(k, `a value that starts with { or [ must be quoted`, "a key must be text, not %s", KindWord(k))
			continue
		case k.Value == "<<" && k.Style == 0:
			w.Errorf(k, "use defaults: or parts: instead", "merge keys are not part of the language")
			continue
		case source.IsNull(k):
			w.Errorf(k, "", "a key is missing before the colon")
			continue
		}
		if first, dup := seen[k.Value]; dup {
			w.Errorf(k, fmt.Sprintf("it is already written in line %d", first), "duplicate key %q", k.Value)
			continue
		}
		seen[k.Value] = k.Line
		if k.Style == 0 && slices.Contains(booleanWords, strings.ToLower(k.Value)) && !known(k.Value) {
			w.Warnf(k, fmt.Sprintf("quote it: %q", k.Value), "the key %s is text here; YAML 1.1 tools read it as true or false", k.Value)
		}
		w.checkTag(k)
		w.checkTag(v)
		f(k, v)
	}
}

// booleanWords are what YAML 1.1 reads as true or false.
var booleanWords = []string{"y", "n", "yes", "no", "on", "off", "true", "false"}

// checkTag refuses explicit YAML tags: they would change types unseen.
func (w *Reader) checkTag(n *yaml.Node) {
	if n.Style&yaml.TaggedStyle != 0 {
		w.Errorf(n, "", "YAML tag %q is not part of the language", n.Tag)
	}
}

func (w *Reader) unknownHint(word string, t *Table) string {
	if w.sink.Full() {
		return "" // nobody will read it
	}
	foreign := foreignKeys
	switch t.Name {
	case "matchers", "count":
		foreign = foreignMatchers
	case "rule":
		foreign = foreignRuleKeys
	case "env file":
		foreign = foreignEnvKeys
	}
	// A word of another tool is explained, unless it is nearly one of ours.
	if hint, ok := foreign[strings.ToLower(word)]; ok && suggest.Nearest(word, t.Names()) == "" {
		return hint
	}
	if hint := suggest.Hint(word, t.Names()); hint != "" {
		return hint
	}
	for _, name := range Order {
		if other := Tables[name]; other.Key(word) != nil {
			return fmt.Sprintf("%q is a key of %s", word, other.Name)
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

// KindWord names what a node is.
func KindWord(n *yaml.Node) string {
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

// Fail reports a mistake in the mapping, whose unread keys are then not reported as well: they
// may be unread because of it.
func (o *Mapping) Fail(n *yaml.Node, hint, format string, args ...any) {
	o.Broken = true
	o.Reader.Errorf(n, hint, format, args...)
}

// Get returns the value of a key, or nil. It marks the key as read.
func (o *Mapping) Get(name string) *yaml.Node {
	if o.Table.Key(name) == nil {
		panic("scenarios: table " + o.Table.Name + " has no key " + name)
	}
	o.used[name] = true
	return o.Values[name]
}

// MarkRead takes keys as read, so that refusing unread ones does not report them.
func (o *Mapping) MarkRead(names ...string) {
	for _, name := range names {
		o.used[name] = true
	}
}

// Has reports whether a key of the table is written, whatever its value. A key that
// the table does not have is not: it is reported as unknown, and nothing reads it.
func (o *Mapping) Has(name string) bool { return o.Keys[name] != nil && o.Table.Key(name) != nil }

// At is the node to report a key's mistake at: its value, its key, the mapping.
func (o *Mapping) At(name string) *yaml.Node {
	if v := o.Values[name]; v != nil {
		return v
	}
	if k := o.Keys[name]; k != nil {
		return k
	}
	return o.Node
}

// ElementOf is the element of a key's list with this text, or nil.
func (o *Mapping) ElementOf(name, text string) *yaml.Node {
	if v := o.Values[name]; v != nil {
		for _, c := range source.Deref(v).Content {
			if c = source.Deref(c); c.Value == text {
				return c
			}
		}
	}
	return nil
}

// RefuseUnread reports the keys that were written and never read: they would do nothing.
func (o *Mapping) RefuseUnread(because string) {
	if o.Broken {
		return
	}
	for i := range o.Table.Keys {
		name := o.Table.Keys[i].Name
		if k := o.Keys[name]; k != nil && !o.used[name] {
			o.used[name] = true
			o.Reader.Errorf(k, "", "key %q does nothing%s%s", name, because, o.What)
		}
	}
}
