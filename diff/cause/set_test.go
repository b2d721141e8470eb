package cause

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/path"
)

// The five edits of the corpus: what a release may do to every element.
var seededEdits = []struct {
	name, path, edit, do string
	blue, green          func(r *rand.Rand, i int) string
}{
	{
		"host", "$.items[*].poster", `"blue" -> "green"`, "rewrite",
		func(r *rand.Rand, i int) string {
			return fmt.Sprintf("%q", fmt.Sprintf("http://blue.example/p/%d.jpg", i))
		},
		func(r *rand.Rand, i int) string {
			return fmt.Sprintf("%q", fmt.Sprintf("http://green.example/p/%d.jpg", i))
		},
	},
	{
		"unit", "$.items[*].duration", "x1000", "ignore",
		func(r *rand.Rand, i int) string { return fmt.Sprint(1 + i) },
		func(r *rand.Rand, i int) string { return fmt.Sprint((1 + i) * 1000) },
	},
	{
		"zone", "$.items[*].start", "time +9h0m0s", "time",
		func(r *rand.Rand, i int) string {
			return fmt.Sprintf("%q", time.Unix(1_700_000_000+int64(i)*977, 0).UTC().Format(time.RFC3339))
		},
		func(r *rand.Rand, i int) string {
			return fmt.Sprintf("%q", time.Unix(1_700_000_000+int64(i)*977+9*3600, 0).UTC().Format(time.RFC3339))
		},
	},
	{
		"type", "$.items[*].price", "number -> string, same text", "allow",
		func(r *rand.Rand, i int) string { return fmt.Sprint(100 * (1 + i%40)) },
		func(r *rand.Rand, i int) string { return fmt.Sprintf(`"%d"`, 100*(1+i%40)) },
	},
	{
		"id", "$.items[*].trace", "uuid", "format",
		func(r *rand.Rand, i int) string { return uuidText(r) },
		func(r *rand.Rand, i int) string { return uuidText(r) },
	},
}

func uuidText(r *rand.Rand) string {
	return fmt.Sprintf(`"%08x-%04x-4%03x-8%03x-%012x"`, r.Uint32(), r.Uint32()&0xffff, r.Uint32()&0xfff, r.Uint32()&0xfff, r.Uint64()&0xffffffffffff)
}

func seededBodies(items int) (blue, green []byte) {
	r := rand.New(rand.NewPCG(4, 3200))
	var b, g strings.Builder
	b.WriteString(`{"items":[`)
	g.WriteString(`{"items":[`)
	for i := range items {
		sep := ","
		if i == 0 {
			sep = ""
		}
		fmt.Fprintf(&b, `%s{"id":"p-%05d"`, sep, i)
		fmt.Fprintf(&g, `%s{"id":"p-%05d"`, sep, i)
		for _, e := range seededEdits {
			name := e.path[strings.LastIndex(e.path, ".")+1:]
			fmt.Fprintf(&b, `,%q:%s`, name, e.blue(r, i))
			fmt.Fprintf(&g, `,%q:%s`, name, e.green(r, i))
		}
		b.WriteByte('}')
		g.WriteByte('}')
	}
	b.WriteString("]}")
	g.WriteString("]}")
	return []byte(b.String()), []byte(g.String())
}

// 3,200 differences made by five edits come back as those five, each with a
// rule that silences it.
func TestFiveEditsAreFiveCauses(t *testing.T) {
	blue, green := seededBodies(640)
	r := diff.Compare(blue, green, nil)
	if r.Total != 3200 {
		t.Fatalf("%d differences, want 3200", r.Total)
	}
	causes := NewSet()
	causes.Add("epg", r.Differences)
	list := causes.List()
	if len(list) != len(seededEdits) {
		t.Fatalf("%d causes, want %d: %+v", len(list), len(seededEdits), list)
	}
	for _, e := range seededEdits {
		found := false
		for _, c := range list {
			if c.Path == e.path && c.Edit == e.edit && c.Count == 640 && strings.Contains(c.Rule, "do: "+e.do) {
				found = true
			}
		}
		if !found {
			t.Errorf("the %s edit (%s at %s, silenced by %s) is not among %+v", e.name, e.edit, e.path, e.do, list)
		}
	}
	for i := range r.Differences {
		d := &r.Differences[i]
		if id, ok := causes.Find(d); !ok || list[id].Path != path.Generalise(d.Path) {
			t.Fatalf("the cause of %s is %d, %v", d.Path, id, ok)
		}
	}
	silenced(t, blue, green, list)
}

