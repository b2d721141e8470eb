// Package wire is the only HTTP client: it sends one request to one side and
// says everything that happened. A transport failure is data (Exchange.Err),
// not a Go error that aborts a run.
//
// Each side has its own Transport, so that green can never ride on blue's
// pooled connection. Nothing is read from the environment: no proxy, no netrc.
//
// Decided, and why:
//
//   - HTTP/2 is net/http's own, also without TLS (http.Protocols), not that of
//     golang.org/x/net: one transport knows all protocols, and Go's releases fix it.
//   - Accept-Encoding is sent only when the request declares it. A box sends its
//     own, and what is not declared must not change what a server does. Whatever
//     a server sends compressed is decoded, under limits, and its header kept.
//   - The attempt budget sits below net/http, at the connections it is given
//     (see call): its retries are not a setting, and a RoundTripper around it
//     does not see them.
//   - The head of an HTTP/1 answer is kept as it came (see frames): net/http
//     changes spelling and order, and adds Cache-Control to an old Pragma.
package wire

import (
	"net/netip"
	"strings"
	"time"
)

// A Config says how one service of one side is reached.
type Config struct {
	BaseURL    string // scheme, host and path prefix
	Resolve    string // address (IP or IP:port) the host is pinned to; never falls back to DNS
	Host       string // Host header and SNI; empty: the URL's host
	Proxy      string // only when declared
	HTTP       string // "" (1.1 or 2 by ALPN), "1.1", "2", "h2c"
	CAFile     string
	CertFile   string
	KeyFile    string
	ServerName string
	Insecure   bool
	Limits     Limits
	// Guard says which addresses may be dialled; nil: any. It is a pointer so that a
	// Config can be compared.
	Guard *Guard
}

// Limits bound what an answer may cost. Zero means the default of the field.
type Limits struct {
	Connect     time.Duration // default 5 s
	TLS         time.Duration // default 5 s
	FirstByte   time.Duration // default: Total
	Idle        time.Duration // between two reads of the body; default 10 s
	Total       time.Duration // default 30 s
	Header      int64         // bytes of response headers, default 256 KiB
	Body        int64         // bytes of the decoded body, default 64 MiB
	Ratio       int64         // highest decoded/encoded ratio above 1 MiB, default 200
	Connections int           // per host, default 64
}

const defaultRatio = 200 // Limits.Ratio

// A Field is one header field; order and repetition are kept where HTTP keeps them.
type Field struct{ Name, Value string }

// A Request is what is to be sent.
type Request struct {
	Method  string
	URL     string // absolute
	Headers []Field
	Body    []byte
	Timeout time.Duration // 0: Limits.Total
	// Fresh asks for its own connection, closed afterwards.
	Fresh bool
	// Resend lets a request of an unsafe method reach the wire twice, like a safe
	// one: it only reads.
	Resend bool
}

// A Class is why an exchange has no usable answer: a closed set, so that a
// million failures stay a handful of kinds.
type Class string

// The classes of failure. Empty means there was none.
const (
	ClassDNS         Class = "dns"
	ClassRefused     Class = "refused"
	ClassConnect     Class = "connect" // any other failure to connect
	ClassTLS         Class = "tls"
	ClassReset       Class = "reset"       // the connection died before or in the answer
	ClassTimeout     Class = "timeout"     // Detail names which: connect, tls, first byte, idle, total
	ClassTruncated   Class = "truncated"   // the body ended early
	ClassDecode      Class = "decode"      // Content-Encoding broken
	ClassLimit       Class = "limit"       // a bound of Limits was passed
	ClassProtocol    Class = "protocol"    // not HTTP, or HTTP broken
	ClassRequest     Class = "request"     // the request cannot be sent as asked
	ClassDescriptors Class = "descriptors" // our own limit: never green's fault
	ClassCanceled    Class = "canceled"    // the run was stopped
)

// An Err is a failed exchange.
type Err struct {
	Class  Class  `json:"class"`
	Detail string `json:"detail"`
}

// Timing holds the phases of an exchange; zero where a phase did not happen.
type Timing struct {
	Connect   time.Duration `json:"connect,omitempty"`
	TLS       time.Duration `json:"tls,omitempty"`
	FirstByte time.Duration `json:"first_byte,omitempty"` // since the request was begun
	Total     time.Duration `json:"total"`                // to the last byte of the body
}

// An Exchange is one request and what came back on one side.
type Exchange struct {
	Method  string
	URL     string
	Sent    []Field // header fields as sent, Host first
	Body    []byte  // request body
	Started time.Time
	Timing  Timing

	Status      int // 0 when there was no answer
	Proto       string
	Headers     []Field // as received, names as spelled by the server where HTTP keeps them
	Trailers    []Field
	Answer      []byte // decoded body; nil when there was none
	WireBytes   int64  // body bytes as received
	Encoding    string // Content-Encoding that was decoded
	Err         *Err
	Remote      netip.AddrPort
	Reused      bool   // the connection had carried a request before
	Attempts    int    // requests that reached the wire: 1 for an unsafe method without Resend, whatever happens
	Resets      int    // reused connections that the server reset under the request
	Certificate string // SHA-256 of the leaf certificate, hex
	// Unframed: the body ended with the connection (HTTP/1 without
	// Content-Length and chunks), so that a cut body cannot be distinguished from a whole one.
	Unframed bool
	// Form is how the answer was written that this program reads and other clients may not: as
	// Content-Length next to Transfer-Encoding. Empty: in no such way.
	Form string
	// Streamed is the time between the first and the last bytes of the body.
	Streamed time.Duration
}

// TraceID is the trace id that the request carried (W3C traceparent); empty where
// it carried none.
func (x *Exchange) TraceID() string {
	value, _ := Header(x.Sent, "traceparent")
	if parts := strings.Split(value, "-"); len(parts) == 4 {
		return parts[1]
	}
	return ""
}

// Header is the first value of a header. Names are compared without letter case (RFC 9110, 5.1).
// The second result tells a header that is empty from one that is not there.
func Header(fields []Field, name string) (string, bool) {
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value, true
		}
	}
	return "", false
}
