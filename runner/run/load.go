package run

import (
	"fmt"
	"slices"

	"github.com/bgverify/bgverify/diff/perf"
)

// Beyond is the verdict of what the stage's records do not show: answers, the
// warm-up and connections. Pass without a finding.
func (r *LoadResult) Beyond() Verdict {
	v := Pass
	for _, f := range r.Findings {
		v = v.Worse(f.Verdict)
	}
	return v
}

// ConnectionsText shows both sides' connections.
func (g *Generator) ConnectionsText() string {
	text := fmt.Sprintf("opened %d and %d, ", g.Connections.Blue, g.Connections.Green)
	if g.Closed != (PerSide{}) {
		text += fmt.Sprintf("closed by the server %d and %d, ", g.Closed.Blue, g.Closed.Green)
	}
	text += fmt.Sprintf("died when reused %d and %d", g.Died.Blue, g.Died.Green)
	if g.FirstMS != [2]float64{} {
		text += fmt.Sprintf(", first answer after %.1f and %.1f ms", g.FirstMS[0], g.FirstMS[1])
	}
	return text
}

// A LoadResult is a judged load stage.
type LoadResult struct {
	Suite       int               `json:"suite"`
	Name        string            `json:"name"`
	At          string            `json:"at"`
	Verdict     Verdict           `json:"verdict"`
	Reason      string            `json:"reason"`
	Cause       perf.Cause        `json:"cause,omitempty"`    // when inconclusive
	Rate        float64           `json:"rate"`               // requests, or walks, per second and side; of a closed loop, as blue made them
	Users       *LoadUsers        `json:"users,omitempty"`    // of a closed loop
	PerWalk     float64           `json:"per_walk,omitempty"` // mean requests of a walk, where whole cases are walked: Rate is walks then
	Blue        string            `json:"blue,omitempty"`     // its addresses under load, separated by spaces
	Seconds     float64           `json:"seconds"`
	Blocks      int               `json:"blocks"`
	Dropped     int               `json:"dropped"`
	Comparisons []perf.Comparison `json:"comparisons"`
	Alone       [2]float64        `json:"alone_p50_s,omitzero"` // blue, green; p50 in solo blocks, in seconds
	Errors      PerSide           `json:"errors"`
	Requests    PerSide           `json:"requests"`
	Generator   Generator         `json:"generator"`
	Routes      []string          `json:"routes,omitempty"`
	Warnings    []string          `json:"warnings,omitempty"`
	Records     string            `json:"records,omitempty"` // file under the run folder
	Series      *Series           `json:"series,omitempty"`  // for the plots
	Judging     *LoadJudging      `json:"judging,omitempty"`
	WarmUp      *LoadWarmUp       `json:"warm_up,omitempty"`
	// Fleet is what the workers of a stage did that several machines fired; absent where one did.
	Fleet *LoadFleet `json:"fleet,omitempty"`
	// Findings are what the records alone do not say; their verdicts are part of Verdict.
	Findings []LoadFinding `json:"findings,omitempty"`
	// Resources are what both sides needed meanwhile; nil: the env file names no metrics.
	Resources *Resources `json:"resources,omitempty"`
	// Services are those that the stage puts under load: of the suites that its cases
	// belong to, and those that their steps name. Absent in runs of versions that did not record it.
	Services []string `json:"services,omitempty"`
}

// Unit names what Rate counts: "requests", or "walks" through whole cases.
func (l *LoadResult) Unit() string {
	if l.PerWalk > 0 {
		return "walks"
	}
	return "requests"
}

// A LoadFleet is several machines that fired one stage, in its last attack.
type LoadFleet struct {
	Workers []LoadWorker `json:"workers"`
	// Voids are the slices that were fired and not judged, because a worker failed to do its
	// share; each of a block was replaced by another block. At most 200 are listed.
	Voids []LoadVoid `json:"voids,omitempty"`
}

// AnyLost reports whether a worker was not heard at the end, or not always.
func (f *LoadFleet) AnyLost() bool {
	return f != nil && slices.ContainsFunc(f.Workers, func(w LoadWorker) bool { return w.Lost || w.Voided > 0 })
}

