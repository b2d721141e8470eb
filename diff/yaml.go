package diff

import (
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
)

// A ruleParam is a key that says more of what a rule does. Validation and
// writing know the keys from here; yaml gives the value as a file writes it,
// "" where the rule does not have the key.
type ruleParam struct {
	name string
	yaml func(r *Rule) string
}

// ruleParams are the parameters of rules, in the order in which they are written.
var ruleParams = []ruleParam{
	{"headers", func(r *Rule) string { return yamlList(r.Headers) }},
	{"by", func(r *Rule) string {
		if len(r.By) == 1 {
			return yamlText(r.By[0])
		}
		return yamlList(r.By)
	}},
	{"kind", func(r *Rule) string { return yamlText(r.Kind) }},
	{"max", func(r *Rule) string {
		if r.Max == (Bound{}) {
			return ""
		}
		return r.Max.String()
	}},
	{"is", func(r *Rule) string { return yamlText(r.Is) }},
	{"notation", func(r *Rule) string { return yamlText(r.Notation) }},
	{"pattern", func(r *Rule) string {
		if r.Pattern == "" {
			return ""
		}
		return quoteYAML(r.Pattern)
	}},
	{"abs", func(r *Rule) string { return yamlNumber(r.Abs) }},
	{"rel", func(r *Rule) string { return yamlNumber(r.Rel) }},
	{"within", func(r *Rule) string {
		if r.Within == 0 {
			return ""
		}
		return r.Within.String()
	}},
	{"blue", func(r *Rule) string { return yamlText(r.BlueText) }},
	{"green", func(r *Rule) string { return yamlText(r.GreenText) }},
	{"as", func(r *Rule) string {
		if r.As != "" {
			return yamlText(r.As)
		}
		return yamlList(r.AsList)
	}},
	{"allow", func(r *Rule) string {
		if !r.Allow {
			return ""
		}
		return "true"
	}},
}

// SameRule reports whether two rules do the same to the same place, whatever
// their reasons, tickets and dates.
func SameRule(a, b *Rule) bool {
	bare := func(r Rule) string {
		r.Header, r.Why, r.Ticket, r.Until = strings.ToLower(r.Header), "", "", time.Time{}
		return RuleYAML(r)
	}
	return bare(*a) == bare(*b)
}

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
	if r.At != "" {
		put("at", quoteYAML(r.At))
	}
	put("header", yamlText(r.Header))
	put("headers", yamlList(r.Headers)) // a place, though a parameter of only
	put("where", yamlText(r.Where))
	put("do", yamlText(string(r.Do)))
	for _, p := range ruleParams {
		if p.name != "headers" {
			put(p.name, p.yaml(&r))
		}
	}
	put("why", yamlText(r.Why))
	put("ticket", yamlText(r.Ticket))
	if !r.Until.IsZero() {
		put("until", r.Until.Format(time.DateOnly))
	}
	return b.String() + "}"
}

// yamlText is a scalar as a file writes it; "" for an empty one.
func yamlText(s string) string {
	if s == "" {
		return ""
	}
	return yamlString(s)
}

// yamlList is a list between brackets; "" for an empty one.
func yamlList(list []string) string {
	if len(list) == 0 {
		return ""
	}
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = yamlString(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// yamlNumber is the shortest text of a number; "" where there is none.
func yamlNumber(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'g', -1, 64)
}

// yamlString writes a scalar plain where YAML reads it back as the same
// string, else quoted.
func yamlString(s string) string {
	plain := s != ""
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		inner := c == '-' || c == '.' || c == ' ' && i < len(s)-1 || c >= '0' && c <= '9' // not at the beginning
		plain = c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && inner
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
func quoteYAML(s string) string { return text.Quote(s) }

// PlaceholderWhy is the reason that a proposed rule has, and PlaceholderUntil its
// date: whoever pastes it replaces both, for the proposal knows neither.
const PlaceholderWhy = "say why this may differ"

// PlaceholderUntil is the date of a proposed allow rule; see PlaceholderWhy.
var PlaceholderUntil = time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
