package judge

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/diff/notation"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A Test is not changed after it was made. It may be shared by walks, and its tests with it.
// A Test is a matcher with its operands expanded.
type Test struct {
	// Op says which of the fields below are used.
	Op scenarios.Op
	// Operand is the value to compare with; for yes-or-no tests, true or false.
	Operand scenarios.Value
	// Loose is set when the operand came out of a placeholder: a cell of a CSV
	// file is text and equals the number that it spells.
	Loose bool
	// Typed is set where the suite compares numbers by type: an integer is then no
	// equal of a number with a fraction or an exponent.
	Typed bool
	List  []Test // in: one eq each
	Sub   []Test // count, each, not
	// None is set for each where a count next to it accepts 0: there may be no element.
	None bool
	At   string // file:line:col

	re *regexp.Regexp // matches
}

// newTests expands matchers in a scope, which may be nil where none has a placeholder. compile
// makes their regular expressions. The error is the first placeholder without a value, or the
// first expression that cannot be compiled, with its place in the file. Subordinate tests are
// made the same way.
func newTests(matchers []scenarios.Matcher, sc template.Scope, compile func(string) (*regexp.Regexp, error)) ([]Test, error) {
	out := make([]Test, 0, len(matchers))
	for _, m := range matchers {
		t := Test{Op: m.Op, At: m.Pos.String()}
		if m.Value != nil {
			v, err := m.Value.Expand(sc)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.Value.Pos, err)
			}
			t.Operand, t.Loose = v, strings.Contains(m.Value.Text, "{{")
		}
		for _, l := range m.List {
			v, err := l.Expand(sc)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.Pos, err)
			}
			t.List = append(t.List, Test{Op: scenarios.OpEq, Operand: v, Loose: strings.Contains(l.Text, "{{")})
		}
		sub, err := newTests(m.Sub, sc, compile)
		if err != nil {
			return nil, err
		}
		t.Sub = sub
		if m.Op == scenarios.OpMatches {
			if t.re, err = compile(t.Operand.Text); err != nil {
				return nil, fmt.Errorf("%s: %w", m.Pos, err)
			}
		}
		out = append(out, t)
	}
	// each depends on a count that may come before or after it, hence a second pass.
	for i := range out {
		out[i].None = out[i].Op == scenarios.OpEach && acceptsNone(out)
	}
	return out, nil
}

// acceptsNone reports whether a count among the tests accepts 0. count: {lte: 5} accepts 0;
// count: 3 does not.
func acceptsNone(tests []Test) bool {
	return slices.ContainsFunc(tests, func(t Test) bool { return t.Op == scenarios.OpCount && t.counts(0) })
}

// String says the test as reports do: count gte 100. The text is that of the file as far as
// possible, with its placeholders replaced, because a reader will look for it there.
func (t *Test) String() string {
	switch {
	case len(t.Sub) > 0:
		parts := make([]string, len(t.Sub))
		for i := range t.Sub {
			parts[i] = t.Sub[i].String()
		}
		return t.Op.String() + " " + strings.Join(parts, ", ")
	case t.Op == scenarios.OpIn:
		parts := make([]string, len(t.List))
		for i := range t.List {
			parts[i] = t.List[i].Operand.JSON
		}
		return "in [" + strings.Join(parts, ", ") + "]"
	case t.Op == scenarios.OpEq && t.Loose:
		return "is " + t.Operand.Text
	case t.Op == scenarios.OpEq:
		return "is " + t.Operand.JSON
	default:
		return t.Op.String() + " " + t.Operand.Text
	}
}

// want reports whether the operand of a yes-or-no test says yes. Everything except the word
// false says yes.
func (t *Test) want() bool { return t.Operand.Text != "false" }

// holds tests one value. An unknown test never holds. The operators that need more than one
// value (count and unique at a path of several places) are handled by subject.run.
// Comparisons of the wrong type are false and not errors: a text is not less than 5.
func (t *Test) holds(d datum) bool {
	switch t.Op {
	case scenarios.OpEq:
		return t.equals(d)
	case scenarios.OpNe:
		return !t.equals(d)
	case scenarios.OpLt, scenarios.OpLte, scenarios.OpGt, scenarios.OpGte:
		return t.orders(d)
	case scenarios.OpIn:
		return slices.ContainsFunc(t.List, func(one Test) bool { return one.equals(d) })
	case scenarios.OpContains:
		return t.contains(d)
	case scenarios.OpMatches:
		return t.re != nil && (d.kind == diff.StringType || d.kind == diff.NumberType || d.kind == diff.BoolType) &&
			t.re.MatchString(d.text)
	case scenarios.OpType:
		return isType(d, t.Operand.Text) && !(t.Typed && t.Operand.Text == "integer" && strings.ContainsAny(d.text, ".eE"))
	case scenarios.OpFormat:
		return d.kind == diff.StringType && isFormat(t.Operand.Text, d.text)
	case scenarios.OpInstant:
		return d.kind == diff.StringType && sameInstant(d.text, t.Operand.Text)
	case scenarios.OpEmpty:
		return isEmpty(d) == t.want()
	// There is a value, or else holds would not be asked.
	case scenarios.OpExists:
		return t.want()
	case scenarios.OpUnique:
		return (d.kind == diff.ArrayType || d.loose) && hasRepeats(elements(d)) != t.want()
	case scenarios.OpCount:
		n, ok := size(d)
		return ok && t.counts(n)
	case scenarios.OpEach:
		// A single header value counts as a list of one.
		if d.kind != diff.ArrayType && !d.loose {
			return false
		}
		found := elements(d)
		return (len(found) > 0 || t.None) && t.each(found) == nil
	// not holds where none of its tests does.
	case scenarios.OpNot:
		return !slices.ContainsFunc(t.Sub, func(one Test) bool { return one.holds(d) })
	}
	return false
}

