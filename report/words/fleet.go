package words

import (
	"fmt"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
)

// LoadWorker says what one machine of a fleet did in a load stage. Times are those of its clock
// against the coordinator's, and the lateness of its requests. The host is made safe here, as
// it comes from another machine.
func LoadWorker(w *run.LoadWorker) string {
	line := fmt.Sprintf("worker %d (%s): clock off by %.1f ms (within %.1f ms), lateness p99 %s, CPU %s, %s fired",
		w.Number, text.Visible(w.Host), w.OffsetMS, w.BoundMS, text.Seconds(w.LatenessP99MS/1000), text.Percent(w.CPU),
		text.Count(w.Shares, "share"))
	if w.Voided > 0 {
		line += fmt.Sprintf(", %s void", text.Count(w.Voided, "slice"))
	}
	if w.Lost {
		line += ", lost"
	}
	return line
}

// LoadVoids says which slices of a stage several machines fired and that were not judged. There has to
// be at least one.
func LoadVoids(f *run.LoadFleet) string {
	last := f.Voids[len(f.Voids)-1]
	return fmt.Sprintf("%s void and not judged, the last one because %s", text.Count(len(f.Voids), "slice"), text.Visible(last.Why))
}
