package wire

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A body is what was read of an answer's body.
type body struct {
	answer   []byte
	wire     int64
	held     int64 // decoded bytes taken in
	encoding string
	form     string        // of its coding, that other clients may not read
	streamed time.Duration // between its first and last bytes
	err      error
}

// keepOfFailed is how much is kept of a body that could not be read to its end.
const keepOfFailed = 64 << 10

// largeBody is from where on a body that failed is cleared away at once. Left
// to its own pace the collector lets the heap grow to twice what was held, and
// a second such body would lie next to the first.
const largeBody = 8 << 20

// readBody reads and decodes a body under limits. Rules:
//
//  1. At most Limits.Body bytes of the encoded and of the decoded body are
//     taken; one more is a failure, never a shorter body.
//  2. Above 1 MiB the decoded body may be Limits.Ratio times the encoded one.
//  3. gzip, deflate (with or without the zlib wrapper), br and zstd are
//     decoded, also one on top of another. A body with any other coding is left
//     as it came, and encoding is empty.
//  4. A body of no bytes is empty whatever its coding.
//  5. Bytes after the end of the encoded stream are a failure.
func readBody(resp *http.Response, limits Limits, w *watch) body {
	if resp.Body == http.NoBody {
		return body{}
	}
	m := &meter{r: resp.Body, watch: w, limit: limits.Body}
	into := collector{limit: limits.Body, hint: resp.ContentLength}
	codings := contentCodings(resp.Header)
	var err error
	if len(codings) == 0 {
		err = into.read(m)
	} else {
		into.hint = -1
		err = readEncoded(&into, m, codings, limits.Ratio)
	}
	b := body{wire: m.n, held: into.total, encoding: strings.Join(codings, ", "), form: m.form, streamed: m.last.Sub(m.first)}
	if err != nil {
		b.answer, b.err = into.prefix(), m.blame(err, codings)
	} else {
		b.answer = into.join()
	}
	into.free()
	return b
}

// Decode undoes the codings of a body that was kept as it came, under the rules of
// an answer's body, at most limit bytes of it. encoding names what was undone. An
// error is an *Err.
func Decode(h http.Header, raw []byte, limit int64) (answer []byte, encoding string, err error) {
	codings := contentCodings(h)
	if len(codings) == 0 || len(raw) == 0 {
		return raw, "", nil
	}
	into := collector{limit: limit, hint: -1}
	defer into.free()
	m := &meter{r: bytes.NewReader(raw), limit: limit}
	if err := readEncoded(&into, m, codings, defaultRatio); err != nil {
		return nil, "", classify(m.blame(err, codings), true)
	}
	return into.join(), strings.Join(codings, ", "), nil
}

// readEncoded decodes what m reads.
func readEncoded(into *collector, m *meter, codings []string, ratio int64) error {
	source := bufio.NewReader(m)
	if _, err := source.Peek(1); err == io.EOF {
		return nil
	}
	into.check = func(n int64) error {
		if n > 1<<20 && n/max(m.n, 1) >= ratio {
			return &limitError{fmt.Sprintf("decoded body more than %d times the encoded one", ratio)}
		}
		return nil
	}
	decoded, closers, err := decoders(source, codings, &m.form)
	if err == nil {
		err = into.read(decoded)
	}
	for _, c := range closers {
		c()
	}
	if err != nil {
		return err
	}
	switch _, err := source.ReadByte(); err {
	case io.EOF:
		return nil
	case nil:
		return &decodeError{codings[0], errors.New("bytes after the end of the encoded body")}
	default:
		return err
	}
}

// contentCodings are the codings of a body in the order they were applied;
// none when one of them is unknown.
func contentCodings(h http.Header) []string {
	var codings []string
	for _, value := range h.Values("Content-Encoding") {
		for coding := range strings.SplitSeq(value, ",") {
			switch coding = strings.ToLower(strings.TrimSpace(coding)); coding {
			case "", "identity":
			case "x-gzip":
				codings = append(codings, "gzip")
			case "gzip", "deflate", "br", "zstd":
				codings = append(codings, coding)
			default:
				return nil
			}
		}
	}
	return codings
}

// maxCodings is how many codings may lie on top of one another.
const maxCodings = 3

// decoders stacks the decoders of codings, the last applied first. They set form where a body is
// in one that not all clients read.
func decoders(r io.Reader, codings []string, form *string) (io.Reader, []func(), error) {
	if len(codings) > maxCodings {
		return nil, nil, &limitError{fmt.Sprintf("more than %d content codings", maxCodings)}
	}
	var closers []func()
	for i := len(codings) - 1; i >= 0; i-- {
		var err error
		switch codings[i] {
		case "gzip":
			r, err = gunzip(r, form)
		case "deflate":
			r, err = inflate(r, form)
		case "br":
			r = brotli.NewReader(r)
		case "zstd":
			var z *zstd.Decoder
			// RFC 9659: a window of at most 8 MiB in HTTP.
			z, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(8<<20))
			if err == nil {
				closers = append(closers, z.Close)
				r = z
			}
		}
		if err != nil {
			return nil, closers, err
		}
	}
	return r, closers, nil
}

// members reads the members of a gzip body one after the other (RFC 1952, 2.2). Clients that
// use zlib directly end at the first.
type members struct {
	*gzip.Reader
	source *bufio.Reader
	form   *string
}

