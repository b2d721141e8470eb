package calibrate

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/notation"
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

// An unstable is a place at which blue differed from itself.
type unstable struct {
	key    placeKey
	kinds  map[diff.Kind]int // how often each kind of difference was seen
	values []observed        // in the order of the rounds, at most maxObserved
	cases  map[string]bool   // ids of the cases that showed it
	rounds map[int]bool      // numbers of the rounds that showed it
	keys   map[string]bool   // names of the members that array elements were paired by
	paths  map[string]bool   // exact ones, at most maxObserved
	steps  map[string]bool   // case/step
	count  int               // of all differences, those not kept as well
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
		b := o.places[g.key]
		if b == nil {
			findings = append(findings, g)
			continue
		}
		b.count += g.count
		for kind, n := range g.kinds {
			b.kinds[kind] += n
		}
		for id := range g.cases {
			b.cases[id] = true
		}
		maps.Copy(b.keys, g.keys)
		maps.Copy(b.paths, g.paths)
		maps.Copy(b.steps, g.steps)
		for _, v := range g.values {
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
	if len(g.values) < maxObserved {
		g.values = append(g.values, observed{round, false, caseID + "/" + step + " " + d.Path, [2]diff.Excerpt{d.Blue, d.Green}})
	}
}

// inRound counts the differences of a round.
func (o *observations) inRound(round int) int { return o.rounds[round] }

// groups are the unstable places in an order that does not depend on the rounds.
func (o *observations) groups() []*unstable {
	list := make([]*unstable, 0, len(o.places))
	for _, g := range o.places {
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b *unstable) int {
		if a.key.where != b.key.where {
			return int(a.key.where) - int(b.key.where)
		}
		return strings.Compare(a.key.path, b.key.path)
	})
	return list
}

// place names the field for people.
func (g *unstable) place() string {
	if g.key.where == diff.InBody {
		return text.Visible(g.key.path)
	}
	return text.Visible(strings.TrimSpace(g.key.where.String() + " " + g.key.path))
}

// evidence says on one line how often it differed, and shows a pair of values.
func (g *unstable) evidence() string {
	line := fmt.Sprintf("%s in %s and %s",
		text.Count(g.count, "difference"), text.Count(len(g.cases), "case"), text.Count(len(g.rounds), "round"))
	if len(g.values) == 0 {
		return line
	}
	v := &g.values[0]
	show := func(e *diff.Excerpt) string {
		if e.Type == diff.AbsentType {
			return "absent"
		}
		r := []rune(text.Visible(e.JSON))
		if len(r) > 60 {
			return string(r[:60]) + "…"
		}
		return string(r)
	}
	return line + "; such as " + show(&v.pair[0]) + " and " + show(&v.pair[1])
}

// A proposal is what calibrate makes of an unstable field.
type proposal struct {
	group *unstable
	class string     // what the values look like: uuid, clock, counter, order, …
	rule  *diff.Rule // nil: none that keeps presence and type would do
	why   string     // where rule is nil
}

// rulesOf are the rules of proposals, with numbered origins so that a finding can name one.
func rulesOf(proposals []proposal) []diff.Rule {
	var rules []diff.Rule
	for _, p := range proposals {
		if p.rule != nil {
			r := *p.rule
			r.Origin = fmt.Sprintf("calibrate:%d", len(rules)+1)
			rules = append(rules, r)
		}
	}
	return rules
}

