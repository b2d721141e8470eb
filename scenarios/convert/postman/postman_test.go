package postman

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

// What Postman refuses is refused, with the place of the mistake.
func TestPostmanErrors(t *testing.T) {
	const info = `"info":{"name":"x"}`
	rows := []struct {
		name, data, path string
		offset           int
		msg, reason      string
	}{
		{"empty", ``, "$", 0, "the file ends where a value is expected", "an export cut off at once"},
		{"cut off", `{"item":[{"name":"a`, "$.item[0].name", 17, "a string without an end", "a download that broke"},
		{"bad escape", `{"item":[{"name":"\x"}]}`, "$.item[0].name", 17, "a string that JSON does not allow", "JavaScript's escapes"},
		{"single quotes", `{'item':[]}`, "$", 1, "expected the name of a member in quotes", "JavaScript, not JSON"},
		{"trailing comma", `{"item":[],}`, "$", 11, "expected the name of a member in quotes", "edited by hand"},
		{"two values", `{} {}`, "$", 3, "something follows the JSON value", "two exports in one file"},
		{"bare word", `{"item":nope}`, "$.item", 8, `"nope" is not a JSON value`, "edited by hand"},
		{"after a BOM", "\xef\xbb\xbf" + `{"item":nope}`, "$.item", 11, `"nope" is not a JSON value`, "offsets count the mark"},
		{"list", `[]`, "$", 0, "a collection must be an object, not a list", "globals are a list"},
		{"no item", `{` + info + `}`, "$", 0, `no "item": this is not a collection`, "some other JSON"},
		{"item is text", `{` + info + `,"item":"x"}`, "$.item", 28, "must be a list, not text", "the schema says list"},
		{"item is null", `{` + info + `,"item":[null]}`, "$.item[0]", 29, "an item must be an object, not null", "the schema says object"},
		{"request is a list", `{` + info + `,"item":[{"request":[]}]}`, "$.item[0].request", 40, "a request must be an object or an address, not a list", "the schema says object or text"},
		{"no request", `{` + info + `,"item":[{"name":"a"}]}`, "$.item[0]", 29, `an item needs "request" or "item"`, "neither folder nor request"},
		{"body is a number", `{` + info + `,"item":[{"request":{"body":1}}]}`, "$.item[0].request.body", 48, "a body must be an object, not a number", "the schema says object"},
		{"unknown mode", `{` + info + `,"item":[{"request":{"body":{"mode":"x"}}}]}`, "$.item[0].request.body.mode", 56, `unknown mode "x"`, "five modes there are"},
		{"auth is text", `{` + info + `,"item":[{"request":{"auth":"x"}}]}`, "$.item[0].request.auth", 48, "auth must be an object, not text", "the schema says object"},
		{"environment", `{"name":"e","values":[]}`, "$", 0, "this is an environment, not a collection; give it with --env", "the wrong file"},
		{"v1", `{"name":"e","requests":[],"folders":[]}`, "$", 0, "form v1", "older than what Postman reads"},
		{"nothing in it", `{` + info + `,"item":[{"name":"f","item":[]}]}`, "$.item", -1, "there is no request in the collection", "nothing to import"},
		{"deep", `{"item":` + strings.Repeat("[", 300) + `}`, "", 264, "nested more than 256 deep", "no recursion without end"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, err := Convert(source.Input{Files: fstest.MapFS{"c.json": {Data: []byte(row.data)}}, Name: "c.json"}, Options{})
			var got *source.Error
			if !errors.As(err, &got) {
				t.Fatalf("%s: %q gave %v", row.reason, row.data, err)
			}
			if row.path != "" && got.Path != row.path || got.Offset != row.offset || !strings.Contains(got.Msg, row.msg) || got.File != "c.json" {
				t.Errorf("%s: got %s %s byte %d %q, want %s byte %d %q", row.reason, got.File, got.Path, got.Offset, got.Msg, row.path, row.offset, row.msg)
			}
		})
	}
}

