package serve

import (
	"strings"

	"github.com/bgverify/bgverify/internal/text"
)

// maxLog is how much of a run's standard error is kept, in bytes.
const maxLog = 8 << 10

// A headWriter keeps the beginning of what is written to it.
type headWriter struct {
	b    strings.Builder
	left int
}

// Write never fails.
func (h *headWriter) Write(p []byte) (int, error) {
	n := min(len(p), h.left)
	h.b.Write(p[:n])
	h.left -= n
	return len(p), nil
}

// String is what was kept.
func (h *headWriter) String() string { return strings.ToValidUTF8(h.b.String(), "") }

// lines are the lines of a log that are not blank.
func lines(log string) []string {
	var out []string
	for line := range strings.SplitSeq(log, "\n") {
		if strings.TrimSpace(line) != "" {
			out = append(out, text.Visible(strings.TrimRight(line, "\r ")))
		}
	}
	return out
}

// cut is a caller's text as a message shows it.
func cut(s string) string { return text.Cut(s, 60) }
