package cause

import (
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/literal"
	"github.com/bgverify/bgverify/diff/notation"
)

// A silencer collects what a rule must accept to silence a cause: for each kind of rule
// how many of the differences it could hide, and how wide it would have to be. A kind
// that could hide all of them is a candidate, see change. Two silencers of parts of the
// differences can be merged in any order.
type silencer struct {
	n           int           // differences
	maxAbs      *big.Rat      // the largest gap between two numbers, exactly; nil: none seen
	maxRel      *big.Rat      // the largest gap as a ratio of blue's number
	numbers     int           // differences between two numbers
	alike       int           // numbers of one value in two notations
	maxGap      time.Duration // the largest gap between two times
	times       int           // differences between two times of one notation
	formats     []string      // formats that both sides of every difference match
	formatsSeen bool
	from, to    string // what trimming common ends left, the same everywhere
	rewrite     int
	// The values are compared after normalising both sides.
	normal [3]int // pairs that are the same after each of proposedNormalisers
}

// see takes one difference into account. Of values that were cut, or of two types, nothing is
// known that a rule for changed values could use. A difference of which nothing is known counts
// in n alone, so no rule that needs knowledge fits.
func (s *silencer) see(d *diff.Difference) {
	s.n++
	if d.Kind != diff.Changed || d.Blue.Cut || d.Green.Cut || d.Blue.Type != d.Green.Type {
		return
	}
	switch d.Blue.Type {
	// A number may be a time in seconds or milliseconds, hence both.
	case diff.NumberType:
		s.seeNumbers(d.Blue.JSON, d.Green.JSON)
		s.seeTimes(d.Blue.JSON, d.Green.JSON)
	case diff.StringType:
		var b, g string
		if json.Unmarshal([]byte(d.Blue.JSON), &b) == nil && json.Unmarshal([]byte(d.Green.JSON), &g) == nil {
			s.seeStrings(b, g)
		}
	}
}

// seeStrings takes a pair of decoded strings into account.
func (s *silencer) seeStrings(b, g string) {
	s.seeTimes(b, g)
	s.seeFormats(b, g)
	for i, name := range proposedNormalisers {
		if notation.Normaliser(name)(b) == notation.Normaliser(name)(g) {
			s.normal[i]++
		}
	}
	// A rewrite must be the same text for the same text everywhere.
	from, to := trimCommon(b, g)
	if s.rewrite == 0 || s.from == from && s.to == to {
		s.from, s.to = from, to
		s.rewrite++
	}
}

// seeNumbers takes two numbers into account, exactly: a gap in floating point could be too
// small by an error of rounding, and the rule would not hold. Numbers with too many digits are
// left out, which leaves tolerance out as a rule.
func (s *silencer) seeNumbers(blue, green string) {
	if len(blue) > maxEditDigits || len(green) > maxEditDigits {
		return
	}
	b, g := literal.Rat([]byte(blue)), literal.Rat([]byte(green))
	if b == nil || g == nil {
		return
	}
	gap := new(big.Rat).Sub(g, b)
	gap.Abs(gap)
	if s.maxAbs == nil || gap.Cmp(s.maxAbs) > 0 {
		s.maxAbs = gap
	}
	// Zero on blue has no relative gap. Whether the rule holds there is shown by trying it.
	if b.Sign() != 0 {
		rel := new(big.Rat).Quo(gap, new(big.Rat).Abs(b))
		if s.maxRel == nil || rel.Cmp(s.maxRel) > 0 {
			s.maxRel = rel
		}
	}
	s.numbers++
	if gap.Sign() == 0 {
		s.alike++
	}
}

// seeTimes takes two times into account, where both sides write them in one notation. Other
// texts are not counted, so that times stays below n and no time rule is proposed.
func (s *silencer) seeTimes(b, g string) {
	x, ok := notation.ParseStamp(b)
	if !ok {
		return
	}
	y, ok := notation.ParseStamp(g)
	if !ok || x.Notation != y.Notation {
		return
	}
	s.times++
	s.maxGap = max(s.maxGap, y.At.Sub(x.At).Abs())
}

// proposedNormalisers are tried for a rule, in this order.
var proposedNormalisers = [3]string{"trim", "nfc", "fold"}

// proposedFormats are tried for a rule, the narrowest first. A format that hides little is
// better: hex fits any of the others without hyphens.
var proposedFormats = []string{"uuid", "ulid", "jwt", "ipv4", "hex"}

// seeFormats keeps the formats that both texts have. Short texts of hex digits are
// mostly numbers or words, of which the format says nothing.
func (s *silencer) seeFormats(b, g string) {
	var match []string
	for _, name := range proposedFormats {
		if name == "hex" && len(b) < 12 {
			continue
		}
		if ok, _ := diff.SameFormat(name, b, g, [2]time.Time{}); ok {
			match = append(match, name)
		}
	}
	s.addFormats(match)
}

// addFormats keeps the formats that all texts so far have. After the first pair of texts the
// list only shrinks.
func (s *silencer) addFormats(match []string) {
	if !s.formatsSeen {
		s.formats, s.formatsSeen = match, true
		return
	}
	s.formats = slices.DeleteFunc(slices.Clone(s.formats), func(f string) bool { return !slices.Contains(match, f) })
}

