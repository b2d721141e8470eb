package perf

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseMargin(t *testing.T) {
	for _, c := range []struct {
		text string
		want Margin
		at   int // offset of the error; -1: none
	}{
		{"5%", Margin{Rel: 0.05}, -1},
		{"0.5 %", Margin{Rel: 0.005}, -1},
		{"0.5ms", Margin{Abs: 0.0005}, -1},
		{"5% or 0.5ms", Margin{Rel: 0.05, Abs: 0.0005}, -1},
		{"2ms or 10%", Margin{Rel: 0.1, Abs: 0.002}, -1},
		{"", Margin{}, 0},
		{"10", Margin{}, 0},               // no unit
		{"0%", Margin{}, 0},               // nothing would pass
		{"-5%", Margin{}, 0},              //
		{"NaN%", Margin{}, 0},             //
		{"5% or 10", Margin{}, 6},         // no unit in the second part
		{"5% or 6%", Margin{}, 6},         // the same unit twice
		{"5% or 1ms or 2s", Margin{}, 13}, // three parts
		{"2000%", Margin{}, 0},            // judges nothing
		{"5 percent", Margin{}, 0},        //
	} {
		got, err := ParseMargin(c.text)
		var problem *MarginError
		switch {
		case c.at < 0 && (err != nil || got != c.want):
			t.Errorf("ParseMargin(%q) = %+v, %v, want %+v", c.text, got, err, c.want)
		case c.at >= 0 && (!errors.As(err, &problem) || problem.Offset != c.at || problem.Hint == ""):
			t.Errorf("ParseMargin(%q) = %+v, %v, want an error at %d with a hint", c.text, got, err, c.at)
		}
	}
}

// Law: a margin reads back as it is written.
func TestLawMarginRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Margin{Rel: float64(rapid.IntRange(0, 5000).Draw(t, "rel")) / 1e4, Abs: float64(rapid.IntRange(0, 5000).Draw(t, "abs")) / 1e6}
		if m == (Margin{}) {
			return
		}
		got, err := ParseMargin(m.String())
		if err != nil || math.Abs(got.Rel-m.Rel) > 1e-12 || math.Abs(got.Abs-m.Abs) > 1e-12 {
			t.Fatalf("%+v is written %q and read %+v, %v", m, m, got, err)
		}
	})
}

func FuzzParseMargin(f *testing.F) {
	for _, s := range []string{"5%", "5% or 0.5ms", "1h", "% or %", " or "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMargin(s)
		if err != nil {
			return
		}
		if m.Rel <= 0 && m.Abs <= 0 || m.Rel < 0 || m.Abs < 0 || math.IsNaN(m.Rel+m.Abs) || math.IsInf(m.Rel+m.Abs, 0) {
			t.Errorf("ParseMargin(%q) = %+v", s, m)
		}
	})
}

func TestTexts(t *testing.T) {
	for _, o := range []Outcome{NoWorse, Inconclusive, Worse} {
		text, err := o.MarshalText()
		var back Outcome
		if err != nil || back.UnmarshalText(text) != nil || back != o {
			t.Errorf("%v is written %q and read %v", o, text, back)
		}
	}
	for _, r := range []Role{Gate, Guard} {
		text, err := r.MarshalText()
		var back Role
		if err != nil || back.UnmarshalText(text) != nil || back != r {
			t.Errorf("%v is written %q and read %v", r, text, back)
		}
	}
	if _, err := Outcome(0).MarshalText(); err == nil {
		t.Error("the invalid outcome is written")
	}
	if _, err := Role(0).MarshalText(); err == nil {
		t.Error("the invalid role is written")
	}
	if _, err := json.Marshal(Comparison{Role: Gate, Outcome: NoWorse}); err != nil {
		t.Error(err)
	}
}

// The figures were computed apart, in exact fractions; t is from the table.
func TestExactTests(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"sign 10 of 10", signTest(10, 10), 0.0009765625},
		{"sign 8 of 10", signTest(8, 10), 0.0546875},
		{"sign none", signTest(0, 0), 1},
		{"fisher 0/50 against 6/50", fisherTest(0, 50, 6, 50), 0.0133305382},
		{"fisher 1/1000 against 12/1000", fisherTest(1, 1000, 12, 1000), 0.0016617459},
		{"fisher equal", fisherTest(5, 100, 5, 100), 0.6262351249},
		{"upper 0 of 1000 at 99 %", rateUpper(0, 1000, 0.01), 1 - math.Pow(0.01, 1.0/1000)},
		{"upper 3 of 100 at 99 %", rateUpper(3, 100, 0.01), 0.0969710453},
		{"lower 3 of 100 at 99 %", rateLower(3, 100, 0.01), 0.0043949765},
		{"t at 0.01, 14", studentT(0.01, 14), 2.624494},
		{"t at 0.001, 30", studentT(0.001, 30), 3.385185},
	} {
		if math.Abs(c.got-c.want) > 1e-6*c.want {
			t.Errorf("%s: %.6g, want %.6g", c.name, c.got, c.want)
		}
	}
}

func TestQuantileIsType7(t *testing.T) {
	sorted := []float64{1, 2, 3, 4, 10}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 0.95: 8.8, 0.99: 9.76, 1: 10} {
		if got := quantile(sorted, q); math.Abs(got-want) > 1e-12 {
			t.Errorf("quantile %g = %g, want %g", q, got, want)
		}
	}
}

