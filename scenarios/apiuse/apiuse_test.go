package apiuse

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/openapi"
)

const kiosk = `openapi: 3.0.3
info: {title: Kiosk}
servers: [{url: "https://api.kiosk.example/v2"}]
paths:
  /films:
    get:
      parameters:
        - {name: lang, in: query, schema: {type: string}}
        - {name: X-Trace, in: header, schema: {type: string}}
        - {name: Accept, in: header, schema: {type: string}}
        - {name: filter, in: query, schema: {type: object, properties: {year: {type: integer}}}}
        - {name: near, in: query, style: deepObject, schema: {type: object}}
        - {name: seen, in: cookie, schema: {type: string}}
      responses: {"200": {description: ok}, "206": {description: part}, 4XX: {description: no}, default: {description: other}}
    post:
      requestBody: {required: true, content: {application/json: {schema: {type: object}}}}
      responses: {"201": {description: made}, "409": {description: there}}
  /films/new: {get: {responses: {"200": {description: ok}}}}
  /films/{id}: {get: {responses: {"200": {description: ok}, "404": {description: none}}}}
  /films/{id}/poster.{kind}: {get: {responses: {"200": {description: ok}}}}
  /shelf/{id}: {get: {responses: {"200": {description: ok}}}}
`

// told is what of the description the cases of a suite ask, in the order of the
// description, and the steps that match nothing.
func told(t *testing.T, suite string) (asked, strays []string) {
	t.Helper()
	d, err := openapi.Open(fstest.MapFS{"api.yaml": {Data: []byte(kiosk)}}, "api.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"s.yaml": {Data: []byte(suite)}, "rows.csv": {Data: []byte("kind,n\nfilms,1\nshelf,2\n")}}
	suites, problems := scenarios.Load(files, []string{"s.yaml"}, scenarios.LoadOptions{})
	if problems.HasErrors() {
		t.Fatalf("the suite does not load: %v", problems)
	}
	add := func(name string, p *Part) {
		if p.Asked() {
			asked = append(asked, name+": "+strings.Join(p.Cases, " "))
		}
		for _, x := range p.Perhaps {
			asked = append(asked, name+": perhaps "+x.Case+" ("+x.Why+")")
		}
	}
	u := Of(d, suites)
	for _, o := range u.Operations {
		add(o.Method+" "+o.Path, &o.Part)
		for _, s := range o.Statuses {
			add(s.Status, &s.Part)
		}
		for _, p := range o.Params {
			add(strings.TrimSpace(p.In+" "+p.Name), &p.Part)
		}
	}
	for _, s := range u.Strays {
		strays = append(strays, s.Place+" "+s.Request)
	}
	return asked, strays
}

func TestOf(t *testing.T) {
	for _, x := range []struct {
		name, cases string // of the cases of a suite
		asked       []string
		strays      []string
		why         string
	}{
		{
			"the server's path", "{case: a, get: /v2/films, expect: {status: 200}}",
			[]string{"GET /films: s/a", "200: s/a"},
			nil, "rule 2: blue is not at /v2 here",
		},
		{
			"without it", `{case: a, get: "/films?lang=ko", expect: {status: 404}}`,
			[]string{"GET /films: s/a", "4XX: s/a", "query lang: s/a"},
			nil, "404 is of the class 4XX",
		},
		{
			"several statuses", "{case: a, get: /films}",
			[]string{"GET /films: s/a", "200: perhaps s/a (the case also accepts 206)", "206: perhaps s/a (the case also accepts 200)"},
			nil,
			"rule 4: 2xx is accepted without a word, and only one of them comes",
		},
		{
			"default", "{case: a, get: /films, expect: {status: 503}}",
			[]string{"GET /films: s/a", "default: s/a"},
			nil, "the document has no 503 but default",
		},
		{
			"literal wins", `{case: a, get: /films/new, expect: {status: 200}}`,
			[]string{"GET /films/new: s/a", "200: s/a"},
			nil, "rule 1: /films/{id} would match too",
		},
		{
			"an unknown value is a parameter alone", `{case: a, get: "/films/{{$uuid}}", expect: {status: 200}}`,
			[]string{"GET /films/{id}: s/a", "200: s/a"},
			nil, "it may not be taken for /films/new",
		},
		{
			"inside a segment", `{case: a, get: "/films/F 1/poster.{{$uuid}}", expect: {status: 200}}`,
			[]string{"GET /films/{id}/poster.{kind}: s/a", "200: s/a"},
			nil, "a parameter may be a part of a segment",
		},
		{
			"variables and rows", `{case: a, data: {file: rows.csv}, get: "/{{kind}}/{{n}}", expect: {status: 200}}`,
			[]string{"GET /films/{id}: s/a", "200: s/a", "GET /shelf/{id}: s/a", "200: s/a"},
			nil, "each row asks another path",
		},
		{
			"parameters", `{case: a, get: /films, query: {year: 1999, "near[lat]": 1}, headers: {x-trace: a, Accept: "*/*"}, cookies: {seen: "1"}, expect: {status: 200}}`,
			[]string{"GET /films: s/a", "200: s/a", "header X-Trace: s/a", "query filter: s/a", "query near: s/a", "cookie seen: s/a"},
			nil,
			"spread out, in brackets, whatever the case of a header",
		},
		{
			"unreviewed", "{case: a, post: /films, json: {}, side_effects: unreviewed, expect: {status: 201}}",
			[]string{
				"POST /films: perhaps s/a (side_effects: unreviewed)", "201: perhaps s/a (side_effects: unreviewed)",
				"body: perhaps s/a (side_effects: unreviewed)",
			},
			nil, "rule 3: it is not sent",
		},
		{
			"skipped", "{case: a, skip: later, get: /films/new}",
			[]string{"GET /films/new: perhaps s/a (the case is skipped: later)", "200: perhaps s/a (the case is skipped: later)"},
			nil, "rule 3",
		},
		{
			"on a condition", `{case: a, steps: [{step: x, get: /films/new, capture: {id: $.id}}, {step: y, when: "{{id}}", get: "/films/{{id}}", expect: {status: 404}}]}`,
			[]string{
				"GET /films/new: s/a", "200: s/a",
				"GET /films/{id}: perhaps s/a (it is sent on a condition (when))", "404: perhaps s/a (it is sent on a condition (when))",
			},
			nil, "rule 3",
		},
		{
			"blue alone", "{case: a, get: /films/new, sides: [blue], compare: none, expect: {status: 200}}", nil, nil, "rule 5",
		},
		{
			"elsewhere", `{case: a, get: /films/new/more}`, nil, []string{"s.yaml:4:5 GET /films/new/more"}, "one segment too many",
		},
		{
			"another method", `{case: a, delete: /films/new, side_effects: idempotent}`, nil, []string{"s.yaml:4:5 DELETE /films/new"}, "the path alone is not the operation",
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			suite := "suite: s\nsides: {blue: {url: http://127.0.0.1:1}, green: {url: http://127.0.0.1:2}}\ncases:\n  - " + x.cases + "\n"
			asked, strays := told(t, suite)
			if !slices.Equal(asked, x.asked) || !slices.Equal(strays, x.strays) {
				t.Errorf("got %q, strays %q\nwant %q, strays %q (%s)", asked, strays, x.asked, x.strays, x.why)
			}
		})
	}
}

