package run

import (
	"encoding/json"
	"fmt"
	"slices"
)

// A SideConnection is what an exchange of a case shows of its connection. Absent
// where there is nothing to say.
type SideConnection struct {
	New    bool `json:"new,omitempty"`    // it was opened for the request
	Closed bool `json:"closed,omitempty"` // the answer announced its end
	Resets int  `json:"resets,omitempty"` // reused connections that were reset under the request
	// Framing is the header by which a 204 or 304 announces a body: "Content-Length: 7".
	Framing string `json:"framing,omitempty"`
	// Form is how the answer was written that other clients may not read.
	Form string `json:"form,omitempty"`
	// EventsMS is the time between the first and the last event of a stream.
	EventsMS float64 `json:"events_ms,omitempty"`
	Events   int     `json:"events,omitempty"` // of a stream, up to two
	// ClockS is how many seconds the Date of an answer that no cache gives (of a POST)
	// is ahead of this machine's clock; 0: not known.
	ClockS float64 `json:"clock_s,omitempty"`
}

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
	FactAnswerForm         TransportFact = "answer-form"          // how answers are written
	FactConditional        TransportFact = "conditional"          // requests with If-None-Match
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
	// Weight is the verdict that it would have if it were not allowed and a required
	// suite used the service.
	Weight Verdict `json:"weight"`
	Blue   string  `json:"blue"` // what the side showed
	Green  string  `json:"green"`
	// Allowed is why the suite or the env file accepts it; empty: not accepted.
	Allowed string `json:"allowed,omitempty"`
	// During says that the exchanges of cases show it; else its own requests did.
	During bool `json:"during,omitempty"`
}

// transportWords are what the facts are called in sentences.
var transportWords = map[TransportFact]string{
	FactOldTLS: "older TLS versions", FactTLS13: "TLS 1.3", FactHTTP1: "HTTP/1.1", FactHTTP2: "HTTP/2",
	FactCertificateExpiry: "certificate expiry", FactCertificateNames: "certificate names", FactCertificateIssuer: "certificate issuer",
	FactKeepAlive: "keep-alive", FactConnectionsReset: "reused connections", FactResends: "resent requests", FactCompression: "compression",
	FactClock: "clock", FactHeaderNames: "spelling of header names", FactHead: "HEAD", FactOptions: "OPTIONS",
	FactEmptyAnswerFraming: "framing of empty answers", FactAnswerForm: "form of answers", FactConditional: "conditional requests",
	FactBufferedEvents: "events", FactTime: "time of cases outside load",
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

// Stated are the findings that do not decide and that are not allowed.
func Stated(all []TransportFinding) []TransportFinding {
	return slices.DeleteFunc(slices.Clone(all), func(f TransportFinding) bool { return f.Verdict != Pass || f.Allowed != "" })
}
