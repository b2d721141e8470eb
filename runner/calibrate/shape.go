package calibrate

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/notation"
)

// counts reports whether whole numbers at one field grow from round to round.
func counts(g *unstable) bool {
	// By place and exact path, since two fields of one kind count apart.
	last := map[string][2]int64{} // round, highest
	grew := 0
	for i := range g.values {
		v := &g.values[i]
		a, err1 := strconv.ParseInt(v.pair[0].JSON, 10, 64)
		b, err2 := strconv.ParseInt(v.pair[1].JSON, 10, 64)
		if err1 != nil || err2 != nil {
			return false
		}
		// Within a round either order is possible; from round to round it must grow.
		before, ok := last[v.at]
		if ok && before[0] != int64(v.round) {
			if min(a, b) <= before[1] {
				return false
			}
			grew++
		}
		last[v.at] = [2]int64{int64(v.round), max(a, b, before[1])}
	}
	return grew > 0
}

// spreadOf is how far apart the times of two answers were at most, where every value
// is a time in the notation of its counterpart.
func spreadOf(g *unstable) (time.Duration, bool) {
	var spread time.Duration
	for i := range g.values {
		a, b := readTime(&g.values[i].pair[0]), readTime(&g.values[i].pair[1])
		if a.notation == "" || a.notation != b.notation {
			return 0, false
		}
		// Either answer may have come first.
		spread = max(spread, a.at.Sub(b.at).Abs())
	}
	return spread, len(g.values) > 0
}

// textOf is the text that an excerpt holds; false where it is not a whole JSON string. An
// excerpt is a value that the comparison has read already, so it is not read strictly again.
func textOf(e *diff.Excerpt) (text string, whole bool) {
	if !gjson.Valid(e.JSON) { // cut off
		return "", false
	}
	v := gjson.Parse(e.JSON)
	return v.String(), v.Type == gjson.String
}

// A timeReading is a value as a time; one without a notation is not a time.
type timeReading struct {
	at       time.Time
	notation string // how it is written; two answers must write it alike
}

// readTime reads what a time rule reads. Plain digits are a time of this century only: a
// counter may have as many of them.
func readTime(e *diff.Excerpt) timeReading {
	text := e.JSON
	if e.Type != diff.NumberType {
		var whole bool
		if text, whole = textOf(e); !whole {
			return timeReading{}
		}
	}
	// The notation is part of the reading: a time in seconds and one in milliseconds are not two
	// readings of one clock.
	stamp, ok := notation.ParseStamp(text)
	if !ok || digits(strings.Replace(text, ".", "", 1)) && (stamp.At.Year() < 2001 || stamp.At.Year() > 2100) {
		return timeReading{}
	}
	return timeReading{stamp.At, stamp.Notation}
}

// A textShape is the pieces of which all texts of a place are made, in their order. Joined they
// are a regular expression that matches each of the texts as a whole.
type textShape []piece

// A piece is a literal, or a class of characters.
type piece struct {
	literal string // quoted where it is written
	class   string // "" for a literal
	length  int    // 0: one or more
}

// String is the piece as a regular expression.
func (p piece) String() string {
	switch {
	case p.class == "":
		return regexp.QuoteMeta(p.literal)
	case p.length > 0:
		return p.class + "{" + strconv.Itoa(p.length) + "}"
	}
	return p.class + "+"
}

// bare is the expression without anchors, to be joined with another.
func (s textShape) bare() string {
	var b strings.Builder
	for _, p := range s {
		b.WriteString(p.String())
	}
	return b.String()
}

// String is the expression that a text of this shape matches as a whole.
func (s textShape) String() string { return "^" + s.bare() + "$" }

// shapeOf is the pattern of a place's texts. Where both sides were asked each has a
// shape first: the names in them differ, and one shape over both would let either
// side answer with anything in between.
func shapeOf(g *unstable, texts []string) (string, bool) {
	sides := map[bool][]string{} // by whether green was asked
	for i := range g.values {
		for _, e := range g.values[i].pair {
			if text, ok := textOf(&e); ok {
				sides[g.values[i].green] = append(sides[g.values[i].green], text)
			}
		}
	}
	// Both must have a shape of their texts alone; else all texts together may have one.
	blue, ok1 := shape(sides[false])
	green, ok2 := shape(sides[true])
	if ok1 && ok2 {
		return blue.or(green), true
	}
	one, ok := shape(texts)
	return one.String(), ok
}

