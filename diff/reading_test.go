package diff_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/diff/internal/gen"
)

// sameNotation reports whether the numbers of two trees with the same values are
// all integers on both sides, or fractions or exponents on both.
func sameNotation(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		for name, v := range x {
			if !sameNotation(v, b.(map[string]any)[name]) {
				return false
			}
		}
	case []any:
		for i, v := range x {
			if !sameNotation(v, b.([]any)[i]) {
				return false
			}
		}
	case json.Number:
		return strings.ContainsAny(x.String(), ".eE") == strings.ContainsAny(b.(json.Number).String(), ".eE")
	}
	return true
}

// The law of the reading `type`: of two bodies with the same values a change of
// notation alone is a difference, and none by value. It holds for the option of a
// whole comparison and for the rule, however arrays are paired.
func TestNotationAloneDiffersByType(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := gen.Draw(t, "v", 4)
		blue, green := v.String(), v.Respelled(t)
		pairing := rapid.SampledFrom([][]diff.Rule{
			nil,
			{{At: "$..*", Do: diff.DoMatch, As: "list"}, {At: "$", Do: diff.DoMatch, As: "list"}},
			{{At: "$..*", Do: diff.DoMatch, By: []string{"id"}}, {At: "$", Do: diff.DoMatch, By: []string{"id"}}},
		}).Draw(t, "pairing")
		everywhere := []diff.Rule{{At: "$", Do: diff.DoNumber, As: "type"}, {At: "$..*", Do: diff.DoNumber, As: "type"}}
		want := sameNotation(decode([]byte(blue)), decode([]byte(green)))
		for name, tt := range map[string]struct {
			rules []diff.Rule
			opts  diff.Options
			want  bool
		}{
			"by value":  {pairing, diff.Options{}, true},
			"option":    {pairing, diff.Options{Numbers: diff.Typed}, want},
			"rule":      {append(everywhere, pairing...), diff.Options{}, want},
			"tolerance": {append([]diff.Rule{{At: "$..*", Do: diff.DoTolerance, Abs: new(float64(9))}, {At: "$", Do: diff.DoTolerance, Abs: new(float64(9))}}, pairing...), diff.Options{Numbers: diff.Typed}, want},
			"switched off": {
				append([]diff.Rule{{At: "$", Do: diff.DoNumber, As: "decimal"}, {At: "$..*", Do: diff.DoNumber, As: "decimal"}}, pairing...),
				diff.Options{Numbers: diff.Typed},
				true,
			},
		} {
			rules, errs := diff.Compile(tt.rules, tt.opts)
			if errs != nil {
				t.Fatal(errs)
			}
			r := diff.Compare([]byte(blue), []byte(green), rules)
			if r.Equal() != tt.want {
				t.Fatalf("%s: equal is %v, want %v\n%s\n%s\n%v", name, r.Equal(), tt.want, blue, green, r.Differences)
			}
			if l := r.Leaves; l.Seen != l.Compared+l.Ignored+l.Dropped+l.Absent || l.Ignored+l.Dropped > 0 && name != "tolerance" {
				t.Fatalf("%s: leaves %+v: a reading of numbers hides nothing\n%s\n%s", name, l, blue, green)
			}
		}
	})
}

