package page

import (
	"fmt"
	"math"
	"slices"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// The size of a plot and its margins, in its own units.
const (
	plotWidth, plotHeight = 580, 300
	plotLeft, plotRight   = 62, 66
	plotTop, plotBottom   = 16, 30
)

// leastBeyond is how many requests must be slower than a percentile for it to be shown.
const leastBeyond = 10

// percentilePlot draws latency by percentile. The horizontal axis is
// log10(1/(1-p)), so that p99.9 has as much room as p90, and it ends where
// fewer than leastBeyond requests of the smaller side lie beyond.
func percentilePlot(id string, l *run.LoadResult) *plot {
	// A percentile beyond which few requests are left is a matter of chance, and a curve would
	// show it as a fact.
	var points []run.PercPoint
	n := float64(min(l.Requests.Blue, l.Requests.Green))
	for _, q := range l.Series.Percentiles {
		if q.Q < 1 && q.Blue > 0 && q.Green > 0 && n*(1-q.Q) >= leastBeyond {
			points = append(points, q)
		}
	}
	if len(points) < 2 {
		return nil
	}
	low, high := math.Inf(1), 0.0
	for _, q := range points {
		low, high = math.Min(low, math.Min(q.Blue, q.Green)), math.Max(high, math.Max(q.Blue, q.Green))
	}
	p := &plot{ID: id, Title: "Latency by percentile", Width: plotWidth, Height: plotHeight}
	nines := func(q float64) float64 { return -math.Log10(1 - q) }
	x := axis{low: nines(points[0].Q), high: nines(points[len(points)-1].Q), from: plotLeft, to: plotWidth - plotRight}
	y := logAxis(low, high, plotHeight-plotBottom, plotTop)
	p.secondsTicks(y, plotLeft, plotWidth-plotRight)
	for _, q := range []float64{0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999} {
		if v := nines(q); v >= x.low-1e-9 && v <= x.high+1e-9 {
			at := x.at(v)
			p.grid(at, plotTop, at, plotHeight-plotBottom)
			p.text(inkDim, "middle", point{at, plotHeight - plotBottom + 17}, percentileName(q), "")
		}
	}
	var blue, green pen
	for _, q := range points {
		at := x.at(nines(q.Q))
		blue.to(at, y.at(q.Blue))
		green.to(at, y.at(q.Green))
	}
	p.curve(inkBlue, "2", "", &blue)
	p.curve(inkGreen, "2", "6 4", &green)
	for _, q := range []float64{0.5, 0.95, 0.99, 0.999} {
		if at := nearest(points, q); at >= 0 {
			p.sign("blue", x.at(nines(points[at].Q)), y.at(points[at].Blue), 3.2)
			p.sign("green", x.at(nines(points[at].Q)), y.at(points[at].Green), 3.2)
		}
	}
	last := points[len(points)-1]
	by, gy := apart(y.at(last.Blue), y.at(last.Green), 15)
	p.label("blue", plotWidth-plotRight, by, "blue")
	p.label("green", plotWidth-plotRight, gy, "green")
	p.Desc = fmt.Sprintf("At %s blue answers in %s and green in %s.", percentileName(last.Q), text.Seconds(last.Blue),
		text.Seconds(last.Green))
	return p
}

// nearest is the point at a percentile, or -1 when none is close to it.
func nearest(points []run.PercPoint, q float64) int {
	best := -1
	for i := range points {
		if best < 0 || math.Abs(points[i].Q-q) < math.Abs(points[best].Q-q) {
			best = i
		}
	}
	if best < 0 || math.Abs(math.Log10((1-points[best].Q)/(1-q))) > 0.08 {
		return -1
	}
	return best
}

// percentileName is p99.9 for 0.999, and min for 0.
func percentileName(q float64) string {
	if q == 0 {
		return "min"
	}
	return "p" + fmt.Sprintf("%.6g", math.Round(q*1e7)/1e5)
}

// timePlot draws p50 and p99 of both sides over the stage, from its buckets;
// errors are ticks under the curves. A bucket without requests leaves a gap.
func timePlot(id string, s *run.Series) *plot {
	low, high, end, errors := extentOf(s)
	if high == 0 {
		return nil
	}
	p := &plot{ID: id, Title: "Latency over time", Width: plotWidth, Height: plotHeight}
	bottom := float64(plotHeight - plotBottom)
	if errors {
		bottom -= 26
	}
	x := axis{low: 0, high: end, from: plotLeft, to: plotWidth - plotRight}
	y := logAxis(low, high, bottom, plotTop)
	p.secondsTicks(y, plotLeft, plotWidth-plotRight)
	p.timeTicks(x, end)
	curves := []struct {
		side, name, width, dash string
		of                      func(*run.Bucket) float64
	}{
		{"blue", "p50", "1.3", "", func(b *run.Bucket) float64 { return b.BlueP50 }},
		{"green", "p50", "1.3", "6 4", func(b *run.Bucket) float64 { return b.GreenP50 }},
		{"blue", "p99", "2", "", func(b *run.Bucket) float64 { return b.BlueP99 }},
		{"green", "p99", "2", "6 4", func(b *run.Bucket) float64 { return b.GreenP99 }},
	}
	last := make([]float64, len(curves))
	for i, c := range curves {
		var draw pen
		for k := range s.Buckets {
			b := &s.Buckets[k]
			v := c.of(b)
			if v <= 0 {
				draw.lift()
				continue
			}
			last[i] = y.at(v)
			draw.to(x.at(b.Start+s.BucketS/2), last[i])
		}
		k := inkBlue
		if c.side == "green" {
			k = inkGreen
		}
		p.curve(k, c.width, c.dash, &draw)
	}
	// Labels are at the ends of their curves, moved apart where the curves end close together.
	spaced(last, 15, plotTop+8, bottom-4)
	for i, c := range curves {
		p.label(c.side, plotWidth-plotRight, last[i], c.name)
	}
	if errors {
		p.errorTicks(x, s)
	}
	p.Desc = fmt.Sprintf("p50 and p99 of both sides in %d slices of %s.", len(s.Buckets), text.Seconds(s.BucketS))
	return p
}

// extentOf is the least and the largest quantile of a series in seconds, when it ends, and
// whether a request of it failed. high is 0 where no bucket has a request.
func extentOf(s *run.Series) (low, high, end float64, errors bool) {
	low = math.Inf(1)
	for _, b := range s.Buckets {
		for _, v := range []float64{b.BlueP50, b.BlueP99, b.GreenP50, b.GreenP99} {
			if v > 0 {
				low, high = math.Min(low, v), math.Max(high, v)
			}
		}
		end = math.Max(end, b.Start+s.BucketS)
		errors = errors || b.BlueErrors+b.GreenErrors > 0
	}
	return low, high, end, errors
}

// timeTicks draws the axis of seconds since the stage began.
func (p *plot) timeTicks(x axis, end float64) {
	step := 1.0
	for _, s := range []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400} {
		if step = s; end/s <= 8 {
			break
		}
	}
	for v := 0.0; v <= end+1e-9; v += step {
		at := x.at(v)
		p.grid(at, plotTop, at, float64(p.Height-plotBottom))
		label := fmt.Sprintf("%g s", v)
		if step >= 60 {
			label = fmt.Sprintf("%g min", v/60)
		}
		p.text(inkDim, "middle", point{at, float64(p.Height-plotBottom) + 17}, label, "")
	}
}

