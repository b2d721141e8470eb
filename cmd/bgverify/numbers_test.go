package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An integer that became a float passes by value, and fails where the suite, its
// defaults or the stage say number: type, or a rule does. run.json and the first
// lines say which reading was used.
func TestNumbersByType(t *testing.T) {
	t.Parallel()
	const cases = "cases:\n  - {case: item, get: /item}\n"
	const first = "numbers are compared by value and type (number: type): 1 and 1.0 differ"
	for name, tt := range map[string]struct {
		suite, env string
		status     int
		reading    string // of run.json
	}{
		"by default":           {"suite: one\n" + cases, "", 0, "decimal"},
		"the suite":            {"suite: one\nnumber: type\n" + cases, "", 1, "type"},
		"its defaults":         {"suite: one\ndefaults: {number: type}\n" + cases, "", 1, "type"},
		"the stage":            {"suite: one\n" + cases, "number: type\n", 1, "type"},
		"the suite over stage": {"suite: one\nnumber: decimal\n" + cases, "number: type\n", 0, "decimal"},
		"a rule":               {"suite: one\nrules:\n  - {at: '$..*', do: number, as: type}\n" + cases, "", 1, "decimal"},
		"a rule over suite":    {"suite: one\nnumber: type\nrules:\n  - {at: $.price, do: number, as: decimal}\n" + cases, "", 0, "type"},
		"an expectation":       {"suite: one\nnumber: type\ncases:\n  - {case: item, get: /item, expect: {body: {$.code: 7.0}}}\n", "", 1, "type"},
		"one that holds":       {"suite: one\nnumber: type\nrules:\n  - {at: $.price, do: number, as: decimal}\ncases:\n  - {case: item, get: /item, expect: {body: {$.code: 7}}}\n", "", 0, "type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			e.file("suite.yaml", tt.suite)
			args := []string{"run", "suite.yaml", "--blue", serve(t, says(`{"code":7,"price":5}`)), "--green", serve(t, says(`{"code":7,"price":5.0}`))}
			if tt.env != "" {
				e.file("stage.yaml", tt.env)
				args = append(args, "--env", "stage.yaml")
			}
			r := e.bgverify(args...)
			if r.status != tt.status {
				t.Errorf("exit status %d, want %d\n%s%s", r.status, tt.status, &r.out, &r.err)
			}
			json, err := os.ReadFile(filepath.Join(r.folder, "run.json"))
			if err != nil || !strings.Contains(string(json), `"number":"`+tt.reading+`"`) {
				t.Errorf("run.json does not say number %s: %v", tt.reading, err)
			}
			if said := strings.Contains(r.out.String(), first); said != (tt.reading == "type") {
				t.Errorf("the first lines say %q: %v\n%s", first, said, &r.out)
			}
		})
	}
}
