package redact

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

// A view undoes one kind of escape.
type view struct {
	sign byte // that every escape begins with
	// unit reads the escape that text begins with: what it stands for and how many
	// bytes it has, 0 when none begins there.
	unit func(text string) (plain string, n int)
	// open reports whether text, from a sign to the end of what is there, may
	// become an escape when more comes.
	open func(text string) bool
}

var views = []view{
	{'\\', jsonUnit, func(s string) bool {
		return len(s) == 1 || s[1] == 'u' && len(s) < 6 || s[1] == 'x' && len(s) < 4
	}},
	{'%', percentUnit, func(s string) bool { return len(s) < 3 }},
	{'&', entityUnit, func(s string) bool { return len(s) < maxEntity && !strings.ContainsFunc(s[1:], outsideEntity) }},
	{'~', pointerUnit, func(s string) bool { return len(s) < 2 }},
}

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

// pointerUnit reads an escape of a JSON Pointer.
func pointerUnit(text string) (string, int) {
	switch {
	case strings.HasPrefix(text, "~0"):
		return "~", 2
	case strings.HasPrefix(text, "~1"):
		return "/", 2
	}
	return "", 0
}

// maxEntity bounds how far an entity's semicolon is looked for.
const maxEntity = 34

// entityUnit reads a character reference of HTML or XML that ends in a semicolon.
func entityUnit(text string) (string, int) {
	end := strings.IndexByte(text[:min(len(text), maxEntity)], ';')
	if end < 2 || strings.ContainsFunc(text[1:end], outsideEntity) {
		return "", 0
	}
	plain := html.UnescapeString(text[:end+1])
	if plain == text[:end+1] {
		return "", 0
	}
	return plain, end + 1
}

func outsideEntity(r rune) bool { return r != '#' && (r > '~' || r == '_' || !isWord(byte(r))) }

// begunEscaped is begun for texts whose escapes may hide the beginning of a
// secret, or be cut themselves. The caller holds the lock.
func (r *Redactor) begunEscaped(text string, depth int) int {
	n := r.begun(text)
	if depth == 0 || len(r.forms) == 0 {
		return n
	}
	base := max(0, len(text)-6*r.longest-maxEntity)
	tail := text[base:]
	for _, v := range views {
		last := strings.LastIndexByte(tail, v.sign)
		if last < 0 {
			continue
		}
		whole := tail
		if _, size := v.unit(tail[last:]); size == 0 && v.open(tail[last:]) {
			whole = tail[:last]
			n = min(n, base+last)
		}
		plain, changed := v.undo(whole)
		if !changed && len(whole) == len(tail) {
			continue
		}
		if at := r.begunEscaped(plain, depth-1); at < len(plain) {
			n = min(n, base+v.places(whole, []match{{start: at, end: at + 1}})[0].start)
		}
	}
	return n
}
