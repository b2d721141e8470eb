package diff

import (
	"strconv"
	"time"
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
	if rules == nil {
		rules = defaultRules()
	}
	w := rules.worker()
	defer rules.release(w)
	e := &w.engine
	e.begin(rules, w.auto, seen)
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
	t := textDifference{
		kind: Changed, where: InStatus, severity: StatusClass, by: eff.ignore,
		blue: strconv.Itoa(blue), green: strconv.Itoa(green), typ: NumberType,
	}
	e.foundText(t, &eff)
}

// A textDifference is one outside the trees: in the status or a header.
type textDifference struct {
	kind        Kind
	where       Where
	severity    Severity
	path        string
	blue, green string // JSON text; empty: the side has nothing
	typ         ValueType
	note        string
	leak        string  // see Difference.Leak
	by          ruleRef // the rule that hides it
	shapeless   bool    // it counts in shape mode too
}

// foundText records a difference outside the trees, as found does inside them.
func (e *engine) foundText(t textDifference, eff *effect) {
	e.hider = t.by
	rule, _ := e.accepted(t.kind, eff)
	e.hider = 0
	if (t.where == InStatus || t.shapeless) && rule == shapeRule {
		rule = "" // a status has a value and no shape
	}
	if t.severity == 0 {
		t.severity = severityOf(t.kind, t.typ, t.typ)
	}
	list := &e.out.kept
	if rule != "" {
		list = &e.out.hides
		e.out.hiddenTotal++
	} else {
		e.out.total++
		e.out.worst = max(e.out.worst, t.severity)
	}
	if len(*list) >= e.out.max || len(e.out.buf) > maxText {
		return
	}
	r := &e.out
	p := pending{d: Difference{Kind: t.kind, Severity: t.severity, Where: t.where, Note: t.note, Leak: t.leak, Rule: rule}}
	from := len(r.buf)
	r.buf = append(r.buf, t.path...)
	p.path = r.since(from)
	p.d.Blue, p.blue = r.textValue(t.blue, t.typ)
	p.d.Green, p.green = r.textValue(t.green, t.typ)
	*list = append(*list, p)
}

// textValue keeps a value that is JSON text already; "" is a side without one.
func (r *recorder) textValue(text string, typ ValueType) (Excerpt, span) {
	if text == "" {
		return Excerpt{}, span{}
	}
	from := len(r.buf)
	var cut bool
	r.buf, cut = appendCompact(r.buf, []byte(text), r.excerpt)
	return Excerpt{Type: typ, Size: len(text), Cut: cut}, r.since(from)
}
