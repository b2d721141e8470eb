package scenarios

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/template"
)

// names knows which variables can be answered at the place being read. Which source wins is
// said once, in template.Sources; here it is asked of each name whether any source answers
// on both sides. Captures have no value yet, so they are kept apart, as names.
//
// The scope changes while a suite is read: beginCase starts a case, capture adds a name,
// keepForAll ends setup, and with is set for each step of a part.
type names struct {
	// l takes the problems, and knows flags and environment.
	l *loader
	// suite gives its own variables and those of its sides; they are read before any step.
	suite *Suite
	// captures are those known so far in this case, setup those known everywhere, and all
	// those of the whole suite, for what is sent with every step.
	captures map[string]*captured
	setup    map[string]*captured
	all      map[string]*captured
	// columns are those of the case's rows.
	columns []string
	// caseVars are the variables of the case.
	caseVars []Var
	// with are the arguments of the parts around the step being read, outermost first.
	with [][]Var
	// anywhere makes any capture of the suite count.
	anywhere bool
	// blind is set where the columns could not be read: any name may be one.
	blind bool
	// usedAt is where the part being read is used; the zero Pos outside of parts.
	usedAt Pos
	// unknown are the reported names, for improveHints.
	unknown []unknownName
}

// An unknownName is a reported name, whose hint may become better when the
// whole suite is read.
type unknownName struct {
	// problem is the index into the loader's problems.
	problem int
	name    string
}

// A captured is a capture and whether anything uses it.
type captured struct {
	// pos tells one capture from another of the same name.
	pos Pos
	// used is set by the first placeholder that names it.
	used bool
}

// newNames knows no capture yet: setup comes first.
func newNames(l *loader, s *Suite) *names {
	return &names{l: l, suite: s, captures: map[string]*captured{}, setup: map[string]*captured{}, all: map[string]*captured{}}
}

// beginCase forgets the captures of the last case and takes its rows and variables.
func (n *names) beginCase(columns []string, vars []Var) {
	n.captures = maps.Clone(n.setup)
	n.columns, n.caseVars, n.with = columns, vars, nil
}

// keepForAll makes the captures so far known to every case.
func (n *names) keepForAll() { n.setup = n.captures }

// capture makes a name known to the steps that follow. The steps of a part are read at each
// use: a capture at the same place is the same capture, so that one use of it is enough.
func (n *names) capture(c Capture) {
	// The same step read again, by another use of its part.
	if old := n.captures[c.Name]; old != nil && old.pos == c.Pos {
		return
	}
	known := &captured{pos: c.Pos}
	if old := n.all[c.Name]; old != nil && old.pos == c.Pos {
		known = old
	}
	n.captures[c.Name] = known
	n.all[c.Name] = known
}

// resolve says whether something answers a name on both sides, and with which
// templates of files: those have their own names to check. Where only one side
// has an answer it is not ok, and from is not empty.
//
//  1. A capture of an earlier step counts for both sides.
//  2. Otherwise each side is asked, in the order of template.Sources.
//  3. A name that nothing answers is still fine where the suite needs it from outside.
func (n *names) resolve(name string) (ok bool, from []*Template) {
	// Rule 1.
	if c := n.captures[name]; c != nil {
		c.used = true
		return true, nil
	}
	if c := n.all[name]; c != nil && n.anywhere {
		c.used = true
		return true, nil
	}
	// Rule 2.
	count := 0
	for _, side := range []Side{Blue, Green} {
		// Both sides are asked: a variable of one side alone could not make the other's request.
		_, d, found := n.sources(side).Find(name)
		if !found {
			continue
		}
		count++
		// Arguments of parts are checked where they are written.
		isArgument := slices.ContainsFunc(n.with, func(list []Var) bool { return d.Var != nil && template.FindVar(list, name) == d.Var })
		if d.Var != nil && !isArgument && !slices.Contains(from, d.Var.Value) {
			from = append(from, d.Var.Value)
		}
	}
	if count == 2 {
		return true, from
	}
	// Rule 3.
	return count == 0 && slices.Contains(n.suite.Needs, name), from
}

// sources are what answers a name on a side at the place being read, but for captures.
func (n *names) sources(side Side) *template.Sources {
	// The cells are empty: only whether a name is known counts here.
	s := n.suite.Sources(side, n.suite.Stage)
	s.Columns, s.Cells = n.columns, make([]Value, len(n.columns))
	s.With, s.Case = n.with, n.caseVars
	s.Flags, s.Getenv = n.l.opts.Vars, n.l.opts.Getenv
	return s
}

