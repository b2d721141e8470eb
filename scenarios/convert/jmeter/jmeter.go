// Package jmeter converts test plans of Apache JMeter (.jmx, of JMeter 2.6 to 5.6)
// to scenario files. In comes a plan and, where it names them, the files next to
// it (data sets, uploads, included plans); out come one suite, its data files and
// the report. Nothing of a plan is run: a script is read for the few statements
// whose result is known without running them, and everything else of it is listed.
//
// What becomes what:
//
//  1. A thread group is a case, its samplers are steps in the order of the plan.
//     A set-up thread group is the suite's setup, a tear-down one its teardown.
//  2. A sampler is sent with what counts for it in JMeter: its own properties,
//     then those of HTTP Request Defaults, managers, pre-processors, timers and
//     assertions next to the controllers around it, from the inside out.
//  3. A value that is known only while JMeter runs is asked for from outside
//     (needs), and the report says what would have set it.
//  4. A test is written only where it accepts what JMeter accepts. One that
//     cannot be written so is listed.
package jmeter

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

// Options are those of the JMeter importer.
type Options struct {
	// Properties are files of properties, as JMeter's -p and -q take them: lines of
	// name=value. Of a name the last counts.
	Properties []model.File
	// Set are properties by name, as JMeter's -J takes them; they win over files.
	Set map[string]string
}

// A plan is an import in progress.
type plan struct {
	*web.Import
	names *names
	files folder
	file  string // name of the plan
	top   *node
	all   []*web.Request // for the hosts
	seen  map[*node]bool // elements that are counted already

	groups      int // thread groups that become cases
	groupName   string
	samplerName string
	threads     int // of the group
	inSetup     bool
	pacing      *pacing
	parts       []*model.Parts
	modules     int  // that were put in their place
	old         bool // the plan was written by a JMeter before 3
	noJar       int  // requests without a cookie manager
	follows     int  // requests that follow redirects
	used        map[string]bool
	tables      map[*node]*table // of data sets; nil: there is none
}

// Convert reads a plan. The error is a *source.Error where the plan is wrong at a
// known place.
func Convert(in source.Input, opts Options) (*model.Result, error) {
	data, err := in.Read()
	if err != nil {
		return nil, err
	}
	top, disabled, err := readPlan(in.Name, data, false)
	if err != nil {
		return nil, err
	}
	p := &plan{Import: web.New(in.Name), file: in.Name, files: folder{in.Files, map[string][]byte{}}, top: top, seen: map[*node]bool{}, used: map[string]bool{}, tables: map[*node]*table{}}
	p.old = strings.HasPrefix(top.text("jmeter"), "2.")
	p.names = newNames(p)
	for _, f := range opts.Properties {
		if err := readProperties(f, p.names.properties); err != nil {
			return nil, err
		}
	}
	maps.Copy(p.names.properties, opts.Set)
	if err := p.include(top, 0, []string{in.Name}); err != nil {
		return nil, err
	}
	if requests(top) == 0 {
		return nil, &source.Error{File: in.Name, Offset: -1, Line: top.at.line, Col: top.at.col, Msg: "the plan has no HTTP sampler that is enabled"}
	}
	p.names.collect(top)
	p.collectUses(top)
	p.convert()
	if !p.anyCase() {
		return nil, &source.Error{File: in.Name, Offset: -1, Line: top.at.line, Col: top.at.col, Msg: "nothing that the plan sends can be converted"}
	}
	p.notes(disabled)
	p.Hosts(p.all)
	p.Hoist()
	for _, c := range p.Suite.Cases {
		p.outsource(c)
	}
	result := p.Result()
	result.Tree.Parts = p.parts
	return result, nil
}

// anyCase reports whether there is a case. Steps of setup alone become one.
func (p *plan) anyCase() bool {
	if len(p.Suite.Cases) == 0 && len(p.Suite.Setup) > 0 {
		p.Suite.Cases = []*model.Case{{ID: "setup", Steps: p.Suite.Setup}}
		p.Suite.Setup = nil
	}
	return len(p.Suite.Cases) > 0
}

