package scenarios

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/bodyschema"
	"github.com/bgverify/bgverify/scenarios/internal/source"
)

// LoadOptions are what the caller says while files are read. The zero value reads files as
// `bgverify validate` does: what comes from outside may be missing, and nothing expires.
type LoadOptions struct {
	// Now decides which rules and quarantines have expired. Zero switches that check off.
	Now time.Time
	// Seed chooses the rows of `sample`. The same seed, case and file give the same rows.
	Seed uint64
	// Trial: the rules are tried on two answers and decide about no traffic, so
	// that a proposed rule may still hold its placeholders.
	Trial bool
	// Vars are the variables of flags (--var name=value), in order; the last of a name wins.
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
	// Demand is set where requests will be sent: needs, environment variables and the sides'
	// URLs must then be known. Without it they may be missing, and what waits for them is
	// checked as far as it is written.
	Demand bool
	// Others lets a path name a parts, rule, env or config file itself (validate). Without it
	// such a path is a problem: the caller wants something to run.
	Others bool
	// Schemas are schema files that were compiled before, as an import does; nil: none.
	Schemas *SchemaCache
	// SameSides allows both sides to have the same address (calibrate).
	SameSides bool
}

// A SchemaCache holds compiled schema files; see [LoadOptions].
type SchemaCache = bodyschema.Cache

// Load reads the suites in files and folders of fsys, all slash paths below
// its root. Problems come sorted, all of them at once; when one is an error the
// suites must not be run.
//
// The rules:
//  1. A path that is a file must be a suite. In a folder, read recursively, a
//     file with suite: is a suite, with parts: a parts file, with rules: alone a
//     rule file, with sides: or limits: an env file. A description of an API, with
//     openapi: or swagger:, is passed over. Any other YAML is a problem.
//  2. Every key is known, written once and has a value. One file is one document.
//     A key that is written and read by nothing is a problem.
//  3. Nothing is read from outside fsys; only regular files are read.
//  4. Defaults are merged into steps, parts are inlined, the env file and flags
//     are merged into the sides. Rules are those of flags, env file, suite, case
//     and step, in that order.
//  5. A placeholder that nothing can answer is a problem, unless it has a default.
//  6. Suites come in the order of the paths, inside a folder by path. The names of
//     suites are unique, and those of cases in their suite.
//  7. A load stage may name cases of any suite that is read in the same call.
//  8. Where a case is marked only, all cases without the mark and all load stages are
//     left out, and a warning says so.
//
// Load sends nothing and reads neither clock nor environment but through opts.
func Load(fsys fs.FS, paths []string, opts LoadOptions) ([]*Suite, Problems) {
	l := newLoader(fsys, opts)
	var suites []*Suite
	byName := map[string]*Suite{}
	// Rule 1: what a file is follows from its keys; only suites are returned.
	files := l.collect(paths)
	l.ahead = startReading(fsys, files)
	defer l.ahead.stop()
	for _, name := range files {
		s := l.readFile(name.path, name.explicit)
		if s == nil {
			continue
		}
		// Rule 6. Ids of cases begin with the suite's name: two suites of one name would
		// share rows of reports and history.
		if first := byName[s.Name]; first != nil && s.Name != "" {
			l.failAt(s.Pos, "", "it is also in "+first.Pos.String(), "duplicate suite %q", s.Name)
		}
		byName[s.Name] = s
		suites = append(suites, s)
	}
	// A run of nothing would pass.
	if len(suites) == 0 && len(l.problems) == 0 && !(opts.Others && l.others > 0) {
		l.failAt(Pos{File: strings.Join(paths, ", ")}, "", "a scenario file begins with suite: and ends with .yaml", "no suite found")
	}
	// The order matters: warnFlags wants the names that all suites use; linkLoads wants the
	// cases that onlyMarked is about to remove, since a stage may load a case without mark.
	l.warnFlags(suites)
	l.linkLoads(suites, byName)
	l.onlyMarked(suites)
	return suites, l.done()
}

// LoadEnv reads an env file, for [LoadOptions].Env. Its addresses may name variables of
// suites, so that they are expanded only where a suite is read.
// Problems of its addresses that depend on a suite are those of the suite.
func LoadEnv(fsys fs.FS, name string, opts LoadOptions) (*Env, Problems) {
	return loadOne(newLoader(fsys, opts), name, (*loader).readEnv)
}

// LoadRules reads a rule file: YAML with a top-level rules list. Rule files that it uses are
// read too; the rules come in the order in which they are written.
// Rules are compiled, so that what no engine would take is reported with its place.
func LoadRules(fsys fs.FS, name string, opts LoadOptions) ([]diff.Rule, Problems) {
	return loadOne(newLoader(fsys, opts), name, (*loader).readRuleFile)
}

// loadOne reads one file; zero where it cannot be opened.
func loadOne[T any](l *loader, name string, read func(*loader, *walker) T) (out T, problems Problems) {
	if src := l.open(path.Clean(name)); src != nil {
		out = read(l, newWalker(l, src))
	}
	return out, l.done()
}

