package verdict

import (
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// Inputs are everything that a verdict is made from: what the plan asked for, what was found,
// and how the run ended. Conclude changes what they point to in one place only: a report of the
// clusters without services gets one that says so.
type Inputs struct {
	Demand
	Outcomes
	// Totals are the sums of all cases, finished before Conclude is called.
	Totals *Totals
	// Ledger counts the requests where they were sent, apart from the Totals.
	Ledger *Ledger
	// Sides is where the sides are, without what they said they are.
	Sides run.Sides
	// Audit says who started the run, on what commit, and what it was to do.
	Audit run.Audit
	// Elapsed is how long the run took.
	Elapsed time.Duration
	// Earlier is the run that is judged again; nil: this one sent its requests.
	Earlier *run.Run
	// Shards are the runs whose results were taken over, in their order; none: this is
	// not a merged run.
	Shards []ShardRun
	// Failure is the error of a sink that could not keep the events; nothing after
	// it counts.
	Failure error
	// Stop has a verdict only where something ended the run early.
	Stop   stop
	Halted bool // fail-fast kept the rest from being started
}

// Demand is what the plan asked for. It comes from the command line, the files and the env file
// alone, and is complete before the first request. Together with Outcomes it shows what was
// asked for and not done.
type Demand struct {
	// Suites are in the order of the plan; results name them by their index here.
	Suites []*scenarios.Suite
	Env    *scenarios.Env // nil: no env file
	// Planned counts the cases and load stages that were chosen, and those that the suites
	// hold.
	Planned run.Planned
	// Narrowed says what made the choice smaller, and where that is written.
	Narrowed  []run.Narrowing
	Asks      *run.Asks // what the suites ask, whatever was chosen; nil: unknown
	Cases     bool      // cases were to be walked
	WarnOnly  bool      // an inconclusive load stage does not decide
	AllowSame bool      // blue against blue, on purpose
	Resumed   bool      // it continues an earlier execution
	Writes    bool      // a case that was chosen has a step with side effects
	// Live: clients chose what was asked. Rules are then those that judged, as the suites
	// have no steps that were walked.
	Live  bool
	Rules []diff.Rule
}

// Outcomes are what the parts of the run came to. A part that was not asked for is nil or
// empty. Where a part was asked for and is nil all the same, Conclude claims that it is
// missing.
type Outcomes struct {
	Setup    []string         // why the run could not even be set up
	Reached  *PreflightReport // nil: not looked at
	Identity *IdentityReport  // nil: not asked
	Changed  []string         // identities that changed during the run
	// Transport is what the requests after the cases showed; what the cases themselves showed
	// is in the Totals.
	Transport []run.TransportFinding
	Slow      *run.TransportFinding // nil: green is not much slower, or load was judged
	// Loads has an entry for each load stage of the plan that was run or skipped, in plan
	// order.
	Loads    []run.LoadResult
	Clusters *run.Clusters // nil: not asked
	Compared bool          // the cases were walked
	Loaded   bool          // the load stages were run
	// TwoPlaces says that certificates, or addresses together with values, showed
	// blue and green to be two places.
	TwoPlaces bool
	// Doubts say why a pass would rest on too little; each makes the run inconclusive.
	Doubts []string
	// Notes become warnings.
	Notes []string
	// Controlled is the sample of the negative control, where cases have many rows.
	Controlled Controlled
}

// Controlled counts the pairs of cases with many rows, and those of them that the negative
// control was made on. Of and Made count pairs, not cases.
type Controlled struct{ Of, Made int64 }

// A stop is why a run ended early. Verdict is 0 where it did not.
type stop struct {
	Verdict run.Verdict
	// Reason is the beginning of a sentence that goes on with "after 3 of 10 cases".
	Reason string
	Signal int // that stopped it; 0: none did
}

// AllControlled is the number of rows of a case up to which the negative control is made on all
// of them. Above it a random sample of the rows is taken, because the control costs more than
// the comparison itself and rows of one case go through the same rules.
const AllControlled = 25
