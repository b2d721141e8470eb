package diff

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/internal/text"
)

// differenceJSON is a Difference as files carry it. blue and green are the raw
// JSON values; a side that has nothing there has no member; a value cut to the
// bound is a string holding its beginning, with blue_cut or green_cut next to it.
type differenceJSON struct {
	Kind         Kind            `json:"kind"`
	Severity     Severity        `json:"severity"`
	Where        Where           `json:"where"`
	Path         string          `json:"path"`
	BluePointer  string          `json:"blue_pointer,omitempty"`
	GreenPointer string          `json:"green_pointer,omitempty"`
	From         *int            `json:"from,omitempty"` // index in blue's array of an element that moved
	To           *int            `json:"to,omitempty"`   // in green's
	Blue         json.RawMessage `json:"blue,omitempty"`
	BlueCut      bool            `json:"blue_cut,omitempty"`
	BlueType     *ValueType      `json:"blue_type,omitempty"`
	BlueSize     int             `json:"blue_size,omitempty"`
	Green        json.RawMessage `json:"green,omitempty"`
	GreenCut     bool            `json:"green_cut,omitempty"`
	GreenType    *ValueType      `json:"green_type,omitempty"`
	GreenSize    int             `json:"green_size,omitempty"`
	Offset       int             `json:"offset,omitempty"`
	Note         string          `json:"note,omitempty"`
	Leak         string          `json:"leak,omitempty"`
	Fault        string          `json:"fault,omitempty"`
	Rule         string          `json:"rule,omitempty"`
}

// MarshalJSON writes the difference as the run folder keeps it.
func (d Difference) MarshalJSON() ([]byte, error) {
	out := differenceJSON{
		Kind: d.Kind, Severity: d.Severity, Where: d.Where, Path: d.Path,
		BluePointer: d.BluePointer, GreenPointer: d.GreenPointer,
		Offset: d.Offset, Note: d.Note, Leak: d.Leak, Fault: d.Fault, Rule: d.Rule,
	}
	if from, to, ok := d.Indices(); ok {
		out.From, out.To = &from, &to
	}
	out.Blue, out.BlueCut, out.BlueType, out.BlueSize = d.Blue.parts()
	out.Green, out.GreenCut, out.GreenType, out.GreenSize = d.Green.parts()
	return literal.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote, so that the two are inverse.
func (d *Difference) UnmarshalJSON(text []byte) error {
	var in differenceJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("read a difference: %w", err)
	}
	*d = Difference{
		Kind: in.Kind, Severity: in.Severity, Where: in.Where, Path: in.Path,
		BluePointer: in.BluePointer, GreenPointer: in.GreenPointer,
		Offset: in.Offset, Note: in.Note, Leak: in.Leak, Fault: in.Fault, Rule: in.Rule,
	}
	if err := d.Blue.join(in.Blue, in.BlueCut, in.BlueType, in.BlueSize); err != nil {
		return err
	}
	return d.Green.join(in.Green, in.GreenCut, in.GreenType, in.GreenSize)
}

// parts are the members of differenceJSON for one side: the value, whether it was cut,
// and of a cut value its type, which its beginning as a string does not show. The size
// is 0 where the text itself has it.
func (e Excerpt) parts() (raw json.RawMessage, cut bool, typ *ValueType, size int) {
	if e.Type == AbsentType {
		return nil, false, nil, 0
	}
	if e.Cut {
		t := e.Type
		return json.RawMessage(text.Quote(e.JSON)), true, &t, e.Size
	}
	if e.Size != len(e.JSON) {
		size = e.Size
	}
	return json.RawMessage(e.JSON), false, nil, size
}

// join is the inverse of parts.
func (e *Excerpt) join(raw json.RawMessage, cut bool, typ *ValueType, size int) error {
	*e = Excerpt{}
	switch {
	case len(raw) == 0:
		return nil
	case cut:
		if err := json.Unmarshal(raw, &e.JSON); err != nil {
			return fmt.Errorf("read a cut excerpt: %w", err)
		}
		e.Cut, e.Size = true, size
		if typ != nil {
			e.Type = *typ
		}
		return nil
	}
	e.JSON = literal.PlainEscapes(string(raw))
	e.Type = typeOfByte(e.JSON[0])
	e.Size = size
	if size == 0 {
		e.Size = len(e.JSON)
	}
	return nil
}

