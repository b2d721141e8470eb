package page

import (
	"math"
	"sort"
	"strconv"
	"strings"
)

// A plot is an SVG drawing in numbers and texts; plot.tmpl turns it into
// elements with presentation attributes, so that it can be read where a host
// blocks style sheets. Classes let the page's style change colours in the dark.
type plot struct {
	ID, Title, Desc string
	Width, Height   int
	Grid            string
	Lines           []plotLine
	Paths           []plotPath
	Marks           []plotMark
	Texts           []plotText
}

// A plotLine is a straight line: an axis, a tick, an interval.
type plotLine struct{ Class, Stroke, Width, X1, Y1, X2, Y2 string }

// A plotPath is a curve.
type plotPath struct{ Class, Stroke, Width, Dash, D string }

// A plotMark is a small filled shape, so that series differ by more than colour.
type plotMark struct{ Class, Fill, D string }

// A plotText is a label.
type plotText struct{ Class, Fill, Anchor, X, Y, Text, Weight string }

// The colours of the light theme; report.css holds those of the dark one.
const (
	colorBlue  = "#1f5fbf"
	colorGreen = "#2f9e44"
	colorLeaf  = "#1f7a34" // green's texts: the curve's colour is too light to read
	colorFail  = "#a3006b"
	colorInk   = "#1c2127"
	colorDim   = "#59626d"
	colorGrid  = "#dfe3e8"
)

// An ink is a colour of the light theme with the class by which the style changes it in the dark.
type ink struct{ class, color string }

var (
	inkBlue   = ink{"blue", colorBlue}
	inkGreen  = ink{"green", colorGreen}
	inkLeaf   = ink{"green", colorLeaf}
	inkFail   = ink{"fail", colorFail}
	inkText   = ink{"ink", colorInk}
	inkDim    = ink{"dim", colorDim}
	inkMargin = ink{"margin", colorDim}
)

// A point is a place in a plot, in its units from the upper left corner.
type point struct{ x, y float64 }

// GridColor is the colour of the grid, for the template.
func (p *plot) GridColor() string { return colorGrid }

// num writes a coordinate with one decimal.
func num(f float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0")
}

// An axis maps values to coordinates.
type axis struct {
	low, high float64 // values, already as logarithms where log is set
	from, to  float64 // coordinates
	log       bool
}

// at is where a value is on the axis, in pixels; values beyond its ends are drawn at the end.
func (a axis) at(v float64) float64 {
	if a.log {
		v = math.Log10(math.Max(v, 1e-9))
	}
	if a.high == a.low {
		return (a.from + a.to) / 2
	}
	t := math.Min(1, math.Max(0, (v-a.low)/(a.high-a.low)))
	return a.from + t*(a.to-a.from)
}

// logAxis spans values, with a little air on both ends.
func logAxis(low, high, from, to float64) axis {
	if low <= 0 || high <= 0 || low > high {
		low, high = 0.001, 1
	}
	return axis{low: math.Log10(low * 0.92), high: math.Log10(high * 1.12), from: from, to: to, log: true}
}

// steps125 lists 1, 2, 5 times powers of ten between two values.
func steps125(low, high float64) []float64 {
	var out []float64
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, m := range []float64{1, 2, 5} {
			if v := m * math.Pow(10, e); v >= low && v <= high {
				out = append(out, v)
			}
		}
	}
	return out
}

// secondsTicks draws the grid of a logarithmic axis of durations.
func (p *plot) secondsTicks(y axis, left, right float64) {
	ticks := steps125(math.Pow(10, y.low), math.Pow(10, y.high))
	for len(ticks) > 8 {
		var fewer []float64
		for i := 0; i < len(ticks); i += 2 {
			fewer = append(fewer, ticks[i])
		}
		ticks = fewer
	}
	for _, v := range ticks {
		at := y.at(v)
		p.grid(left, at, right, at)
		p.text(inkDim, "end", point{left - 8, at + 4}, tick(v), "")
	}
}

