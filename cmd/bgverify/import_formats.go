package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

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
	bind: func(f *pflag.FlagSet) func(string) (*convert.Result, error) {
		var envs []string
		var globals, data string
		var noExamples bool
		f.StringArrayVar(&envs, "env", nil, "environment `file` of Postman; may be repeated: each becomes an env file")
		f.StringVar(&globals, "globals", "", "globals `file` of Postman")
		f.StringVar(&data, "data", "", "iteration data `file`, csv or json: its rows become the rows of every case")
		f.BoolVar(&noExamples, "no-examples", false, "leave saved answers out; they become snapshots that both sides must equal")
		return func(arg string) (*convert.Result, error) {
			return readPostman(arg, envs, globals, data, noExamples)
		}
	},
}

// readPostman reads the files that an import names.
func readPostman(collection string, envs []string, globals, data string, noExamples bool) (*convert.Result, error) {
	info, err := os.Stat(collection)
	if err != nil {
		return nil, unwrapPath(err)
	}
	in := convert.PostmanInput{Name: filepath.Base(collection), Folder: info.IsDir(), NoExamples: noExamples}
	folder := filepath.Dir(collection)
	if in.Folder {
		folder = collection
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, unwrapPath(err)
	}
	defer root.Close()
	in.Files = root.FS()
	for _, name := range envs {
		f, err := readOutside(name)
		if err != nil {
			return nil, err
		}
		in.Envs = append(in.Envs, f)
	}
	for _, x := range []struct {
		name string
		into **convert.File
	}{{globals, &in.Globals}, {data, &in.Data}} {
		if x.name == "" {
			continue
		}
		f, err := readOutside(x.name)
		if err != nil {
			return nil, err
		}
		*x.into = &f
	}
	return convert.Postman(in)
}

// readOutside reads a file that a flag names.
func readOutside(name string) (convert.File, error) {
	data, err := convert.ReadFile(os.DirFS(filepath.Dir(name)), filepath.Base(name))
	if err != nil {
		return convert.File{}, fmt.Errorf("%s: %w", name, unwrapPath(err))
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
	bind: func(*pflag.FlagSet) func(arg string) (*convert.Result, error) {
		return func(arg string) (*convert.Result, error) {
			root, err := os.OpenRoot(filepath.Dir(arg))
			if err != nil {
				return nil, unwrapPath(err)
			}
			defer root.Close()
			result, err := convert.Curl(root.FS(), filepath.Base(arg))
			return result, unwrapPath(err)
		}
	},
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
	bind: func(f *pflag.FlagSet) func(arg string) (*convert.Result, error) {
		var opts convert.HAROptions
		kind := "api"
		f.StringArrayVar(&opts.Hosts, "host", nil, "take requests to hosts of this `glob` only, with or without a port; may be repeated")
		f.StringVar(&kind, "type", "api", "`what` to take: api (no pages, images, fonts, scripts, styles, media, preflights) or all")
		f.BoolVar(&opts.Snapshots, "snapshots", false, "keep recorded answers as snapshots that both sides must match")
		return func(arg string) (*convert.Result, error) {
			switch kind {
			case "all":
				opts.All = true
			case "api":
			default:
				return nil, usage("the types are api and all", "unknown type %q", kind)
			}
			root, err := os.OpenRoot(filepath.Dir(arg))
			if err != nil {
				return nil, unwrapPath(err)
			}
			defer root.Close()
			result, err := convert.HAR(root.FS(), filepath.Base(arg), opts)
			return result, unwrapPath(err)
		}
	},
}