// A collection of the old form, of the corpus, is refused as Postman refuses it.
func TestCorpusV1(t *testing.T) {
	sub, err := fs.Sub(corpus(t), "conformance/newman")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = Convert(source.Input{Files: sub, Name: "multi-level-folders-v1.postman_collection.json"}, Options{}); err == nil || !strings.Contains(err.Error(), "form v1") {
		t.Errorf("got %v", err)
	}
}

// The bytes that an editor puts before the text change nothing.
func TestEncodings(t *testing.T) {
	text := oddCollections[3]
	wide := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	want := ""
	for _, data := range [][]byte{[]byte(text), []byte("\xef\xbb\xbf" + text), wide, []byte(`{"collection":` + text + `}`)} {
		result, err := Convert(source.Input{Files: fstest.MapFS{"c.json": {Data: data}}, Name: "c.json"}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := converttest.Render(write.Files(&result.Tree))
		if want != "" && got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// Several values and files of one field are parts of one name, in their order.
func TestPostmanPartsOfOneName(t *testing.T) {
	const collection = `{"info":{"name":"a","schema":"https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},"item":[{"name":"up","request":{"method":"POST",
		"url":"http://x.example/up","body":{"mode":"formdata","formdata":[{"key":"tag","value":"new","type":"text"},{"key":"logo","type":"file","src":["a.png","b.png"]},
		{"key":"tag","value":"hd","type":"text"}]}}}]}`
	fsys := fstest.MapFS{"c.json": {Data: []byte(collection)}, "a.png": {Data: []byte("A")}, "b.png": {Data: []byte("B")}}
	r, err := Convert(source.Input{Files: fsys, Name: "c.json"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	suites, text := converttest.Load(t, write.Files(&r.Tree))
	var got []string
	for _, p := range suites[0].Cases[0].Steps[0].Request.Body.Parts {
		got = append(got, p.Name+"="+string(p.Data))
		if p.Value != nil {
			got[len(got)-1] += p.Value.Text
		}
	}
	if d := cmp.Diff([]string{"tag=new", "tag=hd", "logo=A", "logo=B"}, got); d != "" {
		t.Errorf("parts (-want +got)\n%s\n%s", d, text)
	}
}

// No secret is written anywhere, whatever place of a collection holds it.
func TestSecretsAreNotWritten(t *testing.T) {
	const canary = "c4nary-5ecret"
	auths := []string{
		`{"type":"bearer","bearer":[{"key":"token","value":"%s"}]}`,
		`{"type":"basic","basic":{"username":"kim","password":"%s"}}`,
		`{"type":"apikey","apikey":[{"key":"key","value":"X-Key"},{"key":"value","value":"%s"}]}`,
		`{"type":"apikey","apikey":[{"key":"key","value":"k"},{"key":"in","value":"query"},{"key":"value","value":"pre %s"}]}`,
		`{"type":"oauth2","oauth2":[{"key":"grant_type","value":"client_credentials"},{"key":"accessTokenUrl","value":"https://a.example/t"},{"key":"clientId","value":"c"},{"key":"clientSecret","value":"%s"}]}`,
		`{"type":"oauth2","oauth2":[{"key":"grant_type","value":"password_credentials"},{"key":"accessTokenUrl","value":"https://a.example/t"},{"key":"username","value":"u"},{"key":"password","value":"%s"}]}`,
		`{"type":"oauth2","oauth2":[{"key":"accessToken","value":"%s"}]}`,
		`{"type":"digest","digest":[{"key":"username","value":"kim"},{"key":"password","value":"%s"}]}`,
		`{"type":"awsv4","awsv4":[{"key":"accessKey","value":"a-%[1]s"},{"key":"secretKey","value":"%[1]s"},{"key":"sessionToken","value":"t-%[1]s"}]}`,
		`{"type":"hawk","hawk":[{"key":"authId","value":"kim"},{"key":"authKey","value":"%s"}]}`,
	}
	for i, auth := range auths {
		auth = fmt.Sprintf(auth, canary)
		for _, collection := range []string{
			`{"info":{"name":"a"},"auth":` + auth + `,"item":[{"name":"x","request":"https://x.example/a"}]}`,
			`{"info":{"name":"a"},"item":[{"name":"f","auth":` + auth + `,"item":[{"name":"x","request":"https://x.example/a"}]}]}`,
			`{"info":{"name":"a"},"item":[{"name":"x","request":{"url":"https://x.example/a?api_key=` + canary + `","auth":` + auth + `,"header":[{"key":"Authorization","value":"Token ` + canary + `"},{"key":"X-Api-Key","value":"` + canary + `"}]}}],"variable":[{"key":"adminPassword","value":"` + canary + `"},{"key":"z","value":"{{adminPassword}}"}]}`,
			`{"info":{"name":"a"},"item":[{"name":"x","request":{"url":"https://x.example/a?b&sig=` + canary + `&b","auth":` + auth + `,"header":[{"key":"Cookie","value":"sid=` + canary + `; lang=ko"},{"key":"X-CSRF","value":"` + canary + `"}]}}],"variable":[{"key":"pwd","value":"` + canary + `"},{"key":"z","value":"{{pwd}}"}]}`,
			`{"info":{"name":"a"},"item":[{"name":"x","request":"https://kim:` + canary + `@x.example/{{secretKey}}/{{adminPassword}}/{{plain}}"}]}`,
		} {
			env := model.File{Name: "e.json", Data: []byte(`{"name":"e","values":[{"key":"plain","value":"` + canary + `","type":"secret"},{"key":"adminPassword","value":"` + canary + `"},{"key":"unused_token","value":"` + canary + `"}]}`)}
			result, err := Convert(source.Input{Files: fstest.MapFS{"c.json": {Data: []byte(collection)}}, Name: "c.json"}, Options{Envs: []model.File{env}})
			if err != nil {
				t.Fatal(err)
			}
			var report strings.Builder
			if err := result.Report.Write(&report); err != nil {
				t.Fatal(err)
			}
			if text := converttest.Render(write.Files(&result.Tree)) + report.String(); strings.Contains(text, canary) {
				t.Errorf("auth %d: the secret is written\n%s\n%s", i, collection, text)
			}
			for _, s := range result.Tree.Suites {
				if slices.ContainsFunc(s.Env, func(name string) bool { return slices.Contains(naming.CommonEnv, name) }) {
					t.Errorf("auth %d: a secret is read from a variable that is there anyway: %v", i, s.Env)
				}
			}
			problems, _ := converttest.Problems(write.Files(&result.Tree), result.Tree.Envs)
			for _, p := range problems {
				if p.Kind == scenarios.Error || strings.Contains(p.Summary, "plain text") {
					t.Errorf("auth %d: %s", i, p)
				}
			}
		}
	}
}

// A folder that no one file can hold becomes several suites, and loads.
func TestLargeFolder(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"info":{"name":"large"},"item":[{"name":"Orders","item":[`)
	const requests = 1500
	for i := range requests {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"name":"order %d","request":{"method":"POST","url":"https://x.example/orders/%d","body":{"mode":"raw","raw":%s,"options":{"raw":{"language":"json"}}}}}`,
			i, i, source.Quoted(`{"note":"`+strings.Repeat("n", 900)+`","n":`+fmt.Sprint(i)+`}`))
	}
	b.WriteString("]}]}")
	result, err := Convert(source.Input{Files: fstest.MapFS{"c.json": {Data: []byte(b.String())}}, Name: "c.json"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	problems, suites := converttest.Problems(write.Files(&result.Tree), result.Tree.Envs)
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	cases := 0
	for i, s := range result.Tree.Suites {
		cases += len(s.Cases)
		if want := strings.TrimSuffix(fmt.Sprintf("orders-%d", i+1), "-1"); s.Name != want {
			t.Errorf("suite %d is called %s, want %s", i, s.Name, want)
		}
	}
	if cases != requests || len(suites) < 2 {
		t.Errorf("%d cases in %d suites", cases, len(suites))
	}
}
