package perf

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// The tests of this file hold each constant of the rule from both sides: blocks
// are constructed so that a bound is just inside its limit, and just outside. The
// expected bounds are computed here, by other formulas than the rule's.

// boundaryMetrics is K of boundaryDesign: three gates, their quantiles of the
// whole run, errors and throughput.
const boundaryMetrics = 8

func boundaryDesign(margins Margins) Design {
	return Design{Rate: 100, Duration: 120 * time.Second, WarmUp: time.Second, Pairing: Paired, NoSolo: true, Routes: []Route{{"GET /", 1}}, Margins: margins}
}

// constructed is a stage of closed blocks with given log ratios of every quantile,
// before the look with number k (0 to 3).
func constructed(d Design, k int, ratios []float64) *Stage {
	s := NewStage(d)
	for i, ratio := range ratios {
		b := &block{index: i, load: Both, healthy: true, planned: 200, pairs: 200, sent: [2]int{200, 200}, done: [2]int{200, 200}, routes: make([][2][2]float64, len(d.Routes)), rare: make([][2][]float64, len(d.Routes))}
		for q := range blockQuantiles {
			b.q[blue][q], b.q[green][q] = math.Log(0.010), math.Log(0.010)+ratio
		}
		s.blocks = append(s.blocks, b)
	}
	s.next, s.look = len(ratios), k
	return s
}

// outcomeOf is what a look says of one metric.
func outcomeOf(t *testing.T, s *Stage, metric Metric) Outcome {
	t.Helper()
	d := s.lookIfDue(Health{})
	if d == nil {
		t.Fatal("no look was due")
	}
	i := slices.IndexFunc(d.Comparisons, func(c Comparison) bool { return c.Metric == metric && c.Route == "" })
	if i < 0 {
		t.Fatalf("%s was not judged", metric)
	}
	return d.Comparisons[i].Outcome
}

// zigzag is m values with a mean whose neighbours differ as much as they can, so
// that the plain standard error, which it returns too, is the right one.
func zigzag(m int, mean, size float64) (values []float64, se float64) {
	for i := range m {
		values = append(values, size*float64(1-2*(i%2)))
	}
	center := stat.Mean(values, nil)
	for i := range values {
		values[i] += mean - center
	}
	return values, stat.StdDev(values, nil) / math.Sqrt(float64(m))
}

// tTable is Student's t by the beta distribution.
func tTable(level, degrees float64) float64 {
	x := mathext.InvRegIncBeta(degrees/2, 0.5, 2*level)
	return math.Sqrt(degrees * (1/x - 1))
}

// spentAt are the levels of the four looks at alpha = 1 %.
var spentAt = [4]float64{0.001, 0.002, 0.003, 0.004}

func TestBoundaryNoWorse(t *testing.T) {
	delta := math.Log(1.05)
	for k, level := range spentAt {
		m := 15 * (k + 1)
		for _, c := range []struct {
			inside float64
			want   Outcome
		}{{+1e-3, NoWorse}, {-1e-3, Inconclusive}} {
			_, se := zigzag(m, 0, 0.03)
			ratios, _ := zigzag(m, delta-tTable(level, float64(m-1))*se*(1+c.inside), 0.03)
			if got := outcomeOf(t, constructed(boundaryDesign(Margins{}), k, ratios), P50); got != c.want {
				t.Errorf("look %d, upper bound at %g %+.1g from the margin: %v, want %v", k+1, level, -c.inside, got, c.want)
			}
		}
	}
}

