package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// What calibrate learns from blue alone is taken as rules: a regression where blue
// was noisy is still found, or nothing is proven.
func TestEvidenceLearnedNoise(t *testing.T) {
	t.Parallel()
	// noisy answers with another count each time.
	noisy := func(body string) http.HandlerFunc {
		var asked atomic.Int64
		return func(w http.ResponseWriter, r *http.Request) {
			n := 1000 + asked.Add(1)
			if strings.HasPrefix(body, `{"views"`) { // up and down: a count would get a tolerance, which compares
				n = n * 7919 % 1009
			}
			says(fmt.Sprintf(body, n))(w, r)
		}
	}
	for _, row := range []struct {
		name, blue, green string
		status            int
		reason            string
		alone             bool // nothing but what is noisy is in the answer
	}{
		{"the type where blue is noisy", `{"code":0,"views":%d}`, `{"code":0,"views":"%d"}`, 1, `\$\.views`, false},
		{"the value where blue is noisy is gone", `{"code":0,"views":%d}`, `{"code":0,"view":%d}`, 1, `\$\.view`, false},
		{"beside what is noisy", `{"code":0,"views":%d}`, `{"code":7,"views":%d}`, 1, `\$\.code changed`, false},
		{"everything is noisy", `{"views":%d}`, `{"views":9%d}`, 4, `no value|share|compared`, true},
	} {
		t.Run("comparator_blind/learned noise swallowing the regression/"+row.name, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			blue := serve(t, noisy(row.blue))
			e.file("suite.yaml", one)
			learned := e.bgverify("calibrate", "suite.yaml", "--blue", blue, "--rounds", "3", "--settle", "0", "--no-progress")
			if row.alone { // a rule would leave nothing to compare, so none is proposed
				if learned.status != 4 || !strings.Contains(learned.out.String(), "would leave 0 of 1 value") {
					t.Fatalf("exit status %d of calibrate, want 4 and why no rule is proposed:\n%s%s", learned.status, &learned.out, &learned.err)
				}
				e.file("suite.yaml", "suite: one\nrules: [{at: $.views, do: ignore, why: a counter}]\ncases:\n  - {case: item, get: /item}\n")
				e.bgverify("run", "suite.yaml", "--blue", blue, "--green", serve(t, noisy(row.green))).ends(row.status, row.reason, "")
				return
			}
			if learned.status != 0 || !strings.Contains(learned.out.String(), "views") {
				t.Fatalf("exit status %d of calibrate, and no rule for what is noisy:\n%s%s", learned.status, &learned.out, &learned.err)
			}
			e.file("suite.yaml", "suite: one\n"+learned.out.String()+"cases:\n  - {case: item, get: /item}\n")
			e.bgverify("run", "suite.yaml", "--blue", blue, "--green", serve(t, noisy(row.green))).ends(row.status, row.reason, "")
		})
	}
}

// built is this program with one file of its source replaced: what the binary does
// when its own comparison is ill.
func built(t *testing.T, file string, edit func(source string) string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, filepath.FromSlash(file))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ill := edit(string(text))
	if ill == string(text) {
		t.Fatalf("%s is as it was", file)
	}
	dir := t.TempDir()
	other, binary := filepath.Join(dir, "other.go"), filepath.Join(dir, "bgverify")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: other}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{other: []byte(ill), filepath.Join(dir, "overlay.json"): overlay} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, "./cmd/bgverify")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return binary
}

// The binary is built anew with a comparison that is ill, and does not pass. A
// minute of compilation where nothing is cached: make test-evidence asks for it.
func TestEvidenceIllComparator(t *testing.T) {
	if os.Getenv("BGVERIFY_EVIDENCE_BUILD") == "" {
		t.Skip("builds the program again: set BGVERIFY_EVIDENCE_BUILD=1")
	}
	t.Parallel()
	// What the comparison does is told by a variable: one build serves all rows.
	const begin = "func CompareMessages(blue, green *Message, rules *Rules, seen *Bijections) Result {\n"
	const ill = begin + `	switch os.Getenv("ILL") {
	case "panics":
		if len(blue.Body) > 0 {
			panic("trap")
		}
	case "blind":
		green = blue
	case "silent":
		if blue.Status == green.Status {
			return Result{Leaves: Leaves{Seen: 1, Compared: 1}}
		}
	}
`
	binary := built(t, "diff/message.go", func(source string) string {
		return strings.Replace(strings.Replace(source, begin, ill, 1), "import (\n", "import (\n\t\"os\"\n", 1)
	})
	var many strings.Builder
	many.WriteString("suite: one\ncases:\n")
	for i := range 60 {
		fmt.Fprintf(&many, "  - {case: item-%d, get: /item/%d}\n", i, i)
	}
	for _, row := range []struct {
		name, ill string
		status    int
		reason    string
	}{
		{"it panics", "panics", 3, `internal error: trap at .*\.go:\d+`},
		{"it compares blue with itself", "blind", 3, `negative control: the comparison does not find a change of \w+ at \S+ that was made on purpose`},
		{"it finds nothing", "silent", 3, `negative control: the comparison does not find a change of \w+ at \S+ that was made on purpose`},
	} {
		t.Run("comparator_blind/an internal error in the comparator/"+row.name, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			e.file("suite.yaml", many.String())
			e.env = append(e.env, "ILL="+row.ill)
			cmd := e.command("run", "suite.yaml", "--run-id", "it", "--blue", serve(t, says(`{"a":1}`)), "--green", serve(t, says(`{"a":2}`)))
			cmd.Path = binary
			e.wait(cmd).ends(row.status, row.reason, "")
		})
	}
}