// readProperties reads lines of name=value or name: value; # and ! begin comments.
func readProperties(f model.File, into map[string]string) error {
	text, _, err := source.DecodeText(f.Data)
	if err != nil {
		return &source.Error{File: f.Name, Offset: -1, Msg: err.Error()}
	}
	joined := strings.ReplaceAll(strings.ReplaceAll(string(text), "\r", ""), "\\\n", "")
	for i, line := range strings.Split(joined, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		at := strings.IndexAny(line, "=:")
		if at <= 0 {
			return &source.Error{File: f.Name, Offset: -1, Line: i + 1, Col: 1, Msg: "not a property: write name=value"}
		}
		into[strings.TrimSpace(line[:at])] = strings.NewReplacer(`\\`, `\`, `\:`, ":", `\=`, "=").Replace(strings.TrimSpace(line[at+1:]))
	}
	return nil
}

// maxInclude is how deep plans may include each other.
const maxInclude = 10

// maxModules bounds the modules that are put in their place, as they may hold
// each other many times over.
const maxModules = 2000

// include puts what IncludeControllers and ModuleControllers name in their place.
func (p *plan) include(n *node, depth int, chain []string) error {
	for _, k := range n.kids {
		switch k.class {
		case "IncludeController":
			if err := p.includePlan(k, depth, chain); err != nil {
				return err
			}
			continue
		case "ModuleController":
			if target := p.module(k); target != nil && depth < maxInclude && p.modules < maxModules && !within(k, target) {
				p.modules++
				copied := *target
				copied.parent = k
				k.kids = []*node{&copied}
				if err := p.include(&copied, depth+1, chain); err != nil {
					return err
				}
				continue
			}
			p.Lose(nil, model.Lost{Kind: model.Settings, Place: k.label(), Why: "the module is not in the plan, is disabled, or holds itself"})
			p.seen[k] = true
		}
		if err := p.include(k, depth, chain); err != nil {
			return err
		}
	}
	return nil
}

// within reports whether n is below target.
func within(n, target *node) bool {
	for x := n; x != nil; x = x.parent {
		if x == target {
			return true
		}
	}
	return false
}

// includePlan reads the plan that an IncludeController names; its test fragments
// are what is run.
func (p *plan) includePlan(k *node, depth int, chain []string) error {
	name := p.names.constantOr(k.trimmed("IncludeController.includepath"))
	base := path.Base(strings.ReplaceAll(name, `\`, "/"))
	lost := func(why string) error {
		p.seen[k] = true
		p.Lose(nil, model.Lost{Kind: model.Settings, Place: k.label(), Text: name, Why: why})
		return nil
	}
	if depth >= maxInclude || slices.Contains(chain, name) {
		return lost("plans include each other in a circle")
	}
	data, found := p.files.read(name)
	if !found {
		return lost("the plan is missing next to this one: what it sends is not converted")
	}
	top, _, err := readPlan(base, data, true)
	if err != nil {
		return err
	}
	if err := p.include(top, depth+1, append(slices.Clone(chain), name)); err != nil {
		return err
	}
	k.kids = fragments(top)
	for _, f := range k.kids {
		f.parent = k
	}
	return nil
}

// fragments are what an included plan gives: its fragments, or all below its
// TestPlan.
func fragments(top *node) []*node {
	var found, all []*node
	for _, k := range top.kids {
		if k.class == "TestPlan" {
			for _, x := range k.kids {
				if x.class == "TestFragmentController" {
					found = append(found, x)
				}
				all = append(all, x)
			}
		} else {
			all = append(all, k)
		}
	}
	if len(found) > 0 {
		return found
	}
	return all
}

// module is the controller that the path of a ModuleController leads to.
func (p *plan) module(k *node) *node {
	path := list(k.props, "ModuleController.node_path")
	if len(path) < 2 {
		return nil
	}
	here := []*node{p.top}
	for _, name := range path[1:] { // the first is the name of JMeter's own root
		var next []*node
		for _, n := range here {
			for _, c := range n.kids {
				if c.name == strings.TrimSpace(name.text) {
					next = append(next, c)
				}
			}
		}
		if len(next) > 0 {
			here = next
		} else if here[0] != p.top {
			return nil
		}
	}
	if here[0] == p.top {
		return nil
	}
	return here[0]
}

// collectUses remembers every ${name} of the plan.
func (p *plan) collectUses(top *node) {
	var read func(e *element)
	read = func(e *element) {
		for rest := e.text; ; {
			_, after, found := strings.Cut(rest, "${")
			if !found {
				break
			}
			name, _, _ := strings.Cut(after, "}")
			p.used[name] = true
			rest = after
		}
		for _, k := range e.kids {
			read(k)
		}
	}
	top.walk(func(n *node) { read(n.props) })
}

func (p *plan) uses(name string) bool { return p.used[name] }

// convert makes the cases.
func (p *plan) convert() {
	var outer []*node
	groups := p.findGroups(p.top, &outer)
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
func (p *plan) findGroups(top *node, outer *[]*node) []found {
	var out, fragments []found
	for _, plan := range top.kids {
		if plan.class != "TestPlan" {
			continue
		}
		var here []*node
		for _, k := range plan.kids {
			if r := k.role(); r != group && r != controller && r != sampler {
				here = append(here, k)
			}
		}
		for _, k := range plan.kids {
			switch {
			case k.role() == group:
				out = append(out, found{k, here})
			case k.class == "TestFragmentController":
				fragments = append(fragments, found{k, here})
			}
		}
	}
	if len(out) == 0 {
		for _, f := range fragments {
			p.Report.Note("", "%s is not in a thread group: JMeter runs it only where it is included; here it is a case", f.n.label())
		}
		return fragments
	}
	return out
}

func (p *plan) groupTitle(g *node) string { return cmp.Or(g.name, g.class) }

// group makes the case of a thread group, or steps of setup or teardown.
func (p *plan) group(g found) {
	p.groupName, p.pacing, p.inSetup = g.n.name, nil, isSetup(g.n)
	defer func() { p.inSetup = false }()
	p.threads, _ = strconv.Atoi(strings.TrimSpace(p.names.constantOr(g.n.trimmed("ThreadGroup.num_threads"))))
	action := g.n.trimmed("ThreadGroup.on_sample_error")
	var vars []model.Var
	w := &walker{
		p: p, group: g.n, title: p.groupTitle(g.n), names: naming.NewNamer(" "), goOn: action == "" || action == "continue", fresh: map[*node]map[string]string{}, share: map[*web.Request]string{}, rounds: map[*node]int{}, copies: 1,
		s: &scope{p: p, local: map[string]string{}, captured: map[string]bool{}, columns: map[string]bool{}, joined: map[string]string{}, vars: &vars},
	}
	if p.inSetup || isTeardown(g.n) {
		w.s.vars = &p.Suite.Vars
	}
	for _, x := range g.outer {
		w.element(x)
	}
	w.walk(g.n, g.outer)
	p.all = append(append(p.all, w.once...), w.steps...)
	p.Suite.Setup = append(p.Suite.Setup, steps(w.once)...)
	switch {
	case p.inSetup && p.groups > 0:
		p.Suite.Setup = append(p.Suite.Setup, steps(w.steps)...)
	case isTeardown(g.n) && p.groups > 0:
		p.Suite.Teardown = append(p.Suite.Teardown, steps(w.steps)...)
	case len(w.steps) > 0:
		c := p.caseOf(w, vars)
		p.Suite.Cases = append(p.Suite.Cases, c)
		p.load(g.n, c)
	case len(w.once) > 0:
		w.steps = w.once
	default:
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

// caseOf is the case of a group.
func (p *plan) caseOf(w *walker, vars []model.Var) *model.Case {
	c := &model.Case{ID: p.Cases.Take(cmp.Or(naming.Name(w.title), "thread-group")), Name: naming.Plain(naming.OneLine(w.title, 100)), Vars: vars, Steps: steps(w.steps)}
	last := c.Steps[len(c.Steps)-1]
	last.Continue = false // nothing comes after it
	if len(c.Steps) == 1 {
		c.Name = naming.Plain(naming.OneLine(w.title+": "+last.Name, 100))
		c.Comment, last.Comment, last.Name = last.Comment, nil, ""
	}
	p.rows(w, c)
	return c
}

// minSecret is the shortest text that the language hides.
const minSecret = 6

// shortValue reports whether a variable of the suite has a text that is too short
// to be hidden: a capture of its name is then not a secret.
func (p *plan) shortValue(name string) bool {
	return slices.ContainsFunc(p.Suite.Vars, func(v model.Var) bool {
		return v.Name == name && len(v.Text) < minSecret
	})
}

// maxInline is how many bytes of steps a case holds itself. The steps of a longer
// one are parts in files, as a scenario file has at most 1 MiB.
const maxInline = 300 << 10

// outsource moves the steps of a long case into parts.
func (p *plan) outsource(c *model.Case) {
	all := 0
	sizes := make([]int, len(c.Steps))
	for i := range c.Steps {
		sizes[i] = write.CaseSize(&model.Case{ID: c.ID, Steps: c.Steps[i : i+1]})
		all += sizes[i]
	}
	if len(c.Steps) < 2 || all <= maxInline {
		return
	}
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

// dataSet reads a data set. One row is variables of the suite; several are the
// rows of the case.
func (p *plan) dataSet(w *walker, k *node) {
	t, known := p.tables[k]
	if !known {
		var why string
		if t, why = p.readTable(k); why != "" {
			p.Lose(nil, model.Lost{Kind: model.Files, Place: k.label(), Text: strings.Join(t.columns, ","), Why: why})
			for _, c := range t.columns {
				p.names.setters[c] = k.label()
			}
			t = nil
		} else {
			p.Report.Mapped(model.Files, 1)
			p.rowNotes(k, t)
		}
		p.tables[k] = t
	}
	if t == nil {
		return
	}
	if len(t.rows) == 1 || p.inSetup || isTeardown(w.group) {
		for i, c := range t.columns {
			if p.names.constants[c] == "" {
				p.names.constants[c] = t.cell(0, i)
			}
		}
		return
	}
	for i, c := range t.columns {
		w.s.columns[c] = true
		_ = i
	}
	w.columns = append(w.columns, k)
}

// rowNotes says what is different from how JMeter deals rows.
func (p *plan) rowNotes(k *node, t *table) {
	if len(t.rows) > 1 {
		p.Report.Note("", "%s: JMeter takes the next row in each iteration; here the case runs once for each of %d rows, in setup with the first", k.label(), len(t.rows))
	}
}

// rows gives a case the rows of the data sets that it uses.
func (p *plan) rows(w *walker, c *model.Case) {
	var tables []*table
	for _, k := range w.columns {
		t := p.tables[k]
		used := false
		w.group.walk(func(x *node) {
			for _, column := range t.columns {
				used = used || mentions(x.props, column)
			}
		})
		if used || p.usedOutside(w.group, t) {
			tables = append(tables, t)
		}
	}
	if len(tables) > 0 {
		c.Data = p.tableAsset(join(tables))
	}
}

// usedOutside reports whether an element next to the group uses a column.
func (p *plan) usedOutside(g *node, t *table) bool {
	used := false
	if g.parent != nil {
		for _, x := range g.parent.kids {
			if x.role() != group {
				x.walk(func(y *node) {
					for _, c := range t.columns {
						used = used || mentions(y.props, c)
					}
				})
			}
		}
	}
	return used
}

// notes says what holds of the whole plan.
func (p *plan) notes(disabled int) {
	if disabled > 0 {
		p.Report.Note("", "%d disabled elements, with what is below them, are left out", disabled)
	}
	if p.follows > 0 {
		p.Report.Note("", "%d samplers follow redirects in JMeter; here a redirect is an answer: where one is expected, write expect: {status: 302} and the next request as a step", p.follows)
	}
	if p.noJar > 0 {
		p.Report.Note("", "%d samplers have no cookie manager, so that JMeter keeps no cookies for them; here each case has a cookie jar", p.noJar)
	}
	for _, k := range p.top.kids {
		if k.class == "TestPlan" && k.flag("TestPlan.serialize_threadgroups") && p.groups > 1 {
			p.Report.Note("", "the thread groups of the plan run one after another; cases run at once: what must come after something else has to be a step of the same case")
		}
	}
}

// lose lists an element once.
func (p *plan) lose(w *walker, x *node, kind model.Kind, why string) {
	p.loseText(w, x, kind, "", why)
}

func (p *plan) loseText(w *walker, x *node, kind model.Kind, text, why string) {
	if !p.seen[x] {
		p.seen[x] = true
		p.loseMore(w, x, kind, text, why)
	}
}

func (p *plan) loseMore(w *walker, x *node, kind model.Kind, text, why string) *model.Lost {
	l := model.Lost{Kind: kind, Request: w.title, Place: x.label(), Text: text, Why: why}
	p.Report.Lose(l)
	return &l
}

// loseAt lists an element once, and says so next to every step that it counts for.
func (p *plan) loseAt(q *web.Request, x *node, kind model.Kind, text, why string) {
	l := model.Lost{Kind: kind, Request: q.ID, Place: x.label(), Text: text, Why: why}
	if p.seen[x] {
		q.Comment = append(q.Comment, "not converted: "+l.Line())
		return
	}
	p.seen[x] = true
	p.Lose(q, l)
}
