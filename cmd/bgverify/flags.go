package main

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/scenarios"
)

// runFlags are the flags of run, demo and resume, as typed.
type runFlags struct {
	verb           string // that made the flags, where it is not run
	blue, green    string
	env            string
	stage          string // the name of env, for the record
	vars           []string
	tag            string
	cases          []string
	shard          string
	rerunFailed    string
	concurrency    int
	seed           uint64
	seedRandom     bool     // no seed was given
	changed        []string // by --watch: the files that were saved since the last run, absolute
	noLoad         bool
	onlyLoad       bool
	out            string
	runID          string
	formats        []string
	output         string
	timeout        time.Duration
	failFast       bool
	onInconclusive string
	calibration    string
	dryRun         bool
	strict         bool
	greenBuild     string
	keep, keepDays int
	reportAssets   string
	traceURL       string
	allowLoad      bool
	allowWrites    bool
	ticket         string
	quiet, verbose bool
	noColor        bool
	noProgress     bool
	noNotify       bool
	sameGreen      bool // of resume
	fleetFlags
	fromEnv []string // names of the flags that the environment set
}

func (f *runFlags) bind(set *pflag.FlagSet) {
	set.StringVar(&f.blue, "blue", "", "`URL` of the trusted side")
	set.StringVar(&f.green, "green", "", "`URL` of the side under judgement")
	set.StringVar(&f.env, "env", "", "env `file` of the stage: sides, vars, rules, limits")
	set.StringArrayVar(&f.vars, "var", nil, "set a variable, `name=value`, or name:=JSON; may be repeated")
	set.StringVar(&f.tag, "tag", "", "only cases whose tags match `EXPR`, such as 'smoke and not write'")
	set.StringArrayVar(&f.cases, "case", nil, "only cases whose id matches `GLOB`, such as 'stb-home/epg*'; may be repeated")
	set.StringVar(&f.shard, "shard", "", "only part `i/n` of the cases; the n parts together are all of them")
	set.StringVar(&f.rerunFailed, "rerun-failed", "", "run the cases that did not pass in `RUN`: a folder, an id, or latest")
	set.IntVar(&f.concurrency, "concurrency", 8, "how many cases run at once")
	set.Uint64Var(&f.seed, "seed", 0, "seed of all random choices; 0 picks one and prints it")
	set.BoolVar(&f.noLoad, "no-load", false, "skip the load stages")
	set.BoolVar(&f.onlyLoad, "only-load", false, "run only the load stages")
	set.StringVar(&f.out, "out", "runs", "`folder` that keeps the runs")
	set.StringVar(&f.runID, "run-id", "", "`id` of the run, [A-Za-z0-9._-]{1,64} (default a new one)")
	set.StringSliceVar(&f.formats, "format", []string{"text", "html", "junit", "json", "ctrf", "markdown"}, "formats of the reports to write")
	set.StringVar(&f.output, "output", "text", "what standard output is: text or json (the content of run.json)")
	set.DurationVar(&f.timeout, "timeout", 0, "stop the whole run after this long; 0 never")
	set.BoolVar(&f.failFast, "fail-fast", false, "start no more cases after the first failure")
	set.StringVar(&f.onInconclusive, "on-inconclusive", "block", "what to do on an inconclusive load verdict: block, warn or retry")
	set.StringVar(&f.calibration, "calibration", "",
		"`file` that calibrate --load wrote (default calibration.json in the folder of --out, if it exists)")
	f.fleetFlags.bind(set)
	set.BoolVar(&f.dryRun, "dry-run", false, "print the requests and send nothing; writes no run folder and exits 4")
	set.BoolVar(&f.strict, "strict", false, "exit 2 when a load stage cannot prove what its margins ask, instead of a warning")
	set.StringVar(&f.greenBuild, "green-build", "", "the build that green's identity must show")
	set.IntVar(&f.keep, "keep", 0, "afterwards delete all but the newest `N` runs; 0 keeps all")
	set.IntVar(&f.keepDays, "keep-days", 0, "afterwards delete runs older than `N` days; 0 keeps all")
	set.StringVar(&f.reportAssets, "report-assets", "inline", "style and script of report.html: inline, or split into separate files")
	set.StringVar(&f.traceURL, "trace-url", "", "URL `template` for links to traces, such as https://traces.example/{trace_id}")
	set.BoolVar(&f.allowLoad, "allow-load", false, "allow load on hosts off loopback")
	set.BoolVar(&f.allowWrites, "allow-writes", false, "allow steps with side effects on hosts off loopback")
	set.StringVar(&f.ticket, "ticket", "", "change `ticket` to record with the run")
	set.BoolVarP(&f.quiet, "quiet", "q", false, "print only the last line")
	set.BoolVarP(&f.verbose, "verbose", "v", false, "print every case as it ends")
	set.BoolVar(&f.noColor, "no-color", false, "disable colour even on a terminal")
	set.BoolVar(&f.noProgress, "no-progress", false, "print no progress to standard error")
	set.BoolVar(&f.noNotify, "no-notify", false, "tell no receiver of the env file's notify")
}

