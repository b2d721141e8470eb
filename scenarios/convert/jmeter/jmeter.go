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
	"maps"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// Options are those of the JMeter importer.
type Options struct {
	// Properties are files of properties, as JMeter's -p and -q take them: lines of
	// name=value. Of a name the last counts.
	Properties []model.File
	// Set are properties by name, as JMeter's -J takes them; they win over files.
	Set map[string]string
	// Results are .jtl files of a past run of the plan. They say what the plan itself
	// does not: how long groups ran, how many threads, and how long these waited.
	Results []model.File
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
	past        past
	waits       map[*model.Step][2]int // least and longest time that timers wait, in ms
	stages      *naming.Namer          // names of load stages
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
	p := &plan{
		Import: web.New(in.Name), file: in.Name, files: folder{in.Files, map[string][]byte{}}, top: top, seen: map[*node]bool{},
		used: map[string]bool{}, tables: map[*node]*table{}, past: past{}, waits: map[*model.Step][2]int{}, stages: naming.NewNamer(" "),
	}
	for _, f := range opts.Results {
		if err := p.past.readResults(f); err != nil {
			return nil, err
		}
	}
	// Before version 3 JMeter sent some methods otherwise; see content.
	p.old = strings.HasPrefix(top.text("jmeter"), "2.")
	p.names = newNames(p)
	for _, f := range opts.Properties {
		if err := readProperties(f, p.names.properties); err != nil {
			return nil, err
		}
	}
	// Flags win over files, as in JMeter.
	maps.Copy(p.names.properties, opts.Set)
	// Included plans become part of the tree before anything is counted in it.
	if err := p.include(top, 0, []string{in.Name}); err != nil {
		return nil, err
	}
	if requests(top) == 0 {
		return nil, top.at.errorf(in.Name, "the plan has no HTTP sampler that is enabled")
	}
	// Variables count in the whole plan, wherever they are defined: they are collected first.
	p.names.collect(top)
	p.collectUses(top)
	p.convert()
	if !p.anyCase() {
		return nil, top.at.errorf(in.Name, "nothing that the plan sends can be converted")
	}
	p.notes(disabled)
	// Hosts, hoisting and parts need all requests.
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
		return place{}.errorf(f.Name, "%v", err)
	}
	joined := strings.ReplaceAll(strings.ReplaceAll(string(text), "\r", ""), "\\\n", "")
	for i, line := range strings.Split(joined, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		at := strings.IndexAny(line, "=:")
		if at <= 0 {
			return place{i + 1, 1}.errorf(f.Name, "not a property: write name=value")
		}
		into[strings.TrimSpace(line[:at])] = strings.NewReplacer(`\\`, `\`, `\:`, ":", `\=`, "=").Replace(strings.TrimSpace(line[at+1:]))
	}
	return nil
}
