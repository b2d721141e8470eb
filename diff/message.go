package diff

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/bgverify/bgverify/diff/media"
	"github.com/bgverify/bgverify/diff/path"
)

// CompareMessages compares two answers. What it finds is listed by part: status,
// body, headers. seen carries what `map` rules have paired over a
// case; nil when nothing is to be carried. Its rules:
//
//  1. The status is compared as a number; a difference is the gravest there is
//     and is reported before all others.
//  2. Headers are compared by lower-case name, all values of a name in order.
//     FramingHeaders are not compared, but for the Content-Length of answers
//     without a body (HEAD). Of VolatileHeaders only the presence is,
//     unless a rule says how to compare one; of Expires, the lifetime. Lists without order (Vary, Allow,
//     Access-Control-*) are compared as sets.
//  3. Set-Cookie is compared per cookie and attribute, see cookies. The path is
//     set-cookie[name] or set-cookie[name].attribute.
//  4. How the body is compared follows from Content-Type, see bodies.
//  5. Green naming a host of blue, in a header or in the body, is a difference
//     even where both sides say the same; see Options.BlueAuthorities.
func CompareMessages(blue, green *Message, rules *Rules, seen *Bijections) Result {
	w := rules.begin(seen)
	defer w.release()
	e := &w.engine
	e.at = [2]time.Time{blue.At, green.At}
	e.heads(blue, green)
	e.messageBodies(w, blue, green)
	return e.result()
}

// heads compares all of two answers that comes before their bodies.
func (e *engine) heads(blue, green *Message) {
	e.status(blue.Status, green.Status)
	e.headers(blue.Headers, green.Headers, blue.Bodiless && green.Bodiless)
}

// status is rule 1.
func (e *engine) status(blue, green int) {
	var eff effect
	if len(e.rules.status) > 0 {
		eff = e.rules.prog.effectOf(e.rules.status)
		for _, r := range e.rules.status {
			e.visits[r]++
		}
	}
	if blue == green {
		return
	}
	e.shapeless = true
	e.foundText(Difference{
		Kind: Changed, Where: InStatus, Severity: StatusClass,
		Blue:  Excerpt{Type: NumberType, JSON: strconv.Itoa(blue)},
		Green: Excerpt{Type: NumberType, JSON: strconv.Itoa(green)},
	}, eff.ignore, &eff)
	e.shapeless = false
}

// messageBodies compares the bodies of two answers by their declared media
// type:
//
//  1. Two empty bodies are equal. One empty body lacks the whole of the other.
//  2. A body declared as JSON is read as JSON; when it is not, it is an Invalid
//     difference of that side, also when both sides send the same bytes.
//  3. A body that is declared as something else but reads as JSON on both sides
//     is compared as JSON, and a note says so.
//  4. Any other body becomes a tree by its type (package media): what rules
//     say about paths holds for that tree.
//  5. Bodies of two different types are one difference of type.
//  6. What a tree does not hold is compared as a fact ($['#bom']), or is a form
//     that media.HarmlessForms lists; a note says which were met.
//  7. Two equal bodies of text or HTML that are not in their charset are equal, and a note
//     says so: the characters are unknown, but they are the same. Any other body that
//     cannot be read is an Invalid difference, equal or not.
func (e *engine) messageBodies(w *worker, blue, green *Message) {
	if len(blue.Body) == 0 && len(green.Body) == 0 {
		return
	}
	b := e.readBody("blue", blue)
	g := e.readBody("green", green)
	if b.err != nil && g.err != nil && bytes.Equal(blue.Body, green.Body) {
		e.readEqualText(&b, &g, blue, green) // Rule 7
	}
	if b.err != nil || g.err != nil {
		e.brokenBodies(w, b, g)
		return
	}
	switch {
	case b.doc.Kind == media.Empty || g.doc.Kind == media.Empty:
		e.oneEmpty(w, b, g)
	case b.doc.Kind != g.doc.Kind:
		e.otherType(w, b, g)
	default:
		if b.doc.Kind != media.JSON {
			e.notes = append(e.notes, "compared as "+b.doc.Kind.String())
		}
		before := e.out.total
		e.facts(&b.doc, &g.doc)
		w.compare(b.source(), g.source())
		if e.out.total == before {
			e.forms(&b.doc, &g.doc, [2][]byte{blue.Body, green.Body})
		}
	}
}