// severity is what a load stage that cannot prove its margins is.
func (f *runFlags) severity() scenarios.ProblemKind {
	if f.strict {
		return scenarios.Error
	}
	return scenarios.Warning
}

// check reads flags from the environment and finds what is wrong with them before
// anything else is read.
func (f *runFlags) check(cmd *cobra.Command) error {
	if err := f.fromEnvironment(cmd.Flags()); err != nil {
		return err
	}
	return f.checkValues()
}

// checkValues finds what is wrong with the flags.
func (f *runFlags) checkValues() error {
	if err := f.checkPrinting(); err != nil {
		return err
	}
	switch {
	case f.noLoad && f.onlyLoad:
		return usage("leave one of them out", "--no-load and --only-load together leave nothing to run")
	case f.reportAssets != "inline" && f.reportAssets != "split":
		return usage("inline or split", "unknown report assets %q", f.reportAssets)
	case f.concurrency < 1 || f.concurrency > 1024:
		return usage("1 to 1024", "--concurrency %d is out of bounds", f.concurrency)
	case f.keep < 0 || f.keepDays < 0:
		return usage("", "--keep and --keep-days take no negative number")
	}
	if _, err := f.policy(); err != nil {
		return err
	}
	if err := f.fleetFlags.check(); err != nil {
		return err
	}
	for _, name := range f.formats {
		if _, ok := report.Lookup(name); !ok && name != "text" {
			return unknownFormat(name)
		}
	}
	if f.seed == 0 {
		f.seed, f.seedRandom = randomSeed(), true
	}
	return nil
}

// unknownFormat is the mistake of a report format that there is none of.
func unknownFormat(name string) error {
	known := append([]string{"text"}, formatNames()...)
	if near := suggest.Nearest(name, known); near != "" {
		return usage("did you mean "+near+"?", "unknown format %q", name)
	}
	return usage(strings.Join(known, ", "), "unknown format %q", name)
}

func formatNames() []string {
	names := make([]string, len(report.Formats))
	for i, format := range report.Formats {
		names[i] = format.Name
	}
	return names
}

// randomSeed is a random seed that is short enough to be typed.
func randomSeed() uint64 {
	var b [8]byte
	rand.Read(b[:]) //nolint:errcheck // documented never to fail
	return binary.LittleEndian.Uint64(b[:])>>32 | 1
}

func (f *runFlags) policy() (runner.OnInconclusive, error) {
	switch f.onInconclusive {
	case "block":
		return runner.Block, nil
	case "warn":
		return runner.Warn, nil
	case "retry":
		return runner.RetryOnce, nil
	}
	return 0, usage("block, warn or retry", "unknown policy %q of --on-inconclusive", f.onInconclusive)
}

// variables splits --var name=value, whose value is text, and name:=value, whose value is
// JSON with its type. It also checks those that the environment gives as JSON.
func (f *runFlags) variables() ([]scenarios.Named, error) {
	var vars []scenarios.Named
	for _, v := range f.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return nil, usage("--var region=seoul", "--var %s is not name=value", v)
		}
		given := scenarios.Named{Name: name, Value: value}
		if given.Name, given.JSON = strings.CutSuffix(name, ":"); given.JSON {
			given.Value = strings.TrimSpace(value)
			// The value may be a secret and is not shown.
			if given.Name == "" || !json.Valid([]byte(given.Value)) {
				return nil, usage("--var count:=5, --var 'ids:=[1, 2]', or --var name=text", "--var %s=…: the value after := is not JSON", name)
			}
		}
		vars = append(vars, given)
	}
	return vars, checkVariables(os.Environ())
}