// tick shows a round duration without the digits it does not need.
func tick(v float64) string {
	unit, f := " s", v
	switch {
	case v < 0.000995:
		unit, f = " µs", v*1e6
	case v < 0.995:
		unit, f = " ms", v*1e3
	}
	return strconv.FormatFloat(f, 'g', 4, 64) + unit
}

// grid adds a line to the one path that all grid lines share.
func (p *plot) grid(x1, y1, x2, y2 float64) {
	p.Grid += "M" + num(x1) + " " + num(y1) + "L" + num(x2) + " " + num(y2)
}

// line adds a straight line.
func (p *plot) line(k ink, width string, from, to point) {
	p.Lines = append(p.Lines, plotLine{k.class, k.color, width, num(from.x), num(from.y), num(to.x), num(to.y)})
}

// text adds a label.
func (p *plot) text(k ink, anchor string, at point, s, weight string) {
	p.Texts = append(p.Texts, plotText{k.class, k.color, anchor, num(at.x), num(at.y), s, weight})
}

// A pen collects the points of a curve; lift leaves a gap.
type pen struct {
	b    strings.Builder
	down bool
	n    int
}

// to continues the curve to a point, or begins it there.
func (c *pen) to(x, y float64) {
	op := "L"
	if !c.down {
		op = "M"
	}
	c.down = true
	c.n++
	c.b.WriteString(op + num(x) + " " + num(y))
}

// lift ends the curve here: the next point begins a new part.
func (c *pen) lift() { c.down = false }

// curve adds what a pen has drawn; nothing where it has no point.
func (p *plot) curve(k ink, width, dash string, c *pen) {
	if c.n > 0 {
		p.Paths = append(p.Paths, plotPath{k.class, k.color, width, dash, c.b.String()})
	}
}

// disc and triangle are the signs of blue and green.
func disc(x, y, r float64) string {
	return "M" + num(x-r) + " " + num(y) + "a" + num(r) + " " + num(r) + " 0 1 0 " + num(2*r) + " 0a" + num(r) + " " + num(r) + " 0 1 0 " +
		num(-2*r) + " 0z"
}

// triangle is the path of a mark around a point.
func triangle(x, y, r float64) string {
	return "M" + num(x) + " " + num(y-r*1.2) + "L" + num(x+r*1.15) + " " + num(y+r*0.9) + "L" + num(x-r*1.15) + " " + num(y+r*0.9) + "z"
}

// square is the path of a mark around a point.
func square(x, y, r float64) string {
	return "M" + num(x-r) + " " + num(y-r) + "h" + num(2*r) + "v" + num(2*r) + "h" + num(-2*r) + "z"
}

// sign draws a side's sign at a point.
func (p *plot) sign(side string, x, y, r float64) {
	if side == "blue" {
		p.Marks = append(p.Marks, plotMark{"blue", colorBlue, disc(x, y, r)})
		return
	}
	p.Marks = append(p.Marks, plotMark{"green", colorGreen, triangle(x, y, r)})
}

// label names a curve at its end.
func (p *plot) label(side string, x, y float64, s string) {
	k := inkBlue
	if side == "green" {
		k = inkLeaf
	}
	p.sign(side, x+8, y, 4)
	p.text(k, "start", point{x + 17, y + 4}, s, "600")
}

// apart moves two label places so that they do not touch.
func apart(a, b, gap float64) (float64, float64) {
	d := gap - math.Abs(a-b)
	if d <= 0 {
		return a, b
	}
	if a <= b {
		return a - d/2, b + d/2
	}
	return a + d/2, b - d/2
}

// spaced moves label places so that no two are closer than gap, in their order
// from top to bottom, between two bounds.
func spaced(at []float64, gap, top, bottom float64) {
	order := make([]int, len(at))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, k int) bool { return at[order[i]] < at[order[k]] })
	low := top
	for _, i := range order { // down from the top
		at[i] = math.Max(at[i], low)
		low = at[i] + gap
	}
	high := bottom
	for k := len(order) - 1; k >= 0; k-- { // and back up from the bottom
		i := order[k]
		at[i] = math.Min(at[i], high)
		high = at[i] - gap
	}
}