// What the reading `type` tells apart, by the option of a whole comparison.
func TestNumbersByType(t *testing.T) {
	number := func(as string) diff.Rule { return diff.Rule{At: "$..*", Do: diff.DoNumber, As: as} }
	f := func(x float64) *float64 { return &x }
	for _, tt := range []struct {
		name        string
		rules       []diff.Rule
		blue, green string
		want        string // paths of differences
		why         string
	}{
		{"fraction", nil, `{"n":1}`, `{"n":1.0}`, "$.n", "a client with integer types refuses 1.0"},
		{"exponent", nil, `{"n":100}`, `{"n":1e2}`, "$.n", "and 1e2"},
		{"two fractions", nil, `{"n":1.0}`, `{"n":1.00}`, "", "both are read as floating-point numbers"},
		{"fraction and exponent", nil, `{"n":1.0}`, `{"n":1e0}`, "", "so are these"},
		{"the whole body", nil, `7`, `7.0`, "$", "the root is a number too"},
		{"another value", nil, `{"n":1.5}`, `{"n":2.5}`, "$.n", "values still count"},
		{"zero", nil, `{"n":0}`, `{"n":-0}`, "", "both are integers of one value"},
		{"in a list", nil, `[1,2,3]`, `[1,2.0,3]`, "$[1]", "one element changed, none is gone"},
		{"in a set", []diff.Rule{{At: "$", Do: diff.DoMatch, As: "set"}}, `[1,2,3]`, `[3.0,2,1]`, "$[2]", "3 and 3.0 are two members"},
		{"a set by a rule", []diff.Rule{{At: "$", Do: diff.DoMatch, As: "set"}, {At: "$[*]", Do: diff.DoNumber, As: "type"}}, `[1,2,3]`, `[3,2,1]`, "", "the order of a set is free"},
		{"a key", []diff.Rule{{At: "$", Do: diff.DoMatch, By: []string{"id"}}}, `[{"id":1,"a":1},{"id":2,"a":2}]`, `[{"id":2,"a":2},{"id":1.0,"a":1}]`, "$[?@.id==1] $[?@.id==1].id", "an id pairs by its value"},
		{"a guessed key", nil, `[{"id":1,"a":1},{"id":2,"a":2},{"id":3,"a":2}]`, `[{"id":0,"a":9},{"id":1.0,"a":1},{"id":2.0,"a":2},{"id":3.0,"a":2}]`, "$[?@.id==1].id $[?@.id==2].id $[?@.id==3].id $[?@.id==0]", "so does one that nobody named"},
		{"a tolerance", []diff.Rule{{At: "$.n", Do: diff.DoTolerance, Abs: f(1)}}, `{"n":1,"m":5}`, `{"n":1.0,"m":5}`, "$.n", "a tolerance is about the value"},
		{"a tolerance of fractions", []diff.Rule{{At: "$.n", Do: diff.DoTolerance, Abs: f(1)}}, `{"n":1.0}`, `{"n":1.5}`, "", "and still holds"},
		{"a map", []diff.Rule{{At: "$.n", Do: diff.DoMap, As: "id"}}, `{"n":41}`, `{"n":42.0}`, "$.n", "an id of another type is none"},
		{"a time", []diff.Rule{{At: "$.n", Do: diff.DoTime, Within: 5e9}}, `{"n":1700000000}`, `{"n":1700000001.5}`, "$.n", "the notation of a time counts"},
		{"a time in any notation", []diff.Rule{{At: "$.n", Do: diff.DoTime, Within: 5e9, Notation: "any"}}, `{"n":1700000000}`, `{"n":1700000001.5}`, "", "unless the rule lets it differ"},
		{"a rule by value", []diff.Rule{number("decimal")}, `{"n":1}`, `{"n":1.0}`, "", "a rule has the last word on its places"},
		{"a rule by float64", []diff.Rule{number("float64")}, `{"n":1}`, `{"n":1.0}`, "", "whatever it says"},
		{"a rule by lexeme", []diff.Rule{number("lexeme")}, `{"n":1.0}`, `{"n":1.00}`, "$.n", "also more"},
		{"an ignored value", []diff.Rule{{At: "$.n", Do: diff.DoIgnore, Why: "w"}}, `{"n":1}`, `{"n":2.5}`, "$.n", "presence and type may not differ"},
		{"inside a text", []diff.Rule{{At: "$.t", Do: diff.DoEmbedded, As: "json"}}, `{"t":"{\"n\":1}"}`, `{"t":"{\"n\":1.0}"}`, "$.t.n", "documents in texts too"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rules, errs := diff.Compile(tt.rules, diff.Options{Numbers: diff.Typed})
			if errs != nil {
				t.Fatal(errs)
			}
			r := diff.Compare([]byte(tt.blue), []byte(tt.green), rules)
			var got []string
			for i := range r.Differences {
				got = append(got, r.Differences[i].Path)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("differences at %q, want %q: %s", got, tt.want, tt.why)
			}
		})
	}
}

