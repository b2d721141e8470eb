package diff

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/bgverify/bgverify/diff/literal"
)

// scalar completes the node of a scalar, which is a leaf.
func (p *parser) scalar(at uint32, typ ValueType, hash uint64) {
	n := &p.t.nodes[at]
	n.typ, n.hash = typ, hash
	p.t.leaves++
}

// jsonWords are the values that JSON has words for.
var jsonWords = []struct {
	text []byte
	typ  ValueType
	hash uint64
}{{[]byte("true"), BoolType, hashTrue}, {[]byte("false"), BoolType, hashFals}, {[]byte("null"), NullType, hashNull}}

// word reads true, false or null. Words of other languages for values that JSON does
// not have are named in the error: they show which program wrote the body.
func (p *parser) word(at uint32, i int) (int, bool) {
	rest := p.src[i:]
	for _, w := range jsonWords {
		if bytes.HasPrefix(rest, w.text) {
			p.scalar(at, w.typ, w.hash)
			return i + len(w.text), true
		}
	}
	for _, w := range []string{"NaN", "Infinity", "undefined", "None", "True", "False"} {
		if bytes.HasPrefix(rest, []byte(w)) {
			p.fail(Invalid, i, "%s is not JSON", w)
			return i, false
		}
	}
	p.unexpected(i, "a value")
	return i, false
}

// maxExponent bounds the characters of a number's exponent: two numbers of one value
// are compared by their exact digits, and an exponent can be as long as the body.
const maxExponent = 4096

// number reads a number. Its hash is that of its exact value, so that 1, 1.0 and 1e0
// are equal; under typed limits it is that of the value and the notation.
func (p *parser) number(at uint32, i int) (int, bool) {
	d, end, ok := literal.ScanNumber(p.src, i)
	if !ok {
		if bytes.HasPrefix(p.src[end:], []byte("Infinity")) {
			p.fail(Invalid, i, "-Infinity is not JSON")
		} else {
			p.unexpected(end, "a digit of a number")
		}
		return i, false
	}
	text := p.src[i:end]
	if d.Big {
		if e := bytes.IndexAny(text, "eE"); e >= 0 && len(text)-e > maxExponent {
			p.fail(Limit, i+e, "an exponent of more than %d digits", maxExponent)
			return i, false
		}
	}
	h := hashNumber(text, d)
	if p.lim.typed {
		h = typedHash(h, text)
	}
	p.scalar(at, NumberType, h)
	return end, true
}

// stringValue reads a string. Its hash is that of its characters, however they are
// escaped.
func (p *parser) stringValue(at uint32, i int) (int, bool) {
	end, escaped, ok := p.str(i + 1)
	if !ok {
		return i, false
	}
	text := p.src[i+1 : end]
	if escaped {
		p.t.nodes[at].flags |= flagEscaped
		p.buf = literal.Unescape(p.buf[:0], text)
		text = p.buf
	}
	p.scalar(at, StringType, hashBytes(text)^kString)
	return end + 1, true
}

