package bodyschema

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/internal/suggest"
)

// What a keyword holds, to find the schemas inside a schema.
const (
	noSchema = iota
	aSchema
	schemas     // a list of schemas, or one
	schemaNames // schemas by name
)

// A keyword is one that a validator acts on, and the drafts of JSON Schema that have it.
type keyword struct {
	holds        int
	since, until int    // drafts; 2019 and 2020 are those of these years
	needs        string // the keyword next to it without which it tests nothing
}

// keywords are those of all drafts.
var keywords = map[string]keyword{
	"type": {}, "enum": {}, "const": {since: 6}, "format": {}, "pattern": {}, "minLength": {}, "maxLength": {},
	"minimum": {}, "maximum": {}, "exclusiveMinimum": {}, "exclusiveMaximum": {}, "multipleOf": {},
	"required": {}, "minProperties": {}, "maxProperties": {}, "dependentRequired": {since: 2019},
	"minItems": {}, "maxItems": {}, "uniqueItems": {},
	"minContains": {since: 2019, needs: "contains"}, "maxContains": {since: 2019, needs: "contains"},
	"allOf": {holds: schemas}, "anyOf": {holds: schemas}, "oneOf": {holds: schemas}, "not": {holds: aSchema},
	"if": {holds: aSchema, since: 7}, "then": {holds: aSchema, since: 7, needs: "if"}, "else": {holds: aSchema, since: 7, needs: "if"},
	"properties": {holds: schemaNames}, "patternProperties": {holds: schemaNames}, "additionalProperties": {holds: aSchema},
	"propertyNames": {holds: aSchema, since: 6}, "unevaluatedProperties": {holds: aSchema, since: 2019},
	"dependentSchemas": {holds: schemaNames, since: 2019}, "dependencies": {holds: schemaNames, until: 7},
	"items": {holds: schemas}, "prefixItems": {holds: schemas, since: 2020}, "contains": {holds: aSchema, since: 6},
	"additionalItems": {holds: aSchema, until: 2019, needs: "items"}, "unevaluatedItems": {holds: aSchema, since: 2019},
	"$ref": {}, "$dynamicRef": {since: 2020}, "$recursiveRef": {since: 2019, until: 2019},
	"definitions": {holds: schemaNames}, "$defs": {holds: schemaNames},
}

// notes are keywords that are not meant to refuse anything, of JSON Schema and of OpenAPI.
var notes = []string{
	"$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary", "$comment", "title", "description",
	"default", "examples", "example", "deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType", "contentSchema",
	"xml", "externalDocs", "discriminator", "nullable", "media",
}

// formats are those that the validator knows; of another one any value is one. Those of
// OpenAPI that say how a value is kept, not how it is written, are not worth a word.
var formats = strings.Fields("regex json-pointer relative-json-pointer uuid duration period ipv4 ipv6 hostname email date time " +
	"date-time uri iri uri-reference iri-reference uri-template semver int32 int64 float double byte binary password")

// Idle lists what a schema file says that tests nothing, each as "#/json/pointer: why": a
// word that is not a keyword of its draft, a keyword that lacks the one it needs, and an
// unknown format. Words that begin with x- are everybody's own. It is asked before Part.
func (f *File) Idle() []string {
	root, _ := f.doc.(map[string]any)
	if root == nil {
		return nil
	}
	w := idle{draft: 2020}
	dialect, _ := root["$schema"].(string)
	for name, draft := range map[string]int{"draft-04": 4, "draft-06": 6, "draft-07": 7, "2019-09": 2019} {
		if strings.Contains(dialect, name) {
			w.draft = draft
		}
	}
	w.schema("#", root)
	return w.found
}

// idle is a walk over the schemas of a file.
type idle struct {
	draft int
	found []string
}

func (w *idle) add(at, format string, args ...any) {
	w.found = append(w.found, at+": "+fmt.Sprintf(format, args...))
}

// schema looks at a schema and at those inside it; true and false have nothing to look at.
func (w *idle) schema(at string, v any) {
	s, _ := v.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(s)) {
		k, known := keywords[name]
		switch {
		case slices.Contains(notes, name) || strings.HasPrefix(name, "x-"):
			continue
		case !known:
			hint := ""
			if near := suggest.Nearest(name, slices.Sorted(maps.Keys(keywords))); near != "" {
				hint = "; did you mean " + near + "?"
			}
			w.add(at, "%s is not a keyword of JSON Schema and tests nothing%s", strconv.Quote(name), hint)
		case w.draft < k.since || k.until != 0 && w.draft > k.until:
			w.add(at, "%s is not a keyword of the draft that $schema names and tests nothing", name)
		case k.needs != "" && s[k.needs] == nil:
			w.add(at, "%s tests nothing without %s", name, k.needs)
		case s["$ref"] != nil && name != "$ref" && w.draft <= 7 && k.holds != schemaNames:
			w.add(at, "%s next to $ref tests nothing in the draft that $schema names; put $ref into allOf", name)
		case name == "format":
			if text, _ := s[name].(string); !slices.Contains(formats, text) {
				w.add(at, "format %s is unknown and tests nothing", strconv.Quote(text))
			}
		}
		w.inside(at+"/"+name, k.holds, s[name])
	}
}

// inside walks over the schemas that the value of a keyword holds.
func (w *idle) inside(at string, holds int, v any) {
	list, isList := v.([]any)
	switch {
	case holds == noSchema:
	case holds == schemaNames:
		members, _ := v.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(members)) {
			w.schema(at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), members[name])
		}
	case isList:
		for i, one := range list {
			w.schema(at+"/"+strconv.Itoa(i), one)
		}
	default:
		w.schema(at, v)
	}
}
