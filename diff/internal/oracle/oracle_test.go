package oracle_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/internal/gen"
	"github.com/bgverify/bgverify/diff/internal/oracle"
	"github.com/bgverify/bgverify/diff/mutate"
)

var today = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// Without rules both judges say the same of every pair that both can read.
func TestAgreesWithoutRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		blue := gen.Draw(t, "blue", 4)
		green := blue
		body := []byte(green.Respelled(t))
		if ms := mutate.Mutants(body, rapid.Uint64().Draw(t, "seed"), 1); len(ms) > 0 && rapid.Bool().Draw(t, "mutate") {
			body = ms[0].Body
		}
		for _, mode := range []diff.Mode{diff.Strict, diff.Subset, diff.Shape} {
			rules, _ := diff.Compile(nil, diff.Options{Mode: mode})
			r := diff.Compare([]byte(blue.String()), body, rules)
			o := oracle.Equal([]byte(blue.String()), body, nil, mode)
			if o.Skipped == "" && o.Equal != r.Equal() {
				t.Fatalf("%v: the engine says %v, the oracle %v: %v\n%s\n%s", mode, r.Equal(), o.Equal, r.Differences, blue, body)
			}
		}
	})
}

func drawRules(t *rapid.T) []diff.Rule {
	f := func(x float64) *float64 { return &x }
	paths := []string{"$..a", "$.a", "$..price", "$.*", "$..id", "$[*]", "$..title", "$.a.b", "$..b[*]", "$..['x y']", "$..[?@.id=='a']", "$..[?@.a==1].b", "$..t*", "$.a..b", "$..*", "$"}
	var rules []diff.Rule
	for range rapid.IntRange(1, 4).Draw(t, "rules") {
		at := rapid.SampledFrom(paths).Draw(t, "at")
		rules = append(rules, rapid.SampledFrom([]diff.Rule{
			{At: at, Do: diff.DoIgnore, Why: "w"},
			{At: at, Do: diff.DoDrop, Why: "w"},
			{At: at, Do: diff.DoTolerance, Abs: f(1)},
			{At: at, Do: diff.DoTolerance, Rel: f(0.5)},
			{At: at, Do: diff.DoTime, Within: 5 * time.Second},
			{At: at, Do: diff.DoFormat, Is: "date-time"},
			{At: at, Do: diff.DoFormat, Is: "regex", Pattern: "[a-z]*"},
			{At: at, Do: diff.DoRewrite, BlueText: "blue", GreenText: "green", As: "HOST"},
			{At: at, Do: diff.DoNumber, As: "float64"},
			{At: at, Do: diff.DoNumber, As: "lexeme"},
			{At: at, Do: diff.DoString, AsList: []string{"nfc", "fold", "trim"}},
			{At: at, Do: diff.DoNull, As: "absent"},
			{At: at, Do: diff.DoEmpty, As: "absent"},
			{At: at, Do: diff.DoEmbedded, As: "json"},
			{At: at, Do: diff.DoMatch, As: "set"},
			{At: at, Do: diff.DoMatch, As: "multiset"},
			{At: at, Do: diff.DoMatch, As: "list"},
			{At: at, Do: diff.DoMatch, By: []string{"id"}},
			{At: at, Do: diff.DoMatch, By: []string{"id", "a"}, As: "set"},
		}).Draw(t, "rule"))
	}
	return rules
}

// What the engine calls equal under rules, the oracle calls equal too.
func TestAgreesUnderRules(t *testing.T) {
	judged := 0
	rapid.Check(t, func(t *rapid.T) {
		list := drawRules(t)
		mode := rapid.SampledFrom([]diff.Mode{diff.Strict, diff.Subset, diff.Shape}).Draw(t, "mode")
		rules, errs := diff.Compile(list, diff.Options{Now: today, Mode: mode})
		if errs != nil {
			t.Skip("contradicting rules")
		}
		blue := gen.Draw(t, "blue", 4)
		green := []byte(blue.Respelled(t))
		for range rapid.IntRange(0, 2).Draw(t, "mutations") {
			if ms := mutate.Mutants(green, rapid.Uint64().Draw(t, "seed"), 1); len(ms) > 0 {
				green = ms[0].Body
			}
		}
		r := diff.Compare([]byte(blue.String()), green, rules)
		o := oracle.Equal([]byte(blue.String()), green, list, mode)
		if o.Skipped != "" {
			return
		}
		judged++
		if r.Equal() && !o.Equal {
			t.Fatalf("%v: the engine says equal, the oracle does not: hidden %v\n%s\n%s\n%+v", mode, r.Hidden, blue, green, list)
		}
	})
	if judged == 0 {
		t.Error("no pair lay in the common domain")
	}
}
