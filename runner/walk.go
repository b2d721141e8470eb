package runner

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/random"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A walk is one way through the steps of a case, or of a suite's setup or
// teardown: the straight lanes blue and green side by side, and after them the
// crossing lanes. It belongs to one worker.
type walk struct {
	// suite is that of the case, of the setup or of the teardown.
	suite *suiteRun
	// test is nil for setup, teardown and probes.
	test *scenarios.Case
	// id is the case's, and part of the key of every pair.
	id string
	// drawn is the id whose generated values the walk has; empty: its own.
	drawn string
	// row is the row of the case's data, and columns are its names; empty without data.
	row     scenarios.Row
	columns []string
	// started is the time that generated values count from.
	started time.Time

	// lanes are those that the walk has, straight ones first; a walk that was not given a
	// session has none.
	lanes map[LaneKind]*lane
	// born is the generation of the session that the lanes started from.
	born int
	// seen is what map rules have paired, by lane: blue's values and green's must stay
	// partners.
	seen map[LaneKind]*diff.Bijections
	// last is the answer to the step before, by lane, for conditions.
	last map[LaneKind]*judge.Answer
	// offset is how many requests a crossing lane has sent, setup included.
	offset map[LaneKind]int
	// apart is how far apart in time a lane's exchanges and those they are compared
	// with have been, setup included: LaneBlue's are those of blue and green.
	apart map[LaneKind]time.Duration
	// pairs are the straight lanes' exchanges by step, kept for the crossing lanes.
	pairs map[string]*run.Pair
	// sent counts the requests of all lanes.
	sent sentCount
	// loaded is the walk under load that this one is a side of; nil: none.
	loaded *loadWalk
	// unlogged: what is sent is not kept, as under load.
	unlogged bool

	// result grows with every step, see finish.
	result *run.CaseResult
	// ended says why the rest is skipped; empty: it is not.
	ended string
	// guarded says why a step was not allowed to run; the case is then skipped.
	guarded string
	// barred is what guarded says, or what kept the session's setup from being run.
	barred run.Bar
}

// newWalk is a walk of a suite that has no lanes yet and no case.
func newWalk(s *suiteRun, id string, started time.Time) *walk {
	return &walk{
		suite: s, id: id, started: started,
		lanes: map[LaneKind]*lane{}, seen: map[LaneKind]*diff.Bijections{}, last: map[LaneKind]*judge.Answer{},
		offset: map[LaneKind]int{}, apart: map[LaneKind]time.Duration{},
		result: &run.CaseResult{Suite: s.index, ID: id, Name: id},
	}
}

// owner is the id that generated values belong to: a walk that takes back what
// another one created generates what that one did.
func (w *walk) owner() string {
	if w.drawn != "" {
		return w.drawn
	}
	return w.id
}

// scope answers placeholders for a step (or none) on a lane.
func (w *walk) scope(l *lane, side scenarios.Side, step *scenarios.Step, name string, now time.Time) *scope {
	sc := &scope{walk: w, lane: l, side: side, step: name, now: now}
	if step != nil {
		sc.with = step.With
		sc.truthful = len(step.Compensates) > 0 // it must not take back what is another's
	}
	return sc
}

// crossover reports whether the case is also walked by crossing lanes.
func (w *walk) crossover() bool {
	return w.lanes[LaneCrossBlue] != nil || w.lanes[LaneCrossGreen] != nil
}

// straight walks steps on blue and green side by side. prefix tells cleanup
// steps from steps of the same name.
func (w *walk) straight(ctx context.Context, steps []*scenarios.Step, prefix string) {
	for _, step := range steps {
		for round := range max(step.Repeat, 1) {
			if !w.walkRound(ctx, step, stepName(prefix, step, round)) {
				break
			}
		}
	}
}

// walkRound walks one round of a step, or records why it is not walked. It is false where the
// rounds after it are not walked either.
func (w *walk) walkRound(ctx context.Context, step *scenarios.Step, name string) bool {
	// After the end only what takes something back is still sent.
	if w.ended != "" {
		if sides := w.owes(step); len(sides) > 0 {
			w.takeBack(ctx, step, name, sides)
		} else {
			w.skip(step, name, w.ended)
		}
		return false
	}
	if Sleep(ctx, step.Pause) != nil {
		w.end("the run was stopped")
		w.stopped()
		w.skip(step, name, w.ended)
		return false
	}
	r := w.step(ctx, step, name)
	w.result.Steps = append(w.result.Steps, *r)
	if w.ends(step, r) {
		w.end(fmt.Sprintf("step %q: %s", r.Name, firstReason(r)))
	}
	return true
}

// stepName is a step as results name it: cleanup steps with a prefix, rounds with a number from
// the second on.
func stepName(prefix string, step *scenarios.Step, round int) string {
	name := prefix + step.Name
	if round > 0 {
		name = fmt.Sprintf("%s#%d", name, round+1)
	}
	return name
}

