package attack

import (
	"net/http"
	"time"
)

// A Judge holds the answers of one route against what its case expects, and
// against each other. Both methods are called while the attack runs, by
// several goroutines at once, and must not keep the answers' bytes: they are
// used again.
type Judge interface {
	// Check returns what keeps an answer of an accepted status from being what the
	// case expects of row; nil when it is.
	Check(row int, green bool, a *Answer) *Unmet
	// Compare holds the answers of a pair against each other.
	Compare(at Moment, row int, blue, green *Answer)
}

// An Answer is an answer under load that came to its end.
type Answer struct {
	Status   int
	Proto    string
	Header   http.Header
	Trailer  http.Header
	Body     []byte // as received, not decoded: its first KeepBody bytes at least
	Whole    bool   // Body is all of it
	Length   int64  // of the body as received
	Pair     uint32
	Started  time.Time
	Elapsed  time.Duration
	Compared bool // its route is compared, and the partner is to come or has come
}

// A Moment is a slice of time of an attack. A difference that comes in two of
// them is more than a value that changed between the requests of one pair.
type Moment struct {
	Attack string // of a ladder, or of an attack that was made twice
	Block  int    // negative in the warm-up
}

// An Unmet is an expectation that an answer does not meet.
type Unmet struct {
	What string // status 200; $.channels count gte 100
	Got  string
}
