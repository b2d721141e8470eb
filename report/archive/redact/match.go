package redact

import (
	"cmp"
	"slices"
	"strings"
)

// Secrets are found by the last six bytes of each of their forms. The scan
// keeps the six bytes it is at as a number, and asks a bit set, then a table,
// for each position; only then are forms compared. On 10 MB of JSON and 20
// secrets (BenchmarkRedact) it takes about two thirds of strings.Replacer's
// time, which moreover knows no overlaps, marks or cut ends and is built anew
// for every secret; an automaton over all forms grows by kilobytes with each
// secret, where thousands of captured tokens may be added.

// A match is a place in a text that holds a form of a secret.
type match struct {
	start, end int
	secret     int32
	mark       string // instead of the secret's: a learned credential's
}

// gram is the number of a text of six bytes.
func gram[T ~string | ~[]byte](s T) uint64 {
	var x uint64
	for i := range window {
		x = x<<8 | uint64(s[i])
	}
	return x
}

const (
	// gramMask keeps the last window bytes of a number that bytes are shifted into, and gramMix
	// spreads such a number over the table (2^64 divided by the golden ratio).
	gramMask = 1<<(8*window) - 1
	gramMix  = 0x9e3779b97f4a7c15
)

// grams maps six bytes to a chain of forms.
type grams struct {
	bits  []uint64
	shift uint // 64 - log2 of the number of bits
	heads map[uint64]int32
}

// init makes an empty table of 65,536 bits.
func (g *grams) init() {
	g.shift = 64 - 16
	g.bits = make([]uint64, 1<<16/64)
	g.heads = make(map[uint64]int32)
}

// has reports whether a gram may be the beginning of a secret; a no is certain.
func (g *grams) has(x uint64) bool {
	h := x * gramMix >> g.shift
	return g.bits[h>>6]>>(h&63)&1 != 0
}

// set marks a gram.
func (g *grams) set(x uint64) {
	h := x * gramMix >> g.shift
	g.bits[h>>6] |= 1 << (h & 63)
}

// put makes form the head of x's chain and returns the former head, or -1.
func (g *grams) put(x uint64, form int32) int32 {
	// Forms with the same six bytes are a chain: the newest is its head, and knows the one before.
	old, ok := g.heads[x]
	if !ok {
		old = -1
	}
	g.heads[x] = form
	if len(g.heads)*16 > len(g.bits)*64 && g.shift > 64-26 { // keep false hits under one in sixteen
		g.shift -= 2
		g.bits = make([]uint64, len(g.bits)*4)
		for y := range g.heads {
			g.set(y)
		}
	}
	g.set(x)
	return old
}

// head is the first form of x's chain, or -1.
func (g *grams) head(x uint64) int32 {
	if at, ok := g.heads[x]; ok {
		return at
	}
	return -1
}

// shortGrams is a set of texts shorter than a window; it may hold more than was put.
type shortGrams [1 << 10]uint64

// put marks the beginning of a secret that is shorter than window.
func (g *shortGrams) put(s string) { h := shortHash(s); g[h>>6] |= 1 << (h & 63) }

// has reports whether a short text may be a secret; a no is certain.
func (g *shortGrams) has(s string) bool { h := shortHash(s); return g[h>>6]>>(h&63)&1 != 0 }

// shortHash is the place of a short text in the table. Each byte counts one more than its value,
// so that a zero byte has a place too.
func shortHash(s string) uint64 {
	var x uint64
	for i := range len(s) {
		x = x<<8 | uint64(s[i]) + 1
	}
	return x * gramMix >> (64 - 16)
}

// find lists the secrets in text, sorted and apart. With cut, the beginning of
// a secret at the end of text counts as well.
func find[T ~string | ~[]byte](r *Redactor, text T, cut bool) []match {
	r.mu.RLock()
	defer r.mu.RUnlock()
	// A match is one of three: a form that is in the text, a short value that is a word alone, and
	// the beginning of a form where the text was cut.
	var matches []match
	if len(r.forms) > 0 && len(text) >= window {
		matches = scan(r, text)
	}
	if len(r.alone) > 0 {
		whole := string(text)
		for _, id := range r.alone {
			matches = appendAlone(matches, whole, r.secrets[id].value, match{secret: id})
		}
	}
	if cut {
		if m, ok := partialEnd(r, string(text[max(0, len(text)-r.longest):])); ok {
			shift := len(text) - min(len(text), r.longest)
			matches = append(matches, match{start: m.start + shift, end: m.end + shift, secret: m.secret})
		}
	}
	if len(matches) == 0 {
		return nil
	}
	return r.settle(string(text), matches)
}

