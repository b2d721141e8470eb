package runner

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A loadJudge judges the answers of one route under load as the same answers
// would be judged outside it. It is an attack.Judge.
//
//  1. An answer must meet what its case expects of that side and row, but not
//     latency: the stage has its own margins.
//  2. The answers of a pair must be equal under the step's rules.
//  3. Of a body too large to be kept only the beginning is known: it must not be
//     a page, unless something is expected of the body; and both lengths are held
//     against each other.
type loadJudge struct {
	route int
	step  *scenarios.Step
	rules *judge.StepRules
	rows  [2][]loadRow // blue, green
	found *loadFindings
}

// maxDecoded bounds a decoded body, as wire does outside load.
const maxDecoded = 64 << 20

// A loadRow is a request of a route with what is expected of its answer.
type loadRow struct {
	checks *judge.Checks
	url    string
	body   []byte
	sent   []wire.Field
}

// Check is rules 1 and 3.
func (l *loadJudge) Check(row int, green bool, a *attack.Answer) *attack.Unmet {
	x, err := l.exchange(row, green, a)
	if err != nil {
		return l.unmet(x, green, a, "a body that can be decoded", err.Error())
	}
	side := sideOfLoad(green)
	checks := l.rows[judge.Count(green)][row].checks
	given := judge.NewAnswer(x)
	if !a.Whole { // Rule 3
		if checks.PageInstead(given) {
			return l.unmet(x, green, a, judge.APIAnswer, "an HTML page")
		}
		return nil
	}
	for _, e := range checks.Check(side, given, l.rules.Plain) {
		if !e.OK {
			return l.unmet(x, green, a, e.What, e.Got)
		}
	}
	return nil
}

func (l *loadJudge) unmet(x *wire.Exchange, green bool, a *attack.Answer, what, got string) *attack.Unmet {
	l.found.unexpected(l, x, green, a, what, got)
	return &attack.Unmet{What: what, Got: got}
}

func sideOfLoad(green bool) scenarios.Side {
	if green {
		return scenarios.Green
	}
	return scenarios.Blue
}

// Compare is rules 2 and 3.
func (l *loadJudge) Compare(at attack.Moment, row int, blue, green *attack.Answer) {
	if !blue.Whole || !green.Whole {
		if blue.Length > attack.KeepBody || green.Length > attack.KeepBody {
			l.found.lengths(l.route, at, blue.Length == green.Length)
		}
		return
	}
	b, berr := l.exchange(row, false, blue)
	g, gerr := l.exchange(row, true, green)
	if berr != nil || gerr != nil {
		return // Check says so
	}
	shareBody(b, g)
	name := fmt.Sprintf("%s, pair %d", l.found.routes[l.route].Name, blue.Pair)
	j := judgeTrial(&judge.Trial{Step: l.step, Name: name, Key: l.found.key(at, blue.Pair), Rules: l.rules, Blue: judge.NewAnswer(b), Green: judge.NewAnswer(g), Seen: diff.NewBijections()})
	l.found.compared(l.route, at, &j.Step, &run.Pair{Blue: b, Green: g}, blue.Length == green.Length)
}

// exchange is an answer as the rest of the program knows it. Its body is not a
// copy, unless it was coded.
func (l *loadJudge) exchange(row int, green bool, a *attack.Answer) (*wire.Exchange, error) {
	r := &l.rows[judge.Count(green)][row]
	x := &wire.Exchange{
		Method: l.step.Request.Method, URL: r.url, Sent: r.sent, Body: r.body, Started: a.Started, Status: a.Status, Proto: a.Proto,
		Headers: loadFields(a.Header), Trailers: loadFields(a.Trailer), WireBytes: a.Length, Attempts: 1,
	}
	x.Timing.Total = a.Elapsed
	if !a.Whole {
		if a.Header.Get("Content-Encoding") == "" {
			x.Answer = a.Body
		}
		return x, nil
	}
	var err error
	x.Answer, x.Encoding, err = wire.Decode(a.Header, a.Body, maxDecoded)
	return x, err
}

