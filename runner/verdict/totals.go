package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// Totals sums case results up as they come, in any order, in bounded memory: the same results
// give the same sums whatever came first. Memory grows with the suites, causes, findings (see
// maxFindings), services and rules, and by one bit for each case. It does not grow with the
// results themselves.
type Totals struct {
	// mu guards everything below: workers add results while the progress line reads counts.
	mu sync.Mutex
	// suites has a place for each suite of the plan, in its order.
	suites []suiteTotals
	// causes groups the differences of all cases; it is bounded by itself.
	causes *cause.Set
	// rules are the visits and hits of each rule, by its origin.
	rules map[string]run.RuleVisits
	// findings are what made cases worse than pass, differences apart, merged by text.
	findings map[finding]*tally
	overflow map[run.Verdict]int // findings beyond the bound
	booked   []uint64            // one bit for each place of the plan
	twice    []string            // cases that were booked twice
	// protocol has, by suite, the HTTP versions of blue and green where they differ and the
	// suite does not declare them.
	protocol map[string][2]string
	// transport is what the exchanges show of the connections, by service.
	transport connectionsSeen
	// created counts what steps made on the sides, and lists what was left.
	created run.Created
	// switches counts how often each step was switched off by its condition.
	switches   switches
	unsent     run.NotSent // steps of cases that ended early; Of counts the cases
	withheld   int         // cases that were not allowed to write
	unreviewed int         // cases of required suites with a step that is not reviewed
}

// suiteTotals are the sums of one suite. Cases of setup and teardown count for the verdict,
// the requests and the retries alone.
type suiteTotals struct {
	verdict  run.Verdict // of cases, setup and teardown; 0: none ended yet
	counts   run.Counts
	coverage run.Coverage
	setup    []string // reasons of setup and teardown
	differ   int      // cases with differences
	compared int      // cases in which a pair was compared
	vacuous  int      // cases with a step that compared nothing
	unmet    int      // cases with an expectation that does not hold
	silent   [3]int   // cases in which a side gave no answer, by side
	retried  int      // setups and teardowns that passed only after a retry
}

// A finding is one sentence about one or many cases. It is a map key: two cases that say the
// same in the same words are one finding. The sentence has no names of cases or values that
// differ from case to case, or else it would not be merged.
type finding struct {
	verdict  run.Verdict
	text     string
	advisory bool
}

// A tally counts the cases of a finding and keeps the first three in plan order. Three examples
// are enough to find the cause; the plan's order makes them the same in each run.
type tally struct {
	cases int
	first [3]struct {
		index int
		id    string
	}
}

// maxFindings bounds the sentences that are kept apart. A run in which every case fails in its
// own words would otherwise keep a sentence for each. Those beyond it are counted by verdict.
const maxFindings = 500

// NewTotals makes empty totals for as many suites as the plan has.
func NewTotals(suites int) *Totals {
	return &Totals{
		suites: make([]suiteTotals, suites), causes: cause.NewSet(), rules: map[string]run.RuleVisits{},
		findings: map[finding]*tally{}, overflow: map[run.Verdict]int{}, protocol: map[string][2]string{}, transport: connectionsSeen{},
	}
}

// A SuiteOf is what totals need to know of the suite that a result belongs to. It says which of
// the totals the result is added to, and how the suite was called.
type SuiteOf struct {
	// Index is the place of the suite in the plan.
	Index int
	Suite *scenarios.Suite
	// ProtocolDeclared: the suite says with which HTTP version a side is called.
	ProtocolDeclared bool
	// PlaceOf finds the service that a step was sent to; false: none that is two places.
	PlaceOf func(step *run.StepResult) (at Place, service string, ok bool)
}

// Add books a result. It may be called from many goroutines at once. It takes what it needs
// from the result and drops the pairs of its steps, which hold the bodies.
func (t *Totals) Add(s *SuiteOf, r *run.CaseResult) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Setup and teardown have a kind and no place in the plan, so they are not looked up in it.
	if r.Kind == "" && t.mark(r.Index) {
		t.twice = append(t.twice, r.ID)
	}
	// A setup or teardown that was skipped says nothing of its suite.
	u := &t.suites[s.Index]
	if r.Verdict != run.Skip || r.Kind == "" {
		u.verdict = u.verdict.Worse(r.Verdict)
	}
	u.counts.Add(r)
	u.retried += judge.Count(r.Kind != "" && r.Flaky)
	// Coverage, rules and created things are added for every kind of case: a rule that only a
	// setup needs is not unused.
	u.coverage = u.coverage.Add(r.Coverage)
	for _, v := range r.Rules {
		sum := t.rules[v.At]
		t.rules[v.At] = run.RuleVisits{At: v.At, Visits: sum.Visits + v.Visits, Hits: sum.Hits + v.Hits}
	}
	t.created.Add(r.Created)
	if r.NotSent != nil && r.Kind == "" {
		t.unsent.Steps += r.NotSent.Steps
		t.unsent.Of++
	}
	// A case in quarantine does not count, so what it switched off is not missing from the run.
	if s.Suite.Gate != scenarios.Advisory && r.Quarantine == "" {
		t.switches.add(r)
	}
	// What may weigh on the verdict beyond the case's own: reasons, protocols, connections,
	// and what was not allowed to run.
	t.mergeFindings(s, u, r)
	t.protocols(s, r)
	t.transport.add(s, r)
	t.withheld += judge.Count(r.Verdict == run.Skip && r.Barred == run.BarWrites)
	t.unreviewed += judge.Count(r.Kind == "" && s.Suite.Gate != scenarios.Advisory && r.Verdict == run.Skip &&
		r.Barred == run.BarUnreviewed)
}

