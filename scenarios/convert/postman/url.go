package postman

import (
	"iter"
	"net/url"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

// placeholderEnd is the index after the }} of a placeholder that begins at i,
// or -1. Postman's names hold neither { nor }.
func placeholderEnd(s string, i int) int {
	if !strings.HasPrefix(s[i:], "{{") {
		return -1
	}
	end := strings.IndexAny(s[i+2:], "{}")
	if end < 0 || !strings.HasPrefix(s[i+2+end:], "}}") {
		return -1
	}
	return i + 2 + end + 2
}

// pieces cuts a text into what is outside placeholders, which may be empty, and the
// placeholder that follows it; the last has none.
func pieces(text string) iter.Seq2[string, string] {
	return func(yield func(before, placeholder string) bool) {
		start := 0
		for i := 0; i < len(text); i++ {
			end := placeholderEnd(text, i)
			if end < 0 {
				continue
			}
			if !yield(text[start:i], text[i:end]) {
				return
			}
			i, start = end-1, end
		}
		yield(text[start:], "")
	}
}

// nameIn is the name between the braces of a placeholder.
func nameIn(placeholder string) string { return strings.TrimSpace(placeholder[2 : len(placeholder)-2]) }

// isPlaceholder reports whether a text is one placeholder and nothing else.
func isPlaceholder(text string) bool { return text != "" && placeholderEnd(text, 0) == len(text) }

// namesOf are the names in a text of Postman's.
func namesOf(text string) []string {
	var out []string
	for _, placeholder := range pieces(text) {
		if placeholder != "" && nameIn(placeholder) != "" {
			out = model.AppendOnce(out, nameIn(placeholder))
		}
	}
	return out
}

// outside is a text without its placeholders.
func outside(text string) string {
	var b strings.Builder
	for before := range pieces(text) {
		b.WriteString(before)
	}
	return b.String()
}

// indexOutside is the first of chars in s from i that is outside placeholders, or -1.
func indexOutside(s string, i int, chars string) int {
	at := i
	for before, placeholder := range pieces(s[i:]) {
		if n := strings.IndexAny(before, chars); n >= 0 {
			return at + n
		}
		at += len(before) + len(placeholder)
	}
	return -1
}

// parseURL cuts an address written as text.
func parseURL(text string) pmURL {
	text, _, _ = cutOutside(strings.TrimSpace(text), "#")
	raw, query, _ := cutOutside(text, "?")
	u := pmURL{query: queryFields(query)}
	u.raw, u.user = dropUser(raw)
	return u
}

// dropUser takes user:password@ out of an address.
func dropUser(raw string) (string, bool) {
	origin, rest := splitOrigin(raw)
	at := strings.LastIndexByte(origin, '@')
	if at < 0 {
		return raw, false
	}
	scheme := ""
	if i := strings.Index(origin, "://"); i >= 0 && i < at {
		scheme = origin[:i+3]
	}
	return scheme + origin[at+1:] + rest, true
}

// queryFields cuts a=1&b&c=.
func queryFields(text string) []pmField {
	var out []pmField
	for text != "" {
		one, rest, _ := cutOutside(text, "&")
		if name, value, found := cutOutside(one, "="); one != "" {
			out = append(out, pmField{key: name, value: value, novalue: !found})
		}
		text = rest
	}
	return out
}

// cutOutside cuts a text at the first sep that is outside placeholders.
func cutOutside(text, sep string) (before, after string, found bool) {
	if i := indexOutside(text, 0, sep); i >= 0 {
		return text[:i], text[i+len(sep):], true
	}
	return text, "", false
}

// url reads an address: text, or its parts. Postman sends the parts; raw counts
// where there are none.
func (r *v2Reader) url(v *source.Value, path string) pmURL {
	switch {
	case !v.Exists():
		return pmURL{}
	case v.Kind == 's':
		return parseURL(v.Text)
	case v.Kind != 'o':
		r.fail(v, path, "an address must be text or an object, not %s", v.Word())
		return pmURL{}
	}
	u := pmURL{user: v.Get("auth").Exists()}
	host, hasPath := joined(v.Get("host"), "."), v.Get("path").Exists()
	if host == "" && !hasPath {
		u = parseURL(v.Get("raw").Str())
	} else {
		u.raw = host
		if p := v.Get("protocol").Str(); p != "" {
			u.raw = strings.TrimSuffix(strings.TrimSuffix(p, "/"), ":/") + "://" + host
		}
		if port := v.Get("port").Str(); port != "" {
			u.raw += ":" + port
		}
		if hasPath {
			u.raw += "/" + strings.TrimPrefix(joined(v.Get("path"), "/"), "/")
		}
		if i := indexOutside(u.raw, 0, "?#"); i >= 0 { // a part that holds what belongs after it
			more := parseURL(u.raw)
			u.raw, u.query = more.raw, more.query
		}
	}
	if q := v.Get("query"); q.Exists() {
		u.query = nil
		for _, x := range q.List() {
			if x.Kind == 's' {
				u.query = append(u.query, queryFields(x.Text)...)
				continue
			}
			f := field(x)
			f.novalue = !x.Get("value").Exists()
			if f.key == "" && f.novalue {
				continue
			}
			u.query = append(u.query, f)
		}
		if q.Kind == 's' {
			u.query = queryFields(q.Text)
		}
	}
	u.vars = readVars(v.Get("variable"))
	return u
}

// joined is a list of segments as text, or the text itself.
func joined(v *source.Value, sep string) string {
	if v == nil || v.Kind != 'a' {
		return v.Str()
	}
	parts := make([]string, 0, len(v.Items))
	for _, x := range v.Items {
		if x.Kind == 'o' {
			x = x.Get("value")
		}
		parts = append(parts, x.Str())
	}
	return strings.Join(parts, sep)
}

// splitOrigin cuts an address into what names the service and the path after it.
func splitOrigin(raw string) (origin, path string) {
	if i := indexOutside(raw, schemeEnd(raw), "/"); i >= 0 {
		return raw[:i], raw[i:]
	}
	return raw, ""
}

// schemeEnd is the index after ://, or 0.
func schemeEnd(raw string) int {
	i := indexOutside(raw, 0, ":/?#")
	if i >= 0 && strings.HasPrefix(raw[i:], "://") {
		return i + 3
	}
	return 0
}

// decodeQuery takes the percent-encoding off text outside placeholders: the
// language encodes values itself. A + is a space there.
func decodeQuery(text string) string {
	return mapOutside(text, func(s string) string {
		if out, err := url.QueryUnescape(s); err == nil && strings.ToValidUTF8(out, "") == out {
			return out
		}
		return strings.ReplaceAll(s, "+", " ")
	})
}

// mapOutside applies f to the text between placeholders.
func mapOutside(text string, f func(string) string) string {
	var b strings.Builder
	for before, placeholder := range pieces(text) {
		b.WriteString(f(before) + placeholder)
	}
	return b.String()
}