func TestBoundaryWorse(t *testing.T) {
	delta := math.Log(1.05)
	for k, spent := range spentAt {
		m := 15 * (k + 1)
		degrees := float64(m - 1)
		strict, surely := tTable(spent/boundaryMetrics, degrees), tTable(0.015, degrees)
		for _, c := range []struct {
			name   string
			size   float64
			reason string
		}{
			{"quiet", 0.01, "the lower bound at 1.5 % decides"},
			{"loud", 0.2, "the lower bound at a_k/K decides"},
		} {
			_, se := zigzag(m, 0, c.size)
			limit := math.Max(delta/2+strict*se, delta+surely*se)
			if quiet := limit == delta+surely*se; quiet != (c.name == "quiet") {
				t.Fatalf("look %d, %s: the case does not show that %s", k+1, c.name, c.reason)
			}
			for _, inside := range []float64{+1e-3, -1e-3} {
				want := Inconclusive
				if inside > 0 {
					want = Worse
				}
				ratios, _ := zigzag(m, limit+inside*se, c.size)
				if got := outcomeOf(t, constructed(boundaryDesign(Margins{}), k, ratios), P50); got != want {
					t.Errorf("look %d, %s, %+.1g from the limit: %v, want %v (%s)", k+1, c.name, inside, got, want, c.reason)
				}
			}
		}
	}
}

// The level of the bound above the margin follows alpha, which a ladder of rates
// divides.
func TestBoundaryWorseOfDividedAlpha(t *testing.T) {
	delta := math.Log(1.05)
	d := boundaryDesign(Margins{})
	d.Alpha = 0.005
	_, se := zigzag(60, 0, 0.01)
	for _, inside := range []float64{+1e-3, -1e-3} {
		ratios, _ := zigzag(60, delta+(tTable(0.0075, 59)+inside)*se, 0.01)
		if got := outcomeOf(t, constructed(d, 3, ratios), P50); (got == Worse) != (inside > 0) {
			t.Errorf("%+.1g from the limit: %v", inside, got)
		}
	}
}

// A green whose estimate is above the margin is not worse yet, and one below it
// never is.
func TestBoundaryWorseNeedsItsBoundAboveTheMargin(t *testing.T) {
	for _, share := range []float64{0.9, 1, 1.05} {
		ratios, _ := zigzag(60, share*math.Log(1.05), 0.02)
		if got := outcomeOf(t, constructed(boundaryDesign(Margins{}), 3, ratios), P50); got == Worse {
			t.Errorf("%g of the margin is worse", share)
		}
	}
}

func TestBoundaryErrors(t *testing.T) {
	const margin = 0.005
	for k, level := range spentAt {
		m := 15 * (k + 1)
		// The upper bound is below the margin when so few failures would be rarer
		// than the level at the margin itself.
		most := -1
		for (distuv.Binomial{N: float64(200 * m), P: margin}).CDF(float64(most+1)) < level {
			most++
		}
		for _, c := range []struct {
			failures, perBlock int
			want               Outcome
		}{{most, 1, NoWorse}, {most + 1, 1, Inconclusive}, {most / 6 * 6, 6, Inconclusive}} {
			if c.failures <= 0 && c.perBlock > 1 || c.failures < 0 {
				continue
			}
			ratios, _ := zigzag(m, 0, 0.01)
			s := constructed(boundaryDesign(Margins{Errors: margin}), k, ratios)
			left := c.failures
			for i := 0; left > 0; i++ {
				b, n := s.blocks[i*7%m], min(left, c.perBlock)
				b.only[green] += n
				b.only[blue]++ // in other pairs, so that green is not worse
				left -= n
			}
			if got := outcomeOf(t, s, Errors); got != c.want {
				t.Errorf("look %d, %d failures by %d: %v, want %v", k+1, c.failures, c.perBlock, got, c.want)
			}
		}
	}
}

// Green is worse in errors by McNemar's test at a_k/K, and as many failures that
// come in bursts count for fewer.
func TestBoundaryWorseErrors(t *testing.T) {
	for k, spent := range spentAt {
		m := 15 * (k + 1)
		for failures := 6; failures < 30; failures++ {
			want := Inconclusive
			if math.Pow(0.5, float64(failures)) <= spent/boundaryMetrics && float64(failures) > 0.001*float64(200*m) {
				want = Worse
			}
			for _, perBlock := range []int{1, 5} {
				ratios, _ := zigzag(m, 0, 0.01)
				s := constructed(boundaryDesign(Margins{}), k, ratios)
				for i := range failures {
					b := s.blocks[i/perBlock*7%m]
					b.only[green]++
					b.failed[green]++
				}
				got := outcomeOf(t, s, Errors)
				if perBlock == 1 && (got == Worse) != (want == Worse) || perBlock > 1 && got == Worse {
					t.Errorf("look %d, %d failures, %d a block: %v", k+1, failures, perBlock, got)
				}
			}
		}
	}
}

