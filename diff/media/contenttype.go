package media

import (
	"slices"
	"strings"
)

// A contentType is a Content-Type as it means: names in lower case, parameters
// without quotes.
type contentType struct {
	typ    string
	params [][2]string
}

// parseContentType reads what the field sends, malformed parameters included:
// a value that is not understood must not hide the charset.
func parseContentType(s string) contentType {
	typ, rest, _ := strings.Cut(s, ";")
	c := contentType{typ: strings.ToLower(strings.Trim(typ, " \t"))}
	for rest != "" {
		var p string
		p, rest = cutParameter(rest)
		name, value, _ := strings.Cut(p, "=")
		name, value = strings.ToLower(strings.Trim(name, " \t")), strings.Trim(value, " \t")
		// A semicolon with nothing after it says nothing.
		if name == "" && value == "" {
			continue
		}
		if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
			value = unquote(value[1 : len(value)-1])
		}
		c.params = append(c.params, [2]string{name, value})
	}
	return c
}

// cutParameter cuts at the next semicolon that is not in quotes.
func cutParameter(s string) (first, rest string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case quoted && s[i] == '\\':
			i++
		case s[i] == ';' && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// unquote undoes the escapes of a quoted string (RFC 9110 section 5.6.4): a backslash comes before
// the character that is meant.
func unquote(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// param is the first value of a parameter; browsers do not look at others.
func (c *contentType) param(name string) string {
	for _, p := range c.params {
		if p[0] == name {
			return p[1]
		}
	}
	return ""
}

// SameContentType reports whether two values of Content-Type mean the same (RFC
// 9110 section 8.3.1): type, names and charset without letter case, parameters
// in any order and spacing, quoted or not. The boundary of a multipart body is
// made up for each answer and not compared.
func SameContentType(a, b string) bool {
	if a == b {
		return true
	}
	return slices.Equal(parseContentType(a).meaning(), parseContentType(b).meaning())
}

// meaning is what two values of one meaning share: the sorted parameters, then the type. It is only
// compared, and never shown.
func (c contentType) meaning() []string {
	out := make([]string, 0, 1+len(c.params))
	for _, p := range c.params {
		switch {
		case p[0] == "charset":
			p[1] = strings.ToLower(p[1])
		case p[0] == "boundary" && strings.HasPrefix(c.typ, "multipart/"):
			p[1] = ""
		}
		out = append(out, p[0]+"="+p[1])
	}
	slices.Sort(out)
	return append(out, c.typ)
}
