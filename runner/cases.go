package runner

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// pending are the cases of a suite and their places in the plan: setup comes
// before the first, teardown after the last.
type pending struct {
	first, last int          // indices of setup and teardown
	left        atomic.Int64 // cases and rows not done
	planned     int
}

// A job is one case, or one row of one, to be walked.
type job struct {
	// suite is that of the case.
	suite *suiteRun
	// test is the case as the file writes it.
	test *scenarios.Case
	// row is the case's row; the zero Row without data.
	row scenarios.Row
	// index is the place in the plan, by which a continued run knows what is done.
	index int
	// err says why the row could not be read; the case is then broken.
	err error
}

// layOutPlan counts the plan and gives every case, row, setup and teardown its place.
func (e *execution) layOutPlan() {
	next := 0
	for _, s := range e.suites {
		s.cases.first = next
		if len(s.suite.Setup) > 0 {
			next++
		}
		for _, c := range s.suite.Cases {
			s.cases.planned += c.Count()
		}
		s.cases.left.Store(int64(s.cases.planned))
		next += s.cases.planned
		s.cases.last = next
		next++
	}
}

// jobs yields the cases wave by wave, within a wave in the plan's order, rows
// read as they are needed.
func (e *execution) jobs(yield func(job) bool) {
	byWave := slices.Clone(e.suites)
	slices.SortStableFunc(byWave, func(a, b *suiteRun) int { return a.suite.Wave - b.suite.Wave })
	for _, s := range byWave {
		for j := range s.jobs {
			if !yield(j) {
				return
			}
		}
	}
}

// jobs yields the cases of the suite with their places, in the plan's order.
func (s *suiteRun) jobs(yield func(job) bool) {
	index := s.cases.first + judge.Count(len(s.suite.Setup) > 0)
	for _, c := range s.suite.Cases {
		for j := range s.rows(c, index) {
			if !yield(j) {
				return
			}
		}
		index += c.Count()
	}
}

// rows yields the rows of a case: exactly as many as were planned, so that a
// file that shrank or cannot be read shows as broken rows instead of as fewer.
func (s *suiteRun) rows(c *scenarios.Case, index int) func(func(job) bool) {
	return func(yield func(job) bool) {
		if c.Data == nil {
			yield(job{suite: s, test: c, index: index})
			return
		}
		n := 0
		var failure error
		for row, err := range c.Data.Rows {
			if n == c.Data.Count {
				break
			}
			if err != nil {
				failure = err
				break
			}
			if !yield(job{suite: s, test: c, row: row, index: index + n}) {
				return
			}
			n++
		}
		// The rows that were planned and are missing are broken cases, all for one reason.
		if failure == nil && n < c.Data.Count {
			failure = fmt.Errorf("%s has %d rows, %d were planned", judge.FileName(c.Data.File), n, c.Data.Count)
		}
		for ; n < c.Data.Count; n++ {
			if !yield(job{suite: s, test: c, row: scenarios.Row{Number: n + 1}, index: index + n, err: failure}) {
				return
			}
		}
	}
}

// compareAll walks every case under the limit. A result leaves when it is ready;
// nothing but sums is kept.
func (e *execution) compareAll(ctx context.Context, done map[int]bool) {
	// The gate bounds the cases that are walked at once; each of them has up to two requests under
	// way.
	gate := make(chan struct{}, e.plan.Options.concurrency())
	var workers sync.WaitGroup
	defer workers.Wait()
	// A place is taken before the goroutine starts: no more rows are read than are walked.
	for j := range e.jobs {
		if done[j.index] {
			j.suite.finishedOne(ctx)
			continue
		}
		select {
		case <-ctx.Done():
			return
		case gate <- struct{}{}:
		}
		if ctx.Err() != nil {
			return
		}
		workers.Go(func() {
			defer func() { <-gate }()
			e.work(ctx, j)
		})
	}
}

// work walks one case to its result. A panic becomes a broken case: it is our
// fault, and it must not take the other cases with it.
func (e *execution) work(ctx context.Context, j job) {
	begun := e.now()
	defer j.suite.finishedOne(ctx)
	defer rescue(func(err error) {
		r := j.result()
		r.Verdict, r.ElapsedMS, r.Reasons = run.Broken, run.Milliseconds(e.now().Sub(begun)), []string{err.Error()}
		e.record(j.suite, r)
	})
	j.suite.recoverCase(ctx, j)
	r := j.suite.walkCase(ctx, j, begun)
	e.record(j.suite, r)
}

// rescue turns a panic into an error for its worker. It is deferred itself.
func rescue(report func(error)) {
	if p := recover(); p != nil {
		report(fmt.Errorf("internal error: %v at %s", p, panicPlace(debug.Stack())))
	}
}

// panicPlace is the first line of ours in a stack.
func panicPlace(stack []byte) string {
	lines := strings.Split(string(stack), "\n")
	seen := false
	for i, line := range lines {
		if strings.HasPrefix(line, "panic(") {
			seen = true
			continue
		}
		if seen && strings.Contains(line, "bgverify/") && i+1 < len(lines) {
			place, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " ")
			return place[strings.LastIndex(place, "/")+1:]
		}
	}
	return "an unknown place"
}

// result is the job's result before anything happened.
func (j *job) result() *run.CaseResult {
	id, name := j.test.ID, j.test.Name
	if j.test.Data != nil {
		id, name = j.test.RowID(j.row)
	}
	return &run.CaseResult{Suite: j.suite.index, Index: j.index, ID: id, Name: name, Tags: j.test.Tags, At: j.test.Pos.String()}
}

