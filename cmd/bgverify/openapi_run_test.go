package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shop describes the service that the test below serves.
const shop = `openapi: 3.1.0
info: {title: Shop, version: "1"}
paths:
  /v1/items:
    get:
      operationId: listItems
      parameters: [{name: limit, in: query, schema: {type: integer, default: 2}}]
      responses:
        "200":
          description: ok
          content: {application/json: {schema: {$ref: "#/components/schemas/Page"}}}
          links: {first: {operationId: getItem, parameters: {id: $response.body#/items/0/id}}}
  /v1/items/{id}:
    get:
      operationId: getItem
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Item"}}}}
        "404": {description: none, content: {application/json: {schema: {$ref: "#/components/schemas/Problem"}}}}
components:
  schemas:
    Item:
      type: object
      required: [id, price]
      properties: {id: {type: string}, price: {type: integer, minimum: 0}, sold: {type: [string, "null"], format: date}}
    Page:
      type: object
      required: [items]
      properties: {items: {type: array, minItems: 1, items: {$ref: "#/components/schemas/Item"}}}
    Problem: {type: object, required: [title], properties: {title: {type: string}}}
`

// shopServer answers as the description says, with this text as the price. Each side has
// ids of its own.
func shopServer(side, price string) http.HandlerFunc {
	item := func(id string) string { return fmt.Sprintf(`{"id": %q, "price": %s, "sold": null}`, id, price) }
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		id, one := strings.CutPrefix(r.URL.Path, "/v1/items/")
		switch {
		case r.URL.Path == "/v1/items" && r.URL.Query().Get("limit") == "2":
			fmt.Fprintf(w, `{"items": [%s, %s]}`, item(side+"-1"), item(side+"-2"))
		case one && strings.HasPrefix(id, side+"-"):
			fmt.Fprint(w, item(id))
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"title": "item not found"}`)
		}
	}
}

// What is imported from a description passes against services that do what it says, fails
// where green breaks a schema, and is what list --openapi finds in it.
func TestOpenAPIRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("shop.yaml", shop)
	write("ids.yaml", "rules:\n  - {at: $..id, do: ignore, why: each side has its own ids}\n")
	run := func(want int, args ...string) string {
		t.Helper()
		cmd, out := bgverifyIn(t, dir, args...)
		if got := statusOf(t, cmd); got != want {
			t.Fatalf("%s: exit %d, want %d\n%s", strings.Join(args, " "), got, want, out)
		}
		return out.String()
	}
	run(0, "import", "openapi", "shop.yaml", "-o", "made")
	run(0, "validate", "made")
	listed := run(0, "list", "--openapi", "shop.yaml", "made")
	if !strings.Contains(listed, "2 of 2 operations") || !strings.Contains(listed, "GET /v1/items/{id}  404") || strings.Contains(listed, "match no operation") {
		t.Errorf("list --openapi says\n%s", listed)
	}
	blue := serve(t, shopServer("b", "5"))
	for _, x := range []struct {
		name, price string
		status      int
		says        string
		why         string
	}{
		{"as described", "5", 0, "verdict=pass", "both sides keep to the schemas; ids differ and are captured on each side"},
		{"negative", "-5", 1, "/price: minimum: got -5, want 0", "the value differs and breaks the schema"},
	} {
		t.Run(x.name, func(t *testing.T) {
			green := serve(t, shopServer("g", x.price))
			out := run(x.status, "run", "made", "--blue", blue, "--green", green, "--env", "ids.yaml", "--no-progress")
			if !strings.Contains(out, x.says) {
				t.Errorf("the output does not have %q (%s)\n%s", x.says, x.why, out)
			}
		})
	}
	// By its schemas alone: a case by hand that compares nothing names a part of the description.
	write("hand.yaml", `suite: hand
sides: {blue: {url: http://127.0.0.1:1}, green: {url: http://127.0.0.1:2}}
cases:
  - case: page
    get: /v1/items
    query: {limit: 2}
    compare: none
    expect: {schema: "shop.yaml#/components/schemas/Page"}
  - case: problem
    get: /v1/items/none
    compare: none
    expect: {status: 404, schema: "shop.yaml#/components/schemas/Problem"}
`)
	// Nothing is compared, so that no run of it can pass.
	run(4, "run", "hand.yaml", "--blue", blue, "--green", serve(t, shopServer("g", "5")), "--no-progress")
	out := run(1, "run", "hand.yaml", "--blue", blue, "--green", serve(t, shopServer("g", `"5"`)), "--no-progress")
	if !strings.Contains(out, "/items/0/price") {
		t.Errorf("the place that breaks the schema is not named\n%s", out)
	}
	run(2, "list", "--openapi", "hand.yaml", "made")
	run(2, "list", "--openapi", "absent.yaml", "made")
	run(2, "list", "--output", "xml", "made")
	if out := run(0, "list", "--openapi", "shop.yaml", "--output", "json", "hand.yaml"); !strings.Contains(out, `"path": "/v1/items/{id}"`) {
		t.Errorf("list --output json says\n%s", out)
	}
}
