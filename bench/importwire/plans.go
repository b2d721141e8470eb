package main

import (
	"fmt"
	"html"
	"strings"
)

// A threads is a generated thread group: its id begins the paths of its requests.
type threads struct{ id, kind, inside string }

// A maker collects thread groups.
type maker struct{ list []threads }

func (m *maker) add(kind string, inside func(id string) string) {
	id := fmt.Sprintf("g%d", len(m.list))
	m.list = append(m.list, threads{id, kind, inside(id)})
}

func prop(name, value string) string {
	return `<stringProp name="` + name + `">` + html.EscapeString(value) + `</stringProp>`
}

func flag(name string, on bool) string {
	return fmt.Sprintf(`<boolProp name="%s">%t</boolProp>`, name, on)
}

var guis = map[string]string{"CSVDataSet": "TestBeanGUI", "ConfigTestElement": "HttpDefaultsGui", "HeaderManager": "HeaderPanel", "CookieManager": "CookiePanel", "Arguments": "ArgumentsPanel"}

func element(class, name, props, below string) string {
	gui := guis[class] // configuration counts only with its own
	if gui == "" {
		gui = class + "Gui"
	}
	return `<` + class + ` guiclass="` + gui + `" testclass="` + class + `" testname="` + name + `" enabled="true">` + props + `</` + class + `><hashTree>` + below + `</hashTree>`
}

// arg is name, value, whether it is encoded.
type arg struct {
	name, value string
	encode      bool
}

func arguments(list []arg) string {
	var b strings.Builder
	b.WriteString(`<elementProp name="HTTPsampler.Arguments" elementType="Arguments"><collectionProp name="Arguments.arguments">`)
	for _, a := range list {
		b.WriteString(`<elementProp name="` + html.EscapeString(a.name) + `" elementType="HTTPArgument">` + flag("HTTPArgument.always_encode", a.encode) + prop("Argument.value", a.value) +
			prop("Argument.metadata", "=") + flag("HTTPArgument.use_equals", true))
		if a.name != "" {
			b.WriteString(prop("Argument.name", a.name))
		}
		b.WriteString(`</elementProp>`)
	}
	return b.String() + `</collectionProp></elementProp>`
}

// request is a sampler with the host of the plan's defaults.
func request(method, path, props, below string) string {
	return element("HTTPSamplerProxy", method+" "+html.EscapeString(path), prop("HTTPSampler.path", path)+prop("HTTPSampler.method", method)+flag("HTTPSampler.use_keepalive", true)+
		flag("HTTPSampler.follow_redirects", false)+props, below)
}

func raw(body string) string {
	return flag("HTTPSampler.postBodyRaw", true) + arguments([]arg{{"", body, false}})
}

func headers(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString(`<elementProp name="" elementType="Header">` + prop("Header.name", pairs[i]) + prop("Header.value", pairs[i+1]) + `</elementProp>`)
	}
	return element("HeaderManager", "headers", `<collectionProp name="HeaderManager.headers">`+b.String()+`</collectionProp>`, "")
}

func variables(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString(`<elementProp name="` + pairs[i] + `" elementType="Argument">` + prop("Argument.name", pairs[i]) + prop("Argument.value", pairs[i+1]) + prop("Argument.metadata", "=") + `</elementProp>`)
	}
	return element("Arguments", "variables", `<collectionProp name="Arguments.arguments">`+b.String()+`</collectionProp>`, "")
}

func regex(name, expr, template, number, field string) string {
	return element("RegexExtractor", "regex "+name, prop("RegexExtractor.useHeaders", field)+prop("RegexExtractor.refname", name)+prop("RegexExtractor.regex", expr)+
		prop("RegexExtractor.template", template)+prop("RegexExtractor.default", "none")+prop("RegexExtractor.match_number", number), "")
}

func assertion(field string, kind int, patterns ...string) string {
	var b strings.Builder
	for _, p := range patterns {
		b.WriteString(prop("1", p))
	}
	return element("ResponseAssertion", "assertion", `<collectionProp name="Asserion.test_strings">`+b.String()+`</collectionProp>`+prop("Assertion.test_field", "Assertion."+field)+
		flag("Assertion.assume_success", false)+fmt.Sprintf(`<intProp name="Assertion.test_type">%d</intProp>`, kind), "")
}

func loop(n int, below string) string {
	return element("LoopController", "loop", flag("LoopController.continue_forever", true)+prop("LoopController.loops", fmt.Sprint(n)), below)
}

// plan is the whole plan: thread groups one after another, with defaults.
func plan(groups []threads) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><jmeterTestPlan version="1.2" properties="2.8" jmeter="2.13 r1665067"><hashTree><TestPlan guiclass="TestPlanGui" testclass="TestPlan" testname="wire" enabled="true">` +
		flag("TestPlan.serialize_threadgroups", true) + `<elementProp name="TestPlan.user_defined_variables" elementType="Arguments"><collectionProp name="Arguments.arguments">` +
		`<elementProp name="region" elementType="Argument">` + prop("Argument.name", "region") + prop("Argument.value", "seoul") + `</elementProp></collectionProp></elementProp></TestPlan><hashTree>`)
	b.WriteString(element("ConfigTestElement", "defaults", prop("HTTPSampler.domain", "${__P(host,localhost)}")+prop("HTTPSampler.port", "${__P(port,80)}")+prop("HTTPSampler.protocol", "http"), ""))
	for _, g := range groups {
		b.WriteString(element("ThreadGroup", g.id, prop("ThreadGroup.on_sample_error", "continue")+`<elementProp name="ThreadGroup.main_controller" elementType="LoopController">`+
			flag("LoopController.continue_forever", false)+prop("LoopController.loops", "1")+`</elementProp>`+prop("ThreadGroup.num_threads", "1")+prop("ThreadGroup.ramp_time", "0"), g.inside))
	}
	return b.String() + `</hashTree></hashTree></jmeterTestPlan>`
}
