package main

import "fmt"

// values are texts that encoders treat differently.
var values = []string{"plain", "two words", "a+b", "100%", "a&b=c", "한글", "x/y?z", "~tilde*", `q"uote`, "semi;colon", "{curly}", "a%20b", ""}

// generate makes thread groups of every element and option that JMeter 2.13 knows
// and import converts.
func generate() []threads {
	m := &maker{}
	generateAddresses(m)
	generateBodies(m)
	generateManagers(m)
	generateFlow(m)
	generateValues(m)
	return m.list
}

func generateAddresses(m *maker) {
	for i, v := range values {
		for _, encode := range []bool{true, false} {
			if !encode && (v == "한글" || v == `q"uote` || v == "100%" || v == "two words" || v == "{curly}") {
				continue // JMeter refuses such an address
			}
			m.add("query arguments", func(id string) string {
				return request("GET", fmt.Sprintf("/%s/q%d", id, i), arguments([]arg{{"v", v, encode}, {"w", "1", true}}), "")
			})
		}
	}
	for _, method := range []string{"GET", "DELETE", "OPTIONS", "HEAD"} {
		m.add("methods", func(id string) string {
			return request(method, "/"+id+"/m?x=1", arguments([]arg{{"a", "b c", true}}), "")
		})
		m.add("methods", func(id string) string { return request(method, id+"/noslash", arguments(nil), "") })
	}
	for _, path := range []string{"/a b", "/한", "/a%20b/c", "/x?y=z&q=[1]", "/x?y=a+b", "/a;b=c/d", "/x?flag", "/x?e=&f=", "/d/../e", "/x?p=a|b"} {
		m.add("paths", func(id string) string { return request("GET", "/"+id+path, arguments(nil), "") })
	}
	m.add("paths", func(id string) string {
		return request("GET", "http://${__P(host)}:${__P(port)}/"+id+"/whole?a=1", arguments([]arg{{"b", "2", false}}), "")
	})
	m.add("defaults", func(id string) string {
		defaults := element("ConfigTestElement", "more", arguments([]arg{{"from", "defaults", true}})+prop("HTTPSampler.path", "/"+id+"/default"), "")
		return defaults + request("GET", "", arguments([]arg{{"own", "1", true}}), "") + request("GET", "/"+id+"/own", arguments(nil), "")
	})
}

func generateBodies(m *maker) {
	for i, v := range values {
		for _, encode := range []bool{true, false} {
			m.add("forms", func(id string) string {
				return request("POST", fmt.Sprintf("/%s/f%d", id, i), arguments([]arg{{"v", v, encode}, {"n m", "1", true}, {"v", "again", true}}), "")
			})
		}
	}
	bodies := []string{
		`{"a": 1, "b": [true, null, 1.50], "c": "한 \"q\" \\n"}`, "{\r\n  \"v\": \"${region}\",\r\n  \"n\": 1\r\n}", "plain text", "<a><b>${region}</b></a>", `{"n": ${count}, "s": "${count}"}`, "[1,2]", "a=b&c=d", `{"broken": `, "",
		"line1\nline2\n", `{"empty": "", "o": {}}`, `"text"`, `{"k${region}": 1}`,
	}
	types := []string{"", "application/json", "application/xml", "text/plain; charset=UTF-8", "application/x-www-form-urlencoded"}
	for i, body := range bodies {
		for k, typ := range types {
			for _, method := range []string{"POST", "PUT"} {
				m.add("raw bodies", func(id string) string {
					below := ""
					if typ != "" {
						below = headers("Content-Type", typ)
					}
					return variables("count", "7") + request(method, fmt.Sprintf("/%s/b%d-%d", id, i, k), raw(body)+prop("HTTPSampler.contentEncoding", "UTF-8"), below)
				})
			}
		}
	}
	m.add("files", func(id string) string {
		file := `<elementProp name="HTTPsampler.Files" elementType="HTTPFileArgs"><collectionProp name="HTTPFileArgs.files"><elementProp name="upload.txt" elementType="HTTPFileArg">` +
			prop("File.path", "upload.txt") + prop("File.paramname", "doc") + prop("File.mimetype", "text/plain") + `</elementProp></collectionProp></elementProp>`
		return request("POST", "/"+id+"/up", flag("HTTPSampler.DO_MULTIPART_POST", true)+file+arguments([]arg{{"title", "a b", true}}), "")
	})
	m.add("files", func(id string) string {
		file := `<elementProp name="HTTPsampler.Files" elementType="HTTPFileArgs"><collectionProp name="HTTPFileArgs.files"><elementProp name="body.json" elementType="HTTPFileArg">` +
			prop("File.path", "body.json") + prop("File.paramname", "") + prop("File.mimetype", "application/json") + `</elementProp></collectionProp></elementProp>`
		return request("POST", "/"+id+"/file", file+arguments(nil), "") + request("PUT", "/"+id+"/put", file+arguments(nil), "")
	})
	m.add("files", func(id string) string {
		return request("POST", "/"+id+"/multi", flag("HTTPSampler.DO_MULTIPART_POST", true)+arguments([]arg{{"a", "1", false}, {"b", "x y", true}}), "")
	})
}

