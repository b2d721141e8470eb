package scenarios

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/template"
)

// checkStep reports what is wrong with a step as a whole: keys that are right one by one and
// do nothing, or harm, together. It is asked after all keys are read and merged, since
// side effects and mode may come from the defaults.
func (b *builder) checkStep(o *keys.Mapping, s *Step, what string) {
	method := s.Request.Method
	switch {
	case method == "":
	case !SafeMethod(method) && s.SideEffects == Undeclared && !o.Has("side_effects") && !o.Broken:
		o.Fail(verbKey(o), "add side_effects: none (it only reads), idempotent, isolated or compensated",
			"%s without side_effects in %s", method, what)
	case s.SideEffects == Unreviewed:
		o.Reader.Warnf(o.At("side_effects"), "say what the request leaves behind: none, idempotent, isolated or compensated",
			"the side effects of step %q are not reviewed; the step is skipped", s.Name)
	}
	// Rules, mode and coverage of such a step would do nothing.
	if len(s.Sides) == 1 && s.Compare && !o.Broken {
		o.Fail(o.At("sides"), "add compare: none", "a step for one side has nothing to compare with")
	}
	// Which of the two would come first is not said anywhere.
	if s.Poll != nil && s.Repeat > 1 {
		o.Fail(o.At("repeat"), "", "a step polls or repeats, not both")
	}
	// A retry of the defaults is passed over in silence: it is meant for the other steps.
	once := !SafeMethod(method) && s.SideEffects != Idempotent && s.SideEffects != NoEffects // sent at most once
	if s.Retry != nil && once && o.Has("retry") {
		o.Fail(o.At("retry"), "declare side_effects: idempotent if sending twice is harmless",
			"%s is never sent twice, so retry does nothing", method)
	}
	if s.Poll != nil && once {
		o.Fail(o.At("poll"), "declare side_effects: idempotent or none if sending again is harmless", "a poll sends %s again and again",
			method)
	}
	// HEAD has headers, cookies and a status, and no body.
	for _, c := range s.Captures {
		if c.Header == "" && c.Cookie == "" && !c.Status && method == "HEAD" {
			o.Fail(o.At("capture"), "", "capture %q reads the body, and HEAD has none", c.Name)
		}
	}
	if c := expectsNothing(&s.Expect); c != "" {
		o.Reader.Warnf(o.At("expect"), "write exists: true if it only has to be there", "%s always passes; this expectation checks nothing", c)
	}
}

// expectsNothing names an expectation that any answer meets.
// It is a warning: the expectation is true, and its author believes that it checks.
func expectsNothing(e *Expect) string {
	// All five classes together are any status.
	classes := 0
	for _, m := range e.Status {
		if m.High-m.Low == 99 {
			classes++
		}
	}
	if classes >= 5 {
		return "status 1xx to 5xx"
	}
	for _, p := range e.Body {
		if m := emptyMatcher(p.Matchers); m != "" {
			return m + " of " + p.Path
		}
	}
	if m := emptyMatcher(e.Text); m != "" {
		return m + " of the text"
	}
	for _, h := range e.Headers {
		if m := emptyMatcher(h.Matchers); m != "" {
			return m + " of header " + h.Name
		}
	}
	return ""
}

// emptyMatcher names a test among several that every value passes. A count next to
// each says whether there may be no element, and so is not empty.
func emptyMatcher(list []Matcher) string {
	each := slices.ContainsFunc(list, func(m Matcher) bool { return m.Op == OpEach })
	for _, m := range list {
		switch {
		case m.Op == OpCount && !each && len(m.Sub) == 1 && m.Sub[0].Op == OpGte && m.Sub[0].Value.Text == "0":
			return "count gte 0"
		case m.Op == OpMatches && slices.Contains([]string{"", ".*", "^.*$", "^", "$"}, m.Value.Text):
			return "matches " + strconv.Quote(m.Value.Text)
		case m.Op == OpContains && m.Value.Static() && m.Value.Node == nil && m.Value.Text == "":
			return `contains ""`
		}
	}
	return ""
}

// checkCase reports what is wrong with a case as a whole.
func (b *builder) checkCase(w *walker, o *keys.Mapping, c *Case) {
	if c.Crossover && slices.ContainsFunc(c.Steps, func(s *Step) bool { return len(s.Sides) > 0 }) {
		w.Errorf(o.At("crossover"), "", "a crossover walks every step on both sides; a step of one side cannot be crossed")
	}
	// The sides change between two steps.
	if c.Crossover && len(c.Steps) == 1 {
		w.Warnf(o.At("crossover"), "a crossover needs two steps to cross between", "a crossover of one step crosses nothing")
	}
	if c.Skip != "" && c.Only {
		w.Errorf(o.At("only"), "", "a case is skip or only, not both")
	}
	for i, s := range c.Steps {
		if s.When != nil && i == 0 {
			w.Errorf(whenNode(o), "", "the first step has no previous answer to ask when of")
		}
	}
}