// propose classifies every unstable place. Its rules:
//
//  1. A rule names the very field that differed: its index or key where one or two
//     elements of a list have it, else [*].
//  2. Presence and type are compared under every rule. Where they differ, there
//     is none.
//  3. Of the rules that fit all values seen, the narrowest is proposed.
//  4. The rules compile, each and together; one that does not is none.
//  5. A rule that leaves a step with too little to compare is none; see lookBare.
func (o *observations) propose() []proposal {
	var out []proposal
	var good []diff.Rule
	ordered := map[string]bool{}
	for _, g := range o.groups() {
		p := classify(g)
		if p.class == "order" && p.rule != nil {
			if ordered[p.rule.At] {
				continue // moved elements and the order of one array are one rule
			}
			ordered[p.rule.At] = true
			p.rule.By = o.pairedBy(p.rule.At)
		}
		for _, step := range slices.Sorted(maps.Keys(g.steps)) { // Rule 5
			if left, bare := o.bare[step]; bare && p.rule != nil && p.rule.Do != diff.DoMatch {
				p.rule, p.why = nil, "the rules would leave "+left+" compared"
			}
		}
		if p.rule != nil {
			if _, bad := diff.Compile(append(slices.Clone(good), *p.rule), diff.Options{}); len(bad) > 0 { // Rule 4
				p.rule, p.why = nil, "the rule that would fit cannot be written: "+bad[0].Msg
			} else {
				good = append(good, *p.rule)
			}
		}
		out = append(out, p)
	}
	return out
}

// pairedBy is the member by which the elements of an array were paired where one
// of them differed inside: a set needs it then.
func (o *observations) pairedBy(array string) []string {
	for _, g := range o.groups() {
		if g.key.where == diff.InBody && strings.HasPrefix(g.key.path, array+"[*].") && len(g.keys) > 0 {
			names := make([]string, 0, len(g.keys))
			for name := range g.keys {
				names = append(names, name)
			}
			slices.Sort(names)
			return names[:1]
		}
	}
	return nil
}

// fewElements is the number of elements of a list that a rule names one by one: a
// field that is unstable in more of them is taken to be so in all.
const fewElements = 2

// classify says what kind of instability a place shows.
func classify(g *unstable) proposal {
	none := func(class, why string) proposal { return proposal{group: g, class: class, why: why} }
	switch {
	case g.key.where == diff.InStatus:
		return none("status", "blue answers with two statuses"+g.refused())
	case g.key.where == diff.InHeader && strings.Contains(g.key.path, "["):
		return none("cookie", "part of a cookie; say what may differ yourself")
	case g.kinds[diff.TypeChanged] > 0: // Rule 2
		return none("type", "its type is not stable")
	case g.kinds[diff.Order]+g.kinds[diff.Moved] == g.count:
		at := strings.TrimSuffix(g.key.path, "[*]")
		return proposal{group: g, class: "order", rule: &diff.Rule{At: at, Do: diff.DoMatch, As: "set", Why: "blue itself answers in any order"}}
	case g.kinds[diff.Added]+g.kinds[diff.Removed] > 0:
		if strings.HasSuffix(g.key.path, "[*]") {
			return none("length", "elements come and go")
		}
		return none("presence", "it is there in one answer and not in another")
	case g.kinds[diff.Changed] != g.count:
		return none("invalid", "answers could not be compared")
	}
	r := diff.Rule{At: path.Narrow(slices.Collect(maps.Keys(g.paths)), fewElements)}
	if g.key.where == diff.InHeader {
		r = diff.Rule{Header: g.key.path}
	}
	class := narrowest(g, &r)
	return proposal{group: g, class: class, rule: &r}
}

// narrowest fills in the narrowest rule that all values seen obey.
func narrowest(g *unstable, r *diff.Rule) (class string) {
	// A value that was cut short shows its beginning only: no shape is made of it.
	var texts []string
	allText, cut := true, false
	for i := range g.values {
		for _, e := range g.values[i].pair {
			cut = cut || e.Cut
			var text string
			if e.Type != diff.StringType && g.key.where == diff.InBody || json.Unmarshal([]byte(e.JSON), &text) != nil {
				allText = false
				continue
			}
			texts = append(texts, text)
		}
	}
	switch {
	case allText && !cut:
		return ofTexts(g, texts, r)
	case !allText && g.values[0].pair[0].Type == diff.NumberType:
		return ofNumbers(g, r)
	}
	return anyValue(r, "enum", "blue's own value changes")
}

// anyValue is the widest rule there is: presence and type are still compared.
func anyValue(r *diff.Rule, class, why string) string {
	r.Do, r.Why = diff.DoIgnore, why+"; presence and type are still compared"
	return class
}

