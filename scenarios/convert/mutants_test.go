package convert

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/scenarios"
)

// mutant is a text with some deliberate damage: bytes changed, removed or doubled, parts
// moved, repeated, nested or cut, the end missing.
func mutant(r *rand.Rand, text []byte) []byte {
	out := bytes.Clone(text)
	for range 1 + r.IntN(3) {
		if len(out) < 2 {
			return out
		}
		a := r.IntN(len(out))
		b := min(len(out), a+1+r.IntN(40))
		switch r.IntN(8) {
		case 0:
			out[a] = byte(r.IntN(256))
		case 1:
			out = append(out[:a:a], out[b:]...)
		case 2:
			out = bytes.Join([][]byte{out[:b], out[a:b], out[b:]}, nil)
		case 3:
			out = out[:a]
		case 4: // another part of the same text
			c := r.IntN(len(out))
			out = bytes.Join([][]byte{out[:a], out[c:min(len(out), c+60)], out[b:]}, nil)
		case 5:
			out = bytes.Join([][]byte{out[:a], []byte(pick(r, "{{", "}}", "${", "${__P(", "&a;", "*a", "<!--", "]]>", "\x00", "$ref", ": ", "- ", "99999999999999999999", "-1", "null")), out[a:]}, nil)
		case 6: // a value of another kind
			out = bytes.Replace(out, []byte(pick(r, `"200"`, "string", "true", "GET", "object", ">5<", "1")), []byte(pick(r, "[]", "{}", "0", "", "1e999", "\"\"")), 1)
		case 7:
			part := bytes.Clone(out[a:b])
			out = append(out[:a:a], bytes.Repeat(part, 50)...)
		}
	}
	return out
}

var content = regexp.MustCompile(`>[^<>]*<|: ?[^,{}\[\]\n]+`)

// valueMutant replaces the content of some elements or members, so that the document
// can still be read.
func valueMutant(r *rand.Rand, text []byte) []byte {
	out := bytes.Clone(text)
	for range 1 + r.IntN(3) {
		list := content.FindAllIndex(out, -1)
		at := list[r.IntN(len(list))]
		value := pick(r, "", "-1", "0", "99999999999999999999", "1e999", "true", "null", "x", "${a}", "${__P(a)}", "${__nothing(1)}", "{{a}}", "$.a[*]..b", "((", "..", "/", "http://",
			"GET", "a b", "[1]", "\u0000", "200", "\xed\x95\x9c", "${${a}}", "$1$$2$")
		from, to := at[0]+1, at[1]
		if out[at[0]] == '>' {
			to--
		} else if value = " " + value; r.IntN(3) > 0 {
			value = " " + strconv.Quote(value[1:])
		}
		out = bytes.Join([][]byte{out[:from], []byte(value), out[to:]}, nil)
	}
	return out
}

func pick(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

// Whatever happens to a description or a plan, an import ends with files that load, or
// with an error that names the place; it never panics and never writes what does not load.
func TestMutants(t *testing.T) {
	plan, err := os.ReadFile("jmeter/testdata/shop.jmx")
	if err != nil {
		t.Fatal(err)
	}
	api := []byte(`openapi: 3.0.3
info: {title: Kiosk}
servers: [{url: "https://api.kiosk.example/v2"}]
security: [{key: []}]
paths:
  /films/{filmId}:
    get:
      operationId: getFilm
      tags: [films]
      parameters:
        - {name: filmId, in: path, required: true, schema: {type: string}, examples: {one: {value: F1}, two: {value: F2}}}
        - {name: lang, in: query, required: true, schema: {type: string, enum: [ko, en]}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: '#/components/schemas/Film'}}}}
  /films:
    post:
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Film'}}}}
      responses: {"201": {description: made, links: {it: {operationId: getFilm, parameters: {filmId: "$response.body#/id"}}}}}
components:
  securitySchemes: {key: {type: apiKey, in: header, name: X-Api-Key}}
  schemas:
    Film: {type: object, required: [id], properties: {id: {type: integer, minimum: 1}, title: {type: string, pattern: "^[A-Z]"}, next: {$ref: '#/components/schemas/Film'}}}
`)
	swagger := []byte(`{"swagger": "2.0", "host": "shop.example", "basePath": "/v1", "paths": {"/orders/{id}": {"post": {"parameters": [
{"in": "path", "name": "id", "required": true, "type": "string", "x-example": "O1"},
{"in": "body", "name": "b", "schema": {"type": "object", "properties": {"item": {"type": "string", "enum": ["tea"]}}}}],
"responses": {"200": {"schema": {"$ref": "#/definitions/Order"}}}}}}, "definitions": {"Order": {"type": "object", "x-nullable": true}}}`)
	for _, x := range []struct {
		format, file string
		text         []byte
		n            int
	}{{"openapi", "api.yaml", api, 150}, {"openapi", "api.json", swagger, 150}, {"jmeter", "plan.jmx", plan, 150}} {
		r := rand.New(rand.NewPCG(17, uint64(len(x.text)))) // the same mutants each time
		read := 0
		for i := range x.n {
			text := valueMutant(r, x.text)
			if i%2 == 0 {
				text = mutant(r, x.text)
			}
			result, err := Convert(x.format, Input{Files: fstest.MapFS{x.file: {Data: text}}, Name: x.file}, Options{})
			var at *SourceError
			switch {
			case errors.As(err, &at):
				if at.Line == 0 && at.Offset < 0 {
					t.Errorf("%s: an error without a place: %v\n%s", x.file, err, text)
				}
				continue
			case err != nil:
				t.Errorf("%s: an error without a place: %v\n%s", x.file, err, text)
				continue
			}
			read++
			files := fstest.MapFS{}
			for _, f := range result.Files {
				files[f.Name] = &fstest.MapFile{Data: f.Data}
			}
			if _, problems := scenarios.Load(files, []string{"."}, scenarios.LoadOptions{}); problems.HasErrors() {
				t.Errorf("%s: what was written does not load: %v\n%s", x.file, problems, text)
			}
		}
		if read < x.n/10 || read == x.n {
			t.Errorf("%s: %d of %d mutants were read: they are too weak or too strong", x.file, read, x.n)
		}
	}
}
