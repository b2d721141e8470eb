// Command bgverify answers one question before traffic moves: may green take
// over from blue?
package main

import (
	"io"
	"log"
	"os"
)

func main() {
	tendMemory()
	log.SetOutput(io.Discard) // net/http's HTTP/2 logs what a hostile server makes it say
	ctx, stop := withSignals()
	status := execute(ctx, stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(status)
}
