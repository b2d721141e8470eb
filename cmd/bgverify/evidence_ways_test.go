package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// waysFile lists every attempt to get a wrong PASS that a test makes: written by
// go test ./cmd/bgverify -run Evidence -update, and held against what is walked.
const waysFile = "docs/evidence.md"

// A way is one row of that list.
type way struct {
	test   string // the test function, the class and the row
	status int
	reason string
}

var ways struct {
	sync.Mutex
	walked  map[string]way
	skipped map[string]bool // lines of ways that this machine could not walk
}

// leftOut notes that a test skips its way: its line stands as it is.
func leftOut(t *testing.T) {
	ways.Lock()
	defer ways.Unlock()
	if ways.skipped == nil {
		ways.skipped = map[string]bool{}
	}
	ways.skipped[t.Name()] = true
}

// walked notes that a test has walked its way to the end, once. Tests of no class
// do not stand in the list.
func walked(t *testing.T, status int, reason string) {
	ways.Lock()
	defer ways.Unlock()
	if ways.walked == nil {
		ways.walked = map[string]way{}
	}
	if _, ok := ways.walked[t.Name()]; !ok && strings.Count(t.Name(), "/") >= 2 && slices.Contains(classes, way{test: t.Name()}.class()) {
		ways.walked[t.Name()] = way{t.Name(), status, plainReason(reason)}
	}
}

// What differs from run to run is taken out of a reason.
var scrubs = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`((?i)127\.0\.0\.1|localhost\.?|\[::1\]|\w+\.invalid):\d+`), "$1:PORT"},
	{regexp.MustCompile(`(<secret:\w+#)[0-9a-f]+`), "$1…"},
	{regexp.MustCompile(`\S*/TestEvidence\S*/`), "…/"},
	{regexp.MustCompile(`\d+(\.\d+)? ms`), "… ms"},
	{regexp.MustCompile(`\s+`), " "},
}

func plainReason(s string) string {
	for _, scrub := range scrubs {
		s = scrub.find.ReplaceAllString(s, scrub.put)
	}
	const most = 230
	if r := []rune(strings.TrimSpace(s)); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strings.ReplaceAll(strings.TrimSpace(s), "|", `\|`)
}

// A judged is a run of tests that ends with the list held against what it walked.
type judged struct{ m *testing.M }