// merge adds what another silencer has seen. The other one is not changed. Its exact numbers
// may be shared, as they never change either.
func (s *silencer) merge(o *silencer) {
	if o.n == 0 {
		return
	}
	if s.n == 0 {
		*s = *o
		return
	}
	s.n += o.n
	s.numbers += o.numbers
	s.alike += o.alike
	s.times += o.times
	s.maxGap = max(s.maxGap, o.maxGap)
	for i, n := range o.normal {
		s.normal[i] += n
	}
	if o.maxAbs != nil && (s.maxAbs == nil || o.maxAbs.Cmp(s.maxAbs) > 0) {
		s.maxAbs = o.maxAbs
	}
	if o.maxRel != nil && (s.maxRel == nil || o.maxRel.Cmp(s.maxRel) > 0) {
		s.maxRel = o.maxRel
	}
	if o.formatsSeen {
		s.addFormats(o.formats)
	}
	// Other texts on the other side leave rewrite below n, and so no rewrite is proposed.
	if s.from == o.from && s.to == o.to {
		s.rewrite += o.rewrite
	}
}

// rule is the rule that accepts all that was seen, without its path in a body; why says why
// there is none. The reason, where there is one, is for people who look for the rule in a
// report.
func (s *silencer) rule(c *Cause) (r diff.Rule, why string) {
	switch {
	case c.Where == diff.InStatus:
		return r, "a rule for the status would accept every other status too; expect the status that each side should send"
	case c.Where == diff.InHeader:
		r.Header = headerOf(c.Path)
	case c.Kind == diff.Invalid, c.Kind == diff.Limit, c.Kind == diff.DuplicateKey:
		return r, "what cannot be read cannot be compared under any rule"
	case c.Path == "$" && c.Kind != diff.Order:
		return r, "the whole body differs"
	}
	switch c.Kind {
	case diff.Changed:
		if c.Leak != "" {
			r.Do, r.Allow = diff.DoLeak, true
		} else {
			s.change(&r)
		}
	case diff.Added, diff.Removed, diff.TypeChanged:
		r.Do, r.Kind = diff.DoAllow, c.Kind.String()
	default: // Moved, Order
		r.Do, r.Kind = diff.DoAllow, diff.Order.String()
	}
	// The keys that a verb needs, such as a reason and a date, get a text that has to be
	// replaced: the file is not valid until somebody has thought about it.
	for _, need := range r.Do.Requires() {
		switch need.Key {
		case "why":
			r.Why = diff.PlaceholderWhy
		case "until":
			r.Until = diff.PlaceholderUntil
		}
	}
	return r, ""
}

// maxProposedGap bounds the times that a time rule is proposed for.
const maxProposedGap = 31 * 24 * time.Hour

// change chooses the narrowest rule that hides all of the changed values. The order matters
// more than the width: a rule that says what kind of change is accepted is better than one with
// a number. From the narrowest on:
//
//  1. string: the texts are equal after a normaliser.
//  2. number: decimal: the numbers have one value in two notations.
//  3. format: all values have a format that hardly another text has.
//  4. time: all are times within a month of each other.
//  5. rewrite: one text became another, of three characters or more.
//  6. tolerance: the gap is at most half of blue's number, or at most 1.
//  7. ignore, which hides any value, where nothing narrower does.
func (s *silencer) change(r *diff.Rule) {
	for i, n := range s.normal {
		if n == s.n { // Rule 1
			r.Do, r.AsList = diff.DoString, []string{proposedNormalisers[i]}
			return
		}
	}
	switch {
	case s.alike == s.n: // Rule 2
		r.Do, r.As = diff.DoNumber, diff.Decimal.String()
	case s.formatsSeen && len(s.formats) > 0: // Rule 3
		r.Do, r.Is = diff.DoFormat, s.formats[0]
	// One second more than the largest gap, so that the next run does not fail by a little.
	case s.times == s.n && s.maxGap <= maxProposedGap: // Rule 4
		r.Do, r.Within = diff.DoTime, max(s.maxGap.Round(time.Second)+time.Second, time.Second)
	case s.rewrite == s.n && len(s.from) >= 3 && len(s.to) >= 3: // Rule 5
		r.Do, r.BlueText, r.GreenText, r.As = diff.DoRewrite, s.from, s.to, "SAME"
	case s.numbers == s.n && s.maxRel != nil && s.maxRel.Cmp(big.NewRat(1, 2)) <= 0: // Rule 6
		rel := up(s.maxRel)
		r.Do, r.Rel = diff.DoTolerance, &rel
	case s.numbers == s.n && s.maxAbs != nil && s.maxAbs.Cmp(big.NewRat(1, 1)) <= 0: // Rule 6
		abs := up(s.maxAbs)
		r.Do, r.Abs = diff.DoTolerance, &abs
	default:
		r.Do = diff.DoIgnore
	}
}

// up is the number rounded up to three significant digits: a bound that a reader can
// remember, and never below the gap that was seen.
func up(r *big.Rat) float64 {
	// A number too small for floating point becomes 0. Trying the rule then shows that it
	// fails.
	f, _ := r.Float64()
	if f == 0 {
		return 0
	}
	scale := math.Pow(10, 2-math.Floor(math.Log10(f)))
	return math.Ceil(f*scale) / scale
}

// headerOf is the header that a difference's path names: set-cookie[sid].path and
// set-cookie[sid] are of set-cookie. A name without brackets is the whole path.
func headerOf(path string) string {
	if i := strings.IndexByte(path, ']'); i > 0 {
		return path[:i+1]
	}
	return path
}
