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
// \u002B, a browser leaves ! and ( in a URL, html/template writes + as &#43;. No
// table of spellings could name them all. A text is therefore searched as it is
// and with its escapes undone, and what is found is replaced in the text as it is.

// A view undoes one kind of escape.
type view struct {
	sign byte // that every escape begins with
	// unit reads the escape that text begins with: what it means and how many
	// bytes it has, 0 when none begins there.
	unit func(text string) (plain string, n int)
	// open reports whether text, from a sign to the end of what is there, may
	// become an escape when more comes.
	open func(text string) bool
}

// views are the ways to escape a text that are undone while secrets are looked for, by the byte
// that begins an escape.
var views = []view{
	{'\\', jsonUnit, func(s string) bool {
		return len(s) == 1 || s[1] == 'u' && (len(s) < 6 || openBraces(s)) || s[1] == 'x' && len(s) < 4 || s[1] == 'U' && len(s) < 10
	}},
	{'\\', byteUnit, func(s string) bool { return len(s) < 4 && (len(s) == 1 || s[1] == 'x' || isOctal(s[1:])) }},
	{'%', percentUnit, func(s string) bool { return len(s) < 3 }},
	{'%', latinUnit, func(s string) bool { return len(s) < 3 || s[1] == 'u' && len(s) < 6 }},
	{'&', entityUnit, func(s string) bool { return len(s) < maxEntity && !strings.ContainsFunc(s[1:], outsideEntity) }},
	{'~', pointerUnit, func(s string) bool { return len(s) < 2 }},
}

// maxViews is how many escapes inside each other are undone: JSON in a JSON
// string in a URL is three.
const maxViews = 3

// escaped lists the secrets that text holds once its escapes are undone, as find
// reports them in the text undone. Their places are those in text itself. With
// cut, text may end inside an escape; that piece then belongs to a secret that
// begins before it. With inner, text was decoded, and is not decoded again.
func escaped(text string, depth int, cut, inner bool, find func(string) []match) []match {
	var all []match
	if !inner {
		all = encoded(text, cut, find)
	}
	// Each view is tried on the text as it is. What it undoes is searched with all views again,
	// until depth is used up: escapes inside each other come in any order.
	for _, v := range views {
		if strings.IndexByte(text, v.sign) < 0 {
			continue
		}
		whole := text
		// The end of a text that was cut may be half an escape, which no view can undo. It is left
		// out here, and given to the match that ends where it begins.
		if cut {
			whole = text[:v.unfinished(text)]
		}
		plain, changed := v.undo(whole)
		if !changed && len(whole) == len(text) {
			continue
		}
		matches := find(plain)
		if depth > 1 {
			matches = append(matches, escaped(plain, depth-1, cut, inner, find)...)
		}
		// Places in the text undone become places in the text itself.
		for _, m := range v.places(whole, matches) {
			if m.end == len(whole) {
				m.end = len(text)
			}
			all = append(all, m)
		}
	}
	return all
}

// unfinished is where the escape begins that the end of text cuts off, and
// len(text) when it cuts none. The first half of a surrogate pair is cut off as
// long as the second is not there.
func (v view) unfinished(text string) int {
	at := len(text)
	if last := strings.LastIndexByte(text, v.sign); last >= 0 {
		if _, size := v.unit(text[last:]); size == 0 && v.open(text[last:]) {
			at = last
		}
	}
	// A high surrogate alone is a whole escape, but not a whole character.
	if half := at - len(`\ud800`); half >= 0 && text[half] == v.sign && text[half+1] == 'u' {
		if r, ok := hexRune(text[half+2:at], 4); ok && r >= 0xd800 && r < 0xdc00 {
			return half
		}
	}
	return at
}

// undo replaces the escapes of a text by what they mean, and says whether
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

// endsFirst orders ends before beginnings at one place, so that matches that touch do not count as
// overlapping.
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
	// Both ends of all matches are sorted, so that one walk over the text finds the place of each.
	edges := make([]edge, 0, 2*len(matches))
	for i, m := range matches {
		edges = append(edges, edge{m.start, i, false}, edge{m.end, i, true})
	}
	slices.SortFunc(edges, func(a, b edge) int { // at one place, ends first: a unit that ends there is the one before
		return cmp.Or(cmp.Compare(a.plain, b.plain), endsFirst(a, b))
	})
	next := 0
	// raw and plain are the same place in the text and in the text undone. A unit is n bytes there
	// and size bytes here; a byte that belongs to no escape is one of both.
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
	if i := strings.IndexByte(`"\/bfnrt'av`, text[1]); i >= 0 {
		return "\"\\/\b\f\n\r\t'\a\v"[i : i+1], 2
	}
	// The letters are those of JSON, Go, JavaScript and Python. \U has eight digits, \x two.
	digits := 4
	switch text[1] {
	case 'u':
		if text[2:] != "" && text[2] == '{' {
			return bracesUnit(text)
		}
	case 'x':
		digits = 2
	case 'U':
		digits = 8
	default:
		return "", 0
	}
	r, ok := hexRune(text[2:], digits)
	if !ok {
		return "", 0
	}
	if both := surrogates(r, text[2+digits:], `\u`); digits == 4 && both != utf8.RuneError {
		return string(both), 12
	}
	return string(r), 2 + digits
}

