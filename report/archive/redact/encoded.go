package redact

import (
	"encoding/hex"
	"math/bits"
	"sort"
	"strings"
)

// A form in base64 or hex shows a secret as it is. One that was escaped before it
// was encoded, or that is broken into lines or pairs, shows only when the whole
// run is decoded.

const (
	// minRun is how many characters of base64 in a row are decoded.
	minRun = 16
	// minLine is the length of a line of base64 that may go on in the next one.
	// Writers break at 60, 64, 70, 72 and 76; words are shorter than this.
	minLine = 48
	// decodedViews is how many escapes are undone in what was decoded.
	decodedViews = 2
	// textBytes is in how many characters of base64 one byte may be no text.
	textBytes = 32
)

// sextets is what the characters of both alphabets of base64 mean, plus one.
var sextets = func() (table [256]byte) {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range len(digits) {
		table[digits[i]] = byte(i + 1)
	}
	table['-'], table['_'] = table['+'], table['/']
	return table
}()

// encoded lists the secrets that the runs of base64 and the pairs of hex in text
// hold, where the forms do not show them.
func encoded(text string, cut bool, find func(string) []match) []match {
	all := hexPairs(text, cut, find)
	// A run is found by jumping: a run of minRun characters has one at every minRun-th place, so
	// that most of a text is never looked at. From a hit the run is followed to both sides.
	var buffer []byte                    // of what is decoded
	for i := 0; i+minRun <= len(text); { // a run has a byte at each minRun-th place
		last := i + minRun - 1
		if sextets[text[last]] == 0 {
			i += minRun
			continue
		}
		start := last
		for start > i && sextets[text[start-1]] != 0 {
			start--
		}
		end := last + 1
		for end < len(text) && sextets[text[end]] != 0 {
			end++
		}
		// A number in hex is no base64 of a text: that has letters past F.
		if end-start < minRun || isHexNumber(text[start:end]) {
			i = end
			continue
		}
		// Only a run with the length of a line may go on in the next one: words of prose, one a
		// line, would else be joined to nonsense.
		run, breaks := text[start:end], []lineBreak(nil)
		if end-start >= minLine {
			run, breaks, end = joinLines(text, start, end)
		}
		// Nothing shows where the encoded bytes began: the run may be cut out of a longer one, or
		// follow a letter of the alphabet. Each of four characters may be the first of a group.
		for offset := range 4 {
			decoded, plausible := decodeRun(buffer[:0], run[offset:], len(breaks) > 0)
			buffer = decoded
			var matches []match
			if len(breaks) > 0 { // the forms of a run in one piece are found without this
				matches = find(string(decoded))
			}
			if plausible {
				matches = append(matches, escaped(string(decoded), decodedViews, cut, true, find)...)
			}
			// A byte of what was decoded comes from two characters: a match takes every character
			// that holds a bit of it, in the text with its line breaks.
			for _, m := range matches {
				m.start = start + rawPlace(breaks, offset+m.start*8/6)
				m.end = start + rawPlace(breaks, offset+(m.end*8+5)/6-1) + 1
				all = append(all, m)
			}
		}
		i = end
	}
	return all
}

// A lineBreak is where a run goes on in the next line: at is the place in the
// run joined, size is how many bytes all breaks up to this one have.
type lineBreak struct{ at, size int }

// joinLines reads the lines after text[start:end] that go on with its run.
func joinLines(text string, start, end int) (string, []lineBreak, int) {
	// The lines are copied only where there is more than one: the run of a token in one piece is a
	// part of the text.
	var b strings.Builder
	var breaks []lineBreak
	size := 0
	for end-start >= minLine {
		next := end
		if strings.HasPrefix(text[next:], "\r") {
			next++
		}
		if !strings.HasPrefix(text[next:], "\n") {
			break
		}
		for next++; next < len(text) && (text[next] == ' ' || text[next] == '\t'); {
			next++
		}
		if next == len(text) || sextets[text[next]] == 0 {
			break
		}
		b.WriteString(text[start:end])
		size += next - end
		breaks = append(breaks, lineBreak{b.Len(), size})
		start, end = next, next
		for end < len(text) && sextets[text[end]] != 0 {
			end++
		}
	}
	if len(breaks) == 0 {
		return text[start:end], nil, end
	}
	b.WriteString(text[start:end])
	return b.String(), breaks, end
}

