package runner

import (
	"bytes"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bgverify/bgverify/fixtures"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

func runTwin(t *testing.T, faults string, cases ...string) (*run.End, *memory) {
	t.Helper()
	parsed, err := fixtures.ParseFaults(faults)
	if err != nil {
		t.Fatal(err)
	}
	twin, err := fixtures.Start(fixtures.Options{Seed: 1, GreenFaults: parsed})
	if err != nil {
		t.Fatal(err)
	}
	defer twin.Close()
	files := patient(t, os.DirFS("../scenarios/stb"))
	suites, problems := scenarios.Load(files, []string{"."}, scenarios.LoadOptions{Now: time.Now(), Seed: 1, Demand: true, BlueURL: twin.BlueURL, GreenURL: twin.GreenURL})
	if problems.HasErrors() {
		var b strings.Builder
		_ = problems.Write(&b)
		t.Fatal(b.String())
	}
	if suites, err = scenarios.Select(suites, scenarios.Selection{Case: cases}); err != nil {
		t.Fatal(err)
	}
	sink := &memory{}
	end, err := Execute(t.Context(), &Plan{ID: "twin", Tool: run.Tool{Name: "bgverify"}, Suites: suites, Options: Options{Seed: 1, Part: OnlyCompare}, World: World{Now: time.Now, Files: files}}, sink, nil)
	if err != nil {
		t.Fatal(err)
	}
	return end, sink
}

// patient gives the suites of a folder the time that a busy machine may need.
func patient(t *testing.T, folder fs.FS) fs.FS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(folder, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(folder, name)
		out[name] = &fstest.MapFile{Data: bytes.ReplaceAll(b, []byte("timeout: 5s"), []byte("timeout: 1m"))}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTwinHealthy(t *testing.T) {
	end, sink := runTwin(t, "")
	want(t, end, run.Pass)
	for _, c := range sink.sorted() {
		if c.Verdict != run.Pass {
			t.Errorf("%s %s %v", c.ID, c.Verdict, c.Reasons)
		}
	}
	if len(end.Warnings) > 0 {
		t.Errorf("warnings %q", end.Warnings)
	}
	for _, g := range end.Gates {
		t.Logf("%-20s %-40s %-20s %s", g.Name, g.Measured, g.Limit, g.Verdict)
	}
}

// TestTwinFaults: what each fault that needs no load comes to, and which words
// of the reasons name it.
func TestTwinFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault  string
		cases  string
		want   run.Verdict
		reason string
	}{
		{"price-as-string", "stb-catalogue/title", run.Fail, "price type, number -> string"},
		{"leak-blue-host", "stb-watch/first-picture", run.Fail, "green names blue"},
		{"stale-cache", "stb-purchase/purchase", run.Fail, "stb-purchase/purchase"},
		{"wrong-build", "stb-power-on/*", run.Broken, "must be the same, but blue is"},
		{"mixed-build=10%", "stb-power-on/*", run.Fail, "green is not one thing"},
		{"truncate", "stb-catalogue/titles-of-a-genre", run.Fail, "green: truncated"},
		{"foreign-session", "stb-watch/first-picture", run.Fail, "crossover B-G-B-G: green: expected status 201, got 401"},
		{"write-unreadable-by-blue", "stb-watch/bookmark", run.Fail, "crossover B-G-B-G: blue: expected status 2xx, got 500"},
		{"both-login-page", "stb-catalogue/title", run.Fail, "blue: answers with an HTML page"},
	}
	for _, tt := range tests {
		t.Run(tt.fault, func(t *testing.T) {
			t.Parallel()
			end, _ := runTwin(t, tt.fault, tt.cases)
			want(t, end, tt.want, tt.reason)
		})
	}
}
