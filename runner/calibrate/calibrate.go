// Package calibrate compares a side with itself and says what is unstable there.
//
// In go suites, loaded anew for each round, and a function that runs one of them;
// out come proposed rules for the fields in which the side differs from itself
// (Fields), or the noise of its load stages (Load). Every round goes through
// runner.Execute. The package prints what it found, but archives nothing, never
// compares blue with green, and does not decide an exit status.
//
// The way of the data, for fields: rounds give differences of a side from itself
// (observations, by generalised place), each place is classified (propose), and the rules that
// come of it are tried in fresh rounds (check). A rule must be wide enough for what the side
// does by itself and no wider: what it hides in one run it hides in all that follow. Where
// nothing narrow fits, presence and type are still compared; where not even these are stable,
// no rule is proposed and a person has to decide.
package calibrate

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// An Executor runs a plan and archives nothing. visit takes each case as it ends,
// and may be nil.
type Executor func(ctx context.Context, plan *runner.Plan, visit func(*run.CaseResult)) (*run.End, []run.LoadResult, error)

// Options say how fields are calibrated.
type Options struct {
	// Rounds is how often every case is run before rules are proposed.
	Rounds int
	// Settle is how long to wait before the last round that tries the rules, so that
	// clocks and counters move on; 0 leaves that round out.
	Settle time.Duration
	// Both also compares green with itself, in separate rounds.
	Both bool
	// Seed is that of the first round; round i has Seed+i.
	Seed uint64
	// Plan reads the suites anew, with these rules before those of every suite.
	Plan func(seed uint64, rules []diff.Rule) (*runner.Plan, error)
	// Execute runs the plan of one round.
	Execute Executor
	// Log is where progress, and what could not be deleted again, is printed.
	Log io.Writer
}

// A Result is what Fields found. Write prints it; GreenUnstable and Complete say what
// it amounts to.
type Result struct {
	rounds    int
	settle    time.Duration // before the last round under rules
	seen      *observations // in the rounds without rules, and what later rounds added
	findings  []*unstable   // stable on blue, unstable on green
	proposals []proposal
	left      []*unstable // no rule was proposed, or tried
	tried     int         // rounds under rules
	held      bool        // nothing differed in the last of them
	open      int         // created by steps and not deleted again
}

// GreenUnstable reports whether green is unstable where blue is stable.
func (r *Result) GreenUnstable() bool { return len(r.findings) > 0 }

// Complete reports whether every unstable field has a rule, every case could be
// measured, and everything that steps created is deleted again.
func (r *Result) Complete() bool {
	return len(rulesOf(r.proposals)) == len(r.proposals) && len(r.left) == 0 && len(r.seen.unmeasured()) == 0 && r.open == 0
}

// Fields finds what is unstable on a side. Its rules:
//
//  1. A side is compared with itself only; blue and green never meet.
//  2. Rules are proposed from all rounds without rules, of both sides where green is
//     asked: a place that is unstable on both gets one rule for both.
//  3. A place that is stable on blue and unstable on green is a finding, not a rule. Blue is
//     asked as many times again before, and what it shows in any later round is not a finding.
//  4. Proposed rules are tried on fresh rounds; see check.
//
// Its error is one of Plan or Execute, says that no answer could be compared, or
// wraps runner.ErrStopped: half a round proves nothing, so there is no result then.
func Fields(ctx context.Context, o Options) (*Result, error) {
	// What steps created and could not take back is reported at the end, also where a round fails.
	var made run.Created
	defer func() { made.Report(o.Log) }()
	c := &calibrating{Result: Result{rounds: o.Rounds, settle: o.Settle}, both: o.Both}
	// Every round of every part goes through here, so that what its steps created is counted once and
	// reported whatever ends the calibration.
	c.ask = func(round int, side scenarios.Side, rules []diff.Rule, visit visitor) (*run.End, error) {
		end, err := o.round(ctx, round, side, rules, visit)
		if end != nil {
			made.Add(end.Created)
		}
		return end, err
	}
	c.sleep = func(d time.Duration) error {
		fmt.Fprintf(o.Log, "waiting %s to try the rules once more (--settle)\n", d)
		return runner.Sleep(ctx, d)
	}
	// Rounds without rules show what is unstable on each side.
	var err error
	if c.seen, err = o.observe(ctx, scenarios.Blue, c.ask); err != nil {
		return nil, err
	}
	if o.Both {
		// Green is asked under the same seeds as blue, and its answers never meet those of blue.
		green, err := o.observe(ctx, scenarios.Green, c.ask)
		if err != nil {
			return nil, err
		}
		c.findings = c.seen.with(green) // Rules 2 and 3
		if len(c.findings) > 0 {
			if err := o.askBlueAgain(ctx, c); err != nil {
				return nil, err
			}
		}
	}
	// Rounds under the proposed rules show which of them hold.
	if err := c.check(ctx); err != nil { // Rule 4
		return nil, err
	}
	c.clearFindings()
	// Rounds under rules may have shown blue to be unstable there after all; the count comes after the
	// last request.
	c.open = made.Open()
	return &c.Result, nil
}

