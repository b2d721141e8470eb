package template

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var durationPart = regexp.MustCompile(`^([0-9]+)d`)

// ParseDuration reads Go's durations and days: 1d, 1d12h, -1h.
func ParseDuration(s string) (time.Duration, error) {
	rest, negative := strings.CutPrefix(s, "-")
	var days time.Duration
	if m := durationPart.FindStringSubmatch(rest); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil || n > 100_000 {
			return 0, fmt.Errorf("invalid duration %q", s)
		}
		days, rest = time.Duration(n)*24*time.Hour, rest[len(m[0]):]
	}
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

// IsNumber reports whether text is a number by JSON's grammar.
func IsNumber(s string) bool { return jsonNumber.MatchString(s) }

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
