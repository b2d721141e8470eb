package jmeter

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// requests counts the samplers below a node that send HTTP.
func requests(n *node) int {
	count := 0
	n.walk(func(x *node) {
		if isHTTP(x) {
			count++
		}
	})
	return count
}

// isHTTP reports whether a node is a sampler that sends HTTP.
func isHTTP(n *node) bool {
	return n.class == "HTTPSamplerProxy" || n.class == "HTTPSampler" || n.class == "HTTPSampler2"
}

// sampler makes the step of a sampler.
func (w *walker) sampler(n *node, outer []*node) {
	r := &reach{n: n, outer: outer}
	w.p.samplerName = n.name
	for _, x := range n.kids {
		if x.role() == config {
			w.element(x)
		}
	}
	switch {
	case n.class == "TestAction" || n.class == "FlowControlAction":
		w.pauseOf(n)
		return
	case n.class == "DebugSampler":
		w.counted(n, model.Settings)
		return
	// Nothing else is sent. What it holds may still set variables of later requests.
	case !isHTTP(n):
		w.script(n)
		if _, isScript := scriptText(n); !isScript {
			w.lose(n, model.Requests, "only HTTP is sent")
		}
		w.before(r)
		w.lostAfter(r)
		return
	}
	w.before(r)
	// Pre-processors have set what the request uses; assertions become its expectation.
	name := w.names.Take(stepName(n))
	q := w.p.request(r, w.s, w.title+" / "+name, naming.Plain(name))
	tests := checks{s: w.s}
	w.assertions(r, &tests, q)
	q.Expect = tests.expect
	w.p.StepOf(q, func(cookie, value string) bool { return !naming.SecretName(cookie) && len(value) < 20 })
	// An address that begins with a value is kept whole: it cannot be cut into path and query.
	if w.s.free != "" {
		q.Step.URL, q.Step.Query = w.p.Text(w.s.free), nil
	}
	if w.p.seen[n] { // a loop's copy, or a module's
		w.p.Report.Unmap(model.Requests, 1)
	}
	w.p.seen[n] = true
	if len(q.Skip) > 0 {
		w.skipped(r, q)
		return
	}
	q.Step.Name = naming.Plain(name)
	q.Step.When = w.when
	q.Step.Continue = w.goOn && !w.inOnce && !w.p.inSetup && !isTeardown(w.group)
	if w.repeat > 1 {
		q.Step.Repeat = w.repeat
	}
	// Timers act before the sampler, extractors after it.
	w.timers(r, q)
	w.after(r, q, false)
	q.Step.Comment = append(q.Comment, w.comments...)
	w.comments = nil
	w.steps = append(w.steps, q)
}

// skipped leaves a request out that cannot be sent as it is. The only one of a
// group is written as a case that says so.
func (w *walker) skipped(r *reach, q *web.Request) {
	if requests(w.group) == 1 && !w.p.inSetup && !isTeardown(w.group) {
		q.ID = w.p.caseID(w)
		w.p.Suite.Cases = append(w.p.Suite.Cases, w.p.CaseOf(q))
		w.p.all = append(w.p.all, q)
		w.after(r, q, true)
		return
	}
	w.p.Report.Unmap(model.Requests, 1)
	w.p.Lose(q, model.Lost{Kind: model.Requests, Place: r.n.place(), Text: q.Describe(), Why: "not written: " + strings.Join(q.Skip, "; ")})
	w.after(r, q, true)
}

func stepName(n *node) string {
	name := strings.Join(strings.Fields(n.name), " ")
	for _, p := range pieces(name) {
		if p.ref != nil {
			name = strings.ReplaceAll(name, p.ref.source(), p.ref.name)
		}
	}
	return cmp.Or(naming.OneLine(name, 80), "HTTP Request")
}

// before applies the pre-processors of a sampler.
func (w *walker) before(r *reach) {
	for _, x := range r.of(before) {
		switch _, isScript := scriptText(x); {
		case x.class == "UserParameters":
			w.userParameters(x)
		case isScript:
			w.script(x)
		default:
			w.lose(x, model.Settings, "it changes what is sent while the plan runs")
		}
	}
}

