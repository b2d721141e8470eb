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

// accounts claims every account that does not balance.
//
//  1. Cases planned = judged + skipped + broken, each place of the plan once;
//     a run that was stopped may have fewer.
//  2. Requests: see ledger.problems.
//  3. Load stages planned = run, skipped or broken.
func (c *conclusion) accounts() {
	stopped := c.in.Stop.Verdict != 0 || c.in.Failure != nil
	var wrong []string
	n, planned := c.end.Counts, c.in.Planned
	if n.Cases != n.Judged()+n.Skip+n.Broken {
		wrong = append(wrong, fmt.Sprintf("%d cases, but %d judged, %d skipped and %d broken", n.Cases, n.Judged(), n.Skip, n.Broken))
	}
	if c.in.Compared && !stopped && n.Cases != planned.Cases || n.Cases > planned.Cases {
		wrong = append(wrong, fmt.Sprintf("%d cases planned, but %d came to an end", planned.Cases, n.Cases))
	}
	for _, id := range c.in.Totals.twice {
		wrong = append(wrong, fmt.Sprintf("case %s came to an end twice", id))
	}
	if c.in.Loaded && !stopped && !c.in.Halted && len(c.in.Loads) != planned.Loads {
		wrong = append(wrong, fmt.Sprintf("%d load stages planned, but %d came to an end", planned.Loads, len(c.in.Loads)))
	}
	wrong = append(wrong, c.in.Ledger.problems(stopped)...)
	verdict, measured := run.Pass, fmt.Sprintf("%d cases, %d and %d requests", n.Cases, c.in.Ledger.Total().Blue, c.in.Ledger.Total().Green)
	measured += c.unsent()
	for _, text := range wrong {
		verdict, measured = run.Broken, text
		c.claim(run.Broken, "accounting: %s", text)
	}
	if c.in.Compared || c.in.Loaded {
		c.gate(verdict, "accounting", measured, "everything accounted for")
	}
}

// evidence gates what the proof itself is worth: coverage, the protocol,
// and the rules.
func (c *conclusion) evidence() {
	t := c.in.Totals
	cov := c.end.Coverage
	if cov.Mutants > 0 || c.sums.vacuous > 0 {
		verdict := run.Pass
		if len(c.minimum) > 0 || c.sums.vacuous > 0 {
			verdict = run.Inconclusive
		}
		measured := fmt.Sprintf("%s (%d of %d mutants found)", text.Percent(float64(cov.Killed)/float64(max(cov.Mutants, 1))),
			cov.Killed, cov.Mutants)
		if of := c.in.Controlled.Of; of > 0 {
			measured += fmt.Sprintf(", made for a sample: %d of %d answers of cases with more than %d rows", c.in.Controlled.Made, of,
				AllControlled)
		}
		if c.sums.vacuous > 0 {
			measured += ", " + text.Count(c.sums.vacuous, "vacuous case")
		}
		c.gate(verdict, "coverage", measured, c.coverageLimit())
	}
	if len(t.protocol) > 0 {
		for _, suite := range c.in.Suites {
			if p, ok := t.protocol[suite.Name]; ok {
				text := fmt.Sprintf("suite %s: blue answers over %s and green over %s; declare http: of the sides where that is meant",
					suite.Name, p[0], p[1])
				if GateOf(suite) == scenarios.Required {
					c.claim(run.Inconclusive, "%s", text)
					c.gate(run.Inconclusive, "same protocol", p[0]+" and "+p[1], "the same on both sides")
				} else {
					c.end.Warnings = append(c.end.Warnings, text)
				}
			}
		}
	}
	c.rules()
}

// coverageLimit names the demanded minima.
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

// rules lists what each rule did, in the order of the files, and warns of those
// that did nothing.
func (c *conclusion) rules() {
	written := map[string]*diff.Rule{}
	for _, suite := range c.in.Suites {
		EachStep(suite, func(step *scenarios.Step) {
			for i := range step.Rules {
				written[step.Rules[i].Origin] = &step.Rules[i]
			}
		})
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
	for _, v := range c.end.Rules {
		switch rule := written[v.At]; {
		case v.Visits == 0:
			dead = append(dead, fmt.Sprintf("rule %s (%s) matched nothing", v.At, v.Rule))
		case rule.Do == diff.DoAllow && v.Hits == 0:
			dead = append(dead, fmt.Sprintf("rule %s (%s) allowed nothing: what it waits for did not happen", v.At, v.Rule))
		}
	}
	const shown = 20
	if len(dead) > shown {
		dead = append(dead[:shown], fmt.Sprintf("and %d more rules that did nothing", len(dead)-shown))
	}
	c.end.Warnings = append(c.end.Warnings, dead...)
}

// EachStep visits every step of a suite.
func EachStep(suite *scenarios.Suite, visit func(*scenarios.Step)) {
	lists := [][]*scenarios.Step{suite.Setup, suite.Teardown}
	for _, c := range suite.Cases {
		lists = append(lists, c.Steps, c.Cleanup)
	}
	for _, steps := range lists {
		for _, step := range steps {
			visit(step)
		}
	}
}

// CompareOrigins orders file:line:col by file, then by number.
func CompareOrigins(a, b string) int {
	fileA, lineA, colA := splitOrigin(a)
	fileB, lineB, colB := splitOrigin(b)
	return cmp.Or(cmp.Compare(fileA, fileB), cmp.Compare(lineA, lineB), cmp.Compare(colA, colB), cmp.Compare(a, b))
}

func splitOrigin(origin string) (file string, line, col int) {
	parts := strings.Split(origin, ":")
	if len(parts) < 3 {
		return origin, 0, 0
	}
	line, _ = strconv.Atoi(parts[len(parts)-2])
	col, _ = strconv.Atoi(parts[len(parts)-1])
	return strings.Join(parts[:len(parts)-2], ":"), line, col
}
