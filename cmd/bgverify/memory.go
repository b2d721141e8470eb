package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"

	_ "github.com/bgverify/bgverify/internal/ballast" // counts in leanHeap
)

const (
	// leanHeap is the heap, ballast included, up to which the collector runs when
	// it likes; a larger one may grow by garbage alone.
	leanHeap = 96 << 20
	// importHeap is the same for import, whose heap is full of pointers and dear to walk:
	// it holds one file as trees, and sends nothing.
	importHeap = 176 << 20
	garbage    = 16 << 20
	// limitStep is what a limit must differ by to be set again, which stops the world.
	limitStep = 4 << 20
)

// heapFreedom is the heap up to which the collector runs when it likes, where a verb has
// set it; else it is leanHeap.
var heapFreedom atomic.Int64

// tendMemory makes the collector let a small heap double and a large one grow by
// no more than garbage until it runs again: two answers of 64 MB must not become
// 256 MB because the collector did not run. What is large here are bodies and trees without
// pointers, and cheap to walk. A limit of the user's own (GOMEMLIMIT) stays.
func tendMemory() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		afterCollection(math.MaxInt64)
	}
}

// afterCollection sets the limit again whenever the collector has run: a
// finalizer of an object that is not referenced is called then.
func afterCollection(was int64) {
	sentinel := new([16]byte)
	runtime.SetFinalizer(sentinel, func(*[16]byte) {
		limit := memoryLimit()
		if d := limit - was; d > limitStep || d < -limitStep {
			debug.SetMemoryLimit(limit)
			was = limit
		}
		afterCollection(was)
	})
}

// memoryLimit is what the process may take after a collection.
func memoryLimit() int64 {
	s := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(s)
	at := func(i int) int64 { return int64(s[i].Value.Uint64()) }
	beside := at(1) - at(2) - at(3) - at(4) // stacks, the runtime's own
	return max(leanHeap, heapFreedom.Load(), at(0)+garbage) + beside
}
