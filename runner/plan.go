// Package runner walks the cases of suites on blue and green, judges every pair
// and emits what happened into a Sink.
//
// The way of the data:
//
//	Plan (suites, settings) -> preflight -> cases under a limit -> lanes ->
//	wire.Exchange per side -> judge.Judge (pure) -> StepResult -> CaseResult -> Sink
//	-> load stages (runner/attack) -> End with the Verdict
//
// Firing and judging are separate: judge.Judge takes a pair and a step and knows no
// network, so that a run, a re-judgement of the archive and a resumed run share it.
package runner

import (
	"errors"
	"io/fs"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A Plan is everything that an execution is made from. It is read, never
// changed, and holds nothing that has not been loaded and validated.
type Plan struct {
	ID      string // of the run
	Tool    run.Tool
	Parent  string             // the run it is re-judged or resumed from
	Started time.Time          // of the header; zero: when Execute is called
	Suites  []*scenarios.Suite // what scenarios.Select left
	Whole   scenarios.Size     // of the suites before Select; zero: what is planned
	Env     *scenarios.Env     // nil: no env file
	// Rules are those of flags, which the steps of all suites hold already.
	Rules []diff.Rule
	// Narrowed are the flags and variables that chose what runs; marks in the suites
	// are added to them.
	Narrowed []run.Narrowing
	Paths    []string  // files and folders that the suites were named by
	Asks     *run.Asks // what the suites ask, whatever was chosen; nil: unknown
	Weaker   *run.WeakerThan
	Vars     []scenarios.Named // of --var
	Flags    []string          // as given, for the record
	Verb     string            // that made the plan, where it is not run
	Stage    string            // the name of Env, for the record
	Audit    run.Audit
	Machine  run.Environment
	Options  Options
	World    World
	// Fleet fires the load stages from other machines; nil: this one does.
	Fleet Fleet
	// Clusters are asked about what the sides run on; nil: the env file names none.
	Clusters Clusters
	// Meter measures what load stages cost both sides; nil: the env file names no metrics.
	Meter Meter
	// Calibration is what earlier load of blue against blue found; nil: none.
	Calibration *run.Calibration
	// Shards are listed in the header of a merged run; see Merge.
	Shards []run.Shard
	// Done are the results that an earlier execution of the same plan brought to
	// an end (resume): they are counted and not walked again. nil: none.
	Done func(yield func(*run.CaseResult, error) bool)
	// Before is what the sides said they are when that execution began; nil: unknown.
	Before *run.Sides
	// Doubtful names cases that an earlier execution left with an unsafe request
	// on its way and no answer: id to reason. They are broken and not walked.
	Doubtful map[string]string
	// Unfinished are the cases of that execution, setups included, that sent unsafe
	// requests and have no result, by id; what they created is taken back first.
	Unfinished map[string]*run.Unfinished
	// Earlier reads the pairs of that execution back, by PairKey.
	Earlier func(key string) (*run.Pair, error)
}

// World is what an execution reads of its surroundings, passed in so that a
// test can hold it still. A nil field means there is none of it, Now apart,
// which is required.
type World struct {
	Now    func() time.Time
	Getenv func(name string) (string, bool)
	// Files is the tree that the suites were loaded from: schemas and snapshots are read from it.
	Files fs.FS
	// Root is the folder of Files on disk: certificates are opened below it.
	Root string
	// MaxBody is how many bytes of a decoded body are read; 0: the default of wire.Limits.
	MaxBody int64
	// Guard says where requests may go; nil: anywhere.
	Guard *wire.Guard
	// Asked are the variables of the environment that Getenv was asked for; nil: unknown.
	Asked func() map[string]string
	// Tampered returns what a proxy of the caller's changed in an answer, nil where
	// it changed nothing. It is called once for each answer, from several goroutines.
	Tampered func(x *wire.Exchange) *Tampered
}

// Part says which half of the comparison runs.
type Part uint8

// The parts. Zero means both.
const (
	Both Part = iota
	OnlyCompare
	OnlyLoad
)

// OnInconclusive says what an inconclusive load stage does to the verdict.
type OnInconclusive uint8

// The policies. Zero means Block.
const (
	Block     OnInconclusive = iota // the run is inconclusive
	Warn                            // the record says so, the rest decides
	RetryOnce                       // one more run of the stage on fresh data, then Block
)

// Options steer an execution. The zero value of each field means what its comment says.
type Options struct {
	Seed           uint64
	Concurrency    int // cases at once; 0: 8
	Part           Part
	Timeout        time.Duration // of the whole run; 0: none
	FailFast       bool          // stop starting cases after the first failed one
	OnInconclusive OnInconclusive
	GreenBuild     string // what green's identities that must differ have to show; empty: any
	AllowLoad      bool   // off loopback, beside the env file's limits
	AllowWrites    bool   // off loopback, beside the env file's limits
	AllowSame      bool   // blue against blue on purpose (calibrate)
	Calibrate      bool   // load stages measure for their whole duration, at the first rate of a ladder
	MaxMutants     int    // of the negative control, for each body; 0: 6, negative: none
}

// Phase is what an execution is doing.
type Phase uint8

// The phases, in order. Zero is invalid.
const (
	Preflight Phase = iota + 1
	Comparing
	Loading
	Finishing
	Waiting // for green's cluster, before all others
)

// phaseNames are the phases as progress shows them.
var phaseNames = [...]string{Preflight: "preflight", Comparing: "comparing", Loading: "load", Finishing: "finishing", Waiting: "waiting for green"}

// String is the phase as progress shows it.
func (p Phase) String() string {
	if p == 0 || int(p) >= len(phaseNames) {
		return "unknown phase"
	}
	return phaseNames[p]
}

// Progress is where an execution stands. It is handed over from one goroutine
// at a time, after each case and several times a second under load.
type Progress struct {
	Phase    Phase
	Elapsed  time.Duration
	Done     int // cases
	Total    int
	Counts   run.Counts // so far
	Requests run.PerSide
	Last     string      // id of the case that ended last
	Verdict  run.Verdict // of that case
	Load     *LoadProgress
	Ready    *run.Ready // while Waiting; nil before the first look
}

// LoadProgress is where a load stage stands.
type LoadProgress struct {
	Name     string
	Stage    string // warm-up, measuring, draining
	Elapsed  time.Duration
	Total    time.Duration // the longest it can take
	NextLook time.Duration // until the next look; 0 when none is left
	Rate     float64       // requests per second and side, over the last second
	Requests run.PerSide
	Errors   run.PerSide
	// Of the last seconds, in seconds; 0 without requests.
	BlueP50, GreenP50, BlueP99, GreenP99 float64
	// Workers are the machines that fire the stage; none where this one does.
	Workers []attack.WorkerLive
}

// concurrency is how many cases are walked at once.
func (o *Options) concurrency() int {
	if o.Concurrency > 0 {
		return o.Concurrency
	}
	return 8
}

// mutants is how many mutants the negative control makes of one body at most.
func (o *Options) mutants() int {
	switch {
	case o.MaxMutants < 0:
		return 0
	case o.MaxMutants > 0:
		return o.MaxMutants
	default:
		return 6
	}
}

// controlShare is the share of a case's rows that the negative control is made
// on: all of few rows, and at least a tenth of many, whose bodies and rules are
// alike.
func controlShare(rows int) float64 {
	const least = 0.1
	return max(least, verdict.AllControlled/float64(max(rows, verdict.AllControlled)))
}

// ErrStopped is the error of a verb that runs suites several times and was
// stopped by a signal before it had an answer. Callers wrap it with what is lost.
var ErrStopped = errors.New("stopped")
