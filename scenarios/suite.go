package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A builder makes one suite.
type builder struct {
	*loader
	suite    *Suite
	defaults *stepDefaults
	names    *names
	rules    []diff.Rule // of flags, env file and suite
	steps    []*Step     // all steps built, for checks over the whole suite
	undo     []undoing   // of the case being read; see linkCompensation
	unbound  bool        // a parts file on its own: names are not checked
}

// suite reads a suite file.
func (l *loader) suite(w *walker) *Suite {
	clear(l.files)
	l.files[w.src.Path] = true
	o := w.object(w.src.Root, "suite", "")
	s := &Suite{Name: o.name("suite"), Pos: w.pos(o.at("suite")), Gate: Required, Stage: l.opts.Env}
	if s.Stage != nil {
		s.Numbers = s.Stage.Numbers
	}
	o.bind(s)
	b := &builder{loader: l, suite: s}
	b.names = newNames(l, s)
	s.Blue, s.Green = w.sides(o)
	b.mergeStage(w, o)
	s.Answer = w.answer(o).over(s.Stage)
	s.Transport = w.transport(o)
	if s.Stage != nil {
		s.Transport = append(s.Transport, s.Stage.Transport...)
	}
	if x := o.sub("session", "session", ""); x != nil {
		s.Session = &Session{}
		x.bind(s.Session)
	}
	s.MinCompared = DefaultCompared
	if c := o.sub("coverage", "coverage", ""); c != nil {
		c.bind(s)
		if c.has("min") {
			s.MinCompared = min(s.MinCompared, s.MinCoverage)
		}
	}
	if f := o.sub("flaky", "flaky", ""); f != nil {
		f.bind(s)
	}
	b.rules = slices.Concat(l.opts.Rules, stageRules(l.opts.Env), s.Rules)
	b.checkRules(nil, b.rules)
	b.defaults = b.readDefaults(w, o)
	s.Identity = append(s.Identity, w.identity(o, "identity")...)
	b.body(w, o)
	l.checkRead()
	b.checkSuite(w, o)
	for file := range l.files {
		s.Files = append(s.Files, file)
	}
	slices.Sort(s.Files)
	return s
}

// body reads setup, cases, teardown and load.
func (b *builder) body(w *walker, o *obj) {
	s := b.suite
	ctx := stepContext{walker: w, rules: b.rules, stack: nil}
	b.names.begin(nil, nil)
	s.Setup = b.stepList(o, "setup", ctx, "setup")
	ofSetup := b.undo
	b.undo = nil
	b.names.keep()
	ids := map[string]Pos{}
	o.list("cases", func(_ int, n *yaml.Node) {
		b.names.begin(nil, nil)
		if c := b.readCase(w, n); c != nil {
			if first, dup := ids[c.ID]; dup && c.ID != s.Name+"/" { // a name that is none is reported
				b.add(Problem{
					Pos: c.Pos, Summary: fmt.Sprintf("duplicate case %q", strings.TrimPrefix(c.ID, s.Name+"/")),
					Hint: "it is also in " + first.String(),
				})
			}
			ids[c.ID] = c.Pos
			s.Cases = append(s.Cases, c)
		}
	})
	if n := o.values["cases"]; n != nil && source.Deref(n).Kind == yaml.SequenceNode && len(source.Deref(n).Content) == 0 {
		w.errorf(n, "a suite without cases proves nothing", "cases is empty")
	}
	b.names.begin(nil, nil)
	s.Teardown = b.stepList(o, "teardown", ctx, "teardown")
	b.undo = append(b.undo, ofSetup...)
	b.linkCompensation(s.Setup, s.Teardown)
	loads := map[string]bool{}
	o.list("load", func(_ int, n *yaml.Node) {
		l := w.loadStage(n, s.Name)
		if loads[l.Name] {
			w.errorf(n, "", "duplicate load %q", l.Name)
		}
		loads[l.Name] = true
		s.Loads = append(s.Loads, l)
	})
}

// vars reads a mapping of variables in file order.
func (w *walker) vars(o *obj, name string) []Var {
	var out []Var
	o.mapping(name, func(k, v *yaml.Node) {
		if !w.checkVarName(k, k.Value) {
			return
		}
		if t := w.template(v, "variable "+k.Value); t != nil {
			out = append(out, Var{Name: k.Value, Value: t, Pos: w.pos(k)})
		}
	})
	return out
}

func (w *walker) checkVarName(n *yaml.Node, text string) bool {
	i := template.BadNameAt(text)
	if i < 0 && text != "" && text != "env" {
		return true
	}
	w.errorAt(n, max(i, 0), "names begin with a letter or _ and hold letters, digits, - and _", "%q is not the name of a variable",
		problem.Cut(text, 40))
	return false
}

