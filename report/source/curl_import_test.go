package source

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/convert"
)

// theToken answers the one variable that the commands of secrets read.
type theToken struct{}

func (theToken) Lookup(name string) (scenarios.Value, bool, error) {
	const token = "s3cr3t'\"$x"
	return scenarios.Value{Text: token, JSON: fmt.Sprintf("%q", token)}, name == "env.BGVERIFY_VAR_TOKEN", nil
}

func (theToken) Generate(string, []string, string, bool) (scenarios.Value, error) {
	return scenarios.Value{}, fmt.Errorf("nothing is drawn")
}

// TestCurlImportsBack imports the commands that reports hold: the step that
// comes out sends what the exchange sent.
func TestCurlImportsBack(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 150 {
		x := drawExchange(r, "http://blue.example:8080")
		line := curl(x, curlOptions{})
		step := importLine(t, line)
		rendered, err := step.Render(theToken{})
		if err != nil {
			t.Fatalf("request %d: %v\n%s", i, err, line)
		}
		want := got{Method: x.Method, URI: sameURI(strings.TrimPrefix(x.URL, "http://blue.example:8080")), Header: map[string][]string{}, Body: x.Body}
		for _, f := range x.Sent {
			if f.Name != "Host" {
				want.Header.Add(f.Name, strings.ReplaceAll(f.Value, "<secret:token#3f2a>", "s3cr3t'\"$x"))
			}
		}
		seen := got{Method: rendered.Method, URI: sameURI(rendered.URL), Header: map[string][]string{}, Body: rendered.Body}
		for _, h := range rendered.Headers {
			if h.Name != "User-Agent" || h.Value != "" { // an empty one is not sent
				seen.Header.Add(h.Name, h.Value)
			}
		}
		if len(x.Body) > 0 && want.Header.Get("Content-Type") != "" && rendered.ContentType != "" {
			seen.Header.Set("Content-Type", rendered.ContentType)
		}
		if step.Auth != nil && step.Auth.Kind == scenarios.AuthBearer {
			v, err := step.Auth.Token.Expand(theToken{})
			if err != nil {
				t.Fatal(err)
			}
			seen.Header.Set("Authorization", "Bearer "+v.Text)
		}
		want.Body, seen.Body = sameBody(want.Body), sameBody(seen.Body)
		if d := cmp.Diff(want, seen); d != "" {
			t.Fatalf("request %d: %s\n(-want +got)\n%s", i, line, d)
		}
	}
}

// importLine imports one command and loads what it became.
func importLine(t *testing.T, line string) *scenarios.Step {
	t.Helper()
	result, err := convert.Convert("curl", convert.Input{Files: fstest.MapFS{"lines.sh": {Data: []byte(line + "\n")}}, Name: "lines.sh"}, convert.Options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, line)
	}
	files := fstest.MapFS{}
	for _, f := range result.Files {
		files[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	suites, problems := scenarios.Load(files, []string{"."}, scenarios.LoadOptions{})
	if problems.HasErrors() {
		var b strings.Builder
		problems.Write(&b)
		t.Fatalf("%s\n%s\n%s", line, b.String(), files["lines.yaml"].Data)
	}
	if suites[0].Cases[0].Skip != "" {
		t.Fatalf("%s\nis skipped: %s", line, suites[0].Cases[0].Skip)
	}
	return suites[0].Cases[0].Steps[0]
}

// sameURI writes an address in one spelling: the language encodes { and }, which
// are no characters of a URL.
func sameURI(text string) string {
	return strings.NewReplacer("{", "%7B", "}", "%7D").Replace(text)
}

// sameBody takes the white space out of JSON, which the language writes anew.
func sameBody(body []byte) []byte {
	var v any
	if json.Unmarshal(body, &v) == nil {
		if out, err := json.Marshal(v); err == nil {
			return out
		}
	}
	return append([]byte(nil), body...)
}

// A request that a suite sends comes back as the same bytes, all of them.
func TestCurlImportsOwnRequestsExactly(t *testing.T) {
	for _, x := range []*wire.Exchange{
		{Method: "GET", URL: "https://b.example/v1/epg/CH001?date=2026-01-01&q=%EC%84%9C%EC%9A%B8%20a:b@c", Proto: "HTTP/2.0", Sent: []wire.Field{{Name: "Accept", Value: "application/json"}, {Name: "User-Agent", Value: "bgverify/1"}, {Name: "Cookie", Value: "region=seoul"}}},
		{Method: "POST", URL: "https://b.example/v1/orders", Proto: "HTTP/1.1", Sent: []wire.Field{{Name: "Content-Type", Value: "application/json"}, {Name: "Authorization", Value: "Basic " + base64.StdEncoding.EncodeToString([]byte("kim:<secret:token#3f2a>"))}}, Body: []byte(`{"item":"VOD-1001","price":1.50,"ok":true,"memo":"it's \"큰\" $x","none":null}`)},
		{Method: "PUT", URL: "https://b.example/v1/form", Proto: "HTTP/1.1", Sent: []wire.Field{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}}, Body: []byte("user=kim&lang=ko&lang=en&memo=a+b%26c")},
		{Method: "POST", URL: "https://b.example/v1/xml", Proto: "HTTP/1.1", Sent: []wire.Field{{Name: "Content-Type", Value: "application/xml"}}, Body: []byte("<a>\n  <b>{{x}}</b>\n</a>\n")},
		{Method: "PATCH", URL: "https://b.example/v1/bin", Proto: "HTTP/1.1", Sent: []wire.Field{{Name: "Content-Type", Value: "application/octet-stream"}}, Body: []byte("\x00\xff\x1b")},
		{Method: "DELETE", URL: "https://b.example/v1/orders/a%2Fb?force", Proto: "HTTP/1.1"},
	} {
		step := importLine(t, curl(x, curlOptions{insecure: true}))
		r, err := step.Render(theToken{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Method != x.Method || "https://b.example"+r.URL != x.URL || string(r.Body) != string(x.Body) {
			t.Errorf("%s\ncomes back as %s %s\n%q", curl(x, curlOptions{}), r.Method, r.URL, r.Body)
		}
		typ := r.ContentType
		for _, h := range r.Headers {
			if h.Name == "Content-Type" {
				typ = h.Value
			}
		}
		for _, f := range x.Sent {
			if f.Name == "Content-Type" && typ != f.Value {
				t.Errorf("%s %s: type %q, want %q", x.Method, x.URL, typ, f.Value)
			}
		}
	}
}
