package tap

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// An Exchange is a request that passed, with its answer.
type Exchange struct {
	Began, Ended time.Time
	// Client is the address of the client, without its port.
	Client  string
	Service Service
	Request Message
	// Answer has no status where the service did not answer: Err says why.
	Answer Message
	Err    error
	// Upgraded says that the connection became a socket, which passed unread.
	Upgraded bool

	proxy  *Proxy
	target *target
	host   string // that the client asked
	inside bool   // the path named the service
}

// A Message is a request as the service got it, or an answer as the service gave it.
type Message struct {
	Method string  // of a request
	URL    url.URL // of a request, at the service
	Status int     // of an answer
	Proto  string
	Header http.Header
	Body   Body
}

// A Body is what is known of a body that passed, in its content coding.
type Body struct {
	// Data are its bytes; nil where there are none, or Kept is false.
	Data []byte
	// Kept says that Data is all of it: false over a limit.
	Kept bool
	// Whole says that the body came to its end.
	Whole bool
	// Err is why it broke off before, or could not be unpacked (ErrCoding); nil where it did not, or nobody read on.
	Err    error
	Size   int64
	SHA256 [sha256.Size]byte

	// mu guards all of it: a transport may still read a request's body when its
	// answer has passed.
	mu     sync.Mutex
	closed bool // what is read from now on belongs to nobody
	reader io.ReadCloser
	digest hash.Hash
	over   bool // a limit was reached
}

// Release gives back the memory that the bodies of x are counted for.
func (x *Exchange) Release() {
	for _, b := range []*Body{&x.Request.Body, &x.Answer.Body} {
		x.proxy.kept.Add(-int64(len(b.Data)))
		b.Data, b.Kept = nil, false
	}
}

// end says what is known of a body now.
func (b *Body) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.Kept = true, b.Whole && !b.over
	if b.digest != nil {
		b.digest.Sum(b.SHA256[:0])
	}
}

// broken is why a body broke off.
func (b *Body) broken() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Err
}

// over hands x to the observer.
func (x *Exchange) over() {
	x.Ended = x.proxy.opts.Now()
	for _, b := range []*Body{&x.Request.Body, &x.Answer.Body} {
		b.end()
	}
	if x.proxy.opts.Observe == nil {
		x.Release()
		return
	}
	x.proxy.opts.Observe(x)
}

// A watched body is read by whoever passes it on, and counted, digested and kept
// within the limits.
type watched struct {
	*Body
	proxy *Proxy
	// wait sets when reads end; nil: it is the body of an answer.
	wait func(time.Time) error
}

// Read passes a piece of the body on and keeps what it learns of it. The time that the client
// may be silent counts for each piece anew.
func (w *watched) Read(p []byte) (int, error) {
	w.limit(w.proxy.stalled)
	n, err := w.reader.Read(p)
	if errors.Is(err, io.EOF) {
		w.limit(0)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return n, err
	}
	if n > 0 {
		w.add(p[:n])
	}
	if errors.Is(err, io.EOF) {
		w.Whole = true
	} else if err != nil {
		w.Err = err
	}
	return n, err
}

// limit ends reads of a request's body that get nothing for a time; 0: none.
func (w *watched) limit(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wait == nil || w.closed { // an answer; or the connection has another request by now
		return
	}
	var at time.Time
	if d > 0 {
		at = time.Now().Add(d)
	}
	_ = w.wait(at) // an odd connection has no limit
}

// add takes in a piece. Over a limit everything that was kept is dropped, as half a body could
// not be compared; its digest and size go on.
func (w *watched) add(p []byte) {
	if w.digest == nil {
		w.digest = sha256.New()
	}
	w.digest.Write(p)
	w.Size += int64(len(p))
	if w.over {
		return
	}
	kept := w.proxy.kept.Add(int64(len(p)))
	if w.Size > w.proxy.opts.KeepBody || kept > w.proxy.opts.KeepAll {
		w.over = true
		w.proxy.kept.Add(-int64(len(p)) - int64(len(w.Data)))
		w.Data = nil
		return
	}
	w.Data = append(w.Data, p...)
}

// Close ends the body.
func (w *watched) Close() error { return w.reader.Close() }
