package keys

import (
	"fmt"
	"reflect"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/scenarios/template"
)

// Bind reads every written key that its table ties to a field of the struct that
// into points to. A key that is not written leaves its field as it is, so that the
// struct holds the defaults before; a value that is wrong is reported and leaves
// it as well, or zero.
//
// The field's type and the key's shape together decide how a value is read. A pair
// that no reader knows is a mistake of this package and panics; TestEveryKeyBinds
// tries them all.
func (o *Mapping) Bind(into any) { o.BindKeys(o.Table.Keys, into) }

// BindKeys is bind for some keys of a table whose keys belong to several structs.
func (o *Mapping) BindKeys(keys []Key, into any) {
	target := reflect.ValueOf(into).Elem()
	for i := range keys {
		k := &keys[i]
		if k.Field == "" || o.Get(k.Name) == nil {
			continue
		}
		field := target.FieldByName(k.Field)
		if !field.IsValid() || !o.readScalar(k, field.Addr().Interface()) && !o.readList(k, field.Addr().Interface()) && !o.readWord(k,
			field) {
			panic(fmt.Sprintf("scenarios: key %s of %s cannot be read into field %s of %s", k.Name, o.Table.Name, k.Field, target.Type()))
		}
	}
}

// readScalar reads one value into a field; false when the field is of another kind.
func (o *Mapping) readScalar(k *Key, field any) bool {
	switch p := field.(type) {
	case *string:
		*p = o.anyText(k)
	case *bool:
		if s := shapeOf(k.Shape, FormWord); s != nil { // the first of the two words means true
			if word := o.Word(k.Name); word != "" {
				*p = word == s.Words[0]
			}
			break
		}
		*p = o.Bool(k.Name, *p)
	case *int:
		*p = o.Int(k.Name, *p)
	case *float64:
		if shapeOf(k.Shape, FormPercent) != nil {
			*p = o.percent(k.Name)
			break
		}
		*p, _ = o.number(k.Name)
	case **float64: // nil: not written
		if x, ok := o.number(k.Name); ok {
			*p = &x
		}
	case *time.Duration:
		*p = o.Duration(k.Name, *p)
	case *time.Time:
		*p = o.date(k.Name)
	case **template.Template:
		*p = o.Template(k.Name)
	case *diff.Bound:
		*p = o.bound(k.Name)
	case *perf.Margin:
		*p = o.margin(k.Name)
	default:
		return o.Reader.sink.ReadField(o, k, field)
	}
	return true
}

// anyText reads a text by the form that the key's shape names.
func (o *Mapping) anyText(k *Key) string {
	switch {
	case shapeOf(k.Shape, formName) != nil:
		return o.Name(k.Name)
	case shapeOf(k.Shape, FormWord) != nil:
		return o.Word(k.Name)
	case shapeOf(k.Shape, formPath) != nil:
		return o.path(k.Name, true)
	case shapeOf(k.Shape, formFile) != nil:
		return o.FileName(k.Name)
	}
	return o.Text(k.Name)
}

// readList reads a list or a mapping with free keys into a field; false when the
// field is of another kind.
func (o *Mapping) readList(k *Key, field any) bool {
	switch p := field.(type) {
	case *[]string:
		var check func(n *yaml.Node, text string) bool
		if shapeOf(k.Shape, formVar) != nil {
			check = o.Reader.CheckVarName
		}
		*p = o.Texts(k.Name, check)
	case *[]int:
		s := shapeOf(k.Shape, FormInt)
		o.EachElement(k.Name, func(_ int, n *yaml.Node) {
			if text, ok := o.Reader.ScalarText(n, k.Name, s); ok {
				if i, ok := o.Reader.IntOf(n, text, k.Name, s); ok {
					*p = append(*p, i)
				}
			}
		})
	case *[]template.Var:
		*p = o.Reader.Vars(o, k.Name)
	default:
		return false
	}
	return true
}

// readWord reads a word into an enum, whose String is the word of the file, or into
// a named text; false when the field is of another kind.
func (o *Mapping) readWord(k *Key, field reflect.Value) bool {
	s := shapeOf(k.Shape, FormWord)
	if s == nil {
		return false
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(o.Word(k.Name))
		return true
	case reflect.Uint8:
		word := o.Word(k.Name)
		if word == "" {
			return true
		}
		enum := reflect.New(field.Type()).Elem()
		for value := range uint64(len(s.Words) + 2) {
			enum.SetUint(value)
			if name, ok := enum.Interface().(fmt.Stringer); ok && name.String() == word {
				field.Set(enum)
				return true
			}
		}
	}
	return false
}

