package fleet

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack"
)

// A campaign is one attack of a fleet: which slices were announced to whom, and what
// came of them. It does no I/O and reads no clock, so that a test can let any number of
// workers live and die in it.
//
//  1. Slices are announced in order, each at lead before its start, to the workers that
//     are heard then and were ready when the attack began.
//  2. They are settled in order too. A slice is whole when every share has come and was
//     fired in time, and every holder's heartbeats without a gap go on beyond the end of
//     its last request. Else it is void.
//  3. So is a slice in which some workers got hardly any answers of a side and all others did: see
//     apart.
//  4. Blocks are announced up to the number that the judgement asks for, but at most
//     maxFired times the planned ones. A piece of the warm-up that is void is not repeated.
type campaign struct {
	design  perf.Design
	number  int // of the attack
	began   time.Time
	blocks  int // that the judgement asks for
	next    int // the next slice to be announced
	open    []*openSlice
	holders []*member // that were ready
	// strayed are the workers that failed to get answers of a side which others got, and the side.
	strayed map[*member]string
}

// An openSlice waits for its shares.
type openSlice struct {
	attack.Slice
	start   time.Time // in the coordinator's clock
	holders []*member
	shares  map[int]*attack.Share // by worker
}

// end is the end of the slice in the coordinator's clock.
func (s *openSlice) end() time.Time { return s.start.Add(s.Until - s.From) }

// newCampaign begins an attack whose schedule starts at began, in the coordinator's clock. Only
// the workers that were ready for it hold shares: one that joins later is there for the next
// attack.
func newCampaign(design perf.Design, number int, began time.Time, holders []*member) *campaign {
	return &campaign{design: design, number: number, began: began, blocks: design.Blocks(), holders: holders}
}

// announce returns the slice that is to be announced now; nil: none. Its shares are
// numbered by the order of its holders.
func (c *campaign) announce(now time.Time) *openSlice {
	s := attack.SliceOf(c.design, c.next)
	if s.Block >= c.blocks || s.Block >= maxFired*c.design.Blocks() {
		return nil
	}
	start := c.began.Add(s.From)
	if now.Before(start.Add(-lead)) {
		return nil
	}
	// Orders of a slice must be there before it begins. Where that is too late the whole rest of the
	// schedule moves, so that slices stay next to each other.
	if now.After(start.Add(-lead / 2)) { // the schedule paused to see whether blocks are void
		c.began = c.began.Add(now.Add(lead).Sub(start))
		start = now.Add(lead)
	}
	// Who is not heard now gets no share; the slice is divided among the others.
	made := &openSlice{Slice: s, start: start, shares: map[int]*attack.Share{}}
	for _, m := range c.holders {
		if m.present(now) && !c.faulty(m) {
			made.holders = append(made.holders, m)
		}
	}
	c.next++
	c.open = append(c.open, made)
	return made
}

// wrong says why a share cannot be all that its worker fired of the slice; empty: it can.
func (o *openSlice) wrong(s *attack.Share, d perf.Design) string {
	walks := 0
	for _, r := range s.Records {
		if at := d.PairStart(r.Pair); at < o.From || at >= o.Until {
			return "its share holds requests of another slice"
		}
		if r.Walk {
			walks++
		}
	}
	fired := len(s.Records) // whole walks have a record each, next to those of their requests
	if walks > 0 {
		fired = walks
	}
	if fired != s.Planned {
		return fmt.Sprintf("its share has records of %d of %d requests or walks", fired, s.Planned)
	}
	return ""
}

// take books a share. One that comes twice, or for a slice that is settled, is dropped, and one
// with requests of another slice, or without all of its own, is missed.
func (c *campaign) take(m *member, s *attack.Share) {
	for _, o := range c.open {
		if o.Number == s.Slice && o.shares[m.number] == nil && slices.Contains(o.holders, m) {
			if why := o.wrong(s, c.design); s.Missed == "" && why != "" {
				s.Missed, s.Records = why, nil
			}
			o.shares[m.number] = s
			m.sum = s.Sum
			if s.Missed == "" {
				m.shares++
			}
		}
	}
}

// settle returns the next slice that is whole or void; false: it is still open.
func (c *campaign) settle(now time.Time) (attack.Fired, bool) {
	if len(c.open) == 0 {
		return attack.Fired{}, false
	}
	o := c.open[0]
	// A slice that is spoiled is settled at once: waiting for its other shares would not mend it.
	why, by, waiting := c.spoiled(o, now)
	if why == "" && waiting {
		return attack.Fired{}, false
	}
	c.open = c.open[1:]
	f := attack.Fired{Slice: o.Slice, Void: why}
	if why == "" {
		f.Void, f.Side, f.Apart = o.apart()
		c.remember(o, &f)
	}
	// The account of each holder: shares that did not come, and slices that it spoiled.
	for _, m := range o.holders {
		s := o.shares[m.number]
		if s == nil || s.Missed != "" {
			m.missed++
		}
		if m == by || slices.Contains(f.Apart, m.number) {
			m.voids++
		}
		if s != nil {
			f.Shares = append(f.Shares, s)
		}
	}
	return f, true
}