// scan finds secrets in a text: a hash of the last window bytes is looked up at each place, and
// only where it is known are whole secrets compared. Time grows with the text, not with the number
// of secrets.
func scan[T ~string | ~[]byte](r *Redactor, text T) []match {
	var matches []match
	bits, shift := r.last.bits, r.last.shift
	// x is always the last window bytes. They are the end of a form where the bit is set and the
	// table knows them; all forms that end so are compared.
	var x uint64
	for i := range window - 1 {
		x = x<<8 | uint64(text[i])
	}
	for i := window - 1; i < len(text); i++ {
		x = (x<<8 | uint64(text[i])) & gramMask
		h := x * gramMix >> shift
		if bits[h>>6]>>(h&63)&1 == 0 {
			continue
		}
		for at := r.last.head(x); at >= 0; at = r.forms[at].nextLast {
			f := &r.forms[at]
			start := i + 1 - int(f.length)
			if start >= 0 && string(text[start:i+1]) == r.textOf(at) {
				matches = append(matches, match{start: start, end: i + 1, secret: f.secret})
			}
		}
	}
	return matches
}

// appendAlone finds a short value where no letter or digit is next to it.
func appendAlone(matches []match, text, value string, m match) []match {
	for from := 0; ; {
		i := strings.Index(text[from:], value)
		if i < 0 {
			return matches
		}
		start, end := from+i, from+i+len(value)
		// A value of four or five bytes is inside many words by chance.
		if (start == 0 || !isWord(text[start-1])) && (end == len(text) || !isWord(text[end])) {
			m.start, m.end = start, end
			matches = append(matches, m)
		}
		from = start + 1
	}
}

// isWord reports whether a byte can be inside a word: a letter, a digit, an underscore, or part of
// a character outside ASCII.
func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

// partialEnd finds the longest end of text that begins a form.
func partialEnd(r *Redactor, text string) (match, bool) {
	// The first hit is the longest, since the text is walked from its beginning. An end shorter
	// than minPartial says too little to be hidden.
	for start := 0; start+minPartial <= len(text); start++ {
		end := text[start:]
		x := gram(end)
		if !r.first.has(x) {
			continue
		}
		for at := r.first.head(x); at >= 0; at = r.forms[at].nextFirst {
			f := &r.forms[at]
			if len(end) < int(f.length) && strings.HasPrefix(r.textOf(at), end) {
				return match{start: start, end: len(text), secret: f.secret}, true
			}
		}
	}
	return match{}, false
}

// settled is settle for callers that do not hold the lock.
func (r *Redactor) settled(text string, matches []match) []match {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.settle(text, matches)
}

// settle sorts matches, joins those that overlap under the longest's mark and
// leaves alone the marks that the text already holds.
func (r *Redactor) settle(text string, matches []match) []match {
	slices.SortFunc(matches, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end))
	})
	marks := r.marksIn(text)
	out := matches[:0]
	// The longest secret names what several overlapping ones become: it says most about what was
	// there.
	longest := 0 // of the secrets joined in the last match
	for _, m := range matches {
		if slices.ContainsFunc(marks, func(k match) bool { return m.start >= k.start && m.end <= k.end }) {
			continue // Rule 3
		}
		size := m.end - m.start
		if n := len(out); n > 0 && m.start < out[n-1].end { // Rule 2
			out[n-1].end = max(out[n-1].end, m.end)
			if size > longest {
				out[n-1].secret, out[n-1].mark, longest = m.secret, m.mark, size
			}
			continue
		}
		out, longest = append(out, m), size
	}
	return out
}

// marksIn lists the marks in a text, however their brackets are escaped. Only
// names that this redactor gives count, so that a secret cannot be hidden in
// what looks like a mark.
func (r *Redactor) marksIn(text string) []match {
	const word = "secret:"
	var marks []match
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return marks
		}
		start := from + i
		from = start + len(word)
		// A mark is secret:NAME#HASH; its brackets may be escaped, and are not looked at. Names
		// have at most 64 bytes.
		n := strings.IndexByte(text[from:min(len(text), from+65)], '#')
		if n < 0 {
			continue
		}
		end := from + n + 1 + 2*markHash
		if end <= len(text) && r.names[text[from:from+n]] && isHash(text[from+n+1:end]) {
			marks = append(marks, match{start: start, end: end})
			from = end
		}
	}
}
