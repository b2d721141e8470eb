package diff

import (
	"bytes"
	"math/big"
	"strconv"
)

// A decimal is a JSON number as mant·10^exp. Numbers with more than 18 digits
// or a huge exponent are big: only their text holds their value.
type decimal struct {
	mant uint64
	exp  int32
	neg  bool
	big  bool
}

// maxSmallDigits and maxSmallExp bound the numbers that a decimal holds.
const (
	maxSmallDigits = 18
	maxSmallExp    = 1 << 20
)

// scanNumber reads a number by the JSON grammar at s[i]. It returns the offset
// behind the number, or, when not ok, of the byte that breaks it.
func scanNumber(s []byte, i int) (d decimal, end int, ok bool) {
	if i < len(s) && s[i] == '-' {
		d.neg = true
		i++
	}
	start := i
	for i < len(s) && s[i]-'0' <= 9 {
		d.mant = d.mant*10 + uint64(s[i]-'0')
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
			d.mant = d.mant*10 + uint64(s[i]-'0')
			i++
		}
		if i == frac {
			return d, i, false
		}
		digits += i - frac
		if digits <= maxSmallDigits {
			d.exp = int32(frac - i)
		}
	}
	if digits > maxSmallDigits {
		d.big = true
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
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
		if i == first {
			return d, i, false
		}
		if e >= maxSmallExp {
			d.big = true
		}
		if neg {
			e = -e
		}
		d.exp += e
	}
	return d, i, true
}

// normal strips the zeros at the end of the mantissa, so that equal values
// have equal decimals. Zero has no sign and no exponent: 0, -0 and 0e5 are one.
func (d decimal) normal() decimal {
	if d.mant == 0 {
		return decimal{}
	}
	for d.mant%10 == 0 {
		d.mant /= 10
		d.exp++
	}
	return d
}

// A bigDecimal is digits·10^exp: digits without zeros at either end.
type bigDecimal struct {
	neg    bool
	digits []byte
	exp    *big.Int
}

// exactDecimal reads the value of any JSON number.
func exactDecimal(text []byte) bigDecimal {
	var d bigDecimal
	if text[0] == '-' {
		d.neg = true
		text = text[1:]
	}
	d.exp = new(big.Int)
	if e := bytes.IndexAny(text, "eE"); e >= 0 {
		d.exp.SetString(string(bytes.TrimPrefix(text[e+1:], []byte("+"))), 10)
		text = text[:e]
	}
	d.digits = bytes.Clone(text)
	if dot := bytes.IndexByte(text, '.'); dot >= 0 {
		d.digits = append(bytes.Clone(text[:dot]), text[dot+1:]...)
		d.exp.Sub(d.exp, big.NewInt(int64(len(text)-dot-1)))
	}
	d.digits = bytes.TrimLeft(d.digits, "0")
	cut := bytes.TrimRight(d.digits, "0")
	d.exp.Add(d.exp, big.NewInt(int64(len(d.digits)-len(cut))))
	d.digits = cut
	if len(cut) == 0 {
		return bigDecimal{exp: new(big.Int)}
	}
	return d
}

func (d bigDecimal) equal(e bigDecimal) bool {
	return d.neg == e.neg && bytes.Equal(d.digits, e.digits) && d.exp.Cmp(e.exp) == 0
}

// small is the value as a normal decimal, when it fits.
func (d bigDecimal) small() (decimal, bool) {
	if len(d.digits) > maxSmallDigits || d.exp.CmpAbs(big.NewInt(2*maxSmallExp)) >= 0 {
		return decimal{}, false
	}
	if len(d.digits) == 0 {
		return decimal{}, true
	}
	mant, err := strconv.ParseUint(string(d.digits), 10, 64)
	return decimal{mant: mant, exp: int32(d.exp.Int64()), neg: d.neg}, err == nil
}

// sameNumber reports whether two JSON numbers have the same exact value.
func sameNumber(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, _, _ := scanNumber(a, 0)
	y, _, _ := scanNumber(b, 0)
	if !x.big && !y.big {
		return x.normal() == y.normal()
	}
	return exactDecimal(a).equal(exactDecimal(b))
}

// maxRatDigits bounds the numbers that tolerances compute with; beyond it two
// different numbers are never within a tolerance.
const maxRatDigits = 400

// rat is the number as a fraction; nil when it is too long or too far from one.
func rat(text []byte) *big.Rat {
	d := exactDecimal(text)
	if len(d.digits) > maxRatDigits || !d.exp.IsInt64() || d.exp.Int64() > maxRatDigits || d.exp.Int64() < -maxRatDigits {
		return nil
	}
	if len(d.digits) == 0 {
		return new(big.Rat)
	}
	m, _ := new(big.Int).SetString(string(d.digits), 10)
	if d.neg {
		m.Neg(m)
	}
	r := new(big.Rat).SetInt(m)
	scale := new(big.Int).Exp(big.NewInt(10), new(big.Int).Abs(d.exp), nil)
	if d.exp.Sign() >= 0 {
		return r.Mul(r, new(big.Rat).SetInt(scale))
	}
	return r.Quo(r, new(big.Rat).SetInt(scale))
}

// ratOfFloat is the shortest decimal that reads back as f: 0.01 is 1/100.
func ratOfFloat(f float64) *big.Rat {
	return rat([]byte(strconv.FormatFloat(f, 'e', -1, 64)))
}

// within reports whether green lies within abs of blue, or within rel of
// blue's magnitude. Exact: no floating point is involved.
func within(blue, green []byte, abs, rel *big.Rat) bool {
	if sameNumber(blue, green) {
		return true
	}
	b, g := rat(blue), rat(green)
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
