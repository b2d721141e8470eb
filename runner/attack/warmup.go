package attack

import (
	"slices"

	"github.com/bgverify/bgverify/diff/perf"
)

// WarmUp is what the requests before the first block came to. No block holds
// them, but boxes meet a cold cluster too.
type WarmUp struct {
	Requests PerSide
	Errors   PerSide
	Only     PerSide    // pairs in which this side alone failed; failures of an interleaved stage, whose sides have no pairs
	P50      [2]float64 // seconds, of what was answered; 0 without any
	Level    float64    // probability that green fails so much more often by chance; 1 where it does not
}

// maxWarmUp bounds the latencies that are kept of a side.
const maxWarmUp = 1 << 16

// A request is one of a pair, or of a pair of walks.
type request struct {
	pair uint32
	step uint16
}

// A warmUp collects the records before the first block.
type warmUp struct {
	design    perf.Design
	sum       WarmUp
	latencies [2][]float64
	open      map[request]perf.Failure // by pair: how the first answer ended
}

func (w *warmUp) add(r perf.Record) {
	if w.design.BlockOf(w.design.StartOf(r)) >= 0 || r.Failure == perf.Client || r.Walk {
		return
	}
	side := 0
	if r.Green {
		side = 1
	}
	w.sum.Requests.Count(r.Green)
	if r.Failure == perf.Succeeded && len(w.latencies[side]) < maxWarmUp {
		w.latencies[side] = append(w.latencies[side], r.Latency.Seconds())
	}
	failed := r.Failure != perf.Succeeded
	if failed {
		w.sum.Errors.Count(r.Green)
	}
	if !w.design.InPairs() {
		if failed {
			w.sum.Only.Count(r.Green)
		}
		return
	}
	if w.open == nil {
		w.open = map[request]perf.Failure{}
	}
	at := request{r.Pair, r.Step}
	partner, known := w.open[at]
	if !known {
		w.open[at] = r.Failure
		return
	}
	delete(w.open, at)
	if partnerFailed := partner != perf.Succeeded; failed != partnerFailed {
		w.sum.Only.Count(r.Green == failed)
	}
}

// result sums the warm-up up.
func (w *warmUp) result() WarmUp {
	out := w.sum
	for side, all := range w.latencies {
		if len(all) > 0 {
			slices.Sort(all)
			out.P50[side] = all[len(all)/2]
		}
	}
	if w.design.InPairs() {
		out.Level = perf.McNemar(out.Only.Blue, out.Only.Green)
	} else {
		out.Level = perf.Fisher(out.Errors.Blue, out.Requests.Blue, out.Errors.Green, out.Requests.Green)
	}
	return out
}

// worse is the warm-up in which green failed more clearly.
func (w WarmUp) worse(other WarmUp) WarmUp {
	if other.Requests == (PerSide{}) || w.Requests != (PerSide{}) && w.Level <= other.Level {
		return w
	}
	return other
}
