package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// News are the reasons of a later probe that an earlier one did not have. The sentences are
// compared, so a reason that the second probe repeats is not reported again.
func (r *IdentityReport) News(before *IdentityReport) []string {
	var out []string
	for _, reason := range r.reasons {
		if !slices.Contains(before.reasons, reason) {
			out = append(out, "after the run: "+reason)
		}
	}
	return out
}

// An IdentityReport is what the sides said they are. It holds one probe of both sides: the one
// before the cases, or the one after them.
type IdentityReport struct {
	// Verdict is pass, or the gravest of the reasons; 0: nothing was asked.
	Verdict run.Verdict
	// reasons are the sentences, each once, in the order in which they were added.
	reasons []string
	// Stop: a side is not what it should be, and nothing more may be sent.
	Stop bool
	// Values are what blue and green answered, by name of the identity.
	Values map[string][2]string
	// Protocol is the HTTP version with which blue and green answered the probe, such as
	// HTTP/2.0.
	Protocol [2]string
	// Asked counts the identities that were probed; 0 shows that the suites declare none.
	Asked int
}

// Add notes a sentence with its verdict; the worst of all is the report's.
func (r *IdentityReport) Add(v run.Verdict, format string, args ...any) {
	r.Verdict = r.Verdict.Worse(v)
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(r.reasons, text) {
		r.reasons = append(r.reasons, text)
	}
}

// GreenText says in one line what green is, for messages that ask whether to go on with it. The
// names are sorted.
func (r *IdentityReport) GreenText() string {
	if len(r.Values) == 0 {
		return "no identity says what it is"
	}
	var out []string
	for name, v := range r.Values {
		out = append(out, fmt.Sprintf("%s is %q", name, v[1]))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// Sides adds what the sides said they are. It returns a copy: the sides of the caller stay as
// they are.
func (r *IdentityReport) Sides(of run.Sides) *run.Sides {
	for name, v := range r.Values {
		of.Blue.SetIdentity(name, v[0])
		of.Green.SetIdentity(name, v[1])
	}
	of.Blue.Protocol, of.Green.Protocol = r.Protocol[0], r.Protocol[1]
	return &of
}

// Since compares what the sides are with what they were when an earlier execution
// of the run began: the cases that it judged were answered by something else. A
// value that the archive hid is not known.
func (r *IdentityReport) Since(began *run.Sides) []string {
	if began == nil {
		return nil
	}
	var out []string
	// Only names that both executions know are compared: an identity that was added between
	// them has no earlier value to differ from.
	for name, now := range r.Values {
		for i, was := range []string{began.Blue.Identity[name], began.Green.Identity[name]} {
			// The earlier value is kept in its short form.
			if was != "" && was != run.ShortIdentity(now[i]) && !strings.Contains(was, "<secret:") {
				side := []scenarios.Side{scenarios.Blue, scenarios.Green}[i]
				out = append(out,
					fmt.Sprintf("identity %s: %s was %q when the run began and is %q now that it goes on: its cases would be of two builds", name, side,
						was, now[i]))
			}
		}
	}
	slices.Sort(out)
	return out
}

// Changed compares what the sides are after the run with what they were before. A side that
// changes while it is tested was deployed to, or is two versions behind a load balancer;
// results of before and after are then not results of one build. An identity that no longer
// answers is reported by the second probe itself and not here.
func (r *IdentityReport) Changed(after *IdentityReport) []string {
	var out []string
	for name, before := range r.Values {
		now, ok := after.Values[name]
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