// ofWholeRun fills a constructed stage with latencies: green's 10 groups of blocks
// differ, the blocks' own ratios do not. It returns the log ratio of a quantile
// over all, and its jackknife error, computed from the sorted latencies.
func ofWholeRun(s *Stage, q float64) (ratio, se float64) {
	var groups [2][runGroups][]float64
	for g := range runGroups {
		for i := range 1200 {
			spread := math.Exp(0.5 * distuv.UnitNormal.Quantile((float64(i)+0.5)/1200))
			groups[blue][g] = append(groups[blue][g], 0.010*spread)
			groups[green][g] = append(groups[green][g], 0.010*spread*(1.1+0.05*math.Sin(float64(3*g))))
		}
		for side := range groups {
			for i, seconds := range groups[side][g] {
				s.whole.segments[4*g+i*4/1200][side].add(seconds)
			}
		}
	}
	all := func(side, without int) float64 {
		var values []float64
		for g, v := range groups[side] {
			if g != without {
				values = append(values, v...)
			}
		}
		slices.Sort(values)
		return math.Log(quantile(values, q))
	}
	var theta []float64
	for g := range runGroups {
		theta = append(theta, all(green, g)-all(blue, g))
	}
	return all(green, -1) - all(blue, -1), math.Sqrt(stat.Variance(theta, nil) * 9 * 9 / 10)
}

func TestBoundaryWholeRun(t *testing.T) {
	for i, metric := range runMetrics {
		judge := func(delta float64) Outcome {
			margin := Margin{Rel: math.Expm1(delta)}
			ratios, _ := zigzag(60, 0, 0.01)
			s := constructed(boundaryDesign(Margins{P50: margin, P95: margin, P99: margin}), 3, ratios)
			ofWholeRun(s, blockQuantiles[i])
			return outcomeOf(t, s, metric)
		}
		ratio, se := ofWholeRun(NewStage(boundaryDesign(Margins{})), blockQuantiles[i])
		if se < 0.005 {
			t.Fatalf("%s: error %g is too small to see a bin of 0.1 %%", metric, se)
		}
		const t95, near = 1.833113, 0.0015 // of 9 degrees; more than a bin
		upper := ratio + t95*se
		worse := math.Min(ratio-tTable(0.015, 9)*se, 2*(ratio-tTable(0.004/boundaryMetrics, 9)*se))
		for _, c := range []struct {
			delta float64
			want  Outcome
		}{{upper + near, NoWorse}, {upper - near, Inconclusive}, {worse + near, Inconclusive}, {worse - near, Worse}} {
			if c.delta <= 0 {
				t.Fatalf("%s: no margin shows the limit", metric)
			}
			if got := judge(c.delta); got != c.want {
				t.Errorf("%s %+.4f, error %.4f, margin %.4f: %v, want %v", metric, ratio, se, c.delta, got, c.want)
			}
		}
	}
}

// A quantile of the whole run that is not proven keeps the stage from passing.
func TestBoundaryWholeRunWithholdsPass(t *testing.T) {
	for _, c := range []struct {
		p50  Margin
		want Outcome
	}{{Margin{Rel: 0.5}, NoWorse}, {Margin{Rel: 0.1}, Inconclusive}} {
		ratios, _ := zigzag(60, 0, 0.01)
		wide := Margin{Rel: 0.5}
		s := constructed(boundaryDesign(Margins{P50: c.p50, P95: wide, P99: wide}), 3, ratios)
		ofWholeRun(s, 0.5)
		if d := s.lookIfDue(Health{}); d.Outcome != c.want {
			t.Errorf("margin %v: %v (%s), want %v", c.p50, d.Outcome, d.Reason, c.want)
		}
	}
}

