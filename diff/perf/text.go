package perf

import (
	"fmt"
	"strings"
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

// outcomeNames are the outcomes in run.json and messages.
var outcomeNames = [...]string{NoWorse: "no-worse", Inconclusive: "inconclusive", Worse: "worse"}

// String returns the outcome's word, or Outcome(n) for an invalid one.
func (o Outcome) String() string {
	if o == 0 || int(o) >= len(outcomeNames) {
		return fmt.Sprintf("Outcome(%d)", uint8(o))
	}
	return outcomeNames[o]
}

// MarshalText writes the outcome's word; an invalid outcome is an error.
func (o Outcome) MarshalText() ([]byte, error) {
	if o == 0 || int(o) >= len(outcomeNames) {
		return nil, fmt.Errorf("marshal invalid outcome %d", uint8(o))
	}
	return []byte(outcomeNames[o]), nil
}

// UnmarshalText reads an outcome's word.
func (o *Outcome) UnmarshalText(text []byte) error {
	for i, name := range outcomeNames {
		if name != "" && name == string(text) {
			*o = Outcome(i)
			return nil
		}
	}
	return fmt.Errorf("unknown outcome %q", text)
}

// roleNames are the roles in run.json and messages.
var roleNames = [...]string{Gate: "gate", Guard: "guard"}

// String returns the role's word, or Role(n) for an invalid one.
func (r Role) String() string {
	if r == 0 || int(r) >= len(roleNames) {
		return fmt.Sprintf("Role(%d)", uint8(r))
	}
	return roleNames[r]
}

// MarshalText writes the role's word; an invalid role is an error.
func (r Role) MarshalText() ([]byte, error) {
	if r == 0 || int(r) >= len(roleNames) {
		return nil, fmt.Errorf("marshal invalid role %d", uint8(r))
	}
	return []byte(roleNames[r]), nil
}

// UnmarshalText reads a role's word.
func (r *Role) UnmarshalText(text []byte) error {
	for i, name := range roleNames {
		if name != "" && name == string(text) {
			*r = Role(i)
			return nil
		}
	}
	return fmt.Errorf("unknown role %q", text)
}

// failureNames are the failures in messages.
var failureNames = [...]string{
	Succeeded: "succeeded", TimedOut: "timed out", BadStatus: "unexpected status", Transport: "transport error",
	Client: "client fault",
}

// String returns the failure in words, or Failure(n) for an unknown one.
func (f Failure) String() string {
	if int(f) >= len(failureNames) {
		return fmt.Sprintf("Failure(%d)", uint8(f))
	}
	return failureNames[f]
}