// given reports whether anything outside the suite's common variables and its
// cases answers a name: a flag, the environment, the env file, or both sides.
// It decides whether a need is met.
func (n *names) given(name string) bool {
	for _, side := range []Side{Blue, Green} {
		s := n.sources(side)
		// What is left is what comes from outside, and the variables of the side.
		s.Columns, s.With, s.Case, s.Suite = nil, nil, nil, s.Suite[:1]
		if _, _, found := s.Find(name); !found {
			return false
		}
	}
	return true
}

// known lists every name that can be answered here.
func (n *names) known() []string {
	out := append(slices.Collect(maps.Keys(n.captures)), n.columns...)
	lists := append(slices.Clone(n.with), n.caseVars)
	for _, side := range []Side{Blue, Green} {
		s := n.sources(side)
		lists = slices.Concat(lists, s.Stage, s.Suite)
	}
	for _, list := range lists {
		for _, v := range list {
			out = append(out, v.Name)
		}
	}
	for _, v := range n.l.opts.Vars {
		out = append(out, v.Name)
	}
	out = append(out, n.suite.Needs...)
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), 2000)]
}

// check reports the placeholders of a template that nothing answers.
func (n *names) check(t *Template) { n.checkTemplate(t, nil) }

// checkTemplate checks every name that a template asks for, those of filter arguments
// included. stack are the variables being followed.
func (n *names) checkTemplate(t *Template, stack []string) {
	if t == nil {
		return
	}
	if t.Node != nil {
		t.Node.Each(func(t *Template) { n.checkTemplate(t, stack) })
		return
	}
	for i := range t.Parts {
		p := &t.Parts[i]
		if p.IsVariable() {
			n.checkName(t, p, p.Name, p.HasDefault(), stack)
		}
		for _, key := range p.Keys() {
			n.checkName(t, p, key, false, stack)
		}
	}
}

// checkName checks one name of a template and, where a variable of a file answers it, the
// names in that variable. stack are the variables being followed, to find one that is
// defined by itself.
func (n *names) checkName(t *Template, p *template.Part, name string, hasDefault bool, stack []string) {
	// The chain of variables came back to where it was.
	if slices.Contains(stack, name) {
		n.report(t, p, "", "variable %q is defined by itself: %s", name, strings.Join(append(stack, name), " -> "))
		return
	}
	// Environment variables are known by the list of the file alone.
	if env, ok := strings.CutPrefix(name, "env."); ok {
		n.checkEnv(t, p, env, hasDefault)
		return
	}
	// Parts of the request exist only while it is signed.
	if strings.HasPrefix(name, template.RequestPrefix) {
		if !t.Signs {
			n.report(t, p, "only sign: and value: of auth: {hmac: …} know the request", "%q is used where no request is known", name)
		}
		return
	}
	// Every name counts as used by the flags, also one that nothing answers.
	n.l.named[name] = true
	n.checkOldEnv(t, p, name)
	// A name that is answered by variables of files leads on to the names in them.
	ok, from := n.resolve(name)
	switch {
	case ok:
		for _, v := range from {
			n.checkTemplate(v, append(slices.Clone(stack), name))
		}
	case hasDefault, n.blind:
	case len(from) > 0:
		n.report(t, p, "define it in the vars of both sides", "variable %q is defined for one side only", name)
	default:
		// The place of the problem is kept: a capture that is read later makes a better hint.
		before := len(n.l.problems)
		n.report(t, p, n.unknownHint(name), "unknown variable %q", name)
		if len(n.l.problems) > before {
			n.unknown = append(n.unknown, unknownName{before, name})
		}
	}
}

// checkOldEnv refuses a variable that the environment sets in the form of earlier
// versions, BGVERIFY_<name>: that prefix belongs to flags. A name that is answered
// nearer than by the environment was never read from it.
func (n *names) checkOldEnv(t *Template, p *template.Part, name string) {
	variable, _ := template.FindEnv(n.l.opts.Getenv, template.FlagPrefix, name)
	if variable == "" || n.l.opts.IsFlag != nil && n.l.opts.IsFlag(variable) || n.captures[name] != nil || slices.Contains(n.columns,
		name) {
		return
	}
	if _, _, ok := template.LookupEnv(n.l.opts.Getenv, name); ok {
		return
	}
	n.report(t, p, fmt.Sprintf("rename it to %s", template.VarPrefix+strings.TrimPrefix(variable, template.FlagPrefix)),
		"environment variable %s no longer sets the variable %q", variable, name)
}

