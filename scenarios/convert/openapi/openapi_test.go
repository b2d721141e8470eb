package openapi

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

// imported is what a document becomes, as text.
func imported(t *testing.T, name, text string) (files, report string) {
	t.Helper()
	convert := func() (string, string) {
		r, err := Convert(source.Input{Files: fstest.MapFS{name: {Data: []byte(text)}}, Name: name})
		if err != nil {
			t.Fatalf("import: %v", err)
		}
		_, out := converttest.LoadClean(t, write.Files(&r.Tree))
		var b strings.Builder
		if err := r.Report.Write(&b); err != nil {
			t.Fatal(err)
		}
		return out, b.String()
	}
	files, report = convert()
	if again, _ := convert(); again != files {
		t.Error("the same document gave other bytes")
	}
	return files, report
}

const kiosk = `openapi: 3.0.3
info: {title: Kiosk, version: "1"}
servers: [{url: "https://api.kiosk.example/v2"}]
security: [{key: []}]
paths:
  /films/{filmId}:
    get:
      operationId: getFilm
      tags: [films]
      parameters:
        - {name: filmId, in: path, required: true, schema: {type: string}, examples: {one: {value: F1}, two: {value: F2}}}
        - {name: lang, in: query, required: true, schema: {type: string}}
        - {name: page, in: query, schema: {type: integer, default: 1}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Film'}}}}
  /films:
    post:
      tags: [films]
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Film'}}}}
      responses: {"201": {description: made}}
components:
  securitySchemes: {key: {type: apiKey, in: header, name: X-Api-Key}}
  schemas:
    Film:
      type: object
      required: [id, title]
      properties:
        id: {type: integer, readOnly: true}
        title: {type: string, example: Snow}
        year: {type: integer, nullable: true}
        next: {nullable: true, allOf: [{$ref: '#/components/schemas/Film'}]}
        far: {$ref: 'https://other.example/x.yaml'}
`

func TestConvert(t *testing.T) {
	files, report := imported(t, "kiosk.yaml", kiosk)
	for _, want := range []string{
		"suite: films", "blue: {url: https://api.kiosk.example}", "needs: [lang]", "get: /v2/films/{{filmId}}",
		`query: {lang: "{{lang}}", page: 1}`, "schema: schemas/Film.json", `auth: {api_key: {header: X-Api-Key, value: "{{env.KEY}}"}}`,
		"json: {title: Snow}", "side_effects: unreviewed", `{example: two, filmId: F2}`, "text: {exists: false}",
	} {
		if !strings.Contains(files, want) {
			t.Errorf("not written: %s\n%s", want, files)
		}
	}
	if !strings.Contains(report, "other hosts are not asked") {
		t.Errorf("the reference to another host is not listed:\n%s", report)
	}
}

func TestConvertSwagger(t *testing.T) {
	files, _ := imported(t, "shop.json", `{"swagger": "2.0", "info": {"title": "Shop"}, "host": "shop.example", "basePath": "/v1",
"securityDefinitions": {"login": {"type": "basic"}},
"paths": {"/orders": {"post": {"operationId": "addOrder", "security": [{"login": []}],
  "parameters": [{"in": "body", "name": "b", "required": true, "schema": {"type": "object", "required": ["item"],
    "properties": {"item": {"type": "string", "enum": ["tea"]}}}}],
  "responses": {"200": {"description": "ok", "schema": {"type": "object", "properties": {"note": {"type": "string", "x-nullable": true}}}}}}}}}`)
	for _, want := range []string{
		"url: https://shop.example", "post: /v1/orders", "json: {item: tea}", `password: "{{env.LOGIN_PASSWORD}}"`, "schemas/add-order-200.json", `"null"`,
	} {
		if !strings.Contains(files, want) {
			t.Errorf("not written: %s\n%s", want, files)
		}
	}
}

func TestConvertHostile(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("openapi: 3.0.0\nx0: &x0 [a, a]\n")
	for i := range 40 {
		bomb.WriteString(fmt.Sprintf("x%d: &x%d [*x%d, *x%d]\n", i+1, i+1, i, i))
	}
	deep := `{"openapi":"3.0.0","x":` + strings.Repeat(`{"allOf":[`, 300) + strings.Repeat("]}", 300) + "}"
	for _, x := range []struct{ name, text, want string }{
		{"bomb.yaml", bomb.String(), "aliases counted"},
		{"deep.json", deep, "nested"},
		{"cycle.yaml", "openapi: 3.0.0\na: &a [*a]\n", "refers to itself"},
		{"other.yaml", "hello: 1\n", "neither openapi"},
		{"broken.json", `{"openapi": "3.0.0",`, "not JSON"},
		{"empty.yaml", "", "empty"},
		{"none.yaml", "openapi: 3.0.0\npaths: {}\n", "no operation"},
	} {
		_, err := Convert(source.Input{Files: fstest.MapFS{x.name: {Data: []byte(x.text)}}, Name: x.name})
		var at *source.Error
		if !errors.As(err, &at) || at.Line == 0 || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want a place and %q", x.name, err, x.want)
		}
	}
	// A schema that applies to itself accepts everything, and is listed.
	_, report := imported(t, "a.yaml", `openapi: 3.1.0
paths:
  /a: {get: {responses: {"200": {content: {application/json: {schema: {type: object, properties: {a: {$ref: '#/components/schemas/A'}}}}}}}}}
components: {schemas: {A: {allOf: [{$ref: '#/components/schemas/A'}]}}}
`)
	if !strings.Contains(report, "condition of itself") {
		t.Errorf("the cycle is not listed:\n%s", report)
	}
}

