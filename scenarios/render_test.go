package scenarios

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/scenarios/template"
)

// mapScope answers from a map and draws $row and $uuid-like texts from the key.
type mapScope map[string]Value

func (s mapScope) Lookup(name string) (Value, bool, error) { v, ok := s[name]; return v, ok, nil }

func (s mapScope) Generate(name string, args []string, key string, perSide bool) (Value, error) {
	if name == "now" {
		return template.TextValue("2026-11-23T03:00:00Z"), nil
	}
	return template.TextValue(fmt.Sprintf("<%s %s %s %v>", name, strings.Join(args, "/"), key, perSide)), nil
}

var values = mapScope{
	"name": template.TextValue("서울 & co"), "n": template.JSONValue("7"), "big": template.JSONValue("12345678901234567890.50"), "list": template.JSONValue(`["a", 2, {"b": 1}]`), "none": template.JSONValue("null"), "empty": template.TextValue(""),
	"env.KEY": template.TextValue("k"), "braces": template.TextValue("{{name}}"), "spaced": template.TextValue("  x "), "bool": template.JSONValue("true"), "emptylist": template.JSONValue("[]"),
}

// Each value is escaped for the place it stands in.
func TestRender(t *testing.T) {
	s := load(t, `
-- x.yaml --
suite: s
needs: [name, n, next, zzz]
cases:
  - case: path
    get: "/채널/{{name}}/a b/{{n}}?q={{name}}&z=1"
    query: {k: "{{name}}", "키": "a=b&c", size: 300, tag: [x, "{{n}}"]}
    headers: {X-A: "a {{n}}", X-B: [b, c]}
    cookies: {c: "{{n}}"}
  - case: whole
    get: "{{next}}"
    query: {p: 2}
  - case: json
    post: /
    side_effects: none
    json: {a: "{{n}}", b: "x{{name}}\"", c: [1.50, true, null, "{{name}}"], d: "300", e: 300, f: "{{none}}", "g\"": {}, h: []}
  - {case: form, post: /, side_effects: none, form: {a: "{{name}}", b: [1, "x y"]}}
  - {case: xml, post: /, side_effects: none, xml: "<q a='{{name}}'>{{n}}</q>"}
  - {case: text, post: /, side_effects: none, text: "{{name}}", headers: {Content-Type: text/x}}
  - {case: base64, post: /, side_effects: none, base64: "AAEC Aw=="}
  - {case: file, post: /, side_effects: none, file: a.json}
  - {case: graphql, post: /, side_effects: none, graphql: {query: "{ a }", variables: {id: "{{n}}"}, operation: Q}}
  - {case: multipart, post: /, side_effects: none, multipart: {t: ["{{n}}", two], f: {file: a.json, filename: "a\"b"}}}
-- a.json --
{}
`[1:], LoadOptions{Vars: []Named{{Name: "none", Value: "x"}}}, "x.yaml")[0]
	scope := mapScope{"name": values["name"], "n": values["n"], "next": template.TextValue("https://x.example/a%20b?c=한"), "none": template.JSONValue("null")}
	want := map[string]Rendered{
		"path": {
			Method: "GET", URL: "/%EC%B1%84%EB%84%90/%EC%84%9C%EC%9A%B8%20&%20co/a%20b/7?q=%EC%84%9C%EC%9A%B8%20%26%20co&z=1&k=%EC%84%9C%EC%9A%B8%20%26%20co&%ED%82%A4=a=b%26c&size=300&tag=x&tag=7",
			Headers: []Named{{Name: "X-A", Value: "a 7"}, {Name: "X-B", Value: "b"}, {Name: "X-B", Value: "c"}}, Cookies: []Named{{Name: "c", Value: "7"}},
		},
		"whole":   {Method: "GET", URL: "https://x.example/a%20b?c=%ED%95%9C&p=2"},
		"json":    {Method: "POST", URL: "/", Body: []byte(`{"a":7,"b":"x서울 & co\"","c":[1.50,true,null,"서울 & co"],"d":"300","e":300,"f":null,"g\"":{},"h":[]}`), ContentType: "application/json"},
		"form":    {Method: "POST", URL: "/", Body: []byte("a=%EC%84%9C%EC%9A%B8+%26+co&b=1&b=x+y"), ContentType: "application/x-www-form-urlencoded"},
		"xml":     {Method: "POST", URL: "/", Body: []byte("<q a='서울 &amp; co'>7</q>"), ContentType: "application/xml"},
		"text":    {Method: "POST", URL: "/", Body: []byte("서울 & co"), Headers: []Named{{Name: "Content-Type", Value: "text/x"}}},
		"base64":  {Method: "POST", URL: "/", Body: []byte{0, 1, 2, 3}, ContentType: "application/octet-stream"},
		"file":    {Method: "POST", URL: "/", Body: []byte("{}\n"), ContentType: "application/json"},
		"graphql": {Method: "POST", URL: "/", Body: []byte(`{"query":"{ a }","operationName":"Q","variables":{"id":7}}`), ContentType: "application/json"},
		"multipart": {
			Method: "POST", URL: "/", ContentType: "multipart/form-data; boundary=bgverify-4a9b5dd8d85dff0e76bd31d7bba2d0ac",
			Body: []byte("--bgverify-X\r\nContent-Disposition: form-data; name=\"t\"\r\n\r\n7\r\n--bgverify-X\r\nContent-Disposition: form-data; name=\"t\"\r\n\r\ntwo\r\n--bgverify-X\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a%22b\"\r\nContent-Type: application/json\r\n\r\n{}\n\r\n--bgverify-X--\r\n"),
		},
	}
	for _, c := range s.Cases {
		name := strings.TrimPrefix(c.ID, "s/")
		got, err := c.Steps[0].Render(scope)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := want[name]
		if name == "multipart" {
			boundary := strings.TrimPrefix(got.ContentType, "multipart/form-data; boundary=bgverify-")
			want.ContentType = got.ContentType
			want.Body = []byte(strings.ReplaceAll(string(want.Body), "bgverify-X", "bgverify-"+boundary))
		}
		if len(got.Headers) == 0 {
			got.Headers = nil
		}
		if len(got.Cookies) == 0 {
			got.Cookies = nil
		}
		if d := cmp.Diff(want, *got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func step(t testing.TB, yaml string) *Step {
	t.Helper()
	suites, problems := Load(oneFile("suite: s\nneeds: [a]\ncases:\n  - "+yaml+"\n"), []string{"x.yaml"}, LoadOptions{Now: today})
	if problems.HasErrors() {
		var b strings.Builder
		problems.Write(&b)
		t.Fatal(b.String())
	}
	return suites[0].Cases[0].Steps[0]
}

func TestRenderRefuses(t *testing.T) {
	tests := []struct{ name, yaml, value, want string }{
		{"crlf in a header", `{case: c, get: /, headers: {X-A: "{{a}}"}}`, "x\r\nX-B: y", `render headers of step "c": X-A: control character 0x0d in a header value`},
		{"semicolon in a cookie", `{case: c, get: /, cookies: {x: "{{a}}"}}`, "x; y", `render cookies of step "c": x: character ";" in a cookie value`},
		{"empty segment", `{case: c, get: "/v1/{{a}}/x"}`, "", `render url of step "c": {{a}}: the value is empty, the path would lose a segment`},
		{"dot segment", `{case: c, get: "/v1/{{a}}"}`, "..", `render url of step "c": {{a}}: the value ".." is not a path segment`},
		{"empty url", `{case: c, get: "{{a}}"}`, "", `render url of step "c": {{a}}: the value is empty`},
		{"space in a url", `{case: c, get: "{{a}}"}`, "/a b", `render url of step "c": {{a}}: "/a b" is not a URL`},
		{"not base64", `{case: c, post: /, side_effects: none, base64: "{{a}}"}`, "%%", `render body of step "c": base64: illegal base64 data at input byte 0`},
	}
	for _, tt := range tests {
		_, err := step(t, tt.yaml).Render(mapScope{"a": template.TextValue(tt.value)})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

// Whatever a value is, it stays in its place: the URL keeps its segments and
// parameters, and decoding gives the value back.
func TestValuesStayInTheirPlace(t *testing.T) {
	s := step(t, `{case: c, get: "/a/x{{a}}/b?q={{a}}&r=1", query: {k: "{{a}}"}}`)
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.String().Draw(t, "value")
		r, err := s.Render(mapScope{"a": template.TextValue(v)})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.ParseRequestURI(r.URL)
		if err != nil {
			t.Fatalf("%q gives %q: %v", v, r.URL, err)
		}
		segments := strings.Split(u.EscapedPath(), "/")
		if len(segments) != 4 || segments[3] != "b" {
			t.Fatalf("%q changes the path: %q", v, r.URL)
		}
		if got, err := url.PathUnescape(segments[2]); err != nil || got != "x"+v {
			t.Fatalf("segment: got %q, want %q", got, "x"+v)
		}
		q, err := url.ParseQuery(u.RawQuery)
		if err != nil || len(q) != 3 || q.Get("q") != v || q.Get("k") != v || q.Get("r") != "1" {
			t.Fatalf("%q: query %q", v, u.RawQuery)
		}
	})
}
