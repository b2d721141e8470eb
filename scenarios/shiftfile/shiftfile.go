// Package shiftfile reads shift.yaml: how traffic moves from blue to green.
//
// In comes one file of the strict YAML that scenario files are written in; out comes a
// File, or every problem of it with its place. Key tables are in scenarios/internal/keys,
// so that the schema and docs/format.md know the file too. Nothing here sends anything,
// and nothing knows how a mechanism works: its keys are data.
package shiftfile

import (
	"fmt"
	"io/fs"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A File is shift.yaml: how traffic moves from blue to green. Shares are ratios
// (0.05 is 5 %). Paths are as written: relative to the folder of the file.
type File struct {
	// File is the path of the file below the root that it was read from.
	File string
	// Name is the walk's; its archive and its lock carry it.
	Name, Doc string
	// Steps are the shares of green, rising, at least one.
	Steps []float64
	Hold  Hold
	// Gate, Probe, Run and Confirm are nil where the file does not have them.
	Gate    *Gate
	Probe   *Probe
	Run     *Run
	Confirm *Confirm
	// Unchecked is why the file asks for no check at all; empty: it asks for one.
	Unchecked string
	// OnFail is rollback or pause.
	OnFail string
	Driver Driver
}

// A Hold says how long each step is held.
type Hold struct {
	// Min is the shortest time at a step, Settle what is waited before it begins, and Max
	// the longest time while the probe has too few answers of green.
	Min, Settle, Max time.Duration
}

// A Gate is the archived run that each step relies on. Texts are expanded.
type Gate struct {
	Run, Out, Digest, GreenBuild, NoWeaker string
	// MaxAge is the largest age of the run; 0: any.
	MaxAge time.Duration
	// Without and Require name aspects of a run: compare, load, writes, identity.
	Without, Require []string
	// After are stages that must have passed before.
	After []string
}

// A Probe says what is asked while traffic moves.
type Probe struct {
	Suites   []string
	Tag, Env string
	// Through is the public URL; Blue and Green are addresses that its name is pinned to;
	// empty: what the sides of the suites resolve to.
	Through, Blue, Green string
	Every                time.Duration
	// Budget is how many answers of green may fail in the whole walk, and MinGreen how
	// many answers of green a step needs.
	Budget, MinGreen int
}

// A Run is the run at the end of each hold.
type Run struct {
	Suites   []string
	Tag, Env string
	// Load is none or run.
	Load    string
	Timeout time.Duration
}

// A Confirm names the steps that wait for a yes of a command.
type Confirm struct {
	At      []float64
	Exec    string
	Timeout time.Duration
}

// Load reads a shift file. The rules:
//
//  1. Templates name environment variables alone; one that is not set, or empty, is a
//     problem: an absent value must not read as "not asked".
//  2. Steps rise, from more than 0 %.
//  3. Exactly one driver is written.
//  4. The steps of confirm are among the steps.
//  5. A file without any check says why in unchecked: nothing would ever roll its walk back.
//     One with a check has no unchecked.
//  6. No text is blank, and no command is a comment alone.
func Load(fsys fs.FS, name string, getenv func(string) (string, bool)) (*File, problem.Problems) {
	src, problems := source.Open(fsys, name)
	r := &reader{lines: src.Lines, getenv: getenv}
	for _, p := range problems {
		r.Add(p)
	}
	if src.Root == nil {
		return nil, r.done()
	}
	r.Reader = keys.NewReader(src, r)
	f := r.read(r.Object(src.Root, "shift file", ""))
	return f, r.done()
}

// A reader reads one file, and is the sink of its key reader.
type reader struct {
	*keys.Reader
	lines    []string
	problems problem.Problems
	opened   []*keys.Mapping
	getenv   func(string) (string, bool)
}

// most bounds what is reported.
const most = 1000

// Add reports a problem with its source line.
func (r *reader) Add(p problem.Problem) {
	if p.Kind == 0 {
		p.Kind = problem.Error
	}
	if p.Width = max(p.Width, 1); p.Pos.Line >= 1 && p.Pos.Line <= len(r.lines) {
		p.Source = r.lines[p.Pos.Line-1]
	}
	if !r.Full() {
		r.problems = append(r.problems, p)
	}
}

// Full reports whether enough was reported.
func (r *reader) Full() bool { return len(r.problems) >= most }

// Opened remembers a mapping, to report its unread keys.
func (r *reader) Opened(o *keys.Mapping) { r.opened = append(r.opened, o) }

// Placed does nothing: templates are expanded while they are read.
func (r *reader) Placed(*template.Template, *source.File, *yaml.Node) {}

// ReadField knows no field types beyond those of package keys.
func (r *reader) ReadField(*keys.Mapping, *keys.Key, any) bool { return false }

// done reports keys that nothing read and returns all problems by place.
func (r *reader) done() problem.Problems {
	for _, o := range r.opened {
		o.RefuseUnread("")
		r.refuseBlank(o)
	}
	r.problems.Sort()
	return r.problems
}

// refuseBlank refuses texts that say nothing: an empty command would confirm every step, an empty tag choose all
// cases. Rule 6.
func (r *reader) refuseBlank(o *keys.Mapping) {
	for _, name := range o.Table.Names() {
		n := o.At(name)
		if !o.Has(name) || n == nil || n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
			continue
		}
		text := strings.TrimSpace(n.Value)
		command := name == "exec" || name == "get" || name == "set"
		known := slices.ContainsFunc(r.problems, func(p problem.Problem) bool { return p.Pos.Line == n.Line && p.Pos.Col == n.Column })
		if !known && (text == "" || command && strings.HasPrefix(text, "#") && !strings.Contains(text, "\n")) {
			o.Fail(n, "leave the key out, or give it a value", "%s is empty", name)
		}
	}
}

