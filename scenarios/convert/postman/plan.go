package postman

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
	"github.com/bgverify/bgverify/scenarios/convert/postman/script"
)

// A pmEdge hands values from one request to a later one.
type pmEdge struct{ from, to int }

// plan puts the drafts into suites, cases and steps.
func (im *pmImport) plan() *model.Tree {
	im.findGivers()
	edges := im.edges()
	im.typeValues()
	im.sessions(edges)
	groups := im.groups(edges)
	im.unplaced()
	tree := &model.Tree{}
	names, files := naming.NewNamer("-"), naming.NewNamer("-")
	files.Take("scenario.schema")
	shared := im.sharedSetup(groups)
	for _, root := range im.suiteRoots() {
		var mine [][]*pmDraft
		for _, g := range groups {
			if im.suiteRoot(g[0].item) == root {
				mine = append(mine, g)
			}
		}
		if len(mine) == 0 {
			continue
		}
		name := names.Take(cmp.Or(naming.Name(root.name), "suite"))
		b := &suiteBuild{im: im, root: root, suite: &model.Suite{Name: name, File: files.Take(name) + ".yaml", Doc: docCut(root.doc)}}
		b.build(mine, shared)
		tree.Suites = append(tree.Suites, split(b.suite, func() (string, string) {
			next := names.Take(name)
			return next, files.Take(next) + ".yaml"
		})...)
	}
	if parts := im.setupParts(shared); parts != nil {
		tree.Parts = append(tree.Parts, parts)
	}
	tree.Envs = im.envFiles(tree)
	im.dataFile(tree)
	for _, a := range im.assets {
		tree.Assets = append(tree.Assets, a.file)
	}
	im.sortLost()
	return tree
}

// split cuts a suite that is too large for one file; next names the parts.
func split(s *model.Suite, next func() (name, file string)) []*model.Suite {
	out := []*model.Suite{s}
	cases := s.Cases
	s.Cases = nil
	size := 0
	sizes := write.CaseSizes(cases)
	for i, c := range cases {
		n := sizes[i]
		last := out[len(out)-1]
		if size += n + len(strings.Join(c.Comment, "\n")); size > write.MaxSuite && len(last.Cases) > 0 {
			more := *s
			more.Name, more.File = next()
			more.Cases, more.Comment = nil, nil
			last, size = &more, n
			out = append(out, last)
		}
		last.Cases = append(last.Cases, c)
	}
	return out
}

// docCut bounds a description.
func docCut(s string) string {
	const most = 2000
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n"))
}

