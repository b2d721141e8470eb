package runner

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios"
)

// A TransportFact names one thing that is compared of how the two sides are
// reached. The values are those of scenarios.TransportFacts, which
// transport: {allow: …} writes.
type TransportFact string

// The facts.
const (
	FactOldTLS             TransportFact = "tls-old"              // a version below 1.3 that blue accepts
	FactTLS13              TransportFact = "tls-1.3"              // accepted by one side alone
	FactHTTP1              TransportFact = "http-1.1"             // answered by one side alone
	FactHTTP2              TransportFact = "http-2"               // offered by one side alone
	FactCertificateExpiry  TransportFact = "certificate-expiry"   // of either side
	FactCertificateNames   TransportFact = "certificate-names"    // of sides that are asked as one host
	FactCertificateIssuer  TransportFact = "certificate-issuer"   //
	FactKeepAlive          TransportFact = "keep-alive"           // connections closed after each answer
	FactConnectionsReset   TransportFact = "connections-reset"    // reused connections reset
	FactResends            TransportFact = "resends"              // requests that had to leave twice
	FactCompression        TransportFact = "compression"          // of answers whose request asks for it
	FactClock              TransportFact = "clock"                // by the Date of answers
	FactHeaderNames        TransportFact = "header-names"         // their spelling over HTTP/1.1
	FactHead               TransportFact = "head"                 // the status of a HEAD
	FactOptions            TransportFact = "options"              // the status and Allow of an OPTIONS
	FactEmptyAnswerFraming TransportFact = "empty-answer-framing" // a 204 or 304 that announces a body
	FactBufferedEvents     TransportFact = "buffered-events"      // events that arrive all at once
	FactTime               TransportFact = "time"                 // of cases, outside load
)

// A TransportFinding is a difference between the connections to blue and green, or
// something about one of them that a client would notice after the shift.
type TransportFinding struct {
	Fact    TransportFact `json:"fact"`
	Service string        `json:"service,omitempty"` // empty: the side's url
	Suites  []string      `json:"suites"`            // that use the service
	// Verdict is what the finding does to the run: Fail, Inconclusive, or Pass when
	// it is only reported. An allowed finding passes.
	Verdict Verdict `json:"verdict"`
	// Weight is the verdict that it would have if nobody allowed it and a required
	// suite used the service.
	Weight Verdict `json:"weight"`
	Blue   string  `json:"blue"` // what the side showed
	Green  string  `json:"green"`
	// Allowed is why the suite or the env file accepts it; empty: nobody does.
	Allowed string `json:"allowed,omitempty"`
	// During says that the exchanges of cases show it; else requests of its own did.
	During bool `json:"during,omitempty"`
}

// transportWords are what the facts are called in sentences.
var transportWords = map[TransportFact]string{
	FactOldTLS: "older TLS versions", FactTLS13: "TLS 1.3", FactHTTP1: "HTTP/1.1", FactHTTP2: "HTTP/2",
	FactCertificateExpiry: "certificate expiry", FactCertificateNames: "certificate names", FactCertificateIssuer: "certificate issuer",
	FactKeepAlive: "keep-alive", FactConnectionsReset: "reused connections", FactResends: "resent requests", FactCompression: "compression",
	FactClock: "clock", FactHeaderNames: "spelling of header names", FactHead: "HEAD", FactOptions: "OPTIONS",
	FactEmptyAnswerFraming: "framing of empty answers", FactBufferedEvents: "events", FactTime: "time of cases outside load",
}

// String is the finding in one sentence.
func (f TransportFinding) String() string {
	text := transportWords[f.Fact]
	if f.Service != "" {
		text += " of service " + f.Service
	}
	text += fmt.Sprintf(": blue %s, green %s", f.Blue, f.Green)
	if f.Allowed != "" {
		text += " (allowed: " + f.Allowed + ")"
	}
	return text
}

