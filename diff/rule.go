package diff

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
)

// A Do is what a rule does to the differences at its place.
type Do string

// The kinds of rules; the comments name the fields of Rule that are their
// parameters. What a kind does is in its row, see ruleKinds.
const (
	DoIgnore    Do = "ignore"    // value may differ; presence and type are still compared
	DoDrop      Do = "drop"      // the subtree is not looked at
	DoAllow     Do = "allow"     // an intended change: Kind, Why and Until compulsory
	DoMatch     Do = "match"     // how an array is aligned: By or As
	DoTolerance Do = "tolerance" // numbers: Abs, Rel
	DoTime      Do = "time"      // Within, Notation
	DoFormat    Do = "format"    // Is, Pattern, Notation
	DoRewrite   Do = "rewrite"   // BlueText, GreenText, As
	DoMap       Do = "map"       // As
	DoNumber    Do = "number"    // As: decimal | type | lexeme | float64
	DoString    Do = "string"    // AsList: nfc, fold, trim
	DoNull      Do = "null"      // As: absent
	DoEmpty     Do = "empty"     // As: absent
	DoEmbedded  Do = "embedded"  // As: json | base64-json
	DoLeak      Do = "leak"      // Allow
	DoOnly      Do = "only"      // headers: compare just Headers
)

// A Rule changes how differences at a place count. Exactly one of At, Header,
// Headers and Where says which place.
type Rule struct {
	// At is a path pattern: RFC 9535 without functions, see Pattern.
	At string
	// Header is one header name.
	Header string
	// Headers are names, with DoOnly.
	Headers []string
	// Where is "status", or empty.
	Where string

	// Do is what the rule does; the other fields depend on it.
	Do Do
	// By are the key members of match.
	By []string
	// As is list, set, multiset or auto for match, a name for rewrite and map; for other kinds
	// see Do.
	As string
	// AsList are the normalisers of string, in order.
	AsList []string
	// Abs is how far apart numbers may be under tolerance; nil: not given.
	Abs *float64
	// Rel is the same as a ratio of blue's number: 0.1 is 10 %.
	Rel *float64
	// Within is how far apart moments may be under time.
	Within time.Duration
	// Is is the name of a format.
	Is string
	// Notation is "any" where time and format let the notation differ (T or a space,
	// an offset or Z, letter case of hex); a jwt then counts by its form alone.
	Notation string
	// Pattern is the regular expression of format `regex`, or of a text rewrite.
	Pattern string
	// BlueText and GreenText are the texts that rewrite replaces, each on its side.
	BlueText, GreenText string
	// Kind is what allow allows: added, removed, changed, type or order; empty: all of it.
	Kind string
	// Max is the most that allow hides of a pair.
	Max Bound
	// Allow, with leak, switches the check off here.
	Allow bool

	// Why is the reason that every rule which hides something must give.
	Why string
	// Ticket is where the reason is being worked on; may be empty.
	Ticket string
	// Until is the last day on which the rule holds; zero: it has no end.
	Until time.Time
	// Origin says where the rule was written: file:line:col.
	Origin string
}

// Stricter reports whether a rule demands more of green instead of hiding some
// of what differs: a reading of numbers that tells equal values apart.
func (r *Rule) Stricter() bool {
	return r.Do == DoNumber && (r.As == Typed.String() || r.As == Lexeme.String())
}

// anyNotation is what a time or format rule says to let the notation differ.
const anyNotation = "any"

// A Bound is the most that a rule hides of one pair of answers: a number of
// differences, or a share of the places that its path matches in the answer that
// has more of them. The zero Bound is none.
type Bound struct {
	// Count is a number of places.
	Count int
	// Share is of the places that the rule matched, above 0 and at most 1; 0: Count is meant.
	Share float64
}

// String is the bound as a file says it: 3 or 10%.
func (b Bound) String() string {
	if b.Share > 0 {
		return strconv.FormatFloat(b.Share*100, 'g', 6, 64) + "%"
	}
	return strconv.Itoa(b.Count)
}

// of is the number that a bound comes to where a path matches n places.
func (b Bound) of(n int) int {
	if b.Share > 0 {
		return int(b.Share*float64(n) + 1e-9) // 0.1 of 30 is 3
	}
	return b.Count
}

