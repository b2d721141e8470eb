package oracle

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// near is a number that may differ by a tolerance. It knows its side, because
// a relative tolerance is a share of blue's value.
type near struct {
	Blue     bool
	N        number
	Abs, Rel *float64
}

// maxPower bounds the numbers that are computed with.
const maxPower = 400

// Equal is what cmp.Equal asks.
func (n near) Equal(o near) bool {
	if n.N.normal() == o.N.normal() {
		return true
	}
	if !n.Blue {
		n, o = o, n
	}
	b, g := n.N.rat(), o.N.rat()
	if b == nil || g == nil {
		return false
	}
	gap := new(big.Rat).Sub(b, g)
	gap.Abs(gap)
	if n.Abs != nil && gap.Cmp(exactFloat(*n.Abs)) <= 0 {
		return true
	}
	return n.Rel != nil && gap.Cmp(new(big.Rat).Mul(exactFloat(*n.Rel), b.Abs(b))) <= 0
}

// exactFloat is the decimal that a file has written, and not the float64 nearest to it.
func exactFloat(f float64) *big.Rat {
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	return r
}

// rat is nil for a number too large or long to compute with.
func (n number) rat() *big.Rat {
	digits, power, _ := strings.Cut(n.normal(), "e")
	p, err := strconv.Atoi("0" + strings.TrimPrefix(power, "-"))
	if err != nil || p > maxPower || len(digits) > maxPower {
		return nil
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return nil
	}
	return r
}

// timed is a moment that may differ by a span.
type timed struct {
	Text   string
	Within time.Duration
	number bool
	Any    bool // the notation does not count
}

// Equal is what cmp.Equal asks.
func (t timed) Equal(o timed) bool {
	if t.number != o.number {
		return false
	}
	if t.Text == o.Text || t.number && number(t.Text).normal() == number(o.Text).normal() {
		return true
	}
	a, la, ok := moment(t.Text)
	b, lb, ok2 := moment(o.Text)
	if !ok || !ok2 || la != lb && !t.Any {
		return false
	}
	return a.Sub(b).Abs() <= t.Within
}

// moment reads a time and the notation it is in.
func moment(s string) (time.Time, string, bool) {
	layouts := [][2]string{
		{time.RFC3339Nano, "zoned"},
		{"2006-01-02 15:04:05Z07:00", "zoned"},
		{"2006-01-02T15:04:05", "local"},
		{"2006-01-02 15:04:05", "local"},
		{"2006-01-02T15:04:05Z0700", "basic zone"},
		{"20060102150405", "compact"},
		{time.RFC1123, "RFC1123"},
		{time.RFC1123Z, "RFC1123Z"},
		{time.RFC850, "RFC850"},
		{time.ANSIC, "ANSIC"},
	}
	for _, l := range layouts {
		text := s
		if l[0] == time.RFC3339Nano && len(s) >= 20 {
			text = strings.ToUpper(s)
		}
		if t, err := time.Parse(l[0], text); err == nil && len(s) <= 64 {
			return t, l[1] + " " + written(s, l[1]), true
		}
	}
	return epoch(s)
}

// written is how a moment of a kind is written: what is between date and time, and
// the zone.
func written(s, kind string) string {
	switch kind {
	case "zoned", "local", "basic zone":
		if len(s) < 19 { // an hour of one digit
			return s[10:11]
		}
		return s[10:11] + strings.TrimLeft(s[19:], ".,0123456789")
	case "compact", "ANSIC":
		return ""
	}
	return s[strings.LastIndex(s, " "):]
}

// epoch reads seconds since 1970 and their thousandths, by the number of digits.
func epoch(s string) (time.Time, string, bool) {
	whole, frac, dotted := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || len(whole) < 9 || strings.ContainsAny(whole, "+-") || dotted && (frac == "" || len(frac) > 9) {
		return time.Time{}, "", false
	}
	var t time.Time
	var unit string
	var tick time.Duration
	switch {
	case len(whole) <= 11:
		t, unit, tick = time.Unix(n, 0), "s", time.Second
	case len(whole) <= 14:
		t, unit, tick = time.UnixMilli(n), "ms", time.Millisecond
	case len(whole) <= 17:
		t, unit, tick = time.UnixMicro(n), "us", time.Microsecond
	default:
		t, unit, tick = time.Unix(0, n), "ns", time.Nanosecond
	}
	if dotted {
		f, err := strconv.ParseFloat("."+frac, 64)
		if err != nil {
			return time.Time{}, "", false
		}
		t = t.Add(time.Duration(f * float64(tick)))
	}
	return t, unit, true
}

// shaped is a text of which only the format counts, and its notation unless Any.
type shaped struct {
	Text, Format, Pattern string
	Any                   bool
}

// Equal is what cmp.Equal asks.
func (s shaped) Equal(o shaped) bool {
	return s.Text == o.Text || s.fits() && o.fits() && (s.Any || s.alike(o))
}

