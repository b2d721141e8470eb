package report

import (
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// generators lists the machines that fired a load stage; nothing where one did.
func (t *textReport) generators(f *run.LoadFleet) {
	if f == nil {
		return
	}
	t.line("generators")
	for i := range f.Workers {
		for _, part := range t.wrapped(words.LoadWorker(&f.Workers[i]), 2) {
			t.line("  %s", part)
		}
	}
	if len(f.Voids) > 0 {
		for _, part := range t.wrapped(words.LoadVoids(f), 2) {
			t.line("  %s", part)
		}
	}
}