// MarshalJSON adds the sentence that people read.
func (f TransportFinding) MarshalJSON() ([]byte, error) {
	type plain TransportFinding
	return json.Marshal(struct {
		plain
		Text string `json:"text"`
	}{plain(f), f.String()})
}

// Stated are the findings that do not decide and that nobody has allowed.
func Stated(all []TransportFinding) []TransportFinding {
	return slices.DeleteFunc(slices.Clone(all), func(f TransportFinding) bool { return f.Verdict != Pass || f.Allowed != "" })
}

// transport claims and gates what is known of the connections:
//
//  1. Requests after the cases, exchanges of cases, and times outside load each give
//     findings; a fact that two of them show of one service is reported once, the
//     gravest.
//  2. A finding that an allowance of one of its suites names does not decide.
//  3. One whose suites are all advisory does not decide either.
//  4. A run that is judged again keeps what only requests could show.
func (c *conclusion) transport() {
	var all []TransportFinding
	if from := c.e.earlier; from != nil { // Rule 4
		for _, f := range from.End.Transport {
			if !f.During {
				f.Verdict, f.Allowed = f.Weight, ""
				all = append(all, f)
			}
		}
	} else {
		all = append(all, c.o.transport...)
	}
	all = append(all, c.e.totals.transport.findings()...)
	if f := c.o.slow; f != nil {
		all = append(all, *f)
	}
	all = gravestOfEach(all) // Rule 1
	used := map[scenarios.Pos]bool{}
	for i := range all {
		c.weigh(&all[i], used)
	}
	c.unusedAllowances(used)
	c.end.Transport = all
	if len(all) == 0 {
		return
	}
	verdict, first := Pass, all[0]
	for _, f := range all {
		if f.Verdict > Pass {
			c.claim(f.Verdict, "%s; transport: {allow: [{fact: %s, why: …}]} accepts it", f, f.Fact)
		}
		verdict = verdict.Worse(f.Verdict)
	}
	measured := cut(first.String(), 160)
	if len(all) > 1 {
		measured += fmt.Sprintf(", and %d more", len(all)-1)
	}
	c.gate(verdict, "same transport", measured, "as on blue")
}

// weigh applies rules 2 and 3.
func (c *conclusion) weigh(f *TransportFinding, used map[scenarios.Pos]bool) {
	required := false
	for _, suite := range c.e.plan.Suites {
		if !slices.Contains(f.Suites, suite.Name) {
			continue
		}
		required = required || gateOf(suite) == scenarios.Required
		for _, a := range suite.Transport {
			if a.Fact == string(f.Fact) && (a.Service == "" || a.Service == f.Service) {
				f.Allowed, used[a.Pos] = a.Why, true
			}
		}
	}
	if !required || f.Allowed != "" {
		f.Verdict = Pass
	}
}

// unusedAllowances warns of allowances that were not needed, where the facts were
// asked for.
func (c *conclusion) unusedAllowances(used map[scenarios.Pos]bool) {
	if c.e.earlier != nil {
		return
	}
	for _, suite := range c.e.plan.Suites {
		for _, a := range suite.Transport {
			if text := fmt.Sprintf("transport allow %s (%s) was not needed", a.Fact, a.Pos); !used[a.Pos] && !slices.Contains(c.end.Warnings, text) {
				c.end.Warnings = append(c.end.Warnings, text)
			}
		}
	}
}

// gravestOfEach keeps the gravest finding of each fact and service, the gravest first.
func gravestOfEach(all []TransportFinding) []TransportFinding {
	slices.SortStableFunc(all, func(a, b TransportFinding) int { return cmp.Compare(b.Verdict, a.Verdict) })
	var out []TransportFinding
	for _, f := range all {
		same := func(o TransportFinding) bool {
			return o.Fact == f.Fact && o.Service == f.Service && strings.Join(o.Suites, " ") == strings.Join(f.Suites, " ")
		}
		if !slices.ContainsFunc(out, same) {
			out = append(out, f)
		}
	}
	return out
}