// walk is a walk of the job that has no lanes yet.
func (j *job) walk(started time.Time) *walk {
	w := newWalk(j.suite, "", started)
	w.result = j.result()
	w.id = w.result.ID
	w.setRow(j.test, j.row)
	return w
}

// setRow gives a walk its case with a row of its data; of no case it has no columns either.
func (w *walk) setRow(test *scenarios.Case, row scenarios.Row) {
	w.test, w.row = test, row
	if test != nil && test.Data != nil {
		w.columns = test.Data.Columns
	}
}

// finishedOne counts a case down; the last one runs the teardown.
func (s *suiteRun) finishedOne(ctx context.Context) {
	if s.cases.left.Add(-1) == 0 {
		s.endSession(ctx)
	}
}

// walkCase walks one case, or says why it was not walked.
func (s *suiteRun) walkCase(ctx context.Context, j job, begun time.Time) *run.CaseResult {
	w := j.walk(begun)
	// What keeps the case from being walked comes before its session: setup is not run for it.
	if v, reason := s.withheld(&j, w.id); v != 0 {
		w.result.Verdict, w.result.Reasons = v, []string{reason}
		return w.result
	}
	w.declare()
	if v, reason := s.enterSession(ctx, w); v != 0 {
		w.result.Verdict, w.result.Barred, w.result.Reasons = v, w.barred, []string{reason}
		w.result.Requests = w.sent.perSide()
		if ctx.Err() != nil {
			w.stopped()
		}
		return w.result
	}
	w.straight(ctx, j.test.Steps, "")
	w.cross(ctx, j.test.Steps, "")
	w.cleanup(ctx)
	w.result.Created = w.created(slices.Concat(j.test.Steps, j.test.Cleanup))
	r := w.finish()
	s.quarantine(j.test, r)
	return r
}

// withheld says why a case is not walked at all.
func (s *suiteRun) withheld(j *job, id string) (run.Verdict, string) {
	switch {
	case j.err != nil:
		return run.Broken, "data: " + j.err.Error()
	case j.test.Skip != "":
		return run.Skip, j.test.Skip
	case s.run.plan.Doubtful[id] != "":
		return run.Broken, s.run.plan.Doubtful[id]
	case s.run.halted():
		return run.Skip, "not run: an earlier case failed and fail-fast is on"
	}
	return 0, ""
}

// declare makes the row's secret cells unreadable in everything written.
func (w *walk) declare() {
	for _, name := range w.suite.suite.Secrets {
		if i := slices.Index(w.columns, name); i >= 0 && i < len(w.row.Cells) && w.row.Cells[i].Text != "" {
			w.tellSecret(name, w.row.Cells[i].Text)
		}
	}
}

// cleanup walks the case's cleanup on every lane that was walked, whatever came
// before; see walkBack.
func (w *walk) cleanup(ctx context.Context) {
	if len(w.test.Cleanup) == 0 && !w.madeSomething() {
		return
	}
	w.walkBack(ctx, w.test.Steps, w.test.Cleanup)
}

// madeSomething reports whether a lane of the walk created anything.
func (w *walk) madeSomething() bool {
	for _, l := range w.lanes {
		if len(l.effects) > 0 {
			return true
		}
	}
	return false
}

// lostACrossing reports whether a crossing lane ended early.
func (w *walk) lostACrossing(before int) bool {
	for _, s := range w.result.Steps[:before] {
		if s.Lane != "" && s.Verdict >= run.Broken {
			return true
		}
	}
	return false
}

// quarantine takes the weight from a case that may fail until a date. Past the
// date it counts again, and says so.
func (s *suiteRun) quarantine(c *scenarios.Case, r *run.CaseResult) {
	q := c.Quarantine
	if q == nil {
		return
	}
	// The last day of the quarantine belongs to it.
	day := q.Until.Format(time.DateOnly)
	if !s.run.now().Before(q.Until.AddDate(0, 0, 1)) {
		if r.Verdict > run.Pass {
			r.Reasons = append(r.Reasons, fmt.Sprintf("its quarantine (%s) ended on %s", q.Ticket, day))
		}
		return
	}
	r.Quarantine = strings.TrimSpace("until " + day + " " + q.Ticket)
	if r.Verdict > run.Pass && r.Verdict < run.Interrupted {
		r.Reasons = append([]string{fmt.Sprintf("quarantined until %s (%s), would be %s", day, q.Ticket, r.Verdict)}, r.Reasons...)
		r.Verdict = run.Skip
	}
}

// halted reports whether fail-fast has stopped the starting of cases.
func (e *execution) halted() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ahead
}

// record books a result, hands it to the sink and shows the progress. The result
// of a case that the end of the run cut short is not one: it is not recorded.
func (e *execution) record(s *suiteRun, r *run.CaseResult) {
	if r.Verdict == run.Interrupted {
		e.totals.AddCreated(r.Created)
		return
	}
	// The ledger counted these requests when they were sent. That both counts agree is one of the
	// accounts.
	e.ledger.AddCase(r.Requests)
	e.totals.Add(s.facts(), r)
	for i := range r.Steps {
		e.places.AddExplained(&r.Steps[i], s.reflected)
	}
	// An advisory suite reports and does not decide, so that it does not stop the others.
	if e.plan.Options.FailFast && r.Verdict == run.Fail && s.suite.Gate != scenarios.Advisory {
		e.mu.Lock()
		e.ahead = true
		e.mu.Unlock()
	}
	e.emit(run.Event{Case: r})
	e.board.update(func(p *Progress) {
		p.Last, p.Verdict = r.ID, r.Verdict
		if r.Kind == "" {
			p.Done++
		}
		p.Counts = e.totals.Counts()
		p.Requests = e.ledger.Total()
	})
}
