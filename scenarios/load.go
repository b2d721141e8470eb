package scenarios

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
)

// LoadOptions are what the outside says while files are read.
type LoadOptions struct {
	// Now decides which rules and quarantines have expired. Zero switches that check off.
	Now time.Time
	// Seed chooses the rows of `sample`.
	Seed uint64
	// Trial: the rules are tried on two answers and decide about no traffic, so
	// that a proposed rule may still hold its placeholders.
	Trial bool
	// Vars are the variables of flags (--var name=value), in order.
	Vars []Named
	// Getenv reads an environment variable; nil: none is set.
	Getenv func(name string) (string, bool)
	// IsFlag reports whether an environment variable sets a flag of the command;
	// nil: none does. Others with template.FlagPrefix that name a variable are the form of
	// earlier versions, which is refused.
	IsFlag func(variable string) bool
	// Env is the stage's env file, merged into every suite; nil: none.
	Env *Env
	// BlueURL and GreenURL are the flags --blue and --green; they replace a side's url.
	BlueURL, GreenURL string
	// Rules are added before those of every suite (a rule file named by a flag).
	Rules []diff.Rule
	// Demand is set where requests will be sent: needs, environment variables
	// and the sides' URLs must then be there. Without it they may be missing.
	Demand bool
	// Others lets a path name a parts, rule, env or config file itself (validate).
	Others bool
	// SameSides allows both sides to have the same address (calibrate).
	SameSides bool
}

// loader collects what is read and what is wrong with it.
type loader struct {
	fsys     fs.FS
	opts     LoadOptions
	problems Problems
	seen     map[string]bool          // problems already reported
	sources  map[string]*source.File  // YAML files read; nil: unusable, and reported
	texts    map[string][]string      // lines of files, for the source line of problems
	payloads map[string][]byte        // other files read, by path
	rules    map[string]*keys.Mapping // rules by origin, to place what Compile says of them
	files    map[string]bool          // files the current suite is made of
	parts    map[string]*partFile     // by path
	places   map[*Template]place      // where templates are written, to place their placeholders
	schemas  map[string]*jsonschema.Schema
	uses     int             // of parts and rule files, so far
	named    map[string]bool // variables that templates name
	others   int             // files that are not suites, read for their own sake
	objects  []*keys.Mapping // mappings read since the last checkRead
}

// A walker reads the mappings of one file.
type walker struct {
	*loader
	*keys.Reader
}

func newWalker(l *loader, src *source.File) *walker { return &walker{l, keys.NewReader(src, l)} }

// A place is the scalar that a template was read from.
type place struct {
	src *source.File
	n   *yaml.Node
}

// Add reports a problem.
func (l *loader) Add(p Problem) { l.add(p) }

// Full reports whether enough has been reported.
func (l *loader) Full() bool { return l.full() }

// Opened remembers a mapping for checkRead.
func (l *loader) Opened(o *keys.Mapping) { l.objects = append(l.objects, o) }

// Placed remembers where a template is written.
func (l *loader) Placed(t *Template, src *source.File, n *yaml.Node) { l.places[t] = place{src, n} }

// ReadField reads the fields whose types only this package knows.
func (l *loader) ReadField(o *keys.Mapping, k *keys.Key, field any) bool {
	w := &walker{l, o.Reader}
	switch p := field.(type) {
	case **Auth:
		if a := w.auth(o, k.Name); a != nil {
			*p = a
		}
	case *[]Field:
		*p = w.fields(o, k.Name, map[string]func(*yaml.Node) bool{"headers": w.headerKey, "cookies": w.cookieName}[k.Name])
	case *[]diff.Rule:
		*p = w.rulesOf(o, k.Name)
	default:
		return false
	}
	return true
}

func newLoader(fsys fs.FS, opts LoadOptions) *loader {
	return &loader{
		fsys: fsys, opts: opts, seen: map[string]bool{}, sources: map[string]*source.File{}, texts: map[string][]string{},
		payloads: map[string][]byte{}, rules: map[string]*keys.Mapping{}, files: map[string]bool{}, parts: map[string]*partFile{}, places: map[*Template]place{}, schemas: map[string]*jsonschema.Schema{}, named: map[string]bool{},
	}
}

