package diff

import (
	"bytes"
	"iter"

	"github.com/bgverify/bgverify/diff/path"
)

// A Value is one value of a JSON text, with its place in the text. It is read-only and
// safe for concurrent use; the text must not change while a Value of it is in use. All
// is kept as written: the order of members, names that an object has twice, numbers
// digit by digit. The zero Value is absent: of type AbsentType, without text.
//
// Whoever looks into JSON looks through a Value. A Message can carry the Value of its
// body, so that the comparison does not read it again; see Message.Read.
type Value struct {
	t *tree
	i uint32
}

// A value of usual JSON takes about bytesPerValue bytes. Read reserves room for as many
// values as a text may have by that, up to mostReserved, and grows it where there are more.
const (
	bytesPerValue = 12
	mostReserved  = 1 << 14
)

// Read reads a JSON text by the rules of Compare (rule 1), but for names that an object
// has twice: both members are there, and Value.Repeated names the first repetition. The
// error is a *SyntaxError.
func Read(text []byte) (Value, error) {
	p := parser{lim: (&Options{}).limits()}
	p.lim.duplicates = 'k'
	t := &tree{nodes: make([]node, 0, min(len(text)/bytesPerValue+1, mostReserved))}
	p.parse(t, text, deadState)
	if t.err != nil {
		return Value{}, t.err
	}
	return Value{t: t}, nil
}

// ReadStrict is Read, but a name that an object has twice is an error too: what it
// accepts is what Compare compares under the default options.
func ReadStrict(text []byte) (Value, error) {
	v, err := Read(text)
	if err != nil {
		return Value{}, err
	}
	if err := v.Repeated(); err != nil {
		return Value{}, err
	}
	return v, nil
}

// Repeated is the error for the first name that an object of the text has twice; nil
// where there is none.
func (v Value) Repeated() error {
	if v.t == nil || v.t.nDups == 0 {
		return nil
	}
	return v.t.repeated(0)
}

// Type is the value's JSON type; AbsentType for the zero Value.
func (v Value) Type() ValueType {
	if v.t == nil {
		return AbsentType
	}
	return v.t.nodes[v.i].typ
}

// Exists reports whether there is a value.
func (v Value) Exists() bool { return v.t != nil }

// Offset is the offset in the text of the value's first byte, and End the one after its
// last byte. End of a container takes time that grows with the number of its elements.
func (v Value) Offset() int { return int(v.t.nodes[v.i].start) }

// End is the offset in the text after the value's last byte.
func (v Value) End() int { return v.t.end(v.i) }

// JSON is the value as written; nil for the zero Value. It shares the text's memory.
func (v Value) JSON() []byte {
	if v.t == nil {
		return nil
	}
	return v.t.text(v.i)
}

// Text is the content of a string; of any other value the JSON as written.
func (v Value) Text() string {
	if v.Type() == StringType {
		return string(v.t.stringText(v.i))
	}
	return string(v.JSON())
}

// Source is the whole text that v is in; nil for the zero Value.
func (v Value) Source() []byte {
	if v.t == nil {
		return nil
	}
	return v.t.src
}

// Path is the normalized path of v from the root of its text; see Difference.Path.
func (v Value) Path() string {
	if v.t == nil {
		return ""
	}
	return v.t.pathTo(v.i)
}

// Size is the number of values in v: v itself and all below it; 0 for the zero Value.
func (v Value) Size() int {
	if v.t == nil {
		return 0
	}
	return int(v.t.nodes[v.i].next - v.i)
}

// At is the n-th value in v in the order of the text, from v itself, which is number 0,
// to Size-1. It takes constant time, so that whoever picks values at random need not
// make a list of them.
func (v Value) At(n int) Value { return Value{v.t, v.i + uint32(n)} }

// Len is the number of members of an object or elements of an array; 0 for a scalar.
func (v Value) Len() int {
	n := 0
	for range v.Children() {
		n++
	}
	return n
}

// Children are the members of an object or elements of an array, in the order of the
// text; none for a scalar.
func (v Value) Children() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Type() < ArrayType {
			return
		}
		for c, end := v.i+1, v.t.nodes[v.i].next; c < end; c = v.t.nodes[c].next {
			if !yield(Value{v.t, c}) {
				return
			}
		}
	}
}

// Name is the name of a member without its quotes and escapes. It is "" for an element
// and for the root.
func (v Value) Name() string {
	if !v.IsMember() {
		return ""
	}
	return string(v.t.keyText(v.i))
}

// IsMember reports whether the value is a member of an object.
func (v Value) IsMember() bool { return v.t != nil && v.t.nodes[v.i].flags&flagMember != 0 }

// NameJSON is the name of a member as written, with its quotes.
func (v Value) NameJSON() []byte {
	from := v.NameOffset()
	return v.t.src[from : from+2+len(v.t.rawKey(v.i))]
}

// NameOffset is the offset in the text of the quote that opens a member's name.
func (v Value) NameOffset() int { return int(v.t.nodes[v.i].key) - 1 }

// Member is the first member of an object that has the name; the zero Value where
// there is none, or where v is not an object.
func (v Value) Member(name string) Value {
	if v.Type() != ObjectType {
		return Value{}
	}
	want := []byte(name)
	for c := range v.Children() {
		if bytes.Equal(v.t.keyText(c.i), want) {
			return c
		}
	}
	return Value{}
}

// Element is the element of an array at index, counted from its end when negative; the
// zero Value where there is none, or where v is not an array.
func (v Value) Element(index int) Value {
	if v.Type() != ArrayType {
		return Value{}
	}
	if index < 0 {
		if index += v.Len(); index < 0 {
			return Value{}
		}
	}
	for c := range v.Children() {
		if index == 0 {
			return c
		}
		index--
	}
	return Value{}
}

// Select finds the values at a pattern below v, each once, in document order. Paths
// begin at v: v itself is $.
func (v Value) Select(p *Pattern) []Node {
	if v.t == nil {
		return nil
	}
	var prog path.Program
	prog.Add(p, 0)
	prog.Finish(hashBytes)
	s := selection{t: v.t, auto: path.NewAutomaton(&prog, func(owners []int) bool { return len(owners) > 0 })}
	s.visit(v.i, s.auto.Root, []byte{'$'})
	return s.found
}

// A Node is a value that Select has found.
type Node struct {
	// Path is normalized, see Difference.Path.
	Path string
	// Type is that of the value.
	Type ValueType
	// JSON is as written; it shares the body's memory.
	JSON []byte
	// Value is the value for further reading.
	Value Value
}

// A selection walks a tree and collects the values at a pattern.
type selection struct {
	t     *tree
	auto  *path.Automaton[bool]
	found []Node
}

// visit walks a subtree in document order. st is the state of the patterns at node i, and at its
// path; a state in which nothing below can match ends the walk.
func (s *selection) visit(i uint32, st path.State, at []byte) {
	if st == deadState {
		return
	}
	if *s.auto.Effects(st) {
		v := Value{s.t, i}
		s.found = append(s.found, Node{Path: string(at), Type: v.Type(), JSON: v.JSON(), Value: v})
	}
	at = at[:len(at):len(at)]
	below(s.auto, st, s.t, i, func(c uint32, index int, st path.State) {
		if s.t.nodes[c].flags&flagMember != 0 {
			s.visit(c, st, path.AppendName(at, s.t.keyText(c)))
		} else {
			s.visit(c, st, path.AppendIndex(at, index))
		}
	})
}
