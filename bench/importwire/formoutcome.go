package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// newmanOutcomes says by FORM-VALUE whether a test passed.
func newmanOutcomes(file string) (map[string]bool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var report struct {
		Suites []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string     `xml:"name,attr"`
				Failure []struct{} `xml:"failure"`
				Error   []struct{} `xml:"error"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(data, &report); err != nil {
		return nil, err
	}
	passed := map[string]bool{}
	for _, s := range report.Suites {
		for _, c := range s.Cases {
			passed[c.Name+"-"+s.Name] = len(c.Failure)+len(c.Error) == 0
		}
	}
	return passed, nil
}

// suiteOutcomes runs what import makes of the collection: whether the expectations
// of each request held, and which forms are listed as not converted.
func suiteOutcomes(ctx context.Context, work, blue, green string) (passed, listed map[string]bool, err error) {
	binary := os.Getenv("BGVERIFY_BINARY")
	if binary == "" {
		binary = filepath.Join(work, "bgverify")
		if err := command(ctx, ".", "go", "build", "-C", "..", "-o", binary, "./cmd/bgverify"); err != nil {
			return nil, nil, err
		}
	}
	if err := command(ctx, work, binary, "import", "postman", "forms.json", "-o", "suite"); err != nil {
		return nil, nil, err
	}
	run := exec.CommandContext(ctx, binary, "run", "suite", "--blue", blue, "--green", green, "--out", "runs", "--format", "json", "--no-progress")
	run.Dir = work
	out, err := run.CombinedOutput()
	files, _ := filepath.Glob(filepath.Join(work, "runs", "*", "run.json"))
	if len(files) == 0 { // latest is another name of the same run
		return nil, nil, fmt.Errorf("bgverify run: %w\n%s", err, out)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		return nil, nil, err
	}
	return readOutcomes(data, filepath.Join(work, "suite"))
}

// readOutcomes reads run.json, and the comments of the imported cases.
func readOutcomes(data []byte, suite string) (passed, listed map[string]bool, err error) {
	if passed, err = passedCases(data); err != nil {
		return nil, nil, err
	}
	files, err := filepath.Glob(filepath.Join(suite, "*.yaml"))
	if err != nil {
		return nil, nil, err
	}
	listed = map[string]bool{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, nil, err
		}
		listCases(string(text), listed)
	}
	return passed, listed, nil
}

// passedCases are the cases of a run.json by name, true where every expectation was met.
func passedCases(data []byte) (map[string]bool, error) {
	var report struct {
		Suites []struct {
			Cases []struct {
				Name  string
				Steps []struct{ Expectations []expectation }
			}
		}
	}
	if err := json.Unmarshal(data, &report); err != nil {
		return nil, err
	}
	passed := map[string]bool{}
	for _, s := range report.Suites {
		for _, c := range s.Cases {
			passed[c.Name] = true
			for _, step := range c.Steps {
				bad := slices.ContainsFunc(step.Expectations, func(e expectation) bool { return !e.OK })
				passed[c.Name] = passed[c.Name] && !bad
			}
		}
	}
	return passed, nil
}

// listCases adds the cases of a suite's file: true where a comment before one lists what was
// not converted.
func listCases(text string, listed map[string]bool) {
	lost := false
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		lost = lost || strings.HasPrefix(line, "# not converted")
		if name, ok := strings.CutPrefix(line, "- case: "); ok {
			name = strings.Trim(name, `"'`)
			listed[name], lost = lost, false
		}
	}
}

// tellForms prints the outcomes by kind, and with -v every one that differs.
func tellForms(want, got, listed map[string]bool, verbose bool) {
	counts := map[string]int{}
	for f, form := range forms {
		for v, value := range formValues {
			name := fmt.Sprintf("%d-%d", f, v)
			ours, known := got[name]
			kind := "equal"
			switch {
			case !known:
				kind = "not run"
			case listed[name]:
				kind = "listed"
			case ours && !want[name]:
				kind = "passes where Newman fails"
			case !ours && want[name]:
				kind = "fails where Newman passes"
			}
			counts[kind]++
			if verbose && !slices.Contains([]string{"equal", "listed"}, kind) {
				fmt.Printf("%-26s %-60s %s\n", kind, form, value)
			}
		}
	}
	fmt.Printf("| assertion forms | values | equal | listed | passes where Newman fails | fails where Newman passes | not run |\n|---|---|---|---|---|---|---|\n| %d | %d | %d | %d | %d | %d | %d |\n",
		len(forms), len(formValues), counts["equal"], counts["listed"], counts["passes where Newman fails"], counts["fails where Newman passes"], counts["not run"])
}
