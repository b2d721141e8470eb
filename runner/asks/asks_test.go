package asks

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

const strong = `suite: s
coverage: {min: 50%}
identity: [{get: /build, at: $.v, must: differ}]
rules: [{at: $.at, do: ignore, why: the clock}]
setup: [{get: /ready}]
cases:
  - {case: a, get: /a, expect: {status: 200, body: {$.list: {count: {gte: 10}}}}}
  - {case: b, data: [{row: 1}, {row: 2}], get: "/b/{{row}}"}
  - {case: c, get: /c}
load:
  - {load: peak, steps: [{case: a}, {case: b}], rate: 40/s, duration: 60s, margins: {p95: 5%}}
`

// Every way to ask less is found, and asking the same, or more, is none of them.
func TestWeaker(t *testing.T) {
	swap := func(old, new string) string {
		t.Helper()
		if !strings.Contains(strong, old) {
			t.Fatalf("the suite has no %q", old)
		}
		return strings.Replace(strong, old, new, 1)
	}
	for _, row := range []struct {
		name, text string
		want       []run.WeakerKind
	}{
		{"the same", strong, nil},
		{"moved in the file", "# a line more\n" + swap("suite: s\n", "suite: s\nowner: epg\n"), nil},
		{"a reason is written anew", swap("why: the clock", "why: clocks differ"), nil},
		{"a case more", swap("cases:\n", "cases:\n  - {case: d, get: /d}\n"), nil},
		{"an expectation more", swap("status: 200,", "status: 200, headers: {etag: {exists: true}},"), nil},
		{"a rule less", swap("rules: [{at: $.at, do: ignore, why: the clock}]\n", ""), nil},
		{"a narrower margin", swap("p95: 5%", "p95: 4%"), nil},
		{"a rule more", swap("why: the clock}", "why: the clock}, {at: $.list, do: drop, why: noisy}"), []run.WeakerKind{run.RuleAdded}},
		{"a rule that demands more", swap("why: the clock}", "why: the clock}, {at: $.list, do: number, as: type}"), nil},
		{"numbers by type", strong + "number: type\n", nil},
		{"a rule that covers more", swap("at: $.at, do: ignore", "at: $..at, do: ignore"), []run.WeakerKind{run.RuleAdded}},
		{"a case removed", swap("  - {case: c, get: /c}\n", ""), []run.WeakerKind{run.CaseGone}},
		{"a case skipped", swap("{case: c, get", "{case: c, skip: broken today, get"), []run.WeakerKind{run.CaseOut}},
		{"a row less", swap("[{row: 1}, {row: 2}]", "[{row: 1}]"), []run.WeakerKind{run.RowsFewer}},
		{"an expectation removed", swap("status: 200, ", ""), []run.WeakerKind{run.AskGone}},
		{"an expectation weakened", swap("gte: 10", "gte: 1"), []run.WeakerKind{run.AskGone}},
		{"another status will do", swap("status: 200", "status: [200, 404]"), []run.WeakerKind{run.AskGone, run.AskGone, run.AskGone}}, // 200, and a 2xx of each side
		{"the default status is widened", swap("get: /c}", "get: /c, expect: {status: [2xx, 4xx]}}"), []run.WeakerKind{run.AskGone, run.AskGone}},
		{"the default status is widened on green", swap("get: /c}", "get: /c, expect: {green: {status: [2xx, 5xx]}}}"), []run.WeakerKind{run.AskGone}},
		{"the default status is narrowed", swap("get: /c}", "get: /c, expect: {status: 200}}"), nil},
		{"a step is sent under a condition", swap("get: /c}", "get: /c, when: '{{q}}'}") + "vars: {q: ''}\n", []run.WeakerKind{run.WhenAdded}},
		{"the default coverage is lowered", strings.Replace(strong, "coverage: {min: 50%}", "coverage: {min: 0%}", 1), []run.WeakerKind{run.CoverageLower}},
		{"other answers are successes", strong + "answer: {ok: {$.z: {exists: true}}}\n", []run.WeakerKind{run.AnswerOther}},
		{"the identity is removed", swap("identity: [{get: /build, at: $.v, must: differ}]\n", ""), []run.WeakerKind{run.IdentityGone}},
		{"the identity may be the same", swap("must: differ", "must: same"), []run.WeakerKind{run.IdentityGone}},
		{"the identity names a build too", swap("must: differ", "must: differ, green: two"), nil},
		{"not compared", swap("{case: a, get", "{case: a, compare: none, get"), []run.WeakerKind{run.AskGone, run.AskGone}},
		{"compared by shape", swap("{case: a, get", "{case: a, mode: shape, get"), []run.WeakerKind{run.AskGone}},
		{"asked of one side", swap("{case: c, get", "{case: c, compare: none, sides: [blue], expect: {status: 200}, get"), []run.WeakerKind{run.AskGone, run.AskGone, run.AskGone, run.AskGone}},
		{"the suite is advisory", swap("suite: s\n", "suite: s\ngate: advisory\n"), []run.WeakerKind{run.SuiteAdvisory}},
		{"less coverage", swap("coverage: {min: 50%}", "coverage: {min: 10%}"), []run.WeakerKind{run.CoverageLower}},
		{"setup removed", swap("setup: [{get: /ready}]\n", ""), []run.WeakerKind{run.CaseGone}},
		{"the stage removed", strong[:strings.Index(strong, "load:")], []run.WeakerKind{run.LoadGone}},
		{"a case of the stage removed", swap(", {case: b}]", "]"), []run.WeakerKind{run.LoadGone}},
		{"a wider margin", swap("p95: 5%", "p95: 9%"), []run.WeakerKind{run.MarginWider}},
		{"the default margin, which is wider", swap(", margins: {p95: 5%}", ""), []run.WeakerKind{run.MarginWider}},
		{"shorter", swap("60s", "30s"), []run.WeakerKind{run.LoadShorter}},
		{"slower", swap("40/s", "20/s"), []run.WeakerKind{run.LoadSlower}},
		{"the suite removed", strings.Replace(strong, "suite: s\n", "suite: z\n", 1), []run.WeakerKind{run.SuiteGone}},
	} {
		t.Run(row.name, func(t *testing.T) {
			found := run.FindWeaker(asksOf(t, strong), asksOf(t, row.text))
			var got []run.WeakerKind
			for _, w := range found {
				got = append(got, w.Kind)
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("found %v, want %v", found, row.want)
			}
		})
	}
}

