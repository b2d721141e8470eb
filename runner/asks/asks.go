// Package asks puts into a record what suites ask of both sides: requests, expectations,
// comparisons, rules, margins. Suites come in as they were loaded, a run.Asks goes out, which
// run.FindWeaker compares with that of an earlier run. It sends nothing and judges nothing.
package asks

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/scenarios"
)

// Of is what suites ask; nil for suites from which an only has removed cases:
// what is left is not what they ask.
func Of(suites []*scenarios.Suite) *run.Asks {
	a := &run.Asks{}
	for _, s := range suites {
		if s.LeftOut != (scenarios.Size{}) {
			return nil
		}
		a.Suites = append(a.Suites, suiteAsks(s))
	}
	return a
}

// Writes reports whether a case of a suite has a step with side effects.
func Writes(s *scenarios.Suite) bool {
	return slices.ContainsFunc(s.Cases, func(c *scenarios.Case) bool {
		return c.Skip == "" && slices.ContainsFunc(c.Steps, (*scenarios.Step).HasEffects)
	})
}

// suiteAsks is what one suite asks. Texts are listed once and named by their index, as most cases
// of a suite ask the same; cases keep the order of the file.
func suiteAsks(s *scenarios.Suite) run.SuiteAsks {
	out := run.SuiteAsks{
		Name: s.Name, Advisory: verdict.GateOf(s) == scenarios.Advisory, MinCoverage: s.MinCoverage, MinCompared: s.MinCompared,
		MaxFlaky: s.MaxFlaky, Writes: Writes(s),
		Answer: answerAsks(s.Answer), Identity: identityAsks(s.Identity), Texts: []string{}, Cases: []run.CaseAsks{},
	}
	asks, rules, conditions := indexOf(&out.Texts), indexOf(&out.Rules), indexOf(&out.Conditions)
	ruleText := ruleTexts()
	add := func(list *[]int, i int) {
		if !slices.Contains(*list, i) {
			*list = append(*list, i)
		}
	}
	addRules := func(c *run.CaseAsks, step *scenarios.Step) {
		for i := range step.Rules {
			if rule := &step.Rules[i]; rule.Stricter() { // it is asked, and missed when it is gone
				add(&c.Asks, asks(ruleText(rule)))
			} else {
				add(&c.Rules, rules(ruleText(rule)))
			}
		}
	}
	one := func(c run.CaseAsks, steps ...[]*scenarios.Step) {
		for _, step := range slices.Concat(steps...) {
			for _, text := range stepAsks(step, filepath.Dir(s.Pos.File)) {
				add(&c.Asks, asks(text))
			}
			if step.Conditional() {
				c.When = append(c.When, conditions(conditionOf(step)))
			}
			addRules(&c, step)
		}
		out.Cases = append(out.Cases, c)
	}
	for _, c := range s.Cases {
		one(run.CaseAsks{ID: c.ID, Rows: c.Count(), Out: c.Skip != "" || c.Quarantine != nil}, c.Steps, c.Cleanup)
	}
	if len(s.Setup)+len(s.Teardown) > 0 {
		one(run.CaseAsks{ID: s.Name + run.SetupID, Rows: 1}, s.Setup, s.Teardown)
	}
	for _, l := range s.Loads {
		out.Loads = append(out.Loads, loadAsks(l))
	}
	return out
}

// ruleTexts returns a function that says what a rule does. It puts each rule into words
// once: steps without rules that they alone have share their suite's.
func ruleTexts() func(*diff.Rule) string {
	known := map[*diff.Rule]string{}
	return func(rule *diff.Rule) string {
		text, ok := known[rule]
		if !ok {
			bare := *rule
			bare.Why, bare.Ticket, bare.Origin, bare.Until = "", "", "", time.Time{}
			text = words(reflect.ValueOf(bare))
			if bare.Stricter() {
				text = "rule " + text
			}
			known[rule] = text
		}
		return text
	}
}

// defaultAnswer stands in a record for the tests of answers that a suite without
// `answer` has.
const defaultAnswer = "default"

// answerAsks are the tests that make an answer a success, one text each: a suite with fewer of
// them asks for something else.
func answerAsks(a *scenarios.AnswerTest) []string {
	if a == nil || len(a.OK) == 0 {
		return []string{defaultAnswer}
	}
	return texts(reflect.ValueOf(a.OK))
}

// identityAsks are the parts of each identity: one that names a build more asks more.
func identityAsks(list []scenarios.Identity) []string {
	var out []string
	for _, id := range list {
		at := strings.TrimSpace(strings.Join([]string{id.Service, id.Path, id.At, id.Header}, " "))
		out = append(out, fmt.Sprintf("%s must %s", at, id.Must))
		if id.Blue != nil {
			out = append(out, fmt.Sprintf("%s of blue is %s", at, id.Blue.Text))
		}
		if id.Green != nil {
			out = append(out, fmt.Sprintf("%s of green is %s", at, id.Green.Text))
		}
	}
	return out
}