// suiteRoots are the collection itself, for requests next to the folders, and the
// folders at the top, in the order of their first request.
func (im *pmImport) suiteRoots() []*pmItem {
	var out []*pmItem
	for _, d := range im.drafts {
		if r := im.suiteRoot(d.item); !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// provider is the draft that gave a name its value when draft i is sent, and the
// definition; nil when it comes from outside.
func (im *pmImport) provider(i int, name string) (*pmDraft, *script.Definition) {
	list := im.givers[name]
	for k := len(list) - 1; k >= 0; k-- {
		g := list[k]
		if def := &g.draft.defs[g.def]; g.draft.index < i || g.draft.index == i && !def.After {
			return g.draft, def
		}
	}
	return nil, nil
}

// A giver is a definition of a draft.
type giver struct {
	draft *pmDraft
	def   int // index in the draft's definitions
}

// findGivers lists the definitions by the names that they give values, in the order in
// which they happen. No definition is added later.
func (im *pmImport) findGivers() {
	im.givers = map[string][]giver{}
	for _, d := range im.drafts {
		for k := range d.defs {
			im.givers[d.defs[k].Name] = append(im.givers[d.defs[k].Name], giver{d, k})
		}
	}
}

// edges finds which requests hand values to which, and copies plain values that
// scripts set to the cases that use them.
func (im *pmImport) edges() []pmEdge {
	var out []pmEdge
	for i, d := range im.drafts {
		for k := 0; k < len(d.uses); k++ { // values are made of others: the list grows
			u := d.uses[k]
			from, def := im.provider(i, u.name)
			switch {
			case def == nil:
			case def.Capture == nil && (from == d || !def.Generated):
				d.setVar(im.varName(u.name), def)
				im.usesOf(d, def.Value)
			case from != d:
				if def.Capture == nil {
					from.setVar(im.varName(u.name), def)
					im.usesOf(from, def.Value)
				}
				out = append(out, pmEdge{from.index, i})
			}
		}
	}
	return out
}

// setVar gives the case of a draft a value that a script set. The first one stays: it is what the
// requests before the second saw.
func (d *pmDraft) setVar(name string, def *script.Definition) {
	if !hasVar(d.vars, name) {
		d.vars = append(d.vars, model.Var{Name: name, Text: def.Value, Literal: def.Literal})
	}
}

// usesOf adds the names in a template of the scenario language to what a draft uses.
func (im *pmImport) usesOf(d *pmDraft, template string) {
	for _, name := range im.namesIn(template) {
		d.use(name, false)
	}
}

// namesIn are Postman's names of the variables in a template of the scenario language.
func (im *pmImport) namesIn(template string) []string {
	var out []string
	for _, ours := range namesOf(template) {
		ours, _, _ = strings.Cut(ours, "|")
		if name, known := im.theirs[strings.TrimSpace(ours)]; known {
			out = model.AppendOnce(out, name)
		}
	}
	return out
}

// sessions marks the requests that sign in: what they capture is used by two or
// more others, or by the auth of a folder, in auth, headers and cookies alone,
// and nobody else gives it.
func (im *pmImport) sessions(edges []pmEdge) {
	givers, consumers := make([][]int, len(im.drafts)), make([][]int, len(im.drafts)) // by draft
	for _, e := range edges {
		givers[e.to] = append(givers[e.to], e.from)
		if !slices.Contains(consumers[e.from], e.to) {
			consumers[e.from] = append(consumers[e.from], e.to)
		}
	}
	for i, d := range im.drafts { // those that give to it come before it: what they are is known
		needsCase := slices.ContainsFunc(givers[i], func(from int) bool { return !im.drafts[from].setup })
		several := len(consumers[i]) >= 2 || len(consumers[i]) == 1 && im.forAuth(d)
		d.setup = !needsCase && several && len(d.vars) == 0 && im.isSession(d, consumers[i])
	}
}

// forAuth reports whether what a request captures is in the auth of a folder or
// of the collection: it is there for more than the request that follows.
func (im *pmImport) forAuth(d *pmDraft) bool {
	for _, f := range im.folders {
		if f.item.auth == nil {
			continue
		}
		for _, p := range f.item.auth.params {
			for _, name := range namesOf(p.value) {
				if slices.ContainsFunc(d.defs, func(def script.Definition) bool { return def.Name == name }) {
					return true
				}
			}
		}
	}
	return false
}

// isSession reports whether a draft may run once for all its consumers: nothing in it differs
// from row to row, and its values are proof of who asks and are given by nobody else.
func (im *pmImport) isSession(d *pmDraft, consumers []int) bool {
	if slices.ContainsFunc(d.uses, func(u pmUse) bool { return im.isColumn(u.name) }) {
		return false
	}
	for _, def := range d.defs {
		inPlainSight := func(u pmUse) bool { return u.name == def.Name && (!u.header || def.Capture == nil) }
		if slices.ContainsFunc(consumers, func(c int) bool { return slices.ContainsFunc(im.drafts[c].uses, inPlainSight) }) ||
			slices.ContainsFunc(im.givers[def.Name], func(g giver) bool { return g.draft != d }) {
			return false
		}
	}
	return true
}

// groups are the drafts that become one case each, in the order of their first
// request; sessions are left out.
func (im *pmImport) groups(edges []pmEdge) [][]*pmDraft {
	parent := make([]int, len(im.drafts))
	for i := range parent {
		parent[i] = i
	}
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	for _, e := range edges {
		if !im.drafts[e.from].setup {
			a, b := find(e.from), find(e.to)
			parent[max(a, b)] = min(a, b)
		}
	}
	var out [][]*pmDraft
	at := map[int]int{}
	for i, d := range im.drafts {
		if d.setup {
			continue
		}
		root := find(i)
		if _, known := at[root]; !known {
			at[root] = len(out)
			out = append(out, nil)
		}
		out[at[root]] = append(out[at[root]], d)
	}
	return out
}

// setupOf are the sessions that drafts need, in order, sessions of sessions included.
func (im *pmImport) setupOf(drafts []*pmDraft) []*pmDraft {
	needed := map[int]bool{}
	var visit func(d *pmDraft)
	visit = func(d *pmDraft) {
		for _, u := range d.uses {
			if from, def := im.provider(d.index, u.name); def != nil && from.setup && from != d && !needed[from.index] {
				needed[from.index] = true
				visit(from)
			}
		}
	}
	for _, d := range drafts {
		visit(d)
	}
	var out []*pmDraft
	for i, d := range im.drafts {
		if needed[i] {
			out = append(out, d)
		}
	}
	return out
}

// sharedSetup names the sessions that more than one suite needs: they are parts.
func (im *pmImport) sharedSetup(groups [][]*pmDraft) map[*pmDraft]string {
	users := map[*pmDraft][]*pmItem{}
	for _, g := range groups {
		root := im.suiteRoot(g[0].item)
		for _, s := range im.setupOf(g) {
			if !slices.Contains(users[s], root) {
				users[s] = append(users[s], root)
			}
		}
	}
	out := map[*pmDraft]string{}
	names := naming.NewNamer("-")
	for _, d := range im.drafts {
		if len(users[d]) > 1 {
			out[d] = names.Take(cmp.Or(naming.Name(d.item.name), "sign-in"))
		}
	}
	return out
}

// partsFile holds the shared sessions.
const partsFile = "common/setup.yaml"

func (im *pmImport) setupParts(shared map[*pmDraft]string) *model.Parts {
	if len(shared) == 0 {
		return nil
	}
	p := &model.Parts{File: partsFile, Doc: "What several suites do before their cases."}
	for _, d := range im.drafts {
		if name := shared[d]; name != "" {
			step := im.setupStep(d)
			if step.Auth == nil {
				step.Auth = &model.Auth{Kind: model.NoAuth}
			}
			p.Lists = append(p.Lists, model.PartList{Name: name, Steps: []*model.Step{step}})
		}
	}
	return p
}

// setupStep is a session as a step: it never needs what it captures itself.
func (im *pmImport) setupStep(d *pmDraft) *model.Step {
	s := d.step
	s.Name = naming.Plain(im.setupNames.Take(cmp.Or(naming.OneLine(d.item.name, 100), "sign in")))
	s.Comment = capComments(d.comments)
	s.Captures = nil
	for _, def := range d.defs {
		if def.Capture != nil && im.usedLater(d.index, def.Name, im.drafts) {
			s.AddCapture(im.varName(def.Name), def.Capture)
		}
	}
	return s
}

// usedLater reports whether one of the drafts gets a name's value from draft i.
func (im *pmImport) usedLater(i int, name string, drafts []*pmDraft) bool {
	for _, d := range drafts {
		if d.index <= i || !slices.ContainsFunc(d.uses, func(u pmUse) bool { return u.name == name }) {
			continue
		}
		if from, _ := im.provider(d.index, name); from != nil && from.index == i {
			return true
		}
	}
	return false
}

// maxComments bounds the comment of one case; the report has every line.
const maxComments = 60

func capComments(lines []string) []string {
	if len(lines) <= maxComments {
		return lines
	}
	return append(slices.Clone(lines[:maxComments]), fmt.Sprintf("… and %d more, see the output of the import", len(lines)-maxComments))
}

// isColumn reports whether the iteration data gives a variable: another value in each row.
func (im *pmImport) isColumn(name string) bool {
	return im.data != nil && slices.Contains(im.data.columns, name)
}

// dataFile writes the rows where a case uses them.
func (im *pmImport) dataFile(tree *model.Tree) {
	if im.data == nil {
		return
	}
	for _, s := range tree.Suites {
		for _, c := range s.Cases {
			if c.Data != nil {
				im.report.Mapped(model.Files, 1)
				im.assets = append(im.assets, pmAsset{"", model.File{Name: im.dataName(), Data: im.data.render(im.varName)}})
				return
			}
		}
	}
	im.report.Lose(model.Lost{Kind: model.Files, Place: "data file", Text: im.data.file, Why: "no request uses a column of it"})
}

func (im *pmImport) dataName() string {
	return "data/" + cmp.Or(naming.Name(strings.TrimSuffix(im.data.file, path.Ext(im.data.file))),
		"rows") + map[bool]string{true: ".csv", false: ".json"}[im.data.csv]
}