// errorTicks draws a tick below the curves for each bucket and side with errors.
func (p *plot) errorTicks(x axis, s *run.Series) {
	base := float64(p.Height - plotBottom)
	for _, b := range s.Buckets {
		at := x.at(b.Start + s.BucketS/2)
		if b.BlueErrors > 0 {
			p.line(inkBlue, "3", point{at, base - 22}, point{at, base - 13})
		}
		if b.GreenErrors > 0 {
			p.line(inkGreen, "3", point{at, base - 11}, point{at, base - 2})
		}
	}
	p.text(inkDim, "start", point{plotWidth - plotRight + 6, base - 8}, "errors", "")
}

// ratePlot draws what was offered against what was achieved, both sides together.
func ratePlot(id string, s *run.Series) *plot {
	high, end := 0.0, 0.0
	p := &plot{ID: id, Title: "Offered and achieved rate", Width: plotWidth, Height: plotHeight}
	p.Desc = "Requests per second of both sides together: what the plan asked for and what was sent and answered."
	lines := [2]rateLine{
		{"offered", inkDim, "1.3", "2 3", func(b *run.Bucket) float64 { return b.Offered }},
		{"achieved", inkText, "2", "", func(b *run.Bucket) float64 { return b.Achieved }},
	}
	if closedLoop(s) {
		p.Title, p.Desc = "Achieved rate of each side", "Requests per second that the users of each side got answered. They send less when "+
			"answers are slower."
		lines = [2]rateLine{
			{"blue", inkBlue, "2", "", func(b *run.Bucket) float64 { return b.BlueRate }},
			{"green", inkGreen, "2", "", func(b *run.Bucket) float64 { return b.GreenRate }},
		}
	}
	for i := range s.Buckets {
		b := &s.Buckets[i]
		high = math.Max(high, math.Max(lines[0].of(b), lines[1].of(b)))
		end = math.Max(end, b.Start+s.BucketS)
	}
	if high == 0 {
		return nil
	}
	x := axis{low: 0, high: end, from: plotLeft, to: plotWidth - plotRight}
	y := axis{low: 0, high: high * 1.12, from: plotHeight - plotBottom, to: plotTop}
	step := steps125(high/6, high)[0]
	for v := 0.0; v <= high*1.12; v += step {
		p.grid(plotLeft, y.at(v), plotWidth-plotRight, y.at(v))
		p.text(inkDim, "end", point{plotLeft - 8, y.at(v) + 4}, fmt.Sprintf("%g/s", v), "")
	}
	p.timeTicks(x, end)
	var last [2]float64
	for k := range lines {
		var drawn pen
		for i := range s.Buckets {
			b := &s.Buckets[i]
			last[k] = y.at(lines[k].of(b))
			drawn.to(x.at(b.Start+s.BucketS/2), last[k])
		}
		p.curve(lines[k].ink, lines[k].width, lines[k].dash, &drawn)
	}
	last[0], last[1] = apart(last[0], last[1], 15)
	for k := range lines {
		p.text(lines[k].ink, "start", point{plotWidth - plotRight + 6, last[k] + 4}, lines[k].name, "600")
	}
	return p
}

