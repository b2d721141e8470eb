package main

import (
	"github.com/spf13/pflag"
)

// bindSending are the flags of verbs that send and archive nothing. The others
// of run keep values that check accepts.
func (f *runFlags) bindSending(set *pflag.FlagSet) {
	f.output, f.out, f.reportAssets, f.onInconclusive = "text", "runs", "inline", "block"
	set.StringVar(&f.env, "env", "", "env `file` of the stage: sides, vars, rules, limits")
	set.StringArrayVar(&f.vars, "var", nil, "set a variable, `name=value`; may be repeated")
	set.StringVar(&f.tag, "tag", "", "only cases whose tags match `EXPR`")
	set.StringArrayVar(&f.cases, "case", nil, "only cases whose id matches `GLOB`; may be repeated")
	set.StringVar(&f.shard, "shard", "", "only part `i/n` of the cases")
	set.IntVar(&f.concurrency, "concurrency", 8, "how many cases run at once")
	set.Uint64Var(&f.seed, "seed", 0, "seed of all random choices; 0 picks one")
	set.BoolVar(&f.allowLoad, "allow-load", false, "allow load on hosts off loopback")
	set.BoolVar(&f.allowWrites, "allow-writes", false, "allow steps with side effects on hosts off loopback")
	set.BoolVarP(&f.verbose, "verbose", "v", false, "print every case as it ends")
	set.BoolVar(&f.noProgress, "no-progress", false, "print no progress to standard error")
}
