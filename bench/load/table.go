package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A table holds every measurement by rate and tool, in the order they came.
type table struct {
	rates []float64
	tools []string
	cells map[float64]map[string][]measurement
}

func newTable() *table { return &table{cells: map[float64]map[string][]measurement{}} }

func (t *table) add(rate float64, tool string, m measurement) {
	if t.cells[rate] == nil {
		t.cells[rate] = map[string][]measurement{}
		t.rates = append(t.rates, rate)
	}
	if !slices.Contains(t.tools, tool) {
		t.tools = append(t.tools, tool)
	}
	t.cells[rate][tool] = append(t.cells[rate][tool], m)
}

// A quantity is what is read from a measurement.
type quantity func(measurement) float64

func latenessP50(m measurement) float64 { return m.LatenessP50 }
func latenessP99(m measurement) float64 { return m.LatenessP99 }
func meanLatency(m measurement) float64 { return m.Mean }
func cpu(m measurement) float64         { return m.CPU }
func judging(m measurement) float64     { return m.Judging }
func achieved(m measurement) float64    { return m.Achieved }
func rss(m measurement) float64         { return m.RSS }

// of is the median over the rounds; 0 where nothing was measured.
func (t *table) of(rate float64, tool string, q quantity) float64 {
	var all []float64
	for _, m := range t.cells[rate][tool] {
		all = append(all, q(m))
	}
	return median(all)
}

// ratio is the median of a tool's quantity to another's in the same round; 0
// where one of them was not measured.
func (t *table) ratio(rate float64, tool, other string, q quantity) float64 {
	var all []float64
	own, others := t.cells[rate][tool], t.cells[rate][other]
	for i := range min(len(own), len(others)) {
		if d := q(others[i]); d > 0 {
			all = append(all, q(own[i])/d)
		}
	}
	return median(all)
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return (v[len(v)/2] + v[(len(v)-1)/2]) / 2
}

func (t *table) print(w io.Writer) {
	slices.Sort(t.rates)
	slices.SortFunc(t.tools, func(a, b string) int { return rank(a) - rank(b) })
	fmt.Fprintln(w, "| rate /s | tool | rounds | lateness p50 µs | lateness p99 µs | achieved | mean latency µs | CPU µs/request | peak RSS MB | lateness p50, p99, mean, CPU against vegeta |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|")
	for _, rate := range t.rates {
		for _, tool := range t.tools {
			n := len(t.cells[rate][tool])
			if n == 0 {
				continue
			}
			var ratios []string
			for _, q := range []quantity{latenessP50, latenessP99, meanLatency, cpu} {
				ratios = append(ratios, fmt.Sprintf("%.2f", t.ratio(rate, tool, "vegeta", q)))
			}
			fmt.Fprintf(w, "| %g | %s | %d | %.0f | %.0f | %.2f %% | %.0f | %.0f | %.0f | %s |\n", rate, tool, n, t.of(rate, tool, latenessP50)*1e6, t.of(rate, tool, latenessP99)*1e6,
				t.of(rate, tool, achieved)/rate*100, t.of(rate, tool, meanLatency)*1e6, t.of(rate, tool, cpu)*1e6, t.of(rate, tool, rss)/1e6, strings.Join(ratios, ", "))
		}
	}
	fmt.Fprintln(w)
	t.targets(w)
}

// rank orders the tools: ours, then vegeta, which the ratios refer to.
func rank(tool string) int {
	return slices.Index([]string{"ours", "vegeta", "k6", "fortio", "plain", "judged"}, tool)
}

// targets prints each figure that is to be held with what was measured, misses
// in bold.
func (t *table) targets(w io.Writer) {
	fmt.Fprintln(w, "| figure | target | measured |")
	fmt.Fprintln(w, "|---|---|---|")
	for _, f := range []struct {
		name  string
		other string
		most  float64
		q     quantity
	}{
		{"lateness p50", "vegeta", 0.35, latenessP50},
		{"lateness p99", "vegeta", 0.8, latenessP99},
		{"mean latency", "vegeta", 1.1, meanLatency},
		{"mean latency", "k6", 1.0, meanLatency},
		{"CPU per request", "vegeta", 1.3, cpu},
		{"CPU per request", "k6", 0.9, cpu},
	} {
		var cells []string
		for _, rate := range []float64{100, 1000} {
			if r := t.ratio(rate, "ours", f.other, f.q); r > 0 {
				cells = append(cells, verdict(fmt.Sprintf("%.2f", r), r <= f.most)+fmt.Sprintf(" at %g/s", rate))
			}
		}
		if len(cells) == 0 {
			cells = []string{"not measured"}
		}
		fmt.Fprintf(w, "| %s against %s | <= %.2f | %s |\n", f.name, f.other, f.most, strings.Join(cells, ", "))
	}
	t.judged(w)
	var rates, clean []string
	resident := 0.0
	for _, rate := range t.rates {
		if len(t.cells[rate]["ours"]) == 0 {
			continue
		}
		got := t.of(rate, "ours", achieved) / rate
		if rate <= 5000 {
			rates = append(rates, verdict(fmt.Sprintf("%.2f %%", got*100), got > 0.998 && got < 1.002)+fmt.Sprintf(" at %g/s", rate))
		}
		p99 := t.of(rate, "ours", latenessP99)
		clean = append(clean, fmt.Sprintf("%g/s: ", rate)+verdict(fmt.Sprintf("p99 %.2f ms, %.1f %%", p99*1e3, got*100), p99 <= 1.5e-3 && got > 0.998))
		if rate <= 2000 {
			resident = max(resident, t.of(rate, "ours", rss)/1e6)
		}
	}
	fmt.Fprintf(w, "| achieved rate, 100 to 5000/s | within 0.2 %% | %s |\n", strings.Join(rates, ", "))
	fmt.Fprintf(w, "| clean range: full rate, lateness p99 <= 1.5 ms | up to 8000/s | %s |\n", strings.Join(clean, ", "))
	fmt.Fprintf(w, "| resident memory up to 2000/s | <= 64 MB | %s |\n", verdict(fmt.Sprintf("%.0f MB", resident), resident <= 64))
}

// judged prints what judging every answer adds to the same attack without.
func (t *table) judged(w io.Writer) {
	for _, f := range []struct {
		name string
		q    quantity
	}{{"lateness p50", latenessP50}, {"lateness p99", latenessP99}, {"mean latency", meanLatency}} {
		var cells []string
		for _, rate := range t.rates {
			if r := t.ratio(rate, "judged", "plain", f.q); r > 0 {
				cells = append(cells, verdict(fmt.Sprintf("%.2f", r), r <= 1.1)+fmt.Sprintf(" at %g/s", rate))
			}
		}
		if len(cells) > 0 {
			fmt.Fprintf(w, "| %s with judging against without | <= 1.10 | %s |\n", f.name, strings.Join(cells, ", "))
		}
	}
	var cells []string
	for _, rate := range t.rates {
		if cost := t.of(rate, "judged", judging); cost > 0 {
			cells = append(cells, fmt.Sprintf("%.1f µs a request at %g/s, of %.1f", cost*1e6, rate, t.of(rate, "judged", cpu)*1e6))
		}
	}
	if len(cells) > 0 {
		fmt.Fprintf(w, "| CPU of judging | - | %s |\n", strings.Join(cells, ", "))
	}
}

// verdict is a text, in bold when its figure is missed.
func verdict(text string, held bool) string {
	if held {
		return text
	}
	return "**" + text + "**"
}
