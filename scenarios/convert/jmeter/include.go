package jmeter

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

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
	base := baseName(name)
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
		if k.class != "TestPlan" {
			all = append(all, k)
			continue
		}
		all = append(all, k.kids...)
		for _, x := range k.kids {
			if x.class == "TestFragmentController" {
				found = append(found, x)
			}
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
