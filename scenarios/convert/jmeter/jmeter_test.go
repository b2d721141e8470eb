package jmeter

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
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

// What a plan of most elements becomes.
func TestPlan(t *testing.T) {
	data, err := os.ReadFile("testdata/shop.jmx")
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{
		"boxes.csv": {Data: []byte("box,zone\nB1,seoul\nB2,\"busan, south\"\n")}, "one.csv": {Data: []byte("kim;s3cret-pass\n")},
		"common/login.jmx": {Data: []byte(strings.NewReplacer("ThreadGroup", "TestFragmentController").Replace(wrap(samplerXML("/me", ""))))},
	}
	text, report := convertPlan(t, string(data), files, Options{Set: map[string]string{"tenant": "t1"}})
	again, _ := convertPlan(t, string(data), files, Options{Set: map[string]string{"tenant": "t1"}})
	if again != text {
		t.Error("the same plan gives other bytes")
	}
	converttest.Golden(t, "testdata/shop.golden", text)
	converttest.Golden(t, "testdata/shop.report", report)
}

// An assertion accepts what JMeter accepts, and one that cannot is listed.
func TestAssertions(t *testing.T) {
	response := func(field string, kind int, patterns ...string) string {
		var b strings.Builder
		for _, p := range patterns {
			b.WriteString(`<stringProp name="1">` + p + `</stringProp>`)
		}
		return `<ResponseAssertion><collectionProp name="Asserion.test_strings">` + b.String() + `</collectionProp><stringProp name="Assertion.test_field">Assertion.` + field +
			`</stringProp><intProp name="Assertion.test_type">` + strconv.Itoa(kind) + `</intProp></ResponseAssertion><hashTree/>`
	}
	jsonPath := func(path, value, more string) string {
		return `<JSONPathAssertion><stringProp name="JSON_PATH">` + path + `</stringProp><stringProp name="EXPECTED_VALUE">` + value + `</stringProp><boolProp name="JSONVALIDATION">true</boolProp>` + more + `</JSONPathAssertion><hashTree/>`
	}
	tests := []struct{ name, below, want string }{
		{"equal status", response("response_code", testEquals, "200"), "expect: {status: 200}"},
		{"status by pattern", response("response_code", testContains, "^2"), "expect: {status: 2xx}"},
		{"no such status", response("response_code", testEquals|testNot, "500"), `expect: {status: [2xx, 3xx]}`},
		{"a status that JMeter fails", response("response_code", testEquals, "404"), "JMeter fails it whatever the answer"},
		{"one of two", response("response_code", testEquals|testOr, "200", "201"), "expect: {status: [200, 201]}"},
		{"text", response("response_data", testSubstring, "a.b"), "expect: {text: {contains: a.b}}"},
		{"text by pattern", response("response_data", testContains, "a.b"), "expect: {text: {matches: a.b}}"},
		{"whole text", response("response_data", testMatches, "a+"), `expect: {text: {matches: '\A(?:a+)\z'}}`},
		{"not there", response("response_data", testSubstring|testNot, "x", "y"), "expect: {text: {not: {contains: [x"},
		{"RE2 has no look-ahead", response("response_data", testContains, "(?=a)b"), "no form in RE2"},
		{"header", response("response_headers", testSubstring, "Content-Type: text/html"), "expect: {headers: {content-type: {matches: ^text/html}}}"},
		{"reason", response("response_message", testEquals, "OK"), "the reason phrase is not compared"},
		{"number or text", jsonPath("$.n", "5", `<boolProp name="ISREGEX">false</boolProp>`), `{in: [5, "5"]}`},
		{"text at a path", jsonPath("$['a b'][0].c", "READY", ""), "READY"},
		{"one of several values", jsonPath("$.list[*].id", "5", ""), "its path may name several values"},
		{"duration", `<DurationAssertion><stringProp name="DurationAssertion.duration">250</stringProp></DurationAssertion><hashTree/>`, "expect: {latency: 250ms}"},
		{"script", `<JSR223Assertion><stringProp name="script">if (x) { fail() }</stringProp></JSR223Assertion><hashTree/>`, "scripts are not run"},
	}
	for _, tt := range tests {
		text, report := convertPlan(t, wrap(samplerXML("/a", tt.below)), nil, Options{})
		if strings.Contains(tt.want, "[x") {
			tt.want = "not:"
		}
		if !strings.Contains(text+report, tt.want) {
			t.Errorf("%s: %q is not in\n%s%s", tt.name, tt.want, text, report)
		}
	}
}