// Setup and addresses with a path count as cases and paths do.
func TestSetupAndBase(t *testing.T) {
	asked, strays := told(t, `suite: s
sides:
  blue: {url: "http://127.0.0.1:1", services: {api: /v2}}
  green: {url: "http://127.0.0.1:2", services: {api: /v2}}
vars: {shelf: top}
setup: [{step: sign in, service: api, get: "/shelf/{{shelf}}", expect: {status: 200}}]
cases: [{case: a, service: api, get: /films/new, expect: {status: 200}}]
`)
	want := []string{"GET /films/new: s/a", "200: s/a", "GET /shelf/{id}: s setup", "200: s setup"}
	if !slices.Equal(asked, want) || strays != nil {
		t.Errorf("got %q, strays %q, want %q", asked, strays, want)
	}
}

func ExampleOf() {
	files := fstest.MapFS{
		"api.yaml": {Data: []byte("openapi: 3.0.3\npaths:\n  /films: {get: {responses: {200: {}}}}\n  /shelf: {get: {responses: {200: {}}}}\n")},
		"s.yaml":   {Data: []byte("suite: s\nsides: {blue: {url: http://127.0.0.1:1}, green: {url: http://127.0.0.1:2}}\ncases: [{case: films, get: /films}]\n")},
	}
	d, err := openapi.Open(files, "api.yaml")
	if err != nil {
		fmt.Println(err)
		return
	}
	suites, _ := scenarios.Load(files, []string{"s.yaml"}, scenarios.LoadOptions{})
	for _, o := range Of(d, suites).Operations {
		fmt.Println(o.Method, o.Path, o.Cases)
	}
	// Output:
	// GET /films [s/films]
	// GET /shelf []
}
