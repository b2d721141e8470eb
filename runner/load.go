package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/findings"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/services"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// Figures of a load stage's payloads.
const (
	maxPayloads  = 4096 // rows chosen for one route
	variantCount = 512  // of a request without data whose placeholders draw values
)

// loadAll runs the load stages one after the other: two at once would measure
// each other.
func (e *execution) loadAll(ctx context.Context) []run.LoadResult {
	var out []run.LoadResult
	for _, s := range e.suites {
		for _, stage := range s.suite.Loads {
			if ctx.Err() != nil {
				return out
			}
			r := s.load(ctx, stage)
			out = append(out, *r)
			e.emit(run.Event{Load: r})
		}
	}
	return out
}

// load runs and judges one stage, or says why it was not run.
func (s *suiteRun) load(ctx context.Context, stage *scenarios.LoadStage) *run.LoadResult {
	r := &run.LoadResult{Suite: s.index, Name: stage.Name, At: stage.Pos.String(), Rate: stage.Rate, Services: servicesUnder(s.suite, stage)}
	if !s.mayLoad() {
		r.Verdict, r.Reason = run.Skip, "load is not allowed here: the sides are not on loopback, "+
			"and neither limits: {load: allow} of the env file nor a flag allows it"
		return r
	}
	// Setup runs for each suite whose cases take the load, and its teardown after the stage,
	// whatever became of it.
	var homes []*suiteRun
	found := findings.New(s.suite.Name, stage.Name, s.run.secret, nil)
	plan, why, verdict := s.attackPlan(ctx, stage, found, &homes)
	defer func() {
		for _, home := range homes {
			home.endSession(ctx)
		}
	}()
	if plan == nil {
		r.Verdict, r.Reason = verdict, why
		return r
	}
	r.Warnings = append(r.Warnings, rowsShort(plan)...)
	r.Blue = blueAddresses(plan.Routes)
	plan.Known = s.known(stage, r.Blue)
	file, err := s.run.sink.LoadFile(stage.Name)
	if err != nil {
		s.run.fail(fmt.Errorf("open the record file of load %q: %w", stage.Name, err))
		r.Verdict, r.Reason = run.Broken, err.Error()
		return r
	}
	var debts findings.Debts
	if err := s.overFleet(stage, plan, found, homes, &debts); err != nil {
		r.Verdict, r.Reason = run.Broken, err.Error()
		return r
	}
	report, err := s.run.fire(ctx, plan, file)
	ended := s.run.now()
	r.Records = file.Name()
	if stage.Writes && plan.Fleet != nil {
		defer s.settleDebts(ctx, r, &debts)
	}
	// A stage that was cut short keeps what was measured, without a verdict.
	switch {
	case ctx.Err() != nil:
		r.Verdict, r.Reason = run.Interrupted, "the run was stopped before the first block: no verdict"
	case err != nil && report == nil:
		r.Verdict, r.Reason = run.Broken, err.Error()
	}
	if report == nil {
		return r
	}
	take(r, report)
	s.run.judgeLoad(ctx, r, found, ended)
	if err != nil && r.Verdict == run.Pass {
		r.Verdict, r.Reason = run.Broken, err.Error()
	}
	return r
}

// fire runs the attack of a plan into its record file, and closes the file.
func (e *execution) fire(ctx context.Context, plan *attack.Plan, file run.RecordWriter) (*attack.Report, error) {
	report, err := attack.Run(ctx, *plan, file, func(p attack.Progress) {
		e.board.update(func(out *Progress) { out.Phase, out.Load = Loading, &p })
	})
	if closing := file.Close(); closing != nil {
		e.fail(fmt.Errorf("close the record file of load %q: %w", plan.Name, closing))
	}
	return report, err
}

// judgeLoad adds what the records of a stage do not show: what it cost both sides, and what its
// answers and connections came to. The pairs of the examples go to the sink.
func (e *execution) judgeLoad(ctx context.Context, r *run.LoadResult, found *findings.Set, ended time.Time) {
	e.measure(ctx, r, ended)
	for _, pair := range found.Judge(r) {
		e.emit(run.Event{Pair: pair})
	}
}

