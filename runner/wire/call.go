package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"time"
)

// errBudget ends a request that would reach the wire once too often.
var errBudget = errors.New("the connection died; the request is not sent again")

// errInformational ends an exchange with too many 1xx answers.
var errInformational = &limitError{"more than 100 informational answers"}

// maxInformational is how many 1xx answers may precede the final one.
const maxInformational = 100

// A call is one request under way in net/http, which may send it on more than
// one connection. It sees each connection before the request is written on it,
// and so can keep the budget of rule 4: a connection that must not carry the
// request is made to write nothing (HTTP/1), or the request's context ends
// before its headers are written (HTTP/2; net/http looks at it under the lock
// of the frame writer).
type call struct {
	method string
	safe   bool
	owner  *Transport
	watch  *watch
	ctx    context.Context
	trace  httptrace.ClientTrace

	mu            sync.Mutex // hooks run on net/http's goroutines, some after RoundTrip has returned
	conn          *conn
	facts         *facts
	secure        *tls.Conn // HTTP/2 over TLS
	mark          int64     // HTTP/1: bytes the connection had written before
	wroteHeaders  bool      // HTTP/2
	spent         int       // earlier attempts that reached the wire
	answered      bool
	reused        bool
	reuses        int // connections given that had carried a request
	resets        int // of those, reset by the server under the request
	sent          []Field
	space         [8]Field // most requests have no more
	head          string   // HTTP/1: of the answer, as it came
	forms         []string // of the answer, that other clients may not read; see Exchange.Form
	overrun       bool
	informational int
	keepSent      bool
	firstByte     time.Time
}

// newCall begins the record of one request, each time that it is handed to net/http.
func newCall(s *sending, w *watch) *call {
	method := s.req.Method
	return &call{method: method, safe: safeMethod(method) || s.request.Resend, owner: s.t, watch: w, keepSent: s.sink == nil}
}

// safeMethod reports whether a request may be sent twice.
func safeMethod(method string) bool {
	switch method {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return true
	}
	return false
}

// send starts the request on a pool, with a body of its own. The answer's body is still to be read.
func (c *call) send(ctx context.Context, p *pool, prepared *http.Request, body []byte) (*http.Response, *Err) {
	trace := &c.trace
	trace.GotConn, trace.GotFirstResponseByte, trace.Got1xxResponse = c.gotConn, c.onFirstByte, c.onInformational
	if p.mayH2 {
		trace.WroteHeaders = c.onWroteHeaders
	}
	if c.keepSent {
		trace.WroteHeaderField = c.onHeaderField
	}
	c.ctx = httptrace.WithClientTrace(ctx, trace)
	req := prepared.WithContext(c.ctx)
	if len(body) > 0 {
		req.Body = newBody(body)
	}
	resp, err := p.http.RoundTrip(req)
	if err != nil {
		return nil, c.owner.blameCertificate(c.failure(c.alert(err), false))
	}
	c.owner.answered.Store(true)
	c.mu.Lock()
	c.answered = true
	c.mu.Unlock()
	return resp, nil
}

// alert finds the TLS alert behind a new HTTP/2 connection that could not be
// used: net/http says only that. A server that wants a client certificate
// refuses after the handshake (TLS 1.3).
func (c *call) alert(err error) error {
	c.mu.Lock()
	secure := c.secure
	c.mu.Unlock()
	if secure == nil || !strings.Contains(err.Error(), "could not be established") {
		return err
	}
	_ = secure.SetReadDeadline(time.Now()) // a dead connection answers at once with the error it died of
	if _, alert := secure.Read(make([]byte, 1)); alert != nil && isTLS(alert) {
		return alert
	}
	return err
}

// blameCertificate names the missing client certificate where a server asked for
// one and never answered. In TLS 1.3 such a server refuses after the handshake, and
// its alert or the reset that follows may come first: the reason is the same.
func (t *Transport) blameCertificate(failed *Err) *Err {
	if t.noCert.Load() && !t.answered.Load() && (failed.Class == ClassTLS || failed.Class == ClassReset) {
		return &Err{Class: ClassTLS, Detail: "the server asks for a client certificate; tls: {cert: FILE, key: FILE} of the side names one"}
	}
	return failed
}

// gotConn is called for each connection that a request is written to. A second call means that the
// first connection broke before an answer and that net/http took another one.
func (c *call) gotConn(info httptrace.GotConnInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reached() {
		c.spent++
	}
	c.countReset()
	cn := connOf(info.Conn)
	c.conn, c.facts, c.reused = cn, cn.facts, info.Reused
	if info.Reused {
		c.reuses++
	}
	c.secure, _ = info.Conn.(*tls.Conn)
	c.mark, c.wroteHeaders, c.sent = cn.written.Load(), false, c.space[:0]
	budget := 1
	if c.safe {
		budget = 2
	}
	if c.spent >= budget {
		c.watch.cancel(errBudget)
		if !cn.h2 {
			cn.refuse.Store(true)
		}
		return
	}
	// Rule 5. Nothing is written, so that the request may go elsewhere.
	if !c.safe && !cn.h2 && info.WasIdle && info.IdleTime > c.owner.stale {
		cn.refuse.Store(true)
	}
	if cn.frames != nil {
		cn.frames.begin(c, cn.begun.Load())
	}
	c.watch.arm("first byte", c.owner.limits.FirstByte, "waiting for the first byte")
}

