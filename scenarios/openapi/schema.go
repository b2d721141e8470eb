package openapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// Dialect is the JSON Schema that schemas are written in.
const Dialect = "https://json-schema.org/draft/2020-12/schema"

// A Bundle writes schemas of a document as JSON Schema, each with every schema that
// it refers to, for values that a server answers with:
//
//  1. nullable: true (x-nullable in version 2) takes null, also where an enum or a
//     reference does not name it.
//  2. exclusiveMinimum: true and exclusiveMaximum: true become the number of draft 2020-12.
//  3. A reference becomes one to $defs; next to it nothing counts before 3.1.
//  4. A property that is writeOnly is not required of an answer.
//  5. oneOf with a discriminator becomes anyOf: what clients read is the one that the
//     discriminator names, whether others would take the value or not.
//  6. A format is kept where its meaning is the same everywhere; see formats.
//  7. What is not valid there (a pattern that Go's regexp does not read, a keyword
//     with a value of the wrong type, a reference that leads nowhere) is left out and
//     listed in Dropped: the schema then accepts more, never less. Where that happens
//     inside not, or in the condition of if, the whole of it is left out.
//  8. What says nothing of a value (descriptions, examples, xml, x-…) is left out.
type Bundle struct {
	// Dropped are the parts that were left out.
	Dropped []*Error

	d     *Document
	names map[*Node]string // of schemas in $defs
	taken map[string]bool
	queue []*Node
}

// NewBundle begins a bundle: its schemas share their $defs.
func (d *Document) NewBundle() *Bundle {
	return &Bundle{d: d, names: map[*Node]string{}, taken: map[string]bool{}}
}

// JSONSchema is a schema with all that it refers to, as one JSON text.
func (d *Document) JSONSchema(n *Node) ([]byte, []*Error, error) {
	b := d.NewBundle()
	var root bytes.Buffer
	b.write(&root, n)
	defs, err := b.Defs()
	if err != nil {
		return nil, nil, err
	}
	text := root.Bytes()
	if string(text) == "true" || string(text) == "false" {
		return text, b.Dropped, nil
	}
	var out bytes.Buffer
	out.WriteString(`{"$schema":"` + Dialect + `"`)
	if len(text) > 2 {
		out.WriteByte(',')
		out.Write(text[1 : len(text)-1])
	}
	if len(defs) > 0 {
		out.WriteString(`,"$defs":`)
		out.Write(defs)
	}
	out.WriteByte('}')
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, out.Bytes(), "", "  "); err != nil {
		return nil, nil, err
	}
	pretty.WriteByte('\n')
	return pretty.Bytes(), b.Dropped, nil
}

// maxBundle bounds the bytes of one bundle.
const maxBundle = 32 << 20