// str scans a string from after its opening quote to its closing one, and reports
// whether it has escapes. It checks what the grammar and UTF-8 ask for: no control
// character, no unknown escape, no lone surrogate.
func (p *parser) str(i int) (end int, escaped, ok bool) {
	s := p.src
	// Eight bytes at a time, as long as none of them is a quote, a backslash, a control
	// character or beyond ASCII: a subtraction sets the high bit of a byte that is below
	// what is subtracted, and an exclusive or makes the wanted byte 0. A byte after such
	// a one may be marked by the borrow; only the first mark is used.
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for {
		for i+8 <= len(s) {
			w := binary.LittleEndian.Uint64(s[i:])
			q, b := w^(ones*'"'), w^(ones*'\\')
			m := (w | (w - ones*0x20) | (q - ones) | (b - ones)) & high
			if m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		if i >= len(s) {
			p.fail(Invalid, i, "the body ends inside a string")
			return i, false, false
		}
		switch c := s[i]; {
		case c == '"':
			return i, escaped, true
		case c == '\\':
			escaped = true
			n := p.escapeAt(i)
			if n == 0 {
				return i, false, false
			}
			i += n
		case c < 0x20:
			p.fail(Invalid, i, "the control character %#02x in a string", c)
			return i, false, false
		case c < utf8.RuneSelf:
			i++
		default:
			if i, ok = p.beyondASCII(i); !ok {
				return i, false, false
			}
		}
	}
}

// beyondASCII is the offset after a run of characters beyond ASCII; not ok, with the offset of
// the byte and the failure recorded, where one is not UTF-8.
func (p *parser) beyondASCII(i int) (end int, ok bool) {
	s := p.src
	for i < len(s) && s[i] >= utf8.RuneSelf {
		// Three bytes, Hangul among them, without the general decoder.
		if c := s[i]; c >= 0xE1 && c <= 0xEC && i+2 < len(s) && s[i+1]&0xC0 == 0x80 && s[i+2]&0xC0 == 0x80 {
			i += 3
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		if r == utf8.RuneError && n == 1 {
			p.fail(Invalid, i, "the byte %#02x is not UTF-8", s[i])
			return i, false
		}
		i += n
	}
	return i, true
}

// escapeAt checks the escape at i and returns its length; 0 when it is broken.
func (p *parser) escapeAt(i int) int {
	if i+1 >= len(p.src) {
		p.fail(Invalid, i, "the body ends inside a string")
		return 0
	}
	switch p.src[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		_, n := literal.UnicodeEscape(p.src, i)
		if n == 0 {
			if r, ok := literal.Hex4(p.src, i+2); ok {
				p.fail(Invalid, i, "the lone surrogate \\u%04x", r)
			} else {
				p.fail(Invalid, i, "a broken \\u escape")
			}
		}
		return n
	}
	p.fail(Invalid, i, "an unknown escape")
	return 0
}

// unexpected is the mistake of another character than the wanted one at i.
func (p *parser) unexpected(i int, want string) {
	if i >= len(p.src) {
		p.fail(Invalid, i, "the body ends where %s is expected", want)
		return
	}
	r, _ := utf8.DecodeRune(p.src[i:])
	p.fail(Invalid, i, "%q where %s is expected", r, want)
}

// smallObject is the size up to which names are compared pairwise.
const smallObject = 16

// duplicates looks for names that the object's members share, and takes hidden
// members out of the sum.
func (p *parser) duplicates(base int, sum *memberSum) {
	ms := p.members[base:]
	if len(ms) <= smallObject {
		p.fewDuplicates(ms, sum)
		return
	}
	size := 1 << bits.Len(uint(2*len(ms)))
	if cap(p.table) < size {
		p.table = make([]uint32, size)
	}
	table := p.table[:size]
	clear(table)
	for i := range ms {
		slot := int(ms[i].name) & (size - 1)
		for table[slot] != 0 {
			j := int(table[slot] - 1)
			if ms[j].name == ms[i].name && p.shadow(ms, j, i, sum) {
				break
			}
			slot = (slot + 1) & (size - 1)
		}
		table[slot] = uint32(i + 1)
	}
}

// fewDuplicates is duplicates for a small object: a name is compared with those before it where
// one of them has the same six bits at the top of its hash.
func (p *parser) fewDuplicates(ms []memberEntry, sum *memberSum) {
	var seen uint64
	for i := range ms {
		bit := uint64(1) << (ms[i].name >> 26)
		for j := 0; seen&bit != 0 && j < i; j++ {
			if ms[j].name == ms[i].name && p.t.nodes[ms[j].node].flags&flagShadow == 0 && p.shadow(ms, j, i, sum) {
				break
			}
		}
		seen |= bit
	}
}

// maxDuplicates bounds the duplicate names that are kept; all are counted.
const maxDuplicates = 100

// shadow handles the members j and i (later) of the same name by the policy.
func (p *parser) shadow(ms []memberEntry, j, i int, sum *memberSum) bool {
	if !sameKey(p.t, ms[j].node, p.t, ms[i].node) {
		return false
	}
	p.t.nDups++
	if len(p.t.dups) < maxDuplicates {
		p.t.dups = append(p.t.dups, dupKey{ms[i].node})
	}
	if p.lim.duplicates == 'k' {
		return true
	}
	hidden := j
	if p.lim.duplicates == 'f' {
		hidden = i
	}
	at := ms[hidden].node
	if n := &p.t.nodes[at]; n.flags&flagShadow == 0 {
		sum.remove(hashBytes(p.t.keyText(at)), n.hash, p.t.ruledHash(at))
		p.t.leaves -= p.t.countLeaves(at)
		n.flags |= flagShadow
	}
	return true
}

// A memberSum adds up an object's members, by themselves and under the rules, in
// any order.
type memberSum struct{ sum, apart, count, absent uint64 }

// add takes a member in, by its value and by what its rules make of it.
func (s *memberSum) add(name, value, ruled uint64) {
	h := hashMember(name, value)
	s.sum += h
	s.count++
	if ruled == value {
		return
	}
	s.apart -= h
	if ruled == 0 {
		s.absent++
	} else {
		s.apart += hashMember(name, ruled)
	}
}

// remove takes back a member that was added.
func (s *memberSum) remove(name, value, ruled uint64) {
	var one memberSum
	one.add(name, value, ruled)
	s.sum -= one.sum
	s.apart -= one.apart
	s.count -= one.count
	s.absent -= one.absent
}

// hashes are the object's own hash and its hash under the rules.
func (s *memberSum) hashes() (hash, ruled uint64) {
	return mix(s.sum^kObject, s.count^kValue), mix((s.sum+s.apart)^kObject, (s.count-s.absent)^kValue)
}
