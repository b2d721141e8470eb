package runner

import (
	"fmt"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/findings"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

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

// check is what an answer does not meet; nil: nothing.
func (j *walkJudge) check(side scenarios.Side, a *judge.Answer, checks *judge.Checks) *attack.Unmet {
	for _, e := range checks.Check(side, a, j.rules.Plain) {
		if !e.OK {
			return &attack.Unmet{What: e.What, Got: e.Got}
		}
	}
	return nil
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
		held := "blue and not on green"
		if blue.Exchange == nil {
			held = "green and not on blue"
		}
		f.Odd(j.route, at, "condition of "+route, "when holds on "+held)
		return
	}
	b, bOK := blue.Evidence.(*walkEvidence)
	g, gOK := green.Evidence.(*walkEvidence)
	if !bOK || !gOK {
		return
	}
	bx, gx := *blue.Exchange, *green.Exchange // the walks may still read theirs
	shareBody(&bx, &gx)
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
		f.Compared(&findings.Comparison{Route: j.route, At: at, Number: pair, SameLength: true, Step: &judged.Step, Pair: &run.Pair{Blue: &bx, Green: &gx}})
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
