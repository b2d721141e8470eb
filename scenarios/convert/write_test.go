package convert

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/scenarios"
)

// anyText draws text with everything that YAML and the language give a meaning.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`[-?:,\[\]{}#&*!|>'"%@\x60 a-z0-9.\n\t~+=<]{0,12}`),
		rapid.SampledFrom([]string{"null", "~", "yes", "0x1F", "1e3", "010", "2026-01-01", ".5", "1_000", "a: b", "a #b", "a:", " a", "a ", "\n", "a\n", "a\nb", "\na\nb\n", " a\n b", "a\n\n", "\ta\nb", "<<", "=", "- a", "…\u0085", "\u2028x", "\ufeff", "\U0001f600", "a\rb", "{{x}}", "x {{y}}", "{{ a: b }}", "채널"}),
	)
}

// A string is read back as it was written, wherever it stands.
func TestScalarRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.ToValidUTF8(anyText().Draw(t, "s"), "\ufffd")
		key := strings.ToValidUTF8(anyText().Draw(t, "key"), "\ufffd")
		for _, open := range []bool{true, false} {
			inner := &yamlNode{kind: yamlMap, open: open}
			inner.put(key, textNode(s))
			list := &yamlNode{kind: yamlList, open: open, items: []*yamlNode{textNode(s), inner}}
			top := openMap()
			top.put("top", list)
			w := &yamlWriter{}
			w.mapping(top, 0, false)
			var got struct{ Top []yaml.Node }
			if err := yaml.Unmarshal([]byte(w.b.String()), &got); err != nil {
				t.Fatalf("%q: %v\n%s", s, err, w.b.String())
			}
			if n := got.Top[0]; n.Value != s || n.ShortTag() != "!!str" {
				t.Fatalf("%q became %s %q\n%s", s, n.ShortTag(), n.Value, w.b.String())
			}
			pair := got.Top[1].Content
			if pair[0].Value != key || pair[0].ShortTag() != "!!str" || pair[1].Value != s {
				t.Fatalf("%q: %q became %q: %q\n%s", key, s, pair[0].Value, pair[1].Value, w.b.String())
			}
		}
	})
}

// What a body's strings and numbers are is what the language reads.
func TestJSONBodyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.ToValidUTF8(anyText().Draw(t, "s"), "\ufffd")
		if len(s) > 500 {
			t.Skip("too long for a key")
		}
		key := strings.ReplaceAll(s, "{{", "{ {")
		tree := Tree{Suites: []*Suite{{File: "a.yaml", Name: "a", Cases: []*Case{{ID: "c", Steps: []*Step{{
			Method: "POST", URL: "/x", Effects: OnlyReads,
			Body: &Body{Kind: JSONBody, JSON: &Node{Kind: ObjectNode, Keys: []string{"k" + key, "n"}, Items: []*Node{String(Escape(s)), Literal("1.50")}}},
		}}}}}}}
		suites, text := load(t, &tree)
		r, err := suites[0].Cases[0].Steps[0].Render(nil)
		if err != nil {
			t.Fatalf("render: %v\n%s", err, text)
		}
		want := fmt.Sprintf(`{%s:%s,"n":1.50}`, quoteJSON("k"+key), quoteJSON(s))
		var a, b any
		if json.Unmarshal([]byte(want), &a) != nil || json.Unmarshal(r.Body, &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
			t.Fatalf("body %s, want %s\n%s", r.Body, want, text)
		}
	})
}

// load writes a tree and reads it back; a problem of any kind fails the test.
func load(t interface {
	Fatalf(string, ...any)
}, tree *Tree,
) ([]*scenarios.Suite, string) {
	files := fstest.MapFS{}
	var all strings.Builder
	for _, f := range tree.Files() {
		if !utf8.Valid(f.Data) {
			t.Fatalf("%s is not UTF-8", f.Name)
		}
		files[f.Name] = &fstest.MapFile{Data: f.Data}
		fmt.Fprintf(&all, "-- %s --\n%s", f.Name, f.Data)
	}
	suites, problems := scenarios.Load(files, []string{"."}, scenarios.LoadOptions{})
	problems = slices.DeleteFunc(problems, func(p scenarios.Problem) bool {
		return p.Kind == scenarios.Warning && strings.Contains(p.Summary, "are not reviewed")
	})
	if len(problems) > 0 {
		var b strings.Builder
		problems.Write(&b)
		t.Fatalf("what was written has problems:\n%s\n%s", b.String(), all.String())
	}
	return suites, all.String()
}

// Every part of the model is written so that it loads, and as people write it.
func TestWriteEverything(t *testing.T) {
	tree := everything()
	_, got := load(t, tree)
	golden(t, "testdata/everything.golden", got)
}

