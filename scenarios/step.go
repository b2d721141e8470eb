package scenarios

import (
	"path"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// stepDefaults are what every step of a suite starts from. The fields with a capital are
// bound by the key table; expect and retry are read by code.
type stepDefaults struct {
	// Service wins over that of the suite, and yields to a case's.
	Service string
	// Headers, Query and Cookies are merged with a step's by name.
	Headers, Query, Cookies []Field
	Auth                    *Auth
	// Timeout bounds one request.
	Timeout time.Duration
	// expect is kept as written: it is merged with each step's own, side by side.
	expect      *expectSource
	Mode        diff.Mode
	Numbers     diff.NumberReading
	modeWritten bool
	SideEffects SideEffects
	// retry is shared by the steps that write none.
	retry *Retry
	Trace bool
}

// The defaults of the language itself.
const defaultTimeout = 30 * time.Second

// readDefaults reads defaults:. Where the suite has none, a step starts from what the
// language itself says: 30 s, strict, traced, numbers as the suite has them.
// Secrets of defaults are warned of with those of the steps that they are merged into.
func (b *builder) readDefaults(w *walker, o *keys.Mapping) *stepDefaults {
	d := &stepDefaults{Timeout: defaultTimeout, Trace: true, Mode: diff.Strict, Numbers: b.suite.Numbers}
	x := o.Open("defaults", "defaults", "")
	if x == nil {
		return d
	}
	// The struct holds what the language says; bind changes what is written.
	x.Bind(d)
	// A mode in defaults counts as written by each step: who wrote shape meant it.
	d.modeWritten, b.suite.Numbers = x.Has("mode"), d.Numbers
	w.checkLiterals(d.Headers, "header", headerValue)
	w.checkLiterals(d.Cookies, "cookie", cookieValue)
	if n := x.Get("expect"); n != nil {
		d.expect = w.readExpect(n, "defaults")
	}
	if n := x.Get("retry"); n != nil {
		d.retry = w.readRetry(n)
	}
	return d
}

// A stepContext is what a list of steps knows of the place it is written in. It is copied
// for the steps of a part, whose changes do not reach the steps after the use.
type stepContext struct {
	*walker
	// service is the case's; it wins over the defaults.
	service string
	// rules are those of flags, env file, suite and case.
	rules []diff.Rule
	// with are the arguments of the parts around, outermost first.
	with [][]Var
	// stack are the parts being inlined, as file#name.
	stack []string
	// use is the outermost step that uses the part being read; nil outside of parts.
	use *keys.Mapping
	// prefix is put before the names of inlined steps.
	prefix string
	// seen are the names of the steps read so far in the same owner, by which messages name
	// the case, part or list.
	seen  map[string]Pos
	owner string
}

// stepList reads a key that holds steps. An empty list is a problem: it looks like steps
// that run.
func (b *builder) stepList(o *keys.Mapping, name string, ctx stepContext, what string) []*Step {
	if ctx.seen == nil {
		ctx.seen, ctx.owner = map[string]Pos{}, what
	}
	var out []*Step
	o.EachElement(name, func(_ int, n *yaml.Node) { out = append(out, b.readStep(n, ctx, what)...) })
	if o.IsEmpty(name) && source.Deref(o.Values[name]).Kind == yaml.SequenceNode {
		hint := "remove the key"
		if name == "steps" {
			hint = "add a step"
		}
		o.Fail(o.At(name), hint, "%s is empty in %s", name, what)
	}
	return out
}

// readStep reads a step, or the steps of the part that it uses, and holds their names to be
// unique: captures, compensates and reports name a step by its name alone.
func (b *builder) readStep(n *yaml.Node, ctx stepContext, what string) []*Step {
	o := ctx.Object(n, "step", what)
	if o.Node.Kind != yaml.MappingNode {
		return nil
	}
	// Next to use: only step: and with: have a meaning.
	if o.Has("use") {
		return b.usePart(o, ctx, what)
	}
	if o.Has("with") {
		o.Fail(o.Keys["with"], "", "with needs use%s", o.What)
		o.MarkRead("with")
	}
	name := o.Text("step")
	s := b.readOneStep(o, ctx, name, what)
	if s == nil {
		return nil
	}
	// The name a reader sees: sign in / POST /v1/session.
	s.Name, s.prefix = ctx.prefix+s.Name, ctx.prefix
	if first, dup := ctx.seen[s.Name]; dup {
		// The hint depends on who can change the name: the author of the step, or the one who
		// uses a part twice.
		hint := "it is also in " + first.String()
		if len(ctx.stack) > 0 {
			hint = "give the use a step: name; it is put before the names of the part's steps"
		} else if name == "" {
			hint = "give each a step: name"
		}
		at, w := o.At("step"), ctx.Reader
		if ctx.use != nil {
			at, w = ctx.use.At("use"), ctx.use.Reader
		}
		w.Errorf(at, hint, "duplicate step %q in %s", s.Name, ctx.owner)
	}
	ctx.seen[s.Name] = s.Pos
	return []*Step{s}
}

// readOneStep reads what a step and a case of one request share, and merges the defaults
// into it:
//
//  1. A key of the step wins over the same key of the defaults.
//  2. Headers, query and cookies are merged by name; see mergeFields.
//  3. Expectations are merged part by part; see overlay.
//  4. Rules of the step come after those of flags, env file, suite and case.
//  5. side_effects of the defaults count for unsafe methods only: a GET has none.
func (b *builder) readOneStep(o *keys.Mapping, ctx stepContext, name, what string) *Step {
	d := b.defaults
	s := &Step{
		Pos: ctx.Pos(o.Node), With: ctx.with, Repeat: 1, Compare: true, MinCompared: b.suite.MinCompared,
		ModeWritten: d.modeWritten || o.Has("mode"),
	}
	// Rule 1: s holds the defaults, and only written keys change it.
	keys.Inherit("defaults", d, s)
	o.BindKeys(keys.RequestKeys, s)
	b.readRequest(o, ctx, s)
	s.Name = name
	if name == "" {
		// The name follows from what is sent, so that a step without one is found in reports.
		s.Name = s.Request.Method
		if s.Request.URL != nil {
			s.Name += " " + s.Request.URL.Text
		}
	}
	// Rule 5.
	if !o.Has("side_effects") && SafeMethod(s.Request.Method) {
		s.SideEffects = Undeclared
	}
	b.readCompensates(o, s)
	// Rule 4. Steps without their own rules share one list.
	own := ctx.readRules(o, "rules")
	s.Rules = slices.Clip(ctx.rules) // shared: a runner compiles them once for all such steps
	if len(own) > 0 {
		s.Rules = slices.Concat(ctx.rules, own)
	}
	b.checkRules(ctx.rules, own)
	// Rule 3, then what a step does besides sending once.
	b.readExpectations(o, ctx, s, what)
	b.readFlow(o, ctx, s, what)
	b.checkStep(o, s, what)
	// Names are checked before the step's own captures are known: its request cannot use
	// them. The arguments of parts are those around this step alone.
	b.names.with, b.names.usedAt = ctx.with, Pos{}
	if ctx.use != nil {
		b.names.usedAt = ctx.use.Reader.Pos(ctx.use.At("use"))
	}
	b.checkNames(s)
	for _, c := range s.Captures {
		b.names.capture(c)
	}
	b.steps = append(b.steps, s)
	return s
}

// readExpectations reads expect and merges it over the defaults'. Each side's own expectation
// is merged over that of both, so that it may write only what differs.
func (b *builder) readExpectations(o *keys.Mapping, ctx stepContext, s *Step, what string) {
	var own *expectSource
	if n := o.Get("expect"); n != nil {
		own = ctx.readExpect(n, what)
	}
	merged := mergeExpect(b.defaults.expect, own)
	merged.both.Answer, merged.both.Numbers = b.suite.Answer, b.suite.Numbers
	s.Expect = merged.both
	for _, x := range []struct {
		side Side
		into **Expect
	}{{Blue, &s.ExpectBlue}, {Green, &s.ExpectGreen}} {
		if over := merged.sides[x.side]; over != nil {
			e := overlay(merged.both, *over)
			*x.into = &e
		}
	}
	// The default expectations of the language alone are not what the author chose.
	if !s.Compare && own == nil && b.defaults.expect == nil {
		ctx.Errorf(o.At("compare"), "add expect:, or leave compare out", "a step that compares nothing and expects nothing proves nothing")
	}
}

// readFlow reads what makes a step more than one request: poll, retry, when, sides, capture.
func (b *builder) readFlow(o *keys.Mapping, ctx stepContext, s *Step, what string) {
	// A poll asks every second for half a minute unless the file says otherwise.
	if p := o.Open("poll", "poll", what); p != nil {
		s.Poll = &Poll{Every: time.Second, UpTo: 30 * time.Second}
		p.Bind(s.Poll)
		if n := p.Get("until"); n != nil {
			e := ctx.readExpect(n, what)
			s.Poll.Until = e.both
			e.refuseSides(ctx.walker, "until")
		}
		if s.Poll.Every > s.Poll.UpTo && !p.Broken {
			p.Fail(p.At("every"), "", "every is longer than up_to")
		}
	}
	// Unlike expectations, a retry is not merged: the step's takes the place of the defaults'.
	s.Retry = b.defaults.retry
	if n := o.Get("retry"); n != nil {
		s.Retry = ctx.readRetry(n)
	}
	if n := o.Get("when"); n != nil {
		ctx.readWhen(o, n, s, what)
	}
	for _, word := range o.Texts("sides", func(n *yaml.Node, text string) bool {
		if text != "blue" && text != "green" {
			ctx.Errorf(n, "", "a side is blue or green, not %q", problem.Cut(text, 40))
			return false
		}
		return true
	}) {
		s.Sides = append(s.Sides, map[string]Side{"blue": Blue, "green": Green}[word])
	}
	o.RefuseEmpty("sides", "remove it: both sides are asked")
	// Both sides named is the same as none named.
	if len(s.Sides) == 2 {
		s.Sides = nil
	}
	o.EachPair("capture", func(k, v *yaml.Node) {
		if c, ok := ctx.readCapture(k, v); ok {
			s.Captures = append(s.Captures, c)
		}
	})
}

// readCapture reads one captured value. A plain text is a path into the body; a mapping names
// one place (at, header, cookie, status), with or without a regex over its text, or a regex
// over the whole body. It is also true when the value is wrong, because later steps may
// name it and would be reported in its place.
func (w *walker) readCapture(k, v *yaml.Node) (Capture, bool) {
	c := Capture{Name: k.Value, Pos: w.Pos(k)}
	if !w.CheckVarName(k, k.Value) {
		return c, false
	}
	// The short form: a path that names one value.
	if v = source.Deref(v); v.Kind == yaml.ScalarNode {
		c.At = v.Value
		w.CheckPath(v, v.Value, true)
		return c, true
	}
	o := w.Object(v, "capture", "capture "+k.Value)
	// Places are counted below: each of them is one field.
	o.Bind(&c)
	if c.Header != "" && !w.checkToken(o.At("header"), c.Header, "header") {
		o.Broken = true
	}
	if c.Regex != "" {
		w.checkRegex(o.At("regex"), c.Regex, "regex")
	}
	if o.Has("status") && !c.Status && !o.Broken {
		o.Fail(o.At("status"), "write status: true", "status: false captures nothing")
	}
	// One place, or a regex over the body.
	places := len(present(o, []string{"at", "header", "cookie", "status"}))
	switch {
	case o.Broken:
	case places > 1 || places == 0 && !o.Has("regex"):
		o.Fail(o.Node, "write one of at, header, cookie, status, with or without regex, or regex alone", "capture %q has %d places",
			k.Value, places)
	case c.Status && o.Has("regex"):
		o.Fail(o.At("regex"), "remove it", "a status has no text for a regex")
	}
	return c, true // also when wrong: later steps may name it
}

// readRetry reads a retry. Its list holds statuses and words; statuses below 400 are answers,
// and sending again until one comes would hide what the service says.
func (w *walker) readRetry(n *yaml.Node) *Retry {
	o := w.Object(n, "retry", "")
	r := &Retry{Max: 1}
	o.Bind(r)
	o.EachElement("for", func(_ int, n *yaml.Node) {
		text, ok := w.ScalarText(n, "for", keys.Text)
		switch {
		case !ok:
		// A word is a class of failures of the transport.
		case slices.Contains(keys.FailureWords, text):
			r.Failures = append(r.Failures, text)
		case n.Style == 0 && len(text) == 3 && strings.Trim(text, "0123456789") == "":
			if i, ok := w.IntOf(n, text, "a status", keys.Int(400, 599)); ok {
				r.Statuses = append(r.Statuses, i)
			}
		default:
			w.Errorf(n, suggest.Hint(text, keys.FailureWords), "for takes statuses and %s, not %q", suggest.Quoted(keys.FailureWords),
				problem.Cut(text, 40))
		}
	})
	o.RefuseEmpty("for", "name statuses or failures: [502, 503, connect]")
	return r
}

// partName cuts file#name. A file without extension is not a reference: `use: sign-in` means
// a part of a file that the author forgot to name.
func partName(ref string) (file, name string, ok bool) {
	file, name, ok = strings.Cut(ref, "#")
	return file, name, ok && file != "" && name != "" && path.Ext(file) != ""
}
