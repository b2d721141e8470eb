package report

import (
	"bufio"
	"math"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/report/page"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/runner/run"
)

// ctrfReport writes ctrf.json, the Common Test Report Format 1.0.0: gates first,
// then every case. The summary comes last, since it counts what was written.
//
// A broken case or gate is failed: a consumer that only looks for failures must
// not take it for one that passed. An inconclusive case is other, with the
// verdict's own word next to it as rawStatus.
type ctrfReport struct {
	w       *bufio.Writer
	src     *source.Run
	tests   int
	summary ctrfSummary
}

// A ctrfSummary counts tests by status. Start and Stop are in milliseconds since 1970,
// Duration is in milliseconds.
type ctrfSummary struct {
	Tests    int   `json:"tests"`
	Passed   int   `json:"passed"`
	Failed   int   `json:"failed"`
	Skipped  int   `json:"skipped"`
	Pending  int   `json:"pending"`
	Other    int   `json:"other"`
	Flaky    int   `json:"flaky"`
	Suites   int   `json:"suites"`
	Start    int64 `json:"start"`
	Stop     int64 `json:"stop"`
	Duration int64 `json:"duration"`
}

// A ctrfTest is one gate or case. Its id is the same in every run of the same suites,
// so that consumers can follow a test from run to run.
type ctrfTest struct {
	TestID    string         `json:"testId"`
	Name      string         `json:"name"`
	Status    string         `json:"status"`
	Duration  int64          `json:"duration"`
	Suite     []string       `json:"suite"`
	Message   string         `json:"message,omitempty"`
	Trace     string         `json:"trace,omitempty"`
	RawStatus string         `json:"rawStatus"`
	Tags      []string       `json:"tags,omitempty"`
	Type      string         `json:"type"`
	FilePath  string         `json:"filePath,omitempty"`
	Line      int            `json:"line,omitempty"`
	Flaky     bool           `json:"flaky,omitempty"`
	Steps     []ctrfStep     `json:"steps,omitempty"`
	Extra     map[string]any `json:"extra,omitempty"`
}

// A ctrfStep is one step of a case.
type ctrfStep struct {
	Name   string `json:"name"`
	Status string `json:"status"`
}

// newCTRF renders ctrf.json.
func newCTRF(w *bufio.Writer, src *source.Run, _ page.Options) renderer {
	return &ctrfReport{w: w, src: src}
}

// ctrfStatus is a verdict in the format's words.
func ctrfStatus(v run.Verdict) string {
	switch v {
	case run.Pass:
		return "passed"
	case run.Skip:
		return "skipped"
	case run.Fail, run.Broken:
		return "failed"
	default:
		return "other"
	}
}

// Begin writes the head of the file and a test for each gate.
func (c *ctrfReport) Begin() error {
	tool, err := source.PlainJSON(c.src.Head.Tool)
	if err != nil {
		return err
	}
	id, err := source.PlainJSON(c.src.Head.ID)
	if err != nil {
		return err
	}
	c.w.WriteString(`{"reportFormat":"CTRF","specVersion":"1.0.0"`)
	if c.src.Head.ID != "" {
		c.w.WriteString(`,"runId":`)
		c.w.Write(id)
	}
	c.w.WriteString(`,"generatedBy":"bgverify","results":{"tool":`)
	c.w.Write(tool)
	c.w.WriteString(",\n\"tests\":[")
	// Gates come first, as tests of a suite of their verdicts: consumers that show failures alone
	// show what kept the run from passing.
	for _, g := range c.src.End.Gates {
		status := ctrfStatus(g.Verdict)
		if g.Verdict > run.Pass && (g.Verdict != run.Inconclusive || c.src.End.Verdict != run.Pass) {
			status = "failed"
		}
		message := g.Reason
		if message == "" {
			message = "measured " + g.Measured + ", limit " + g.Limit
		}
		if err := c.write(&ctrfTest{
			TestID: "gate/" + g.Name, Name: "gate: " + g.Name, Status: status, Suite: []string{"bgverify.verdict"}, Message: message,
			RawStatus: g.Verdict.String(), Type: "gate",
		}); err != nil {
			return err
		}
	}
	return nil
}

// Add writes a case as one test; one that did not pass carries its details as trace.
func (c *ctrfReport) Add(k *run.CaseResult) error {
	t := &ctrfTest{
		TestID: k.ID, Name: k.Name, Status: ctrfStatus(k.Verdict), Duration: int64(math.Round(k.ElapsedMS)),
		Suite: []string{c.src.Head.Suites[k.Suite].Name}, RawStatus: k.Verdict.String(), Tags: k.Tags, Type: "comparison", Flaky: k.Flaky,
	}
	if strings.TrimSpace(t.Name) == "" {
		t.Name = k.ID
	}
	t.FilePath, t.Line = fileLine(k.At)
	// The trace of a test is what a reader needs to look into it: both values, and the command
	// that repeats the request.
	if k.Verdict > run.Pass {
		_, t.Message = c.src.Failure(k)
		t.Trace = cut(c.src.Details(k), junitCaseText)
	}
	if k.Verdict == run.Skip {
		t.Message = source.FirstReason(k)
	}
	if len(k.Steps) > 1 {
		for i := range k.Steps {
			t.Steps = append(t.Steps, ctrfStep{k.Steps[i].Name, ctrfStatus(k.Steps[i].Verdict)})
		}
	}
	return c.write(t)
}

// write adds one test to the file and to the summary.
func (c *ctrfReport) write(t *ctrfTest) error {
	text, err := source.PlainJSON(t)
	if err != nil {
		return err
	}
	if c.tests > 0 {
		c.w.WriteByte(',')
	}
	c.tests++
	s := &c.summary
	s.Tests++
	switch t.Status {
	case "passed":
		s.Passed++
	case "failed":
		s.Failed++
	case "skipped":
		s.Skipped++
	default:
		s.Other++
	}
	if t.Flaky {
		s.Flaky++
	}
	c.w.WriteByte('\n')
	_, err = c.w.Write(text)
	return err
}

// End writes the summary after the tests that it counts.
func (c *ctrfReport) End() error {
	s, h, e := &c.summary, c.src.Head, &c.src.End
	s.Suites = len(h.Suites)
	s.Start = h.Started.UnixMilli()
	s.Duration = int64(math.Round(e.ElapsedMS))
	s.Stop = s.Start + s.Duration
	summary, err := source.PlainJSON(s)
	if err != nil {
		return err
	}
	audit := c.src.Audit()
	env := map[string]any{
		"osPlatform": h.Env.OS,
		"healthy":    e.Verdict == run.Pass,
		"extra": map[string]any{
			"verdict": e.Verdict.String(), "reasons": source.List(e.Reasons), "blue": e.Sides.Blue.URL, "green": e.Sides.Green.URL,
			"seed": strconv.FormatUint(h.Seed, 10),
		},
	}
	if audit.ScenariosCommit != "" {
		env["commit"] = audit.ScenariosCommit
	}
	environment, err := source.PlainJSON(env)
	if err != nil {
		return err
	}
	c.w.WriteString("],\n\"summary\":")
	c.w.Write(summary)
	c.w.WriteString(",\n\"environment\":")
	c.w.Write(environment)
	_, err = c.w.WriteString("}}\n")
	return err
}

// fileLine splits file:line:col.
func fileLine(at string) (file string, line int) {
	parts := strings.Split(at, ":")
	if len(parts) < 3 {
		return at, 0
	}
	line, err := strconv.Atoi(parts[len(parts)-2])
	if err != nil {
		return at, 0
	}
	return strings.Join(parts[:len(parts)-2], ":"), line
}
