package verdict

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// A Place is a service on both sides, by its base URLs. It is the key by which exchanges are
// summed up: two services of an env file that have the same URLs share their connections, so
// they share their totals.
type Place struct{ Blue, Green string }

// A PlaceTotals is what the exchanges with one service came to. Only the straight lanes of
// cases count: a crossover sends to both sides in turn, and its connections would be booked on
// the wrong side.
type PlaceTotals struct {
	// Service is the name in the env file by which findings name the place.
	Service string
	// Suites are the names of the suites that asked the service, sorted. Their allowances
	// decide whether a finding weighs.
	Suites []string
	sides  [3]connectionTotals // by scenarios.Side
	// framing holds, by status, what blue and green announced of a body that the status
	// excludes. At most 10 statuses are kept.
	framing map[string][2]string
	forms   []string   // of green's answers, where blue's has another; see run.SideConnection
	burst   [2]float64 // ms between the first and last event where green sent them at once
	// Times are the elapsed times in ms by side, of pairs in which both sides answered. They
	// serve to see whether green is much slower where no load stage measures it.
	Times   [3]Histogram
	clock   time.Duration // green's before blue's, by the pair that agrees best
	clocked bool          // a pair shows it
}

// connectionTotals are counts of one side. resets counts connections that were reset and resent
// the exchanges that needed more than one attempt, which the client made on its own.
type connectionTotals struct{ exchanges, closed, resets, resent int }

// connectionsSeen sums up what exchanges of cases show, by service.
type connectionsSeen map[Place]*PlaceTotals

// add books the steps of a case's straight lanes.
// Steps without an answer slot on one of the sides are left out, and so are those of a case in
// quarantine that did not count: a finding made from them would decide through a detour.
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

// add books one pair. The order in which pairs come does not change what the totals come to,
// except for which framing text is kept of a status that has several.
func (p *PlaceTotals) add(step *run.StepResult) {
	for side, of := range map[scenarios.Side]*run.SideResult{scenarios.Blue: step.Blue, scenarios.Green: step.Green} {
		n := &p.sides[side]
		n.exchanges++
		n.resent += judge.Count(of.Attempts > 1)
		if c := of.Connection; c != nil {
			n.closed += judge.Count(c.Closed)
			n.resets += c.Resets
		}
	}
	b, g := connectionOf(step.Blue), connectionOf(step.Green)
	// Only a framing that blue does not send is kept, and only where the statuses are equal:
	// another status is a separate difference.
	if step.Blue.Status == step.Green.Status && b.Framing == "" && g.Framing != "" && len(p.framing) < 10 {
		p.framing[strconv.Itoa(step.Green.Status)] = [2]string{"none", g.Framing}
	}
	if step.Blue.Status == step.Green.Status {
		p.forms = AddForms(p.forms, b.Form, g.Form)
	}
	// Of all pairs the smallest distance between the clocks is kept: a slow answer makes a
	// distance larger and never smaller, so the best pair is nearest to the truth.
	if b.ClockS != 0 && g.ClockS != 0 {
		apart := time.Duration((g.ClockS - b.ClockS) * float64(time.Second))
		if !p.clocked || apart.Abs() < p.clock.Abs() {
			p.clock, p.clocked = apart, true
		}
	}
	// The longest stream of blue is the clearest evidence.
	if atOnce(&b, &g) && p.burst[0] < b.EventsMS {
		p.burst = [2]float64{b.EventsMS, g.EventsMS}
	}
	if step.Blue.Err == nil && step.Green.Err == nil {
		p.Times[scenarios.Blue].Add(step.Blue.ElapsedMS)
		p.Times[scenarios.Green].Add(step.Green.ElapsedMS)
	}
}

// connectionOf gives the zero value where nothing of note was seen, so that callers need no
// check for nil.
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

