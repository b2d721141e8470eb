package run

import "fmt"

// A Verdict is what a step, case, suite or run came to. The values are ordered
// by gravity, so that the worst of several is the largest. Zero is invalid: a
// verdict is given, never assumed.
type Verdict uint8

// The verdicts, from lightest to gravest.
const (
	Skip         Verdict = iota + 1 // not run, with a reason; weighs nothing against a Pass
	Pass                            // proven
	Inconclusive                    // too little evidence
	Broken                          // could not be judged
	Fail                            // green differs or is worse
	Interrupted                     // stopped by a signal
	Incomplete                      // still running, or killed
)

var verdictNames = [...]string{
	Skip: "skip", Pass: "pass", Inconclusive: "inconclusive", Broken: "broken", Fail: "fail",
	Interrupted: "interrupted", Incomplete: "incomplete",
}

// String is the verdict's word, also of an invalid one.
func (v Verdict) String() string {
	if v == 0 || int(v) >= len(verdictNames) {
		return fmt.Sprintf("Verdict(%d)", uint8(v))
	}
	return verdictNames[v]
}

// MarshalText writes the verdict's word; an invalid verdict is an error.
func (v Verdict) MarshalText() ([]byte, error) {
	if v == 0 || int(v) >= len(verdictNames) {
		return nil, fmt.Errorf("marshal invalid verdict %d", uint8(v))
	}
	return []byte(verdictNames[v]), nil
}

// UnmarshalText reads a verdict's word.
func (v *Verdict) UnmarshalText(text []byte) error {
	for i, name := range verdictNames {
		if name != "" && name == string(text) {
			*v = Verdict(i)
			return nil
		}
	}
	return fmt.Errorf("unknown verdict %q", text)
}

// Worse returns the graver of two verdicts.
func (v Verdict) Worse(w Verdict) Verdict { return max(v, w) }

// ExitStatus is the status that a process with this verdict exits with. sig is
// the number of the signal that stopped an interrupted run.
func (v Verdict) ExitStatus(sig int) int {
	switch v {
	case Pass:
		return 0
	case Fail:
		return 1
	case Inconclusive:
		return 4
	case Interrupted:
		return 128 + sig
	default: // Broken, Skip (nothing was judged), Incomplete, invalid
		return 3
	}
}
