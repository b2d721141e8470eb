package scenarios

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// today is the day of every test.
var today = time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)

func noEnv(string) (string, bool) { return "", false }

func archiveFS(a *txtar.Archive) fstest.MapFS {
	fsys := fstest.MapFS{}
	for _, f := range a.Files {
		if !strings.HasSuffix(f.Name, ".want") {
			fsys[f.Name] = &fstest.MapFile{Data: f.Data}
		}
	}
	return fsys
}

func written(t *testing.T, p Problems) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Each wrong file in testdata/wrong has beside it exactly what is said of it.
func TestWrongFiles(t *testing.T) {
	archives, err := filepath.Glob("testdata/wrong/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	count := 0
	for _, name := range archives {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fsys := archiveFS(a)
		warnings := strings.HasSuffix(name, "warnings.txtar")
		for i, f := range a.Files {
			base, ok := strings.CutSuffix(f.Name, ".want")
			if !ok {
				continue
			}
			count++
			t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar")+"/"+base, func(t *testing.T) {
				read := Load
				if strings.HasSuffix(name, "clusters.txtar") || strings.HasSuffix(name, "notify.txtar") { // env files
					read = func(fsys fs.FS, paths []string, opts LoadOptions) ([]*Suite, Problems) {
						_, problems := LoadEnv(fsys, paths[0], opts)
						return nil, problems
					}
				}
				_, problems := read(fsys, []string{base + ".yaml"}, LoadOptions{Now: today, Getenv: noEnv})
				got := checkWrong(t, problems, warnings)
				if *update {
					a.Files[i].Data = []byte(got)
				} else if d := cmp.Diff(string(f.Data), got); d != "" {
					t.Errorf("problems of\n%s(-want +got):\n%s", fsys[base+".yaml"].Data, d)
				}
			})
		}
		if *update {
			if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if count < 80 {
		t.Errorf("only %d wrong files", count)
	}
}

func checkWrong(t *testing.T, problems Problems, warnings bool) string {
	t.Helper()
	if len(problems) == 0 {
		t.Error("no problem was found")
	}
	if problems.HasErrors() == warnings {
		t.Errorf("HasErrors is %v", problems.HasErrors())
	}
	for _, p := range problems {
		if p.Pos.File == "" || p.Summary == "" || p.Kind != Error && p.Kind != Warning || p.Width < 1 {
			t.Errorf("incomplete problem %+v", p)
		}
		if p.Source != "" && (p.Pos.Col < 1 || p.Pos.Col > len([]rune(p.Source))+1) {
			t.Errorf("column %d is outside the line %q", p.Pos.Col, p.Source)
		}
	}
	return written(t, problems)
}
