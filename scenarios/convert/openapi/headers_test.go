package openapi

import (
	"strings"
	"testing"
)

// A header's schema becomes matchers, and what has none is listed.
func TestHeaders(t *testing.T) {
	const text = `openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  /a:
    get:
      responses:
        "200":
          description: ok
          headers:
            X-Rate: {required: true, schema: {type: integer, minimum: 1, maximum: 5}}
            X-Mode: {required: true, schema: {type: string, enum: ["on", "off"]}}
            X-Id: {required: true, schema: {$ref: '#/components/schemas/Id'}}
            X-Long: {required: true, schema: {type: string, maxLength: 3}}
            X-Odd: {required: true, schema: {type: integer, pattern: '^1'}}
            X-Plain: {required: true, schema: {type: string}}
  /b:
    get:
      responses:
        "200": {description: ok, headers: {X-One: {required: true}}}
        "201": {description: ok}
components: {schemas: {Id: {type: string, format: uuid}}}
`
	files, report := imported(t, "api.yaml", text)
	for _, want := range []string{
		`X-Rate: {matches: "^[-+]?[0-9]+$", gte: 1, lte: 5}`, `X-Mode: {in: ["on", "off"]}`, "X-Id: {format: uuid}",
		"X-Long: {exists: true}", `X-Odd: {matches: "^[-+]?[0-9]+$"}`, "X-Plain: {exists: true}",
	} {
		if !strings.Contains(files, want) {
			t.Errorf("no %s in:\n%s", want, files)
		}
	}
	for _, want := range []string{"header X-Long", "its schema's maxLength", "its schema's pattern", "header X-One"} {
		if !strings.Contains(report, want) {
			t.Errorf("no %s in:\n%s", want, report)
		}
	}
}
