package template

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/lazy"
)

// durationPart is the part of a duration that Go does not read.
var durationPart = lazy.Regexp(`^([0-9]+)d`)

// ParseDuration reads Go's durations and days: 1d, 1d12h, -1h. A day is 24 hours. Signs
// inside and more than 100,000 days are errors.
func ParseDuration(s string) (time.Duration, error) {
	// The sign counts for days and the rest together.
	rest, negative := strings.CutPrefix(s, "-")
	var days time.Duration
	if m := durationPart().FindStringSubmatch(rest); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil || n > 100_000 {
			return 0, fmt.Errorf("invalid duration %q", s)
		}
		days, rest = time.Duration(n)*24*time.Hour, rest[len(m[0]):]
	}
	// What follows the days is Go's own, without a second sign.
	d := days
	if rest != "" || days == 0 {
		x, err := time.ParseDuration(rest)
		if err != nil || strings.ContainsAny(rest, "+-") || rest == "0" && days != 0 {
			return 0, fmt.Errorf("invalid duration %q", s)
		}
		d += x
	}
	if negative {
		d = -d
	}
	return d, nil
}

// IsNumber reports whether text is a number by JSON's grammar: neither +1, 01, 0x1 nor NaN.
func IsNumber(s string) bool { return jsonNumber().MatchString(s) }

// jsonNumber is the grammar of RFC 8259.
var jsonNumber = lazy.Regexp(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