// Slow noise makes neighbours alike: the plain error would be too small by half.
func TestStandardErrorSeesSlowNoise(t *testing.T) {
	var d []float64
	for i := range 60 {
		d = append(d, math.Sin(2*math.Pi*float64(i)/60))
	}
	e := seriesEstimate(d, upTo(60))
	plain := math.Sqrt(0.5*60/59) / math.Sqrt(60)
	if e.se < 2*plain {
		t.Errorf("error %g of slow noise, plain %g", e.se, plain)
	}
}

// upTo is the positions 0 to n-1.
func upTo(n int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = i
	}
	return at
}

func TestBlockLength(t *testing.T) {
	for _, c := range []struct {
		name    string
		rate    float64
		margins Margins
		pairing Pairing
		want    time.Duration
	}{
		{"p95 fits", 20, Margins{}, Paired, 2 * time.Second},
		{"p95 needs 40 requests", 10, Margins{}, Paired, 4 * time.Second},
		{"p99 fits without being asked for", 100, Margins{}, Paired, 2 * time.Second},
		{"p99 asked for needs 200 requests", 50, Margins{P99: Margin{Rel: 0.2}}, Paired, 4 * time.Second},
		{"p99 asked for at 20/s", 20, Margins{P99: Margin{Rel: 0.2}}, Paired, 10 * time.Second},
		{"interleaved holds both sides", 100, Margins{}, Interleaved, 4 * time.Second},
	} {
		d := Design{Rate: c.rate, Margins: c.margins, Pairing: c.pairing}.withDefaults()
		if got := d.Block(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Of every 20 blocks one rests green and one rests blue, and the first 15 rest none.
func TestSoloBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Design{Rate: 100, Pairing: Paired, Seed: rapid.Uint64().Draw(t, "seed")}.withDefaults()
		for group := range 10 {
			count := map[Load]int{}
			for i := range soloGroup {
				count[d.LoadOf(group*soloGroup+i)]++
			}
			if count[BlueOnly] != 1 || count[GreenOnly] != 1 {
				t.Fatalf("group %d: %v", group, count)
			}
		}
		for i := range minLookBlocks {
			if d.LoadOf(i) != Both {
				t.Fatalf("block %d is solo", i)
			}
		}
	})
}

// A look before 30 s or 15 valid blocks is dropped and its alpha goes to the next.
func TestLooks(t *testing.T) {
	for _, c := range []struct {
		duration time.Duration
		want     []float64 // seconds
	}{
		{120 * time.Second, []float64{30, 60, 90, 120}},
		{60 * time.Second, []float64{30, 45, 60}},
		{30 * time.Second, []float64{30}},
		{10 * time.Second, []float64{10}},
	} {
		d := Design{Rate: 50, Duration: c.duration, WarmUp: time.Second}
		s := NewStage(d)
		var got []float64
		for at := time.Second; at <= c.duration+time.Second; at += time.Second {
			if decision := s.Through(at, Health{}); decision != nil {
				got = append(got, at.Seconds()-1)
			}
		}
		// Without a record no block is valid, so every look but the last is dropped.
		if len(got) != 1 || got[0] != c.want[len(c.want)-1] {
			t.Errorf("%s without records: looks at %v", c.duration, got)
		}
		got = nil
		s = NewStage(d)
		generate(quiet, greenFault{slower: 0.04}, s.Design(), func(r Record) bool {
			if decision := s.Through(s.Design().PairStart(r.Pair), Health{}); decision != nil {
				got = append(got, decision.Seconds)
			}
			s.Add(r)
			return true
		})
		if d := s.Finish(Health{}); len(got) == 0 || got[len(got)-1] != d.Seconds {
			got = append(got, d.Seconds)
		}
		if len(got) == 0 || got[0] != c.want[0] {
			t.Errorf("%s: looks at %v, want %v", c.duration, got, c.want)
		}
	}
	if w := (Design{Rate: 50, Duration: 10 * time.Second}).Warnings(); len(w) != 2 || !strings.Contains(w[0], "5 of the 15 blocks") {
		t.Errorf("warnings of a short design: %q", w)
	}
}

func TestLine(t *testing.T) {
	c := Comparison{
		Metric: P95, Role: Gate, Blue: 0.0179, Green: 0.0211, Change: 0.186, Low: 0.12, High: 0.26,
		Margin: 0.1, MDE: 0.168, Blocks: 40, Outcome: Worse,
	}
	const want = "p95  blue 17.9 ms  green 21.1 ms  +18.6 % [+12 %, +26 %]  margin 10 %  40 blocks (0 dropped)  MDE 16.8 %  worse"
	if got := c.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestNumbersCarryUnits(t *testing.T) {
	for ratio, want := range map[float64]string{0: "0 %", 0.1: "10 %", 0.186: "18.6 %", 0.0004: "0.04 %", 0.99982: "99.98 %", 1: "100 %", 98: "9800 %", -0.0000001: "0 %"} {
		if got := percent(ratio); got != want {
			t.Errorf("percent(%g) = %q, want %q", ratio, got, want)
		}
	}
}
