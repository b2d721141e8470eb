package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// accounts claims every account that does not balance. An account that does not balance means
// that a result was lost or counted twice. The verdict would then rest on evidence that nobody
// has seen, so that the run is broken whatever else it found.
//
//  1. Cases planned = judged + skipped + broken, each place of the plan once;
//     a run that was stopped may have fewer.
//  2. Requests: see ledger.problems.
//  3. Load stages planned = run, skipped or broken.
//
// A stopped run may end with fewer cases than planned, and never with more.
func (c *conclusion) accounts() {
	stopped := c.in.Stop.Verdict != 0 || c.in.Failure != nil
	var wrong []string
	n, planned := c.end.Counts, c.in.Planned
	// Rule 1. Counts are summed from the results of the cases; Judged counts passes, failures
	// and inconclusive cases.
	if n.Cases != n.Judged()+n.Skip+n.Broken {
		wrong = append(wrong, fmt.Sprintf("%d cases, but %d judged, %d skipped and %d broken", n.Cases, n.Judged(), n.Skip, n.Broken))
	}
	if c.in.Compared && !stopped && n.Cases != planned.Cases || n.Cases > planned.Cases {
		wrong = append(wrong, fmt.Sprintf("%d cases planned, but %d came to an end", planned.Cases, n.Cases))
	}
	// Two results for one place of the plan hide that another place may have none: the sum
	// alone would balance.
	for _, id := range c.in.Totals.twice {
		wrong = append(wrong, fmt.Sprintf("case %s came to an end twice", id))
	}
	// Rule 3. A load stage that was halted by fail-fast is allowed to be missing.
	if c.in.Loaded && !stopped && !c.in.Halted && len(c.in.Loads) != planned.Loads {
		wrong = append(wrong, fmt.Sprintf("%d load stages planned, but %d came to an end", planned.Loads, len(c.in.Loads)))
	}
	// Rule 2.
	wrong = append(wrong, c.in.Ledger.problems(stopped)...)
	// The gate shows the last account that does not balance; each of them is a reason of its
	// own.
	verdict, measured := run.Pass, fmt.Sprintf("%s, %d and %d requests", text.Count(n.Cases, "case"), c.in.Ledger.Total().Blue,
		c.in.Ledger.Total().Green)
	measured += c.unsent()
	for _, text := range wrong {
		verdict, measured = run.Broken, text
		c.claim(run.Broken, "accounting: %s", text)
	}
	if c.in.Compared || c.in.Loaded {
		c.gate(verdict, "accounting", measured, "everything accounted for")
	}
}

// evidence gates what the proof itself is worth: coverage, the protocol, and the rules. A pass
// that rests on a weak comparison is worth little, so that what is missing here is inconclusive
// and not a failure of green.
func (c *conclusion) evidence() {
	t := c.in.Totals
	cov := c.end.Coverage
	// Without mutants and without a vacuous case, no comparison was held against itself (all
	// steps compare nothing, or the control is switched off), so there is nothing to gate.
	if cov.Mutants > 0 || c.sums.vacuous > 0 {
		verdict := run.Pass
		if len(c.minimum) > 0 || c.sums.vacuous > 0 {
			verdict = run.Inconclusive
		}
		measured := fmt.Sprintf("%s (%d of %d mutants found)", text.Percent(float64(cov.Killed)/float64(max(cov.Mutants, 1))),
			cov.Killed, cov.Mutants)
		// Of cases with many rows only a sample gets the control. The reader should not take
		// the share for one of all answers.
		if of := c.in.Controlled.Of; of > 0 {
			measured += fmt.Sprintf(", made for a sample: %d of %d answers of cases with more than %d rows", c.in.Controlled.Made, of,
				AllControlled)
		}
		if c.sums.vacuous > 0 {
			measured += ", " + text.Count(c.sums.vacuous, "vacuous case")
		}
		c.gate(verdict, "coverage", measured, c.coverageLimit())
	}
	// The suites are walked in the order of the plan and not of the map, so that reports of
	// equal runs are equal. Another protocol hides differences of headers and of connections,
	// and is seldom meant.
	for _, suite := range c.in.Suites {
		p, ok := t.protocol[suite.Name]
		if !ok {
			continue
		}
		text := fmt.Sprintf("suite %s: blue answers over %s and green over %s; declare http: of the sides where that is meant",
			suite.Name, p[0], p[1])
		if GateOf(suite) == scenarios.Required {
			c.claim(run.Inconclusive, "%s", text)
			c.gate(run.Inconclusive, "same protocol", p[0]+" and "+p[1], "the same on both sides")
		} else {
			c.warn("%s", text)
		}
	}
	for _, doubt := range c.in.Doubts {
		c.claim(run.Inconclusive, "%s", doubt)
		c.gate(run.Inconclusive, enoughPairs, doubt, "as many as asked for")
	}
	c.end.Warnings = append(c.end.Warnings, c.in.Notes...)
	c.rules()
}

