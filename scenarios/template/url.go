package template

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/scenarios/problem"
)

// Characters that are not percent-encoded, besides letters, digits and -_.~: the
// sub-delims of RFC 3986 without those that structure the part of a URL.
const (
	segmentExtra = "!$&'()*+,;=:@"
	QueryExtra   = "!$'()*,:@/?"
	// QueryValueExtra holds for values: after the first = another one is text.
	QueryValueExtra = QueryExtra + "="
	urlExtra        = "!$&'()*+,;=:@/?[]%#"
)

// PercentEncode encodes every byte but letters, digits, -_.~ and those of extra.
func PercentEncode(s, extra string) string {
	// Upper case, as RFC 3986 wants it.
	const digits = "0123456789ABCDEF"
	plain := func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.~",
			c) >= 0 || strings.IndexByte(extra, c) >= 0
	}
	// Text that needs no escape is returned without a copy.
	i := 0
	for i < len(s) && plain(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	b := make([]byte, i, len(s)+16)
	copy(b, s)
	for ; i < len(s); i++ {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}

// ExpandURL expands a URL template: text of the file is encoded only where a URL
// may not hold it (Korean, spaces), values are encoded as a path segment or a
// query value, and a value at the start is its own URL.
func (t *Template) ExpandURL(scope Scope) (string, error) {
	var b strings.Builder
	for i := range t.Parts {
		if t.Parts[i].Name == "" {
			b.WriteString(PercentEncode(t.Parts[i].Literal, urlExtra))
			continue
		}
		v, err := t.expandPart(i, scope)
		if err != nil {
			return "", err
		}
		// What is before the value says in which part of the URL it is.
		before := b.String()
		switch {
		// The value begins the URL, and is one.
		case i == 0:
			err = wholeURL(v.Text)
			b.WriteString(PercentEncode(v.Text, urlExtra))
		// A value of the query; an & in it is encoded.
		case strings.Contains(before, "?"):
			extra := QueryExtra
			if strings.Contains(before[strings.LastIndexAny(before, "?&")+1:], "=") {
				extra = QueryValueExtra
			}
			b.WriteString(PercentEncode(v.Text, extra))
		default:
			err = pathSegment(before, v.Text, t.after(i))
			b.WriteString(PercentEncode(v.Text, segmentExtra))
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", t.placeholder(i), err)
		}
	}
	// A fragment is never sent, wherever it came from.
	url := b.String()
	if n := strings.IndexByte(url, '#'); n >= 0 {
		url = url[:n]
	}
	return url, nil
}

// after is the literal text that follows a part.
func (t *Template) after(i int) string {
	if i+1 < len(t.Parts) && t.Parts[i+1].Name == "" {
		return t.Parts[i+1].Literal
	}
	return ""
}

// wholeURL checks a value that stands for a URL or the beginning of one.
func wholeURL(v string) error {
	if v == "" {
		return errors.New("the value is empty")
	}
	// Spaces and controls would end the request line.
	for _, r := range v {
		if r <= ' ' || r == 0x7f || r == '\\' {
			return fmt.Errorf("%q is not a URL", problem.Cut(v, 60))
		}
	}
	return nil
}

// pathSegment refuses values that would change which segments the path has: an
// empty segment, or one of dots.
func pathSegment(before, v, after string) error {
	// alone: the value is the whole segment, so that its text decides what the path is.
	alone := strings.HasSuffix(before, "/") && (after == "" || strings.IndexByte("/?#", after[0]) >= 0)
	switch {
	case alone && v == "":
		return errors.New("the value is empty, the path would lose a segment")
	case alone && (v == "." || v == ".."):
		return fmt.Errorf("the value %q is not a path segment", v)
	}
	return nil
}
