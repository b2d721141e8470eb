package diff

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

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

func parseFloat(text []byte) (float64, error) { return strconv.ParseFloat(string(text), 64) }
