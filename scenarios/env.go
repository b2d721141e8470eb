package scenarios

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/stage"
	"github.com/bgverify/bgverify/scenarios/template"
)

// requirable are the aspects of a run that a stage can require (require:).
var requirable = []string{"compare", "load", "writes", "identity"}

// readEnv reads an env file. Its rules are compiled on their own, so that a mistake in them is
// reported once and in this file, and again with those of each suite they are added to.
func (l *loader) readEnv(w *walker) *Env {
	e := &Env{File: w.Src.Path}
	o := w.Object(w.Src.Root, "env file", "")
	o.Text("doc")
	o.Bind(e)
	// Addresses stay templates: each suite expands them with its own variables.
	e.Blue, e.Green = w.readSides(o)
	l.compileRules(e.Rules)
	if x := o.Open("limits", "limits", ""); x != nil {
		x.Bind(&e.Limits)
	}
	e.Clusters, e.Prometheus = stage.ReadClusters(o, host{w}), stage.ReadPrometheus(o, host{w})
	e.Notify = stage.ReadNotify(o, host{w})
	e.Archive = stage.ReadStore(o)
	w.readRequire(o, e)
	e.Answer = w.readAnswer(o)
	e.Transport = w.readTransport(o)
	e.Identity = w.readIdentities(o, "identity")
	w.checkEnvList(e)
	for _, v := range e.Vars {
		l.warnPlain(v.Name, v.Value)
	}
	l.warnSides(&e.Blue, &e.Green)
	return e
}

// host is what the parts of package stage ask of a walker.
type host struct{ w *walker }

func (h host) ReadRule(o *keys.Mapping, of []keys.Key) (diff.Rule, bool) {
	return h.w.readRuleKeys(o, of)
}
func (h host) CompileRules(rules []diff.Rule)        { h.w.compileRules(rules) }
func (h host) BadURL(text string) (msg, hint string) { return badBaseURL(text), urlHint(text) }

func (h host) CheckCA(o *keys.Mapping, key, file string) {
	h.w.checkCertificates(o, map[string][]byte{key: h.w.readPayload(o.At(key), file)})
}

// readRequire reads what a pass of the stage must have shown: words, and a mapping with
// the share of services, alone or in the list.
func (w *walker) readRequire(o *keys.Mapping, e *Env) {
	o.EachElement("require", func(_ int, n *yaml.Node) {
		if source.Deref(n).Kind == yaml.MappingNode {
			w.Object(n, "require", "require").Bind(&e.Shares)
			return
		}
		text, ok := w.ScalarText(n, "require", keys.Text)
		switch {
		case !ok:
		case slices.Contains(requirable, text):
			e.Require = append(e.Require, text)
		default:
			w.Errorf(n, suggest.Hint(text, requirable), "require takes %s, not %q", strings.Join(requirable, ", "), problem.Cut(text, 40))
		}
	})
	if e.Shares.Services > 0 && (e.Clusters == nil || e.Clusters.Services == nil) && !o.Broken {
		o.Fail(o.At("require"), "add clusters: {services: {from: VirtualService, namespaces: […]}}",
			"require: {services} without services of a cluster")
	}
}

// RequiredShares are shares that a pass must have shown, as ratios; 0: not asked for.
type RequiredShares struct {
	// Services is the share of the cluster's services that cases asked.
	Services float64
}

// checkEnvList holds the file's own templates to the environment it may read; everything
// else they name is looked up in the suites. Addresses without placeholders are checked too.
func (w *walker) checkEnvList(e *Env) {
	s := &Suite{Env: e.Env, Stage: &Env{}}
	// Only the environment is asked of these names; variables are those of the suites.
	n := newNames(w.loader, s)
	check := func(t *Template) {
		if t == nil {
			return
		}
		for i := range t.Parts {
			if name, ok := template.CutEnv(t.Parts[i].Name); ok {
				n.checkEnv(t, &t.Parts[i], name, true)
			}
		}
	}
	for _, list := range [][]Var{e.Vars, e.Blue.Vars, e.Green.Vars} {
		for _, v := range list {
			check(v.Value)
		}
	}
	for _, c := range []*SideConfig{&e.Blue, &e.Green} {
		for _, f := range c.late {
			check(f.t)
			if f.t == nil || !f.t.Static() {
				continue
			}
			if msg := f.check(f.t.Text); msg != "" {
				w.failAt(f.t.Pos, f.t.Text, "", "%s: %s", f.what, msg)
			}
		}
	}
}

