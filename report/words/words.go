package words

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
)

// Answer says what a verdict means for the question that a run is made for: may traffic be
// shifted? Everything but a pass advises against shifting, also verdicts that are not known.
func Answer(v run.Verdict) string {
	switch v {
	case run.Pass:
		return "traffic may shift to green"
	case run.Fail:
		return "do not shift traffic to green"
	case run.Inconclusive:
		return "not proven: do not shift traffic yet"
	case run.Broken:
		return "could not be judged: do not shift traffic"
	case run.Skip:
		return "nothing was judged: do not shift traffic"
	case run.Interrupted:
		return "stopped before the end: do not shift traffic"
	default:
		return "not finished: do not shift traffic"
	}
}

// Mark is a verdict's sign, always shown next to its word. Signs differ in shape and not only
// in colour, for readers who cannot tell colours apart.
func Mark(v run.Verdict) string {
	switch v {
	case run.Pass:
		return "✓"
	case run.Fail:
		return "✖"
	case run.Inconclusive:
		return "?"
	case run.Broken:
		return "!"
	case run.Skip:
		return "–"
	default:
		return "■"
	}
}

// OutcomeVerdict is what an outcome of a load comparison is called in tables.
func OutcomeVerdict(o perf.Outcome) run.Verdict {
	switch o {
	case perf.NoWorse:
		return run.Pass
	case perf.Worse:
		return run.Fail
	default:
		return run.Inconclusive
	}
}

// Signed shows a relative change with its sign: +18.6 %. change is a ratio: 0.186 is +18.6 %.
// From 100 % on there are no decimals, and what would be rounded to -0.0 is 0.0.
func Signed(change float64) string {
	p := change * 100
	if math.Abs(p) >= 100 {
		return fmt.Sprintf("%+.0f %%", p)
	}
	// It would be shown as +0.0 or -0.0, and the sign of either says nothing.
	if math.Abs(p) < 0.05 {
		p = 0
	}
	return fmt.Sprintf("%+.1f %%", p)
}

// Placeholder finds a placeholder of a scenario file, such as {{id}}.
var Placeholder = regexp.MustCompile(`\{\{.*?\}\}`)

// MetricName is a comparison's metric with its route, placeholders of the
// scenario file shortened to {…}.
func MetricName(c *perf.Comparison) string {
	if c.Route == "" {
		return c.Metric.String()
	}
	return c.Metric.String() + " " + Placeholder.ReplaceAllString(c.Route, "{…}")
}

// measure shows a side's value of a metric: a duration, or a share. Durations are in seconds
// and shares from 0 to 1.
func measure(m perf.Metric, v float64) string {
	switch {
	// Latencies are kept in seconds and shown in the unit that fits.
	case m.IsLatency():
		return text.Seconds(v)
	// A rate is a number per second, with as many digits as matter.
	case m.IsRate():
		return text.Significant(v) + "/s"
	}
	return text.Percent(v)
}

// unmeasured replaces a figure of a comparison without a valid block: a zero
// there would read as one that was measured.
const unmeasured = "–"

// Measured is measure for one side of a comparison. A comparison without a block has no value
// to show.
func Measured(c *perf.Comparison, v float64) string {
	if c.Blocks == 0 {
		return unmeasured
	}
	return measure(c.Metric, v)
}

// PlanOf names what a generator's achieved share is a share of. With a closed loop there is no
// planned rate, so the share is one of time.
func PlanOf(l *run.LoadResult) string {
	if l.Users != nil {
		return "the users' time"
	}
	return "the plan"
}

// Versions is the version of a cluster's server, with those of its nodes where they differ.
func Versions(server string, kubelets []string) string {
	if len(kubelets) == 0 {
		return server
	}
	return fmt.Sprintf("%s (nodes %s)", server, strings.Join(kubelets, ", "))
}

// A ComparisonRow is a comparison of a load stage in words.
type ComparisonRow struct{ Name, Blue, Green, Change, Interval, Margin, MDE string }

// Row is a comparison as the tables of all reports show it.
func Row(c *perf.Comparison) ComparisonRow {
	return ComparisonRow{
		Name: MetricName(c), Blue: Measured(c, c.Blue), Green: Measured(c, c.Green), Change: MeasuredChange(c), Interval: Interval(c),
		Margin: Bound(c, c.Margin), MDE: Bound(c, c.MDE),
	}
}

