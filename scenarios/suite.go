package scenarios

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"

	"github.com/bgverify/bgverify/internal/suggest"
)

// A builder makes one suite from its file. What it reads later depends on what it has read
// before (names in scope, rules in force, defaults), so the order of the calls in
// readSuite and readBody is part of the language.
type builder struct {
	*loader
	suite *Suite
	// defaults are what each step starts from.
	defaults *stepDefaults
	// names is the scope of placeholders at the place being read.
	names *names
	// rules are those of flags, env file and suite, in this order.
	rules []diff.Rule
	// steps are all steps built so far, for checks over the whole suite.
	steps []*Step
	// undo are the compensates keys of the case being read.
	undo []undoing
	// unbound is set for a parts file on its own: names are not checked.
	unbound bool
}

// readSuite reads a suite file. The order of its steps:
//
//  1. The suite's own keys, both sides, then the env file and flags over the sides: only
//     now are addresses and services known, which every step is held to.
//  2. What every step starts from: answer, session, coverage, rules, defaults.
//  3. Setup, cases, teardown, load: see readBody.
//  4. What only the whole suite shows: unused captures, secrets, addresses. It comes after
//     checkRead, so that a key which nothing read is reported even where these give up.
//
// A suite with errors is returned all the same: other suites may name its cases.
func (l *loader) readSuite(w *walker) *Suite {
	// Files are counted anew: a part that two suites use belongs to both.
	clear(l.files)
	l.files[w.Src.Path] = true
	o := w.Object(w.Src.Root, "suite", "")
	s := &Suite{Name: o.Name("suite"), Pos: w.Pos(o.At("suite")), Gate: Required, Stage: l.opts.Env}
	if s.Stage != nil {
		s.Numbers = s.Stage.Numbers
	}
	o.Bind(s)
	b := &builder{loader: l, suite: s}
	b.names = newNames(l, s)
	s.Blue, s.Green = w.readSides(o)
	b.mergeStage(w, o)
	// The suite's own paths win over those of the stage, path by path.
	s.Answer = w.readAnswer(o).withStage(s.Stage)
	s.Transport = w.readTransport(o)
	if s.Stage != nil {
		s.Transport = append(s.Transport, s.Stage.Transport...)
	}
	if x := o.Open("session", "session", ""); x != nil {
		s.Session = &Session{}
		x.Bind(s.Session)
	}
	// A suite that demands less coverage than the default must not fail for the default.
	s.MinCompared = DefaultCompared
	if c := o.Open("coverage", "coverage", ""); c != nil {
		c.Bind(s)
		if c.Has("min") {
			s.MinCompared = min(s.MinCompared, s.MinCoverage)
		}
	}
	if f := o.Open("flaky", "flaky", ""); f != nil {
		f.Bind(s)
	}
	// Rule 4 of Load: those of cases and steps are added as they are read.
	b.rules = slices.Concat(l.opts.Rules, stageRules(l.opts.Env), s.Rules)
	b.checkRules(nil, b.rules)
	// Defaults need the services of both sides and the numbers of the suite.
	b.defaults = b.readDefaults(w, o)
	// Those of the env file were added by mergeStage, and so are asked first.
	s.Identity = append(s.Identity, w.readIdentities(o, "identity")...)
	b.readBody(w, o)
	l.checkRead()
	b.checkSuite(w, o)
	s.Files = slices.Sorted(maps.Keys(l.files)) // so that the same suite is the same archive
	return s
}

