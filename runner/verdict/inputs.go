package verdict

import (
	"time"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// Inputs are everything that a verdict is made from: what the plan asked for, what
// was found, and how the run ended.
type Inputs struct {
	Demand
	Outcomes
	Totals *Totals
	Ledger *Ledger
	// Sides is where the sides are, without what they said they are.
	Sides   run.Sides
	Audit   run.Audit
	Elapsed time.Duration
	// Earlier is the run that is judged again; nil: this one sent its requests.
	Earlier *run.Run
	// Failure is the error of a sink that could not keep the events; nothing after
	// it counts.
	Failure error
	Stop    stop
	Halted  bool // fail-fast kept the rest from being started
}

// Demand is what the plan asked for.
type Demand struct {
	Suites    []*scenarios.Suite
	Env       *scenarios.Env // nil: no env file
	Planned   run.Planned
	Narrowed  []run.Narrowing
	Asks      *run.Asks // what the suites ask, whatever was chosen; nil: unknown
	Cases     bool      // cases were to be walked
	WarnOnly  bool      // an inconclusive load stage does not decide
	AllowSame bool      // blue against blue, on purpose
	Resumed   bool      // it continues an earlier execution
	Writes    bool      // a case that was chosen has a step with side effects
}

// Outcomes are what the parts of the run came to.
type Outcomes struct {
	Setup     []string         // why the run could not even be set up
	Reached   *PreflightReport // nil: nobody looked
	Identity  *IdentityReport  // nil: nobody asked
	Changed   []string         // identities that changed during the run
	Transport []run.TransportFinding
	Slow      *run.TransportFinding // nil: green is not much slower, or load was judged
	Loads     []run.LoadResult
	Clusters  *run.Clusters // nil: nobody asked
	Compared  bool          // the cases were walked
	Loaded    bool          // the load stages were run
	// TwoPlaces says that certificates, or addresses together with values, showed
	// blue and green to be two places.
	TwoPlaces  bool
	Controlled Controlled
}

// Controlled counts the pairs of cases with many rows, and those of them that the
// negative control was made on.
type Controlled struct{ Of, Made int64 }

// A stop is why a run ended early. Verdict is 0 where it did not.
type stop struct {
	Verdict run.Verdict
	Reason  string
	Signal  int // that stopped it; 0: none did
}

// AllControlled is the number of rows of a case up to which the negative control is
// made on all of them.
const AllControlled = 25
