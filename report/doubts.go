package report

import (
	"strings"

	"github.com/bgverify/bgverify/runner"
)

// without lists what a run left out, and what left it out; empty: nothing.
func (s *source) without() string {
	if len(s.end.LeftOut) == 0 {
		return strings.Join(s.audit().VerifiedWithout, " and ")
	}
	parts := make([]string, len(s.end.LeftOut))
	for i, l := range s.end.LeftOut {
		parts[i] = l.String()
		if l.Name != "" {
			parts[i] += " (" + l.Name + ")"
		}
	}
	return strings.Join(parts, " and ")
}

// doubts are what a reader of any verdict must know about what the run proves, in
// sentences: each belongs to the first lines of every report.
func (s *source) doubts() []string {
	var out []string
	for _, l := range s.end.LeftOut {
		if l.What == runner.AspectIdentity {
			out = append(out, "nothing showed that blue and green are two places: "+runner.IdentityHint)
		}
	}
	if s.head.Weaker != nil {
		out = append(out, s.head.Weaker.String())
	}
	return out
}