// AddCreated books what a walk without a result created. Such a walk was stopped or has failed
// before it had a result; what it made is left on the sides all the same.
func (t *Totals) AddCreated(c *run.Created) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.created.Add(c)
}

// mark sets the bit of a place in the plan and reports whether it was set. The list of bits
// grows by doubling, since the number of cases is not known here.
func (t *Totals) mark(index int) bool {
	for index/64 >= len(t.booked) {
		t.booked = append(t.booked, make([]uint64, max(64, len(t.booked)))...)
	}
	bit := uint64(1) << (index % 64)
	was := t.booked[index/64]&bit != 0
	t.booked[index/64] |= bit
	return was
}

// mergeFindings merges what a case found: differences into causes, the rest by its text. A case
// in quarantine that was skipped for it contributes nothing. An advisory case gives findings
// that are marked so and do not decide.
func (t *Totals) mergeFindings(s *SuiteOf, u *suiteTotals, r *run.CaseResult) {
	decides := r.Quarantine == "" || r.Verdict != run.Skip
	var flags caseFlags
	noted := map[finding]bool{} // a case counts once for a sentence
	note := func(v run.Verdict, text string) {
		f := finding{v, text, s.Suite.Gate == scenarios.Advisory}
		if !noted[f] {
			noted[f] = true
			t.addFinding(f, r)
		}
	}
	// The flags of the case are those of all its steps: it differs if one step does.
	for i := range r.Steps {
		step := &r.Steps[i]
		if !decides {
			break
		}
		flags.add(step)
		// Differences of crossover lanes are not causes: they repeat those of the straight lane
		// or come from a session that does not carry over, and the lane's reasons say which.
		if step.DifferencesTotal > 0 && step.Lane == "" {
			flags.differs = true
			t.causes.AddAt(cause.Site{
				Index: r.Index, Case: r.ID, Part: r.Kind, Suite: s.Suite.Name, Step: step.Name,
				Sample: sampleOf(step, s.Suite.MinCoverage),
			}, Roots(step.Differences))
			step.Pair = nil // large, and no longer needed
		}
		// Reasons of a step that passed are notes, and do not weigh.
		if step.Verdict <= run.Pass {
			continue
		}
		for at, reason := range step.Reasons {
			if at+1 == step.DifferReason && (step.Lane == "" || len(step.Reasons) > 1) {
				continue // a cause, or what another reason explains
			}
			if step.Lane != "" {
				reason = "crossover " + step.Lane + ": " + reason
			}
			note(step.Verdict, reason)
		}
	}
	// A case may fail before its first step, for example because its data cannot be read. Its
	// reasons then are the findings.
	if len(r.Steps) == 0 && r.Verdict > run.Pass {
		for _, reason := range r.Reasons {
			note(r.Verdict, reason)
		}
	}
	// Setup and teardown are not cases, so they are not counted with them; a reason of theirs
	// is a reason of the suite.
	if r.Kind == "" {
		u.count(&flags)
	}
	if r.Kind != "" && r.Verdict > run.Pass {
		u.setup = append(u.setup, r.Kind+": "+strings.Join(r.Reasons, "; "))
	}
}

// caseFlags are what a case is counted by: each holds if it holds for one of its steps.
type caseFlags struct {
	differs, compared, unmet, vacuous bool
	silent                            [3]bool // by side: a request had no answer
}

// add takes a step of the case in, but for differs: differences of some lanes do not count.
func (f *caseFlags) add(step *run.StepResult) {
	f.compared = f.compared || step.Compared
	f.unmet = f.unmet || slices.ContainsFunc(step.Expectations, func(e run.Expectation) bool { return !e.OK })
	f.vacuous = f.vacuous || step.Vacuous
	f.silent[scenarios.Blue] = f.silent[scenarios.Blue] || step.Blue != nil && step.Blue.Err != nil
	f.silent[scenarios.Green] = f.silent[scenarios.Green] || step.Green != nil && step.Green.Err != nil
}