// A rateLine is one of the two lines of a rate plot.
type rateLine struct {
	name        string
	ink         ink
	width, dash string
	of          func(*run.Bucket) float64
}

// closedLoop reports whether a series is of a stage of users.
func closedLoop(s *run.Series) bool {
	return slices.ContainsFunc(s.Buckets, func(b run.Bucket) bool { return b.BlueRate > 0 || b.GreenRate > 0 })
}

// asTime is a comparison of rates as one of the time for each request, so that worse is to
// the right of a plot as it is for latencies.
func asTime(c *perf.Comparison) *perf.Comparison {
	if !c.Metric.IsRate() {
		return c
	}
	inverse := func(change float64) float64 { return 1/math.Max(1+change, 0.01) - 1 }
	flipped := *c
	flipped.Change, flipped.Low, flipped.High, flipped.Margin = inverse(c.Change), inverse(c.High), inverse(c.Low), inverse(-c.Margin)
	return &flipped
}

// tickRoom is the least distance between the middles of two labels of an axis of changes.
const tickRoom = 48

// forestRows is how many comparisons a forest plot shows.
const forestRows = 14

// forestPlot draws each relative comparison as a point with its interval, and
// its margin as a tick: a pass needs the whole interval left of the tick.
func forestPlot(id string, l *run.LoadResult) *plot {
	var rows []*perf.Comparison
	low, high := -0.05, 0.05
	for i := range l.Comparisons {
		c := asTime(&l.Comparisons[i])
		if !words.Relative(c) || c.Blocks == 0 || len(rows) == forestRows {
			continue
		}
		rows = append(rows, c)
		low = math.Min(low, math.Max(c.Low, -0.9))
		high = math.Max(high, math.Max(math.Min(c.High, 9), c.Margin))
	}
	if len(rows) == 0 {
		return nil
	}
	const rowHeight, left, right = 28, 196, 112
	p := &plot{ID: id, Title: "Green against blue, with margins", Width: plotWidth, Height: plotTop + rowHeight*len(rows) + plotBottom}
	x := axis{low: math.Log1p(low * 1.1), high: math.Log1p(high * 1.1), from: left, to: plotWidth - right}
	at := func(change float64) float64 { return x.at(math.Log1p(math.Max(change, -0.95))) }
	bottom := float64(p.Height - plotBottom)
	// Labels are left out where they would touch; their grid lines stay.
	free := math.Inf(-1) // where the label before ends: the ticks of an axis of logarithms come closer to the right
	for _, v := range changeTicks(low, high) {
		p.grid(at(v), plotTop-6, at(v), bottom)
		if at(v) >= free && (v > -1e-9 || at(v) <= at(0)-tickRoom) {
			p.text(inkDim, "middle", point{at(v), bottom + 17}, signedTick(v), "")
			free = at(v) + tickRoom
		}
	}
	p.line(inkText, "1.3", point{at(0), plotTop - 6}, point{at(0), bottom})
	for i, c := range rows {
		y := float64(plotTop + rowHeight*i + rowHeight/2)
		k := inkText
		if c.Outcome == perf.Worse {
			k = inkFail
		}
		p.text(inkText, "end", point{left - 12, y + 4}, shortenMiddle(words.MetricName(c), 25), "")
		p.line(k, "2", point{at(c.Low), y}, point{at(c.High), y})
		p.line(inkMargin, "2", point{at(c.Margin), y - 9}, point{at(c.Margin), y + 9})
		p.Marks = append(p.Marks, plotMark{k.class, k.color, square(at(c.Change), y, 4)})
		v := comparisonVerdict(c)
		p.text(k, "start", point{plotWidth - right + 14, y + 4}, words.Signed(c.Change)+"  "+v.Mark, "600")
	}
	p.Desc = "A point is green against blue, the line its interval, the upright tick the margin. To the right of 0 % green is slower."
	return p
}

// changeTicks are the round values of an axis of changes, at most about five.
func changeTicks(low, high float64) []float64 {
	step := 0.01
	for _, s := range []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5} {
		if step = s; (high-low)/s <= 5 {
			break
		}
	}
	var out []float64
	for k := math.Ceil(low / step); k*step <= high+1e-9; k++ {
		out = append(out, k*step)
	}
	return out
}

// signedTick is a change as its tick shows it: +5 %.
func signedTick(v float64) string {
	if math.Abs(v) < 1e-9 {
		return "0 %"
	}
	return fmt.Sprintf("%+.0f %%", v*100)
}

// shortenMiddle cuts the middle out of text that is wider than n columns: of a
// metric with its route both ends tell it from others.
func shortenMiddle(s string, n int) string {
	r := []rune(s)
	if twwidth.Width(s) <= n {
		return s
	}
	head, tail := (len(r)+1)/2, len(r)/2
	for head > 1 && twwidth.Width(string(r[:head]))+1+twwidth.Width(string(r[len(r)-tail:])) > n {
		if head > tail {
			head--
		} else {
			tail--
		}
	}
	return string(r[:head]) + "…" + string(r[len(r)-tail:])
}