// Defs writes the schemas that were referred to as one object; nil where there are
// none.
func (b *Bundle) Defs() ([]byte, error) {
	var out bytes.Buffer
	seen := map[*Node]bool{}
	for i := 0; i < len(b.queue); i++ { // writing a schema may queue more
		n := b.queue[i]
		out.WriteByte("{,"[min(i, 1)])
		writeString(&out, b.names[n])
		out.WriteByte(':')
		if b.circular(n, seen) {
			b.drop(n, "schema %s is a condition of itself", b.names[n])
			out.WriteString("true")
			continue
		}
		b.write(&out, n)
		if out.Len() > maxBundle {
			return nil, &Error{n.Pos(), fmt.Sprintf("the schema and all it refers to are larger than %d MiB", maxBundle>>20)}
		}
	}
	if len(b.queue) == 0 {
		return nil, nil
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// circular reports whether a schema is applied to a value before it is applied to that
// value: no value would be valid. seen is true of schemas that are being looked
// through, and false of those that are done.
func (b *Bundle) circular(n *Node, seen map[*Node]bool) bool {
	if open, known := seen[n]; known {
		return open
	}
	seen[n] = true
	next := slices.Concat(n.elements("allOf", Array), n.elements("anyOf", Array), n.elements("oneOf", Array))
	next = append(next, n.Get("not"), n.Get("if"), n.Get("then"), n.Get("else"))
	if ref := n.Get("$ref"); ref != nil && ref.Kind == String {
		target, _ := b.d.target(ref) // nil where it leads nowhere
		next = append(next, target)
	}
	seen[n] = slices.ContainsFunc(next, func(o *Node) bool { return o != nil && b.circular(o, seen) })
	return seen[n]
}

func (b *Bundle) drop(at *Node, format string, args ...any) {
	b.Dropped = append(b.Dropped, &Error{at.Pos(), fmt.Sprintf(format, args...)})
}

// Define is the name of a schema in $defs, after what the reference calls it.
func (b *Bundle) Define(n *Node, ref string) string {
	if name := b.names[n]; name != "" {
		return name
	}
	base := ref[strings.LastIndexAny(ref, "/#")+1:]
	base = strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, base)
	base = cmp.Or(base, "schema")
	name := base
	for i := 2; b.taken[name]; i++ {
		name = base + "-" + strconv.Itoa(i)
	}
	b.names[n], b.taken[name] = name, true
	b.queue = append(b.queue, n)
	return name
}

func writeString(out *bytes.Buffer, s string) {
	text, err := json.Marshal(s)
	if err != nil { // of a string: never
		panic(err)
	}
	out.Write(text)
}

// writeList writes n values between two brackets.
func writeList(out *bytes.Buffer, brackets string, n int, write func(i int)) {
	out.WriteByte(brackets[0])
	for i := range n {
		if i > 0 {
			out.WriteByte(',')
		}
		write(i)
	}
	out.WriteByte(brackets[1])
}

// The kinds of keyword, by what their value is.
const (
	aSchema  = iota + 1
	schemaOr // a schema, or a list of them
	schemaList
	schemaMap
	aCount  // a whole number from 0
	aNumber // any number
	anyValue
	values // a list of values
	names  // a list of texts
	namesMap
	aBool
	aPattern
)

// A keyword is a member of a schema and the kind of its value.
type keyword struct {
	name string
	kind int
}

// keywords are those that say something of a value, in the order in which they are
// written.
var keywords = []keyword{
	{"const", anyValue},
	{"enum", values},
	{"multipleOf", aNumber},
	{"maxLength", aCount},
	{"minLength", aCount},
	{"pattern", aPattern},
	{"maxItems", aCount},
	{"minItems", aCount},
	{"uniqueItems", aBool},
	{"maxContains", aCount},
	{"minContains", aCount},
	{"maxProperties", aCount},
	{"minProperties", aCount},
	{"required", names},
	{"dependentRequired", namesMap},
	{"properties", schemaMap},
	{"patternProperties", schemaMap},
	{"additionalProperties", aSchema},
	{"propertyNames", aSchema},
	{"unevaluatedProperties", aSchema},
	{"dependentSchemas", schemaMap},
	{"prefixItems", schemaList},
	{"items", schemaOr},
	{"contains", aSchema},
	{"unevaluatedItems", aSchema},
	{"allOf", schemaList},
	{"anyOf", schemaList},
	{"oneOf", schemaList},
	{"not", aSchema},
	{"if", aSchema},
	{"then", aSchema},
	{"else", aSchema},
}

// formats are the formats whose meaning is the same everywhere.
var formats = []string{"date", "date-time", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"}

var types = []string{"array", "boolean", "integer", "null", "number", "object", "string"}

// A member is a keyword that is written, as JSON.
type member struct{ name, text string }

// write writes one schema; what it refers to waits for Defs.
func (b *Bundle) write(out *bytes.Buffer, n *Node) {
	switch {
	case n.Kind == Bool:
		out.WriteString(n.Text)
		return
	case n.Kind != Object:
		b.drop(n, "a schema is a mapping")
		out.WriteString("true")
		return
	}
	// These change what references mean. Without them the schema could accept less.
	for _, key := range []string{"$id", "$dynamicRef", "$recursiveRef"} {
		if v := n.Get(key); v != nil && b.d.modern() {
			b.drop(v, "%s of a schema is not read", key)
			out.WriteString("true")
			return
		}
	}
	var list []member
	add := func(name, text string) { list = append(list, member{name, text}) }
	nullable := n.True("nullable") || n.True("x-nullable")
	if ref := n.Get("$ref"); ref != nil && ref.Kind != String {
		b.drop(ref, "$ref is not text")
	} else if ref != nil {
		target, err := b.d.target(ref)
		if err != nil {
			b.Dropped = append(b.Dropped, err)
			out.WriteString("true")
			return
		}
		var quoted bytes.Buffer
		writeString(&quoted, "#/$defs/"+b.Define(target, ref.Text))
		add("$ref", quoted.String())
		if !b.d.modern() { // Rule 3
			writeMembers(out, orNull(list, nullable))
			return
		}
	}
	if t := n.Get("type"); t != nil {
		b.types(t, &nullable, add)
	}
	b.keywords(n, nullable, add)
	// The null of a nullable is already in type and enum, if the rest lets it through.
	if nullable && (n.Get("type") == nil || slices.ContainsFunc(list, func(m member) bool {
		return slices.Contains([]string{"allOf", "anyOf", "oneOf", "$ref", "const", "not"}, m.name)
	})) && len(list) > 0 {
		list = orNull(list, true)
	}
	writeMembers(out, list)
}

// modern reports whether schemas are those of draft 2020-12: from version 3.1 on.
func (d *Document) modern() bool { return !d.Swagger() && !strings.HasPrefix(d.Version, "3.0") }

// orNull lets null pass next to what the members say.
func orNull(list []member, nullable bool) []member {
	if !nullable {
		return list
	}
	var inner bytes.Buffer
	writeMembers(&inner, list)
	return []member{{"anyOf", `[{"type":"null"},` + inner.String() + "]"}}
}

func writeMembers(out *bytes.Buffer, list []member) {
	writeList(out, "{}", len(list), func(i int) {
		writeString(out, list[i].name)
		out.WriteString(":" + list[i].text)
	})
}

// types writes type, with null where the schema is nullable.
func (b *Bundle) types(t *Node, nullable *bool, add func(name, text string)) {
	list := []*Node{t}
	if t.Kind == Array {
		list = t.Items
	}
	// A type of nothing that JSON has is dropped as a whole.
	var words []string
	for _, x := range list {
		if x.Kind == Null { // YAML's null for "null"
			x = &Node{Kind: String, Text: "null"}
		}
		if x.Kind != String || !slices.Contains(types, x.Text) {
			b.drop(t, "type %s is not a type of JSON", problem.Cut(x.Text, 80))
			return
		}
		if !slices.Contains(words, x.Text) {
			words = append(words, x.Text)
		}
	}
	if *nullable && !slices.Contains(words, "null") {
		words = append(words, "null")
	}
	switch len(words) {
	case 0:
		b.drop(t, "type is an empty list")
	case 1:
		add("type", strconv.Quote(words[0]))
	default:
		add("type", `["`+strings.Join(words, `","`)+`"]`)
	}
}

func (b *Bundle) keywords(n *Node, nullable bool, add func(name, text string)) {
	b.bounds(n, add)
	if f := n.Str("format"); slices.Contains(formats, f) {
		add("format", strconv.Quote(f))
	}
	// A pattern of names that cannot be written would leave its properties to
	// additionalProperties, which then would take less.
	open := b.badPatterns(n)
	for _, k := range keywords {
		v := n.Get(k.name)
		if v == nil || open && (k.name == "additionalProperties" || k.name == "unevaluatedProperties") {
			continue
		}
		before := len(b.Dropped)
		text := b.keyword(n, k, v, nullable)
		if (k.name == "not" || k.name == "if") && len(b.Dropped) > before {
			b.drop(v, "%s is left out with them", k.name)
			continue
		}
		name := k.name
		switch {
		case text == "":
			continue
		case name == "oneOf" && n.Get("discriminator") != nil:
			name = "anyOf" // Rule 5
			if n.Get("anyOf") != nil {
				continue
			}
		case name == "items" && v.Kind == Array:
			name = "prefixItems"
		}
		add(name, text)
	}
}

// bounds writes minimum and maximum, which draft 4 makes exclusive by true.
func (b *Bundle) bounds(n *Node, add func(name, text string)) {
	for _, x := range []struct{ plain, exclusive string }{{"maximum", "exclusiveMaximum"}, {"minimum", "exclusiveMinimum"}} {
		v, e := n.Get(x.plain), n.Get(x.exclusive)
		if v != nil && v.Kind != Number {
			b.drop(v, "%s is not a number", x.plain)
			v = nil
		}
		switch {
		case e != nil && e.Kind == Number:
			add(x.exclusive, e.Text)
		case e != nil && e.Kind == Bool && e.Text == "true" && v != nil:
			add(x.exclusive, v.Text)
			continue
		}
		if v != nil {
			add(x.plain, v.Text)
		}
	}
}

func (b *Bundle) badPatterns(n *Node) bool {
	v := n.Get("patternProperties")
	return v != nil && slices.ContainsFunc(v.Keys, func(p string) bool { _, ok := GoPattern(p); return !ok })
}

var unicodeEscape = lazy.Regexp(`\\u([0-9a-fA-F]{4})`)

// GoPattern is a pattern of ECMA-262 as Go's regexp writes it, as far as they differ
// in spelling alone; false: Go does not read it.
func GoPattern(p string) (string, bool) {
	p = unicodeEscape().ReplaceAllString(p, `\x{$1}`)
	_, err := regexp.Compile(p)
	return p, err == nil
}

// isWellFormed reports whether the value of a keyword is of its kind.
func isWellFormed(kind int, v *Node) bool {
	isText := func(n *Node) bool { return n.Kind == String }
	switch kind {
	case aSchema:
		return v.Kind == Object || v.Kind == Bool
	case schemaOr:
		return v.Kind == Object || v.Kind == Bool || v.Kind == Array
	case schemaMap:
		return v.Kind == Object
	case aCount:
		return v.Kind == Number && strings.Trim(v.Text, "0123456789") == ""
	case aNumber:
		return v.Kind == Number && !strings.HasPrefix(v.Text, "-") && strings.Trim(v.Text, "0.") != ""
	case aBool:
		return v.Kind == Bool
	case aPattern:
		return isText(v)
	case values:
		return v.Kind == Array
	case namesMap:
		return v.Kind == Object && !slices.ContainsFunc(v.Items, func(x *Node) bool {
			return x.Kind != Array || slices.ContainsFunc(x.Items, func(w *Node) bool { return !isText(w) })
		})
	}
	return true
}

// keyword is the value of a keyword as JSON; empty: it is left out.
func (b *Bundle) keyword(n *Node, k keyword, v *Node, nullable bool) string {
	if !isWellFormed(k.kind, v) {
		b.drop(v, "%s has a value of the wrong type", k.name)
		return ""
	}
	var out bytes.Buffer
	switch {
	case k.kind == schemaList, k.kind == schemaOr && v.Kind == Array:
		return b.schemaList(k.name, v)
	case k.kind == aSchema, k.kind == schemaOr:
		b.write(&out, v)
	case k.kind == schemaMap:
		return b.schemaMap(k.name, v)
	case k.kind == aPattern:
		pattern, ok := GoPattern(v.Text)
		if !ok {
			b.drop(v, "pattern %s is not read by Go's regular expressions", problem.Cut(v.Text, 80))
			return ""
		}
		writeString(&out, pattern)
	case k.kind == values:
		return b.enum(v, nullable)
	case k.kind == names:
		return b.required(n, k.name, v)
	default:
		v.WriteJSON(&out)
	}
	return out.String()
}

func (b *Bundle) schemaList(name string, v *Node) string {
	if v.Kind != Array || len(v.Items) == 0 {
		b.drop(v, "%s is not a list of schemas", name)
		return ""
	}
	var out bytes.Buffer
	writeList(&out, "[]", len(v.Items), func(i int) { b.write(&out, v.Items[i]) })
	return out.String()
}

func (b *Bundle) schemaMap(name string, v *Node) string {
	var out bytes.Buffer
	var list []member
	for i, key := range v.Keys {
		if name == "patternProperties" {
			pattern, ok := GoPattern(key)
			if !ok {
				b.drop(v.Items[i], "pattern %s is not read by Go's regular expressions", problem.Cut(key, 80))
				continue
			}
			key = pattern
		}
		out.Reset()
		b.write(&out, v.Items[i])
		same := slices.IndexFunc(list, func(m member) bool { return m.name == key })
		if same >= 0 && len(v.Keys) < 1000 {
			list[same].text = out.String()
			continue
		}
		list = append(list, member{key, out.String()})
	}
	out.Reset()
	writeMembers(&out, list)
	return out.String()
}

// enum writes the values; a schema that is nullable has null among them (rule 1).
func (b *Bundle) enum(v *Node, nullable bool) string {
	items := v.Items
	if nullable && !slices.ContainsFunc(items, func(item *Node) bool { return item.Kind == Null }) {
		items = append(slices.Clone(items), &Node{Kind: Null, Text: "null"})
	}
	var out bytes.Buffer
	writeList(&out, "[]", len(items), func(i int) { items[i].WriteJSON(&out) })
	return out.String()
}

// required writes the names that an answer must have (rule 4).
func (b *Bundle) required(n *Node, name string, v *Node) string {
	if v.Kind != Array {
		b.drop(v, "%s is not a list of names", name)
		return ""
	}
	var words []string
	for _, item := range v.Items {
		if item.Kind == String && !slices.Contains(words, item.Text) && !b.d.onlyWritten(n, item.Text) {
			words = append(words, item.Text)
		}
	}
	if len(words) == 0 {
		return ""
	}
	var out bytes.Buffer
	writeList(&out, "[]", len(words), func(i int) { writeString(&out, words[i]) })
	return out.String()
}

// onlyWritten reports whether a property is never in an answer: it is writeOnly in the
// schema itself, or, where that does not have it (as in one part of an allOf), in any
// schema of the document.
func (d *Document) onlyWritten(n *Node, name string) bool {
	if p := n.Get("properties").Get(name); p != nil {
		if p.True("writeOnly") {
			return true
		}
		r, err := d.Resolve(p)
		return err == nil && r.True("writeOnly")
	}
	if d.secretive == nil {
		d.secretive = map[string]bool{}
		seen := map[*Node]bool{}
		for _, name := range d.names {
			d.findWriteOnly(d.files[name].root, seen)
		}
	}
	return d.secretive[name]
}

func (d *Document) findWriteOnly(n *Node, seen map[*Node]bool) {
	if n == nil || n.Kind != Object && n.Kind != Array || seen[n] {
		return
	}
	seen[n] = true
	for i, item := range n.elements("properties", Object) {
		if item.True("writeOnly") {
			d.secretive[n.Get("properties").Keys[i]] = true
		}
	}
	for _, item := range n.Items {
		d.findWriteOnly(item, seen)
	}
}

// WriteJSON writes the value as JSON without white space.
func (n *Node) WriteJSON(out *bytes.Buffer) {
	switch n.Kind {
	case Object:
		writeList(out, "{}", len(n.Items), func(i int) {
			writeString(out, n.Keys[i])
			out.WriteByte(':')
			n.Items[i].WriteJSON(out)
		})
	case Array:
		writeList(out, "[]", len(n.Items), func(i int) { n.Items[i].WriteJSON(out) })
	case String:
		writeString(out, n.Text)
	default:
		out.WriteString(n.Text)
	}
}
