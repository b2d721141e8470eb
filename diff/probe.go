package diff

import (
	"bytes"
	"time"

	"github.com/bgverify/bgverify/diff/media"
)

// A Probe compares many variants of one answer's body with another answer, for
// the negative control: the other answer is read once, and of what differs only
// the number is kept. It is not safe for concurrent use; Close ends it.
type Probe struct {
	rules         *Rules
	like, against *Message
	g             *tree   // of against
	w             *worker // nil: there is no shorter way than CompareMessages
	fixed         int     // differences of status and headers, the same for every variant
}

// NewProbe makes a probe for variants of like's body; its status, headers and
// Content-Type are every variant's.
func NewProbe(like, against *Message, rules *Rules) *Probe {
	if rules == nil {
		rules = defaultRules()
	}
	p := &Probe{rules: rules, like: like, against: against}
	if !plainJSON(like.ContentType) || !plainJSON(against.ContentType) || marked(like.Body) || marked(against.Body) || len(against.Body) == 0 || len(against.Body) > rules.lim.body {
		return p
	}
	w := rules.worker()
	w.engine.begin(rules, w.auto, nil)
	w.engine.at = [2]time.Time{like.At, against.At}
	w.engine.heads(like, against)
	p.fixed = w.engine.out.total
	p.g = w.read(&w.g, source{against.Body, against.Read})
	if p.g.err != nil {
		rules.release(w)
		return p
	}
	p.w = w
	return p
}

// marked reports whether a byte order mark comes first: the mark is not part of
// what is parsed.
func marked(body []byte) bool { return bytes.HasPrefix(body, []byte("\xef\xbb\xbf")) }

// plainJSON reports whether a body of this type is read as JSON without changes.
func plainJSON(contentType string) bool {
	body := []byte("null") // no sniffing takes it for JSON
	doc, err := media.Read(body, contentType)
	return err == nil && doc.Kind == media.JSON && &doc.JSON[0] == &body[0]
}

// Total is the Total that CompareMessages gives for the variant and the other
// answer. The body must not be empty.
func (p *Probe) Total(body []byte) int {
	if p.w == nil {
		variant := *p.like
		variant.Body = body
		r := CompareMessages(&variant, p.against, p.rules, nil)
		return r.Total
	}
	e := &p.w.engine
	e.begin(p.rules, p.w.auto, nil)
	e.at = [2]time.Time{p.like.At, p.against.At}
	e.out.max = 0 // only counted
	clear(p.w.parser.visits)
	e.run(p.w.read(&p.w.b, source{text: body}), p.g)
	return p.fixed + e.out.total
}

// Close gives the probe's memory back.
func (p *Probe) Close() {
	if p.w != nil {
		p.rules.release(p.w)
		p.w = nil
	}
}
