package runner

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/scenarios"
)

// A Shard is a finished run of one part of a plan, --shard i/n.
type Shard struct {
	// Number is i, from 1.
	Number int
	Run    *run.Run
	// Ranks are the numbers of its setups in the merged run.
	Ranks Ranks
	// Load takes over the records of a load stage, and names the file.
	Load func(l *run.LoadResult) (records string, err error)
}

// Merge makes one run of the n shards of a plan, in the order of their numbers, without
// sending anything. plan is the whole: the shards' plan without its --shard.
//
//  1. Results of cases are taken over as they were judged. Each is at the place that the
//     plan gives it, and of the shard that the place belongs to; a result that is not is an
//     error.
//  2. Each shard walked the setup and teardown of its suites: all of them are kept, and count.
//     A case names the setup of its shard, so that Rejudge starts it from there.
//  3. Counts, coverage, causes, gates and the verdict are made from all results, as Execute
//     makes them. What was found outside of cases (identity, reachability, transport) is the
//     gravest of the shards.
//  4. The verdict is never lighter than that of a shard which failed or broke; see
//     verdict.Conclude.
func Merge(ctx context.Context, plan *Plan, shards []Shard, sink run.Sink, progress func(Progress)) (*run.End, error) {
	e := newExecution(plan, sink, progress)
	e.shards = shards
	return e.execute(ctx)
}

// shardRuns are the shards as the verdict takes them.
func (e *execution) shardRuns() []verdict.ShardRun {
	var out []verdict.ShardRun
	for _, s := range e.shards {
		out = append(out, verdict.ShardRun{Name: fmt.Sprintf("%d/%d", s.Number, len(e.shards)), Run: s.Run})
	}
	return out
}

// mergeShards does what judge does, from the results of the shards.
func (e *execution) mergeShards(ctx context.Context, o *outcome) {
	if !e.askClusters(ctx, o) {
		return
	}
	planned := e.planned()
	e.board.update(func(p *Progress) { p.Phase, p.Total = Comparing, planned.Cases })
	if before := e.shards[0].Run.Before; before != nil {
		e.emit(run.Event{Sides: before})
	}
	o.Compared, o.Loaded = e.plan.Options.Part != OnlyLoad, e.plan.Options.Part != OnlyCompare
	e.placed = true
	m := &merging{e: e}
	if err := m.cases(ctx); err != nil {
		o.Setup = append(o.Setup, err.Error())
		return
	}
	o.Loads = m.loads(o)
	judged := slices.ContainsFunc(o.Loads, func(l run.LoadResult) bool { return l.Verdict != run.Skip && l.Verdict != run.Broken })
	for _, s := range e.shards {
		for _, f := range s.Run.End.Transport {
			// Times outside load say nothing where load was measured, in whichever shard.
			if f.During || f.Fact == run.FactTime && judged {
				continue
			}
			f.Verdict, f.Allowed = f.Weight, ""
			o.Transport = append(o.Transport, f)
		}
		// Fail-fast kept the rest of a shard from being started.
		if e.plan.Options.FailFast && s.Run.End.Verdict == run.Fail {
			e.ahead = true
		}
		e.placed = e.placed && !slices.ContainsFunc(s.Run.End.LeftOut, func(l run.LeftOut) bool { return l.What == run.AspectIdentity })
	}
}

// A merging walks the plan and the results of all shards at the same time.
type merging struct {
	// e is the execution whose results these become.
	e *execution
	// next reads the results of each shard in the order of its plan; ahead is the one that
	// was read and not used yet.
	next  []func() (*run.CaseResult, error, bool)
	ahead []*run.CaseResult
}

// cases takes over all results. Memory does not grow with them.
func (m *merging) cases(ctx context.Context) error {
	for _, s := range m.e.shards {
		// The results of all shards are read at the same time, one ahead of each.
		next, stop := iter.Pull2(s.Run.Cases)
		defer stop()
		m.next, m.ahead = append(m.next, next), append(m.ahead, nil)
	}
	place := 0
	for _, s := range m.e.suites {
		if m.e.plan.Options.Part == OnlyLoad {
			break
		}
		for j := range s.jobs {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := m.take(place%len(m.e.shards), &j); err != nil {
				return err
			}
			place++
		}
	}
	// After the last case only teardowns are left.
	for k := range m.next {
		switch r, err := m.peek(k); {
		case err != nil:
			return err
		case r != nil:
			return fmt.Errorf("shard %d has a result of case %s, which the plan does not have there", m.e.shards[k].Number, r.ID)
		}
	}
	return nil
}

