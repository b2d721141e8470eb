package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/scenarios"
)

type calibrateFlags struct {
	runFlags
	rounds int
	load   bool
	both   bool // green is asked too, in rounds of its own
	settle time.Duration
}

func newCalibrateCommand(io stdio) *cobra.Command {
	flags := &calibrateFlags{}
	cmd := &cobra.Command{
		Use:     "calibrate PATH...",
		GroupID: "write",
		Short:   "Compare blue with blue: which fields are unstable, and what noise the load has",
		Long: `Run the suites with blue on both sides, several rounds, and propose a rule for
each field in which blue differs from itself: as YAML on standard output, with
the evidence, to be read before it is pasted. A rule keeps as much as the
values allow: a format, a time, a tolerance; presence and type are always still
compared, and no rule covers more than the field that was seen to differ.
Fields are classified as uuid, jwt, clock, counter, order, enum, shape, or what
else their values show. A pattern never holds a date or a number of digits.

The proposed rules are tried on fresh rounds: one at once, and one after
--settle, when clocks and counters have moved on. What such a round finds is
evidence too, and a rule that does not hold in the last one is dropped and
named. Cases that could not be measured are named as well, and requests that a
side accepts only once, with what to do.

With --green the same rounds are run with green on both sides. A field that is
unstable on both sides gets one rule for both (pods that are named after their
cluster), and one that is stable on blue and unstable on green is a finding: no
rule is proposed, and the status is 1. Blue is never compared with green here:
what differs between them is for run to say.

--load runs the load stages of the suites with blue on both sides instead and
prints, for each metric, the noise floor (the smallest margin that equal sides
pass), the smallest regression found (MDE) and the time needed. What it finds
is kept in runs/calibration.json, or the file of --calibration, for later runs
over the same blue: intervals are widened by the bias of blue's replicas, a
margin below twice the bias is refused, and a blue whose p50 is more than 1.3
times the calibrated one is named, as it may share a bottleneck with green.

No run is archived. What compensated steps create is taken back after each
round. Exit status: 0 every unstable field has a rule, or there is none; 1
green is unstable where blue is not; 4 a field is unstable in a way that no
such rule covers, or something could not be measured or taken back; 2 usage; 3
a side could not be asked.`,
		Example: `  bgverify calibrate suite.yaml --blue https://blue.example > proposed.yaml
  bgverify calibrate suite.yaml --env env/stb.yaml > proposed.yaml
  bgverify rediff latest --rules proposed.yaml
  bgverify calibrate suite.yaml --env env/stb.yaml --rounds 10 --settle 10m
  bgverify calibrate suite.yaml --env env/stb.yaml --load`,
		Args: atLeastOnePath,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(cmd); err != nil {
				return err
			}
			if flags.rounds < 1 || flags.rounds > 1000 {
				return usage("1 to 1000", "--rounds %d is out of bounds", flags.rounds)
			}
			if flags.settle < 0 || flags.settle > 24*time.Hour {
				return usage("0s to 24h", "--settle %s is out of bounds", flags.settle)
			}
			if flags.both = flags.green != ""; flags.both && flags.load {
				return usage("", "--load measures blue's own noise: leave --green out")
			} else if !flags.both {
				flags.green = flags.blue
			}
			t, err := openTree(args)
			if err != nil {
				return err
			}
			if !flags.load && flags.calibration != "" {
				return usage("add --load", "--calibration keeps the noise of load stages")
			}
			if flags.load {
				return calibrateLoad(cmd.Context(), io, flags, t)
			}
			return calibrate(cmd.Context(), io, flags, t)
		},
	}
	flags.bindSending(cmd.Flags())
	cmd.Flags().StringVar(&flags.blue, "blue", "", "`URL` of the trusted side")
	cmd.Flags().StringVar(&flags.green, "green", "", "`URL` of green, to be compared with itself too")
	cmd.Flags().IntVar(&flags.rounds, "rounds", 5, "how often every case is run")
	cmd.Flags().DurationVar(&flags.settle, "settle", time.Minute, "`wait` before the last round; 0: no such round")
	cmd.Flags().BoolVar(&flags.load, "load", false, "measure the noise of the load stages instead")
	cmd.Flags().StringVar(&flags.calibration, "calibration", "", "keep the noise in `file`, not in runs/calibration.json")
	return cmd
}

