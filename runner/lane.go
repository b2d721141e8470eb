package runner

import (
	"maps"
	"strings"

	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A lane is one walk through a case: what was captured on the way and the
// cookies that were set. It belongs to one goroutine at a time.
type lane struct {
	kind     LaneKind
	captures map[string]scenarios.Value
	jar      *wire.Jar
}

func newLane(kind LaneKind) *lane {
	return &lane{kind: kind, captures: map[string]scenarios.Value{}, jar: wire.NewJar()}
}

// clone copies a lane: what a case starts from is what setup left.
func (l *lane) clone() *lane {
	return &lane{kind: l.kind, captures: maps.Clone(l.captures), jar: l.jar.Clone()}
}

// renew puts what a repeated setup captured over what the lane holds.
func (l *lane) renew(from *lane) {
	maps.Copy(l.captures, from.captures)
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

// cookies is the Cookie header that the lane sends to a service. A crossing lane
// files all cookies under blue's address: a box keeps them when the name it
// calls begins to lead to the other side.
func (l *lane) cookies(s *suiteRun, to *service, url string) string {
	return l.jar.Header(l.fileAs(s, to, url))
}

// keep takes the cookies that an answer set.
func (l *lane) keep(s *suiteRun, from *service, x *wire.Exchange) {
	if !l.crossing() || from.side == scenarios.Blue {
		l.jar.Set(x.URL, x)
		return
	}
	moved := *x
	moved.Headers = make([]wire.Field, len(x.Headers))
	for i, f := range x.Headers {
		if strings.EqualFold(f.Name, "Set-Cookie") {
			f.Value = withoutDomain(f.Value)
		}
		moved.Headers[i] = f
	}
	l.jar.Set(l.fileAs(s, from, x.URL), &moved)
}

// fileAs is the URL under which the lane's jar keeps the cookies of url.
func (l *lane) fileAs(s *suiteRun, of *service, url string) string {
	if !l.crossing() || of.side == scenarios.Blue {
		return url
	}
	twin := s.blue.service(of.name)
	if twin == nil {
		return url
	}
	return moved(url, of, twin)
}

// moved is a URL of one service on its namesake of the other side.
func moved(url string, from, to *service) string {
	prefix := strings.TrimSuffix(from.base.String(), "/")
	rest, ok := strings.CutPrefix(url, prefix)
	if !ok {
		return url
	}
	return strings.TrimSuffix(to.base.String(), "/") + rest
}

// withoutDomain drops the Domain attribute of a Set-Cookie value: the cookie
// then belongs to the host that it is filed under.
func withoutDomain(value string) string {
	parts := strings.Split(value, ";")
	kept := parts[:1]
	for _, p := range parts[1:] {
		name, _, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "domain") {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, ";")
}
