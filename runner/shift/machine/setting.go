package machine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Setting is what decides where traffic goes, but for the weights of blue and green: other
// weighted things, addresses, the TTL, health checks. Keys name a fact as messages do ("TTL of
// set-blue"), values are texts. It is never changed once it is made.
type Setting map[string]string

// Bounds of what a message repeats of a Setting.
const (
	mostChanges = 3
	mostValue   = 80 // bytes
)

// changes says how a later setting differs; empty: it does not.
func (s Setting) changes(now Setting) string {
	names := slices.Sorted(maps.Keys(s))
	for name := range now {
		if _, known := s[name]; !known {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out []string
	for _, name := range names {
		was, had := s[name]
		is, has := now[name]
		switch {
		case !had:
			out = append(out, fmt.Sprintf("%s is new (%s)", name, shortened(is)))
		case !has:
			out = append(out, name+" is gone")
		case was != is:
			out = append(out, fmt.Sprintf("%s is now %s, it was %s", name, shortened(is), shortened(was)))
		}
	}
	if more := len(out) - mostChanges; more > 0 {
		out = append(out[:mostChanges], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, "; ")
}

func shortened(s string) string {
	if len(s) <= mostValue {
		return s
	}
	return strings.ToValidUTF8(s[:mostValue], "") + "…"
}

// survey compares what a read found with the setting at the start. Rule 11.
func (t *turn) survey(e Event) {
	if e.Kind != Read || e.Failed != "" {
		return
	}
	if !t.surveyed {
		t.setting, t.surveyed = e.Setting, true
	}
	t.changed = t.setting.changes(e.Setting)
}

// strange is the reason of a pause for what has changed.
func (t *turn) strange() string {
	return "something else has changed since the walk began: " + t.changed
}