// rounds yields steps with their names, every round of each.
func rounds(steps []*scenarios.Step, prefix string) iter.Seq2[*scenarios.Step, string] {
	return func(yield func(*scenarios.Step, string) bool) {
		for _, step := range steps {
			for round := range max(step.Repeat, 1) {
				if !yield(step, stepName(prefix, step, round)) {
					return
				}
			}
		}
	}
}

// ends reports whether a step's result ends its walk. A difference does not: it is
// a finding, and what later steps need is there. An expectation or capture that
// failed on a side does, and so does a step that could not be judged.
func (w *walk) ends(step *scenarios.Step, r *run.StepResult) bool {
	switch {
	case r.Verdict == run.Interrupted, w.guarded != "":
		return true
	case r.Verdict != run.Fail && r.Verdict != run.Broken, step.Continue:
		return false
	}
	return !r.OnlyDiffers
}

// skip records a step that was not run and returns the recorded result, valid until
// the next step is recorded.
func (w *walk) skip(step *scenarios.Step, name, reason string) *run.StepResult {
	w.result.Steps = append(w.result.Steps, run.StepResult{
		Name: name, At: step.Pos.String(), Verdict: run.Skip, NotSent: true,
		Reasons: []string{reason},
	})
	return &w.result.Steps[len(w.result.Steps)-1]
}

// stopped marks the walk as cut short by the end of the run.
func (w *walk) stopped() { w.result.Verdict = w.result.Verdict.Worse(run.Interrupted) }

// finish sums the steps up into the case's verdict.
//
//  1. The worst step decides.
//  2. A case that a limit kept from running is skipped, unless something it did
//     run failed or was broken.
//  3. No step, no evidence: a case without steps is broken.
func (w *walk) finish() *run.CaseResult {
	r := w.result
	r.Requests = w.sent.perSide()
	r.ElapsedMS = run.Milliseconds(w.suite.run.now().Sub(w.started))
	for i := range r.Steps {
		s := &r.Steps[i]
		r.Verdict = r.Verdict.Worse(s.Verdict) // Rule 1
		r.Flaky = r.Flaky || s.Flaky
		r.Coverage = r.Coverage.Add(s.Coverage)
		if s.Verdict > run.Pass {
			for _, reason := range s.Reasons {
				r.Reasons = append(r.Reasons, stepLabel(s)+": "+reason)
			}
		}
	}
	r.Flaky = r.Flaky || w.suite.run.past[r.ID].flaky
	if w.guarded != "" && r.Verdict <= run.Pass { // Rule 2
		r.Verdict = run.Skip
		r.Barred, r.Reasons = w.barred, append(r.Reasons, w.guarded)
	}
	if r.Verdict == run.Skip && len(r.Reasons) == 0 && len(r.Steps) > 0 {
		r.Barred = r.Steps[0].Barred
		r.Reasons = append(r.Reasons, "every step was skipped: "+firstReason(&r.Steps[0]))
	}
	if r.NotSent = w.notSent(); r.NotSent != nil {
		r.Reasons = slices.Insert(r.Reasons, 0, r.NotSent.String())
	}
	if len(r.Steps) == 0 && r.Verdict == 0 { // Rule 3
		r.Verdict, r.Reasons = run.Broken, append(r.Reasons, "nothing was run")
	}
	return r
}

// notSent counts the steps of the straight lanes that were not sent because the
// walk ended early; nil: every step had its turn.
func (w *walk) notSent() *run.NotSent {
	n := run.NotSent{Because: w.ended}
	for i := range w.result.Steps {
		if s := &w.result.Steps[i]; s.Lane == "" {
			n.Of++
			n.Steps += judge.Count(s.NotSent)
		}
	}
	if n.Steps == 0 || w.ended == "" {
		return nil
	}
	return &n
}

// stepLabel names a step with its lane where it is not a straight one.
func stepLabel(s *run.StepResult) string {
	if s.Lane == "" {
		return s.Name
	}
	return s.Name + " (" + s.Lane + ")"
}

// addJudgement adds what a judgement counted to the case's sums.
func (w *walk) addJudgement(j *judge.Judgement) {
	r := w.result
	for _, c := range j.Rules {
		r.Rules = addVisits(r.Rules, run.RuleVisits{At: c.Origin, Visits: c.Visits, Hits: c.Hits})
	}
}

// addVisits adds a count to the one of the same rule, or appends it.
func addVisits(sums []run.RuleVisits, v run.RuleVisits) []run.RuleVisits {
	for i := range sums {
		if sums[i].At == v.At {
			sums[i].Visits += v.Visits
			sums[i].Hits += v.Hits
			return sums
		}
	}
	return append(sums, v)
}

// trackApart books how far apart a lane's exchange and its counterpart were, and
// returns the most so far: a time that an earlier step left behind shows later.
func (w *walk) trackApart(kind LaneKind, a, b *wire.Exchange) time.Duration {
	w.apart[kind] = max(w.apart[kind], judge.Lag(a, b))
	return w.apart[kind]
}

