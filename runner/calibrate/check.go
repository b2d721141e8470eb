package calibrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// An asker runs the suites once with one side on both sides, under added rules.
type asker func(round int, side scenarios.Side, rules []diff.Rule, visit visitor) (*run.End, error)

// A calibrating tries proposals, and widens or drops those that do not hold.
type calibrating struct {
	Result
	both  bool // green is asked too
	ask   asker
	sleep func(time.Duration) error
}

// maxChecks bounds the rounds in which proposals are tried and widened.
const maxChecks = 6

// check proposes rules and tries them. Its rules:
//
//  1. A fresh round is run under the rules, of green as well where it is asked. What
//     it finds is evidence: the rules are proposed anew and tried again.
//  2. Rules hold when a round finds nothing, and another one after settle: times and
//     counters have moved on by then.
//  3. What the last round still finds is not covered: the rule at its place is dropped.
func (c *calibrating) check(ctx context.Context) error {
	need := 1
	if c.settle > 0 {
		need = 2
	}
	// held counts the rounds in a row that found nothing under the same rules.
	for held := 0; held < need; {
		if held == 0 {
			c.proposals = c.seen.propose()
		}
		// Steps that are bare, with too little left to compare, are found while rules are tried. More
		// of them than before means that the rules do not hold either.
		rules, bare := rulesOf(c.proposals), len(c.seen.bare)
		if len(rules) == 0 {
			return nil
		}
		if held == 1 { // Rule 2
			if err := c.sleep(c.settle); err != nil {
				return stoppedHalfWay()
			}
		}
		found, err := c.try(ctx, rules)
		held++
		switch {
		case err != nil:
			return err
		case len(found) == 0 && len(c.seen.bare) == bare:
		// Something differed: the rules are made anew from all that was seen, and start from no held
		// round.
		case c.tried < maxChecks: // Rule 1
			held = 0
		// There is no round left to try wider rules in, so that the narrow ones that failed go.
		default: // Rule 3
			if len(c.seen.bare) > bare { // some of these rules leave too little compared
				c.proposals = c.seen.propose()
			}
			c.drop(found)
			return nil
		}
	}
	c.held = true
	return nil
}

// try runs a round of each side under rules and returns what differs at places that
// have a rule or are new.
func (c *calibrating) try(ctx context.Context, rules []diff.Rule) ([]*unstable, error) {
	// Rounds under rules have numbers after those without, so that no seed is used twice.
	round := c.rounds + c.tried
	c.tried++
	var out []*unstable
	// Green's rounds show findings of green; only blue's are evidence for rules of blue.
	for _, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		if side == scenarios.Green && !c.both {
			continue
		}
		found, err := c.tryOn(ctx, round, side, rules)
		if err != nil {
			return nil, err
		}
		if side == scenarios.Green {
			c.addFindings(c.seen.with(found))
		}
		// A place without a rule is known already, unless blue shows it for the first time.
		for _, g := range found.groups() {
			if i := c.at(g.key); i < 0 && side == scenarios.Blue || i >= 0 && c.proposals[i].rule != nil {
				out = append(out, g)
			}
		}
	}
	return out, nil
}

// tryOn runs a round of one side under rules and returns what differs.
func (c *calibrating) tryOn(ctx context.Context, round int, side scenarios.Side, rules []diff.Rule) (*observations, error) {
	found := newObservations()
	end, err := c.ask(round, side, rules, func(r *run.CaseResult, least float64) {
		found.add(round, r)
		if side == scenarios.Blue {
			c.seen.add(round, r)
		}
		c.seen.lookBare(r, least)
	})
	if err == nil && (ctx.Err() != nil || end.Verdict == run.Interrupted) {
		err = stoppedHalfWay()
	}
	return found, err
}

// addFindings adds places that are unstable on green alone, each once.
func (c *calibrating) addFindings(found []*unstable) {
	for _, g := range found {
		if !slices.ContainsFunc(c.findings, func(f *unstable) bool { return f.key == g.key }) {
			c.findings = append(c.findings, g)
		}
	}
}

// at is the place of a field among the proposals; -1: it has none.
func (c *calibrating) at(key placeKey) int {
	return slices.IndexFunc(c.proposals, func(p proposal) bool { return p.group.key == key })
}

// drop is rule 3 of check.
func (c *calibrating) drop(found []*unstable) {
	for _, g := range found {
		if i := c.at(g.key); i >= 0 && c.proposals[i].rule != nil {
			// The rule that failed is shown: whoever writes one by hand starts from it.
			c.proposals[i].why = "the rule did not hold in a fresh round: " + strings.TrimPrefix(diff.RuleYAML(*c.proposals[i].rule), "- ")
			c.proposals[i].rule = nil
		} else if i < 0 {
			c.left = append(c.left, g)
		}
	}
}

// stoppedHalfWay is the error of a calibration that was stopped.
func stoppedHalfWay() error {
	return fmt.Errorf("%w; nothing is proposed from half a round", runner.ErrStopped)
}
