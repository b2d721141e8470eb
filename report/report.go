// Package report renders a run: text for a terminal, HTML, JUnit, JSON, CTRF
// and Markdown. It renders and computes nothing that the run does not say; the
// same run gives the same bytes.
//
// The way of the data:
//
//	run.Run -> source (gaps filled, causes indexed) -> one pass over the
//	cases, handed to every format at once -> files
//
// Where a text of the page comes from: the sentences of the banner are
// End.Reasons and the gates End.Gates, both written by the runner's conclusion
// (runner/verdict_run.go); the causes are End.Causes, gathered by cause.Spreads;
// what stands under a load stage is LoadResult.Reason, written by diff/perf. This
// package chooses, orders and words numbers, and decides nothing.
//
// Everything of a run is treated as hostile, also what this tool wrote itself:
// nothing of an answer becomes markup, a terminal command or a workflow command.
package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/runner/run"
)

// A Format is one way to render a run into a file.
type Format struct {
	Name string // as --format names it
	File string // its name in a run folder
	Doc  string // one line of help
	// Write renders the run with the default options.
	Write func(w io.Writer, run *run.Run) error

	open func(w *bufio.Writer, src *source) renderer
}

// Formats is the one table of the formats that are files; the text report,
// which knows about terminals, is Text.
var Formats = []Format{
	format("json", "run.json", "everything the run found, for programs", newJSON),
	format("html", "report.html", "one page that opens from disk", newHTML),
	format("junit", "junit.xml", "for CI servers", newJUnit),
	format("ctrf", "ctrf.json", "Common Test Report Format", newCTRF),
	format("markdown", "summary.md", "for pull requests and step summaries", newMarkdown),
}

func format(name, file, doc string, open func(*bufio.Writer, *source) renderer) Format {
	f := Format{Name: name, File: file, Doc: doc, open: open}
	f.Write = func(w io.Writer, r *run.Run) error {
		return WriteAll(r, []Output{{Format: f, W: w}}, Options{})
	}
	return f
}

// Lookup finds a format by name.
func Lookup(name string) (Format, bool) {
	for _, f := range Formats {
		if f.Name == name {
			return f, true
		}
	}
	return Format{}, false
}

// Options steer a rendering. The zero value renders one self-contained page
// without links to traces and without a history.
type Options struct {
	// Split leaves the page's style and script out of it: the files of Assets
	// are then expected beside it.
	Split bool
	// TraceURL is a link template for trace ids, such as
	// https://traces.example.com/trace/{trace_id}; empty: ids are text.
	TraceURL string
	// Known says since which run a cause has been there, and whether it has been;
	// nil: the page does not tell new causes from known ones.
	Known func(cause.Cause) (since string, known bool)
}

// An Output is where one format of a run goes.
type Output struct {
	Format Format
	W      io.Writer
}

// A renderer writes one format. It sees the cases once, in plan order.
type renderer interface {
	begin() error
	add(*run.CaseResult) error
	end() error
}

// WriteAll renders a run into several formats, reading its cases once. A format
// whose writer fails does not keep the others from being written; the error
// names every one that failed. An error of the run's log ends them all.
func WriteAll(run *run.Run, outputs []Output, opts Options) error {
	src := newSource(run, opts)
	feeds := make([]*feed, len(outputs))
	for i, out := range outputs {
		w := bufio.NewWriterSize(out.W, 64<<10)
		feeds[i] = &feed{name: out.Format.Name, w: w, r: out.Format.open(w, src)}
		feeds[i].do(feeds[i].r.begin)
	}
	last := -1
	for c, err := range src.cases() {
		if err != nil {
			return fmt.Errorf("read the cases of run %s: %w", run.Header.ID, err)
		}
		if c.Suite < last || c.Suite >= len(run.Header.Suites) {
			return fmt.Errorf("read the cases of run %s: case %s of suite %d stands after suite %d of %d", run.Header.ID, c.ID, c.Suite, last, len(run.Header.Suites))
		}
		last = c.Suite
		for _, f := range feeds {
			f.do(func() error { return f.r.add(c) })
		}
	}
	errs := make([]error, len(feeds))
	for i, f := range feeds {
		f.do(f.r.end)
		f.do(f.w.Flush)
		if f.err != nil {
			errs[i] = fmt.Errorf("write the %s report: %w", f.name, f.err)
		}
	}
	return errors.Join(errs...)
}

// A feed is a renderer that stops at its first error.
type feed struct {
	name string
	w    *bufio.Writer
	r    renderer
	err  error
}

func (f *feed) do(step func() error) {
	if f.err == nil {
		f.err = step()
	}
}

// A source is a run as renderers read it: gaps of an unfinished run filled,
// causes indexed.
type source struct {
	run   *run.Run
	head  *run.Header
	end   run.End
	loads [][]run.LoadResult // by suite
	cause func(*diff.Difference) (id int, ok bool)
	opts  Options

	lastKey  string
	lastPair *pairView
}

func newSource(r *run.Run, opts Options) *source {
	s := &source{run: r, head: &r.Header, end: r.End, opts: opts}
	if s.end.Verdict == 0 {
		s.end.Verdict = run.Incomplete
		s.end.Reasons = append([]string{"the run has no end: it is still running, or it was killed"}, s.end.Reasons...)
	}
	if s.end.Sides.Blue.URL == "" {
		s.end.Sides.Blue = r.Header.Sides.Blue
	}
	if s.end.Sides.Green.URL == "" {
		s.end.Sides.Green = r.Header.Sides.Green
	}
	suites := make([]run.SuiteEnd, len(r.Header.Suites))
	copy(suites, s.end.Suites)
	for i := range suites {
		if suites[i].Verdict == 0 {
			suites[i].Verdict = run.Incomplete
		}
	}
	s.end.Suites = suites
	s.loads = make([][]run.LoadResult, len(suites))
	for _, l := range r.Loads {
		if l.Suite >= 0 && l.Suite < len(suites) {
			s.loads[l.Suite] = append(s.loads[l.Suite], l)
		}
	}
	s.cause = causeFinder(s.end.Causes)
	return s
}

// cases is the run's cases; a run without any has an empty list.
func (s *source) cases() iter.Seq2[*run.CaseResult, error] {
	if s.run.Cases == nil {
		return func(func(*run.CaseResult, error) bool) {}
	}
	return s.run.Cases
}

// audit is who ran what: the end's, where the run has one.
func (s *source) audit() run.Audit {
	if s.run.End.Verdict == 0 {
		return s.head.Audit
	}
	return s.end.Audit
}
