package diff

import (
	"strconv"
	"time"
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
	At      string   // a path pattern: RFC 9535 without functions, see Pattern
	Header  string   // one header name
	Headers []string // with DoOnly
	Where   string   // "status"

	Do     Do
	By     []string // match: key members
	As     string   // match: list|set|multiset|auto; rewrite, map: a name; others: see Do
	AsList []string // string: normalisers in order
	Abs    *float64 // tolerance
	Rel    *float64 // tolerance, a ratio: 0.1 is 10 %
	Within time.Duration
	Is     string // format name
	// Notation is "any" where time and format let the notation differ (T or a space,
	// an offset or Z, letter case of hex); a jwt then counts by its form alone.
	Notation string
	// Pattern is the regular expression of format `regex`, or of a text rewrite.
	Pattern             string
	BlueText, GreenText string // rewrite
	Kind                string // allow: added, removed, changed, type, order
	Max                 Bound  // allow: the most that it hides of a pair
	Allow               bool   // leak: true switches the check off here

	Why    string
	Ticket string
	Until  time.Time // the last day on which the rule holds; zero: no end
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
	Count int
	Share float64 // above 0 and at most 1; 0: Count is meant
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
	Rule   int    // index into the list
	Field  string // the YAML key the error is about: at, do, by, as, …
	Offset int    // byte offset in that field's text
	Msg    string
	Hint   string
}
