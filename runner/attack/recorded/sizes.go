package recorded

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/bgverify/bgverify/diff/perf"
)

// A SizeDifference says how the sizes of answers of one route differ.
type SizeDifference struct {
	Route string  `json:"route"`
	Blue  float64 `json:"blue"`  // median of bytes
	Green float64 `json:"green"` //
	Share float64 `json:"share"` // of the answers that are larger, or smaller, on one side
}

// String is the sentence of a reason: the route, both medians and the share that differs.
func (d SizeDifference) String() string {
	return fmt.Sprintf("%s has a median of %.0f bytes from blue and %.0f from green; %.3g %% of the answers differ", d.Route, d.Blue,
		d.Green, 100*d.Share)
}

// sizes is a histogram of body sizes. Its steps are 10 % of the size, and about
// 6 bytes where that is less.
type sizes struct {
	n    int
	bins []sizeBin
}

// A sizeBin is one step of the histogram: how many answers are in it, and their bytes in all.
type sizeBin struct {
	n   int
	sum float64
}

// add counts a body of so many bytes.
func (s *sizes) add(bytes uint64) {
	i := int(math.Round(math.Log1p(float64(bytes)/64) / math.Log(1.1)))
	for len(s.bins) <= i {
		s.bins = append(s.bins, sizeBin{})
	}
	s.n++
	s.bins[i].n++
	s.bins[i].sum += float64(bytes)
}

// median is the mean of the bin that holds the median: exact where all its sizes
// are one.
func (s *sizes) median() float64 {
	seen := 0
	for _, b := range s.bins {
		if seen += b.n; 2*seen >= s.n && b.n > 0 {
			return b.sum / float64(b.n)
		}
	}
	return 0
}

// below counts the sizes up to a bin.
func (s *sizes) below() func(bin int) int {
	sums := make([]int, len(s.bins))
	for i, b := range s.bins {
		sums[i] = b.n
		if i > 0 {
			sums[i] += sums[i-1]
		}
	}
	return func(bin int) int { return sums[min(bin, len(sums)-1)] }
}

// apart is the largest share of answers by which one side has more sizes up to a bin than
// the other has up to the next one, a step of tolerance; 0 where chance explains it. Each
// bin is tested separately: one bound for all bins lets a few per cent of error texts pass
// among larger answers.
func (s *sizes) apart(other *sizes) float64 {
	bins := max(len(s.bins), len(other.bins))
	most := 0.0
	for _, pair := range [...][2]*sizes{{s, other}, {other, s}} {
		few, many := pair[0], pair[1]
		fewer, more := few.below(), many.below()
		for i := range bins {
			m, f := more(i), fewer(i+1)
			share := float64(m)/float64(many.n) - float64(f)/float64(few.n)
			if share > max(most, sizeApart) && perf.Fisher(f, few.n, m, many.n) <= sizeLevel/float64(bins) {
				most = share
			}
		}
	}
	return most
}

// What may differ: the share of answers, and what chance explains in one of 10,000
// comparisons at most.
const (
	sizeApart = 0.005
	sizeLevel = 1e-4
)

// compareSizes compares the sizes of answers that succeeded on both sides, route by
// route: all of them, so that 10 % of short answers count although the median stays.
// Where no route differs, those of all routes together are compared: each may have
// too few.
func compareSizes(sides [2]*recording) []SizeDifference {
	found := compareRoutes(sides, func(name string, blue, green *recordedRoute) []SizeDifference {
		return otherSizes(name, &blue.sizes, &green.sizes)
	})
	slices.SortFunc(found, func(a, b SizeDifference) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Route, b.Route))
	})
	return found
}

// compareRoutes compares what was answered, route by route, and where no route differs all routes
// together.
func compareRoutes[D any](sides [2]*recording, compare func(name string, blue, green *recordedRoute) []D) []D {
	var found []D
	for name, blue := range sides[0].routes {
		if green := sides[1].routes[name]; green != nil {
			found = append(found, compare(name, blue, green)...)
		}
	}
	if len(found) == 0 {
		found = compare(allRoutes, &sides[0].all, &sides[1].all)
	}
	return found
}

// otherSizes is the difference of a route; none where it may be chance.
func otherSizes(route string, blue, green *sizes) []SizeDifference {
	if blue.n == 0 || green.n == 0 {
		return nil
	}
	share := blue.apart(green)
	if share == 0 {
		return nil
	}
	return []SizeDifference{{route, blue.median(), green.median(), share}}
}