// spoiled says why a slice is void, and by whom; waiting: it may still become whole.
func (c *campaign) spoiled(o *openSlice, now time.Time) (why string, by *member, waiting bool) {
	if len(o.holders) == 0 {
		return "no worker was there", nil, false
	}
	// The order of the cases is that of how much they explain: a worker that says why is named with
	// its own words, one that is silent with how long it was, and only then the share that is missing.
	for _, m := range o.holders {
		s, until := o.shares[m.number], now
		if s != nil {
			until = o.start.Add(max(s.Ended, o.Until) - o.From)
		}
		gap, silent := m.silent(o.start, until, now)
		switch {
		case s != nil && s.Missed != "":
			return fmt.Sprintf("%s: %s", m, s.Missed), m, false
		case silent:
			return fmt.Sprintf("%s was not heard for %s", m, gap.Round(10*time.Millisecond)), m, false
		case c.faulty(m):
			return fmt.Sprintf("%s: %s", m, m.beat.Fault), m, false
		case s == nil && m.beat.Attack == c.number && m.beat.Has < o.Number && now.After(o.start.Add(deadAfter)):
			return fmt.Sprintf("%s did not get the order", m), m, false
		case s == nil && now.After(o.end().Add(c.patience())):
			return fmt.Sprintf("the share of %s did not come", m), m, false
		case s == nil, m.sent.Before(until):
			waiting = true
		}
	}
	return "", nil, waiting
}

// remember keeps who strayed, and voids a slice that only such workers fired: nobody else says how
// the side is.
func (c *campaign) remember(o *openSlice, f *attack.Fired) {
	if c.strayed == nil {
		c.strayed = map[*member]string{}
	}
	alone := true
	for _, m := range o.holders {
		if slices.Contains(f.Apart, m.number) {
			c.strayed[m] = f.Side
		}
		alone = alone && c.strayed[m] != ""
	}
	if f.Side == "" && alone {
		f.Side = c.strayed[o.holders[0]]
		f.Void = fmt.Sprintf("only workers for which alone %s failed before were there", f.Side)
	}
}

// apart says of which side some workers of a whole slice failed to get answers while all others
// got them. What failed is the network of these workers, or the side for a part of its clients:
// nobody here can tell, so the slice says nothing of the side.
func (o *openSlice) apart() (why, side string, workers []int) {
	// Whole walks are left out: their requests are counted one by one.
	seen := make([][2]perf.Burst, len(o.holders))
	for i, m := range o.holders {
		for _, r := range o.shares[m.number].Records {
			if r.Walk {
				continue
			}
			b := &seen[i][0]
			if r.Green {
				b = &seen[i][1]
			}
			if b.All++; r.Failure != perf.Succeeded {
				b.Failed++
			}
		}
	}
	for s, name := range []string{"blue", "green"} {
		out := outliers(seen, s)
		if len(out) == 0 {
			continue
		}
		var names []string
		for _, i := range out {
			names, workers = append(names, o.holders[i].String()), append(workers, o.holders[i].number)
		}
		return fmt.Sprintf("%s failed for %s and for no other worker", name, strings.Join(names, " and ")), name, workers
	}
	return "", "", nil
}

// The limits of outliers.
const (
	leastApart = 5   // failures of one worker
	mostOthers = 0.1 // share that fails of the others
)

// outliers are the workers of which at least half of a side's requests failed, where nearly all of
// all others' succeeded. One in between leaves none: a side that fails for everybody does so at
// different rates.
func outliers(seen [][2]perf.Burst, side int) []int {
	var out []int
	fine := false
	for i := range seen {
		switch b := &seen[i][side]; {
		case b.Failed >= leastApart && 2*b.Failed >= b.All:
			out = append(out, i)
		case float64(b.Failed) > mostOthers*float64(b.All):
			return nil
		default:
			fine = fine || b.All >= leastApart
		}
	}
	if !fine {
		return nil
	}
	return out
}

// faulty reports whether a worker cannot go on with the attack.
func (c *campaign) faulty(m *member) bool { return m.beat.Attack == c.number && m.beat.Fault != "" }

// patience is how long a share may take after its slice: as long as its last request,
// or walk, may take.
func (c *campaign) patience() time.Duration {
	longest := time.Duration(max(c.design.PerWalk, 1) * float64(c.design.Timeout))
	return longest + c.design.Settle + slack
}

// over reports whether nothing more will be fired and everything is settled.
func (c *campaign) over() bool {
	s := attack.SliceOf(c.design, c.next)
	return len(c.open) == 0 && (s.Block >= c.blocks || s.Block >= maxFired*c.design.Blocks())
}
