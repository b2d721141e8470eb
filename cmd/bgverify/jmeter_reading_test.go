package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A second reading of JMeter plans, written from JMeter's documentation of its elements and
// apart from the importer. It plays what Debian's JMeter 2.13 does not know (JSON
// extractors, JSON assertions, boundary extractors), one thread, one iteration.

// A planTag is an element of a plan; its properties are children with a name.
type planTag struct {
	XMLName xml.Name
	Class   string    `xml:"testclass,attr"`
	Name    string    `xml:"name,attr"`
	Text    string    `xml:",chardata"`
	Kids    []planTag `xml:",any"`
}

func (e *planTag) prop(name string) string {
	for i := range e.Kids {
		if e.Kids[i].Name == name {
			return e.Kids[i].Text
		}
	}
	return ""
}

// A player plays the samplers of a plan and remembers what they would assert.
type player struct {
	t        *testing.T
	base     string
	vars     map[string]string
	failures []string
}

var planVariable = regexp.MustCompile(`\$\{(\w+)\}`)

func (p *player) fill(text string) string {
	return planVariable.ReplaceAllStringFunc(text, func(ref string) string {
		if v, known := p.vars[ref[2:len(ref)-1]]; known {
			return v
		}
		return ref // JMeter sends the reference itself
	})
}

// tree plays the pairs of a hashTree: an element, then what is below it.
func (p *player) tree(tree *planTag) {
	for i := 0; i < len(tree.Kids); i++ {
		below := &planTag{}
		if i+1 < len(tree.Kids) && tree.Kids[i+1].XMLName.Local == "hashTree" {
			below = &tree.Kids[i+1]
		}
		if e := &tree.Kids[i]; e.XMLName.Local == "HTTPSamplerProxy" {
			p.sample(e, below)
		} else if e.XMLName.Local != "hashTree" {
			p.tree(below)
		}
	}
}

func (p *player) sample(e, below *planTag) {
	res, err := http.Get(p.base + p.fill(e.prop("HTTPSampler.path")))
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	for i := range below.Kids {
		p.answer(&below.Kids[i], string(data))
	}
}

func (p *player) answer(e *planTag, body string) {
	number := func(name string) int { n, _ := strconv.Atoi(e.prop(name)); return n }
	switch e.XMLName.Local {
	case "JSONPostProcessor": // n counts from 1; no match gives the default
		found := jsonAt(body, e.prop("JSONPostProcessor.jsonPathExprs"))
		value := e.prop("JSONPostProcessor.defaultValues")
		if n := max(1, number("JSONPostProcessor.match_numbers")); n <= len(found) {
			value = found[n-1]
		}
		p.vars[e.prop("JSONPostProcessor.referenceNames")] = value
	case "BoundaryExtractor": // what is between the texts, as short as possible
		left, right := regexp.QuoteMeta(e.prop("BoundaryExtractor.lboundary")), regexp.QuoteMeta(e.prop("BoundaryExtractor.rboundary"))
		found := regexp.MustCompile("(?s)"+left+"(.*?)"+right).FindAllStringSubmatch(body, -1)
		value := e.prop("BoundaryExtractor.default")
		if n := max(1, number("BoundaryExtractor.match_number")); n <= len(found) {
			value = found[n-1][1]
		}
		p.vars[e.prop("BoundaryExtractor.refname")] = value
	case "JSONPathAssertion": // the path must exist; with JSONVALIDATION its value must equal
		found := jsonAt(body, e.prop("JSON_PATH"))
		if len(found) == 0 || e.prop("JSONVALIDATION") == "true" && !slices.Contains(found, e.prop("EXPECTED_VALUE")) {
			p.failures = append(p.failures, e.prop("JSON_PATH"))
		}
	}
}

var pathStep = regexp.MustCompile(`\.(\w+)|\[(\d+|\*)\]`)

// jsonAt are the values at a path of names, indexes and [*], as JMeter writes them.
func jsonAt(body, path string) []string {
	var doc any
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	if dec.Decode(&doc) != nil {
		return nil
	}
	here := []any{doc}
	for _, step := range pathStep.FindAllStringSubmatch(path, -1) {
		var next []any
		for _, v := range here {
			list, _ := v.([]any)
			object, _ := v.(map[string]any)
			switch i, err := strconv.Atoi(step[2]); {
			case step[2] == "*":
				next = append(next, list...)
			case step[2] != "" && err == nil && i < len(list):
				next = append(next, list[i])
			case step[1] != "":
				if member, has := object[step[1]]; has {
					next = append(next, member)
				}
			}
		}
		here = next
	}
	var out []string
	for _, v := range here {
		if text, is := v.(string); is {
			out = append(out, text)
		} else if text, err := json.Marshal(v); err == nil {
			out = append(out, string(text))
		}
	}
	return out
}

