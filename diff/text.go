package diff

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/diff/notation"
	"github.com/bgverify/bgverify/diff/token"
)

// A valuePair is two values that differ, as the rules that may accept them see
// them: texts without their quotes, numbers as written.
type valuePair struct {
	// blue and green are as the sides sent them.
	blue, green string
	// Texts after the normalisers and rewrites so far.
	changedBlue, changedGreen string
	// at is when the two answers came.
	at [2]time.Time
}

// acceptsTexts is the rule under which two different texts are the same; 0 when
// there is none, and why where the texts do not show it.
func (g *program) acceptsTexts(eff *effect, blue, green string, at [2]time.Time) (by ruleRef, why string) {
	p := valuePair{blue: blue, green: green, changedBlue: blue, changedGreen: green, at: at}
	for _, ref := range eff.accepts {
		r := &g.rules[ref-1]
		if r.row.text == nil {
			continue
		}
		same, reason := r.row.text(r, &p)
		if same {
			return ref, ""
		}
		why = cmp.Or(why, reason)
	}
	return 0, why
}

// acceptsNumbers is the rule under which two different numbers are the same; 0
// when there is none.
func (g *program) acceptsNumbers(eff *effect, p *valuePair) ruleRef {
	for _, ref := range eff.accepts {
		if r := &g.rules[ref-1]; r.row.number != nil && r.row.number(r, p) {
			return ref
		}
	}
	return 0
}

// sameNormalised is what a string rule accepts: texts that its normalisers make
// the same.
func (r *compiledRule) sameNormalised(p *valuePair) (bool, string) {
	for _, f := range r.normal {
		p.changedBlue, p.changedGreen = f(p.changedBlue), f(p.changedGreen)
	}
	return p.changedBlue == p.changedGreen, ""
}

// sameRewritten is what a rewrite accepts: texts that are the same once it has
// put its placeholder into both, after the rewrites before it.
func (r *compiledRule) sameRewritten(p *valuePair) (bool, string) {
	p.changedBlue, p.changedGreen = r.rewritten(p.changedBlue, p.changedGreen)
	return p.changedBlue == p.changedGreen, ""
}

// sameWithin is what a tolerance accepts.
func (r *compiledRule) sameWithin(p *valuePair) bool {
	return literal.Within([]byte(p.blue), []byte(p.green), r.abs, r.rel)
}

// sameTime reports whether two texts are moments at most Within apart, in one
// notation unless the rule says any. A time without a zone is then read as UTC.
func (r *compiledRule) sameTime(blue, green string) bool {
	b, ok := notation.ParseStamp(blue)
	if !ok {
		return false
	}
	g, ok := notation.ParseStamp(green)
	if !ok || b.Notation != g.Notation && r.Notation != anyNotation {
		return false
	}
	return g.At.Sub(b.At).Abs() <= r.Within
}

// sameFormat reports whether two different texts are the same under a format rule,
// or else why not where that is not plain to see.
func (r *compiledRule) sameFormat(blue, green string, at [2]time.Time) (same bool, why string) {
	if r.Is == "regex" || r.Notation == anyNotation {
		return r.format(blue) && r.format(green) && notation.IsNone(r.Is, blue) == notation.IsNone(r.Is, green), ""
	}
	return SameFormat(r.Is, blue, green, at)
}

// maxRegexpInput bounds the strings that a pattern is tried on.
const maxRegexpInput = 64 << 10

// rewritten replaces blue's text in blue's value and green's in green's, or
// what the pattern matches in both, with the rule's placeholder.
func (r *compiledRule) rewritten(blue, green string) (string, string) {
	mark := "\x00" + r.As + "\x00" // no text that a body can hold by itself
	if r.re != nil {
		if len(blue) > maxRegexpInput || len(green) > maxRegexpInput {
			return blue, green
		}
		return r.re.ReplaceAllLiteralString(blue, mark), r.re.ReplaceAllLiteralString(green, mark)
	}
	return strings.ReplaceAll(blue, r.BlueText, mark), strings.ReplaceAll(green, r.GreenText, mark)
}

// Bijections carry what `map` rules have paired over a case: under one name a
// value of blue has exactly one partner on green, and the other way round. Not
// for concurrent use.
type Bijections struct {
	partners map[partnerKey]string
}

// A partnerKey is a value of one side under the name of a map rule.
type partnerKey struct{ name, side, value string }

// NewBijections has paired nothing yet.
func NewBijections() *Bijections { return &Bijections{} }

// Clone is a copy that pairs on its own; nil of nil.
func (s *Bijections) Clone() *Bijections {
	if s == nil {
		return nil
	}
	return &Bijections{maps.Clone(s.partners)}
}

// isBlank reports whether a number, or a text with its first quote, is not an id: white space
// alone, 0 and -1, a word such as null, and a UUID, ULID or hex whose bits are all alike.
func isBlank(id string) bool {
	text := strings.TrimSpace(strings.TrimPrefix(id, `"`))
	return text == "" || text == "0" || text == "-1" || notation.IsWordForNone(text) ||
		notation.IsNone("hex", text) || notation.IsNone("ulid", text)
}

