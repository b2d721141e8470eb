package runner

import (
	"iter"
	"slices"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/mutate"
	"github.com/bgverify/bgverify/scenarios"
)

// vacuousText begins the reason of a comparison that looked at no value.
const vacuousText = "vacuous: "

// closeLook is how many mutants are made before a comparison is called blind.
const closeLook = 64

// vacuous finds what an equal pair does not prove (rule 4): a body of which
// nothing is compared by value.
//
//  1. Every value is ignored, or only looked at for its type.
//  2. Every value is looked at by rules that let any other pass: a tolerance as
//     wide as the values, a pattern that matches everything, a change that is
//     allowed everywhere. A closer look than the negative control's makes sure.
//  3. It is what the file asks for where it writes mode: shape, where something is
//     expected of the body, and where an id that a rule maps is captured to be used.
func (j *judging) vacuous(l diff.Leaves) {
	if l.Seen == 0 || j.Step.Mode == diff.Shape && j.Step.ModeWritten || j.BlueChecks.said() || j.GreenChecks.said() {
		return
	}
	if l.Compared == 0 {
		j.find(Inconclusive, vacuousText+"none of the body's %d values is compared, and nothing is expected of the body", l.Seen)
		return
	}
	c := &j.out.Step.Coverage
	if c.Mutants > 0 && c.Killed == 0 && !j.handsOn() && j.blind() {
		j.find(Inconclusive, vacuousText+"no change of the body's %d values would be found under the step's rules, and nothing is expected of the body", l.Seen)
	}
}

// said reports whether an expectation looks into the body.
func (c *Checks) said() bool { return c != nil && c.aboutBody() }

// handsOn reports whether an id that a rule maps is captured from the body.
func (j *judging) handsOn() bool {
	return slices.ContainsFunc(j.Step.Captures, func(c scenarios.Capture) bool { return c.At != "" }) &&
		slices.ContainsFunc(j.Rules.list, func(r diff.Rule) bool { return r.Do == diff.DoMap && r.At != "" })
}

// blind reports whether none of many changes of blue's body would be found.
func (j *judging) blind() bool {
	body := j.Blue.Answer
	most := max(minMutants, min(closeLook, controlWork*8/max(len(body), 1)))
	seed := number(j.Control.Seed, "closer look", j.Key)
	probe := diff.NewProbe(j.blue.message(), j.green.message(), j.Rules.full)
	defer probe.Close()
	found := func(mutants iter.Seq[mutate.Mutant]) bool {
		for m := range mutants {
			if m.Class == mutate.Value && probe.Total(m.Body) > 0 {
				return true
			}
		}
		return false
	}
	if !j.blue.isJSON() {
		return !found(textMutants(body, seed, most))
	}
	return !found(mutate.Each(body, seed, 2*most)) && !found(mutate.Foreign(body, seed, most))
}
