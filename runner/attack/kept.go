package attack

import (
	"math/bits"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/bgverify/bgverify/runner/wire"
)

// A kept answer holds its bytes until everybody has let it go.
type kept struct {
	Answer
	slot   slot
	in     *inspector
	resp   *http.Response // for the trailer, until the body ends
	buffer *[]byte        // of a pool; nil when it is too large for one
	size   int64          // counted in inspector.kept
	refs   atomic.Int32
	full   bool // nothing more is kept
}

// Buffers of most answers, and of the largest that are kept without being chosen.
var (
	smallBuffers = sync.Pool{New: func() any { b := make([]byte, 0, smallBuffer); return &b }}
	largeBuffers = sync.Pool{New: func() any { b := make([]byte, 0, KeepBody); return &b }}
)

// smallBuffer is the size of the buffers that most answers fit into. With a second pool for
// larger answers, a small one does not hold a large buffer.
const smallBuffer = 4 << 10

// look keeps the answer of a slot while it is read.
func (in *inspector) look(sl slot, resp *http.Response) *kept {
	k := &kept{slot: sl, in: in, resp: resp}
	k.Answer = Answer{Status: resp.StatusCode, Proto: resp.Proto, Header: resp.Header, Whole: true, Pair: sl.pair}
	k.refs.Store(1)
	if n := resp.ContentLength; n > 0 {
		k.room(int(min(n, KeepBody)))
	}
	return k
}

// Write keeps what was read, as far as there is room for it.
func (k *kept) Write(p []byte) (int, error) {
	n := len(p)
	k.Length += int64(n)
	if k.full || n == 0 {
		return n, nil
	}
	if !k.room(len(k.Body) + len(p)) {
		p = p[:min(len(p), cap(k.Body)-len(k.Body))]
		k.full, k.Whole = true, false
	}
	k.Body = append(k.Body, p...)
	return n, nil
}

// room makes room for n bytes; false when they are more than may be kept.
func (k *kept) room(n int) bool {
	if n <= cap(k.Body) {
		return true
	}
	pool, size := (*sync.Pool)(nil), 0
	switch {
	case n <= smallBuffer:
		pool, size = &smallBuffers, smallBuffer
	case n <= KeepBody:
		pool, size = &largeBuffers, KeepBody
	case k.slot.whole || k.in.fill() < easyFill && unit(k.in.seed, k.slot.twin) < 1.0/largeOf:
		size = max(n, 2*cap(k.Body))
		if declared := k.resp.ContentLength; declared >= int64(n) && declared < maxKept {
			size = int(declared)
		}
	default:
		return false
	}
	if k.in.kept.Add(int64(size)) > maxKept {
		k.in.kept.Add(-int64(size))
		return false
	}
	old, before, oldSize := k.Body, k.buffer, k.size
	if pool != nil {
		k.buffer = pool.Get().(*[]byte)
		k.Body = append((*k.buffer)[:0], old...)
	} else {
		k.buffer, k.Body = nil, append(make([]byte, 0, size), old...)
	}
	k.size = int64(size)
	giveBack(before)
	k.in.kept.Add(-oldSize)
	return true
}

// giveBack returns a buffer to the pool that it came from.
func giveBack(b *[]byte) {
	switch {
	case b == nil:
	case cap(*b) == smallBuffer:
		smallBuffers.Put(b)
	default:
		largeBuffers.Put(b)
	}
}

// end hands the answer over: its body has been read to its end.
func (k *kept) end(x *wire.Exchange) {
	k.Started, k.Elapsed = x.Started, x.Timing.Total
	k.Trailer, k.resp = k.resp.Trailer, nil
	k.in.arrive(k)
}

// hold counts one more user of the body; each calls release.
func (k *kept) hold() *kept {
	k.refs.Add(1)
	return k
}

// release lets the answer go; after the last one its bytes are used again.
func (k *kept) release() {
	if k.refs.Add(-1) > 0 {
		return
	}
	k.in.kept.Add(-k.size)
	b := k.buffer
	k.buffer, k.Body = nil, nil
	giveBack(b)
}

// kindBytes is how much of a body tells kinds of answers apart.
const kindBytes = 512

// kindOf hashes the status, the type, the class of the length and the beginning of
// the body, in which any number is as good as another (FNV-1a).
func kindOf(a *Answer) uint64 {
	h := uint64(14695981039346656037)
	add := func(b byte) { h = (h ^ uint64(b)) * 1099511628211 }
	add(byte(a.Status))
	add(byte(a.Status >> 8))
	for _, c := range []byte(a.Header.Get("Content-Type")) {
		add(c)
	}
	add(byte(bits.Len64(uint64(a.Length))))
	digit := false
	for _, c := range a.Body[:min(len(a.Body), kindBytes)] {
		was := digit
		if digit = c >= '0' && c <= '9'; digit {
			if was {
				continue
			}
			c = '0'
		}
		add(c)
	}
	return h
}