// readBody reads setup, cases, teardown and load, in this order whatever the file's is: cases
// may use what setup captures, teardown runs in the lane that setup ran in, and load stages
// name the cases.
func (b *builder) readBody(w *walker, o *keys.Mapping) {
	s := b.suite
	ctx := stepContext{walker: w, rules: b.rules, stack: nil}
	b.names.beginCase(nil, nil)
	s.Setup = b.stepList(o, "setup", ctx, "setup")
	// Steps of setup are taken back in teardown. Their undoings wait here while the cases
	// link their own.
	ofSetup := b.undo
	b.undo = nil
	// From here on captures of setup are known everywhere; those of a case only in it.
	b.names.keepForAll()
	// Ids name cases in reports, in the history and on the command line.
	ids := map[string]Pos{}
	o.EachElement("cases", func(_ int, n *yaml.Node) {
		b.names.beginCase(nil, nil)
		if c := b.readCase(w, n); c != nil {
			// A case without a name was reported as such.
			if first, dup := ids[c.ID]; dup && c.ID != s.Name+"/" { // a name that is none is reported
				b.failAt(c.Pos, "", "it is also in "+first.String(), "duplicate case %q", strings.TrimPrefix(c.ID, s.Name+"/"))
			}
			ids[c.ID] = c.Pos
			s.Cases = append(s.Cases, c)
		}
	})
	if o.IsEmpty("cases") && source.Deref(o.Values["cases"]).Kind == yaml.SequenceNode {
		w.Errorf(o.At("cases"), "a suite without cases proves nothing", "cases is empty")
	}
	b.names.beginCase(nil, nil)
	s.Teardown = b.stepList(o, "teardown", ctx, "teardown")
	// A step of teardown may name any step of setup.
	b.undo = append(b.undo, ofSetup...)
	b.linkCompensation(s.Setup, s.Teardown)
	// Stages are compared between runs by their name, so it is unique.
	loads := map[string]bool{}
	o.EachElement("load", func(_ int, n *yaml.Node) {
		l := w.loadStage(n, s.Name)
		if loads[l.Name] {
			w.Errorf(n, "", "duplicate load %q", l.Name)
		}
		loads[l.Name] = true
		s.Loads = append(s.Loads, l)
	})
}

// readFields reads a mapping of names to values; a list of values repeats the name. check looks
// at each name and reports what is wrong with it; nil takes every name.
func (w *walker) readFields(o *keys.Mapping, name string, check func(k *yaml.Node) bool) []Field {
	var out []Field
	o.EachPair(name, func(k, v *yaml.Node) {
		// A name that depends on a variable could not be merged by name.
		if strings.Contains(k.Value, "{{") {
			w.Errorf(k, "", "names in %s take no placeholders", name)
			return
		}
		if check != nil && !check(k) {
			return
		}
		for _, v := range w.oneOrSeveral(k, v, name) {
			if t := w.Template(v, fmt.Sprintf("%s %q", name, k.Value)); t != nil {
				out = append(out, Field{Name: k.Value, Value: t, HasValue: true, Pos: w.Pos(k)})
			}
		}
	})
	return out
}

// oneOrSeveral are the values that a name of a mapping has: its own, or those of its list.
func (w *walker) oneOrSeveral(k, v *yaml.Node, what string) []*yaml.Node {
	// An alias stands for what it names.
	d := source.Deref(v)
	if d.Kind != yaml.SequenceNode {
		return []*yaml.Node{v}
	}
	if len(d.Content) == 0 {
		w.Errorf(v, "", "%s: %q has an empty list", what, k.Value)
	}
	return d.Content
}

// readIdentities reads a list of identities. The path has no placeholders: it is asked before
// the first lane begins, when no captures or rows exist.
func (w *walker) readIdentities(o *keys.Mapping, name string) []Identity {
	var out []Identity
	o.EachElement(name, func(_ int, n *yaml.Node) {
		i := w.Object(n, "identity", "")
		id := Identity{Samples: 3, Pos: w.Pos(n)}
		i.Bind(&id)
		if t := i.Template("get"); t != nil {
			if !t.Static() || !strings.HasPrefix(t.Text, "/") {
				i.Fail(i.At("get"), "", "the path of an identity begins with / and takes no placeholders")
			}
			id.Path = t.Text
		}
		// One answer has one identity.
		if i.Has("at") && i.Has("header") {
			i.Fail(i.At("header"), "", "an identity is read from at or from header, not both")
		}
		if id.Must == "differ" && id.Blue != nil && id.Green != nil && id.Blue.Text == id.Green.Text {
			i.Fail(i.At("green"), "", "the sides must differ, and both are expected to be %q", id.Blue.Text)
		}
		out = append(out, id)
	})
	return out
}

