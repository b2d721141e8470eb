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
	"context"
	"errors"
	"io/fs"
	"sync"
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
	// ID is that of the run; it travels with requests that are traced.
	ID string
	// Tool is this program with its version.
	Tool run.Tool
	// Parent is the run that this one judges again or continues.
	Parent string
	// Answered is when the answers that are judged again had come; zero: this run asks.
	Answered time.Time
	// Started is the header's; zero: when Execute is called.
	Started time.Time
	// Suites are what scenarios.Select left.
	Suites []*scenarios.Suite
	// Whole is the size of the suites before Select; zero: what is planned.
	Whole scenarios.Size
	// Env is nil without an env file.
	Env *scenarios.Env
	// Rules are those of flags, which the steps of all suites hold already.
	Rules []diff.Rule
	// Narrowed are the flags and variables that chose what runs; marks in the suites
	// are added to them.
	Narrowed []run.Narrowing
	// Paths are the files and folders that the suites were named by.
	Paths []string
	// Asks is what the suites ask, whatever was chosen; nil: unknown.
	Asks *run.Asks
	// Weaker is what the suites ask less than in the run before; nil: nothing, or unknown.
	Weaker *run.WeakerThan
	// Vars are those of --var.
	Vars []scenarios.Named
	// Flags are as given, for the record.
	Flags []string
	// Verb made the plan, where that is not run.
	Verb string
	// Stage is the name of Env, for the record.
	Stage string
	// Audit is what the run can show of its own doing; see run.Audit.
	Audit run.Audit
	// Machine is where the run takes place.
	Machine run.Environment
	// Options are the choices of the reader.
	Options Options
	// World is what the execution reads of its surroundings.
	World World
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

// SuiteNames are the names of the planned suites, in order.
func (p *Plan) SuiteNames() []string {
	names := make([]string, len(p.Suites))
	for i, suite := range p.Suites {
		names[i] = suite.Name
	}
	return names
}

// LoadStages is the number of load stages that will run.
func (p *Plan) LoadStages() int {
	n := 0
	for _, suite := range p.Suites {
		_, loads := p.Options.Part.of(suite)
		n += loads
	}
	return n
}

// World is what an execution reads of its surroundings, passed in so that a
// test can hold it still. A nil field means there is none of it, Now apart,
// which is required.
type World struct {
	// Now is the clock.
	Now func() time.Time
	// Getenv reads a variable of the environment.
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

// of counts the cases of a suite that a part has, each row as one, and the load stages.
func (p Part) of(suite *scenarios.Suite) (cases, loads int) {
	if p != OnlyCompare {
		loads = len(suite.Loads)
	}
	if p == OnlyLoad {
		return 0, loads
	}
	for _, c := range suite.Cases {
		cases += c.Count()
	}
	return cases, loads
}

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
	// Seed decides every choice that is left to chance: order of the sides, mutants, generated
	// values.
	Seed uint64
	// Concurrency is how many cases are walked at once; 0: 8.
	Concurrency int
	// Part is what runs of cases and load.
	Part Part
	// Timeout is that of the whole run; 0: none.
	Timeout time.Duration
	// FailFast starts no case after the first one that failed.
	FailFast bool
	// OnInconclusive is what an inconclusive load stage does to the verdict.
	OnInconclusive OnInconclusive
	// GreenBuild is what green's identities that must differ have to show; empty: any.
	GreenBuild string
	// AllowLoad allows load off loopback, as the env file's limits can.
	AllowLoad bool
	// AllowWrites allows steps with side effects off loopback, as the env file's limits can.
	AllowWrites bool
	// AllowSame lets both sides be one place on purpose (calibrate).
	AllowSame bool
	// Calibrate has load stages measure for their whole duration, at the first rate of a ladder.
	Calibrate bool
	// MaxMutants is how many mutants the negative control makes of a body; 0: 6, negative: none.
	MaxMutants int
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
var phaseNames = [...]string{
	Preflight: "preflight",
	Comparing: "comparing",
	Loading:   "load",
	Finishing: "finishing",
	Waiting:   "waiting for green",
}

// String is the phase as progress shows it.
func (p Phase) String() string {
	if p == 0 || int(p) >= len(phaseNames) {
		return "unknown phase"
	}
	return phaseNames[p]
}

// Progress is how far an execution is. It is handed over from one goroutine
// at a time, after each case and several times a second under load.
type Progress struct {
	// Phase is what is being done.
	Phase Phase
	// Elapsed is the time since the execution began.
	Elapsed time.Duration
	// Done is how many cases have a result.
	Done int
	// Total is how many cases were planned.
	Total int
	// Counts are the verdicts so far.
	Counts run.Counts
	// Requests are all that were sent so far.
	Requests run.PerSide
	// Last is the id of the case that ended last.
	Last string
	// Verdict is that of the case that ended last.
	Verdict run.Verdict
	// Load is the stage that runs; nil outside of load.
	Load *LoadProgress
	// Ready is what is known while Waiting; nil before the first look.
	Ready *run.Ready
}

// LoadProgress is how far a load stage is. Its figures are those of the last seconds.
type LoadProgress = attack.Progress

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

// Clusters are asked about what the sides run on. runner/cluster implements it; this
// package knows no Kubernetes.
type Clusters interface {
	// Before is asked once, before the first request: is green ready, and do both
	// clusters hold the same. progress is called while green is waited for.
	Before(ctx context.Context, progress func(*run.Ready)) *run.Clusters
	// Note books a request of a case that green answered: its URL, and its Host header.
	Note(method, url, host string)
	// Services says which services the noted requests asked; nil: not needed.
	Services() *run.ServiceCoverage
}

// A Meter measures what both sides needed while a load stage ran. runner/cluster/resources
// implements it.
type Meter interface {
	// Measure compares both sides over a time in which each got so many requests.
	Measure(ctx context.Context, from, to time.Time, requests float64) *run.Resources
}

// A board says how far an execution is, to one listener, one call at a time.
type board struct {
	// mu is held while listen is called: progress comes from one goroutine at a time.
	mu sync.Mutex
	// listen is nil where that is not needed.
	listen func(Progress)
	// started is when the execution began, of which Progress.Elapsed counts.
	started time.Time
	// now is the plan's clock.
	now func() time.Time
	// state is what was shown last; guarded by mu.
	state Progress
}

// update changes the state and shows it.
func (b *board) update(change func(*Progress)) {
	if b.listen == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.state)
	b.state.Elapsed = b.now().Sub(b.started)
	b.listen(b.state)
}