func generateManagers(m *maker) {
	m.add("header managers", func(id string) string {
		return headers("X-A", "outer", "X-B", "outer") + request("GET", "/"+id+"/h", arguments(nil), headers("X-A", "inner", "X-C", "c ${region}"))
	})
	m.add("header managers", func(id string) string {
		inner := element("GenericController", "controller", "", headers("X-A", "2", "x-b", "2")+request("GET", "/"+id+"/h", arguments(nil), headers("X-A", "3")))
		return headers("X-A", "1", "X-B", "1", "X-D", "1") + inner + request("GET", "/"+id+"/h2", arguments(nil), "")
	})
	m.add("header managers", func(id string) string {
		return headers("Accept", "application/json", "Accept", "text/plain", "X-Empty", "", "Referer", "http://x.example/") + request("GET", "/"+id+"/h", arguments(nil), "")
	})
	m.add("cookies", func(id string) string {
		jar := element("CookieManager", "cookies", `<collectionProp name="CookieManager.cookies"><elementProp name="lang" elementType="Cookie" testname="lang">`+prop("Cookie.value", "ko")+
			prop("Cookie.domain", "${__P(host)}")+prop("Cookie.path", "/")+flag("Cookie.secure", false)+`<longProp name="Cookie.expires">0</longProp>`+flag("Cookie.path_specified", true)+flag("Cookie.domain_specified", true)+`</elementProp></collectionProp>`+flag("CookieManager.clearEachIteration", false), "")
		return jar + request("GET", "/"+id+"/c1", arguments(nil), "") + request("GET", "/"+id+"/c2", arguments(nil), "")
	})
}

func generateFlow(m *maker) {
	m.add("loops", func(id string) string { return loop(3, request("GET", "/"+id+"/one", arguments(nil), "")) })
	m.add("loops", func(id string) string {
		counter := element("CounterConfig", "counter", prop("CounterConfig.start", "5")+prop("CounterConfig.end", "")+prop("CounterConfig.incr", "2")+prop("CounterConfig.name", "c")+prop("CounterConfig.format", "000")+flag("CounterConfig.per_user", false), "")
		return loop(3, counter+request("GET", "/"+id+"/n", arguments([]arg{{"c", "${c}", true}}), ""))
	})
	m.add("loops", func(id string) string {
		return loop(2, request("GET", "/"+id+"/a", arguments(nil), "")+loop(2, request("GET", "/"+id+"/b", arguments(nil), "")))
	})
	for i, cond := range []string{`"${region}" == "seoul"`, `"${region}" != "seoul"`, `"${region}" == "busan"`, `${count} > 5`, `${count} <= 6`, `"${region}" == "seoul" && ${count} == 7`, `1 == 1`, `"a" == "b"`, `"${region}" == "busan" || "${region}" == "seoul"`, `${yes}`} {
		m.add("if controllers", func(id string) string {
			inside := request("GET", fmt.Sprintf("/%s/i%d", id, i), arguments(nil), "")
			return variables("count", "7", "yes", "true") + request("GET", "/"+id+"/always", arguments(nil), "") +
				element("IfController", "if", prop("IfController.condition", cond)+flag("IfController.evaluateAll", false), inside)
		})
	}
	for _, value := range []string{"0", "1", "GET second", ""} {
		m.add("switch controllers", func(id string) string {
			return element("SwitchController", "switch", prop("SwitchController.value", value), element("HTTPSamplerProxy", "GET first", prop("HTTPSampler.path", "/"+id+"/first")+prop("HTTPSampler.method", "GET"), "")+
				element("HTTPSamplerProxy", "GET second", prop("HTTPSampler.path", "/"+id+"/second")+prop("HTTPSampler.method", "GET"), ""))
		})
	}
	m.add("for each", func(id string) string {
		each := element("ForeachController", "each", prop("ForeachController.inputVal", "in")+prop("ForeachController.returnVal", "out")+flag("ForeachController.useSeparator", true), request("GET", "/"+id+"/each", arguments([]arg{{"v", "${out}", true}}), ""))
		return variables("in_1", "x", "in_2", "y z") + each
	})
	for _, c := range []string{"GenericController", "TransactionController", "OnceOnlyController"} {
		m.add("other controllers", func(id string) string {
			return element(c, "controller", "", request("GET", "/"+id+"/x", arguments(nil), ""))
		})
	}
	m.add("disabled", func(id string) string {
		off := `<HTTPSamplerProxy guiclass="HttpTestSampleGui" testclass="HTTPSamplerProxy" testname="off" enabled="false">` + prop("HTTPSampler.path", "/"+id+"/off") + `</HTTPSamplerProxy><hashTree/>`
		return off + request("GET", "/"+id+"/on", arguments(nil), "")
	})
}

