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
