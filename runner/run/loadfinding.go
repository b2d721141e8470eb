package run

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/internal/text"
)

// LoadJudging is what the answers of a load stage came to: each is held against
// what its case expects, and both of a pair against each other.
type LoadJudging struct {
	Routes []RouteJudging `json:"routes"`
	// CPUSeconds is the CPU time that judging took, at most.
	CPUSeconds float64     `json:"cpu_s"`
	Causes     []LoadCause `json:"causes,omitempty"`
	Unmet      []LoadUnmet `json:"unmet,omitempty"`
	// Examples are pairs that differ and answers that were not expected; their
	// exchanges are in the archive.
	Examples []StepResult `json:"examples,omitempty"`
}

// RouteJudging counts the pairs of a route that were answered with an accepted
// status on both sides.
type RouteJudging struct {
	Name   string `json:"name"`
	Pairs  int    `json:"pairs"`
	Judged int    `json:"judged"`
	// ByLength are those of Judged whose bodies were too large to be kept and were
	// compared by their lengths.
	ByLength int `json:"by_length,omitempty"`
	Differ   int `json:"differ"`
}

// A LoadCause is a cause of differences under load. Its cases are pairs.
type LoadCause struct {
	cause.Cause
	Blocks int `json:"blocks"` // in which it was seen, at most 2 are counted
}

// A LoadUnmet is an expectation that answers of one side did not meet.
type LoadUnmet struct {
	Side  string `json:"side"`
	Route string `json:"route"`
	What  string `json:"what"`
	Got   string `json:"got"` // by the first of them
	Count int    `json:"count"`
}

// LoadWarmUp is what the requests before the first block came to.
type LoadWarmUp struct {
	Requests PerSide `json:"requests"`
	Errors   PerSide `json:"errors"`
	// Only counts pairs in which this side alone failed; in an interleaved stage, whose
	// sides have no pairs, its failures.
	Only PerSide    `json:"only"`
	P50  [2]float64 `json:"p50_s"` // blue, green, in seconds
	// Level is the probability that green failed so much more often by chance; 1 where it
	// did not.
	Level float64 `json:"level"`
}

// A LoadFindingKind says what a finding of a load stage is about.
type LoadFindingKind string

// The kinds of findings under load.
const (
	// LoadDiffers: answers differ in two blocks or more.
	LoadDiffers LoadFindingKind = "responses-differ"
	// LoadDiffersOnce: answers differ in one block only.
	LoadDiffersOnce LoadFindingKind = "responses-differ-once"
	// LoadUnjudged: too few pairs of a route were judged.
	LoadUnjudged LoadFindingKind = "responses-not-judged"
	// LoadColdErrors: green failed in the warm-up where blue did not.
	LoadColdErrors LoadFindingKind = "warm-up-errors"
	// LoadConnectionsDie: reused connections to green died.
	LoadConnectionsDie LoadFindingKind = "connections-die"
	// LoadConnectionsClose: green closes connections that blue keeps.
	LoadConnectionsClose LoadFindingKind = "connections-close"
	// LoadConnectionsSlow: a new connection to green answers much later than one to blue.
	LoadConnectionsSlow LoadFindingKind = "connections-slow"
)

// A LoadFinding is something about a load stage that its records do not show.
type LoadFinding struct {
	Kind    LoadFindingKind `json:"kind"`
	Verdict Verdict         `json:"verdict"`
	Place   string          `json:"place,omitempty"` // of a difference
	Route   string          `json:"route,omitempty"`
	Example string          `json:"example,omitempty"` // of a difference
	Count   int             `json:"count,omitempty"`   // pairs that differ, or were judged
	Of      int             `json:"of,omitempty"`      // pairs
	// Blue and Green are what was measured: errors, connections, or seconds.
	Blue  float64 `json:"blue,omitempty"`
	Green float64 `json:"green,omitempty"`
	// OfBlue and OfGreen are what Blue and Green are counted among.
	OfBlue  int `json:"of_blue,omitempty"`
	OfGreen int `json:"of_green,omitempty"`
}

