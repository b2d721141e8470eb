package judge

import (
	"path"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/notation"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// HiddenValues are those of a pair. What asks more of them than equality, type and formats
// could not be compared: nothing passes, and nothing fails, by what happens to be there
// instead. An archive replaces secrets by marks, equal values by equal marks. Whether two
// hidden values are equal is therefore known when a run is judged again, and little else is.
type HiddenValues []run.Hidden

// In reports whether a text holds a hidden value. The texts are the marks as the archive wrote
// them.
func (h HiddenValues) In(text string) bool {
	return slices.ContainsFunc(h, func(one run.Hidden) bool { return strings.Contains(text, one.Text) })
}

// known reports whether a text is one hidden value, whose type and formats it has.
func (h HiddenValues) known(text string) bool {
	return slices.ContainsFunc(h, func(one run.Hidden) bool { return one.Known && one.Text == text })
}

// marks are the hidden values in a text, in the order of the list, each as often as it occurs
// there. The lists of two texts are equal where both hold the same marks equally often.
func (h HiddenValues) marks(text string) string {
	var out []string
	for _, one := range h {
		for range strings.Count(text, one.Text) {
			out = append(out, one.Text)
		}
	}
	return strings.Join(out, "\x00")
}

// reportHidden finds the rules of a trial that need a hidden value, says so, and takes the
// places that they speak of out of the comparison. Each such rule is broken with a reason,
// since the run that sent the requests may have found what cannot be found now. The rule is
// replaced by one that ignores its place: what it would report there is not about the services.
func (j *judging) reportHidden() {
	// Without hidden values, or without a comparison, there is nothing to find.
	if len(j.Hidden) == 0 || !j.Step.Compare || !usable(j.Blue) || !usable(j.Green) {
		return
	}
	list := slices.Clone(j.Rules.list)
	for i := range j.Rules.list {
		rule := &j.Rules.list[i]
		if !j.needs(rule) {
			continue
		}
		j.addReason(run.Broken, "%srule %s (%s) needs a value that the archive hid", run.CouldNot, rule.Origin, RuleText(rule))
		list = append(list, diff.Rule{At: rule.At, Header: rule.Header, Do: diff.DoIgnore, Why: "hidden", Origin: rule.Origin})
	}
	if len(list) == len(j.Rules.list) {
		return
	}
	// Only the places are added; if that list cannot be compiled, the comparison runs with the
	// rules as they are.
	if rules, err := compileRules(list, j.Rules.opts); err == nil { // else what it finds is added to the reason
		j.Rules = rules
	}
}

// needs reports whether a rule asks more of a hidden value of the pair than the archive keeps
// of it. What a rule asks for is in its kind's row (diff.Need). A rule that meets no hidden
// value on either side needs nothing.
func (j *judging) needs(rule *diff.Rule) bool {
	need := rule.Needs()
	if need == diff.NeedEquality { // which the archive keeps
		return false
	}
	blue, green := j.hiddenAt(rule, j.Blue), j.hiddenAt(rule, j.Green)
	switch {
	case len(blue)+len(green) == 0:
		return false
	case need == diff.NeedChanged: // equal values stay equal
		return j.Hidden.marks(strings.Join(blue, "\n")) != j.Hidden.marks(strings.Join(green, "\n"))
	case need == diff.NeedFormat: // known of some of the values
		return slices.ContainsFunc(append(blue, green...), func(text string) bool { return !j.Hidden.known(text) })
	}
	return true
}

// hiddenAt are the values with something hidden in them that a rule speaks of, on one side:
// scalars of a JSON body, any other body whole, or values of headers. Values without something
// hidden are left out. For a body that is not JSON, or a path that cannot be read, the whole
// body is the one value: it is not known what the rule looks at.
func (j *judging) hiddenAt(rule *diff.Rule, a *Answer) []string {
	var out []string
	if rule.Header != "" {
		// A glob that is not valid counts as a match, which is the careful answer.
		for _, f := range a.Message().Headers {
			if named, err := path.Match(strings.ToLower(rule.Header), strings.ToLower(f.Name)); (named || err != nil) && j.Hidden.In(f.Value) {
				out = append(out, f.Value)
			}
		}
		return out
	}
	if rule.At == "" || !j.Hidden.In(string(a.Answer)) {
		return nil
	}
	body, invalid := a.body()
	pattern, err := diff.ParsePath(rule.At)
	if invalid != nil || err != nil {
		return []string{string(a.Answer)}
	}
	for _, n := range body.Select(pattern) {
		if n.Type < diff.ArrayType && j.Hidden.In(string(n.JSON)) {
			out = append(out, n.Value.Text())
		}
	}
	return out
}

// needsValue reports whether a test of values with something hidden among them needs to know
// it: all do, but those of presence, type, and a known format. not and each ask their
// subordinate tests. A type is known except for integer, which depends on the digits.
func (t *Test) needsValue(data []datum, h HiddenValues) bool {
	return slices.ContainsFunc(data, func(d datum) bool { return h.In(d.json) && t.needsOne(d, h) })
}

// needsOne is needsValue for one value with something hidden in it.
func (t *Test) needsOne(d datum, h HiddenValues) bool {
	subordinate := func(of []datum) bool {
		return slices.ContainsFunc(t.Sub, func(s Test) bool { return s.needsValue(of, h) })
	}
	switch t.Op {
	case scenarios.OpExists, scenarios.OpEmpty, scenarios.OpUnique:
		return false
	case scenarios.OpType:
		return t.Operand.Text == "integer"
	case scenarios.OpContains:
		return d.kind != diff.ObjectType // of an object: a member of that name
	case scenarios.OpFormat:
		return !h.known(d.text) || !slices.Contains(notation.Formats(), t.Operand.Text)
	case scenarios.OpCount:
		return d.kind == diff.StringType
	case scenarios.OpNot:
		return subordinate([]datum{d})
	case scenarios.OpEach:
		return subordinate(elements(d))
	}
	return true
}

// needsText is needsValue for the values of a header or cookie, of which the archive keeps no
// formats. Presence, number and emptiness of a header do not depend on what it holds.
func (t *Test) needsText(values []string, h HiddenValues) bool {
	return t.Op != scenarios.OpExists && t.Op != scenarios.OpCount && t.Op != scenarios.OpEmpty && slices.ContainsFunc(values, h.In)
}

// schemaNeedsValue reports whether a schema says different things of an answer when other texts
// stand for its hidden values. Three other texts are tried: an empty one, a short one, and one
// with a control character. A schema that refuses any of them, or the marks themselves, looks
// at the value.
func schemaNeedsValue(expect *scenarios.Expect, body []byte, h HiddenValues) bool {
	if !h.In(string(body)) {
		return false
	}
	for _, other := range []string{"", "~", "\\u0001 ~"} {
		text := string(body)
		for _, one := range h {
			text = strings.ReplaceAll(text, one.Text, other)
		}
		if len(expect.CheckSchema([]byte(text))) > 0 {
			return true
		}
	}
	return len(expect.CheckSchema(body)) > 0
}
