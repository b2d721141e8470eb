package literal

import (
	"bytes"
	"cmp"
	"math/big"
	"strconv"
)

// A Decimal is a JSON number as Mant·10^Exp, negative where Neg is set. Numbers with
// more than 18 digits or a huge exponent are Big: only their text holds their value.
type Decimal struct {
	Mant uint64
	Exp  int32
	Neg  bool
	Big  bool
}

// maxSmallDigits and maxSmallExp bound the numbers that a Decimal holds.
const (
	maxSmallDigits = 18
	maxSmallExp    = 1 << 20
)

// ScanNumber reads a number by the JSON grammar at s[i]. It returns the offset
// behind the number, or, when not ok, of the byte that breaks it.
func ScanNumber(s []byte, i int) (d Decimal, end int, ok bool) {
	if i < len(s) && s[i] == '-' {
		d.Neg = true
		i++
	}
	start := i
	for i < len(s) && s[i]-'0' <= 9 {
		d.Mant = d.Mant*10 + uint64(s[i]-'0')
		i++
	}
	digits := i - start
	if digits == 0 || digits > 1 && s[start] == '0' {
		if digits > 1 {
			i = start + 1
		}
		return d, i, false
	}
	if i < len(s) && s[i] == '.' {
		i++
		frac := i
		for i < len(s) && s[i]-'0' <= 9 {
			d.Mant = d.Mant*10 + uint64(s[i]-'0')
			i++
		}
		if i == frac {
			return d, i, false
		}
		digits += i - frac
		if digits <= maxSmallDigits {
			d.Exp = int32(frac - i)
		}
	}
	if digits > maxSmallDigits {
		d.Big = true
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i, ok = d.scanExponent(s, i+1)
		return d, i, ok
	}
	return d, i, true
}

// scanExponent reads what follows the e of a number at s[i] and adds it to d. Digits after
// maxSmallExp is reached do not change it: the number is Big then.
func (d *Decimal) scanExponent(s []byte, i int) (end int, ok bool) {
	neg := false
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		neg = s[i] == '-'
		i++
	}
	first, e := i, int32(0)
	for i < len(s) && s[i]-'0' <= 9 {
		if e < maxSmallExp {
			e = e*10 + int32(s[i]-'0')
		}
		i++
	}
	if e >= maxSmallExp {
		d.Big = true
	}
	if neg {
		e = -e
	}
	d.Exp += e
	return i, i > first
}

// Normal strips the zeros at the end of the mantissa, so that equal values
// have equal decimals. Zero has no sign and no exponent: 0, -0 and 0e5 are one.
func (d Decimal) Normal() Decimal {
	if d.Mant == 0 {
		return Decimal{}
	}
	for d.Mant%10 == 0 {
		d.Mant /= 10
		d.Exp++
	}
	return d
}

// An Exact is Digits·10^Exp, a number of any size. Digits have no zeros at either
// end, so that equal values have equal fields; zero has no digits and no sign.
type Exact struct {
	Neg    bool
	Digits []byte
	Exp    *big.Int
}

// ExactOf reads the value of a JSON number, which must be valid.
func ExactOf(text []byte) Exact {
	var d Exact
	if text[0] == '-' {
		d.Neg = true
		text = text[1:]
	}
	d.Exp = new(big.Int)
	if e := bytes.IndexAny(text, "eE"); e >= 0 {
		d.Exp.SetString(string(bytes.TrimPrefix(text[e+1:], []byte("+"))), 10)
		text = text[:e]
	}
	d.Digits = bytes.Clone(text)
	if dot := bytes.IndexByte(text, '.'); dot >= 0 {
		d.Digits = append(bytes.Clone(text[:dot]), text[dot+1:]...)
		d.Exp.Sub(d.Exp, big.NewInt(int64(len(text)-dot-1)))
	}
	d.Digits = bytes.TrimLeft(d.Digits, "0")
	cut := bytes.TrimRight(d.Digits, "0")
	d.Exp.Add(d.Exp, big.NewInt(int64(len(d.Digits)-len(cut))))
	d.Digits = cut
	if len(cut) == 0 {
		return Exact{Exp: new(big.Int)}
	}
	return d
}

