package scenarios

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bgverify/bgverify/scenarios/problem"
)

// Hostile files are problems and never a crash. A quadratic walk over one of them
// would run into the test's time limit.
func TestHostileFiles(t *testing.T) {
	const ok = "cases: [{case: c, get: /}]\n"
	many := func(n int, line string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, line, i)
		}
		return b.String()
	}
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x]\n")
	for i := range 40 {
		bomb.WriteString(fmt.Sprintf("a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i))
	}
	var fan strings.Builder
	fan.WriteString("parts:\n")
	for i := range 15 {
		fan.WriteString(fmt.Sprintf("  p%d: [%s]\n", i, strings.Repeat(fmt.Sprintf("{use: p.yaml#p%d}, ", i+1), 10)))
	}
	fan.WriteString("  p15: [{step: x, get: /}]\n")
	tests := []struct{ name, text, want string }{
		{"100k flow nesting", "suite: s\nvars: " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), "nested more than 64 deep"},
		{"100k open brackets", "suite: s\nvars: " + strings.Repeat("{a: ", 100_000), "nested more than 64 deep"},
		{"100k block nesting", "suite: s\nvars:\n  " + strings.Repeat("- ", 100_000) + "x", "nested more than 64 deep"},
		{"100 deep", "suite: s\nvars: {a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}\n", "nested more than 64 deep"},
		{"over 1 MB", "suite: s\n" + ok + "#" + strings.Repeat("x", 1<<20), "larger than 1 MiB"},
		{"alias bomb", "suite: s\n" + bomb.String() + ok, "more than 200000 values"},
		{"200k scalars", "suite: s\nvars: [" + strings.Repeat("1,", 210_000) + "]\n", "more than 200000 values"},
		{"1 MB of braces", "suite: s\ndoc: " + strings.Repeat("{", 1<<19) + "\n", "nested more than 64 deep"},
		{"1 MB of unclosed placeholders", "suite: s\ndoc: x" + strings.Repeat("{{", 1<<18) + "\n" + ok, "takes no placeholders"},
		{"10k unquoted placeholders on a line", "suite: s\nvars: [" + strings.Repeat("{{x}},", 10_000) + "]\n" + ok, "must be quoted"},
		{"10k unknown variables in one text", "suite: s\ncases: [{case: c, post: /, side_effects: none, text: \"" + strings.Repeat("{{x}} ", 10_000) + "\"}]\n", "unknown variable"},
		{"8k unknown keys on a line", "suite: s\nvars: {}\ndefaults: {" + many(8_000, "k%d: 1, ") + "}\n" + ok, "unknown key"},
		{"one long line", "suite: s\nxx: \"" + strings.Repeat("한", 100_000) + "\"\n" + ok, "unknown key"},
		{"parts that multiply", "suite: s\ncases: [{case: c, steps: [{use: p.yaml#p0}]}]\n", "more than 10000"},
		{"control characters", "suite: s\ndoc: \"a\x07b\"\n" + ok, "control characters"},
		{"escaped control characters", "suite: s\ncases: [{case: c, get: /, headers: {A: \"a\\x00b\"}}]\n", "control character 0x00"},
		{"NUL", "suite: s\x00\n" + ok, "control characters"},
		{"invalid UTF-8", "suite: s\ndoc: \xff\xfe\n" + ok, "not UTF-8"},
		{"UTF-16", "\xff\xfes\x00u\x00i\x00", "not UTF-8"},
		{"directive", "%YAML 1.1\n---\nsuite: s\n" + ok, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, problems := Load(oneFile(tt.text, "p.yaml", fan.String()), []string{"x.yaml"}, LoadOptions{Now: today})
			var b bytes.Buffer
			if err := problems.Write(&b); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), tt.want) || tt.want != "" && !problems.HasErrors() {
				t.Errorf("want %q, got\n%s", tt.want, problem.Cut(b.String(), 2000))
			}
			for line := range strings.Lines(b.String()) {
				if len([]rune(line)) > 1200 {
					t.Errorf("a printed line has %d characters", len([]rune(line)))
					break
				}
			}
		})
	}
}

// Nothing outside the root is read, whatever it is called, and nothing that is
// not a regular file.
func TestPathsStayInside(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("secret.txt", "outside")
	write("root/inside.txt", "inside")
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(dir, "root", name)); err != nil {
			t.Skip(err)
		}
	}
	link("../secret.txt", "out.txt")
	link(filepath.Join(dir, "secret.txt"), "abs.txt")
	link("inside.txt", "in.txt")
	link("loop.txt", "loop.txt")
	link("/dev/zero", "zero")
	if err := syscall.Mkfifo(filepath.Join(dir, "root", "fifo"), 0o600); err != nil {
		t.Skip(err)
	}
	root, err := os.OpenRoot(filepath.Join(dir, "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for file, want := range map[string]string{
		"inside.txt": "", "in.txt": "", "./inside.txt": "", "a/../inside.txt": "",
		"../secret.txt": `"../secret.txt" leaves the scenario folder`, "a/../../secret.txt": `"a/../../secret.txt" leaves the scenario folder`,
		"/etc/passwd": `"/etc/passwd" is not a relative path`, `..\secret.txt`: `"..\\secret.txt" is not a relative path`, "C:/x": `"C:/x" is not a relative path`,
		"out.txt": "cannot read out.txt: a path may not leave the scenario folder", "abs.txt": "cannot read abs.txt: a path may not leave the scenario folder", "zero": "cannot read zero: a path may not leave the scenario folder",
		"fifo": "cannot read fifo: not a regular file", ".": "cannot read .: not a regular file", "loop.txt": "cannot read loop.txt: too many levels of symbolic links", "nope": "cannot read nope: no such file",
	} {
		for _, key := range []string{"post: /, side_effects: none, file: %s", "get: '/{{a | default: x}}', data: {file: %s, format: csv}", "get: /, expect: {snapshot: %s}"} {
			write("root/x.yaml", "suite: s\ncases: [{case: c, "+fmt.Sprintf(key, "'"+file+"'")+"}]\n")
			done := make(chan Problems, 1)
			go func() {
				_, problems := Load(root.FS(), []string{"x.yaml"}, LoadOptions{Now: today})
				done <- problems
			}()
			select {
			case problems := <-done:
				got := ""
				for _, p := range problems {
					if p.Kind == Error && !strings.Contains(p.Summary, "no rows") {
						got = p.Summary
					}
				}
				if got != want {
					t.Errorf("%s: got %q, want %q", fmt.Sprintf(key, file), got, want)
				}
			case <-time.After(2 * time.Minute):
				t.Fatalf("%s: reading waits for ever", file)
			}
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, name := range []string{"testdata/whole.txtar", "testdata/example.txtar"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	archives, err := filepath.Glob("testdata/wrong/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range archives {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range bytes.SplitAfter(data, []byte(".want --\n")) {
			f.Add(part)
		}
	}
	shipped, err := filepath.Glob("stb/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range shipped {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(fuzzLoad)
}