// A RuleError says what is wrong with one rule of a list.
type RuleError struct {
	// Rule is the index into the list.
	Rule int
	// Field is the YAML key that the error is about: at, do, by, as, …
	Field string
	// Offset is in bytes, into that field's text.
	Offset int
	// Msg is what is wrong.
	Msg string
	// Hint is what to write instead; may be empty.
	Hint string
}

// A ruleParam is a key that says more of what a rule does. Validation and
// writing know the keys from here; value gives what the rule has for the key, the
// zero value where it does not have it.
type ruleParam struct {
	name  string
	value func(r *Rule) any
}

// ruleParams are the parameters of rules, in the order in which they are written.
var ruleParams = []ruleParam{
	{"headers", func(r *Rule) any { return r.Headers }},
	{"by", func(r *Rule) any {
		if len(r.By) == 1 {
			return r.By[0]
		}
		return r.By
	}},
	{"kind", func(r *Rule) any { return r.Kind }},
	{"max", func(r *Rule) any { return r.Max }},
	{"is", func(r *Rule) any { return r.Is }},
	{"notation", func(r *Rule) any { return r.Notation }},
	{"pattern", func(r *Rule) any { return quoted(r.Pattern) }},
	{"abs", func(r *Rule) any { return r.Abs }},
	{"rel", func(r *Rule) any { return r.Rel }},
	{"within", func(r *Rule) any { return r.Within }},
	{"blue", func(r *Rule) any { return r.BlueText }},
	{"green", func(r *Rule) any { return r.GreenText }},
	{"as", func(r *Rule) any {
		if r.As == "" {
			return r.AsList
		}
		return r.As
	}},
	{"allow", func(r *Rule) any { return r.Allow }},
}

// A quoted text is written in quotes whatever is in it: a path or a pattern.
type quoted string

// SameRule reports whether two rules do the same to the same place, whatever
// their reasons, tickets and dates.
func SameRule(a, b *Rule) bool {
	bare := func(r Rule) string {
		r.Header, r.Why, r.Ticket, r.Until = strings.ToLower(r.Header), "", "", time.Time{}
		return RuleYAML(r)
	}
	return bare(*a) == bare(*b)
}

// RuleYAML writes a rule as one line of a `rules:` list, ready to paste:
// - {at: "$..price", do: tolerance, rel: 0.01}.
func RuleYAML(r Rule) string {
	var b strings.Builder
	sep := "- {"
	put := func(key string, value any) {
		if text := yamlValue(value); text != "" {
			b.WriteString(sep + key + ": " + text)
			sep = ", "
		}
	}
	put("at", quoted(r.At))
	put("header", r.Header)
	put("headers", r.Headers) // a place, though a parameter of only
	put("where", r.Where)
	put("do", string(r.Do))
	for _, p := range ruleParams {
		if p.name != "headers" {
			put(p.name, p.value(&r))
		}
	}
	put("why", r.Why)
	put("ticket", r.Ticket)
	put("until", r.Until)
	return b.String() + "}"
}

// yamlValue is the value of a key as a file writes it, and "" for a value that is not there: an
// empty text or list, a number that is nil, a zero bound, duration or date, and false.
func yamlValue(value any) string {
	if v := reflect.ValueOf(value); v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
		return ""
	}
	switch v := value.(type) {
	case quoted:
		return quoteYAML(string(v))
	case string:
		return yamlString(v)
	case []string:
		texts := make([]string, len(v))
		for i, s := range v {
			texts[i] = yamlString(s)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	case *float64:
		return strconv.FormatFloat(*v, 'g', -1, 64)
	case time.Time:
		return v.Format(time.DateOnly)
	}
	return fmt.Sprint(value) // a Bound, a duration, or true
}

// yamlString writes a scalar plain where YAML reads it back as the same
// string, else quoted.
func yamlString(s string) string {
	plain := s != ""
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		inner := c == '-' || c == '.' || c == ' ' && i < len(s)-1 || c >= '0' && c <= '9' // not at the beginning
		plain = c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && inner
	}
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		plain = false
	}
	if plain {
		return s
	}
	return quoteYAML(s)
}

// quoteYAML writes a double-quoted scalar; JSON's strings are YAML's too.
func quoteYAML(s string) string { return text.Quote(s) }

// PlaceholderWhy is the reason that a proposed rule has, and PlaceholderUntil its
// date: whoever pastes it replaces both, for the proposal knows neither.
const PlaceholderWhy = "say why this may differ"

// PlaceholderUntil is the date of a proposed allow rule; see PlaceholderWhy.
var PlaceholderUntil = time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
