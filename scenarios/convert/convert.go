// Package convert turns what other tools hold — Postman collections and the
// formats beside it — into scenario files that read as if a QA engineer had
// written them by hand.
//
// The way of the data:
//
//	bytes of the other tool -> its own typed records, positions kept ->
//	Tree (what will be written: suites, cases, steps, env files, assets) and
//	Report (what was carried over, and everything that was not) ->
//	Tree.Files: scenario files as bytes, in order
//
// The rules, for every format:
//  1. Nothing is dropped in silence: what has no place in the language becomes
//     an entry of Report.Lost and a comment beside the step it belonged to.
//  2. Nothing is executed.
//  3. The same input gives the same bytes: ordered things are slices, nothing
//     is drawn, no clock is read.
//  4. What is written loads without an error. What cannot be sent as it stands
//     (a missing file, a method nobody answers for) is skipped by the suite
//     with its reason, never guessed.
//  5. A secret is never written: it becomes {{env.NAME}}, with a note.
//  6. A request that changes something is marked side_effects: unreviewed.
//
// Text in the Tree is already text of the scenario language: placeholders are
// {{name}} of ours. Escape writes text that must stand for itself.
package convert

import (
	"fmt"
	"io/fs"
	"strings"
)

// A Result is what an import gives.
type Result struct {
	Tree   Tree
	Report Report
}

// A File is one file to write, below the target folder.
type File struct {
	Name string // slash path
	Data []byte
}

// Escape writes text so that the braces in it stand for themselves.
func Escape(text string) string {
	return strings.ReplaceAll(text, "{{", "{{'{{'}}")
}

// maxInput bounds a file that is read.
const maxInput = 256 << 20

// ReadFile reads a regular file of at most 256 MiB.
func ReadFile(fsys fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", name)
	case info.Size() > maxInput:
		return nil, fmt.Errorf("%s is larger than %d MiB", name, maxInput>>20)
	}
	return fs.ReadFile(fsys, name)
}
