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
		t.fill("  ", words.LoadWorker(&f.Workers[i]))
	}
	if len(f.Voids) > 0 {
		t.fill("  ", words.LoadVoids(f))
	}
}
