package report

import (
	"bufio"
	"cmp"
	"encoding/json"
	"strconv"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/report/page"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/runner/run"
)

// jsonReport writes run.json, schema 1. Its members are the tool's public
// surface; each case is on its own line, so that a diff of two files
// and a grep for a case id stay useful.
type jsonReport struct {
	w     *bufio.Writer
	src   *source.Run
	suite int // that is open; -1 before the first
	cases int // written of it
}

// newJSON renders run.json.
func newJSON(w *bufio.Writer, src *source.Run, _ page.Options) renderer {
	return &jsonReport{w: w, src: src, suite: -1}
}

// A jsonHead is run.json up to its suites: what the whole run says. It joins the Header
// that a run begins with and the End that it concludes with; an unfinished run has an
// incomplete verdict and what is known.
type jsonHead struct {
	// Schema is the version of run.json, 1. A new member does not change it.
	Schema int      `json:"schema"`
	ID     string   `json:"id"`
	Tool   run.Tool `json:"tool"`
	// Parent is the run that was judged again; empty: requests were sent.
	Parent string `json:"parent,omitempty"`
	// Answered is when that run had ended.
	Answered time.Time `json:"answered,omitzero"`
	// Started is RFC 3339 in UTC, with the fraction that the clock gave.
	Started string `json:"started"`
	// ElapsedMS is the duration of the run in milliseconds.
	ElapsedMS float64 `json:"elapsed_ms"`
	// Seed repeats all random choices of the run.
	Seed    uint64      `json:"seed"`
	Verdict run.Verdict `json:"verdict"`
	// Reasons are why the verdict is not pass, gravest first; [] for a pass.
	Reasons  []string     `json:"reasons"`
	Sides    run.Sides    `json:"sides"`
	Counts   run.Counts   `json:"counts"`
	Coverage run.Coverage `json:"coverage"`
	// Second is deprecated: see run.Second.
	Second  run.Second  `json:"second_opinion"`
	Audit   run.Audit   `json:"audit"`
	Planned run.Planned `json:"planned"`
	// Verb is the command where it is not run.
	Verb string `json:"verb,omitempty"`
	// Stage is the name of the env file that the run was made with.
	Stage string `json:"stage,omitempty"`
	// Clients: the cases are requests of clients of a tap.
	Clients bool     `json:"clients,omitempty"`
	Flags   []string `json:"flags"`
	// Paths are the files and folders that the suites were named by.
	Paths []string `json:"paths,omitempty"`
	// Narrowed are the parts of the plan that a flag, a file or the stage took out.
	Narrowed []run.Narrowing `json:"narrowed,omitempty"`
	// Shards are the runs that this one was merged from.
	Shards []run.Shard `json:"shards,omitempty"`
	// LeftOut are the aspects that the verdict does not cover.
	LeftOut []run.LeftOut `json:"left_out,omitempty"`
	// Weaker is what the suites ask less than in the run before.
	Weaker *run.WeakerThan `json:"weaker,omitempty"`
	// Created counts what compensated steps made on the sides, and what of it is left.
	Created *run.Created    `json:"created,omitempty"`
	Env     run.Environment `json:"environment"`
	// Signal is the number of the signal that interrupted the run.
	Signal int `json:"signal,omitempty"`
	// Gates are all gates, those that passed too.
	Gates     []run.GateResult       `json:"gates"`
	Transport []run.TransportFinding `json:"transport,omitempty"`
	Warnings  []string               `json:"warnings,omitempty"`
	// Clusters are what was found of the Kubernetes clusters that the sides run on.
	Clusters *run.Clusters `json:"clusters,omitempty"`
}

// absent is the type of a member that an embedded type has and run.json leaves out: it
// hides the member and is always nil. TestRunJSONHoldsTheLog says why each is left out.
type absent struct{}

// A jsonSuite opens a suite. Its cases and loads follow as lists, written one by one.
type jsonSuite struct {
	run.SuiteHead
	run.SuiteEnd
	Cases *absent `json:"cases,omitempty"`
	Loads *absent `json:"loads,omitempty"`
}

// A jsonCase is a case with the members that concern it alone. What is summed over the
// run is left out.
type jsonCase struct {
	*run.CaseResult
	At    string     `json:"at,omitempty"`
	Tags  []string   `json:"tags"` // never null
	Steps []jsonStep `json:"steps"`

	Suite  *absent `json:"suite,omitempty"`
	Index  *absent `json:"index,omitempty"`
	Barred *absent `json:"barred,omitempty"`
	Rules  *absent `json:"rules,omitempty"`
	Second *absent `json:"second_opinion,omitempty"`
}

// A jsonStep is a step, its differences joined with the causes of the run.
type jsonStep struct {
	*run.StepResult
	At string `json:"at,omitempty"`
	// Differences are the step's, each with the id of its cause.
	Differences []json.RawMessage `json:"differences,omitempty"`

	Compared     *absent `json:"compared,omitempty"`
	DifferReason *absent `json:"differ_reason,omitempty"`
}

// A jsonLoad is a load stage without the series that only the plots of the page need.
type jsonLoad struct {
	*run.LoadResult
	At          string            `json:"at,omitempty"`
	Comparisons []perf.Comparison `json:"comparisons"` // never null

	Suite  *absent `json:"suite,omitempty"`
	Cause  *absent `json:"cause,omitempty"`
	Blue   *absent `json:"blue,omitempty"`
	Alone  *absent `json:"alone_p50_s,omitempty"`
	Series *absent `json:"series,omitempty"`
}

