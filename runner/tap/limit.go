package tap

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

// What clients may take. A client is an address, of IPv6 a network of 64 bits: several boxes
// that share one count together.
const (
	// maxConnections is how many connections are open at once; more of them wait.
	maxConnections = 4096
	// ClientConnections is how many connections, and requests, one client has at once where
	// Options do not say; more of them are refused.
	ClientConnections = 1024
	maxHeader         = 64 << 10 // bytes of the fields of a request
	// stalled is how long a client may send nothing of a body that it announced, or take
	// nothing of an answer. Between requests, and while it waits, it may be silent.
	stalled = 5 * time.Minute
)

// A crowd counts what each client has at once.
type crowd struct {
	most int
	mu   sync.Mutex
	of   map[netip.Prefix]int
}

// newCrowd lets each client have so many at once.
func newCrowd(most int) *crowd { return &crowd{most: most, of: map[netip.Prefix]int{}} }

// enter counts one more; false: the client has as many as it may have.
func (c *crowd) enter(client netip.Prefix) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[client] >= c.most {
		return false
	}
	c.of[client]++
	return true
}

// leave counts one less, and forgets a client that has none left.
func (c *crowd) leave(client netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[client]--; c.of[client] <= 0 {
		delete(c.of, client)
	}
}

// clientNet is the client of an address with its port. Those that cannot be read are one.
func clientNet(address string) netip.Prefix {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := at.Addr().Unmap().WithZone(""), 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// A limited listener accepts no more connections than the constants say.
type limited struct {
	net.Listener
	clients *crowd
	refused func()
}

// newLimited lets each client have so many connections of a listener. refused is called for
// each one more, before it is closed.
func newLimited(ln net.Listener, most int, refused func()) *limited {
	return &limited{netutil.LimitListener(ln, maxConnections), newCrowd(most), refused}
}

// Accept waits for a connection of a client that may have one more. Those of others are closed at once.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := clientNet(conn.RemoteAddr().String())
		if l.clients.enter(client) {
			return &counted{Conn: conn, leave: sync.OnceFunc(func() { l.clients.leave(client) })}, nil
		}
		l.refused()
		_ = conn.Close()
	}
}

// A counted connection is one of its client until it is closed.
type counted struct {
	net.Conn
	leave func()
}

// Close ends the connection; its client may have another.
func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}

// A patient writer ends an answer of which the client takes nothing for too long. Between
// writes there is no limit: an answer may be a long poll.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration
	closes  bool // the connection ends with the answer
}

// WriteHeader passes the status on, with the field that announces the end of a connection that
// must not be used again.
func (w *patient) WriteHeader(status int) {
	if status == http.StatusContinue {
		return // net/http says so once the body is read, which the service's answer leads to
	}
	if w.closes && status >= http.StatusOK {
		w.Header().Set("Connection", "close")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write passes a piece of the answer on, for which the client has limit to take it.
func (w *patient) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.limit)) // an upgraded or odd writer has none
	n, err := w.ResponseWriter.Write(p)
	_ = w.control.SetWriteDeadline(time.Time{})
	return n, err
}

// FlushError is called by http.ResponseController.
func (w *patient) FlushError() error {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.limit))
	err := w.control.Flush()
	_ = w.control.SetWriteDeadline(time.Time{})
	return err
}

// Unwrap gives http.ResponseController the rest, such as upgrades.
func (w *patient) Unwrap() http.ResponseWriter { return w.ResponseWriter }
