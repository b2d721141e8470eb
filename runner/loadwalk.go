package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/findings"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/services"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A walkedCase is a case that a load stage walks whole. Every walk of a side has a
// lane of its own, which begins with what the suite's setup left: see loadWalk.
type walkedCase struct {
	// home is the suite of the case.
	home *suiteRun
	// test is the case.
	test *scenarios.Case
	// begin holds the lanes that setup left.
	begin *walk
	// rows are those of its data, dealt to the walks; empty without data.
	rows []scenarios.Row
	// places are its requests in order, cleanup last.
	places []*loadPlaceOf
	// found takes what is found.
	found *findings.Set
	// services are blue's and green's, by name: their keys in the plan.
	services [2]map[string]string
}

// A loadPlaceOf is one request of a whole walk: a step, or one round of it.
type loadPlaceOf struct {
	index   int // in the case
	step    *scenarios.Step
	name    string // with its round
	cleanup bool
	compare bool
	judge   *walkJudge
}

// A loadWalk is one walk through a case on one side under load.
//
//  1. Its steps are sent one after the other, with its pauses. A step whose condition
//     does not hold on this side is left out. Nothing is sent a second time (retry).
//  2. Each answer must meet what its step expects of the side, but not latency, and
//     give what it captures. The first that does not ends the walk, unless the step
//     says continue. That is one failure: what is sent after it is not recorded.
//  3. What the walk created is taken back, however it ended: by the steps of the case
//     that do so, and where these cannot name it, with the values that it was created with.
//  4. When the load is cut short, only what was created is taken back.
type loadWalk struct {
	*walkedCase
	// w is the walk as it is outside load: one lane of one side.
	w *walk
	// lane is that of w.
	lane *lane
	// side is the one that is walked on.
	side scenarios.Side
	// out is the walk as the attack knows it.
	out *attack.Walk
	// ctx is that of the load.
	ctx context.Context
	// lasting is the context of what is taken back after a cut; nil until then.
	lasting context.Context
	// release ends lasting.
	release context.CancelFunc
	// silent: the walk has failed, and what follows is not recorded (rule 2).
	silent bool
	// secretsMu guards secrets: what the steps made known so far, whose answers are judged while
	// the walk goes on.
	secretsMu sync.Mutex
	secrets   []scenarios.Named
}

// walkOnce walks the case for one walk of the attack.
func (c *walkedCase) walkOnce(ctx context.Context, out *attack.Walk) {
	side := sideOfLoad(out.Green)
	kind := straightLane(side)
	w := newWalk(c.home, fmt.Sprintf("%s load %s walk %d", c.test.ID, out.Moment.Attack, out.Twin), out.At)
	w.born = c.begin.born
	w.setRow(c.test, c.row(out.Row))
	w.lanes[kind] = c.begin.lanes[kind].clone()
	l := &loadWalk{walkedCase: c, w: w, lane: w.lanes[kind], side: side, out: out, ctx: ctx}
	w.loaded, l.release = l, func() {}
	defer func() { l.release() }()
	w.declare()
	// Steps first. What compensates goes on after a failure, see owes.
	early := false
	for _, p := range c.places {
		if p.cleanup {
			break
		}
		if w.ended == "" || len(w.owes(p.step)) > 0 {
			l.send(p)
		}
		early = w.ended != ""
	}
	l.takeBack(early)
	if created := w.created(slices.Concat(c.test.Steps, c.test.Cleanup)); created != nil {
		c.home.run.created(created)
		l.lane.effects = nil // they are booked
		l.owe(nil)
	}
}

// takeBack is rules 3 and 4: cleanup, and what it could not name.
func (l *loadWalk) takeBack(early bool) {
	for _, p := range l.places {
		if !p.cleanup {
			continue
		}
		if l.ctx.Err() == nil {
			l.w.ended = "" // a walk that ended is left behind as one that did not
		} else {
			l.w.end("the load was stopped")
		}
		undoes, got := len(p.step.Compensates) > 0, len(l.w.gotOne(p.step)) > 0
		switch {
		case l.w.ended != "" && len(l.w.owes(p.step)) == 0:
		case early && undoes && !got:
		default:
			l.send(p)
		}
	}
	l.w.takeBackRest(l.patient(), slices.Concat(l.test.Steps, l.test.Cleanup))
}

// patient is the context of requests: that of the load and, after it was cut, one
// that lasts for what must be taken back.
func (l *loadWalk) patient() context.Context {
	if l.ctx.Err() == nil {
		return l.ctx
	}
	if l.lasting == nil {
		l.lasting, l.release = context.WithTimeout(context.WithoutCancel(l.ctx), takeBackGrace)
	}
	return l.lasting
}

