package runner

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/fixtures"
	"github.com/bgverify/bgverify/scenarios"
)

func runTwin(t *testing.T, faults string) (*End, *memory) {
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
	files := os.DirFS("../scenarios/stb")
	suites, problems := scenarios.Load(files, []string{"."}, scenarios.LoadOptions{Now: time.Now(), Seed: 1, Demand: true, BlueURL: twin.BlueURL, GreenURL: twin.GreenURL})
	if problems.HasErrors() {
		var b strings.Builder
		_ = problems.Write(&b)
		t.Fatal(b.String())
	}
	sink := &memory{}
	end, err := Execute(t.Context(), &Plan{ID: "twin", Tool: Tool{Name: "bgverify"}, Suites: suites, Options: Options{Seed: 1, Part: OnlyCompare}, World: World{Now: time.Now, Files: files}}, sink, nil)
	if err != nil {
		t.Fatal(err)
	}
	return end, sink
}

func TestTwinHealthy(t *testing.T) {
	end, sink := runTwin(t, "")
	for _, c := range sink.sorted() {
		if c.Verdict != Pass {
			t.Logf("%s %s %v", c.ID, c.Verdict, c.Reasons)
		}
	}
	want(t, end, Pass)
	for _, g := range end.Gates {
		t.Logf("%-20s %-40s %-20s %s", g.Name, g.Measured, g.Limit, g.Verdict)
	}
	t.Log(end.Coverage, end.Counts, end.ElapsedMS)
	t.Log(strings.Join(end.Warnings, "\n"))
}

func TestTwinFaults(t *testing.T) {
	for _, doc := range fixtures.Faults() {
		t.Run(doc.Name, func(t *testing.T) {
			fault := doc.Name
			end, _ := runTwin(t, fault)
			t.Log(end.Verdict, "\n  "+strings.Join(end.Reasons, "\n  "))
		})
	}
}
