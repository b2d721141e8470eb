package diff

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCompileRefuses(t *testing.T) {
	until := testDay.AddDate(0, 1, 0)
	for _, tt := range []struct {
		name  string
		rules []Rule
		want  string // rule, field, part of the message
	}{
		{"no place", []Rule{{Do: DoIgnore, Why: "w"}}, "0 at names one place"},
		{"two places", []Rule{{At: "$.a", Header: "x", Do: DoIgnore, Why: "w"}}, "0 at names one place"},
		{"unknown verb", []Rule{{At: "$.a", Do: "forget"}}, "0 do unknown verb"},
		{"path", []Rule{{At: "$.a[", Do: DoIgnore, Why: "w"}}, "0 at [ without ]"},
		{"no why", []Rule{{At: "$.a", Do: DoIgnore}}, "0 why ignore needs a why"},
		{"blank why", []Rule{{At: "$.a", Do: DoDrop, Why: " "}}, "0 why drop needs a why"},
		{"allow without until", []Rule{{At: "$.a", Do: DoAllow, Kind: "added", Why: "w"}}, "0 until allow needs an until"},
		{"expired", []Rule{{At: "$.a", Do: DoIgnore, Why: "w", Until: testDay.AddDate(0, 0, -1)}}, "0 until expired on 2026-11-22"},
		{"whole body ignored", []Rule{{At: "$", Do: DoIgnore, Why: "w"}}, "0 at the whole body"},
		{"everything dropped", []Rule{{At: "$..*", Do: DoDrop, Why: "w"}}, "0 at the whole body"},
		{"everything dropped, brackets", []Rule{{At: "$..[*]", Do: DoDrop, Why: "w"}}, "0 at the whole body"},
		{"everything allowed", []Rule{{At: "$..*", Do: DoAllow, Kind: "changed", Why: "w", Until: until}}, "0 at the whole body"},
		{"other verb's parameter", []Rule{{At: "$.a", Do: DoIgnore, Why: "w", Abs: new(float64(1))}}, "0 abs takes no"},
		{"tolerance without", []Rule{{At: "$.a", Do: DoTolerance}}, "0 abs needs abs or rel"},
		{"negative tolerance", []Rule{{At: "$.a", Do: DoTolerance, Abs: new(float64(-1))}}, "0 abs at least 0"},
		{"time without", []Rule{{At: "$.a", Do: DoTime}}, "0 within needs a within"},
		{"unknown format", []Rule{{At: "$.a", Do: DoFormat, Is: "guid"}}, "0 is unknown format"},
		{"regex without", []Rule{{At: "$.a", Do: DoFormat, Is: "regex"}}, "0 pattern needs a pattern"},
		{"broken regex", []Rule{{At: "$.a", Do: DoFormat, Is: "regex", Pattern: "a("}}, "0 pattern missing closing"},
		{"long regex", []Rule{{At: "$.a", Do: DoFormat, Is: "regex", Pattern: strings.Repeat("a", 1025)}}, "0 pattern more than 1024"},
		{"rewrite without", []Rule{{At: "$.a", Do: DoRewrite, As: "X"}}, "0 blue needs blue and green"},
		{"rewrite without name", []Rule{{At: "$.a", Do: DoRewrite, BlueText: "a", GreenText: "b"}}, "0 as needs a placeholder"},
		{"map without name", []Rule{{At: "$.a", Do: DoMap}}, "0 as needs a name"},
		{"number as", []Rule{{At: "$.a", Do: DoNumber, As: "int"}}, "0 as one of decimal"},
		{"string as", []Rule{{At: "$.a", Do: DoString, AsList: []string{"nfd"}}}, "0 as string: as is one of nfc, fold, trim"},
		{"match without", []Rule{{At: "$.a", Do: DoMatch}}, "0 by needs by or as"},
		{"match by as list", []Rule{{At: "$.a", Do: DoMatch, By: []string{"id"}, As: "list"}}, "0 as contradict"},
		{"match by twice", []Rule{{At: "$.a", Do: DoMatch, By: []string{"id", "id"}}}, "0 by repeated"},
		{"allow kind", []Rule{{At: "$.a", Do: DoAllow, Kind: "all", Why: "w", Until: until}}, "0 kind one of added"},
		{"allow max", []Rule{{At: "$.a", Do: DoAllow, Kind: "added", Max: Bound{Count: -1}, Why: "w", Until: until}}, "0 max at least 1"},
		{"allow max of a share", []Rule{{At: "$.a", Do: DoAllow, Kind: "added", Max: Bound{Share: 1.5}, Why: "w", Until: until}}, "0 max at most 100%"},
		{"allow max of a header", []Rule{{Header: "x", Do: DoAllow, Kind: "added", Max: Bound{Count: 1}, Why: "w", Until: until}}, "0 max goes with at"},
		{"max of another verb", []Rule{{At: "$.a", Do: DoIgnore, Max: Bound{Count: 1}, Why: "w"}}, "0 max takes no"},
		{"leak without allow", []Rule{{At: "$.a", Do: DoLeak, Why: "w"}}, "0 allow needs allow"},
		{"only in a body", []Rule{{At: "$.a", Do: DoOnly}}, "0 at only is not a rule for bodies"},
		{"header match", []Rule{{Header: "x", Do: DoMatch, By: []string{"a"}}}, "0 do match is not a rule for headers"},
		{"all headers", []Rule{{Header: "*", Do: DoDrop, Why: "w"}}, "0 header cannot be hidden"},
		{"status tolerance", []Rule{{Where: "status", Do: DoTolerance, Abs: new(float64(1))}}, "0 do tolerance is not a rule for the status"},
		{"other where", []Rule{{Where: "trailer", Do: DoIgnore, Why: "w"}}, "0 where is status"},
		{"index below a set", []Rule{{At: "$.a", Do: DoMatch, As: "set"}, {At: "$.a[0].b", Do: DoIgnore, Why: "w"}}, "1 at an index below"},
		{"index below a set of the root", []Rule{{At: "$", Do: DoMatch, As: "set"}, {At: "$[0].b", Do: DoIgnore, Why: "w"}}, "1 at an index below $, which"},
		{"tolerance below a set", []Rule{{At: "$.a[*].p", Do: DoTolerance, Abs: new(float64(1))}, {At: "$.a", Do: DoMatch, As: "multiset"}}, "0 at a tolerance below"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, errs := Compile(tt.rules, Options{Now: testDay})
			if r != nil || len(errs) == 0 {
				t.Fatal("accepted")
			}
			got := fmt.Sprint(errs[0].Rule, " ", errs[0].Field, " ", errs[0].Msg)
			i, rest, _ := strings.Cut(tt.want, " ")
			field, msg, _ := strings.Cut(rest, " ")
			if !strings.HasPrefix(got, i+" "+field+" ") || !strings.Contains(got, msg) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	keyed := []Rule{{At: "$.a", Do: DoMatch, By: []string{"id"}, As: "set"}, {At: "$.a[*].p", Do: DoTolerance, Abs: new(float64(1))}}
	if _, errs := Compile(keyed, Options{}); errs != nil {
		t.Errorf("a tolerance below a set with a key: %v", errs)
	}
	if _, errs := Compile([]Rule{{At: "$.a", Do: DoIgnore, Why: "w", Until: testDay}}, Options{Now: testDay}); errs != nil {
		t.Errorf("on its last day a rule holds: %v", errs)
	}
	if _, errs := Compile([]Rule{{At: "$.a", Do: DoIgnore, Why: "w", Until: testDay}}, Options{}); errs == nil {
		t.Error("an until without today's date is accepted")
	}
}

func TestCompileReportsAll(t *testing.T) {
	_, errs := Compile([]Rule{{At: "$[", Do: DoIgnore}, {At: "$.a", Do: "x"}, {Do: DoTolerance}}, Options{})
	if len(errs) != 5 {
		t.Errorf("%d mistakes, want 5: %+v", len(errs), errs)
	}
}

func TestSelectByFilter(t *testing.T) {
	body := `{"c":[{"id":"a","n":1,"v":10},{"id":"b","n":2.0,"v":20},{"id":"b","n":3,"v":30},7]}`
	for path, want := range map[string]string{
		`$.c[?@.id=='b'].v`:           "20 30",
		`$.c[?@.n==2].v`:              "20",
		`$.c[?@.id=='b' && @.n==3].v`: "30",
		`$.c[?@['id']=="a"].v`:        "10",
		`$.c[?@.id=='x'].v`:           "",
		`$..*v`:                       "10 20 30",
	} {
		p, err := ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		nodes, err := Select([]byte(body), p)
		var got []string
		for _, n := range nodes {
			got = append(got, string(n.JSON))
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s selects %q, %v, want %q", path, got, err, want)
		}
	}
	if _, err := Select([]byte("{"), &Pattern{}); err == nil {
		t.Error("a broken body is searched")
	}
}

func TestRuleYAML(t *testing.T) {
	for _, tt := range []struct {
		rule Rule
		want string
	}{
		{Rule{At: "$..a", Do: DoIgnore, Why: "clock of the pod"}, `- {at: "$..a", do: ignore, why: clock of the pod}`},
		{Rule{At: "$.n", Do: DoNull, As: "absent"}, `- {at: "$.n", do: "null", as: absent}`},
		{Rule{At: "$", Do: DoMatch, By: []string{"id", "a b: c"}}, `- {at: "$", do: match, by: [id, "a b: c"]}`},
		{Rule{Header: "x-a", Do: DoTime, Within: 90 * time.Second}, `- {header: x-a, do: time, within: 1m30s}`},
		{Rule{At: "$.p", Do: DoTolerance, Abs: new(0.01), Why: "yes"}, `- {at: "$.p", do: tolerance, abs: 0.01, why: "yes"}`},
		{Rule{At: "$.p", Do: DoAllow, Kind: "added", Why: "w", Until: testDay}, `- {at: "$.p", do: allow, kind: added, why: w, until: 2026-11-23}`},
	} {
		if got := RuleYAML(tt.rule); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