// improveHints says of unknown names where they are captured, once all captures
// are known.
// The problems themselves stay as they were reported.
func (n *names) improveHints() {
	for _, u := range n.unknown {
		if c := n.all[u.name]; c != nil {
			n.l.problems[u.problem].Hint = "it is captured in " + c.pos.String() +
				"; captures reach later steps of their case, those of setup every case"
			if n.setup[u.name] == c {
				n.l.problems[u.problem].Hint += "; the step of setup that captures it cannot need it (auth: none)"
			}
		}
	}
}

// unknownHint says what to do about a name: the nearest known one, or where to define it.
func (n *names) unknownHint(name string) string {
	if n.l.Full() {
		return "" // nobody will read it
	}
	if slices.Contains(n.suite.Env, name) {
		return fmt.Sprintf("environment variables are written {{env.%s}}", name)
	}
	hint := suggest.Hint(name, n.known())
	// Inside a part the name may also be an argument that the use forgot.
	if n.usedAt.File != "" {
		return strings.TrimPrefix(hint+" or give it in with: where the part is used, "+n.usedAt.String(), " or ")
	}
	if hint != "" {
		return hint
	}
	return "define it in vars, capture it in an earlier step, or list it in needs"
}

// checkEnv holds a template to the environment variables that its file may read. The list
// is the one place that says what leaves a machine's environment through this file.
func (n *names) checkEnv(t *Template, p *template.Part, name string, hasDefault bool) {
	// The hint about a mistyped name comes before the one to add it.
	allowed := n.suite.Env
	if !slices.Contains(allowed, name) {
		hint := fmt.Sprintf("add it to the suite's list: env: [%s]", name)
		if c := suggest.Nearest(name, allowed); c != "" {
			hint = fmt.Sprintf("did you mean %q?", "env."+c)
		}
		n.report(t, p, hint, "environment variable %q is not in the env list", name)
		return
	}
	// Whether it is set counts only where requests are sent.
	if !n.l.opts.Demand || hasDefault || n.l.opts.Getenv == nil {
		return
	}
	if _, ok := n.l.opts.Getenv(name); !ok {
		n.report(t, p, "set it, or give a default: {{env."+name+" | default: …}}", "environment variable %q is not set", name)
	}
}

// report reports a mistake at a placeholder inside a template. Its width is that of the
// placeholder where the file has it as written, else 1 (escapes, folded text).
func (n *names) report(t *Template, p *template.Part, hint, format string, args ...any) {
	if n.l.Full() {
		return
	}
	// Without a known place the problem is at the template's own.
	found := Problem{Pos: t.Pos, Summary: fmt.Sprintf(format, args...), Hint: hint, Width: 1}
	if at, ok := n.l.places[t]; ok {
		text := t.Text[min(p.Offset, len(t.Text)):]
		text = text[:endOf(text)]
		found.Pos = at.src.PosAt(at.n, p.Offset)
		if line := at.src.Line(found.Pos.Line); found.Pos.Col <= len(line) && source.StartsWith(line[found.Pos.Col-1:], text) {
			found.Width = utf8.RuneCountInString(text)
		}
	}
	n.l.Add(found)
}

// endOf is the end of the placeholder that text begins with.
// A template that has no end was refused when it was parsed.
func endOf(text string) int {
	if end := strings.Index(text, "}}"); end >= 0 {
		return end + 2
	}
	return len(text)
}

// addressScope answers what is known before the first request: flags, the
// environment, the env file, and the variables of side and suite.
// depth counts the variables that are being expanded.
type addressScope struct {
	sources *template.Sources
	depth   int
}

// addressScope is the scope of a side's addresses.
func (b *builder) addressScope(side Side) addressScope {
	sources := b.suite.Sources(side, b.suite.Stage)
	sources.Flags, sources.Getenv = b.opts.Vars, b.opts.Getenv
	return addressScope{sources: sources}
}

// Lookup finds a variable.
func (s addressScope) Lookup(name string) (Value, bool, error) {
	return s.sources.Lookup(name, s.depth, func(template.Definition) template.Scope { return addressScope{s.sources, s.depth + 1} })
}

// Generate refuses: an address is the same for the whole run.
func (s addressScope) Generate(string, []string, string, bool) (Value, error) {
	return Value{}, errors.New("generators cannot be used in an address")
}
