package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
)

// A Ladder names stages that a build of green must have passed before a run of it counts:
// dev, then verification, then the run that is asked about.
//
//  1. Each stage needs an archived run that bgverify run or merge made with an env file of
//     exactly that name ([run.Header.Stage]), over the same scenario files byte for byte, with
//     the same --var and against the addresses of its env file, in which green showed the
//     same build. The build is Gate.GreenBuild, or the --green-build of the run.
//  2. It must be a pass that opens the same Gate by itself: MaxAge, GreenBuild and Service
//     are asked of it too. What its env file leaves out by `require` is accepted. What else it left
//     out is not: Partial, Without, Require and Stronger are about the run, not about the stages
//     before it.
//  3. The newest such run decides. A run that failed, was inconclusive, could not be judged or was
//     changed since hides every pass before it, also where green could not say which build it
//     is; runs of chosen cases only do so when they failed, and those that did not end never do.
//     A folder whose stage cannot be read hides every pass before it, of any stage.
//  4. A stage cannot come before itself.
type Ladder struct {
	// Root is the folder of runs that is searched, or the address of the shelf, for messages.
	Root string
	// Shelf has the runs; nil: they are in Root.
	Shelf Shelf
	// Stages are the names, in the order in which they are reported.
	Stages []string
}

// A climb looks for passes of the stages before a run.
type climb struct {
	gate  Gate // what each stage must open
	run   *run.Run
	files *Manifest
	build string
	shelf Shelf
	// names are the folders that were not read yet, and rungs those that were.
	names []string
	rungs []rung
}

// A rung is a run folder and the stage that its run.json names.
type rung struct {
	name, stage string
	incomplete  bool
	unread      error // why its stage is not known
}

// climb says which stages of After have not passed, and of the others which run shows it.
func (g Gate) climb(r *run.Run, files *Manifest) (missing, climbed []string) {
	if len(g.After.Stages) == 0 {
		return nil, nil
	}
	c := &climb{run: r, files: files, build: g.GreenBuild}
	if c.build == "" {
		c.build = r.Header.Flag("green-build")
	}
	c.gate = Gate{MaxAge: g.MaxAge, Now: g.Now, GreenBuild: c.build, Service: g.Service}
	switch {
	case c.build == "":
		return []string{"--after needs the build of green: --green-build VALUE, here or when the run is made"}, nil
	case r.Header.Asks == nil || len(r.Header.Suites) == 0:
		return []string{"the run does not record everything that its suites check: no earlier stage can be compared with it (--after)"}, nil
	}
	if err := CheckBuild(r, c.build); err != nil { // nothing was asked of the run itself so far
		return []string{err.Error()}, nil
	}
	if c.shelf = g.After.Shelf; c.shelf == nil {
		c.shelf = folders(g.After.Root)
	}
	var err error
	if c.names, err = c.shelf.Names(); err != nil {
		return []string{"--after: " + err.Error()}, nil
	}
	for _, stage := range g.After.Stages {
		if stage == "" || stage == r.Header.Stage { // Rule 4
			missing = append(missing, fmt.Sprintf("the run itself is of stage %q: --after names the stages before it", r.Header.Stage))
			continue
		}
		pass, why := c.stage(stage, g.After.Root)
		if pass == "" {
			missing = append(missing, why...)
			continue
		}
		climbed = append(climbed, pass)
	}
	return missing, climbed
}

// rung is the run folder of a number, newest first; nil: there are no more. Each is read once, when a
// stage is looked for among it and those after it.
func (c *climb) rung(i int) *rung {
	for i == len(c.rungs) && len(c.names) > 0 {
		name := c.names[0]
		c.names = c.names[1:]
		head, err := c.shelf.Head(name)
		switch {
		case errors.Is(err, fs.ErrNotExist): // it holds no run
		case err != nil:
			c.rungs = append(c.rungs, rung{name: name, unread: err})
		default:
			c.rungs = append(c.rungs, rung{name: name, stage: head.Stage, incomplete: head.Verdict == run.Incomplete})
		}
	}
	if i < len(c.rungs) {
		return &c.rungs[i]
	}
	return nil
}

// mostLookedAt bounds the runs of a stage that a message names.
const mostLookedAt = 3

// stage looks for the pass of a stage: how the run that shows it is reported, or why there is none.
func (c *climb) stage(stage, root string) (pass string, why []string) {
	more := 0
	for i := 0; ; i++ {
		r := c.rung(i)
		if r == nil {
			break
		}
		if r.unread != nil {
			why = append(why, fmt.Sprintf("%s: the stage of run %s cannot be read: %v", stage, r.name, r.unread))
			break
		}
		if r.stage != stage {
			continue
		}
		reason, decides := "it has not ended, or was killed", false
		if !r.incomplete {
			reason, decides = c.look(r.name, stage)
		}
		if reason == "" {
			return fmt.Sprintf("stage %s: run %s passed", stage, r.name), nil
		}
		if len(why) < mostLookedAt || decides {
			why = append(why, fmt.Sprintf("%s: run %s: %s", stage, r.name, reason))
		} else {
			more++
		}
		if decides {
			break
		}
	}
	if len(why) == 0 {
		return "", []string{c.unknown(root, stage)}
	}
	if more > 0 {
		why = append(why, fmt.Sprintf("%s: %s more, which do not count either", stage, text.Count(more, "run")))
	}
	return "", append([]string{fmt.Sprintf("stage %s has no pass of these suites and build %s", stage, c.build)}, why...)
}

