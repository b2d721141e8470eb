package perf

import (
	"fmt"
	"math"

	"github.com/bgverify/bgverify/internal/text"
)

// Known is what a calibration, a stage of blue against blue, found for a design.
// The zero value knows nothing.
type Known struct {
	BlueP50 float64 `json:"blue_p50,omitempty"` // of blue alone at the design's rate, in seconds; 0: not known
	Biases  []Bias  `json:"biases,omitempty"`
	Noise   []Noise `json:"noise,omitempty"` // at the design's rate
	When    string  `json:"when,omitempty"`  // of the calibration, for people
}

// A Bias is how much replicas of blue truly differ in one metric.
type Bias struct {
	Metric Metric  `json:"metric"`
	Route  string  `json:"route,omitempty"`
	Ratio  float64 `json:"ratio"` // 0.02: one is 2 % slower than the other
}

// A Noise is how uncertain a metric of equal sides was after so many blocks.
type Noise struct {
	Metric  Metric  `json:"metric"`
	SE      float64 `json:"se"` // standard error of the log ratio
	Degrees float64 `json:"degrees"`
	Blocks  int     `json:"blocks"`
}

// noise is the known noise of a metric of the whole stage; false when there is none.
func (d Design) noise(metric Metric) (Noise, bool) {
	for _, n := range d.Known.Noise {
		if n.Metric == metric && n.SE > 0 && n.Blocks > 0 {
			return n, true
		}
	}
	return Noise{}, false
}

// slowBlue is the factor by which blue's p50 may lie above the calibrated one
// before it is said: two sides on one bottleneck slow each other and so shrink
// every ratio between them.
const slowBlue = 1.3

// bias is the known bias of a metric as a log ratio, 0 when there is none.
//
//   - It widens the interval on both sides and is never subtracted: which of two
//     replicas is the slower one says nothing of green.
//   - A margin below twice the bias can prove nothing, so that its gate cannot pass.
func (d Design) bias(metric Metric, route string) float64 {
	bias := 0.0
	for _, b := range d.Known.Biases {
		if b.Metric == metric && b.Route == route {
			bias = math.Max(bias, math.Log1p(b.Ratio))
		}
	}
	return bias
}

// knownNotes says what a calibration has to do with what was measured.
func (v *view) knownNotes() []string {
	var notes []string
	known := v.design.Known
	if len(known.Biases) > 0 {
		notes = append(notes, fmt.Sprintf("intervals are widened by what replicas of blue differ by (calibrated %s)", known.When))
	}
	if p50 := v.blueP50(); known.BlueP50 > 0 && p50 > slowBlue*known.BlueP50 {
		notes = append(notes, fmt.Sprintf("blue's p50 is %s, %.1f times the %s that it was calibrated at alone: the sides may slow each other "+
			"at something they share, which hides what green does alone",
			text.Seconds(p50), p50/known.BlueP50, text.Seconds(known.BlueP50)))
	}
	return notes
}

// alone is the p50 of each side in the blocks that loaded it alone, in seconds; 0
// without any. Interleaved sides are alone in every block.
func (v *view) alone() (p50 [2]float64) {
	solo, together := v.solos(0)
	if v.design.Pairing == Interleaved {
		solo = together.logs
	}
	for side := range solo {
		if len(solo[side]) > 0 {
			p50[side] = math.Exp(median(solo[side]))
		}
	}
	return p50
}

// blueP50 is blue's p50 over the valid blocks, in seconds; 0 without any.
func (v *view) blueP50() float64 {
	p50 := logs(v.blocks, blue, 0)
	if len(p50) == 0 {
		return 0
	}
	return math.Exp(median(p50))
}

// soloNotes says what the solo blocks show when they are too few for rule V4.
func (v *view) soloNotes() []string {
	if v.design.Pairing != Paired || v.design.NoSolo || v.design.Calibrates || len(v.blocks) < minLookBlocks {
		return nil
	}
	if _, known := v.interference(0); known {
		return nil
	}
	solo, together := v.solos(0)
	note := fmt.Sprintf("whether the sides slow each other was not judged: %d solo blocks of blue and %d of green, %d each are needed, for "+
		"which set duration to %s",
		len(solo[blue]), len(solo[green]), leastSolo, leastSolo*soloGroup*v.design.Block())
	if min(len(solo[blue]), len(solo[green])) == 0 {
		return []string{note}
	}
	var shift [2]float64
	for side := range shift {
		shift[side] = math.Expm1(plainEstimate(together.logs[side]).mean - plainEstimate(solo[side]).mean)
	}
	return []string{note + fmt.Sprintf("; so far p50 together rather than alone is %s on blue and %s on green", signed(shift[blue]),
		signed(shift[green]))}
}
