package cause

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/diff/notation"
)

// They are part of the output, where people read them and Finder compares them.
// Words of edits that stand for a class of values.
const (
	editOther = "other values"
	editTime  = "time"
	editUUID  = "uuid"
	editULID  = "ulid"
	editJWT   = "jwt"
	editHex   = "hex"
	editSign  = "sign"
	editRound = "rounding"
	editCase  = "letter case"
	editSpace = "white space"
	editForm  = "unicode form"
	editPoint = "number notation"
)

// An edit is one way to say what turned blue's value into green's.
// text is what reports show, and the key by which edits are equal; spell is how much of the
// values it repeats.
type edit struct {
	text  string
	spell spelling
	leak  string // the name of blue, where the edit is a leak
}

// A spelling says how much of the values an edit's text holds, and so how many
// different edits there may be at one path.
type spelling uint8

// The order matters: a larger spelling repeats more, and is dropped first where there are too
// many edits.
const (
	fixed  spelling = iota // one of a few words: uuid, sign, true -> false, 200 -> 500
	shaped                 // made from the values: x1000, "v#" -> "w#"
	values                 // the values themselves: "News" -> "Weather", +17
)

// edits are the ways to say what turned blue's value into green's, the most telling first; the
// last one fits every difference of its kind that no other edit tells apart. Their order is
// from the most to the least telling. There is always at least one, and differences with equal
// lists are counted together.
func edits(d *diff.Difference) []edit {
	switch d.Kind {
	case diff.Changed:
		return changeEdits(d)
	case diff.TypeChanged:
		e := d.Blue.Type.String() + " -> " + d.Green.Type.String()
		// The same characters with and without quotes are usually a change of the serialiser,
		// which is its own cause. A value that was cut cannot be compared.
		if unquoted(d.Blue) == unquoted(d.Green) && !d.Blue.Cut && !d.Green.Cut {
			return []edit{{text: e + ", same text"}, {text: e}}
		}
		return []edit{{text: e}}
	// The fault names bytes and numbers that differ from answer to answer. Without them many
	// faults are one.
	case diff.Invalid, diff.Limit, diff.DuplicateKey:
		kind := d.Kind.String() + ": "
		return []edit{
			{text: kind + d.Fault, spell: values},
			{text: kind + faultNumbers.ReplaceAllString(d.Fault, "${1}…"), spell: shaped},
			{text: d.Kind.String()},
		}
	}
	return []edit{{}} // the kind says it all
}

// faultNumbers are what differs between two faults of one sort: bytes, code units,
// counts and quoted text.
var faultNumbers = regexp.MustCompile(`(\s)(?:0x[0-9a-f]+|\d+)|\\u[0-9a-f]{4}|"[^"]*"`)

// unquoted is a scalar's JSON without the quotes around it.
func unquoted(e diff.Excerpt) string { return strings.Trim(e.JSON, `"`) }

// changeEdits are those of two values of one type. The last is other values for all but a
// status, where the last is the class of both statuses.
func changeEdits(d *diff.Difference) []edit {
	other := edit{text: editOther}
	// A leak names the same address whatever the value around it is.
	if d.Leak != "" {
		return []edit{{text: diff.LeakNote(d.Leak), leak: d.Leak}, other}
	}
	switch {
	case d.Where == diff.InStatus:
		return []edit{{text: d.Blue.JSON + " -> " + d.Green.JSON}, {text: statusClass(d.Blue.JSON) + " -> " + statusClass(d.Green.JSON)}}
	// What is missing of a cut value might make another edit of it.
	case d.Blue.Cut || d.Green.Cut || d.Blue.Type != d.Green.Type:
		return []edit{other}
	case d.Blue.Type == diff.NumberType:
		return append(numberEdits(d.Blue.JSON, d.Green.JSON), other)
	case d.Blue.Type == diff.StringType:
		// The excerpts are JSON strings, so their escapes are undone first.
		var b, g string
		if json.Unmarshal([]byte(d.Blue.JSON), &b) != nil || json.Unmarshal([]byte(d.Green.JSON), &g) != nil {
			return []edit{other}
		}
		return append(stringEdits(b, g), other)
	}
	// Booleans and null: there are few pairs of them.
	return []edit{{text: d.Blue.JSON + " -> " + d.Green.JSON}, other}
}

// statusClass is 5xx for 503. A status that is not three digits long is given back as it is.
func statusClass(s string) string {
	if len(s) != 3 {
		return s
	}
	return s[:1] + "xx"
}

// maxEditDigits bounds the numbers whose edit is computed. A number of a million digits would
// otherwise be multiplied out.
const maxEditDigits = 40

// numberEdits are computed exactly. They are, as far as they apply: notation alone, sign,
// factor (x1000 or /1000), rounding, and the distance. It is nil for numbers too long to
// compute with.
func numberEdits(blue, green string) []edit {
	if len(blue) > maxEditDigits || len(green) > maxEditDigits {
		return nil
	}
	b, g := literal.Rat([]byte(blue)), literal.Rat([]byte(green))
	if b == nil || g == nil {
		return nil
	}
	if b.Cmp(g) == 0 { // a reading of numbers tells them apart
		return []edit{{text: editPoint}}
	}
	var out []edit
	if new(big.Rat).Neg(b).Cmp(g) == 0 {
		out = append(out, edit{text: editSign})
	}
	// A factor of zero or of a number to zero says nothing.
	if b.Sign() != 0 && g.Sign() != 0 {
		if r := ratio(new(big.Rat).Quo(g, b)); r != "" {
			out = append(out, edit{text: "x" + r, spell: shaped})
		} else if r := ratio(new(big.Rat).Quo(b, g)); r != "" {
			out = append(out, edit{text: "/" + r, spell: shaped})
		}
	}
	if rounded(b, g, blue, green) {
		out = append(out, edit{text: editRound})
	}
	delta := new(big.Rat).Sub(g, b)
	text := ratText(delta)
	if delta.Sign() > 0 {
		text = "+" + text
	}
	return append(out, edit{text: text, spell: values})
}

