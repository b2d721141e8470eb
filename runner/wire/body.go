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

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A body is what was read of an answer's body.
type body struct {
	answer   []byte
	wire     int64
	encoding string
	err      error
}

// keepOfFailed is how much is kept of a body that passed a limit.
const keepOfFailed = 64 << 10

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
	m := &meter{r: resp.Body, watch: w, limit: limits.Body}
	codings := contentCodings(resp.Header)
	if len(codings) == 0 || resp.Body == http.NoBody {
		answer, err := collect(m, limits.Body, resp.ContentLength, nil)
		return body{answer: answer, wire: m.n, err: err}
	}
	source := bufio.NewReader(m)
	if _, err := source.Peek(1); err == io.EOF {
		return body{encoding: strings.Join(codings, ", ")}
	}
	decoded, closers, err := decoders(source, codings)
	if err == nil {
		var answer []byte
		answer, err = collect(decoded, limits.Body, -1, func(n int64) error {
			if n > 1<<20 && n > limits.Ratio*max(m.n, 1) {
				return &limitError{fmt.Sprintf("decoded body more than %d times the encoded one", limits.Ratio)}
			}
			return nil
		})
		for _, c := range closers {
			c()
		}
		if err == nil {
			if _, tail := source.ReadByte(); tail != io.EOF {
				err = tail
				if tail == nil {
					err = &decodeError{codings[0], errors.New("bytes after the end of the encoded body")}
				}
			}
		}
		if err == nil {
			return body{answer: answer, wire: m.n, encoding: strings.Join(codings, ", ")}
		}
		return body{answer: answer, wire: m.n, encoding: strings.Join(codings, ", "), err: m.blame(err, codings)}
	}
	return body{wire: m.n, encoding: strings.Join(codings, ", "), err: m.blame(err, codings)}
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

// decoders stacks the decoders of codings, the last applied first.
func decoders(r io.Reader, codings []string) (io.Reader, []func(), error) {
	if len(codings) > maxCodings {
		return nil, nil, &limitError{fmt.Sprintf("more than %d content codings", maxCodings)}
	}
	var closers []func()
	for i := len(codings) - 1; i >= 0; i-- {
		var err error
		switch codings[i] {
		case "gzip":
			r, err = gzip.NewReader(r)
		case "deflate":
			r, err = inflate(r)
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

// inflate reads deflate as HTTP means it (zlib) and as some servers send it (raw).
func inflate(r io.Reader) (io.Reader, error) {
	br := bufio.NewReader(r)
	start, err := br.Peek(2)
	if err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	if start[0]&0x0f == 8 && (uint(start[0])<<8|uint(start[1]))%31 == 0 {
		return zlib.NewReader(br)
	}
	return flate.NewReader(br), nil
}

// A meter counts the encoded bytes, lets the idle deadline run while it waits
// for them, and keeps the error of the connection, which a decoder may hide
// behind its own.
type meter struct {
	r     io.Reader
	watch *watch
	limit int64
	n     int64
	err   error
}

func (m *meter) Read(p []byte) (int, error) {
	m.watch.wait()
	n, err := m.r.Read(p)
	m.watch.pause()
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
	case errors.As(err, &limit):
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

// collect reads r to its end, at most limit bytes. hint is the length declared,
// or negative. check is asked after every read with the bytes so far.
//
// Memory: pieces of at most 1 MiB, joined once at the end; a body with a
// declared length is joined as soon as its first MiB has come, and so is never
// held twice.
func collect(r io.Reader, limit, hint int64, check func(int64) error) ([]byte, error) {
	var pieces [][]byte
	var piece []byte
	if hint >= 0 {
		piece = make([]byte, 0, min(hint, limit, 1<<20)+1)
	} else {
		start := scratch.Get().(*[32 << 10]byte)
		defer scratch.Put(start)
		piece = start[:0]
	}
	total := int64(0)
	for {
		if len(piece) == cap(piece) {
			switch {
			case hint > total && len(pieces) == 0 && hint <= limit:
				piece = append(make([]byte, 0, hint+1), piece...)
			default:
				if hint < 0 && len(pieces) == 0 {
					piece = bytes.Clone(piece) // out of scratch
				}
				pieces = append(pieces, piece)
				piece = make([]byte, 0, min(max(2*int64(cap(piece)), 8<<10), 1<<20))
			}
		}
		n, err := r.Read(piece[len(piece):cap(piece)])
		piece = piece[:len(piece)+n]
		total += int64(n)
		if total > limit {
			return prefix(pieces, piece), &limitError{fmt.Sprintf("body above %d bytes", limit)}
		}
		if check != nil {
			if err := check(total); err != nil {
				return prefix(pieces, piece), err
			}
		}
		if err == io.EOF {
			err = nil
		} else if err == nil {
			continue
		}
		if hint < 0 && len(pieces) == 0 {
			return bytes.Clone(join(nil, piece)), err // out of scratch
		}
		return join(pieces, piece), err
	}
}

// join makes one slice of the pieces; nil of no bytes.
func join(pieces [][]byte, last []byte) []byte {
	switch {
	case len(pieces) == 0 && len(last) == 0:
		return nil
	case len(pieces) == 0:
		return last
	}
	return bytes.Join(append(pieces, last), nil)
}

// prefix is the beginning of a body that is given up, in memory of its own.
func prefix(pieces [][]byte, last []byte) []byte {
	start := make([]byte, 0, keepOfFailed)
	for _, p := range append(pieces, last) {
		start = append(start, p[:min(len(p), cap(start)-len(start))]...)
	}
	return start
}