// An extractor captures the match that JMeter takes.
func TestExtractors(t *testing.T) {
	tests := []struct {
		pattern      string
		group, match int
		text, want   string
	}{
		{`id=(\d+)`, 1, 1, "id=1 id=2", "1"},
		{`id=(\d+)`, 1, 2, "id=1 id=2", "2"},
		{`([a-z])([0-9])`, 2, 3, "a1 b2\nc3", "3"},
		{`[(](x)[)]\((y)`, 2, 1, "(x)(y", "y"},
		{`제([0-9]+)조`, 1, 2, "제1조 제12조", "12"},
		{`ab`, 0, 2, "ab cab", "ab"},
	}
	for _, tt := range tests {
		out, why := groupAt(tt.pattern, tt.group, tt.match)
		if why != "" {
			t.Errorf("%s: %s", tt.pattern, why)
			continue
		}
		m := regexp.MustCompile(out).FindStringSubmatch(tt.text)
		if m == nil || m[len(m)-1] != tt.want {
			t.Errorf("%s, group %d of match %d becomes %s, which finds %q, want %q", tt.pattern, tt.group, tt.match, out, m, tt.want)
		}
	}
}

// Loops inside loops, and modules that hold each other, do not multiply.
func TestBombs(t *testing.T) {
	inside := samplerXML("/a", "") + samplerXML("/b", "")
	for range 100 {
		inside = `<LoopController><stringProp name="LoopController.loops">9</stringProp></LoopController><hashTree>` + inside + `</hashTree>`
	}
	text, _ := convertPlan(t, wrap(inside), nil, Options{})
	if n := strings.Count(text, "- step:"); n == 0 || n > maxCopies {
		t.Errorf("%d steps", n)
	}
	convertPlan(t, wrap(samplerXML("/a", "")+`<LoopController><stringProp name="LoopController.loops">2000000000</stringProp></LoopController><hashTree/>`), nil, Options{})
}

// Values that name themselves end where they begin again, and are asked for from outside.
func TestCircles(t *testing.T) {
	argument := func(name, value string) string {
		return `<Arguments><collectionProp name="Arguments.arguments"><elementProp name="` + name + `"><stringProp name="Argument.name">` + name +
			`</stringProp><stringProp name="Argument.value">` + value + `</stringProp></elementProp></collectionProp></Arguments><hashTree/>`
	}
	for name, around := range map[string]string{
		"a property whose name is the variable": argument("a", "${__P(${a})}"),
		"a property with itself as default":     argument("a", "${__P(p,${a})}"),
		"a property that a script sets":         argument("a", "${__P(p)}") + `<BeanShellPreProcessor><stringProp name="script">props.put("p", props.get("p"))</stringProp></BeanShellPreProcessor><hashTree/>`,
		"a file that holds its own name":        argument("a", "${__FileToString(own.txt)}"),
		"a variable of a variable":              argument("a", "${__V(${a})}"),
	} {
		files := fstest.MapFS{"own.txt": {Data: []byte("${__FileToString(own.txt)}")}}
		text, _ := convertPlan(t, wrap(around+samplerXML("/${a}", "")), files, Options{})
		if !strings.Contains(text, "needs:") {
			t.Errorf("%s: nothing is asked for from outside:\n%s", name, text)
		}
	}
}

// Every plan of a folder of public plans loads, twice with the same bytes.
func TestCorpus(t *testing.T) {
	root := os.Getenv("BGVERIFY_JMETER_PLANS")
	if root == "" {
		root = "../../../../shared/corpus/jmeter"
	}
	plans, _ := filepath.Glob(filepath.Join(root, "*.jmx"))
	if len(plans) == 0 {
		t.Skip("skipped: no plans (BGVERIFY_JMETER_PLANS names a folder of them)")
	}
	for _, name := range plans {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		once, _ := convertPlan(t, string(data), nil, Options{})
		twice, _ := convertPlan(t, string(data), nil, Options{})
		if once != twice {
			t.Errorf("%s gives other bytes the second time", name)
		}
	}
}

// No plan crashes the importer, and what it writes loads.
func FuzzConvert(f *testing.F) {
	data, err := os.ReadFile("testdata/shop.jmx")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(wrap(samplerXML("/a?x=${__Random(1,9,v)}", ""))))
	f.Add([]byte(wrap(samplerXML("${u}${__P(a,${b})}", ""))))
	f.Fuzz(func(t *testing.T, data []byte) {
		result, err := Convert(source.Input{Files: fstest.MapFS{"plan.jmx": {Data: data}}, Name: "plan.jmx"}, Options{})
		if err == nil {
			converttest.Load(t, write.Files(&result.Tree))
		}
	})
}
