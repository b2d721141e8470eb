package double

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// Rejudge judges the pairs of a tap's run again under the rules of the plan, and sends
// nothing. What was dropped stays as it was found. A pass needs as many pairs as it did then.
func Rejudge(ctx context.Context, plan *runner.Plan, from *run.Run, sink run.Sink) (*run.End, error) {
	rules := readRoutes(plan, scenarios.Blue) // answers of blue are archived whoever gave them to the client
	one, err := mergeSuites(plan.Suites)
	if err != nil {
		return nil, err
	}
	one.Name = from.Header.Suites[0].Name // the names of cases stay
	plan.Suites, plan.Asks, plan.Whole = []*scenarios.Suite{one}, nil, scenarios.Size{}
	live, err := runner.NewLive(plan, scenarios.Blue)
	if err != nil {
		return nil, hint.Errorf("", "%w", err)
	}
	return live.Rejudge(ctx, from, sink, leastOf(from.Header.Flags), func(pair *run.Pair) (*scenarios.Step, error) {
		u, err := url.Parse(pair.Blue.URL)
		if err != nil {
			return nil, fmt.Errorf("read the URL of an archived exchange: %w", err)
		}
		return rules.stepOf(pair.Blue.Method, u, pair.Blue.Status), nil
	})
}

// leastOf is Options.Least of a tap by the flags that it was started with.
func leastOf(flags []string) int {
	for _, flag := range flags {
		if value, ok := strings.CutPrefix(flag, "--least="); ok {
			if n, err := strconv.Atoi(value); err == nil {
				return n
			}
		}
	}
	return DefaultLeast
}
