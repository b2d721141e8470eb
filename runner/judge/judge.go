package judge

import (
	"fmt"
	"slices"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A Trial is everything that Judge looks at. Everything in it may be shared with other trials,
// since Judge does not change it.
type Trial struct {
	// Step is the step as the file has it: mode, rules, captures, minimum of compared values.
	Step *scenarios.Step
	Name string // of the step, with its round
	Lane string // of a crossover; empty for blue and green together
	// Key names the pair in the archive. With the seed it makes the choice of mutants.
	Key string // of the pair
	// Rules are the step's, compiled for this run; see NewStepRules.
	Rules *StepRules
	// Blue and Green are what came back; nil: the side was not asked.
	Blue, Green *Answer
	// Checks are nil for a side without expectations.
	BlueChecks, GreenChecks *Checks
	// BlueWait and GreenWait say why polling a side ended without its condition; "": it did not.
	BlueWait, GreenWait string
	// Apart is how far apart in time the lanes have been so far, at most.
	Apart time.Duration
	// With one service on both sides the comparison shows nothing, so it does not count as
	// compared and is not called vacuous or cached.
	Shared bool // the same service on both sides on purpose
	// Seen are the pairs of ids that mapping rules have met so far. A copy is extended.
	Seen *diff.Bijections
	// Control bounds the negative control of the pair.
	Control Control
	Hidden  HiddenValues // of a pair that is judged again
	// Captured says what the step's captures found. They count like expectations, but a failure
	// of one is a consequence where the side failed before.
	Captured []run.Expectation
}

// Control says how much the evidence is held against itself.
type Control struct {
	Seed    uint64
	Mutants int // at most, for one body; 0: no negative control
}

// A Judgement is a judged pair with what its case and run sum up. It is complete when Judge
// returns and is not changed later by this package.
type Judgement struct {
	// Step is what reports and the log have of the pair, with verdict and reasons.
	Step run.StepResult
	// Rules counts for each rule the places that it visited and those that it changed.
	Rules []diff.RuleCount
	// Seen is the trial's with what this pair added.
	Seen *diff.Bijections
}

// Judge holds a pair against the comparison and the expectations. It is pure:
// the same trial gives the same judgement, and the trial is not changed.
//
//  1. A side that gave no usable answer: when blue answered, green fails; when
//     green answered, or neither did, the step is broken. Our own faults
//     (descriptors, a request that cannot be sent) are broken, and a stopped
//     run is interrupted.
//  2. Every expectation must hold on both sides.
//  3. Nothing may differ under the rules, where the step compares.
//  4. A comparison that looked at no value and is alone proves nothing:
//     inconclusive, unless the file itself asks for shape. So does a pair
//     whose two answers came out of one cache, and an answer that holds nothing.
//  5. The count of leaves must add up, and the comparison must find the mutants that
//     its negative control finds: else broken.
//  6. Times of the services' clocks may differ by as much as the exchanges lie
//     apart, next to what the rules allow.
//  7. What needs more of a value than an archive kept could not be compared: broken.
//  8. Pass is what is left when there was evidence and all of it held.
//
// Judge works on a copy of the trial, in which rules are widened for the lag between the two
// exchanges (rule 6) and hidden values are attached. The order of the parts is that of the
// reasons in the report: what could not be sent, what the archive hid, expectations, then the
// comparison. A report shows the first reasons, and those explain the later ones.
func Judge(t *Trial) *Judgement {
	own := *t
	own.Seen = t.Seen.Clone()
	own.Rules = t.Rules.Apart(max(t.Apart, Lag(t.Blue.exchange(), t.Green.exchange())))
	own.Blue, own.Green = t.Blue.withHidden(t.Hidden), t.Green.withHidden(t.Hidden)
	shareReading(own.Blue, own.Green)
	j := &judging{Trial: &own, out: &Judgement{}, verdict: run.Pass}
	r := &j.out.Step
	*r = run.StepResult{
		Name: t.Name, At: t.Step.Pos.String(), Lane: t.Lane, Exchange: t.Key, Blue: SideResult(t.Blue.exchange()),
		Green: SideResult(t.Green.exchange()),
	}
	j.transport()
	j.reportHidden() // Rule 7
	j.expectations()
	// A side that failed, or was not asked, leaves nothing to compare.
	if t.Step.Compare && usable(t.Blue) && usable(t.Green) {
		j.compare()
	}
	j.captured()
	// OnlyDiffers tells a case of differences alone from one with graver reasons: crossovers
	// and retries treat them differently.
	r.Verdict, r.OnlyDiffers = j.verdict, j.differs && j.others < run.Broken
	j.out.Seen = own.Seen
	return j.out
}

// A judging is the work in progress of one call. The verdict starts at pass and only gets worse.
type judging struct {
	*Trial
	out     *Judgement
	verdict run.Verdict
	differs bool        // the comparison found a difference
	others  run.Verdict // the worst of everything else
}

// addReason adds a sentence that weighs on the verdict. The reasons keep the order in which
// they are added. A difference is not one of them: it is counted apart, so that others knows
// whether it is alone.
func (j *judging) addReason(v run.Verdict, format string, args ...any) {
	j.others = j.others.Worse(v)
	j.verdict = j.verdict.Worse(v)
	j.out.Step.Reasons = append(j.out.Step.Reasons, fmt.Sprintf(format, args...))
}

// usable reports whether there is an answer to compare. Any status counts, an error page too:
// both sides should then give the same one.
func usable(a *Answer) bool { return a != nil && a.Err == nil }

// failed reports whether a side was asked and gave no answer.
func failed(a *Answer) bool { return a != nil && a.Err != nil }

// transport is rule 1.
func (j *judging) transport() {
	if j.Blue == nil && j.Green == nil {
		j.addReason(run.Broken, "nothing was sent")
	}
	// Blue is looked at first. Both sides get a reason where both failed.
	for _, s := range []struct {
		side       scenarios.Side
		own, other *Answer
	}{{scenarios.Blue, j.Blue, j.Green}, {scenarios.Green, j.Green, j.Blue}} {
		if !failed(s.own) {
			continue
		}
		verdict := run.Broken
		switch s.own.Err.Class {
		// A stopped run cancels what is under way, which says nothing about a side.
		case wire.ClassCanceled:
			verdict = run.Interrupted
		// Too few descriptors, or a request that cannot be written, are faults of this machine
		// or of the file. They stay broken even where the other side answered.
		case wire.ClassDescriptors, wire.ClassRequest:
		default:
			if s.side == scenarios.Green && !failed(s.other) {
				verdict = run.Fail
			}
		}
		j.addReason(verdict, "%s: %s: %s", s.side, s.own.Err.Class, s.own.Err.Detail)
	}
	// A condition that was not met in time is a failure on blue too: the file expects it of
	// both.
	if j.BlueWait != "" {
		j.addReason(run.Fail, "blue: %s", j.BlueWait)
	}
	if j.GreenWait != "" {
		j.addReason(run.Fail, "green: %s", j.GreenWait)
	}
}

// expectations is rule 2. An answer that failed is not checked: rule 1 has its reason.
// Emptiness is asked apart from the expectations, since it does not fail a side but makes the
// step inconclusive.
func (j *judging) expectations() {
	for _, s := range []struct {
		side   scenarios.Side
		answer *Answer
		checks *Checks
	}{{scenarios.Blue, j.Blue, j.BlueChecks}, {scenarios.Green, j.Green, j.GreenChecks}} {
		if s.answer == nil || s.answer.Err != nil || s.checks == nil {
			continue
		}
		checked := s.checks.Check(s.side, s.answer, j.Rules.Plain)
		j.out.Step.Expectations = append(j.out.Step.Expectations, checked...)
		j.unmet(s.answer, checked)
		if why := s.checks.emptiness(s.answer); why != "" {
			j.addReason(run.Inconclusive, "%s: %s", s.side, why)
		}
	}
}

// unmet gives the reasons of expectations that do not hold. A wrong status or an answer that is
// no API's explains the rest, which is then only counted. Where an answer is a page or speaks
// TLS, one sentence takes the place of all, with what to do. The list in the report still has
// every expectation.
func (j *judging) unmet(a *Answer, checked []run.Expectation) {
	var failed []run.Expectation
	for _, e := range checked {
		// It is broken and not failed: nothing is known of the value.
		switch {
		case e.Withheld(): // Rule 7
			j.addReason(run.Broken, "%s: expected %s, %s", e.Side, e.What, e.Got)
		case !e.OK:
			failed = append(failed, e)
		}
	}
	if len(failed) == 0 {
		return
	}
	if a.wantsTLS() {
		j.addReason(run.Fail, "%s: the server speaks TLS: its URL begins with https://, not http://", failed[0].Side)
		return
	}
	if a.isHTML() {
		j.addReason(run.Fail, "%s: answers with an HTML page%s", failed[0].Side, pageHint(a, failed))
		j.out.Step.Notes = append(j.out.Step.Notes, fmt.Sprintf("%s: %d expectations do not hold", failed[0].Side, len(failed)))
		return
	}
	explained := false
	for i, e := range failed {
		if explained && !e.Root {
			rest := len(failed) - i
			j.out.Step.Notes = append(j.out.Step.Notes, fmt.Sprintf("%s: %d more expectations do not hold", e.Side, rest))
			break
		}
		// The first expectation that was not readable, or a root, is written out; those after
		// it follow from it, except for other roots.
		explained = explained || e.Root || e.Failure == run.Unreadable
		j.addReason(run.Fail, "%s: expected %s, got %s", e.Side, e.What, e.Got)
	}
}

// pageHint names the status of a page that is an error, and what to write where data was
// expected and a page came. A page with an error status needs no hint: the status says enough.
// Without the default expectation among the failed ones, the file already says what it wants of
// the body.
func pageHint(a *Answer, failed []run.Expectation) string {
	if a.Status >= 400 {
		return fmt.Sprintf(" and status %d", a.Status)
	}
	if !slices.ContainsFunc(failed, func(e run.Expectation) bool { return e.What == APIAnswer }) {
		return ""
	}
	return "; send headers: {Accept: application/json} to ask for data, or expect: {headers: {content-type: {contains: html}}} if the page " +
		"is right"
}

// compare is rules 3 to 5. It is called for two usable answers only.
func (j *judging) compare() {
	result := diff.CompareMessages(j.Blue.readMessage(), j.Green.readMessage(), j.Rules.Full, j.Seen)
	r := &j.out.Step
	// What was compared and came to nothing still counts as compared: the cases gate counts it.
	r.Compared = !j.Shared
	if j.Shared {
		r.Notes = append(r.Notes, "one service for both sides: the comparison says nothing about green")
	}
	r.Differences, r.DifferencesTotal = result.Differences, result.Total
	r.Ignored, r.IgnoredTotal = result.Hidden, result.HiddenTotal
	r.Notes = append(r.Notes, result.Notes...)
	r.Forms = result.Forms
	j.out.Rules = result.Rules
	j.noteWideRules(&result)
	// The difference is a separate kind of reason: reports that list causes leave it out, and
	// find it by its number, which counts from 1.
	if !result.Equal() {
		j.differs, j.verdict = true, j.verdict.Worse(run.Fail)
		r.Reasons = append(r.Reasons, differText(&result))
		r.DifferReason = len(r.Reasons)
	}
	l := result.Leaves
	r.Coverage = run.Coverage{Leaves: l.Seen, Compared: l.Compared, Ignored: l.Ignored + l.Dropped}
	// The comparison counts every value of blue and green once. A sum that does not add up is a
	// fault of this program, and no verdict may rest on it.
	if l.Seen != l.Compared+l.Ignored+l.Dropped+l.Absent {
		j.addReason(run.Broken, "the count of leaves does not add up: %d seen, %d compared, %d ignored, %d dropped, %d absent", l.Seen,
			l.Compared, l.Ignored, l.Dropped, l.Absent)
	}
	for _, a := range []*Answer{j.Blue, j.Green} { // Rule 4
		if a.Unframed && !a.whole() {
			j.addReason(run.Inconclusive, "%s: the body ended with the connection, and nothing says that it is whole", pickName(a == j.Blue))
		}
	}
	// One cache in front of both sides is a fault of the test's surroundings. With one service
	// it is expected.
	if !j.Shared {
		if why := oneCache(j.Blue, j.Green); why != "" {
			j.addReason(run.Inconclusive, "%s", why)
		}
	}
	if j.Control.Mutants > 0 {
		j.negative(&result)
	}
	// A pair that differs has shown that the comparison looks at something.
	if result.Equal() {
		j.vacuous(l) // Rule 4
	}
}

// captured adds the captures to the step: one that found nothing fails it, and one of a hidden
// value breaks it. A side whose expectations failed already has its reason: the capture follows
// from it. Captures are added last, since they are made from answers that were judged above.
func (j *judging) captured() {
	r := &j.out.Step
	explained := map[string]bool{}
	for _, e := range r.Expectations {
		explained[e.Side] = explained[e.Side] || !e.OK
	}
	r.Expectations = append(r.Expectations, j.Captured...)
	for _, e := range j.Captured {
		if e.OK {
			continue
		}
		verdict := run.Fail
		if e.Withheld() {
			verdict = run.Broken
		}
		// A capture that failed counts as broken among the others whatever its verdict, so that
		// the step is not one that only differs.
		j.others, j.verdict = run.Broken.Worse(j.others), j.verdict.Worse(verdict)
		if !explained[e.Side] {
			r.Reasons = append(r.Reasons, fmt.Sprintf("%s: %s, but: %s", e.Side, e.What, e.Got))
		}
	}
}

// wideShare is the share of a body's values from which on a rule that ignores
// them is worth a note.
// It is a share from 0 to 1.
const wideShare = 0.2

// noteWideRules notes every rule that takes a large part of the body out of the comparison.
// Notes do not weigh. With fewer than five values any rule is wide, so none is noted.
func (j *judging) noteWideRules(result *diff.Result) {
	const few = 5
	if result.Leaves.Seen < few {
		return
	}
	for _, c := range result.Rules {
		// Visits may exceed the number of values, since a rule can visit both sides.
		share := float64(c.Visits) / float64(result.Leaves.Seen)
		if share <= wideShare {
			continue
		}
		for i := range j.Rules.list {
			rule := &j.Rules.list[i]
			if rule.Origin == c.Origin && rule.Do == diff.DoIgnore && rule.At != "" {
				j.out.Step.Notes = append(j.out.Step.Notes, fmt.Sprintf("rule %s (%s) ignores %s of the body's values", c.Origin,
					RuleText(rule), text.Percent(min(share, 1))))
				break
			}
		}
	}
}