// What the second reading sends and asserts, the imported suite sends and expects.
func TestJMeterSecondReading(t *testing.T) {
	prop := func(name, value string) string {
		return fmt.Sprintf(`<stringProp name="%s">%s</stringProp>`, name, strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;").Replace(value))
	}
	get := func(path, below string) string {
		return `<HTTPSamplerProxy testname="get ` + path[1:3] + `">` + prop("HTTPSampler.path", path) + prop("HTTPSampler.method", "GET") +
			`</HTTPSamplerProxy><hashTree>` + below + `</hashTree>`
	}
	extract := func(name, path, match string) string {
		return `<JSONPostProcessor testname="x">` + prop("JSONPostProcessor.referenceNames", name) + prop("JSONPostProcessor.jsonPathExprs", path) +
			prop("JSONPostProcessor.match_numbers", match) + `</JSONPostProcessor><hashTree/>`
	}
	between := func(name, left, right, match string) string {
		return `<BoundaryExtractor testname="b">` + prop("BoundaryExtractor.refname", name) + prop("BoundaryExtractor.lboundary", left) +
			prop("BoundaryExtractor.rboundary", right) + prop("BoundaryExtractor.match_number", match) + `</BoundaryExtractor><hashTree/>`
	}
	check := func(path, value string) string {
		return `<JSONPathAssertion testname="a">` + prop("JSON_PATH", path) + prop("EXPECTED_VALUE", value) +
			`<boolProp name="JSONVALIDATION">` + strconv.FormatBool(value != "") + `</boolProp></JSONPathAssertion><hashTree/>`
	}
	const body = `{"id": 17, "name": "a-b", "ok": true, "items": [{"id": "x1", "n": 1.50}, {"id": "x2"}], "html": "<b>one</b><b>two</b>"}`
	for _, x := range []struct{ name, below, next string }{
		{"number", extract("v", "$.id", "1"), "/next/${v}"},
		{"text", extract("v", "$.name", "1"), "/next?q=${v}"},
		{"index", extract("v", "$.items[1].id", "1"), "/next/${v}"},
		{"second match", extract("v", "$.items[*].id", "2"), "/next/${v}"},
		{"first of all", extract("v", "$.items[*].id", ""), "/next/${v}"},
		{"bool", extract("v", "$.ok", "1"), "/next/${v}"},
		{"boundary", between("v", "<b>", "</b>", "1"), "/next/${v}"},
		{"second boundary", between("v", "<b>", "</b>", "2"), "/next/${v}"},
		{"exists", check("$.items[0].n", ""), "/next"},
		{"equal text", check("$.items[0].id", "x1"), "/next"},
		{"equal number", check("$.id", "17"), "/next"},
		{"equal bool", check("$.ok", "true"), "/next"},
		{"missing", check("$.absent", ""), "/next"},
		{"other text", check("$.name", "other"), "/next"},
		{"other number", check("$.id", "18"), "/next"},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			plan := `<jmeterTestPlan><hashTree><TestPlan testname="p"/><hashTree><ThreadGroup testname="g">` +
				prop("ThreadGroup.on_sample_error", "continue") + `</ThreadGroup><hashTree>` + get("/first", x.below) + get(x.next, "") +
				`</hashTree></hashTree></hashTree></jmeterTestPlan>`
			var mu sync.Mutex
			sent := map[string][]string{}
			record := func(side string) string {
				return serve(t, func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					if r.URL.Path != "/" {
						sent[side] = append(sent[side], r.Method+" "+r.URL.Path+" "+r.URL.Query().Encode())
					}
					mu.Unlock()
					w.Header().Set("Content-Type", "application/json")
					fmt.Fprint(w, body)
				})
			}
			var root planTag
			if err := xml.Unmarshal([]byte(plan), &root); err != nil {
				t.Fatal(err)
			}
			p := &player{t: t, base: record("reading"), vars: map[string]string{}}
			p.tree(&root.Kids[0])
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "plan.jmx"), []byte(plan), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd, out := bgverifyIn(t, dir, "import", "jmeter", "plan.jmx", "-o", "made")
			if status := statusOf(t, cmd); status != 0 {
				t.Fatalf("import: exit %d\n%s", status, out)
			}
			cmd, out = bgverifyIn(t, dir, "run", "made", "--blue", record("blue"), "--green", record("green"), "--no-progress")
			status := statusOf(t, cmd)
			if want := len(p.failures) > 0; (status == 1) != want || status > 1 {
				t.Errorf("the reading fails %q, the suite exits with %d\n%s", p.failures, status, out)
			}
			for _, side := range []string{"blue", "green"} {
				if n := len(sent["reading"]); n == 0 || len(sent[side]) < n || !slices.Equal(sent[side][:n], sent["reading"]) { // requests about the connections come later
					t.Errorf("%s was sent %q, the reading sends %q", side, sent[side], sent["reading"])
				}
			}
		})
	}
}
