package archive

import (
	"net/netip"
	"regexp"
	"strings"
	"time"
)

// formats are the formats that rules name (format: is), each as a test on the
// text that a secret had before it was replaced.
var formats = []struct {
	name string
	is   func(string) bool
}{
	{"uuid", regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString},
	{"ulid", regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$`).MatchString},
	{"date-time", func(s string) bool { _, err := time.Parse(time.RFC3339Nano, s); return err == nil }},
	{"jwt", regexp.MustCompile(`^[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]*$`).MatchString},
	{"hex", regexp.MustCompile(`^[0-9a-fA-F]+$`).MatchString},
	{"base64", func(s string) bool { return len(s)%4 == 0 && base64Text.MatchString(s) }},
	{"url", func(s string) bool { return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") }},
	{"ipv4", func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() }},
}

var base64Text = regexp.MustCompile(`^[A-Za-z0-9+/]+={0,2}$`)

// formatsOf lists the formats that s has.
func formatsOf(s string) []string {
	if len(s) > 64<<10 {
		return nil
	}
	var names []string
	for _, f := range formats {
		if f.is(s) {
			names = append(names, f.name)
		}
	}
	return names
}
