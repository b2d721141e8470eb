package verdict

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// A Place is a service on both sides, by its base URLs.
type Place struct{ Blue, Green string }

// A PlaceTotals is what the exchanges with one service came to.
type PlaceTotals struct {
	Service string
	Suites  []string
	sides   [3]connectionTotals // by scenarios.Side
	framing map[string][2]string
	burst   [2]float64 // ms between the first and last event where green sent them at once
	Times   [3]Histogram
	clock   time.Duration // green's before blue's, by the pair that agrees best
	clocked bool          // a pair shows it
}

type connectionTotals struct{ exchanges, opened, closed, resets, resent int }

// connectionsSeen sums up what exchanges of cases show, by service.
type connectionsSeen map[Place]*PlaceTotals

// add books the steps of a case's straight lanes.
func (t connectionsSeen) add(s *SuiteOf, r *run.CaseResult) {
	for i := range r.Steps {
		step := &r.Steps[i]
		if step.Lane != "" || step.Blue == nil || step.Green == nil || r.Quarantine != "" && r.Verdict == run.Skip {
			continue
		}
		at, service, ok := s.PlaceOf(step)
		if !ok {
			continue
		}
		p := t[at]
		if p == nil {
			p = &PlaceTotals{Service: service, framing: map[string][2]string{}}
			t[at] = p
		}
		if !slices.Contains(p.Suites, s.Suite.Name) {
			p.Suites = append(p.Suites, s.Suite.Name)
			slices.Sort(p.Suites)
		}
		p.add(step)
	}
}

func (p *PlaceTotals) add(step *run.StepResult) {
	for side, of := range map[scenarios.Side]*run.SideResult{scenarios.Blue: step.Blue, scenarios.Green: step.Green} {
		n := &p.sides[side]
		n.exchanges++
		n.resent += judge.Count(of.Attempts > 1)
		if c := of.Connection; c != nil {
			n.opened += judge.Count(c.New)
			n.closed += judge.Count(c.Closed)
			n.resets += c.Resets
		}
	}
	b, g := connectionOf(step.Blue), connectionOf(step.Green)
	if step.Blue.Status == step.Green.Status && b.Framing == "" && g.Framing != "" && len(p.framing) < 10 {
		p.framing[strconv.Itoa(step.Green.Status)] = [2]string{"none", g.Framing}
	}
	if b.ClockS != 0 && g.ClockS != 0 {
		apart := time.Duration((g.ClockS - b.ClockS) * float64(time.Second))
		if !p.clocked || apart.Abs() < p.clock.Abs() {
			p.clock, p.clocked = apart, true
		}
	}
	if atOnce(&b, &g) && p.burst[0] < b.EventsMS {
		p.burst = [2]float64{b.EventsMS, g.EventsMS}
	}
	if step.Blue.Err == nil && step.Green.Err == nil {
		p.Times[scenarios.Blue].Add(step.Blue.ElapsedMS)
		p.Times[scenarios.Green].Add(step.Green.ElapsedMS)
	}
}

func connectionOf(s *run.SideResult) run.SideConnection {
	if s.Connection == nil {
		return run.SideConnection{}
	}
	return *s.Connection
}

// atOnce reports whether green holds back the events of a stream that blue sends
// one by one.
func atOnce(b, g *run.SideConnection) bool {
	const least, share = 200, 4 // ms of blue; as much shorter on green
	return b.Events > 1 && g.Events > 1 && b.EventsMS >= least && g.EventsMS*share < b.EventsMS
}

// How much more of green than of blue counts.
const (
	leastMore  = 3    // exchanges
	leastShare = 0.10 // of the exchanges, above blue's share
	leastReset = 0.01 // of green's exchanges
)

// findings are what the totals say, by service.
func (t connectionsSeen) findings() []run.TransportFinding {
	var out []run.TransportFinding
	for _, p := range t.sorted() {
		out = append(out, p.findings()...)
	}
	return out
}

// Services are the services that cases have asked, in one order.
func (t *Totals) Services() []*PlaceTotals {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.transport.sorted()
}

// sorted gives the services one order.
func (t connectionsSeen) sorted() []*PlaceTotals {
	var out []*PlaceTotals
	for _, p := range t {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *PlaceTotals) int {
		return strings.Compare(a.Service+"\x00"+strings.Join(a.Suites, " "), b.Service+"\x00"+strings.Join(b.Suites, " "))
	})
	return out
}

