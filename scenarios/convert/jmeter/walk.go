package jmeter

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// maxCopies bounds the steps that loops of one group are written out to.
const maxCopies = 120

// A walker makes the steps of one thread group.
type walker struct {
	p       *plan
	s       *scope
	group   *node
	title   string
	steps   []*web.Request
	once    []*web.Request // of OnceOnlyControllers: steps of setup
	names   *naming.Namer  // of steps
	when    []model.Check  // of the controllers around
	goOn    bool           // a failed sampler does not end the iteration
	repeat  int            // of the loop around, where it is one step
	columns []*node        // data sets that were met
	inOnce  bool
	fresh   map[*node]map[string]string // user parameters that are set once an iteration
	pauses  int
	// comments are about scripts: they go next to the step that comes next.
	comments []string
	copies   int           // how often the loops around are written out
	rounds   map[*node]int // of counters: how often their loop was written out
}

// walk makes the steps of what is below n. outer are the elements that count for
// samplers here, from the outside in.
func (w *walker) walk(n *node, outer []*node) {
	senders, around := n.split()
	for _, k := range around {
		w.element(k)
	}
	here := slices.Concat(outer, around)
	for _, k := range senders {
		w.send(k, here)
	}
}

// send makes the steps of a sampler or of what a controller holds.
func (w *walker) send(k *node, outer []*node) {
	if k.role() == sampler {
		w.sampler(k, outer)
	} else {
		w.controller(k, outer)
	}
}

// element reads configuration whose place is where the walk comes by.
func (w *walker) element(k *node) {
	switch k.class {
	case "CSVDataSet":
		w.p.dataSet(w, k)
	case "CounterConfig":
		w.counter(k)
	case "RandomVariableConfig":
		w.random(k)
	}
}

// counted counts an element as carried over, once for all samplers it counts for.
func (w *walker) counted(k *node, kind model.Kind) {
	if !w.p.seen[k] {
		w.p.seen[k] = true
		w.p.Report.Mapped(kind, 1)
	}
}

// collectUses remembers every ${name} of the plan.
func (p *plan) collectUses(top *node) {
	top.walk(func(n *node) {
		n.props.each(func(e *element) {
			parts := strings.Split(e.text, "${")
			for _, after := range parts[1:] {
				name, _, _ := strings.Cut(after, "}")
				p.used[name] = true
			}
		})
	})
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
func (w *walker) lose(x *node, kind model.Kind, why string) { w.loseText(x, kind, "", why) }

func (w *walker) loseText(x *node, kind model.Kind, text, why string) {
	if !w.p.seen[x] {
		w.p.seen[x] = true
		w.p.Report.Lose(model.Lost{Kind: kind, Request: w.title, Place: x.label(), Text: text, Why: why})
	}
}

// loseAt lists an element once, and says so next to every step that it counts for.
func (p *plan) loseAt(q *web.Request, x *node, kind model.Kind, why string) {
	l := model.Lost{Kind: kind, Request: q.ID, Place: x.label(), Why: why}
	if p.seen[x] {
		q.Comment = append(q.Comment, "not converted: "+l.Line())
		return
	}
	p.seen[x] = true
	p.Lose(q, l)
}
