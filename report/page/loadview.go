package page

import (
	"fmt"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// A loadView is a load stage as the page shows it.
type loadView struct {
	ID, Name, Reason string
	Points           []string // findings after the first, which is Reason
	Verdict          verdictView
	Facts            []string
	Rows             []comparisonView
	Figures          []figureView
	Causes           []loadCauseView // of differences between the answers under load
	Warnings         []string
}

// A loadCauseView is a cause of differences that were found under load. Its cases
// are pairs of answers.
type loadCauseView struct{ Where, Edit, Kind, Pairs, Blocks, Rule string }

// A comparisonView is a row of the table of a load stage, in words.
type comparisonView struct {
	words.ComparisonRow
	Role, Need, Note string
	Verdict          verdictView
}

// A figureView is a plot with one sentence on how to read it and its figures.
type figureView struct {
	Plot  *plot
	Aid   string
	Head  []string
	Rows  [][]string
	Note  string
	Short bool // the forest plot: its table is next to the stage's name
}

// tableRows is how many rows of a series are in the table under its plot.
const tableRows = 8

// loads lays out the load stages.
func (p *pageView) loads(s *pageRun) {
	for i := range s.Result.Loads {
		l := &s.Result.Loads[i]
		reason, points := words.Points(l.Reason)
		v := loadView{
			ID: fmt.Sprintf("load-%d", i+1), Name: l.Name, Reason: reason, Points: points, Verdict: viewOf(l.Verdict), Facts: loadFacts(l),
			Warnings: l.Warnings,
		}
		for k := range l.Comparisons {
			c := &l.Comparisons[k]
			row := comparisonView{ComparisonRow: words.Row(c), Role: c.Role.String(), Note: c.Note, Verdict: comparisonVerdict(c)}
			// How long a proof takes is shown where green could still be no worse, and where the
			// time is one that can be spent.
			if c.Outcome == perf.Inconclusive && c.Role == perf.Gate && c.Change < c.Margin && c.NeedS > 0 && c.NeedS < words.Beyond*100 {
				row.Need = text.Seconds(c.NeedS)
			}
			v.Rows = append(v.Rows, row)
		}
		v.causes(l)
		v.figures(l)
		p.Loads = append(p.Loads, v)
	}
}

// causes lists what differs between the answers that were judged under load.
func (v *loadView) causes(l *run.LoadResult) {
	if l.Judging == nil {
		return
	}
	for i := range l.Judging.Causes {
		c := &l.Judging.Causes[i]
		blocks := "1"
		if c.Blocks > 1 { // no more than two are counted
			blocks = "2 or more"
		}
		v.Causes = append(v.Causes, loadCauseView{
			Where: text.Visible(words.Place(c.Where,
				c.Path)), Edit: text.Visible(source.EditBeside(&c.Cause)), Kind: source.KindWord(c.Kind),
			Pairs: text.Thousands(c.Cases), Blocks: blocks, Rule: eachLine(c.Rule),
		})
	}
}

// comparisonVerdict is how a comparison is shown: a guard can only fail, so that
// one without a proof says no more than that it was watched.
func comparisonVerdict(c *perf.Comparison) verdictView {
	if c.Role == perf.Guard && c.Outcome == perf.Inconclusive {
		return verdictView{Mark: words.Mark(run.Skip), Word: "watched", Class: "v-skip"}
	}
	return viewOf(words.OutcomeVerdict(c.Outcome))
}

// loadRate is the rate as sent, with what it counts.
func loadRate(l *run.LoadResult) string {
	if l.Users != nil {
		return l.LoopText()
	}
	rate := fmt.Sprintf("%s %s per second and side", text.Significant(l.Rate), l.Unit())
	if l.PerWalk > 0 {
		rate += fmt.Sprintf(", %s requests a walk", text.Significant(l.PerWalk))
	}
	return rate
}

// loadFacts are the figures below the title of a stage: how much was sent, for how long, and how
// well the generator kept the schedule.
func loadFacts(l *run.LoadResult) []string {
	g := &l.Generator
	out := []string{
		loadRate(l),
		text.Seconds(l.Seconds),
		fmt.Sprintf("%s (%d dropped)", text.Count(l.Blocks, "block"), l.Dropped),
		fmt.Sprintf("%s and %s requests", text.Thousands(l.Requests.Blue), text.Thousands(l.Requests.Green)),
		fmt.Sprintf("generator: %s of %s, lateness p99 %s, CPU %s", text.Percent(g.Achieved), words.PlanOf(l), text.Seconds(g.LatenessP99MS/1000),
			text.Percent(g.CPU)),
	}
	if g.Connections.Blue+g.Connections.Green > 0 {
		fact := fmt.Sprintf("%d and %d connections", g.Connections.Blue, g.Connections.Green)
		if g.ConnectMS != [2]float64{} {
			fact += fmt.Sprintf(" opened in %s and %s", text.Seconds(g.ConnectMS[0]/1000), text.Seconds(g.ConnectMS[1]/1000))
		}
		if g.TLSMS != [2]float64{} {
			fact += fmt.Sprintf(", TLS in %s and %s", text.Seconds(g.TLSMS[0]/1000), text.Seconds(g.TLSMS[1]/1000))
		}
		out = append(out, fact)
	}
	if g.Identities.Blue+g.Identities.Green > 0 {
		out = append(out, fmt.Sprintf("%d and %d back ends reached", g.Identities.Blue, g.Identities.Green))
	}
	for i := range generators(l) {
		out = append(out, words.LoadWorker(&l.Fleet.Workers[i]))
	}
	if l.Fleet != nil && len(l.Fleet.Voids) > 0 {
		out = append(out, words.LoadVoids(l.Fleet))
	}
	return out
}

// generators are the machines that fired a stage, where several did.
func generators(l *run.LoadResult) []run.LoadWorker {
	if l.Fleet == nil {
		return nil
	}
	return l.Fleet.Workers
}

// figures adds the plots of a stage that have something to show.
func (v *loadView) figures(l *run.LoadResult) {
	add := func(f figureView) {
		if f.Plot != nil {
			v.Figures = append(v.Figures, f)
		}
	}
	add(figureView{
		Plot: forestPlot(v.ID+"-ratio", l), Short: true,
		Aid: "A stage passes when every line ends to the left of its upright tick, the margin. It fails when a line begins beyond half the " +
			"margin and its point is past it.",
	})
	if l.Series == nil {
		return
	}
	f := figureView{
		Plot: percentilePlot(v.ID+"-percentiles", l), Head: []string{"percentile", "blue", "green", "change"},
		Aid: fmt.Sprintf("Higher is slower. The curve ends where fewer than %d requests are left.", leastBeyond),
	}
	for _, q := range []float64{0.5, 0.75, 0.9, 0.95, 0.99, 0.999} {
		if at := nearest(l.Series.Percentiles, q); at >= 0 {
			pt := l.Series.Percentiles[at]
			f.Rows = append(f.Rows, []string{
				percentileName(q), text.Seconds(pt.Blue), text.Seconds(pt.Green),
				words.Signed(pt.Green/pt.Blue - 1),
			})
		}
	}
	add(f)
	add(timeFigure(v.ID, l.Series))
	add(rateFigure(v.ID, l.Series))
}

// timeFigure is latency over time, with the same figures as a table for readers who cannot see the
// plot.
func timeFigure(id string, s *run.Series) figureView {
	f := figureView{
		Plot: timePlot(id+"-time", s), Head: []string{"second", "blue p50", "green p50", "blue p99", "green p99", "errors"},
		Aid: "Both sides were loaded at the same moments: what raises both is the surroundings, what raises one is that side.",
	}
	f.Note = sampled(s, func(b *run.Bucket) {
		f.Rows = append(f.Rows, []string{
			fmt.Sprintf("%g", b.Start), text.Seconds(b.BlueP50), text.Seconds(b.GreenP50),
			text.Seconds(b.BlueP99), text.Seconds(b.GreenP99), fmt.Sprintf("%d / %d", b.BlueErrors, b.GreenErrors),
		})
	})
	return f
}

// rateFigure is what was sent over time against what was planned; of a closed loop, what both
// sides got done.
func rateFigure(id string, s *run.Series) figureView {
	f := figureView{
		Plot: ratePlot(id+"-rate", s), Head: []string{"second", "offered", "achieved"},
		Aid: "Where the lines coincide, the load was what the plan asked for.",
	}
	if closedLoop(s) {
		f.Head, f.Aid = []string{"second", "blue", "green"}, "Where the lines coincide, the users of both sides got as much done."
		f.Note = sampled(s, func(b *run.Bucket) {
			f.Rows = append(f.Rows, []string{fmt.Sprintf("%g", b.Start), text.Significant(b.BlueRate) + "/s", text.Significant(b.GreenRate) + "/s"})
		})
		return f
	}
	f.Note = sampled(s, func(b *run.Bucket) {
		f.Rows = append(f.Rows, []string{
			fmt.Sprintf("%g", b.Start), text.Significant(b.Offered) + "/s",
			text.Significant(b.Achieved) + "/s",
		})
	})
	return f
}

// sampled hands over at most tableRows buckets, evenly spaced, and says so.
func sampled(s *run.Series, row func(*run.Bucket)) string {
	// The table is for readers who cannot see the plot; a row for each of hundreds of slices would
	// not help them.
	step := (len(s.Buckets) + tableRows - 1) / tableRows
	for i := 0; i < len(s.Buckets); i += max(step, 1) {
		row(&s.Buckets[i])
	}
	if step > 1 {
		return fmt.Sprintf("One slice in %d of %d; the run folder has every request.", step, len(s.Buckets))
	}
	return ""
}
