package keys

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/scenarios/internal/source"
)

// Schema is the JSON Schema of scenario files (draft 7, which editors know
// best), made from the key tables. It is one schema for every kind of file; the
// first key that tells them apart decides.
func Schema() []byte {
	root := &schemaNode{
		Schema: "http://json-schema.org/draft-07/schema#",
		Title:  "bgverify scenario file",
	}
	// Each kind is tried in turn: the first key that is there decides.
	at := root
	for _, kind := range []struct{ key, table string }{
		{"suite", "suite"},
		{"parts", "parts file"},
		{"sides", "env file"},
		{"limits", "env file"},
		{"clusters", "env file"},
		{"prometheus", "env file"},
		{"rules", "rule file"},
		{"envs", "config"},
		{"shift", "shift file"},
	} {
		next := &schemaNode{}
		at.If, at.Then, at.Else = &schemaNode{Required: []string{kind.key}}, refTo(kind.table), next
		at = next
	}
	at.Ref = refTo("suite").Ref
	for _, name := range Order {
		root.Definitions = append(root.Definitions, member{definition(name), tableSchema(Tables[name])})
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		panic(err) // the tables are ours
	}
	return out.Bytes()
}

// A schemaNode is one schema, its members in a fixed order.
type schemaNode struct {
	Schema      string            `json:"$schema,omitempty"`
	Title       string            `json:"title,omitempty"`
	Ref         string            `json:"$ref,omitempty"`
	Description string            `json:"description,omitempty"`
	Type        []string          `json:"type,omitempty"`
	Enum        []json.RawMessage `json:"enum,omitempty"`
	Pattern     string            `json:"pattern,omitempty"`
	Minimum     *float64          `json:"minimum,omitempty"`
	Maximum     *float64          `json:"maximum,omitempty"`
	Items       *schemaNode       `json:"items,omitempty"`
	AnyOf       []*schemaNode     `json:"anyOf,omitempty"`
	AllOf       []*schemaNode     `json:"allOf,omitempty"`
	Properties  members           `json:"properties,omitempty"`
	// Additional is false, or the schema of free members.
	Additional  any               `json:"additionalProperties,omitempty"`
	Required    []string          `json:"required,omitempty"`
	Examples    []json.RawMessage `json:"examples,omitempty"`
	If          *schemaNode       `json:"if,omitempty"`
	Then        *schemaNode       `json:"then,omitempty"`
	Else        *schemaNode       `json:"else,omitempty"`
	Definitions members           `json:"definitions,omitempty"`
}

type member struct {
	name  string
	value *schemaNode
}

// members is a JSON object in the order of the tables.
type members []member

// MarshalJSON writes the members in order.
func (m members) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, x := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(x.value)
		if err != nil {
			return nil, fmt.Errorf("marshal schema of %s: %w", x.name, err)
		}
		b.WriteString(text.Quote(x.name))
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func definition(table string) string { return strings.ReplaceAll(table, " ", "_") }

func refTo(table string) *schemaNode { return &schemaNode{Ref: "#/definitions/" + definition(table)} }

func tableSchema(t *Table) *schemaNode {
	s := &schemaNode{Description: t.Doc, Type: []string{"object"}, Additional: false}
	for _, k := range t.Keys {
		text := k.Doc
		if k.Def != "" {
			text += " Default: " + k.Def + "."
		}
		value := k.Shape.schema()
		if value.Ref != "" { // draft 7 ignores what is next to $ref
			value = &schemaNode{AllOf: []*schemaNode{value}}
		}
		value.Description = text
		if k.Example != "" {
			value.Examples = []json.RawMessage{exampleJSON(k.Example)}
		}
		s.Properties = append(s.Properties, member{k.Name, value})
		if k.Required {
			s.Required = append(s.Required, k.Name)
		}
	}
	for _, name := range someOf[t.Name] {
		s.AnyOf = append(s.AnyOf, &schemaNode{Required: []string{name}})
	}
	return s
}

// exampleJSON is an example of a key table as JSON.
func exampleJSON(text string) json.RawMessage {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		panic(fmt.Sprintf("scenarios: example %q: %v", text, err))
	}
	return json.RawMessage(NodeJSON(doc.Content[0]))
}

// NodeJSON writes a YAML tree as JSON by the literal rule of the language.
func NodeJSON(n *yaml.Node) string {
	n = source.Deref(n)
	switch n.Kind {
	case yaml.MappingNode:
		var out []string
		for i := 0; i+1 < len(n.Content); i += 2 {
			out = append(out, text.Quote(n.Content[i].Value)+":"+NodeJSON(n.Content[i+1]))
		}
		return "{" + strings.Join(out, ",") + "}"
	case yaml.SequenceNode:
		var out []string
		for _, c := range n.Content {
			out = append(out, NodeJSON(c))
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	if IsLiteral(n) {
		return n.Value
	}
	if source.IsNull(n) {
		return "null"
	}
	return text.Quote(n.Value)
}

// schema is the JSON Schema of a shape.
func (s *Shape) schema() *schemaNode {
	switch s.Form {
	case FormWord:
		return &schemaNode{Enum: wordEnum(s.Words)}
	case FormInt, FormNumber:
		return &schemaNode{Type: forms[s.Form].types, Minimum: &s.Min, Maximum: &s.Max}
	case formStatus:
		return &schemaNode{AnyOf: []*schemaNode{
			anInt(100, 599).schema(),
			{Type: []string{"string"}, Pattern: `^[1-5](xx|XX|[0-9][0-9])$`},
		}}
	case FormObject:
		return refTo(s.Table)
	case FormMap:
		return &schemaNode{Type: []string{"object"}, Additional: s.Elem.schema()}
	case FormList:
		return &schemaNode{Type: []string{"array"}, Items: s.Elem.schema()}
	case FormUnion:
		out := &schemaNode{}
		for _, a := range s.Alts {
			out.AnyOf = append(out.AnyOf, a.schema())
		}
		return out
	}
	f, known := forms[s.Form]
	if !known {
		panic(fmt.Sprintf("scenarios: no schema for form %d", s.Form))
	}
	return &schemaNode{Type: f.types, Pattern: f.pattern}
}

// wordEnum lists the words, those that YAML reads as numbers both ways.
func wordEnum(words []string) []json.RawMessage {
	var out []json.RawMessage
	for _, w := range words {
		out = append(out, json.RawMessage(text.Quote(w)))
		if _, err := strconv.ParseFloat(w, 64); err == nil {
			out = append(out, json.RawMessage(w))
		}
	}
	return out
}
