package diff

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/diff/path"
)

// A span is a piece of a recorder's text.
type span struct{ from, to uint32 }

// A pending difference points into the recorder's text; its strings are made
// once, when the comparison is over.
type pending struct {
	// d is complete but for the strings below; of a difference outside the trees, which has
	// none of them, it is complete.
	d Difference
	// path, bluePtr and greenPtr are the place, for both sides and in each.
	path, bluePtr, greenPtr span
	// blue and green are the excerpts of the values.
	blue, green span
}

// A recorder keeps what a comparison finds.
type recorder struct {
	// buf holds all texts, one after the other.
	buf []byte
	// kept are those that count, hides those that rules hid: at most max each.
	kept, hides []pending
	// total is exact, also beyond max.
	total int
	// hiddenTotal is exact too.
	hiddenTotal int
	// worst is the gravest of those that count.
	worst Severity
	// max is Options.MaxDiffs with its default.
	max int
	// excerpt is how many bytes of one value are shown.
	excerpt int
}

// reset empties the recorder and keeps its memory.
func (r *recorder) reset(opts *Options) {
	*r = recorder{
		buf: r.buf[:0], kept: r.kept[:0], hides: r.hides[:0],
		max: positive(opts.MaxDiffs, 10_000), excerpt: positive(opts.MaxExcerpt, 256),
	}
}

// positive is a bound of the options, or its default where none is given.
func positive(bound, otherwise int) int { return cmp.Or(max(bound, 0), otherwise) }

// maxText bounds the paths and values that are kept of one pair: a hostile name
// would come back in every path below it.
const maxText = 32 << 20

// The names under which modes hide differences.
const (
	subsetRule = "mode: subset"
	shapeRule  = "mode: shape"
)

// severities are what the kinds of difference may break.
var severities = [...]Severity{
	Added: Additive, Removed: RemovedMember, Changed: OtherValue, TypeChanged: Type, Moved: OrderOnly, Order: OrderOnly,
	Length: OrderOnly, DuplicateKey: StatusClass, Invalid: StatusClass, Limit: StatusClass,
}

// severityOf is what a kind of difference between two types may break.
func severityOf(k Kind, blue, green ValueType) Severity {
	if k == TypeChanged && (blue == NullType || green == NullType) {
		return Nullability
	}
	return severities[k]
}

// counted takes a difference into the totals: into those that count or, where rule names what
// hides it, into those that are hidden. It returns the list to keep it in; nil where that has no
// room.
func (r *recorder) counted(rule string, sev Severity) *[]pending {
	list := &r.kept
	if rule == "" {
		r.total++
		r.worst = max(r.worst, sev)
	} else {
		r.hiddenTotal++
		list = &r.hides
	}
	if len(*list) >= r.max || len(r.buf) > maxText {
		return nil
	}
	return list
}

// found records a difference at the current path: counted always, kept while
// there is room. note says more of one that counts.
func (e *engine) found(k Kind, b, g uint32, eff *effect, note string) {
	rule, bounded := e.accepted(k, eff)
	sev := severityOf(k, e.b.typeOf(b), e.g.typeOf(g))
	list := e.out.counted(rule, sev)
	switch {
	case rule == "" && e.patch != nil:
		e.patch.record(e, k, b, g)
	case rule != "" && e.hider == 0:
		e.uncompared(k, b, eff)
	}
	if list == nil {
		return
	}
	if note = cmp.Or(note, bounded); note == "" && e.embedded > 0 {
		note = "inside an embedded document"
	}
	e.nameByKey()
	*list = append(*list, e.placed(Difference{Kind: k, Severity: sev, Where: InBody, Note: note, Rule: rule}, b, g))
}

// placed is a difference with the current place and the values of both sides; noNode: the side has
// none.
func (e *engine) placed(d Difference, b, g uint32) pending {
	p, r := pending{d: d}, &e.out
	p.path = r.put(e.appendPath(r.buf))
	if b != noNode {
		p.bluePtr = r.put(e.appendPointer(r.buf, true))
		p.d.Blue, p.blue = r.value(e.b, b)
	}
	if g != noNode {
		p.greenPtr = r.put(e.appendPointer(r.buf, false))
		p.d.Green, p.green = r.value(e.g, g)
	}
	return p
}

