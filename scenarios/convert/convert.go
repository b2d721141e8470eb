// Package convert turns what other tools hold into scenario files that read as
// if a QA engineer had written them by hand. In comes a file, or a folder, of
// the other tool; out come files as bytes and a Report of what was carried over
// and what was not. The package writes, runs and sends nothing; it reads only
// from the file system that it is given.
//
// The path of the data:
//
//	bytes of the other tool -> its own typed records, with positions ->
//	model.Tree (suites, cases, steps, env files, assets) and model.Report ->
//	write.Files: scenario files as bytes, in order
//
// The rules, for every format:
//  1. Nothing is dropped in silence: what has no place in the language becomes
//     an entry of Report.Lost and a comment next to the step it belonged to.
//  2. Nothing is executed.
//  3. The same input gives the same bytes: ordered things are slices, nothing is
//     random, no clock is read.
//  4. What is written loads without an error. A request that cannot be sent as
//     it is (a missing file, a value that only a shell could compute) is skipped
//     by its case with a reason, never guessed.
//  5. A secret is never written: it becomes {{env.NAME}}, with a note.
//  6. A request that changes something is marked side_effects: unreviewed.
//
// # A new source
//
// A source is one package next to postman, curl and har, and one line of the
// table formats. It imports the packages below internal, and no other source.
// What it must provide is one function,
//
//	func Convert(in source.Input, opts Options) (*model.Result, error)
//
// that follows the rules above: it reads in.Read(), returns a *source.Error for
// a mistake in that file, fills a model.Tree whose texts are already text of the
// scenario language (naming.Escape writes literal text), and counts every thing
// it reads with Report.Mapped or Report.Lose. Names come from naming, so that
// they are valid and unique; secrets are recognised by naming.SecretName and
// naming.SecretText, by nothing else. A source that records single requests
// builds on web.Import, which does all of this for a request. Options that a
// user sets become a field of Options here; the command binds flags to it.
package convert

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/bgverify/bgverify/scenarios/convert/curl"
	"github.com/bgverify/bgverify/scenarios/convert/har"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
	"github.com/bgverify/bgverify/scenarios/convert/jmeter"
	"github.com/bgverify/bgverify/scenarios/convert/openapi"
	"github.com/bgverify/bgverify/scenarios/convert/postman"
	"github.com/bgverify/bgverify/scenarios/internal/bodyschema"
)

type (
	// An Input is the file or folder that is imported.
	Input = source.Input
	// A SourceError is a mistake in a file that is imported, with its place.
	SourceError = source.Error
	// A File is one file to write, below the target folder.
	File = model.File
	// A Report says what was carried over and what was not.
	Report = model.Report
)

// SchemaFile is the name of the JSON Schema below the target folder; the command
// writes it there.
const SchemaFile = write.SchemaFile

// Options are those of all sources. A source reads its own field.
type Options struct {
	Postman postman.Options
	HAR     har.Options
	JMeter  jmeter.Options
}

// A Result is what an import gives.
type Result struct {
	// Files are suites, parts, env files and assets, in this order.
	Files []File
	// Envs are the names of the env files among them.
	Envs   []string
	Report Report
	// Schemas are the schemas among the files, compiled: loading need not do that again.
	Schemas *bodyschema.Cache
}

// A format is one kind of source.
type format struct {
	name    string
	convert func(in Input, opts Options) (*model.Result, error)
}

// formats is every source there is, in the order of the help.
var formats = []format{
	{"postman", func(in Input, opts Options) (*model.Result, error) { return postman.Convert(in, opts.Postman) }},
	{"curl", func(in Input, _ Options) (*model.Result, error) { return curl.Convert(in) }},
	{"har", func(in Input, opts Options) (*model.Result, error) { return har.Convert(in, opts.HAR) }},
	{"openapi", func(in Input, _ Options) (*model.Result, error) { return openapi.Convert(in) }},
	{"jmeter", func(in Input, opts Options) (*model.Result, error) { return jmeter.Convert(in, opts.JMeter) }},
}

// Convert reads an input in the named format. The error is a *SourceError where
// the input itself is wrong at a known place.
func Convert(name string, in Input, opts Options) (*Result, error) {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	if i < 0 {
		return nil, fmt.Errorf("unknown format %q", name)
	}
	made, err := formats[i].convert(in, opts)
	if err != nil {
		return nil, err
	}
	out := &Result{Files: write.Files(&made.Tree), Report: made.Report, Schemas: made.Schemas}
	for _, e := range made.Tree.Envs {
		out.Envs = append(out.Envs, e.File)
	}
	return out, nil
}

// Secret reports whether a value is one that no import writes: because of its
// name, or because it looks like a token or key.
func Secret(name, value string) bool { return naming.SecretName(name) || naming.SecretText(value) }

// ReadFile reads a regular file of at most 256 MiB, as imports read all files.
func ReadFile(fsys fs.FS, name string) ([]byte, error) { return source.ReadFile(fsys, name) }