func (r *reader) read(o *keys.Mapping) *File {
	s := &File{File: r.Src.Path, OnFail: "rollback", Hold: Hold{Min: 5 * time.Minute, Settle: time.Minute}}
	// Steps are read by code: each keeps its place for the rule that they rise.
	shares, at := o.Percents("steps")
	if s.Steps = shares; len(shares) == 0 && o.Has("steps") && !o.Broken {
		o.Fail(o.At("steps"), "steps: [1%, 5%, 25%, 50%, 100%]", "steps is empty")
	}
	for i, share := range shares { // Rule 2
		if share <= 0 || i > 0 && share <= shares[i-1] {
			o.Fail(at[i], "steps: [1%, 5%, 25%, 50%, 100%]", "steps must rise from more than 0%%")
		}
	}
	o.Bind(s)
	if h := o.Open("hold", "hold", ""); h != nil {
		h.Bind(&s.Hold)
		if h.Has("max") && s.Hold.Max < s.Hold.Min {
			h.Fail(h.At("max"), "", "max is shorter than min")
		}
	}
	// Long enough for a probe that is slow, and never shorter than the hold itself.
	if s.Hold.Max == 0 {
		s.Hold.Max = max(4*s.Hold.Min, 10*time.Minute)
	}
	r.readChecks(o, s)
	if c := o.Open("confirm", "confirm", ""); c != nil {
		s.Confirm = &Confirm{Timeout: time.Hour}
		at, nodes := c.Percents("at")
		if s.Confirm.At = at; len(at) == 0 && c.Has("at") && !c.Broken {
			c.Fail(c.At("at"), "write one of steps", "confirm names no step")
		}
		for i, share := range at { // Rule 4
			if !hasShare(s.Steps, share) {
				c.Fail(nodes[i], "write one of steps", "no step is %s", PercentText(share))
			}
		}
		c.Bind(s.Confirm)
	}
	refuseUnchecked(o, s)
	if d := o.Open("driver", "driver", ""); d != nil {
		s.Driver = r.readDriver(d)
	}
	return s
}

// readChecks reads what is asked before, during and after each step.
func (r *reader) readChecks(o *keys.Mapping, s *File) {
	if before := o.Open("before", "shift before", ""); before != nil {
		if g := before.Open("gate", "shift gate", ""); g != nil {
			s.Gate = &Gate{Out: "runs"}
			r.bindExpanded(g, s.Gate, map[string]*string{
				"run": &s.Gate.Run, "digest": &s.Gate.Digest, "green_build": &s.Gate.GreenBuild,
				"no_weaker": &s.Gate.NoWeaker,
			})
			g.RefuseEmpty("after", "name a stage, or leave it out")
		}
	}
	if during := o.Open("during", "shift during", ""); during != nil {
		if p := during.Open("probe", "shift probe", ""); p != nil {
			s.Probe = &Probe{Every: 2 * time.Second, MinGreen: 200}
			r.bindExpanded(p, s.Probe, map[string]*string{"through": &s.Probe.Through, "blue": &s.Probe.Blue, "green": &s.Probe.Green})
			if u, err := url.Parse(s.Probe.Through); s.Probe.Through != "" &&
				(err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
				p.Fail(p.At("through"), "https://api.example.com", "through is not an http or https URL")
			}
			p.RefuseEmpty("suites", "name a scenario file or folder")
			if s.Probe.Budget >= s.Probe.MinGreen && !p.Broken {
				p.Fail(p.At("budget"), "", "budget accepts %d failures, and min_green asks for %d answers: a green that mostly fails would pass", s.Probe.Budget, s.Probe.MinGreen)
			}
		}
	}
	if after := o.Open("after", "shift after", ""); after != nil {
		if r := after.Open("run", "shift run", ""); r != nil {
			s.Run = &Run{Load: "none", Timeout: 10 * time.Minute}
			r.Bind(s.Run)
			r.RefuseEmpty("suites", "name a scenario file or folder")
		}
	}
}

