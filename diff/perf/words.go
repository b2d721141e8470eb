package perf

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
)

// percent writes a ratio as a percentage with at most one decimal, none from
// 1000 % on, two below 1 % and between 99.9 % and 100 %.
func percent(ratio float64) string {
	p := ratio * 100
	a := math.Abs(p)
	if a >= most {
		return "more than can be computed"
	}
	decimals := 1
	switch {
	case a < 0.995, a > 99.9 && a < 100:
		decimals = 2
	case a >= 999.5:
		decimals = 0
	}
	text := strconv.FormatFloat(p, 'f', decimals, 64)
	if decimals > 0 {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" || text == "" {
		text = "0"
	}
	return text + " %"
}

// signed is percent with its sign always written.
func signed(ratio float64) string {
	if ratio >= 0 {
		return "+" + percent(ratio)
	}
	return percent(ratio)
}

// seconds writes whole seconds.
func seconds(s float64) string {
	if s >= most {
		return "more time than a run can have"
	}
	return strconv.FormatFloat(math.Ceil(s), 'f', 0, 64) + " s"
}

// Name is the metric as a reader knows it: p95, or p95 of GET /channels.
func (c Comparison) Name() string {
	if c.Route == "" {
		return c.Metric.String()
	}
	return c.Metric.String() + " of " + c.Route
}

// value writes one side's value with its unit.
func (c Comparison) value(v float64) string {
	switch {
	case c.Metric.IsLatency():
		return text.Seconds(v)
	case c.Metric.IsRate():
		return strconv.FormatFloat(v, 'g', 4, 64) + "/s"
	}
	return percent(v)
}

// String is the comparison in one line:
//
//	p95  blue 17.9 ms  green 21.1 ms  +18.6 % [+12 %, +26 %]  margin 10 %  40 blocks (0 dropped)  MDE 16.8 %  worse
func (c Comparison) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  blue %s  green %s  %s", c.Name(), c.value(c.Blue), c.value(c.Green), signed(c.Change))
	if c.Low != c.High && c.High < most {
		fmt.Fprintf(&b, " [%s, %s]", signed(c.Low), signed(c.High))
	}
	if c.Margin > 0 {
		fmt.Fprintf(&b, "  margin %s", percent(c.Margin))
	}
	fmt.Fprintf(&b, "  %d blocks (%d dropped)", c.Blocks, c.Dropped)
	if c.MDE > 0 {
		fmt.Fprintf(&b, "  MDE %s", percent(c.MDE))
	}
	fmt.Fprintf(&b, "  %s", c.Outcome)
	if c.Note != "" {
		fmt.Fprintf(&b, " (%s)", c.Note)
	}
	return b.String()
}

// worseReason says what is worse, gates and latency first. Single routes are
// counted where the stage as a whole is worse, and named where it is not.
func (v *view) worseReason(failed []evidence) string {
	const most = 3
	var parts, routes []string
	for _, e := range failed {
		if e.whole && slices.ContainsFunc(failed, func(o evidence) bool { return o.Metric == e.Metric.ofBlocks() && o.Route == "" }) {
			continue // said by the blocks already
		}
		if e.Route == "" {
			parts = append(parts, v.worse(e))
		} else {
			routes = append(routes, v.worse(e))
		}
	}
	switch {
	case len(parts) == 0:
		parts, routes = routes, nil
	case len(routes) > 0:
		routes = []string{fmt.Sprintf("and %d by route", len(routes))}
	}
	if n := len(parts) - most; n > 0 {
		parts = append(parts[:most:most], fmt.Sprintf("and %d more", n))
	}
	return "green is worse: " + strings.Join(append(parts, routes...), "; ")
}

// worse is the reason of a metric that is proven worse, with its figures on both sides.
func (v *view) worse(e evidence) string {
	switch e.Metric {
	case Errors:
		return fmt.Sprintf("errors %s against blue's %s (margin %s)", percent(e.Green), percent(e.Blue), percent(e.Margin))
	case Throughput:
		return fmt.Sprintf("throughput: only %s of %g %s/s answered in time, blue %s", percent(e.Green), v.design.Rate, v.design.unit(),
			percent(e.Blue))
	case Stalls:
		return fmt.Sprintf("stalls: %s of the requests took longer than %s, blue %s", percent(e.Green), text.Seconds(v.stalls.limit),
			percent(e.Blue))
	}
	least := e.Low
	if e.Metric.IsRate() {
		least = e.High
	}
	return fmt.Sprintf("%s %s (%s against blue's %s; at least %s, margin %s)", e.Name(), signed(e.Change), e.value(e.Green), e.value(e.Blue),
		signed(least), percent(e.Margin))
}

