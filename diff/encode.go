package diff

import (
	"encoding/json"
	"fmt"
	"strings"
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
	return marshalPlain(out)
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
		return quoteJSON(e.JSON), true, &t, e.Size
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
	e.JSON = plainEscapes(string(raw))
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

// marshalPlain is json.Marshal without the escapes that only HTML needs.
func marshalPlain(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}

// plainASCII reports whether a JSON string of s is s between quotes.
func plainASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// quoteJSON writes s as a JSON string.
func quoteJSON(s string) json.RawMessage {
	if plainASCII(s) {
		return append(append(append(make([]byte, 0, len(s)+2), '"'), s...), '"')
	}
	b, err := marshalPlain(s)
	if err != nil { // a string always encodes
		panic(err)
	}
	return b
}

// plainEscapes undoes the escapes that a JSON writer adds for HTML's sake, so
// that an excerpt reads the same however often it was written and read.
func plainEscapes(s string) string {
	if !strings.Contains(s, `\u`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 >= len(s) {
			b.WriteByte(s[i])
			continue
		}
		if i+6 <= len(s) && s[i+1] == 'u' {
			if r, ok := htmlEscapes[strings.ToLower(s[i+2:i+6])]; ok {
				b.WriteString(r)
				i += 5
				continue
			}
		}
		b.WriteString(s[i : i+2])
		i++
	}
	return b.String()
}

var htmlEscapes = map[string]string{"003c": "<", "003e": ">", "0026": "&", "2028": "\u2028", "2029": "\u2029"}

// resultJSON is what `bgverify diff --output json` prints.
type resultJSON struct {
	Equal       bool         `json:"equal"`
	Severity    Severity     `json:"severity"`
	Differences []Difference `json:"differences"`
	Ignored     []Difference `json:"ignored"`
	Total       int          `json:"total"`
	Causes      []Cause      `json:"causes"`
	Notes       []string     `json:"notes,omitempty"`
	Forms       []Form       `json:"forms,omitempty"`
}

// MarshalJSON writes the result with its causes, lists never null:
// {"equal":false,"differences":[…],"ignored":[…],"total":0,"causes":[…]}.
func (r Result) MarshalJSON() ([]byte, error) {
	causes := NewCauses()
	causes.Add("", r.Differences)
	out := resultJSON{
		Equal: r.Equal(), Severity: r.Severity, Differences: r.Differences, Ignored: r.Hidden,
		Total: r.Total, Causes: causes.List(), Notes: r.Notes, Forms: r.Forms,
	}
	if out.Differences == nil {
		out.Differences = []Difference{}
	}
	if out.Ignored == nil {
		out.Ignored = []Difference{}
	}
	if out.Causes == nil {
		out.Causes = []Cause{}
	}
	return marshalPlain(out)
}
