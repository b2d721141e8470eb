package recorded

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
)

// A MismatchError says why two result files are not recordings of two sides under
// the same load.
type MismatchError struct{ Found []Mismatch }

// A Mismatch is one of the reasons.
type Mismatch struct{ Found, Hint string }

// Error is everything that was found in one line; a caller that shows hints reads Found.
func (e *MismatchError) Error() string {
	lines := make([]string, len(e.Found))
	for i, m := range e.Found {
		lines[i] = m.Found
	}
	return strings.Join(lines, "; ")
}

const (
	maxRateApart     = 0.05
	maxDurationApart = 0.05
	maxRouteApart    = 0.05 // of the requests, beyond what chance does
	leastAsked       = 20   // requests of a route on one side that the other has none of
	listed           = 3    // names in a message
	mostTook0        = 0.05 // of the answers of a side, in 0 ms
	plainTime        = 5 * time.Millisecond
)

// sameSubject says what keeps two recordings from being two sides that were asked
// the same: rule 1 of Judge without the rates. nil: nothing.
func sameSubject(sides [2]*recording, opts Options) error {
	var e MismatchError
	blue, green := sides[0], sides[1]
	if blue.sum == green.sum && len(blue.results) == len(green.results) {
		e.add("name the file that was recorded against each side",
			"blue and green are the same recording: %d results with the same times, latencies and sizes", len(blue.results))
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
				e.add("--same-host judges them all the same", "%d results of %s name no host: nothing shows that blue and green are two sides", n,
					sideNames[i])
			}
		}
	}
	for i, side := range sides {
		if side.odd > 0 {
			e.add("give the file as vegeta wrote it, of an attack that is longer than its slowest answer",
				"%d results of %s have an impossible latency: zero, negative, or longer than the attack", side.odd, sideNames[i])
		}
	}
	if found := notMeasured(sides); found != "" {
		e.add("record both sides in one way, with the times of samples", "%s", found)
	}
	if min(len(blue.results), len(green.results)) > 1 {
		b, g := float64(blue.last()-blue.first())/1e9, float64(green.last()-green.first())/1e9
		gap := max(b/float64(len(blue.results)-1), g/float64(len(green.results)-1))
		if math.Abs(b-g) > maxDurationApart*max(b, g)+2*gap {
			e.add("give both attacks one -duration, and judge the whole files",
				"blue was attacked for %.4g s and green for %.4g s, more than 5 %% apart", b, g)
		}
	}
	if found := otherRoutesAsked(blue, green); found != "" {
		e.add("attack both sides with the same targets", "%s", found)
	} else if found := otherValuesAsked(blue, green); found != "" && !opts.AnyIDs {
		e.add("attack both sides with the same targets, or --any-ids where each cluster has other ids", "%s", found)
	}
	return e.orNil()
}

// notMeasured says which side has answers of 0 ms that cannot be times: 5 % of its
// answers or more, at least twice the share of the other side, whose median is above
// 5 ms. A file without times would make any green fast. Services that answer within
// a millisecond on both sides have such times on both.
func notMeasured(sides [2]*recording) string {
	share := func(rec *recording) float64 {
		return float64(rec.took0) / float64(max(1, len(rec.results)-rec.failed()))
	}
	for i, rec := range sides {
		other := sides[1-i]
		if share(rec) < mostTook0 || share(rec) < 2*share(other) {
			continue
		}
		if median := other.quantile(0.5); median > plainTime {
			return fmt.Sprintf("%d results of %s have an impossible latency: 0 ms, where the median of %s is %s",
				rec.took0, sideNames[i], sideNames[1-i], text.Seconds(median.Seconds()))
		}
	}
	return ""
}

// add notes one reason. All of them are reported at once, so that a pair of files is mended in
// one go.
func (e *MismatchError) add(hint, format string, args ...any) {
	e.Found = append(e.Found, Mismatch{fmt.Sprintf(format, args...), hint})
}

// orNil is nil where nothing was found, also when it is compared as an error.
func (e *MismatchError) orNil() error {
	if len(e.Found) == 0 {
		return nil
	}
	return e
}

// An asked is one way to count what a recording was asked for, and to name it.
type asked[K cmp.Ordered] struct {
	count func(*recording) map[K]int
	names func(*recording, []K) string // of what one side alone was asked for
	other string                       // what it means that the proportions differ
	one   func(K) string
}