// Open opens the mapping of a key by the table of that name; nil when the key is
// not written. what names it in messages.
func (o *Mapping) Open(key, table, what string) *Mapping {
	if n := o.Get(key); n != nil {
		return o.Reader.Object(n, table, what)
	}
	return nil
}

// margin reads a margin of a load stage.
func (o *Mapping) margin(name string) perf.Margin {
	n, text, _, ok := o.scalar(name, formMargin)
	if !ok {
		return perf.Margin{}
	}
	m, err := perf.ParseMargin(text)
	if me, ok := err.(*perf.MarginError); ok {
		o.Broken = true
		o.Reader.ErrorAt(n, me.Offset, me.Hint, "margin %s: %s", name, me.Msg)
	} else if err != nil {
		o.Fail(n, "", "margin %s: %v", name, err)
	}
	return m
}

// Marshal writes one mapping of a scenario file as YAML: name is a table of
// docs/format.md, such as "limits" or "session", and from points to the struct that
// its keys are read into, *Limits or *Session. What it writes reads as the same
// struct again.
//
// It writes only what it can write whole. A table with a key that is not simply one
// field is an error that names the key, and so is a name without a table.
func Marshal(name string, from any) ([]byte, error) {
	t := Tables[name]
	if t == nil {
		return nil, fmt.Errorf("write: no table %q", name)
	}
	node, err := t.write(from)
	if err != nil {
		return nil, err
	}
	text, err := yaml.Marshal(node)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	return text, nil
}

// write is the reverse of bind: a mapping of the keys of a table, in the table's
// order, with the values that their fields have in the struct that from points to.
// A zero field is not written: a key that is not written reads as zero or as its
// default.
//
// A table with a key that code reads is refused: that key would be lost unseen.
// To make such a key writable, give it a field of its own and a row here and in
// bind; the reader, the schema, the documentation and the writer then share it.
func (t *Table) write(from any) (*yaml.Node, error) {
	source := reflect.ValueOf(from).Elem()
	out := &yaml.Node{Kind: yaml.MappingNode}
	for i := range t.Keys {
		k := &t.Keys[i]
		if k.Field == "" {
			return nil, fmt.Errorf("write %s: key %q is more than one field", t.Name, k.Name)
		}
		field := source.FieldByName(k.Field)
		if !field.IsValid() {
			return nil, fmt.Errorf("write %s: %s has no field %s", t.Name, source.Type(), k.Field)
		}
		if field.IsZero() {
			continue
		}
		value := k.node(field)
		if value == nil {
			return nil, fmt.Errorf("write %s: key %q has a field of type %s", t.Name, k.Name, field.Type())
		}
		out.Content = append(out.Content, textNode(k.Name), value)
	}
	return out, nil
}

// node is the value of a key as the file has it; nil for a type that no row writes.
func (k *Key) node(field reflect.Value) *yaml.Node {
	switch x := field.Interface().(type) {
	case string:
		return textNode(x)
	case bool:
		if s := shapeOf(k.Shape, FormWord); s != nil { // the first of the two words means true
			return textNode(s.Words[0])
		}
		return plainNode("true")
	case int:
		return plainNode(strconv.Itoa(x))
	case float64:
		if shapeOf(k.Shape, FormPercent) != nil {
			return plainNode(strconv.FormatFloat(x*100, 'g', 12, 64) + "%")
		}
		return plainNode(strconv.FormatFloat(x, 'g', -1, 64))
	case *float64:
		return plainNode(strconv.FormatFloat(*x, 'g', -1, 64))
	case time.Duration:
		return plainNode(DurationText(x))
	case time.Time:
		return plainNode(x.Format(time.DateOnly))
	case perf.Margin:
		return textNode(x.String())
	case *template.Template:
		if x.JSON != "" {
			return plainNode(x.JSON)
		}
		return textNode(x.Text)
	case []string:
		return listNode(x, textNode)
	case []int:
		return listNode(x, func(i int) *yaml.Node { return plainNode(strconv.Itoa(i)) })
	case fmt.Stringer: // an enum: its String is the word of the file
		return textNode(x.String())
	}
	return nil
}

// textNode is text, quoted where YAML would read something else.
func textNode(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

// plainNode is text that is written as it is.
func plainNode(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

func listNode[T any](list []T, node func(T) *yaml.Node) *yaml.Node {
	out := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, x := range list {
		out.Content = append(out.Content, node(x))
	}
	return out
}
