package runner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A preflightReport is what was found before the first request.
type preflightReport struct {
	down    []downService
	same    []string // services whose two sides are one place
	stop    string   // why nothing is sent at all; empty: the run goes on
	checked int      // services, of both sides
	missing int      // of those, unreachable
}

// isDown reports whether a side's service was found unreachable.
func (r *preflightReport) isDown(side scenarios.Side, name string) bool {
	return slices.ContainsFunc(r.down, func(d downService) bool { return d.side == side && d.name == name })
}

type downService struct {
	side  scenarios.Side
	name  string
	label string
	err   *wire.Err
}

func (r *preflightReport) downText(side scenarios.Side) string {
	var out []string
	for _, d := range r.down {
		if d.side == side {
			out = append(out, fmt.Sprintf("%s: %s: %s", d.label, d.err.Class, d.err.Detail))
		}
	}
	return strings.Join(out, "; ")
}