// rawPlace is where the character at of a run joined is in the text.
func rawPlace(breaks []lineBreak, at int) int {
	before := sort.Search(len(breaks), func(i int) bool { return breaks[i].at > at })
	if before == 0 {
		return at
	}
	return at + breaks[before-1].size
}

// decodeRun appends what run decodes to, and says whether that may be a text
// with escapes: pictures and keys are not UTF-8 and hold control characters. It
// stops at once where it is none, unless all is asked for.
func decodeRun(decoded []byte, run string, all bool) ([]byte, bool) {
	var word uint32
	have, sign, more := 0, false, 0
	// A byte is bad that no text in UTF-8 holds there: a control character, a byte that continues
	// nothing, or a missing continuation.
	bad := 4 + len(run)/textBytes // what is before the text may be anything
	for i := range len(run) {
		word = word<<6 | uint32(sextets[run[i]]-1)
		if have += 6; have < 8 {
			continue
		}
		have -= 8
		c := byte(word >> have)
		decoded = append(decoded, c)
		switch {
		case !sign && len(decoded) > 1 && beginsEscape(decoded[len(decoded)-2], c):
			sign = true
		case c < ' ' && c != '\n' && c != '\r' && c != '\t':
			bad--
		}
		switch {
		// more counts the continuation bytes that the character read last still needs.
		case (c&0xc0 == 0x80) != (more > 0):
			bad--
			more = 0
		case more > 0:
			more--
		case c >= 0xc0:
			more = min(following(c), 3)
		}
		if bad < 0 && !all {
			return decoded, false
		}
	}
	return decoded, sign && bad >= 0
}

// beginsEscape reports whether an escape of a view may begin with sign and next.
func beginsEscape(sign, next byte) bool {
	switch sign {
	case '\\':
		return next > ' ' && next < 0x7f
	case '%':
		return next == 'u' || isHexDigit(next)
	case '&':
		return next == '#' || isWord(next) && next < 0x7f
	case '~':
		return next == '0' || next == '1'
	}
	return false
}

// following is how many bytes follow the first byte of a character in UTF-8.
func following(c byte) int { return bits.LeadingZeros8(^c) - 1 }

// hexPairs lists the secrets in bytes written as 4b:72:…
func hexPairs(text string, cut bool, find func(string) []match) []match {
	var all []match
	for from := 0; ; {
		i := strings.IndexByte(text[from:], ':')
		if i < 0 {
			return all
		}
		// The colon is between the first two pairs, so that the first begins two bytes before it.
		start := from + i - 2
		from += i + 1
		if start < 0 {
			continue
		}
		n := 0 // pairs
		for at := start; at+2 <= len(text) && isHexDigit(text[at]) && isHexDigit(text[at+1]); at += 3 {
			n, from = n+1, max(from, at+2)
			if at+2 == len(text) || text[at+2] != ':' {
				break
			}
		}
		if n < window {
			continue
		}
		// Fewer pairs than a window of bytes hold no secret that is looked for.
		decoded, err := hex.DecodeString(strings.ReplaceAll(text[start:start+3*n-1], ":", ""))
		if err != nil {
			continue
		}
		plain := string(decoded)
		// Each byte of the secret is a pair with its colon; the colon after the last pair stays.
		for _, m := range append(find(plain), escaped(plain, 1, cut, true, find)...) {
			m.start, m.end = start+3*m.start, start+3*m.end-1
			all = append(all, m)
		}
	}
}

// isHexDigit reports whether c is a hexadecimal digit, in either case.
func isHexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// isHexNumber reports whether a text has hexadecimal digits alone; an empty one does.
func isHexNumber(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }
