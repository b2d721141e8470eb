package perf

import (
	"fmt"
	"math"
	"time"
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
	SE     float64 `json:"se"`     // standard error of the log ratio
	Lag1   float64 `json:"lag_1"`  // autocorrelation of neighbouring blocks
	Floor  float64 `json:"floor"`  // the smallest margin that 95 % of equal pairs would pass
	Margin float64 `json:"margin"` // of the stage
	NeedS  float64 `json:"need_s"` // seconds that prove equality within the margin, with 95 % power
	MDE    float64 `json:"mde"`    // the smallest regression that such a run finds
	// Bias is the difference between replicas that truly differ: its interval at
	// 99.9 % excludes none. 0 otherwise. A margin below twice the bias proves nothing.
	Bias    float64 `json:"bias,omitempty"`
	Blocks  int     `json:"blocks"`
	Dropped int     `json:"dropped"`
}

// NoiseFloors returns the floor of every latency metric of a stage in which both
// sides were blue.
func (s *Stage) NoiseFloors() []NoiseFloor {
	v := &view{Stage: s, blocks: s.valid(), alpha: s.design.Alpha / 2, seconds: (time.Duration(s.next) * s.design.Block()).Seconds()}
	v.dropped = s.dropped()
	var floors []NoiseFloor
	for _, e := range v.evidence() {
		if !e.relative() || e.est.m < 2 {
			continue
		}
		f := NoiseFloor{
			Metric: e.Metric, Route: e.Route, Change: e.Change, Low: e.Low, High: e.High, SE: e.SE, Lag1: e.Lag1,
			Floor: e.Floor, Margin: e.Margin, MDE: e.MDE, Blocks: e.Blocks, Dropped: v.dropped,
			NeedS: finite(e.est.need(v.seconds, s.design.Alpha, e.delta)),
		}
		if math.Abs(e.est.mean) > e.est.t(biasLevel/2)*e.est.se {
			f.Bias = math.Expm1(math.Abs(e.est.mean))
		}
		floors = append(floors, f)
	}
	return floors
}

// String is the floor in one line, with what to do about it.
func (f NoiseFloor) String() string {
	name := Comparison{Metric: f.Metric, Route: f.Route}.Name()
	line := fmt.Sprintf("%s  blue against blue %s [%s, %s]  SE %s  lag-1 %.2f  floor %s  margin %s needs %s  MDE %s  %d blocks (%d dropped)",
		name, signed(f.Change), signed(f.Low), signed(f.High), percent(f.SE), f.Lag1, percent(f.Floor), percent(f.Margin), seconds(f.NeedS), percent(f.MDE), f.Blocks, f.Dropped)
	switch {
	case f.Bias > 0 && f.Margin < 2*f.Bias:
		line += fmt.Sprintf("  bias %s: a margin below %s proves nothing", percent(f.Bias), percent(2*f.Bias))
	case f.Bias > 0:
		line += fmt.Sprintf("  bias %s", percent(f.Bias))
	case f.Floor > f.Margin:
		line += fmt.Sprintf("  margin below the floor: run for %s or widen it to %s", seconds(f.NeedS), percent(f.Floor))
	}
	return line
}