// Points divides the reason of a load stage into its first finding and the others: they are separated by
// semicolons, but for those in parentheses, which belong to a finding.
func Points(reason string) (first string, others []string) {
	var all []string
	depth, from := 0, 0
	for i := range len(reason) {
		switch reason[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ';':
			if depth <= 0 {
				all = append(all, strings.TrimSpace(reason[from:i]))
				from = i + 1
			}
		}
	}
	all = append(all, strings.TrimSpace(reason[from:]))
	return all[0], all[1:]
}

// Beyond is a figure that says no more than "without bound". An interval without an end is
// stored as a large number, since JSON has no infinity.
const Beyond = 1e4

// Delta shows a comparison's change: relative, or in percentage points where
// the metric is itself a share.
func Delta(c *perf.Comparison, v float64) string {
	switch {
	case math.Abs(v) >= Beyond:
		return "unbounded"
	case Relative(c):
		return Signed(v)
	default:
		p := v * 100
		if math.Abs(p) < 0.005 {
			p = 0
		}
		return fmt.Sprintf("%+.2f pp", p)
	}
}

// MeasuredChange is delta for the change that a comparison measured. A comparison without a
// block has no change.
func MeasuredChange(c *perf.Comparison) string {
	if c.Blocks == 0 {
		return unmeasured
	}
	return Delta(c, c.Change)
}

// Interval shows the interval of a comparison's change. The unit is written once where both
// ends have the same. It is never shown without a block.
func Interval(c *perf.Comparison) string {
	if c.Blocks == 0 {
		return unmeasured
	}
	low, high := Delta(c, c.Low), Delta(c, c.High)
	// "[+1.0 %, +2.0 %]" becomes "[+1.0, +2.0 %]".
	if at := strings.IndexByte(low, ' '); at > 0 && strings.HasSuffix(high, low[at:]) {
		low = low[:at]
	}
	return "[" + low + ", " + high + "]"
}

// Bound shows a margin or an MDE. It has no sign, because a bound is a size.
func Bound(c *perf.Comparison, v float64) string {
	switch {
	case v >= Beyond:
		return "unbounded"
	case Relative(c) && v >= 10:
		return fmt.Sprintf("%.0f %%", v*100)
	case Relative(c):
		return text.Percent(v)
	default:
		return strings.TrimSuffix(text.Percent(v), " %") + " pp"
	}
}

// Excerpt shows one side of a difference; a side that has nothing there is absent. A value that
// was cut shows its whole size in bytes.
func Excerpt(e diff.Excerpt) string {
	switch {
	case e.Type == diff.AbsentType:
		return "absent"
	case e.Cut:
		return fmt.Sprintf("%s… (%s bytes)", e.JSON, text.Thousands(e.Size))
	default:
		return e.JSON
	}
}

// Place names where a difference is: status, header cache-control, $.balance. A path in a body
// needs no word before it.
func Place(where diff.Where, path string) string {
	switch where {
	case diff.InStatus:
		return "status"
	case diff.InHeader:
		return "header " + path
	default:
		return path
	}
}

// Change says a difference in one line: number 12.5 -> string "12.50". Values come from answers
// and are not made safe here.
func Change(d *diff.Difference) string {
	switch d.Kind {
	case diff.Added:
		return "only green has " + Excerpt(d.Green)
	case diff.Removed:
		return "only blue has " + Excerpt(d.Blue)
	case diff.TypeChanged:
		return d.Blue.Type.String() + " " + Excerpt(d.Blue) + " -> " + d.Green.Type.String() + " " + Excerpt(d.Green)
	// The note says more than the places do, where the comparison made one.
	case diff.Moved, diff.Order:
		note := d.Note
		if note == "" {
			note = places(d)
		}
		if note != "" {
			return d.Kind.String() + ": " + note
		}
		return d.Kind.String()
	// The values cannot be shown, since they could not be read.
	case diff.DuplicateKey, diff.Invalid, diff.Limit:
		return d.Kind.String() + ": " + d.Note
	default:
		return Excerpt(d.Blue) + " -> " + Excerpt(d.Green)
	}
}

// places says where each side has an element that moved, counted from 0 as in
// paths; nothing where the pointers do not tell.
func places(d *diff.Difference) string {
	b, g, ok := d.Indices()
	if !ok {
		return ""
	}
	return fmt.Sprintf("[%d] on blue, [%d] on green", b, g)
}

// Control reports the runes that must not reach a reader as they are, and bytes
// that are not UTF-8.
func Control(r rune) bool { return r == utf8.RuneError || text.Hidden(r) }

// Relative reports whether a comparison's change is a ratio; errors and stalls are shares.
func Relative(c *perf.Comparison) bool {
	return c.Metric != perf.Errors && c.Metric != perf.Stalls
}
