package redact

import "strings"

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
	// controls is in how many bytes one may be a control character, in a text.
	controls = 32
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
		if end-start < minRun {
			i = end
			continue
		}
		run, breaks := text[start:end], []lineBreak(nil)
		if end-start >= minLine {
			run, breaks, end = joinLines(text, start, end)
		}
		for offset := range 4 {
			for _, m := range inRun(run[offset:], len(breaks) > 0, cut, find) {
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

// rawPlace is where the character at of a run joined stands in the text.
func rawPlace(breaks []lineBreak, at int) int {
	low, high := 0, len(breaks)
	for low < high {
		if mid := (low + high) / 2; breaks[mid].at <= at {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low == 0 {
		return at
	}
	return at + breaks[low-1].size
}

// inRun lists the secrets in what run decodes to. Only in lines are the forms
// themselves looked for: those of a run in one piece are found without this.
func inRun(run string, lines, cut bool, find func(string) []match) []match {
	decoded := make([]byte, 0, len(run)*6/8)
	var bits uint32
	have, control := 0, 0
	for i := range len(run) {
		bits = bits<<6 | uint32(sextets[run[i]]-1)
		if have += 6; have >= 8 {
			have -= 8
			c := byte(bits >> have)
			if c < ' ' && c != '\n' && c != '\r' && c != '\t' {
				control++
			}
			decoded = append(decoded, c)
		}
	}
	text := string(decoded)
	var matches []match
	if lines {
		matches = find(text)
	}
	if control*controls <= len(text) { // pictures and keys hold no escapes
		matches = append(matches, escaped(text, decodedViews, cut, true, find)...)
	}
	return matches
}

// hexPairs lists the secrets in bytes written as 4b:72:…
func hexPairs(text string, cut bool, find func(string) []match) []match {
	var all []match
	for from := 0; ; {
		i := strings.IndexByte(text[from:], ':')
		if i < 0 {
			return all
		}
		start := from + i - 2
		from += i + 1
		if start < 0 {
			continue
		}
		var decoded []byte
		for at := start; ; at += 3 {
			r, ok := rune(0), false
			if at+2 <= len(text) {
				r, ok = hexRune(text[at:], 2)
			}
			if !ok {
				break
			}
			decoded = append(decoded, byte(r))
			from = max(from, at+2)
			if at+2 == len(text) || text[at+2] != ':' {
				break
			}
		}
		if len(decoded) < window {
			continue
		}
		plain := string(decoded)
		for _, m := range append(find(plain), escaped(plain, 1, cut, true, find)...) {
			m.start, m.end = start+3*m.start, start+3*m.end-1
			all = append(all, m)
		}
	}
}
