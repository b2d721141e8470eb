package report

import (
	"fmt"

	"github.com/bgverify/bgverify/runner"
)

// mostStated is how many findings without weight the top of a report has.
const mostStated = 3

// stated are the differences between the connections to blue and green that do
// not decide: what a reader of a pass must still know.
func stated(s *source) []string {
	all := runner.Stated(s.end.Transport)
	var out []string
	for _, f := range all[:min(mostStated, len(all))] {
		out = append(out, f.String())
	}
	if n := len(all) - mostStated; n > 0 {
		out = append(out, fmt.Sprintf("and %d more differences between the connections, in run.json", n))
	}
	return out
}
