package diff_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/internal/gen"
)

// A pair is two bodies that have much in common.
func drawPair(t *rapid.T) (blue, green gen.Value) {
	blue = gen.Draw(t, "blue", 4)
	green = blue
	if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
		return blue, gen.Draw(t, "green", 4)
	}
	for range rapid.IntRange(0, 3).Draw(t, "edits") {
		green = edited(t, green)
	}
	return blue, green
}

// edited changes one thing somewhere in v.
func edited(t *rapid.T, v gen.Value) gen.Value {
	if len(v.Items) == 0 || rapid.IntRange(0, 3).Draw(t, "here") == 0 {
		return gen.Draw(t, "new", 2)
	}
	items := append([]gen.Value(nil), v.Items...)
	names := append([]string(nil), v.Names...)
	i := rapid.IntRange(0, len(items)-1).Draw(t, "at")
	switch rapid.IntRange(0, 3).Draw(t, "edit") {
	case 0:
		items = append(items[:i], items[i+1:]...)
		if v.Kind == '{' {
			names = append(names[:i], names[i+1:]...)
		}
	case 1:
		j := rapid.IntRange(0, len(items)-1).Draw(t, "with")
		items[i], items[j] = items[j], items[i]
	default:
		items[i] = edited(t, items[i])
	}
	v.Items, v.Names = items, names
	return v
}

func TestSameValueIsEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := gen.Draw(t, "v", 4)
		a, b := v.Respelled(t), v.Respelled(t)
		if r := diff.Compare([]byte(a), []byte(b), nil); !r.Equal() || r.Severity != diff.Identical {
			t.Fatalf("%v %v\n%s\n%s", r.Severity, r.Differences, a, b)
		}
	})
}

func TestSwappingSides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bv, gv := drawPair(t)
		blue, green := []byte(bv.String()), []byte(gv.String())
		there, back := diff.Compare(blue, green, nil), diff.Compare(green, blue, nil)
		if there.Equal() != back.Equal() {
			t.Fatalf("equal one way only\n%s\n%s", blue, green)
		}
		count := func(r diff.Result) map[diff.Kind]int {
			m := map[diff.Kind]int{}
			for _, d := range r.Differences {
				m[d.Kind]++
			}
			return m
		}
		x, y := count(there), count(back)
		y[diff.Added], y[diff.Removed] = y[diff.Removed], y[diff.Added]
		for _, k := range []diff.Kind{diff.Added, diff.Removed} {
			if x[k] != y[k] && !hasArray(bv) && !hasArray(gv) {
				t.Fatalf("%v: %d there, %d back\n%s\n%s", k, x[k], y[k], blue, green)
			}
		}
	})
}

func hasArray(v gen.Value) bool {
	if v.Kind == '[' {
		return true
	}
	return slices.ContainsFunc(v.Items, hasArray)
}

// The oracle: encoding/json and go-cmp with numbers as exact decimals.
func plainlyEqual(blue, green []byte) bool {
	return cmp.Equal(decode(blue), decode(green), cmp.Comparer(func(a, b json.Number) bool { return exact(a) == exact(b) }))
}

func decode(b []byte) any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	return v
}

// exact writes a number as sign, digits and exponent.
func exact(n json.Number) string {
	s, neg := strings.CutPrefix(string(n), "-")
	mant, e, _ := strings.Cut(strings.ToLower(s), "e")
	exp, _ := new(big.Int).SetString(strings.TrimPrefix("0"+strings.TrimPrefix(e, "+"), "0"), 10)
	if exp == nil {
		exp = new(big.Int)
		if e != "" {
			exp.SetString(strings.TrimPrefix(e, "+"), 10)
		}
	}
	whole, frac, _ := strings.Cut(mant, ".")
	digits := strings.TrimLeft(whole+frac, "0")
	exp.Sub(exp, big.NewInt(int64(len(frac))))
	cut := strings.TrimRight(digits, "0")
	exp.Add(exp, big.NewInt(int64(len(digits)-len(cut))))
	if cut == "" {
		return "0"
	}
	return fmt.Sprint(neg, cut, exp)
}

func TestEqualIffOracleSaysSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bv, gv := drawPair(t)
		blue, green := []byte(bv.Respelled(t)), []byte(gv.Respelled(t))
		r := diff.Compare(blue, green, nil)
		if want := plainlyEqual(blue, green); r.Equal() != want {
			t.Fatalf("equal %v, oracle %v: %v\n%s\n%s", r.Equal(), want, r.Differences, blue, green)
		}
		if l := r.Leaves; l.Seen != l.Compared+l.Ignored+l.Dropped+l.Absent || l.Ignored+l.Dropped > 0 {
			t.Fatalf("leaves %+v\n%s\n%s", l, blue, green)
		}
	})
}

var paths = []string{
	"$..a", "$.a", "$..price", "$.*", "$..id", "$[*]", "$..title", "$.a.b", "$..b[*]", "$[0]", "$[-1]", "$..['x y']", "$..[?@.id=='a']",
	"$..[?@.a==1].b", "$[1:]", "$..t*", "$.a..b", "$..[0]", "$[::2]", "$..*", "$",
}

// drawRules draws rules that can only hide.
func drawRules(t *rapid.T) []diff.Rule {
	f := func(x float64) *float64 { return &x }
	makers := []func(at string) diff.Rule{
		func(at string) diff.Rule { return diff.Rule{At: at, Do: diff.DoIgnore, Why: "w"} },
		func(at string) diff.Rule { return diff.Rule{At: at, Do: diff.DoDrop, Why: "w"} },
		func(at string) diff.Rule { return diff.Rule{At: at, Do: diff.DoTolerance, Abs: f(1)} },
		func(at string) diff.Rule { return diff.Rule{At: at, Do: diff.DoTolerance, Rel: f(0.5)} },
		func(at string) diff.Rule { return diff.Rule{At: at, Do: diff.DoTime, Within: 5 * time.Second} },
		func(at string) diff.Rule { return diff.Rule{At: at, Do: diff.DoFormat, Is: "date-time"} },
		func(at string) diff.Rule { return diff.Rule{At: at, Do: diff.DoFormat, Is: "regex", Pattern: "[a-z]*"} },
		func(at string) diff.Rule {
			return diff.Rule{At: at, Do: diff.DoRewrite, BlueText: "blue", GreenText: "green", As: "HOST"}
		},
		func(at string) diff.Rule { return diff.Rule{At: at, Do: diff.DoNumber, As: "float64"} },
		func(at string) diff.Rule {
			return diff.Rule{At: at, Do: diff.DoString, AsList: []string{"nfc", "fold", "trim"}}
		},
		func(at string) diff.Rule { return diff.Rule{At: at, Do: diff.DoNull, As: "absent"} },
		func(at string) diff.Rule { return diff.Rule{At: at, Do: diff.DoEmpty, As: "absent"} },
		func(at string) diff.Rule {
			k := rapid.SampledFrom([]string{"added", "removed", "changed", "type", "order"}).Draw(t, "allowed")
			return diff.Rule{At: at, Do: diff.DoAllow, Kind: k, Why: "w", Until: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)}
		},
	}
	var rules []diff.Rule
	for range rapid.IntRange(1, 4).Draw(t, "rules") {
		at := rapid.SampledFrom(paths).Draw(t, "at")
		rules = append(rules, rapid.SampledFrom(makers).Draw(t, "rule")(at))
	}
	return rules
}

var today = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func compileOrSkip(t *rapid.T, rules []diff.Rule, mode diff.Mode) *diff.Rules {
	r, errs := diff.Compile(rules, diff.Options{Now: today, Mode: mode})
	if errs != nil {
		t.Skip("contradicting rules")
	}
	return r
}

// A rule never adds a difference: what is equal stays equal. How many
// differences an unequal pair has may change with how arrays are aligned.
func TestRulesOnlyHide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bv, gv := drawPair(t)
		blue, green := []byte(bv.String()), []byte(gv.String())
		rules := compileOrSkip(t, drawRules(t), diff.Strict)
		without, with := diff.Compare(blue, green, nil), diff.Compare(blue, green, rules)
		if without.Equal() && !with.Equal() {
			t.Fatalf("rules added %v\n%s\n%s", with.Differences, blue, green)
		}
		if !hasArray(bv) && !hasArray(gv) && with.Total > without.Total {
			t.Fatalf("%d differences became %d\n%s\n%s\n%v\n%v", without.Total, with.Total, blue, green, without.Differences, with.Differences)
		}
		if l := with.Leaves; l.Seen != l.Compared+l.Ignored+l.Dropped+l.Absent {
			t.Fatalf("leaves %+v\n%s\n%s", l, blue, green)
		}
	})
}

func TestEqualUnderAnyRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := gen.Draw(t, "v", 4)
		mode := rapid.SampledFrom([]diff.Mode{diff.Strict, diff.Subset, diff.Shape}).Draw(t, "mode")
		rules := compileOrSkip(t, append(drawRules(t),
			diff.Rule{At: "$..a", Do: diff.DoMatch, As: rapid.SampledFrom([]string{"set", "multiset", "list", "auto"}).Draw(t, "as")},
			diff.Rule{At: "$..b", Do: diff.DoMatch, By: []string{"id"}},
			diff.Rule{At: "$..c", Do: diff.DoEmbedded, As: "json"}), mode)
		a, b := v.String(), v.Respelled(t)
		for _, pair := range [][2]string{{a, a}, {a, b}} {
			r := diff.Compare([]byte(pair[0]), []byte(pair[1]), rules)
			if !r.Equal() {
				t.Fatalf("%v\n%s\n%s", r.Differences, pair[0], pair[1])
			}
			if l := r.Leaves; l.Seen != l.Compared+l.Ignored+l.Dropped+l.Absent {
				t.Fatalf("leaves %+v\n%s\n%s", l, pair[0], pair[1])
			}
		}
		same, respelled := diff.Compare([]byte(a), []byte(a), rules), diff.Compare([]byte(a), []byte(b), rules)
		for i := range same.Rules {
			if same.Rules[i].Visits != respelled.Rules[i].Visits {
				t.Fatalf("rule %d visits %d places of the same bytes and %d of the same value\n%s\n%s", i, same.Rules[i].Visits, respelled.Rules[i].Visits, a, b)
			}
		}
	})
}

// A difference written and read is the same difference, also through a writer
// that escapes for HTML.
func TestDifferencesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bv, gv := drawPair(t)
		rules := compileOrSkip(t, drawRules(t), diff.Strict)
		r := diff.Compare([]byte(bv.String()), []byte(gv.String()), rules)
		for _, want := range append(r.Differences, r.Hidden...) {
			text, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			var got diff.Difference
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("(-want +got) %s\n%s", d, text)
			}
		}
	})
}

// A worker that is used again gives the same result.
func TestReuse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := compileOrSkip(t, drawRules(t), diff.Strict)
		var first []diff.Result
		var pairs [][2][]byte
		for range 4 {
			b, g := drawPair(t)
			pairs = append(pairs, [2][]byte{[]byte(b.String()), []byte(g.String())})
		}
		for round := range 2 {
			for i, p := range pairs {
				r := diff.Compare(p[0], p[1], rules)
				if round == 0 {
					first = append(first, r)
				} else if d := cmp.Diff(first[i], r); d != "" {
					t.Fatalf("pair %d, second time (-first +second): %s", i, d)
				}
			}
		}
	})
}

// The text of a value is the value, whatever stands around it.
func TestTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if err := diff.CheckTexts([]byte(gen.Draw(t, "body", 4).Respelled(t))); err != nil {
			t.Fatal(err)
		}
	})
	long := strings.Repeat("n", 1<<16) // a name that a node does not know the length of
	for _, name := range []string{long[1:], long[2:], long, long + `\"\\` + long} {
		body := `{"a":1,"` + name + `" : [ { "b" : [ ] , "c\\" : { } } ] }`
		if err := diff.CheckTexts([]byte(body)); err != nil {
			t.Error(err)
		}
		other := strings.Replace(body, "[ ]", "[0]", 1)
		r := diff.Compare([]byte(body), []byte(other), nil)
		if r.Total != 1 || !strings.HasPrefix(r.Differences[0].Path, "$['"+name[:100]) && !strings.HasPrefix(r.Differences[0].Path, "$."+name[:100]) {
			t.Errorf("a name of %d bytes: %d differences", len(name), r.Total)
		}
		if twice := diff.Validate([]byte(`{"` + name + `":1,"` + name + `":2}`)); twice == nil {
			t.Errorf("a name of %d bytes twice is no duplicate", len(name))
		}
		if once := diff.Validate([]byte(`{"` + name + `":1,"` + name + `x":2}`)); once != nil {
			t.Errorf("names of %d bytes and one more: %v", len(name), once)
		}
	}
}