// stageRules are the rules of the env file; none without one.
func stageRules(e *Env) []diff.Rule {
	if e == nil {
		return nil
	}
	return e.Rules
}

// TransportFacts are the names of what is compared of how the sides are reached,
// as transport: {allow: …} writes them; docs/trust.md says what each means.
var TransportFacts = keys.TransportFacts

// A TransportAllow accepts a difference between the connections to blue and green, with the
// reason why. It stays in the reports and no longer decides.
type TransportAllow struct {
	// Fact is one of TransportFacts.
	Fact string
	// Service is the service it is accepted of; empty: every service.
	Service string
	Why     string
	Pos     Pos
}

// readTransport reads the accepted differences of connections.
// The list must not be empty: it would look like an acceptance.
func (w *walker) readTransport(o *keys.Mapping) []TransportAllow {
	x := o.Open("transport", "transport", "")
	if x == nil {
		return nil
	}
	x.RefuseEmpty("allow", "name a fact and why it is accepted")
	var out []TransportAllow
	x.EachElement("allow", func(_ int, n *yaml.Node) {
		a := w.Object(n, "transport allow", "")
		allow := TransportAllow{Pos: w.Pos(a.Node)}
		a.Bind(&allow)
		if a.Has("why") && strings.TrimSpace(allow.Why) == "" {
			a.Fail(a.At("why"), "say why the difference is accepted", "why is empty")
		}
		out = append(out, allow)
	})
	return out
}

// topKeys are the keys of a file's top mapping, in file order and not yet checked.
func topKeys(root *yaml.Node) []string {
	var keys []string
	for i := 0; i+1 < len(root.Content); i += 2 {
		keys = append(keys, root.Content[i].Value)
	}
	return keys
}

// envKeys are the keys that only an env file has at its top, of files that are not suites.
var envKeys = []string{"sides", "limits", "clusters", "prometheus"}

// fileKind names the kind of a file: suite, parts, rule, env or config; empty when the keys
// fit none. The order matters: a suite has rules and sides too, and only the file whose
// keys are nothing but rules: and doc: is a rule file. bgverify.yaml is recognised by its
// name, because none of its keys is required.
func fileKind(keys []string, name string) string {
	switch {
	case slices.Contains(keys, "suite"):
		return "suite"
	case slices.Contains(keys, "parts"):
		return "parts"
	case slices.Contains(keys, "rules") && !slices.ContainsFunc(keys, func(k string) bool { return k != "rules" && k != "doc" }):
		return "rule"
	case slices.ContainsFunc(keys, func(k string) bool { return slices.Contains(envKeys, k) }):
		return "env"
	case slices.Contains(keys, "shift"):
		return "shift"
	case path.Base(name) == "bgverify.yaml":
		return "config"
	}
	return ""
}

// kindHint says what a file that is none of ours seems to be, by its top keys: a file of
// another tool, or one with a mistyped or missing key.
func kindHint(keys []string) string {
	has := func(k string) bool { return slices.Contains(keys, k) }
	format := ""
	switch {
	case has("info") && (has("item") || has("requests")):
		format = "postman"
	case has("openapi") || has("swagger"):
		format = "openapi"
	case has("log"):
		format = "har"
	case has("blue") || has("green"):
		return "an env file has both under sides: {blue: {url: …}, green: {url: …}}"
	}
	if format != "" {
		return "is it a file of another tool? bgverify import " + format + " FILE -o DIR writes scenario files of it"
	}
	for _, k := range keys {
		if c := suggest.Nearest(k, []string{"suite", "parts", "rules", "sides", "limits"}); c != "" {
			return fmt.Sprintf("did you mean %q instead of %q?", c, k)
		}
	}
	if has("cases") {
		return "add a name above it: suite: NAME"
	}
	return "a scenario file begins with suite:"
}
