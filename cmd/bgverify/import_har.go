package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/scenarios/convert"
)

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
