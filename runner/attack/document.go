package attack

import (
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
)

// A Document is the report of a stage as JSON. Rates are requests per
// second and side, times seconds.
type Document struct {
	Outcome     string            `json:"outcome"`
	Reason      string            `json:"reason"`
	Advice      string            `json:"advice,omitempty"`
	Rate        float64           `json:"rate"`
	Seconds     float64           `json:"seconds"`
	Blocks      int               `json:"blocks"`
	Dropped     int               `json:"dropped"`
	Requests    run.PerSide       `json:"requests"`
	Errors      run.PerSide       `json:"errors"`
	Comparisons []perf.Comparison `json:"comparisons"`
	Warnings    []string          `json:"warnings"`
}

// Document is the report of a stage as JSON.
func (r *Report) Document() *Document {
	return &Document{
		Outcome: r.Outcome.String(), Reason: r.Reason, Advice: r.Advice, Rate: r.Rate, Seconds: r.Seconds, Blocks: r.Blocks, Dropped: r.Dropped,
		Requests: r.Requests, Errors: r.Errors,
		Comparisons: append([]perf.Comparison{}, r.Comparisons...), Warnings: append([]string{}, r.Warnings...),
	}
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
