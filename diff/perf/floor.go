package perf

import (
	"fmt"
	"math"
)

// biasLevel is the level at which equal sides are said to differ truly.
const biasLevel = 0.001

// A NoiseFloor is what a stage of blue against blue says of one metric: how much
// of a difference the environment makes by itself.
type NoiseFloor struct {
	Metric Metric `json:"metric"`
	Route  string `json:"route,omitempty"`
	// Change is the estimate where none should be, with its interval at 99 %.
	Change float64 `json:"change"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	SE     float64 `json:"se"` // standard error of the log ratio
	// Degrees of freedom of Student's t that SE goes with; 0 in what older versions kept.
	Degrees float64 `json:"degrees,omitempty"`
	Lag1    float64 `json:"lag_1"`  // autocorrelation of neighbouring blocks
	Floor   float64 `json:"floor"`  // the smallest margin that 95 % of equal pairs would pass
	Margin  float64 `json:"margin"` // of the stage
	NeedS   float64 `json:"need_s"` // seconds that prove equality within the margin, with 95 % power
	MDE     float64 `json:"mde"`    // the smallest regression that such a run finds
	// Bias is the difference between replicas that truly differ: its interval at
	// 99.9 % excludes none. 0 otherwise. A margin below twice the bias proves nothing.
	Bias    float64 `json:"bias,omitempty"`
	Blocks  int     `json:"blocks"`
	Dropped int     `json:"dropped"`
}

// FloorOf reads the noise floor from the comparison of a latency metric in a
// stage of blue against blue that measured for so many seconds; false for other
// metrics and for fewer than two blocks.
func FloorOf(c Comparison, seconds float64) (NoiseFloor, bool) {
	if !c.Metric.IsLatency() || c.Blocks < 2 {
		return NoiseFloor{}, false
	}
	e := estimate{m: c.Blocks, mean: math.Log1p(c.Change), se: c.SE, degrees: c.Degrees}
	if e.degrees == 0 { // kept by a version that did not say
		e.degrees = float64(c.Blocks - 1)
	}
	level := lastShare * DefaultAlpha
	if c.Metric.IsWholeRun() {
		level = runLevel
	}
	f := NoiseFloor{
		Metric: c.Metric, Route: c.Route, Change: c.Change, SE: c.SE, Degrees: e.degrees, Lag1: c.Lag1,
		Low: finite(math.Expm1(e.lower(DefaultAlpha / 2))), High: finite(math.Expm1(e.upper(DefaultAlpha / 2))),
		Floor: finite(math.Expm1(e.floor(level))), Margin: c.Margin, MDE: c.MDE, Blocks: c.Blocks, Dropped: c.Dropped,
		NeedS: finite(e.need(seconds, level, math.Log1p(c.Margin))),
	}
	if math.Abs(e.mean) > e.t(biasLevel/2)*e.se {
		f.Bias = math.Expm1(math.Abs(e.mean))
	}
	return f, true
}

// Refuses says whether the margin is below twice the bias: it proves nothing.
func (f NoiseFloor) Refuses() bool { return f.Bias > 0 && f.Margin < 2*f.Bias }

// Noise is what the floor says of later runs at the same rate.
func (f NoiseFloor) Noise() Noise {
	n := Noise{Metric: f.Metric, SE: f.SE, Degrees: f.Degrees, Blocks: f.Blocks}
	if n.Degrees == 0 {
		n.Degrees = float64(f.Blocks - 1)
	}
	return n
}

// String is the floor in one line, with what to do about it.
func (f NoiseFloor) String() string {
	name := Comparison{Metric: f.Metric, Route: f.Route}.Name()
	line := fmt.Sprintf("%s  blue against blue %s [%s, %s]  SE %s  lag-1 %.2f  floor %s  margin %s needs %s  MDE %s  %d blocks (%d dropped)",
		name, signed(f.Change), signed(f.Low), signed(f.High), percent(f.SE), f.Lag1, percent(f.Floor), percent(f.Margin), seconds(f.NeedS),
		percent(f.MDE), f.Blocks, f.Dropped)
	switch {
	case f.Refuses():
		line += fmt.Sprintf("  bias %s: a margin below %s proves nothing", percent(f.Bias), percent(2*f.Bias))
	case f.Bias > 0:
		line += fmt.Sprintf("  bias %s", percent(f.Bias))
	case f.Floor > f.Margin:
		line += fmt.Sprintf("  margin below the floor: run for %s or widen it to %s", seconds(f.NeedS), percent(f.Floor))
	}
	return line
}
