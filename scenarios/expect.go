package scenarios

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// An expectSource is an expect as written, before the defaults and both sides are merged.
type expectSource struct {
	both  Expect
	sides map[Side]*Expect
	at    *yaml.Node
}

// refuseSides refuses overrides per side where an expectation is asked of each side's answer
// alone, as until: and the defaults of a poll are.
func (e *expectSource) refuseSides(w *walker, where string) {
	if len(e.sides) > 0 {
		w.Errorf(e.at, "", "%s has no overrides per side", where)
	}
}

// readExpect reads an expectation with its overrides for blue and green.
func (w *walker) readExpect(n *yaml.Node, what string) *expectSource {
	o := w.Object(n, "expect", what)
	e := &expectSource{at: o.Node, sides: map[Side]*Expect{}}
	w.readExpectInto(o, &e.both)
	for _, side := range []Side{Blue, Green} {
		n := o.Get(side.String())
		if n == nil {
			continue
		}
		// An override has the keys of expect, without further overrides.
		x := w.Object(n, "side expect", side.String()+" of "+what)
		over := &Expect{}
		w.readExpectInto(x, over)
		e.sides[side] = over
	}
	return e
}

// readExpectInto reads the keys that an expectation, its overrides and a condition share. Empty
// lists and mappings are problems: they look like something that is checked. Which parts
// are written is kept, since merging and the default expectations depend on it.
func (w *walker) readExpectInto(o *keys.Mapping, e *Expect) {
	e.Pos = w.Pos(o.Node)
	for _, k := range keys.ExpectKeys {
		if o.Has(k.Name) {
			e.Written = append(e.Written, k.Name)
		}
	}
	// An empty expectation looks like one and changes nothing.
	if o.Node.Kind == yaml.MappingNode && len(o.Node.Content) == 0 {
		o.Fail(o.Node, "remove it, or say what must hold", "an empty expectation")
	}
	o.EachElement("status", func(_ int, n *yaml.Node) {
		if m, ok := w.readStatus(n); ok {
			e.Status = append(e.Status, m)
		}
	})
	o.RefuseEmpty("status", "remove it, or say what must hold")
	for _, part := range []string{"headers", "cookies", "body"} {
		o.RefuseEmpty(part, "remove it, or say what must hold")
	}
	// Each part is read on its own: a wrong one leaves the others as they are.
	e.Latency = w.readLatency(o)
	e.Headers = w.readFieldExpects(o, "headers", "header")
	e.Cookies = w.readFieldExpects(o, "cookies", "cookie")
	e.Body = w.readPathExpects(o, "body")
	if n := o.Get("text"); n != nil {
		e.Text = w.readMatchers(n, "text", true)
	}
	// Files are read now, so that a missing one is a problem before the first request.
	w.readExpectSchema(o, e)
	if e.Snapshot = o.FileName("snapshot"); e.Snapshot != "" {
		e.SnapshotData = w.readPayload(o.At("snapshot"), e.Snapshot)
	}
	if n := o.Get("hls"); n != nil {
		e.HLS = w.readHLS(n)
	}
}

// statusForm is a status of HTTP, or a class such as 2xx or 2XX.
var statusForm = regexp.MustCompile(`^([1-5])(\d\d|xx|XX)$`)

// readStatus reads 200 as {200, 200} and 2xx as {200, 299}.
func (w *walker) readStatus(n *yaml.Node) (StatusMatch, bool) {
	text, ok := w.ScalarText(n, "status", keys.Status)
	if !ok {
		return StatusMatch{}, false
	}
	m := statusForm.FindStringSubmatch(text)
	if m == nil {
		w.Errorf(n, "write status: 200, 2xx or [200, 204]", "status must be %s, not %q", keys.Status.Word(), problem.Cut(text, 40))
		return StatusMatch{}, false
	}
	if low, err := strconv.Atoi(text); err == nil {
		return StatusMatch{low, low}, true
	}
	// A class is all of its hundred statuses.
	low := int(m[1][0]-'0') * 100
	return StatusMatch{low, low + 99}, true
}