// accepted names what keeps a difference from counting: the rule that hides
// all differences here, an allow rule for its kind, or the mode. Where only the
// bound of an allow rule keeps it from counting, bounded says so.
func (e *engine) accepted(k Kind, eff *effect) (rule, bounded string) {
	by := e.hider
	if by == 0 {
		by, bounded = e.allowance(k, eff)
		if by != 0 {
			e.charge(k, eff)
		}
	}
	if by != 0 {
		e.hits[by-1]++
		return e.rules.prog.rules[by-1].Origin, ""
	}
	switch e.rules.opts.Mode {
	case Subset:
		if k == Added && len(e.path) > 0 && e.path[len(e.path)-1].green.i < 0 {
			return subsetRule, ""
		}
	case Shape:
		if k == Changed && !e.shapeless || k == Moved || k == Order {
			return shapeRule, ""
		}
	}
	return "", bounded
}

// charge counts an accepted difference against every rule that allows its kind, not only
// against the rule that is named for it: the bound of each holds for all that it allows.
func (e *engine) charge(k Kind, eff *effect) {
	for _, i := range eff.allows {
		if e.rules.prog.rules[i].allows(k) {
			e.charged[i]++
		}
	}
}

// allowance is the rule that allows a kind of difference at the current place; 0
// when none does.
//
//  1. At the places of a rule at most its max is hidden, by whatever rule: the
//     bounds of several rules for the same places do not add up.
//  2. A list that has lost more than half of its elements needs one rule with a max
//     for all that it has lost: what was agreed on is that something goes, not that
//     the list does.
func (e *engine) allowance(k Kind, eff *effect) (by ruleRef, bounded string) {
	for _, i := range eff.allows {
		r := &e.rules.prog.rules[i]
		if !r.allows(k) {
			continue
		}
		if why := e.spent(r, i, k); why != "" {
			bounded = why
			continue
		}
		if by == 0 || e.rules.prog.beats(i, int(by)-1) {
			by = ruleRef(i + 1)
		}
	}
	return by, bounded
}

// allows reports whether an allow rule is for a kind of difference.
func (r *compiledRule) allows(k Kind) bool { return r.kind == k || r.kind == Order && k == Moved }

// spent says why an allow rule hides nothing more; empty when it does.
func (e *engine) spent(r *compiledRule, i int, k Kind) string {
	bounded, most := r.Max != (Bound{}), 0
	if bounded {
		if most = r.Max.of(e.visits[i]); e.charged[i] >= most { // Rule 1
			return fmt.Sprintf("rule %s allows at most %d", r.Origin, most)
		}
	}
	if k != Removed || len(e.path) == 0 {
		return ""
	}
	if s := &e.path[len(e.path)-1]; int(s.gone) > most && (s.frame > 0 || r.broad) { // Rule 2
		if bounded {
			return fmt.Sprintf("%d are gone, more than half of the list; rule %s allows at most %d", s.gone, r.Origin, most)
		}
		return fmt.Sprintf("more than half of the list is gone; rule %s needs a max to allow that", r.Origin)
	}
	return ""
}

// uncompared takes a changed scalar whose change an allow rule hides off what was
// compared, unless it has not been counted there.
func (e *engine) uncompared(k Kind, b uint32, eff *effect) {
	elsewhere := e.quiet > 0 || e.embedded > 0 || e.rules.opts.Mode == Shape // counted there, or as ignored
	if k != Changed || b == noNode || elsewhere || e.b.nodes[b].typ >= ArrayType || eff.lets(e.rules.prog, e.b, b) {
		return
	}
	e.leaves.Compared--
	e.leaves.Ignored++
}

// put takes the recorder's text with something appended, and returns where that is.
func (r *recorder) put(longer []byte) span {
	from := len(r.buf)
	r.buf = longer
	return span{uint32(from), uint32(len(longer))}
}

// value writes a value's excerpt: its text without white space, cut at a rune.
func (r *recorder) value(t *tree, i uint32) (Excerpt, span) {
	text := t.text(i)
	longer, cut := appendCompact(r.buf, text, r.excerpt)
	return Excerpt{Type: t.nodes[i].typ, Size: len(text), Cut: cut}, r.put(longer)
}

