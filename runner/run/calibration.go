package run

import (
	"math"
	"slices"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
)

// A Calibration is what load stages of blue against blue found. Later runs of the
// same stages over the same addresses of blue are judged with it: the bias of
// blue's replicas widens the intervals, and a blue much slower than calibrated is
// said.
type Calibration struct {
	Stages []CalibratedStage `json:"stages"`
}

// A CalibratedStage is one stage of a calibration.
type CalibratedStage struct {
	Suite string `json:"suite"`
	Load  string `json:"load"`
	Blue  string `json:"blue"` // its addresses, separated by spaces
	LoadSize
	Seconds float64           `json:"seconds"`
	When    time.Time         `json:"when"`
	BlueP50 float64           `json:"blue_p50"` // alone at this rate, in seconds; 0: not measured
	Floors  []perf.NoiseFloor `json:"floors"`
}

// A LoadSize is how much a stage loads: at a rate, or by the users of a closed loop, whose
// rate is not known before. What is measured at one size says nothing of another.
type LoadSize struct {
	Rate  float64 `json:"rate"` // requests, or walks, per second and side; 0 with users
	Users int     `json:"users,omitempty"`
}

// Size is the size of the stage.
func (l *LoadResult) Size() LoadSize {
	if l.Users != nil {
		return LoadSize{Users: l.Users.Count}
	}
	return LoadSize{Rate: l.Rate}
}

// Put adds a stage in the place of an older one of the same name, addresses and rate.
func (c *Calibration) Put(stage CalibratedStage) {
	c.Stages = slices.DeleteFunc(c.Stages, func(old CalibratedStage) bool {
		return old.Suite == stage.Suite && old.Load == stage.Load && old.Blue == stage.Blue && old.LoadSize == stage.LoadSize
	})
	c.Stages = append(c.Stages, stage)
}

// Calibrated reads the noise of a stage of blue against blue; false when it has
// too few blocks to say anything, or was not sound: what was measured while the
// generator, blue or the rate was in doubt is no measure for later runs.
func (r *LoadResult) Calibrated(suite string, when time.Time) (CalibratedStage, bool) {
	switch r.Cause {
	case perf.Generator, perf.Baseline, perf.Overload:
		return CalibratedStage{}, false
	}
	stage := CalibratedStage{
		Suite: suite, Load: r.Name, Blue: r.Blue, LoadSize: r.Size(), Seconds: r.Seconds,
		When: when.UTC().Truncate(time.Second),
	}
	for _, c := range r.Comparisons {
		floor, ok := perf.FloorOf(c, r.Seconds)
		if !ok {
			continue
		}
		stage.Floors = append(stage.Floors, floor)
	}
	// Together they are twice the rate on blue, which is what a run over a shared
	// bottleneck looks like: only the blocks of one side show blue by itself.
	if r.Alone[0] > 0 && r.Alone[1] > 0 {
		stage.BlueP50 = math.Sqrt(r.Alone[0] * r.Alone[1])
	}
	return stage, len(stage.Floors) > 0
}

// LastBlue is the blue of the newest calibration of a stage; empty without one.
func (c *Calibration) LastBlue(suite, load string) string {
	blue, newest := "", time.Time{}
	if c != nil {
		for _, s := range c.Stages {
			if s.Suite == suite && s.Load == load && !s.When.Before(newest) {
				blue, newest = s.Blue, s.When
			}
		}
	}
	return blue
}

// Known is what the calibration says of a stage: its biases whatever the rate,
// as replicas differ at any, and the noise and blue's p50 at this rate, or number of
// users, alone.
func (c *Calibration) Known(suite, load, blue string, size LoadSize) perf.Known {
	var known perf.Known
	if c == nil {
		return known
	}
	for _, s := range c.Stages {
		if s.Suite != suite || s.Load != load || s.Blue != blue {
			continue
		}
		known.When = s.When.Format(time.RFC3339)
		if s.LoadSize == size {
			known.BlueP50 = s.BlueP50
		}
		for _, f := range s.Floors {
			if s.LoadSize == size && f.Route == "" {
				known.Noise = append(known.Noise, f.Noise())
			}
			if f.Bias > 0 {
				known.Biases = append(known.Biases, perf.Bias{Metric: f.Metric, Route: f.Route, Ratio: f.Bias})
			}
		}
	}
	return known
}