// silenced compiles the proposed rules and compares again under them.
func silenced(t *testing.T, blue, green []byte, list []Cause) {
	t.Helper()
	var rules []diff.Rule
	for _, c := range list {
		for line := range strings.SplitSeq(c.Rule, "\n") {
			rules = append(rules, agreed(readRule(t, line)))
		}
	}
	compiled, errs := diff.Compile(rules, diff.Options{Now: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)})
	if errs != nil {
		t.Fatalf("a proposed rule does not compile: %+v", errs)
	}
	if r := diff.Compare(blue, green, compiled); !r.Equal() {
		t.Errorf("%d differences are left under the proposed rules %+v: %v", r.Total, rules, r.Differences[0])
	}
}

// agreed is a proposed rule with a reason and a date.
func agreed(r diff.Rule) diff.Rule {
	if r.Why != "" {
		r.Why = "agreed"
	}
	if !r.Until.IsZero() {
		r.Until = r.Until.AddDate(0, 0, -1)
	}
	return r
}

// fataler is a test or a property.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// readRule reads the flow mapping that RuleYAML writes: after quoting the plain
// words it is JSON.
func readRule(t fataler, line string) diff.Rule {
	t.Helper()
	text := strings.TrimSuffix(strings.TrimPrefix(line, "- {"), "}")
	fields := map[string]string{}
	for text != "" {
		key, rest, _ := strings.Cut(text, ": ")
		var value string
		if strings.HasPrefix(rest, `"`) {
			d := json.NewDecoder(strings.NewReader(rest))
			if err := d.Decode(&value); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			rest = rest[d.InputOffset():]
		} else {
			n := strings.Index(rest+", ", ", ")
			value, rest = rest[:n], rest[n:]
		}
		if strings.HasPrefix(value, "[") {
			value = strings.Trim(value, "[]")
		}
		fields[key] = value
		text = strings.TrimPrefix(rest, ", ")
	}
	number := func(key string) *float64 {
		if fields[key] == "" {
			return nil
		}
		var f float64
		if _, err := fmt.Sscan(fields[key], &f); err != nil {
			t.Fatal(err)
		}
		return &f
	}
	r := diff.Rule{
		At: fields["at"], Do: diff.Do(fields["do"]), Why: fields["why"], Is: fields["is"], Kind: fields["kind"], As: fields["as"],
		BlueText: fields["blue"], GreenText: fields["green"], Abs: number("abs"), Rel: number("rel"), Header: fields["header"], Allow: fields["allow"] == "true",
	}
	if r.Do == diff.DoString {
		r.As, r.AsList = "", []string{fields["as"]}
	}
	if n := number("max"); n != nil {
		r.Max = diff.Bound{Count: int(*n)}
	}
	if s := fields["within"]; s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		r.Within = d
	}
	if s := fields["until"]; s != "" {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		r.Until = d
	}
	return r
}

// A day's worth of cases with one renamed member is one cause.
func TestRenamedMemberIsOneCause(t *testing.T) {
	causes := NewSet()
	var all []diff.Difference
	for i := range 500 {
		blue := fmt.Sprintf(`{"programs":[{"id":%d,"title":"t%d","n":1},{"id":%d,"title":"u%d","n":1}]}`, i, i, i+1000, i)
		green := strings.ReplaceAll(blue, `"title"`, `"name"`)
		r := diff.Compare([]byte(blue), []byte(green), nil)
		all = append(all, r.Differences...)
		causes.Add(fmt.Sprintf("case-%03d", i), r.Differences)
		if i == 0 {
			silenced(t, []byte(blue), []byte(green), causes.List())
		}
	}
	list := causes.List()
	if len(list) != 1 {
		t.Fatalf("%d causes, want 1: %+v", len(list), list)
	}
	c := list[0]
	if c.Count != len(all) || c.Cases != 500 || c.Path != "$.programs[*].title" || c.Edit != "renamed to $.programs[*].name" || c.Severity != diff.RemovedMember {
		t.Errorf("got %+v", c)
	}
	if strings.Join(c.Examples, " ") != "case-000 case-001 case-002" {
		t.Errorf("examples %v", c.Examples)
	}
	for i := range all {
		if id, ok := NewFinder(list).Find(&all[i]); !ok || id != 0 {
			t.Fatalf("Find(%s) = %d, %v", all[i].Path, id, ok)
		}
	}
}

