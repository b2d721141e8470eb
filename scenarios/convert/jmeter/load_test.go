package jmeter

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

// converted imports a plan and returns the load stages as texts, and the report.
func converted(t *testing.T, plan string, opts Options) (stages []string, report string) {
	t.Helper()
	result, err := Convert(source.Input{Files: fstest.MapFS{"plan.jmx": {Data: []byte(plan)}}, Name: "plan.jmx"}, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range result.Tree.Suites {
		for _, l := range s.Load {
			stages = append(stages, l.Name+": "+loadText(l))
		}
	}
	var b strings.Builder
	if err := result.Report.Write(&b); err != nil {
		t.Fatal(err)
	}
	return stages, b.String()
}

// groupOf is a plan of one thread group with properties.
func groupOf(class, props, inside string) string {
	return `<jmeterTestPlan><hashTree><TestPlan testname="p"/><hashTree><` + class + ` testname="shop">` + props + `</` + class + `><hashTree>` +
		inside + `</hashTree></hashTree></hashTree></jmeterTestPlan>`
}

func prop(name, value string) string {
	return `<stringProp name="` + name + `">` + value + `</stringProp>`
}

// Threads are users of a closed loop; what JMeter waits is what users think.
func TestUsers(t *testing.T) {
	const threads = `<stringProp name="ThreadGroup.num_threads">20</stringProp><stringProp name="ThreadGroup.ramp_time">10</stringProp>`
	scheduled := threads + prop("ThreadGroup.scheduler", "true") + prop("ThreadGroup.duration", "70")
	timer := func(class, props string) string {
		return "<" + class + ` testname="t">` + props + "</" + class + "><hashTree/>"
	}
	constant := timer("ConstantTimer", prop("ConstantTimer.delay", "300"))
	uniform := timer("UniformRandomTimer", prop("ConstantTimer.delay", "100")+prop("RandomTimer.range", "400"))
	get := samplerXML("/a", "")
	two := get + samplerXML("/b", "")
	for _, x := range []struct{ name, plan, want, why string }{
		{"threads", groupOf("ThreadGroup", threads, get), "users 20, ramp 10s", "a loop has no duration of its own"},
		{"scheduled", groupOf("ThreadGroup", scheduled, get), "users 20, ramp 10s, duration 60s", "JMeter's duration includes the ramp"},
		{"constant", groupOf("ThreadGroup", threads, constant+get), "users 20, ramp 10s, think 300ms", "a single request waits as its timer does"},
		{"uniform", groupOf("ThreadGroup", threads, uniform+get), "users 20, ramp 10s, think 100ms..500ms", "a range"},
		{"steps", groupOf("ThreadGroup", threads, constant+two), "users 20, ramp 10s", "pauses of steps stay with them"},
		{"random steps", groupOf("ThreadGroup", threads, uniform+two), "users 20, ramp 10s, think 0ms..800ms", "what two timers add at random"},
		{"property", groupOf("ThreadGroup", prop("ThreadGroup.num_threads", "${__P(n,7)}"), get), "users 7", "with the property's default"},
		{"plugin", groupOf("kg.apc.jmeter.threads.SteppingThreadGroup", prop("ThreadGroup.num_threads", "9"), get), "users 9", "groups of plugins"},
	} {
		stages, report := converted(t, x.plan, Options{})
		if len(stages) != 1 || stages[0] != "shop: "+x.want {
			t.Errorf("%s (%s): got %q, want %q\n%s", x.name, x.why, stages, x.want, report)
		}
	}
	if stages, _ := converted(t, groupOf("ThreadGroup", prop("ThreadGroup.num_threads", "1"), get), Options{}); len(stages) > 0 {
		t.Errorf("one thread is a load: %q", stages)
	}
}

// Rates of samples become rates of walks.
func TestRates(t *testing.T) {
	rate := `<ConstantThroughputTimer testname="t">` + prop("throughput", "600") + prop("calcMode", "2") + `</ConstantThroughputTimer><hashTree/>`
	for _, x := range []struct{ plan, want string }{
		{groupOf("ThreadGroup", "", rate+samplerXML("/a", "")), "shop: rate 10/s"},
		{groupOf("ThreadGroup", "", rate+samplerXML("/a", "")+samplerXML("/b", "")), "shop: rate 5/s"},
		{groupOf("ArrivalsThreadGroup", prop("TargetLevel", "90")+prop("Unit", "M")+prop("Hold", "2"), samplerXML("/a", "")), "shop: rate 1.5/s, duration 120s"},
	} {
		if stages, report := converted(t, x.plan, Options{}); len(stages) != 1 || stages[0] != x.want {
			t.Errorf("got %q, want %q\n%s", stages, x.want, report)
		}
	}
}

// Parts that are sent in shares of the iterations are cases with weights.
func TestWeights(t *testing.T) {
	share := func(name, percent, inside string) string {
		return `<ThroughputController testname="` + name + `"><intProp name="ThroughputController.style">1</intProp>` +
			`<FloatProperty><name>ThroughputController.percentThroughput</name><value>` + percent + `</value><savedValue>0.0</savedValue></FloatProperty>` +
			`</ThroughputController><hashTree>` + inside + `</hashTree>`
	}
	rate := `<ConstantThroughputTimer testname="t">` + prop("throughput", "600") + prop("calcMode", "2") + `</ConstantThroughputTimer><hashTree/>`
	extract := `<RegexExtractor testname="x">` + prop("RegexExtractor.refname", "id") + prop("RegexExtractor.regex", "(a)") +
		prop("RegexExtractor.template", "$1$") + `</RegexExtractor><hashTree/>`
	for _, x := range []struct {
		name, inside string
		want         []string // of the suite
		absent       string
		why          string
	}{
		{
			"percent", rate + share("list", "75.0", samplerXML("/list", "")) + share("one", "25.0", samplerXML("/one", "")),
			[]string{"case: shop-list", "case: shop-one", "{case: shop-list, weight: 3}", "{case: shop-one}", "rate: 10/s"},
			"", "weights as small as they can be",
		},
		{
			"random", rate + `<RandomController testname="r"/><hashTree>` + samplerXML("/list", "") + samplerXML("/one", "") + `</hashTree>`,
			[]string{"steps: [{case: shop-get}, {case: shop-get-2}]", "rate: 10/s"},
			"weight", "each as often as the others",
		},
		{
			"entangled", rate + share("list", "75.0", samplerXML("/list", extract)) + share("one", "25.0", samplerXML("/one?id=${id}", "")),
			[]string{"case: shop\n", "steps: [{case: shop}]", `query: {id: "{{id}}"}`},
			"weight", "a part uses what another one extracts",
		},
		{
			"next to others", rate + samplerXML("/first", "") + share("one", "25.0", samplerXML("/one", "")),
			[]string{"steps: [{case: shop}]"},
			"weight", "not all of the group is in shares",
		},
	} {
		text, report := convertPlan(t, groupOf("ThreadGroup", "", x.inside), nil, Options{})
		for _, want := range x.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s (%s): not written: %s\n%s\n%s", x.name, x.why, want, text, report)
			}
		}
		if x.absent != "" && strings.Contains(text, x.absent) {
			t.Errorf("%s (%s): written: %s\n%s", x.name, x.why, x.absent, text)
		}
	}
}

