// Package perf judges whether green is no worse than blue under load. It is
// pure and deterministic: the same records give the same verdict, bit for bit.
//
// The way of the data:
//
//	Records (one per request, both members of a pair) -> blocks by scheduled
//	time -> validity rules -> per metric an interval of the log ratio ->
//	decision at a look -> Comparison: Outcome with the evidence for it
//
// Seconds, ratios and counts are in base units everywhere.
package perf

import "time"

// An Outcome is what the evidence says of one metric or one load stage.
type Outcome uint8

// The outcomes. Zero is invalid.
const (
	NoWorse Outcome = iota + 1
	Inconclusive
	Worse
)

// A Metric names what is compared.
type Metric string

// The metrics. Latencies are judged from the scheduled send time.
const (
	P50        Metric = "p50"
	P95        Metric = "p95"
	P99        Metric = "p99"
	Errors     Metric = "errors"
	Throughput Metric = "throughput"
	Stalls     Metric = "stalls"
	// Of a closed loop, where what is sent follows from how fast the answers come.
	RequestRate Metric = "requests-per-second"
	WalkRate    Metric = "walks-per-second"
	RunP50      Metric = "run-p50" // of all requests of the run, where p50 is the mean of the blocks' p50
	RunP95      Metric = "run-p95"
	RunP99      Metric = "run-p99"
)

// A Role says what a metric can do to the verdict.
type Role uint8

// The roles. Zero is invalid.
const (
	Gate  Role = iota + 1 // must be proven for a pass, and may fail
	Guard                 // can only fail
)

// A Margin is how much worse is still "no worse".
type Margin struct {
	Rel float64 // a ratio: 0.1 allows +10 %
	Abs float64 // seconds; 0 where the file writes none. The larger of both counts
}

// Margins holds the margins of the gate metrics. A zero margin means its default
// (p50 5 %, p95 10 %, p99 20 %, errors 0.5 %).
type Margins struct {
	P50, P95, P99 Margin
	Errors        float64 // highest acceptable rate of pairs in which only green failed
}

// A Comparison is the evidence on one metric.
type Comparison struct {
	Metric  Metric  `json:"metric"`
	Role    Role    `json:"role"`
	Route   string  `json:"route"` // empty for the whole stage
	Blue    float64 `json:"blue"`  // seconds, or a ratio for errors and throughput
	Green   float64 `json:"green"`
	Change  float64 `json:"change"` // green/blue - 1
	Low     float64 `json:"low"`    // interval of Change
	High    float64 `json:"high"`
	Margin  float64 `json:"margin"`            // effective, as a ratio
	MDE     float64 `json:"mde"`               // the smallest regression this run would have found
	NeedS   float64 `json:"need_s"`            // seconds needed to prove equality; 0 when proven
	Floor   float64 `json:"floor"`             // noise floor: the smallest margin that 95 % of equal pairs would pass
	SE      float64 `json:"se,omitempty"`      // standard error of the log ratio
	Lag1    float64 `json:"lag_1,omitempty"`   // autocorrelation of neighbouring blocks
	Degrees float64 `json:"degrees,omitempty"` // of freedom of Student's t that SE goes with
	Blocks  int     `json:"blocks"`
	Dropped int     `json:"dropped"`
	Outcome Outcome `json:"outcome"`
	Note    string  `json:"note,omitempty"`
}

// A Record is one request of a load stage, as it is kept on disk (see
// runner/attack for the encoding, at most 32 bytes). In a stage that walks whole
// cases (Design.PerWalk) a pair is two walks, and a walk that has ended has a record
// too: its Latency is the time from its scheduled start to the end of its last request.
// In a closed loop (Design.Users) nothing is scheduled: a request counts from when it was
// sent, and its Lag is how long its user waited for this machine.
type Record struct {
	Pair      uint32        // number of the pair within the stage's schedule
	Step      uint16        // place of the request in its walk; 0 in other stages
	Walk      bool          // of a whole walk rather than of a request
	Green     bool          // side
	Solo      bool          // sent in a solo block: the other side rested
	Route     uint8         // index into the stage's routes
	Worker    uint8         // the generator that sent it
	Scheduled time.Duration // since the schedule's start; of a later request of a walk: when it could be sent
	Lag       time.Duration // actual send minus scheduled
	Latency   time.Duration // from the scheduled send time to the last byte
	Status    uint16        // HTTP status; 0 when there was none
	Failure   Failure
}

// A Failure says why a request of a load stage does not count as answered.
type Failure uint8

// The failures. Zero means the request succeeded.
const (
	Succeeded Failure = iota
	TimedOut          // counts as a latency of the timeout
	BadStatus         // an answer, but not the expected status class
	Transport         // refused, reset, cut
	Client            // our own fault: descriptors, worker cap; makes the run broken, never green's error
)
