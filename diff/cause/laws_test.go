package cause

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/text"
)

// The same wrong titles in two cases are one cause, however many there are.
func TestOneDefectIsOneCause(t *testing.T) {
	for _, tt := range []struct {
		name, why   string
		n, cases    int
		cause, edit string
	}{
		{"every title wrong, one case", "no edit explains two", 400, 1, "$.items[*].title", editOther},
		{"every title wrong, two cases", "an edit that explains the same values twice is those values", 400, 2, "$.items[*].title", editOther},
		{"three titles wrong, nine cases", "none is more than half of the path", 3, 9, "$.items[*].title", editOther},
		{"one title wrong in many cases", "it is all there is", 1, 40, "$.items[*].title", `"a story" -> "b tale"`},
		{"more titles than are told apart", "maxBuckets", maxBuckets + 100, 2, "$.items[*].title", editOther},
	} {
		c := NewSet()
		for i, diffs := range titles(tt.n, tt.cases) {
			c.Add(fmt.Sprint("case-", i), diffs)
		}
		list := c.List()
		if len(list) != 1 || list[0].Path != tt.cause || list[0].Edit != tt.edit || list[0].Count != tt.n*tt.cases || list[0].Cases != tt.cases {
			t.Errorf("%s: %d causes, the first %+v; want one, %s (%s)", tt.name, len(list), list[0], tt.edit, tt.why)
		}
	}
}

// One edit among many others stays a cause by itself while it explains a 20th.
func TestAnEditNeedsAShare(t *testing.T) {
	for _, tt := range []struct {
		edited, others int
		want           string
	}{{40, 400, "x1000 40, other values 400"}, {40, 2000, "other values 2040"}, {400, 10, "x1000 400, other values 10"}, {400, 1, "x1000 400, +7 1"}} {
		c := NewSet()
		var diffs []diff.Difference
		add := func(blue, green string) {
			diffs = append(diffs, diff.Difference{
				Kind: diff.Changed, Severity: diff.OtherValue, Where: diff.InBody, Path: fmt.Sprintf("$.rows[%d].n", len(diffs)),
				Blue: diff.Excerpt{Type: diff.NumberType, JSON: blue, Size: len(blue)}, Green: diff.Excerpt{Type: diff.NumberType, JSON: green, Size: len(green)},
			})
		}
		for i := range tt.edited {
			add(fmt.Sprint(i+2), fmt.Sprint((i+2)*1000))
		}
		for i := range tt.others {
			add(fmt.Sprint(1_000_003+7*i*i), fmt.Sprint(1_000_010+7*i*i+11*i))
		}
		c.Add("case", diffs)
		var got []string
		for _, x := range c.List() {
			got = append(got, fmt.Sprint(x.Edit, " ", x.Count))
		}
		for part := range strings.SplitSeq(tt.want, ", ") {
			if !contains1(got, part) {
				t.Errorf("%d of x1000 and %d others: %q, want %s", tt.edited, tt.others, got, tt.want)
			}
		}
		for i := range diffs {
			if _, ok := c.Find(&diffs[i]); !ok {
				t.Fatalf("%s has no cause", diffs[i].Path)
			}
		}
	}
}

func contains1(list []string, s string) bool {
	return slices.Contains(list, s)
}

// A header that differs in every answer is one line, not one for each route; an
// address of blue in it stays a line by itself.
func TestHeadersAreOneCause(t *testing.T) {
	header := func(name, blue, green string) diff.Difference {
		return diff.Difference{Kind: diff.Changed, Severity: diff.OtherValue, Where: diff.InHeader, Path: name, Blue: diff.Excerpt{Type: diff.StringType, JSON: quoted(blue), Size: 9}, Green: diff.Excerpt{Type: diff.StringType, JSON: quoted(green), Size: 9}}
	}
	c := NewSet()
	for route := range 10 {
		for i := range 40 {
			leak := header("link", "a.blue", "a.blue/"+word(route))
			leak.Leak = "a.blue"
			c.Add(fmt.Sprintf("route-%d/%d", route, i), []diff.Difference{
				header("etag", "x"+word(route), word(route)+"y"), header("server", "nginx", "envoy"), leak,
				{Kind: diff.Changed, Severity: diff.OtherValue, Where: diff.InBody, Path: "$.b", Blue: diff.Excerpt{Type: diff.BoolType, JSON: "true", Size: 4}, Green: diff.Excerpt{Type: diff.BoolType, JSON: "false", Size: 5}},
			})
		}
	}
	var got []string
	for _, x := range c.List() {
		got = append(got, x.Path+" "+x.Edit)
	}
	want := `$.b true -> false, etag other values, link green names blue: a.blue, server "nginx" -> "envoy"`
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
}

