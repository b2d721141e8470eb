package probe

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// An Alone probes public URLs by themselves: who answers, what fails, how long it takes.
type Alone struct {
	URLs []string
	// Every is the time between two rounds, each of which asks every URL once; Rounds is
	// their number.
	Every  time.Duration
	Rounds int
	// Budget is how many answers may fail.
	Budget int
	// Header names a response header that says who answered; empty: the address counts.
	Header string
	// Insecure checks no certificates; CA is a PEM file of accepted authorities.
	Insecure bool
	CA       string
	Tell     io.Writer
}

// A tally is what one URL came to.
type tally struct {
	url    string
	wire   *wire.Transport
	who    map[string]int
	failed map[string]int
	took   []time.Duration
	sent   int
}

// Run probes to the end, or to that of ctx, prints what it saw and returns the verdict: fail
// when more answers failed than the budget accepts, inconclusive when ctx ended it.
func (p *Alone) Run(ctx context.Context) (run.Verdict, error) {
	var all []*tally
	for _, u := range p.URLs {
		t, err := wire.New(wire.Config{Insecure: p.Insecure, CAFile: p.CA})
		if err != nil {
			return run.Broken, err
		}
		defer t.Close()
		all = append(all, &tally{url: u, wire: t, who: map[string]int{}, failed: map[string]int{}})
	}
	tick := time.NewTicker(p.Every)
	defer tick.Stop()
	for round := 0; round < p.Rounds && ctx.Err() == nil; round++ {
		for _, t := range all {
			p.ask(ctx, t)
		}
		if round+1 == p.Rounds {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return p.end(ctx, all), nil
}

// ask sends one GET over a new connection.
func (p *Alone) ask(ctx context.Context, t *tally) {
	x := t.wire.Do(ctx, &wire.Request{Method: "GET", URL: t.url, Fresh: true, Timeout: 5 * time.Second, Headers: []wire.Field{{Name: "User-Agent", Value: "bgverify-probe"}}})
	if ctx.Err() != nil {
		return
	}
	t.sent++
	who := "nobody"
	if x.Remote.IsValid() {
		who = x.Remote.Addr().String()
	}
	if value, ok := wire.Header(x.Headers, p.Header); ok {
		who = text.Cut(text.Visible(value), 60)
	}
	t.who[who]++
	t.took = append(t.took, x.Timing.Total)
	switch {
	case x.Err != nil:
		t.failed[x.Err.Error()]++
	case x.Status >= 400 || x.Status < 200:
		t.failed[fmt.Sprintf("status %d", x.Status)]++
	}
}

// end prints each URL and gives the verdict.
func (p *Alone) end(ctx context.Context, all []*tally) run.Verdict {
	failed, sent := 0, 0
	for _, t := range all {
		n := 0
		for _, c := range t.failed {
			n += c
		}
		failed, sent = failed+n, sent+t.sent
		fmt.Fprintf(p.Tell, "%s: %s, %d failed\n", text.Visible(t.url), text.Count(t.sent, "answer"), n)
		for _, line := range counted(t.who) {
			fmt.Fprintf(p.Tell, "  answered by %s\n", line)
		}
		for _, line := range counted(t.failed) {
			fmt.Fprintf(p.Tell, "  failed: %s\n", line)
		}
		if len(t.took) > 0 {
			slices.Sort(t.took)
			at := func(q float64) time.Duration {
				return t.took[int(q*float64(len(t.took)-1))].Round(10 * time.Microsecond)
			}
			fmt.Fprintf(p.Tell, "  time: median %s, p95 %s, longest %s\n", at(0.5), at(0.95), at(1))
		}
	}
	switch {
	case failed > p.Budget:
		return run.Fail
	case ctx.Err() != nil || sent == 0:
		return run.Inconclusive
	}
	return run.Pass
}

// counted lists texts by falling count.
func counted(m map[string]int) []string {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	const shown = 10
	var out []string
	for _, key := range keys[:min(len(keys), shown)] {
		out = append(out, fmt.Sprintf("%s: %d", text.Visible(key), m[key]))
	}
	if more := len(keys) - shown; more > 0 {
		out = append(out, fmt.Sprintf("%d others", more))
	}
	return out
}
