package diff

import "fmt"

// words ties the values of an enumeration to the words that files and reports
// use for them. An empty word marks a value that does not exist.
type words []string

func (w words) text(typ string, v uint8) string {
	if int(v) >= len(w) || w[v] == "" {
		return fmt.Sprintf("%s(%d)", typ, v)
	}
	return w[v]
}

func (w words) marshal(typ string, v uint8) ([]byte, error) {
	if int(v) >= len(w) || w[v] == "" {
		return nil, fmt.Errorf("marshal invalid %s %d", typ, v)
	}
	return []byte(w[v]), nil
}

func (w words) unmarshal(typ string, text []byte) (uint8, error) {
	for i, s := range w {
		if s != "" && s == string(text) {
			return uint8(i), nil
		}
	}
	return 0, fmt.Errorf("unknown %s %q", typ, text)
}

var (
	kindWords     = words{Added: "added", Removed: "removed", Changed: "changed", TypeChanged: "type", Moved: "moved", Order: "order", Length: "length", DuplicateKey: "duplicate-key", Invalid: "invalid", Limit: "limit"}
	severityWords = words{Identical: "identical", Ignored: "ignored", Additive: "additive", OrderOnly: "order", OtherValue: "value", Nullability: "nullability", Type: "type", RemovedMember: "removed", StatusClass: "status"}
	whereWords    = words{InStatus: "status", InHeader: "header", InBody: "body"}
	modeWords     = words{Strict: "strict", Subset: "subset", Shape: "shape"}
	typeWords     = words{AbsentType: "absent", NullType: "null", BoolType: "boolean", NumberType: "number", StringType: "string", ArrayType: "array", ObjectType: "object"}
)

// String is the kind's word in reports: added, removed, changed, type, …
func (k Kind) String() string { return kindWords.text("Kind", uint8(k)) }

// MarshalText writes the kind's word; an invalid kind is an error.
func (k Kind) MarshalText() ([]byte, error) { return kindWords.marshal("kind", uint8(k)) }

// UnmarshalText reads a kind's word.
func (k *Kind) UnmarshalText(text []byte) error {
	v, err := kindWords.unmarshal("kind", text)
	*k = Kind(v)
	return err
}

// String is the severity's word in reports: identical, ignored, additive, …
func (s Severity) String() string { return severityWords.text("Severity", uint8(s)) }

// MarshalText writes the severity's word; an invalid severity is an error.
func (s Severity) MarshalText() ([]byte, error) { return severityWords.marshal("severity", uint8(s)) }

// UnmarshalText reads a severity's word.
func (s *Severity) UnmarshalText(text []byte) error {
	v, err := severityWords.unmarshal("severity", text)
	*s = Severity(v)
	return err
}

// String is the part's word in reports: status, header or body.
func (w Where) String() string { return whereWords.text("Where", uint8(w)) }

// MarshalText writes the part's word; an invalid part is an error.
func (w Where) MarshalText() ([]byte, error) { return whereWords.marshal("part", uint8(w)) }

// UnmarshalText reads a part's word.
func (w *Where) UnmarshalText(text []byte) error {
	v, err := whereWords.unmarshal("part", text)
	*w = Where(v)
	return err
}

// String is the mode's word in scenario files: strict, subset or shape.
func (m Mode) String() string { return modeWords.text("Mode", uint8(m)) }

// MarshalText writes the mode's word; an invalid mode is an error.
func (m Mode) MarshalText() ([]byte, error) { return modeWords.marshal("mode", uint8(m)) }

// UnmarshalText reads a mode's word.
func (m *Mode) UnmarshalText(text []byte) error {
	v, err := modeWords.unmarshal("mode", text)
	*m = Mode(v)
	return err
}

// String is the type's word: absent, null, boolean, number, string, array or object.
func (t ValueType) String() string { return typeWords.text("ValueType", uint8(t)) }

// MarshalText writes the type's word; an invalid type is an error.
func (t ValueType) MarshalText() ([]byte, error) { return typeWords.marshal("type", uint8(t)) }

// UnmarshalText reads a type's word.
func (t *ValueType) UnmarshalText(text []byte) error {
	v, err := typeWords.unmarshal("type", text)
	*t = ValueType(v)
	return err
}
