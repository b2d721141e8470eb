package openapi

import (
	"strings"
	"testing"
	"testing/fstest"
)

func open(name, text string) (*Document, error) {
	return Open(fstest.MapFS{name: {Data: []byte(text)}, "other.yaml": {Data: []byte("a: {type: string}\n")}}, name)
}

// opened is a document that can be read, and its faults as lines.
func opened(t *testing.T, name, text string) (d *Document, faults string) {
	t.Helper()
	d, err := open(name, text)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range d.Faults {
		b.WriteString(f.Error() + "\n")
	}
	return d, b.String()
}

func TestOpen(t *testing.T) {
	d, faults := opened(t, "a.yaml", `openapi: 3.0.3
info: {title: Kiosk}
servers: [{url: "https://a.example:{port}/v1", variables: {port: {default: 8443}}}]
paths:
  /films/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get:
      operationId: getFilm
      tags: [films, films]
      responses: {"200": {content: {application/json: {schema: {$ref: "other.yaml#/a"}}}}, 4xx: {}}
`)
	if faults != "" || len(d.Operations) != 1 || d.Title != "Kiosk" || d.Servers[0].URL != "https://a.example:8443/v1" {
		t.Fatalf("got %+v, faults %s", d, faults)
	}
	o := d.Operations[0]
	if o.Method != "GET" || o.ID != "getFilm" || len(o.Tags) != 1 || len(o.Params) != 1 || o.Params[0].Style != "simple" ||
		len(o.Responses) != 2 || o.Responses[1].Status != "4XX" {
		t.Errorf("got %+v", o)
	}
	schema, err := d.Resolve(o.Responses[0].Media[0].Schema)
	if err != nil || schema.Str("type") != "string" || len(d.Files()) != 2 {
		t.Errorf("the schema of another file: %v, %v", schema, err)
	}
}

func TestDuplicateKeys(t *testing.T) {
	for _, x := range []struct{ name, text, want string }{
		{"a.yaml", "openapi: 3.0.0\npaths:\n  /a: {}\n  /b: {}\n  /a: {}\n", `a.yaml:5:3: duplicate key "/a"`},
		{"a.yaml", "openapi: 3.0.0\npaths: {/a: {get: {responses: {200: {}, \"200\": {}}}}}\n", `a.yaml:2:41: duplicate key "200"`},
		{"a.json", "{\"openapi\": \"3.0.0\",\n \"x\": {\"a\\\"b\": 1,\n  \"a\\\"b\" : {}}}", `a.json:3:3: duplicate key "a\"b"`},
		{"a.json", `{"swagger": "2.0", "x": ["x", {"a": "b", "a": "b"}]}`, `a.json:1:42: duplicate key "a"`},
	} {
		if _, err := open(x.name, x.text); err == nil || err.Error() != x.want {
			t.Errorf("got %v, want %s", err, x.want)
		}
	}
	// What << brings along may be written over.
	opened(t, "a.yaml", "openapi: 3.0.0\nx: &x {a: 1}\ny: {<<: *x, a: 2}\n")
}

func TestWrongKinds(t *testing.T) {
	const paths = "\npaths: {/a: {get: {responses: {200: {}}}}, /b: {get: {responses: {200: {}}}}}\n"
	for _, x := range []struct{ text, want string }{
		{"swagger: '2.0'\nhost: {a: 1}" + paths, "2:7: host is not text"},
		{"swagger: '2.0'\nbasePath: [1]" + paths, "2:11: basePath is not text"},
		{"swagger: '2.0'\nproduces: json" + paths, ""},
		{"swagger: '2.0'\nconsumes: json" + paths, "2:11: consumes is not a list"},
		{"swagger: '2.0'\nhost: a\nschemes: [https, 1]" + paths, "3:18: an element of schemes is not text"},
		{"swagger: '2.0'\nhost:" + paths, ""},
		{"openapi: 3.0.0\nservers: {url: /a}" + paths, "2:10: servers is not a list"},
		{"openapi: 3.0.0\nservers: [/a]" + paths, "2:11: an element of servers is not a mapping"},
		{"openapi: 3.0.0\nsecurity: [key]" + paths, "2:12: an element of security is not a mapping"},
		{"openapi: 3.0.0\npaths: [1]\n", "2:8: paths is not a mapping"},
		{"openapi: 3.0.0\npaths: {/a: {get: {parameters: {a: 1}}}}\n", "2:32: parameters is not a list"},
		{"openapi: 3.0.0\npaths: {/a: {get: {deprecated: 1}}}\n", "2:32: deprecated is not true or false"},
		{"openapi: 3.0.0\npaths: {/a: {get: {responses: {200: 5}}}}\n", "2:37: what should have content is not a mapping"},
		{"openapi: 3.0.0\npaths: {/a: {get: {requestBody: {$ref: 5}}}}\n", "2:40: $ref is not text"},
		{"openapi: 3.0.0\npaths: {/a: {GET: {}}}\n", "2:19: GET /a: methods are written in lower case"},
	} {
		_, faults := opened(t, "a.yaml", x.text)
		if x.want != "" {
			x.want = "a.yaml:" + x.want + "\n"
		}
		if faults != x.want {
			t.Errorf("%s\ngot  %swant %s", x.text, faults, x.want)
		}
	}
}

func TestResolve(t *testing.T) {
	d, _ := opened(t, "a.yaml", `openapi: 3.0.0
x:
  - {$ref: "#/x/0"}
  - {$ref: "/etc/passwd"}
  - {$ref: "http://a.example/x"}
  - {$ref: "../up.yaml"}
  - {$ref: "#/none"}
  - {$ref: "#/none"}
`)
	for i, want := range []string{
		"a.yaml:3:12: reference \"#/x/0\" leads in a circle", "a.yaml:4:12: ", "a.yaml:5:12: reference \"http://a.example/x\": other hosts are not asked",
		"a.yaml:6:12: ", "a.yaml:7:12: reference \"#/none\": there is no \"none\"", "a.yaml:8:12: ",
	} {
		n, err := d.Resolve(d.main.root.Get("x").Items[i])
		if n != nil || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%d: got %v, %v, want %s", i, n, err, want)
		}
	}
}