// A Config is bgverify.yaml: env files by stage and defaults of flags.
// Zero values are keys that are not written: the command has its own defaults.
type Config struct {
	File string
	// Envs are stages with the paths of their env files, in file order.
	Envs []Named
	// Env is the stage of runs that name none.
	Env string
	// Paths are the files and folders of runs that name none; Out is the folder of runs.
	Paths []string
	Out   string
	// Concurrency is how many cases are walked at once; 0: not written, as below.
	Concurrency int
	// Timeout is the longest time of a run.
	Timeout time.Duration
	// Keep and KeepDays are how many runs, and for how many days runs are kept.
	Keep, KeepDays int
	// OnInconclusive is block, warn or retry; Format lists the reports to write.
	OnInconclusive string
	Format         []string
}

// Stage is what --env means: an env file, and the name of its stage. A name in envs is the
// file of that stage; a file that envs lists once has the name that it has there; any
// other file is named by its path. An empty name is the stage of runs that name none.
// Without a bgverify.yaml c is nil.
func (c *Config) Stage(name string) (stage, file string) {
	if c == nil {
		c = &Config{}
	}
	if name == "" {
		name = c.Env
	}
	if name == "" {
		return "", ""
	}
	stage = path.Clean(name)
	listed := 0
	for _, known := range c.Envs {
		if known.Name == name {
			return known.Name, known.Value
		}
		if known.Value == stage {
			listed++
		}
	}
	for _, known := range c.Envs {
		if listed == 1 && known.Value == stage {
			return known.Name, name
		}
	}
	return stage, name
}

// readConfig reads bgverify.yaml and checks that the env files it names can be opened.
func (l *loader) readConfig(w *walker) *Config {
	o := w.Object(w.Src.Root, "config", "")
	c := &Config{File: w.Src.Path}
	o.Bind(c)
	// The stage of `env:` must be one of `envs:`.
	known := false
	o.EachPair("envs", func(k, v *yaml.Node) {
		text, ok := w.ScalarText(v, "envs", keys.File)
		if !ok {
			return
		}
		if name, ok := w.Resolve(source.Deref(v), text); ok {
			c.Envs = append(c.Envs, Named{Name: k.Value, Value: name})
			known = known || k.Value == c.Env
			w.openFrom(source.Deref(v), w, name)
		}
	})
	if c.Env != "" && !known && !o.Broken {
		var names []string
		for _, e := range c.Envs {
			names = append(names, e.Name)
		}
		o.Fail(o.At("env"), suggest.Hint(c.Env, names), "no env file for stage %q in envs", c.Env)
	}
	return c
}

// LoadConfig reads bgverify.yaml: the env file of each stage and the defaults of flags. What
// the flags say wins, which is the business of the command.
func LoadConfig(fsys fs.FS, name string) (*Config, Problems) {
	return loadOne(newLoader(fsys, LoadOptions{}), name, (*loader).readConfig)
}

// Limits are what a stage allows. Load and Writes count where a side is not on loopback,
// the other two everywhere.
type Limits struct {
	Load, Writes bool
	// MaxRPS is the most requests per second to one host; 0: no cap.
	MaxRPS float64
	// Rows is the most rows of one case; 0: all.
	Rows int
}

// An Env is an env file: what a stage adds to every suite.
// An Env is the content of one file; a run has at most one.
type Env struct {
	File        string
	Blue, Green SideConfig
	Vars        []Var
	Rules       []diff.Rule
	// Numbers counts for every suite that says nothing itself.
	Numbers diff.NumberReading
	Limits  Limits
	// SeparateState says that the sides share no database: a sign-in on one leaves sessions
	// of the other alone.
	SeparateState bool
	// Require lists what a pass must have shown: compare, load, writes, identity; empty: nothing.
	Require []string
	// Shares are those that a pass must have shown.
	Shares   RequiredShares
	Identity []Identity
	// Clusters are what the sides run on, and Prometheus where their metrics are; nil: the
	// file does not say.
	Clusters   *stage.Clusters
	Prometheus *stage.Prometheus
	// Notify are those who hear of the verdict.
	Notify []stage.Notify
	// Archive is where run folders are copied to; the zero Store: nowhere.
	Archive stage.Store
	// Answer says which answers are successes, for every suite; a suite's own paths win.
	Answer    *AnswerTest
	Transport []TransportAllow
	// Env lists the environment variables that its templates may read, and Secrets the
	// variables whose values never appear in any output.
	Env     []string
	Secrets []string
}
