package places

import (
	"slices"
	"sync"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// Seen is where answers came from. It is safe for concurrent use; the zero value has seen
// nothing.
//
// Two addresses may lead to one cluster: two names of one ingress, two IP addresses
// of one load balancer. A run without an identity compares green with green then,
// and passes. Blue and green are shown to be two places by any of:
//
//  1. an identity whose values differ
//  2. certificates: those that a service showed as blue are not those it showed as green
//  3. different IP addresses, together with a value that a rule of the suite explains
//     and that was one and the same in all answers of blue, another in all of green.
//     A request id or a clock differs between any two answers, and shows nothing;
//     nor does a side's own address sent back to it.
type Seen struct {
	mu       sync.Mutex
	services map[string]*[3]seenAt // by name, and then by scenarios.Side
	values   map[string]*steady    // by where and path
}

// seenAt is where one side of a service answered from.
type seenAt struct{ hosts, certificates []string }

// steady is a value that a rule explains, as long as each side keeps to its own.
type steady struct {
	blue, green string
	pairs       int
	broken      bool
}

// Bounds of what is remembered: more than that shows nothing new.
const (
	maxAnswerers = 64
	maxSteady    = 500
	leastPairs   = 2
)

// AddAnswer remembers where an answer of a service came from.
func (p *Seen) AddAnswer(service string, side scenarios.Side, x *wire.Exchange) {
	if x == nil || x.Err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.services == nil {
		p.services = map[string]*[3]seenAt{}
	}
	if p.services[service] == nil {
		p.services[service] = &[3]seenAt{}
	}
	at := &p.services[service][side]
	add := func(list *[]string, text string) {
		if text != "" && len(*list) < maxAnswerers && !slices.Contains(*list, text) {
			*list = append(*list, text)
		}
	}
	if x.Remote.IsValid() {
		add(&at.hosts, x.Remote.Addr().Unmap().String())
	}
	add(&at.certificates, x.Certificate)
}

// AddExplained remembers the values of a step that rules explain. reflected reports whether
// a value holds an address of a side, which a server that sends back what it was asked by
// would show.
func (p *Seen) AddExplained(step *run.StepResult, reflected func(string) bool) {
	if step.Lane != "" || !step.Compared {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range step.Ignored {
		d := &step.Ignored[i]
		if d.Kind != diff.Changed || d.Rule == "" || d.Blue.Cut || d.Green.Cut || reflected(d.Blue.JSON) || reflected(d.Green.JSON) {
			continue
		}
		key := d.Where.String() + " " + d.Path
		v := p.values[key]
		switch {
		case v != nil:
			v.broken = v.broken || v.blue != d.Blue.JSON || v.green != d.Green.JSON
			v.pairs++
		case len(p.values) < maxSteady:
			if p.values == nil {
				p.values = map[string]*steady{}
			}
			p.values[key] = &steady{blue: d.Blue.JSON, green: d.Green.JSON, pairs: 1}
		}
	}
}

// disjoint reports whether both lists hold something and nothing in common.
func disjoint(a, b []string) bool {
	return len(a) > 0 && len(b) > 0 && !slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}

// Apart reports whether addresses or certificates showed that blue and green are
// two places (rules 2 and 3).
func (p *Seen) Apart() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	addresses := false
	for _, of := range p.services {
		blue, green := &of[scenarios.Blue], &of[scenarios.Green]
		if disjoint(blue.certificates, green.certificates) { // Rule 2
			return true
		}
		addresses = addresses || disjoint(blue.hosts, green.hosts)
	}
	if !addresses {
		return false
	}
	for _, v := range p.values { // Rule 3
		if !v.broken && v.pairs >= leastPairs && v.blue != v.green {
			return true
		}
	}
	return false
}
