package merge

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/fixtures"
	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// A rig runs suites into run folders: those of the twin, or files.
type rig struct {
	*testing.T
	root  string
	twin  *fixtures.Twin
	files fs.FS     // instead of the twin's suites
	sides [2]string // blue and green, with files
	part  runner.Part
}

// plan loads the twin's suites and chooses a part of their cases.
func (r *rig) plan(shard, of int) *runner.Plan {
	r.Helper()
	files, sides, cases := r.files, r.sides, []string(nil)
	if files == nil {
		files, sides = os.DirFS("../../../scenarios/stb"), [2]string{r.twin.BlueURL, r.twin.GreenURL}
		cases = []string{"stb-catalogue/title*", "stb-catalogue/paging", "stb-purchase/p*"}
	}
	suites, problems := scenarios.Load(files, []string{"."}, scenarios.LoadOptions{
		Now: time.Now(), Seed: 1, Demand: true, BlueURL: sides[0], GreenURL: sides[1],
	})
	if problems.HasErrors() {
		r.Fatal(problems)
	}
	whole := scenarios.SizeOf(suites)
	suites, err := scenarios.Select(suites, scenarios.Selection{Shard: shard, Of: of, Case: cases})
	if err != nil {
		r.Fatal(err)
	}
	for _, suite := range suites {
		for _, stage := range suite.Loads {
			stage.Duration, stage.WarmUp = 200*time.Millisecond, time.Millisecond // less than a file may ask for
		}
	}
	return &runner.Plan{
		Tool: run.Tool{Name: "bgverify"}, Suites: suites, Whole: whole, World: runner.World{Now: time.Now, Files: files},
		Options: runner.Options{Seed: 1, Part: r.part},
	}
}

// into walks a plan into a new folder and finishes it.
func (r *rig) into(plan *runner.Plan, walk func(*archive.Writer) (*run.End, error)) *archive.Folder {
	r.Helper()
	w, err := archive.Create(r.root, archive.Options{})
	if err != nil {
		r.Fatal(err)
	}
	defer w.Close()
	plan.ID = w.ID()
	if err := (&replay.Asked{Paths: []string{"."}}).Write(w); err != nil {
		r.Fatal(err)
	}
	if _, err := walk(w); err != nil {
		r.Fatal(err)
	}
	read, err := w.Run()
	if err != nil {
		r.Fatal(err)
	}
	format, _ := report.Lookup("json")
	if err := w.WriteFile(archive.RunFile, func(to io.Writer) error { return format.Write(to, read) }); err != nil {
		r.Fatal(err)
	}
	if _, err := w.Finish(); err != nil {
		r.Fatal(err)
	}
	folder, err := archive.Open(w.Path())
	if err != nil {
		r.Fatal(err)
	}
	return folder
}

// shard runs one part of the plan; of 0 is the whole.
func (r *rig) shard(shard, of int) *archive.Folder {
	plan := r.plan(shard, of)
	if of > 0 {
		plan.Flags = []string{fmt.Sprintf("--shard=%d/%d", shard, of)}
	}
	return r.into(plan, func(w *archive.Writer) (*run.End, error) { return runner.Execute(r.Context(), plan, w, nil) })
}

// merged runs all shards and merges them, given in the reverse order.
func (r *rig) merged(of int) *archive.Folder {
	var folders []*archive.Folder
	for i := of; i > 0; i-- {
		folders = append(folders, r.shard(i, of))
	}
	set, err := Open(folders, run.Tool{Name: "bgverify"})
	if err != nil {
		r.Fatal(err)
	}
	return r.whole(set)
}

// whole merges a set that was opened.
func (r *rig) whole(set *Set) *archive.Folder {
	r.Helper()
	plan := r.plan(0, 0)
	return r.into(plan, func(w *archive.Writer) (*run.End, error) { return set.Into(r.Context(), plan, w, nil) })
}

// finding is what must not depend on the split.
type finding struct {
	Verdict run.Verdict
	Counts  run.Counts
	Causes  []string
	Gates   []string
	Suites  []string
	Cases   []string
}