// alike reports whether two texts of the format are written in one notation.
func (s shaped) alike(o shaped) bool {
	unless := func(a, b string) bool { return a == b || a == "" || b == "" }
	switch s.Format {
	case "uuid", "ulid", "hex":
		return unless(lettersOf(s.Text), lettersOf(o.Text))
	case "date-time":
		_, a, _ := moment(s.Text)
		_, b, _ := moment(o.Text)
		return a == b
	case "base64":
		return unless(alphabetOf(s.Text), alphabetOf(o.Text)) && unless(paddingOf(s.Text), paddingOf(o.Text))
	case "url":
		a, _, _ := strings.Cut(s.Text, ":")
		b, _, _ := strings.Cut(o.Text, ":")
		return strings.EqualFold(a, b)
	case "jwt":
		return alikeTokens(s, o)
	}
	return true
}

// lettersOf is a for small, A for capital and aA for both kinds of letters.
func lettersOf(s string) string {
	out := ""
	if regexp.MustCompile("[a-z]").MatchString(s) {
		out = "a"
	}
	if regexp.MustCompile("[A-Z]").MatchString(s) {
		out += "A"
	}
	return out
}

// alphabetOf is the alphabet of base64 that a text shows; "" where it has none of the four signs.
func alphabetOf(base64 string) string {
	if sign := regexp.MustCompile("[-_+/]").FindString(base64); sign != "" {
		return map[string]string{"-": "url", "_": "url", "+": "standard", "/": "standard"}[sign]
	}
	return ""
}

// paddingOf is whether base64 is padded; "" where its length needs no padding.
func paddingOf(base64 string) string {
	switch {
	case base64[len(base64)-1] == '=':
		return "padded"
	case len(base64)%4 > 0:
		return "bare"
	}
	return ""
}

// alikeTokens holds against each other what no two good tokens of one service differ
// in: the names and types of header fields and claims, the algorithm, truth values
// and short texts. It accepts whatever the engine accepts.
func alikeTokens(s, o shaped) bool {
	var members [2][2]map[string]any
	for i, t := range []shaped{s, o} {
		for part := range 2 {
			raw, err := base64.RawURLEncoding.DecodeString(strings.Split(t.Text, ".")[part])
			if err != nil || json.Unmarshal(raw, &members[i][part]) != nil {
				return part == 1 // the engine compares no other payload
			}
		}
	}
	for part := range 2 {
		if !alikeMembers(members[0][part], members[1][part]) {
			return false
		}
	}
	return true
}

// alikeMembers compares the decoded headers of two tokens, or their claims.
func alikeMembers(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for name, x := range a {
		y, ok := b[name]
		if !ok || fmt.Sprintf("%T", x) != fmt.Sprintf("%T", y) {
			return false
		}
		switch name {
		case "alg", "typ", "role", "scope":
			if text, ok := x.(string); ok && len(text) < 16 && text != y {
				return false
			}
		}
		if truth, ok := x.(bool); ok && truth != y {
			return false
		}
	}
	return true
}

var hexText = regexp.MustCompile(`^[0-9a-fA-F]+$`)

// fits reports whether the text has the format, by regular expressions and the standard library.
func (s shaped) fits() bool {
	t := s.Text
	switch s.Format {
	case "regex":
		return len(t) <= 64<<10 && pattern(`\A(?:`+s.Pattern+`)\z`).MatchString(t)
	case "uuid":
		return regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString(t)
	case "ulid":
		return regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$`).MatchString(t)
	case "date-time":
		_, err := time.Parse(time.RFC3339Nano, strings.ToUpper(t))
		return err == nil && len(t) <= 64
	case "hex":
		return hexText.MatchString(t)
	case "base64":
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			if _, err := e.DecodeString(t); err == nil && t != "" {
				return true
			}
		}
	case "jwt":
		return jwt(t)
	case "url":
		u, err := url.Parse(t)
		return err == nil && u.Scheme != "" && u.Host != ""
	case "ipv4":
		ip, err := netip.ParseAddr(t)
		return err == nil && ip.Is4()
	}
	return false
}

// jwt reports whether s has the three parts of a token and a header that is an object.
func jwt(s string) bool {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return false
	}
	head, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || len(head) == 0 || head[0] != '{' {
		return false
	}
	for _, p := range parts[1:] {
		if _, err := base64.RawURLEncoding.DecodeString(p); err != nil {
			return false
		}
	}
	return true
}

// pattern compiles a regular expression that diff.Compile has accepted.
func pattern(s string) *regexp.Regexp { return regexp.MustCompile(s) }

// staged is a text as sent and after each step of its rules: two are equal when
// they agree after the same step.
type staged []string

// Equal is what cmp.Equal asks.
func (s staged) Equal(o staged) bool {
	for i := range min(len(s), len(o)) {
		if s[i] == o[i] {
			return true
		}
	}
	return false
}
