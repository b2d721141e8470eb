package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/internal/text"
)

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// No verb ends as if its text had been read when standard output took none of it.
func TestOutputsOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	blue, green := write("blue.json", `{"a":1}`), write("green.json", `{"a":2}`)
	suite := write("suite.yaml", "suite: s\ncases: [{case: one, get: /a}]\n")
	for _, args := range [][]string{
		{"version"},
		{"--help"},
		{"validate", suite},
		{"list", suite},
		{"schema"},
		{"diff", blue, blue},
		{"diff", blue, green},
		{"diff", blue, green, "--output", "json"},
	} {
		var stderr bytes.Buffer
		status := execute(t.Context(), stdio{in: strings.NewReader(""), out: fullDisk{}, err: &stderr}, args)
		if status != statusBroken || !strings.Contains(stderr.String(), "no space left") || strings.Contains(stderr.String(), "hint") {
			t.Errorf("%q: status %d, want %d; %s", args, status, statusBroken, stderr.String())
		}
	}
}

// A defect of ours is broken: Go's status of a panic, 2, would say that nothing was sent.
func TestPanicsAreBroken(t *testing.T) {
	var stderr bytes.Buffer
	status := execute(t.Context(), stdio{in: strings.NewReader(""), out: trap{}, err: &stderr}, []string{"version"})
	if status != statusBroken || !strings.Contains(stderr.String(), "internal error: trap") {
		t.Errorf("status %d, want %d; %s", status, statusBroken, stderr.String())
	}
}

// A trap panics when it is written to.
type trap struct{}

func (trap) Write([]byte) (int, error) { panic("trap") }

// What a body holds does nothing to the terminal or the file that shows it.
func TestOutputsAreClean(t *testing.T) {
	const evil = "\u009b31m\u202ePASS\u2066\x7f"
	dir := t.TempDir()
	for name, body := range map[string]string{
		"blue.json": `{"` + evil + `":1,"v":"a","l":["x"]}`, "green.json": `{"v":"` + evil + `","new` + evil + `":"` + evil + `","l":["` + evil + `","x"]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, output := range []string{"text", "json", "patch"} {
		var out bytes.Buffer
		status := execute(t.Context(), stdio{in: strings.NewReader(""), out: &out, err: io.Discard}, []string{"diff", filepath.Join(dir, "blue.json"), filepath.Join(dir, "green.json"), "--output", output})
		if status != statusDifferent {
			t.Errorf("--output %s: status %d, want %d", output, status, statusDifferent)
		}
		if i := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && text.Hidden(r) }); i >= 0 {
			t.Errorf("--output %s holds %q at byte %d", output, out.String()[i:min(i+4, out.Len())], i)
		}
	}
}