// maxProblems bounds what one load reports.
const maxProblems = 1000

// full reports whether enough has been said.
func (l *loader) full() bool { return len(l.problems) >= maxProblems }

// add reports a problem once, with its source line.
func (l *loader) add(p Problem) {
	if p.Kind == 0 {
		p.Kind = Error
	}
	p.Width = max(p.Width, 1)
	id := fmt.Sprintf("%s %d %s", p.Pos, p.Kind, p.Summary)
	if l.seen[id] || l.full() {
		return
	}
	l.seen[id] = true
	if lines := l.texts[p.Pos.File]; p.Pos.Line >= 1 && p.Pos.Line <= len(lines) {
		p.Source = lines[p.Pos.Line-1]
	}
	l.problems = append(l.problems, p)
}

// open reads and parses a YAML file once; nil when it cannot be used, which has
// then been reported.
func (l *loader) open(name string) *source.File {
	if s, ok := l.sources[name]; ok {
		return s
	}
	s, problems := source.Open(l.fsys, name)
	l.texts[name] = s.Lines
	for _, p := range problems {
		l.add(p)
	}
	if s.Root == nil {
		s = nil
	}
	l.sources[name] = s
	return s
}

// checkRead reports every key that was written and that nothing read: it would do
// nothing. Each file calls it once, so that no reader of a mapping has to.
func (l *loader) checkRead() {
	for _, o := range l.objects {
		o.RefuseUnread("")
	}
	l.objects = nil
}

// done returns the problems in order.
func (l *loader) done() Problems {
	l.checkRead()
	l.problems.Sort()
	return l.problems
}

// Load reads the suites in files and folders of fsys, all slash paths below
// its root. Problems come sorted, all of them at once; when one is an error the
// suites must not be run.
//
// The rules:
//  1. A path that is a file must be a suite. In a folder, read recursively, a
//     file with suite: is a suite, with parts: a parts file, with rules: alone a
//     rule file, with sides: or limits: an env file; any other YAML is a problem.
//  2. Every key is known, written once and has a value. One file is one document.
//  3. Nothing is read from outside fsys; only regular files are read.
//  4. Defaults are merged into steps, parts are inlined, the env file and flags
//     are merged into the sides. Rules are those of flags, env file, suite, case
//     and step, in that order.
//  5. A placeholder that nothing can answer is a problem, unless it has a default.
//  6. Suites come in the order of the paths, inside a folder by path.
func Load(fsys fs.FS, paths []string, opts LoadOptions) ([]*Suite, Problems) {
	l := newLoader(fsys, opts)
	var suites []*Suite
	byName := map[string]*Suite{}
	for _, name := range l.collect(paths) {
		s := l.suiteFile(name.path, name.explicit)
		if s == nil {
			continue
		}
		if first := byName[s.Name]; first != nil && s.Name != "" {
			l.add(Problem{Pos: s.Pos, Summary: fmt.Sprintf("duplicate suite %q", s.Name), Hint: "it is also in " + first.Pos.String()})
		}
		byName[s.Name] = s
		suites = append(suites, s)
	}
	if len(suites) == 0 && len(l.problems) == 0 && !(opts.Others && l.others > 0) {
		where := strings.Join(paths, ", ")
		l.add(Problem{Pos: Pos{File: where}, Summary: "no suite found", Hint: "a scenario file begins with suite: and ends with .yaml"})
	}
	l.warnFlags(suites)
	l.linkLoads(suites, byName)
	l.onlyMarked(suites)
	return suites, l.done()
}

// A found is a YAML file to read.
type found struct {
	path     string
	explicit bool // named itself, not found in a folder
}

// collect expands folders.
func (l *loader) collect(paths []string) []found {
	var out []found
	seen := map[string]bool{}
	take := func(name string, explicit bool) {
		if !seen[name] {
			seen[name] = true
			out = append(out, found{name, explicit})
		}
	}
	for _, p := range paths {
		name := path.Clean(p)
		if !fs.ValidPath(name) {
			l.add(Problem{Pos: Pos{File: p}, Summary: "a path may not leave the scenario folder"})
			continue
		}
		info, err := fs.Stat(l.fsys, name)
		switch {
		case err != nil:
			l.add(Problem{Pos: Pos{File: p}, Summary: "cannot read: " + source.PlainError(err).Error()})
		case info.IsDir():
			l.walkFolder(name, func(file string) { take(file, false) })
		default:
			take(name, true)
		}
	}
	return out
}

