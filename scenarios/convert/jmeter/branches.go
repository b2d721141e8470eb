package jmeter

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

// A branch is one of several things that a thread does in an iteration: a group whose
// only content it is, and how often it comes compared with the others.
type branch struct {
	group  *node // a copy of the thread group
	title  string
	weight int
}

// branches are the parts of a thread group that are sent in shares of the iterations:
// all that it holds are throughput controllers with percentages, or one random
// controller. Each becomes a case with a weight. nil: the group is one case, also where
// a branch uses what another one extracts.
func (p *plan) branches(g *node) []branch {
	parts, shared := g.split()
	var out []branch
	switch {
	case len(parts) == 1 && parts[0].class == "RandomController":
		out = randomBranches(g, shared, parts[0])
	case len(parts) > 1:
		out = p.shareBranches(g, shared, parts)
	}
	// One branch is the group itself.
	if len(out) < 2 || len(out) > maxBranches || entangled(out) {
		return nil
	}
	divide(out)
	return out
}

// maxBranches bounds the cases of a group.
const maxBranches = 50

func randomBranches(g *node, shared []*node, random *node) []branch {
	parts, own := random.split()
	var out []branch
	for _, k := range parts {
		if requests(k) == 0 {
			continue
		}
		inner, group := *random, *g
		inner.class, inner.kids = "GenericController", slices.Concat(own, []*node{k})
		group.kids = slices.Concat(shared, []*node{&inner})
		out = append(out, branch{&group, cmp.Or(k.name, k.class), 1})
	}
	return out
}

// shareBranches are throughput controllers that all have a percentage.
func (p *plan) shareBranches(g *node, shared, parts []*node) []branch {
	var out []branch
	for _, k := range parts {
		f, known := p.names.number(k.text("ThroughputController.percentThroughput"))
		if k.class != "ThroughputController" || k.trimmed("ThroughputController.style") != "1" || !known || !(f >= 0 && f <= 100) {
			return nil
		}
		if f == 0 || requests(k) == 0 {
			continue
		}
		// The group is copied with this one branch in it, which then counts in every iteration.
		inner, group := *k, *g
		inner.class = "GenericController"
		group.kids = slices.Concat(shared, []*node{&inner})
		out = append(out, branch{&group, cmp.Or(k.name, k.class), max(1, int(math.Round(f*100)))})
	}
	return out
}

// divide makes weights as small as they can be.
func divide(list []branch) {
	gcd := 0
	for _, b := range list {
		for a, c := gcd, b.weight; ; a, c = c, a%c {
			if c == 0 {
				gcd = a
				break
			}
		}
	}
	for i := range list {
		list[i].weight /= max(1, gcd)
	}
}

var (
	extractedProp = lazy.Regexp(`(?i)(refname|referencenames|variableNames|returnVal)$`)
	putVariable   = lazy.Regexp(`vars\.put(?:Object)?\(\s*["']([^"']+)["']`)
)

// entangled reports whether a branch uses a variable that another one sets.
func entangled(list []branch) bool {
	for i := range list {
		for name := range setBy(list[i].part()) {
			for k := range list {
				if k != i && list[k].part().mentions(name, name+"_1", name+"_matchNr") {
					return true
				}
			}
		}
	}
	return false
}

// part is what the branch has for itself: the last of its group.
func (b *branch) part() *node { return b.group.kids[len(b.group.kids)-1] }

// setBy are the variables that something below a node sets.
func setBy(n *node) map[string]bool {
	out := map[string]bool{}
	n.walk(func(x *node) {
		x.props.each(func(e *element) {
			if extractedProp().MatchString(propName(e)) {
				for name := range strings.FieldsFuncSeq(e.text, func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
					out[name] = true
				}
			}
			for _, m := range putVariable().FindAllStringSubmatch(e.text, -1) {
				out[m[1]] = true
			}
		})
	})
	return out
}

// branchCases makes a case of each branch, and the stage that mixes them.
func (p *plan) branchCases(g found, list []branch) {
	var cases []*model.Case
	var m mix
	for _, b := range list {
		w := p.walkGroup(g, b.group, p.groupTitle(g.n)+": "+b.title)
		if len(w.steps) == 0 {
			continue
		}
		c := p.caseOf(w)
		cases, m = append(cases, c), append(m, model.LoadStep{Case: c.ID, Weight: b.weight})
	}
	p.Report.Note("", "%s sends its %d parts in shares of the iterations: each is a case, with its share as weight in the load stage; they share no cookies",
		g.n.label(), len(cases))
	if len(cases) > 0 {
		p.load(g.n, cases, m)
	}
}

// walkGroup makes the steps of a thread group, or of a branch of it, and keeps those of setup.
func (p *plan) walkGroup(g found, branch *node, title string) *walker {
	action := g.n.trimmed("ThreadGroup.on_sample_error")
	w := &walker{
		p: p, group: g.n, title: title, names: naming.NewNamer(" "), goOn: action == "" || action == "continue",
		fresh: map[*node]map[string]string{}, rounds: map[*node]int{}, copies: 1,
		s: &scope{p: p, local: map[string]string{}, captured: map[string]bool{}, columns: map[string]bool{}, joined: map[string]string{}, vars: &[]model.Var{}},
	}
	if p.inSetup || isTeardown(g.n) {
		w.s.vars = &p.Suite.Vars
	}
	for _, x := range g.outer {
		w.element(x)
	}
	w.walk(branch, g.outer)
	p.all = slices.Concat(p.all, w.once, w.steps)
	p.Suite.Setup = append(p.Suite.Setup, steps(w.once)...)
	return w
}