// A readBody is one side's body as a JSON tree, or why there is none.
type readBody struct {
	doc  media.Doc // without a kind where the body is too large to be read
	err  *SyntaxError
	src  []byte
	read Value // of the tree, where it was read before
}

// source is the tree of the body, with what was read of it before.
func (r *readBody) source() source { return source{r.doc.JSON, r.read} }

// readBody makes a JSON tree of a body by its declared type, or says at which byte it cannot be
// read. side is the word for notes.
func (e *engine) readBody(side string, m *Message) readBody {
	r := readBody{src: m.Body, read: m.Read}
	if limit := e.rules.lim.body; len(m.Body) > limit {
		r.err = &SyntaxError{Kind: Limit, Offset: limit, Msg: "a body of more than " + strconv.Itoa(limit) + " bytes"}
		return r
	}
	doc, err := media.Read(m.Body, m.ContentType)
	if doc.Note != "" {
		e.note(func() string { return side + ": " + doc.Note })
	}
	r.doc = doc
	if err != nil {
		r.err = &SyntaxError{Kind: Invalid, Msg: err.Error()}
		if at, ok := err.(*media.Error); ok {
			r.err.Offset, r.err.Msg = at.Offset, at.Msg
		}
	}
	return r
}

// readEqualText reads two equal bodies that are not in their charset byte by byte, where both
// are declared as text, so that rules for lines and the search for blue's hosts still apply.
func (e *engine) readEqualText(b, g *readBody, blue, green *Message) {
	if b.err.Kind != Invalid || g.err.Kind != Invalid {
		return
	}
	bDoc, bOK := media.ReadBytewise(blue.Body, blue.ContentType)
	gDoc, gOK := media.ReadBytewise(green.Body, green.ContentType)
	if !bOK || !gOK || bDoc.Kind != gDoc.Kind {
		return
	}
	e.note(func() string { return "both sides sent the same bytes, which are not in their charset: " + b.err.Msg })
	*b = readBody{doc: bDoc, src: b.src}
	*g = readBody{doc: gDoc, src: g.src}
}

// brokenBodies reports the sides that cannot be read; blue's leaves are
// accounted for where blue can.
func (e *engine) brokenBodies(w *worker, b, g readBody) {
	if b.err == nil && b.doc.Kind != media.Empty {
		if t := w.read(&w.b, b.source()); t.err == nil {
			e.leaves.Seen, e.leaves.Absent = t.leaves, t.leaves
		}
	}
	if b.err != nil {
		e.unusable(&tree{src: b.src}, "blue", b.err, "$")
	}
	if g.err != nil {
		e.unusable(&tree{src: g.src}, "green", g.err, "$")
	}
}

// oneEmpty reports a body that only one side has.
func (e *engine) oneEmpty(w *worker, b, g readBody) {
	st := deadState
	if e.auto != nil {
		st = e.auto.Root
	}
	e.b, e.g = &w.b, &w.g
	if b.doc.Kind == media.Empty {
		if e.g = w.read(&w.g, g.source()); e.g.err != nil {
			e.unreadable(e.g, "green")
			return
		}
		e.only(Added, noNode, 0, e.effects(st))
		return
	}
	if e.b = w.read(&w.b, b.source()); e.b.err != nil {
		e.unreadable(e.b, "blue")
		return
	}
	e.leaves.Seen = e.b.leaves
	e.only(Removed, 0, noNode, e.effects(st))
}

