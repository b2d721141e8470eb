package diff

import "testing"

func TestNamed(t *testing.T) {
	rules := mustCompile(t, Options{}, Rule{At: "$.list", Do: DoDrop, Why: "w"}, Rule{At: "$.at", Do: DoIgnore, Why: "w"}, Rule{At: "$.n", Do: DoTolerance, Abs: new(float64(10))})
	body := &Message{Body: []byte(`{"list":[{"id":1,"v":2},{"id":3,"v":4}],"at":5,"n":6,"name":"x"}`), ContentType: "application/json"}
	for _, tt := range []struct {
		name            string
		paths           []NamedPath
		all, uncompared int
		why             string
	}{
		{"nothing", nil, 0, 0, "no path"},
		{"a compared member", []NamedPath{{Path: "$.name"}}, 1, 0, "it is compared already"},
		{"an ignored member", []NamedPath{{Path: "$.at"}}, 1, 1, "the expectation takes the rule's place"},
		{"a wide tolerance", []NamedPath{{Path: "$.n"}}, 1, 1, "6 give or take 10 is no comparison"},
		{"a container", []NamedPath{{Path: "$.list"}}, 1, 1, "its count is one value"},
		{"a container, below", []NamedPath{{Path: "$.list", Below: true}}, 4, 4, "all values are looked at"},
		{"members of elements", []NamedPath{{Path: "$.list[*].id"}}, 2, 2, "those that are named"},
		{"the same twice", []NamedPath{{Path: "$.list[*].id"}, {Path: "$..id"}, {Path: "$.list", Below: true}}, 4, 4, "each value counts once"},
		{"nothing there", []NamedPath{{Path: "$.none"}}, 0, 0, "no value"},
		{"no path", []NamedPath{{Path: "$["}}, 0, 0, "it names nothing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if all, uncompared := rules.Named(body, tt.paths); all != tt.all || uncompared != tt.uncompared {
				t.Errorf("got %d and %d, want %d and %d: %s", all, uncompared, tt.all, tt.uncompared, tt.why)
			}
		})
	}
}

// Values under rules that let anything pass are not counted as compared, equal or
// not, and values that differ are not where a rule hides that, whatever its bound.
func TestOpenRulesDoNotCompare(t *testing.T) {
	later := testDay.AddDate(0, 1, 0)
	for _, tt := range []struct {
		name     string
		rule     Rule
		compared int // of {"s":"text","n":5,"b":true}
	}{
		{"none", Rule{At: "$.x", Do: DoIgnore, Why: "w"}, 3},
		{"change allowed", Rule{At: "$.*", Do: DoAllow, Kind: "changed", Why: "w", Until: later}, 0},
		{"change allowed once", Rule{At: "$.*", Do: DoAllow, Kind: "changed", Max: Bound{Count: 1}, Why: "w", Until: later}, 3},
		{"every change allowed, with a bound", Rule{At: "$.*", Do: DoAllow, Kind: "changed", Max: Bound{Count: 9}, Why: "w", Until: later}, 3},
		{"a share of all", Rule{At: "$.*", Do: DoAllow, Kind: "changed", Max: Bound{Share: 1}, Why: "w", Until: later}, 0},
		{"any text", Rule{At: "$.s", Do: DoFormat, Is: "regex", Pattern: ".+"}, 2},
		{"any word", Rule{At: "$.s", Do: DoFormat, Is: "regex", Pattern: "[a-z]+"}, 3},
		{"any text rewritten", Rule{At: "$.s", Do: DoRewrite, Pattern: `\S*`, As: "X"}, 2},
		{"a wide tolerance", Rule{At: "$.n", Do: DoTolerance, Abs: new(float64(5))}, 2},
		{"a relative tolerance of all", Rule{At: "$..n", Do: DoTolerance, Rel: new(float64(1))}, 2},
		{"a narrow tolerance", Rule{At: "$.n", Do: DoTolerance, Rel: new(0.5)}, 3},
		{"a filter elsewhere", Rule{At: "$.a[?@.id==1]", Do: DoIgnore, Why: "w"}, 3},
	} {
		for _, green := range []string{`{"s":"text","n":5,"b":true}`, `{"s":"other","n":6,"b":false}`} {
			r := Compare([]byte(`{"s":"text","n":5,"b":true}`), []byte(green), mustCompile(t, Options{}, tt.rule))
			want := tt.compared
			if tt.compared > 0 && tt.rule.Do == DoAllow {
				want -= len(r.Hidden)
			}
			if r.Leaves.Compared != want || r.Leaves.Compared+r.Leaves.Ignored != 3 {
				t.Errorf("%s: %+v, want %d compared", tt.name, r.Leaves, want)
			}
		}
	}
}
