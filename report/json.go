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
// surface; each case stands on a line of its own, so that a diff of two files
// and a grep for a case id stay useful.
type jsonReport struct {
	w     *bufio.Writer
	src   *source.Run
	suite int // that is open; -1 before the first
	cases int // written of it
}

func newJSON(w *bufio.Writer, src *source.Run, _ page.Options) renderer {
	return &jsonReport{w: w, src: src, suite: -1}
}

type jsonHead struct {
	Schema    int                    `json:"schema"`
	ID        string                 `json:"id"`
	Tool      run.Tool               `json:"tool"`
	Parent    string                 `json:"parent,omitempty"`
	Started   string                 `json:"started"`
	ElapsedMS float64                `json:"elapsed_ms"`
	Seed      uint64                 `json:"seed"`
	Verdict   run.Verdict            `json:"verdict"`
	Reasons   []string               `json:"reasons"`
	Sides     run.Sides              `json:"sides"`
	Counts    run.Counts             `json:"counts"`
	Coverage  run.Coverage           `json:"coverage"`
	Second    run.Second             `json:"second_opinion"`
	Audit     run.Audit              `json:"audit"`
	Planned   run.Planned            `json:"planned"`
	Verb      string                 `json:"verb,omitempty"` // where it is not run
	Flags     []string               `json:"flags"`
	Paths     []string               `json:"paths,omitempty"`
	Narrowed  []run.Narrowing        `json:"narrowed,omitempty"`
	LeftOut   []run.LeftOut          `json:"left_out,omitempty"`
	Weaker    *run.WeakerThan        `json:"weaker,omitempty"`
	Created   *run.Created           `json:"created,omitempty"`
	Env       run.Environment        `json:"environment"`
	Signal    int                    `json:"signal,omitempty"`
	Gates     []jsonGate             `json:"gates"`
	Transport []run.TransportFinding `json:"transport,omitempty"`
	Warnings  []string               `json:"warnings,omitempty"`
}

type jsonGate struct {
	Name     string      `json:"name"`
	Measured string      `json:"measured"`
	Limit    string      `json:"limit"`
	Verdict  run.Verdict `json:"verdict"`
	Reason   string      `json:"reason,omitempty"`
	Load     string      `json:"load,omitempty"`
}

type jsonSuite struct {
	Name     string       `json:"name"`
	File     string       `json:"file"`
	Service  string       `json:"service,omitempty"`
	Owner    string       `json:"owner,omitempty"`
	Wave     int          `json:"wave,omitempty"`
	Gate     string       `json:"gate"`
	Number   string       `json:"number"` // when numbers are equal: decimal or type
	Verdict  run.Verdict  `json:"verdict"`
	Reasons  []string     `json:"reasons,omitempty"`
	Counts   run.Counts   `json:"counts"`
	Coverage run.Coverage `json:"coverage"`
}

type jsonCase struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Kind       string       `json:"kind,omitempty"`
	Tags       []string     `json:"tags"`
	At         string       `json:"at,omitempty"`
	Verdict    run.Verdict  `json:"verdict"`
	Reasons    []string     `json:"reasons,omitempty"`
	Flaky      bool         `json:"flaky,omitempty"`
	Quarantine string       `json:"quarantine,omitempty"`
	ElapsedMS  float64      `json:"elapsed_ms"`
	Coverage   run.Coverage `json:"coverage"`
	Requests   run.PerSide  `json:"requests"`
	NotSent    *run.NotSent `json:"not_sent,omitempty"`
	Created    *run.Created `json:"created,omitempty"`
	Steps      []jsonStep   `json:"steps"`
}

type jsonStep struct {
	Name         string            `json:"name"`
	At           string            `json:"at,omitempty"`
	Lane         string            `json:"lane,omitempty"`
	First        string            `json:"first,omitempty"`
	Verdict      run.Verdict       `json:"verdict"`
	Reasons      []string          `json:"reasons,omitempty"`
	Flaky        bool              `json:"flaky,omitempty"`
	Blue         *run.SideResult   `json:"blue,omitempty"`
	Green        *run.SideResult   `json:"green,omitempty"`
	Expectations []run.Expectation `json:"expectations,omitempty"`
	Differences  []json.RawMessage `json:"differences,omitempty"`
	Ignored      []diff.Difference `json:"ignored,omitempty"`
	Total        int               `json:"differences_total"`
	IgnoredTotal int               `json:"ignored_total,omitempty"`
	Coverage     run.Coverage      `json:"coverage"`
	Vacuous      bool              `json:"vacuous,omitempty"`
	NotSent      bool              `json:"not_sent,omitempty"`
	ByWhen       *run.SwitchedOff  `json:"by_when,omitempty"`
	Notes        []string          `json:"notes,omitempty"`
	Forms        []diff.Form       `json:"forms,omitempty"`
	Exchange     string            `json:"exchange,omitempty"`
}