// readLatency reads bounds of the time to the last byte: one duration, which is lte, or a
// mapping of lt, lte, gt and gte. Operands become JSON numbers of seconds.
func (w *walker) readLatency(o *keys.Mapping) []Matcher {
	n := o.Get("latency")
	if n == nil {
		return nil
	}
	read := func(x *keys.Mapping, name string) (Matcher, bool) {
		// Durations are written with their unit and compared as seconds.
		d := x.Duration(name, 0)
		text := strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
		at := w.Pos(x.At(name))
		return Matcher{Value: template.JSON(text, at), Pos: at}, !x.Broken
	}
	// `latency: 300ms` is the most it may take.
	if source.Deref(n).Kind != yaml.MappingNode {
		m, ok := read(o, "latency")
		m.Op = OpLte
		if !ok {
			return nil
		}
		return []Matcher{m}
	}
	x := w.Object(n, "latency", "")
	var out []Matcher
	for _, op := range []string{"lt", "lte", "gt", "gte"} {
		if x.Has(op) {
			if m, ok := read(x, op); ok {
				m.Op = opOf(op)
				out = append(out, m)
			}
		}
	}
	return out
}

// readFieldExpects reads what headers or cookies must be. Their values are text, so that
// `X-Count: 3` expects the text 3. Unlike in a request, every token may be the name of a
// header: an answer may have headers that the client never sends.
func (w *walker) readFieldExpects(o *keys.Mapping, name, what string) []FieldExpect {
	var out []FieldExpect
	o.EachPair(name, func(k, v *yaml.Node) {
		if !w.checkToken(k, k.Value, what) {
			return
		}
		if m := w.readMatchers(v, name+" "+k.Value, true); len(m) > 0 {
			out = append(out, FieldExpect{k.Value, m, w.Pos(k)})
		}
	})
	return out
}

// readPathExpects reads a mapping of body paths to what their values must be; null is a value.
func (w *walker) readPathExpects(o *keys.Mapping, name string) []PathExpect {
	var out []PathExpect
	o.EachPairOrNull(name, func(k, v *yaml.Node) {
		keyed, plain := w.readPathKeys(k, name)
		if !w.CheckPath(k, plain, false) {
			return
		}
		if m := w.readMatchers(v, name+" "+k.Value, false); len(m) > 0 {
			out = append(out, PathExpect{k.Value, keyed, m, w.Pos(k)})
		}
	})
	return out
}

// readPathKeys reads the placeholders of a path, which may be values of filters alone. plain
// is the path as it is checked now: with a number, as wide, in the place of each.
func (w *walker) readPathKeys(k *yaml.Node, name string) (keyed *Template, plain string) {
	if name != "body" || !strings.Contains(k.Value, "{{") {
		return nil, k.Value
	}
	if keyed = w.Template(k, name); keyed == nil {
		return nil, "$" // reported
	}
	var b strings.Builder
	for _, p := range keyed.Parts {
		if p.Name == "" {
			b.WriteString(p.Literal)
			continue
		}
		if !strings.HasSuffix(strings.TrimRight(b.String(), " "), "==") {
			w.ErrorAt(k, p.Offset, "a placeholder may be the value of a filter: $.list[?@.id=={{id}}]", "a path names its members itself")
			return nil, "$"
		}
		width := strings.Index(k.Value[p.Offset:], "}}") + len("}}")
		b.WriteString("0" + strings.Repeat(" ", width-1))
	}
	return keyed, b.String()
}

// readAnswer reads what tells a suite's successes from errors. Its values have no placeholders:
// the test is asked of every answer, before any step's own variables count.
func (w *walker) readAnswer(o *keys.Mapping) *AnswerTest {
	x := o.Open("answer", "answer", "")
	if x == nil {
		return nil
	}
	x.RefuseEmpty("ok", "name a path and what it is in a success")
	a := &AnswerTest{OK: w.readPathExpects(x, "ok")}
	for _, p := range a.OK {
		matcherTemplates(p.Matchers, func(t *Template) {
			if t != nil && !t.Static() {
				w.failAt(t.Pos, "", "write the value, or expect: {body: …} in the steps whose success depends on a variable", "answer takes no placeholders")
			}
		})
	}
	return a
}

// withStage is the suite's test with the paths of the stage that it does not name. Either may be
// absent; nil when both are.
func (a *AnswerTest) withStage(stage *Env) *AnswerTest {
	if stage == nil || stage.Answer == nil {
		return a
	}
	out := &AnswerTest{}
	if a != nil {
		out.OK = slices.Clone(a.OK)
	}
	for _, p := range stage.Answer.OK { // mergeBy would put the suite's own last
		if !slices.ContainsFunc(out.OK, func(own PathExpect) bool { return own.Path == p.Path }) {
			out.OK = append(out.OK, p)
		}
	}
	return out
}