// or is the pattern of both shapes. Where they differ in literals alone, those are
// listed one by one.
func (s textShape) or(t textShape) string {
	// The general form accepts the shape of either side and nothing between them.
	both := "^(" + s.bare() + "|" + t.bare() + ")$"
	if slices.Equal(s, t) {
		return s.String()
	} else if len(s) != len(t) {
		return both
	}
	var b strings.Builder
	for i := range s {
		switch {
		case s[i] == t[i]:
			b.WriteString(s[i].String())
		case s[i].class == "" && t[i].class == "":
			b.WriteString("(" + s[i].String() + "|" + t[i].String() + ")")
		default:
			return both
		}
	}
	return "^" + b.String() + "$"
}

// Texts that are longer, or of more tokens, have no shape.
const (
	maxShaped = 512
	maxTokens = 60
)

// shape finds the shape of texts, such as ^CH[0-9]+-[0-9a-f]{8}$. It is what texts of one field
// have in common, and must go on to hold of tomorrow's. Its rules:
//
//  1. Texts of equally many tokens, with the same characters between them, have the
//     shape of their tokens; others a common beginning and a rest of one alphabet.
//  2. Of a token that is always the same, letters are kept. Digits are not, nor names of
//     days and months: they may be today's.
//  3. A class has a length only where it has letters too, for digits become more.
func shape(texts []string) (textShape, bool) {
	// One text says nothing of what may change in it.
	if len(texts) < 2 {
		return nil, false
	}
	lists := make([][]string, len(texts))
	for i, text := range texts {
		if len(text) > maxShaped {
			return nil, false
		}
		lists[i] = tokens(text, word)
	}
	// Rule 1: by tokens first, because that keeps more of the text.
	s, ok := tokenShapes(lists)
	if !ok || len(s) > maxTokens {
		s, ok = restShape(texts)
	}
	if !ok {
		return nil, false
	}
	// A shape that does not match the texts it was made of would be a rule that never holds.
	compiled, err := regexp.Compile(s.String())
	return s, err == nil && all(texts, compiled.MatchString)
}

// tokenShapes is the first half of rule 1.
func tokenShapes(lists [][]string) (textShape, bool) {
	var s textShape
	for i := range lists[0] {
		var at []string
		for _, list := range lists {
			if len(list) != len(lists[0]) {
				return nil, false
			}
			at = append(at, list[i])
		}
		// What is the same in all texts is kept as far as it cannot be a date; see constant.
		same := !slices.ContainsFunc(at, func(t string) bool { return t != at[0] })
		switch {
		case same:
			s = append(s, constant(at[0])...)
		case slices.ContainsFunc(at, func(t string) bool { return !word([]rune(t)[0]) }):
			return nil, false // another separator
		default:
			pieces, ok := varying(at)
			if !ok {
				return nil, false
			}
			s = append(s, pieces...)
		}
	}
	return s, len(s) > 0
}

// constant is a token that is always the same: rule 2.
func constant(token string) textShape {
	if dateWord(token) {
		// A name of a day or month in letters of the language it is in.
		class := "[A-Za-z]"
		if []rune(token)[0] > unicode.MaxASCII {
			class = "[가-힣]"
		}
		return textShape{{class: class}}
	}
	var s textShape
	for _, run := range tokens(token, digit) {
		if digits(run) {
			s = append(s, piece{class: "[0-9]"})
		} else {
			s = append(s, piece{literal: run})
		}
	}
	return s
}

