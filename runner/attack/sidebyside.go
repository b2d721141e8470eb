package attack

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A MismatchError says why two result files are not recordings of two sides under
// the same load.
type MismatchError struct{ Found []Mismatch }

// A Mismatch is one of the reasons.
type Mismatch struct{ Found, Hint string }

func (e *MismatchError) Error() string {
	lines := make([]string, len(e.Found))
	for i, m := range e.Found {
		lines[i] = m.Found
	}
	return strings.Join(lines, "; ")
}

const (
	maxRateApart  = 0.05
	maxRouteApart = 0.05 // of the requests, beyond what chance does
	leastAsked    = 20   // requests of a route on one side that the other has none of
	listed        = 3    // names in a message
)

// sameSubject says what keeps two recordings from being two sides that were asked
// the same: rule 1 of JudgeResults without the rates. nil: nothing.
func sameSubject(sides [2]*recording, opts JudgeOptions) error {
	var e MismatchError
	blue, green := sides[0], sides[1]
	if blue.sum == green.sum && len(blue.results) == len(green.results) {
		e.add("name the file that was recorded against each side", "blue and green are the same recording: %d results with the same times, latencies and sizes", len(blue.results))
	}
	if !opts.SameHost {
		var common []string
		for host := range blue.hosts {
			if host != "" && green.hosts[host] > 0 {
				common = append(common, host)
			}
		}
		if len(common) > 0 {
			e.add("attack two addresses, or --same-host where two clusters answer at one", "both sides were sent to %s", list(common))
		}
		for i, side := range sides {
			if n := side.hosts[""]; n > 0 {
				e.add("--same-host judges them all the same", "%d results of %s name no host: nothing shows that blue and green are two sides", n, sideNames[i])
			}
		}
	}
	if found := otherRoutesAsked(blue, green); found != "" {
		e.add("attack both sides with the same targets", "%s", found)
	}
	return e.orNil()
}

func (e *MismatchError) add(hint, format string, args ...any) {
	e.Found = append(e.Found, Mismatch{fmt.Sprintf(format, args...), hint})
}

func (e *MismatchError) orNil() error {
	if len(e.Found) == 0 {
		return nil
	}
	return e
}

// otherRoutesAsked says how the routes of two recordings differ; empty when they
// do not. Two things differ: a route that one side was asked leastAsked times and
// more, and the other never where as many were to be expected; and proportions,
// when the total variation distance is more than maxRouteApart above what two
// samples of one mix have (its mean is at most half the sum of the routes' mean
// absolute deviations, sqrt(2/pi) of their standard deviation, taken twice here).
func otherRoutesAsked(blue, green *recording) string {
	nb, ng := float64(len(blue.results)), float64(len(green.results))
	names := map[string]bool{}
	for name := range blue.routes {
		names[name] = true
	}
	for name := range green.routes {
		names[name] = true
	}
	var apart, chance float64
	var only [2][]string
	worst, worstBy := "", 0.0
	for name := range names {
		b, g := float64(blue.routes[name].count()), float64(green.routes[name].count())
		apart += math.Abs(b/nb-g/ng) / 2
		chance += math.Sqrt(2/math.Pi) * math.Sqrt((b+g)/(nb+ng)*(1/nb+1/ng)) / 2
		if by := math.Abs(b/nb - g/ng); by > worstBy || (by == worstBy && name < worst) {
			worst, worstBy = name, by
		}
		if g == 0 && min(b, b/nb*ng) >= leastAsked {
			only[0] = append(only[0], name)
		}
		if b == 0 && min(g, g/ng*nb) >= leastAsked {
			only[1] = append(only[1], name)
		}
	}
	var parts []string
	for i, names := range only {
		if len(names) > 0 {
			parts = append(parts, fmt.Sprintf("only %s was asked %s", sideNames[i], list(names)))
		}
	}
	if len(parts) == 0 && apart > maxRouteApart+2*chance {
		parts = append(parts, fmt.Sprintf("the sides were asked in other proportions: %s is %.3g %% of blue's requests and %.3g %% of green's", worst,
			100*float64(blue.routes[worst].count())/nb, 100*float64(green.routes[worst].count())/ng))
	}
	return strings.Join(parts, ", ")
}

func (r *recordedRoute) count() int {
	if r == nil {
		return 0
	}
	return r.n
}

// commonRate is the rate of the slower side in the time common to both, and an
// error when the other's is more than 5 % higher. Two requests may be missing at
// the ends.
func commonRate(sides [2]*recording, from, to int64) (float64, error) {
	seconds := float64(to-from) / 1e9
	b, g := float64(sides[0].during(from, to)), float64(sides[1].during(from, to))
	if math.Abs(b-g) > maxRateApart*max(b, g)+2 {
		var e MismatchError
		e.add("give both attacks one -rate, and enough -max-workers: a vegeta that waits for answers sends fewer", "blue was sent %.4g requests/s and green %.4g, more than 5 %% apart", b/seconds, g/seconds)
		return 0, &e
	}
	return min(b, g) / seconds, nil
}

// list names the first few of some names, in order.
func list(names []string) string {
	slices.Sort(names)
	if more := len(names) - listed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:listed], ", "), more)
	}
	return strings.Join(names, ", ")
}
