package postman

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script"
)

// A suiteBuild makes one suite out of the groups of requests that belong to it.
type suiteBuild struct {
	im    *pmImport
	root  *pmItem
	suite *model.Suite
	// used are Postman's names of what must be known, in the order of first use.
	used  []string
	ids   *naming.Namer
	auth  *model.Auth
	every []*pmDraft // of this suite, setup included
}

// build writes the parts of a suite in an order that matters: defaults before the steps that
// override them, setup before the cases that use what it captures, and sides before the variables,
// which are those that no side has.
func (b *suiteBuild) build(groups [][]*pmDraft, shared map[*pmDraft]string) {
	b.ids = naming.NewNamer("-")
	var drafts []*pmDraft
	for _, g := range groups {
		drafts = append(drafts, g...)
	}
	setup := b.im.setupOf(drafts)
	b.every = append(slices.Clone(setup), drafts...)
	b.defaults()
	known := map[string]bool{}
	for _, d := range setup {
		b.outside(d, known)
		b.suite.Env = model.AppendOnce(b.suite.Env, d.env...)
		if name := shared[d]; name != "" {
			b.suite.Setup = append(b.suite.Setup, &model.Step{Use: partsFile + "#" + name})
		} else {
			b.ownAuth(d, known)
			b.suite.Setup = append(b.suite.Setup, b.im.setupStep(d))
		}
		for _, def := range d.defs {
			known[def.Name] = known[def.Name] || def.Capture != nil
		}
	}
	for _, g := range groups {
		b.suite.Cases = append(b.suite.Cases, b.makeCase(g, known))
	}
	b.idleAuth()
	b.sides()
	b.vars()
	for _, f := range b.im.folders {
		if f.item == b.root || f.item == b.im.c.root && b.root.parent != nil && b.first() {
			b.suite.Comment = append(b.suite.Comment, capComments(f.comments)...)
		} else if b.im.suiteRoot(f.item) == b.root && f.item != b.im.c.root {
			for _, c := range capComments(f.comments) {
				b.suite.Comment = append(b.suite.Comment, f.item.name+": "+c)
			}
		}
	}
}

// first reports whether this is the first suite: it carries the comments of the collection.
func (b *suiteBuild) first() bool {
	return b.im.suiteRoots()[0] == b.root
}

// defaults writes the auth that every step of the suite starts from.
func (b *suiteBuild) defaults() {
	a := b.im.defaultAuth(b.root)
	if b.root.auth != nil {
		a = b.root.auth
	}
	if a == nil {
		return
	}
	probe := &pmDraft{item: b.root}
	out, reason := b.im.auth(probe, a)
	if reason != "" || out.Kind == model.NoAuth {
		return
	}
	b.suite.Env = model.AppendOnce(b.suite.Env, probe.env...)
	b.auth = out
	b.suite.Defaults.Auth = out
}

// idleAuth takes a default auth off that every step overrides.
func (b *suiteBuild) idleAuth() {
	var steps []*model.Step
	for _, s := range b.suite.Setup {
		if s.Use == "" {
			steps = append(steps, s)
		}
	}
	for _, c := range b.suite.Cases {
		steps = append(steps, c.Steps...)
	}
	if b.auth == nil || slices.ContainsFunc(steps, func(s *model.Step) bool { return s.Auth == nil }) {
		return
	}
	b.suite.Defaults.Auth = nil
	for _, s := range steps {
		if s.Auth.Kind == model.NoAuth {
			s.Auth = nil
		}
	}
}

// ownAuth takes a default auth off a step that itself gives what the auth needs.
func (b *suiteBuild) ownAuth(d *pmDraft, known map[string]bool) {
	if d.step.Auth != nil || b.auth == nil {
		return
	}
	for _, name := range b.im.namesIn(b.auth.Proof()) {
		if known[name] || !slices.ContainsFunc(d.defs, func(def script.Definition) bool { return def.Name == name }) {
			continue
		}
		if v, ok := b.im.value(name); !ok || v.value == "" {
			d.step.Auth = &model.Auth{Kind: model.NoAuth}
		}
	}
}

// outside notes the names that a draft uses and nothing before it gives.
func (b *suiteBuild) outside(d *pmDraft, known map[string]bool) {
	for _, u := range d.uses {
		if !known[u.name] {
			b.used = model.AppendOnce(b.used, u.name)
		}
	}
}

