package postman

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

const corpusDir = "../../../../shared/corpus/postman"

// corpus is the collections of public repositories, read and never copied.
func corpus(t testing.TB) fs.FS {
	t.Helper()
	if _, err := os.Stat(filepath.Join(corpusDir, "INDEX.tsv")); err != nil {
		t.Skipf("no collections in %s", corpusDir)
	}
	return os.DirFS(corpusDir)
}

// A corpusItem is one collection with the files that stand next to it.
type corpusItem struct {
	name string // its path in the corpus
	in   source.Input
	opts Options
}

// corpusItems finds every collection: JSON files that are one, and v3 folders.
func corpusItems(t testing.TB) []corpusItem {
	all := corpus(t)
	var out []corpusItem
	err := fs.WalkDir(all, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".json" {
			return err
		}
		data, err := fs.ReadFile(all, name)
		if err != nil {
			return err
		}
		text, _, err := source.DecodeText(data)
		if err != nil || !bytes.Contains(text, []byte(`"item"`)) || strings.Contains(name, "environment.json") || strings.Contains(name, "cli-reports") {
			return nil
		}
		sub, err := fs.Sub(all, path.Dir(name))
		if err != nil {
			return err
		}
		item := corpusItem{name: name, in: source.Input{Files: sub, Name: path.Base(name)}}
		if !strings.HasPrefix(name, "real/") && !strings.HasPrefix(name, "conformance/newman/") || strings.Count(name, "/") > 2 {
			item.beside(t, sub, path.Base(name))
		}
		out = append(out, item)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range v3Roots(t, all) {
		sub, err := fs.Sub(all, dir)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, corpusItem{name: dir, in: source.Input{Files: sub, Name: path.Base(dir), Folder: true}})
	}
	return out
}

// beside adds the environment, globals and data of newman's own tests.
func (c *corpusItem) beside(t testing.TB, dir fs.FS, name string) {
	prefix, _, _ := strings.Cut(name, ".postman_")
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		kind, ok := strings.CutPrefix(e.Name(), prefix+".postman_")
		if !ok {
			continue
		}
		data, err := fs.ReadFile(dir, e.Name())
		if err != nil {
			t.Fatal(err)
		}
		f := model.File{Name: e.Name(), Data: data}
		switch {
		case strings.HasPrefix(kind, "environment"):
			c.opts.Envs = append(c.opts.Envs, f)
		case strings.HasPrefix(kind, "globals"):
			c.opts.Globals = &f
		case strings.HasPrefix(kind, "data"):
			c.opts.Data = &f
		}
	}
}

// v3Roots are the folders that are collections: the topmost ones with a definition.
func v3Roots(t testing.TB, all fs.FS) []string {
	var out []string
	err := fs.WalkDir(all, "v3/v3", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if _, err := fs.Stat(all, name+"/"+v3Definition); err == nil {
			out = append(out, name)
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(out, "v3/v3/core/wfs") // folders without a definition of their own around collections
}

// Every collection imports, what is written has no error, and importing twice
// gives the same bytes and the same report.
func TestCorpus(t *testing.T) {
	for _, item := range corpusItems(t) {
		t.Run(item.name, func(t *testing.T) {
			t.Parallel()
			result, err := Convert(item.in, item.opts)
			if err != nil {
				t.Fatalf("import: %v", err)
			}
			problems, _ := converttest.Problems(write.Files(&result.Tree), result.Tree.Envs)
			for _, p := range problems {
				if p.Kind == scenarios.Error {
					t.Errorf("%s\n    %s\n  hint: %s", p, p.Source, p.Hint)
				} else {
					t.Logf("%s\n    %s", p, p.Source)
				}
			}
			again, err := Convert(item.in, item.opts)
			if err != nil {
				t.Fatal(err)
			}
			if converttest.Render(write.Files(&result.Tree)) != converttest.Render(write.Files(&again.Tree)) {
				t.Error("a second import gives other files")
			}
			var first, second bytes.Buffer
			if err := errors.Join(result.Report.Write(&first), again.Report.Write(&second)); err != nil || first.String() != second.String() {
				t.Errorf("a second import gives another report (%v)", err)
			}
		})
	}
}

// twins are v3 folders and the v2 collections that hold the same requests.
var twins = []struct{ v3, v2, reason string }{
	{"Apigee", "apigee_apigee", "one request without folders"},
	{"pokemon", "pokemon_pokemon", "folders in folders, an environment"},
	{"restful-api.dev", "restfulapidev_restful-api.dev", "bare placeholders and comments in JSON"},
	{"core/bmp-create-runtime", "core_milestone_bmp-create-runtime", "auth of the collection"},
	{"core/milestone-setup", "core_milestone_milestone-setup", "deep folders"},
	{"core/persona-creation-and-setup", "core_milestone_persona-creation-and-setup", "XML bodies, system headers"},
	{"core/[sm] pq", "core_pq__sm__pq", "a name that no file system likes"},
	{"core/[sm] user-creation-with-ps-and-setup-pq", "core_pq__sm__user-creation-with-ps-and-setup-pq", "the largest"},
	{"core/pre-salesRep", "core_pq_pre-salesRep", "names with +"},
}

// A v3 folder and its v2 twin give the same suites.
func TestTwins(t *testing.T) {
	all := corpus(t)
	for _, x := range twins {
		t.Run(x.v2, func(t *testing.T) {
			folder, err := fs.Sub(all, "v3/v3/"+x.v3)
			if err != nil {
				t.Fatal(err)
			}
			a, err := Convert(source.Input{Files: folder, Name: path.Base(x.v3), Folder: true}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			flat, err := fs.Sub(all, "v3/v2-equivalent")
			if err != nil {
				t.Fatal(err)
			}
			b, err := Convert(source.Input{Files: flat, Name: x.v2 + ".postman_collection.json"}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range append(a.Tree.Suites, b.Tree.Suites...) {
				s.Doc = "" // descriptions were not kept alike
				for _, c := range s.Cases {
					c.Doc = ""
				}
			}
			if d := cmp.Diff(converttest.Render(write.Files(&b.Tree)), converttest.Render(write.Files(&a.Tree))); d != "" {
				t.Errorf("%s: the v3 form differs (-v2 +v3):\n%s", x.reason, d)
			}
		})
	}
}
