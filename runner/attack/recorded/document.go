package recorded

import (
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/run"
)

// A Document is a judgement of two result files as JSON.
type Document struct {
	attack.Document
	Sizes    []SizeDifference   `json:"sizes,omitempty"`
	Statuses []StatusDifference `json:"statuses,omitempty"`
	Outside  []Outside          `json:"outside,omitempty"`
}

// Document is the report of two result files as JSON.
func (r *Judgement) Document() *Document {
	return &Document{Document: *r.Report.Document(), Sizes: r.Sizes, Statuses: r.Statuses, Outside: r.Outside}
}

// String adds to the lines of a report what only two result files show.
func (r *Judgement) String() string {
	var b strings.Builder
	writeListed(&b, "size  ", r.Sizes)
	writeListed(&b, "status", r.Statuses)
	for _, o := range r.Outside {
		if o.Errors != (run.PerSide{}) {
			fmt.Fprintln(&b, o)
		}
	}
	return b.String() + r.Report.String()
}

// listedOfKind is how many differences of one kind are printed.
const listedOfKind = 10

// writeListed writes the first differences of one kind.
func writeListed[D fmt.Stringer](b *strings.Builder, kind string, found []D) {
	for i, d := range found {
		if i == listedOfKind {
			fmt.Fprintf(b, "%s %d more\n", kind, len(found)-i)
			break
		}
		fmt.Fprintf(b, "%s %s\n", kind, text.Visible(d.String()))
	}
}
