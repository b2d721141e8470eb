package main

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff"
)

// counts reports whether whole numbers at one field grow from round to round.
func counts(g *unstable) bool {
	last := map[string][2]int64{} // round, highest
	grew := 0
	for i := range g.values {
		v := &g.values[i]
		a, err1 := strconv.ParseInt(v.pair[0].JSON, 10, 64)
		b, err2 := strconv.ParseInt(v.pair[1].JSON, 10, 64)
		if err1 != nil || err2 != nil {
			return false
		}
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

// spreadOf is how far apart two answers were at most, where every value is a time.
func spreadOf(g *unstable, read func(*diff.Excerpt) (time.Time, bool)) (time.Duration, bool) {
	var spread time.Duration
	for i := range g.values {
		a, ok1 := read(&g.values[i].pair[0])
		b, ok2 := read(&g.values[i].pair[1])
		if !ok1 || !ok2 {
			return 0, false
		}
		spread = max(spread, a.Sub(b).Abs())
	}
	return spread, len(g.values) > 0
}

// readTime reads RFC 3339 and HTTP dates.
func readTime(e *diff.Excerpt) (time.Time, bool) {
	var text string
	if json.Unmarshal([]byte(e.JSON), &text) != nil {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339Nano, "Mon, 02 Jan 2006 15:04:05 GMT"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func readEpoch(e *diff.Excerpt) (time.Time, bool) {
	var text string
	if json.Unmarshal([]byte(e.JSON), &text) != nil {
		return time.Time{}, false
	}
	return epoch(text)
}

// epoch reads seconds or milliseconds since 1970 of the years 2001 to 2286.
func epoch(text string) (time.Time, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return time.Time{}, false
	case len(text) == 10:
		return time.Unix(n, 0), true
	case len(text) == 13:
		return time.UnixMilli(n), true
	}
	return time.Time{}, false
}

// A textShape is a common beginning and a rest of one alphabet and nearly one length.
type textShape struct {
	prefix string
	rest   string // pattern of the rest
}

func (s textShape) String() string { return "^" + regexp.QuoteMeta(s.prefix) + s.rest + "$" }

// shapeOf is the pattern of a place's texts. Where both sides were asked each has
// a shape of its own first: the names in them differ, and one shape over both
// would let either side answer with anything in between.
func shapeOf(g *unstable, texts []string) (string, bool) {
	var sides [2][]string
	for i := range g.values {
		for _, e := range g.values[i].pair {
			var text string
			if json.Unmarshal([]byte(e.JSON), &text) == nil {
				at := 0
				if g.values[i].green {
					at = 1
				}
				sides[at] = append(sides[at], text)
			}
		}
	}
	blue, ok1 := shape(sides[0])
	green, ok2 := shape(sides[1])
	if ok1 && ok2 {
		return blue.or(green), true
	}
	one, ok := shape(texts)
	return one.String(), ok
}

// or is the pattern of both shapes: what the beginnings have in common stands once.
func (s textShape) or(t textShape) string {
	switch {
	case s == t:
		return s.String()
	case s.rest != t.rest:
		return "^(" + regexp.QuoteMeta(s.prefix) + s.rest + "|" + regexp.QuoteMeta(t.prefix) + t.rest + ")$"
	}
	head := commonPrefix([]string{s.prefix, t.prefix})
	a, b := s.prefix[len(head):], t.prefix[len(head):]
	tail := 0
	for n := 1; n <= min(len(a), len(b)) && a[len(a)-n:] == b[len(b)-n:]; n++ {
		if !word(rune(a[len(a)-n])) {
			tail = n
		}
	}
	q := regexp.QuoteMeta
	return "^" + q(head) + "(" + q(a[:len(a)-tail]) + "|" + q(b[:len(b)-tail]) + ")" + q(a[len(a)-tail:]) + s.rest + "$"
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
	return prefix[:1+strings.LastIndexFunc(prefix, func(r rune) bool { return !word(r) })]
}

// shape finds the shape of texts.
func shape(texts []string) (textShape, bool) {
	if len(texts) < 2 {
		return textShape{}, false
	}
	s := textShape{prefix: commonPrefix(texts)}
	low, high := math.MaxInt, 0
	for _, text := range texts {
		low, high = min(low, len(text)-len(s.prefix)), max(high, len(text)-len(s.prefix))
	}
	if low == 0 || high > 256 || high-low > 2 {
		return textShape{}, false
	}
	for _, alphabet := range []string{"0-9", "0-9a-f", "0-9A-F", "a-z", "A-Z", "0-9a-z", "0-9A-Z", "0-9A-Za-z", "0-9A-Za-z_-", "0-9A-Za-z+/=", "0-9A-Za-z._~:/+=-"} {
		s.rest = fmt.Sprintf("[%s]{%d}", alphabet, low)
		if high > low {
			s.rest = fmt.Sprintf("[%s]{%d,%d}", alphabet, low, high)
		}
		if compiled, err := regexp.Compile(s.String()); err == nil && all(texts, compiled.MatchString) {
			return s, true
		}
	}
	return textShape{}, false
}

func word(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
