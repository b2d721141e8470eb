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
}

var importHAR = importFormat{
	name: "har", file: "FILE",
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
