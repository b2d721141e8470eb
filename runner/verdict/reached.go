package verdict

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A PreflightReport is what was found before the first request. Each service of each side is
// reached once. It says nothing of whether the services are healthy.
type PreflightReport struct {
	// Down are the services that could not be reached, with the error.
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

// A DownService is one service on one side that could not be reached. Label is how messages
// name it, with its URL; Err is what the attempt ended with.
type DownService struct {
	Side  scenarios.Side
	Name  string
	Label string
	Err   *wire.Err
}

// DownText lists the unreachable services of a side in one line, with the reason of each. It is
// empty where all were reached.
func (r *PreflightReport) DownText(side scenarios.Side) string {
	var out []string
	for _, d := range r.Down {
		if d.Side == side {
			out = append(out, fmt.Sprintf("%s: %s: %s", d.Label, d.Err.Class, d.Err.Detail))
		}
	}
	return strings.Join(out, "; ")
}
