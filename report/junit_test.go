package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bgverify/bgverify/internal/conformance"
	"github.com/bgverify/bgverify/report/reporttest"
	"github.com/bgverify/bgverify/runner/run"
)

func TestJUnitSchemas(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint (Debian package libxml2-utils) is not installed")
	}
	for name, run := range runs() {
		file := filepath.Join(t.TempDir(), "junit.xml")
		if err := os.WriteFile(file, render(t, "junit", run), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, schema := range []string{"jenkins-xunit-junit-10.xsd", "jenkins-dtkit-junit-4.xsd", "windyroad-ant-JUnit.xsd"} {
			path := filepath.Join(conformance.Dir(t, "junit"), schema)
			if out, err := exec.CommandContext(t.Context(), xmllint, "--noout", "--schema", path, file).CombinedOutput(); err != nil {
				t.Errorf("%s run under %s: %s", name, schema, cut(string(out), 600))
			}
		}
	}
}

type junitFile struct {
	Suites []struct {
		Name     string `xml:"name,attr"`
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
		Cases    []struct {
			Class   string  `xml:"classname,attr"`
			Name    string  `xml:"name,attr"`
			Failure *string `xml:"failure"`
			Error   *string `xml:"error"`
			Skipped *string `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func parseJUnit(t *testing.T, text []byte) junitFile {
	t.Helper()
	var f junitFile
	if err := xml.Unmarshal(text, &f); err != nil {
		t.Fatalf("junit.xml cannot be read: %v", err)
	}
	return f
}

func TestJUnitCounts(t *testing.T) {
	for name, r := range runs() {
		f := parseJUnit(t, render(t, "junit", r))
		seen := map[string]bool{}
		bad := 0
		for _, s := range f.Suites {
			failures, errs, skipped := 0, 0, 0
			for _, c := range s.Cases {
				if seen[c.Name] {
					t.Errorf("%s run: two testcases are named %q", name, c.Name)
				}
				seen[c.Name] = true
				if c.Failure != nil {
					failures++
				}
				if c.Error != nil {
					errs++
				}
				if c.Skipped != nil {
					skipped++
				}
			}
			bad += failures + errs
			if s.Tests != len(s.Cases) || s.Failures != failures || s.Errors != errs || s.Skipped != skipped {
				t.Errorf("%s run, suite %s: counts %d %d %d %d, testcases %d %d %d %d", name, s.Name, s.Tests, s.Failures, s.Errors, s.Skipped, len(s.Cases), failures, errs, skipped)
			}
		}
		if len(seen) == 0 {
			t.Errorf("%s run: no testcase at all", name)
		}
		if pass := r.End.Verdict == run.Pass; pass != (bad == 0) {
			t.Errorf("%s run: verdict %s with %d failed testcases", name, r.End.Verdict, bad)
		}
	}
}

func TestJUnitFoldsEqualCases(t *testing.T) {
	run := reporttest.Run(reporttest.Options{Seed: 1, Cases: 500, Differ: 0.02})
	run.End.Counts.Cases = foldAbove + 1 // what decides is what the run counted
	f := parseJUnit(t, render(t, "junit", run))
	failures, equal := 0, false
	for _, c := range f.Suites[1].Cases {
		if c.Failure != nil {
			failures++
		}
		equal = equal || strings.HasSuffix(c.Name, "equal cases)")
	}
	if failures != run.End.Counts.Fail || !equal || len(f.Suites[1].Cases) > failures+10 {
		t.Errorf("got %d testcases with %d failures, want %d failures and the rest folded", len(f.Suites[1].Cases), failures, run.End.Counts.Fail)
	}
}

func TestCTRFSchema(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(conformance.Dir(t, "ctrf"), "ctrf.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, run := range runs() {
		if name == "nothing" { // a run without a tool
			continue
		}
		text := render(t, "ctrf", run)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s run: %v", name, err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s run: %v", name, err)
		}
		var got struct {
			Results struct {
				Summary struct{ Tests, Passed, Failed, Skipped, Other int }
				Tests   []struct{ Status string }
			}
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		s := got.Results.Summary
		if s.Tests != len(got.Results.Tests) || s.Passed+s.Failed+s.Skipped+s.Other != s.Tests {
			t.Errorf("%s run: summary %+v for %d tests", name, s, len(got.Results.Tests))
		}
	}
}

// FuzzJUnit puts any text into names, paths, headers and bodies.
func FuzzJUnit(f *testing.F) {
	for _, s := range []string{"", "\x00\x1b[31m", "]]>", "&#0;", "\ufffe\uffff\u2028", "\xff\xfe", "  a  ", "\u202e\U000e0001", "<![CDATA["} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		run := reporttest.Run(reporttest.Options{Seed: 1, Cases: 6, Differ: 0.5, Texts: []string{s, s + " "}})
		seen := map[string]bool{}
		for _, suite := range parseJUnit(t, render(t, "junit", run)).Suites {
			for _, c := range suite.Cases {
				if seen[c.Name] {
					t.Errorf("two testcases are named %q", c.Name)
				}
				seen[c.Name] = true
			}
		}
	})
}

// FuzzHTML: no text of a run opens an element of the page.
func FuzzHTML(f *testing.F) {
	for _, s := range reporttest.Payloads()[:20] {
		f.Add(s)
	}
	count := func(page []byte) int {
		n := 0
		for _, tag := range []string{"<script", "<img", "<svg", "<iframe", "<style", "<base", "<meta", "<object", "<form", "<a ", "<b>", "<x "} {
			n += bytes.Count(bytes.ToLower(page), []byte(tag))
		}
		return n
	}
	f.Fuzz(func(t *testing.T, s string) {
		make := func(text string) *run.Run {
			return reporttest.Run(reporttest.Options{Seed: 1, Cases: 4, Differ: 1, Texts: []string{text}})
		}
		if got, want := count(render(t, "html", make(s))), count(render(t, "html", make("x"))); got != want {
			t.Errorf("text %q: %d elements, want %d", s, got, want)
		}
	})
}
