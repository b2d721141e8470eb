package report

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/report/reporttest"
	"github.com/bgverify/bgverify/runner/run"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got), -update writes it anew\n%s", path, d)
	}
}

func textOf(t *testing.T, run *run.Run, opts TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, run, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextGolden(t *testing.T) {
	run := failing(600)
	for _, width := range []int{80, 120, 0} {
		golden(t, fmt.Sprintf("text-%d.golden", width), []byte(textOf(t, run, TextOptions{Width: width, Folder: "runs/2026-11-23T03-00-29Z-stb-7f3a", Digest: "sha256:3f2a"})))
	}
	golden(t, "text-vague.golden", []byte(textOf(t, reporttest.Run(reporttest.Options{Cases: 40, Loads: 1, Vague: true}), TextOptions{Width: 80})))
	golden(t, "text-ascii.golden", []byte(textOf(t, run, TextOptions{Width: 80, ASCII: true})))
	golden(t, "text-pass.golden", []byte(textOf(t, reporttest.Run(reporttest.Options{Cases: 10000, Loads: 1}), TextOptions{})))
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// TestTextFitsTheTerminal: no line of a report is wider than its terminal, and
// none ends in blanks, which a terminal would wrap as it does letters.
func TestTextFitsTheTerminal(t *testing.T) {
	cond := &runewidth.Condition{}
	mixed := failing(600)
	l := &mixed.Loads[0]
	l.Comparisons[1].Outcome = perf.Inconclusive
	for _, route := range []string{"GET epg /v1/schedule/CH0{{$int: 10..58}}", "GET home /v1/screen"} {
		c := l.Comparisons[2]
		c.Route, c.Role = route, perf.Guard
		l.Comparisons = append(l.Comparisons, c)
	}
	for _, width := range []int{80, 100, 120, 200} {
		for _, color := range []bool{false, true} {
			opts := TextOptions{Width: width, Color: color}
			vague := textOf(t, reporttest.Run(reporttest.Options{Cases: 40, Loads: 1, Vague: true}), opts)
			for line := range strings.Lines(textOf(t, mixed, opts) + vague) {
				line = escapes.ReplaceAllString(strings.TrimSuffix(line, "\n"), "")
				if strings.HasPrefix(line, "bgverify: ") {
					continue // one line, for programs
				}
				if got := cond.StringWidth(line); got > width || strings.HasSuffix(line, " ") {
					t.Errorf("width %d, colour %t: a line takes %d columns: %q", width, color, got, line)
				}
			}
		}
	}
}

// TestTextAlignsKorean: the last column of the gates begins in one column.
func TestTextAlignsKorean(t *testing.T) {
	cond := &runewidth.Condition{}
	at := -1
	for line := range strings.Lines(textOf(t, failing(600), TextOptions{Width: 120})) {
		i := strings.LastIndex(line, "✖ fail")
		if i < 20 || !strings.Contains(line, "load ") {
			continue
		}
		if got := cond.StringWidth(line[:i]); at < 0 {
			at = got
		} else if got != at {
			t.Errorf("the result begins in column %d, elsewhere in %d: %q", got, at, line)
		}
	}
	if at < 0 {
		t.Fatal("no gate of a load stage found")
	}
}

func TestTextIsHarmless(t *testing.T) {
	run := reporttest.Run(reporttest.Options{Seed: 5, Cases: 40, Differ: 1, Texts: []string{"\x1b[2J", "\n::add-mask::x", "\u202e", "\r\x00"}})
	run.End.Reasons = []string{"::error::x", "##vso[x]", "a\x1bb"}
	got := textOf(t, run, TextOptions{Width: 80})
	if strings.ContainsAny(got, "\x1b\r\x00\u202e") {
		t.Error("a control character reached the terminal")
	}
	for line := range strings.Lines(got) {
		if strings.HasPrefix(line, "::") || strings.HasPrefix(line, "##") {
			t.Errorf("a line begins as a workflow command: %q", line)
		}
	}
	ascii := textOf(t, failing(100), TextOptions{ASCII: true})
	for _, r := range ascii {
		if r > 0x7f {
			t.Errorf("the ASCII report holds %q", r)
			break
		}
	}
}

func TestPassIsShort(t *testing.T) {
	lines := strings.Count(textOf(t, reporttest.Run(reporttest.Options{Cases: 10000, Loads: 3}), TextOptions{}), "\n")
	if lines > 40 {
		t.Errorf("a passing run of 10,000 cases takes %d lines, want at most 40", lines)
	}
}
