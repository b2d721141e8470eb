package attack

import (
	"errors"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/wire"
)

// What an answer or an error becomes: only this machine's own faults end a stage,
// and they are never green's errors.
func TestRecordsOfExchanges(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		class  wire.Class
		want   perf.Failure
		broken bool
	}{
		{"answered", 200, "", perf.Succeeded, false},
		{"an expected 404", 404, "", perf.Succeeded, false},
		{"a redirect is no success", 302, "", perf.BadStatus, false},
		{"500", 500, "", perf.BadStatus, false},
		{"refused", 0, wire.ClassRefused, perf.Transport, false},
		{"timeout", 0, wire.ClassTimeout, perf.TimedOut, false},
		{"timeout in the body", 200, wire.ClassTimeout, perf.TimedOut, false},
		{"cut body", 200, wire.ClassTruncated, perf.Transport, false},
		{"no descriptors", 0, wire.ClassDescriptors, perf.Client, true},
		{"not sendable", 0, wire.ClassRequest, perf.Client, true},
	} {
		began := time.Now()
		a := &attacker{plan: &Plan{Routes: []Route{{Expect: [2][]Status{1: {{200, 299}, {404, 404}}}}}}}
		a.inspect = newInspector(a)
		a.clock.began.Store(&began)
		x := &wire.Exchange{Started: began.Add(32 * time.Millisecond), Timing: wire.Timing{Total: 5 * time.Millisecond}, Status: c.status}
		if c.class != "" {
			x.Err = &wire.Err{Class: c.class, Detail: "for the test"}
		}
		a.deliver(slot{n: 4, pair: 2, green: true, at: 30 * time.Millisecond}, x)
		if len(a.inbox) != 1 {
			t.Errorf("%s: %d records", c.name, len(a.inbox))
			continue
		}
		r := a.inbox[0].record
		if r.Failure != c.want || (a.fault != "") != c.broken {
			t.Errorf("%s: %v, fault %q, want %v, broken %v", c.name, r.Failure, a.fault, c.want, c.broken)
		}
		if r.Latency != 7*time.Millisecond || r.Lag != 2*time.Millisecond || r.Pair != 2 || !r.Green {
			t.Errorf("%s: latency counts from the schedule: %+v", c.name, r)
		}
		if wantStatus := c.status; (x.Err == nil) != (r.Status == uint16(wantStatus) && wantStatus > 0) {
			t.Errorf("%s: recorded with status %d", c.name, r.Status)
		}
	}
	a := &attacker{plan: &Plan{Routes: make([]Route, 1)}}
	a.inspect = newInspector(a)
	a.clock.start(0)
	a.deliver(slot{}, &wire.Exchange{Started: time.Now(), Err: &wire.Err{Class: wire.ClassCanceled}})
	if len(a.inbox) != 0 || a.fault != "" {
		t.Errorf("a request that we cut off ourselves: %d records, fault %q", len(a.inbox), a.fault)
	}
}

func TestPlansThatCannotBeSent(t *testing.T) {
	good := func() Plan {
		p := quick("http://127.0.0.1:1", "http://127.0.0.1:2")
		return p
	}
	for name, change := range map[string]func(*Plan){
		"no routes":             func(p *Plan) { p.Routes = nil },
		"no requests":           func(p *Plan) { p.Routes[0].Blue, p.Routes[0].Green = nil, nil },
		"unequal rows":          func(p *Plan) { p.Routes[0].Green = append(p.Routes[0].Green, p.Routes[0].Green[0]) },
		"unknown service":       func(p *Plan) { p.Routes[0].Green[0].Service = "epg" },
		"relative URL":          func(p *Plan) { p.Routes[0].Blue[0].URL = "/x" },
		"no rate":               func(p *Plan) { p.Rate = 0 },
		"a negative step":       func(p *Plan) { p.Rates = []float64{10, -1} },
		"reconnect above 100 %": func(p *Plan) { p.Reconnect = 1.5 },
	} {
		p := good()
		change(&p)
		if report, err := Run(t.Context(), p, &brittle{1 << 20}, nil); err == nil || report != nil || errors.Is(err, errBrittle) {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
}
