package judge

import (
	"iter"
	"slices"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/mutate"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/random"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// vacuousText begins the reason of a comparison that looked at too little. Reports recognise
// such steps by the field Vacuous, not by this text.
const vacuousText = "vacuous: "

// closeLook is how many mutants are made before a comparison is called blind. It is more than
// the negative control makes, so that bad luck with a few mutants does not decide.
const closeLook = 64

// vacuous finds what an equal pair does not prove (rule 4): a body of which too
// little is compared by value.
//
//  1. What decides is counted, never sampled: the share of the body's values that
//     the rules leave to be compared, or that an expectation names. It must be
//     above 0 and at least the step's minimum. A body without values needs none.
//  2. An expectation replaces the comparison for the places that it names alone,
//     and only where it would refuse other values there: see refusesOthers.
//  3. Rules that look at every value and let all of them pass are found by mutants,
//     more of them than the negative control's; they only add to what is counted.
//     An id that a rule maps and a capture hands on is used, and proves itself.
//  4. A file that writes mode: shape asks for no values.
func (j *judging) vacuous(l diff.Leaves) {
	// A body without values has nothing to compare, and its shape was compared.
	if l.Seen == 0 || j.Step.Mode == diff.Shape && j.Step.ModeWritten {
		return
	}
	enough := func(n int) bool { return n > 0 && float64(n) >= j.Step.MinCompared*float64(l.Seen) }
	c := &j.out.Step.Coverage
	// All mutants of the control survived, which may be bad luck: blind() looks closer below.
	blind := c.Mutants > 0 && c.Killed == 0 && !j.handsOn()
	if enough(l.Compared) && !blind {
		return
	}
	// What is compared is not enough, so expectations are counted as well. This costs more, and
	// is rarely needed.
	named, added := j.named(l.Seen)
	seen := min(l.Compared+added, l.Seen)
	switch {
	case seen == 0:
		j.tooLittle("none of the body's %d values is compared, and nothing is expected of them", l.Seen)
	case !enough(seen):
		j.tooLittle("%d of the body's %d values are compared or expected, less than %s", seen, l.Seen, text.Percent(j.Step.MinCompared))
	case blind && !enough(named) && j.blind():
		j.tooLittle("no change of the body's %d values would be found under the step's rules, and too few of them are expected", l.Seen)
	}
}

// tooLittle gives a step the verdict of one that compared nothing to speak of. It is
// inconclusive and not broken: nothing went wrong, there is only too little to go by.
func (j *judging) tooLittle(format string, args ...any) {
	j.out.Step.Vacuous = true
	j.addReason(run.Inconclusive, vacuousText+format, args...)
}

// named counts the values that expectations name, and those of them that the rules do not
// compare. all counts every value that an expectation covers, added only those not compared
// already, so that nothing is counted twice. Both sides have expectations of the same places as
// a rule; blue's are taken where they exist.
func (j *judging) named(seen int) (all, added int) {
	c := j.BlueChecks
	if c == nil {
		c = j.GreenChecks
	}
	if c == nil {
		return 0, 0
	}
	body, _ := j.Blue.body() // absent where there is none
	all, added = j.Rules.Full.Named(j.Blue.readMessage(), c.named(body))
	other := 0 // of the body as a whole: one value each
	for _, t := range c.content.tests {
		other += Count(j.refusesOtherBody(&t))
	}
	// A playlist has parts without a path, each of which counts as one value.
	if list := readPlaylist(j.Blue.text()); list.valid {
		for _, h := range c.hls {
			p := subject{where: &places{one: &locator{}}, tests: h.tests}
			refuses, _ := p.refusesOther(list.part(h.name))
			other += Count(refuses)
		}
	}
	// A schema covers a share of the values, which is estimated.
	if c.expect.Schema != "" {
		other += int(float64(seen) * j.schemaShare(c.expect))
	}
	return all + other, added + other
}

// named are the paths that expectations look at, and would refuse other values of.
func (c *Checks) named(body diff.Value) []diff.NamedPath {
	var out []diff.NamedPath
	for _, p := range c.body {
		if refuses, below := p.refusesOthers(body); refuses {
			out = append(out, diff.NamedPath{Path: p.name, Below: below})
		}
	}
	return out
}

// refusesOtherBody reports whether a test of the body as text refuses another one: of JSON one
// with another value. exists says nothing of the content. For JSON a changed value has to make
// the test fail, at any of 256 mutants at most.
func (j *judging) refusesOtherBody(t *Test) bool {
	if t.Op == scenarios.OpExists {
		return false
	}
	if !j.Blue.isJSON() {
		return t.refusesOtherText(string(j.Blue.text()))
	}
	for m := range mutate.Each(j.Blue.read().value, 1, 4*closeLook) {
		if m.Class == mutate.Value && !t.holdsText(string(m.Body)) {
			return true
		}
	}
	return false
}

// schemaShare is the share of blue's values whose type a schema holds them to: of a fixed
// sample, how many cannot change it. The result is from 0 to 1; a body that cannot be read
// gives 0.
func (j *judging) schemaShare(expect *scenarios.Expect) float64 {
	body, err := j.Blue.body()
	if err != nil {
		return 0
	}
	made, refused := 0, 0
	for m := range mutate.Each(body, 1, 4*closeLook) {
		if m.Class == mutate.Type {
			made++
			refused += Count(len(expect.CheckSchema(m.Body)) > 0)
		}
	}
	return float64(refused) / float64(max(made, 1))
}

// handsOn reports whether an id that a rule maps is captured from the body. A captured id is
// sent to the same side later on, so that a wrong one would show there.
func (j *judging) handsOn() bool {
	return slices.ContainsFunc(j.Step.Captures, func(c scenarios.Capture) bool { return c.At != "" }) &&
		slices.ContainsFunc(j.Rules.list, func(r diff.Rule) bool { return r.Do == diff.DoMap && r.At != "" })
}

// blind reports whether none of many changes of blue's body would be found. Values of other
// types and from other places are tried as well (mutate.Foreign), since a rule may let all
// values of one form pass.
func (j *judging) blind() bool {
	body := j.Blue.Answer
	most := max(minMutants, min(closeLook, controlWork*8/max(len(body), 1)))
	seed := random.Number(j.Control.Seed, "closer look", j.Key)
	probe := diff.NewProbe(j.Blue.readMessage(), j.Green.readMessage(), j.Rules.Full)
	defer probe.Close()
	found := func(mutants iter.Seq[mutate.Mutant]) bool {
		for m := range mutants {
			if m.Class == mutate.Value && probe.Total(m.Body) > 0 {
				return true
			}
		}
		return false
	}
	if !j.Blue.isJSON() {
		return !found(textMutants(body, seed, most))
	}
	value := j.Blue.read().value
	return !found(mutate.Each(value, seed, 2*most)) && !found(mutate.Foreign(value, seed, most))
}
