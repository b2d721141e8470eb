package jmeter

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

// wrap makes a plan of one thread group.
func wrap(inside string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<jmeterTestPlan version="1.2"><hashTree><TestPlan testname="p"/><hashTree>
<ThreadGroup testname="shop"><stringProp name="ThreadGroup.num_threads">1</stringProp></ThreadGroup><hashTree>
` + inside + `
</hashTree></hashTree></hashTree></jmeterTestPlan>`
}

// sampler is a GET of a path, with what is below it.
func samplerXML(path, below string) string {
	return `<HTTPSamplerProxy testname="get"><stringProp name="HTTPSampler.domain">h.example</stringProp><stringProp name="HTTPSampler.path">` +
		path + `</stringProp></HTTPSamplerProxy><hashTree>` + below + `</hashTree>`
}

// convertPlan imports a plan and returns its files, which must load, and its report.
func convertPlan(t *testing.T, plan string, files fstest.MapFS, opts Options) (text, report string) {
	t.Helper()
	if files == nil {
		files = fstest.MapFS{}
	}
	files["plan.jmx"] = &fstest.MapFile{Data: []byte(plan)}
	result, err := Convert(source.Input{Files: files, Name: "plan.jmx"}, opts)
	if err != nil {
		t.Fatal(err)
	}
	_, text = converttest.Load(t, write.Files(&result.Tree))
	var b strings.Builder
	if err := result.Report.Write(&b); err != nil {
		t.Fatal(err)
	}
	return text, b.String()
}

// A file that is not a plan is refused with the line and the column of the mistake.
func TestRefused(t *testing.T) {
	tests := []struct{ name, plan, want string }{
		{"empty", "", "plan.jmx:1:1: the file holds no XML element"},
		{"not XML", "{}", "plan.jmx:1:1: text outside the root element"},
		{"foreign", "<project>\n</project>", "plan.jmx:1:1: not a JMeter plan: the root element is <project>"},
		{"doctype", "<!DOCTYPE x [<!ENTITY a \"b\">]>\n<jmeterTestPlan/>", "plan.jmx:1:1: document types and entities are not read"},
		{"entity", "<jmeterTestPlan>\n<hashTree>&bomb;</hashTree></jmeterTestPlan>", "plan.jmx:2:17: not XML: invalid character entity &bomb;"},
		{"cut", "<jmeterTestPlan>\n  <hashTree>", "plan.jmx:2:13: the file ends inside <hashTree>, which begins at 2:3"},
		{"crossed", "<jmeterTestPlan>\n<hashTree></jmeterTestPlan>", "plan.jmx:2:11: </jmeterTestPlan> closes an element that is not open"},
		{"deep", strings.Repeat("<a>", maxDepth+1), "elements are nested more than 500 deep"},
		{"two roots", "<a/><b/>", "plan.jmx:1:5: a second root element <b>"},
		{"orphan", "<jmeterTestPlan><hashTree><hashTree/></hashTree></jmeterTestPlan>", "plan.jmx:1:27: a <hashTree> without the element that it belongs to"},
		{"nothing", wrap(""), "plan.jmx:2:1: the plan has no HTTP sampler that is enabled"},
	}
	for _, tt := range tests {
		_, err := Convert(source.Input{Files: fstest.MapFS{"plan.jmx": {Data: []byte(tt.plan)}}, Name: "plan.jmx"}, Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}
