package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/shell"

	"github.com/bgverify/bgverify/fixtures"
)

// The manual is executed. In README.md, docs/*.md and docs/ko/README.md
//
//   - a fenced block whose info string holds file=NAME is a file of the page's folder,
//   - a fenced console block is a session: each line "$ bgverify …" is run there with
//     BLUE and GREEN standing for the embedded services at 127.0.0.1:8081 and :8082,
//     "# exit N" behind it says how it ends (0 otherwise), and the lines below it are
//     what it prints, where a line "..." stands for any lines and "…" in a line for any text.
//   - a console block whose info string holds needs=NAME is run where BGVERIFY_REAL names
//     that service: .ci/test-real starts it on the ports of the page. It is skipped elsewhere.

type docBlock struct {
	line int
	info string
	body []string
}

func TestDocs(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	// docs/ko/guide.md has the blocks of docs/guide.md: TestGuidesHaveTheSameBlocks.
	for _, page := range append(pages, "../../README.md", "../../docs/ko/README.md") {
		t.Run(strings.TrimPrefix(filepath.ToSlash(page), "../../"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			runPage(t, page, fencedBlocks(string(text)))
		})
	}
}

func runPage(t *testing.T, page string, blocks []docBlock) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := copyScenarios(root, dir); err != nil {
		t.Fatal(err)
	}
	services, err := fixtures.Start(fixtures.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(services.Close)
	addresses := strings.NewReplacer("http://127.0.0.1:8081", services.BlueURL, "http://127.0.0.1:8082", services.GreenURL)
	for _, b := range blocks {
		if name, ok := infoValue(b.info, "file="); ok {
			full := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(full, []byte(addresses.Replace(strings.Join(b.body, "\n"))+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if strings.Fields(b.info + " -")[0] == "console" {
			if name, ok := infoValue(b.info, "needs="); ok && !slices.Contains(strings.Split(os.Getenv("BGVERIFY_REAL"), ","), name) {
				t.Logf("%s:%d: skipped: it needs %s (make test-real)", page, b.line, name)
				continue
			}
			runSession(t, dir, page, b, addresses)
		}
	}
}

func runSession(t *testing.T, dir, page string, b docBlock, addresses *strings.Replacer) {
	for i := 0; i < len(b.body); i++ {
		command, ok := strings.CutPrefix(b.body[i], "$ bgverify ")
		if !ok {
			continue
		}
		at := b.line + i + 1
		status := 0
		if before, n, found := strings.Cut(command, "# exit "); found {
			command = before
			var err error
			if status, err = strconv.Atoi(strings.TrimSpace(n)); err != nil {
				t.Fatalf("%s:%d: %v", page, at, err)
			}
		}
		var want []string
		for i+1 < len(b.body) && !strings.HasPrefix(b.body[i+1], "$ ") {
			i++
			want = append(want, b.body[i])
		}
		got, code := runLine(t, dir, addresses.Replace(command))
		if code != status {
			t.Errorf("%s:%d: bgverify %s: exit status %d, want %d\n%s", page, at, command, code, status, got)
		}
		if len(want) > 0 && !matchesLines(want, got) {
			t.Errorf("%s:%d: bgverify %s printed\n%s\nthe page says\n%s", page, at, command, got, strings.Join(want, "\n"))
		}
	}
}

// runLine runs this test binary as bgverify, through a shell where the line asks more of one than
// quoting, which means what it means to a reader.
func runLine(t *testing.T, dir, command string) (string, int) {
	t.Helper()
	environ := append(os.Environ(), "LC_ALL=C.UTF-8")
	if !strings.ContainsAny(command, "|&;<>()$`*?[#~") {
		words, err := shell.Fields(command, nil)
		if err != nil {
			t.Fatal(err)
		}
		came, err := ordered(order{Dir: dir, Env: environ, Args: words, Together: true})
		if err != nil {
			t.Fatal(err)
		}
		return string(came.Out), came.Status
	}
	self, err := exec.LookPath("bgverify") // put on PATH by testscript.Main
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", "exec "+self+" "+command)
	cmd.Dir = dir
	cmd.Env = environ
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// matchesLines compares what a page says with what was printed.
func matchesLines(want []string, got string) bool {
	var pattern strings.Builder
	pattern.WriteString(`\A`)
	for _, line := range want {
		if strings.TrimSpace(line) == "..." {
			pattern.WriteString(`(?:[^\n]*\n)*?`)
			continue
		}
		parts := strings.Split(strings.TrimRight(line, " "), "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern.WriteString(strings.Join(parts, `[^\n]*`) + ` *\n`)
	}
	pattern.WriteString(`\n*\z`)
	ok, err := regexp.MatchString(pattern.String(), strings.TrimRight(got, "\n")+"\n")
	return err == nil && ok
}

// infoValue is the value of a key in a block's info string.
func infoValue(info, key string) (string, bool) {
	for f := range strings.FieldsSeq(info) {
		if name, ok := strings.CutPrefix(f, key); ok {
			return name, true
		}
	}
	return "", false
}

func fencedBlocks(text string) []docBlock {
	var blocks []docBlock
	var open *docBlock
	for i, line := range strings.Split(text, "\n") {
		info, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && open == nil:
			open = &docBlock{line: i + 1, info: info}
		case fence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.body = append(open.body, line)
		}
	}
	return blocks
}

// The Korean guide is the English one in another language: what a reader types
// and sees is the same.
func TestGuidesHaveTheSameBlocks(t *testing.T) {
	var blocks [2][]docBlock
	for i, page := range []string{"../../docs/guide.md", "../../docs/ko/guide.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks[i] = fencedBlocks(string(text))
	}
	english, korean := blocks[0], blocks[1]
	if len(english) != len(korean) {
		t.Fatalf("the English guide has %d blocks, the Korean one %d", len(english), len(korean))
	}
	for i := range english {
		if !slices.Equal(english[i].body, korean[i].body) || english[i].info != korean[i].info {
			t.Errorf("block %d differs: docs/guide.md:%d and docs/ko/guide.md:%d", i+1, english[i].line, korean[i].line)
		}
	}
}

// The files of examples/ are the blocks of the cookbook, which TestDocs runs.
func TestExamples(t *testing.T) {
	page, err := os.ReadFile("../../docs/cookbook.md")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, b := range fencedBlocks(string(page)) {
		if name, ok := infoValue(b.info, "file="); ok {
			want[name] = strings.Join(b.body, "\n") + "\n"
		}
	}
	for name, text := range want {
		full := filepath.Join("../..", name)
		if *update {
			if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(full); err != nil || string(got) != text {
			t.Errorf("%s is not the block of docs/cookbook.md (%v): run with -update", name, err)
		}
	}
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := filepath.ToSlash(strings.TrimPrefix(f, "../../")); want[name] == "" {
			t.Errorf("%s is in no block of docs/cookbook.md, so nothing runs it", name)
		}
	}
}
