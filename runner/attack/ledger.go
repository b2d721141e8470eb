package attack

import "time"

// A ledger knows up to where the schedule is complete: it walks the schedule
// once more, behind the answers.
type ledger struct {
	schedule *schedule
	ahead    map[uint64]struct{} // answered, but not all before them
	current  slot
	started  bool
	ended    bool
}

// done notes that a slot is answered.
func (l *ledger) done(n uint64) {
	if l.ahead == nil {
		l.ahead = map[uint64]struct{}{}
	}
	l.ahead[n] = struct{}{}
}

// allTime stands for the end of the schedule.
const allTime = time.Duration(1<<63 - 1)

// through is the time before which every request of the schedule is answered.
func (l *ledger) through() time.Duration {
	for {
		if !l.started {
			var ok bool
			if l.current, ok = l.schedule.next(); !ok {
				l.ended = true
			}
			l.started = true
		}
		if l.ended {
			return allTime
		}
		if _, answered := l.ahead[l.current.n]; !answered {
			return l.schedule.design.PairStart(l.current.pair)
		}
		delete(l.ahead, l.current.n)
		l.started = false
	}
}