// onlyMarked is rule 8. What is left out is counted in [Suite].LeftOut: a run that had to
// leave something out is inconclusive, since a mark that was forgotten in the file would
// otherwise turn a whole suite into one case that passes.
func (l *loader) onlyMarked(suites []*Suite) {
	isOnly := func(c *Case) bool { return c.Only }
	if !slices.ContainsFunc(suites, func(s *Suite) bool { return slices.ContainsFunc(s.Cases, isOnly) }) {
		return
	}
	// Counted per suite, for reports, and together, for the warning.
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
		l.warnAt(c.Pos, "", "remove only: true, or choose cases on the command line: --case "+c.ID,
			"case %q is marked only: a run without the other cases is inconclusive", c.ID)
	}
}

// linkLoads is rule 7: it finds the cases that load stages name. It runs when all suites
// are read, and keeps the pointers in the stage, so that a Selection which drops the case
// from the run does not take it from the load.
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
	fail := func(hint, format string, args ...any) { l.failAt(step.Pos, step.Case, hint, format, args...) }
	home := byName[step.Suite]
	if home == nil {
		names := slices.Sorted(maps.Keys(byName))
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
	case len(c.Steps) == 0:
		fail("", "case %q has no steps", step.Case)
	case c.Skip != "":
		fail("", "case %q of load %q is skipped: %s", step.Case, stage.Name, c.Skip)
	case c.anyStep(func(s *Step) bool { return s.Poll != nil }):
		fail("the sides would send different numbers of requests", "case %q of load %q polls", step.Case, stage.Name)
	case c.anyStep(func(s *Step) bool { return slices.Contains(home.kinds(s), AuthDigest) }):
		fail("a load stage asks each request once", "case %q answers a Digest challenge", step.Case)
	case c.anyStep(func(s *Step) bool { return s.SideEffects > NoEffects }) && !stage.Writes:
		fail("add writes: true to the stage, and limits: {writes: allow} to the env file", "case %q has side effects", step.Case)
	case c.anyStep(func(s *Step) bool { return s.leavesSomething() && !c.takesBack(s) }):
		fail("add cleanup: with the request that takes it back, make the request idempotent or isolated, or leave the case out of the load",
			"case %q is compensated, and none of its steps takes back what each of its walks creates", step.Case)
	}
	if c.Walked() {
		return // it signs each request when it sends it
	}
	const good = 5 * time.Minute // for which AWS takes a signature
	if stage.Duration > good && slices.Contains(home.kinds(c.Steps[0]), AuthAWS) {
		l.warnAt(step.Pos, step.Case, "a signature is good for 5 minutes: shorten the stage",
			"the signatures of case %q are made before load %q begins", step.Case, stage.Name)
	}
}

// A readAhead parses the files that a load will come to while it checks those before: of
// hundreds of files parsing takes half of the time. What is read and reported is the same
// with and without it.
type readAhead struct {
	files map[string]*aheadFile
	room  chan struct{} // a place for each parsed file that waits to be used
	quit  chan struct{}
	work  sync.WaitGroup
}

// An aheadFile is a file that may be parsed before it is asked for.
type aheadFile struct {
	// claimed is set by who parses it: the goroutine, or the load where that came first.
	claimed atomic.Bool
	parsed  chan openedFile // of the goroutine; it holds one
}

// An openedFile is what source.Open returns.
type openedFile struct {
	file     *source.File
	problems Problems
}

// maxAhead bounds how many parsed files wait.
const maxAhead = 8

// startReading parses files in their order until stop is called.
func startReading(fsys fs.FS, list []found) *readAhead {
	a := &readAhead{files: map[string]*aheadFile{}, room: make(chan struct{}, maxAhead), quit: make(chan struct{})}
	if len(list) <= maxAhead {
		return a // not worth it
	}
	for _, f := range list {
		a.files[f.path] = &aheadFile{parsed: make(chan openedFile, 1)}
	}
	a.work.Go(func() {
		for _, f := range list {
			select {
			case a.room <- struct{}{}:
			case <-a.quit:
				return
			}
			next := a.files[f.path]
			if !next.claimed.CompareAndSwap(false, true) {
				<-a.room
				continue
			}
			file, problems := source.Open(fsys, f.path)
			next.parsed <- openedFile{file, problems}
		}
	})
	return a
}

// open is source.Open of a file that may have been parsed.
func (a *readAhead) open(fsys fs.FS, name string) (*source.File, Problems) {
	if f := a.files[name]; f != nil && !f.claimed.CompareAndSwap(false, true) {
		got := <-f.parsed
		<-a.room
		return got.file, got.problems
	}
	return source.Open(fsys, name)
}

// stop ends the goroutine.
func (a *readAhead) stop() {
	close(a.quit)
	a.work.Wait()
}
