package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/scenarios/convert"
)

var importHAR = importFormat{
	name: "har", file: "FILE",
	short: "Recordings of browsers and proxies: HAR 1.1 and 1.2",
	long: `Read an HTTP Archive (HAR 1.1 or 1.2) as browsers and proxies save it, and write
its calls of APIs as cases.

What a later request took from an earlier JSON answer (a token, an id, an
address) is captured from that answer, so that each side sends its own; requests
that depend on each other so, or by a cookie, become the steps of one case.
Headers that browsers write anew are dropped and listed. Authorization, cookies
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
