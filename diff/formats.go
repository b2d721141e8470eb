package diff

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxRegexpInput bounds the strings that a pattern is tried on.
const maxRegexpInput = 64 << 10

// formats are the shapes that a format rule knows, besides regex.
var formats = map[string]func(string) bool{
	"uuid":      isUUID,
	"ulid":      isULID,
	"date-time": func(s string) bool { _, ok := parseRFC3339(s); return ok },
	"jwt":       isJWT,
	"hex":       isHex,
	"base64":    isBase64,
	"url":       isURL,
	"ipv4":      isIPv4,
}

// MatchFormat reports whether text has a named format, and whether the name is
// known: the predicate behind `do: format`, without regex.
func MatchFormat(name, text string) (ok, known bool) {
	f := formats[name]
	return f != nil && f(text), f != nil
}

// Formats are the names that MatchFormat knows, sorted.
func Formats() []string {
	names := make([]string, 0, len(formats))
	for n := range formats {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func formatNames() []string {
	names := append(Formats(), "regex")
	slices.Sort(names)
	return names
}

func isHexByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if !isHexByte(s[i]) {
			return false
		}
	}
	return true
}

// isULID: 26 characters of Crockford's base 32, the first at most 7.
func isULID(s string) bool {
	if len(s) != 26 || s[0] > '7' {
		return false
	}
	return strings.Trim(strings.ToUpper(s), "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == ""
}

func isHex(s string) bool {
	for i := range len(s) {
		if !isHexByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isBase64(s string) bool {
	if s == "" {
		return false
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if _, err := e.DecodeString(s); err == nil {
			return true
		}
	}
	return false
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != ""
}

func isIPv4(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

// normalisers are what a string rule does to both sides before comparing.
var normalisers = map[string]func(string) string{
	"nfc":  norm.NFC.String,
	"fold": func(s string) string { return cases.Fold().String(s) },
	"trim": strings.TrimSpace,
}

// A stamp is a moment and the notation it was written in. Moments in different
// notations are never equal: the contract changed.
type stamp struct {
	at       time.Time
	notation string
}

// ParseTime reads a text as a time rule does, and names its notation: times of two
// notations are never equal. A JSON number is given as it is written.
func ParseTime(text string) (at time.Time, notation string, ok bool) {
	s, ok := parseStamp(text)
	return s.at, s.notation, ok
}

// parseStamp reads RFC 3339, a date and time without a zone, an HTTP date,
// yyyymmddhhmmss, and epoch seconds to nanoseconds, as text or as a number.
func parseStamp(s string) (stamp, bool) {
	if t, ok := parseRFC3339(s); ok {
		return stamp{t, "rfc3339"}, true
	}
	for _, l := range stampLayouts {
		if len(s) > 64 {
			break
		}
		if t, err := time.Parse(l.layout, s); err == nil {
			return stamp{t, l.name}, true
		}
	}
	return parseEpoch(s)
}

var stampLayouts = []struct{ layout, name string }{
	{"2006-01-02T15:04:05.999999999", "local"},
	{"2006-01-02 15:04:05.999999999", "local"},
	{"2006-01-02 15:04:05.999999999Z07:00", "rfc3339"},
	{"2006-01-02T15:04:05.999999999Z0700", "basic zone"},
	{"20060102150405", "compact"},
	{time.RFC1123, "http"},
	{time.RFC1123Z, "rfc1123z"},
	{time.RFC850, "rfc850"},
	{time.ANSIC, "asctime"},
}

func parseRFC3339(s string) (time.Time, bool) {
	if len(s) < 20 || len(s) > 64 || s[10]|0x20 != 't' {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
	return t, err == nil
}

// parseEpoch reads seconds (up to 11 digits), milli-, micro- and nanoseconds.
func parseEpoch(s string) (stamp, bool) {
	whole, frac, dotted := strings.Cut(s, ".")
	if len(whole) < 9 || len(whole) > 19 || whole[0] == '-' {
		return stamp{}, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || dotted && (frac == "" || len(frac) > 9) {
		return stamp{}, false
	}
	units := []struct {
		digits int
		unit   time.Duration
		name   string
	}{{11, time.Second, "epoch s"}, {14, time.Millisecond, "epoch ms"}, {17, time.Microsecond, "epoch us"}, {19, time.Nanosecond, "epoch ns"}}
	for _, u := range units {
		if len(whole) > u.digits {
			continue
		}
		per := int64(time.Second / u.unit)
		t := time.Unix(n/per, n%per*int64(u.unit))
		if dotted {
			f, err := strconv.ParseFloat("0."+frac, 64)
			if err != nil {
				return stamp{}, false
			}
			t = t.Add(time.Duration(f * float64(u.unit)))
		}
		return stamp{t, u.name}, true
	}
	return stamp{}, false
}

// sameTime reports whether two texts are moments in one notation, at most d apart.
func sameTime(blue, green string, d time.Duration) bool {
	b, ok := parseStamp(blue)
	if !ok {
		return false
	}
	g, ok := parseStamp(green)
	if !ok || b.notation != g.notation {
		return false
	}
	gap := g.at.Sub(b.at)
	return gap <= d && gap >= -d
}

func parseFloat(text []byte) (float64, error) { return strconv.ParseFloat(string(text), 64) }