type jsonLoad struct {
	Name        string            `json:"name"`
	At          string            `json:"at,omitempty"`
	Verdict     run.Verdict       `json:"verdict"`
	Reason      string            `json:"reason"`
	Rate        float64           `json:"rate"`
	Seconds     float64           `json:"seconds"`
	Blocks      int               `json:"blocks"`
	Dropped     int               `json:"dropped"`
	Comparisons []perf.Comparison `json:"comparisons"`
	Errors      run.PerSide       `json:"errors"`
	Requests    run.PerSide       `json:"requests"`
	Generator   run.Generator     `json:"generator"`
	Routes      []string          `json:"routes,omitempty"`
	Services    []string          `json:"services,omitempty"`
	Warnings    []string          `json:"warnings,omitempty"`
	Records     string            `json:"records,omitempty"`

	Judging  *run.LoadJudging  `json:"judging,omitempty"`
	WarmUp   *run.LoadWarmUp   `json:"warm_up,omitempty"`
	Findings []run.LoadFinding `json:"findings,omitempty"`
}

func (j *jsonReport) Begin() error {
	s := j.src
	gates := make([]jsonGate, len(s.End.Gates))
	for i, g := range s.End.Gates {
		gates[i] = jsonGate{Name: g.Name, Measured: g.Measured, Limit: g.Limit, Verdict: g.Verdict, Reason: g.Reason, Load: g.Load}
	}
	head, err := source.PlainJSON(jsonHead{
		Schema: s.Head.Schema, ID: s.Head.ID, Tool: s.Head.Tool, Parent: s.Head.Parent,
		Started: s.Head.Started.UTC().Format(time.RFC3339Nano), ElapsedMS: s.End.ElapsedMS, Seed: s.Head.Seed,
		Verdict: s.End.Verdict, Reasons: source.List(s.End.Reasons), Sides: s.End.Sides, Counts: s.End.Counts,
		Coverage: s.End.Coverage, Second: s.End.Second, Audit: s.Audit(), Planned: s.Head.Planned,
		Verb: s.Head.Verb, Flags: source.List(s.Head.Flags), Env: s.Head.Env, Signal: s.End.Signal, Gates: gates, Transport: s.End.Transport, Warnings: s.End.Warnings,
		Paths: s.Head.Paths, Narrowed: s.Head.Narrowed, LeftOut: s.End.LeftOut, Weaker: s.Head.Weaker, Created: s.End.Created,
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
		text, err := source.PlainJSON(jsonSuite{
			Name: h.Name, File: h.File, Service: h.Service, Owner: h.Owner, Wave: h.Wave, Gate: h.Gate, Number: cmp.Or(h.Number, diff.Decimal.String()),
			Verdict: e.Verdict, Reasons: e.Reasons, Counts: e.Counts, Coverage: e.Coverage,
		})
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

func (j *jsonReport) closeSuite() error {
	if j.suite < 0 || j.suite >= len(j.src.Head.Suites) {
		return nil
	}
	loads := make([]jsonLoad, len(j.src.Loads[j.suite]))
	for i, l := range j.src.Loads[j.suite] {
		loads[i] = jsonLoad{
			Name: l.Name, At: l.At, Verdict: l.Verdict, Reason: l.Reason, Rate: l.Rate, Seconds: l.Seconds,
			Blocks: l.Blocks, Dropped: l.Dropped, Comparisons: source.List(l.Comparisons), Errors: l.Errors,
			Requests: l.Requests, Generator: l.Generator, Routes: l.Routes, Warnings: l.Warnings, Records: l.Records,
			Services: l.Services, Judging: l.Judging, WarmUp: l.WarmUp, Findings: l.Findings,
		}
	}
	text, err := source.PlainJSON(loads)
	if err != nil {
		return err
	}
	j.w.WriteString("],\n\"loads\":")
	j.w.Write(text)
	return j.w.WriteByte('}')
}

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
	text, err := source.PlainJSON(jsonCase{
		ID: c.ID, Name: c.Name, Kind: c.Kind, Quarantine: c.Quarantine, Tags: source.List(c.Tags), At: c.At, Verdict: c.Verdict, Reasons: c.Reasons, Flaky: c.Flaky,
		ElapsedMS: c.ElapsedMS, Coverage: c.Coverage, Requests: c.Requests, NotSent: c.NotSent, Created: c.Created, Steps: steps,
	})
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

func (j *jsonReport) step(s *run.StepResult) (jsonStep, error) {
	out := jsonStep{
		Name: s.Name, At: s.At, Lane: s.Lane, First: s.First, Verdict: s.Verdict, Reasons: s.Reasons, Flaky: s.Flaky,
		Blue: s.Blue, Green: s.Green, Expectations: s.Expectations, Ignored: s.Ignored,
		Total: s.DifferencesTotal, IgnoredTotal: s.IgnoredTotal, Coverage: s.Coverage, Vacuous: s.Vacuous, NotSent: s.NotSent, Notes: s.Notes, Forms: s.Forms, Exchange: s.Exchange,
	}
	for i := range s.Differences {
		text, err := source.PlainJSON(s.Differences[i])
		if err != nil {
			return out, err
		}
		if id, ok := j.src.FindCause(&s.Differences[i]); ok {
			text = append(text[:len(text)-1], `,"cause":`+strconv.Itoa(id)+`}`...)
		}
		out.Differences = append(out.Differences, text)
	}
	return out, nil
}

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
