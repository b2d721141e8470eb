package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/findings"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A Fleet fires load stages from other machines; see runner/fleet. message is what a worker's
// Site needs for the stage.
//
// owed takes what Site.Owed of a worker returns, from any goroutine.
type Fleet interface {
	Stage(message []byte, owed func(worker int, message []byte)) attack.Fleet
}

// A Site is a plan on a worker, ready for its load stages.
type Site struct {
	// e is an execution of the plan that sends nothing but load.
	e *execution
	// stop ends what its walks still send.
	stop context.CancelFunc
	// sink takes what is found; nothing is written here.
	sink *findings.Forward
}

// NewSite makes a plan ready for its load stages on this machine, which sends nothing else.
// The plan's guard says where it may send; a service elsewhere refuses the whole plan.
func NewSite(plan *Plan) (*Site, error) {
	s := &Site{sink: &findings.Forward{}}
	s.e = newExecution(plan, s.sink, nil)
	// What walks create is reported from the first request on.
	s.e.owed = findings.NewLedger()
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	s.e.lasting, s.e.stop = ctx, func(error) {}
	err := s.e.ready()
	if err == nil {
		err = s.mayReach(plan.World.Guard)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// mayReach refuses services that the guard does not let be dialled. A name without a
// pattern is left to the guard, which sees what it resolves to.
func (s *Site) mayReach(guard *wire.Guard) error {
	var refused []string
	for _, suite := range s.e.suites {
		if len(suite.suite.Loads) == 0 {
			continue
		}
		for _, to := range suite.services() {
			if at := to.Config.DialledHost(); at != "" && !guard.MayAllow(at) && !slices.Contains(refused, at) {
				refused = append(refused, at)
			}
		}
	}
	if len(refused) > 0 {
		slices.Sort(refused)
		return fmt.Errorf("this worker may not send to %s: its --allow-host does not name it", strings.Join(refused, ", "))
	}
	return nil
}

// Close ends what the site still sends, and closes its connections.
func (s *Site) Close() {
	s.e.pool.Close()
	s.stop()
}

// Owed waits until walks have created things or taken them back, and returns it as a message to the
// coordinator; nil: ctx has ended.
func (s *Site) Owed(ctx context.Context) []byte { return s.e.owed.Next(ctx) }

// A stageMessage is what a worker needs to know of a stage: which one, and what setups left.
type stageMessage struct {
	// Suite and Stage name the load stage in the plan.
	Suite string
	Stage string
	// Now is the coordinator's time when the stage began.
	Now time.Time
	// Environ are the variables of the environment that were asked for so far.
	Environ map[string]string
	// Sessions are what setups left, of every suite whose cases take the load.
	Sessions []sessionMessage
}

// A sessionMessage is what a suite's setup left on both straight lanes.
type sessionMessage struct {
	Suite      string
	Generation int
	Lanes      []laneMessage
}

// A laneMessage is what a lane carries: captures, cookies, and what an archive hid.
type laneMessage struct {
	Kind     LaneKind
	Captures map[string]scenarios.Value
	Jar      *wire.Jar
	Hidden   []run.Hidden
}

// message is what workers need for a stage whose setups have run.
func (s *suiteRun) message(stage *scenarios.LoadStage, homes []*suiteRun) ([]byte, error) {
	m := stageMessage{Suite: s.suite.Name, Stage: stage.Name, Now: s.run.now()}
	if asked := s.run.plan.World.Asked; asked != nil {
		m.Environ = asked()
	}
	for _, home := range homes {
		home.session.mu.Lock()
		one := sessionMessage{Suite: home.suite.Name, Generation: home.session.generation}
		for _, kind := range []LaneKind{LaneBlue, LaneGreen} {
			if l := home.session.lanes[kind]; l != nil {
				one.Lanes = append(one.Lanes, laneMessage{Kind: kind, Captures: l.captures, Jar: l.jar, Hidden: l.hidden})
			}
		}
		home.session.mu.Unlock()
		m.Sessions = append(m.Sessions, one)
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write the stage for the workers: %w", err)
	}
	return b, nil
}

// Begin makes ready to fire shares of a stage; see fleet.Site.
func (s *Site) Begin(ctx context.Context, message []byte, o attack.Order, emit func(*attack.Share)) (*attack.Member, error) {
	var m stageMessage
	if err := json.Unmarshal(message, &m); err != nil {
		return nil, fmt.Errorf("read the stage: %w", err)
	}
	own, stage := s.find(m.Suite, m.Stage)
	if stage == nil {
		return nil, fmt.Errorf("the plan has no load stage %s of suite %s", m.Stage, m.Suite)
	}
	// Times in requests are those of the coordinator, so that all workers send the same.
	s.e.plan.World.Now = func() time.Time { return m.Now }
	for _, one := range m.Sessions {
		if err := s.restore(&one); err != nil {
			return nil, err
		}
	}
	found := findings.New(own.suite.Name, stage.Name, s.e.secret, s.sink)
	s.sink.Begin()
	var homes []*suiteRun
	plan, why, _ := own.attackPlan(ctx, stage, found, &homes)
	if plan == nil {
		return nil, errors.New(why)
	}
	return attack.Join(ctx, *plan, o, emit, s.sink.Drain)
}

// find is the suite and the load stage of the plan with these names; nil: there is none.
func (s *Site) find(suite, stage string) (*suiteRun, *scenarios.LoadStage) {
	for _, own := range s.e.suites {
		for _, l := range own.suite.Loads {
			if own.suite.Name == suite && l.Name == stage {
				return own, l
			}
		}
	}
	return nil, nil
}

// restore gives a suite the session that setup left on the coordinator. It does not grow old
// here: the coordinator decides when setup runs.
func (s *Site) restore(m *sessionMessage) error {
	for _, own := range s.e.suites {
		if own.suite.Name != m.Suite {
			continue
		}
		c := &own.session
		c.generation, c.left, c.born = m.Generation, false, s.e.now()
		c.lanes, c.apart = map[LaneKind]*lane{}, map[LaneKind]time.Duration{}
		for _, l := range m.Lanes {
			made := newLane(l.Kind)
			if l.Captures != nil {
				made.captures = l.Captures
			}
			if l.Jar != nil {
				made.jar = l.Jar
			}
			made.hidden = l.Hidden
			c.lanes[l.Kind] = made
		}
		return nil
	}
	return fmt.Errorf("the plan has no suite %s", m.Suite)
}

// created books what a walk under load created; on a worker the coordinator does.
func (e *execution) created(c *run.Created) {
	if f, ok := e.sink.(*findings.Forward); ok {
		f.AddCreated(c)
		return
	}
	e.totals.AddCreated(c)
}

// An owedWalk is a walk of a worker that has created something: what its coordinator needs to
// take it back.
type owedWalk struct {
	Case     string // id
	ID       string // of the walk
	At       time.Time
	Row      int
	Side     scenarios.Side
	Captures map[string]scenarios.Value
	Jar      *wire.Jar
	Secrets  []scenarios.Named
	Effects  []owedEffect
}

// An owedEffect is something that was created, or may have been.
type owedEffect struct {
	Step   string // of the case
	Name   string // with its round
	Unsure bool   // it is not answered yet, or without saying whether it was carried out
	Values map[string]scenarios.Value
}

// owe tells the coordinator what the walk has created so far, and with pending what its next
// request may create. It does nothing outside of a worker.
func (l *loadWalk) owe(pending *effect) {
	ledger := l.home.run.owed
	if ledger == nil {
		return
	}
	o := owedWalk{
		Case: l.test.ID, ID: l.w.id, At: l.out.At, Row: l.out.Row, Side: l.side, Captures: l.lane.captures, Jar: l.lane.jar,
		Secrets: l.knownSecrets(),
	}
	effects := l.lane.effects
	if pending != nil {
		effects = append(slices.Clip(effects), pending)
	}
	for _, e := range effects {
		if !e.undone {
			o.Effects = append(o.Effects, owedEffect{e.step.Name, e.name, e.unsure, e.values})
		}
	}
	// A walk has two sides, each of which owes for itself.
	key := o.ID + " " + o.Side.String()
	if len(o.Effects) == 0 {
		ledger.Note(key, nil)
		return
	}
	ledger.Note(key, o)
}

// takeBackOwed takes back what walks of workers created and these did not, once the load is over.
// Workers that are there are waited for. What is not taken back is listed like what a walk of this
// machine leaves. It returns how many things were open, and how many of them were taken back.
func (s *suiteRun) takeBackOwed(ctx context.Context, debts *findings.Debts, lost func(worker int) bool) (open, back int) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 2*takeBackGrace)
	defer stop()
	for waited := time.Duration(0); waited < takeBackGrace; waited += owedPause {
		if !slices.ContainsFunc(debts.Owing(), func(worker int) bool { return !lost(worker) }) {
			break
		}
		_ = Sleep(ctx, owedPause)
	}
	var all sync.WaitGroup
	var mu sync.Mutex // guards open and back
	slots := make(chan struct{}, owedAtOnce)
	for _, text := range debts.Drain() {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			made := s.takeBackWalk(ctx, text)
			if made == nil {
				return
			}
			s.run.totals.AddCreated(made)
			mu.Lock()
			defer mu.Unlock()
			open, back = open+made.Made.Blue+made.Made.Green, back+made.TakenBack.Blue+made.TakenBack.Green
		})
	}
	all.Wait()
	return open, back
}