// Begin writes the members of the whole run and opens the list of suites.
func (j *jsonReport) Begin() error {
	s := j.src
	head, err := source.PlainJSON(jsonHead{
		Schema: s.Head.Schema, ID: s.Head.ID, Tool: s.Head.Tool, Parent: s.Head.Parent, Answered: s.Head.Answered,
		Started: s.Head.Started.UTC().Format(time.RFC3339Nano), ElapsedMS: s.End.ElapsedMS, Seed: s.Head.Seed,
		Verdict: s.End.Verdict, Reasons: source.List(s.End.Reasons), Sides: s.End.Sides, Counts: s.End.Counts,
		Coverage: s.End.Coverage, Second: s.End.Second, Audit: s.Audit(), Planned: s.Head.Planned,
		Verb: s.Head.Verb, Stage: s.Head.Stage, Clients: s.Head.Clients, Flags: source.List(s.Head.Flags), Env: s.Head.Env, Signal: s.End.Signal,
		Gates: source.List(s.End.Gates), Transport: s.End.Transport, Warnings: s.End.Warnings,
		Paths: s.Head.Paths, Narrowed: s.Head.Narrowed, Shards: s.Head.Shards, LeftOut: s.End.LeftOut, Weaker: s.Head.Weaker,
		Created: s.End.Created, Clusters: s.End.Clusters,
	})
	if err != nil {
		return err
	}
	j.w.Write(head[:len(head)-1]) // a bufio.Writer keeps its first error; end returns it
	_, err = j.w.WriteString(",\n\"suites\":[")
	return err
}

// openSuite ends the suite that is open and begins those up to i, so that a
// suite without cases has its place too.
func (j *jsonReport) openSuite(i int) error {
	// Suites without cases are written as well: each one is opened in turn until the wanted one is
	// open.
	for j.suite < i {
		if err := j.closeSuite(); err != nil {
			return err
		}
		j.suite++
		j.cases = 0
		if j.suite >= len(j.src.Head.Suites) {
			return nil
		}
		h, e := j.src.Head.Suites[j.suite], j.src.End.Suites[j.suite]
		h.Number = cmp.Or(h.Number, diff.Decimal.String()) // what versions did that recorded none
		text, err := source.PlainJSON(jsonSuite{SuiteHead: h, SuiteEnd: e})
		if err != nil {
			return err
		}
		if j.suite > 0 {
			j.w.WriteByte(',')
		}
		j.w.WriteByte('\n')
		j.w.Write(text[:len(text)-1])
		j.w.WriteString(`,"cases":[`)
	}
	return nil
}

// closeSuite ends the list of cases of the open suite and writes its load stages.
func (j *jsonReport) closeSuite() error {
	if j.suite < 0 || j.suite >= len(j.src.Head.Suites) {
		return nil
	}
	loads := make([]jsonLoad, len(j.src.Loads[j.suite]))
	for i := range loads {
		l := &j.src.Loads[j.suite][i]
		loads[i] = jsonLoad{LoadResult: l, At: l.At, Comparisons: source.List(l.Comparisons)}
	}
	text, err := source.PlainJSON(loads)
	if err != nil {
		return err
	}
	j.w.WriteString("],\n\"loads\":")
	j.w.Write(text)
	return j.w.WriteByte('}')
}

// Add writes a case into its suite, on its own line.
func (j *jsonReport) Add(c *run.CaseResult) error {
	if err := j.openSuite(c.Suite); err != nil {
		return err
	}
	steps := make([]jsonStep, len(c.Steps))
	for i := range c.Steps {
		step, err := j.step(&c.Steps[i])
		if err != nil {
			return err
		}
		steps[i] = step
	}
	text, err := source.PlainJSON(jsonCase{CaseResult: c, At: c.At, Tags: source.List(c.Tags), Steps: steps})
	if err != nil {
		return err
	}
	if j.cases > 0 {
		j.w.WriteByte(',')
	}
	j.cases++
	j.w.WriteByte('\n')
	_, err = j.w.Write(text)
	return err
}

// step gives each difference the id of its cause. A difference that is left out of the
// causes has none.
func (j *jsonReport) step(s *run.StepResult) (jsonStep, error) {
	out := jsonStep{StepResult: s, At: s.At}
	for i := range s.Differences {
		text, err := source.PlainJSON(s.Differences[i])
		if err != nil {
			return out, err
		}
		// The number of its cause is appended to the JSON of a difference, which has no such
		// field.
		if id, ok := j.src.FindCause(&s.Differences[i]); ok {
			text = append(text[:len(text)-1], `,"cause":`+strconv.Itoa(id)+`}`...)
		}
		out.Differences = append(out.Differences, text)
	}
	return out, nil
}

// End closes the last suite and writes what the cases came down to: causes and rules.
func (j *jsonReport) End() error {
	if err := j.openSuite(len(j.src.Head.Suites)); err != nil {
		return err
	}
	causes, err := source.PlainJSON(source.List(j.src.End.Causes))
	if err != nil {
		return err
	}
	rules, err := source.PlainJSON(source.List(j.src.End.Rules))
	if err != nil {
		return err
	}
	j.w.WriteString("],\n\"causes\":")
	j.w.Write(causes)
	j.w.WriteString(",\n\"rules\":")
	j.w.Write(rules)
	_, err = j.w.WriteString("}\n")
	return err
}
