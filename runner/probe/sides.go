package probe

import (
	"context"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/scenarios"
)

// learn asks each side itself a few times, to know its marks. Rule 2.
func (p *Probe) learn(ctx context.Context) {
	var asks []func()
	for n := range min(lookAsks, p.asker.Size()) {
		for _, door := range []runner.Door{p.blue, p.green} {
			asks = append(asks, func() { p.mark(door.Side, p.asker.Ask(ctx, n, door)) })
		}
	}
	together(asks...)
}

// learned reports whether each side has shown a mark.
func (p *Probe) learned() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.known[scenarios.Blue]) > 0 && len(p.known[scenarios.Green]) > 0
}

// mark remembers what a side itself shows.
func (p *Probe) mark(side scenarios.Side, a runner.Asked) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range marksOf(a) {
		if !slices.Contains(p.known[side], m) {
			p.known[side] = append(p.known[side], m)
		}
	}
}

func marksOf(a runner.Asked) []string {
	var out []string
	if a.Remote != "" {
		out = append(out, "address "+a.Remote)
	}
	if a.Identity != "" {
		out = append(out, "identity "+a.Identity)
	}
	return out
}

// sideOf is the side that an answer of the public name came from; 0: unknown. A mark that both
// sides have shown says nothing. Rule 2.
func (p *Probe) sideOf(a runner.Asked) scenarios.Side {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range slices.Backward(marksOf(a)) {
		blue, green := slices.Contains(p.known[scenarios.Blue], m), slices.Contains(p.known[scenarios.Green], m)
		switch {
		case blue && !green:
			return scenarios.Blue
		case green && !blue:
			return scenarios.Green
		}
	}
	return 0
}

// alikePins reports whether an answer of green itself came from where blue was asked under the same name.
func (p *Probe) alikePins(a runner.Asked) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.config.Blue != "" && p.config.Green != "" && a.Remote != "" && slices.Contains(p.known[scenarios.Blue], "address "+a.Remote)
}

// compareBuild looks for the judged build in what green itself shows. Rule 6.
func (p *Probe) compareBuild(a runner.Asked) {
	switch shown := strings.Split(a.Identity, ", "); {
	case p.config.GreenBuild == "" || a.Failed != "" || a.Identity == "":
	case slices.Contains(shown, p.config.GreenBuild):
		p.built = true
	case p.built:
		p.others++
		p.other = a.Identity
	}
}

// mostOthers is how many answers of another build are borne: one may come from a cache.
const mostOthers = 1
