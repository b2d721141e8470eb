package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A PreflightReport is what was found before the first request.
type PreflightReport struct {
	Down    []DownService
	Same    []string // services whose two sides are one place
	Stop    string   // why nothing is sent at all; empty: the run goes on
	Checked int      // services, of both sides
	Missing int      // of those, unreachable
}

// isDown reports whether a side's service was found unreachable.
func (r *PreflightReport) isDown(side scenarios.Side, name string) bool {
	return slices.ContainsFunc(r.Down, func(d DownService) bool { return d.Side == side && d.Name == name })
}

type DownService struct {
	Side  scenarios.Side
	Name  string
	Label string
	Err   *wire.Err
}

func (r *PreflightReport) DownText(side scenarios.Side) string {
	var out []string
	for _, d := range r.Down {
		if d.Side == side {
			out = append(out, fmt.Sprintf("%s: %s: %s", d.Label, d.Err.Class, d.Err.Detail))
		}
	}
	return strings.Join(out, "; ")
}