// varying is a token that differs: letters that stay with digits that do not, else
// a class of characters.
func varying(at []string) (textShape, bool) {
	var parts [][]string
	for _, token := range at {
		// Each token is cut between its letters and digits: CH001 and CH002 are CH with a number.
		parts = append(parts, tokens(token, digit))
	}
	if first := parts[0]; !slices.ContainsFunc(parts, func(p []string) bool {
		return !slices.EqualFunc(p, first, func(a, b string) bool { return a == b || digits(a) && digits(b) })
	}) {
		var s textShape
		for _, run := range first {
			s = append(s, constant(run)...)
		}
		return s, true
	}
	return classOf(at)
}

// alphabets are those of tokens, the narrowest first.
var alphabets = []string{
	"0-9", "0-9a-f", "0-9A-F", "a-z", "A-Z", "0-9a-z", "0-9A-Z", "0-9A-Za-z",
	"0-9A-Za-z_-", "0-9A-Za-z+/=", // base64, for URLs and not
	"0-9A-Za-z._~:/+=-",
}

// classOf is the narrowest class of texts: rule 3.
func classOf(texts []string) (textShape, bool) {
	// Lengths are in bytes. Only texts of one length give the class a length; see rule 3 of shape.
	low, high := math.MaxInt, 0
	for _, text := range texts {
		low, high = min(low, len(text)), max(high, len(text))
	}
	if low == 0 {
		return nil, false
	}
	// The first alphabet that holds all texts is the narrowest.
	for _, class := range alphabets {
		p := piece{class: "[" + class + "]"}
		compiled, err := regexp.Compile("^" + p.String() + "$")
		if err != nil || !all(texts, compiled.MatchString) {
			continue
		}
		if low == high && low >= 4 && class != "0-9" {
			p.length = low
		}
		return textShape{p}, true
	}
	return nil, false
}

// restShape is the second half of rule 1.
func restShape(texts []string) (textShape, bool) {
	// What texts begin with in common is kept, and the rest must be of one alphabet.
	prefix := commonPrefix(texts)
	rests := make([]string, len(texts))
	for i, text := range texts {
		rests[i] = text[len(prefix):]
	}
	rest, ok := classOf(rests)
	if !ok {
		return nil, false
	}
	var s textShape
	for _, token := range tokens(prefix, word) {
		s = append(s, constant(token)...)
	}
	return append(s, rest...), true
}

// commonPrefix is the common beginning of texts. One that ends within a word may
// be chance, and is cut before the word.
func commonPrefix(texts []string) string {
	prefix := texts[0]
	for _, s := range texts[1:] {
		for !strings.HasPrefix(s, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	// Up to and with the last character that is not of a word.
	i := strings.LastIndexFunc(prefix, func(r rune) bool { return !word(r) })
	if i < 0 {
		return ""
	}
	_, size := utf8.DecodeRuneInString(prefix[i:])
	return prefix[:i+size]
}

// tokens splits a text into runs of the characters that are in and of those that
// are not.
func tokens(text string, in func(rune) bool) []string {
	var out []string
	from, last := 0, false
	for i, r := range text {
		is := in(r)
		if i > 0 && is != last {
			out, from = append(out, text[from:i]), i
		}
		last = is
	}
	if from < len(text) {
		out = append(out, text[from:])
	}
	return out
}

// word reports whether a character belongs to a token: a letter or a digit.
func word(r rune) bool { return unicode.IsLetter(r) || digit(r) }

// digit reports whether a character is an ASCII digit.
func digit(r rune) bool { return r >= '0' && r <= '9' }

// dateWord reports whether a word names a day, a month or a half of a day.
func dateWord(s string) bool {
	for i := range 12 {
		// English names in full and as three letters, as HTTP dates and logs write them.
		month, day := time.Month(i+1).String(), time.Weekday(i%7).String()
		for _, name := range []string{month, month[:3], day, day[:3]} {
			if strings.EqualFold(name, s) {
				return true
			}
		}
	}
	lower := strings.ToLower(s)
	// Korean names of days and of the halves of a day.
	korean := s == "오전" || s == "오후" || strings.HasSuffix(s, "요일") || len([]rune(s)) == 1 && strings.Contains("월화수목금토일", s)
	return korean || lower == "am" || lower == "pm"
}
