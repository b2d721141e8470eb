package oracle_test

import (
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/internal/oracle"
)

// What each rule makes of a pair, judged by the oracle alone: a yes of
// it must not depend on the engine.
func TestRulesAlone(t *testing.T) {
	f := func(x float64) *float64 { return &x }
	format := func(is string) diff.Rule { return diff.Rule{At: "$.a", Do: diff.DoFormat, Is: is} }
	for _, tt := range []struct {
		why         string
		rule        diff.Rule
		blue, green string
		equal       bool
	}{
		{"ignored", diff.Rule{At: "$.a", Do: diff.DoIgnore}, `{"a":1}`, `{"a":2}`, true},
		{"ignored, but of another type", diff.Rule{At: "$.a", Do: diff.DoIgnore}, `{"a":1}`, `{"a":"2"}`, false},
		{"ignored, but gone", diff.Rule{At: "$.a", Do: diff.DoIgnore}, `{"a":1}`, `{}`, false},
		{"dropped", diff.Rule{At: "$.a", Do: diff.DoDrop}, `{"a":1}`, `{"a":[]}`, true},
		{"another member", diff.Rule{At: "$.b", Do: diff.DoIgnore}, `{"a":1}`, `{"a":2}`, false},
		{"within an absolute tolerance", diff.Rule{At: "$.a", Do: diff.DoTolerance, Abs: f(1)}, `{"a":1}`, `{"a":2}`, true},
		{"beyond it", diff.Rule{At: "$.a", Do: diff.DoTolerance, Abs: f(1)}, `{"a":1}`, `{"a":2.1}`, false},
		{"within a share of blue", diff.Rule{At: "$.a", Do: diff.DoTolerance, Rel: f(0.5)}, `{"a":10}`, `{"a":15}`, true},
		{"beyond it", diff.Rule{At: "$.a", Do: diff.DoTolerance, Rel: f(0.5)}, `{"a":10}`, `{"a":16}`, false},
		{"too large to compute with", diff.Rule{At: "$.a", Do: diff.DoTolerance, Abs: f(1)}, `{"a":1e9999}`, `{"a":2e9999}`, false},
		{"a uuid", format("uuid"), `{"a":"6f1e4b1c-0000-4000-8000-000000000001"}`, `{"a":"6f1e4b1c-0000-4000-8000-000000000002"}`, true},
		{"no uuid", format("uuid"), `{"a":"6f1e4b1c-0000-4000-8000-000000000001"}`, `{"a":"x"}`, false},
		{"a ulid", format("ulid"), `{"a":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}`, `{"a":"01ARZ3NDEKTSV4RRFFQ69G5FAW"}`, true},
		{"hex", format("hex"), `{"a":"ab"}`, `{"a":"cd"}`, true},
		{"hex in capitals", format("hex"), `{"a":"ab"}`, `{"a":"CD"}`, false},
		{"not hex", format("hex"), `{"a":"ab"}`, `{"a":"xy"}`, false},
		{"base64", format("base64"), `{"a":"YQ=="}`, `{"a":"Yg=="}`, true},
		{"base64 without padding", format("base64"), `{"a":"YQ=="}`, `{"a":"Yg"}`, false},
		{"a url", format("url"), `{"a":"http://a/x"}`, `{"a":"http://b/"}`, true},
		{"a url of another scheme", format("url"), `{"a":"http://a/x"}`, `{"a":"https://b/"}`, false},
		{"no url", format("url"), `{"a":"http://a/x"}`, `{"a":"/x"}`, false},
		{"an address", format("ipv4"), `{"a":"127.0.0.1"}`, `{"a":"127.0.0.2"}`, true},
		{"of another family", format("ipv4"), `{"a":"127.0.0.1"}`, `{"a":"::1"}`, false},
		{"a pattern", diff.Rule{At: "$.a", Do: diff.DoFormat, Is: "regex", Pattern: "x[0-9]"}, `{"a":"x1"}`, `{"a":"x2"}`, true},
		{"not the whole text", diff.Rule{At: "$.a", Do: diff.DoFormat, Is: "regex", Pattern: "x[0-9]"}, `{"a":"x1"}`, `{"a":"x22"}`, false},
		{"seconds apart", diff.Rule{At: "$.a", Do: diff.DoTime, Within: 5 * time.Second}, `{"a":"2026-11-28T00:00:00Z"}`, `{"a":"2026-11-28T00:00:05Z"}`, true},
		{"too far apart", diff.Rule{At: "$.a", Do: diff.DoTime, Within: 5 * time.Second}, `{"a":"2026-11-28T00:00:00Z"}`, `{"a":"2026-11-28T00:00:06Z"}`, false},
		{"epoch milliseconds", diff.Rule{At: "$.a", Do: diff.DoTime, Within: time.Second}, `{"a":1700000000000}`, `{"a":1700000000900}`, true},
		{"seconds against milliseconds", diff.Rule{At: "$.a", Do: diff.DoTime, Within: time.Second}, `{"a":1700000000}`, `{"a":1700000000000}`, false},
		{"the same host by name", diff.Rule{At: "$.a", Do: diff.DoRewrite, BlueText: "blue", GreenText: "green", As: "HOST"}, `{"a":"http://blue/x"}`, `{"a":"http://green/x"}`, true},
		{"another path", diff.Rule{At: "$.a", Do: diff.DoRewrite, BlueText: "blue", GreenText: "green", As: "HOST"}, `{"a":"http://blue/x"}`, `{"a":"http://green/y"}`, false},
		{"one float", diff.Rule{At: "$.a", Do: diff.DoNumber, As: "float64"}, `{"a":0.1}`, `{"a":0.10000000000000001}`, true},
		{"two notations", diff.Rule{At: "$.a", Do: diff.DoNumber, As: "lexeme"}, `{"a":1}`, `{"a":1.0}`, false},
		{"folded and trimmed", diff.Rule{At: "$.a", Do: diff.DoString, AsList: []string{"fold", "trim"}}, `{"a":"A "}`, `{"a":"a"}`, true},
		{"null is absent", diff.Rule{At: "$.a", Do: diff.DoNull, As: "absent"}, `{"a":null}`, `{}`, true},
		{"empty is absent", diff.Rule{At: "$.a", Do: diff.DoEmpty, As: "absent"}, `{"a":[]}`, `{}`, true},
		{"a document in a text", diff.Rule{At: "$.a", Do: diff.DoEmbedded, As: "json"}, `{"a":"{\"b\":1,\"c\":2}"}`, `{"a":"{\"c\":2, \"b\":1}"}`, true},
		{"another one", diff.Rule{At: "$.a", Do: diff.DoEmbedded, As: "json"}, `{"a":"{\"b\":1}"}`, `{"a":"{\"b\":2}"}`, false},
		{"a set", diff.Rule{At: "$.a", Do: diff.DoMatch, As: "set"}, `{"a":[1,2]}`, `{"a":[2,1]}`, true},
		{"a list", diff.Rule{At: "$.a", Do: diff.DoMatch, As: "list"}, `{"a":[1,2]}`, `{"a":[2,1]}`, false},
		{"a multiset", diff.Rule{At: "$.a", Do: diff.DoMatch, As: "multiset"}, `{"a":[1,1,2]}`, `{"a":[1,2,2]}`, false},
	} {
		list := []diff.Rule{tt.rule}
		list[0].Why = "w"
		o := oracle.Equal([]byte(tt.blue), []byte(tt.green), list, diff.Strict)
		if o.Skipped != "" || o.Equal != tt.equal {
			t.Errorf("%s %s: %s and %s: %+v, want %v", tt.rule.Do, tt.why, tt.blue, tt.green, o, tt.equal)
		}
	}
}
