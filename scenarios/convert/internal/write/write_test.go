package write

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
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
		tree := model.Tree{Suites: []*model.Suite{{File: "a.yaml", Name: "a", Cases: []*model.Case{{ID: "c", Steps: []*model.Step{{
			Method: "POST", URL: "/x", Effects: model.OnlyReads,
			Body: &model.Body{Kind: model.JSONBody, JSON: &model.Node{Kind: model.ObjectNode, Keys: []string{"k" + key, "n"}, Items: []*model.Node{model.String(naming.Escape(s)), model.Literal("1.50")}}},
		}}}}}}}
		suites, text := converttest.LoadClean(t, Files(&tree))
		r, err := suites[0].Cases[0].Steps[0].Render(nil)
		if err != nil {
			t.Fatalf("render: %v\n%s", err, text)
		}
		want := fmt.Sprintf(`{%s:%s,"n":1.50}`, converttest.QuoteJSON("k"+key), converttest.QuoteJSON(s))
		var a, b any
		if json.Unmarshal([]byte(want), &a) != nil || json.Unmarshal(r.Body, &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
			t.Fatalf("body %s, want %s\n%s", r.Body, want, text)
		}
	})
}

// Every part of the model is written so that it loads, and as people write it.
func TestWriteEverything(t *testing.T) {
	tree := everything()
	_, got := converttest.LoadClean(t, Files(tree))
	converttest.Golden(t, "testdata/everything.golden", got)
}

func everything() *model.Tree {
	return &model.Tree{
		Suites: []*model.Suite{{
			File: "shop.yaml", Name: "shop", Doc: "Orders of {{boxes}}.", Env: []string{"KEY"}, Secrets: []string{"KEY"}, Needs: []string{"account"},
			Vars:     []model.Var{{Name: "size", Text: "300", Literal: true}, {Name: "zip", Text: "010", Comment: "from the globals"}},
			Blue:     model.Side{URL: "https://blue.example", Services: []model.Var{{Name: "auth", Text: "https://auth.blue.example"}}},
			Green:    model.Side{Services: []model.Var{{Name: "auth", Text: "{{account}}"}}},
			Defaults: model.Step{Headers: []model.Field{{Name: "Accept", Text: "application/json"}}, Auth: &model.Auth{Kind: model.Bearer, Token: "{{token}}"}},
			Setup: []*model.Step{{
				Name: "sign in", Service: "auth", Method: "POST", URL: "/session", Auth: &model.Auth{Kind: model.NoAuth}, Effects: model.Unreviewed,
				Body:     &model.Body{Kind: model.FormBody, Fields: []model.Field{{Name: "user", Text: "kim"}, {Name: "scope", Text: "a"}, {Name: "scope", Text: "b"}}},
				Captures: []model.Capture{{Name: "token", At: "$.token"}},
			}},
			Cases: []*model.Case{{
				ID: "list", Name: "목록", Tags: []string{"smoke"}, Comment: []string{"not converted: test script line 3: console.log(1)"},
				Steps: []*model.Step{{
					Method: "GET", URL: "/orders/{{account}}", Query: []model.Field{{Name: "size", Text: "{{size}}"}, {Name: "zip", Text: "{{zip}}"}},
					Expect: model.Expect{Status: []string{"200"}, Latency: "300ms", Headers: []model.Check{{Name: "content-type", Matchers: []model.Matcher{{Op: "contains", Value: model.String("json")}}}}, Body: []model.Check{
						{Name: "$.code", Matchers: []model.Matcher{{Op: "eq", Value: model.Literal("0")}}},
						{Name: "$.tags", Matchers: []model.Matcher{{Op: "count", Sub: []model.Matcher{{Op: "gte", Value: model.Literal("1")}}}}},
						{Name: "$.state", Matchers: []model.Matcher{{Op: "in", List: []*model.Node{model.String("ON"), model.String("off")}}}},
					}},
				}},
			}, {
				ID: "upload", Steps: []*model.Step{
					{Name: "send", Method: "PUT", URL: "/logo", Effects: model.Unreviewed, Body: &model.Body{Kind: model.MultipartBody, Parts: []model.Part{{Name: "title", Text: "logo"}, {Name: "image", File: "files/logo.png", Type: "image/png"}}}, Captures: []model.Capture{{Name: "place", Header: "Location"}}},
					{Name: "log", Method: "GET", URL: "/log", Auth: &model.Auth{Kind: model.Digest, User: "kim", Password: "{{env.KEY}}"}},
					{Name: "bucket", Method: "GET", URL: "/bucket", Auth: &model.Auth{Kind: model.AWS, Region: "ap-northeast-2", Service: "s3", AccessKey: "AKIDEXAMPLE", SecretKey: "{{env.KEY}}", SessionToken: "{{env.KEY}}"}},
					{Name: "look", Method: "PROPFIND", URL: "{{place}}", Effects: model.Unreviewed, Body: &model.Body{Kind: model.XMLBody, Text: "<a>\n  <b/>\n</a>\n"}},
				},
			}},
		}},
		Assets: []model.File{{Name: "files/logo.png", Data: []byte("png")}},
		Envs:   []*model.Env{{File: "env/stage.yaml", Doc: "stage", Blue: model.Side{URL: "https://stage.example"}, Vars: []model.Var{{Name: "account", Text: "a-1"}}}},
	}
}
