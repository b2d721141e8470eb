package runner

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff/media"
	"github.com/bgverify/bgverify/runner/envelope"
)

// finding says why an answer with a success status is no success:
//
//  1. grpc-status, in a header or trailer, is not 0, unless the file expects
//     something of that header.
//  2. Where the suite's answer: names a path that the body has, the values there
//     decide, and nothing else does.
//  3. Otherwise the envelopes of package envelope decide.
func (c *Checks) finding(a *answer) (envelope.Finding, bool) {
	if a.Status < 200 || a.Status > 299 || a.bodiless() && len(a.Answer) == 0 {
		return envelope.Finding{}, false
	}
	if !c.names("grpc-status") { // Rule 1
		if f, ok := envelope.GRPC(fieldsOf(a)); ok {
			return f, true
		}
	}
	if len(a.Answer) == 0 {
		return envelope.Finding{}, false
	}
	if f, decided := c.suiteAnswer(a); decided { // Rule 2
		return f, f.Class != 0
	}
	r := a.read()
	b := &envelope.Body{Kind: r.Kind, Type: a.first("Content-Type"), Raw: a.Answer, Text: a.text()}
	if r.err == nil {
		b.Tree = r.JSON
	}
	return envelope.Find(b) // Rule 3
}

func fieldsOf(a *answer) []envelope.Field {
	out := make([]envelope.Field, 0, len(a.Headers)+len(a.Trailers))
	for _, f := range a.Headers {
		out = append(out, envelope.Field(f))
	}
	for _, f := range a.Trailers {
		out = append(out, envelope.Field(f))
	}
	return out
}

// suiteAnswer judges an answer by the paths of the suite's answer: that it has.
func (c *Checks) suiteAnswer(a *answer) (f envelope.Finding, decided bool) {
	if len(c.answer) == 0 {
		return f, false
	}
	body, err := a.body()
	if err != nil {
		return f, false
	}
	for _, p := range c.answer {
		data, err := p.where.find(body)
		if err != nil || len(data) == 0 {
			continue
		}
		decided = true
		for i := range p.tests {
			if ok, got := p.run(&p.tests[i], body, data); !ok && !p.tests[i].needsValue(data, a.hidden) {
				return envelope.Finding{Class: envelope.Error, Path: p.path, Value: got}, true
			}
		}
	}
	return f, decided
}

// hiddenError adds the failed expectation of an answer that is an error in a
// success, unless the file expects just that; see settles.
func (c *Checks) hiddenError(k *checker, a *answer) bool {
	f, ok := c.finding(a)
	if !ok || f.Class != envelope.Error || c.settles(&f, a) {
		return false
	}
	k.add(false, apiAnswer, "an error in the body: "+strings.TrimSpace(f.Path+" "+cut(f.Value, 80))+wayOut(&f, a), at(c.expect.Pos))
	return true
}

// wayOut says how a file settles that an answer is right all the same.
func wayOut(f *envelope.Finding, a *answer) string {
	switch value := f.Value; {
	case strings.HasPrefix(value, "grpc-status"):
		status, _, _ := strings.Cut(strings.TrimPrefix(value, "grpc-status "), " ")
		return fmt.Sprintf("; if it is right, write expect: {headers: {grpc-status: %q}} in the step", status)
	case f.Path == "" && a.read().Kind == media.Text:
		return "; if it is right, write expect: {text: {contains: …}} in the step, or answer: {ok: {\"$[0]\": …}} in the suite"
	case f.Path == "":
		return "; if it is right, write expect: {text: {contains: …}} in the step"
	default:
		if strings.HasPrefix(value, "{") || strings.HasPrefix(value, "[") || len(value) > 40 {
			value = "{exists: true}"
		}
		return fmt.Sprintf("; if it is right, write expect: {body: {%q: %s}} in the step, or answer: {ok: {%q: %s}} in the suite", f.Path, value, f.Path, value)
	}
}

// emptiness says that an answer holds nothing, which proves nothing: both sides may
// have lost the same data. "": it holds something, or the file expects something of it.
func (c *Checks) emptiness(a *answer) string {
	if c.sparse || c.aboutContent() || c.needsNone(a) || isNothing(a.Answer) {
		return ""
	}
	f, ok := c.finding(a)
	if !ok || f.Class != envelope.Empty {
		return ""
	}
	expect := "{count: 0}"
	if v := strings.Join(strings.Fields(f.Value), ""); v != "{}" && v != "[]" {
		expect = "{eq: " + cut(string(bytes.TrimSpace([]byte(f.Value))), 60) + "}"
	}
	return fmt.Sprintf("the answer is empty: %s; if that is right, write expect: {body: {$: %s}} in the step, or {body: {$: {exists: true}}} in the suite's defaults", cut(f.Value, 40), expect)
}

// settles reports whether what the file expects of the body would not hold of an
// error, or names this one:
//
//  1. A schema, a snapshot, a playlist, or text that says what the body is.
//  2. A value at any path, or the value that makes it an error, whatever is said of it.
//  3. Something of a member that is there and belongs to no envelope.
func (c *Checks) settles(f *envelope.Finding, a *answer) bool {
	if c.sparse || c.expect.Schema != "" || c.expect.Snapshot != "" || c.expect.HLS != nil || c.saysText() { // Rule 1
		return true
	}
	body, err := a.body()
	if err != nil {
		return len(c.body) > 0 // which fail
	}
	return slices.ContainsFunc(c.body, func(p pathTests) bool {
		if data, err := p.where.find(body); err != nil || len(data) == 0 {
			return false
		}
		root := p.path == "$"
		if !root && (f.Path != "" && (within(p.path, f.Path) || within(f.Path, p.path)) || !envelope.Named(lastName(p.path))) {
			return true // Rules 2 and 3
		}
		return slices.ContainsFunc(p.tests, func(t Test) bool { return t.pins(root) })
	})
}

// pins reports whether a test says what a value is, so that an error would not pass.
func (t *Test) pins(root bool) bool {
	switch t.Op {
	case "eq", "in", "contains", "matches", "each":
		return true
	case "count", "format", "unique", "lt", "lte", "gt", "gte":
		return !root
	case "empty":
		return t.want()
	}
	return false
}

// within reports whether a path is another one or leads to something below it.
func within(path, other string) bool {
	rest, ok := strings.CutPrefix(path, other)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// lastName is the name that a path ends with, indexes and wildcards aside; "" of $.
func lastName(path string) string {
	for strings.HasSuffix(path, "]") {
		at := strings.LastIndexByte(path, '[')
		if at < 0 {
			return path
		}
		inner := path[at+1 : len(path)-1]
		if len(inner) > 1 && (inner[0] == '\'' || inner[0] == '"') {
			return inner[1 : len(inner)-1]
		}
		path = path[:at]
	}
	name := path[strings.LastIndexByte(path, '.')+1:]
	if name == "$" {
		return ""
	}
	return name
}
