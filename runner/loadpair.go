package runner

import (
	"fmt"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/attack"
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
	if !j.found.reveal(l.knownSecrets()) {
		unmet.Got = "(not shown)"
		return
	}
	if x != nil {
		j.found.unexpected(&j.loadJudge, x, l.out.Green, &attack.Answer{Pair: l.out.Pair}, unmet.What, unmet.Got)
	}
}

// ComparePair is rules 1 to 3.
func (j *walkJudge) ComparePair(at attack.Moment, pair uint32, blue, green *attack.Half, shared *attack.Shared) {
	f, name := j.found, fmt.Sprintf("%s, pair %d", j.found.routes[j.route].Name, pair)
	if blue.Exchange == nil || green.Exchange == nil { // Rule 2
		held := "blue and not on green"
		if blue.Exchange == nil {
			held = "green and not on blue"
		}
		f.odd(j.route, at, "condition of "+f.routes[j.route].Name, "when holds on "+held)
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
	key := fmt.Sprintf("%s/load %s/%s of pair %d", f.suite, at.Attack, j.step.Name, pair)
	judged := judgeTrial(&judge.Trial{Step: j.step, Name: name, Key: key, Rules: j.rules, Blue: judge.NewAnswer(&bx), Green: judge.NewAnswer(&gx), Seen: seen})
	shared.State = judged.Seen // Rule 1
	shown := judged.Step.DifferencesTotal == 0 || f.reveal(b.walk.knownSecrets()) && f.reveal(g.walk.knownSecrets())
	f.comparedWalk(j.route, at, &judged.Step, &run.Pair{Blue: &bx, Green: &gx}, shown)
	for i := range min(len(b.same), len(g.same)) { // Rule 3
		x, y := b.same[i], g.same[i]
		if !judge.SameValue(x.value, y.value) && f.reveal(b.walk.knownSecrets()) && f.reveal(g.walk.knownSecrets()) {
			f.odd(j.route, at, "capture "+x.name, fmt.Sprintf("capture %s is %s on blue and %s on green", x.name, text.Cut(x.value.JSON, run.MaxGot), text.Cut(y.value.JSON, run.MaxGot)))
		} else if !judge.SameValue(x.value, y.value) {
			f.odd(j.route, at, "capture "+x.name, "capture "+x.name+" is not the same on both sides")
		}
	}
}

// maxRevealed bounds the secrets that the walks of a stage make known to the archive:
// each of them is looked for in everything that is written.
const maxRevealed = 2000

// reveal makes the secrets of a walk unreadable, of which something is about to be
// kept. It reports false when there have been too many: nothing may be kept then.
func (f *loadFindings) reveal(secrets []scenarios.Named) bool {
	f.mu.Lock()
	var fresh []scenarios.Named
	for _, s := range secrets {
		if !f.revealed[s] {
			fresh = append(fresh, s)
		}
	}
	if len(f.revealed)+len(fresh) > maxRevealed {
		f.mu.Unlock()
		return false
	}
	for _, s := range fresh {
		f.revealed[s] = true
	}
	f.mu.Unlock()
	for _, s := range fresh {
		f.secret(s.Name, s.Value)
	}
	return true
}

// comparedWalk books a pair of a walk. Of one that may not be shown only that it differs.
func (f *loadFindings) comparedWalk(route int, at attack.Moment, step *run.StepResult, pair *run.Pair, shown bool) {
	if shown {
		f.compared(route, at, step, pair, true)
		return
	}
	if f.forward != nil { // it is counted as one that differs, and the place follows
		f.forward.add(finding{Equal: &equalFinding{Route: route, SameLength: true, Pairs: 1}})
	} else {
		f.mu.Lock()
		f.routes[route].Judged++
		f.mu.Unlock()
	}
	f.odd(route, at, "answers of "+f.routes[route].Name, "answers differ")
}

// odd books a difference between the walks of a pair that is not one of two answers.
func (f *loadFindings) odd(route int, at attack.Moment, place, example string) {
	if f.forward != nil {
		f.forward.add(finding{Odd: &oddFinding{route, at, place, example}})
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.routes[route].Differ++
	p := f.places[place]
	if p == nil {
		if len(f.places) >= maxPlaces {
			return
		}
		p = &loadPlace{example: example}
		f.places[place] = p
		f.order = append(f.order, place)
	}
	p.pairs++
	p.moments = addMoment(p.moments, at)
}