// script applies what a script sets, and lists the rest of it.
func (w *walker) script(x *node) {
	text, has := scriptText(x)
	if !has {
		return
	}
	sets, lost := evaluate(text)
	for _, set := range sets {
		if !set.property {
			w.set(set.name, set.raw)
		}
	}
	if w.p.seen[x] {
		return
	}
	w.p.seen[x] = true
	// A script is listed once, with its first line that is not understood.
	kind := model.ScriptLines
	if x.role() == assertion {
		kind = model.Assertions
	}
	if file := x.trimmed("filename"); file != "" && len(lost) == 0 {
		lost = []string{"file " + file}
	}
	if len(lost) == 0 {
		w.p.Report.Mapped(kind, 1)
		return
	}
	more := ""
	if len(lost) > 1 {
		more = fmt.Sprintf(", and %d more lines", len(lost)-1)
	}
	l := model.Lost{Kind: kind, Request: w.title, Place: x.label(), Text: lost[0], Why: "scripts are not run" + more}
	w.p.Report.Lose(l)
	w.comments = append(w.comments, "not converted: "+l.Line())
}

// assertions converts the assertions that count for a sampler.
func (w *walker) assertions(r *reach, tests *checks, q *web.Request) {
	for _, x := range r.of(assertion) {
		if _, isScript := scriptText(x); isScript {
			w.script(x)
			continue
		}
		why := tests.add(x)
		if why == "" {
			w.counted(x, model.Assertions)
			continue
		}
		w.p.loseAt(q, x, model.Assertions, why)
	}
	if why := tests.finish(); why != "" {
		w.p.Lose(q, model.Lost{Kind: model.Settings, Place: r.n.place(), Why: why})
	}
}

// after applies the extractors and scripts after a sampler.
func (w *walker) after(r *reach, q *web.Request, lost bool) {
	for _, x := range r.of(after) {
		if _, isScript := scriptText(x); isScript {
			w.script(x)
			continue
		}
		if x.class == "ResultAction" || x.class == "DebugPostProcessor" {
			w.counted(x, model.Settings)
			continue
		}
		made, why := w.s.extract(x)
		if lost && why == "" {
			why = "its request is not written"
		}
		if why != "" {
			w.p.loseAt(q, x, model.Captures, why)
			w.setLater(x)
			continue
		}
		w.counted(x, model.Captures)
		w.capture(q, x, made)
	}
}

// capture gives a step its captures.
func (w *walker) capture(q *web.Request, x *node, made []taken) {
	for _, t := range made {
		delete(w.s.local, t.name)
		delete(w.s.joined, t.name)
		if t.joined != "" {
			w.s.joined[t.name] = t.joined
			continue
		}
		name := w.p.names.name("v", t.name)
		q.Step.AddCapture(name, &t.capture)
		w.s.captured[t.name] = true
		w.p.names.mayBeNumber[name] = true
		if t.note != "" {
			w.p.Report.Note("", "%s: %s", x.label(), t.note)
		}
		if naming.SecretName(t.name) && !w.p.shortValue(name) {
			w.p.Suite.Secrets = model.AppendOnce(w.p.Suite.Secrets, name)
		}
		if w.inOnce || w.p.inSetup {
			w.p.names.captured[t.name] = true
		}
	}
}

// setLater remembers which extractor would have set a variable.
func (w *walker) setLater(x *node) {
	for _, property := range []string{"JSONPostProcessor.referenceNames", "RegexExtractor.refname", "BoundaryExtractor.refname", "HtmlExtractor.refname", "XPathExtractor.refname", "XPathExtractor2.refname"} {
		for name := range strings.SplitSeq(x.trimmed(property), ";") {
			if name = strings.TrimSpace(name); name != "" {
				w.p.names.setters[name] = x.label()
			}
		}
	}
}

// lostAfter lists what belongs to a sampler that is not sent.
func (w *walker) lostAfter(r *reach) {
	for _, x := range r.n.kids {
		switch x.role() {
		case after:
			if _, isScript := scriptText(x); isScript {
				w.script(x)
				continue
			}
			w.lose(x, model.Captures, "its sampler is not sent")
			w.setLater(x)
		case assertion:
			w.lose(x, model.Assertions, "its sampler is not sent")
		}
	}
}
