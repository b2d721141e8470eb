package scenarios

import (
	"fmt"
	"reflect"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff/perf"
)

// Marshal writes one mapping of a scenario file as YAML: name is a table of
// docs/format.md, such as "limits" or "session", and from points to the struct that
// its keys are read into, *Limits or *Session. What it writes reads as the same
// struct again.
//
// It writes only what it can write whole. A table with a key that is not simply one
// field is an error that names the key, and so is a name without a table.
func Marshal(name string, from any) ([]byte, error) {
	t := tables[name]
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
func (t *table) write(from any) (*yaml.Node, error) {
	source := reflect.ValueOf(from).Elem()
	out := &yaml.Node{Kind: yaml.MappingNode}
	for i := range t.keys {
		k := &t.keys[i]
		if k.field == "" {
			return nil, fmt.Errorf("write %s: key %q is more than one field", t.name, k.name)
		}
		field := source.FieldByName(k.field)
		if !field.IsValid() {
			return nil, fmt.Errorf("write %s: %s has no field %s", t.name, source.Type(), k.field)
		}
		if field.IsZero() {
			continue
		}
		value := k.node(field)
		if value == nil {
			return nil, fmt.Errorf("write %s: key %q has a field of type %s", t.name, k.name, field.Type())
		}
		out.Content = append(out.Content, textNode(k.name), value)
	}
	return out, nil
}

// node is the value of a key as the file has it; nil for a type that no row writes.
func (k *key) node(field reflect.Value) *yaml.Node {
	switch x := field.Interface().(type) {
	case string:
		return textNode(x)
	case bool:
		if s := shapeOf(k.shape, formWord); s != nil { // the first of the two words means true
			return textNode(s.words[0])
		}
		return plainNode("true")
	case int:
		return plainNode(strconv.Itoa(x))
	case float64:
		if shapeOf(k.shape, formPercent) != nil {
			return plainNode(strconv.FormatFloat(x*100, 'g', 12, 64) + "%")
		}
		return plainNode(strconv.FormatFloat(x, 'g', -1, 64))
	case *float64:
		return plainNode(strconv.FormatFloat(*x, 'g', -1, 64))
	case time.Duration:
		return plainNode(durationText(x))
	case time.Time:
		return plainNode(x.Format(time.DateOnly))
	case perf.Margin:
		return textNode(x.String())
	case *Template:
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
