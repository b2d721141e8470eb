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
// (runner/verdict); the causes are End.Causes, gathered by cause.Spreads;
// what is under a load stage is LoadResult.Reason, written by diff/perf. This
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
	"slices"

	"github.com/bgverify/bgverify/report/page"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/runner/run"
)

// A Format is one way to render a run into a file.
type Format struct {
	// Name is what --format calls it: html.
	Name string
	// File is its name in a run folder: report.html.
	File string
	// Doc is one line of help, without a full stop.
	Doc string
	// Write renders the run with the default options.
	Write func(w io.Writer, run *run.Run) error

	open func(w *bufio.Writer, src *source.Run, opts page.Options) renderer
}

// Formats is the one table of the formats that are files; the text report,
// which knows about terminals, is Text.
var Formats = []Format{
	format("json", "run.json", "everything the run found, for programs", newJSON),
	format("html", "report.html", "one page that opens from disk",
		func(w *bufio.Writer, src *source.Run, opts page.Options) renderer { return page.New(w, src, opts) }),
	format("junit", "junit.xml", "for CI servers", newJUnit),
	format("ctrf", "ctrf.json", "Common Test Report Format", newCTRF),
	format("markdown", "summary.md", "for pull requests and step summaries", newMarkdown),
}

// format makes an entry of Formats from the renderer that opens a file.
func format(name, file, doc string, open func(*bufio.Writer, *source.Run, page.Options) renderer) Format {
	f := Format{Name: name, File: file, Doc: doc, open: open}
	f.Write = func(w io.Writer, r *run.Run) error {
		return WriteAll(r, []Output{{Format: f, W: w}}, page.Options{})
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

// An Output is where one format of a run goes.
type Output struct {
	// Format is an element of Formats.
	Format Format
	// W receives the whole file. WriteAll buffers what it writes and does not close W.
	W io.Writer
}

// A Folder takes the files of a run folder. *archive.Writer is one.
type Folder interface {
	// WriteFile writes one file, whole or not at all.
	WriteFile(name string, write func(io.Writer) error) error
	// WriteFiles writes several files in one pass: write gets a writer for each name.
	WriteFiles(names []string, write func([]io.Writer) error) error
}

// WriteFolder renders the named formats into a run folder, in one pass over the cases.
// run.json is always among them: the archive cannot be read without it.
func WriteFolder(to Folder, r *run.Run, names []string, opts page.Options) error {
	var outputs []Output
	var files []string
	for _, f := range Formats {
		if f.Name == "json" || slices.Contains(names, f.Name) {
			outputs = append(outputs, Output{Format: f})
			files = append(files, f.File)
		}
	}
	if opts.Split && slices.Contains(names, "html") {
		for name, asset := range page.Assets() {
			if err := to.WriteFile(name, func(w io.Writer) error { _, err := w.Write(asset); return err }); err != nil {
				return err
			}
		}
	}
	return to.WriteFiles(files, func(ws []io.Writer) error {
		for i := range ws {
			outputs[i].W = ws[i]
		}
		return WriteAll(r, outputs, opts)
	})
}

// A renderer writes one format. It sees the cases once, in plan order.
type renderer interface {
	Begin() error
	Add(*run.CaseResult) error
	End() error
}

// WriteAll renders a run into several formats, reading its cases once. A format
// whose writer fails does not keep the others from being written; the error
// names every one that failed. An error of the run's log ends them all.
func WriteAll(run *run.Run, outputs []Output, opts page.Options) error {
	src := source.New(run)
	feeds := make([]*feed, len(outputs))
	for i, out := range outputs {
		w := bufio.NewWriterSize(out.W, 64<<10)
		feeds[i] = &feed{name: out.Format.Name, w: w, r: out.Format.open(w, src, opts)}
		feeds[i].do(feeds[i].r.Begin)
	}
	last := -1
	for c, err := range src.Cases() {
		if err != nil {
			return fmt.Errorf("read the cases of run %s: %w", run.Header.ID, err)
		}
		if c.Suite < last || c.Suite >= len(run.Header.Suites) {
			return fmt.Errorf("read the cases of run %s: case %s of suite %d comes after suite %d of %d", run.Header.ID, c.ID, c.Suite, last,
				len(run.Header.Suites))
		}
		last = c.Suite
		for _, f := range feeds {
			f.do(func() error { return f.r.Add(c) })
		}
	}
	errs := make([]error, len(feeds))
	for i, f := range feeds {
		f.do(f.r.End)
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

// do takes a step of the renderer, unless an earlier one failed.
func (f *feed) do(step func() error) {
	if f.err == nil {
		f.err = step()
	}
}
