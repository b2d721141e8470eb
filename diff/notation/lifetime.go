package notation

import (
	"strings"
	"time"
)

// What two sides say of a lifetime is never the same to the second.
const (
	lifetimeNear = 5 * time.Second // apart whatever the lifetime
	lifetimePart = 10              // or that part of blue's lifetime
	// LifetimeSlip is how far apart two moments may be while both are still valid.
	LifetimeSlip = time.Minute
)

// SameLifetime reports whether two moments of expiry mean the same to a client that
// got them at these times:
//
//  1. Lifetimes at most lifetimeNear apart are the same.
//  2. What has expired is never the same as what has not.
//  3. Two that have expired are the same, whenever that was.
//  4. Else lifetimes are at most LifetimeSlip or a tenth of blue's apart.
//
// When one of the times is not known, the moments are at most LifetimeSlip apart.
func SameLifetime(blue, green time.Time, at [2]time.Time) bool {
	if at[0].IsZero() || at[1].IsZero() {
		return blue.Sub(green).Abs() <= LifetimeSlip
	}
	b, g := blue.Sub(at[0]), green.Sub(at[1])
	gap := (b - g).Abs()
	switch {
	case gap <= lifetimeNear: // Rule 1
		return true
	case (b > 0) != (g > 0): // Rule 2
		return false
	case b <= 0: // Rule 3
		return true
	}
	return gap <= max(LifetimeSlip, b/lifetimePart) // Rule 4
}

// SameExpiry is SameLifetime of two HTTP dates, of an Expires header or attribute.
// It is false where one of them is not a date: it is then compared as text.
func SameExpiry(blue, green string, at [2]time.Time) bool {
	b, ok := parseHTTPDate(blue)
	if !ok {
		return false
	}
	g, ok := parseHTTPDate(green)
	return ok && SameLifetime(b, g, at)
}

// httpDates are the forms of RFC 9110 section 5.6.7, and those that cookies have had
// since Netscape.
var httpDates = []string{
	time.RFC1123, time.RFC850, time.ANSIC,
	"Mon, 02-Jan-2006 15:04:05 MST", "Mon, 02-Jan-06 15:04:05 MST", "Mon, 2 Jan 2006 15:04:05 MST", "Monday, 02-Jan-2006 15:04:05 MST",
}

// parseHTTPDate reads a date in one of httpDates. Servers put blanks around it.
func parseHTTPDate(s string) (time.Time, bool) {
	if s = strings.TrimSpace(s); len(s) > 64 {
		return time.Time{}, false
	}
	for _, layout := range httpDates {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
