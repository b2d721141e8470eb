package path

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		path   string
		offset int
		msg    string
	}{
		{"a.b", 0, "begins with $"},
		{"$.a-b", 3, "in a name"},
		{"$[", 1, "[ without ]"},
		{"$.1a", 2, "digit"},
		{"$[01]", 2, "leading zero"},
		{"$['a]", 2, "not closed"},
		{"$[?@.a]", 6, "only == is known"},
		{"$[?@.a>1]", 6, "only == is known"},
		{"$..", 3, "a name is missing"},
		{"$ ", 1, "white space"},
		{"$.a**b", 2, "two *"},
		{"$[?length(@)==1]", 3, "compares a member"},
		{"$['\\ud800']", 3, "broken"},
		{"$[1", 1, "[ without ]"},
		{"$.", 2, "missing"},
		{"$[?@.a==01]", 8, "not a number"},
		{"\xff", 0, "not UTF-8"},
	} {
		_, err := Parse(tt.path)
		pe, ok := err.(*Error)
		if !ok || pe.Offset != tt.offset || !strings.Contains(pe.Msg, tt.msg) {
			t.Errorf("Parse(%q) = %v, want %d: …%s…", tt.path, err, tt.offset, tt.msg)
		}
	}
	for text, single := range map[string]bool{"$": true, "$.a[0]['b']": true, "$.a[-1]": true, "$..a": false, "$.*": false, "$[1:2]": false, "$['a','b']": false, "$.a*": false, "$[?@.id=='x']": false} {
		p, err := Parse(text)
		if err != nil || p.Single() != single || p.String() != text {
			t.Errorf("Parse(%q): single %v, text %q, %v", text, p.Single(), p, err)
		}
	}
}
