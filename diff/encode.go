package diff

import (
	"encoding/json"
	"fmt"

	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/internal/text"
)

// differenceJSON is a Difference as files carry it. blue and green are the raw
// JSON values; a side that has nothing there has no member; a value cut to the
// bound is a string holding its beginning, with blue_cut or green_cut beside it.
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

// typeOfByte tells a JSON value's type from its first byte.
func typeOfByte(c byte) ValueType {
	switch c {
	case '{':
		return ObjectType
	case '[':
		return ArrayType
	case '"':
		return StringType
	case 't', 'f':
		return BoolType
	case 'n':
		return NullType
	default:
		return NumberType
	}
}
