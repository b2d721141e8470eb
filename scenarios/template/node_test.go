package template

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// objectOf is a JSON object of members whose names are templates.
func objectOf(t testing.TB, names ...string) *Node {
	n := &Node{Kind: 'o'}
	for _, name := range names {
		n.Keys, n.Items = append(n.Keys, tmpl(t, name)), append(n.Items, &Node{Kind: 'l', Literal: "1"})
	}
	return n
}

// Whatever a placeholder stands for, the name of the member is that text.
func TestMemberNamesAreEscaped(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		value := strings.ToValidUTF8(rapid.String().Draw(rt, "value"), "?")
		text, err := objectOf(t, "a-{{v}}").Render(mapScope{"v": TextValue(value)})
		if err != nil {
			rt.Fatal(err)
		}
		var got map[string]int
		if err := json.Unmarshal([]byte(text), &got); err != nil || len(got) != 1 || got["a-"+value] != 1 {
			rt.Fatalf("%q gives %s: %v", value, text, err)
		}
	})
}

func TestMemberNames(t *testing.T) {
	for _, c := range []struct {
		reason string
		names  []string
		want   string
	}{
		{"a number is text", []string{"{{n}}"}, `{"7":1}`},
		{"the order is the file's", []string{"z", "{{n}}", "a"}, `{"z":1,"7":1,"a":1}`},
		{"names are not expanded again", []string{"{{braces}}"}, `{"{{name}}":1}`},
		{"an empty value", []string{"{{empty}}"}, `{"":1}`},
		{"filters", []string{"{{name | base64}}"}, `{"7ISc7Jq4ICYgY28=":1}`},
		{"a list is its text", []string{"{{emptylist}}"}, `{"[]":1}`},
	} {
		if got, err := objectOf(t, c.names...).Render(values); err != nil || got != c.want {
			t.Errorf("%s: %s, %v, want %s", c.reason, got, err, c.want)
		}
	}
	for _, names := range [][]string{{"7", "{{n}}"}, {"{{n}}", "a", "{{n | default: 1}}"}} {
		_, err := (&Node{Kind: 'a', Items: []*Node{objectOf(t, names...)}}).Render(values)
		var twice *DuplicateMemberError
		if !errors.As(err, &twice) || twice.First.Text != names[0] || twice.Second.Text != names[len(names)-1] {
			t.Errorf("%v: %v", names, err)
		}
	}
	if _, err := objectOf(t, "{{zzz}}").Render(values); !errors.Is(err, ErrNoValue) {
		t.Errorf("a name without a value: %v", err)
	}
}