// ratio is a factor that a person would write: a whole number above 1. It is empty for anything
// else, and for factors of 40 bits or more.
func ratio(r *big.Rat) string {
	if r.IsInt() && r.Cmp(big.NewRat(1, 1)) > 0 && r.Num().BitLen() < 40 {
		return r.Num().String()
	}
	return ""
}

// rounded reports whether one number is the other with fewer decimals. The distance has to be
// less than one unit of the shorter number's last decimal, so that both rounding and truncating
// are found.
func rounded(b, g *big.Rat, blue, green string) bool {
	db, dg := decimals(blue), decimals(green)
	if db == dg || db < 0 || dg < 0 {
		return false
	}
	short := min(db, dg)
	unit := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(short)), nil))
	gap := new(big.Rat).Sub(b, g)
	return gap.Abs(gap).Cmp(unit) < 0
}

// decimals counts the digits after the point; -1 with an exponent. An exponent makes it unknown
// how many were written on purpose.
func decimals(s string) int {
	if strings.ContainsAny(s, "eE") {
		return -1
	}
	_, frac, _ := strings.Cut(s, ".")
	return len(frac)
}

// ratText is the exact number where it is whole, and at most 18 decimals of it elsewhere.
func ratText(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	return strings.TrimRight(r.FloatString(18), "0")
}

// stringEdits are the edits of two texts without escapes. Well-known notations come first,
// where both texts have the same: then every pair differs and the notation is all there is to
// say. What remains is the part in the middle that differs, as it is and with its digits as #.
func stringEdits(b, g string) []edit {
	for _, s := range []struct {
		word string
		is   func(string) bool
	}{{editUUID, notation.IsUUID}, {editULID, notation.IsULID}, {editJWT, notation.IsJWT}} {
		if s.is(b) && s.is(g) {
			return []edit{{text: s.word}}
		}
	}
	// Twelve hex digits and a letter among them: shorter or all decimal ones are mostly
	// numbers.
	if len(b) == len(g) && len(b) >= 12 && notation.IsHex(b) && notation.IsHex(g) && strings.ContainsAny(b+g, "abcdefABCDEF") {
		return []edit{{text: editHex}}
	}
	// Times are only compared in one notation; another notation is a change of form.
	if x, ok := notation.ParseStamp(b); ok {
		if y, ok := notation.ParseStamp(g); ok && x.Notation == y.Notation {
			gap := y.At.Sub(x.At)
			return []edit{{text: editTime + signed(gap), spell: values}, {text: editTime}}
		}
	}
	// From the least change to the largest, so that a text that differs in white space alone is
	// not reported as one that differs in letter case.
	switch {
	case strings.TrimSpace(b) == strings.TrimSpace(g):
		return []edit{{text: editSpace}}
	case notation.Normaliser("nfc")(b) == notation.Normaliser("nfc")(g):
		return []edit{{text: editForm}}
	case notation.Normaliser("fold")(b) == notation.Normaliser("fold")(g):
		return []edit{{text: editCase}}
	}
	from, to := trimCommon(b, g)
	out := []edit{{text: shortQuote(from) + " -> " + shortQuote(to), spell: values}}
	if class := digitClass(from) + " -> " + digitClass(to); class != out[0].text {
		out = append(out, edit{text: class, spell: shaped})
	}
	return out
}

// digitClass quotes a text with its numbers as #, so that :40330 and :40324
// are one edit.
func digitClass(s string) string { return shortQuote(digits.ReplaceAllString(s, "#")) }

var digits = regexp.MustCompile(`[0-9]+`)

// signed has a space before it, because it follows a word.
func signed(d time.Duration) string {
	if d > 0 {
		return " +" + d.String()
	}
	return " " + d.String()
}

// trimCommon cuts what two texts share at both ends, back to whole words, so
// that blue.example and green.example give blue and green.
func trimCommon(b, g string) (string, string) {
	// Bytes beyond ASCII count as parts of words, so that no character is cut apart.
	word := func(c byte) bool { return c >= 0x80 || c == '-' || notation.IsHostByte(c) }
	p := 0
	for p < len(b) && p < len(g) && b[p] == g[p] {
		p++
	}
	// The common beginning may end in the middle of a word; it is given back to the word's
	// start.
	for p > 0 && word(b[p-1]) && (p < len(b) && word(b[p]) || p < len(g) && word(g[p])) {
		p--
	}
	// The same is done from the end. It never goes beyond the beginning that was cut off.
	s := 0
	for s < len(b)-p && s < len(g)-p && b[len(b)-1-s] == g[len(g)-1-s] {
		s++
	}
	for s > 0 && word(b[len(b)-s]) && (len(b)-s > p && word(b[len(b)-s-1]) || len(g)-s > p && word(g[len(g)-s-1])) {
		s--
	}
	return b[p : len(b)-s], g[p : len(g)-s]
}

// shortQuote quotes at most 40 characters of a text. The quotes are those of Go, so that hidden
// characters show as escapes.
func shortQuote(s string) string {
	r := []rune(s)
	if len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return strconv.Quote(s)
}