// newRedactor makes a redactor with a key that nobody keeps.
func newRedactor() *archive.Redactor {
	key := make([]byte, 32)
	rand.Read(key) //nolint:errcheck // documented never to fail
	return archive.NewRedactor(key)
}

// oneOnBothSides makes a session's plan compare a side with itself. Identities
// that must differ have nothing to say about that.
func oneOnBothSides(s *session, side scenarios.Side) {
	pick := func(blue, green *scenarios.SideConfig) {
		if side == scenarios.Green {
			*blue = *green
		} else {
			*green = *blue
		}
	}
	both := func(suite *scenarios.Suite) {
		suite.Identity = nil
		pick(&suite.Blue, &suite.Green)
		if suite.Stage != nil {
			stage := *suite.Stage
			pick(&stage.Blue, &stage.Green)
			suite.Stage = &stage
		}
	}
	for _, suite := range s.plan.Suites {
		both(suite)
		for _, load := range suite.Loads {
			for _, step := range load.Steps {
				if step.Home != nil {
					both(step.Home)
				}
			}
		}
	}
	if s.plan.Env != nil {
		env := *s.plan.Env
		env.Identity, env.Require = nil, nil
		pick(&env.Blue, &env.Green)
		s.plan.Env = &env
	}
	o := &s.plan.Options
	o.AllowSame, o.MaxMutants, o.SecondShare, o.GreenBuild = true, -1, -1, ""
}

// calibrate runs the rounds, classifies what differs and checks the rules.
func calibrate(ctx context.Context, io stdio, flags *calibrateFlags, t *tree) error {
	flags.noLoad = true
	redactor := newRedactor()
	out, flush := redacted(io, redactor)
	defer flush()
	base := flags.seed
	var made runner.Created
	ask := func(round int, side scenarios.Side, rules []diff.Rule, visit visitor) (*runner.End, error) {
		flags.seed = base + uint64(round)
		end, err := calibrationRound(ctx, io, out, flags, t, redactor, side, rules, visit)
		if end != nil {
			made.Add(end.Created)
		}
		return end, err
	}
	defer func() { printLeft(out.err, &made) }()
	c := &calibrating{rounds: flags.rounds, settle: flags.settle, both: flags.both, ask: ask, sleep: func(d time.Duration) error {
		fmt.Fprintf(out.err, "waiting %s to try the rules once more (--settle)\n", d)
		return sleepFor(ctx, d)
	}}
	var err error
	if c.seen, err = observeSide(ctx, out, flags.rounds, scenarios.Blue, ask); err != nil {
		return err
	}
	if flags.both {
		green, err := observeSide(ctx, out, flags.rounds, scenarios.Green, ask)
		if err != nil {
			return err
		}
		c.findings = c.seen.with(green)
	}
	if err := c.check(ctx); err != nil {
		return err
	}
	if err := c.print(out); err != nil {
		return broken(fmt.Errorf("write the rules: %w", err))
	}
	if len(c.findings) > 0 {
		return exit(statusDifferent)
	}
	uncovered := slices.ContainsFunc(c.proposals, func(p proposal) bool { return p.rule == nil })
	if uncovered || len(c.left) > 0 || len(c.seen.unmeasured()) > 0 || made.Open() > 0 {
		return exit(statusUnknown)
	}
	return nil
}

// sleepFor waits, or ends early with the context's error.
func sleepFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A visitor takes a case's result, with the least coverage that its suite asks for.
type visitor func(c *runner.CaseResult, least float64)

// observeSide compares a side with itself, several rounds.
func observeSide(ctx context.Context, out stdio, rounds int, side scenarios.Side, ask asker) (*observations, error) {
	seen := newObservations()
	for round := range rounds {
		end, err := ask(round, side, nil, func(c *runner.CaseResult, _ float64) { seen.add(round, c) })
		if err != nil {
			return nil, err
		}
		if err := couldAsk(ctx, end, side, seen); err != nil {
			return nil, err
		}
		fmt.Fprintf(out.err, "round %d of %d: %s, %s of %s from itself\n", round+1, rounds, count(end.Counts.Cases, "case"), count(seen.inRound(round), "difference"), side)
	}
	return seen, nil
}

