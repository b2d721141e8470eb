package merge

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
)

// counters are two suites with load. Each setup is given another number, which the cases
// must hear again; the second suite has a service and an identity that the first lacks.
var counters = fstest.MapFS{
	"a.yaml": {Data: []byte(`suite: a
identity: [{get: /build, at: $.build, must: differ}]
rules: [{at: $.build, do: ignore, why: each side is one}, {at: $.visit, do: ignore, why: each side counts}]
setup: [{step: in, get: /new, capture: {visit: $.visit}}]
cases:
  - {case: echo, data: {rows: [{row: 1}, {row: 2}, {row: 3}, {row: 4}, {row: 5}]}, get: "/echo?visit={{visit}}&row={{row}}", expect: {body: {"$.visit": "{{visit}}"}}}
load:
  - {load: first, steps: [{case: echo}], rate: 40/s, warmup: 0s, duration: 1s}
  - {load: second, steps: [{case: echo}], rate: 40/s, warmup: 0s, duration: 1s}
`)},
	"b.yaml": {Data: []byte(`suite: b
identity: [{get: /build, at: $.build, must: differ}, {get: /cdn, at: $.build, must: differ}]
rules: [{at: $.build, do: ignore, why: each side is one}]
cases:
  - {case: other, data: {rows: [{row: 1}, {row: 2}]}, get: "/other?row={{row}}"}
load:
  - {load: third, steps: [{case: other}], rate: 40/s, warmup: 0s, duration: 1s}
`)},
}

// A counting is a service that gives every visitor of /new the next number.
type counting struct {
	name string
	n    atomic.Int64
}