// send sends the request of one place and judges its answer.
func (l *loadWalk) send(p *loadPlaceOf) {
	w, step := l.w, p.step
	if !step.SentTo(l.side) {
		return
	}
	if l.ctx.Err() == nil && Sleep(l.ctx, step.Pause) != nil {
		w.end("the load was stopped")
		if len(w.owes(step)) == 0 {
			return
		}
	}
	// From here on the user waits for this machine, not for a side.
	ready := time.Now()
	sc := w.scope(l.lane, l.side, step, p.name, l.out.At)
	if step.Conditional() {
		switch holds, err := w.condition(step, sc); {
		case err != nil:
			l.fail(p, "a condition that can be evaluated", err.Error())
			return
		case !holds:
			if !l.silent {
				l.out.LeftOut(p.index, p.compare, l)
			}
			return
		}
	}
	checks, err := w.suite.judgedBy(step).Checks(l.side, sc)
	if err != nil {
		l.fail(p, "expectations that can be read", err.Error())
		return
	}
	out, err := w.compose(l.patient(), step, sc)
	if err == nil {
		_, err = out.signed(l.patient())
	}
	if err != nil { // an answer before did not give what it is made of
		l.fail(p, "a request that can be made", err.Error())
		return
	}
	unsampled(out.request)
	// The walk's own context may have ended; what was created must still be taken back.
	ctx := l.patient()
	if !step.Repeatable() { // without its answer it is not known what to take back
		whole, release := lasting(ctx, wholeGrace)
		defer release()
		ctx = whole
	}
	// The coordinator hears of what may be created before the request leaves: a worker that dies then
	// leaves nothing unknown.
	creates := step.SideEffects == scenarios.Compensated && len(step.Compensates) == 0
	if creates {
		l.owe(&effect{step: step, name: p.name, side: l.side, unsure: true})
	}
	x := l.sendOver(ctx, out)
	l.received(p, sc, &shot{out: out, x: x, answer: judge.NewAnswer(x)}, checks.WithoutLatency(), ready)
	if creates || len(step.Compensates) > 0 {
		l.owe(nil)
	}
}

// received judges an answer (rule 2).
func (l *loadWalk) received(p *loadPlaceOf, sc *scope, s *shot, checks *judge.Checks, ready time.Time) {
	w, step, x := l.w, p.step, s.x
	l.lane.noteEffects(step, sc, x, false)
	if x.Err == nil {
		l.lane.jar.Set(s.out.to.Logical(s.out.request.URL), x)
	}
	var unmet *attack.Unmet
	evidence := &walkEvidence{walk: l}
	if x.Err == nil {
		// Captures are read also where an expectation failed: a step that says continue goes on with
		// them.
		unmet = firstUnmet(checks.Check(l.side, s.answer, p.judge.rules.Plain))
		if missing := l.capture(step, s, evidence); unmet == nil {
			unmet = missing
		}
		w.last[l.lane.kind] = s.answer
	}
	if unmet != nil {
		p.judge.unexpected(l, x, unmet)
	}
	if !l.silent {
		l.out.Done(&attack.Sent{Place: p.index, Exchange: x, Ready: ready, Unmet: unmet, Compare: p.compare, Evidence: evidence})
	}
	if (x.Err != nil || unmet != nil) && !step.Continue && w.ended == "" {
		l.silent = true
		w.end("step " + p.name + " failed")
	}
}

// fail ends the walk at a step that could not even be sent.
func (l *loadWalk) fail(p *loadPlaceOf, what, got string) {
	unmet := attack.Unmet{What: what, Got: got}
	if !l.silent {
		p.judge.unexpected(l, nil, &unmet)
		l.out.Failed(p.index, unmet)
	}
	if l.w.ended == "" {
		l.silent = true
		l.w.end("step " + p.name + " could not be sent")
	}
}

// capture reads the step's captures; what one of them does not find is unmet.
func (l *loadWalk) capture(step *scenarios.Step, s *shot, evidence *walkEvidence) *attack.Unmet {
	var found []run.Expectation
	for _, c := range l.w.captureAll(step, l.lane, s) {
		if c.ok && c.of.Same {
			evidence.same = append(evidence.same, sameCapture{c.of.Name, c.value})
		}
		found = append(found, c.checks...)
	}
	return firstUnmet(found)
}

// sendOver lets a composed request leave over the load's connections; see walk.deliver.
func (l *loadWalk) sendOver(ctx context.Context, out *outgoing) *wire.Exchange {
	request := *out.request
	request.Timeout = 0 // the stage's
	key, known := l.services[judge.Count(l.side == scenarios.Green)][out.to.Name]
	if !known {
		key = out.to.Name
	}
	return l.out.Do(ctx, key, &request)
}

