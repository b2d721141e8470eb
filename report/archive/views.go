package archive

import (
	"cmp"
	"html"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Writers differ in what they escape: Gson writes = as \u003d, .NET + as
// \u002B, a browser leaves ! and ( in a URL, html/template writes + as &#43;. A
// table of forms cannot name them all, so texts of the archive are also looked
// at with their escapes undone.

// A view reads the unit at text[i:]: how many bytes it has, and what they stand
// for; n is 0 where no escape begins.
type view struct {
	sign byte // that every escape begins with
	unit func(text string) (plain string, n int)
}

var views = []view{{'\\', jsonUnit}, {'%', percentUnit}, {'&', entityUnit}}

// maxViews is how many escapes inside each other are undone: JSON held in a
// JSON string, a URL in one.
const maxViews = 2

// escaped lists the secrets that stand in text once its escapes are undone, as
// find reports them in the text undone. Their places are those in text itself.
func escaped(text string, depth int, find func(string) []match) []match {
	var all []match
	for _, v := range views {
		if strings.IndexByte(text, v.sign) < 0 {
			continue
		}
		plain, changed := v.undo(text)
		if !changed {
			continue
		}
		matches := find(plain)
		if depth > 1 {
			matches = append(matches, escaped(plain, depth-1, find)...)
		}
		all = append(all, v.places(text, matches)...)
	}
	return all
}

// undo replaces the escapes of a text by what they stand for, and says whether
// there was one.
func (v view) undo(text string) (string, bool) {
	var b strings.Builder
	changed := false
	for {
		i := strings.IndexByte(text, v.sign)
		if i < 0 {
			b.WriteString(text)
			return b.String(), changed
		}
		plain, n := v.unit(text[i:])
		if n == 0 {
			plain, n = text[i:i+1], 1
		} else {
			changed = true
		}
		b.WriteString(text[:i])
		b.WriteString(plain)
		text = text[i+n:]
	}
}

// An edge is where a match begins or ends in a text undone.
type edge struct {
	plain int
	match int
	end   bool
}

func endsFirst(a, b edge) int {
	switch {
	case a.end == b.end:
		return 0
	case a.end:
		return -1
	default:
		return 1
	}
}

// places moves matches of the text undone to the units of the text itself.
func (v view) places(text string, matches []match) []match {
	if len(matches) == 0 {
		return nil
	}
	edges := make([]edge, 0, 2*len(matches))
	for i, m := range matches {
		edges = append(edges, edge{m.start, i, false}, edge{m.end, i, true})
	}
	slices.SortFunc(edges, func(a, b edge) int { // at one place, ends first: a unit that ends there is the one before
		return cmp.Or(cmp.Compare(a.plain, b.plain), endsFirst(a, b))
	})
	next := 0
	for raw, plain := 0, 0; raw < len(text) && next < len(edges); {
		n, size := 1, 1
		if text[raw] == v.sign {
			if unit, length := v.unit(text[raw:]); length > 0 {
				n, size = length, len(unit)
			}
		}
		for ; next < len(edges); next++ {
			e := edges[next]
			if e.plain > plain+size || e.plain == plain+size && !e.end {
				break
			}
			if e.end {
				matches[e.match].end = raw + n
			} else {
				matches[e.match].start = raw
			}
		}
		raw, plain = raw+n, plain+size
	}
	return matches
}

// jsonUnit reads an escape of a JSON string, or of a string of Go or JavaScript.
func jsonUnit(text string) (string, int) {
	if len(text) < 2 {
		return "", 0
	}
	if i := strings.IndexByte(`"\/bfnrt'`, text[1]); i >= 0 {
		return "\"\\/\b\f\n\r\t'"[i : i+1], 2
	}
	digits := 4
	switch text[1] {
	case 'u':
	case 'x':
		digits = 2
	default:
		return "", 0
	}
	r, ok := hexRune(text[2:], digits)
	if !ok {
		return "", 0
	}
	if utf16.IsSurrogate(r) {
		if low, found := strings.CutPrefix(text[6:], `\u`); found {
			if second, ok := hexRune(low, 4); ok {
				if both := utf16.DecodeRune(r, second); both != utf8.RuneError {
					return string(both), 12
				}
			}
		}
	}
	return string(r), 2 + digits
}

func hexRune(text string, digits int) (rune, bool) {
	if len(text) < digits {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:digits], 16, 32)
	return rune(n), err == nil
}

// percentUnit reads %XX; + stands for itself or a space, and is left alone.
func percentUnit(text string) (string, int) {
	if len(text) < 3 {
		return "", 0
	}
	n, err := strconv.ParseUint(text[1:3], 16, 8)
	if err != nil {
		return "", 0
	}
	return string([]byte{byte(n)}), 3
}

// maxEntity bounds how far an entity's semicolon is looked for.
const maxEntity = 34

// entityUnit reads a character reference of HTML or XML that ends in a semicolon.
func entityUnit(text string) (string, int) {
	end := strings.IndexByte(text[:min(len(text), maxEntity)], ';')
	if end < 2 {
		return "", 0
	}
	plain := html.UnescapeString(text[:end+1])
	if plain == text[:end+1] {
		return "", 0
	}
	return plain, end + 1
}
