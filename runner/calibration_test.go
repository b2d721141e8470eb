package runner

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
)

// calibratedResult is a stage of blue against blue whose replicas differ by 6 %.
func calibratedResult() *run.LoadResult {
	gate := perf.Comparison{Metric: perf.P50, Role: perf.Gate, Blue: 0.020, Green: 0.0212, Change: 0.06, SE: 0.002, Margin: 0.05, Blocks: 30}
	return &run.LoadResult{
		Name: "peak", Blue: "http://blue.example", Rate: 50, Seconds: 60, Alone: [2]float64{0.018, 0.018},
		Comparisons: []perf.Comparison{gate, {Metric: perf.Errors, Role: perf.Gate, Blocks: 30}},
	}
}

// What a calibration keeps is known to the same stage over the same blue alone,
// and blue's p50 at the same rate alone.
func TestCalibrationIsKnownToItsOwnStage(t *testing.T) {
	when := time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)
	stage, ok := calibratedResult().Calibrated("stb", when)
	if !ok {
		t.Fatal("nothing calibrated")
	}
	var c run.Calibration
	c.Put(stage)
	c.Put(stage)
	if len(c.Stages) != 1 {
		t.Errorf("%d stages after calibrating one twice", len(c.Stages))
	}
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var read run.Calibration
	if err := json.Unmarshal(data, &read); err != nil || !reflect.DeepEqual(read, c) {
		t.Errorf("read back %+v, %v, want %+v", read, err, c)
	}
	for _, q := range []struct {
		name, suite, load, blue string
		rate                    float64
		p50                     bool
		biases                  int
	}{
		{"its own", "stb", "peak", "http://blue.example", 50, true, 1},
		{"another rate", "stb", "peak", "http://blue.example", 80, false, 1},
		{"another blue", "stb", "peak", "http://blue2.example", 50, false, 0},
		{"another stage", "stb", "night", "http://blue.example", 50, false, 0},
		{"another suite", "vod", "peak", "http://blue.example", 50, false, 0},
	} {
		known := read.Known(q.suite, q.load, q.blue, run.LoadSize{Rate: q.rate})
		if (known.BlueP50 > 0.0179 && known.BlueP50 < 0.0181) != q.p50 || len(known.Biases) != q.biases {
			t.Errorf("%s: known %+v", q.name, known)
		}
	}
	for _, cause := range []perf.Cause{perf.Generator, perf.Baseline, perf.Overload} {
		r := calibratedResult()
		r.Cause = cause
		if stage, ok := r.Calibrated("stb", when); ok {
			t.Errorf("cause %s: kept %+v", cause, stage)
		}
	}
	if known := (*run.Calibration)(nil).Known("stb", "peak", "http://blue.example", run.LoadSize{Rate: 50}); !reflect.DeepEqual(known, perf.Known{}) {
		t.Errorf("without a calibration: %+v", known)
	}
}