// An object by channel has values for names: its members are one path where many
// of them differ, and each is a path by itself where few do.
func TestNamesThatAreValues(t *testing.T) {
	for n, want := range map[int]int{maxSiblings: maxSiblings, maxSiblings + 1: 1, 3000: 1} {
		c := NewSet()
		var diffs []diff.Difference
		for i := range n {
			diffs = append(diffs, diff.Difference{
				Kind: diff.TypeChanged, Severity: diff.Type, Where: diff.InBody, Path: "$.channels." + word(i) + ".no",
				Blue: diff.Excerpt{Type: diff.NumberType, JSON: fmt.Sprint(i), Size: 1}, Green: diff.Excerpt{Type: diff.StringType, JSON: fmt.Sprintf(`"%d"`, i), Size: 3},
			})
		}
		c.Add("case", diffs)
		list := c.List()
		if len(list) != want {
			t.Errorf("%d members: %d causes, want %d", n, len(list), want)
		}
		for i := range diffs {
			if id, ok := NewFinder(list).Find(&diffs[i]); !ok || want == 1 && id != 0 {
				t.Fatalf("%s: cause %d, %v", diffs[i].Path, id, ok)
			}
		}
	}
}

// genDiffs makes the differences of random small bodies.
func genDiffs(t *rapid.T, name string) []diff.Difference {
	value := rapid.OneOf(rapid.Map(rapid.IntRange(0, 9), func(n int) any { return n * 10 }), rapid.Map(rapid.SampledFrom([]string{"a", "b b", "A", "c9", ""}), func(s string) any { return s }), rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Just[any](nil))
	body := rapid.Custom(func(t *rapid.T) []byte {
		var rows []any
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			row := map[string]any{"id": rapid.IntRange(1, 7).Draw(t, "id")}
			for _, m := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y", "z-z"}), 0, 3, rapid.ID).Draw(t, "members") {
				row[m] = value.Draw(t, m)
			}
			rows = append(rows, row)
		}
		text, err := json.Marshal(map[string]any{"rows": rows, "n": value.Draw(t, "n")})
		if err != nil {
			t.Fatal(err)
		}
		return text
	})
	r := diff.Compare(body.Draw(t, name+" blue"), body.Draw(t, name+" green"), nil)
	return r.Differences
}

// There are at most so many causes as paths allow, every difference has one, the
// counts add up, and the order of adding does not matter.
func TestCausesAreBounded(t *testing.T) {
	const types = 36 // pairs of types: the fixed last edits of a changed type
	rapid.Check(t, func(t *rapid.T) {
		var all [][]diff.Difference
		paths, total := map[groupKey]bool{}, 0
		for i := range rapid.IntRange(1, 6).Draw(t, "cases") {
			diffs := genDiffs(t, fmt.Sprint(i))
			all = append(all, diffs)
			total += len(diffs)
			for j := range diffs {
				paths[keyOf(&diffs[j])] = true
			}
		}
		add := func(order []int) string {
			c := NewSet()
			for _, i := range order {
				c.AddAt(Site{Index: i, Case: fmt.Sprint(i), Suite: "s"}, all[i])
			}
			list := c.List()
			if len(list) > len(paths)*(maxPathCauses+types) {
				t.Fatalf("%d causes of %d paths", len(list), len(paths))
			}
			n := 0
			for i := range list {
				n += list[i].Count
			}
			if n != total {
				t.Fatalf("the causes count %d differences of %d", n, total)
			}
			for _, diffs := range all {
				for j := range diffs {
					id, ok := c.Find(&diffs[j])
					if !ok || list[id].Kind != diffs[j].Kind && list[id].RenamedTo == "" || list[id].Where != diffs[j].Where {
						t.Fatalf("the cause of %+v is %d, %v", diffs[j], id, ok)
					}
				}
			}
			text, err := json.Marshal(list)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		order := make([]int, len(all))
		for i := range order {
			order[i] = i
		}
		first := add(order)
		if again := add(rapid.Permutation(order).Draw(t, "order")); again != first {
			t.Fatalf("another order of adding gives another list:\n%s\n%s", first, again)
		}
	})
}

// Beyond the edits that are told apart the list still does not depend on the order.
func TestManyEditsInAnyOrder(t *testing.T) {
	diffs := titles(2*maxBuckets, 1)[0]
	for i := range diffs { // a third are one edit of many values
		if i%3 == 0 {
			diffs[i].Blue.JSON, diffs[i].Green.JSON = fmt.Sprintf(`"v%d blue"`, i), fmt.Sprintf(`"v%d green"`, i)
		}
	}
	var first string
	for seed := range uint64(3) {
		c := NewSet()
		for _, i := range rand.New(rand.NewPCG(seed, 7)).Perm(len(diffs)) {
			c.AddAt(Site{Index: i % 50, Case: fmt.Sprint(i % 50)}, diffs[i:i+1])
		}
		text, err := json.Marshal(c.List())
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(text)
		} else if string(text) != first {
			t.Fatalf("another order gives\n%s\nnot\n%s", text, first)
		}
	}
}

