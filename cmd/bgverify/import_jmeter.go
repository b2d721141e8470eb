package main

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/scenarios/convert"
)

var importJMeter = importFormat{
	name: "jmeter", file: "PLAN",
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
