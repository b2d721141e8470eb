package diff

import (
	"math"
	"math/big"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/diff/notation"
)

// The checks of ruleKinds: each validates the parameters of its kind, reports
// every mistake, and prepares what the comparison needs of them.

// allow checks the kind of change that a rule allows, and how much of it.
func (c *compiler) allow(i int, r *compiledRule) {
	kinds := map[string]Kind{"added": Added, "removed": Removed, "changed": Changed, "type": TypeChanged, "order": Order}
	r.kind = kinds[r.Kind]
	if r.kind == 0 && r.Kind != "" {
		c.fail(i, "kind", "", "allow: kind is one of added, removed, changed, type, order")
	}
	c.bound(i, r)
}

// bound checks the most that an allow rule hides.
func (c *compiler) bound(i int, r *compiledRule) {
	switch m := r.Max; {
	case m == Bound{}:
	case r.At == "":
		c.fail(i, "max", "", "max counts places of the body: it goes with at")
	case m.Count < 0 || m.Share < 0 || m.Share > 1 || m.Count > 0 && m.Share > 0:
		c.fail(i, "max", "max: 3, or max: 10%", "max is a number of at least 1 or a share of at most 100%%")
	}
}

// mapName: rules of one name share their partners, so there must be a name.
func (c *compiler) mapName(i int, r *compiledRule) {
	if r.As == "" {
		c.fail(i, "as", "", "map needs a name: as: order")
	}
}

// within: a time rule without a distance would accept equal moments alone.
func (c *compiler) within(i int, r *compiledRule) {
	if r.Within <= 0 {
		c.fail(i, "within", "within: 5s", "time needs a within")
	}
}

// leak: the check for leaks has no rule that switches it on.
func (c *compiler) leak(i int, r *compiledRule) {
	if !r.Allow {
		c.fail(i, "allow", "the check is on everywhere; a rule only switches it off", "leak needs allow: true")
	}
}

// reading is what a rule `number` names; Decimal where parameters has found the word to be wrong.
func (c *compiler) reading(_ int, r *compiledRule) {
	r.reading = NumberReading(max(0, slices.Index(readingWords, r.As)))
}

// match checks how a rule pairs the elements of an array. A key and as: list or
// auto exclude each other: both say which elements belong together.
func (c *compiler) match(i int, r *compiledRule) {
	if len(r.By) == 0 && r.As == "" {
		c.fail(i, "by", "by: id, or as: list | set | multiset | auto", "match needs by or as")
	}
	if len(r.By) > 0 && (r.As == "list" || r.As == "auto") {
		c.fail(i, "as", "", "by and as: %s contradict each other", r.As)
	}
	if len(r.By) > 8 {
		c.fail(i, "by", "", "a key of more than 8 members")
	}
	for j, k := range r.By {
		if k == "" || slices.Contains(r.By[:j], k) {
			c.fail(i, "by", "", "an empty or repeated key member")
		}
	}
}

// tolerance checks the bounds of a tolerance and makes exact fractions of them:
// 0.1 is one tenth, not the float64 nearest to it, so that 0.3 is within 0.1 of 0.2.
func (c *compiler) tolerance(i int, r *compiledRule) {
	if r.Abs == nil && r.Rel == nil {
		c.fail(i, "abs", "abs: 0.01 or rel: 0.001", "tolerance needs abs or rel")
	}
	for _, t := range []struct {
		field string
		given *float64
		out   **big.Rat
	}{{"abs", r.Abs, &r.abs}, {"rel", r.Rel, &r.rel}} {
		if t.given == nil {
			continue
		}
		if f := *t.given; math.IsNaN(f) || math.IsInf(f, 0) || f < 0 {
			c.fail(i, t.field, "", "%s is a number of at least 0", t.field)
			continue
		}
		*t.out = literal.RatOfFloat(*t.given)
	}
}

// formatRule finds the predicate of a format. A pattern must match the whole text;
// longer texts than maxRegexpInput never match, which bounds the time.
func (c *compiler) formatRule(i int, r *compiledRule) {
	if r.Is == "regex" {
		if r.Pattern == "" {
			c.fail(i, "pattern", "", "format regex needs a pattern")
			return
		}
		if re := c.regexp(i, r.Pattern, true); re != nil {
			r.format = func(s string) bool { return len(s) <= maxRegexpInput && re.MatchString(s) }
			r.anything = takesAnything(re)
		}
		return
	}
	if r.Pattern != "" {
		c.fail(i, "pattern", "is: regex", "a pattern goes with is: regex")
	}
	if r.format = notation.Format(r.Is); r.format == nil {
		c.fail(i, "is", "one of "+strings.Join(formatNames(), ", "), "unknown format %q", r.Is)
	}
}

// rewrite checks that a rewrite has a placeholder and something to put it for:
// a text of each side, or a pattern that is replaced on both.
func (c *compiler) rewrite(i int, r *compiledRule) {
	if r.As == "" {
		c.fail(i, "as", "as: HOST", "rewrite needs a placeholder")
	}
	switch {
	case r.Pattern != "" && (r.BlueText != "" || r.GreenText != ""):
		c.fail(i, "pattern", "", "rewrite takes a pattern, or blue and green")
	case r.Pattern != "":
		if r.re = c.regexp(i, r.Pattern, false); r.re != nil {
			r.anything = takesAnything(r.re)
		}
	case r.BlueText == "" || r.GreenText == "":
		c.fail(i, "blue", "", "rewrite needs blue and green, or a pattern")
	}
}

// regexp compiles a regular expression; whole anchors it at both ends.
func (c *compiler) regexp(i int, text string, whole bool) *regexp.Regexp {
	if len(text) > maxRegexp {
		c.fail(i, "pattern", "", "a pattern of more than %d bytes", maxRegexp)
		return nil
	}
	full := text
	if whole {
		full = `\A(?:` + text + `)\z`
	}
	re, err := regexp.Compile(full)
	if err != nil {
		// The text alone, so that the message does not name what was put around it.
		if _, alone := regexp.Compile(text); alone != nil {
			err = alone
		}
		e := RuleError{Rule: i, Field: "pattern", Msg: strings.TrimPrefix(err.Error(), "error parsing regexp: ")}
		if se, ok := err.(*syntax.Error); ok {
			e.Msg = se.Code.String() + ": " + se.Expr
			e.Hint = `\ before a character takes it as it is: \[`
			e.Offset = max(0, strings.Index(text, se.Expr))
		}
		c.errs = append(c.errs, e)
		return nil
	}
	return re
}

// normalisers looks up what a string rule does to texts.
func (c *compiler) normalisers(_ int, r *compiledRule) {
	names := r.AsList
	if r.As != "" {
		names = []string{r.As}
	}
	for _, name := range names {
		r.normal = append(r.normal, notation.Normaliser(name))
	}
}

// takesAnything reports whether an expression takes whole texts that have nothing
// in common.
func takesAnything(re *regexp.Regexp) bool {
	whole, err := regexp.Compile(`\A(?:` + re.String() + `)\z`)
	if err != nil { // nested one level deeper than the parser allows
		return false
	}
	// An expression that takes these four takes any: they share no character.
	for _, s := range []string{"x", "0", "Zz9-_.", "~가%/<>!"} {
		if !whole.MatchString(s) {
			return false
		}
	}
	return true
}