// pair makes blue and green partners; when one of them has another partner
// already, or is not an id where the other is one, it reports false and says so.
func (s *Bijections) pair(name, blue, green string) (was string, ok bool) {
	if isBlank(blue) != isBlank(green) {
		return "map " + name + ": one of them means no value", false
	}
	b, g := partnerKey{name, "blue", blue}, partnerKey{name, "green", green}
	if was, known := s.partners[b]; known && was != green {
		return fmt.Sprintf("map %s: blue's %s was green's %s before", name, shown(blue), shown(was)), false
	}
	if was, known := s.partners[g]; known && was != blue {
		return fmt.Sprintf("map %s: green's %s was blue's %s before", name, shown(green), shown(was)), false
	}
	if s.partners == nil {
		s.partners = map[partnerKey]string{}
	}
	s.partners[b], s.partners[g] = green, blue
	return "", true
}

// shown is a bijection's value for people: a string's mark is dropped, a long
// one cut.
func shown(v string) string {
	v = strings.TrimPrefix(v, `"`)
	if len(v) > 64 {
		v = strings.ToValidUTF8(v[:64], "") + "…"
	}
	return v
}

// maxEmbedded bounds documents inside documents.
const maxEmbedded = 4

// inside compares two strings as the documents they hold. It reports false
// when one of them holds none; the strings then differ as strings.
func (e *engine) inside(b, g uint32, st int32, eff *effect, texts [2]string) bool {
	var trees [2]tree
	if e.embedded >= maxEmbedded || !e.open(&trees[0], texts[0], st, eff) || !e.open(&trees[1], texts[1], st, eff) {
		return false
	}
	// The documents take the place of the bodies until they are compared; paths go on
	// inside them, JSON Pointers end at the string.
	outerB, outerG, pointer := e.b, e.g, e.pointer
	if e.embedded == 0 {
		e.pointer, e.outer = len(e.path), e.g
	}
	e.b, e.g = &trees[0], &trees[1]
	e.embedded++
	e.quiet++
	before := e.out.total + e.out.hiddenTotal
	// The rules of the string are those of the document's root, but for the two that
	// have been applied.
	inner := *eff
	inner.embedded, inner.mapping = 0, 0
	bn, gn := &trees[0].nodes[0], &trees[1].nodes[0]
	switch {
	case bn.typ != gn.typ:
		e.found(TypeChanged, 0, 0, &inner, "")
	case bn.hash != gn.hash || (bn.flags|gn.flags)&flagSoft != 0:
		e.values(0, 0, st, &inner)
	}
	e.quiet--
	e.embedded--
	e.b, e.g, e.pointer = outerB, outerG, pointer
	if e.embedded == 0 {
		e.outer = nil
	}
	if e.out.total+e.out.hiddenTotal == before {
		// The documents agree; only their text differs.
		e.change(b, g, eff, eff.embedded)
	}
	return true
}

// open parses the document that a string holds, the rules' state going on
// inside it, and counts what the rules visit there.
func (e *engine) open(t *tree, text string, st int32, eff *effect) bool {
	if e.rules.prog.rules[eff.embedded-1].As == "base64-json" {
		raw, err := decodeBase64(text)
		if err != nil {
			return false
		}
		text = string(raw)
	}
	p := parser{auto: e.auto, prog: e.rules.prog, lim: e.rules.lim}
	p.parse(t, []byte(text), st)
	if t.err != nil {
		return false
	}
	p.visits[st] = 0 // the string itself has been counted, for a rule opened it
	e.addVisits(p.visits, nil)
	return true
}

// standardBase64 writes a text in the alphabet for URLs, or in lines, in the plain one.
var standardBase64 = strings.NewReplacer("-", "+", "_", "/", "\r", "", "\n", "")

// decodeBase64 decodes either alphabet, padded or not, line breaks allowed.
func decodeBase64(s string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(standardBase64.Replace(s), "="))
}

// notationNote explains a difference between two numbers of the same value.
const notationNote = "an integer on one side, a fraction or exponent on the other (number: type)"

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
	if literal.Fractional(bt) == literal.Fractional(gt) {
		return false
	}
	note := ""
	if eff.ignore != 0 || e.rules.opts.Mode == Shape || literal.SameNumber(bt, gt) {
		note = notationNote
	}
	e.shapeless = true
	e.found(Changed, b, g, eff, note)
	e.shapeless = false
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
	if eff.mapping != 0 && e.mapped(b, g, eff, [2]string{string(bt), string(gt)}, same) || same {
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

// SameFormat reports whether two different texts have a named format in one notation.
// Two JSON Web Tokens have to mean the same, see token.Differ; at are the times of the two
// answers. why says what differs where the texts do not show it.
func SameFormat(name, blue, green string, at [2]time.Time) (same bool, why string) {
	f := notation.Format(name)
	switch {
	case !f(blue) || !f(green):
		return false, ""
	case name == "jwt":
		why = token.Differ(blue, green, at, decodeNumbers)
		return why == "", why
	}
	if notation.IsNone(name, blue) != notation.IsNone(name, green) {
		return false, "one of them means no value"
	}
	b, g := notation.Of(name, blue), notation.Of(name, green)
	for i := range b {
		if b[i] != g[i] && b[i] != "" && g[i] != "" {
			return false, "another notation: " + b[i] + " -> " + g[i]
		}
	}
	return true, ""
}