// A share alone would make one closed connection of two exchanges a finding; a number alone
// would do so for three of a million.
// How much more of green than of blue counts.
const (
	leastMore  = 3    // exchanges
	leastShare = 0.10 // of the exchanges, above blue's share
	leastReset = 0.01 // of green's exchanges
)

// findings are what the totals say, by service. A service without anything to report has none.
func (t connectionsSeen) findings() []run.TransportFinding {
	var out []run.TransportFinding
	for _, p := range t.sorted() {
		out = append(out, p.findings()...)
	}
	return out
}

// Services are the services that cases have asked, in one order. The result may be read while
// cases still run; the totals that it points to go on changing.
func (t *Totals) Services() []*PlaceTotals {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.transport.sorted()
}

// sorted gives the services one order. Maps have no order, and reports must not differ between
// two runs that found the same. The zero byte keeps a service's name apart from the suites
// after it.
func (t connectionsSeen) sorted() []*PlaceTotals {
	key := func(p *PlaceTotals) string { return p.Service + "\x00" + strings.Join(p.Suites, " ") }
	return slices.SortedFunc(maps.Values(t), func(a, b *PlaceTotals) int { return strings.Compare(key(a), key(b)) })
}

// findings compares green with blue in one service. Each finding is fail where clients would
// notice it, inconclusive where one event may be chance, and pass where it is only worth
// knowing. All are marked as seen during the cases, which lets a run that is judged again make
// them anew.
//
// The facts, in order: connections that green closes after an answer, resets, requests that had
// to be sent again, the clock, framing of answers without a body, and events of a stream that
// arrive all at once.
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
	// Green closing after every answer is a finding however few there were; otherwise it has to
	// close clearly more often than blue. Connections that end without notice are not looked for
	// here: cases run at once, so a side that needs more connections may only be slower. The
	// requests that are sent one after the other once the cases are over find them.
	if all := g.closed == g.exchanges && b.closed == 0; all || more(b.closed, g.closed, b.exchanges, g.exchanges) {
		verdict := run.Fail
		if g.closed == 1 { // perhaps the pod was just ending
			verdict = run.Inconclusive
		}
		find(verdict, run.FactKeepAlive, of("closes", b.closed, b.exchanges), of("closes", g.closed, g.exchanges))
	}
	// A few exchanges cannot reach leastMore. There it is enough that about half of them were
	// reset and that blue reset none; a first exchange has no connection that could have been
	// reset.
	most := g.resets > 1 && b.resets == 0 && 2*g.resets >= g.exchanges-1 // of a handful of exchanges
	if most || g.resets >= b.resets+leastMore && float64(g.resets) >= leastReset*float64(g.exchanges) {
		find(run.Fail, run.FactConnectionsReset, of("reset", b.resets, b.exchanges), of("reset", g.resets, g.exchanges))
	}
	// The client has healed these. One that does not send a request again, which is any client
	// with a POST, fails as often: about half of the exchanges are no accident.
	if g.resent >= b.resent+leastMore || g.resent > 0 && b.resent == 0 && float64(g.resent) >= leastShare*float64(g.exchanges) {
		verdict := run.Pass
		if g.resent > 1 && b.resent == 0 && 2*g.resent >= g.exchanges-1 {
			verdict = run.Fail
		}
		find(verdict, run.FactResends, of("resent", b.resent, b.exchanges), of("resent", g.resent, g.exchanges))
	}
	// The zero value of the clock is two clocks that agree, so a service without a pair that
	// shows the time gives no finding.
	if v, text := ClockVerdict(p.clock); v != 0 {
		find(v, run.FactClock, "shows one time", text)
	}
	for _, status := range []string{"204", "304"} {
		if f, ok := p.framing[status]; ok {
			find(framingVerdict(status, f[1]), run.FactEmptyAnswerFraming, fmt.Sprintf("sends %s without body headers", status),
				"with "+f[1])
		}
	}
	if v, text := FormsVerdict(p.forms); v != 0 {
		find(v, run.FactAnswerForm, "sends none of this", text)
	}
	if p.burst[0] > 0 {
		spread := func(v float64) string {
			return "over " + time.Duration(v*float64(time.Millisecond)).Round(10*time.Millisecond).String()
		}
		find(run.Pass, run.FactBufferedEvents, "sends the events of a stream "+spread(p.burst[0]), "all at once ("+spread(p.burst[1])+")")
	}
	return out
}