func generateValues(m *maker) {
	extract := []struct{ expr, template, number, field, use string }{
		{`"id":(\d+)`, "$1$", "1", "false", "${x}"},
		{`"token":"([^"]+)"`, "$1$", "1", "false", "${x}"},
		{`"id":"([a-z])(\d)"`, "$2$-$1$", "1", "false", "${x}"},
		{`"id":"([a-z]\d)"`, "$1$", "2", "false", "${x}"},
		{`"id":"([a-z]\d)"`, "$1$", "-1", "false", "${x_3}"},
		{`"id":"([a-z])(\d)"`, "$0$", "1", "false", "${x_g2}"},
		{`X-Token: (.+)`, "$1$", "1", "true", "${x}"},
		{`Location: /next/(\d+)`, "$1$", "1", "true", "${x}"},
		{`(\d+)`, "$1$", "1", "code", "${x}"},
		{`"state":"(\w+)"`, "is $1$!", "1", "false", "${x}"},
	}
	for i, e := range extract {
		m.add("regex extractors", func(id string) string {
			return request("GET", "/"+id+"/from", arguments(nil), regex("x", e.expr, e.template, e.number, e.field)) +
				request("GET", fmt.Sprintf("/%s/to%d", id, i), arguments([]arg{{"v", e.use, true}}), "") +
				request("POST", fmt.Sprintf("/%s/json%d", id, i), raw(`{"v": "`+e.use+`"}`), headers("Content-Type", "application/json", "X-V", e.use))
		})
	}
	for i, a := range []string{
		assertion("response_code", 8, "200"), assertion("response_code", 2, "2.."), assertion("response_data", 16, "READY"), assertion("response_data", 6, "ERROR", "FATAL"), assertion("response_data", 2, `"id":\d+`),
		assertion("response_data", 1, `(?s)\{.*\}`), assertion("response_data", 34, "READY", "DONE"), assertion("response_headers", 16, "X-Token: tok"), assertion("response_code", 12, "500"),
	} {
		m.add("assertions", func(id string) string {
			return request("GET", fmt.Sprintf("/%s/a%d", id, i), arguments(nil), a) + request("GET", "/"+id+"/next", arguments(nil), "")
		})
	}
	for _, v := range []string{"${region}", "${__P(tenant,none)}", "${__P(missing,d e)}", "${__property(tenant)}", "${__threadNum}", "${__V(region)}", "${__intSum(1,2,3)}", "${__char(65,0x42)}", "${__counter(FALSE)}", "a\\,b${region}", "${__eval(in ${region})}", "${__urlencode(a b&c)}"} {
		m.add("functions", func(id string) string {
			return request("GET", "/"+id+"/f", arguments([]arg{{"v", v, true}}), headers("X-V", "v "+v))
		})
	}
	m.add("data sets", func(id string) string {
		set := element("CSVDataSet", "rows", prop("filename", "one.csv")+prop("fileEncoding", "UTF-8")+prop("variableNames", "company")+prop("delimiter", ",")+flag("quotedData", false)+flag("recycle", true)+flag("stopThread", false)+prop("shareMode", "shareMode.all"), "")
		return set + request("GET", "/"+id+"/d", arguments([]arg{{"c", "${company}", true}}), "")
	})
	m.add("data sets", func(id string) string {
		set := element("CSVDataSet", "rows", prop("filename", "rows.csv")+prop("fileEncoding", "UTF-8")+prop("variableNames", "")+prop("delimiter", ",")+flag("quotedData", false)+flag("recycle", true)+flag("stopThread", false)+prop("shareMode", "shareMode.group"), "")
		return set + request("GET", "/"+id+"/d", arguments([]arg{{"u", "${user}", true}, {"c", "${city}", true}}), "")
	})
	m.add("user parameters", func(id string) string {
		p := element("UserParameters", "parameters", `<collectionProp name="UserParameters.names">`+prop("1", "who")+`</collectionProp><collectionProp name="UserParameters.thread_values"><collectionProp name="1">`+prop("1", "kim ${region}")+`</collectionProp></collectionProp>`+flag("UserParameters.per_iteration", false), "")
		return p + request("GET", "/"+id+"/u", arguments([]arg{{"who", "${who}", true}}), "")
	})
}