const csvResults = `timeStamp,elapsed,label,responseCode,responseMessage,threadName,success
1000,100,get,200,OK,shop 1-1,true
1600,100,get,200,OK,shop 1-1,true
1000,200,get,200,OK,shop 1-2,true
1700,300,"a, b",200,OK,shop 1-2,true
9000,100,get,200,OK,other 2-1,true
`

const xmlResults = `<?xml version="1.0" encoding="UTF-8"?>
<testResults version="1.2">
<httpSample t="100" ts="1000" lb="get" tn="shop 1-1"><httpSample t="5" ts="1000" lb="part" tn="shop 1-9"/></httpSample>
<sample t="100" ts="1600" lb="get" tn="shop 1-1"/>
<httpSample t="200" ts="1000" lb="get" tn="shop 1-2"/>
<httpSample t="300" ts="1700" lb="get" tn="shop 1-2"/>
</testResults>
`

// What a plan only implies is taken from the results of a past run.
func TestResults(t *testing.T) {
	for _, text := range []string{csvResults, xmlResults, csvResults[strings.Index(csvResults, "\n")+1:]} {
		opts := Options{Results: []model.File{{Name: "x.jtl", Data: []byte(text)}}}
		plan := groupOf("ThreadGroup", prop("ThreadGroup.num_threads", "${threads}"), samplerXML("/a", ""))
		stages, report := converted(t, plan, opts)
		if want := "shop: users 2, think 500ms, duration 1s"; len(stages) != 1 || stages[0] != want {
			t.Errorf("got %q, want %q\n%s", stages, want, report)
		}
		rate := `<ConstantThroughputTimer testname="t">` + prop("throughput", "${rate}") + prop("calcMode", "2") + `</ConstantThroughputTimer><hashTree/>`
		stages, report = converted(t, groupOf("ThreadGroup", "", rate+samplerXML("/a", "")), opts)
		if want := "shop: rate 4/s, duration 1s"; len(stages) != 1 || stages[0] != want {
			t.Errorf("got %q, want %q\n%s", stages, want, report)
		}
	}
}

// Results that cannot be read are refused with their place.
func TestResultsRefused(t *testing.T) {
	for _, x := range []struct{ name, text, want string }{
		{"empty", "", "x.jtl:1:1: the file holds no results"},
		{"foreign CSV", "a,b\n1,2\n", "the row has too few columns"},
		{"no thread", "timeStamp,elapsed\n1,2\n", "x.jtl:1:1: results need the columns timeStamp, elapsed and threadName"},
		{"not a time", "timeStamp,elapsed,threadName\n2026-01-01,2,a 1-1\n", "x.jtl:2:1: timeStamp and elapsed are not milliseconds"},
		{"too late", "timeStamp,elapsed,threadName\n99999999999999999,2,a 1-1\n", "x.jtl:2:1: timeStamp and elapsed are not milliseconds"},
		{"foreign XML", "<project/>", "the root element is <project>, not <testResults>"},
		{"doctype", "<!DOCTYPE x [<!ENTITY a 'b'>]><testResults/>", "document types and entities are not read"},
		{"entity", "<testResults><sample lb='&a;' t='1' ts='1'/></testResults>", "not XML"},
		{"cut", `<testResults><sample t="1" ts="1" tn="a 1-1"/>`, "the file ends before its results do"},
		{"deep", "<testResults>" + strings.Repeat("<a>", maxDepth+1), "elements are nested more than 500 deep"},
		{"no times", `<testResults><sample lb="a"/></testResults>`, "a sample without its times"},
	} {
		err := past{}.readResults(model.File{Name: "x.jtl", Data: []byte(x.text)})
		var at *source.Error
		if !errors.As(err, &at) || at.Line == 0 || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want a place and %q", x.name, err, x.want)
		}
	}
}
