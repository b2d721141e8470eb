package main

import (
	"fmt"
	"io"

	"github.com/bgverify/bgverify/runner"
)

// printLeft says what runs created and took back, and lists what they could not,
// with the requests that would. It prints nothing where nothing was created.
func printLeft(w io.Writer, made *runner.Created) {
	n := made.Made.Blue + made.Made.Green
	if n == 0 {
		return
	}
	if made.Open() == 0 {
		fmt.Fprintf(w, "created and taken back: %d\n", n)
		return
	}
	fmt.Fprintf(w, "created %d, not taken back %d:\n", n, made.Open())
	for i := range made.Left {
		l := &made.Left[i]
		fmt.Fprintf(w, "  %s: %s, step %s: %s\n", l.Side, plainText(l.Case), plainText(l.Step), plainText(l.Why))
		if l.Undo != "" {
			fmt.Fprintf(w, "    to take it back: %s\n", plainText(l.Undo))
		}
	}
	if more := made.Open() - len(made.Left); more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
}