func (c *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{"build": c.name, "path": r.URL.Path}
	switch r.URL.Path {
	case "/new":
		answer["visit"] = fmt.Sprint("visit-", c.n.Add(1))
	case "/echo":
		answer["visit"], answer["row"] = r.URL.Query().Get("visit"), r.URL.Query().Get("row")
	case "/other":
		answer["row"] = r.URL.Query().Get("row")
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func countersRig(t *testing.T, part runner.Part) *rig {
	r := &rig{T: t, root: t.TempDir(), files: counters, part: part}
	for i, name := range []string{"blue-7", "green-8"} {
		server := httptest.NewServer(&counting{name: name})
		t.Cleanup(server.Close)
		r.sides[i] = server.URL
	}
	return r
}

// loads is what the load stages of a run say that does not depend on the moment.
func loads(t *testing.T, f *archive.Folder) []string {
	t.Helper()
	read, err := f.Run()
	if err != nil {
		t.Fatal(err)
	}
	out := []string{fmt.Sprint(read.Header.Planned), fmt.Sprint(read.End.Sides), fmt.Sprintf("%q", read.End.Warnings)}
	for _, l := range read.Loads {
		again, err := replay.JudgeLoad(f, read, &l, nil)
		if err != nil || again.Verdict != l.Verdict {
			t.Fatalf("load %s: its records give %+v, error %v", l.Name, again, err)
		}
		out = append(out, fmt.Sprint(l.Suite, l.Name, l.At, l.Verdict, l.Rate, l.Requests, l.Services))
	}
	for _, s := range read.End.Suites {
		out = append(out, fmt.Sprint(s.Verdict, s.Counts.Cases))
	}
	return out
}

// The law of merge for suites with load, services and identities that not every shard has:
// the whole says the same of them.
func TestMergeOfLoadIsTheWhole(t *testing.T) {
	if os.Getenv("BGVERIFY_TORTURE") == "" {
		t.Skip("load of a minute: set BGVERIFY_TORTURE, as make test-fleet does")
	}
	r := countersRig(t, runner.Both)
	want := loads(t, r.shard(0, 0))
	for n := 1; n <= 4; n++ {
		if d := cmp.Diff(want, loads(t, r.merged(n))); d != "" {
			t.Errorf("%d shards (-whole +merged):\n%s", n, d)
		}
	}
}

// Load stages that are lost, doubled or bad in a shard are so in the merged run; only where
// all of them passed it passes.
func TestMergedLoadIsNeverLighter(t *testing.T) {
	r := countersRig(t, runner.OnlyCompare)
	folders := []*archive.Folder{r.shard(1, 2), r.shard(2, 2)}
	r.part = runner.Both
	var reasons []string
	verdictOf := func(change func(shards []*shard)) run.Verdict {
		set, err := open(folders)
		if err != nil {
			t.Fatal(err)
		}
		for i, names := range [][]string{{"first", "third"}, {"second"}} {
			s := set.shards[i].run
			s.End.Verdict, s.Header.Planned.Loads = run.Pass, len(names)
			for _, name := range names {
				l := run.LoadResult{Name: name, Verdict: run.Pass, Reason: "no worse"}
				if name == "third" {
					l.Suite = 1
				}
				s.Loads = append(s.Loads, l)
			}
		}
		if change != nil {
			change(set.shards)
		}
		f := r.whole(set)
		read, err := f.Run()
		if err != nil {
			t.Fatal(err)
		}
		if answer := (archive.Gate{Now: time.Now()}).Check(f); answer.Verdict < read.End.Verdict {
			t.Errorf("the run is %s, its gate %s", read.End.Verdict, answer.Verdict)
		}
		reasons = read.End.Reasons
		return read.End.Verdict
	}
	if got := verdictOf(nil); got != run.Pass {
		t.Errorf("all stages passed: the merged run is %s: %q", got, reasons)
	}
	for _, row := range []struct {
		name   string
		change func([]*shard)
		want   run.Verdict
	}{
		{"worse", func(s []*shard) { s[1].run.Loads[0].Verdict = run.Fail }, run.Fail},
		{"broken", func(s []*shard) { s[0].run.Loads[0].Verdict = run.Broken }, run.Broken},
		{"inconclusive", func(s []*shard) { s[0].run.Loads[1].Verdict = run.Inconclusive }, run.Inconclusive},
		{"lost", func(s []*shard) { s[0].run.Loads = s[0].run.Loads[:1] }, run.Broken},
		{"of two shards", func(s []*shard) { s[1].run.Loads = append(s[1].run.Loads, s[0].run.Loads[0]) }, run.Broken},
		{"of another plan", func(s []*shard) { s[1].run.Loads[0].Name = "fourth" }, run.Broken},
		{"the shard failed elsewhere", func(s []*shard) { s[1].run.End.Verdict = run.Fail }, run.Fail},
		{"the shard was interrupted", func(s []*shard) { s[1].run.End.Verdict = run.Interrupted }, run.Interrupted},
	} {
		if got := verdictOf(row.change); got != row.want {
			t.Errorf("%s: the merged run is %s, want %s: %q", row.name, got, row.want, reasons)
		}
	}
}

func open(folders []*archive.Folder) (*Set, error) { return Open(folders, run.Tool{Name: "bgverify"}) }

// A case of a merged run is judged again with what the setup of its own shard captured.
func TestRediffOfMerged(t *testing.T) {
	r := countersRig(t, runner.OnlyCompare)
	from := r.merged(3)
	read, err := from.Run()
	if err != nil {
		t.Fatal(err)
	}
	var numbers []int
	for c, err := range read.Cases {
		if err != nil {
			t.Fatal(err)
		}
		if c.Kind == "" {
			numbers = append(numbers, c.Session)
		}
	}
	if want := []int{0, 2, 3, 0, 2, 0, 0}; !slices.Equal(numbers, want) {
		t.Errorf("the cases had the setups %d, want %d", numbers, want)
	}
	plan := r.plan(0, 0)
	again := r.into(plan, func(w *archive.Writer) (*run.End, error) {
		read.Pair = replay.StandIns(from, w.Secret)
		return runner.Rejudge(t.Context(), plan, read, w, nil)
	})
	// Both have the same setups and teardowns too.
	if d := cmp.Diff(everything(t, from), everything(t, again)); d != "" {
		t.Errorf("judged again (-merged +again):\n%s", d)
	}
}

// A shard in which green showed no identity that it showed before is marked.
func TestShardsApart(t *testing.T) {
	r := countersRig(t, runner.OnlyCompare)
	folders := []*archive.Folder{r.shard(1, 2), r.shard(2, 2)}
	for _, row := range []struct {
		identity map[string]string
		want     bool
	}{{map[string]string{"/build": "green-8"}, false}, {map[string]string{"/cdn": "green-8"}, true}, {nil, true}} {
		set, err := open(folders)
		if err != nil {
			t.Fatal(err)
		}
		set.shards[0].run.End.Sides.Green.Identity = map[string]string{"/build": "green-8"}
		set.shards[1].run.End.Sides.Green.Identity = row.identity
		if got := set.Sources(); got[0].Apart || got[1].Apart != row.want {
			t.Errorf("%v: apart %v, %v, want %v", row.identity, got[0].Apart, got[1].Apart, row.want)
		}
	}
}

// everything is the verdict of a run and of each of its results.
func everything(t *testing.T, f *archive.Folder) []string {
	t.Helper()
	read, err := f.Run()
	if err != nil {
		t.Fatal(err)
	}
	out := []string{read.End.Verdict.String()}
	for c, err := range read.Cases {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(c.ID, c.Session, c.Verdict, c.Reasons))
	}
	slices.Sort(out)
	return out
}

// Shards that do not belong together are refused, whichever of them is the odd one.
func TestUnlikeShards(t *testing.T) {
	r := countersRig(t, runner.OnlyCompare)
	folders := []*archive.Folder{r.shard(1, 3), r.shard(2, 3), r.shard(3, 3)}
	for _, row := range []struct {
		name   string
		change func(s *shard)
		want   string
	}{
		{"other variables", func(s *shard) { s.asked.Variables = map[string]string{"BGVERIFY_VAR_region": "1"} }, "other values than"},
		{"another build", func(s *shard) {
			for name := range s.run.End.Sides.Green.Identity {
				s.run.End.Sides.Green.Identity[name] = "green-9"
			}
		}, "green identity"},
		{"another service", func(s *shard) { s.run.End.Sides.Blue.Services = map[string]string{"cdn": "http://other"} }, "blue service cdn"},
		{"another version", func(s *shard) { s.run.Header.Tool.Version = "0.1" }, "0.1"},
		{"another number of shards", func(s *shard) { s.of = 4 }, "/4"},
		{"a number twice", func(s *shard) { s.number = s.number%3 + 1 }, "already"},
	} {
		for odd := range folders {
			set := &Set{}
			var wrong problems
			for _, f := range folders {
				s, err := read(f, &wrong)
				if err != nil {
					t.Fatal(err)
				}
				if s.number > 1 { // the first shard lacks the service
					s.run.End.Sides.Blue.Services = map[string]string{"cdn": "http://one"}
				}
				set.shards = append(set.shards, s)
			}
			row.change(set.shards[odd])
			err := set.check(run.Tool{Name: "bgverify"})
			var mistake *hint.Error
			if err == nil || !errors.As(err, &mistake) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%s in shard %d: error %v, want one that contains %q", row.name, odd+1, err, row.want)
			}
		}
	}
}
