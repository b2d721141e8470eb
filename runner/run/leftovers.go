package run

import (
	"fmt"
	"io"

	"github.com/bgverify/bgverify/internal/text"
)

// Report prints what runs created and deleted again, and lists what they could not
// delete, with the requests that would. It prints nothing if nothing was created.
func (made *Created) Report(w io.Writer) {
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
		fmt.Fprintf(w, "  %s: %s, step %s: %s\n", l.Side, text.Visible(l.Case), text.Visible(l.Step), text.Visible(l.Why))
		if l.Undo != "" {
			fmt.Fprintf(w, "    to take it back: %s\n", text.Visible(l.Undo))
		}
	}
	if more := made.Open() - len(made.Left); more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
}
