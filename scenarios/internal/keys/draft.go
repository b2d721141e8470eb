package keys

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/bgverify/bgverify/scenarios/internal/layout"
)

// A Draft is one mapping of the language that is about to be written: the reverse of a
// [Mapping]. Its table says which keys there are, in which order they are written whatever
// the order they were set in, and how the text of each is quoted.
//
// The node may be given comments, and be kept from one line, before it becomes a value of
// another mapping or a file.
type Draft struct {
	*layout.Node
	table *Table
}

// NewDraft begins a mapping of the table of that name. A name without a table is a mistake
// of the caller and panics, as it does in [Reader.Object].
func NewDraft(table string) *Draft {
	return tableOf(table).Draft()
}

// Draft begins a mapping of this table.
func (t *Table) Draft() *Draft { return &Draft{layout.Mapping(), t} }

// Fill sets every key that its table ties to a field which the struct that from points to
// has, unless the key was set before: the reverse of [Mapping.Bind]. The struct need not
// have a field for every key. A field of a type that [Draft.Set] does not take must be zero
// or its key set before; anything else would be lost unseen and panics.
func (d *Draft) Fill(from any) {
	source := reflect.ValueOf(from).Elem()
	for _, k := range d.table.Keys {
		if k.Field == "" || d.has(k.Name) {
			continue
		}
		if field := source.FieldByName(k.Field); field.IsValid() {
			d.Set(k.Name, field.Interface())
		}
	}
}

// Set gives a key a value: a node as it is; text, whether the file quotes it is decided by
// the key's shape; a list of texts; true, a whole number, a ratio, a duration, a date, or a
// type whose String is the word of the file.
//
// Zero is not written, since a key that is not written reads as zero or as its default;
// only a key that its mapping cannot do without is. Nothing may be set twice.
func (d *Draft) Set(key string, value any) {
	k := d.table.Key(key)
	if k == nil || d.has(key) {
		panic(fmt.Sprintf("scenarios: key %s of %s is unknown, or set twice", key, d.table.Name))
	}
	v := reflect.ValueOf(value)
	empty := !v.IsValid() || v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
	if empty && !k.Required {
		return
	}
	node := k.node(v)
	if node == nil {
		panic(fmt.Sprintf("scenarios: key %s of %s cannot be written from %T", key, d.table.Name, value))
	}
	// Keys are kept in the order of the table, so that two drafts of the same values are the same text.
	at, _ := slices.BinarySearchFunc(d.Pairs, d.table.index(key), func(p layout.Pair, i int) int { return d.table.index(p.Key) - i })
	d.Pairs = slices.Insert(d.Pairs, at, layout.Pair{Key: key, Value: node})
}

// Pair is the pair of a key that was set, to give it comments; nil where it was not.
func (d *Draft) Pair(key string) *layout.Pair {
	if i := slices.IndexFunc(d.Pairs, func(p layout.Pair) bool { return p.Key == key }); i >= 0 {
		return &d.Pairs[i]
	}
	return nil
}

func (d *Draft) has(key string) bool { return d.Pair(key) != nil }

// index is the place of a key in its table.
func (t *Table) index(key string) int {
	return slices.IndexFunc(t.Keys, func(k Key) bool { return k.Name == key })
}

// node is the value of a key as the file has it; nil for a type that is not written.
func (k *Key) node(v reflect.Value) *layout.Node {
	switch x := v.Interface().(type) {
	case *layout.Node:
		return x
	case bool:
		if s := shapeOf(k.Shape, FormWord); s != nil { // the first of the two words means true
			return layout.Loose(s.Words[0])
		}
		return layout.Plain("true")
	case int:
		return layout.Plain(strconv.Itoa(x))
	case float64:
		if shapeOf(k.Shape, FormPercent) != nil {
			return layout.Plain(strconv.FormatFloat(x*100, 'g', 12, 64) + "%")
		}
		return layout.Plain(strconv.FormatFloat(x, 'g', -1, 64))
	case time.Duration:
		return layout.Loose(DurationText(x))
	case []string:
		list := layout.List()
		for _, text := range x {
			list.Items = append(list.Items, k.textNode(text))
		}
		return list
	}
	if v.Kind() != reflect.String {
		return nil
	}
	return k.textNode(v.String())
}

// textNode is text of a key: plain where its form leaves no doubt, in quotes where text for
// people or a word is written like a number (http: "2").
func (k *Key) textNode(s string) *layout.Node {
	switch {
	case shapeOf(k.Shape, formStatus) != nil: // 2xx
		return layout.Plain(s)
	case k.Shape.Form == formText, k.Shape.Form == FormWord:
		return layout.Text(s)
	}
	return layout.Loose(s)
}
