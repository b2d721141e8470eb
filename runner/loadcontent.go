package runner

import (
	"fmt"

	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// underLoad holds the answers of a load stage against what the case expects: an
// error that comes fast and in a 200 must not make green look quick.
//
//  1. An answer that is seen whole, as errors are, must meet every expectation but
//     those of time, which are the stage's own, and of a snapshot.
//  2. Of a larger one only the beginning is seen: it must not be a page, unless
//     something is expected of the body.
//  3. A coding that is not undone under load hides the body: nothing is said of it.
func (c *Checks) underLoad(side scenarios.Side, request *wire.Request) func(*attack.Answer) string {
	own, expect := *c, *c.expect
	expect.Snapshot = ""
	own.latency, own.expect = nil, &expect
	said := c.aboutContent()
	return func(l *attack.Answer) string {
		x := &wire.Exchange{Method: request.Method, Sent: request.Headers, Status: l.Status, Answer: l.Start}
		switch {
		case l.Coded: // Rule 3
		case l.Whole && !(said && c.expect.Snapshot != ""): // Rule 1
			for name, values := range l.Header {
				for _, v := range values {
					x.Headers = append(x.Headers, wire.Field{Name: name, Value: v})
				}
			}
			for _, e := range own.check(side, newAnswer(x), nil) {
				if !e.OK {
					return fmt.Sprintf("expected %s, got %s", e.What, e.Got)
				}
			}
		case !said: // Rule 2
			x.Headers = []wire.Field{{Name: "Content-Type", Value: l.Header.Get("Content-Type")}}
			if a := newAnswer(x); a.isHTML() && !(a.declaresHTML() && c.namesContentType()) {
				return "expected " + apiAnswer + ", got an HTML page"
			}
		}
		return ""
	}
}
