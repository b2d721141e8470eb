package judge

import (
	"fmt"
	"unicode/utf8"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/scenarios"
)

// A datum is a value that an expectation looks at. Text and json are both kept, as tests need
// the one or the other: matches looks at the text, eq at the JSON. It is made by the functions
// below, which keep the fields consistent.
type datum struct {
	path  string // where it is; empty outside a body
	kind  diff.ValueType
	text  string // a string without quotes, anything else as JSON
	json  string
	value diff.Value // json, where it has been read; see datum.tree
	// loose is set for headers, cookies and cells: they are text, and text that
	// is a number may be compared as one.
	loose bool
}

// textDatum is the value of a header, a cookie or a cell, which is text whatever it spells. Its
// JSON is that text as a JSON string.
func textDatum(s string) datum {
	return datum{kind: diff.StringType, text: s, json: text.Quote(s), loose: true}
}

// valueDatum is a variable's value; text that spells a number counts as one, as flags, rows and
// the environment give nothing but text. A capture keeps its JSON type, so a captured number is
// not loose.
func valueDatum(v scenarios.Value) datum {
	kind := kindOf(v.JSON)
	return datum{kind: kind, text: v.Text, json: v.JSON, loose: kind == diff.StringType}
}

// numberDatum is a number that this program counted or measured. The text has to be a JSON
// number.
func numberDatum(text string) datum {
	return datum{kind: diff.NumberType, text: text, json: text}
}

// jsonDatum is a value of a body; path is where it is. The text of an array or object is its
// JSON.
func jsonDatum(path string, v diff.Value) datum {
	d := datum{path: path, kind: v.Type(), json: string(v.JSON()), value: v}
	d.text = d.json
	if d.kind == diff.StringType {
		d.text = v.Text()
	}
	return d
}

// tree is the datum as a JSON value. Only values that came from a variable are read here; those
// of a body bring their tree.
func (d *datum) tree() diff.Value {
	if d.value.Exists() {
		return d.value
	}
	return readText(d.json)
}

// readText reads JSON that this program has written or checked. A text that is not JSON gives
// the absent value, which holds of nothing that looks inside.
func readText(json string) diff.Value {
	v, _ := diff.ReadStrict([]byte(json)) // else absent: without elements and members
	return v
}

// These are the names in files and messages. Absent has none.
var typeNames = map[diff.ValueType]string{
	diff.NullType: "null", diff.BoolType: "boolean", diff.NumberType: "number",
	diff.StringType: "string", diff.ArrayType: "array", diff.ObjectType: "object",
}

// isType reports whether a value has a type by its name in files. integer is a number without a
// fraction, bool another name of boolean.
func isType(d datum, name string) bool {
	if name == "integer" {
		return d.kind == diff.NumberType && isInteger(d.text)
	}
	if name == "bool" {
		name = "boolean"
	}
	return typeNames[d.kind] == name
}

// isInteger says whether a number is whole: 1, 1.0 and 1e2 are. The decimal has no trailing zeros in its digits,
// so that an exponent below 0 means a fraction.
func isInteger(text string) bool {
	n, ok := literal.ParseNumber(text)
	return ok && n.Exp.Sign() >= 0
}

// isEmpty reports whether there is nothing in a value: null, "", [], {} or no value at all. 0 and
// false are values.
func isEmpty(d datum) bool {
	switch d.kind {
	case diff.NullType:
		return true
	case diff.ArrayType, diff.ObjectType:
		return d.tree().Len() == 0
	default:
		return d.kind == diff.AbsentType || d.text == ""
	}
}

// size is the number of elements, members or characters. Characters are code points. A number,
// a boolean and null have none of these: ok is false.
func size(d datum) (n int, ok bool) {
	switch d.kind {
	case diff.ArrayType, diff.ObjectType:
		return d.tree().Len(), true
	case diff.StringType:
		return utf8.RuneCountInString(d.text), true
	}
	return 0, false
}

// elements are the elements of an array; any other value stands for itself. Each has its own
// path, for messages.
func elements(d datum) []datum {
	if d.kind != diff.ArrayType {
		return []datum{d}
	}
	var out []datum
	for v := range d.tree().Children() {
		out = append(out, jsonDatum(fmt.Sprintf("%s[%d]", d.path, len(out)), v))
	}
	return out
}

// kindOf is the type of a JSON text, which its first byte says; null for an empty one. The text
// has to be valid JSON without space before it: nothing else is looked at.
func kindOf(json string) diff.ValueType {
	if json == "" {
		return diff.NullType
	}
	switch c := json[0]; {
	case c == '"':
		return diff.StringType
	case c == '-', c >= '0' && c <= '9':
		return diff.NumberType
	case c == 't', c == 'f':
		return diff.BoolType
	case c == '[':
		return diff.ArrayType
	case c == '{':
		return diff.ObjectType
	}
	return diff.NullType
}

// hasRepeats compares scalars by value and the rest by their text. 1 and 1.0 are repeats of
// each other, "1" and 1 are not. Arrays and objects count as repeats where their text is equal,
// so the order of members matters.
func hasRepeats(ds []datum) bool {
	seen := make(map[string]bool, len(ds))
	for _, d := range ds {
		key := fmt.Sprintf("%d:%s", d.kind, d.text)
		if d.kind == diff.NumberType {
			if n, ok := literal.ParseNumber(d.text); ok {
				key = fmt.Sprintf("n%t %s %s", n.Neg, n.Digits, n.Exp)
			}
		}
		if seen[key] {
			return true
		}
		seen[key] = true
	}
	return false
}
