package main

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/scenarios/convert"
)

var importJMeter = importFormat{
	name: "jmeter", file: "PLAN",
	short: "JMeter test plans (.jmx)",
	long: `Read a test plan of Apache JMeter and write one suite: a thread group becomes a
case, its HTTP samplers become steps, and its assertions and extractors become
expectations and captures. Set-up and tear-down thread groups become setup and
teardown.

Nothing is executed: of scripts, only statements whose result is known without
running them are converted. Everything else is listed with line and column, and
kept as a comment next to its step. Data sets, uploads and included plans are read
from the folder of PLAN only.`,
	example: `  bgverify import jmeter shop.jmx -o scenarios/shop
  bgverify import jmeter shop.jmx --results yesterday.jtl -o scenarios/shop
  bgverify import jmeter shop.jmx -p user.properties -J host=api.example.com -o shop`,
	bind: func(f *pflag.FlagSet) func(opts *convert.Options) error {
		var files, set, results []string
		f.StringArrayVarP(&files, "properties", "p", nil, "properties `file` of JMeter, as for its -p and -q; may be repeated")
		f.StringArrayVarP(&set, "set", "J", nil, "property as `name=value`, as for JMeter's -J; may be repeated")
		f.StringArrayVar(&results, "results", nil, "results `file` (.jtl) of a past run of PLAN: durations, threads and waits that PLAN does "+
			"not say; may be repeated")
		return func(opts *convert.Options) error {
			opts.JMeter.Set = map[string]string{}
			for _, s := range set {
				name, value, found := strings.Cut(s, "=")
				if !found || name == "" {
					return usage("write -J host=api.example.com", "-J %q is not name=value", s)
				}
				opts.JMeter.Set[name] = value
			}
			for _, name := range results {
				file, err := readOutside(name)
				if err != nil {
					return err
				}
				opts.JMeter.Results = append(opts.JMeter.Results, file)
			}
			for _, name := range files {
				file, err := readOutside(name)
				if err != nil {
					return err
				}
				opts.JMeter.Properties = append(opts.JMeter.Properties, file)
			}
			return nil
		}
	},
}