// typesByByte are the types of JSON values by their first byte; that of a number has many.
var typesByByte = [256]ValueType{'{': ObjectType, '[': ArrayType, '"': StringType, 't': BoolType, 'f': BoolType, 'n': NullType}

// typeOfByte tells a JSON value's type from its first byte.
func typeOfByte(c byte) ValueType { return cmp.Or(typesByByte[c], NumberType) }

var (
	// The words of the enumerations in run.json. Their order is that of the constants; a word is
	// never changed, as archives hold it.
	kindWords = text.Words[Kind]{
		Added: "added", Removed: "removed", Changed: "changed", TypeChanged: "type", Moved: "moved", Order: "order",
		Length: "length", DuplicateKey: "duplicate-key", Invalid: "invalid", Limit: "limit",
	}
	severityWords = text.Words[Severity]{
		Identical: "identical", Ignored: "ignored", Additive: "additive", OrderOnly: "order", OtherValue: "value",
		Nullability: "nullability", Type: "type", RemovedMember: "removed", StatusClass: "status",
	}
	whereWords = text.Words[Where]{InStatus: "status", InHeader: "header", InBody: "body"}
	modeWords  = text.Words[Mode]{Strict: "strict", Subset: "subset", Shape: "shape"}
	typeWords  = text.Words[ValueType]{
		AbsentType: "absent", NullType: "null", BoolType: "boolean", NumberType: "number", StringType: "string",
		ArrayType: "array", ObjectType: "object",
	}
)

// String is the kind's word in reports: added, removed, changed, type, …
func (k Kind) String() string { return kindWords.Of(k) }

// MarshalText writes the kind's word; an invalid kind is an error.
func (k Kind) MarshalText() ([]byte, error) { return kindWords.Marshal("kind", k) }

// UnmarshalText reads a kind's word.
func (k *Kind) UnmarshalText(word []byte) error { return kindWords.Unmarshal("kind", word, k) }

// String is the severity's word in reports: identical, ignored, additive, …
func (s Severity) String() string { return severityWords.Of(s) }

// MarshalText writes the severity's word; an invalid severity is an error.
func (s Severity) MarshalText() ([]byte, error) { return severityWords.Marshal("severity", s) }

// UnmarshalText reads a severity's word.
func (s *Severity) UnmarshalText(word []byte) error {
	return severityWords.Unmarshal("severity", word, s)
}

// String is the part's word in reports: status, header or body.
func (w Where) String() string { return whereWords.Of(w) }

// MarshalText writes the part's word; an invalid part is an error.
func (w Where) MarshalText() ([]byte, error) { return whereWords.Marshal("part", w) }

// UnmarshalText reads a part's word.
func (w *Where) UnmarshalText(word []byte) error { return whereWords.Unmarshal("part", word, w) }

// String is the mode's word in scenario files: strict, subset or shape.
func (m Mode) String() string { return modeWords.Of(m) }

// MarshalText writes the mode's word; an invalid mode is an error.
func (m Mode) MarshalText() ([]byte, error) { return modeWords.Marshal("mode", m) }

// UnmarshalText reads a mode's word.
func (m *Mode) UnmarshalText(word []byte) error { return modeWords.Unmarshal("mode", word, m) }

// String is the type's word: absent, null, boolean, number, string, array or object.
func (t ValueType) String() string { return typeWords.Of(t) }

// MarshalText writes the type's word; an invalid type is an error.
func (t ValueType) MarshalText() ([]byte, error) { return typeWords.Marshal("type", t) }

// UnmarshalText reads a type's word.
func (t *ValueType) UnmarshalText(word []byte) error { return typeWords.Unmarshal("type", word, t) }
