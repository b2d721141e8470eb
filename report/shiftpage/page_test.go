package shiftpage

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/machine"
)

// The page says how the walk ended, draws the share and the failures, and shows no markup of
// what a mechanism said.
func TestPage(t *testing.T) {
	at := time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)
	w := func(b, g int) *machine.Weights { return &machine.Weights{Blue: b, Green: g} }
	records := []*shift.Record{
		{Time: at, Kind: shift.RecordBegin, Begin: &shift.Begun{Walk: "api", How: "walk"}},
		{Time: at, Kind: shift.RecordRead, Weights: w(100, 0)},
		{Time: at, Kind: shift.RecordFirst, Weights: w(100, 0)},
		nil, // a torn line
		{Time: at.Add(time.Second), Kind: shift.RecordIntent, Weights: w(75, 25), From: w(100, 0), Name: "25%"},
		{Time: at.Add(2 * time.Second), Kind: shift.RecordRead, Weights: w(75, 25)},
		{Time: at.Add(2 * time.Second), Kind: shift.RecordSet, Weights: w(75, 25), Name: "25%"},
		{Time: at.Add(5 * time.Second), Kind: shift.RecordProbe, Probe: &shift.Sample{Green: 2, Pinned: 3, Failed: 1, Example: "<script>x</script>"}},
		{Time: at.Add(10 * time.Second), Kind: shift.RecordEnd, Outcome: "rolled back", Text: "1 answers of green failed"},
	}
	var out bytes.Buffer
	err := Write(&out, func(yield func(*shift.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	page := out.String()
	for _, want := range []string{
		"api: rolled back", "restores blue=100 green=0", "5 answers, 3 of them from green asked directly; 1 of green",
		"M0.0 220.0 V220.0 H180.0 V165.0 H900", `<rect class="f" x="450.0"`, "&lt;script&gt;", "1 answers of green failed",
		"<td>set</td><td>blue=75 green=25</td>", `class="end" x="900" y="314">` + at.Add(10*time.Second).Format("15:04:05"),
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q\n%s", want, page)
		}
	}
	if strings.Contains(page, "<script") {
		t.Error("what a mechanism said became markup")
	}
}
