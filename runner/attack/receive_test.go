package attack

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/wire"
	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// What an answer or an error becomes: only this machine's own faults end a stage,
// and they are never green's errors.
func TestReceive(t *testing.T) {
	text := func(err error) string { return fmt.Sprintf("Get \"http://x/\": %v", marked(err)) }
	for _, c := range []struct {
		name   string
		code   uint16
		error  string
		want   perf.Failure
		broken bool
	}{
		{"answered", 200, "", perf.Succeeded, false},
		{"an expected 404", 404, "404 Not Found", perf.Succeeded, false},
		{"a redirect is no success", 302, "", perf.BadStatus, false},
		{"500", 500, "500 Internal Server Error", perf.BadStatus, false},
		{"refused", 0, text(&wire.Err{Class: wire.ClassRefused}), perf.Transport, false},
		{"timeout", 0, text(&wire.Err{Class: wire.ClassTimeout, Detail: "total"}), perf.TimedOut, false},
		{"cut body", 0, marked(&wire.Err{Class: wire.ClassTruncated}).Error(), perf.Transport, false},
		{"no descriptors", 0, text(syscall.EMFILE), perf.Client, true},
		{"not sendable", 0, text(&wire.Err{Class: wire.ClassRequest}), perf.Client, true},
		{"a server that writes marks", 500, "500 " + markOpen + string(wire.ClassDescriptors) + markClose, perf.BadStatus, false},
		{"unknown", 0, "something else", perf.Client, true},
	} {
		began := time.Now()
		a := &attacker{plan: &Plan{Routes: []Route{{Expect: [2][]Status{1: {{200, 299}, {404, 404}}}}}}, feed: &feed{}}
		a.inspect = newInspector(a)
		a.feed.began.Store(&began)
		sl := slot{n: 4, pair: 2, green: true, at: 30 * time.Millisecond}
		a.receive(&vegeta.Result{
			URL: string(sl.label([]byte("http://x/#"))), Code: c.code, Error: c.error,
			Timestamp: began.Add(32 * time.Millisecond), Latency: 5 * time.Millisecond,
		})
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
