package jmeter

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

// convert makes the cases.
func (p *plan) convert() {
	groups := p.findGroups()
	for _, g := range groups {
		if !isSetup(g.n) && !isTeardown(g.n) {
			p.groups++
		}
	}
	for _, want := range []func(*node) bool{isSetup, func(n *node) bool { return !isSetup(n) && !isTeardown(n) }, isTeardown} {
		for _, g := range groups {
			if want(g.n) {
				p.group(g)
			}
		}
	}
}

// A found is a thread group with the elements next to it.
type found struct {
	n     *node
	outer []*node
}

func isSetup(n *node) bool { return n.class == "SetupThreadGroup" }

func isTeardown(n *node) bool { return n.class == "PostThreadGroup" }

// findGroups lists the thread groups; a plan without one has its fragments.
func (p *plan) findGroups() []found {
	var out, fragments []found
	for _, plan := range p.top.kids {
		if plan.class != "TestPlan" {
			continue
		}
		_, here := plan.split()
		for _, k := range plan.kids {
			switch {
			case k.role() == group:
				out = append(out, found{k, here})
			case k.class == "TestFragmentController":
				fragments = append(fragments, found{k, here})
			}
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, f := range fragments {
		p.Report.Note("", "%s is not in a thread group: JMeter runs it only where it is included; here it is a case", f.n.label())
	}
	return fragments
}

func (p *plan) groupTitle(g *node) string { return cmp.Or(g.name, g.class) }

// group makes the case of a thread group, or steps of setup or teardown.
func (p *plan) group(g found) {
	p.groupName, p.pacing, p.inSetup = g.n.name, nil, isSetup(g.n)
	defer func() { p.inSetup = false }()
	p.threads, _ = p.names.integer(g.n.text("ThreadGroup.num_threads"))
	if list := p.branches(g.n); list != nil && !isSetup(g.n) && !isTeardown(g.n) {
		p.branchCases(g, list)
		return
	}
	w := p.walkGroup(g, g.n, p.groupTitle(g.n))
	switch {
	case p.inSetup && p.groups > 0:
		p.Suite.Setup = append(p.Suite.Setup, steps(w.steps)...)
	case isTeardown(g.n) && p.groups > 0:
		p.Suite.Teardown = append(p.Suite.Teardown, steps(w.steps)...)
	case len(w.steps) > 0:
		c := p.caseOf(w)
		p.load(g.n, []*model.Case{c}, mix{{Case: c.ID}})
	case len(w.once) == 0:
		p.Report.Note("", "%s sends nothing that is converted", g.n.label())
	}
}

func steps(list []*web.Request) []*model.Step {
	var out []*model.Step
	for _, q := range list {
		out = append(out, q.Step)
	}
	return out
}

// caseOf makes the case of a group, in which a single step has the name of the case.
func (p *plan) caseOf(w *walker) *model.Case {
	c := &model.Case{ID: p.caseID(w), Name: naming.Plain(naming.OneLine(w.title, 100)), Steps: steps(w.steps)}
	if w.s.vars != &p.Suite.Vars {
		c.Vars = *w.s.vars
	}
	last := c.Steps[len(c.Steps)-1]
	last.Continue = false // nothing comes after it
	if len(c.Steps) == 1 {
		c.Name = naming.Plain(naming.OneLine(w.title+": "+last.Name, 100))
		c.Comment, last.Comment, last.Name = last.Comment, nil, ""
	}
	p.rows(w, c)
	p.Suite.Cases = append(p.Suite.Cases, c)
	return c
}

func (p *plan) caseID(w *walker) string {
	return p.Cases.Take(cmp.Or(naming.Name(w.title), "thread-group"))
}

// shortValue reports whether a variable of the suite has a text that is too short
// to be hidden: a capture of its name is then not a secret.
func (p *plan) shortValue(name string) bool {
	return slices.ContainsFunc(p.Suite.Vars, func(v model.Var) bool {
		return v.Name == name && len(v.Text) < naming.MinSecret
	})
}

// maxInline is how many bytes of steps a case holds itself. The steps of a longer
// one are parts in files, as a scenario file has at most 1 MiB.
const maxInline = 300 << 10

// outsource moves the steps of a long case into parts.
func (p *plan) outsource(c *model.Case) {
	all := 0
	var single []*model.Case
	for i := range c.Steps {
		single = append(single, &model.Case{ID: c.ID, Steps: c.Steps[i : i+1]})
	}
	sizes := write.CaseSizes(single)
	for _, n := range sizes {
		all += n
	}
	if len(c.Steps) < 2 || all <= maxInline {
		return
	}
	// Parts are cut by the size of their text, at least one step each.
	rest := c.Steps
	c.Steps = nil
	for len(rest) > 0 {
		n, size := 0, 0
		for n < len(rest) && (n == 0 || size < maxInline) {
			size += sizes[n]
			n++
		}
		name := c.ID + "-" + strconv.Itoa(len(p.parts)+1)
		p.parts = append(p.parts, &model.Parts{
			File: "parts/" + name + ".yaml", Doc: "Steps of the case " + c.ID + ".", Lists: []model.PartList{{Name: "steps", Steps: rest[:n]}},
		})
		c.Steps = append(c.Steps, &model.Step{Use: "parts/" + name + ".yaml#steps"})
		rest, sizes = rest[n:], sizes[n:]
	}
}
