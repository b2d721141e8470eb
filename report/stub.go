package report

import (
	"bufio"
	"io"

	"github.com/bgverify/bgverify/runner"
)

type pending struct{}

func (pending) begin() error                 { return nil }
func (pending) add(*runner.CaseResult) error { return nil }
func (pending) end() error                   { return nil }

func newHTML(*bufio.Writer, *source) renderer     { return pending{} }
func newJUnit(*bufio.Writer, *source) renderer    { return pending{} }
func newCTRF(*bufio.Writer, *source) renderer     { return pending{} }
func newMarkdown(*bufio.Writer, *source) renderer { return pending{} }

// TextOptions say what the text report is written for.
type TextOptions struct {
	// Width in columns; 0: not a terminal, nothing is cut or wrapped to fit.
	Width int
	// Color allows escape sequences.
	Color bool
	// ASCII keeps to ASCII where the locale is not UTF-8.
	ASCII bool
	// Folder is where the run lies, as a reader would type it; empty: none was written.
	Folder string
	// Digest is the manifest's, for the last line; empty: none.
	Digest string
}

// Text writes the verdict block of a terminal or log: verdict, reasons, gates,
// services, loads, causes, where the report is, and one last line for programs.
func Text(w io.Writer, run *runner.Run, opts TextOptions) error { return nil }
