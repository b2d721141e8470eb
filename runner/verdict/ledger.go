package verdict

import (
	"fmt"
	"sync/atomic"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A Ledger counts what a run set out to do and what came of it, in places that do not know of
// each other, so that something lost on the way shows. All its methods may be called from many
// goroutines at once. The counters are read one by one, so problems only makes sense after the
// last request has come back.
type Ledger struct {
	sides [3]sideLedger // by scenarios.Side
	// inCases are the requests that case results account for, setup and teardown included.
	inCases [3]atomic.Int64
	// outside are requests of no case: those of identities, and those that ask how a
	// service is reached.
	outside [3]atomic.Int64
}

// A sideLedger counts requests of one side. scheduled is booked before the place of sending is
// chosen, sent where the request leaves, and one of the others when the exchange is over.
type sideLedger struct {
	scheduled, sent, answered, errored, timedOut, withheld atomic.Int64
}

// Schedule books a request that is about to be sent. It is booked by the walk of a case and not
// by the client, which is what makes the first account of problems mean something.
func (l *Ledger) Schedule(side scenarios.Side) { l.sides[side].scheduled.Add(1) }

// Send books a request that leaves.
func (l *Ledger) Send(side scenarios.Side) { l.sides[side].sent.Add(1) }

// AddCase books the requests that a case's result accounts for. n has the requests of all
// steps, retries and rounds of polling, as the case's result has them.
func (l *Ledger) AddCase(n run.PerSide) {
	l.inCases[scenarios.Blue].Add(int64(n.Blue))
	l.inCases[scenarios.Green].Add(int64(n.Green))
}

// AddMerged books requests that another run sent and whose answers it has. Its own account
// of them balanced, or that run is broken.
func (l *Ledger) AddMerged(n run.PerSide) {
	for side, sent := range map[scenarios.Side]int{scenarios.Blue: n.Blue, scenarios.Green: n.Green} {
		s := &l.sides[side]
		s.scheduled.Add(int64(sent))
		s.sent.Add(int64(sent))
		s.answered.Add(int64(sent))
	}
	l.AddCase(n)
}

// AddOutside books requests that no case accounts for.
func (l *Ledger) AddOutside(n run.PerSide) {
	l.outside[scenarios.Blue].Add(int64(n.Blue))
	l.outside[scenarios.Green].Add(int64(n.Green))
}

// Receive books what came back, or that nothing was sent at all.
func (l *Ledger) Receive(side scenarios.Side, x *wire.Exchange, sent bool) {
	s := &l.sides[side]
	// Without an exchange there is nothing to book; the account then shows a request that was
	// sent and never came back.
	switch {
	case x == nil:
	case !sent:
		s.withheld.Add(1)
	// An answer counts as answered whatever its status is. Whether it is a good one is for the
	// expectations to say.
	case x.Err == nil:
		s.answered.Add(1)
	case x.Err.Class == wire.ClassTimeout:
		s.timedOut.Add(1)
	default:
		s.errored.Add(1)
	}
}

// Total is what was sent to both sides. Withheld requests are not in it.
func (l *Ledger) Total() run.PerSide {
	return run.PerSide{Blue: int(l.sides[scenarios.Blue].sent.Load()), Green: int(l.sides[scenarios.Green].sent.Load())}
}

// problems says which identities do not hold:
//
//  1. per side, scheduled = sent + withheld (a service that is down, a run that
//     was stopped), and sent = answered + errored + timed out
//  2. per side, sent = those of cases + those outside of cases; an interrupted
//     run loses the cases that it was in, so there it does not apply
func (l *Ledger) problems(interrupted bool) []string {
	var out []string
	for _, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
		// Both accounts of a side are tested even if the first fails: which of them fail
		// together shows where a request was lost.
		s := &l.sides[side]
		n, a, e, t := s.sent.Load(), s.answered.Load(), s.errored.Load(), s.timedOut.Load()
		if n != a+e+t {
			out = append(out, fmt.Sprintf("%s: %d requests sent, but %d answered, %d errored and %d timed out", side, n, a, e, t))
		}
		if planned, held := s.scheduled.Load(), s.withheld.Load(); planned != n+held {
			out = append(out, fmt.Sprintf("%s: %d requests scheduled, but %d sent and %d withheld", side, planned, n, held))
		}
		// Only here do the walk of a case and the client meet: one counted what it wanted, the
		// other what it sent.
		if in, outside := l.inCases[side].Load(), l.outside[side].Load(); !interrupted && n != in+outside {
			out = append(out, fmt.Sprintf("%s: %d requests sent, but cases account for %d and probes for %d", side, n, in, outside))
		}
	}
	return out
}