func (p *PlaceTotals) findings() []run.TransportFinding {
	var out []run.TransportFinding
	find := func(v run.Verdict, fact run.TransportFact, blue, green string) {
		out = append(out, run.TransportFinding{
			Fact: fact, Service: p.Service, Suites: p.Suites, Verdict: v, Weight: v, Blue: blue,
			Green: green, During: true,
		})
	}
	b, g := &p.sides[scenarios.Blue], &p.sides[scenarios.Green]
	of := func(what string, n, all int) string { return fmt.Sprintf("%s %d of %d times", what, n, all) }
	if all := g.closed == g.exchanges && b.closed == 0; all || more(b.closed, g.closed, b.exchanges, g.exchanges) {
		verdict := run.Fail
		if g.closed == 1 { // perhaps the pod was just ending
			verdict = run.Inconclusive
		}
		find(verdict, run.FactKeepAlive, of("closes", b.closed, b.exchanges), of("closes", g.closed, g.exchanges))
	} else if more(b.opened, g.opened, b.exchanges, g.exchanges) {
		find(run.Pass, run.FactKeepAlive, fmt.Sprintf("took %s for %s", text.Count(b.opened, "connection"),
			text.Count(b.exchanges, "request")),
			fmt.Sprintf("took %d for %d: it closes them without notice", g.opened, g.exchanges))
	}
	most := g.resets > 1 && b.resets == 0 && 2*g.resets >= g.exchanges-1 // of a handful of exchanges
	if most || g.resets >= b.resets+leastMore && float64(g.resets) >= leastReset*float64(g.exchanges) {
		find(run.Fail, run.FactConnectionsReset, of("reset", b.resets, b.exchanges), of("reset", g.resets, g.exchanges))
	}
	if g.resent >= b.resent+leastMore || g.resent > 0 && b.resent == 0 && float64(g.resent) >= leastShare*float64(g.exchanges) {
		find(run.Pass, run.FactResends, of("resent", b.resent, b.exchanges), of("resent", g.resent, g.exchanges))
	}
	if v, text := ClockVerdict(p.clock); v != 0 {
		find(v, run.FactClock, "shows one time", text)
	}
	for _, status := range []string{"204", "304"} {
		if f, ok := p.framing[status]; ok {
			find(framingVerdict(status, f[1]), run.FactEmptyAnswerFraming, fmt.Sprintf("sends %s without body headers", status),
				"with "+f[1])
		}
	}
	if p.burst[0] > 0 {
		spread := func(v float64) string {
			return "over " + time.Duration(v*float64(time.Millisecond)).Round(10*time.Millisecond).String()
		}
		find(run.Pass, run.FactBufferedEvents, "sends the events of a stream "+spread(p.burst[0]), "all at once ("+spread(p.burst[1])+")")
	}
	return out
}

func more(blue, green, ofBlue, ofGreen int) bool {
	share := func(n, all int) float64 { return float64(n) / float64(max(all, 1)) }
	return green >= blue+leastMore && share(green, ofGreen) >= share(blue, ofBlue)+leastShare
}

// framingVerdict: a body announced and not sent confuses strict clients and
// proxies. A length of 0 says nothing wrong, and a 304 may have the length of the
// body that it stands for (RFC 9110, 8.6).
func framingVerdict(status, framing string) run.Verdict {
	if framing == "Content-Length: 0" || status == "304" && strings.HasPrefix(framing, "Content-Length") {
		return run.Pass
	}
	return run.Fail
}

// A Histogram keeps times in buckets 1/16 of an octave wide, so that it costs the
// same for any number of cases.
type Histogram struct {
	Count   int
	buckets map[int]int
}

const octave = 16

func (h *Histogram) Add(millis float64) {
	if h.buckets == nil {
		h.buckets = map[int]int{}
	}
	h.Count++
	h.buckets[bucketOf(millis)]++
}

// bucketOf counts 16 linear steps in each octave of microseconds.
func bucketOf(millis float64) int {
	us := uint64(max(millis*1000, 1))
	exp := bits.Len64(us) - 1
	return exp*octave + int(us*octave>>exp) - octave
}

// bucketStart is the lower end of a bucket in milliseconds.
func bucketStart(b int) float64 {
	return float64(uint64(1)<<(b/octave)) * (1 + float64(b%octave)/octave) / 1000
}

// Median is the lower end of the bucket in which the middle time is, in ms.
func (h *Histogram) Median() float64 {
	keys := make([]int, 0, len(h.buckets))
	for b := range h.buckets {
		keys = append(keys, b)
	}
	slices.Sort(keys)
	seen := 0
	for _, b := range keys {
		if seen += h.buckets[b]; 2*seen >= h.Count {
			return bucketStart(b)
		}
	}
	return 0
}

// ClockVerdict weighs how far green's clock is ahead of blue's; 0: not worth a word.
func ClockVerdict(ahead time.Duration) (run.Verdict, string) {
	word := "later"
	if ahead < 0 {
		word = "earlier"
	}
	text := ahead.Abs().Round(time.Second).String() + " " + word
	switch {
	case ahead.Abs() > clockFails:
		return run.Fail, text
	case ahead.Abs() > clockStated:
		return run.Pass, text
	}
	return 0, ""
}

// How far apart the clocks of the sides may be.
const (
	clockStated = 2 * time.Second
	clockFails  = time.Minute
)