// unknown says that no run is of a stage, and which stages there are.
func (c *climb) unknown(root, stage string) string {
	var known []string
	for _, r := range c.rungs {
		if r.stage != "" && !slices.Contains(known, r.stage) {
			known = append(known, r.stage)
		}
	}
	slices.Sort(known)
	line := fmt.Sprintf("stage %s has no run in %s", stage, root)
	switch near := suggest.Nearest(stage, known); {
	case near != "":
		return line + "; did you mean " + near + "?"
	case len(known) > 0:
		return line + ", which has runs of " + strings.Join(known[:min(len(known), 8)], ", ")
	}
	return line + ", and no other run in it names its stage"
}

// look says why the run of a folder is not the pass of a stage; empty: it is. decides: no
// older run counts either (rule 3 of Ladder).
func (c *climb) look(name, stage string) (why string, decides bool) {
	f, err := c.shelf.Open(name)
	if err != nil {
		return err.Error(), true
	}
	if err := f.Verify(); err != nil {
		return err.Error(), true
	}
	r, err := f.Run()
	if err != nil {
		return err.Error(), true
	}
	m, _, err := f.Manifest()
	if err != nil {
		return err.Error(), true
	}
	if err := c.other(r, m, stage); err != nil {
		return err.Error(), false
	}
	verdict, reasons := c.gate.verdict(r)
	narrowed := c.narrowed(r)
	if err := CheckBuild(r, c.build); err != nil {
		// A green that could not say what it is may have been this one.
		decides := verdict == run.Fail || verdict == run.Broken || verdict == run.Inconclusive && narrowed == nil
		return err.Error(), decides && !c.showsAnother(r)
	}
	switch {
	case verdict == run.Interrupted:
		return "it was interrupted", false
	case verdict != run.Fail && narrowed != nil:
		return narrowed.Error(), false
	case verdict != run.Pass:
		return strings.Join(append([]string{"its verdict is " + verdict.String()}, reasons[:min(1, len(reasons))]...), ": "), true
	}
	gate := c.gate
	gate.Without = settled(leftOut(r))
	answer := gate.judge(f)
	if answer.Verdict == run.Pass {
		return "", true
	}
	return strings.Join(answer.Reasons, "; "), false
}

// other says why a run shows nothing of what is asked about: it is of another stage, address
// or suites.
func (c *climb) other(r *run.Run, m *Manifest, stage string) error {
	if r.Header.Stage != stage {
		return fmt.Errorf("its log says that it is of stage %q", r.Header.Stage)
	}
	if verb := r.Header.Verb; verb != "" && verb != "merge" || r.Header.Parent != "" {
		return fmt.Errorf("it was made by bgverify %s", verb)
	}
	for _, name := range []string{"blue", "green"} {
		if r.Header.Flag(name) != "" {
			return fmt.Errorf("--%s aimed it at another address than that of its env file", name)
		}
	}
	files := slices.DeleteFunc(OtherFiles(c.files, m), func(name string) bool {
		return strings.HasPrefix(name, StageDir+"/")
	})
	if len(files) > 0 {
		return fmt.Errorf("its scenario files differ from those of the run: %s", some(files))
	}
	if !slices.EqualFunc(r.Header.Suites, c.run.Header.Suites, func(a, b run.SuiteHead) bool { return a.File == b.File && a.Name == b.Name }) {
		return errors.New("it was asked for other suites than the run")
	}
	return nil
}

// showsAnother reports whether an identity that shows the build in the run that is asked about
// shows another one in r.
func (c *climb) showsAnother(r *run.Run) bool {
	for name, value := range c.run.End.Sides.Green.Identity {
		if now := r.End.Sides.Green.Identity[name]; value == c.build && now != "" && now != value {
			return true
		}
	}
	return false
}

// narrowed says in which way a run was smaller than its suites; nil: in none.
func (c *climb) narrowed(r *run.Run) error {
	switch {
	case !slices.Equal(varsOf(r), varsOf(c.run)):
		return errors.New("it was made with another --var than the run")
	case len(r.Header.Narrowed) > 0:
		return fmt.Errorf("it is a run of a part of its suites (%s)", r.Header.Narrowed[0].Name)
	case r.Header.Planned.Partial():
		return fmt.Errorf("it judged %d of %d cases", r.Header.Planned.Cases, r.Header.Planned.OfCases)
	case r.Header.Asks == nil:
		return errors.New("it does not record everything that its suites check")
	}
	return nil
}

// settled are the aspects that nothing but the env file left out, by naming what it requires.
func settled(left []run.LeftOut) []run.Aspect {
	var out []run.Aspect
	for _, what := range run.Required {
		byOther := func(l run.LeftOut) bool { return l.What == what && (l.By != run.ByStage || l.Name == "") }
		if !slices.ContainsFunc(left, byOther) {
			out = append(out, what)
		}
	}
	return out
}

// varsOf are the --var flags of a run, sorted.
func varsOf(r *run.Run) []string {
	var out []string
	for _, flag := range r.Header.Flags {
		if strings.HasPrefix(flag, "--var=") {
			out = append(out, flag)
		}
	}
	slices.Sort(out)
	return out
}
