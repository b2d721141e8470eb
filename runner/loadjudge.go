package runner

import (
	"fmt"
	"maps"
	"slices"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/findings"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
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
	// route is the index in the attack's plan.
	route int
	// step is the request of the route.
	step *scenarios.Step
	// rules are those of the step.
	rules *judge.StepRules
	// rows are the requests of blue and of green.
	rows [2][]loadRow
	// found takes what is found.
	found *findings.Set
}

// maxDecoded bounds a decoded body, as wire does outside load.
const maxDecoded = 64 << 20

// A loadRow is a request of a route with what is expected of its answer.
type loadRow struct {
	// checks are what is expected of the answer.
	checks *judge.Checks
	// url, body and sent are the request, for the exchanges that are kept.
	url  string
	body []byte
	sent []wire.Field
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
	if u := firstUnmet(checks.Check(side, given, l.rules.Plain)); u != nil {
		return l.unmet(x, green, a, u.What, u.Got)
	}
	return nil
}

// firstUnmet is the first of some expectations that does not hold; nil: all do.
func firstUnmet(checked []run.Expectation) *attack.Unmet {
	for _, e := range checked {
		if !e.OK {
			return &attack.Unmet{What: e.What, Got: e.Got}
		}
	}
	return nil
}

// unmet keeps an answer that is not what its case expects, and says so to the attack, which
// counts it as a failure of its side.
func (l *loadJudge) unmet(x *wire.Exchange, green bool, a *attack.Answer, what, got string) *attack.Unmet {
	l.found.Unexpected(&findings.Unexpected{
		Route: l.route, Place: l.step.Pos.String(), Exchange: x, Green: green, Number: a.Pair, What: what, Got: got,
	})
	return &attack.Unmet{What: what, Got: got}
}

// sideOfLoad is a side as the attack knows it: green or not.
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
			l.found.Lengths(l.route, at, blue.Length == green.Length)
		}
		return
	}
	b, berr := l.exchange(row, false, blue)
	g, gerr := l.exchange(row, true, green)
	if berr != nil || gerr != nil {
		return // Check says so
	}
	shareBody(b, g)
	j := judgeTrial(&judge.Trial{
		Step: l.step, Name: l.found.PairName(l.route, blue.Pair), Key: l.found.Key(at, "", blue.Pair), Rules: l.rules,
		Blue: judge.NewAnswer(b), Green: judge.NewAnswer(g), Seen: diff.NewBijections(),
	})
	l.found.Compared(&findings.Comparison{
		Route: l.route, At: at, Number: blue.Pair, SameLength: blue.Length == green.Length, Step: &j.Step, Pair: &run.Pair{Blue: b, Green: g},
	})
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

// NewLoadJudge judges answers to the requests of a step that has no placeholders,
// as a load stage does; what it finds beyond an attack's own report is not kept.
func NewLoadJudge(step *scenarios.Step) (attack.Judge, error) {
	rules, err := judge.NewStepRules(step, diff.Options{})
	if err != nil {
		return nil, err
	}
	found := findings.New("", "", func(string, string) {}, nil)
	judging := &loadJudge{route: found.AddRoute(step.Name), step: step, rules: rules, found: found}
	for i, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		checks, err := judge.NewChecks(step.ExpectOf(side), nil)
		if err != nil {
			return nil, err
		}
		judging.rows[i] = []loadRow{{checks: checks.WithoutLatency()}}
	}
	return judging, nil
}

// A walkJudge judges the answers to one step of a case that is walked under load,
// as loadJudge does those of a single request. It is an attack.WalkJudge.
//
//  1. The answers of a pair must be equal under the step's rules. What a rule maps
//     (blue's session to green's) must be mapped alike in the whole walk.
//  2. A condition must hold on both sides or on neither.
//  3. A capture that must be the same on both sides is.
type walkJudge struct{ loadJudge }

// walkEvidence goes with an answer to its comparison.
type walkEvidence struct {
	walk *loadWalk
	same []sameCapture
}

// A sameCapture is a value that must be equal on both sides.
type sameCapture struct {
	name  string
	value scenarios.Value
}

// unexpected keeps an answer that is not what its step expects; x is nil where no
// request was sent. What may not be shown is taken out of unmet.
func (j *walkJudge) unexpected(l *loadWalk, x *wire.Exchange, unmet *attack.Unmet) {
	if !j.found.Reveal(l.knownSecrets()) {
		unmet.Got = "(not shown)"
		return
	}
	if x != nil {
		j.unmet(x, l.out.Green, &attack.Answer{Pair: l.out.Pair}, unmet.What, unmet.Got)
	}
}

// ComparePair is rules 1 to 3.
func (j *walkJudge) ComparePair(at attack.Moment, pair uint32, blue, green *attack.Half, shared *attack.Shared) {
	f, route := j.found, j.found.RouteName(j.route)
	if blue.Exchange == nil || green.Exchange == nil { // Rule 2
		f.Odd(j.route, at, "condition of "+route, holdsOn(blue.Exchange != nil))
		return
	}
	b, bOK := blue.Evidence.(*walkEvidence)
	g, gOK := green.Evidence.(*walkEvidence)
	if !bOK || !gOK {
		return
	}
	bx, gx := *blue.Exchange, *green.Exchange // the walks may still read theirs
	shareBody(&bx, &gx)
	// What maps have paired belongs to the two walks, and travels with them from pair to pair.
	seen, _ := shared.State.(*diff.Bijections)
	if seen == nil {
		seen = diff.NewBijections()
	}
	judged := judgeTrial(&judge.Trial{
		Step: j.step, Name: f.PairName(j.route, pair), Key: f.Key(at, j.step.Name, pair), Rules: j.rules,
		Blue: judge.NewAnswer(&bx), Green: judge.NewAnswer(&gx), Seen: seen,
	})
	shared.State = judged.Seen // Rule 1
	reveal := func() bool { return f.Reveal(b.walk.knownSecrets()) && f.Reveal(g.walk.knownSecrets()) }
	if judged.Step.DifferencesTotal == 0 || reveal() {
		f.Compared(&findings.Comparison{
			Route: j.route, At: at, Number: pair, SameLength: true, Step: &judged.Step, Pair: &run.Pair{Blue: &bx, Green: &gx},
		})
	} else {
		f.ComparedHidden(j.route, at)
	}
	for i := range min(len(b.same), len(g.same)) { // Rule 3
		x, y := b.same[i], g.same[i]
		if judge.SameValue(x.value, y.value) {
			continue
		}
		what := "capture " + x.name
		said := what + " is not the same on both sides"
		if reveal() {
			said = fmt.Sprintf("%s is %s on blue and %s on green", what, text.Cut(x.value.JSON, run.MaxGot), text.Cut(y.value.JSON, run.MaxGot))
		}
		f.Odd(j.route, at, what, said)
	}
}
