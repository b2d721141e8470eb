package write

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

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

// TestEveryFieldIsWritten takes every field of the model away once: the files must change.
func TestEveryFieldIsWritten(t *testing.T) {
	tree := everything()
	tree.Envs[0].Green.CA = "ca.pem" // a file with a certificate, or nothing loads
	whole := render(tree)
	set, all := map[string]bool{}, map[string]bool{}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				name, field := v.Type().Name()+"."+v.Type().Field(i).Name, v.Field(i)
				all[name] = true
				if field.IsZero() {
					continue
				}
				set[name] = true
				kept := reflect.New(field.Type()).Elem()
				kept.Set(field)
				field.SetZero()
				if render(tree) == whole && name != "Node.Kind" { // without one a node is text
					t.Errorf("nothing changes without %s: %v", name, kept)
				}
				field.Set(kept)
				walk(field)
			}
		}
	}
	walk(reflect.ValueOf(tree))
	for name := range all {
		if !set[name] {
			t.Errorf("no example has %s", name)
		}
	}
}

// render is all files as one text; a tree that cannot be written differs from any that can.
func render(tree *model.Tree) (text string) {
	defer func() {
		if recover() != nil {
			text = "cannot be written"
		}
	}()
	return converttest.Render(Files(tree))
}

// everything has a value for every field of the model, but for CA.
func everything() *model.Tree {
	tree := &model.Tree{
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
	eq := func(text string) []model.Matcher { return []model.Matcher{{Op: "eq", Value: model.String(text)}} }
	body := func(b model.Body) *model.Step {
		return &model.Step{Name: fmt.Sprint("body ", b.Kind), Method: "POST", URL: "/x", Effects: model.OnlyReads, Body: &b}
	}
	auth := func(a model.Auth) *model.Step {
		return &model.Step{Name: fmt.Sprint("auth ", a.Kind), Method: "GET", URL: "/x", Auth: &a}
	}
	more := &model.Suite{
		File: "more.yaml", Comment: []string{"the rest"}, Name: "more",
		Blue:  model.Side{Comment: []string{"the old one"}, URL: "https://blue.example", Vars: []model.Var{{Name: "box", Text: "b"}}, Insecure: true, HTTP: "2"},
		Green: model.Side{URL: "https://green.example", Vars: []model.Var{{Name: "box", Text: "g"}}},
		Cases: []*model.Case{{
			ID: "rows", Doc: "Once for each box.", Data: &model.Data{File: "rows.csv", Name: "{{id}}"}, Vars: []model.Var{{Name: "size", Text: "1"}}, Order: "blue-then-green",
			Steps: []*model.Step{{Method: "GET", URL: "/rows/{{id}}/{{box}}/{{size}}", Cookies: []model.Field{{Name: "c", Text: "1"}}, Timeout: "5s", Expect: model.Expect{
				Status: []string{"2xx", "404"}, Cookies: []model.Check{{Name: "sid", Matchers: eq("a")}}, Text: eq("a"), Schema: "schema.json", Snapshot: "body.json",
			}}},
		}, {
			ID: "rows-here", Data: &model.Data{Name: "{{lang}}", Rows: []*model.Node{{Kind: model.ObjectNode, Keys: []string{"lang"}, Items: []*model.Node{model.String("ko")}}}},
			Steps: []*model.Step{{Method: "GET", URL: "/rows/{{lang}}"}},
		}, {
			ID: "bodies", Skip: "nobody needs it", Steps: []*model.Step{
				body(model.Body{Kind: model.JSONBody, JSON: &model.Node{Kind: model.ArrayNode, Items: []*model.Node{model.Literal("1")}}}),
				body(model.Body{Kind: model.GraphQLBody, Text: "query Q { a }", Operation: "Q", JSON: &model.Node{Kind: model.ObjectNode, Keys: []string{"a"}, Items: []*model.Node{model.Literal("1")}}}),
				body(model.Body{Kind: model.MultipartBody, Parts: []model.Part{{Name: "f", File: "rows.csv", FileName: "r.csv"}}}),
				body(model.Body{Kind: model.TextBody, Text: "a"}), body(model.Body{Kind: model.FileBody, File: "body.json"}), body(model.Body{Kind: model.Base64Body, Text: "AAEC"}),
			},
		}, {
			ID: "proofs", Steps: []*model.Step{
				auth(model.Auth{Kind: model.Basic, User: "u", Password: "{{box}}"}), auth(model.Auth{Kind: model.APIKeyHeader, Name: "X-Key", Value: "{{box}}"}), auth(model.Auth{Kind: model.APIKeyQuery, Name: "key", Value: "{{box}}"}),
				auth(model.Auth{Kind: model.OAuth2Client, TokenURL: "/token", ClientID: "c", ClientSecret: "{{box}}", Scopes: []string{"a"}}), auth(model.Auth{Kind: model.OAuth2Password, TokenURL: "/token", User: "u", Password: "{{box}}"}),
			},
		}, {
			ID: "flow", Steps: []*model.Step{
				{Name: "ask", Comment: []string{"once"}, Method: "GET", URL: "/x", Continue: true, Repeat: 2, Pause: "1s", When: []model.Check{{Name: "box", Matchers: eq("b")}}, Captures: []model.Capture{
					{Name: "sid", Cookie: "sid"}, {Name: "id", Regex: "id=([0-9]+)"}, {Name: "status", Status: true},
				}},
				{Name: "again", Use: "parts.yaml#again"},
				{Name: "show", Method: "GET", URL: "/x/{{sid}}/{{id}}/{{status}}"},
			},
		}},
		Teardown: []*model.Step{{Name: "end", Method: "GET", URL: "/end"}},
		Load: []*model.Load{
			{Name: "peak", Comment: []string{"of JMeter"}, Steps: []model.LoadStep{{Case: "rows", Weight: 3}}, Rate: "20/s", Duration: "30s", Writes: true},
			{Name: "ladder", Steps: []model.LoadStep{{Case: "rows"}}, Rates: []string{"10/s", "20/s"}},
			{Name: "evening", Steps: []model.LoadStep{{Case: "rows"}}, Users: &model.Users{Count: 200, Ramp: "30s", Think: "500ms..2s", Duration: "5m"}},
		},
	}
	tree.Suites = append(tree.Suites, more)
	tree.Parts = []*model.Parts{{File: "parts.yaml", Comment: []string{"shared"}, Doc: "What is asked again.", Lists: []model.PartList{{Name: "again", Steps: []*model.Step{{Method: "GET", URL: "/again"}}}}}}
	tree.Assets = append(
		tree.Assets, model.File{Name: "rows.csv", Data: []byte("id\n1\n")}, model.File{Name: "schema.json", Data: []byte("{}")}, model.File{Name: "body.json", Data: []byte("{}")},
	)
	env := tree.Envs[0]
	env.Comment, env.Env, env.Secrets = []string{"a stage"}, []string{"KEY"}, []string{"KEY"}
	env.Green = model.Side{URL: "https://{{env.KEY}}"}
	return tree
}