// A LoadWorker is one machine of a fleet.
type LoadWorker struct {
	Number        int     `json:"number"` // as in the records, from 1
	Host          string  `json:"host"`
	CPUs          int     `json:"cpus"`
	Lost          bool    `json:"lost,omitempty"` // not heard at the end
	OffsetMS      float64 `json:"offset_ms"`      // of its clock; corrected
	BoundMS       float64 `json:"bound_ms"`       // the offset is right within this
	LatenessP99MS float64 `json:"lateness_p99_ms"`
	CPU           float64 `json:"cpu"` // share of its GOMAXPROCS
	GCPauseP99MS  float64 `json:"gc_pause_p99_ms"`
	Shares        int     `json:"shares"`           // fired
	Missed        int     `json:"missed,omitempty"` // not fired, or lost
	Voided        int     `json:"voided,omitempty"` // slices that were void because of it
}

// A LoadVoid is a slice of a stage that is not judged.
type LoadVoid struct {
	Block int    `json:"block"` // -1 in the warm-up
	Why   string `json:"why"`
	// Side is the side of which some workers got no answers and others did, so that the stage
	// cannot pass; empty: the slice is void for another reason.
	Side string `json:"side,omitempty"`
}

// LoadUsers is a closed loop: what its users offered, and what both sides made of it.
type LoadUsers struct {
	Count  int        `json:"count"` // of each side
	RampS  float64    `json:"ramp_s"`
	ThinkS [2]float64 `json:"think_s"` // least and most
	// Offered is how many walks, or requests where there are no walks, per second the users
	// of a side would make if answers took no time; 0 where nothing else holds them back.
	Offered  float64    `json:"offered,omitempty"`
	Requests [2]float64 `json:"requests_per_s"`       // answered, blue and green
	Walks    [2]float64 `json:"walks_per_s,omitzero"` // whole walks, blue and green; absent where too few ended
}

// LoopText says what the users of a closed loop offered and achieved, and what a reader must
// know of it; empty for a stage at a rate.
func (l *LoadResult) LoopText() string {
	u := l.Users
	if u == nil {
		return ""
	}
	think := ""
	switch {
	case u.ThinkS[1] > u.ThinkS[0]:
		think = fmt.Sprintf(", %g to %g s to think", u.ThinkS[0], u.ThinkS[1])
	case u.ThinkS[1] > 0:
		think = fmt.Sprintf(", %g s to think", u.ThinkS[1])
	}
	offered := "as much as is answered"
	if u.Offered > 0 {
		offered = fmt.Sprintf("at most %.4g %s/s", u.Offered, l.Unit())
	}
	text := fmt.Sprintf("%d users a side%s: offered %s, achieved %.4g and %.4g requests/s", u.Count, think, offered, u.Requests[0],
		u.Requests[1])
	if u.Walks != [2]float64{} {
		text += fmt.Sprintf(", %.4g and %.4g walks/s", u.Walks[0], u.Walks[1])
	}
	return text + ". Users send less when answers are slower, so that a slow side is never loaded as hard as a fast one"
}

// Generator is the load generator's check of itself.
type Generator struct {
	LatenessP99MS float64 `json:"lateness_p99_ms"`
	Achieved      float64 `json:"achieved"` // sent / planned
	CPU           float64 `json:"cpu"`      // share of GOMAXPROCS
	GCPauseP99MS  float64 `json:"gc_pause_p99_ms"`
	Connections   PerSide `json:"connections"`
	Closed        PerSide `json:"closed,omitzero"` // of those, which the server ended
	Identities    PerSide `json:"identities"`      // distinct back ends reached
	// ConnectMS and TLSMS are the mean times to open a connection, blue and green;
	// absent when none was opened, or without TLS.
	ConnectMS [2]float64 `json:"connect_ms,omitzero"`
	TLSMS     [2]float64 `json:"tls_ms,omitzero"`
	// FirstMS is the mean time from before a connection was opened to the first byte
	// of its first answer, blue and green.
	FirstMS [2]float64 `json:"first_answer_ms,omitzero"`
	Reused  PerSide    `json:"reused,omitzero"`      // requests on a connection that had carried another
	Died    PerSide    `json:"died,omitzero"`        // of those, whose connection died before the answer
	Resent  PerSide    `json:"resent,omitzero"`      // requests sent again on a new connection
	Slow    int        `json:"slow_green,omitempty"` // connections of green that took far longer than blue's
}

// The plots of a load stage are drawn from what perf gathered.
type (
	Series    = perf.Series
	Bucket    = perf.Bucket
	PercPoint = perf.PercPoint
)
