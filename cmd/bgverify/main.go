// Command bgverify answers one question before traffic moves: may green take
// over from blue?
package main

import (
	"io"
	"log"
	"os"
	"runtime"
)

// ballast is never touched, and so takes no memory of the machine. It counts for
// the collector, which lets the heap of a small run grow by as much before it
// walks it again: with the few megabytes that live in a run it would otherwise
// take a tenth of its time. A percentage instead would multiply a body of 64 MB.
const ballast = 16 << 20

func main() {
	weight := make([]byte, ballast)
	log.SetOutput(io.Discard) // net/http's HTTP/2 logs what a hostile server makes it say
	ctx, stop := withSignals()
	status := run(ctx, stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:])
	stop()
	runtime.KeepAlive(weight)
	os.Exit(status)
}
