package verdict

import (
	"fmt"
	"slices"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// A ShardRun is a run of a part of the plan, whose results a merged run takes over.
type ShardRun struct {
	// Name is the number of the shard, such as 2/4.
	Name string
	Run  *run.Run
}

// carriedFromShards are the gates that rest on requests outside of cases. All others are
// made anew from the results.
var carriedFromShards = []string{"services reachable", "identity"}

// carryShards keeps what the shards found outside of their cases: the sides as they were
// identified, and the gravest of each gate that cases do not explain. Every shard in which
// such a gate is not a pass is claimed with its number.
func (c *conclusion) carryShards() {
	if len(c.in.Shards) == 0 {
		return
	}
	c.unionOfSides()
	for _, name := range carriedFromShards {
		var worst run.GateResult // without a verdict where no shard has the gate
		for _, s := range c.in.Shards {
			i := slices.IndexFunc(s.Run.End.Gates, func(g run.GateResult) bool { return g.Name == name })
			if i < 0 {
				continue
			}
			g := s.Run.End.Gates[i]
			if g.Verdict > worst.Verdict {
				worst = g
			}
			if g.Verdict > run.Pass {
				c.claim(g.Verdict, "shard %s: %s: %s", s.Name, g.Name, g.Measured)
			}
		}
		if worst.Verdict != 0 {
			c.gates = append(c.gates, worst)
		}
	}
}

// unionOfSides puts together where the sides were and what they said they are: a shard has the
// services and identities of the suites of which it has a case. A shard that shares no identity
// with those before it may have met another build.
func (c *conclusion) unionOfSides() {
	c.end.Sides = run.Sides{}
	for i, s := range c.in.Shards {
		from := &s.Run.End.Sides
		if i > 0 && !c.end.Sides.Green.SharesIdentity(&from.Green) {
			c.warn("no identity shows that shard %s met the same builds of blue and green as those before it", s.Name)
		}
		c.end.Sides.Blue.Add(&from.Blue)
		c.end.Sides.Green.Add(&from.Green)
	}
}

// graverShards is the last net under a merged run: no shard that failed, broke or did not
// end may be part of a run with a lighter verdict. One case is lighter by right:
//
//  1. A shard in which no case of a required suite was to be judged is broken by itself,
//     and the run as a whole is not.
//
// An inconclusive shard is not claimed here: it may have been that because it was a part.
func (c *conclusion) graverShards() {
	if len(c.in.Shards) == 0 {
		return
	}
	for _, s := range c.in.Shards {
		v := s.Run.End.Verdict
		if v == 0 {
			v = run.Incomplete
		}
		graver := !slices.ContainsFunc(c.claims, func(o sentence) bool { return o.verdict >= v })
		if v < run.Broken || !graver || emptyShard(s.Run) { // Rule 1
			continue
		}
		why := "it gives no reason"
		if len(s.Run.End.Reasons) > 0 {
			why = s.Run.End.Reasons[0]
		}
		c.claim(v, "shard %s: %s: %s", s.Name, v, why)
		c.gate(v, "shards", fmt.Sprintf("shard %s is %s", s.Name, v), "none graver than the whole")
	}
}

// emptyShard reports whether a shard came to its end and held nothing that decides.
func emptyShard(r *run.Run) bool {
	if r.End.Verdict != run.Broken || r.End.Counts.Cases != r.Header.Planned.Cases || len(r.Loads) != r.Header.Planned.Loads {
		return false
	}
	if slices.ContainsFunc(r.End.Gates, func(g run.GateResult) bool { return g.Verdict >= run.Broken }) {
		return false
	}
	for i, head := range r.Header.Suites {
		if i >= len(r.End.Suites) {
			return false
		}
		n := &r.End.Suites[i].Counts
		if n.Broken > 0 || head.Gate == scenarios.Required.String() && n.Judged() > 0 {
			return false
		}
	}
	return !slices.ContainsFunc(r.Loads, func(l run.LoadResult) bool { return l.Verdict != run.Skip })
}