// Under the reading `type` an integer and a fraction are two types: every kind of rule
// and every mode that lets values differ and holds types tells them apart, but for those
// that docs/rules.md lists. Two integers of other values show what the rule is for.
func TestEveryKindHoldsNumberTypes(t *testing.T) {
	day := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	rule := func(r diff.Rule) []diff.Rule {
		r.Why = "w"
		if r.At == "" {
			r.At = "$..n"
		}
		return []diff.Rule{r}
	}
	with := func(more diff.Rule, rules []diff.Rule) []diff.Rule {
		more.At = "$..n"
		return append(rules, more)
	}
	ignore := rule(diff.Rule{Do: diff.DoIgnore})
	for _, tt := range []struct {
		name  string
		mode  diff.Mode
		rules []diff.Rule
		holds bool // 1 and 1.0 differ, and 1 and 2.5
		free  bool // 1 and 2 do not
	}{
		{"no rule", diff.Strict, nil, true, false},
		{"subset", diff.Subset, nil, true, false},
		{"shape", diff.Shape, nil, true, true},
		{"shape, by decimal", diff.Shape, rule(diff.Rule{Do: diff.DoNumber, As: "decimal"}), false, true},
		{"shape, by lexeme", diff.Shape, rule(diff.Rule{Do: diff.DoNumber, As: "lexeme"}), true, true},
		{"shape and ignore", diff.Shape, ignore, true, true},
		{"ignore", diff.Strict, ignore, true, true},
		{"ignore, by decimal", diff.Strict, with(diff.Rule{Do: diff.DoNumber, As: "decimal"}, ignore), false, true},
		{"ignore, by float64", diff.Strict, with(diff.Rule{Do: diff.DoNumber, As: "float64"}, ignore), false, true},
		{"ignore, by lexeme", diff.Strict, with(diff.Rule{Do: diff.DoNumber, As: "lexeme"}, ignore), true, true},
		{"tolerance", diff.Strict, rule(diff.Rule{Do: diff.DoTolerance, Abs: new(float64(9))}), true, true},
		{"tolerance, by lexeme", diff.Strict, with(diff.Rule{Do: diff.DoNumber, As: "lexeme"}, rule(diff.Rule{Do: diff.DoTolerance, Abs: new(float64(9))})), true, true},
		{"time", diff.Strict, rule(diff.Rule{Do: diff.DoTime, Within: time.Minute}), true, true},
		{"map", diff.Strict, rule(diff.Rule{Do: diff.DoMap, As: "id"}), true, true},
		{"format", diff.Strict, rule(diff.Rule{Do: diff.DoFormat, Is: "regex", Pattern: ".*"}), true, false},
		{"string", diff.Strict, rule(diff.Rule{Do: diff.DoString, AsList: []string{"trim"}}), true, false},
		{"rewrite", diff.Strict, rule(diff.Rule{Do: diff.DoRewrite, Pattern: ".*", As: "X"}), true, false},
		{"null", diff.Strict, rule(diff.Rule{Do: diff.DoNull, As: "absent"}), true, false},
		{"empty", diff.Strict, rule(diff.Rule{Do: diff.DoEmpty, As: "absent"}), true, false},
		{"allow order", diff.Strict, rule(diff.Rule{Do: diff.DoAllow, Kind: "order", Until: day}), true, false},
		{"allow type", diff.Strict, rule(diff.Rule{Do: diff.DoAllow, Kind: "type", Until: day}), true, false},
		{"allow removed", diff.Strict, rule(diff.Rule{Do: diff.DoAllow, Kind: "removed", Until: day}), true, false},
		// These accept it, as docs/rules.md says.
		{"allow changed", diff.Strict, rule(diff.Rule{Do: diff.DoAllow, Kind: "changed", Until: day}), false, true},
		{"time in any notation", diff.Strict, rule(diff.Rule{Do: diff.DoTime, Within: time.Minute, Notation: "any"}), false, true},
		{"drop", diff.Strict, rule(diff.Rule{Do: diff.DoDrop}), false, true},
		{"ignore around it", diff.Strict, rule(diff.Rule{At: "$.a", Do: diff.DoIgnore}), false, true},
	} {
		// With the reading as the suite's option, and as a rule for all places.
		for _, opts := range []diff.Options{{Mode: tt.mode, Numbers: diff.Typed, Now: day}, {Mode: tt.mode, Now: day}} {
			rules := tt.rules
			if opts.Numbers != diff.Typed {
				if strings.HasSuffix(tt.name, "by lexeme") {
					continue // without the suite's word it is about the digits alone
				}
				rules = append([]diff.Rule{{At: "$..*", Do: diff.DoNumber, As: "type"}}, rules...)
			}
			compiled, errs := diff.Compile(rules, opts)
			if errs != nil {
				t.Fatal(tt.name, errs)
			}
			for _, body := range []string{`{"a":{"n":%s}}`, `{"a":[{"id":1,"n":%s},{"id":2,"n":4}]}`, `{"a":[{"n":%s}]}`} {
				blue := strings.Replace(body, "%s", "1600000001", 1)
				for green, equal := range map[string]bool{"1600000001": true, "1600000001.0": !tt.holds, "1600000002.5": !tt.holds, "1600000002": tt.free} {
					r := diff.Compare([]byte(blue), []byte(strings.Replace(body, "%s", green, 1)), compiled)
					if r.Equal() != equal {
						t.Errorf("%s, %s: %s for 1600000001 in %s: equal is %v", tt.name, opts.Numbers, green, body, !equal)
					}
					if l := r.Leaves; l.Seen != l.Compared+l.Ignored+l.Dropped+l.Absent {
						t.Errorf("%s: leaves %+v", tt.name, l)
					}
				}
			}
		}
	}
}