func TestConvertLostSchemas(t *testing.T) {
	files, report := imported(t, "a.yaml", `openapi: 3.0.3
paths:
  /a: {get: {responses: {"200": {content: {application/json: {schema: {$ref: "/etc/passwd"}}}}}}}
  /b: {get: {responses: {"200": {content: {application/json: {schema: {$ref: "http://a.example/x"}}}}}}}
  /c: {get: {responses: {"200": {content: {application/json: {schema: {$ref: "#/components/schemas/A"}}}}}}}
  /d: {get: {responses: {"200": {content: {application/json: {schema: {$ref: "http://a.example/x"}}}}}}}
components: {schemas: {A: {$ref: "#/components/schemas/A"}}}
`)
	for _, want := range []string{
		"a.yaml:3:78", "a.yaml:4:78", "a.yaml:5:78", "a.yaml:6:78", "/etc/passwd", "other hosts are not asked", "leads in a circle", "4 of 8",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report does not have %s:\n%s", want, report)
		}
	}
	if n := strings.Count(files, "# not converted: "); n != 4 {
		t.Errorf("%d comments next to the cases, want 4:\n%s", n, files)
	}
}

func TestConvertRefused(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{"openapi: 3.0.0\npaths:\n  /a: {get: {}}\n  /a: {get: {}}\n", `duplicate key "/a"`},
		{"openapi: 3.0.0\npaths: [1]\n", "no operation in the description: paths is not a mapping"},
	} {
		_, err := Convert(source.Input{Files: fstest.MapFS{"a.yaml": {Data: []byte(x.text)}}, Name: "a.yaml"})
		var at *source.Error
		if !errors.As(err, &at) || at.Line < 2 || !strings.Contains(err.Error(), x.want) {
			t.Errorf("got %v, want %s", err, x.want)
		}
	}
	_, report := imported(t, "a.yaml", "swagger: '2.0'\nhost: {a: 1}\npaths: {/a: {get: {parameters: {a: 1}, responses: {200: {}}}}}\n")
	for _, want := range []string{"a.yaml:2:7", "host is not text", "a.yaml:3:32", "parameters is not a list"} {
		if !strings.Contains(report, want) {
			t.Errorf("not listed: %s\n%s", want, report)
		}
	}
}

const shelf = `openapi: 3.0.3
paths:
  /films:
    get:
      operationId: listFilms
      parameters: [{name: lang, in: query, required: true, schema: {type: string, default: ko}}]
      responses:
        "200":
          description: ok
          links:
            one: {operationId: getFilm, parameters: {path.id: "$response.body#/items/0/id", v: 2, note: "n-{$response.header.X-Page}"}}
            lost: {operationId: nothing}
            asked: {operationId: getFilm, parameters: {id: $request.query.lang}}
            body: {operationId: addFilm, requestBody: $response.body}
            unknown: {operationId: getFilm, parameters: {other: 1}}
    post:
      operationId: addFilm
      responses:
        "201": {description: made, links: {it: {operationRef: "#/paths/~1films~1{id}/get", parameters: {id: $response.header.X-Id}}}}
        "409": {description: there, links: {old: {operationId: getFilm, parameters: {id: $response.body#/id}}}}
  /films/{id}:
    get:
      operationId: getFilm
      parameters:
        - {name: id, in: path, required: true, schema: {type: integer}}
        - {name: v, in: query, schema: {type: integer}}
        - {name: note, in: header, schema: {type: string}}
      responses: {"200": {description: ok}}
`

func TestConvertLinks(t *testing.T) {
	files, report := imported(t, "shelf.yaml", shelf)
	want := `  - case: get-film
    name: GET /films/{id} after GET /films
    steps:
      - step: GET /films
        get: /films
        query: {lang: ko}
        expect: {status: 200, text: {exists: false}}
        capture: {id: "$.items[0].id", note: {header: X-Page}}
      - step: GET /films/{id}
        get: /films/{{id}}
        query: {v: 2}
        headers: {note: "n-{{note}}"}
`
	if !strings.Contains(files, want) {
		t.Errorf("the case of the link is not written: want\n%s\ngot\n%s", want, files)
	}
	for _, want := range []string{"case: add-film-get-film", "capture: {id: {header: X-Id}}", "side_effects: unreviewed"} {
		if !strings.Contains(files, want) {
			t.Errorf("not written: %s\n%s", want, files)
		}
	}
	if strings.Contains(files, "needs:") {
		t.Error("a value is asked for from outside that a link gives")
	}
	for _, want := range []string{
		`link lost — there is no operation "nothing"`, "link asked — the expression $request.query.lang has no place in a capture",
		"link body — the answer gives the body of the next request", "link unknown — the operation has no parameter other",
		"link old — response 409 is not that of a successful request", "3 of 8",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report does not have %s:\n%s", want, report)
		}
	}
}
