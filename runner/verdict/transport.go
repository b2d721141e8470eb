package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// transport claims and gates what is known of the connections:
//
//  1. Requests after the cases, exchanges of cases, and times outside load each give
//     findings; a fact that two of them show of one service is reported once, the
//     gravest.
//  2. A finding that an allowance of one of its suites names does not decide.
//  3. One whose suites are all advisory does not decide either.
//  4. A run that is judged again keeps what only requests could show.
func (c *conclusion) transport() {
	// What the earlier run asked with its own requests is kept, with the verdict that it had
	// before allowances: the suites may have changed since.
	var all []run.TransportFinding
	if from := c.in.Earlier; from != nil { // Rule 4
		for _, f := range from.End.Transport {
			if !f.During {
				f.Verdict, f.Allowed = f.Weight, ""
				all = append(all, f)
			}
		}
	} else {
		all = append(all, c.in.Transport...)
	}
	// What exchanges of cases show is made anew in both kinds of run, from the results.
	all = append(all, c.in.Totals.transport.findings()...)
	if f := c.in.Slow; f != nil {
		all = append(all, *f)
	}
	all = gravestOfEach(all) // Rule 1
	// used are the allowances that a finding needed, by their place in the file.
	used := map[scenarios.Pos]bool{}
	for i := range all {
		c.weigh(&all[i], used)
	}
	c.unusedAllowances(used)
	c.end.Transport = all
	if len(all) == 0 {
		return
	}
	// After gravestOfEach the first finding is one of the gravest before allowances, which may
	// have taken its weight. The gate's verdict is the worst of what is left.
	verdict, first := run.Pass, all[0]
	for _, f := range all {
		if f.Verdict > run.Pass {
			// The sentence shows how to accept the fact, in the words of the suite file.
			c.claim(f.Verdict, "%s; transport: {allow: [{fact: %s, why: …}]} accepts it", f, f.Fact)
		}
		verdict = verdict.Worse(f.Verdict)
	}
	measured := text.Cut(first.String(), 160)
	if len(all) > 1 {
		measured += fmt.Sprintf(", and %d more", len(all)-1)
	}
	c.gate(verdict, "same transport", measured, "as on blue")
}

// weigh applies rules 2 and 3. An allowance without a service is for all services of its suite.
// One allowance is enough, even where the finding concerns several suites.
func (c *conclusion) weigh(f *run.TransportFinding, used map[scenarios.Pos]bool) {
	required := false
	for _, suite := range c.in.Suites {
		if !slices.Contains(f.Suites, suite.Name) {
			continue
		}
		required = required || GateOf(suite) == scenarios.Required
		for _, a := range suite.Transport {
			if a.Fact == string(f.Fact) && (a.Service == "" || a.Service == f.Service) {
				f.Allowed, used[a.Pos] = a.Why, true
			}
		}
	}
	if !required || f.Allowed != "" {
		f.Verdict = run.Pass
	}
}

// unusedAllowances warns of allowances that were not needed, where the facts were asked for. A
// run that is judged again asked for nothing, so it cannot show that an allowance is not
// needed. A warning of the same text is not repeated for another suite that shares the file.
func (c *conclusion) unusedAllowances(used map[scenarios.Pos]bool) {
	if c.in.Earlier != nil {
		return
	}
	for _, suite := range c.in.Suites {
		for _, a := range suite.Transport {
			text := fmt.Sprintf("transport allow %s (%s) was not needed", a.Fact, a.Pos)
			if !used[a.Pos] && !slices.Contains(c.end.Warnings, text) {
				c.warn("%s", text)
			}
		}
	}
}

// gravestOfEach keeps the gravest finding of each fact and service, the gravest first. Findings
// of different suites about one service stay apart, since allowances belong to suites.
func gravestOfEach(all []run.TransportFinding) []run.TransportFinding {
	slices.SortStableFunc(all, func(a, b run.TransportFinding) int { return cmp.Compare(b.Verdict, a.Verdict) })
	var out []run.TransportFinding
	for _, f := range all {
		same := func(o run.TransportFinding) bool {
			return o.Fact == f.Fact && o.Service == f.Service && strings.Join(o.Suites, " ") == strings.Join(f.Suites, " ")
		}
		if !slices.ContainsFunc(out, same) {
			out = append(out, f)
		}
	}
	return out
}
