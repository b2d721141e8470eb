package judge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/template"
)

// Checks are the expectations of one side. expect is what they were made from: statuses, schema,
// snapshot and positions are read there. Compiled.Checks gives them with their placeholders
// expanded; walks share them where the file alone gives them.
type Checks struct {
	expect           *scenarios.Expect
	latency, content subject // content is the body as text
	headers, cookies []subject
	body             []subject // at paths
	hls              []subject
	answer           []subject // of the suite: what a success is, at paths
	open             bool      // only a scope says what they are; see in
	sparse           bool      // a condition: the defaults do not apply
}

// NewChecks expands an expectation in a scope, for one use. nil is the default expectation.
// What is used often is compiled: see Compiled.
func NewChecks(expect *scenarios.Expect, sc template.Scope) (*Checks, error) {
	return NewCompiler().expectation(expect).in(sc)
}

// aboutBody reports whether an expectation says something of the body. Tests of its text that a
// login page or an error would pass as well are not enough. Whether a text test counts depends
// on the answer: contains: a says little of a page that is full of them, and much of a body of
// one word.
func (c *Checks) aboutBody(a *Answer) bool {
	return c.saysText(a) || len(c.body) > 0 || c.expect.Schema != "" || c.expect.Snapshot != "" || c.expect.HLS != nil
}

// saysText reports whether it says what the body's text is, or that there is none. A count of
// characters is not enough, since another body may be as long.
func (c *Checks) saysText(a *Answer) bool {
	return slices.ContainsFunc(c.content.tests, func(t Test) bool {
		return t.Op == scenarios.OpExists && !t.want() || t.Op != scenarios.OpExists && t.Op != scenarios.OpCount &&
			t.refusesOtherText(string(a.text()))
	})
}

// aboutContent reports whether it expects something of the body, which takes the place of the
// default that an answer is an API's. An empty body: in the file counts too: somebody has
// thought of the body and asks nothing of it.
func (c *Checks) aboutContent(a *Answer) bool {
	return c.aboutBody(a) || slices.Contains(c.expect.Written, "body")
}

// allows reports whether a status is one that the file expects, or a 2xx where it
// says nothing of it.
// Without a status in the file, the default is a 2xx.
func (c *Checks) allows(status int) bool {
	if len(c.expect.Status) == 0 {
		return status >= 200 && status <= 299
	}
	return slices.ContainsFunc(c.expect.Status, func(m scenarios.StatusMatch) bool { return status >= m.Low && status <= m.High })
}

// A checker collects what was checked on one side. side is blue or green as it appears in
// reports; found is in the order of the tests.
type checker struct {
	side  string
	found []run.Expectation
}

// add notes one test that was made.
func (k *checker) add(ok bool, what, got, at string) {
	k.found = append(k.found, run.Expectation{Side: k.side, What: what, OK: ok, Got: got, At: at})
}

// addRoot adds an expectation that others of the answer depend on. The reports of what depends
// on it are then shortened; see judging.unmet.
func (k *checker) addRoot(ok bool, what, got, at string) {
	k.found = append(k.found, run.Expectation{Side: k.side, What: what, OK: ok, Got: got, At: at, Root: true})
}

// addHidden adds an expectation that could not be tested, because the archive did
// not keep the value.
func (k *checker) addHidden(what, at string) {
	k.found = append(k.found, run.Expectation{Side: k.side, What: what, Got: run.NotKept, At: at, Failure: run.ValueHidden})
}

// Check holds an answer against the expectations. rules are the step's, for a snapshot. A
// hidden value never passes a test: what the archive did not keep is not known. The result has
// an entry for each test, those that hold too, so that a report can show what was checked. The
// answer has to be one that came: a failed exchange has nothing to check. The defaults, where
// the file does not say otherwise:
//
//  1. the status is 2xx
//  2. the answer is an API's, unless something is expected of the body: see api
//  3. a success status hides no error, unless that is expected: see settles
//
// What was checked is listed by part: status, body, headers and cookies, latency.
func (c *Checks) Check(side scenarios.Side, a *Answer, rules *diff.Rules) []run.Expectation {
	k := &checker{side: side.String()}
	if len(c.expect.Status) > 0 || !c.sparse { // Rule 1
		c.status(k, a)
	}
	switch {
	// Conditions have no defaults. They ask what is written and nothing more.
	case c.sparse:
	case c.aboutContent(a):
		c.hiddenError(k, a) // Rule 3
	default:
		c.api(k, a) // Rule 2
	}
	for _, p := range c.body {
		k.path(p, a)
	}
	k.bodyText(c.content.tests, a)
	if c.expect.Schema != "" {
		c.schema(k, a)
	}
	if c.expect.Snapshot != "" {
		c.snapshot(k, a, rules)
	}
	if len(c.hls) > 0 {
		c.playlist(k, a)
	}
	// Latency is in seconds, with all the digits of the clock: a limit of 0.1 is not rounded
	// to.
	seconds := numberDatum(strconv.FormatFloat(a.Timing.Total.Seconds(), 'f', -1, 64))
	for i := range c.latency.tests {
		t := &c.latency.tests[i]
		k.add(t.holds(seconds), "latency "+t.String()+" s", strconv.FormatFloat(a.Timing.Total.Seconds(), 'f', 4, 64)+" s", t.At)
	}
	for _, h := range c.headers {
		k.text("header "+h.name, h.tests, a.header(h.name), a.Hidden)
	}
	for _, h := range c.cookies {
		// A cookie has one value or none.
		var values []string
		if v, ok := a.cookie(h.name); ok {
			values = []string{v}
		}
		for i := range h.tests {
			set := values
			if h.tests[i].Op == scenarios.OpExists && a.deletesCookie(h.name) {
				set = nil
			}
			k.text("cookie "+h.name, h.tests[i:i+1], set, a.Hidden)
		}
	}
	return k.found
}

