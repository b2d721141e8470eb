package notation

import (
	"encoding/base64"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// formats are the named formats.
var formats = map[string]func(string) bool{
	"uuid":      IsUUID,
	"ulid":      IsULID,
	"date-time": func(s string) bool { _, ok := parseRFC3339(s); return ok },
	"jwt":       IsJWT,
	"hex":       IsHex,
	"base64":    isBase64,
	"url":       isURL,
	"ipv4":      isIPv4,
}

// Match reports whether text has a named format, and whether the name is known: the
// test of `do: format`, but for regex, which is not a named format.
func Match(name, text string) (ok, known bool) {
	f := formats[name]
	return f != nil && f(text), f != nil
}

// Format is the test for a named format; nil when the name is unknown.
func Format(name string) func(text string) bool { return formats[name] }

// Formats are the names of the formats, sorted.
func Formats() []string { return slices.Sorted(maps.Keys(formats)) }

// isHexByte reports whether c is a hexadecimal digit of either case.
func isHexByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// IsHostByte reports whether c is a letter, digit, - or _, of which host names are made
// between their dots.
func IsHostByte(c byte) bool {
	return c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// IsUUID reports whether s is a UUID in its usual form: 8-4-4-4-12 hexadecimal digits.
func IsUUID(s string) bool {
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

// IsULID reports whether s is a ULID: 26 characters of Crockford's base 32, the first at most 7.
func IsULID(s string) bool {
	if len(s) != 26 || s[0] > '7' {
		return false
	}
	return strings.Trim(strings.ToUpper(s), "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == ""
}

// IsHex reports whether s is hexadecimal digits and nothing else.
func IsHex(s string) bool {
	for i := range len(s) {
		if !isHexByte(s[i]) {
			return false
		}
	}
	return s != ""
}

// isBase64 reports whether s is base64 (RFC 4648) of either alphabet, padded or not. Short words are too,
// which is why no rule proposes this format.
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

// isURL reports whether s is an absolute URL with a host.
func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != ""
}

// isIPv4 reports whether s is an IPv4 address in its usual form, without leading zeros.
func isIPv4(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is4()
}

// IsNone reports whether a text of a named format is one that programs give where they have no
// value:
//
//   - all bits 0 or all bits 1: a uuid, a ulid, eight characters of hex or base64 and more
//   - the addresses 0.0.0.0 and 255.255.255.255, and those of the machine itself
//   - a url with such an address, or with a word for nothing, in the place of its host
//   - the beginning of the year 1 or of 1970, and the year 9999, in a time
//
// The text has to have the format.
func IsNone(name, text string) bool {
	isOnly := func(digits string) bool { return len(text) >= 8 && strings.Trim(text, digits) == "" }
	switch name {
	case "uuid", "hex":
		return isOnly("0-") || isOnly("fF-")
	case "ulid":
		return isOnly("0") || strings.EqualFold(text, "7"+strings.Repeat("Z", 25))
	case "base64":
		return isOnly("A=") || isOnly("/_=")
	case "ipv4":
		a, err := netip.ParseAddr(text)
		return err == nil && (a.IsUnspecified() || a.IsLoopback() || text == "255.255.255.255")
	case "url":
		u, err := url.Parse(text)
		return err == nil && (IsWordForNone(u.Hostname()) || u.Hostname() == "localhost" || IsNone("ipv4", u.Hostname()))
	case "date-time":
		s, ok := ParseStamp(text)
		return ok && (s.At.IsZero() || s.At.Equal(time.Unix(0, 0)) || s.At.Year() == 9999)
	}
	return false
}

// Nowhere is what the archive calls the format of a hidden url that IsNone: two of them are the
// same under a rule, and neither is the same as another url.
const Nowhere = "url-none"

// IsWordForNone reports whether a text is what languages write for a value that is not there.
func IsWordForNone(text string) bool {
	return slices.Contains([]string{"null", "nil", "none", "undefined", "nan"}, strings.ToLower(text))
}

// Normaliser is a function that brings texts of one meaning to one form: nfc (Unicode's
// composed form), fold (without letter case) or trim (without white space at the ends).
// It is nil when the name is unknown.
func Normaliser(name string) func(text string) string { return normalisers[name] }

// Normalisers are the words of normalisers, in the order of the documentation.
func Normalisers() []string { return []string{"nfc", "fold", "trim"} }

// normalisers are by the words that a rule `string` has for them.
var normalisers = map[string]func(string) string{
	"nfc":  norm.NFC.String,
	"fold": func(s string) string { return cases.Fold().String(s) },
	"trim": strings.TrimSpace,
}

// IsJWT reports whether s has the form of a JSON Web Token: three base64url parts, the first of which is a JSON object.
func IsJWT(s string) bool {
	parts := strings.Split(s, ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return false
	}
	for i, p := range parts {
		raw, err := base64.RawURLEncoding.DecodeString(p)
		if err != nil || i == 0 && (len(raw) == 0 || raw[0] != '{') {
			return false
		}
	}
	return true
}