// enoughPairs is the gate of what clients asked.
const enoughPairs = "enough pairs"

// coverageLimit names the demanded minima. The text is the limit column of the coverage gate.
// Without a minimum in any suite, the only demand is that no case is vacuous.
func (c *conclusion) coverageLimit() string {
	var out []string
	for _, suite := range c.in.Suites {
		if suite.MinCoverage > 0 {
			out = append(out, fmt.Sprintf("%s %s", suite.Name, text.Percent(suite.MinCoverage)))
		}
	}
	if len(out) == 0 {
		return "no vacuous case"
	}
	return strings.Join(out, ", ")
}

// rules lists what each rule did, in the order of the files, and warns of those that did
// nothing. A rule that never applied may be misspelled, or may outlive the difference that it
// was written for. Both are warnings, since a rule that does nothing hides nothing.
func (c *conclusion) rules() {
	// Rules are matched by their origin, file:line:col, which is unique in a run: a rule of a
	// suite's defaults is one rule however many steps have it.
	written := map[string]*diff.Rule{}
	for _, suite := range c.in.Suites {
		EachStep(suite, func(step *scenarios.Step) {
			for i := range step.Rules {
				written[step.Rules[i].Origin] = &step.Rules[i]
			}
		})
	}
	for i := range c.in.Rules {
		written[c.in.Rules[i].Origin] = &c.in.Rules[i]
	}
	var dead []string
	for _, v := range c.in.Totals.rules {
		rule := written[v.At]
		if rule == nil {
			continue // built in
		}
		v.Rule, v.Why = judge.RuleText(rule), rule.Why
		if !rule.Until.IsZero() {
			v.Until = rule.Until.Format(time.DateOnly)
		}
		c.end.Rules = append(c.end.Rules, v)
	}
	slices.SortFunc(c.end.Rules, func(a, b run.RuleVisits) int { return CompareOrigins(a.At, b.At) })
	// The visits are sums over all results. Only after the last one is it certain that a rule
	// did nothing.
	for _, v := range c.end.Rules {
		switch rule := written[v.At]; {
		case v.Visits == 0:
			dead = append(dead, fmt.Sprintf("rule %s (%s) matched nothing", v.At, v.Rule))
		case rule.Do == diff.DoAllow && v.Hits == 0:
			dead = append(dead, fmt.Sprintf("rule %s (%s) allowed nothing: what it waits for did not happen", v.At, v.Rule))
		}
	}
	if c.in.Live { // what clients asked says nothing of the other routes
		return
	}
	// The list is cut, so that a file of hundreds of unused rules does not bury other warnings.
	const shown = 20
	if len(dead) > shown {
		dead = append(dead[:shown], fmt.Sprintf("and %d more rules that did nothing", len(dead)-shown))
	}
	c.end.Warnings = append(c.end.Warnings, dead...)
}

// EachStep visits every step of a suite. The order is setup, teardown, then the cases with
// their cleanup; a step that is shared by several lists is visited once for each of them.
func EachStep(suite *scenarios.Suite, visit func(*scenarios.Step)) {
	all := slices.Concat(suite.Setup, suite.Teardown)
	for _, c := range suite.Cases {
		all = append(append(all, c.Steps...), c.Cleanup...)
	}
	for _, step := range all {
		visit(step)
	}
}

// CompareOrigins orders file:line:col by file, then by number. A comparison as text would put
// line 10 before line 9. Origins that have no numbers compare as a whole.
func CompareOrigins(a, b string) int {
	fileA, lineA, colA := splitOrigin(a)
	fileB, lineB, colB := splitOrigin(b)
	return cmp.Or(cmp.Compare(fileA, fileB), cmp.Compare(lineA, lineB), cmp.Compare(colA, colB), cmp.Compare(a, b))
}

// splitOrigin takes the numbers from the end, since a file name may hold colons itself. An
// origin without them is all file; a part that is not a number is 0.
func splitOrigin(origin string) (file string, line, col int) {
	parts := strings.Split(origin, ":")
	if len(parts) < 3 {
		return origin, 0, 0
	}
	line, _ = strconv.Atoi(parts[len(parts)-2])
	col, _ = strconv.Atoi(parts[len(parts)-1])
	return strings.Join(parts[:len(parts)-2], ":"), line, col
}