// template reads a scalar with placeholders; nil when it is none.
func (w *walker) template(n *yaml.Node, what string) *Template {
	n = source.Deref(n)
	text, ok := w.scalarText(n, what, aTemplate)
	if !ok {
		return nil
	}
	t, errs := template.Parse(text, w.pos(n))
	for _, e := range errs {
		w.errorAt(n, e.Offset, e.Hint, "%s: %s", what, e.Msg)
	}
	if len(errs) > 0 {
		return nil
	}
	w.places[t] = place{w, n}
	if isLiteral(n) {
		t.JSON = n.Value
	}
	return t
}

func (o *obj) template(name string) *Template {
	n := o.get(name)
	if n == nil {
		return nil
	}
	t := o.w.template(n, name)
	o.broken = o.broken || t == nil
	return t
}

// fields reads a mapping of names to values, a list repeating the name.
func (w *walker) fields(o *obj, name string, check func(k *yaml.Node) bool) []Field {
	var out []Field
	o.mapping(name, func(k, v *yaml.Node) {
		if strings.Contains(k.Value, "{{") {
			w.errorf(k, "", "names in %s take no placeholders", name)
			return
		}
		if check != nil && !check(k) {
			return
		}
		for _, v := range w.oneOrSeveral(k, v, name) {
			if t := w.template(v, fmt.Sprintf("%s %q", name, k.Value)); t != nil {
				out = append(out, Field{Name: k.Value, Value: t, HasValue: true, Pos: w.pos(k)})
			}
		}
	})
	return out
}

// oneOrSeveral are the values that a name of a mapping has: its own, or those of its list.
func (w *walker) oneOrSeveral(k, v *yaml.Node, what string) []*yaml.Node {
	d := source.Deref(v)
	if d.Kind != yaml.SequenceNode {
		return []*yaml.Node{v}
	}
	if len(d.Content) == 0 {
		w.errorf(v, "", "%s: %q has an empty list", what, k.Value)
	}
	return d.Content
}

// identity reads a list of identities.
func (w *walker) identity(o *obj, name string) []Identity {
	var out []Identity
	o.list(name, func(_ int, n *yaml.Node) {
		i := w.object(n, "identity", "")
		id := Identity{Samples: 3, Pos: w.pos(n)}
		i.bind(&id)
		if t := i.template("get"); t != nil {
			if !t.Static() || !strings.HasPrefix(t.Text, "/") {
				i.fail(i.at("get"), "", "the path of an identity begins with / and takes no placeholders")
			}
			id.Path = t.Text
		}
		if i.has("at") && i.has("header") {
			i.fail(i.at("header"), "", "an identity is read from at or from header, not both")
		}
		if id.Must == "differ" && id.Blue != nil && id.Green != nil && id.Blue.Text == id.Green.Text {
			i.fail(i.at("green"), "", "the sides must differ, and both are expected to be %q", id.Blue.Text)
		}
		out = append(out, id)
	})
	return out
}

func stageRules(e *Env) []diff.Rule {
	if e == nil {
		return nil
	}
	return e.Rules
}

// TransportFacts are the names of what is compared of how the sides are reached,
// as transport: {allow: …} writes them; docs/trust.md says what each means.
var TransportFacts = []string{
	"tls-old", "tls-1.3", "http-1.1", "http-2", "certificate-expiry", "certificate-names", "certificate-issuer",
	"keep-alive", "connections-reset", "resends", "compression", "clock", "header-names", "head", "options",
	"empty-answer-framing", "buffered-events", "time",
}

// A TransportAllow accepts a difference between the connections to blue and green.
type TransportAllow struct {
	Fact    string // one of TransportFacts
	Service string // empty: of every service
	Why     string
	Pos     Pos
}

// transport reads the accepted differences of connections.
func (w *walker) transport(o *obj) []TransportAllow {
	n := o.get("transport")
	if n == nil {
		return nil
	}
	x := w.object(n, "transport", "")
	x.notEmpty("allow", "name a fact and why it is accepted")
	var out []TransportAllow
	x.list("allow", func(_ int, n *yaml.Node) {
		a := w.object(n, "transport allow", "")
		allow := TransportAllow{Pos: w.pos(a.n)}
		a.bind(&allow)
		if a.has("why") && strings.TrimSpace(allow.Why) == "" {
			a.fail(a.at("why"), "say why the difference is accepted", "why is empty")
		}
		out = append(out, allow)
	})
	return out
}
