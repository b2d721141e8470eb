package judge

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/diff/media"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/envelope"
)

// finding says why an answer with a success status is not a success. Only a 2xx with content can
// hide an error. The second result is false where the answer is a success as far as anyone can
// see. Rules:
//
//  1. grpc-status, in a header or trailer, is not 0, unless what the file expects
//     of that header refuses 0.
//  2. Where the suite's answer: names a path that the body has, the values there
//     decide, and nothing else does.
//  3. Otherwise the envelopes of package envelope decide.
func (c *Checks) finding(a *Answer) (envelope.Finding, bool) {
	if a.Status < 200 || a.Status > 299 || a.bodiless() && len(a.Answer) == 0 {
		return envelope.Finding{}, false
	}
	if !c.refusesHeader("grpc-status", "0") { // Rule 1
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
	return envelope.Find(&envelope.Body{
		Kind: r.Kind, Type: a.first("Content-Type"), Raw: a.Answer, Text: a.text(),
		Tree: r.value,
	}) // Rule 3
}

// fieldsOf are the header fields of an answer. Trailers count too, because gRPC sends its status there.
func fieldsOf(a *Answer) []envelope.Field {
	out := make([]envelope.Field, 0, len(a.Headers)+len(a.Trailers))
	for _, f := range a.Headers {
		out = append(out, envelope.Field(f))
	}
	for _, f := range a.Trailers {
		out = append(out, envelope.Field(f))
	}
	return out
}

// suiteAnswer judges an answer by the paths of the suite's answer: that it has. decided is set
// by the first path that the body has and whose tests could refuse a value there. A finding
// without a class then says that the answer is a success, whatever an envelope would say of it.
func (c *Checks) suiteAnswer(a *Answer) (f envelope.Finding, decided bool) {
	if len(c.answer) == 0 {
		return f, false
	}
	body, err := a.body()
	if err != nil {
		return f, false
	}
	for _, p := range c.answer {
		data := p.where.find(body)
		if len(data) == 0 || !p.refusesAny(data[0]) {
			continue
		}
		decided = true
		for i := range p.tests {
			// A value that the archive hid fails nothing.
			if ok, got := p.run(&p.tests[i], body, data); !ok && !p.tests[i].needsValue(data, a.Hidden) {
				return envelope.Finding{Class: envelope.Error, Path: p.name, Value: got}, true
			}
		}
	}
	return f, decided
}

// hiddenError adds the failed expectation of an answer that is an error in a success, unless
// the file expects just that; see settles. It reports whether it added one. The expectation is
// a root, because the rest of the body is that of an error.
func (c *Checks) hiddenError(k *checker, a *Answer) bool {
	f, ok := c.finding(a)
	if !ok || f.Class != envelope.Error || c.settles(&f, a) {
		return false
	}
	k.addRoot(false, APIAnswer, "an error in the body: "+strings.TrimSpace(f.Path+" "+text.Cut(f.Value, 80))+wayOut(&f, a),
		PosText(c.expect.Pos))
	return true
}

// wayOut says how a file settles that an answer is right all the same. A suggestion has to run
// as it is written, so long values become contains, and structures are only asked not to be
// empty.
func wayOut(f *envelope.Finding, a *Answer) string {
	switch value := f.Value; {
	case strings.HasPrefix(value, "grpc-status"):
		status, _, _ := strings.Cut(strings.TrimPrefix(value, "grpc-status "), " ")
		return fmt.Sprintf("; if it is right, write expect: {headers: {grpc-status: %q}} in the step", status)
	case f.Path == "" && a.read().Kind == media.Text:
		return "; if it is right, write expect: {text: {contains: …}} in the step, or answer: {ok: {\"$[0]\": …}} in the suite"
	case f.Path == "":
		return "; if it is right, write expect: {text: {contains: …}} in the step"
	default:
		switch {
		case strings.HasPrefix(value, "{"), strings.HasPrefix(value, "["):
			value = "{empty: false}"
		case len(value) > 40:
			value = "{contains: " + strings.TrimRight(text.Cut(value, 30), "…") + `"}`
		}
		return fmt.Sprintf("; if it is right, write expect: {body: {%q: %s}} in the step, or answer: {ok: {%q: %s}} in the suite",
			f.Path, value, f.Path, value)
	}
}

// emptiness says that an answer holds nothing, which proves nothing: both sides may have lost
// the same data. "": it holds something, or the file expects something of it. The sentence has
// what to write if the answer is right.
func (c *Checks) emptiness(a *Answer) string {
	if c.sparse || c.aboutContent(a) || c.needsNone(a) || isNothing(a.Answer) {
		return ""
	}
	f, ok := c.finding(a)
	if !ok || f.Class != envelope.Empty {
		return ""
	}
	if a.read().Kind == media.M3U8 {
		return "the answer is empty: " + f.Value + "; if that is right, write expect: {hls: {segments: 0}} in the step"
	}
	expect := "{count: 0}"
	if v := strings.Join(strings.Fields(f.Value), ""); v != "{}" && v != "[]" {
		expect = "{eq: " + text.Cut(string(bytes.TrimSpace([]byte(f.Value))), 60) + "}"
	}
	return fmt.Sprintf("the answer is empty: %s; if that is right, write expect: {body: {$: %s}} in the step, or {body: {$: {exists: "+
		"true}}} in the suite's defaults", text.Cut(f.Value, 40), expect)
}
