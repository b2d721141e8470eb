package recorded

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack"
)

// A StatusDifference says that the sides answered a route with a status in other
// shares: of the answers that succeeded, or of those that failed.
type StatusDifference struct {
	Route  string  `json:"route"`
	Status int     `json:"status"` // 0: no answer
	Blue   float64 `json:"blue"`   // share of blue's
	Green  float64 `json:"green"`  // share of green's
	Of     string  `json:"of"`     // "successes" or "failures"
}

// String is the sentence of a reason. A share is of the successes or of the failures alone, and
// the sentence says of which.
func (d StatusDifference) String() string {
	status := fmt.Sprintf("status %d", d.Status)
	if d.Status == 0 {
		status = "no answer"
	}
	return fmt.Sprintf("%s: %s is %.3g %% of blue's %s and %.3g %% of green's", d.Route, status, 100*d.Blue, d.Of, 100*d.Green)
}

// apart is how far the shares are from each other, 0 to 1, whichever side has more.
func (d StatusDifference) apart() float64 { return math.Abs(d.Blue - d.Green) }

// What a StatusDifference is a share of.
const (
	successes = "successes"
	failures  = "failures"
)

const (
	statusLevel = 1e-4  // of the test that finds a difference
	statusApart = 0.005 // of a route's successes or failures: what may differ
	statusWorse = 0.05  // of a route's successes: more than this is worse
)

// statuses counts the answers of a route by status.
type statuses struct{ succeeded, failed map[int]int }

// add counts an answer. Maps are made when the first one comes: most routes never fail.
func (s *statuses) add(code int, failure perf.Failure) {
	to := &s.succeeded
	if failure != perf.Succeeded {
		to = &s.failed
	}
	if *to == nil {
		*to = map[int]int{}
	}
	(*to)[code]++
}

// compareStatuses compares the shares of each status route by route, and of all
// routes together where none differs, by Fisher's exact test: of the successes and,
// apart from them, of the failures, whose number is judged elsewhere. A status that
// was named one by one as expected (206, not 2xx) may be as frequent as it likes.
func compareStatuses(sides [2]*recording, expected []attack.Status) []StatusDifference {
	found := compareRoutes(sides, func(name string, blue, green *recordedRoute) []StatusDifference {
		return otherStatuses(name, blue.statuses, green.statuses, expected)
	})
	// Successes first, and what green answers more often.
	slices.SortFunc(found, func(a, b StatusDifference) int {
		return cmp.Or(-cmp.Compare(a.Of, b.Of), cmp.Compare(b.Green-b.Blue, a.Green-a.Blue), cmp.Compare(a.Route, b.Route),
			cmp.Compare(a.Status, b.Status))
	})
	return found
}

// otherStatuses are the differences of one route. Successes and failures are compared apart, so
// that a green that fails more often does not seem to answer with fewer of each success.
func otherStatuses(route string, blue, green statuses, expected []attack.Status) []StatusDifference {
	return append(otherShares(route, successes, blue.succeeded, green.succeeded, expected),
		otherShares(route, failures, blue.failed, green.failed, expected)...)
}

// otherShares are the differences among the successes, or the failures, of a route: shares that
// are more than statusApart apart and that chance explains in one of 10,000 comparisons at
// most. Expected statuses are left out on both sides before shares are taken.
func otherShares(route, of string, blue, green map[int]int, expected []attack.Status) []StatusDifference {
	var found []StatusDifference
	codes := map[int]bool{}
	all := [2]int{}
	for side, counts := range [...]map[int]int{blue, green} {
		for code, n := range counts {
			if !slices.Contains(expected, attack.Status{Low: code, High: code}) {
				all[side] += n
				codes[code] = true
			}
		}
	}
	if all[0] == 0 || all[1] == 0 {
		return nil
	}
	for code := range codes {
		b, g := blue[code], green[code]
		d := StatusDifference{route, code, float64(b) / float64(all[0]), float64(g) / float64(all[1]), of}
		if d.apart() > statusApart && min(perf.Fisher(b, all[0], g, all[1]), perf.Fisher(g, all[1], b, all[0])) <= statusLevel {
			found = append(found, d)
		}
	}
	return found
}

// leastSilent is how many requests of a route green must have failed, all of them, before
// the route counts by itself: error rates within the margin hardly ever do that by chance.
const leastSilent = 3

// silentRoutes are the routes that blue answers without an error and green not once. They may
// be too rare to weigh in the errors of the whole, and have no success to compare.
func silentRoutes(sides [2]*recording) []string {
	var out []string
	for name, blue := range sides[0].routes {
		green := sides[1].routes[name]
		if green != nil && len(blue.statuses.failed) == 0 && len(green.statuses.succeeded) == 0 && min(blue.n, green.n) >= leastSilent {
			out = append(out, fmt.Sprintf("%s: green failed all of %d requests, blue none of %d", name, green.n, blue.n))
		}
	}
	slices.Sort(out)
	return out
}

// judgeStatuses lets other statuses count.
func (r *Judgement) judgeStatuses(found []StatusDifference) {
	r.Statuses = found
	for _, d := range found {
		to, advice := perf.Inconclusive, "find out why both sides fail, and differently"
		if d.Of == successes {
			advice = fmt.Sprintf("--expect 2xx --expect %d accepts the status however frequent it is", d.Status)
			if d.apart() > statusWorse {
				to = perf.Worse
			}
		}
		r.lower(to, causeStatuses, "answers have other statuses: "+d.String(), advice)
	}
}
