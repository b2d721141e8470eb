package run

import "github.com/bgverify/bgverify/diff/cause"

// Counts are a run's or suite's totals. Cases is the sum of the five verdicts below it; a
// case with rows counts once for each row. Flaky cases passed only after a retry, and are
// counted under their verdict too. Requests includes those of setup and teardown.
type Counts struct {
	Cases        int     `json:"cases"`
	Pass         int     `json:"pass"`
	Fail         int     `json:"fail"`
	Broken       int     `json:"broken"`
	Inconclusive int     `json:"inconclusive"`
	Skip         int     `json:"skip"`
	Flaky        int     `json:"flaky"`
	Requests     PerSide `json:"requests"`
}

// A SuiteEnd is a suite's totals, and the verdict that its cases, setup and teardown and
// its gates come to.
type SuiteEnd struct {
	Verdict  Verdict  `json:"verdict"`
	Reasons  []string `json:"reasons,omitempty"`
	Counts   Counts   `json:"counts"`
	Coverage Coverage `json:"coverage"`
}

// End is a run's totals: the last event. A run without one is incomplete.
type End struct {
	ElapsedMS float64            `json:"elapsed_ms"`
	Verdict   Verdict            `json:"verdict"`
	Reasons   []string           `json:"reasons"` // gravest first
	Signal    int                `json:"signal,omitempty"`
	Sides     Sides              `json:"sides"`  // with what the probes found
	Suites    []SuiteEnd         `json:"suites"` // parallel to Header.Suites
	Counts    Counts             `json:"counts"`
	Coverage  Coverage           `json:"coverage"`
	Second    Second             `json:"second_opinion"`
	Causes    []cause.Cause      `json:"causes"`
	Rules     []RuleVisits       `json:"rules"`
	Gates     []GateResult       `json:"gates"`
	Transport []TransportFinding `json:"transport,omitempty"`
	// Clusters are what was found of the clusters that the sides run on; nil: not asked.
	Clusters *Clusters `json:"clusters,omitempty"`
	Warnings []string  `json:"warnings,omitempty"`
	Created  *Created  `json:"created,omitempty"` // nil: nothing that must be taken back
	Audit    Audit     `json:"audit"`
	// LeftOut is what the run did not show; also empty in runs of versions that did not record it.
	LeftOut []LeftOut `json:"left_out,omitempty"`
}

// A GateResult is one question that the run had to answer for a pass.
type GateResult struct {
	Name     string  `json:"name"`     // responses equal; load evening peak p95
	Measured string  `json:"measured"` // 97.35 % (265 of 10000 differ, 3 causes)
	Limit    string  `json:"limit"`
	Verdict  Verdict `json:"verdict"`
	Reason   string  `json:"reason,omitempty"`
	Load     string  `json:"load,omitempty"` // the stage it is about
}

// Add counts a case under its verdict. Of setup and teardown it counts the requests alone.
func (c *Counts) Add(r *CaseResult) {
	c.Requests.Add(r.Requests)
	if r.Kind != "" {
		return
	}
	c.Cases++
	if r.Flaky {
		c.Flaky++
	}
	switch r.Verdict {
	case Pass:
		c.Pass++
	case Fail:
		c.Fail++
	case Inconclusive:
		c.Inconclusive++
	case Skip:
		c.Skip++
	default: // a case without a valid verdict is never a pass
		c.Broken++
	}
}

// Merge adds the totals of another suite.
func (c *Counts) Merge(d Counts) {
	c.Cases += d.Cases
	c.Pass += d.Pass
	c.Fail += d.Fail
	c.Broken += d.Broken
	c.Inconclusive += d.Inconclusive
	c.Skip += d.Skip
	c.Flaky += d.Flaky
	c.Requests.Add(d.Requests)
}

// Judged is the number of cases with evidence.
func (c *Counts) Judged() int { return c.Pass + c.Fail + c.Inconclusive }