// p99 of the whole run is tested where it is gated, or 100 requests are beyond it.
func TestWholeRunQuantiles(t *testing.T) {
	for _, c := range []struct {
		rate    float64
		seconds int
		p99     Margin
		want    int // quantiles
		metrics int // K
	}{
		{100, 30, Margin{}, 3, 8},
		{50, 200, Margin{}, 3, 7}, // 10,000 requests
		{50, 198, Margin{}, 2, 6},
		{50, 60, Margin{Rel: 0.2}, 3, 8},
	} {
		d := Design{Rate: c.rate, Duration: time.Duration(c.seconds) * time.Second, NoSolo: true, Pairing: Paired, Margins: Margins{P99: c.p99}}
		s := NewStage(d)
		if got := len(s.design.runQuantiles()); got != c.want || s.metrics != c.metrics {
			t.Errorf("%g/s for %d s: %d quantiles, K = %d, want %d and %d", c.rate, c.seconds, got, s.metrics, c.want, c.metrics)
		}
	}
}

func TestBoundaryFutile(t *testing.T) {
	for _, c := range []struct {
		blocks int
		final  bool
	}{{29, false}, {30, true}} {
		d := boundaryDesign(Margins{})
		d.Duration = time.Duration(c.blocks) * 4 * time.Second
		ratios, _ := zigzag(c.blocks, 0, 0.9)
		got := constructed(d, 1, ratios).lookIfDue(Health{})
		if got == nil || got.Final != c.final || (got.Cause == Futile) != c.final {
			t.Errorf("%d blocks of noise: %+v, want final %v", c.blocks, got, c.final)
		}
	}
}

// need, MDE and floor look ahead to the last look, and calibrate prints what a
// run prints.
func TestForesightIsTheFormula(t *testing.T) {
	delta := math.Log(1.05)
	ratios, se := zigzag(60, 0.02, 0.2)
	d := constructed(boundaryDesign(Margins{}), 3, ratios).lookIfDue(Health{})
	c := d.Comparisons[0]
	prove, surely, strict := tTable(0.004, 59)+1.645, tTable(0.015, 59)+1.645, tTable(0.01/boundaryMetrics, 59)+1.645
	f, ok := FloorOf(c, 120)
	for _, v := range []struct {
		name      string
		got, want float64
	}{
		{"need", c.NeedS, 120 * math.Pow(prove*se/delta, 2)},
		{"floor", c.Floor, math.Expm1(prove * se)},
		{"MDE", c.MDE, math.Expm1(math.Max(delta+surely*se, delta/2+strict*se))},
		{"need of calibrate", f.NeedS, c.NeedS},
		{"floor of calibrate", f.Floor, c.Floor},
		{"MDE of calibrate", f.MDE, c.MDE},
	} {
		if !ok || math.Abs(v.got-v.want) > 1e-6*v.want {
			t.Errorf("%s is %g, want %g", v.name, v.got, v.want)
		}
	}
}

