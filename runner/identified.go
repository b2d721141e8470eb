package runner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// news are the reasons of a later probe that an earlier one did not have.
func (r *identityReport) news(before *identityReport) []string {
	var out []string
	for _, reason := range r.reasons {
		if !slices.Contains(before.reasons, reason) {
			out = append(out, "after the run: "+reason)
		}
	}
	return out
}

// An identityReport is what the sides said they are.
type identityReport struct {
	verdict  run.Verdict // Pass, or what is wrong; 0: nothing was asked
	reasons  []string
	stop     bool // a side is not what it should be: nothing more may be sent
	values   map[string][2]string
	protocol [2]string
	asked    int
}

func (r *identityReport) find(v run.Verdict, format string, args ...any) {
	r.verdict = r.verdict.Worse(v)
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(r.reasons, text) {
		r.reasons = append(r.reasons, text)
	}
}

func (r *identityReport) greenText() string {
	if len(r.values) == 0 {
		return "no identity says what it is"
	}
	var out []string
	for name, v := range r.values {
		out = append(out, fmt.Sprintf("%s is %q", name, v[1]))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// sides adds what the sides said they are.
func (r *identityReport) sides(of run.Sides) *run.Sides {
	for name, v := range r.values {
		of.Blue.SetIdentity(name, v[0])
		of.Green.SetIdentity(name, v[1])
	}
	of.Blue.Protocol, of.Green.Protocol = r.protocol[0], r.protocol[1]
	return &of
}

// since compares what the sides are with what they were when an earlier execution
// of the run began: the cases that it judged were answered by something else. A
// value that the archive hid is not known.
func (r *identityReport) since(began *run.Sides) []string {
	if began == nil {
		return nil
	}
	var out []string
	for name, now := range r.values {
		for i, was := range []string{began.Blue.Identity[name], began.Green.Identity[name]} {
			if was != "" && was != text.Cut(now[i], run.MaxGot) && !strings.Contains(was, "<secret:") {
				side := []scenarios.Side{scenarios.Blue, scenarios.Green}[i]
				out = append(out, fmt.Sprintf("identity %s: %s was %q when the run began and is %q now that it goes on: its cases would be of two builds", name, side, was, now[i]))
			}
		}
	}
	slices.Sort(out)
	return out
}

// changed compares what the sides are after the run with what they were before.
func (r *identityReport) changed(after *identityReport) []string {
	var out []string
	for name, before := range r.values {
		now, ok := after.values[name]
		if !ok {
			continue
		}
		for i, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
			if before[i] != now[i] {
				out = append(out, fmt.Sprintf("identity %s: %s was %q before the run and is %q after it", name, side, before[i], now[i]))
			}
		}
	}
	slices.Sort(out)
	return out
}