// settleDebts takes back what workers left, and warns of it.
func (s *suiteRun) settleDebts(ctx context.Context, r *run.LoadResult, debts *findings.Debts) {
	there := func(w run.LoadWorker) bool { return !w.Lost }
	open, back := s.takeBackOwed(ctx, debts, func(worker int) bool {
		return r.Fleet != nil && !slices.ContainsFunc(r.Fleet.Workers, func(w run.LoadWorker) bool { return w.Number == worker && there(w) })
	})
	if open > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("walks of workers did not take back %s; %d were taken back afterwards",
			text.Count(open, "thing"), back))
	}
	if r.Fleet != nil && !slices.ContainsFunc(r.Fleet.Workers, there) || r.Fleet.AnyLost() {
		r.Warnings = append(r.Warnings, "a worker was lost or stalled: what its walks created in its last moment may not be known")
	}
}

// overFleet has the workers of the run fire a stage, if it has any. debts takes what their walks owe.
func (s *suiteRun) overFleet(
	stage *scenarios.LoadStage, plan *attack.Plan, found *findings.Set, homes []*suiteRun, debts *findings.Debts,
) error {
	fleet := s.run.plan.Fleet
	if fleet == nil {
		return nil
	}
	message, err := s.message(stage, homes)
	if err != nil {
		return err
	}
	plan.Fleet = fleet.Stage(message, debts.Take)
	plan.Found = func(_ int, message []byte, judged bool) { found.Merge(message, judged, s.run.totals.AddCreated) }
	return nil
}

