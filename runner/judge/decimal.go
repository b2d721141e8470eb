package judge

import (
	"strconv"
	"strings"
)

// A decimal is a JSON number of any size, exact: digits without zeros at either
// end, times ten to the power of point - len(digits).
type decimal struct {
	negative bool
	digits   string // "" is zero
	point    int64
}

// parseDecimal reads a number in JSON's grammar.
func parseDecimal(text string) (decimal, bool) {
	var d decimal
	rest := text
	if rest, d.negative = strings.CutPrefix(rest, "-"); rest == "" {
		return d, false
	}
	mantissa, exponent := rest, ""
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		mantissa, exponent = rest[:i], rest[i+1:]
		if exponent == "" {
			return d, false
		}
	}
	whole, fraction, dot := strings.Cut(mantissa, ".")
	if !numeral(whole) || dot && !numeral(fraction) || len(whole) > 1 && whole[0] == '0' {
		return d, false
	}
	exp, ok := parseExponent(exponent)
	if !ok {
		return d, false
	}
	digits := whole + fraction
	point := int64(len(whole)) + exp
	trimmed := strings.TrimLeft(digits, "0")
	point -= int64(len(digits) - len(trimmed))
	d.digits = strings.TrimRight(trimmed, "0")
	d.point = point
	if d.digits == "" {
		return decimal{}, true
	}
	return d, true
}

func numeral(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// parseExponent clamps what no body can reach, so that it still orders.
func parseExponent(text string) (int64, bool) {
	if text == "" {
		return 0, true
	}
	digits := strings.TrimPrefix(strings.TrimPrefix(text, "+"), "-")
	if !numeral(digits) || len(text)-len(digits) > 1 {
		return 0, false
	}
	const most = 1 << 60
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > most {
		n = most
	}
	if text[0] == '-' {
		n = -n
	}
	return n, true
}

// compare is -1, 0 or 1.
func (d decimal) compare(e decimal) int {
	switch {
	case d.digits == "" && e.digits == "":
		return 0
	case d.sign() < e.sign():
		return -1
	case d.sign() > e.sign():
		return 1
	case d.negative:
		return e.magnitude(d)
	default:
		return d.magnitude(e)
	}
}

func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	default:
		return 1
	}
}

func (d decimal) magnitude(e decimal) int {
	if d.point != e.point {
		if d.point < e.point {
			return -1
		}
		return 1
	}
	return strings.Compare(d.digits, e.digits)
}