// conditionOf is a step's when, with its request.
func conditionOf(step *scenarios.Step) string {
	parts := []string{words(reflect.ValueOf(step.WhenVar)), words(reflect.ValueOf(step.WhenVars)), words(reflect.ValueOf(step.When))}
	return requestOf(step) + " when " + strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// requestOf is the method and the URL of a step as the file writes them, placeholders included, so
// that a run with other variables asks the same.
func requestOf(step *scenarios.Step) string {
	if step.Request.URL == nil {
		return step.Request.Method
	}
	return step.Request.Method + " " + step.Request.URL.Text
}

// successAsks says on which sides only a 2xx will do, written or by default.
func successAsks(step *scenarios.Step) []string {
	var out []string
	for _, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		other := func(m scenarios.StatusMatch) bool { return m.Low < 200 || m.High > 299 }
		if step.SentTo(side) && !slices.ContainsFunc(step.ExpectOf(side).Status, other) {
			out = append(out, fmt.Sprintf("%s of %s: status within 2xx", requestOf(step), side))
		}
	}
	return out
}

// indexOf returns a function that finds a text in a list, or adds it.
func indexOf(list *[]string) func(string) int {
	at := map[string]int{}
	return func(text string) int {
		i, ok := at[text]
		if !ok {
			i = len(*list)
			at[text], *list = i, append(*list, text)
		}
		return i
	}
}

// stepAsks are the request of a step on each side, its comparison, and what it
// expects. Files are named from the folder of the suite, so that a run started in another
// folder asks the same.
func stepAsks(step *scenarios.Step, folder string) []string {
	request, out := requestOf(step), successAsks(step)
	for _, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		if step.SentTo(side) {
			out = append(out, fmt.Sprintf("%s of %s", request, side))
		}
	}
	if step.Compare {
		out = append(out, "comparison of "+request)
		if step.Mode == 0 {
			out = append(out, "exact comparison of "+request)
		}
	}
	for i, expect := range []*scenarios.Expect{&step.Expect, step.ExpectBlue, step.ExpectGreen} {
		if expect == nil {
			continue
		}
		side := []string{"", "blue: ", "green: "}[i]
		v := reflect.ValueOf(*expect)
		for field, value := range v.Fields() {
			for _, text := range expectTexts(field.Name, value, folder) {
				out = append(out, fmt.Sprintf("%s: %s%s %s", request, side, strings.ToLower(field.Name), text))
			}
		}
	}
	return out
}

// expectTexts says what one field of an expectation asks, one text for each thing that may go
// missing by itself; none for a field that is not written or asks nothing.
func expectTexts(name string, value reflect.Value, folder string) []string {
	switch {
	case value.IsZero() || !value.CanInterface() || value.Type() == bytesType || name == "Pos" || name == "Written":
		return nil
	case name == "Status": // any of them will do: one more is another ask
		return slices.DeleteFunc([]string{words(value)}, func(s string) bool { return s == "" })
	case name == "Schema" || name == "Snapshot":
		if file, err := filepath.Rel(folder, value.String()); err == nil {
			return []string{filepath.ToSlash(file)}
		}
	}
	return texts(value)
}

// texts are the elements of a list in words, or the value itself.
func texts(v reflect.Value) []string {
	if v.Kind() != reflect.Slice {
		if text := words(v); text != "" {
			return []string{text}
		}
		return nil
	}
	var out []string
	for i := range v.Len() {
		out = append(out, words(v.Index(i)))
	}
	return out
}

var (
	posType      = reflect.TypeFor[scenarios.Pos]()
	templateType = reflect.TypeFor[scenarios.Template]()
	bytesType    = reflect.TypeFor[[]byte]()
)

// words are the values that are set anywhere in a value, in the order of its fields,
// positions left out: two values that ask the same have the same words, and a field
// that is added to a type is in them.
func words(v reflect.Value) string {
	switch {
	case !v.IsValid() || v.IsZero() || v.Type() == posType:
		return ""
	case v.Type() == templateType:
		t := v.Interface().(scenarios.Template)
		return t.Text
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return words(v.Elem())
	case reflect.Struct:
		var parts []string
		for _, value := range v.Fields() {
			if value.CanInterface() {
				parts = append(parts, words(value))
			}
		}
		return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
	case reflect.Slice:
		var parts []string
		for i := range v.Len() {
			parts = append(parts, words(v.Index(i)))
		}
		return strings.Join(parts, " ")
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	}
	return fmt.Sprint(v.Interface())
}

// loadAsks is what a load stage asks: the highest rate of a ladder, in requests per second and
// side, its length in seconds, and the margins in force, written or by default.
func loadAsks(l *scenarios.LoadStage) run.LoadAsks {
	out := run.LoadAsks{
		Name: l.Name, Users: l.Users.Count, Rate: max(l.Rate, slices.Max(append([]float64{0}, l.Rates...))),
		DurationS: l.Duration.Seconds(), Cases: []string{},
	}
	for _, step := range l.Steps {
		out.Cases = append(out.Cases, step.Suite+"/"+step.Case)
	}
	m := l.Margins.WithDefaults()
	for _, margin := range []struct {
		metric perf.Metric
		perf.Margin
	}{{perf.P50, m.P50}, {perf.P95, m.P95}, {perf.P99, m.P99}, {perf.Errors, perf.Margin{Rel: m.Errors}}} {
		out.Margins = append(out.Margins, run.MarginAsks{Metric: string(margin.metric), Rel: margin.Rel, AbsS: margin.Abs})
	}
	return out
}