// more reports whether green's count is clearly above blue's: by leastMore exchanges and by
// leastShare of each side's exchanges. Both have to hold.
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

// AddForms adds to a list what green's answer has of forms that blue's has not, each form once.
func AddForms(list []string, blue, green string) []string {
	for form := range strings.SplitSeq(green, ", ") {
		if form != "" && !strings.Contains(blue, form) && !slices.Contains(list, form) {
			list = append(list, form)
		}
	}
	slices.Sort(list)
	return list
}

// FormsVerdict weighs forms of green's answers that blue's have not; 0: there are none. HTTP
// allows an answer before the answer and gzip of several members, and many clients read deflate
// without its wrapper: these are reported. It forbids the others.
func FormsVerdict(forms []string) (run.Verdict, string) {
	v := run.Verdict(0)
	for _, form := range forms {
		if strings.HasSuffix(form, " before it") || strings.HasPrefix(form, "gzip") || strings.HasPrefix(form, "deflate") {
			v = v.Worse(run.Pass)
		} else {
			v = run.Fail
		}
	}
	return v, strings.Join(forms, ", ")
}

// A Histogram keeps times in buckets 1/16 of an octave wide, so that it costs the same for any
// number of cases. Each side keeps its own, and the median of it is at most 1/16 too low. The
// zero value is empty and ready for use.
type Histogram struct {
	// Count is the number of times added.
	Count int
	// buckets are the counts by number of bucket; see bucketOf. Buckets without a time are
	// absent.
	buckets map[int]int
}

// octave is the number of buckets between a time and its double.
const octave = 16

// Add counts one time in milliseconds. Times below a microsecond count as one microsecond.
func (h *Histogram) Add(millis float64) {
	if h.buckets == nil {
		h.buckets = map[int]int{}
	}
	h.Count++
	h.buckets[bucketOf(millis)]++
}

// bucketOf counts 16 linear steps in each octave of microseconds. The number of a bucket is 16
// times the exponent of the highest bit, plus the four bits after it. Larger times never have
// smaller numbers.
func bucketOf(millis float64) int {
	us := uint64(max(millis*1000, 1))
	exp := bits.Len64(us) - 1
	return exp*octave + int(us*octave>>exp) - octave
}

// bucketStart is the lower end of a bucket in milliseconds. It is the inverse of bucketOf.
// Below 16 microseconds some buckets stay empty, because whole microseconds are counted.
func bucketStart(b int) float64 {
	return float64(uint64(1)<<(b/octave)) * (1 + float64(b%octave)/octave) / 1000
}

// Median is the lower end of the bucket in which the middle time is, in ms. An empty histogram
// has a median of 0.
func (h *Histogram) Median() float64 {
	seen := 0
	for _, b := range slices.Sorted(maps.Keys(h.buckets)) {
		if seen += h.buckets[b]; 2*seen >= h.Count {
			return bucketStart(b)
		}
	}
	return 0
}

// ClockVerdict weighs how far green's clock is ahead of blue's; 0: not worth a word. The
// verdict is fail from a minute on, since tokens and signatures with a time limit then break,
// and pass with a text from two seconds on, which is worth a word. The text has the distance in
// whole seconds and its direction.
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

// A Date header has whole seconds and an answer takes its time, so less than two seconds cannot
// be distinguished from equal clocks.
// How far apart the clocks of the sides may be.
const (
	clockStated = 2 * time.Second
	clockFails  = time.Minute
)
