package diff

import (
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff/literal"
)

// RuleYAML writes a rule as one line of a `rules:` list, ready to paste:
// - {at: "$..price", do: tolerance, rel: 0.01}.
func RuleYAML(r Rule) string {
	var b strings.Builder
	sep := "- {"
	put := func(key, value string) {
		if value != "" {
			b.WriteString(sep + key + ": " + value)
			sep = ", "
		}
	}
	text := func(key, value string) {
		if value != "" {
			put(key, yamlString(value))
		}
	}
	list := func(key string, values []string) {
		if len(values) == 1 && key == "by" {
			text(key, values[0])
			return
		}
		quoted := make([]string, len(values))
		for i, v := range values {
			quoted[i] = yamlString(v)
		}
		if len(values) > 0 {
			put(key, "["+strings.Join(quoted, ", ")+"]")
		}
	}
	number := func(key string, f *float64) {
		if f != nil {
			put(key, strconv.FormatFloat(*f, 'g', -1, 64))
		}
	}
	if r.At != "" {
		put("at", quoteYAML(r.At))
	}
	text("header", r.Header)
	list("headers", r.Headers)
	text("where", r.Where)
	text("do", string(r.Do))
	list("by", r.By)
	text("kind", r.Kind)
	if r.Max != (Bound{}) {
		put("max", r.Max.String())
	}
	text("is", r.Is)
	text("notation", r.Notation)
	if r.Pattern != "" {
		put("pattern", quoteYAML(r.Pattern))
	}
	number("abs", r.Abs)
	number("rel", r.Rel)
	if r.Within > 0 {
		put("within", r.Within.String())
	}
	text("blue", r.BlueText)
	text("green", r.GreenText)
	text("as", r.As)
	list("as", r.AsList)
	if r.Allow {
		put("allow", "true")
	}
	text("why", r.Why)
	text("ticket", r.Ticket)
	if !r.Until.IsZero() {
		put("until", r.Until.Format(time.DateOnly))
	}
	return b.String() + "}"
}

// yamlString writes a scalar plain where YAML reads it back as the same
// string, else quoted.
func yamlString(s string) string {
	plain := s != ""
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		plain = c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && (c == '-' || c == '.' || c == ' ' && i < len(s)-1 || c >= '0' && c <= '9')
	}
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		plain = false
	}
	if plain {
		return s
	}
	return quoteYAML(s)
}

// quoteYAML writes a double-quoted scalar; JSON's strings are YAML's too.
func quoteYAML(s string) string { return string(literal.Quote(s)) }

// PlaceholderWhy is the reason that a proposed rule has, and PlaceholderUntil its
// date: whoever pastes it replaces both, for the proposal knows neither.
const PlaceholderWhy = "say why this may differ"

// PlaceholderUntil is the date of a proposed allow rule; see PlaceholderWhy.
var PlaceholderUntil = time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