// walkFolder finds the YAML files of a folder, hidden ones left out.
func (l *loader) walkFolder(root string, take func(string)) {
	n := 0
	err := fs.WalkDir(l.fsys, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			l.add(Problem{Pos: Pos{File: name}, Summary: "cannot read: " + source.PlainError(err).Error()})
			return nil
		}
		if name != root && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if ext := strings.ToLower(path.Ext(name)); !d.IsDir() && (ext == ".yaml" || ext == ".yml") {
			take(name)
			n++
		}
		return nil
	})
	if err != nil {
		l.add(Problem{Pos: Pos{File: root}, Summary: "cannot read: " + err.Error()})
	}
	if n == 0 {
		l.add(Problem{Pos: Pos{File: root}, Summary: "no scenario file in this folder", Hint: "scenario files end with .yaml"})
	}
}

// topKeys are the keys of a file's top mapping.
func topKeys(root *yaml.Node) []string {
	var keys []string
	for i := 0; i+1 < len(root.Content); i += 2 {
		keys = append(keys, root.Content[i].Value)
	}
	return keys
}

// suiteFile reads a file by what its top-level keys say it is; nil when it is not a suite.
func (l *loader) suiteFile(name string, explicit bool) *Suite {
	src := l.open(name)
	if src == nil {
		return nil
	}
	w := newWalker(l, src)
	if src.Root.Kind != yaml.MappingNode {
		w.Errorf(src.Root, "a scenario file begins with suite:", "the file holds %s, not a mapping", keys.KindWord(src.Root))
		return nil
	}
	keys := topKeys(src.Root)
	kind := fileKind(keys, name)
	if kind != "suite" && kind != "" {
		l.others++
	}
	switch {
	case kind == "suite":
		return l.suite(w)
	case kind == "":
		hint := "a scenario file begins with suite:"
		for _, k := range keys {
			if c := suggest.Nearest(k, []string{"suite", "parts", "rules", "sides", "limits"}); c != "" {
				hint = fmt.Sprintf("did you mean %q instead of %q?", c, k)
				break
			}
		}
		w.Errorf(src.Root, hint, "this is neither a suite nor a parts, rule or env file")
	case explicit && !l.opts.Others:
		article := "a"
		if kind == "env" {
			article = "an"
		}
		w.Errorf(src.Root, "a suite begins with suite:", "this is %s %s file, not a suite", article, kind)
	case kind == "parts":
		l.checkParts(w)
	case kind == "rule":
		w.ruleFile()
	case kind == "env":
		l.env(w)
	case kind == "config":
		l.config(w)
	}
	return nil
}

func fileKind(keys []string, name string) string {
	switch {
	case slices.Contains(keys, "suite"):
		return "suite"
	case slices.Contains(keys, "parts"):
		return "parts"
	case slices.Contains(keys, "rules") && !slices.ContainsFunc(keys, func(k string) bool { return k != "rules" && k != "doc" }):
		return "rule"
	case slices.Contains(keys, "sides") || slices.Contains(keys, "limits"):
		return "env"
	case path.Base(name) == "bgverify.yaml":
		return "config"
	}
	return ""
}

// LoadEnv reads an env file.
func LoadEnv(fsys fs.FS, name string, opts LoadOptions) (*Env, Problems) {
	l := newLoader(fsys, opts)
	src := l.open(path.Clean(name))
	if src == nil {
		return nil, l.done()
	}
	e := l.env(newWalker(l, src))
	return e, l.done()
}

// LoadRules reads a rule file: YAML with a top-level rules list.
func LoadRules(fsys fs.FS, name string, opts LoadOptions) ([]diff.Rule, Problems) {
	l := newLoader(fsys, opts)
	src := l.open(path.Clean(name))
	if src == nil {
		return nil, l.done()
	}
	w := newWalker(l, src)
	rules := w.ruleFile()
	return rules, l.done()
}

