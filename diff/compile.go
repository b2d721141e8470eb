package diff

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/diff/notation"
	"github.com/bgverify/bgverify/diff/path"
)

// Rules are rules made ready for comparing, with the options they were made
// ready under. They are immutable and safe for concurrent use.
type Rules struct {
	prog   *program
	opts   Options
	lim    limits
	header []int // rules on headers
	status []int // rules on the status
	only   map[string]int
	leaks  []authority
	pool   sync.Pool // of *worker
}

type compiledRule struct {
	Rule
	row         *ruleKind
	order       int // of the row in the table
	specificity int
	re          *regexp.Regexp
	abs, rel    *big.Rat
	format      func(string) bool
	kind        Kind
	reading     NumberReading // of a rule `number`
	// broad: the path ends in a selector that takes more than it names.
	broad bool
	// anything: the pattern takes any text.
	anything bool
	normal   []func(string) string
}

// maxRegexp bounds a regular expression, maxRules a list of rules.
const (
	maxRegexp = 1 << 10
	maxRules  = 1 << 16
)

// Compile checks rules and makes them ready. It reports every mistake of every
// rule; the Rules are nil when there is one. Its rules:
//
//  1. Exactly one place: at, header, headers (with `only`) or where: status.
//  2. A verb takes its own parameters and no others.
//  3. ignore, drop and allow say why; so does a leak that is allowed.
//  4. allow has an until, and a max only for places of the body; a rule past its until is a mistake.
//  5. Neither $ nor $..* is ignored, dropped or allowed (but for the order of $).
//  6. Below an array that is compared as a set without a key there are no
//     indices and no tolerances: which element is compared with which is open.
func Compile(rules []Rule, opts Options) (*Rules, []RuleError) {
	r := &Rules{prog: &program{}, opts: opts, lim: opts.limits()}
	c := &compiler{out: r, now: opts.Now}
	if len(rules) > maxRules {
		c.fail(maxRules, "", "", "more than %d rules", maxRules)
		rules = rules[:maxRules]
	}
	r.prog.rules = make([]compiledRule, len(rules))
	for i := range rules {
		c.rule(i, rules[i])
	}
	c.contradictions()
	if r.prog.Globs() > path.MaxGlobs {
		c.fail(0, "at", "", "more than %d globs", path.MaxGlobs)
	}
	if len(c.errs) > 0 {
		slices.SortStableFunc(c.errs, func(a, b RuleError) int {
			return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Msg, b.Msg))
		})
		return nil, c.errs
	}
	r.prog.Finish(hashBytes)
	r.leaks = leakAuthorities(opts.BlueAuthorities, opts.GreenAuthorities)
	return r, nil
}

func (o *Options) limits() limits {
	or := func(n, d int) int {
		if n <= 0 {
			return d
		}
		return n
	}
	l := limits{body: or(o.MaxBody, 64<<20), depth: or(o.MaxDepth, 512), nodes: or(o.MaxNodes, 8<<20), keys: or(o.MaxKeys, 1<<20), duplicates: 'e'}
	l.typed = o.Numbers == Typed
	switch o.DuplicateKeys {
	case "last", "first":
		l.duplicates = o.DuplicateKeys[0]
	}
	return l
}

var defaultRules = sync.OnceValue(func() *Rules {
	r, errs := Compile(nil, Options{})
	if errs != nil { // no rules, no mistakes
		panic(errs)
	}
	return r
})

type compiler struct {
	out  *Rules
	now  time.Time
	errs []RuleError
	// parsed holds the patterns of body rules by rule index.
	parsed map[int]*Pattern
	at     int
}

