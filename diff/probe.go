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
	// rules are those of every comparison.
	rules *Rules
	// like has the status and headers of every variant; against is the other answer.
	like, against *Message
	// g is against as it was read.
	g *tree
	// w is nil where there is no shorter way than CompareMessages.
	w *worker
	// fixed counts the differences of status and headers, the same for every variant.
	fixed int
}

// NewProbe makes a probe for variants of like's body; its status, headers and
// Content-Type are every variant's.
func NewProbe(like, against *Message, rules *Rules) *Probe {
	if rules == nil {
		rules = defaultRules()
	}
	p := &Probe{rules: rules, like: like, against: against}
	for _, m := range []*Message{like, against} {
		if !plainJSON(m.ContentType) || marked(m.Body) {
			return p
		}
	}
	if len(against.Body) == 0 || len(against.Body) > rules.lim.body {
		return p
	}
	w := rules.begin(nil)
	w.engine.at = [2]time.Time{like.At, against.At}
	w.engine.heads(like, against)
	p.fixed = w.engine.out.total
	p.g = w.read(&w.g, source{against.Body, against.Read})
	if p.g.err != nil {
		w.release()
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
		p.w.release()
		p.w = nil
	}
}

// A NamedPath is a path by which something outside the rules looks at a body.
type NamedPath struct {
	// Path is a pattern, see ParsePath.
	Path string
	// Below: all leaves below the places are looked at, not the places alone.
	Below bool
}

// Named counts the values of a body that paths name, and how many of these the
// rules keep from being compared by value. A place that holds an array or object
// counts as one value, unless the path looks below it. A path that cannot be read
// names nothing.
func (r *Rules) Named(m *Message, paths []NamedPath) (all, uncompared int) {
	rules := r.list()
	own := len(rules)
	var marks []NamedPath
	for _, p := range paths {
		if _, err := ParsePath(p.Path); err == nil {
			// A rule that changes nothing marks the places.
			rules = append(rules, Rule{At: p.Path, Do: DoLeak, Allow: true, Why: "named"})
			marks = append(marks, p)
		}
	}
	marked, errs := Compile(rules, r.opts)
	if errs != nil { // the rules have been compiled before, and so have the paths
		return 0, 0
	}
	w := marked.begin(nil)
	defer w.release()
	e := &w.engine
	body := e.readBody("blue", m)
	if body.err != nil || len(body.doc.JSON) == 0 {
		return 0, 0
	}
	t := w.read(&w.b, body.source())
	if t.err != nil || w.auto == nil {
		return 0, 0
	}
	c := namedCount{e: e, t: t, own: own, marks: marks}
	e.walk(c.t, 0, w.auto.Root, c.visit)
	return c.all, c.uncompared
}

// namedCount counts along a walk in document order.
type namedCount struct {
	// e knows the rules.
	e *engine
	// t is the body.
	t *tree
	// own is where the rules end and the marks begin.
	own int
	// marks are in the order of those rules.
	marks []NamedPath
	// hidden and below end the subtree that is hidden, or counted as a whole: nodes before them
	// are in it.
	hidden, below uint32
	// all and uncompared are the two counts of Named.
	all, uncompared int
}

// visit looks at one place: whether rules hide its value, and whether a path
// names it. Nodes come in document order, so that a subtree ends at one number.
func (c *namedCount) visit(i uint32, st int32) {
	eff := c.e.effects(st)
	n := &c.t.nodes[i]
	if eff.drop != 0 || eff.ignore != 0 || eff.lets(c.e.rules.prog, c.t, i) {
		c.hidden = max(c.hidden, n.next)
	}
	if i < c.below {
		return
	}
	named, below := false, false
	for _, r := range eff.rules {
		if r >= c.own {
			named = true
			below = below || c.marks[r-c.own].Below
		}
	}
	if !named {
		return
	}
	count := 1
	if below && n.typ >= ArrayType {
		count, c.below = c.t.countLeaves(i), n.next
	}
	c.all += count
	if i < c.hidden {
		c.uncompared += count
	}
}
