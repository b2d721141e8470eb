// Package converttest helps to test imports: it loads what was written as the
// command does, and holds every import to the same laws. It is used by tests only.
package converttest

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

// Update makes [Golden] rewrite its files.
var Update = flag.Bool("update", false, "rewrite the golden files")

// Golden compares with a file, or rewrites it.
func Golden(t *testing.T, name, got string) {
	t.Helper()
	if *Update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got; -update rewrites it)\n%s", name, d)
	}
}

// Load reads the files of an import as bgverify does, and returns the suites and
// all text. An error in them fails the test.
func Load(t interface {
	Fatalf(string, ...any)
}, files []model.File,
) ([]*scenarios.Suite, string) {
	suites, problems := loadFiles(files)
	if problems.HasErrors() {
		var b strings.Builder
		problems.Write(&b)
		t.Fatalf("what was written does not load:\n%s\n%s", b.String(), Render(files))
	}
	return suites, Render(files)
}

// LoadClean is load for files in which not even a warning is expected, but for
// requests that nobody has reviewed yet.
func LoadClean(t interface {
	Fatalf(string, ...any)
}, files []model.File,
) ([]*scenarios.Suite, string) {
	for _, f := range files {
		if !utf8.Valid(f.Data) {
			t.Fatalf("%s is not UTF-8", f.Name)
		}
	}
	suites, problems := loadFiles(files)
	if problems = reviewed(problems); len(problems) > 0 {
		var b strings.Builder
		problems.Write(&b)
		t.Fatalf("what was written has problems:\n%s\n%s", b.String(), Render(files))
	}
	return suites, Render(files)
}

func loadFiles(files []model.File) ([]*scenarios.Suite, scenarios.Problems) {
	return scenarios.Load(fileSystem(files), []string{"."}, scenarios.LoadOptions{})
}

func fileSystem(files []model.File) fstest.MapFS {
	out := fstest.MapFS{}
	for _, f := range files {
		out[f.Name] = &fstest.MapFile{Data: f.Data}
	}
	return out
}

func reviewed(problems scenarios.Problems) scenarios.Problems {
	return slices.DeleteFunc(problems, func(p scenarios.Problem) bool {
		return p.Kind == scenarios.Warning && strings.Contains(p.Summary, "are not reviewed")
	})
}

// Problems loads files without and with each env file, and returns what is
// wrong with them, but for requests that nobody has reviewed yet.
func Problems(list []model.File, envs []*model.Env) (scenarios.Problems, []*scenarios.Suite) {
	files := fileSystem(list)
	suites, problems := scenarios.Load(files, []string{"."}, scenarios.LoadOptions{})
	for _, e := range envs {
		env, more := scenarios.LoadEnv(files, e.File, scenarios.LoadOptions{})
		problems = append(problems, more...)
		if env != nil {
			_, more = scenarios.Load(files, []string{"."}, scenarios.LoadOptions{Env: env})
			problems = append(problems, more...)
		}
	}
	return reviewed(problems), suites
}

// Render is all files in one text.
func Render(files []model.File) string {
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "-- %s --\n%s", f.Name, f.Data)
	}
	return b.String()
}

// Bare is YAML without what a mapping on one line has and one over lines has not.
func Bare(text string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("{", "", "}", "", ",", " ").Replace(text)), " ")
}

// EnvScope answers {{env.NAME}} with <NAME>, and variables of the suite.
type EnvScope struct{ Suite *scenarios.Suite }

func (s EnvScope) Lookup(name string) (scenarios.Value, bool, error) {
	if env, ok := strings.CutPrefix(name, "env."); ok {
		return scenarios.Value{Text: "<" + env + ">", JSON: `"<` + env + `>"`}, true, nil
	}
	for _, v := range s.Suite.Vars {
		if v.Name == name {
			out, err := v.Value.Expand(s)
			return out, true, err
		}
	}
	return scenarios.Value{}, false, nil
}

func (s EnvScope) Generate(generator string, _ []string, _ string, _ bool) (scenarios.Value, error) {
	if generator == "now" {
		return scenarios.Value{Text: "2026-01-01T00:00:00Z", JSON: `"2026-01-01T00:00:00Z"`}, nil
	}
	return scenarios.Value{Text: "<$" + generator + ">", JSON: `"<$` + generator + `>"`}, nil
}

// CheckImport holds an import to its laws: what is written loads, twice the same
// bytes come out, and no secret of the source is in the files.
func CheckImport(t testing.TB, files func(*model.Tree) []model.File, read func() (*model.Result, error)) {
	one, err := read()
	if err != nil {
		return
	}
	two, err := read()
	if err != nil {
		t.Fatalf("the second time: %v", err)
	}
	_, a := Load(t, files(&one.Tree))
	_, b := Load(t, files(&two.Tree))
	if a != b {
		t.Fatalf("two imports differ:\n%s\n%s", a, b)
	}
	if err := one.Report.Write(io.Discard); err != nil {
		t.Fatal(err)
	}
}

// QuoteJSON is a text as JSON.
func QuoteJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