// countReset counts the present connection if it had carried a request before
// and the server reset it. c.mu is held.
func (c *call) countReset() {
	if c.conn != nil && c.reused && c.conn.reset.Load() {
		c.resets++
	}
}

// reached reports whether the request reached the wire on the present
// connection. c.mu is held.
func (c *call) reached() bool {
	switch {
	case c.conn == nil:
		return false
	case c.conn.h2:
		return c.wroteHeaders
	default:
		return c.conn.written.Load() > c.mark
	}
}

// onWroteHeaders notes that the server may have seen the request: from here on it counts as sent.
func (c *call) onWroteHeaders() {
	c.mu.Lock()
	c.wroteHeaders = true
	c.mu.Unlock()
}

// onHeaderField keeps a header as it leaves, under the name that HTTP/1 has for it. What belongs
// to the connection or to a proxy is left out.
func (c *call) onHeaderField(name string, values []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case name == ":authority":
		name = "Host"
	case strings.HasPrefix(name, ":"), strings.EqualFold(name, "Proxy-Authorization"):
		return
	}
	for _, v := range values {
		c.sent = append(c.sent, Field{name, v})
	}
}

// onFirstByte notes when the answer begins; from here the server is watched for the pace of its
// headers.
func (c *call) onFirstByte() {
	c.mu.Lock()
	c.firstByte = time.Now()
	c.mu.Unlock()
	c.watch.arm("", 0, "in the headers")
}

// onInformational counts answers of class 1xx. A server may send any number of them and never an
// answer, so they are bounded.
func (c *call) onInformational(int, textproto.MIMEHeader) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.informational++; c.informational > maxInformational {
		return errInformational
	}
	return nil
}

// setHead keeps the head of the answer as it came.
func (c *call) setHead(head []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keepSent {
		c.head = string(head)
		c.forms = append(c.forms, oddForms(c.head)...)
	}
}

// addForm notes a form of the answer that other clients may not read.
func (c *call) addForm(form string) {
	c.mu.Lock()
	c.forms = append(c.forms, form)
	c.mu.Unlock()
}

// setBeyond notes that bytes followed the answer on its connection, which nothing asked for.
func (c *call) setBeyond() {
	c.mu.Lock()
	c.overrun = true
	c.mu.Unlock()
}

// beyond reports whether bytes came that belong to no answer.
func (c *call) beyond() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.overrun
}

// attempts is how often the request has reached the wire.
func (c *call) attempts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answered || c.reached() {
		return c.spent + 1
	}
	return c.spent
}

// fields are the header fields of the answer: as received over HTTP/1, sorted
// by name where the protocol or a proxy's tunnel hides them.
func (c *call) fields(resp *http.Response) []Field {
	c.mu.Lock()
	head := c.head
	c.mu.Unlock()
	if head != "" {
		return headFields(head)
	}
	fields := SortedFields(resp.Header)
	if resp.ProtoMajor >= 2 {
		for i := range fields {
			fields[i].Name = strings.ToLower(fields[i].Name)
		}
	}
	return fields
}

// report writes into x what is known of the request's way.
func (c *call) report(req *http.Request, x *Exchange) {
	x.Attempts += c.attempts()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.keepSent:
	case len(c.sent) == 0:
		x.Sent = plannedFields(req)
	default:
		x.Sent = slices.Clone(c.sent)
		if c.conn.h2 { // net/http ranges over a map there
			slices.SortStableFunc(x.Sent, byNameHostFirst)
		}
	}
	if !c.firstByte.IsZero() {
		x.Timing.FirstByte = c.firstByte.Sub(x.Started)
	}
	if x.Err != nil && x.Status == 0 {
		c.countReset()
	}
	x.Resets += c.resets
	slices.Sort(c.forms)
	x.Form = strings.Join(slices.Compact(c.forms), ", ")
	if c.facts == nil {
		return
	}
	x.Reused, x.Remote, x.Certificate = c.reused, c.facts.remote, c.facts.certificate
	if !c.reused {
		x.Timing.Connect, x.Timing.TLS = c.facts.connect, c.facts.tls
	}
}

// byNameHostFirst is the order of the header fields of a request over HTTP/2.
func byNameHostFirst(a, b Field) int {
	rank := func(f Field) string {
		if f.Name == "Host" {
			return ""
		}
		return f.Name
	}
	return strings.Compare(rank(a), rank(b))
}

// plannedFields are the fields of a request that never left, as they would
// have been sent.
func plannedFields(req *http.Request) []Field {
	return append([]Field{{"Host", req.Host}}, SortedFields(req.Header)...)
}

// SortedFields are the fields of h by name; the values of a name keep their order.
func SortedFields(h map[string][]string) []Field {
	var fields []Field
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, v := range h[name] {
			fields = append(fields, Field{name, v})
		}
	}
	return fields
}

// failure says why the call failed. inBody tells an answer that was cut from
// one that never came.
func (c *call) failure(err error, inBody bool) *Err {
	if c.ctx.Err() != nil {
		if cause := context.Cause(c.ctx); cause != nil {
			var timeout *timeoutError
			if errors.As(cause, &timeout) || errors.Is(cause, errBudget) {
				return classify(cause, inBody)
			}
			return &Err{Class: ClassCanceled, Detail: "the run was stopped"}
		}
	}
	return classify(err, inBody)
}