// unsampled clears the sampled flag of a trace: a load must not flood the traces.
func unsampled(r *wire.Request) {
	for i, h := range r.Headers {
		if h.Name == "traceparent" {
			r.Headers[i].Value = strings.TrimSuffix(h.Value, "01") + "00"
		}
	}
}

// planCase adds a case that is walked whole to an attack's plan: a route for each of
// its steps, and the case. found is nil where nothing will be sent.
func (s *suiteRun) planCase(part *scenarios.LoadStep, plan *attack.Plan, found *findings.Set) (*walkedCase, error) {
	c := &walkedCase{home: s, test: part.Target, found: found}
	planned := attack.Case{Name: part.Target.ID, Weight: part.Weight, Walk: c.walkOnce}
	for i, step := range slices.Concat(part.Target.Steps, part.Target.Cleanup) {
		prefix := ""
		if i >= len(part.Target.Steps) {
			prefix = "cleanup: "
		}
		if err := c.planStep(step, prefix, plan, &planned); err != nil {
			return nil, err
		}
	}
	if d := part.Target.Data; d != nil {
		planned.Rows = d.Count
	}
	s.run.walked[part.Target.ID] = c
	plan.Cases = append(plan.Cases, planned)
	return c, nil
}

// planStep adds the route of one step. Each round of the step is its own place, as its answer is
// compared with that of the same round on the other side.
func (c *walkedCase) planStep(step *scenarios.Step, prefix string, plan *attack.Plan, planned *attack.Case) error {
	s := c.home
	route := attack.Route{
		Name: fmt.Sprintf("%s, %s: %s %s", strings.TrimPrefix(c.test.ID, s.suite.Name+"/"), prefix+step.Name, step.Request.Method,
			routePath(step)),
		Compare: step.Compare && !s.sharedService(step) && len(step.Sides) != 1,
		Blue:    hosts(s.blue, step.Service), Green: hosts(s.green, step.Service), Expect: acceptedStatuses(step),
	}
	var judging *walkJudge
	if c.found != nil {
		rules, err := s.stepRules(step)
		if err != nil {
			return err
		}
		judging = &walkJudge{loadJudge{route: c.found.AddRoute(route.Name), step: step, rules: rules, found: c.found}}
		route.Walks = judging
	}
	for _, name := range rounds([]*scenarios.Step{step}, prefix) {
		planned.Routes = append(planned.Routes, len(plan.Routes))
		planned.Pauses += step.Pause
		c.places = append(c.places, &loadPlaceOf{index: len(c.places), step: step, name: name, cleanup: prefix != "", compare: route.Compare, judge: judging})
	}
	plan.Routes = append(plan.Routes, route)
	return nil
}

// ready gives the case what its walks begin with: the lanes that setup left, its rows
// and the services of both sides.
func (c *walkedCase) ready(begin *walk, plan *attack.Plan) error {
	c.begin = begin
	planned := &plan.Cases[len(plan.Cases)-1]
	if d := c.test.Data; d != nil {
		var err error
		if c.rows, err = loadRows(d, maxLoadRows); err != nil {
			return err
		}
		planned.Rows = len(c.rows)
	}
	for i, side := range []*services.Side{c.home.blue, c.home.green} {
		services := [2]map[string]wire.Config{plan.Blue.Services, plan.Green.Services}[i]
		c.services[i] = map[string]string{}
		for _, to := range side.Services {
			if to.Base == nil || to.Base.Host == "" {
				continue
			}
			c.services[i][to.Name] = c.home.serviceKey(services, to)
		}
	}
	return nil
}

// row is one of the case's rows; the zero Row without data.
func (c *walkedCase) row(n int) scenarios.Row {
	if len(c.rows) == 0 {
		return scenarios.Row{}
	}
	return c.rows[n]
}

// maxLoadRows bounds the rows of one case that a stage deals.
const maxLoadRows = 1 << 18

// addSecret keeps a value that must not be readable in what is kept of the walk.
func (l *loadWalk) addSecret(name, value string) {
	l.secretsMu.Lock()
	defer l.secretsMu.Unlock()
	l.secrets = append(l.secrets, scenarios.Named{Name: name, Value: value})
}

// knownSecrets are the secrets of the steps that were sent so far: all that the
// exchanges of these steps can hold.
func (l *loadWalk) knownSecrets() []scenarios.Named {
	l.secretsMu.Lock()
	defer l.secretsMu.Unlock()
	return slices.Clone(l.secrets)
}