// The standard error as its documentation has it, written again.
func TestStandardErrorIsTheFormula(t *testing.T) {
	var slow []float64
	for i := range 200 {
		slow = append(slow, float64(i))
	}
	for name, c := range map[string]struct {
		d, at []float64
	}{
		"seven":      {[]float64{1, 3, 2, 4, 3, 5, 4}, nil},
		"eight":      {[]float64{1, 3, 2, 4, 1, 3, 2, 4}, nil},
		"long, slow": {slow, nil},
		"slow":       {[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 8, 7, 6, 5, 4, 3, 2, 1}, nil},
		"a little":   {[]float64{1, 2, 2, 1, 3, 1, 2, 3, 3, 1, 1, 2, 3, 2, 1, 1, 3, 3, 2, 1, 2, 2, 2.5, 1}, nil},
		"alternates": {[]float64{1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2.5}, nil},
		"equal":      {[]float64{2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, nil},
		"a gap":      {[]float64{1, 2, 2, 1, 3, 1, 2, 3, 3, 1, 1, 2}, []float64{0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14}},
		"all apart":  {[]float64{1, 2, 2, 1, 3, 1, 2, 3, 3, 1, 1, 2}, []float64{0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22}},
	} {
		at := upTo(len(c.d))
		for i := range c.at {
			at[i] = int(c.at[i])
		}
		e := seriesEstimate(c.d, at)
		se, degrees := standardError(c.d, at)
		if math.Abs(e.se-se) > 1e-12 || se > 0 && math.Abs(e.degrees-degrees) > 1e-9 {
			t.Errorf("%s: error %g with %g degrees, want %g with %g", name, e.se, e.degrees, se, degrees)
		}
	}
}

func standardError(d []float64, at []int) (se, degrees float64) {
	m, mean := float64(len(d)), stat.Mean(d, nil)
	pairs, products, squares := 0.0, 0.0, 0.0
	for i := range d {
		squares += math.Pow(d[i]-mean, 2)
		for j := range d {
			if at[j] == at[i]+1 {
				pairs++
				products += (d[i] - mean) * (d[j] - mean)
			}
		}
	}
	if squares == 0 {
		return 0, 0
	}
	u := 0.95
	if k := pairs + 1; k >= 8 {
		r := ((products/pairs)/(squares/(m-1))*k + 1) / (k - 4)
		r = min(max(r, -1), 1)
		u = min(max(r+0.25*math.Sqrt((1-r*r)/k), 0), 0.95)
	}
	independent := max(3, m/((1+u)/(1-u)))
	return math.Sqrt(squares/(m-1)) / math.Sqrt(independent), max(2, independent-1)
}

func ExampleComparison() {
	fmt.Println(Comparison{Metric: RunP99, Blue: 0.0164, Green: 0.021, Change: 0.28, Low: 0.22, High: 0.35, Margin: 0.2, MDE: 0.27, Blocks: 600, Outcome: Worse})
	// Output:
	// p99 of the run  blue 16.4 ms  green 21.0 ms  +28 % [+22 %, +35 %]  margin 20 %  600 blocks (0 dropped)  MDE 27 %  worse
}

// A known bias is taken off both bounds before a metric is worse.
func TestBoundaryWorseWithBias(t *testing.T) {
	const bias = 0.02
	d := boundaryDesign(Margins{})
	d.Known.Biases = []Bias{{P50, "", math.Expm1(bias)}}
	_, se := zigzag(60, 0, 0.01)
	for _, inside := range []float64{+1e-3, -1e-3} {
		ratios, _ := zigzag(60, math.Log(1.05)+bias+(tTable(0.015, 59)+inside)*se, 0.01)
		if got := outcomeOf(t, constructed(d, 3, ratios), P50); (got == Worse) != (inside > 0) {
			t.Errorf("%+.1g from the limit: %v", inside, got)
		}
	}
}

// Solo blocks are far apart in time: their error is that of independent values.
func TestSoloBlocksKeepThePlainError(t *testing.T) {
	ratios, se := zigzag(60, 0, 0.01)
	s := constructed(boundaryDesign(Margins{}), 3, ratios)
	alone, soloSE := zigzag(8, -0.1, 0.02)
	for i, v := range alone {
		for _, load := range []Load{BlueOnly, GreenOnly} {
			b := &block{index: 60 + 2*i + int(load), load: load, healthy: true}
			b.q[blue][0], b.q[green][0] = math.Log(0.010)+v, math.Log(0.010)+v
			s.blocks = append(s.blocks, b)
		}
	}
	got, ok := (&view{Stage: s, blocks: s.valid()}).interference(0)
	if want := soloSE; !ok || math.Abs(got.side[blue].se-want) > 1e-12 || math.Abs(got.side[blue].freedom-7) > 1e-6 {
		t.Errorf("blue's shift %+v, want error %g with 7 degrees", got.side[blue], want)
	}
	if want := math.Sqrt(se*se + 2*soloSE*soloSE); math.Abs(got.ratio.se-want) > 1e-12 {
		t.Errorf("shift of the ratio has error %g, want %g", got.ratio.se, want)
	}
}