// The list does not depend on the order in which cases end.
func TestCausesInAnyOrder(t *testing.T) {
	type added struct {
		index int
		id    string
		diffs []diff.Difference
	}
	var cases []added
	for i := range 40 {
		blue := fmt.Sprintf(`{"a":%d,"b":"x%d","c":true,"d":[1,2,%d]}`, i+1, i, i)
		green := fmt.Sprintf(`{"a":%d,"b":"y%d","d":[%d,1,2],"e":null}`, (i+1)*(1+i%3), i%4, i)
		r := diff.Compare([]byte(blue), []byte(green), nil)
		cases = append(cases, added{i, fmt.Sprint("case-", i), r.Differences})
	}
	var first string
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 1))
		r.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
		c := NewSet()
		for _, x := range cases {
			c.AddAt(Site{Index: x.index, Case: x.id}, x.diffs)
		}
		text, err := json.Marshal(c.List())
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(text)
		} else if string(text) != first {
			t.Fatalf("another order of adding gives another list:\n%s\n%s", first, text)
		}
	}
	if !strings.Contains(first, `"case-0","case-1","case-2"`) {
		t.Errorf("examples are not the first cases of the plan: %s", first)
	}
}

func TestCausesAreRanked(t *testing.T) {
	c := NewSet()
	for i := range 5 {
		c.Add(fmt.Sprint(i), []diff.Difference{{Kind: diff.Added, Severity: diff.Additive, Where: diff.InBody, Path: "$.detail", Green: diff.Excerpt{Type: diff.NumberType, JSON: fmt.Sprint(i), Size: 1}}})
	}
	status := func(b, g string) diff.Difference {
		return diff.Difference{Kind: diff.Changed, Severity: diff.StatusClass, Where: diff.InStatus, Blue: diff.Excerpt{Type: diff.NumberType, JSON: b, Size: 3}, Green: diff.Excerpt{Type: diff.NumberType, JSON: g, Size: 3}}
	}
	c.Add("x", []diff.Difference{status("200", "500")})
	list := c.List()
	if len(list) != 2 || list[0].Where != diff.InStatus || list[0].Edit != "200 -> 500" || list[1].Edit != "" || list[1].Count != 5 {
		t.Errorf("got %+v", list)
	}
	c.Add("y", []diff.Difference{status("201", "503")})
	if list = c.List(); list[0].Edit != "2xx -> 5xx" || list[0].Count != 2 {
		t.Errorf("statuses that vary: %+v", list[0])
	}
}

// Edits that differ in their numbers alone are one cause.
func TestNumbersInsideEdits(t *testing.T) {
	c := NewSet()
	for i := range 9 {
		r := diff.Compare(fmt.Appendf(nil, `{"origin":"127.0.0.1:%d"}`, 40000+i), []byte(`{"origin":"127.0.0.1"}`), nil)
		c.Add(fmt.Sprint(i), r.Differences)
	}
	if l := c.List(); len(l) != 1 || l[0].Edit != `":#" -> ""` || l[0].Count != 9 {
		t.Errorf("got %+v", l)
	}
}

func TestEdits(t *testing.T) {
	for _, tt := range []struct{ name, blue, green, want string }{
		{"seconds to ms", "12", "12000", "x1000"},
		{"ms to seconds", "12000", "12", "/1000"},
		{"offset", "1700000001", "1700003601", "+3600"},
		{"sign", "5", "-5", "sign"},
		{"rounding", "1.005", "1.01", "rounding"},
		{"host", `"https://api.blue.example/x"`, `"https://api.green.example/x"`, `"blue" -> "green"`},
		{"word inside", `"release-12"`, `"release-13"`, `"release-12" -> "release-13"`},
		{"ulid", `"01ARZ3NDEKTSV4RRFFQ69G5FAV"`, `"01BX5ZZKBKACTAV9WEVGEMMVRZ"`, "ulid"},
		{"hex", `"0123456789abcdef"`, `"fedcba9876543210"`, "hex"},
		{"case", `"Kim"`, `"KIM"`, "letter case"},
		{"space", `"Kim "`, `"Kim"`, "white space"},
		{"form", `"가"`, "\"\u1100\u1161\"", "unicode form"},
		{"time", `"2026-11-23T03:12:45Z"`, `"2026-11-23T03:12:47Z"`, "time +2s"},
		{"bool", "true", "false", "true -> false"},
		{"korean", `"서울 본사"`, `"부산 본사"`, `"서울" -> "부산"`},
	} {
		r := diff.Compare([]byte(tt.blue), []byte(tt.green), nil)
		c := NewSet()
		c.Add("c", r.Differences)
		if l := c.List(); len(l) != 1 || l[0].Edit != tt.want {
			t.Errorf("%s: %s and %s give %+v, want %s", tt.name, tt.blue, tt.green, l, tt.want)
		}
	}
}
