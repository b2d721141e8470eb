package jmeter

import (
	"encoding/xml"
	"slices"
	"strconv"
	"strings"
)

// A node is one element of a test plan that JMeter would run, with what is below
// it. Disabled elements are not in the tree, nor is what is below them.
type node struct {
	class  string // ThreadGroup, HTTPSamplerProxy, …: without its package
	gui    string
	name   string
	file   string // of an included plan; empty: the plan itself
	at     place
	props  *element
	kids   []*node
	parent *node
}

// readPlan reads a .jmx file into the node of its root. The second result counts
// what is disabled.
func readPlan(file string, data []byte, included bool) (*node, int, error) {
	root, err := parseXML(file, data)
	if err != nil {
		return nil, 0, err
	}
	tree := root.child("hashTree")
	if root.tag != "jmeterTestPlan" || tree == nil {
		return nil, 0, root.at.errorf(file, "not a JMeter plan: the root element is <%s>, not <jmeterTestPlan> with a <hashTree>", root.tag)
	}
	// The root's version is kept as a property.
	version := &element{tag: "stringProp", attrs: []xml.Attr{{Name: xml.Name{Local: "name"}, Value: "jmeter"}}, text: root.attr("jmeter")}
	top := &node{class: "root", at: root.at, props: &element{kids: []*element{version}}}
	if included {
		top.file = file
	}
	r := &planReader{file: file, included: included}
	if err := r.tree(top, tree); err != nil {
		return nil, 0, err
	}
	return top, r.disabled, nil
}

type planReader struct {
	file     string
	included bool
	disabled int
}

// tree reads the pairs of a hashTree: an element, then the hashTree below it.
func (r *planReader) tree(parent *node, tree *element) error {
	var last *node
	for _, e := range tree.kids {
		if e.tag == "hashTree" {
			if last == nil {
				return e.at.errorf(r.file, "a <hashTree> without the element that it belongs to")
			}
			if err := r.tree(last, e); err != nil {
				return err
			}
			last = nil
			continue
		}
		last = r.node(parent, e)
		// A test fragment is always disabled: it is run where it is included.
		if on := !strings.EqualFold(e.attr("enabled"), "false"); on || last.class == "TestFragmentController" {
			parent.kids = append(parent.kids, last)
		} else {
			r.disabled++
		}
	}
	return nil
}

func (r *planReader) node(parent *node, e *element) *node {
	class := e.attr("testclass")
	if class == "" {
		class = e.tag
	}
	n := &node{class: class[strings.LastIndexByte(class, '.')+1:], gui: e.attr("guiclass"), name: strings.TrimSpace(e.attr("testname")), at: e.at, props: e, parent: parent}
	if r.included {
		n.file = r.file
	}
	return n
}

// propName is the name of a property, which old plans hold in an element.
func propName(e *element) string {
	if name := e.attr("name"); name != "" {
		return name
	}
	if name := e.child("name"); name != nil {
		return name.text
	}
	return ""
}

// propOf finds a property by its name; nil: there is none.
func propOf(e *element, name string) *element {
	if e == nil {
		return nil
	}
	for _, k := range e.kids {
		if propName(k) == name {
			return k
		}
	}
	return nil
}

// textOf is a property's text; empty when there is none. A FloatProperty holds its text in
// an element.
func textOf(e *element, name string) string {
	p := propOf(e, name)
	if p == nil {
		return ""
	}
	if v := p.child("value"); v != nil {
		return v.text
	}
	return p.text
}

// list is the elements of a collection property.
func list(e *element, name string) []*element {
	if p := propOf(e, name); p != nil {
		return p.kids
	}
	return nil
}

func (n *node) text(name string) string { return textOf(n.props, name) }

func (n *node) trimmed(name string) string { return strings.TrimSpace(n.text(name)) }

func (n *node) flag(name string) bool { return strings.EqualFold(n.trimmed(name), "true") }