// isFormat knows the formats of rules, and two that only expectations have. An address with a
// name before it is not an email here: the value is to be one address.
func isFormat(name, text string) bool {
	switch name {
	case "date":
		_, err := time.Parse(time.DateOnly, text)
		return err == nil
	case "email":
		a, err := mail.ParseAddress(text)
		return err == nil && a.Address == text
	}
	ok, known := notation.Match(name, text)
	return ok && known
}

// sameInstant reports whether two texts are times of RFC 3339 that name one instant, to the
// last digit of their seconds.
func sameInstant(a, b string) bool {
	x, err := time.Parse(time.RFC3339Nano, a)
	if err != nil {
		return false
	}
	y, err := time.Parse(time.RFC3339Nano, b)
	return err == nil && x.Equal(y)
}

// counts tests a number of things; the operand stands for equality. count: 3 and count: {eq: 3}
// are the same.
func (t *Test) counts(n int) bool {
	d := numberDatum(fmt.Sprint(n))
	if len(t.Sub) > 0 {
		return all(t.Sub, d)
	}
	return sameNumber(t.Operand.Text, d.text)
}

// each returns the first element that a subordinate test does not hold for. It is nil where all
// elements pass. The result points into the slice that was given.
func (t *Test) each(ds []datum) *datum {
	for i := range ds {
		if !all(t.Sub, ds[i]) {
			return &ds[i]
		}
	}
	return nil
}

// all reports whether every test holds for a value; of no tests it is true.
func all(tests []Test, d datum) bool {
	for i := range tests {
		if !tests[i].holds(d) {
			return false
		}
	}
	return true
}

// typedNumbers compares values under the reading of numbers `type`. by value is the default;
// this one is made once, because equals is called for every element.
var typedNumbers = func() *diff.Rules {
	rules, errs := diff.Compile(nil, diff.Options{Numbers: diff.Typed})
	if errs != nil { // no rules, no mistakes
		panic(errs)
	}
	return rules
}()

// equals compares numbers as exact decimals, and by type where the suite does,
// strings by code points, arrays and objects whole. Types must agree unless one
// of the two is text by nature.
func (t *Test) equals(d datum) bool {
	// Text that is a number equals a number of that value: 1.0 in a header equals 1. Two texts
	// are compared as they are, so that "01" and "1" stay different.
	want := kindOf(t.Operand.JSON)
	if d.loose || t.Loose {
		a, numeric := literal.ParseNumber(d.text)
		b, ok := literal.ParseNumber(t.Operand.Text)
		if numeric && ok && (d.kind == diff.NumberType || want == diff.NumberType) {
			return a.Compare(b) == 0
		}
		// With a placeholder, true in a CSV cell equals the boolean.
		if d.loose || d.kind == diff.StringType || d.kind == diff.BoolType && t.Loose {
			return d.text == t.Operand.Text
		}
	}
	if want == diff.NumberType && d.kind == diff.NumberType && !t.Typed {
		return sameNumber(d.text, t.Operand.JSON)
	}
	// Without typed numbers nil rules compare by value.
	var rules *diff.Rules // by value
	if t.Typed {
		rules = typedNumbers
	}
	r := diff.Compare([]byte(t.Operand.JSON), []byte(d.json), rules)
	return r.Equal()
}

// sameNumber reports whether two texts are JSON numbers of one exact value. Exact decimals are
// compared, so that large ids do not become equal by rounding.
func sameNumber(a, b string) bool {
	x, ok := literal.ParseNumber(a)
	y, okay := literal.ParseNumber(b)
	return ok && okay && x.Compare(y) == 0
}

// orders compares numbers; text that spells a number counts as one only where
// all values are text (headers, cookies).
func (t *Test) orders(d datum) bool {
	if d.kind != diff.NumberType && !d.loose {
		return false
	}
	got, ok := literal.ParseNumber(d.text)
	want, okay := literal.ParseNumber(t.Operand.Text)
	if !ok || !okay {
		return false
	}
	c := got.Compare(want)
	switch t.Op {
	case scenarios.OpLt:
		return c < 0
	case scenarios.OpLte:
		return c <= 0
	case scenarios.OpGt:
		return c > 0
	default:
		return c >= 0
	}
}

// contains says whether text has the operand in it, an array has an equal element, an object has a member of
// that name. An element is compared as eq does, with the same settings for text and numbers.
func (t *Test) contains(d datum) bool {
	switch d.kind {
	case diff.StringType:
		return strings.Contains(d.text, t.Operand.Text)
	case diff.ArrayType:
		return slices.ContainsFunc(elements(d), t.equals)
	case diff.ObjectType:
		return d.tree().Member(t.Operand.Text).Exists()
	default:
		return false
	}
}