// loadFields are header fields by name; the values of a name keep their order.
func loadFields(h map[string][]string) []wire.Field {
	out := make([]wire.Field, 0, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			out = append(out, wire.Field{Name: name, Value: v})
		}
	}
	return out
}

// loadFindings collects what judging finds in a load stage, from several
// goroutines at once, in bounded memory.
type loadFindings struct {
	suite, stage string

	mu       sync.Mutex // guards what follows
	routes   []run.RouteJudging
	large    []largeBodies // by route
	causes   *cause.Set
	places   map[string]*loadPlace
	order    []string // of places
	examples []run.StepResult
	pairs    []*run.Pair
	kept     map[string]int // examples by place or expectation
	revealed map[scenarios.Named]bool
	secret   func(name, value string) // makes a value unreadable in what is written
	exchange int                      // kept
	forward  *forward                 // of a worker: takes what is found instead; nil: this is not one
}

// A loadPlace is where answers differ, see cause.Place.
type loadPlace struct {
	moments []attack.Moment // at most manyBlocks
	pairs   int
	header  bool // in a header
	example string
}

// largeBodies are what the lengths of bodies say that were not kept.
type largeBodies struct {
	same, other   int // equal pairs that were compared whole: with equal lengths, and with others
	equal, differ int // pairs known by their lengths alone
	moments       []attack.Moment
}

// maxPlaces and maxDiffering bound what is remembered of a green that differs
// everywhere.
const (
	maxPlaces    = 1000
	maxDiffering = 5000
)

func newLoadFindings(suite, stage string) *loadFindings {
	return &loadFindings{suite: suite, stage: stage, causes: cause.NewSet(), places: map[string]*loadPlace{}, kept: map[string]int{}, revealed: map[scenarios.Named]bool{}, secret: func(string, string) {}}
}

// addRoute makes room for a route and returns its index.
func (f *loadFindings) addRoute(name string) int {
	f.routes = append(f.routes, run.RouteJudging{Name: name})
	f.large = append(f.large, largeBodies{})
	return len(f.routes) - 1
}

// key names a pair in the archive.
func (f *loadFindings) key(at attack.Moment, pair uint32) string {
	return fmt.Sprintf("%s/load %s/pair %d", f.suite, at.Attack, pair)
}

// addMoment notes a moment.
func addMoment(moments []attack.Moment, at attack.Moment) []attack.Moment {
	if len(moments) >= manyBlocks || slices.Contains(moments, at) {
		return moments
	}
	return append(moments, at)
}

