package template

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/scenarios/problem"
)

// mapScope answers from a map and draws $row and $uuid-like texts from the key.
type mapScope map[string]Value

func (s mapScope) Lookup(name string) (Value, bool, error) { v, ok := s[name]; return v, ok, nil }

func (s mapScope) Generate(name string, args []string, key string, perSide bool) (Value, error) {
	if name == "now" {
		return TextValue("2026-11-23T03:00:00Z"), nil
	}
	return TextValue(fmt.Sprintf("<%s %s %s %v>", name, strings.Join(args, "/"), key, perSide)), nil
}

func tmpl(t testing.TB, text string) *Template {
	t.Helper()
	x, errs := Parse(text, problem.Pos{File: "f", Line: 1, Col: 2})
	if len(errs) > 0 {
		t.Fatalf("template %q: %+v", text, errs)
	}
	return x
}

var values = mapScope{
	"name": TextValue("서울 & co"), "n": JSONValue("7"), "big": JSONValue("12345678901234567890.50"), "list": JSONValue(`["a", 2, {"b": 1}]`), "none": JSONValue("null"), "empty": TextValue(""),
	"env.KEY": TextValue("k"), "braces": TextValue("{{name}}"), "spaced": TextValue("  x "), "bool": JSONValue("true"), "emptylist": JSONValue("[]"),
}