// Every proposed rule reads back, is valid, and hides what it is for in the
// answers it was seen in, one case or several.
func TestProposalsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewSet()
		var samples []*Sample
		for i := range rapid.IntRange(1, 3).Draw(t, "cases") {
			blue := &diff.Message{Status: 200, ContentType: "application/json", Body: genBody(t, "blue"), Headers: []diff.Header{{Name: "X-A", Value: "1"}, {Name: "X-B", Value: "2"}}}
			green := &diff.Message{Status: 200, ContentType: "application/json", Body: genBody(t, "green"), Headers: []diff.Header{{Name: "X-A", Value: "3"}}}
			s := &Sample{Blue: blue, Green: green}
			r := diff.CompareMessages(blue, green, nil, nil)
			c.AddAt(Site{Index: i, Case: fmt.Sprint(i), Suite: "s", Sample: s}, r.Differences)
			samples = append(samples, s)
		}
		for _, x := range c.List() {
			if x.Rule == "" {
				if x.NoRule == "" {
					t.Fatalf("%+v has neither a rule nor a reason", x)
				}
				continue
			}
			var rules []diff.Rule
			for line := range strings.SplitSeq(x.Rule, "\n") {
				r := readRule(t, line)
				if (r.Do == diff.DoAllow) != (r.Max.Count > 0) && r.Header == "" {
					t.Fatalf("%s has no bound", line)
				}
				rules = append(rules, agreed(r))
			}
			compiled, errs := diff.Compile(rules, diff.Options{Now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)})
			if errs != nil {
				t.Fatalf("%s does not compile: %+v", x.Rule, errs)
			}
			for _, s := range samples {
				// A rule may change which elements of a list are paired, and so show the
				// cause in an answer that did not have it: rule 3 is about those that had.
				if causeIn(c, s, nil, x.ID) == nil {
					continue
				}
				if d := causeIn(c, s, compiled, x.ID); d != nil {
					t.Fatalf("%s leaves %+v", x.Rule, *d)
				}
			}
		}
	})
}

// causeIn is a difference of a sample that belongs to a cause; nil where none does.
func causeIn(c *Set, s *Sample, rules *diff.Rules, id int) *diff.Difference {
	r := diff.CompareMessages(s.Blue, s.Green, rules, nil)
	for i := range r.Differences {
		if of, ok := c.Find(&r.Differences[i]); ok && of == id {
			return &r.Differences[i]
		}
	}
	return nil
}

func genBody(t *rapid.T, name string) []byte {
	item := rapid.StringMatching(`\{"id":"[a-e]","t":("[A-Ba-b ]{0,3}"|[1-9]{1,3}|null)(,"u":[0-9])?\}`)
	items := rapid.SliceOfNDistinct(item, 0, 4, func(s string) string { return s[:9] }).Draw(t, name)
	return []byte(`{"items":[` + strings.Join(items, ",") + `],"z":true}`)
}

// A proposed path names what was seen: one element of forty by its key or index,
// a few by a list, and all of them only where more differ than a list holds.
func TestProposalsAreNarrow(t *testing.T) {
	body := func(n int, changed int, format string) (blue, green []byte) {
		list := func(upTo int) []byte {
			var items []string
			for i := range n {
				title := "t" + word(i)
				if i >= 17 && i < 17+upTo {
					title = "u " + word(i*i) + " v"
				}
				items = append(items, fmt.Sprintf(format, i, title))
			}
			return []byte(`{"items":[` + strings.Join(items, ",") + `]}`)
		}
		return list(0), list(changed)
	}
	for _, tt := range []struct {
		name    string
		changed int
		format  string
		want    string
	}{
		{"one of forty by key", 1, `{"id":"ch-%d","title":%q}`, `$.items[?@.id=='ch-17'].title`},
		{"two of forty by key", 2, `{"id":"ch-%d","title":%q}`, `$.items[?@.id=='ch-17',?@.id=='ch-18'].title`},
		{"one of forty by index", 1, `[%d,%q]`, `$.items[17][1]`},
		{"twenty of forty", 20, `{"id":"ch-%d","title":%q}`, `$.items[*].title`},
	} {
		blue, green := body(40, tt.changed, tt.format)
		s := &Sample{Blue: &diff.Message{Status: 200, Body: blue, ContentType: "application/json"}, Green: &diff.Message{Status: 200, Body: green, ContentType: "application/json"}}
		r := diff.CompareMessages(s.Blue, s.Green, nil, nil)
		c := NewSet()
		c.AddAt(Site{Case: "a", Suite: "s", Sample: s}, r.Differences)
		list := c.List()
		if len(list) != 1 || list[0].Rule == "" || readRule(t, list[0].Rule).At != tt.want {
			t.Errorf("%s: %+v, want a rule at %s", tt.name, list, tt.want)
		}
	}
}

