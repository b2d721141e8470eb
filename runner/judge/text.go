package judge

import (
	"fmt"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// pickName is the name of a side, for sentences. blue selects the side.
func pickName(blue bool) string {
	if blue {
		return scenarios.Blue.String()
	}
	return scenarios.Green.String()
}

// differText says how many differences there are and what the first one is. The list of
// differences is bounded, so it may be shorter than the total, or empty.
func differText(r *diff.Result) string {
	text := text.Count(r.Total, "difference")
	if len(r.Differences) == 0 {
		return text
	}
	return text + ": " + DifferenceText(&r.Differences[0])
}

// DifferenceText is a difference in one line: the place, what happened there, and the beginning
// of both values, with the note of the comparison where it has one. It is used in reasons and
// on the terminal. Long values are cut at 60 characters each.
func DifferenceText(d *diff.Difference) string {
	place := d.Path
	switch d.Where {
	case diff.InStatus:
		place = "status"
	case diff.InHeader:
		place = "header " + d.Path
	}
	sentence := fmt.Sprintf("%s %s", place, d.Kind)
	switch {
	case d.Blue.Type != diff.AbsentType && d.Green.Type != diff.AbsentType:
		sentence += fmt.Sprintf(", blue %s, green %s", text.Cut(d.Blue.JSON, 60), text.Cut(d.Green.JSON, 60))
	case d.Blue.Type != diff.AbsentType:
		sentence += ", blue has " + text.Cut(d.Blue.JSON, 60)
	case d.Green.Type != diff.AbsentType:
		sentence += ", green has " + text.Cut(d.Green.JSON, 60)
	}
	if d.Note != "" {
		sentence += " (" + text.Cut(d.Note, 120) + ")"
	}
	return sentence
}

// SideResult is what reports show of an exchange. It is nil for a side that was not asked.
// Bodies and headers are left out: the archive keeps them, under the key of the exchange.
func SideResult(x *wire.Exchange) *run.SideResult {
	if x == nil {
		return nil
	}
	s := &run.SideResult{
		Status: x.Status, ElapsedMS: run.Milliseconds(x.Timing.Total), Bytes: int64(len(x.Answer)), Method: x.Method, URL: x.URL,
		Attempts: x.Attempts, Protocol: x.Proto, Err: x.Err, Connection: sideConnection(x),
	}
	if x.Remote.IsValid() {
		s.Remote = x.Remote.String()
	}
	s.TraceID = x.TraceID()
	return s
}