func (c *compiler) fail(rule int, field, hint, format string, args ...any) {
	c.errs = append(c.errs, RuleError{Rule: rule, Field: field, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

func (c *compiler) rule(i int, in Rule) {
	r := &c.out.prog.rules[i]
	r.Rule = in
	if r.Origin == "" {
		r.Origin = "rule " + strconv.Itoa(i+1)
	}
	c.at = i
	if !c.kind(i, r) {
		return
	}
	c.dates(i, r)
	c.place(i, r)
	c.parameters(i, r)
}

// kind looks up the row of the rule's kind and checks rules 2 and 3: it takes
// its own parameters alone, and has the keys that its kind requires.
func (c *compiler) kind(i int, r *compiledRule) bool {
	r.order = slices.IndexFunc(ruleKinds, func(k *ruleKind) bool { return k.do == r.Do })
	if r.order < 0 {
		c.fail(i, "do", "one of "+doWords(), "unknown verb %q", string(r.Do))
		return false
	}
	r.row = ruleKinds[r.order]
	for _, p := range ruleParams {
		if p.yaml(&r.Rule) != "" && !slices.Contains(r.row.params, p.name) {
			c.fail(i, p.name, "", "%s takes no %q", r.Do, p.name)
		}
	}
	for _, need := range r.row.required {
		missing := map[string]bool{"why": strings.TrimSpace(r.Why) == "", "until": r.Until.IsZero(), "kind": r.Kind == ""}
		if missing[need.Key] {
			c.fail(i, need.Key, need.Hint, "%s needs %s", r.Do, need)
		}
	}
	return true
}

func (c *compiler) dates(i int, r *compiledRule) {
	switch {
	case r.Until.IsZero():
	case c.now.IsZero():
		c.fail(i, "until", "", "a rule with an until needs today's date")
	case c.now.After(r.Until.AddDate(0, 0, 1)) || c.now.Equal(r.Until.AddDate(0, 0, 1)):
		c.fail(i, "until", "remove the rule, or prove it is still needed", "expired on %s", r.Until.Format(time.DateOnly))
	}
}

func (c *compiler) place(i int, r *compiledRule) {
	n := 0
	for _, given := range []bool{r.At != "", r.Header != "", len(r.Headers) > 0, r.Where != ""} {
		if given {
			n++
		}
	}
	if n != 1 {
		c.fail(i, "at", "", "a rule names one place: at, header, headers or where")
		return
	}
	switch {
	case r.At != "":
		c.path(i, r)
	case r.Header != "":
		if r.row.places&inHeader == 0 {
			c.fail(i, "do", "", "%s is not a rule for headers", r.Do)
		}
		r.Header = strings.ToLower(r.Header)
		r.specificity = 2
		if strings.Contains(r.Header, "*") {
			r.specificity = 1
		} else if strings.Contains(r.Header, "[") {
			r.specificity = 3
		}
		if strings.Trim(r.Header, "*") == "" && r.row.hides {
			c.fail(i, "header", "", "all headers cannot be hidden")
		}
		c.out.header = append(c.out.header, i)
	case r.Where != "":
		if r.Where != "status" {
			c.fail(i, "where", "", "where is status")
		}
		if r.row.places&inStatus == 0 {
			c.fail(i, "do", "", "%s is not a rule for the status", r.Do)
		}
		c.out.status = append(c.out.status, i)
	default:
		if r.row.places&headersOnly == 0 {
			c.fail(i, "headers", "", "headers goes with do: only")
			return
		}
		if c.out.only == nil {
			c.out.only = map[string]int{}
		}
		for _, h := range r.Headers {
			c.out.only[strings.ToLower(h)] = i
		}
	}
}

func (c *compiler) path(i int, r *compiledRule) {
	if r.row.places&inBody == 0 {
		c.fail(i, "at", "", "%s is not a rule for bodies", r.Do)
		return
	}
	p, err := ParsePath(r.At)
	if err != nil {
		pe := err.(*path.Error)
		c.errs = append(c.errs, RuleError{Rule: i, Field: "at", Offset: pe.Offset, Msg: pe.Msg, Hint: pe.Hint})
		return
	}
	if p.Everything() && (r.row.hides || r.Do == DoAllow && r.Kind != Order.String()) {
		c.fail(i, "at", "name the members that vary", "the whole body cannot be hidden")
		return
	}
	r.specificity, r.broad = p.Specificity(), p.Broad()
	if c.parsed == nil {
		c.parsed = map[int]*Pattern{}
	}
	c.parsed[i] = p
	c.out.prog.Add(p, i)
}

// parameters checks the words of `as` and what only the kind itself knows.
func (c *compiler) parameters(i int, r *compiledRule) {
	words := r.AsList
	if r.As != "" || len(words) == 0 {
		words = []string{r.As}
	}
	for _, word := range words {
		if k := r.row; len(k.as) > 0 && (word != "" || k.asRequired) && !slices.Contains(k.as, word) {
			c.fail(i, "as", "", "%s: as is one of %s", r.Do, strings.Join(k.as, ", "))
		}
	}
	if r.Notation != "" && r.Notation != anyNotation {
		c.fail(i, "notation", "leave it out where the notation counts", "notation is any")
	}
	if r.row.check != nil {
		r.row.check(c, i, r)
	}
}

// allow checks the kind of change that a rule allows, and how much of it.
func (c *compiler) allow(i int, r *compiledRule) {
	kinds := map[string]Kind{"added": Added, "removed": Removed, "changed": Changed, "type": TypeChanged, "order": Order}
	r.kind = kinds[r.Kind]
	if r.kind == 0 && r.Kind != "" {
		c.fail(i, "kind", "", "allow: kind is one of added, removed, changed, type, order")
	}
	c.bound(i, r)
}

func (c *compiler) mapName(i int, r *compiledRule) {
	if r.As == "" {
		c.fail(i, "as", "", "map needs a name: as: order")
	}
}

func (c *compiler) within(i int, r *compiledRule) {
	if r.Within <= 0 {
		c.fail(i, "within", "within: 5s", "time needs a within")
	}
}

func (c *compiler) leak(i int, r *compiledRule) {
	if !r.Allow {
		c.fail(i, "allow", "the check is on everywhere; a rule only switches it off", "leak needs allow: true")
	}
}

func (c *compiler) reading(_ int, r *compiledRule) { r.reading = ReadingOf(r.As) }

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
		e := RuleError{Rule: i, Field: "pattern", Msg: strings.TrimPrefix(err.Error(), "error parsing regexp: ")}
		if se, ok := err.(*syntax.Error); ok {
			e.Msg = se.Code.String() + ": " + se.Expr
			e.Offset = max(0, strings.Index(text, se.Expr))
		}
		c.errs = append(c.errs, e)
		return nil
	}
	return re
}

// takesAnything reports whether an expression takes whole texts that have nothing
// in common.
func takesAnything(re *regexp.Regexp) bool {
	whole, err := regexp.Compile(`\A(?:` + re.String() + `)\z`)
	if err != nil { // nested one level deeper than the parser allows
		return false
	}
	for _, s := range []string{"x", "0", "Zz9-_.", "~가%/<>!"} {
		if !whole.MatchString(s) {
			return false
		}
	}
	return true
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

// contradictions checks rule 6.
func (c *compiler) contradictions() {
	rules := c.out.prog.rules
	for i, set := range c.parsed {
		if r := &rules[i]; r.Do != DoMatch || len(r.By) > 0 || r.As != "set" && r.As != "multiset" {
			continue
		}
		for j, p := range c.parsed {
			below, indexed := p.Below(set)
			if j == i || !below {
				continue
			}
			if indexed {
				c.fail(j, "at", "a set has no order", "an index below %s, which is compared as a %s", set, rules[i].As)
			} else if rules[j].row.byPartner {
				c.fail(j, "at", "match "+set.String()+" by a key", "a %s below %s, which is compared as a %s without a key", rules[j].Do, set, rules[i].As)
			}
		}
	}
}

// formatNames are the values of a format rule's `is`.
func formatNames() []string {
	names := append(notation.Formats(), "regex")
	slices.Sort(names)
	return names
}