// ofTexts finds the rule of strings: a known format, a time, one of a few
// values, or a common shape.
func ofTexts(g *unstable, texts []string, r *diff.Rule) string {
	for _, format := range []string{"uuid", "ulid", "jwt", "ipv4"} {
		if all(texts, func(s string) bool { ok, known := notation.Match(format, s); return ok && known }) {
			r.Do, r.Is, r.Why = diff.DoFormat, format, "new in each answer"
			return format
		}
	}
	if spread, ok := spreadOf(g); ok && (spread <= time.Hour || !all(texts, digits)) {
		return ofClock(spread, r)
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(texts)))
	// A few values, each seen several times, are an enumeration. Values with digits may be
	// today's date or a count, of which tomorrow has another.
	lasting := func(s string) bool { return s != "" && len(s) <= 64 && !passingDigits.MatchString(s) }
	if len(distinct) <= 5 && len(texts) >= 4*len(distinct) && all(distinct, lasting) {
		quoted := make([]string, len(distinct))
		for i, s := range distinct {
			quoted[i] = regexp.QuoteMeta(s)
		}
		r.Do, r.Is, r.Pattern = diff.DoFormat, "regex", "^("+strings.Join(quoted, "|")+")$"
		r.Why = fmt.Sprintf("one of %s on blue", text.Count(len(distinct), "value"))
		return "enum"
	}
	if pattern, ok := shapeOf(g, texts); ok {
		r.Do, r.Is, r.Pattern, r.Why = diff.DoFormat, "regex", pattern, "new in each answer; its shape stays"
		return "shape"
	}
	return anyValue(r, "text", "blue's own text changes")
}

// passingDigits finds digits that may be those of today's date or of a count.
var passingDigits = regexp.MustCompile(`^[0-9]+$|[0-9]{4}|[0-9]{1,2}[-:/.][0-9]{1,2}`)

// ofClock allows four times what was seen, in whole seconds, at least two.
func ofClock(spread time.Duration, r *diff.Rule) string {
	r.Do, r.Within = diff.DoTime, max(2*time.Second, (4*spread).Truncate(time.Second)+time.Second)
	r.Why = fmt.Sprintf("clock; %s apart on blue itself", spread.Round(time.Millisecond))
	return "clock"
}

// ofNumbers finds the rule of numbers: a clock, a counter, a measured value.
func ofNumbers(g *unstable, r *diff.Rule) string {
	if spread, ok := spreadOf(g); ok && spread <= time.Hour {
		return ofClock(spread, r)
	}
	// The largest distance of two answers, absolute and relative to the larger value.
	worst, apart := 0.0, 0.0
	for i := range g.values {
		a, err1 := strconv.ParseFloat(g.values[i].pair[0].JSON, 64)
		b, err2 := strconv.ParseFloat(g.values[i].pair[1].JSON, 64)
		if err1 != nil || err2 != nil {
			return anyValue(r, "number", "blue's own number changes")
		}
		apart = max(apart, math.Abs(a-b))
		worst = max(worst, math.Abs(a-b)/max(math.Abs(a), math.Abs(b), 1e-300))
	}
	// A counter has moved on by the next run, so four times the distance, and at least 10.
	if counts(g) {
		within := math.Max(10, 4*apart)
		r.Do, r.Abs = diff.DoTolerance, &within
		r.Why = fmt.Sprintf("counts up; up to %g apart on blue itself, and each side may count for itself", apart)
		return "counter"
	}
	// Beyond 5 % a tolerance of four times as much would hide a fifth of the value.
	if worst > 0 && worst <= 0.05 {
		rel := math.Ceil(4*worst*1e4) / 1e4
		r.Do, r.Rel, r.Why = diff.DoTolerance, &rel, fmt.Sprintf("measured; up to %.2g %% apart on blue itself", worst*100)
		return "number"
	}
	return anyValue(r, "number", "blue's own number changes")
}

// digits reports whether a text is made of ASCII digits alone.
func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// all reports whether ok holds for every text of a list that is not empty.
func all(list []string, ok func(string) bool) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(s string) bool { return !ok(s) })
}