// templates calls f for every template that is expanded when the step is sent
// and judged, and nil for those that the step does not have.
func (s *Step) templates(f func(*Template)) {
	s.Request.templates(f)
	s.Auth.templates(f)
	f(s.WhenVar)
	for _, v := range s.WhenVars {
		f(v.Value)
		matcherTemplates(v.Matchers, f)
	}
	for _, e := range []*Expect{&s.Expect, s.ExpectBlue, s.ExpectGreen, s.When} {
		if e != nil {
			e.templates(f)
		}
	}
	if s.Poll != nil {
		s.Poll.Until.templates(f)
	}
}

// templates calls f for every template of a request, in the order in which it is sent.
func (r *Request) templates(f func(*Template)) {
	f(r.URL)
	for _, list := range [][]Field{r.Query, r.Headers, r.Cookies} {
		for _, x := range list {
			f(x.Value)
		}
	}
	if r.Body != nil {
		r.Body.templates(f)
	}
}

// templates calls f for every template of a body, whatever its kind: fields that the kind
// does not use are nil or empty.
func (b *Body) templates(f func(*Template)) {
	f(b.Text)
	if b.Node != nil {
		b.Node.Each(f)
	}
	for _, x := range b.Fields {
		f(x.Value)
	}
	for _, p := range b.Parts {
		f(p.Value)
	}
}

// checkNames reports the placeholders of a step that nothing answers. A parts file on its
// own is not checked: its arguments come from the use.
func (b *builder) checkNames(s *Step) {
	if b.unbound {
		return
	}
	// What a poll or an expectation compares with may be what the step captures;
	// the request may not.
	s.templates(b.names.check)
}

// checkSuite looks at the suite as a whole, when every case is read. What is sent with every
// step (headers and auth of sides and services) may name any capture of the suite: it is
// checked now that all of them are known.
func (b *builder) checkSuite(w *walker, o *keys.Mapping) {
	b.names.improveHints()
	b.names.anywhere = true
	b.names.with = nil
	for _, c := range []*SideConfig{&b.suite.Blue, &b.suite.Green} {
		for _, s := range append([]Service{{Headers: c.Headers, Auth: c.Auth}}, c.Services...) {
			for _, f := range s.Headers {
				b.names.check(f.Value)
			}
			s.Auth.templates(b.names.check)
		}
	}
	// Services of identities and of defaults are checked once both sides are merged.
	for _, i := range b.suite.Identity {
		b.names.check(i.Blue)
		b.names.check(i.Green)
		if i.Service != "" && !slices.Contains(b.serviceNames(), i.Service) {
			b.failAt(i.Pos, "", suggest.Hint(i.Service, b.serviceNames()), "unknown service %q in identity", i.Service)
		}
	}
	if d := b.defaults.Service; d != "" && !slices.Contains(b.serviceNames(), d) {
		w.Errorf(o.At("defaults"), suggest.Hint(d, b.serviceNames()), "unknown service %q in defaults", d)
	}
	b.checkSides(w, o)
	b.checkTransports()
	b.checkAddresses()
	b.warnUnused()
	b.checkSecrets(w, o)
	b.warnSecrets()
}

// minSecret is the length below which a secret cannot be distinguished from other text.
// A value of one or two characters is part of half of all answers.
const minSecret = 6

// checkSecrets reports names that nothing gives, which would leave the real secret readable,
// and, when requests will be sent, values that are too short to be hidden.
func (b *builder) checkSecrets(w *walker, o *keys.Mapping) {
	for _, name := range b.suite.Secrets {
		at := o.ElementOf("secrets", name)
		if at == nil {
			continue // of the env file
		}
		// A secret is a variable, or an environment variable of the list.
		own := slices.Contains(b.suite.Env, name)
		// Where a name is not a variable, a list that hides nothing would look like one that does.
		if known, _ := b.names.resolve(name); !known && !own && !b.isVariable(name) {
			w.Errorf(at, suggest.Hint(name, append(b.names.known(), b.suite.Env...)),
				"secret %q is neither a variable nor in the env list", name)
			continue
		}
		// Values are known only where requests will be sent.
		if !b.opts.Demand {
			continue
		}
		for _, side := range []Side{Blue, Green} {
			// Captures are not known yet: what files, flags and the environment give is measured.
			scope := b.addressScope(side)
			v, ok, err := scope.Lookup(name)
			if !ok && err == nil && own {
				v, ok, _ = scope.Lookup("env." + name)
			}
			if n := len(strings.TrimSpace(v.Text)); ok && n < minSecret { // white space alone is everywhere
				w.Errorf(at, "use a longer one, or take it off the list",
					"the secret %q has %d bytes; below %d it cannot be distinguished from other text", name, n, minSecret)
				break
			}
		}
	}
}

// isVariable reports whether a case, its rows or a use of a part defines a name.
func (b *builder) isVariable(name string) bool {
	for _, c := range b.suite.Cases {
		if template.FindVar(c.Vars, name) != nil || c.Data != nil && slices.Contains(c.Data.Columns, name) {
			return true
		}
	}
	return slices.ContainsFunc(b.steps, func(s *Step) bool {
		return slices.ContainsFunc(s.With, func(vars []Var) bool { return template.FindVar(vars, name) != nil })
	})
}
