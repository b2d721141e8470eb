package convert

import (
	"slices"
	"strings"
)

// A suiteBuild makes one suite out of the groups of requests that belong to it.
type suiteBuild struct {
	im    *pmImport
	root  *pmItem
	suite *Suite
	// used are Postman's names of what must be known, in the order of first use.
	used  []string
	ids   *Namer
	auth  *Auth
	every []*pmDraft // of this suite, setup included
}

func (b *suiteBuild) build(groups [][]*pmDraft, shared map[*pmDraft]string) {
	b.ids = NewNamer("-")
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
		b.suite.Env = union(b.suite.Env, d.env)
		if name := shared[d]; name != "" {
			b.suite.Setup = append(b.suite.Setup, &Step{Use: partsFile + "#" + name})
		} else {
			b.ownAuth(d, known)
			b.suite.Setup = append(b.suite.Setup, b.im.setupStep(d))
		}
		for _, def := range d.defs {
			known[def.name] = known[def.name] || def.capture != nil
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
	if reason != "" || out.Kind == NoAuth {
		return
	}
	b.suite.Env = union(b.suite.Env, probe.env)
	b.auth = out
	b.suite.Defaults.Auth = out
}

// idleAuth takes a default auth off that every step overrides.
func (b *suiteBuild) idleAuth() {
	var steps []*Step
	for _, s := range b.suite.Setup {
		if s.Use == "" {
			steps = append(steps, s)
		}
	}
	for _, c := range b.suite.Cases {
		steps = append(steps, c.Steps...)
	}
	if b.auth == nil || slices.ContainsFunc(steps, func(s *Step) bool { return s.Auth == nil }) {
		return
	}
	b.suite.Defaults.Auth = nil
	for _, s := range steps {
		if s.Auth.Kind == NoAuth {
			s.Auth = nil
		}
	}
}

// ownAuth takes a default auth off a step that itself gives what the auth needs.
func (b *suiteBuild) ownAuth(d *pmDraft, known map[string]bool) {
	if d.step.Auth != nil || b.auth == nil {
		return
	}
	for _, name := range b.im.namesIn(b.auth.Token + b.auth.Value + b.auth.Password + b.auth.User) {
		if known[name] || !slices.ContainsFunc(d.defs, func(def pmDef) bool { return def.name == name }) {
			continue
		}
		if v, ok := b.im.value(name); !ok || v.value == "" {
			d.step.Auth = &Auth{Kind: NoAuth}
		}
	}
}

// outside notes the names that a draft uses and nothing before it gives.
func (b *suiteBuild) outside(d *pmDraft, known map[string]bool) {
	for _, u := range d.uses {
		if !known[u.name] && !slices.Contains(b.used, u.name) {
			b.used = append(b.used, u.name)
		}
	}
}

// makeCase makes a case of the requests that belong together.
func (b *suiteBuild) makeCase(group []*pmDraft, setup map[string]bool) *Case {
	first := group[0]
	c := &Case{Name: Plain(oneLine(first.item.name, 120)), Doc: docCut(first.item.doc)}
	title := first.item.name
	if folder := first.item.parent; len(group) > 1 && folder != b.im.c.root && len(group) == len(folder.items) {
		title = folder.name
		c.Name, c.Doc = Plain(oneLine(folder.name, 120)), docCut(folder.doc)
	}
	c.ID = b.ids.Take(orElse(Name(title), "request"))
	c.Tags = b.tags(group)
	known := map[string]bool{}
	for name := range setup {
		known[name] = true
	}
	steps := NewNamer(" ")
	var skips []string
	for _, d := range group {
		b.caseVars(c, d, known)
		b.ownAuth(d, known)
		if d.step.Auth != nil && d.step.Auth.Kind == NoAuth && b.auth == nil {
			d.step.Auth = nil
		}
		b.outside(d, known)
		b.suite.Env = union(b.suite.Env, d.env)
		for _, def := range d.defs {
			if def.capture != nil && b.im.usedLater(d.index, def.name, group) {
				d.step.addCapture(b.im.varName(def.name), def.capture)
				known[def.name] = true
			}
		}
		for _, s := range d.skips {
			if !slices.Contains(skips, s) {
				skips = append(skips, s)
			}
		}
		if len(group) > 1 {
			d.step.Name = Plain(steps.Take(orElse(oneLine(d.item.name, 100), "step")))
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
func (b *suiteBuild) caseVars(c *Case, d *pmDraft, known map[string]bool) {
	for _, v := range d.vars {
		i := slices.IndexFunc(c.Vars, func(o Var) bool { return o.Name == v.Name })
		switch {
		case i < 0:
			c.Vars = append(c.Vars, v)
		case c.Vars[i].Text != v.Text:
			b.im.report.Note(d.path(), "%s is set to another value than before in its case; the case keeps %q", v.Name, oneLine(c.Vars[i].Text, 60))
		}
		known[b.im.theirs[v.Name]] = true
	}
	for _, u := range d.uses {
		if b.im.isColumn(u.name) && !known[u.name] {
			c.Data = &Data{File: b.im.dataName()}
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
			path = append(path, Name(i.name))
		}
		slices.Reverse(path)
		for _, t := range path {
			if t != "" && t != "and" && t != "or" && t != "not" && !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
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
		placeholders := b.im.originNames(o)
		if o.main {
			if value, ok := b.im.static(o.text, nil, 0); ok && !badOrigin(o.scheme+value) {
				s.Blue.URL = strings.TrimRight(o.scheme+value, "/")
			}
			continue
		}
		if len(placeholders) == 0 {
			env := "GREEN_" + EnvName(o.service)
			s.Blue.Services = append(s.Blue.Services, Var{Name: o.service, Text: o.scheme + o.text})
			s.Green.Services = append(s.Green.Services, Var{Name: o.service, Text: "{{env." + env + "}}"})
			s.Env = union(s.Env, []string{env})
			continue
		}
		text := o.scheme + b.im.text(nil, o.text, "", false)
		s.Blue.Services = append(s.Blue.Services, Var{Name: o.service, Text: text})
		s.Green.Services = append(s.Green.Services, Var{Name: o.service, Text: text})
		for _, name := range placeholders {
			b.sideVar(name)
		}
	}
	switch {
	case s.Blue.URL != "":
		s.Green.Comment = []string{"green: its url comes from --green URL or an env file"}
	}
}

// originNames are Postman's names in an origin.
func (im *pmImport) originNames(o *pmOrigin) []string {
	var out []string
	for i := 0; i < len(o.text); {
		end := placeholderEnd(o.text, i)
		if end < 0 {
			i++
			continue
		}
		if name := strings.TrimSpace(o.text[i+2 : end-2]); !slices.Contains(out, name) {
			out = append(out, name)
		}
		i = end
	}
	return out
}

// sideVar makes a variable of an address one that differs per side.
func (b *suiteBuild) sideVar(name string) {
	ours, s := b.im.varName(name), b.suite
	if slices.ContainsFunc(s.Blue.Vars, func(v Var) bool { return v.Name == ours }) || slices.Contains(s.Needs, ours) {
		return
	}
	value, ok := b.im.static("{{"+name+"}}", nil, 0)
	inEnv := slices.ContainsFunc(b.im.envs, func(e pmEnv) bool { return findPMVar(e.vars, name) != nil })
	if !ok || value == "" || inEnv {
		s.Needs = append(s.Needs, ours)
		return
	}
	env := "GREEN_" + EnvName(ours)
	s.Blue.Vars = append(s.Blue.Vars, Var{Name: ours, Text: Escape(value)})
	s.Green.Vars = append(s.Green.Vars, Var{Name: ours, Text: "{{env." + env + "}}"})
	s.Env = union(s.Env, []string{env})
}

// vars writes the variables of the suite and what must come from outside.
func (b *suiteBuild) vars() {
	im, s := b.im, b.suite
	isSide := func(ours string) bool {
		return slices.ContainsFunc(s.Blue.Vars, func(v Var) bool { return v.Name == ours })
	}
	for i := 0; i < len(b.used); i++ { // values use other names: the list grows
		for _, list := range im.valueLists() {
			if v := findPMVar(list, b.used[i]); v != nil {
				for _, name := range namesOf(v.value) {
					if !slices.Contains(b.used, name) && (name[0] != '$' || im.isVariable(name)) {
						b.used = append(b.used, name)
					}
				}
			}
		}
	}
	written := map[string]bool{}
	for _, list := range [][]pmVar{im.globals, im.c.vars} {
		for _, v := range list {
			own := findPMVar(im.c.vars, v.key)
			if own == nil {
				own = findPMVar(im.globals, v.key)
			}
			if v.disabled || written[v.key] || own == nil || own.value == "" || !slices.Contains(b.used, v.key) || isSide(im.varName(v.key)) {
				continue
			}
			written[v.key] = true
			out, env := im.varValue(*own)
			s.Vars = append(s.Vars, out)
			if env != "" {
				s.Env = union(s.Env, []string{env})
			}
		}
	}
	for _, name := range b.used {
		ours := im.varName(name)
		if !written[name] && !isSide(ours) && !slices.Contains(s.Needs, ours) {
			s.Needs = append(s.Needs, ours)
		}
	}
	s.Secrets = im.secretList(s.Env)
}

// valueLists are all lists in which a variable may have a value.
func (im *pmImport) valueLists() [][]pmVar {
	out := [][]pmVar{im.c.vars, im.globals}
	for _, e := range im.envs {
		out = append(out, e.vars)
	}
	return out
}

// namesOf are the names in a text of Postman's.
func namesOf(text string) []string {
	var out []string
	for i := 0; i < len(text); {
		end := placeholderEnd(text, i)
		if end < 0 {
			i++
			continue
		}
		if name := strings.TrimSpace(text[i+2 : end-2]); name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
		i = end
	}
	return out
}

// varValue is a variable as it is written; a secret is read from the
// environment variable env.
func (im *pmImport) varValue(v pmVar) (out Var, env string) {
	out.Name = im.varName(v.key)
	switch {
	case (v.secret || secretName(v.key)) && hasLiteral(v.value):
		env = im.secretEnv(v.key, v.value)
		out.Text = "{{env." + env + "}}"
		im.report.Note("", "the variable %s is a secret; it is read from the environment variable %s", out.Name, env)
	case im.reaches(v.key, namesOf(v.value), nil):
		out.Text = Escape(v.value)
		im.report.Note("", "the variable %s is defined by itself; it is written as text", out.Name)
	default:
		out.Text = im.text(nil, v.value, "variable "+v.key, false)
		out.Literal = (im.bare[v.key] || v.literal && !strings.Contains(out.Text, "{{")) && (jsonNumber.MatchString(out.Text) || out.Text == "true" || out.Text == "false")
	}
	return out, env
}

// hasLiteral reports whether a text holds more than placeholders.
func hasLiteral(text string) bool {
	for i := 0; i < len(text); {
		end := placeholderEnd(text, i)
		if end < 0 {
			return true
		}
		i = end
	}
	return false
}

// reaches reports whether values lead from names back to a name.
func (im *pmImport) reaches(target string, names, seen []string) bool {
	for _, n := range names {
		if n == target {
			return true
		}
		if slices.Contains(seen, n) {
			continue
		}
		seen = append(seen, n)
		for _, list := range im.valueLists() {
			if v := findPMVar(list, n); v != nil && im.reaches(target, namesOf(v.value), seen) {
				return true
			}
		}
	}
	return false
}

// minSecret is the length below which the language cannot hide a value.
const minSecret = 6

// secretList are the environment variables of a file that hold secrets.
func (im *pmImport) secretList(env []string) []string {
	var out []string
	for _, name := range env {
		if slices.ContainsFunc(im.secrets, func(s pmSecret) bool { return s.env == name && (s.text == "" || len(s.text) >= minSecret) }) {
			out = append(out, name)
		}
	}
	return out
}

// envFiles writes an env file for each environment.
func (im *pmImport) envFiles(tree *Tree) []*Env {
	files := NewNamer("-")
	var out []*Env
	for _, e := range im.envs {
		f := &Env{File: "env/" + files.Take(orElse(Name(e.name), "stage")) + ".yaml", Doc: "The environment " + orElse(oneLine(e.name, 100), "without a name") + " of Postman."}
		im.envSides(f, e)
		written := map[string]bool{}
		for _, v := range e.vars {
			last := findPMVar(e.vars, v.key)
			if v.disabled || last == nil || written[v.key] {
				continue
			}
			written[v.key] = true
			im.envVar(f, e, *last, tree)
		}
		f.Secrets = im.secretList(f.Env)
		out = append(out, f)
	}
	return out
}

// envVar writes one variable of an environment, where it belongs.
func (im *pmImport) envVar(f *Env, e pmEnv, v pmVar, tree *Tree) {
	ours := im.varName(v.key)
	isMain := false
	for _, o := range im.origins {
		isMain = isMain || o.main && o.text == "{{"+v.key+"}}"
	}
	setByCase := false
	for _, s := range tree.Suites {
		for _, c := range s.Cases {
			setByCase = setByCase || slices.ContainsFunc(c.Vars, func(x Var) bool { return x.Name == ours })
		}
	}
	used := slices.ContainsFunc(im.drafts, func(d *pmDraft) bool {
		return slices.ContainsFunc(d.uses, func(u pmUse) bool { return u.name == v.key })
	})
	im.report.Mapped(Variables, 1)
	switch {
	case v.value == "", slices.ContainsFunc(f.Blue.Vars, func(x Var) bool { return x.Name == ours }), isMain && !used && f.Blue.URL != "":
		return
	case setByCase:
		im.report.Note("", "%s of %s is not in the env file: a script sets it, and the env file would win", ours, e.name)
		return
	}
	out, env := im.varValue(v)
	if env != "" {
		f.Env = union(f.Env, []string{env})
	}
	f.Vars = append(f.Vars, out)
}

// envSides writes where blue lives at this stage; green is asked for.
func (im *pmImport) envSides(f *Env, e pmEnv) {
	for _, o := range im.origins {
		if o.scheme == "bad" || !strings.Contains(o.text, "{{") {
			continue
		}
		if o.main {
			if value, ok := im.static(o.text, e.vars, 0); ok && !badOrigin(o.scheme+value) {
				f.Blue.URL = strings.TrimRight(o.scheme+value, "/")
				f.Green.Comment = []string{"green: write its url here, or give --green URL"}
			}
			continue
		}
		for _, name := range im.originNames(o) {
			ours := im.varName(name)
			value, ok := im.static("{{"+name+"}}", e.vars, 0)
			if !ok || value == "" || slices.ContainsFunc(f.Blue.Vars, func(v Var) bool { return v.Name == ours }) {
				continue
			}
			env := "GREEN_" + EnvName(ours)
			f.Blue.Vars = append(f.Blue.Vars, Var{Name: ours, Text: Escape(value)})
			f.Green.Vars = append(f.Green.Vars, Var{Name: ours, Text: "{{env." + env + "}}"})
			f.Env = union(f.Env, []string{env})
		}
	}
}

func union(a, b []string) []string {
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}
