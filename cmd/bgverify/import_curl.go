package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/scenarios/convert"
)

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