// However arrays are paired, an ignored integer that became a fraction shows, and a
// change of order alone does not pair it with another one.
func TestNumberTypesInPairedArrays(t *testing.T) {
	ignored := diff.Rule{At: "$[*].n", Do: diff.DoIgnore, Why: "w"}
	element := diff.Rule{At: "$[*]", Do: diff.DoIgnore, Why: "w"}
	match := func(as string, by ...string) diff.Rule { return diff.Rule{At: "$", Do: diff.DoMatch, As: as, By: by} }
	for _, tt := range []struct {
		name        string
		mode        diff.Mode
		rules       []diff.Rule
		blue, green string
		want        int
	}{
		{"set of ignored numbers", diff.Strict, []diff.Rule{match("set"), element}, `[1,2.5]`, `[3.5,4]`, 0},
		{"set with a copy", diff.Strict, []diff.Rule{match("set"), element}, `[1,1]`, `[1,1.0]`, 1},
		{"multiset", diff.Strict, []diff.Rule{match("multiset"), element}, `[1,2]`, `[2,1.0]`, 1},
		{"set of objects", diff.Strict, []diff.Rule{match("set"), ignored}, `[{"a":1,"n":1},{"a":2,"n":1}]`, `[{"a":2,"n":2},{"a":1,"n":1.0}]`, 1},
		{"keyed", diff.Strict, []diff.Rule{match("", "id"), ignored}, `[{"id":1,"n":1},{"id":2,"n":1}]`, `[{"id":1,"n":1.0},{"id":2,"n":3}]`, 1},
		{"keyed set", diff.Strict, []diff.Rule{match("set", "id"), ignored}, `[{"id":1,"n":1},{"id":2,"n":1}]`, `[{"id":2,"n":3},{"id":1,"n":1.0}]`, 1},
		{"guessed key", diff.Strict, []diff.Rule{ignored}, `[{"id":1,"n":1},{"id":2,"n":1}]`, `[{"id":1,"n":1.0},{"id":2,"n":3}]`, 1},
		{"set, shape", diff.Shape, []diff.Rule{match("set")}, `[1,2]`, `[2.0,1]`, 1},
		{"keyed, shape", diff.Shape, []diff.Rule{match("", "id")}, `[{"id":1,"n":1},{"id":2,"n":1}]`, `[{"id":2,"n":3},{"id":1,"n":1.0}]`, 1},
		{"a key, shape", diff.Shape, []diff.Rule{match("", "id")}, `[{"id":1}]`, `[{"id":1.0}]`, 1},
		{"in place, shape", diff.Shape, nil, `[1,2,3]`, `[4,2.0,3]`, 1},
	} {
		rules, errs := diff.Compile(tt.rules, diff.Options{Mode: tt.mode, Numbers: diff.Typed})
		if errs != nil {
			t.Fatal(tt.name, errs)
		}
		if r := diff.Compare([]byte(tt.blue), []byte(tt.green), rules); r.Total != tt.want {
			t.Errorf("%s: %d differences, want %d: %v", tt.name, r.Total, tt.want, r.Differences)
		}
	}
}

// Numbers outside of bodies follow the option where they are read as numbers.
func TestNumbersByTypeInHeaders(t *testing.T) {
	rules := func(numbers diff.NumberReading) *diff.Rules {
		r, errs := diff.Compile([]diff.Rule{{Header: "x-price", Do: diff.DoTolerance, Abs: new(float64(1))}}, diff.Options{Numbers: numbers})
		if errs != nil {
			t.Fatal(errs)
		}
		return r
	}
	for _, name := range []string{"X-Price", "Set-Cookie"} {
		blue, green := "7", "7.0"
		if name == "Set-Cookie" {
			blue, green = "cart=%7B%22n%22%3A7%7D", "cart=%7B%22n%22%3A7.0%7D"
		}
		message := func(value string) *diff.Message {
			return &diff.Message{Status: 200, Headers: []diff.Header{{Name: name, Value: value}}}
		}
		for numbers, want := range map[diff.NumberReading]int{diff.Decimal: 0, diff.Typed: 1} {
			if r := diff.CompareMessages(message(blue), message(green), rules(numbers), nil); r.Total != want {
				t.Errorf("%s by %s: %d differences, want %d", name, numbers, r.Total, want)
			}
		}
	}
}

// The cause of numbers in another notation says so, and proposes the rule that
// compares them by value.
func TestCauseOfNotation(t *testing.T) {
	rules, errs := diff.Compile(nil, diff.Options{Numbers: diff.Typed})
	if errs != nil {
		t.Fatal(errs)
	}
	body := func(n string) *diff.Message {
		return &diff.Message{Status: 200, ContentType: "application/json", Body: []byte(`{"id":5,"n":` + n + `}`)}
	}
	blue, green := body("7"), body("7.0")
	r := diff.CompareMessages(blue, green, rules, nil)
	causes := cause.NewSet()
	causes.AddAt(cause.Site{Sample: &cause.Sample{Blue: blue, Green: green, Rules: rules}}, r.Differences)
	list := causes.List()
	if len(list) != 1 || list[0].Edit != "number notation" || list[0].Rule != `- {at: "$.n", do: number, as: decimal}` {
		t.Errorf("%+v", list)
	}
}
