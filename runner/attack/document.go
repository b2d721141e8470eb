package attack

import (
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/text"
)

// A Document is a judgement of recorded results as JSON. Rates are requests per
// second and side, times seconds.
type Document struct {
	Outcome     string            `json:"outcome"`
	Reason      string            `json:"reason"`
	Advice      string            `json:"advice,omitempty"`
	Rate        float64           `json:"rate"`
	Seconds     float64           `json:"seconds"`
	Blocks      int               `json:"blocks"`
	Dropped     int               `json:"dropped"`
	Requests    sides             `json:"requests"`
	Errors      sides             `json:"errors"`
	Comparisons []perf.Comparison `json:"comparisons"`
	Sizes       []SizeDifference  `json:"sizes,omitempty"` // of two result files, as the last two
	Warnings    []string          `json:"warnings"`

	Statuses []StatusDifference `json:"statuses,omitempty"`
	Outside  []Outside          `json:"outside,omitempty"`
}

// sides is a count for each side, under the names that JSON has.
type sides struct {
	Blue  int `json:"blue"`
	Green int `json:"green"`
}

// Document is the report of a stage as JSON.
func (r *Report) Document() *Document {
	return &Document{
		Outcome: r.Outcome.String(), Reason: r.Reason, Advice: r.Advice, Rate: r.Rate, Seconds: r.Seconds, Blocks: r.Blocks, Dropped: r.Dropped,
		Requests: sides(r.Requests), Errors: sides(r.Errors),
		Comparisons: append([]perf.Comparison{}, r.Comparisons...), Warnings: append([]string{}, r.Warnings...),
	}
}

// Document is the report of two result files as JSON.
func (r *Recorded) Document() *Document {
	d := r.Report.Document()
	d.Sizes, d.Statuses, d.Outside = r.Sizes, r.Statuses, r.Outside
	return d
}

// Measured says in one line how much was measured.
func (r *Report) Measured() string {
	return fmt.Sprintf("rate=%.4g/s seconds=%.4g blocks=%d requests=%d/%d errors=%d/%d",
		r.Rate, r.Seconds, r.Blocks, r.Requests.Blue, r.Requests.Green, r.Errors.Blue, r.Errors.Green)
}

// String is the evidence and the reason of a verdict, a line each.
func (r *Report) String() string {
	var b strings.Builder
	for _, c := range r.Comparisons {
		fmt.Fprintln(&b, c.String())
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(&b, "note: %s\n", text.Visible(w))
	}
	if r.Reason != "" {
		fmt.Fprintln(&b, text.Visible(r.Reason))
	}
	if r.Advice != "" {
		fmt.Fprintf(&b, "to know more: %s\n", text.Visible(r.Advice))
	}
	return b.String()
}

// String adds to the lines of a report what only two result files show.
func (r *Recorded) String() string {
	var b strings.Builder
	writeListed(&b, "size  ", r.Sizes)
	writeListed(&b, "status", r.Statuses)
	for _, o := range r.Outside {
		if o.Errors != (PerSide{}) {
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
