package scenarios

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// TransportFacts are the names of what is compared of how the sides are reached,
// as transport: {allow: …} writes them; docs/trust.md says what each means.
var TransportFacts = []string{
	"tls-old", "tls-1.3", "http-1.1", "http-2", "certificate-expiry", "certificate-names", "certificate-issuer",
	"keep-alive", "connections-reset", "resends", "compression", "clock", "header-names", "head", "options",
	"empty-answer-framing", "buffered-events", "time",
}

// A TransportAllow accepts a difference between the connections to blue and green.
type TransportAllow struct {
	Fact    string // one of TransportFacts
	Service string // empty: of every service
	Why     string
	Pos     Pos
}

// transport reads the accepted differences of connections.
func (w *walker) transport(o *obj) []TransportAllow {
	n := o.get("transport")
	if n == nil {
		return nil
	}
	x := w.object(n, "transport", "")
	x.notEmpty("allow", "name a fact and why it is accepted")
	var out []TransportAllow
	x.list("allow", func(_ int, n *yaml.Node) {
		a := w.object(n, "transport allow", "")
		allow := TransportAllow{Pos: w.pos(a.n)}
		a.bind(&allow)
		if a.has("why") && strings.TrimSpace(allow.Why) == "" {
			a.fail(a.at("why"), "say why the difference is accepted", "why is empty")
		}
		out = append(out, allow)
	})
	return out
}