// appendCompact appends JSON text without the white space between tokens, at
// most limit bytes of it.
func appendCompact(out, text []byte, limit int) ([]byte, bool) {
	from, quoted := len(out), false
	for i := 0; i < len(text); i++ {
		c := text[i]
		if !quoted && (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
			continue
		}
		if len(out)-from >= limit {
			// The cut may not leave the beginning of a rune.
			for len(out) > from && !utf8.Valid(out[max(from, len(out)-utf8.UTFMax):]) && !utf8.RuneStart(out[len(out)-1]) {
				out = out[:len(out)-1]
			}
			if len(out) > from && out[len(out)-1] >= 0xC0 {
				out = out[:len(out)-1]
			}
			return out, true
		}
		switch {
		case c == '\\' && quoted && i+1 < len(text):
			out = append(out, c)
			i++
			c = text[i]
		case c == '"':
			quoted = !quoted
		}
		out = append(out, c)
	}
	return out, false
}

// appendPath writes the current place as a path that is itself a rule's path.
func (e *engine) appendPath(b []byte) []byte {
	b = append(b, '$')
	for i := range e.path {
		s := &e.path[i]
		at := &s.blue
		if at.n == noNode {
			at = &s.green
		}
		switch {
		case at.isMember():
			b = path.AppendName(b, at.t.keyText(at.n))
		case s.frame > 0 && len(e.frames[s.frame-1].by) > 0:
			b = appendFilter(b, at, e.frames[s.frame-1].by)
		default:
			b = path.AppendIndex(b, int(at.i))
		}
	}
	return b
}

// maxKeyText bounds a key value in a path.
const maxKeyText = 128

// appendFilter writes an element by its key: [?@.id=='ch-7']; by its index where
// a key member is missing, no scalar, or long.
func appendFilter(b []byte, at *place, by []string) []byte {
	from, t := len(b), at.t
	b = append(b, "[?"...)
	for i, name := range by {
		m := t.member(at.n, name)
		if m == 0 || !t.isLeaf(m) || t.nodes[m].typ >= ArrayType || len(t.text(m)) > maxKeyText {
			return path.AppendIndex(b[:from], int(at.i))
		}
		if i > 0 {
			b = append(b, " && "...)
		}
		b = path.AppendName(append(b, '@'), []byte(name))
		b = append(b, "=="...)
		if t.nodes[m].typ == StringType {
			b = path.AppendQuoted(b, t.stringText(m))
		} else {
			b = append(b, t.text(m)...)
		}
	}
	return append(b, ']')
}

// appendPointer writes the current place as a JSON Pointer (RFC 6901) into one
// side's body. Inside an embedded document it points at the string around it.
func (e *engine) appendPointer(b []byte, blue bool) []byte {
	steps := e.path
	if e.embedded > 0 {
		steps = steps[:e.pointer]
	}
	return appendPointer(b, steps, blue)
}

// appendPointer writes the steps to a place as a JSON Pointer into one side's body.
func appendPointer(b []byte, steps []step, blue bool) []byte {
	for i := range steps {
		at := &steps[i].green
		if blue {
			at = &steps[i].blue
		}
		if at.isMember() {
			b = path.AppendPointerToken(b, at.t.keyText(at.n))
		} else {
			b = strconv.AppendInt(append(b, '/'), int64(at.i), 10)
		}
	}
	return b
}

// finish turns what was kept into differences, by part, within a part as found.
func (r *recorder) finish() (kept, hides []Difference) {
	text := string(r.buf)
	list := func(in []pending) []Difference {
		if len(in) == 0 {
			return nil
		}
		out := make([]Difference, len(in))
		for i := range in {
			p := &in[i]
			d := p.d
			if p.path != (span{}) {
				d.Path = text[p.path.from:p.path.to]
				d.BluePointer = text[p.bluePtr.from:p.bluePtr.to]
				d.GreenPointer = text[p.greenPtr.from:p.greenPtr.to]
				d.Blue.JSON = literal.PlainEscapes(text[p.blue.from:p.blue.to])
				d.Green.JSON = literal.PlainEscapes(text[p.green.from:p.green.to])
			}
			out[i] = d
		}
		slices.SortStableFunc(out, func(a, b Difference) int { return cmp.Compare(a.Where, b.Where) })
		return out
	}
	return list(r.kept), list(r.hides)
}
