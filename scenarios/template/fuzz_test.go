package template

import (
	"strings"
	"testing"

	"github.com/bgverify/bgverify/scenarios/problem"
)

// FuzzTemplate holds the template parser to its laws: no panic, offsets inside
// the text, and what parses expands or says why not.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"a", "{{a}}", "{{ a | default: 'x | }}' | upper }}", "{{$int: 1..2}}", "{{$hex.side: 4}}", "{{'{{'}}", "{{", "{{}}", "{{a|}}", "{{env.A}}", "{{a | format: %Y%}}", "{{a | add: 1e9}}", "한{{이름}}글", `{{"`, "{{a | join: ,}}", "{{'}}'}}0"} {
		f.Add(text, "value")
		f.Add(text, `["x",1]`)
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		tm, errs := Parse(text, problem.Pos{})
		for _, e := range errs {
			if e.Offset < 0 || e.Offset > len(text) || e.Msg == "" {
				t.Fatalf("template %q: %+v", text, e)
			}
		}
		if len(errs) > 0 {
			return
		}
		var rest strings.Builder
		for i, p := range tm.Parts {
			if p.Name == "" {
				rest.WriteString(p.Literal)
			} else {
				rest.WriteString(tm.placeholder(i))
			}
		}
		if rest.String() != text {
			t.Fatalf("parts of %q make %q", text, rest.String())
		}
		v, err := tm.Expand(everyScope{TextValue(value)})
		if err == nil && tm.Static() && v.Text != text {
			t.Fatalf("static %q expands to %q", text, v.Text)
		}
	})
}

// everyScope answers every name with one value.
type everyScope struct{ v Value }

func (s everyScope) Lookup(string) (Value, bool, error) { return s.v, true, nil }

func (s everyScope) Generate(string, []string, string, bool) (Value, error) { return s.v, nil }