// keepPair holds a pair for the crossing lanes.
func (w *walk) keepPair(name string, pair *run.Pair) {
	if !w.crossover() {
		return
	}
	if w.pairs == nil {
		w.pairs = map[string]*run.Pair{}
	}
	w.pairs[name] = pair
}

// A scope answers the placeholders of one step for one lane, in the order of
// [template.Sources].
type scope struct {
	// walk is nil outside a case: for headers of a side, probes and tokens.
	walk *walk
	// lane has the captures and cookies.
	lane *lane
	// side is where the request goes; a crossing lane changes it step by step.
	side scenarios.Side
	// with are the arguments of the parts that the step came from, outermost first.
	with [][]scenarios.Var
	// step and round tell the step's draws from those of other steps and of its
	// other rounds (repeat).
	step string
	// owner is what generated values belong to: the walk, or the suite's session for
	// its own and the env file's variables, which keep one value from setup to
	// teardown and get another when setup is walked again.
	owner string
	// now is the time of the request.
	now time.Time
	// loose names what only an answer can give: in a dry run it appears as its
	// own placeholder. nil in a real run.
	loose map[string]bool
	// depth is how many variables are being expanded within each other.
	depth int
	// values stand in for the lane's captures: those of what is taken back.
	values map[string]scenarios.Value
	// truthful answers with what the services really gave; see lane.truth.
	truthful bool
	// reads collects what a condition reads from outside the suites; nil: nothing does.
	reads *run.SwitchedOff
}

// Lookup finds a variable. In a dry run one that only an answer can give, or that
// is computed from such a one, is its own placeholder.
func (s *scope) Lookup(name string) (scenarios.Value, bool, error) {
	if _, changed := s.lane.truth[name]; changed {
		s.lane.misled = s.lane.misled || !s.truthful
	}
	v, found, err := s.sources().Lookup(name, s.depth, s.inner)
	if err == nil && !found && s.loose[name] {
		return template.TextValue("{{" + name + "}}"), true, nil
	}
	return v, found, err
}

// forget empties what was read from outside the suites.
func (s *scope) forget() {
	if s.reads != nil {
		*s.reads = run.SwitchedOff{}
	}
}

// sources are the places where a name is looked for, see template.Sources: what the lane
// captured, the row, what the case and the suite declare, flags and the environment.
func (s *scope) sources() *template.Sources {
	w := s.walk
	plan := w.suite.run.plan
	all := w.suite.suite.Sources(s.side, plan.Env)
	all.Captures, all.Columns, all.Cells, all.With = s.lane.captures, w.columns, w.row.Cells, s.with
	all.Flags, all.Getenv = plan.Vars, plan.World.Getenv
	if w.test != nil {
		all.Case = w.test.Vars
	}
	if s.reads != nil {
		all.Read = s.reads.Add
	}
	if s.truthful && len(s.lane.truth)+len(s.values) > 0 {
		all.Captures = maps.Clone(s.lane.captures)
		maps.Copy(all.Captures, s.lane.truth)
		maps.Copy(all.Captures, s.values)
	}
	return all
}

// inner is the scope of a variable's own placeholders: what it generates belongs
// to its case or suite, not to the step, so that it keeps its value.
func (s *scope) inner(d template.Definition) template.Scope {
	inner := *s
	inner.with, inner.depth, inner.step = d.With, s.depth+1, ""
	inner.owner, inner.now = s.walk.owner(), s.walk.started
	if d.Suite {
		inner.owner = s.walk.suite.partID("", s.walk.born)
	}
	if inner.owner != s.walk.owner() {
		inner.now = s.walk.suite.run.begun()
	}
	return &inner
}

// begun is when the run began, also where it was resumed later.
func (e *execution) begun() time.Time {
	if !e.plan.Started.IsZero() {
		return e.plan.Started
	}
	return e.board.started
}

// Generate draws a value: a pure function of the seed, the case, the row, the
// step and the placeholder, and of the lane when perSide.
func (s *scope) Generate(generator string, args []string, key string, perSide bool) (scenarios.Value, error) {
	lane := ""
	if perSide {
		lane = s.lane.kind.String()
	}
	owner := s.walk.owner()
	if s.owner != "" {
		owner = s.owner
	}
	source := random.Source(s.walk.suite.run.plan.Options.Seed, "value", owner, s.step, key, lane)
	return template.Generate(generator, args, template.Draw{Source: source, Now: s.now, Row: s.walk.row.Number})
}

// expand expands a template to text; a nil template is "".
func (s *scope) expand(t *scenarios.Template) (string, error) {
	if t == nil {
		return "", nil
	}
	v, err := t.Expand(s)
	if err != nil {
		return "", fmt.Errorf("%s: %w", t.Pos, err)
	}
	return v.Text, nil
}