// passReason says what was proven.
func (v *view) passReason(gates []evidence) string {
	var parts []string
	for _, e := range gates {
		if e.whole { // proven too, and with the same cause to say so
			continue
		}
		if e.Metric == Errors {
			parts = append(parts, fmt.Sprintf("errors %s (at most %s, margin %s)", percent(e.Green), percent(e.High), percent(e.Margin)))
			continue
		}
		if e.Metric.IsRate() {
			parts = append(parts, fmt.Sprintf("%s %s (at most %s less, margin %s)", e.Name(), signed(e.Change), percent(math.Max(-e.Low, 0)),
				percent(e.Margin)))
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %s (at most %s, margin %s)", e.Name(), signed(e.Change), signed(e.High), percent(e.Margin)))
	}
	return fmt.Sprintf("green is no worse after %s: %s", seconds(v.seconds), strings.Join(parts, "; "))
}

// openReason says what is not proven and why. An MDE above twice the margin is
// named: the run could not have seen what it was asked to find.
func (v *view) openReason(cause Cause, unproven []evidence) string {
	if len(v.blocks) < minLookBlocks {
		return fmt.Sprintf("%s: %d valid blocks, at least %d are needed for a result", cause, len(v.blocks), minLookBlocks)
	}
	var parts []string
	for _, e := range unproven {
		if e.refused() {
			parts = append(parts, fmt.Sprintf("%s: %s (margin %s)", e.Name(), e.Note, percent(e.Margin)))
			continue
		}
		part := fmt.Sprintf("%s may be up to %s worse (margin %s, needs %s if both are equal", e.Name(), percent(e.worst()), percent(e.Margin), seconds(e.NeedS))
		if e.MDE > 2*e.Margin {
			part += fmt.Sprintf(", and this run sees no change below %s", percent(e.MDE))
		}
		parts = append(parts, part+")")
	}
	return fmt.Sprintf("%s: not proven after %s: %s", cause, seconds(v.seconds), strings.Join(parts, "; "))
}

// advice says in one sentence what to change.
func (v *view) advice(unproven []evidence) string {
	if len(v.blocks) < minLookBlocks {
		least := max(v.design.leastLook(), minLookBlocks*v.design.Block())
		return fmt.Sprintf("set duration to at least %s, or raise the rate", time.Duration(float64(least)*10/9).Round(time.Second))
	}
	if i := slices.IndexFunc(unproven, evidence.refused); i >= 0 {
		return fmt.Sprintf("widen the margin of %s to at least %s, or make the replicas of blue alike and calibrate again", unproven[i].Name(),
			percent(math.Ceil(math.Expm1(2*unproven[i].bias)*1000)/1000))
	}
	more := "raise the rate"
	if v.design.closed() {
		more = "let more users walk"
	}
	worst, longest := unproven[0], 0.0
	for _, e := range unproven {
		if need := v.realNeed(e); need > longest {
			worst, longest = e, need
		}
	}
	switch {
	case worst.Metric == Errors && longest >= most:
		return "look at green's failures: they are more frequent than the margin for errors"
	case worst.Metric == Errors:
		return fmt.Sprintf("set duration to %s or %s: errors need more pairs", seconds(longest*1.1), more)
	case worst.est.mean >= worst.delta:
		return fmt.Sprintf("green's %s is above its margin by the estimate: find the cause, or run longer to prove it", worst.Name())
	case worst.Metric.IsRate():
		return fmt.Sprintf("set duration to %s, or let more users walk", seconds(longest*1.1))
	case longest > 4*v.design.Duration.Seconds():
		return fmt.Sprintf("quieten the environment or widen the margin of %s to %s: with this noise a proof takes %s", worst.Name(),
			percent(math.Ceil(math.Max(worst.Floor, worst.worst())*100)/100), seconds(longest))
	}
	return fmt.Sprintf("set duration to %s, %s, or widen the margin of %s to %s", seconds(longest*1.1), more, worst.Name(),
		percent(math.Ceil(math.Max(worst.Floor, worst.worst())*100)/100))
}

// realNeed is the need at the estimate found, not at equality: a green that is
// slower within the margin leaves less room.
func (v *view) realNeed(e evidence) float64 {
	if e.Metric == Errors {
		return e.NeedS
	}
	room := e.delta - e.bias - math.Max(e.est.mean, 0)
	if room <= 0 {
		return most
	}
	return finite(e.est.need(v.seconds, v.proofLevel(e), room))
}

// worst is how much worse green may be.
func (e evidence) worst() float64 {
	if e.Metric.IsRate() {
		return -e.Low
	}
	return e.High
}

// notes are facts in addition to the verdict.
func (v *view) notes() []string {
	var notes []string
	if len(v.Stage.blocks) == 0 {
		return nil
	}
	first, last := v.Stage.blocks[0].growth, v.Stage.blocks[len(v.Stage.blocks)-1].growth
	for side, name := range [...]string{"blue", "green"} {
		if last[side] > 10 && last[side] > 3*first[side] {
			notes = append(notes, fmt.Sprintf("requests under way on %s grew from %d to %d", name, first[side], last[side]))
		}
	}
	return notes
}