// refuseUnchecked refuses a walk that reaches its last step whatever green does, unless the
// file says why that is wanted. Rule 5.
func refuseUnchecked(o *keys.Mapping, s *File) {
	var written string
	for _, name := range []string{"before", "during", "after", "confirm"} {
		if o.Has(name) {
			written = name
		}
	}
	switch {
	case o.Broken:
	case written == "" && saysNothing(s.Unchecked):
		at := o.Node
		if o.Has("unchecked") {
			at = o.At("unchecked")
		}
		o.Fail(at, "add after: {run: {suites: [scenarios]}}, or say why in unchecked", "nothing is checked before, during or after a step")
	case written != "" && o.Has("unchecked"):
		o.Fail(o.At("unchecked"), "leave one of them out", "unchecked and %s contradict each other", written)
	}
}

// saysNothing reports whether a text gives no reason: blank, or only yes or no.
func saysNothing(why string) bool {
	why = strings.ToLower(strings.TrimSpace(why))
	return why == "" || slices.Contains([]string{"true", "false", "yes", "no", "on", "off"}, why)
}

// readDriver reads the one driver of a file.
func (r *reader) readDriver(d *keys.Mapping) Driver {
	out := Driver{}
	written := slices.DeleteFunc(d.Table.Names(), func(name string) bool { return !d.Has(name) })
	if len(written) != 1 && !d.Broken { // Rule 3
		d.Fail(d.Node, "driver: {exec: {get: ./get.sh, set: ./set.sh}}", "driver names exactly one of %s, not %d",
			strings.Join(d.Table.Names(), ", "), len(written))
	}
	if x := d.Open("exec", "exec driver", ""); x != nil {
		out.Exec = &Exec{Max: 1000, Timeout: 30 * time.Second}
		x.Bind(out.Exec)
	}
	if x := d.Open("haproxy", "haproxy driver", ""); x != nil {
		out.HAProxy = &HAProxy{}
		x.Bind(out.HAProxy)
		if s := out.HAProxy.Socket; s != "" && !strings.HasPrefix(s, "unix://") && !strings.HasPrefix(s, "tcp://") {
			x.Fail(x.At("socket"), "unix:///run/haproxy/admin.sock or tcp://127.0.0.1:9999", "socket must begin with unix:// or tcp://")
		}
		refuseSame(x, out.HAProxy.Blue, out.HAProxy.Green, "server")
	}
	if x := d.Open("route53", "route53 driver", ""); x != nil {
		out.Route53 = &Route53{}
		x.Bind(out.Route53)
		refuseSame(x, out.Route53.Blue, out.Route53.Green, "record")
	}
	for name, field := range map[string]**Route{"httproute": &out.HTTPRoute, "virtualservice": &out.VirtualService} {
		if x := d.Open(name, "route driver", ""); x != nil {
			*field = &Route{}
			x.Bind(*field)
			refuseSame(x, (*field).Blue, (*field).Green, "backend")
		}
	}
	return out
}

// refuseSame refuses one name for both sides.
func refuseSame(o *keys.Mapping, blue, green, what string) {
	if blue == green && blue != "" {
		o.Fail(o.At("green"), "", "blue and green are the same %s", what)
	}
}

// hasShare reports whether a share is among the steps.
func hasShare(steps []float64, share float64) bool {
	return slices.ContainsFunc(steps, func(s float64) bool { return math.Abs(s-share) < 1e-9 })
}

// PercentText writes a share as the file has it: 5%, 0.5%.
func PercentText(share float64) string {
	return fmt.Sprintf("%.6g%%", share*100)
}
