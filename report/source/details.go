package source

import (
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// Failure names the first thing that made a case fail. kind is diff. and the kind of the first
// difference, or expect; message is one line for a list of failures, with the number of the
// cause where it is known.
func (s *Run) Failure(c *run.CaseResult) (kind, message string) {
	total := 0
	var first *diff.Difference
	for i := range c.Steps {
		step := &c.Steps[i]
		total += step.DifferencesTotal
		if first == nil && len(step.Differences) > 0 {
			first = &step.Differences[0]
		}
	}
	// Nothing differs, so an expectation is the usual reason.
	if first == nil {
		return "expect", FirstReason(c)
	}
	message = words.Place(first.Where, first.Path) + ": " + words.Change(first)
	// The message is for lists, which show the first difference only.
	if total > 1 {
		message += fmt.Sprintf(" (+%d more)", total-1)
	}
	if id, ok := s.FindCause(first); ok {
		message += fmt.Sprintf(" [cause %d]", Number(id))
	}
	return "diff." + first.Kind.String(), message
}

// BrokenType says why a case is broken, in the form that JUnit has for types of errors: the
// first error of a transport, or else the verdict.
func BrokenType(c *run.CaseResult) string {
	for i := range c.Steps {
		for _, side := range []*run.SideResult{c.Steps[i].Blue, c.Steps[i].Green} {
			if side != nil && side.Err != nil {
				return "transport." + string(side.Err.Class)
			}
		}
	}
	return "case." + c.Verdict.String()
}

// mostLines is how many differences of a step the details list. The rest is counted. The run
// folder has all of them.
const mostLines = 20

// Details is all that a reader of a failing testcase needs: reasons, differences, expectations
// that do not hold, and how to do it again. It is text of several lines, and not made safe:
// values come from answers.
func (s *Run) Details(c *run.CaseResult) string {
	var b strings.Builder
	for _, r := range c.Reasons {
		b.WriteString(r + "\n")
	}
	for i := range c.Steps {
		s.stepDetails(&b, &c.Steps[i])
	}
	b.WriteString("\n" + s.RerunCase(c.Suite, c.ID) + "\n")
	// The place in the suite file comes last, where editors and terminals make it a link.
	if c.At != "" {
		b.WriteString(c.At + "\n")
	}
	return b.String()
}

// stepDetails writes what a step that did not pass came to; one that passed or was skipped is
// left out. The order is that of the report: reasons, differences in the form of a diff,
// expectations that failed, and the commands for both sides.
func (s *Run) stepDetails(b *strings.Builder, step *run.StepResult) {
	if step.Verdict == run.Pass || step.Verdict == run.Skip {
		return
	}
	fmt.Fprintf(b, "\nstep %s: %s\n", step.Name, step.Verdict)
	for _, r := range step.Reasons {
		b.WriteString("  " + r + "\n")
	}
	// The two lines make viewers of diffs show what follows in colours.
	if step.DifferencesTotal > 0 {
		b.WriteString("--- blue\n+++ green\n")
	}
	for i := range step.Differences[:min(mostLines, len(step.Differences))] {
		d := &step.Differences[i]
		b.WriteString(words.Place(d.Where, d.Path) + ": " + words.Change(d) + "\n")
	}
	// The list itself may have been cut when it was made, hence the total.
	if n := step.DifferencesTotal - min(mostLines, len(step.Differences)); n > 0 {
		fmt.Fprintf(b, "and %d more\n", n)
	}
	for _, x := range step.Expectations {
		if !x.OK {
			fmt.Fprintf(b, "%s: expected %s, got %s\n", x.Side, x.What, x.Got)
		}
	}
	// With the commands a reader can look at both answers.
	blue, green := s.Curls(s.Pair(step.Exchange))
	for _, line := range []string{blue, green} {
		if line != "" {
			b.WriteString("\n" + line + "\n")
		}
	}
}

// FirstReason is the first thing that a case says for its verdict. A reason of the case comes
// before one of a step with its verdict. It is empty if there is none.
func FirstReason(c *run.CaseResult) string {
	if len(c.Reasons) > 0 {
		return c.Reasons[0]
	}
	for i := range c.Steps {
		if s := &c.Steps[i]; s.Verdict == c.Verdict && len(s.Reasons) > 0 {
			return s.Reasons[0]
		}
	}
	return ""
}
