package postman

import (
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

// oddCollections are the odd forms the format allows, for the corpus of the
// fuzz target and for the tests of machines without the shared collections.
var oddCollections = []string{
	`{"info":{"name":"a"},"item":["https://x.example/y?z"]}`,
	`{"collection":{"info":{"name":"a"},"item":[{"request":"{{u}}/a"}]}}`,
	`{"info":{"name":"{{a}}"},"item":[{"name":"{{b}} - #: x","request":{"method":"post","url":"{{u}}/{{$guid}}/:id?a=1&b&a=2","header":"A: b\nCookie: c=d; e","body":{"mode":"raw","raw":"{\"a\":{{n}},\"b\":\"{{s}}\"}","options":{"raw":{"language":"json"}}}}}],"variable":[{"key":"n","value":1},{"key":"s","value":"{{s}}"}]}`,
	`{"info":{"name":"a"},"auth":{"type":"basic","basic":{"username":"u","password":"pass-word"}},"item":[{"name":"f","item":[{"name":"x","event":[{"listen":"test","script":{"exec":["pm.environment.set('t', pm.response.json().t);","pm.test('a', () => { pm.expect(pm.response.json()).to.have.property('t').that.is.a('string'); });"]}}],"request":{"method":"GET","url":{"host":["x","example"],"path":["a","{{b}}"],"protocol":"https"}}},{"name":"y","request":{"method":"DELETE","url":"https://x.example/{{t}}","auth":{"type":"noauth"}}}]}]}`,
	`{"info":{"name":"a"},"item":[{"name":"f","request":{"method":"PUT","url":"http://x.example","body":{"mode":"formdata","formdata":[{"key":"a","value":"b","type":"text"},{"key":"a","src":"/no/file","type":"file"},{"key":"{{c}}","value":""}]}}},{"request":{"url":"","method":"{{m}}","body":{"mode":"graphql","graphql":{"query":"{ a(b: \"{{c}}\") }","variables":"{\"x\": {{y}}}"}}}}]}`,
}

// FuzzPostman imports any text. It never panics, and what is written loads.
func FuzzPostman(f *testing.F) {
	for _, s := range oddCollections {
		f.Add([]byte(s), `[{"key":"u","value":"https://x.example/v1"},{"key":"t","value":"tok-123456","type":"secret"}]`, "tests['a'] = responseCode.code === 200;")
	}
	f.Fuzz(func(t *testing.T, collection []byte, env, script string) {
		files := fstest.MapFS{"c.json": &fstest.MapFile{Data: collection}}
		in := source.Input{Files: files, Name: "c.json"}
		holdImport(t, in, Options{Envs: []model.File{{Name: "stage.json", Data: []byte(env)}}})
		holdImport(t, in, Options{})
		withScript := `{"info":{"name":"s"},"item":[{"name":"a","event":[{"listen":"test","script":{"exec":` + source.Quoted(strings.ToValidUTF8(script, "\ufffd")) + `}},{"listen":"prerequest","script":{"exec":` + source.Quoted(strings.ToValidUTF8(script, "\ufffd")) + `}}],"request":"{{u}}/a/{{t}}"},{"name":"b","request":"{{u}}/b/{{x}}/{{t}}"}]}`
		holdImport(t, source.Input{Files: fstest.MapFS{"c.json": &fstest.MapFile{Data: []byte(withScript)}}, Name: "c.json"}, Options{})
	})
}

// holdImport imports and holds what is written to the rules of the package.
func holdImport(t *testing.T, in source.Input, opts Options) {
	t.Helper()
	result, err := Convert(in, opts)
	if err != nil {
		return
	}
	again, err := Convert(in, opts)
	if err != nil {
		t.Fatalf("a second import fails: %v", err)
	}
	text := converttest.Render(write.Files(&result.Tree))
	if text != converttest.Render(write.Files(&again.Tree)) {
		t.Fatal("a second import gives other files")
	}
	for _, file := range write.Files(&result.Tree) {
		if !fs.ValidPath(file.Name) || path.Clean(file.Name) != file.Name {
			t.Fatalf("the file name %q", file.Name)
		}
	}
	problems, _ := converttest.Problems(write.Files(&result.Tree), result.Tree.Envs)
	for _, p := range problems {
		if p.Kind == scenarios.Error {
			t.Fatalf("%s\n    %s\n  hint: %s\n%s", p, p.Source, p.Hint, text)
		}
	}
	if total := result.Report.Total(); total.Mapped > total.Total || total.Total-total.Mapped > len(result.Report.Lost) {
		t.Fatalf("%d of %d carried over, and %d lost are listed", total.Mapped, total.Total, len(result.Report.Lost))
	}
}
