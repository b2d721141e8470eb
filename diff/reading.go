package diff

import (
	"bytes"
	"math"
	"slices"

	"github.com/bgverify/bgverify/diff/literal"
)

// A NumberReading says when two JSON numbers are equal. A rule `number` names
// one in `as` for its places, Options.Numbers holds for all other numbers.
type NumberReading uint8

// The readings of numbers.
const (
	Decimal NumberReading = iota // the same exact value: 1, 1.0 and 1e0 are equal
	Typed                        // the same value, and both with a fraction or an exponent, or both without: 1 and 1.0 differ
	Lexeme                       // the same bytes: 1.0 and 1.00 differ too
	Float64                      // the same nearest float64
)

// readingWords are the words of files, by reading.
var readingWords = []string{Decimal: "decimal", Typed: "type", Lexeme: "lexeme", Float64: "float64"}

// String is the word that files use: decimal, type, lexeme or float64.
func (r NumberReading) String() string {
	if int(r) < len(readingWords) {
		return readingWords[r]
	}
	return "unknown"
}

// ReadingOf is the reading of a word of a file; Decimal for a word that names none.
func ReadingOf(word string) NumberReading {
	return NumberReading(max(0, slices.Index(readingWords, word)))
}

// notationNote explains a difference between two numbers of the same value.
const notationNote = "an integer on one side, a fraction or exponent on the other (number: type)"

// fractional reports whether a JSON number is written with a fraction or an
// exponent. Parsers with integer types refuse such a number, or read it as a
// floating-point one, whatever its value.
func fractional[T ~string | ~[]byte](number T) bool {
	for i := range len(number) {
		switch number[i] {
		case '.', 'e', 'E':
			return true
		}
	}
	return false
}

// numberHash is equal for numbers that a reading takes for equal.
func (t *tree) numberHash(i uint32, r NumberReading) uint64 {
	switch text := t.text(i); r {
	case Lexeme:
		return hashBytes(text) ^ kNumber
	case Float64:
		return mix(math.Float64bits(floatOf(text)+0)^kNumber, kValue) // + 0: -0 is 0
	case Typed:
		return typedHash(t.valueHash(i), text)
	}
	return t.valueHash(i)
}

// typedHash makes the hash of a number's value that of its value and notation.
// Applied twice it gives the value's hash back.
func typedHash(h uint64, text []byte) uint64 {
	if fractional(text) {
		return h ^ kFraction
	}
	return h
}

// valueHash is the hash of a node by value, whatever the tree's reading of
// numbers: keys pair elements by it, so that an id that became 1.0 is one
// changed number and not an element removed and another one added.
func (t *tree) valueHash(i uint32) uint64 {
	if t.typed && t.nodes[i].typ == NumberType {
		return typedHash(t.nodes[i].hash, t.text(i))
	}
	return t.nodes[i].hash
}

// reading is how numbers are compared at a place: as a rule there says, else as
// the options do.
func (e *engine) reading(eff *effect) NumberReading {
	if eff.number != 0 {
		return e.rules.prog.rules[eff.number-1].reading
	}
	return e.rules.opts.Numbers
}

// twoTypes reports whether integers and fractions are two types of number under this
// effect, which no rule that is about the value takes for each other. typed is whether
// the options' reading is Typed.
func (e *effect) twoTypes(typed bool) bool {
	switch {
	case e.anyNotation:
		return false
	case e.number == 0:
		return typed
	}
	return e.reading == Typed || e.reading == Lexeme && typed
}

// otherNumber reports, and records, that one of two values is an integer and the other
// one a fraction, at a place where these are two types. Neither mode Shape nor an ignore
// rule for the place hides it.
func (e *engine) otherNumber(b, g uint32, eff *effect) bool {
	if e.b.nodes[b].typ != NumberType || !eff.twoTypes(e.rules.opts.Numbers == Typed) {
		return false
	}
	bt, gt := e.b.text(b), e.g.text(g)
	if fractional(bt) == fractional(gt) {
		return false
	}
	note := ""
	if eff.ignore != 0 || e.rules.opts.Mode == Shape || literal.SameNumber(bt, gt) {
		note = notationNote
	}
	e.retyped = true
	e.found(Changed, b, g, eff, note)
	e.retyped = false
	return true
}

// number compares two numbers:
//
//  1. Where integers and fractions are two types, one for the other is a difference, which
//     neither a tolerance nor a map nor a time accepts: these are about the value. Only a
//     time rule with notation: any does.
//  2. Numbers that the place's reading takes for equal are equal. Where the
//     options' reading would tell them apart, the rule `number` has hidden a
//     difference.
//  3. Else a tolerance or a time may accept the pair.
func (e *engine) number(b, g uint32, eff *effect) {
	if e.otherNumber(b, g, eff) { // Rule 1
		return
	}
	bt, gt := e.b.text(b), e.g.text(g)
	reading := e.reading(eff)
	same := e.b.nodes[b].hash == e.g.nodes[g].hash // as the options read them
	if reading == Lexeme {
		same = bytes.Equal(bt, gt)
	}
	if eff.mapping != 0 && e.mapped(b, g, eff, string(bt), string(gt), same) || same {
		return
	}
	var by ruleRef
	switch {
	case reading == Decimal && eff.number != 0 && literal.SameNumber(bt, gt), reading == Float64 && floatOf(bt) == floatOf(gt): // Rule 2
		by = eff.number
	case len(eff.accepts) > 0: // Rule 3
		by = e.rules.prog.acceptsNumbers(eff, &valuePair{blue: string(bt), green: string(gt)})
	}
	e.change(b, g, eff, by)
}
