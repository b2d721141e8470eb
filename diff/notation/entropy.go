package notation

import (
	"math"
	"strings"
)

// tokenBits is the entropy from which on a text is taken for a token. OWASP asks
// 64 bits of a session id.
//
// tokenLuck is what a text of exactly that entropy may lose by chance to what
// makes a character count as predictable.
const (
	tokenBits = 64
	tokenLuck = 10
)

// IsRandom reports whether the estimated entropy of a text is that of a token.
func IsRandom(s string) bool { return entropy(s) >= tokenBits-tokenLuck }

// RandomPair is IsRandom for two texts that were made in one way: chance is halved,
// and a text as long as its partner is written in the alphabet of both. One base32
// token of 26 characters in 200 has no digit.
func RandomPair(a, b string) bool {
	hexA, mixedA := alphabetOf(a)
	hexB, mixedB := alphabetOf(b)
	if len(a) == len(b) {
		mixedA = mixedA || mixedB
		mixedB = mixedA
	}
	x, y := entropyIn(a, hexA, mixedA), entropyIn(b, hexB, mixedB)
	return (x+y)/2 >= tokenBits-tokenLuck && min(x, y) >= tokenBits-2*tokenLuck
}

// entropy estimates the bits that it takes to guess a text of ASCII letters, digits
// and signs. A digit counts log2(10) bits and a letter log2(26), log2(6) in hex; a
// change between digits, small and capital letters classChange bits, none
// classStays. What the characters before it predict counts half a bit alone:
//
//  1. the third of a run: aaa, 123, cba
//  2. what came after the same two characters earlier in the text
//  3. a letter that words often have after the one before it; not in hex
//  4. a sign
//
// Names run together have uncommon pairs too: of a text in letters of one case half
// counts, and two thirds of one in which every eighth character is a sign.
func entropy(s string) float64 {
	hex, mixed := alphabetOf(s)
	return entropyIn(s, hex, mixed)
}

// entropyIn is entropy for a text of a known alphabet.
func entropyIn(s string, hex, mixed bool) float64 {
	letter := math.Log2(26)
	if hex {
		letter = math.Log2(6)
	}
	bits, signs := 0.0, 0
	seen := map[string]bool{}
	for i := range len(s) {
		class := classOf(s[i])
		known := class == 0                                      // Rule 4
		known = known || i > 0 && !hex && wordPair(s[i-1], s[i]) // Rule 3
		if i >= 2 {
			step, before := int(s[i])-int(s[i-1]), int(s[i-1])-int(s[i-2])
			known = known || step == before && step >= -1 && step <= 1 // Rule 1
			known = known || seen[s[i-2:i+1]]                          // Rule 2
			seen[s[i-2:i+1]] = true
		}
		if class == 0 {
			signs++
		}
		switch {
		case known:
			bits += 0.5
			continue
		case class == 'd':
			bits += math.Log2(10)
		default:
			bits += letter
		}
		if i == 0 || classOf(s[i-1]) == class || classOf(s[i-1]) == 0 {
			bits += classStays
		} else {
			bits += classChange
		}
	}
	if !mixed {
		bits /= 2
	}
	if 8*signs >= len(s) {
		bits *= 2.0 / 3
	}
	return bits
}

// classStays and classChange are about what it takes to say of which class the next
// character is, where digits are a quarter.
const classStays, classChange = 0.4, 1.5

// classOf is d, l or u for a digit, a small and a capital letter; 0 for the rest.
func classOf(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return 'd'
	case c >= 'a' && c <= 'z':
		return 'l'
	case c >= 'A' && c <= 'Z':
		return 'u'
	}
	return 0
}

// alphabetOf reports whether a text is written in hex, digits and letters, and
// whether it has digits or letters of both cases.
func alphabetOf(s string) (hex, mixed bool) {
	var digit, lower, upper, other bool
	for i := range len(s) {
		switch class := classOf(s[i]); class {
		case 'd':
			digit = true
		case 'l':
			lower = true
			other = other || s[i] > 'f'
		case 'u':
			upper = true
			other = other || s[i] > 'F'
		}
	}
	return digit && (lower || upper) && !other, digit || lower && upper
}

// wordPairs are the pairs of letters that are common in English words, and in the
// romanised Korean of place and channel names.
const wordPairs = " th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi ri " +
	"ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr ly nc et ut ss so rs un lo wa " +
	"ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su id os iv ia am fi ci vi pl ig tu ev ld ry mp fe bl ab " +
	"gh ty op wo sa ay ex ke fr oo av ag if ap gr od bo sp rd do uc bu ei ov by rm ep tt oc fa ef cu rn sc gi da yo cr cl du ga qu " +
	"ue ff ba ey ls va um pp ua up lu go ht ru ug ds lt pi rc rr eg au ck ew mu br bi pt ak pu ui rg ib tl ny ki rk ys ob mm fu ph " +
	"og ms ye ud mb ip ub oi rl gu dr hr cc tw ft wn nu af hu nn eo vo rv nf xp gn sm fl iz ok nl my gl aw ju oa eq sy sl ps jo lf " +
	"nv je nk kn gs dy hy ze ks xt bs ik dd pt rb bt cs "

// wordPair reports whether two letters follow each other in words: the first may
// be a capital.
func wordPair(a, b byte) bool {
	if b >= 'A' && b <= 'Z' {
		if a < 'A' || a > 'Z' {
			return false
		}
		b |= 0x20
	}
	a |= 0x20
	return a >= 'a' && a <= 'z' && b >= 'a' && b <= 'z' && strings.Contains(wordPairs, string([]byte{' ', a, b, ' '}))
}

// Lengths of texts that may be tokens.
const leastToken, mostToken = 16, 8 << 10

// TokenForm is the form of a text that is long enough for a token and written like
// one; whether it is one, its entropy says.
func TokenForm(v string) string {
	switch {
	case len(v) < leastToken || len(v) > mostToken:
		return ""
	case IsUUID(v):
		return "uuid"
	case IsHex(v):
		return "hex"
	}
	for i := range len(v) {
		if classOf(v[i]) == 0 && strings.IndexByte("+/=_-.~:", v[i]) < 0 {
			return ""
		}
	}
	return "token"
}
