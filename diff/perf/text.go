package perf

import (
	"strings"

	"github.com/bgverify/bgverify/internal/text"
)

// String is the metric as a reader knows it: "p95", or "p95 of the run" for the
// p95 of all requests.
func (m Metric) String() string {
	switch m {
	case RequestRate:
		return "requests/s"
	case WalkRate:
		return "walks/s"
	}
	if q, ok := strings.CutPrefix(string(m), "run-"); ok {
		return q + " of the run"
	}
	return string(m)
}

// ofBlocks is the metric of the same quantile that is computed block by block.
func (m Metric) ofBlocks() Metric { return Metric(strings.TrimPrefix(string(m), "run-")) }

// IsLatency reports whether the metric compares durations, whose change is
// relative.
func (m Metric) IsLatency() bool { return m.IsWholeRun() || m == P50 || m == P95 || m == P99 }

// IsRate reports whether the metric counts what a closed loop gets done per second, of
// which less is worse.
func (m Metric) IsRate() bool { return m == RequestRate || m == WalkRate }

// IsWholeRun reports whether the metric is a quantile of all requests of a run.
func (m Metric) IsWholeRun() bool { return m == RunP50 || m == RunP95 || m == RunP99 }

// The words of the enumerations in run.json and messages.
var (
	outcomeWords = text.Words[Outcome]{NoWorse: "no-worse", Inconclusive: "inconclusive", Worse: "worse"}
	roleWords    = text.Words[Role]{Gate: "gate", Guard: "guard"}
	failureWords = text.Words[Failure]{
		Succeeded: "succeeded", TimedOut: "timed out", BadStatus: "unexpected status", Transport: "transport error",
		Client: "client fault",
	}
)

// String returns the outcome's word, or Outcome(n) for an invalid one.
func (o Outcome) String() string { return outcomeWords.Of(o) }

// MarshalText writes the outcome's word; an invalid outcome is an error.
func (o Outcome) MarshalText() ([]byte, error) { return outcomeWords.Marshal("outcome", o) }

// UnmarshalText reads an outcome's word.
func (o *Outcome) UnmarshalText(word []byte) error { return outcomeWords.Unmarshal("outcome", word, o) }

// String returns the role's word, or Role(n) for an invalid one.
func (r Role) String() string { return roleWords.Of(r) }

// MarshalText writes the role's word; an invalid role is an error.
func (r Role) MarshalText() ([]byte, error) { return roleWords.Marshal("role", r) }

// UnmarshalText reads a role's word.
func (r *Role) UnmarshalText(word []byte) error { return roleWords.Unmarshal("role", word, r) }

// String returns the failure in words, or Failure(n) for an unknown one.
func (f Failure) String() string { return failureWords.Of(f) }
