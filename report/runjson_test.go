package report

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/runner/run"
)

// members are the JSON members of a struct type, embedded ones included.
func members(of reflect.Type) []string {
	var out []string
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			out = append(out, members(f.Type)...)
		} else if f.IsExported() && name != "" && name != "-" {
			out = append(out, name)
		}
	}
	return out
}

// docs/run-json.md names every member of run.json, but for those of comparisons,
// differences and sides, and every kind of what it says is typed.
func TestRunJSONIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/run-json.md")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"suites", "causes", "rules", "cases", "loads"}
	for _, v := range []any{
		jsonHead{},
		jsonGate{},
		jsonSuite{},
		jsonCase{},
		jsonStep{},
		jsonLoad{},
		cause.Cause{},
		run.RuleVisits{},
		run.Planned{},
		run.Narrowing{},
		run.LeftOut{},
		run.WeakerThan{},
		run.Weaker{},
		run.Created{},
		run.Leftover{},
		run.NotSent{},
		run.LoadJudging{},
		run.LoadWarmUp{},
		run.TransportFinding{},
		run.SideConnection{},
	} {
		words = append(words, members(reflect.TypeOf(v))...)
	}
	for _, kind := range []any{
		run.SuiteGone, run.SuiteAdvisory, run.CaseGone, run.CaseOut, run.RowsFewer, run.AskGone, run.RuleAdded, run.CoverageLower,
		run.FlakyHigher, run.LoadGone, run.LoadShorter, run.LoadSlower, run.MarginWider, run.NotRun,
		run.LoadDiffers, run.LoadDiffersOnce, run.LoadUnjudged, run.LoadColdErrors, run.LoadConnectionsDie, run.LoadConnectionsClose,
		run.LoadConnectionsSlow, run.AspectCompare, run.AspectLoad, run.AspectWrites, run.AspectIdentity, run.AspectCases, run.AspectRows,
		run.ByFlag, run.ByEnvironment, run.ByFile, run.ByStage,
	} {
		words = append(words, reflect.ValueOf(kind).String())
	}
	for _, word := range words {
		if !strings.Contains(string(page), "`"+word+"`") {
			t.Errorf("docs/run-json.md does not name `%s`", word)
		}
	}
}

// What the log holds of a result is in run.json too: each member that is not has a
// reason here.
func TestRunJSONHoldsTheLog(t *testing.T) {
	for _, row := range []struct {
		log, doc any
		not      map[string]string // members of the log alone, and why
	}{
		{run.Header{}, jsonHead{}, map[string]string{
			"suites": "each is opened where its cases begin", "added_headers": "for the curl line of reports", "asks": "large; for the next run",
		}},
		{run.End{}, jsonHead{}, map[string]string{
			"suites": "each is opened where its cases begin", "causes": "after the suites", "rules": "after the suites",
		}},
		{run.CaseResult{}, jsonCase{}, map[string]string{
			"suite": "the suite that holds the case", "index": "the order of the cases", "rules": "summed over the run", "barred": "reasons say it", "second_opinion": "summed over the run",
		}},
		{run.StepResult{}, jsonStep{}, map[string]string{
			"compared": "for the gates", "differ_reason": "a place in reasons, for the page",
		}},
		{run.LoadResult{}, jsonLoad{}, map[string]string{
			"suite": "the suite that holds the stage", "cause": "reason says it", "blue": "for calibration", "alone_p50_s": "for calibration", "series": "the page's plots",
		}},
	} {
		of := reflect.TypeOf(row.log)
		in := map[string]bool{}
		for _, name := range members(reflect.TypeOf(row.doc)) {
			in[name] = true
		}
		for _, name := range members(of) {
			if why := row.not[name]; in[name] == (why != "") {
				t.Errorf("%s: member %s is in run.json: %t; why it is not: %q", of, name, in[name], why)
			}
			delete(row.not, name)
		}
		for name := range row.not {
			t.Errorf("%s has no member %s", of, name)
		}
	}
}
