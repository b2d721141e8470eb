package convert

import (
	"strings"
	"testing"
	"testing/fstest"
)

// Every source of the table is reached by its name, gives files that end with the
// assets, and says what it does not know.
func TestConvert(t *testing.T) {
	files := fstest.MapFS{
		"c.json": {Data: []byte(`{"info":{"name":"a"},"item":[{"name":"x","request":"https://h.example/a"}]}`)},
		"x.sh":   {Data: []byte("curl https://h.example/a\n")},
		"x.har":  {Data: []byte(`{"log":{"version":"1.2","entries":[{"request":{"method":"GET","url":"https://h.example/a"},"response":{"status":200}}]}}`)},
		"x.jmx": {Data: []byte(`<jmeterTestPlan><hashTree><TestPlan/><hashTree><ThreadGroup testname="a"/><hashTree>
			<HTTPSamplerProxy><stringProp name="HTTPSampler.path">/a</stringProp></HTTPSamplerProxy><hashTree/>
			</hashTree></hashTree></hashTree></jmeterTestPlan>`)},
		"x.yaml": {Data: []byte("openapi: 3.0.3\ninfo: {title: a, version: '1'}\nservers: [{url: https://h.example}]\n" +
			"paths:\n  /a:\n    get: {responses: {'200': {description: ok}}}\n")},
	}
	names := map[string]string{"postman": "c.json", "curl": "x.sh", "har": "x.har", "jmeter": "x.jmx", "openapi": "x.yaml"}
	for _, f := range formats {
		result, err := Convert(f.name, Input{Files: files, Name: names[f.name]}, Options{})
		if err != nil {
			t.Errorf("%s: %v", f.name, err)
			continue
		}
		if len(result.Files) != 1 || !strings.Contains(string(result.Files[0].Data), "get: /a\n") {
			t.Errorf("%s gives %q", f.name, result.Files)
		}
	}
	if _, err := Convert("soap", Input{Files: files, Name: "x.sh"}, Options{}); err == nil {
		t.Error("an unknown format is converted")
	}
}