// take books the result of the case that is next in the plan. A shard that ended early may not
// have it: the accounts of the merged run then show that a case is missing.
func (m *merging) take(k int, j *job) error {
	r, err := m.peek(k)
	if err != nil {
		return err
	}
	want := j.result()
	// Shard k has the cases k, k+n, k+2n and so on of the plan, in its order.
	shard := m.e.shards[k].Run
	// A shard that was stopped has fewer results than it planned; the accounts show that.
	if r == nil || r.ID != want.ID {
		if shard.End.Counts.Cases < shard.Header.Planned.Cases {
			return nil
		}
		got := "nothing"
		if r != nil {
			got = r.ID
		}
		return fmt.Errorf("shard %d has %s where the plan has case %s: it is a shard of another plan", m.e.shards[k].Number, got, want.ID)
	}
	m.ahead[k] = nil
	r.Suite, r.Index = want.Suite, want.Index
	return m.book(k, j.suite, j.test, r)
}

// peek is the next result of a case of a shard; nil: there is none. Setups and teardowns
// before it are booked.
func (m *merging) peek(k int) (*run.CaseResult, error) {
	for m.ahead[k] == nil {
		r, err, ok := m.next[k]()
		if err != nil {
			return nil, fmt.Errorf("read shard %d: %w", m.e.shards[k].Number, err)
		}
		if !ok {
			return nil, nil
		}
		if r.Kind == "" {
			m.ahead[k] = r
			break
		}
		s := m.suiteOf(k, r.Suite)
		if s == nil {
			return nil, fmt.Errorf("shard %d has a %s of a suite that the plan does not have", m.e.shards[k].Number, r.Kind)
		}
		r.Suite, r.Index = s.index, s.cases.first
		if r.Kind == "teardown" {
			r.Index = s.cases.last
		}
		if err := m.book(k, s, nil, r); err != nil {
			return nil, err
		}
	}
	return m.ahead[k], nil
}

// suiteOf is the suite of the plan that a shard knows by its own index: shards drop suites of
// which they have no case.
func (m *merging) suiteOf(k, index int) *suiteRun {
	heads := m.e.shards[k].Run.Header.Suites
	if index < 0 || index >= len(heads) {
		return nil
	}
	i := slices.IndexFunc(m.e.suites, func(s *suiteRun) bool { return s.suite.Name == heads[index].Name })
	if i < 0 {
		return nil
	}
	return m.e.suites[i]
}

// book counts a result and writes it.
func (m *merging) book(k int, s *suiteRun, test *scenarios.Case, r *run.CaseResult) error {
	shard := &m.e.shards[k]
	steps := slices.Concat(s.suite.Setup, s.suite.Teardown)
	if test != nil {
		steps = slices.Concat(test.Steps, test.Cleanup)
	}
	for i := range r.Steps {
		if err := m.evidence(shard, s, steps, &r.Steps[i]); err != nil {
			return err
		}
		r.Steps[i].Exchange = shard.Ranks.Rename(r.Steps[i].Exchange)
	}
	r.ID = shard.Ranks.Rename(r.ID)
	if number := shard.Ranks.Number(s.suite.Name, max(r.Session, 1)); test != nil && number > 1 && len(s.suite.Setup) > 0 {
		r.Session = number
	}
	m.e.ledger.AddMerged(r.Requests)
	m.e.totals.Add(s.facts(), r)
	m.e.emit(run.Event{Case: r})
	m.e.board.update(func(p *Progress) {
		p.Last, p.Verdict, p.Counts = r.ID, r.Verdict, m.e.totals.Counts()
		if r.Kind == "" {
			p.Done++
		}
	})
	return m.e.failed()
}

