package scenarios

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestEveryKeyEverywhere writes each key of the language into each kind of mapping:
// one that does not belong there is reported, and no reader of it panics.
func TestEveryKeyEverywhere(t *testing.T) {
	text, err := os.ReadFile("scenario.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	collectKeys(schema, known)
	if len(known) < 150 {
		t.Fatalf("only %d keys were found", len(known))
	}
	places := []string{
		"suite: s\n%s\ncases: [{case: c, get: /x}]\n",
		"suite: s\ndefaults: {%s}\ncases: [{case: c, get: /x}]\n",
		"suite: s\nsides: {blue: {url: 'http://a.example', %s}, green: {url: 'http://b.example'}}\ncases: [{case: c, get: /x}]\n",
		"suite: s\nidentity: [{get: /v, at: $.v, %s}]\ncases: [{case: c, get: /x}]\n",
		"suite: s\ncases: [{case: c, get: /x, %s}]\n",
		"suite: s\ncases: [{%s}]\n",
		"suite: s\ncases: [{case: c, steps: [{get: /x}], %s}]\n",
		"suite: s\ncases: [{case: c, steps: [{step: a, get: /x, %s}]}]\n",
		"suite: s\ncases: [{case: c, steps: [{use: 'p.yaml#a', %s}]}]\n",
		"suite: s\ncases: [{case: c, get: /x, cleanup: [{%s}]}]\n",
		"suite: s\nsetup: [{get: /x, %s}]\ncases: [{case: c, get: /x}]\n",
		"suite: s\ncases: [{case: c, get: /x, expect: {%s}}]\n",
		"suite: s\ncases: [{case: c, get: /x, expect: {body: {$.a: {%s}}}}]\n",
		"suite: s\ncases: [{case: c, get: /x, capture: {v: {%s}}}]\n",
		"suite: s\ncases: [{case: c, get: /x, auth: {%s}}]\n",
		"suite: s\ncases: [{case: c, get: /x, data: {%s}}]\n",
		"suite: s\ncases: [{case: c, get: /x, poll: {%s}}]\n",
		"suite: s\ncases: [{case: c, get: /x, rules: [{at: $.a, %s}]}]\n",
		"suite: s\ncases: [{case: c, get: /x}]\nload: [{load: l, steps: [{case: c}], rate: 1/s, %s}]\n",
		"suite: s\ncases: [{case: c, get: /x}]\nload: [{load: l, steps: [{case: c, %s}], rate: 1/s}]\n",
	}
	// Each key with one value in each place, another in the next place; with all in the long form.
	values := []string{"x", "1", "[a]", "{a: b}", "null"}
	for i, place := range places {
		for k, name := range slices.Sorted(maps.Keys(known)) {
			for v, value := range values {
				if (i+k)%len(values) == v || os.Getenv("BGVERIFY_LONG") != "" {
					loadSafely(t, fmt.Sprintf(place, name+": "+value))
				}
			}
		}
	}
}

// loadSafely loads a suite and reports a panic with the suite that caused it.
func loadSafely(t *testing.T, suite string) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s\npanics: %v", suite, p)
		}
	}()
	files := fstest.MapFS{"s.yaml": {Data: []byte(suite)}, "p.yaml": {Data: []byte("parts: {a: [{get: /x}]}\n")}}
	_, problems := Load(files, []string{"s.yaml"}, LoadOptions{Now: today, Getenv: noEnv})
	for _, p := range problems {
		if p.Pos.Line == 0 || strings.TrimSpace(p.Summary) == "" {
			t.Errorf("%s\ngives a problem without a place: %+v", suite, p)
		}
	}
}

// collectKeys gathers the names of all properties of a schema.
func collectKeys(schema any, into map[string]bool) {
	switch v := schema.(type) {
	case map[string]any:
		if properties, ok := v["properties"].(map[string]any); ok {
			for name := range properties {
				into[name] = true
			}
		}
		for _, member := range v {
			collectKeys(member, into)
		}
	case []any:
		for _, member := range v {
			collectKeys(member, into)
		}
	}
}
