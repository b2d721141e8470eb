// Package notation recognises what a text means and how it is written: times, ids,
// tokens and the other named formats of rules. A text goes in; its meaning, its notation
// or a yes or no comes out. It compares no documents and knows no rules.
//
// A meaning can be written in several ways, and a client that reads one may fail on
// another: 2026-11-28T09:00:00Z and 2026-11-28 09:00:00Z are one moment in two
// notations.
package notation

import (
	"strconv"
	"strings"
	"time"
)

// A Stamp is a moment and the notation it was written in: the layout, what is
// between date and time, and the zone. The number of digits of a fraction is no
// notation: Java and Go trim zeros.
type Stamp struct {
	At       time.Time
	Notation string
}

// ParseStamp reads RFC 3339, a date and time without a zone, an HTTP date,
// yyyymmddhhmmss, and epoch seconds to nanoseconds, as text or as a number.
func ParseStamp(s string) (Stamp, bool) {
	if t, ok := parseRFC3339(s); ok {
		return Stamp{t, "rfc3339 " + s[10:11] + zoneOf(s)}, true
	}
	for _, l := range stampLayouts {
		if len(s) > 64 {
			break
		}
		if t, err := time.Parse(l.layout, s); err == nil {
			name := l.name
			switch {
			case strings.Contains(l.layout, "MST"), strings.Contains(l.layout, "-0700"):
				name += s[strings.LastIndexByte(s, ' '):]
			case strings.Contains(l.layout, "Z07"):
				name += zoneOf(s)
			}
			return Stamp{t, name}, true
		}
	}
	return parseEpoch(s)
}

// zoneOf is what comes after the time of yyyy-mm-ddThh:mm:ss and its fraction.
func zoneOf(s string) string {
	return strings.TrimLeft(s[len("2006-01-02T15:04:05"):], ".,0123456789")
}

// stampLayouts are tried in their order, after RFC 3339. A layout with a zone has the zone in the name of
// its notation: Z and +09:00 are two notations of one moment.
var stampLayouts = []struct{ layout, name string }{
	{"2006-01-02T15:04:05.999999999", "local T"},
	{"2006-01-02 15:04:05.999999999", "local space"},
	{"2006-01-02 15:04:05.999999999Z07:00", "rfc3339 space"},
	{"2006-01-02T15:04:05.999999999Z0700", "basic zone"},
	{"20060102150405", "compact"},
	{time.RFC1123, "http"},
	{time.RFC1123Z, "rfc1123z"},
	{time.RFC850, "rfc850"},
	{time.ANSIC, "asctime"},
}

// parseRFC3339 reads a time of RFC 3339, whose T and Z may be small letters (section 5.6), which the
// package time does not read.
func parseRFC3339(s string) (time.Time, bool) {
	if len(s) < 20 || len(s) > 64 || s[10]|0x20 != 't' {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
	return t, err == nil
}

// parseEpoch reads seconds (up to 11 digits), milli-, micro- and nanoseconds.
func parseEpoch(s string) (Stamp, bool) {
	whole, frac, dotted := strings.Cut(s, ".")
	if len(whole) < 9 || len(whole) > 19 || whole[0] == '-' {
		return Stamp{}, false
	}
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || dotted && (frac == "" || len(frac) > 9) {
		return Stamp{}, false
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
				return Stamp{}, false
			}
			t = t.Add(time.Duration(f * float64(u.unit)))
		}
		return Stamp{t, u.name}, true
	}
	return Stamp{}, false
}

// Of is in what notation a text of a named format is written; "" for what the
// text does not show, as a uuid without letters does not show the case of letters:
//
//	uuid, ulid, hex  letter case
//	base64           alphabet; padding
//	url              scheme
//	date-time        see Stamp
func Of(format, text string) [2]string {
	switch format {
	case "uuid", "ulid", "hex":
		return [2]string{letterCase(text)}
	case "base64":
		return [2]string{base64Alphabet(text), base64Padding(text)}
	case "url", Nowhere:
		scheme, _, _ := strings.Cut(text, ":")
		return [2]string{strings.ToLower(scheme)}
	case "date-time":
		s, _ := ParseStamp(text)
		return [2]string{s.Notation}
	}
	return [2]string{}
}

// letterCase is what the letters of a text are; empty for a text without any.
func letterCase(text string) string {
	lower, upper := strings.ToUpper(text) != text, strings.ToLower(text) != text
	switch {
	case lower && upper:
		return "mixed case"
	case lower:
		return "lower case"
	case upper:
		return "upper case"
	}
	return ""
}

// base64Alphabet is the alphabet of RFC 4648 that a text shows; empty where it has none of the signs.
func base64Alphabet(text string) string {
	switch {
	case strings.ContainsAny(text, "-_"):
		return "base64url"
	case strings.ContainsAny(text, "+/"):
		return "base64"
	}
	return ""
}

// base64Padding is how the text ends; empty for a length that needs no padding.
func base64Padding(text string) string {
	switch {
	case strings.HasSuffix(text, "="):
		return "padded"
	case len(text)%4 != 0:
		return "not padded"
	}
	return ""
}