// count adds a case to the sums of its suite.
func (u *suiteTotals) count(f *caseFlags) {
	u.differ += judge.Count(f.differs)
	u.compared += judge.Count(f.compared)
	u.unmet += judge.Count(f.unmet)
	u.vacuous += judge.Count(f.vacuous)
	for side := range f.silent {
		u.silent[side] += judge.Count(f.silent[side])
	}
}

// Roots are the differences that explain the others: where the status differs the rest of the
// answer follows from it. The result is a part of the list that was given, not a copy. Only the
// first status difference is taken: there can be one.
func Roots(all []diff.Difference) []diff.Difference {
	for i := range all {
		if all[i].Where == diff.InStatus {
			return all[i : i+1]
		}
	}
	return all
}

// sampleOf is the step's pair, to try a proposed rule on; nil where it was not kept. floor is
// the least share of values that its suite wants compared. The copy keeps the floor of this
// suite apart from the pair that other steps may share.
func sampleOf(r *run.StepResult, floor float64) *cause.Sample {
	if r.Pair == nil {
		return nil
	}
	s := *r.Pair
	s.Floor = floor
	return &s
}

// addFinding counts one case for a finding, and keeps the case among the first three if its
// place in the plan is early enough.
func (t *Totals) addFinding(f finding, r *run.CaseResult) {
	sum := t.findings[f]
	if sum == nil {
		if len(t.findings) >= maxFindings {
			t.overflow[f.verdict]++
			return
		}
		sum = &tally{}
		t.findings[f] = sum
	}
	sum.cases++
	// The three slots are sorted by place. A new one moves later ones down, and the last falls
	// out.
	for i := range sum.first {
		slot := &sum.first[i]
		if slot.id == "" || r.Index < slot.index {
			copy(sum.first[i+1:], sum.first[i:])
			slot.index, slot.id = r.Index, r.ID
			break
		}
	}
}

// protocols remembers with which HTTP version each service answered on each side. A suite that
// declares the HTTP version of a side wants them to differ. One pair of versions is kept for
// each suite.
func (t *Totals) protocols(s *SuiteOf, r *run.CaseResult) {
	for i := range r.Steps {
		step := &r.Steps[i]
		if step.Blue == nil || step.Green == nil || step.Blue.Protocol == "" || step.Green.Protocol == "" || step.Lane != "" {
			continue
		}
		if step.Blue.Protocol != step.Green.Protocol && !s.ProtocolDeclared {
			t.protocol[s.Suite.Name] = [2]string{step.Blue.Protocol, step.Green.Protocol}
		}
	}
}

// Counts are the totals so far, advisory suites included. It may be called while cases run.
func (t *Totals) Counts() run.Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	var sum run.Counts
	for i := range t.suites {
		sum.Merge(t.suites[i].counts)
	}
	return sum
}

// sentences are the findings of required suites, gravest and most frequent first. Each sentence
// ends with its cases: all of them up to three, otherwise their number and the first. advisory
// selects the findings of advisory suites instead. The order depends on nothing but the
// findings: verdict, number of cases, place of the first case, text.
func (t *Totals) sentences(advisory bool) []sentence {
	var out []sentence
	for f, sum := range t.findings {
		if f.advisory != advisory {
			continue
		}
		text := f.text
		var ids []string
		for _, c := range sum.first {
			if c.id != "" {
				ids = append(ids, c.id)
			}
		}
		if sum.cases > len(ids) {
			text += fmt.Sprintf(" (%d cases, first %s)", sum.cases, ids[0])
		} else {
			text += " (" + strings.Join(ids, ", ") + ")"
		}
		out = append(out, sentence{verdict: f.verdict, weight: sum.cases, index: sum.first[0].index, text: text})
	}
	slices.SortFunc(out, func(a, b sentence) int {
		return cmp.Or(cmp.Compare(b.verdict, a.verdict), cmp.Compare(b.weight, a.weight), cmp.Compare(a.index, b.index),
			cmp.Compare(a.text, b.text))
	})
	return out
}

// A sentence is one reason of the run's verdict. Claims are sentences too, without weight and
// index: their order is that in which they were claimed.
type sentence struct {
	verdict run.Verdict
	weight  int // cases
	index   int // the first of them
	text    string
	rank    int // of claims of one verdict: see rankFirst
}

// With them a reader of the first three reasons sees three parts of the run.
// The ranks of claims. Lower ones come first within a verdict.
const (
	rankFirst   = iota // the first of its part of the run
	rankLater          // the part has claimed something as grave before
	rankRepeats        // a sentence before has named it
)
