package report

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/runner/run"
)

// members are the JSON members of a struct type, embedded ones included, but for those
// that the type hides.
func members(of reflect.Type) []string {
	var out []string
	hidden := map[string]bool{}
	for f := range of.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.Type == reflect.TypeFor[*absent]() {
			hidden[name] = true
		}
	}
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			of := f.Type
			if of.Kind() == reflect.Pointer {
				of = of.Elem()
			}
			out = append(out, members(of)...)
		} else if f.IsExported() && name != "" && name != "-" {
			out = append(out, name)
		}
	}
	return slices.DeleteFunc(out, func(name string) bool { return hidden[name] })
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
		run.GateResult{},
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
		{run.SuiteEnd{}, jsonSuite{}, nil},
		{run.SuiteHead{}, jsonSuite{}, map[string]string{"cases": "a list of the cases", "loads": "a list of the stages"}},
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

// What run.json has a member for is written: of a run in which no field is empty, every
// member is there.
func TestRunJSONWritesEveryMember(t *testing.T) {
	var r run.Run
	var c run.CaseResult
	var l run.LoadResult
	for _, v := range []any{&r.Header, &r.End, &c, &l} {
		fill(reflect.ValueOf(v).Elem())
	}
	r.Header.Suites, r.End.Suites = r.Header.Suites[:1], r.End.Suites[:1]
	c.Suite, l.Suite = 0, 0
	r.Cases = func(yield func(*run.CaseResult, error) bool) { yield(&c, nil) }
	r.Loads = []run.LoadResult{l}
	var doc struct {
		Suites []struct {
			Cases []struct{ Steps []map[string]any }
			Loads []map[string]any
		}
	}
	var head struct{ Suites []map[string]any }
	var cases struct {
		Suites []struct{ Cases []map[string]any }
	}
	var top map[string]any
	text := render(t, "json", &r)
	for _, into := range []any{&doc, &head, &cases, &top} {
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		got map[string]any
		of  any
	}{
		{top, jsonHead{}},
		{head.Suites[0], jsonSuite{}},
		{cases.Suites[0].Cases[0], jsonCase{}},
		{doc.Suites[0].Cases[0].Steps[0], jsonStep{}},
		{doc.Suites[0].Loads[0], jsonLoad{}},
	} {
		for _, name := range members(reflect.TypeOf(row.of)) {
			if _, ok := row.got[name]; !ok {
				t.Errorf("%T: member %s is not written", row.of, name)
			}
		}
	}
}

// fill gives every exported field a value that is not empty.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	}
}