// No rule is proposed that would take the proof away, and the cause says why.
func TestProposalsThatFailAreNotShown(t *testing.T) {
	message := func(status int, body string) *diff.Message {
		return &diff.Message{Status: status, Body: []byte(body), ContentType: "application/json"}
	}
	for _, tt := range []struct {
		name, why    string
		blue, green  *diff.Message
		rules        []diff.Rule
		floor        float64
		kind         diff.Kind
		rule, reason string
	}{
		{"the only value", "nothing would be compared", message(200, `{"a":"x"}`), message(200, `{"a":"some"}`), nil, 0, diff.Changed, "", "none of the body's 1 values"},
		{"below the suite's minimum", "2 of 3 are less than 90 %", message(200, `{"a":"x","b":1,"c":2}`), message(200, `{"a":"some","b":1,"c":2}`), nil, 0.9, diff.Changed, "", "2 of the body's 3 values"},
		{"above the suite's minimum", "2 of 3 are enough", message(200, `{"a":"x","b":1,"c":2}`), message(200, `{"a":"some","b":1,"c":2}`), nil, 0.6, diff.Changed, "do: ignore", ""},
		{"a status", "every other status would do as well", message(200, `{"a":1}`), message(500, `{"a":1}`), nil, 0, diff.Changed, "", "every other status"},
		{"another type of body", "the whole body", message(200, `{"a":1}`), message(200, `[1]`), nil, 0, diff.TypeChanged, "", "the whole body"},
		{"not JSON", "nothing hides it", message(200, `{"a":1}`), message(200, `{"a":1`), nil, 0, diff.Invalid, "", "cannot be read"},
		{
			"below a set", "an index is not valid there, the generalised path is", message(200, `{"a":[{"n":"x","m":1},2,3]}`), message(200, `{"a":[{"n":"some","m":1},2,3]}`),
			[]diff.Rule{{At: "$.a", Do: diff.DoMatch, As: "set"}},
			0, diff.Changed, "$.a[*].n", "",
		},
	} {
		var rules *diff.Rules
		if tt.rules != nil {
			rules = mustCompile(t, diff.Options{}, tt.rules...)
		}
		s := &Sample{Blue: tt.blue, Green: tt.green, Rules: rules, Floor: tt.floor}
		r := diff.CompareMessages(tt.blue, tt.green, rules, nil)
		c := NewSet()
		c.AddAt(Site{Case: "a", Suite: "s", Sample: s}, r.Differences)
		for _, x := range c.List() {
			if x.Kind != tt.kind {
				continue
			}
			if tt.rule == "" && x.Rule != "" || !strings.Contains(x.Rule, tt.rule) || tt.reason == "" && x.NoRule != "" || !strings.Contains(x.NoRule, tt.reason) {
				t.Errorf("%s: rule %q, reason %q; want %q, %q (%s)", tt.name, x.Rule, x.NoRule, tt.rule, tt.reason, tt.why)
			}
		}
	}
}

// A rule belongs to the case or the suite in which the cause was seen.
func TestScopes(t *testing.T) {
	d := []diff.Difference{{Kind: diff.Added, Severity: diff.Additive, Where: diff.InBody, Path: "$.a", Green: diff.Excerpt{Type: diff.NumberType, JSON: "1", Size: 1}}}
	for _, tt := range []struct {
		sites []Site
		want  string
	}{
		{[]Site{{Case: "s/a", Suite: "s"}, {Case: "s/a", Suite: "s", Step: "two"}}, "case s/a"},
		{[]Site{{Case: "s/a", Suite: "s"}, {Case: "s/b", Suite: "s"}}, "suite s"},
		{[]Site{{Case: "s/a", Suite: "s"}, {Case: "t/b", Suite: "t"}}, ""},
	} {
		c := NewSet()
		for _, at := range tt.sites {
			c.AddAt(at, d)
		}
		if got := c.List()[0].Scope; got != tt.want {
			t.Errorf("%+v: scope %q, want %q", tt.sites, got, tt.want)
		}
	}
}

func quoted(s string) string { return text.Quote(s) }

func mustCompile(t testing.TB, opts diff.Options, rules ...diff.Rule) *diff.Rules {
	t.Helper()
	r, errs := diff.Compile(rules, opts)
	if errs != nil {
		t.Fatalf("rules %+v: %+v", rules, errs)
	}
	return r
}
