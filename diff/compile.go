package diff

import (
	"cmp"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/diff/notation"
	"github.com/bgverify/bgverify/diff/path"
)

// Rules are rules made ready for comparing, with the options they were made
// ready under. They are immutable and safe for concurrent use.
type Rules struct {
	// prog is all rules with the automaton's states of those on the body.
	prog *program
	// opts are as given; limits has their defaults filled in.
	opts Options
	// lim are the bounds that bodies are read under.
	lim limits
	// header are the indices of rules on headers.
	header []int
	// status are the indices of rules on the status.
	status []int
	// only are the headers that a rule `only` names, each with its rule; nil: all headers are
	// compared.
	only map[string]int
	// leaks are the names of blue's places.
	leaks []authority
	// maps: one of the rules is a map.
	maps bool
	// pool holds idle workers.
	pool sync.Pool
}

// A compiledRule is a rule with what its kind's check has prepared of it.
type compiledRule struct {
	Rule
	// row is the kind of the rule.
	row *ruleKind
	// order is the row's index in ruleKinds.
	order int
	// specificity is that of the path, or of the header's name: a name with a
	// cookie or attribute in brackets before a plain one, that before a pattern.
	// Where two rules of a kind match a place, the greater one is in force.
	specificity int
	// re is the pattern of a rewrite.
	re *regexp.Regexp
	// abs and rel are the bounds of a tolerance, exact; nil where not given.
	abs, rel *big.Rat
	// format is the predicate of a format.
	format func(string) bool
	// kind is what an allow rule allows; 0: all kinds.
	kind Kind
	// reading is that of a rule `number`.
	reading NumberReading
	// broad: the path ends in a selector that takes more than it names.
	broad bool
	// anything: the pattern takes any text.
	anything bool
	// normal are the normalisers of a string rule, in the order in which they are applied.
	normal []func(string) string
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
	r.maps = slices.ContainsFunc(rules, func(one Rule) bool { return one.Do == DoMap })
	return r, nil
}

// limits fills in the defaults of the bounds, and what else a parser needs to
// know of the options.
func (o *Options) limits() limits {
	l := limits{
		body: positive(o.MaxBody, 64<<20), depth: positive(o.MaxDepth, 512),
		nodes: positive(o.MaxNodes, 8<<20), keys: positive(o.MaxKeys, 1<<20),
		duplicates: 'e', typed: o.Numbers == Typed,
	}
	switch o.DuplicateKeys {
	case "last", "first":
		l.duplicates = o.DuplicateKeys[0]
	}
	return l
}

// defaultRules are those of comparisons without rules and options. They are
// compiled once, so that their workers are shared by all such comparisons.
var defaultRules = sync.OnceValue(func() *Rules {
	r, errs := Compile(nil, Options{})
	if errs != nil { // no rules, no mistakes
		panic(errs)
	}
	return r
})

// A compiler checks a list of rules, one after the other, and collects every
// mistake; out is thrown away when there is one.
type compiler struct {
	// out is what is being made.
	out *Rules
	// now is the time by which rules have ended or not.
	now time.Time
	// errs are the mistakes so far, of all rules.
	errs []RuleError
	// parsed holds the patterns of body rules by rule index.
	parsed map[int]*Pattern
	// at is the index of the rule that is being checked.
	at int
}

// fail records a mistake in a field of a rule; the hint says what to write.
func (c *compiler) fail(rule int, field, hint, format string, args ...any) {
	c.errs = append(c.errs, RuleError{Rule: rule, Field: field, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

// rule checks and prepares rule i. Without a known kind nothing else is checked:
// which keys and places are right depends on it.
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
		if yamlValue(p.value(&r.Rule)) != "" && !slices.Contains(r.row.params, p.name) {
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

// dates checks rule 4. A rule holds through the whole of its last day, in UTC,
// and is a mistake from the next midnight on.
func (c *compiler) dates(i int, r *compiledRule) {
	if r.Until.IsZero() {
		return
	}
	switch end := r.Until.AddDate(0, 0, 1); {
	case c.now.IsZero():
		c.fail(i, "until", "", "a rule with an until needs today's date")
	case !c.now.Before(end):
		c.fail(i, "until", "remove the rule, or prove it is still needed", "expired on %s", r.Until.Format(time.DateOnly))
	}
}

// place checks rule 1 and that the kind has rules for such a place, and files the
// rule where the comparison of that part of an answer looks for it.
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

// path reads the path of a rule for bodies and adds it to the automaton that
// follows all paths at once while a body is parsed.
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
				c.fail(j, "at", "match "+set.String()+" by a key",
					"a %s below %s, which is compared as a %s without a key", rules[j].Do, set, rules[i].As)
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