// String is the finding as one clause.
func (f LoadFinding) String() string {
	sides := fmt.Sprintf("blue %g of %d, green %g of %d", f.Blue, f.OfBlue, f.Green, f.OfGreen)
	switch f.Kind {
	case LoadDiffers:
		return fmt.Sprintf("responses differ in %d of %d judged pairs: %s", f.Count, f.Of, f.Example)
	case LoadDiffersOnce:
		return fmt.Sprintf("responses differ in %d of %d judged pairs, all in one block: %s; a value may have changed between two requests",
			f.Count, f.Of, f.Example)
	case LoadUnjudged:
		return fmt.Sprintf("only %d of %d pairs of route %s were judged (at least %s)", f.Count, f.Of, f.Route, text.Percent(LeastJudged))
	case LoadColdErrors:
		return "green failed requests of the warm-up where blue did not: " + sides
	case LoadConnectionsDie:
		return "connections died under requests that reused them: " + sides
	case LoadConnectionsClose:
		return "green closes connections that blue keeps: closed after " + sides + " requests"
	case LoadConnectionsSlow:
		return fmt.Sprintf("a new connection brings its first answer after %s on blue and %s on green", milliseconds(f.Blue),
			milliseconds(f.Green))
	}
	return string(f.Kind)
}

// MarshalJSON adds the sentence for readers of run.json.
func (f LoadFinding) MarshalJSON() ([]byte, error) {
	type plain LoadFinding
	return json.Marshal(struct {
		plain
		Text string `json:"text"`
	}{plain(f), f.String()})
}

func milliseconds(seconds float64) string { return fmt.Sprintf("%.0f ms", seconds*1000) }

// LeastJudged is the share of the pairs of a route below which too few were judged.
const LeastJudged = 0.20

// String is the expectation as one clause.
func (u LoadUnmet) String() string {
	return fmt.Sprintf("%s: %s of %s did not meet an expectation: expected %s, got %s", u.Side, text.Count(u.Count, "answer"), u.Route,
		u.What, u.Got)
}

// Sum adds up the routes.
func (j *LoadJudging) Sum() (pairs, judged, differ int) {
	for _, r := range j.Routes {
		pairs, judged, differ = pairs+r.Pairs, judged+r.Judged, differ+r.Differ
	}
	return pairs, judged, differ
}

// JudgedText says how many pairs were judged.
func (j *LoadJudging) JudgedText() string {
	pairs, judged, _ := j.Sum()
	return fmt.Sprintf("judged %s of %s", text.Thousands(judged), text.Count(pairs, "pair"))
}

// Join adds what was judged in another attack of the stage; routes are in the same order.
func (j *LoadJudging) Join(other *LoadJudging) {
	if j.Routes == nil {
		j.Routes = make([]RouteJudging, len(other.Routes))
	}
	for i, r := range other.Routes {
		j.Routes[i].Name = r.Name
		j.Routes[i].Pairs += r.Pairs
	}
	for _, u := range other.Unmet {
		same := func(own LoadUnmet) bool { return own.Side == u.Side && own.Route == u.Route && own.What == u.What }
		if i := slices.IndexFunc(j.Unmet, same); i >= 0 {
			j.Unmet[i].Count += u.Count
		} else {
			j.Unmet = append(j.Unmet, u)
		}
	}
	j.CPUSeconds += other.CPUSeconds
}

// Worse is the warm-up in which green failed more clearly; either may be nil.
func (w *LoadWarmUp) Worse(other *LoadWarmUp) *LoadWarmUp {
	if other == nil || w != nil && w.Level <= other.Level {
		return w
	}
	return other
}

// String shows both sides' warm-up.
func (w *LoadWarmUp) String() string {
	text := fmt.Sprintf("errors: blue %d of %d, green %d of %d", w.Errors.Blue, w.Requests.Blue, w.Errors.Green, w.Requests.Green)
	if w.P50[0] > 0 && w.P50[1] > 0 {
		text += fmt.Sprintf("; p50 x%.2f", w.P50[1]/w.P50[0])
	}
	return text
}