func everything() *Tree {
	return &Tree{
		Suites: []*Suite{{
			File: "shop.yaml", Name: "shop", Doc: "Orders of {{boxes}}.", Env: []string{"KEY"}, Secrets: []string{"KEY"}, Needs: []string{"account"},
			Vars:     []Var{{Name: "size", Text: "300", Literal: true}, {Name: "zip", Text: "010", Comment: "from the globals"}},
			Blue:     Side{URL: "https://blue.example", Services: []Var{{Name: "auth", Text: "https://auth.blue.example"}}},
			Green:    Side{Services: []Var{{Name: "auth", Text: "{{account}}"}}},
			Defaults: Step{Headers: []Field{{"Accept", "application/json"}}, Auth: &Auth{Kind: Bearer, Token: "{{token}}"}},
			Setup: []*Step{{
				Name: "sign in", Service: "auth", Method: "POST", URL: "/session", Auth: &Auth{Kind: NoAuth}, Effects: Unreviewed,
				Body:     &Body{Kind: FormBody, Fields: []Field{{"user", "kim"}, {"scope", "a"}, {"scope", "b"}}},
				Captures: []Capture{{Name: "token", At: "$.token"}},
			}},
			Cases: []*Case{{
				ID: "list", Name: "목록", Tags: []string{"smoke"}, Comment: []string{"not carried over: test script line 3: console.log(1)"},
				Steps: []*Step{{
					Method: "GET", URL: "/orders/{{account}}", Query: []Field{{"size", "{{size}}"}, {"zip", "{{zip}}"}},
					Expect: Expect{Status: []string{"200"}, Latency: "300ms", Headers: []Check{{"content-type", []Matcher{{Op: "contains", Value: String("json")}}}}, Body: []Check{
						{"$.code", []Matcher{{Op: "eq", Value: Literal("0")}}},
						{"$.tags", []Matcher{{Op: "count", Sub: []Matcher{{Op: "gte", Value: Literal("1")}}}}},
						{"$.state", []Matcher{{Op: "in", List: []*Node{String("ON"), String("off")}}}},
					}},
				}},
			}, {
				ID: "upload", Steps: []*Step{
					{Name: "send", Method: "PUT", URL: "/logo", Effects: Unreviewed, Body: &Body{Kind: MultipartBody, Parts: []Part{{Name: "title", Text: "logo"}, {Name: "image", File: "files/logo.png", Type: "image/png"}}}, Captures: []Capture{{Name: "place", Header: "Location"}}},
					{Name: "log", Method: "GET", URL: "/log", Auth: &Auth{Kind: Digest, User: "kim", Password: "{{env.KEY}}"}},
					{Name: "bucket", Method: "GET", URL: "/bucket", Auth: &Auth{Kind: AWS, Region: "ap-northeast-2", Service: "s3", AccessKey: "AKIDEXAMPLE", SecretKey: "{{env.KEY}}", SessionToken: "{{env.KEY}}"}},
					{Name: "look", Method: "PROPFIND", URL: "{{place}}", Effects: Unreviewed, Body: &Body{Kind: XMLBody, Text: "<a>\n  <b/>\n</a>\n"}},
				},
			}},
		}},
		Assets: []File{{Name: "files/logo.png", Data: []byte("png")}},
		Envs:   []*Env{{File: "env/stage.yaml", Doc: "stage", Blue: Side{URL: "https://stage.example"}, Vars: []Var{{Name: "account", Text: "a-1"}}}},
	}
}

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file, or rewrites it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got; -update rewrites it)\n%s", name, d)
	}
}

func quoteJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// failAfter takes n bytes and no more.
type failAfter struct{ n int }

func (w *failAfter) Write(p []byte) (int, error) {
	if len(p) > w.n {
		return w.n, io.ErrShortWrite
	}
	w.n -= len(p)
	return len(p), nil
}

// A report that cannot be written whole says so.
func TestReportWriter(t *testing.T) {
	r := &Report{}
	r.Mapped(Requests, 2)
	r.Lose(Lost{Kind: Assertions, Request: "Users / Sign in", Place: "test script line 3", Text: "f(\x1b[31m)\n\u202e", Why: "code"})
	r.Lose(Lost{Kind: Auths, Text: "digest"})
	r.Note("", "a note")
	var all strings.Builder
	if err := r.Write(&all); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/report.golden", all.String())
	for n := range all.Len() {
		if err := r.Write(&failAfter{n}); !errors.Is(err, io.ErrShortWrite) {
			t.Fatalf("with room for %d of %d bytes: %v", n, all.Len(), err)
		}
	}
}
