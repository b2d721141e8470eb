package attack

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/wire"
)

// A stage of walks is judged from its records as it was while it ran; rows are dealt
// in their order, the same to both sides; a walk that fails is one error, and what it
// did not send is no reason to doubt the generator. What routes name is only where they lead: a
// side may have no service without a name.
func TestWalkedCases(t *testing.T) {
	t.Parallel()
	plan := quick(start(t, &service{base: time.Millisecond}), start(t, &service{base: time.Millisecond}))
	blue, green := plan.Routes[0].Blue[0].URL, plan.Routes[0].Green[0].URL
	plan.Routes = []Route{{Name: "first", Blue: []Request{{URL: blue}}, Green: []Request{{URL: green}}}, {Name: "second"}}
	for _, side := range plan.sides() {
		side.Services["shop"] = side.Services[""]
		delete(side.Services, "")
	}
	plan.Rate, plan.WarmUp = 100, 320*time.Millisecond
	var mu sync.Mutex
	rows := [2]map[int]int{{}, {}}
	plan.Cases = []Case{{Name: "c", Rows: 7, Routes: []int{0, 1, 1}, Walk: func(ctx context.Context, w *Walk) {
		side, url := 0, blue
		if w.Green {
			side, url = 1, green
		}
		mu.Lock()
		rows[side][w.Row]++
		mu.Unlock()
		for place := range 3 {
			ready := time.Now()
			x := w.Do(ctx, "shop", &wire.Request{Method: "GET", URL: url})
			var unmet *Unmet
			if w.Green && place == 1 && w.Pair%10 == 3 {
				unmet = &Unmet{What: "a second answer", Got: "none"}
			}
			w.Done(&Sent{Place: place, Exchange: x, Ready: ready, Unmet: unmet})
			if unmet != nil || x.Err != nil {
				return
			}
		}
	}}}
	expect(t, plan, func(r *Report) string {
		dealt := rows
		rows = [2]map[int]int{{}, {}}
		switch {
		case r.PerWalk != 3 || len(r.Routes) != 3 || r.Outcome == perf.NoWorse:
			return fmt.Sprintf("%g requests a walk, routes %q", r.PerWalk, r.Routes)
		case r.Requests.Blue < r.Requests.Green || r.Errors.Blue != 0 || r.Errors.Green == 0:
			return fmt.Sprintf("requests %v, errors %v", r.Requests, r.Errors)
		case r.Generator.Achieved < 0.99:
			return fmt.Sprintf("%g of the walks were begun", r.Generator.Achieved)
		}
		for side, of := range dealt {
			least, most := of[0], of[0]
			for row := range 7 {
				least, most = min(least, of[row]), max(most, of[row])
			}
			if least == 0 || most-least > 4 { // a side rests in the solo blocks of the other
				return fmt.Sprintf("side %d: rows are not dealt in turn: %v", side, of)
			}
		}
		return ""
	})
}