// surrogates is the character of which r is the first half and the escape that
// rest begins with the second, or utf8.RuneError.
func surrogates(r rune, rest, mark string) rune {
	// Both halves have to be escaped in the same way.
	if low, found := strings.CutPrefix(rest, mark); found && utf16.IsSurrogate(r) {
		if second, ok := hexRune(low, 4); ok {
			return utf16.DecodeRune(r, second)
		}
	}
	return utf8.RuneError
}

// maxBraces is the length of the longest \u{…} that is read.
const maxBraces = len(`\u{10ffff}`)

// bracesUnit reads \u{…}, which JavaScript, Rust, Swift and PHP write.
func bracesUnit(text string) (string, int) {
	end := strings.IndexByte(text[:min(len(text), maxBraces)], '}')
	if end < 0 {
		return "", 0
	}
	r, ok := hexRune(text[len(`\u{`):end], end-len(`\u{`))
	if !ok {
		return "", 0
	}
	return string(r), end + 1
}

// openBraces reports whether s, which begins with \u, may become a \u{…}.
func openBraces(s string) bool {
	if len(s) >= maxBraces || len(s) > 2 && s[2] != '{' {
		return false
	}
	_, ok := hexRune("0"+s[min(len(s), 3):], 1+max(0, len(s)-3))
	return ok
}

// byteUnit reads \xNN and \ooo as a byte, as Python's bytes, C and a shell
// write text: several of them are one character in UTF-8.
func byteUnit(text string) (string, int) {
	if len(text) < 4 {
		return "", 0
	}
	// An octal escape has three digits, and its first is at most 3: \400 is more than a byte.
	digits, base := text[2:4], 16
	switch {
	case text[1] == 'x':
	case text[1] <= '3' && isOctal(text[1:4]): // asked first: an error of ParseUint costs more
		digits, base = text[1:4], 8
	default:
		return "", 0
	}
	n, err := strconv.ParseUint(digits, base, 8)
	if err != nil {
		return "", 0
	}
	return string([]byte{byte(n)}), 4
}

// isOctal reports whether a text has octal digits alone.
func isOctal(s string) bool { return strings.Trim(s, "01234567") == "" }

// hexRune is the character of so many hexadecimal digits at the beginning of a text.
func hexRune(text string, digits int) (rune, bool) {
	if len(text) < digits {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:digits], 16, 32)
	return rune(n), err == nil
}

// percentUnit reads %XX; + means itself or a space, and is left alone.
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

// latinUnit reads what JavaScript's escape writes: %uXXXX, and %XX as a
// character of Latin-1. Those that are ASCII are percentUnit's.
func latinUnit(text string) (string, int) {
	if len(text) >= 6 && text[1] == 'u' {
		r, ok := hexRune(text[2:], 4)
		if !ok {
			return "", 0
		}
		if both := surrogates(r, text[6:], "%u"); both != utf8.RuneError {
			return string(both), 12
		}
		return string(r), 6
	}
	if len(text) < 3 || text[1] < '8' {
		return "", 0
	}
	r, ok := hexRune(text[1:], 2)
	if !ok {
		return "", 0
	}
	return string(r), 3
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

// outsideEntity reports whether a character cannot be part of an HTML entity.
func outsideEntity(r rune) bool { return r != '#' && (r > '~' || r == '_' || !isWord(byte(r))) }

// begunEscaped is begun for texts whose escapes may hide the beginning of a
// secret, or be cut themselves. The caller holds the lock.
func (r *Redactor) begunEscaped(text string, depth int) int {
	n := r.begun(text)
	if depth == 0 || len(r.forms) == 0 {
		return n
	}
	// One byte of a secret takes up to eleven in two escapes, and r.longest is at
	// least the length of a secret in hex, twice its own.
	base := max(0, len(text)-6*r.longest-maxEntity)
	// What is before base cannot begin a secret that is not over yet, however it is escaped.
	tail := text[base:]
	for _, v := range views {
		if strings.IndexByte(tail, v.sign) < 0 {
			continue
		}
		end := v.unfinished(tail)
		if end < len(tail) {
			n = min(n, base+end)
		}
		whole := tail[:end]
		plain, changed := v.undo(whole)
		if !changed && len(whole) == len(tail) {
			continue
		}
		// A secret may begin in what an escape means: then all of that escape has to wait.
		if at := r.begunEscaped(plain, depth-1); at < len(plain) {
			n = min(n, base+v.places(whole, []match{{start: at, end: at + 1}})[0].start)
		}
	}
	return n
}
