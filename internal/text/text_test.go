package text

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestVisible(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "채널 KBS1 é", "채널 KBS1 é"},
		{"line feed and tab", "a\nb\tc\r", `a\nb\tc\r`},
		{"terminal command of seven bits", "\x1b[31mPASS", `\x1b[31mPASS`},
		{"terminal command of eight bits", "\u009b31mPASS", `\u009b31mPASS`},
		{"delete", "a\x7f", `a\x7f`},
		{"text turned around", "\u202eSSAP\u202c", `\u202eSSAP\u202c`},
		{"isolates", "\u2066a\u2069", `\u2066a\u2069`},
		{"line separators", "a\u2028b\u2029", `a\u2028b\u2029`},
		{"byte order mark", "\ufeffa", `\ufeffa`},
		{"tag characters", "a\U000e0041", `a\U000e0041`},
		{"not UTF-8", "a\xffb", `a\xffb`},
		{"the replacement character itself", "a\ufffdb", "a\ufffdb"},
		{"a replacement character and a control", "\ufffd\n", "\ufffd" + `\n`},
	} {
		if got := Visible(tt.in); got != tt.want {
			t.Errorf("%s: Visible(%q) = %q, want %q", tt.name, tt.in, got, tt.want)
		}
	}
}

// Whatever goes in, nothing hidden comes out, and clean text is not touched.
func TestVisibleHidesAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + rapid.String().Draw(t, "text")
		out := Visible(in)
		if !Clean(out) {
			t.Fatalf("Visible(%q) = %q, which is not clean", in, out)
		}
		if Clean(in) && out != in {
			t.Fatalf("Visible(%q) = %q", in, out)
		}
	})
}

// JSON escapes what is hidden and changes no value.
func TestJSONKeepsTheDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := map[string]string{rapid.String().Draw(t, "key"): rapid.String().Draw(t, "value") + "\u009b\u202e\U000f0000"}
		doc, err := json.MarshalIndent(in, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		out := JSON(doc)
		if i := strings.IndexFunc(string(out), func(r rune) bool { return r != '\n' && Hidden(r) }); i >= 0 {
			t.Fatalf("%q holds a hidden rune at byte %d", out, i)
		}
		var back map[string]string
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		for k, v := range in {
			if back[k] != v {
				t.Fatalf("%q reads as %q, want %q", out, back[k], v)
			}
		}
	})
}
