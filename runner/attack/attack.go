// Package attack loads blue and green at once and has perf judge the records.
// It is the only importer of vegeta.
//
// The way of the data:
//
//	Plan -> schedule of pairs (seeded) -> one vegeta attack at twice the rate,
//	paced by a precise timer -> a transport per side -> perf.Records, written to
//	disk with a CRC per frame -> perf.Stage -> a decision at each look -> Report
//
// Latency counts from the scheduled send time, so that a stall of the service
// or of this program cannot hide the requests it held back.
package attack

import (
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// A Plan is one load stage, ready to be sent. Zero fields mean the default named
// with them.
type Plan struct {
	Name   string
	Routes []Route
	// Cases are walked whole, instead of single requests of Routes; see Case.
	Cases []Case
	Blue  Side
	Green Side

	Rate        float64       // requests, or walks, per second and side
	Users       perf.Users    // a closed loop, instead of Rate, where their Count is not 0; Idle is filled in
	Rates       []float64     // a ladder, instead of Rate: the same verdict at each step, up to the first that is worse
	Duration    time.Duration // of each step, warm-up not included; default 120 s
	WarmUp      time.Duration // default max(5 s, 200 requests per side)
	Timeout     time.Duration // of a request; default 30 s
	Margins     perf.Margins
	Connections int     // per side and service, default 64, or one for each user
	Reconnect   float64 // share of the requests that give up their connection
	Interleaved bool    // one side at a time, where both must not be loaded at once
	Seed        uint64
	MaxRPS      float64 // cap per host; 0: none
	Identity    string  // response header that tells back ends apart; empty: their address
	Breaker     Breaker
	MaxWorkers  int                           // most requests under way at once; default 4096
	Retry       bool                          // one more attack when the first is underpowered or sent late, at half of alpha each
	Calibrate   bool                          // both sides are blue: see perf.Design.Calibrates
	Known       func(rate float64) perf.Known // what a calibration found for a rate, 0 for users; nil: nothing

	// Fleet fires the plan from several machines; nil: this one fires it. Found takes what
	// the judges of a worker have found, in the order of its shares.
	Fleet Fleet
	Found func(worker int, findings []byte, judged bool)

	unit      time.Duration // perf.Design.Unit; shorter in tests
	rowsDealt []int         // by case: of the attacks before
	walked    int           // walks of the busiest user of the attacks before
}

// A Side is how the services of a side are reached. A request names its service.
type Side struct {
	Services map[string]wire.Config
}

// A Route is one request shape. Row i of Blue belongs with row i of Green; both
// have the same length, at least 1.
type Route struct {
	Name   string // method and path template
	Weight int    // default 1
	Blue   []Request
	Green  []Request
	Expect [2][]Status // of blue and green: any of; empty: 200 to 299
	// Judge looks at every answer of an accepted status; nil: not looked at.
	Judge   Judge
	Walks   WalkJudge // of a route of Cases
	Compare bool      // the answers of a pair are held against each other
}

// A Request is one ready request of one side.
type Request struct {
	Service string
	Method  string
	URL     string // absolute
	Headers []wire.Field
	Body    []byte
}

// A Status is a range of accepted statuses, both ends included.
type Status struct{ Low, High int }

// ParseStatus reads one status or a class of them: 204 or 2xx. ok is false for any other text.
func ParseStatus(text string) (s Status, ok bool) {
	low, high := text, text
	if class, is := strings.CutSuffix(strings.ToLower(text), "xx"); is {
		low, high = class+"00", class+"99"
	}
	from, err1 := strconv.Atoi(low)
	to, err2 := strconv.Atoi(high)
	if err1 != nil || err2 != nil || from < 100 || to > 599 {
		return Status{}, false
	}
	return Status{Low: from, High: to}, true
}

// A Breaker stops an attack within a second when a side is going down.
type Breaker struct {
	Errors float64       // share of failures within one second, default 0.5; at least 20 requests
	P99    time.Duration // highest p99 within one second; 0: not looked at
}

// A Report is the result of a stage with what its makers say of it. Verdict, Suite, At
// and what answers showed are left to the caller. What is summed over the attacks of a
// ladder, or of a stage that was attacked again: Requests (warm-up included), Judging
// and Warnings. WarmUp is the worst, and Fleet is of the last.
type Report struct {
	run.LoadResult
	// Outcome is perf's; zero: nothing can be said, for a fault of this machine that Reason
	// names.
	Outcome perf.Outcome
	Advice  string // when inconclusive: what to change
	Steps   []Step // of a ladder; empty otherwise
}

// A Step is one rate of a ladder.
type Step struct {
	Rate    float64
	Outcome perf.Outcome
	Reason  string
}

// Progress is the state of an attack, for people who wait.
type Progress struct {
	Name     string
	Phase    string // warm-up, measuring, draining
	Elapsed  time.Duration
	Total    time.Duration // warm-up and duration: the longest it can take
	NextLook time.Duration // until the next look; 0 when none is left
	Rate     float64       // requests per second and side, over the last second
	Blue     Live
	Green    Live
	Workers  []WorkerLive // of a fleet
}

// WorkerLive is a worker of a fleet, for people who wait.
type WorkerLive struct {
	Number int
	Host   string
	Lost   bool
	Offset time.Duration // of its clock
	Bound  time.Duration // the offset is right within this
	Lag    time.Duration // p99 of how late its requests of the last seconds left
}

// Live is one side over the last seconds.
type Live struct {
	Sent     int
	Errors   int
	P50, P99 float64 // seconds, over the last 5 s; 0 without requests
}