// otherType reports bodies that are not of one type.
func (e *engine) otherType(w *worker, b, g readBody) {
	if t := w.read(&w.b, b.source()); t.err == nil {
		e.leaves.Seen, e.leaves.Absent = t.leaves, t.leaves
	}
	e.foundText(Difference{
		Kind: TypeChanged, Where: InBody, Path: "$", Severity: Type, Note: "the bodies are of different media types",
		Blue: excerptOf(b.doc.Kind.String()), Green: excerptOf(g.doc.Kind.String()),
	}, 0, &noEffect)
}

// A Form names a harmless form in which two bodies differ: media.HarmlessForms
// says what it is.
type Form struct {
	Kind string `json:"kind"` // of the bodies: json, xml, …
	Name string `json:"name"`
}

// facts compares what the trees of two bodies do not hold (a byte order mark,
// how lines end). A fact has the path of a member of the root, $['#bom'], so
// that rules reach it.
func (e *engine) facts(blue, green *media.Doc) {
	for _, f := range media.CompareFacts(blue, green) {
		eff := e.rootMember(f.Name)
		path := string(path.AppendName([]byte{'$'}, []byte(f.Name)))
		e.shapeless = !f.Style
		e.foundText(Difference{
			Kind: Changed, Where: InBody, Path: path,
			Blue: excerptOf(cmp.Or(f.Blue, "none")), Green: excerptOf(cmp.Or(f.Green, "none")),
		}, cmp.Or(eff.drop, eff.ignore), eff)
	}
	e.shapeless = false
	// Rules that match a fact count as visited, whether or not it differs.
	if e.auto == nil {
		return
	}
	for _, d := range []*media.Doc{blue, green} {
		for _, f := range d.Facts {
			if d == green && slices.ContainsFunc(blue.Facts, func(b media.Fact) bool { return b.Name == f.Name }) {
				continue
			}
			for _, r := range e.rootMember(f.Name).rules {
				e.visits[r]++
			}
		}
	}
}

// rootMember is the effect of the rules on a member of the root.
func (e *engine) rootMember(name string) *effect {
	if e.auto == nil {
		return &noEffect
	}
	return e.effects(e.auto.Member(e.auto.Root, hashBytes([]byte(name)), []byte(name)))
}

// forms notes in which harmless forms two bodies differ whose trees and facts
// are equal. Where rules hid more than changed values the forms are not looked
// for: the places of tokens would not be the same.
func (e *engine) forms(blue, green *media.Doc, src [2][]byte) {
	if bytes.Equal(src[0], src[1]) && !blue.HasMark() || e.out.hiddenTotal > len(e.out.hides) {
		return
	}
	for i := range e.out.hides {
		if d := &e.out.hides[i].d; d.Where == InBody && d.Kind != Changed {
			return
		}
	}
	for _, f := range media.Met(blue, green) {
		e.met = append(e.met, Form{Kind: blue.Kind.String(), Name: f.Name})
		e.notes = append(e.notes, "equal but for a harmless form: "+f.Name+": "+f.What)
	}
}

// foundText records a difference outside the trees, as found does inside them: in the status, a
// header or a fact of a body. The excerpts come with their whole JSON text, of which the beginning
// is kept. by is the rule that hides the difference; 0: it counts.
func (e *engine) foundText(d Difference, by ruleRef, eff *effect) {
	e.hider = by
	d.Rule, _ = e.accepted(d.Kind, eff)
	e.hider = 0
	d.Severity = cmp.Or(d.Severity, severityOf(d.Kind, d.Blue.Type, d.Green.Type))
	list := e.out.counted(d.Rule, d.Severity)
	if list == nil {
		return
	}
	for _, x := range []*Excerpt{&d.Blue, &d.Green} {
		x.Size = len(x.JSON)
		text, cut := appendCompact(nil, []byte(x.JSON), e.out.excerpt)
		x.JSON, x.Cut = string(text), cut
	}
	*list = append(*list, pending{d: d})
}
