package runner

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A lane is one walk through a case: what was captured on the way and the
// cookies that were set. It belongs to one goroutine at a time.
type lane struct {
	kind     LaneKind
	captures map[string]scenarios.Value
	jar      *wire.Jar
	// digests are the challenges that the lane answers. A copy has none: the counts
	// that go with a nonce would be used twice.
	digests map[digestKey]*wire.Digest
	hidden  judge.HiddenValues // of the archived answers that it captured from
	effects []*effect          // that its own requests left, in order; a copy begins without
	// truth are the values of captures that a proxy hid or changed (selftest); misled
	// says that a request was made with one that it changed.
	truth  map[string]scenarios.Value
	misled bool
}

func newLane(kind LaneKind) *lane {
	return &lane{kind: kind, captures: map[string]scenarios.Value{}, jar: wire.NewJar(), digests: map[digestKey]*wire.Digest{}}
}

// clone copies a lane: what a case starts from is what setup left.
func (l *lane) clone() *lane {
	return &lane{kind: l.kind, captures: maps.Clone(l.captures), jar: l.jar.Clone(), digests: map[digestKey]*wire.Digest{}, hidden: slices.Clip(l.hidden), truth: maps.Clone(l.truth)}
}

// renew puts what a repeated setup captured over what the lane holds.
func (l *lane) renew(from *lane) {
	maps.Copy(l.captures, from.captures)
	l.truth = maps.Clone(from.truth)
	l.jar = from.jar.Clone()
}

// crossing reports whether the lane changes sides.
func (l *lane) crossing() bool { return l.kind == LaneCrossBlue || l.kind == LaneCrossGreen }

var laneNames = [...]string{LaneBlue: "blue", LaneGreen: "green", LaneCrossBlue: "B-G-B-G", LaneCrossGreen: "G-B-G-B"}

// String names the lane as reports do.
func (k LaneKind) String() string {
	if k == 0 || int(k) >= len(laneNames) {
		return "unknown lane"
	}
	return laneNames[k]
}

// across makes a crossing lane's jar take green's hosts for blue's: a box keeps
// its cookies when the name it calls begins to lead to the other side.
func (l *lane) across(s *suiteRun) {
	for _, g := range s.green.services {
		if b := s.blue.service(g.name); b != nil {
			l.jar.Alias(g.logicalHost(), b.logicalHost())
		}
	}
}

// logical is a URL under the host name that the service is asked as: cookies
// belong to the name, not to the address behind it.
func (s *service) logical(address string) string {
	if s.config.Host == "" {
		return address
	}
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.Host = s.config.Host
	return u.String()
}

func (s *service) logicalHost() string {
	u, err := url.Parse(s.logical(s.base.String()))
	if err != nil {
		return s.base.Hostname()
	}
	return u.Hostname()
}

// moved is a URL of one service on its namesake of the other side.
func moved(address string, from, to *service) string {
	prefix := strings.TrimSuffix(from.base.String(), "/")
	rest, ok := strings.CutPrefix(address, prefix)
	if !ok {
		return address
	}
	return strings.TrimSuffix(to.base.String(), "/") + rest
}

// LaneKind says how a lane walks.
type LaneKind uint8

// The lanes. Zero is invalid.
const (
	LaneBlue       LaneKind = iota + 1 // every step on blue
	LaneGreen                          // every step on green
	LaneCrossBlue                      // B-G-B-G
	LaneCrossGreen                     // G-B-G-B
)

// SideOf says which side the step at index i of this lane goes to.
func (k LaneKind) SideOf(i int) scenarios.Side {
	switch {
	case k == LaneBlue, k == LaneCrossBlue && i%2 == 0, k == LaneCrossGreen && i%2 == 1:
		return scenarios.Blue
	default:
		return scenarios.Green
	}
}
