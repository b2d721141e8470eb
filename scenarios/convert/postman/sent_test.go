package postman

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

// before imports one request with a script before it, as it is written.
func before(t *testing.T, script string) string {
	t.Helper()
	data := `{"info":{"name":"s"},"variable":[{"key":"base","value":"https://x.example"},{"key":"user","value":"u"},{"key":"flag","value":"off"}],"item":[
		{"name":"a","event":[{"listen":"prerequest","script":{"exec":` + source.Quoted(script) + `}}],"request":{"method":"GET","url":"{{base}}/a?t={{x}}"}}]}`
	in := source.Input{Files: fstest.MapFS{"c.json": {Data: []byte(data)}}, Name: "c.json"}
	result, err := Convert(in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if problems, _ := converttest.Problems(write.Files(&result.Tree), result.Tree.Envs); problems.HasErrors() {
		t.Fatalf("%s\n%v", converttest.Render(write.Files(&result.Tree)), problems)
	}
	return converttest.Render(write.Files(&result.Tree))
}

// What a script makes before a request is part of the case.
func TestScriptsBefore(t *testing.T) {
	rows := []struct {
		name, script string
		want         []string
		reason       string
	}{
		{
			"a request", `pm.sendRequest({url: pm.variables.get("base") + "/t", method: "POST", header: {A: "b"}, body: {mode: "raw", raw: JSON.stringify({a: 1})}}, (err, res) => { if (err) { console.log(err) } else { pm.test("t", () => pm.expect(res.code).to.eql(201)); pm.variables.set("x", res.json().token) } })`,
			[]string{"post: /t", "A: b", `{"a":1}`, "status: 201", "capture: {x: $.token}", `t: "{{x}}"`},
			"a step before, with what its callback takes and asserts",
		},
		{
			"a promise", `pm.sendRequest("https://x.example/t").then(res => pm.variables.set("x", "Bearer " + res.json().token))`,
			[]string{"get: /t", "capture: {part: $.token}", `x: "Bearer {{part}}"`},
			"a text with a part of its answer",
		},
		{
			"a request under a condition", `if (pm.variables.get("flag") === "on") { pm.sendRequest("https://x.example/t", (e, r) => pm.variables.set("x", r.json().t)) }`,
			[]string{"get: /t", "when: {vars: {flag: \"on\"}}"},
			"the language has it",
		},
		{"base64", `pm.variables.set("x", btoa(pm.variables.get("user") + ":p"))`, []string{`"{{user}}:p"`, "| base64}}"}, "a filter of a text with a name"},
		{"base64 of a constant", `pm.variables.set("x", Buffer.from("a:b").toString("base64"))`, []string{"x: YTpi"}, "known when it is imported"},
		{"a date", `const d = new Date(); d.setDate(d.getDate() + 2); pm.variables.set("x", d.toISOString().split("T")[0])`, []string{"{{$now | add: 48h | format: '%Y-%m-%d'}}"}, "days are hours"},
		{"moment", `pm.variables.set("x", moment().subtract(3, "hours").format("YYYYMMDD[T]HHmm"))`, []string{"{{$now | add: -3h | format: '%Y%m%dT%H%M'}}"}, "its tokens"},
		{"a month", `pm.variables.set("x", moment().add(1, "month").format("YYYY-MM-DD"))`, []string{"needs: [x]", "made by code"}, "no month is as long as another"},
		{"a default", `pm.variables.set("x", pm.environment.get("flag") || "none")`, []string{"{{flag | default: 'none'}}"}, "a filter"},
		{"one of a list", `pm.variables.set("x", _.sample(["SD", "HD"]))`, []string{"{{$pick: SD, HD}}"}, "a generator"},
		{"a header", `pm.request.headers.upsert({key: "X-Day", value: new Date().toISOString().slice(0, 10)})`, []string{"X-Day: \"{{$now | format: '%Y-%m-%d'}}\""}, "a header of the request"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got := before(t, row.script)
			for _, want := range row.want {
				if !strings.Contains(got, want) {
					t.Errorf("%s: no %s in\n%s", row.reason, want, got)
				}
			}
		})
	}
}

// What the answer to a script's request is compared with is a value that its step needs: it
// is in one case with the request that captures the value.
func TestSentCompared(t *testing.T) {
	test := func(script string) string {
		return `,"event":[{"listen":"test","script":{"exec":` + source.Quoted(script) + `}}]}`
	}
	data := `{"info":{"name":"s"},"item":[
		{"name":"a","request":"https://x.example/a"` + test(`pm.variables.set("id", pm.response.json().id)`) + `,
		{"name":"b","request":"https://x.example/b"` +
		test(`pm.sendRequest("https://x.example/t", (e, r) => pm.expect(r.json().id).to.eql(pm.variables.get("id")))`) + `]}`
	result, err := Convert(source.Input{Files: fstest.MapFS{"c.json": {Data: []byte(data)}}, Name: "c.json"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	suites, text := converttest.Load(t, write.Files(&result.Tree))
	if cases := suites[0].Cases; len(cases) != 2 || len(cases[0].Steps) != 2 || len(cases[1].Steps) != 1 {
		t.Errorf("want one case of a and the request of b's script, and one of b; got\n%s", text)
	}
}