// found reads what a run came to. Counts of requests, mutants and created things are left out:
// they include the setups, which each shard has.
func (r *rig) found(f *archive.Folder) *finding {
	r.Helper()
	if err := f.Verify(); err != nil {
		r.Fatal(err)
	}
	read, err := f.Run()
	if err != nil {
		r.Fatal(err)
	}
	out := &finding{Verdict: read.End.Verdict, Counts: read.End.Counts}
	out.Counts.Requests = run.PerSide{}
	for _, c := range read.End.Causes {
		out.Causes = append(out.Causes, fmt.Sprintf("%+v", c))
	}
	for _, g := range read.End.Gates {
		measured := g.Measured
		if slices.Contains([]string{"services reachable", "accounting", "coverage", "created things taken back"}, g.Name) {
			measured = ""
		}
		out.Gates = append(out.Gates, fmt.Sprint(g.Name, g.Verdict, measured))
	}
	for i, s := range read.End.Suites {
		out.Suites = append(out.Suites, fmt.Sprint(read.Header.Suites[i].Name, s.Verdict, s.Counts.Cases))
	}
	for c, err := range read.Cases {
		if err != nil {
			r.Fatal(err)
		}
		for i := range c.Steps {
			if key := c.Steps[i].Exchange; key != "" {
				if pair, err := f.Pair(key); err != nil || pair == nil {
					r.Errorf("pair %s: %v, error %v", key, pair, err)
				}
			}
		}
		if c.Kind == "" {
			out.Cases = append(out.Cases, fmt.Sprint(c.Suite, " ", c.ID, c.Verdict))
		}
	}
	return out
}

// The law of merge: n shards of a plan come to what the whole comes to, whatever n.
func TestMergeIsTheWhole(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"", "price-as-string"} {
		t.Run("fault "+fault, func(t *testing.T) {
			t.Parallel()
			faults, err := fixtures.ParseFaults(fault)
			if err != nil {
				t.Fatal(err)
			}
			twin, err := fixtures.Start(fixtures.Options{Seed: 1, GreenFaults: faults})
			if err != nil {
				t.Fatal(err)
			}
			defer twin.Close()
			r := &rig{T: t, root: t.TempDir(), twin: twin, part: runner.OnlyCompare}
			want := r.found(r.shard(0, 0))
			if bad := want.Verdict == run.Fail; bad != (fault != "") {
				t.Fatalf("the whole run is %s", want.Verdict)
			}
			for n := 1; n <= 4; n++ {
				// One split of a healthy green is enough; of a broken one every split is
				// tried in the long form, here a whole that was not split and an uneven one.
				if n != 3 && (fault == "" || n != 1 && os.Getenv("BGVERIFY_LONG") == "") {
					continue
				}
				if d := cmp.Diff(want, r.found(r.merged(n))); d != "" {
					t.Errorf("%d shards (-whole +merged):\n%s", n, d)
				}
			}
		})
	}
}

// A shard whose verdict is graver than that of its results makes the whole as grave.
func TestMergeIsNeverLighter(t *testing.T) {
	t.Parallel()
	twin, err := fixtures.Start(fixtures.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer twin.Close()
	r := &rig{T: t, root: t.TempDir(), twin: twin, part: runner.OnlyCompare}
	folders := []*archive.Folder{r.shard(1, 2), r.shard(2, 2)}
	for _, v := range []run.Verdict{run.Broken, run.Fail} {
		set, err := Open(folders, run.Tool{Name: "bgverify"})
		if err != nil {
			t.Fatal(err)
		}
		set.shards[1].run.End.Verdict = v
		set.shards[1].run.End.Reasons = []string{"something outside of its cases"}
		plan := r.plan(0, 0)
		merged := r.found(r.into(plan, func(w *archive.Writer) (*run.End, error) { return set.Into(t.Context(), plan, w, nil) }))
		if merged.Verdict != v {
			t.Errorf("a shard is %s, the merged run %s", v, merged.Verdict)
		}
	}
	// A result that is missing is missed.
	set, err := Open(folders, run.Tool{Name: "bgverify"})
	if err != nil {
		t.Fatal(err)
	}
	part := set.shards[1].run
	all := part.Cases
	part.Cases = func(yield func(*run.CaseResult, error) bool) {
		skipped := false
		for c, err := range all {
			if c.Kind == "" && !skipped {
				skipped = true
				continue
			}
			if !yield(c, err) {
				return
			}
		}
	}
	plan := r.plan(0, 0)
	folder := r.into(plan, func(w *archive.Writer) (*run.End, error) { return set.Into(t.Context(), plan, w, nil) })
	read, err := folder.Run()
	if err != nil {
		t.Fatal(err)
	}
	if read.End.Verdict != run.Broken || !strings.Contains(read.End.Reasons[0], "shard 2 has ") {
		t.Errorf("a result is missing: %s %q", read.End.Verdict, read.End.Reasons)
	}
}