// compared books a pair that was compared whole.
func (f *loadFindings) compared(route int, at attack.Moment, step *run.StepResult, pair *run.Pair, sameLength bool) {
	if f.forward != nil {
		f.forward.compared(route, at, step, pair, sameLength)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &f.routes[route]
	r.Judged++
	if step.DifferencesTotal == 0 {
		if sameLength {
			f.large[route].same++
		} else {
			f.large[route].other++
		}
		return
	}
	r.Differ++
	differences := verdict.Roots(step.Differences)
	mine := map[string]bool{}
	for i := range differences {
		name := cause.Place(&differences[i])
		if mine[name] {
			continue
		}
		mine[name] = true
		p := f.places[name]
		if p == nil {
			if len(f.places) >= maxPlaces {
				continue
			}
			p = &loadPlace{header: differences[i].Where == diff.InHeader, example: judge.DifferenceText(&differences[i])}
			f.places[name] = p
			f.order = append(f.order, name)
		}
		p.pairs++
		p.moments = addMoment(p.moments, at)
	}
	if f.differing() <= maxDiffering {
		f.causes.AddAt(cause.Site{Index: int(pairNumber(step)), Case: step.Name}, differences)
	}
	if len(differences) > 0 && pair != nil && f.keeps(cause.Place(&differences[0]), 2) {
		f.example(step, pair)
	}
}

func pairNumber(step *run.StepResult) (n uint32) {
	_, _ = fmt.Sscanf(step.Exchange[bytes.LastIndexByte([]byte(step.Exchange), ' ')+1:], "%d", &n)
	return n
}

func (f *loadFindings) differing() int {
	n := 0
	for i := range f.routes {
		n += f.routes[i].Differ
	}
	return n
}

// keeps reports whether an example of n exchanges is kept, and counts it.
func (f *loadFindings) keeps(of string, n int) bool {
	if f.kept[of] >= examplesEach || f.exchange+n > 2*maxLoadPairs {
		return false
	}
	f.kept[of]++
	f.exchange += n
	return true
}

// example keeps a pair, with bytes of its own.
func (f *loadFindings) example(step *run.StepResult, pair *run.Pair) {
	own := *step
	own.Verdict, own.Notes, own.Ignored = run.Fail, nil, nil
	own.Differences = slices.Clone(own.Differences[:min(len(own.Differences), shownOfPair)])
	keep := &run.Pair{Key: step.Exchange}
	for _, side := range []struct {
		from *wire.Exchange
		to   **wire.Exchange
	}{{pair.Blue, &keep.Blue}, {pair.Green, &keep.Green}} {
		if side.from != nil {
			x := *side.from
			x.Answer = bytes.Clone(x.Answer)
			*side.to = &x
		}
	}
	f.examples = append(f.examples, own)
	f.pairs = append(f.pairs, keep)
}

// lengths books a pair of which only the lengths are known.
func (f *loadFindings) lengths(route int, at attack.Moment, equal bool) {
	if f.forward != nil {
		f.forward.add(finding{Lengths: &lengthsFinding{route, at, equal}})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	l := &f.large[route]
	if equal {
		l.equal++
		return
	}
	l.differ++
	l.moments = addMoment(l.moments, at)
}

// unexpected keeps an answer that is not what its case expects.
func (f *loadFindings) unexpected(l *loadJudge, x *wire.Exchange, green bool, a *attack.Answer, what, got string) {
	u := &unexpectedFinding{Route: l.route, Place: l.step.Pos.String(), Exchange: x, Green: green, Pair: a.Pair, What: what, Got: got}
	if f.forward != nil {
		f.forward.unexpected(u)
		return
	}
	f.unexpectedAt(u)
}

func (f *loadFindings) unexpectedAt(u *unexpectedFinding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	side := sideOfLoad(u.Green)
	if !f.keeps(fmt.Sprint(side, u.Route, u.What), 1) {
		return
	}
	step := &run.StepResult{
		Name: fmt.Sprintf("%s, pair %d", f.routes[u.Route].Name, u.Pair), At: u.Place, Verdict: run.Fail,
		Reasons:  []string{fmt.Sprintf("%s: expected %s, got %s", side, u.What, u.Got)},
		Exchange: fmt.Sprintf("%s/load %s/%s of pair %d", f.suite, f.stage, side, u.Pair), Expectations: []run.Expectation{{Side: side.String(), What: u.What, Got: u.Got}},
	}
	x := u.Exchange
	pair := &run.Pair{Blue: x}
	if step.Blue = judge.SideResult(x); u.Green {
		step.Blue, step.Green, pair = nil, judge.SideResult(x), &run.Pair{Green: x}
	}
	f.example(step, pair)
}

// NewLoadJudge judges answers to the requests of a step that has no placeholders,
// as a load stage does; what it finds beyond an attack's own report is not kept.
func NewLoadJudge(step *scenarios.Step) (attack.Judge, error) {
	rules, err := judge.NewStepRules(step, diff.Options{})
	if err != nil {
		return nil, err
	}
	found := newLoadFindings("", "")
	judging := &loadJudge{route: found.addRoute(step.Name), step: step, rules: rules, found: found}
	for i, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		checks, err := judge.NewChecks(step.ExpectOf(side), nil)
		if err != nil {
			return nil, err
		}
		judging.rows[i] = []loadRow{{checks: checks.WithoutLatency()}}
	}
	return judging, nil
}