// ParseNumber reads the value of a text that is one JSON number and nothing else.
func ParseNumber(text string) (Exact, bool) {
	if _, end, ok := ScanNumber([]byte(text), 0); !ok || end != len(text) {
		return Exact{}, false
	}
	return ExactOf([]byte(text)), true
}

// Compare is -1, 0 or 1 where d is less than, equal to or greater than e.
func (d Exact) Compare(e Exact) int {
	switch {
	case d.sign() != e.sign():
		return cmp.Compare(d.sign(), e.sign())
	case d.Neg:
		return e.magnitude(d)
	}
	return d.magnitude(e)
}

// sign is -1, 0 or 1. Zero has no sign, so that -0 is not less than 0.
func (d Exact) sign() int {
	switch {
	case len(d.Digits) == 0:
		return 0
	case d.Neg:
		return -1
	}
	return 1
}

// magnitude compares two numbers without their signs: by the place of their first
// digits, then by the digits, which have no zeros in front.
func (d Exact) magnitude(e Exact) int {
	first := func(x Exact) *big.Int { return new(big.Int).Add(x.Exp, big.NewInt(int64(len(x.Digits)))) }
	if c := first(d).Cmp(first(e)); c != 0 {
		return c
	}
	return bytes.Compare(d.Digits, e.Digits)
}

// Small is the value as a normal Decimal, when it fits.
func (d Exact) Small() (Decimal, bool) {
	if len(d.Digits) > maxSmallDigits || d.Exp.CmpAbs(big.NewInt(2*maxSmallExp)) >= 0 {
		return Decimal{}, false
	}
	if len(d.Digits) == 0 {
		return Decimal{}, true
	}
	mant, err := strconv.ParseUint(string(d.Digits), 10, 64)
	return Decimal{Mant: mant, Exp: int32(d.Exp.Int64()), Neg: d.Neg}, err == nil
}

// Fractional reports whether a JSON number is written with a fraction or an
// exponent. Parsers with integer types refuse such a number, or read it as a
// floating-point one, whatever its value.
func Fractional[T ~string | ~[]byte](number T) bool {
	for i := range len(number) {
		switch number[i] {
		case '.', 'e', 'E':
			return true
		}
	}
	return false
}

// SameNumber reports whether two JSON numbers have the same exact value.
func SameNumber(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, _, _ := ScanNumber(a, 0)
	y, _, _ := ScanNumber(b, 0)
	if !x.Big && !y.Big {
		return x.Normal() == y.Normal()
	}
	return ExactOf(a).Compare(ExactOf(b)) == 0
}

// maxRatDigits bounds the numbers that tolerances compute with; beyond it two
// different numbers are never Within a tolerance.
const maxRatDigits = 400

// Rat is the number as a fraction; nil when it is too long or too far from one.
func Rat(text []byte) *big.Rat {
	d := ExactOf(text)
	if len(d.Digits) > maxRatDigits || !d.Exp.IsInt64() || d.Exp.Int64() > maxRatDigits || d.Exp.Int64() < -maxRatDigits {
		return nil
	}
	r := new(big.Rat)
	if len(d.Digits) > 0 {
		r.SetString(string(d.Digits) + "e" + d.Exp.String())
	}
	if d.Neg {
		r.Neg(r)
	}
	return r
}

// RatOfFloat is the shortest decimal that reads back as f: 0.01 is 1/100.
func RatOfFloat(f float64) *big.Rat {
	return Rat([]byte(strconv.FormatFloat(f, 'e', -1, 64)))
}

// Within reports whether green is within abs of blue, or Within rel of
// blue's magnitude. Exact: no floating point is involved.
func Within(blue, green []byte, abs, rel *big.Rat) bool {
	if SameNumber(blue, green) {
		return true
	}
	b, g := Rat(blue), Rat(green)
	if b == nil || g == nil {
		return false
	}
	d := new(big.Rat).Sub(g, b)
	d.Abs(d)
	if abs != nil && d.Cmp(abs) <= 0 {
		return true
	}
	return rel != nil && d.Cmp(new(big.Rat).Mul(rel, b.Abs(b))) <= 0
}
