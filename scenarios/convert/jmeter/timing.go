package jmeter

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// maxPause is the longest pause of a step, in milliseconds.
const maxPause = 600_000

// timers adds the timers that count for a sampler up to its pause. What a timer
// adds at random is left out.
func (w *walker) timers(r *reach, q *web.Request) {
	total, random := w.pauses, 0
	w.pauses = 0
	for _, x := range r.of(timer) {
		// A throughput timer paces the group instead of delaying the sampler.
		low, high, known := w.p.delay(x)
		switch {
		case x.class == "ConstantThroughputTimer" || x.class == "PreciseThroughputTimer" || x.class == "VariableThroughputTimer":
			w.p.pace(x)
			continue
		case !known:
			w.lose(x, model.Settings, "its delay is not known before the run")
			continue
		}
		w.counted(x, model.Settings)
		total += low
		random += high - low
		if high > low {
			w.p.Report.Note("", "%s waits up to %d ms more at random; here it does not, but for the users of a load stage", x.label(), high-low)
		}
	}
	w.p.waits[q.Step] = [2]int{total, total + random}
	if total > 0 {
		q.Step.Pause = fmt.Sprintf("%dms", min(total, maxPause))
	}
}

// delay is what a timer waits at least and at most, in milliseconds.
func (p *plan) delay(x *node) (low, high int, known bool) {
	base, okBase := p.whole(x, "ConstantTimer.delay")
	switch x.class {
	case "ConstantTimer":
		return base, base, okBase
	case "UniformRandomTimer", "PoissonRandomTimer":
		span, ok := p.whole(x, "RandomTimer.range")
		return base, base + span, ok && okBase
	case "GaussianRandomTimer":
		deviation, ok := p.whole(x, "RandomTimer.range")
		return max(0, base-2*deviation), base + 2*deviation, ok && okBase
	}
	return 0, 0, false
}

// pauseOf is a flow control action: a pause becomes that of the next step.
func (w *walker) pauseOf(n *node) {
	if n.number("ActionProcessor.action") != 1 { // 1: pause
		w.lose(n, model.Settings, "it stops or restarts a thread")
		return
	}
	ms, known := w.p.names.integer(n.text("ActionProcessor.duration"))
	if !known {
		w.lose(n, model.Settings, "its pause is not known before the run")
		return
	}
	w.counted(n, model.Settings)
	w.pauses += max(0, ms)
}

// A pacing is what a plan says about the load of a group.
type pacing struct {
	perSecond float64
	rates     []float64
	duration  int // seconds
}

// pace reads a throughput timer.
func (p *plan) pace(x *node) {
	if p.seen[x] {
		return
	}
	p.seen[x] = true
	number := func(name string) float64 {
		f, _ := p.names.number(x.text(name))
		return f
	}
	pace := &pacing{}
	switch x.class {
	case "ConstantThroughputTimer":
		pace.perSecond = number("throughput") / 60 // samples a minute
		if x.trimmed("calcMode") == "0" {          // of this thread only
			pace.perSecond *= float64(max(1, p.threads))
		}
	case "PreciseThroughputTimer":
		period := number("throughputPeriod")
		if period <= 0 {
			period = 3600
		}
		pace.perSecond, pace.duration = number("throughput")/period, int(number("duration"))
	case "VariableThroughputTimer":
		pace.shape(p, x)
	}
	// A rate that depends on the run may be taken from an earlier one.
	unknown := pace.perSecond <= 0 && len(pace.rates) == 0
	if past := p.past.of(p.groupName); unknown && past != nil {
		pace.perSecond = past.perSecond()
		unknown = pace.perSecond <= 0
		p.Report.Note("", "%s: its rate is that of the results", x.label())
	}
	if unknown {
		p.Lose(nil, model.Lost{Kind: model.Settings, Place: x.label(), Why: "its rate is not known"})
		return
	}
	p.Report.Mapped(model.Settings, 1)
	p.pacing = pace
}

// shape reads the rows of a throughput shaping timer: from, to, seconds.
func (pace *pacing) shape(p *plan, x *node) {
	for _, row := range list(x.props, "load_profile") {
		var cells []float64
		for _, c := range row.kids {
			f, _ := p.names.number(c.text)
			cells = append(cells, f)
		}
		if len(cells) < 3 || cells[1] <= 0 {
			continue
		}
		pace.rates = append(pace.rates, cells[1])
		pace.duration = max(pace.duration, int(cells[2]))
	}
	slices.Sort(pace.rates) // the rates of a stage rise
	if pace.rates = slices.Compact(pace.rates); len(pace.rates) == 1 {
		pace.perSecond, pace.rates = pace.rates[0], nil
	}
}

func rateText(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) + "/s" }

// seconds writes seconds as the language does.
func seconds(n int) string { return strconv.Itoa(n) + "s" }