// makeCase makes a case of the requests that belong together.
func (b *suiteBuild) makeCase(group []*pmDraft, setup map[string]bool) *model.Case {
	first := group[0]
	c := &model.Case{Name: naming.Plain(naming.OneLine(first.item.name, 120)), Doc: docCut(first.item.doc)}
	title := first.item.name
	if folder := first.item.parent; len(group) > 1 && folder != b.im.c.root && len(group) == len(folder.items) {
		title = folder.name
		c.Name, c.Doc = naming.Plain(naming.OneLine(folder.name, 120)), docCut(folder.doc)
	}
	c.ID = b.ids.Take(cmp.Or(naming.Name(title), "request"))
	c.Tags = b.tags(group)
	known := map[string]bool{}
	for name := range setup {
		known[name] = true
	}
	steps := naming.NewNamer(" ")
	var skips []string
	for _, d := range group {
		b.caseVars(c, d, known)
		b.ownAuth(d, known)
		if d.step.Auth != nil && d.step.Auth.Kind == model.NoAuth && b.auth == nil {
			d.step.Auth = nil
		}
		b.outside(d, known)
		b.suite.Env = model.AppendOnce(b.suite.Env, d.env...)
		for _, def := range d.defs {
			if def.Capture != nil && b.im.usedLater(d.index, def.Name, group) {
				d.step.AddCapture(b.im.varName(def.Name), def.Capture)
				known[def.Name] = true
			}
		}
		skips = model.AppendOnce(skips, d.skips...)
		if len(group) > 1 {
			d.step.Name = naming.Plain(steps.Take(cmp.Or(naming.OneLine(d.item.name, 100), "step")))
			d.step.Comment = capComments(d.comments)
		} else {
			c.Comment = capComments(d.comments)
		}
		c.Steps = append(c.Steps, d.step)
	}
	c.Skip = strings.Join(skips, "; ")
	return c
}

// caseVars gives a case the variables and rows that a request of it needs.
func (b *suiteBuild) caseVars(c *model.Case, d *pmDraft, known map[string]bool) {
	for _, v := range d.vars {
		i := slices.IndexFunc(c.Vars, func(o model.Var) bool { return o.Name == v.Name })
		switch {
		case i < 0:
			c.Vars = append(c.Vars, v)
		case c.Vars[i].Text != v.Text:
			b.im.report.Note(d.path(), "%s is set to another value than before in its case; the case keeps %q", v.Name,
				naming.OneLine(c.Vars[i].Text, 60))
		}
		known[b.im.theirs[v.Name]] = true
	}
	for _, u := range d.uses {
		if b.im.isColumn(u.name) && !known[u.name] {
			c.Data = &model.Data{File: b.im.dataName()}
			known[u.name] = true
		}
	}
	if c.Data != nil {
		for _, column := range b.im.data.columns {
			known[column] = true
		}
	}
}

// tags are the folders between the suite and its requests.
func (b *suiteBuild) tags(group []*pmDraft) []string {
	var out []string
	for _, d := range group {
		var path []string
		for i := d.item.parent; i != nil && i != b.root && i != b.im.c.root; i = i.parent {
			if t := naming.Name(i.name); t != "" && t != "and" && t != "or" && t != "not" {
				path = append(path, t)
			}
		}
		slices.Reverse(path)
		out = model.AppendOnce(out, path...)
	}
	return out
}

// sides writes where blue lives, as far as the collection says, and the services.
func (b *suiteBuild) sides() {
	s := b.suite
	for _, o := range b.im.origins {
		if !slices.ContainsFunc(b.every, func(d *pmDraft) bool { return d.origin == o }) || o.scheme == "bad" {
			continue
		}
		names := namesOf(o.text)
		switch {
		case o.main:
			if url := b.im.originURL(o, nil); url != "" {
				s.Blue.URL = url
			}
		case len(names) == 0:
			s.Env = model.AppendOnce(s.Env, perSide(&s.Blue.Services, &s.Green.Services, o.service, o.scheme+o.text))
		default:
			service := model.Var{Name: o.service, Text: o.scheme + b.im.text(nil, o.text, "", false)}
			s.Blue.Services, s.Green.Services = append(s.Blue.Services, service), append(s.Green.Services, service)
			for _, name := range names {
				b.sideVar(name)
			}
		}
	}
	if s.Blue.URL != "" {
		s.Green.Comment = []string{"green: its url comes from --green URL or an env file"}
	}
}

// sideVar makes a variable of an address one that differs per side.
func (b *suiteBuild) sideVar(name string) {
	ours, s := b.im.varName(name), b.suite
	if hasVar(s.Blue.Vars, ours) || slices.Contains(s.Needs, ours) {
		return
	}
	value, ok := b.im.static("{{"+name+"}}", nil, 0)
	if !ok || value == "" || b.im.inEnvironment(name) {
		s.Needs = append(s.Needs, ours)
		return
	}
	s.Env = model.AppendOnce(s.Env, perSide(&s.Blue.Vars, &s.Green.Vars, ours, naming.Escape(value)))
}