// gunzip reads gzip.
func gunzip(r io.Reader, form *string) (io.Reader, error) {
	source := bufio.NewReader(r)
	z, err := gzip.NewReader(source)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return &members{z, source, form}, nil
}

// Read goes on with the next member where one ends and more bytes follow.
func (m *members) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if err != io.EOF {
		return n, err
	}
	if _, err := m.source.Peek(1); err != nil {
		return n, err
	}
	*m.form = "gzip of several members"
	err = m.Reset(m.source)
	m.Multistream(false)
	return n, err
}

// inflate reads deflate as HTTP means it (zlib) and as some servers send it (raw).
func inflate(r io.Reader, form *string) (io.Reader, error) {
	br := bufio.NewReader(r)
	start, err := br.Peek(2)
	if err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	if start[0]&0x0f == 8 && (uint(start[0])<<8|uint(start[1]))%31 == 0 {
		return zlib.NewReader(br)
	}
	*form = "deflate without the zlib wrapper"
	return flate.NewReader(br), nil
}

// A meter counts the encoded bytes, lets the idle deadline run while it waits
// for them, and keeps the error of the connection, which a decoder may hide
// behind its own.
type meter struct {
	r     io.Reader
	watch *watch // nil: the bytes are all here
	limit int64
	n     int64
	err   error
	form  string // see body
	// first and last are when bytes came; zero without watch.
	first, last time.Time
}

// Read counts what passes. The watch is armed while the server is waited for and paused in
// between: time that this program takes does not count against the server.
func (m *meter) Read(p []byte) (int, error) {
	if m.watch != nil {
		m.watch.wait()
	}
	n, err := m.r.Read(p)
	if m.watch != nil {
		m.watch.pause()
		if n > 0 {
			if m.last = time.Now(); m.first.IsZero() {
				m.first = m.last
			}
		}
	}
	m.n += int64(n)
	if m.n > m.limit && m.limit > 0 && err == nil {
		err = &limitError{fmt.Sprintf("body above %d bytes", m.limit)}
	}
	if err != nil && err != io.EOF {
		m.err = err
	}
	return n, err
}

// blame says what broke a decoder: the connection, a bound, or the coding.
func (m *meter) blame(err error, codings []string) error {
	var limit *limitError
	switch {
	case m.err != nil:
		return m.err
	case len(codings) == 0:
		return err
	case errors.As(err, &limit), errors.As(err, new(*decodeError)):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return &limitError{"zstd window above 8 MiB"}
	default:
		return &decodeError{strings.Join(codings, ", "), err}
	}
}

// scratch is where bodies of undeclared length begin: most end there, and are
// then copied into a slice of their size.
var scratch = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// A collector takes in a body, at most limit bytes.
//
// Memory: pieces of at most 1 MiB, joined once at the end; a body with a
// declared length gets one slice of it as soon as its first MiB has come, and
// so is never held twice.
type collector struct {
	limit int64
	hint  int64             // the length declared, or negative
	check func(int64) error // asked after every read with the bytes so far; may be nil

	total   int64
	pieces  [][]byte // full
	piece   []byte   // being filled
	scratch *[32 << 10]byte
}

// read takes in r to its end.
func (c *collector) read(r io.Reader) error {
	if c.hint >= 0 {
		c.piece = make([]byte, 0, min(c.hint, c.limit, 1<<20)+1) // one more, so that the end is found
	} else {
		c.scratch = scratch.Get().(*[32 << 10]byte)
		c.piece = c.scratch[:0]
	}
	for {
		if len(c.piece) == cap(c.piece) {
			c.grow()
		}
		n, err := r.Read(c.piece[len(c.piece):cap(c.piece)])
		c.piece = c.piece[:len(c.piece)+n]
		c.total += int64(n)
		if c.total > c.limit {
			return &limitError{fmt.Sprintf("body above %d bytes", c.limit)}
		}
		if c.check != nil {
			if err := c.check(c.total); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// grow makes room for more.
func (c *collector) grow() {
	if c.hint > c.total && c.hint <= c.limit && len(c.pieces) == 0 {
		c.piece = append(make([]byte, 0, c.hint+1), c.piece...)
		return
	}
	full := c.piece
	if c.inScratch() {
		full = bytes.Clone(full)
	}
	c.pieces = append(c.pieces, full)
	c.piece = make([]byte, 0, min(2*cap(full), 1<<20))
}

// inScratch reports whether all that came fits into the scratch buffer, so that nothing was
// allocated for it yet.
func (c *collector) inScratch() bool { return c.scratch != nil && len(c.pieces) == 0 }

// join makes one slice of what came; nil of no bytes.
func (c *collector) join() []byte {
	switch {
	case c.total == 0:
		return nil
	case c.inScratch():
		return bytes.Clone(c.piece)
	case len(c.pieces) == 0:
		return c.piece
	}
	return bytes.Join(append(c.pieces, c.piece), nil)
}

// prefix is the beginning of a body that is given up, in its own memory.
func (c *collector) prefix() []byte {
	var start []byte
	for _, p := range append(c.pieces, c.piece) {
		start = append(start, p[:min(len(p), keepOfFailed-len(start))]...)
	}
	return start
}

// free gives the scratch back; nothing of it may be in use.
func (c *collector) free() {
	if c.scratch != nil {
		scratch.Put(c.scratch)
	}
}