func TestExpand(t *testing.T) {
	tests := []struct{ name, why, text, want, json string }{
		{"literal", "text stands for itself", "a b", "a b", `"a b"`},
		{"whole text", "a text stays a text", "{{name}}", "서울 & co", `"서울 & co"`},
		{"whole number", "a whole placeholder keeps its type", "{{n}}", "7", "7"},
		{"whole object", "an object comes whole", "{{list}}", `["a", 2, {"b": 1}]`, `["a", 2, {"b": 1}]`},
		{"inside text", "inside text a value is text", "x{{n}}", "x7", `"x7"`},
		{"two", "two placeholders are text", "{{n}}{{n}}", "77", `"77"`},
		{"environment", "read by its full name", "{{env.KEY}}", "k", `"k"`},
		{"no second expansion", "a value is never expanded again", "{{braces}}", "{{name}}", `"{{name}}"`},
		{"default unused", "there is a value", "{{n | default: 9}}", "7", "7"},
		{"default unknown", "there is no variable", "{{zzz | default: seoul}}", "seoul", `"seoul"`},
		{"default empty", "an empty value is none", "{{empty | default: x}}", "x", `"x"`},
		{"default null", "nor is null", "{{none | default: x}}", "x", `"x"`},
		{"default quoted", "quotes keep bars and braces", `{{zzz | default: "a | }} b"}}`, "a | }} b", `"a | }} b"`},
		{"default apostrophe", "an apostrophe inside a word is no quote", "{{zzz | default: it's}}", "it's", `"it's"`},
		{"quoted", "text that is no name", `{{'{{'}}`, "{{", `"{{"`},
		{"upper", "filters are applied in order", "{{spaced | trim | upper}}", "X", `"X"`},
		{"lower", "lower", "{{zzz | default: ABC | lower}}", "abc", `"abc"`},
		{"base64", "standard base64", "{{name | base64}}", "7ISc7Jq4ICYgY28=", `"7ISc7Jq4ICYgY28="`},
		{"urlencode", "every byte that is not unreserved", "{{name | urlencode}}", "%EC%84%9C%EC%9A%B8%20%26%20co", `"%EC%84%9C%EC%9A%B8%20%26%20co"`},
		{"json", "JSON as text", "{{name | json}}", `"서울 & co"`, `"\"서울 & co\""`},
		{"sha256", "of the text", "{{env.KEY | sha256}}", "8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a", `"8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a"`},
		{"hmac", "the argument names the key's variable", "{{n | hmac: env.KEY}}", "9c737d163bcd1315bb695b00262e3ba4487ae2670bb2b0e6b8ee7f6ad354215a", ""},
		{"add number", "exact decimals", "{{big | add: 0.5}}", "12345678901234567891.00", "12345678901234567891.00"},
		{"add negative", "down too", "{{n | add: -10}}", "-3", "-3"},
		{"add duration", "a time moves", "{{$now | add: -1h}}", "2026-11-23T02:00:00Z", `"2026-11-23T02:00:00Z"`},
		{"add days", "days are known", "{{$now | add: 1d12h}}", "2026-11-24T15:00:00Z", `"2026-11-24T15:00:00Z"`},
		{"format unix", "seconds are a number", "{{$now | format: unix}}", "1795402800", "1795402800"},
		{"format unix_ms", "milliseconds", "{{$now | format: unix_ms}}", "1795402800000", "1795402800000"},
		{"format date", "a named format", "{{$now | format: date}}", "2026-11-23", `"2026-11-23"`},
		{"format http", "as headers have it", "{{$now | format: http}}", "Mon, 23 Nov 2026 03:00:00 GMT", `"Mon, 23 Nov 2026 03:00:00 GMT"`},
		{"format pattern", "a pattern of directives", "{{$now | format: %Y%m%d-%H:%M:%S.%L %% %b}}", "20261123-03:00:00.000 % Nov", `"20261123-03:00:00.000 % Nov"`},
		{"first", "the first element keeps its type", "{{list | first}}", "a", `"a"`},
		{"join", "elements as text", "{{list | join: ', '}}", `a, 2, {"b": 1}`, `"a, 2, {\"b\": 1}"`},
		{"join comma", "an argument may be bare", "{{list | join: ,}}", `a,2,{"b": 1}`, `"a,2,{\"b\": 1}"`},
		{"generator", "key and arguments reach the scope", "{{$pick: a, 'b, c'}}", "<pick a/b, c f:1:2#0 false>", `"<pick a/b, c f:1:2#0 false>"`},
		{"per side", ".side stands before the arguments", "x{{$hex.side: 4}}", "x<hex 4 f:1:2#1 true>", `"x<hex 4 f:1:2#1 true>"`},
		{"closing braces", "braces that close nothing are text", `{"a":{"b":1}}`, `{"a":{"b":1}}`, `"{\"a\":{\"b\":1}}"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := tmpl(t, tt.text).Expand(values)
			if err != nil {
				t.Fatalf("%s: expand %q: %v", tt.why, tt.text, err)
			}
			if v.Text != tt.want || tt.json != "" && v.JSON != tt.json {
				t.Errorf("%s: expand %q: got %q %s, want %q %s", tt.why, tt.text, v.Text, v.JSON, tt.want, tt.json)
			}
		})
	}
}

func TestExpandErrors(t *testing.T) {
	for text, want := range map[string]string{
		"{{zzz}}":                       `variable "zzz" has no value`,
		"a{{zzz | upper}}":              `variable "zzz" has no value`,
		"{{name | add: 1}}":             `{{name | add: 1}}: add: "서울 & co" and "1" are not plain numbers`,
		"{{name | add: 1h}}":            `{{name | add: 1h}}: add: "서울 & co" is not a time`,
		"{{n | first}}":                 `{{n | first}}: first: "7" is not a list`,
		"{{emptylist | first}}":         `{{emptylist | first}}: first: the list is empty`,
		"x {{n | format: date}} y":      `{{n | format: date}}: format: "7" is not a time`,
		"{{name | hmac: env.ZZZ}}":      `{{name | hmac: env.ZZZ}}: hmac: variable "env.ZZZ" is not known`,
		"{{zzz | default: x | add: 1}}": `{{zzz | default: x | add: 1}}: add: "x" and "1" are not plain numbers`,
	} {
		_, err := tmpl(t, text).Expand(values)
		if err == nil || err.Error() != want {
			t.Errorf("expand %q: got %v, want %s", text, err, want)
		}
	}
}

// Generate is pure, and what it draws has the form it says.
func TestGenerate(t *testing.T) {
	draw := func(seed uint64) Draw {
		return Draw{Source: rand.NewPCG(seed, 1), Now: time.Date(2026, 11, 23, 3, 12, 45, 0, time.UTC), Row: 3}
	}
	tests := []struct {
		name string
		args []string
		want string // of seed 1
	}{
		{"now", nil, "2026-11-23T03:12:45Z"},
		{"row", nil, "3"},
	}
	for _, tt := range tests {
		if v, err := Generate(tt.name, tt.args, draw(1)); err != nil || v.Text != tt.want {
			t.Errorf("$%s: got %q %v, want %q", tt.name, v.Text, err, tt.want)
		}
	}
	forms := map[string]struct {
		args []string
		ok   func(string) bool
	}{
		"uuid": {nil, func(s string) bool { return len(s) == 36 && s[14] == '4' && strings.ContainsRune("89ab", rune(s[19])) }},
		"ulid": {nil, func(s string) bool { return len(s) == 26 && strings.HasPrefix(s, "01M8") }},
		"int":  {[]string{"5..9"}, func(s string) bool { return len(s) == 1 && s >= "5" && s <= "9" }},
		"hex":  {[]string{"12"}, func(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789abcdef") == "" }},
		"text": {[]string{"8"}, func(s string) bool { return len(s) == 8 }},
		"pick": {[]string{"a", "b"}, func(s string) bool { return s == "a" || s == "b" }},
	}
	for name, form := range forms {
		differs := false
		for seed := range uint64(50) {
			a, errA := Generate(name, form.args, draw(seed))
			b, errB := Generate(name, form.args, draw(seed))
			if errA != nil || errB != nil || a != b || !form.ok(a.Text) {
				t.Fatalf("$%s: %q %v, %q %v", name, a.Text, errA, b.Text, errB)
			}
			c, _ := Generate(name, form.args, draw(seed+1000))
			differs = differs || a != c
		}
		if !differs {
			t.Errorf("$%s does not depend on the seed", name)
		}
	}
	if len(forms)+len(tests) != len(generatorSpecs) {
		t.Errorf("%d of %d generators are tested", len(forms)+len(tests), len(generatorSpecs))
	}
	if _, err := Generate("nope", nil, draw(1)); err == nil {
		t.Error("an unknown generator draws")
	}
	if _, err := Generate("int", []string{"9..1"}, draw(1)); err == nil {
		t.Error("$int draws between 9 and 1")
	}
}

// environment is an environment of pairs: name, value, name, value.
func environment(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func TestLookupEnv(t *testing.T) {
	getenv := environment("BGVERIFY_VAR_a-b", "exact", "BGVERIFY_VAR_DEVICE_ID", "upper", "BGVERIFY_VAR_EMPTY", "", "BGVERIFY_OLD", "x")
	for name, want := range map[string]string{"a-b": "exact", "device-id": "upper", "device_id": "upper", "zzz": "", "empty": "", "old": ""} {
		if got, prefix, ok := LookupEnv(getenv, name); got.Text != want || prefix != VarPrefix || ok != (want != "") {
			t.Errorf("LookupEnv(%q): got %q %v, want %q", name, got.Text, ok, want)
		}
	}
	if _, _, ok := LookupEnv(nil, "a"); ok {
		t.Error("no environment answers")
	}
}

// A value from outside has the type of JSON where it is given as JSON, and is text
// everywhere else.
func TestTypedFromOutside(t *testing.T) {
	getenv := environment("BGVERIFY_JSON_COUNT", " 5 ", "BGVERIFY_VAR_count", "6", "BGVERIFY_JSON_bad", "{", "BGVERIFY_JSON_NAME", `"a \"b\""`)
	s := &Sources{Getenv: getenv, Flags: []Named{{Name: "n", Value: "5"}, {Name: "typed", Value: "[1.0, null]", JSON: true}, {Name: "quoted", Value: `"5"`}}}
	for _, x := range []struct{ name, text, json string }{
		{"n", "5", `"5"`},
		{"typed", "[1.0, null]", "[1.0, null]"},
		{"quoted", `"5"`, `"\"5\""`},
		{"count", "5", "5"},
		{"name", `a "b"`, `"a \"b\""`},
	} {
		if v, _, found := s.Find(x.name); !found || v.Text != x.text || v.JSON != x.json {
			t.Errorf("%s: got %q %q %v, want %q %q", x.name, v.Text, v.JSON, found, x.text, x.json)
		}
	}
	if v, _, found := s.Find("bad"); found {
		t.Errorf("a value that is not JSON is taken: %q", v.Text)
	}
}