// onlyMarked keeps the cases marked only, when there are any, and warns of each
// where that leaves something out.
func (l *loader) onlyMarked(suites []*Suite) {
	isOnly := func(c *Case) bool { return c.Only }
	if !slices.ContainsFunc(suites, func(s *Suite) bool { return slices.ContainsFunc(s.Cases, isOnly) }) {
		return
	}
	var left Size
	var marked []*Case
	for _, s := range suites {
		for _, c := range s.Cases {
			if c.Only {
				marked, s.Only = append(marked, c), append(s.Only, c.Pos)
			} else {
				s.LeftOut.Cases += c.Count()
			}
		}
		s.LeftOut.Loads, s.Loads = len(s.Loads), nil
		s.Cases = slices.DeleteFunc(s.Cases, func(c *Case) bool { return !c.Only })
		left.Cases, left.Loads = left.Cases+s.LeftOut.Cases, left.Loads+s.LeftOut.Loads
	}
	if left == (Size{}) {
		return
	}
	for _, c := range marked {
		l.add(Problem{
			Kind: Warning, Pos: c.Pos, Summary: fmt.Sprintf("case %q is marked only: a run without the other cases is inconclusive", c.ID),
			Hint: "remove only: true, or choose cases on the command line: --case " + c.ID,
		})
	}
}

// linkLoads finds the cases of load stages, which may be in other suites.
func (l *loader) linkLoads(suites []*Suite, byName map[string]*Suite) {
	for _, s := range suites {
		for _, stage := range s.Loads {
			for i := range stage.Steps {
				l.linkLoad(s, stage, &stage.Steps[i], byName)
			}
		}
	}
}

func (l *loader) linkLoad(s *Suite, stage *LoadStage, step *LoadStep, byName map[string]*Suite) {
	fail := func(hint, format string, args ...any) {
		l.add(Problem{Pos: step.Pos, Width: len([]rune(step.Case)), Summary: fmt.Sprintf(format, args...), Hint: hint})
	}
	home := byName[step.Suite]
	if home == nil {
		var names []string
		for name := range byName {
			names = append(names, name)
		}
		slices.Sort(names)
		hint := "name the file or folder of that suite too"
		if suggest.Nearest(step.Suite, names) != "" {
			hint = suggest.Hint(step.Suite, names)
		}
		fail(hint, "unknown suite %q in load %q", step.Suite, stage.Name)
		return
	}
	i := slices.IndexFunc(home.Cases, func(c *Case) bool { return c.ID == step.Suite+"/"+step.Case })
	if i < 0 {
		var names []string
		for _, c := range home.Cases {
			names = append(names, strings.TrimPrefix(c.ID, home.Name+"/"))
		}
		fail(suggest.Hint(step.Case, names), "unknown case %q in load %q", step.Case, stage.Name)
		return
	}
	c := home.Cases[i]
	step.Home, step.Target = home, c
	switch {
	case len(c.Steps) != 1:
		fail("a load stage sends cases of one step; setup may prepare what the step needs", "case %q has %d steps", step.Case, len(c.Steps))
	case c.Skip != "":
		fail("", "case %q of load %q is skipped: %s", step.Case, stage.Name, c.Skip)
	case c.Steps[0].Poll != nil:
		fail("", "case %q of load %q polls", step.Case, stage.Name)
	case slices.Contains(home.kinds(c.Steps[0]), AuthDigest):
		fail("a load stage sends requests that are made before it begins", "case %q answers a Digest challenge", step.Case)
	case c.Steps[0].SideEffects > NoEffects && !stage.Writes:
		fail("add writes: true to the stage, and limits: {writes: allow} to the env file", "case %q has side effects", step.Case)
	case c.Steps[0].leavesSomething():
		fail("make the request idempotent or isolated, or leave the case out of the load",
			"case %q is compensated, and a load stage cannot take back what each of its requests creates", step.Case)
	}
	const good = 5 * time.Minute // for which AWS takes a signature
	if stage.Duration > good && slices.Contains(home.kinds(c.Steps[0]), AuthAWS) {
		l.add(Problem{
			Pos: step.Pos, Kind: Warning, Width: len([]rune(step.Case)),
			Summary: fmt.Sprintf("the signatures of case %q are made before load %q begins", step.Case,
				stage.Name), Hint: "a signature is good for 5 minutes: shorten the stage",
		})
	}
}