// The default coverage is in force where a suite writes none, a condition that is
// taken away asks more, and what an older version did not record is not held.
func TestWeakerDefaults(t *testing.T) {
	plain := "suite: s\ncases: [{case: a, get: /a}]\n"
	lower := plain + "coverage: {min: 0%}\n"
	if found := run.FindWeaker(asksOf(t, plain), asksOf(t, lower)); len(found) != 1 || found[0].Kind != run.CoverageLower {
		t.Errorf("found %v", found)
	}
	for _, typed := range []string{plain + "number: type\n", plain + "rules: [{at: $..*, do: number, as: type}]\n"} {
		if found := run.FindWeaker(asksOf(t, typed), asksOf(t, plain)); len(found) != 1 || found[0].Kind != run.AskGone {
			t.Errorf("numbers are no longer compared by type: found %v", found)
		}
	}
	when := "suite: s\nvars: {q: ''}\ncases: [{case: a, get: /a, when: '{{q}}'}]\n"
	if found := run.FindWeaker(asksOf(t, when), asksOf(t, plain)); len(found) > 0 {
		t.Errorf("a condition was removed: found %v", found)
	}
	old := asksOf(t, plain)
	s := &old.Suites[0]
	s.MinCompared, s.Answer, s.Identity = 0, nil, nil
	if found := run.FindWeaker(old, asksOf(t, when+"coverage: {min: 0%}\nanswer: {ok: {$.z: 1}}\n")); len(found) > 0 {
		t.Errorf("held against what was not recorded: %v", found)
	}
}

func asksOf(t *testing.T, text string) *run.Asks {
	t.Helper()
	files := fstest.MapFS{"s.yaml": &fstest.MapFile{Data: []byte(text)}}
	suites, problems := scenarios.Load(files, []string{"."}, scenarios.LoadOptions{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return Of(suites)
}

// A suite asks the same wherever the folder of the run is: its files are named from the suite.
func TestFilesFromSuite(t *testing.T) {
	const text = "suite: s\ncases: [{case: a, get: /a, expect: {schema: schemas/a.json, snapshot: data/a.txt}}]\n"
	at := func(folder string) *run.Asks {
		files := fstest.MapFS{
			folder + "s.yaml":         {Data: []byte(text)},
			folder + "schemas/a.json": {Data: []byte("{}")},
			folder + "data/a.txt":     {Data: []byte("a")},
		}
		suites, problems := scenarios.Load(files, []string{folder + "s.yaml"}, scenarios.LoadOptions{})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return Of(suites)
	}
	here, there := at(""), at("scenarios/stb/")
	if found := run.FindWeaker(here, there); len(found) > 0 {
		t.Errorf("weaker from another folder: %v", found)
	}
	if !slices.Contains(there.Suites[0].Texts, "GET /a: schema schemas/a.json") {
		t.Errorf("the schema is not asked: %q", there.Suites[0].Texts)
	}
}