// servicesUnder are the services that a stage puts under load.
func servicesUnder(own *scenarios.Suite, stage *scenarios.LoadStage) []string {
	var out []string
	add := func(name string) {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	add(own.Service)
	for i := range stage.Steps {
		part := &stage.Steps[i]
		if part.Home != nil {
			add(part.Home.Service)
		}
		if part.Target == nil {
			continue
		}
		for _, step := range part.Target.Steps {
			add(step.Service)
		}
	}
	slices.Sort(out)
	return out
}

// take takes over what the attack reports; r holds what is known without it. A stage cut
// short keeps its verdict.
func take(r *run.LoadResult, p *attack.Report) {
	own := *r
	*r = p.LoadResult
	r.Suite, r.Name, r.At, r.Services, r.Blue, r.Records = own.Suite, own.Name, own.At, own.Services, own.Blue, own.Records
	r.Warnings = append(own.Warnings, p.Warnings...)
	for _, step := range p.Steps {
		r.Warnings = append(r.Warnings, fmt.Sprintf("at %g %s/s per side: %s, %s", step.Rate, r.Unit(), step.Outcome, step.Reason))
	}
	if r.Rate == 0 {
		r.Rate = own.Rate
	}
	// The attack knows only figures. What answers held is judged after it; see judgeLoad.
	r.Verdict = run.OfOutcome(p.Outcome)
	if p.Advice != "" {
		r.Reason += "; " + p.Advice
	}
	r.Reason = cmp.Or(r.Reason, r.Verdict.String())
	if own.Verdict == run.Interrupted {
		r.Verdict, r.Reason = own.Verdict, own.Reason
		if p.Blocks > 0 {
			r.Reason = fmt.Sprintf("the run was stopped after %s: no verdict", text.Count(p.Blocks, "block"))
		}
	}
}

// attackPlan renders a stage's routes. The suites whose setup was run for it are
// put into homes, in the order of the steps. Without a plan, why says so and
// verdict is the stage's.
func (s *suiteRun) attackPlan(
	ctx context.Context, stage *scenarios.LoadStage, found *findings.Set, homes *[]*suiteRun,
) (plan *attack.Plan, why string, verdict run.Verdict) {
	plan = s.stagePlan(stage)
	plan.Blue.Services, plan.Green.Services = map[string]wire.Config{}, map[string]wire.Config{}
	for i := range stage.Steps {
		part := &stage.Steps[i]
		home, err := s.run.homeOf(s, part)
		if err != nil {
			return nil, err.Error(), run.Broken
		}
		step := part.Target.Steps[0]
		if home.barsLoad(stage, part.Target) {
			return nil, fmt.Sprintf("case %s leaves something behind: it takes load only with writes: true, where the stage's limits allow writes",
				part.Target.ID), run.Skip
		}
		w := newWalk(home, part.Target.ID, s.run.now())
		w.test = part.Target
		if !slices.Contains(*homes, home) {
			*homes = append(*homes, home)
		}
		// The lanes that setup left are where every request of the stage begins.
		if v, reason := home.enterSession(ctx, w); v != 0 {
			return nil, reason, v
		}
		// A stage walks whole cases, or repeats the first step of each.
		if stage.Walks() {
			c, err := home.planCase(part, plan, found)
			if err == nil {
				err = c.ready(w, plan)
			}
			if err != nil {
				return nil, fmt.Sprintf("case %s: %v", part.Target.ID, err), run.Broken
			}
			continue
		}
		route, err := w.route(ctx, step, part, plan, found)
		if err != nil {
			return nil, fmt.Sprintf("case %s: %v", part.Target.ID, err), run.Broken
		}
		plan.Routes = append(plan.Routes, *route)
	}
	return plan, "", 0
}

// barsLoad reports whether a case has a step with side effects that the stage or its
// limits do not allow.
func (s *suiteRun) barsLoad(stage *scenarios.LoadStage, test *scenarios.Case) bool {
	return slices.ContainsFunc(sentBy(stage, test), func(step *scenarios.Step) bool {
		return step.SideEffects == scenarios.Unreviewed || step.HasEffects() && (!stage.Writes || !s.mayWrite(step))
	})
}

// homeOf is the run of the suite that a load step's case belongs to; a suite
// that the selection dropped is made ready for the load alone.
func (e *execution) homeOf(own *suiteRun, part *scenarios.LoadStep) (*suiteRun, error) {
	switch {
	case part.Target == nil:
		return nil, fmt.Errorf("load step %s/%s names no case", part.Suite, part.Case)
	case len(part.Target.Steps) == 0:
		return nil, fmt.Errorf("case %s has no steps", part.Target.ID)
	case part.Home == nil || part.Home.Name == own.suite.Name:
		return own, nil
	}
	for _, s := range append(e.suites, e.extra...) {
		if s.suite.Name == part.Home.Name {
			return s, nil
		}
	}
	made, err := newSuiteRun(e, own.index, part.Home)
	if err != nil {
		return nil, err
	}
	made.loopback = own.loopback
	e.extra = append(e.extra, made)
	return made, nil
}

// route renders the requests of one route: one for each data row, or several
// where the request draws values.
func (w *walk) route(
	ctx context.Context, step *scenarios.Step, part *scenarios.LoadStep, plan *attack.Plan, found *findings.Set,
) (*attack.Route, error) {
	rules, err := w.suite.stepRules(step)
	if err != nil {
		return nil, err
	}
	route := &attack.Route{
		Name: step.Request.Method + " " + routePath(step), Weight: part.Weight, Compare: step.Compare && !w.suite.sharedService(step),
		Expect: acceptedStatuses(step),
	}
	judge := &loadJudge{route: found.AddRoute(route.Name), step: step, rules: rules, found: found}
	route.Judge = judge
	add := func(i int) error {
		name := fmt.Sprintf("load %d", i)
		blue, err := w.payload(ctx, scenarios.Blue, name, plan.Blue.Services, judge)
		if err != nil {
			return err
		}
		green, err := w.payload(ctx, scenarios.Green, name, plan.Green.Services, judge)
		if err != nil {
			return err
		}
		route.Blue, route.Green = append(route.Blue, *blue), append(route.Green, *green)
		return nil
	}
	if w.test.Data != nil {
		return route, w.rowPayloads(add)
	}
	// A request that draws values is rendered many times. One whose first two are equal draws
	// none, or none that a cache would notice, and is sent as it is.
	for i := range variantCount {
		if err := add(i); err != nil {
			return nil, err
		}
		if i == 1 && payloadKey(&route.Blue[0]) == payloadKey(&route.Blue[1]) {
			route.Blue, route.Green = route.Blue[:1], route.Green[:1]
			break
		}
	}
	return route, nil
}

// acceptedStatuses are those that a step expects of blue and of green.
func acceptedStatuses(step *scenarios.Step) (out [2][]attack.Status) {
	for i, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		for _, m := range step.ExpectOf(side).Status {
			out[i] = append(out[i], attack.Status{Low: m.Low, High: m.High})
		}
	}
	return out
}

