package redact

import (
	"encoding/json"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/notation"
)

// JSON replaces every secret in a JSON text so that it stays JSON: inside a
// string only whole characters and escapes are replaced, and a number or word
// that holds a secret becomes a string. b itself is returned when it holds none.
func (r *Redactor) JSON(b []byte) []byte {
	matches := findAll(&Hider{r: r}, b, false)
	if len(matches) == 0 {
		return b
	}
	out, _ := r.jsonText(string(b), matches)
	return []byte(out)
}

// jsonText does the work of JSON and reports what it replaced.
func (r *Redactor) jsonText(s string, matches []match) (string, []Redaction) {
	w := jsonRedactor{r: r, s: s, matches: matches}
	// The text is walked as tokens and not decoded: what is not JSON, or was cut off, is walked as
	// far as it goes, and white space and the order of members stay.
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"':
			end := stringEnd(s, i)
			w.str(i, end)
			i = end
		case c == '-' || isWord(c):
			end := i + 1
			for end < len(s) && (isWord(s[end]) || strings.IndexByte("+-.", s[end]) >= 0) {
				end++
			}
			w.word(i, end)
			i = end
		default:
			w.out.WriteByte(c)
			i++
		}
	}
	return w.out.String(), w.done
}

// stringEnd is the index after the string that begins at s[i].
func stringEnd(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// A jsonRedactor walks a JSON text and replaces the secrets of its strings, so that the result is
// JSON again.
type jsonRedactor struct {
	r       *Redactor
	s       string
	matches []match // those that end after the place reached
	out     strings.Builder
	done    []Redaction
}

// overlapping drops the matches before start and returns those that begin before end.
func (w *jsonRedactor) overlapping(start, end int) []match {
	for len(w.matches) > 0 && w.matches[0].end <= start {
		w.matches = w.matches[1:]
	}
	n := 0
	for n < len(w.matches) && w.matches[n].start < end {
		n++
	}
	return w.matches[:n]
}

// str writes the string s[start:end], quotes included.
func (w *jsonRedactor) str(start, end int) {
	hits := w.overlapping(start, end)
	if len(hits) == 0 {
		w.out.WriteString(w.s[start:end])
		return
	}
	// A match may begin before the string and end after it: only the part inside is replaced here,
	// the quotes stay, and the text remains JSON.
	at := start
	for _, m := range hits {
		whole := m.start <= start+1 && m.end >= end-1
		for at < end && at < m.start { // up to the unit that the match begins in
			next := unitEnd(w.s, at, end)
			if next > m.start && at > start {
				break
			}
			w.out.WriteString(w.s[at:next])
			at = next
		}
		if at == start { // the match begins before the string
			w.out.WriteByte('"')
			at++
		}
		w.out.WriteString(w.r.markOf(m, markOpen, markClose))
		w.done = append(w.done, w.r.redaction(m, w.s, "string", whole))
		// The units of the secret are left out, and the rest of an escape that the match ends in.
		for at < m.end && at < end-1 {
			at = unitEnd(w.s, at, end)
		}
	}
	w.out.WriteString(w.s[min(at, end):end])
}

// unitEnd is the end of the character, escape or quote at s[at].
func unitEnd(s string, at, end int) int {
	switch {
	case s[at] != '\\':
		return at + 1
	case at+1 < end && s[at+1] == 'u':
		return min(at+6, end)
	default:
		return min(at+2, end)
	}
}

// word writes the number, true, false or null s[start:end].
func (w *jsonRedactor) word(start, end int) {
	hits := w.overlapping(start, end)
	if len(hits) == 0 {
		w.out.WriteString(w.s[start:end])
		return
	}
	// A secret such as 4711 or true may be written without quotes. The mark is text, so that the
	// value becomes a string; its type is kept in the Redaction.
	kind := "number"
	if c := w.s[start]; c == 't' || c == 'f' || c == 'n' {
		kind = "word"
	}
	w.out.WriteByte('"')
	at := start
	for _, m := range hits {
		w.out.WriteString(w.s[at:max(at, m.start)])
		w.out.WriteString(w.r.markOf(m, markOpen, markClose))
		w.done = append(w.done, w.r.redaction(m, w.s, kind, m.start <= start && m.end >= end))
		at = min(m.end, end)
	}
	w.out.WriteString(w.s[at:end])
	w.out.WriteByte('"')
}

// A Redaction is what a rule may still know of a replaced value, so that an
// archived pair can be judged again. A rule that needs more than this cannot be
// applied to the value.
type Redaction struct {
	Mark    string   `json:"mark"`              // as the text has it
	In      string   `json:"in"`                // body, header:NAME, url, …
	Type    string   `json:"type"`              // JSON type of the place; text where it is not JSON
	Whole   bool     `json:"whole,omitempty"`   // the value at the place is this secret and nothing else
	Length  int      `json:"length"`            // bytes that stood there
	Formats []string `json:"formats,omitempty"` // formats it matches, as rules name them
	// Notations are those of its formats (notation.Of) that have one; Like is the
	// header and the claims of a token that compares as a hidden JWT does.
	Notations map[string][2]string `json:"notations,omitempty"`
	Like      string               `json:"like,omitempty"`
	// Alike: the cookie's value compares as equal with the other side's, though it differs.
	Alike bool `json:"alike,omitempty"`
}

// redaction says what is known of the match m in text.
func (r *Redactor) redaction(m match, text, kind string, whole bool) Redaction {
	// Formats are those of the value that was meant, not of its escapes.
	value := text[m.start:m.end]
	if kind == "string" {
		value = spelled(value)
	}
	out := Redaction{
		Mark: r.markOf(m, markOpen, markClose), Type: kind, Whole: whole,
		Length: m.end - m.start, Formats: formatsOf(value),
	}
	for _, f := range out.Formats {
		if n := notation.Of(f, value); n != [2]string{} {
			if out.Notations == nil {
				out.Notations = map[string][2]string{}
			}
			out.Notations[f] = n
		}
		// Of a token the claims are hidden as well, but whether two tokens would compare as equal
		// can be said without them: each part by its mark.
		if f == "jwt" {
			out.Like = diff.LikeJWT(value, func(parts string) string { return r.mark("jwt", parts) })
		}
	}
	return out
}

// Body replaces the secrets of a message body in the way that keeps the body
// readable as what it is: JSON stays JSON, and markup stays markup.
func (h *Hider) Body(b []byte, cut bool) ([]byte, []Redaction) {
	r, matches := h.r, findAll(h, b, cut)
	if len(matches) == 0 {
		return b, nil
	}
	s := string(b)
	// What is JSON stays JSON. Replacing may put texts next to each other that are a secret
	// together; such a text is replaced once more, as plain text.
	if json.Valid(b) {
		out, done := r.jsonText(s, matches)
		if left := findAll(h, out, false); len(left) > 0 { // what replacing made
			out = r.replace(out, left, markOpen, markClose)
		}
		return []byte(out), done
	}
	// The brackets of a mark would be an element in markup, and the document another one.
	open, closing := markOpen, markClose
	if strings.HasPrefix(strings.TrimSpace(s), "<") {
		open, closing = "&lt;secret:", "&gt;"
	}
	done := make([]Redaction, 0, len(matches))
	for _, m := range matches {
		done = append(done, r.redaction(m, s, "text", m.start == 0 && m.end == len(s)))
	}
	return []byte(r.replace(s, matches, open, closing)), done
}