func (f *runFlags) selection() (scenarios.Selection, error) {
	sel := scenarios.Selection{Tag: f.tag, Case: f.cases}
	if f.shard == "" {
		return sel, nil
	}
	i, n, ok := strings.Cut(f.shard, "/")
	var err1, err2 error
	sel.Shard, err1 = strconv.Atoi(i)
	sel.Of, err2 = strconv.Atoi(n)
	if !ok || err1 != nil || err2 != nil || sel.Shard < 1 || sel.Shard > sel.Of {
		return sel, usage("--shard 1/4", "--shard %s is not i/n with 1 <= i <= n", f.shard)
	}
	return sel, nil
}

func (f *runFlags) options() runner.Options {
	policy, _ := f.policy() // checked by check
	o := runner.Options{
		Seed: f.seed, Concurrency: f.concurrency, Timeout: f.timeout, FailFast: f.failFast,
		OnInconclusive: policy, GreenBuild: f.greenBuild, AllowLoad: f.allowLoad, AllowWrites: f.allowWrites,
	}
	switch {
	case f.noLoad:
		o.Part = runner.OnlyCompare
	case f.onlyLoad:
		o.Part = runner.OnlyLoad
	}
	return o
}

// typed are the flags as a reader would have to type them again.
func typed(cmd *cobra.Command) []string {
	var flags []string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if list, ok := f.Value.(pflag.SliceValue); ok {
			for _, v := range list.GetSlice() {
				flags = append(flags, "--"+f.Name+"="+v)
			}
			return
		}
		flags = append(flags, fmt.Sprintf("--%s=%s", f.Name, f.Value))
	})
	return flags
}

// bindOnly declares the flags of run with these names. All others have the value that run
// gives them by default.
func (f *runFlags) bindOnly(set *pflag.FlagSet, names ...string) {
	all := pflag.NewFlagSet("run", pflag.ContinueOnError)
	f.bind(all)
	for _, name := range names {
		set.AddFlag(all.Lookup(name))
	}
}

// defaultFlags are the flags of a run for which none is typed.
func defaultFlags(verb string) *runFlags {
	f := &runFlags{verb: verb}
	f.bindOnly(nil)
	return f
}

// bindSending declares the flags of verbs that send and archive nothing, with those of more.
func (f *runFlags) bindSending(set *pflag.FlagSet, more ...string) {
	f.bindOnly(set, append(more, "blue", "green", "env", "var", "tag", "case", "shard", "concurrency", "seed", "allow-load", "allow-writes",
		"verbose", "no-progress")...)
	set.Lookup("seed").Usage = "seed of all random choices; 0 picks one" // it is not printed
}

// bindAgain declares the flags of a verb that takes the others from a run folder.
func (f *runFlags) bindAgain(set *pflag.FlagSet, more ...string) {
	f.bindOnly(set, append(more, "out", "var", "blue", "green", "output", "quiet", "verbose", "no-color", "no-progress")...)
	set.Lookup("var").Usage = "set a variable whose value the archive hides, `name=value` or name:=JSON"
	for _, side := range []string{"blue", "green"} {
		set.Lookup(side).Usage += ", if it has changed"
	}
}

// checkAgain is check for the flags of bindAgain.
func (f *runFlags) checkAgain(cmd *cobra.Command) error {
	if err := f.fromEnvironment(cmd.Flags()); err != nil {
		return err
	}
	if err := f.checkPrinting(); err != nil {
		return err
	}
	_, err := f.variables()
	return err
}

// checkPrinting finds what is wrong with the flags that say what is printed.
func (f *runFlags) checkPrinting() error {
	if f.quiet && f.verbose {
		return usage("leave one of them out", "--quiet and --verbose contradict each other")
	}
	return checkOutput(f.output)
}
