package calibrate

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/path"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
)

// A placeKey is a generalised place of answers: indices and keys are [*].
type placeKey struct {
	where diff.Where // status, header or body
	path  string     // of a header its name
}

// observations are the differences of blue from itself, by place.
type observations struct {
	places map[placeKey]*unstable
	// asked names whom the rounds asked: blue, or each side.
	asked string
	// compared counts pairs of answers.
	compared int
	// rounds counts differences by round.
	rounds map[int]int
	// measures say what could be compared at all.
	measures measures
	// bare are the steps of which too little was compared under proposed rules, and
	// what was: case/step.
	bare map[string]string
}

// An unstable is a place at which blue differed from itself. Everything but values and paths is
// kept of all differences, so that counts are right however many there were.
type unstable struct {
	key placeKey
	// kinds says how often each kind of difference was seen. One kind alone tells what the place
	// is like; presence and type next to changed values leave no rule.
	kinds map[diff.Kind]int
	// values are in the order of the rounds, at most maxObserved.
	values []observed
	// cases are the ids of the cases that showed it, and steps case/step.
	cases, steps map[string]bool
	// rounds are the numbers of the rounds that showed it.
	rounds map[int]bool
	// keys are the names of the members that array elements were paired by.
	keys map[string]bool
	// paths are exact ones, at most maxObserved: they say whether it is one element or all.
	paths map[string]bool
	// count is of all differences, those not kept as well.
	count int
}

// An observed is what two requests to one side got at a place.
type observed struct {
	round int
	green bool   // green was asked on both sides, not blue
	at    string // case, step and exact path: the same field of the same answer
	pair  [2]diff.Excerpt
}

// maxObserved bounds what is kept of one place.
const maxObserved = 2000

func newObservations() *observations {
	return &observations{asked: "blue", places: map[placeKey]*unstable{}, rounds: map[int]int{}, bare: map[string]string{}}
}

// with adds what green showed, asked on both sides, to the places that are
// unstable on blue, and returns green's places that are stable on blue.
func (o *observations) with(green *observations) (findings []*unstable) {
	o.measures.merge(&green.measures)
	o.asked, o.compared = "each side", o.compared+green.compared
	for _, g := range green.groups() {
		// A place is one field whatever the element: the same rule then covers both sides.
		b := o.places[g.key]
		if b == nil {
			findings = append(findings, g)
			continue
		}
		b.count += g.count
		for kind, n := range g.kinds {
			b.kinds[kind] += n
		}
		maps.Copy(b.cases, g.cases)
		maps.Copy(b.keys, g.keys)
		maps.Copy(b.paths, g.paths)
		maps.Copy(b.steps, g.steps)
		for _, v := range g.values {
			// Marked, since the shapes of the two sides are looked for apart; see shapeOf.
			v.green = true
			b.values = append(b.values, v)
		}
	}
	return findings
}

// add takes the differences of a case, setup and teardown included.
func (o *observations) add(round int, c *run.CaseResult) {
	o.measures.add(c)
	for i := range c.Steps {
		step := &c.Steps[i]
		if step.Compared {
			o.compared++
		}
		for j := range step.Differences {
			o.addOne(round, c.ID, step.Name, &step.Differences[j])
		}
	}
}

// keyed finds the members by which a path picks array elements.
var keyed = regexp.MustCompile(`@\.(\w+)==`)

// addOne books one difference at its generalised place.
func (o *observations) addOne(round int, caseID, step string, d *diff.Difference) {
	// Headers and the status have no elements, and keep their names.
	key := placeKey{d.Where, d.Path}
	if d.Where == diff.InBody {
		key.path = path.Generalise(d.Path)
	}
	g := o.places[key]
	if g == nil {
		g = &unstable{
			key: key, kinds: map[diff.Kind]int{}, cases: map[string]bool{}, rounds: map[int]bool{},
			keys: map[string]bool{}, paths: map[string]bool{}, steps: map[string]bool{},
		}
		o.places[key] = g
	}
	g.count++
	g.kinds[d.Kind]++
	g.cases[caseID], g.rounds[round] = true, true
	g.steps[caseID+"/"+step] = true
	if len(g.paths) < maxObserved {
		g.paths[d.Path] = true
	}
	o.rounds[round]++
	for _, m := range keyed.FindAllStringSubmatch(d.Path, -1) {
		g.keys[m[1]] = true
	}
	// What is beyond the bound is counted and not kept. The rounds before it have shown what the
	// values look like.
	if len(g.values) < maxObserved {
		g.values = append(g.values, observed{round, false, caseID + "/" + step + " " + d.Path, [2]diff.Excerpt{d.Blue, d.Green}})
	}
}

// groups are the unstable places in an order that does not depend on the rounds.
func (o *observations) groups() []*unstable {
	return slices.SortedFunc(maps.Values(o.places), func(a, b *unstable) int {
		return cmp.Or(cmp.Compare(a.key.where, b.key.where), cmp.Compare(a.key.path, b.key.path))
	})
}

// place names the field for people.
func (g *unstable) place() string {
	if g.key.where == diff.InBody {
		return text.Visible(g.key.path)
	}
	return text.Visible(strings.TrimSpace(g.key.where.String() + " " + g.key.path))
}

// partOf is setup or teardown, where an id is that of such a part of a suite; empty: of a case.
func partOf(id string) string {
	_, part, _ := strings.Cut(id, "/(")
	part, _, found := strings.Cut(part, ")")
	if !found {
		return ""
	}
	return part
}

// evidence says on one line how often it differed, and shows the beginnings of a pair of
// values. hide takes secrets out before a value is cut: the beginning of a secret would not
// be recognised afterwards.
func (g *unstable) evidence(hide func(string) string) string {
	// Setup and teardown are named and not counted: they are not cases.
	cases, parts := 0, map[string]bool{}
	for id := range g.cases {
		if part := partOf(id); part != "" {
			parts[part] = true
		} else {
			cases++
		}
	}
	seen := text.CountAnd(cases, "case", slices.Sorted(maps.Keys(parts))...)
	line := fmt.Sprintf("%s in %s, in %s", text.Count(g.count, "difference"), seen, text.Count(len(g.rounds), "round"))
	if len(g.values) == 0 {
		return line
	}
	v := &g.values[0]
	// A value as a terminal can show it: cut, and without what would move the cursor.
	show := func(e *diff.Excerpt) string {
		if e.Type == diff.AbsentType {
			return "absent"
		}
		r := []rune(text.Visible(hide(e.JSON)))
		if len(r) > 60 {
			return string(r[:60]) + "…"
		}
		return string(r)
	}
	return line + "; such as " + show(&v.pair[0]) + " and " + show(&v.pair[1])
}
