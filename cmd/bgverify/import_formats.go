package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/scenarios/convert"
)

var importPostman = importFormat{
	name: "postman", file: "COLLECTION",
	short: "Postman collections: v2.0, v2.1 and v3",
	long: `Read a Postman collection, a JSON export (v2.0, v2.1) or a folder of the newer
YAML form (v3), with its environment and globals, and write scenario files.

Folders become suites and tags, and requests become cases. Common statements of
scripts become expectations and captures; every other line is listed, and kept as a
comment next to its case. Nothing is executed or sent.`,
	example: `  bgverify import postman shop.postman_collection.json -o scenarios/shop
  bgverify import postman shop.json --env stage.postman_environment.json --globals globals.json -o shop`,
	bind: func(f *pflag.FlagSet) func(opts *convert.Options) error {
		var bound convert.Options
		var envs []string
		var globals, data string
		f.StringArrayVar(&envs, "env", nil, "environment `file` of Postman; may be repeated: each becomes an env file")
		f.StringVar(&globals, "globals", "", "globals `file` of Postman")
		f.StringVar(&data, "data", "", "iteration data `file`, csv or json: its rows become the rows of every case")
		f.BoolVar(&bound.Postman.NoExamples, "no-examples", false, "leave saved answers out; they become snapshots that both sides must equal")
		return func(opts *convert.Options) error {
			*opts = bound
			return readPostmanFiles(opts, envs, globals, data)
		}
	},
}

// readPostmanFiles reads the files that flags name.
func readPostmanFiles(opts *convert.Options, envs []string, globals, data string) error {
	for _, name := range envs {
		f, err := readOutside(name)
		if err != nil {
			return err
		}
		opts.Postman.Envs = append(opts.Postman.Envs, f)
	}
	for _, x := range []struct {
		name string
		into **convert.File
	}{{globals, &opts.Postman.Globals}, {data, &opts.Postman.Data}} {
		if x.name == "" {
			continue
		}
		f, err := readOutside(x.name)
		if err != nil {
			return err
		}
		*x.into = &f
	}
	return nil
}

// readOutside reads a file that a flag names.
func readOutside(name string) (convert.File, error) {
	data, err := convert.ReadFile(os.DirFS(filepath.Dir(name)), filepath.Base(name))
	if err != nil {
		return convert.File{}, fmt.Errorf("%s: %w", name, hint.WithoutPath(err))
	}
	return convert.File{Name: filepath.Base(name), Data: data}, nil
}

var importCurl = importFormat{
	name: "curl", file: "FILE",
	short: "curl commands: typed, from scripts or copied from a browser",
	long: `Read a file of curl commands, as they are typed, kept in scripts or copied from a
browser ("Copy as cURL (bash)"), and write one case for each request.

The file is read as a shell would read it, but nothing is executed: $TOKEN becomes
{{env.TOKEN}}, a variable that the file assigns becomes a variable of the suite, and
a comment above a command becomes its name. Files named with @ are read relative to
FILE. Options that scenario files do not have are listed with command and line.`,
	example: `  bgverify import curl smoke.sh -o scenarios/smoke
  bgverify validate scenarios/smoke`,
}

var importHAR = importFormat{
	name: "har", file: "FILE",
	short: "HAR recordings of browsers and proxies: 1.1 and 1.2",
	long: `Read an HTTP Archive (HAR 1.1 or 1.2) as saved by browsers and proxies, and write
its API calls as cases.

A value that a later request takes from an earlier JSON answer (a token, an id, a
URL) is captured from that answer, so that each side sends its own. Requests that
depend on each other in this way, or through a cookie, become the steps of one case.
Headers that browsers add themselves are dropped and listed. Authorization, cookies
from elsewhere and other secrets are read from the environment.`,
	example: `  bgverify import har session.har -o scenarios/session --host '*.example.com'
  bgverify import har session.har -o scenarios/session --snapshots`,
	bind: func(f *pflag.FlagSet) func(opts *convert.Options) error {
		var bound convert.Options
		kind := "api"
		f.StringArrayVar(&bound.HAR.Hosts, "host", nil, "take requests to hosts of this `glob` only, with or without a port; may be repeated")
		f.StringVar(&kind, "type", "api", "`what` to take: api (no pages, images, fonts, scripts, styles, media, preflights) or all")
		f.BoolVar(&bound.HAR.RequestsOnly, "requests-only", false, "also take requests whose answer was not recorded")
		f.BoolVar(&bound.HAR.Snapshots, "snapshots", false, "keep recorded answers as snapshots that both sides must match")
		return func(opts *convert.Options) error {
			if kind != "api" && kind != "all" {
				return usage("the types are api and all", "unknown type %q", kind)
			}
			bound.HAR.All = kind == "all"
			*opts = bound
			return nil
		}
	},
}