// readHLS reads what an HLS playlist must be: numbers, or tests of numbers, and codecs as text.
func (w *walker) readHLS(n *yaml.Node) *HLSExpect {
	o := w.Object(n, "hls", "")
	h := &HLSExpect{Pos: w.Pos(o.Node)}
	counts := func(name string) []Matcher {
		if n := o.Get(name); n != nil {
			return w.readCounts(n, name)
		}
		return nil
	}
	h.Variants, h.Segments, h.TargetDuration = counts("variants"), counts("segments"), counts("target_duration")
	if n := o.Get("codecs"); n != nil {
		h.Codecs = w.readMatchers(n, "codecs", true)
	}
	return h
}

// mergeExpect merges a step's expectation over the defaults'. Either may be nil.
//
//  1. A part (status, latency, text, schema, snapshot, hls) that the step writes takes the
//     place of the default's.
//  2. Headers, cookies and body are merged by name or path; a step's entry takes the place
//     of the default's with all its matchers.
//  3. The overrides of a side are merged by the same rules, each side apart, and
//     then over the merged expectation of both.
func mergeExpect(base, over *expectSource) *expectSource {
	out := &expectSource{sides: map[Side]*Expect{}}
	// Rule 3 takes the sides, after the parts of both.
	for _, e := range []*expectSource{base, over} {
		if e == nil {
			continue
		}
		out.both = overlay(out.both, e.both)
		for _, side := range []Side{Blue, Green} {
			switch {
			case e.sides[side] == nil:
			case out.sides[side] == nil:
				out.sides[side] = e.sides[side]
			default:
				x := overlay(*out.sides[side], *e.sides[side])
				out.sides[side] = &x
			}
		}
	}
	return out
}

// overlay is base with the parts that over writes: rules 1 and 2 of mergeExpect. Neither
// argument is changed: all steps share the defaults.
func overlay(base, over Expect) Expect {
	out := base
	// Messages at run time lead to the nearest expectation.
	if over.Pos.Line > 0 {
		out.Pos = over.Pos
	}
	// Written, and not the value, says what counts: an empty list is refused when read.
	for _, part := range over.Written {
		switch part {
		case "status":
			out.Status = over.Status
		case "latency":
			out.Latency = over.Latency
		// Rule 2, as for cookies and body.
		case "headers":
			out.Headers = overlayFields(base.Headers, over.Headers)
		case "cookies":
			out.Cookies = overlayFields(base.Cookies, over.Cookies)
		case "body":
			out.Body = mergeBy(base.Body, over.Body, func(a, b PathExpect) bool { return a.Path == b.Path })
		case "text":
			out.Text = over.Text
		case "schema":
			out.Schema, out.schema = over.Schema, over.schema
		case "snapshot":
			out.Snapshot, out.SnapshotData = over.Snapshot, over.SnapshotData
		case "hls":
			out.HLS = over.HLS
		}
		if !slices.Contains(out.Written, part) {
			out.Written = append(slices.Clone(out.Written), part)
		}
	}
	return out
}

// overlayFields is rule 2 for headers and cookies, whose names differ in case alone.
func overlayFields(base, over []FieldExpect) []FieldExpect {
	return mergeBy(base, over, func(a, b FieldExpect) bool { return strings.EqualFold(a.Name, b.Name) })
}

// templates calls f for the operands of an expectation, so that their names are checked.
func (e *Expect) templates(f func(*Template)) {
	walk := func(list []Matcher) { matcherTemplates(list, f) }
	walk(e.Latency)
	for _, list := range [][]FieldExpect{e.Headers, e.Cookies} {
		for _, x := range list {
			walk(x.Matchers)
		}
	}
	for _, x := range e.Body {
		f(x.Keyed)
		walk(x.Matchers)
	}
	walk(e.Text)
	if h := e.HLS; h != nil {
		for _, list := range [][]Matcher{h.Variants, h.Segments, h.Codecs, h.TargetDuration} {
			walk(list)
		}
	}
}

// matcherTemplates calls f for the operands of tests, nested ones included.
func matcherTemplates(list []Matcher, f func(*Template)) {
	for _, m := range list {
		f(m.Value)
		for _, t := range m.List {
			f(t)
		}
		matcherTemplates(m.Sub, f)
	}
}
