package attack

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/steady"
)

// A green that freezes for a second holds back the requests that were due
// meanwhile: the p99 of what is recorded is that of the schedule, not of the
// requests that happened to be sent.
func TestFreezeIsMeasuredFromTheSchedule(t *testing.T) {
	t.Parallel()
	steady.Try(t, func(t testing.TB) {
		const from, length = 1200 * time.Millisecond, time.Second
		var began atomic.Pointer[time.Time]
		freezes := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			now := time.Now()
			began.CompareAndSwap(nil, &now)
			if into := now.Sub(*began.Load()) - from; into >= 0 && into < length {
				time.Sleep(length - into)
			}
		})
		plan := quick(start(t, &service{base: time.Millisecond}), start(t, freezes))
		plan.Timeout, plan.Calibrate = 5*time.Second, true // to the end of the duration
		plan.Breaker.Errors = 1
		var file bytes.Buffer
		report, err := Run(context.Background(), plan, &file, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got, truth []time.Duration
		err = readRecords(&file, reader{
			section: func(Section) error { return nil }, stop: func(Stop) error { return nil },
			frame: func(batch []perf.Record, _ time.Duration, _ perf.Health) error {
				for _, r := range batch {
					if !r.Green || r.Solo {
						continue
					}
					got = append(got, r.Latency)
					due := r.Scheduled - from
					if due < 0 || due >= length {
						truth = append(truth, 0)
					} else {
						truth = append(truth, length-due)
					}
				}
				return nil
			},
		})
		if err != nil || len(got) < 500 {
			t.Fatalf("%d records of green, %v", len(got), err)
		}
		slices.Sort(got)
		slices.Sort(truth)
		p99, want := got[len(got)*99/100], truth[len(truth)*99/100]
		t.Logf("p99 %s, by the schedule %s", p99, want)
		if off := p99.Seconds()/want.Seconds() - 1; off < -0.05 || off > 0.05 {
			t.Errorf("p99 %s is off by %.1f %% from %s: %s", p99, 100*off, want, report.Reason)
		}
	})
}