// evidence reads what a step's result rests on: the pair that proposed rules are tried on where
// it differs, and the services that it asked.
func (m *merging) evidence(shard *Shard, s *suiteRun, steps []*scenarios.Step, r *run.StepResult) error {
	// Only pairs of the straight lanes have causes with proposed rules.
	differs := r.DifferencesTotal > 0 && r.Lane == ""
	if r.Exchange == "" || !differs && m.e.plan.Clusters == nil {
		return nil
	}
	pair, err := shard.Run.Pair(r.Exchange)
	if err != nil {
		return fmt.Errorf("read shard %d: %w", shard.Number, err)
	}
	if pair == nil {
		return fmt.Errorf("shard %d has no exchange %s, which a result of it names", shard.Number, r.Exchange)
	}
	m.e.noteAsked(pair)
	i := slices.IndexFunc(steps, func(o *scenarios.Step) bool { return o.Pos.String() == r.At })
	if !differs || i < 0 || pair.Blue == nil || pair.Green == nil {
		return nil
	}
	rules, err := s.stepRules(steps[i])
	if err != nil {
		return fmt.Errorf("step %s: %w", r.At, err)
	}
	r.Pair = &cause.Sample{
		Blue: judge.NewAnswer(pair.Blue).Message(), Green: judge.NewAnswer(pair.Green).Message(),
		Rules: rules.Apart(judge.Lag(pair.Blue, pair.Green)).Full,
	}
	return nil
}

// loads takes over the load stages, in the order of the plan.
func (m *merging) loads(o *outcome) []run.LoadResult {
	var out []run.LoadResult
	for k := range m.e.shards {
		shard := &m.e.shards[k]
		for _, l := range shard.Run.Loads {
			s := m.suiteOf(k, l.Suite)
			if s == nil || m.placeOf(s, l.Name) < 0 {
				o.Setup = append(o.Setup, fmt.Sprintf("shard %d has load %s, which the plan does not have", shard.Number, l.Name))
				continue
			}
			// The records are copied, so that the merged run can be judged again without its shards.
			l.Suite = s.index
			var err error
			if l.Records != "" {
				l.Records, err = shard.Load(&l)
			}
			if err != nil {
				m.e.fail(err)
				return out
			}
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b run.LoadResult) int {
		return cmp.Or(a.Suite-b.Suite, m.placeOf(m.e.suites[a.Suite], a.Name)-m.placeOf(m.e.suites[b.Suite], b.Name))
	})
	// Each stage belongs to one shard; a second result of it would count twice.
	for i := range out {
		if i > 0 && out[i].Suite == out[i-1].Suite && out[i].Name == out[i-1].Name {
			o.Setup = append(o.Setup, fmt.Sprintf("load %s was run by two shards", out[i].Name))
		}
		m.e.emit(run.Event{Load: &out[i]})
	}
	return out
}

// placeOf is the place of a load stage in its suite; -1: it has no such stage.
func (m *merging) placeOf(s *suiteRun, name string) int {
	return slices.IndexFunc(s.suite.Loads, func(l *scenarios.LoadStage) bool { return l.Name == name })
}

// Ranks number the setups and teardowns of a shard in the merged run: by suite, the shard's
// place among those that have the suite, from 1, and how many these are.
type Ranks map[string][2]int

// Number is that of the shard's g-th setup of a suite. Of n shards the rank-th has the numbers
// rank, n+rank, 2n+rank and so on, so that the first setup of a suite stays the first.
func (r Ranks) Number(suite string, g int) int {
	if rank, known := r[suite]; known {
		return (g-1)*rank[1] + rank[0]
	}
	return g
}

// Rename gives setups and teardowns, and the keys of their pairs, the names that they have in
// the merged run; ids of cases stay.
func (r Ranks) Rename(id string) string {
	for _, part := range []string{"/(setup)", "/(teardown)"} {
		suite, rest, ok := strings.Cut(id, part)
		if _, known := r[suite]; !ok || !known {
			continue
		}
		g := 1
		if number, ok := strings.CutPrefix(rest, "~"); ok {
			digits := len(number) - len(strings.TrimLeft(number, "0123456789"))
			if n, err := strconv.Atoi(number[:digits]); err == nil {
				g, rest = n, number[digits:]
			}
		}
		if n := r.Number(suite, g); n > 1 {
			return fmt.Sprintf("%s%s~%d%s", suite, part, n, rest)
		}
		return suite + part + rest
	}
	return id
}