// calibrationRound compares blue with itself once, with rules added.
func calibrationRound(ctx context.Context, io, out stdio, flags *calibrateFlags, t *tree, redactor *archive.Redactor, side scenarios.Side, rules []diff.Rule, visit visitor) (*runner.End, error) {
	s, err := loadSession(io, &flags.runFlags, t, nil, loading{same: true, rules: rules})
	if err != nil {
		return nil, err
	}
	oneOnBothSides(s, side)
	for _, suite := range s.plan.Suites {
		hidePasswords(redactor.Add, suite)
	}
	progress := newProgress(out.err, io.err, &flags.runFlags)
	end, err := runner.Execute(ctx, s.plan, &roundSink{redactor: redactor, visit: func(c *runner.CaseResult) { visit(c, s.plan.Suites[c.Suite].MinCoverage) }}, progress.show)
	progress.close()
	if err != nil {
		return nil, broken(err)
	}
	return end, nil
}

// couldAsk ends the command when a round could not ask blue at all.
func couldAsk(ctx context.Context, end *runner.End, side scenarios.Side, seen *observations) error {
	if ctx.Err() != nil || end.Verdict == runner.Interrupted {
		return &statusError{status: runner.Interrupted.ExitStatus(stopSignal(ctx)), err: errors.New("stopped; nothing is proposed from half a round")}
	}
	if seen.compared == 0 {
		return broken(fmt.Errorf("no answer of %s could be compared: %s%s", side, plainText(strings.Join(end.Reasons[:min(3, len(end.Reasons))], "; ")), seen.onceText()))
	}
	return nil
}

// calibrateLoad runs the load stages with blue on both sides.
func calibrateLoad(ctx context.Context, io stdio, flags *calibrateFlags, t *tree) error {
	flags.onlyLoad = true
	redactor := newRedactor()
	out, flush := redacted(io, redactor)
	defer flush()
	s, err := loadSession(io, &flags.runFlags, t, nil, loading{same: true})
	if err != nil {
		return err
	}
	oneOnBothSides(s, scenarios.Blue)
	s.plan.Options.Calibrate = true
	known := s.plan.Calibration
	if known == nil {
		known = &runner.Calibration{}
	}
	s.plan.Calibration = nil // measured without what was known
	loads := 0
	for _, suite := range s.plan.Suites {
		loads += len(suite.Loads)
		hidePasswords(redactor.Add, suite)
	}
	if loads == 0 {
		return usage("load: of a suite", "none of the suites has a load stage")
	}
	unlock, err := lockLoad(s.plan, "calibrate")
	if err != nil {
		return err
	}
	defer unlock()
	sink := &roundSink{redactor: redactor}
	progress := newProgress(out.err, io.err, &flags.runFlags)
	end, err := runner.Execute(ctx, s.plan, sink, progress.show)
	progress.close()
	if err != nil {
		return broken(err)
	}
	status, kept := statusOK, 0
	for i := range sink.loads {
		l := &sink.loads[i]
		status = max(status, printFloors(out, l))
		if stage, ok := l.Calibrated(s.plan.Suites[l.Suite].Name, s.plan.World.Now()); ok && l.Verdict != runner.Interrupted {
			known.Put(stage)
			kept++
		} else if len(l.Comparisons) > 0 {
			fmt.Fprintf(out.err, "load %s is not kept: its figures are in doubt\n", plainText(l.Name))
		}
	}
	if kept > 0 {
		if err := flags.writeCalibration(known); err != nil {
			return broken(err)
		}
		fmt.Fprintf(out.err, "kept %s in %s\n", count(kept, "stage"), flags.calibrationPath())
	}
	if end.Verdict == runner.Interrupted {
		return exit(end.Verdict.ExitStatus(stopSignal(ctx)))
	}
	if kept > 0 {
		status = max(status, printUnprovable(out, s.plan, known))
	}
	if len(sink.loads) == 0 {
		return broken(fmt.Errorf("no load stage was run: %s", plainText(strings.Join(end.Reasons, "; "))))
	}
	return exit(status)
}
