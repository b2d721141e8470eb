package report

import (
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/runner/run"
)

// lastLine is the run in one line for programs: names and values without spaces.
func lastLine(src *source.Run, opts TextOptions) string {
	e := &src.End
	failed := 0
	for _, g := range e.Gates {
		if g.Verdict > run.Pass {
			failed++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "bgverify: verdict=%s exit=%d gates_failed=%d/%d cases=%d differ=%d causes=%d", e.Verdict, e.Verdict.ExitStatus(e.Signal),
		failed, len(e.Gates), e.Counts.Cases, e.Counts.Fail, len(e.Causes))
	if change, ok := worstP99(src.Result.Loads); ok {
		fmt.Fprintf(&b, " p99=%+.0f%%", change*100)
	}
	r := opts.Folder
	if r == "" {
		r = src.Head.ID
	}
	fmt.Fprintf(&b, " run=%s", strings.ReplaceAll(r, " ", "%20"))
	if opts.Digest != "" {
		fmt.Fprintf(&b, " digest=%s", opts.Digest)
	}
	return b.String()
}

// worstP99 is the greatest change of a whole stage's p99.
func worstP99(loads []run.LoadResult) (float64, bool) {
	worst, ok := 0.0, false
	for _, l := range loads {
		for _, c := range l.Comparisons {
			if c.Metric == perf.P99 && c.Route == "" && c.Blocks > 0 && (!ok || c.Change > worst) {
				worst, ok = c.Change, true
			}
		}
	}
	return worst, ok
}
