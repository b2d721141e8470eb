package record

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/tap"
)

// Options say what is kept.
type Options struct {
	// File is the HAR file to write; it must not exist.
	File string
	// Tool is the name and version of the writer.
	Tool string
	// Secret reports whether a value is a secret by its name or by itself.
	Secret func(name, value string) bool
	// Gap is the pause after which a new part of the recording begins; 0: never.
	Gap time.Duration
	// Key makes the pseudonyms of this recording; 16 random bytes or more.
	Key []byte
	// Now is the clock.
	Now func() time.Time
	// Failed is called once where the recording cannot be written: nothing more is recorded.
	Failed func(error)
}

// KeepBody is the length up to which a body is kept as text; of a larger one size
// and digest are. KeepAll bounds the bodies that wait to be written.
const (
	KeepBody = 1 << 20
	KeepAll  = 64 << 20
	waiting  = 4096 // exchanges that wait to be written
)

// Counts say what a recording holds.
type Counts struct {
	Exchanges, Parts int
	Digested         int // bodies of which only size and digest are kept
	Upgraded         int // sockets, whose content passed unread
	Unanswered       int
	Dropped          int // exchanges that came faster than they could be written
	Secrets          int // different values that were replaced
}

// A Recorder writes a recording.
type Recorder struct {
	opts  Options
	names *pseudonyms
	queue chan item
	done  chan struct{}

	mu      sync.Mutex // guards what follows, and the closing of queue
	closed  bool
	dropped int

	// Owned by the goroutine that writes:
	file    *harFile
	counts  Counts
	page    string
	pending string // title of a mark that no exchange has followed yet
	last    time.Time
	err     error
}

// An item is an exchange, or a mark where it is nil.
type item struct {
	exchange *tap.Exchange
	mark     string
}

// New begins a recording.
func New(opts Options) (*Recorder, error) {
	file, err := createHAR(opts.File, opts.Tool)
	if err != nil {
		return nil, err
	}
	r := &Recorder{opts: opts, names: newPseudonyms(opts.Key, opts.Secret), queue: make(chan item, waiting), done: make(chan struct{}), file: file}
	go r.write()
	return r, nil
}

// Observe keeps an exchange. It never waits: what comes faster than it can be
// written is dropped and counted.
func (r *Recorder) Observe(x *tap.Exchange) {
	if !r.put(item{exchange: x}) {
		x.Release()
	}
}

// Mark begins a new part with the next exchange.
func (r *Recorder) Mark(title string) bool { return r.put(item{mark: cut(text.OneRow(title))}) }

// put queues an item; false: the recording has ended, or the queue is full.
func (r *Recorder) put(i item) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	select {
	case r.queue <- i:
		return true
	default:
		r.dropped++
		return false
	}
}

// Close writes what waits and ends the recording.
func (r *Recorder) Close() (Counts, error) {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.queue)
	}
	r.mu.Unlock()
	<-r.done
	r.counts.Dropped, r.counts.Secrets = r.dropped, r.names.count
	if err := r.file.close(); r.err == nil {
		r.err = err
	}
	return r.counts, r.err
}

// write writes what is queued until Close. After the first error it goes on taking exchanges,
// so that their memory is given back, and writes none.
func (r *Recorder) write() {
	defer close(r.done)
	for i := range r.queue {
		if i.exchange == nil {
			r.pending, r.page = i.mark, ""
			continue
		}
		r.keep(i.exchange)
		i.exchange.Release()
	}
}

// keep writes one exchange into the part that it belongs to.
func (r *Recorder) keep(x *tap.Exchange) {
	if r.err != nil {
		return
	}
	if r.opts.Gap > 0 && !r.last.IsZero() && x.Began.Sub(r.last) >= r.opts.Gap && r.pending == "" {
		r.page = ""
	}
	if x.Ended.After(r.last) {
		r.last = x.Ended
	}
	e := r.entry(x)
	if r.page == "" {
		r.counts.Parts++
		r.page = fmt.Sprintf("part-%d", r.counts.Parts)
		title := r.pending
		if title == "" {
			title = fmt.Sprintf("%d %s %s", r.counts.Parts, e.Request.Method, r.names.text(x.Request.URL.Path))
		}
		r.pending = ""
		r.file.addPage(harPage{ID: r.page, Title: title, Started: stamp(x.Began)})
	}
	e.Page = r.page
	r.counts.Exchanges++
	if r.err = r.file.addEntry(e); r.err != nil {
		r.counts.Exchanges--
		if r.opts.Failed != nil {
			r.opts.Failed(r.err)
		}
	}
}

// entry is an exchange with its secrets replaced.
func (r *Recorder) entry(x *tap.Exchange) *harEntry {
	e := &harEntry{Started: stamp(x.Began), Time: float64(x.Ended.Sub(x.Began).Microseconds()) / 1000}
	u := x.Request.URL
	// The answer is read first: a secret that it gives a name is known when the
	// addresses of later requests are read.
	r.answer(e, x)
	contentType := x.Request.Header.Get("Content-Type")
	body, kept := r.names.body(contentType, plain(&x.Request))
	e.Request = harRequest{
		Method: x.Request.Method, HTTPVersion: x.Request.Proto, Headers: r.names.headers(x.Request.Header), Query: []harField{}, Cookies: []harField{},
		HeadersSize: -1, BodySize: x.Request.Body.Size,
	}
	if x.Request.Body.Size > 0 {
		e.Request.Post = &harPost{MIME: contentType, Text: string(body)}
		if !kept {
			e.Request.Post.Comment = r.digested(&x.Request.Body)
		}
	}
	u.RawQuery = r.names.query(u.RawQuery)
	e.Request.URL = r.names.text(u.String())
	return e
}

// answer fills in what the service answered; the status is 0 where it did not. A body that is
// not kept as text has its digest in a comment.
func (r *Recorder) answer(e *harEntry, x *tap.Exchange) {
	a := &x.Answer
	e.Response = harResponse{Status: a.Status, HTTPVersion: a.Proto, Headers: r.names.headers(a.Header), Cookies: []harField{}, HeadersSize: -1, BodySize: a.Body.Size}
	e.Response.Content = harContent{Size: a.Body.Size, MIME: a.Header.Get("Content-Type")}
	switch {
	case x.Upgraded:
		r.counts.Upgraded++
	case a.Status == 0:
		r.counts.Unanswered++
	case a.Body.Size > 0:
		body, kept := r.names.body(e.Response.Content.MIME, plain(a))
		e.Response.Content.Text = string(body)
		if !kept {
			e.Response.Content.Comment = r.digested(&a.Body)
		}
	}
}

// digested is what is kept of a body that is not kept as text.
func (r *Recorder) digested(b *tap.Body) string {
	r.counts.Digested++
	if !b.Whole {
		return "the body did not end while it was recorded"
	}
	return fmt.Sprintf("sha256 %x of %d bytes as they were sent; the body is not kept", b.SHA256, b.Size)
}

// cut limits the title of a mark.
func cut(title string) string {
	if runes := []rune(title); len(runes) > 100 {
		return string(runes[:100])
	}
	return title
}

// stamp is a time as HAR writes it, in UTC.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// headers are the fields of a message in the order of their names.
func (p *pseudonyms) headers(h map[string][]string) []harField {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	out := []harField{}
	for _, name := range names {
		for _, value := range h[name] {
			out = append(out, harField{name, p.header(name, value)})
		}
	}
	return out
}

// createHAR makes the file of a recording, which only its owner can read.
func createHAR(name, tool string) (*harFile, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("begin the recording: %w", err)
	}
	h := &harFile{f: f, tool: tool}
	return h, h.begin()
}
