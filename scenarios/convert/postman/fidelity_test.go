package postman

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

// The table of docs/import.md is what an import of the shared collections gives.
func TestFidelity(t *testing.T) {
	const page, begin, end = "../../../docs/import.md", "-update -->\n", "<!-- end of fidelity -->"
	got := fidelityTable(t)
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(text), begin)
	old, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", page)
	}
	if *converttest.Update {
		if err := os.WriteFile(page, []byte(head+begin+got+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != got {
		t.Errorf("the table in %s is old (-update rewrites it); now it is\n%s", page, got)
	}
}

func fidelityTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| collection | requests | requests and data | assertions | captures | statements | in all |\n|---|---|---|---|---|---|---|\n")
	var sums [5]model.Count
	rest, restCount := [5]model.Count{}, 0
	requests, restRequests := 0, 0
	for _, item := range corpusItems(t) {
		result, err := Convert(item.in, item.opts)
		if err != nil {
			t.Fatal(err)
		}
		r := &result.Report
		row := [5]model.Count{{}, r.Count(model.Assertions), r.Count(model.Captures), r.Count(model.ScriptLines), r.Total()}
		for _, k := range r.Kinds() {
			if k != model.Assertions && k != model.Captures && k != model.ScriptLines {
				row[0] = plusCount(row[0], r.Count(k))
			}
		}
		n := r.Count(model.Requests).Total
		requests += n
		for i := range row {
			sums[i] = plusCount(sums[i], row[i])
		}
		if !strings.HasPrefix(item.name, "real/") {
			for i := range row {
				rest[i] = plusCount(rest[i], row[i])
			}
			restCount++
			restRequests += n
			continue
		}
		owner, name, _ := strings.Cut(strings.TrimPrefix(item.name, "real/"), "__")
		repo, name, _ := strings.Cut(name, "__")
		name = strings.TrimSuffix(strings.TrimSuffix(name, ".json"), ".postman_collection")
		writeRow(&b, fmt.Sprintf("%s/%s: %s", owner, repo, name), n, row)
	}
	writeRow(&b, fmt.Sprintf("%d more: test input of other tools (every odd form there is), v3 folders and their v2 twins", restCount), restRequests, rest)
	writeRow(&b, "**all**", requests, sums)
	return b.String()
}

func plusCount(a, b model.Count) model.Count {
	return model.Count{Mapped: a.Mapped + b.Mapped, Total: a.Total + b.Total}
}

func writeRow(b *strings.Builder, name string, requests int, row [5]model.Count) {
	fmt.Fprintf(b, "| %s | %d |", name, requests)
	for _, c := range row {
		if c.Total == 0 {
			b.WriteString(" – |")
			continue
		}
		fmt.Fprintf(b, " %s |", c)
	}
	b.WriteString("\n")
}