// otherRoutesAsked says how the routes of two recordings differ; empty when they
// do not.
func otherRoutesAsked(blue, green *recording) string {
	return asked[string]{
		count: func(rec *recording) map[string]int {
			counts := map[string]int{}
			for name, route := range rec.routes {
				counts[name] = route.n
			}
			return counts
		},
		names: func(_ *recording, names []string) string { return list(names) },
		other: "the sides were asked in other proportions",
		one:   func(name string) string { return name },
	}.otherwise(blue, green)
}

// otherValuesAsked says how the ids and values in the addresses of two recordings
// differ; empty when they do not. The values are not printed: they may be secrets.
func otherValuesAsked(blue, green *recording) string {
	return asked[uint64]{
		count: func(rec *recording) map[uint64]int {
			counts := map[uint64]int{}
			for hash, value := range rec.asked {
				counts[hash] = value.n
			}
			return counts
		},
		names: func(rec *recording, hashes []uint64) string {
			var routes []string
			for _, hash := range hashes {
				if route := rec.asked[hash].route; !slices.Contains(routes, route) {
					routes = append(routes, route)
				}
			}
			return fmt.Sprintf("for %d of its ids and values, of %s", len(hashes), list(routes))
		},
		other: "the sides were asked for other ids and values, or in other proportions",
		one: func(hash uint64) string {
			value := blue.asked[hash]
			if value == nil {
				value = green.asked[hash]
			}
			return "one of " + value.route
		},
	}.otherwise(blue, green)
}

// otherwise says what one side alone was asked for, or else how far the proportions
// are apart; empty when neither is more than chance.
func (a asked[K]) otherwise(blue, green *recording) string {
	b, g := a.count(blue), a.count(green)
	only, worst := otherMix(b, g)
	var parts []string
	for i, keys := range only {
		if len(keys) > 0 {
			parts = append(parts, fmt.Sprintf("only %s was asked %s", sideNames[i], a.names([...]*recording{blue, green}[i], keys)))
		}
	}
	if len(parts) == 0 && worst != nil {
		parts = append(parts, fmt.Sprintf("%s: %s is %.3g %% of blue's requests and %.3g %% of green's", a.other, a.one(*worst),
			100*float64(b[*worst])/float64(len(blue.results)), 100*float64(g[*worst])/float64(len(green.results))))
	}
	return strings.Join(parts, ", ")
}

// otherMix says how two samples of requests differ. Two things do: what one side was
// asked leastAsked times and more, and the other never where as many were to be
// expected; and proportions, when the total variation distance is more than
// maxRouteApart above what two samples of one mix have (its mean is at most half the
// sum of the items' mean absolute deviations, sqrt(2/pi) of their standard deviation,
// taken twice here). worst is then the item whose shares are the furthest apart.
func otherMix[K cmp.Ordered](blue, green map[K]int) (only [2][]K, worst *K) {
	var nb, ng float64
	names := map[K]bool{}
	for name, n := range blue {
		nb += float64(n)
		names[name] = true
	}
	for name, n := range green {
		ng += float64(n)
		names[name] = true
	}
	var apart, chance, worstBy float64
	for name := range names {
		b, g := float64(blue[name]), float64(green[name])
		by := math.Abs(b/nb - g/ng)
		apart += by / 2
		chance += math.Sqrt(2/math.Pi) * math.Sqrt((b+g)/(nb+ng)*(1/nb+1/ng)) / 2
		if worst == nil || by > worstBy || (by == worstBy && name < *worst) {
			worst, worstBy = &name, by
		}
		if g == 0 && min(b, b/nb*ng) >= leastAsked {
			only[0] = append(only[0], name)
		}
		if b == 0 && min(g, g/ng*nb) >= leastAsked {
			only[1] = append(only[1], name)
		}
	}
	if apart <= maxRouteApart+2*chance {
		worst = nil
	}
	return only, worst
}

// commonRate is the rate of the slower side in the time common to both, and an
// error when the other's is more than 5 % higher. Two requests may be missing at
// the ends.
func commonRate(sides [2]*recording, from, to int64) (float64, error) {
	seconds := float64(to-from) / 1e9
	b, g := float64(sides[0].during(from, to)), float64(sides[1].during(from, to))
	if math.Abs(b-g) > maxRateApart*max(b, g)+2 {
		var e MismatchError
		e.add("give both attacks one -rate, and enough -max-workers: a vegeta that waits for answers sends fewer",
			"blue was sent %.4g requests/s and green %.4g, more than 5 %% apart", b/seconds, g/seconds)
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