// status tests the status; without one in the file any 2xx is right. It is a root: a wrong status
// explains what else fails.
func (c *Checks) status(k *checker, a *Answer) {
	allowed := c.expect.Status
	if len(allowed) == 0 {
		allowed = []scenarios.StatusMatch{{Low: 200, High: 299}}
	}
	// The text of the expectation is the shortest form of each range: 200, 2xx, 200-204.
	words := make([]string, len(allowed))
	for i, m := range allowed {
		switch {
		case m.Low == m.High:
			words[i] = strconv.Itoa(m.Low)
		case m.Low%100 == 0 && m.High == m.Low+99:
			words[i] = strconv.Itoa(m.Low/100) + "xx"
		default:
			words[i] = fmt.Sprintf("%d-%d", m.Low, m.High)
		}
	}
	k.addRoot(c.allows(a.Status), "status "+strings.Join(words, " or "), strconv.Itoa(a.Status), PosText(c.expect.Pos))
}

// Reports and the account of what a run left out recognise them by the failure, not by the
// text.
// These begin what is shown of a body that a path cannot look into; its expectations
// have the failure run.Unreadable.
const (
	notJSON = "the body is not JSON: "
	notRead = "the body cannot be read as "
)

// contentOf says what kind of body came, by its type or else by its size.
func contentOf(a *Answer) string {
	if t := a.first("Content-Type"); t != "" {
		return t
	}
	return fmt.Sprintf("%d bytes", len(a.Answer))
}

// text tests the values of a header or cookie: each test must hold for one of them. A header
// may come several times. A negated test must hold for all of its values, since one wrong value
// is enough to break it. An absent header fails every test except exists: false, empty and a
// count of 0.
func (k *checker) text(what string, tests []Test, values []string, hidden HiddenValues) {
	quoted := make([]string, len(values)) // exactly: an ETag has its own quotes
	for i, v := range values {
		quoted[i] = text.Quote(v)
	}
	got := strings.Join(quoted, " | ")
	if len(values) == 0 {
		got = "nothing"
	}
	for i := range tests {
		t := &tests[i]
		if t.needsText(values, hidden) {
			k.addHidden(what+" "+t.String(), t.At)
			continue
		}
		// The order of the cases is that of the exceptions: presence and count look at the
		// list, all others at its values.
		ok := false
		switch {
		case t.Op == scenarios.OpExists:
			ok = (len(values) > 0) == t.want()
		case t.Op == scenarios.OpCount:
			ok = t.counts(len(values))
		case len(values) == 0:
			ok = t.Op == scenarios.OpEmpty && t.want()
			got = "nothing"
		case t.Op == scenarios.OpNot || t.Op == scenarios.OpNe: // of none of them
			ok = !slices.ContainsFunc(values, func(v string) bool { return !t.holds(textDatum(v)) })
		default:
			ok = slices.ContainsFunc(values, func(v string) bool { return t.holds(textDatum(v)) })
		}
		k.add(ok, what+" "+t.String(), text.Cut(got, run.MaxGot), t.At)
	}
}

// PosText is a position as text; empty where there is none (a default).
func PosText(p scenarios.Pos) string {
	if p.Line == 0 {
		return ""
	}
	return p.String()
}

// WithoutLatency are the checks that apply under load. A load stage has its own measure of
// latency; a limit for single answers would fail under load for another reason.
func (c *Checks) WithoutLatency() *Checks {
	own := *c
	own.latency = subject{}
	return &own
}

// PageInstead reports whether an answer is a page where nothing is expected of the body that
// would say so: all that can be known of a body whose end was not kept. It is asked under load,
// where only the beginning of a body is kept.
func (c *Checks) PageInstead(a *Answer) bool {
	return !c.aboutContent(a) && a.isHTML() && !(a.declaresHTML() && c.namesPage())
}
