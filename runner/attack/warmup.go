package attack

import (
	"slices"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
)

// maxWarmUp bounds the latencies of the warm-up that are kept of a side.
const maxWarmUp = 1 << 16

// A request is one of a pair, or of a pair of walks.
type request struct {
	pair uint32
	step uint16
}

// A warmUp collects the records before the first block. No block holds them, but boxes
// meet a cold cluster too.
type warmUp struct {
	design    perf.Design
	sum       run.LoadWarmUp
	latencies [2][]float64
	open      map[request]perf.Failure // by pair: how the first answer ended
}

// add counts a request of the warm-up. Whole walks and faults of this machine say nothing about a
// side.
func (w *warmUp) add(r perf.Record) {
	if w.design.BlockOf(w.design.StartOf(r)) >= 0 || r.Failure == perf.Client || r.Walk {
		return
	}
	side := sideOf(r.Green)
	w.sum.Requests.CountOne(r.Green)
	if r.Failure == perf.Succeeded && len(w.latencies[side]) < maxWarmUp {
		w.latencies[side] = append(w.latencies[side], r.Latency.Seconds())
	}
	failed := r.Failure != perf.Succeeded
	if failed {
		w.sum.Errors.CountOne(r.Green)
	}
	if !w.design.InPairs() {
		if failed {
			w.sum.Only.CountOne(r.Green)
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
		w.sum.Only.CountOne(r.Green == failed)
	}
}

// result sums the warm-up up; nil where no request was sent in it.
func (w *warmUp) result() *run.LoadWarmUp {
	out := w.sum
	if out.Requests == (run.PerSide{}) {
		return nil
	}
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
	return &out
}