// number is a whole number; 0 when there is none.
func (n *node) number(name string) int {
	i, _ := strconv.Atoi(n.trimmed(name))
	return i
}

// place is where the node is, for the report: 12:7, or login.jmx:12:7.
func (n *node) place() string {
	if n.file != "" {
		return n.file + ":" + n.at.String()
	}
	return n.at.String()
}

// label is the node for the report: 12:7 JSR223PostProcessor "keep the id".
func (n *node) label() string {
	out := n.place() + " " + n.class
	if n.name != "" {
		out += " " + strconv.Quote(n.name)
	}
	return out
}

// A role is what part an element plays in a plan. Zero is invalid.
type role uint8

const (
	other role = iota + 1
	sampler
	controller
	group     // of threads
	config    // defaults, managers, variables, data
	timer     // waits before samplers
	before    // pre-processors
	after     // post-processors
	assertion // tests of answers
	listener  // writes results: nothing that is sent depends on it
)

// suffixes tell the role of an element by the end of its class, in this order.
var suffixes = []struct {
	end  string
	role role
}{
	{"ThreadGroup", group},
	{"ResultCollector", listener},
	{"Listener", listener},
	{"Visualizer", listener},
	{"Summariser", listener},
	{"Gui", listener},
	{"Timer", timer},
	{"PreProcessor", before},
	{"PostProcessor", after},
	{"Extractor", after},
	{"Extractor2", after},
	{"Assertion", assertion},
	{"Assertion2", assertion},
	{"Sampler", sampler},
	{"SamplerProxy", sampler},
	{"Sampler2", sampler},
	{"SampleResult", other},
	{"Controller", controller},
	{"Control", controller},
	{"Config", config},
	{"Manager", config},
	{"DataSet", config},
	{"Arguments", config},
	{"Element", config},
	{"Defaults", config},
}

// roles are elements whose class does not say it.
var roles = map[string]role{
	"TestPlan": other, "WorkBench": other, "UserParameters": before, "RegExUserParameters": before, "HTMLLinkParser": before, "AnchorModifier": before, "URLRewritingModifier": before,
	"TestAction": sampler, "SystemSampler": sampler, "ResultAction": after, "DebugPostProcessor": after, "KeystoreConfig": config, "CriticalSectionController": controller,
	"BackendListener": listener, "TestFragmentController": controller, "HTTPSampler": sampler, "AjpSampler": sampler, "SyncTimer": timer, "TestPlanGui": other, "TextFrameFilter": config,
	"SimpleDataWriter": listener, "CorrectedResultCollector": listener, "PerfMonCollector": listener, "ParameterizedController": controller, "MonitorHealthVisualizer": listener,
}

func (n *node) role() role {
	if r, known := roles[n.class]; known {
		return r
	}
	for _, s := range suffixes {
		if strings.HasSuffix(n.class, s.end) {
			return s.role
		}
	}
	return other
}

// walk calls f for a node and everything below it, in the order of the plan.
func (n *node) walk(f func(*node)) {
	f(n)
	for _, k := range n.kids {
		k.walk(f)
	}
}

// some reports whether f holds of a node or of something below it.
func (n *node) some(f func(*node) bool) bool {
	return f(n) || slices.ContainsFunc(n.kids, func(k *node) bool { return k.some(f) })
}

// mentions reports whether a text of a node, or of something below it, uses one of the
// variables.
func (n *node) mentions(variables ...string) bool {
	return n.some(func(x *node) bool {
		return slices.ContainsFunc(variables, func(name string) bool { return x.props.mentions(name) })
	})
}

// split tells the children that send, samplers and controllers, from those that count for
// them. Thread groups are neither.
func (n *node) split() (senders, around []*node) {
	for _, k := range n.kids {
		switch k.role() {
		case sampler, controller:
			senders = append(senders, k)
		case group:
		default:
			around = append(around, k)
		}
	}
	return senders, around
}