// Run is what testscript.Main calls.
func (j judged) Run() int {
	code := j.m.Run()
	dismissCrew()
	if code != 0 || len(ways.walked) == 0 {
		return code
	}
	if err := holdWays(flag.Lookup("test.run").Value.String()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// holdWays writes the list, or compares it: every way walked stands there with its
// test and status, and when all Evidence tests ran nothing else does, but what
// needs a machine of its own.
func holdWays(filter string) error {
	file := filepath.Join("..", "..", filepath.FromSlash(waysFile))
	all := filter == "" || filter == "Evidence"
	text, err := os.ReadFile(file)
	if *update && filter != "" {
		keep(string(text), all)
		return os.WriteFile(file, waysText(), 0o644)
	}
	if err != nil {
		return err
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| ") && strings.Contains(line, "`TestEvidence") {
			listed[waysKey(line)] = true
		}
	}
	for _, w := range ways.walked {
		key := waysKey(w.line())
		if !listed[key] {
			return fmt.Errorf("%s has no line %q: go test ./cmd/bgverify -run Evidence -update writes it anew", waysFile, key)
		}
		delete(listed, key)
	}
	for name := range ways.skipped {
		maps.DeleteFunc(listed, func(key string, _ bool) bool { return strings.HasPrefix(key, way{test: name}.begin()) })
	}
	for key := range listed {
		if all && runtime.GOOS == "linux" && !slices.ContainsFunc(alone, func(test string) bool { return strings.Contains(key, test) }) {
			return fmt.Errorf("%s has the line %q, but no test walks it: go test ./cmd/bgverify -run Evidence -update writes it anew", waysFile, key)
		}
	}
	return nil
}

// alone are the tests that are run only where BGVERIFY_EVIDENCE_LOAD or
// BGVERIFY_EVIDENCE_BUILD is set.
var alone = []string{"TestEvidenceLoadSlowRoute", "TestEvidenceIllComparator"}

// keep takes over from the list what was not walked: of all, or of the tests that
// need a machine of their own.
func keep(list string, all bool) {
	class := ""
	for line := range strings.Lines(list) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			class = strings.ReplaceAll(strings.TrimSpace(title), " ", "_")
		}
		cells := strings.SplitN(strings.TrimSpace(strings.Trim(strings.TrimSpace(line), "|")), " | ", 4)
		if len(cells) != 4 || !strings.HasPrefix(cells[1], "`TestEvidence") {
			continue
		}
		test := strings.Trim(cells[1], "`")
		name := test + "/" + class + "/" + strings.ReplaceAll(cells[0], " ", "_")
		if _, ok := ways.walked[name]; ok || all && !slices.Contains(alone, test) && !ways.skipped[name] {
			continue
		}
		status, err := strconv.Atoi(cells[2])
		if err == nil {
			ways.walked[name] = way{name, status, cells[3]}
		}
	}
}

// waysKey is what of a line is compared: all but the reason.
func waysKey(line string) string {
	cells := strings.Split(strings.TrimSpace(line), " | ")
	return strings.Join(cells[:min(3, len(cells))], " | ")
}

// classes are the kinds of attempts, in the order of the file: an empty PASS, then what
// hostile answers, careless files and signals lead to.
var classes = []string{"nothing_ran", "wrong_thing_tested", "together_broken", "one_of_twelve", "weakened", "both_fail_alike", "transport", "comparator_blind", "load_verdict_empty", "report_and_exit", "hostile_answers", "hostile_files", "stopped"}

func (w way) class() string { return strings.SplitN(w.test, "/", 3)[1] }

func sortedWays() []way {
	out := make([]way, 0, len(ways.walked))
	for _, w := range ways.walked {
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b way) int {
		return cmp.Or(slices.Index(classes, a.class())-slices.Index(classes, b.class()), strings.Compare(a.test, b.test))
	})
	return out
}

// begin is the line up to the status.
func (w way) begin() string {
	parts := strings.SplitN(w.test, "/", 3)
	name := strings.ReplaceAll(strings.ReplaceAll(parts[2], "_", " "), "|", `\|`)
	return fmt.Sprintf("| %s | `%s` | ", name, parts[0])
}

func (w way) line() string {
	return fmt.Sprintf("%s%d | %s |\n", w.begin(), w.status, w.reason)
}

func waysText() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Tested ways a run could pass without proof

Each row is an attempt to get a PASS that proves nothing, or to hide that green is broken. A test makes the attempt with the built binary against
services on this machine ("panic in a worker" runs inside the test). There are %d attempts; none exits 0.

Exit statuses: 1 green differs or is worse; 2 usage or scenario problem, nothing was sent; 3 could not be judged; 4 too little evidence; 129, 130 and 143
interrupted. The [glossary](glossary.md) explains the words. Run one row with `+"`go test ./cmd/bgverify -run 'TEST/CLASS/ATTEMPT'`"+`, with underscores for spaces.

`+"`go test ./cmd/bgverify -run Evidence -update`"+` writes this file; `+"`make test-evidence`"+` fails if it does not match the tests.
`, len(ways.walked))
	class := ""
	for _, w := range sortedWays() {
		if w.class() != class {
			class = w.class()
			fmt.Fprintf(&b, "\n## %s\n\n| attempt | test | status | reason given |\n| --- | --- | --- | --- |\n", strings.ReplaceAll(class, "_", " "))
		}
		b.WriteString(w.line())
	}
	return b.Bytes()
}