const (
	owedPause  = 50 * time.Millisecond
	owedAtOnce = 16 // walks that are taken back at a time
)

// takeBackWalk takes back what one walk of a worker created. It may have been taken back there, or
// never been created, so that an answer 404 settles it.
func (s *suiteRun) takeBackWalk(ctx context.Context, text json.RawMessage) *run.Created {
	var o owedWalk
	if json.Unmarshal(text, &o) != nil {
		return nil // it was sealed by a worker of this version
	}
	c := s.run.walked[o.Case]
	if c == nil || o.Jar == nil || c.begin.lanes[straightLane(o.Side)] == nil || len(c.rows) > 0 && (o.Row < 0 || o.Row >= len(c.rows)) {
		return nil
	}
	for _, secret := range o.Secrets {
		s.run.secret(secret.Name, secret.Value)
	}
	w := newWalk(c.home, o.ID, o.At)
	w.born, w.unlogged = c.begin.born, true
	w.setRow(c.test, c.row(o.Row))
	kind := straightLane(o.Side)
	l := c.begin.lanes[kind].clone()
	l.captures, l.jar = o.Captures, o.Jar
	w.lanes[kind] = l
	w.declare()
	steps := slices.Concat(c.test.Steps, c.test.Cleanup)
	for _, e := range o.Effects {
		if i := slices.IndexFunc(steps, func(step *scenarios.Step) bool { return step.Name == e.Step }); i >= 0 {
			l.effects = append(l.effects, &effect{step: steps[i], name: e.Name, side: o.Side, values: e.Values, unsure: true})
		}
	}
	for _, step := range steps {
		for _, e := range l.openOn(step) {
			w.takeBackOne(ctx, kind, step, e)
		}
	}
	return w.created(steps)
}