// rowPayloads adds a request for each row of the case's data.
func (w *walk) rowPayloads(add func(int) error) error {
	rows, err := loadRows(w.test.Data, maxPayloads)
	for i := 0; err == nil && i < len(rows); i++ {
		w.setRow(w.test, rows[i])
		err = add(i)
	}
	return err
}

// loadRows reads the first rows of a case's data. A case that has none is an error.
func loadRows(d *scenarios.Data, most int) ([]scenarios.Row, error) {
	var out []scenarios.Row
	for row, err := range d.Rows {
		if err != nil {
			return nil, err
		}
		if out = append(out, row); len(out) == most {
			break
		}
	}
	if len(out) == 0 {
		return nil, errors.New("its data has no rows")
	}
	return out, nil
}

// payload renders a step's request for one side, once, before the load begins: signatures and
// generated values are those of that moment. What the request is expected to give goes to judging,
// and how its service is reached to services.
func (w *walk) payload(
	ctx context.Context, side scenarios.Side, name string, services map[string]wire.Config, judging *loadJudge,
) (*attack.Request, error) {
	step := judging.step
	sc := w.scope(w.lanes[straightLane(side)], side, step, name, w.started)
	out, err := w.compose(ctx, step, sc)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", side, err)
	}
	if _, err := out.signed(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", side, err)
	}
	checks, err := w.suite.judgedBy(step).Checks(side, sc)
	if err != nil {
		return nil, fmt.Errorf("%s: expect: %w", side, err)
	}
	unsampled(out.request)
	rows := &judging.rows[judge.Count(side == scenarios.Green)]
	*rows = append(*rows, loadRow{checks: checks.WithoutLatency(), url: out.request.URL, body: out.request.Body, sent: out.request.Headers})
	return &attack.Request{
		Service: w.suite.serviceKey(services, out.to), Method: out.request.Method, URL: out.request.URL, Headers: out.request.Headers, Body: out.request.Body,
	}, nil
}

// serviceKey is the name by which a load's plan knows a service, and adds it to those that the
// plan knows. Two suites may give one name to two places; the second is then known with its suite.
func (s *suiteRun) serviceKey(known map[string]wire.Config, to *services.Service) string {
	key := to.Name
	if config, ok := known[key]; ok && config != to.Config {
		key = s.suite.Name + "/" + key
	}
	known[key] = to.Config
	return key
}

// payloadKey is what a cache would tell requests apart by.
func payloadKey(r *attack.Request) string {
	return r.Method + " " + r.URL + "\x00" + string(r.Body)
}

// measure adds what both sides needed to a stage that was measured.
func (e *execution) measure(ctx context.Context, r *run.LoadResult, end time.Time) {
	if e.plan.Meter == nil || r.Seconds <= 0 || ctx.Err() != nil {
		return
	}
	// Requests of each side: the rate counts walks where whole cases are walked.
	requests := r.Rate * r.Seconds * max(r.PerWalk, 1)
	from := end.Add(-time.Duration(r.Seconds * float64(time.Second)))
	r.Resources = e.plan.Meter.Measure(ctx, from, end, requests)
}
