package layout

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"
)

// anyText draws text with everything that YAML and the language give a meaning.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`[-?:,\[\]{}#&*!|>'"%@\x60 a-z0-9.\n\t~+=<]{0,12}`),
		rapid.SampledFrom([]string{"null", "~", "yes", "0x1F", "1e3", "010", "2026-01-01", ".5", "1_000", "a: b", "a #b", "a:", " a", "a ", "\n", "a\n", "a\nb", "\na\nb\n", " a\n b", "a\n\n", "\ta\nb", "<<", "=", "- a", "…\u0085", "\u2028x", "\ufeff", "\U0001f600", "a\rb", "{{x}}", "x {{y}}", "{{ a: b }}", "채널"}),
	)
}

// A string is read back as it was written, wherever it is.
func TestScalarRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.ToValidUTF8(anyText().Draw(t, "s"), "\ufffd")
		key := strings.ToValidUTF8(anyText().Draw(t, "key"), "\ufffd")
		for _, open := range []bool{true, false} {
			inner := Mapping(Pair{Key: key, Value: Text(s)})
			inner.Open = open
			list := List(Text(s), inner)
			list.Open = open
			text := Write(Mapping(Pair{Key: "top", Value: list}), nil, 0)
			var got struct{ Top []yaml.Node }
			if err := yaml.Unmarshal([]byte(text), &got); err != nil {
				t.Fatalf("%q: %v\n%s", s, err, text)
			}
			if n := got.Top[0]; n.Value != s || n.ShortTag() != "!!str" {
				t.Fatalf("%q became %s %q\n%s", s, n.ShortTag(), n.Value, text)
			}
			pair := got.Top[1].Content
			if pair[0].Value != key || pair[0].ShortTag() != "!!str" || pair[1].Value != s {
				t.Fatalf("%q: %q became %q: %q\n%s", key, s, pair[0].Value, pair[1].Value, text)
			}
		}
	})
}
