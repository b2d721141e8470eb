package source

import (
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/run"
)

// Without lists what a run left out, and what left it out; empty: nothing. Runs of older
// versions have only the texts, which are shown as they are.
func (s *Run) Without() string {
	if len(s.End.LeftOut) == 0 {
		return strings.Join(s.Audit().VerifiedWithout, " and ")
	}
	parts := make([]string, len(s.End.LeftOut))
	for i, l := range s.End.LeftOut {
		parts[i] = l.String()
		if l.Name != "" {
			parts[i] += " (" + l.Name + ")"
		}
	}
	return strings.Join(parts, " and ")
}

// Doubts are what a reader of any verdict must know about what the run proves, in sentences:
// each belongs to the first lines of every report. They hold for a pass above all, which would
// otherwise be taken for more than it is.
func (s *Run) Doubts() []string {
	var out []string
	for _, l := range s.End.LeftOut {
		if l.What == run.AspectIdentity {
			out = append(out, "nothing showed that blue and green are two places: "+run.IdentityHint)
		}
	}
	// A run that checks less than the one before passes more easily.
	if s.Head.Weaker != nil {
		out = append(out, s.Head.Weaker.String())
	}
	if typed := s.TypedNumbers(); typed != "" {
		out = append(out, typed)
	}
	// Leftovers say nothing about green, but somebody has to remove them.
	if c := s.End.Created; c != nil && c.Open() > 0 {
		out = append(out, "left behind: "+leftoverText(c))
	}
	// Findings about connections that do not decide are worth a note, a few of them.
	stated := run.Stated(s.End.Transport)
	for _, f := range stated[:min(mostStated, len(stated))] {
		out = append(out, "note: "+f.String())
	}
	if n := len(stated) - mostStated; n > 0 {
		out = append(out, fmt.Sprintf("note: %d more differences between the connections, in run.json", n))
	}
	return out
}

// TypedNumbers says that suites compare numbers by type, and which ones where others do not;
// empty where none does. Two numbers that are equal in value then differ, which surprises
// readers of a report.
func (s *Run) TypedNumbers() string {
	var names []string
	for _, h := range s.Head.Suites {
		if h.Number == diff.Typed.String() {
			names = append(names, h.Name)
		}
	}
	// Where all suites do so, their names say nothing.
	const text = "numbers are compared by value and type (number: type): 1 and 1.0 differ"
	switch n := len(names); {
	case n == 0:
		return ""
	case n == len(s.Head.Suites):
		return text
	case n > mostStated:
		return fmt.Sprintf("in %d of %d suites, %s", n, len(s.Head.Suites), text)
	}
	return fmt.Sprintf("in suite %s, %s", strings.Join(names, ", "), text)
}

// mostStated is how many findings about connections that do not decide have a place
// in the first lines.
const mostStated = 3

// leftoverText says how much a run left behind, and what would take the first of it back. Only
// the first one is named; run.json has all of them.
func leftoverText(c *run.Created) string {
	text := fmt.Sprintf("%d of %d created things", c.Open(), c.Made.Blue+c.Made.Green)
	if len(c.Left) == 0 {
		return text
	}
	// The list may be shorter than the number, since it is bounded.
	l := &c.Left[0]
	text += fmt.Sprintf("; first %s of %s on %s (%s)", l.Step, l.Case, l.Side, l.Why)
	if l.Undo != "" {
		text += ". To take it back: " + l.Undo
	}
	return text
}