// askBlueAgain runs as many rounds of blue once more before green is accused: a clock
// that happened to show the same millisecond in all rounds of blue is not a finding of green.
func (o *Options) askBlueAgain(ctx context.Context, c *calibrating) error {
	fmt.Fprintf(o.Log, "asking blue again: %s unstable on green alone so far\n", text.Count(len(c.findings), "field"))
	for round := range o.Rounds {
		again := func(r *run.CaseResult, _ float64) { c.seen.add(o.Rounds+round, r) }
		if _, err := c.ask(o.Rounds+round, scenarios.Blue, nil, again); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return stoppedHalfWay()
		}
	}
	// The rounds that follow have other numbers, and with them other seeds and generated values.
	c.rounds += o.Rounds
	c.clearFindings()
	return nil
}

// clearFindings takes back the findings of fields that turned out to be unstable on
// blue as well; they get a rule like any other field of blue.
func (c *calibrating) clearFindings() {
	c.findings = slices.DeleteFunc(c.findings, func(g *unstable) bool { return c.seen.places[g.key] != nil })
}

// A visitor takes a case's result, with the least coverage that its suite asks for.
// The share is that of mutants, from 0 to 1, as the suite writes it.
type visitor func(c *run.CaseResult, least float64)

// observe compares a side with itself, several rounds.
func (o *Options) observe(ctx context.Context, side scenarios.Side, ask asker) (*observations, error) {
	seen := newObservations()
	for round := range o.Rounds {
		end, err := ask(round, side, nil, func(c *run.CaseResult, _ float64) { seen.add(round, c) })
		if err != nil {
			return nil, err
		}
		if err := couldAsk(ctx, end, side, seen); err != nil {
			return nil, err
		}
		cases, differences := text.Count(end.Counts.Cases, "case"), text.Count(seen.rounds[round], "difference")
		fmt.Fprintf(o.Log, "round %d of %d: %s, %s of %s from itself\n", round+1, o.Rounds, cases, differences, side)
	}
	return seen, nil
}

// round compares a side with itself once, with rules added.
func (o *Options) round(ctx context.Context, round int, side scenarios.Side, rules []diff.Rule, visit visitor) (*run.End, error) {
	// A new seed for each round: requests that may be made once only are then made with other values.
	plan, err := o.Plan(o.Seed+uint64(round), rules)
	if err != nil {
		return nil, err
	}
	oneOnBothSides(plan, side) // Rule 1
	end, _, err := o.Execute(ctx, plan, func(c *run.CaseResult) { visit(c, plan.Suites[c.Suite].MinCoverage) })
	return end, err
}

// couldAsk ends the calibration when a round could not ask the side at all.
func couldAsk(ctx context.Context, end *run.End, side scenarios.Side, seen *observations) error {
	if ctx.Err() != nil || end.Verdict == run.Interrupted {
		return stoppedHalfWay()
	}
	// A side of which nothing could be compared would otherwise pass for stable.
	if seen.compared == 0 {
		reasons := text.Visible(strings.Join(end.Reasons[:min(3, len(end.Reasons))], "; "))
		return fmt.Errorf("no answer of %s could be compared: %s%s", side, reasons, seen.onceText())
	}
	return nil
}
