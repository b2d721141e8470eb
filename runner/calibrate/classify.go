package calibrate

import (
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
)

// A proposal is what calibrate makes of an unstable field. The classes, from the narrowest rule
// to none at all:
//
//	uuid, ulid, jwt, ipv4   a known format (format)
//	clock                   times that are at most so far apart (time)
//	enum                    one of a few values (format regex, or ignore for other types)
//	shape                   the same characters at the same places (format regex)
//	counter, number         at most so far apart, absolute or relative (tolerance)
//	order                   the same elements in any order (match as a set)
//	text, number            any value of the type (ignore)
//	status, cookie, type, presence, length, invalid   no rule
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
		// The narrowest rule that fits is made first, and taken back where a rule of this list forbids
		// it.
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
			return slices.Sorted(maps.Keys(g.keys))[:1]
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
	// Nothing but the order changes: the elements are the same each time.
	case g.kinds[diff.Order]+g.kinds[diff.Moved] == g.count:
		at := strings.TrimSuffix(g.key.path, "[*]")
		return proposal{group: g, class: "order", rule: &diff.Rule{At: at, Do: diff.DoMatch, As: "set", Why: "blue itself answers in any order"}}
	case g.kinds[diff.Added]+g.kinds[diff.Removed] > 0:
		// A list that grows and shrinks is another matter than a member that is there or not; the
		// words say which.
		if strings.HasSuffix(g.key.path, "[*]") {
			return none("length", "elements come and go")
		}
		return none("presence", "it is there in one answer and not in another")
	// Kinds such as a duplicate name or invalid JSON are faults of the answers, not of a field.
	case g.kinds[diff.Changed] != g.count:
		return none("invalid", "answers could not be compared")
	}
	// One or two places are named as they are. More of them are taken for all elements of the list.
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
			text, ok := textOf(&e)
			if !ok || e.Type != diff.StringType && g.key.where == diff.InBody {
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
	// What is not a format or a time may be one of a few words, such as the name of a server.
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
	// A shape is the last rule that still says something of the value.
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
	apart := "up to " + max(spread, time.Millisecond).Round(time.Millisecond).String()
	r.Why = fmt.Sprintf("clock; %s apart on blue itself", apart)
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
		// A tolerance in absolute numbers: a share would grow with the counter.
		within := math.Max(10, 4*apart)
		r.Do, r.Abs = diff.DoTolerance, &within
		r.Why = fmt.Sprintf("counts up; up to %g apart on blue itself, and each side may count for itself", apart)
		return "counter"
	}
	// Beyond 5 % a tolerance of four times as much would hide a fifth of the value.
	// The tolerance is four times what was seen, rounded up to hundredths of a per cent.
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
