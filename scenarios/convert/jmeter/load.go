package jmeter

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

// The bounds of the language for a load stage.
const (
	maxUsers    = 20_000
	maxRate     = 100_000 // requests or walks per second
	maxRamp     = 3600    // seconds
	maxDuration = 86_400  // seconds
	maxThink    = 3600_000
)

// A mix is what a thread group does in an iteration: one case, or one of several by
// their weights.
type mix []model.LoadStep

// load writes how a group is loaded as a stage: at a rate where the plan says one, by
// users elsewhere. What the plan does not say is taken from the results of a past run,
// where there are some.
func (p *plan) load(g *node, cases []*model.Case, m mix) {
	switch {
	case p.pacing != nil:
		p.rateStage(g, cases, m)
	case g.class == "ArrivalsThreadGroup" || g.class == "FreeFormArrivalsThreadGroup":
		p.arrivals(g, cases, m)
	default:
		p.userStage(g, cases, m)
	}
}

// rateStage writes a load stage with a rate. JMeter counts samples; a stage that walks
// cases counts walks, which are as many samples as the case sends on average.
func (p *plan) rateStage(g *node, cases []*model.Case, m mix) {
	l := p.newStage(g, m)
	samples, weights := 0.0, 0.0
	for i, c := range cases {
		weight := float64(max(1, m[i].Weight))
		weights += weight
		for _, s := range c.Steps {
			samples += weight * float64(max(1, s.Repeat))
		}
	}
	// Weights say how often each case is walked.
	each := max(1, samples/max(1, weights))
	if p.pacing.perSecond > 0 {
		l.Rate = rateText(p.pacing.perSecond / each)
	}
	for _, r := range p.pacing.rates {
		l.Rates = append(l.Rates, rateText(r/each))
	}
	l.Duration = p.duration(g, cmp.Or(p.scheduled(g), p.pacing.duration))
	p.stage(g, cases, l)
}

func (p *plan) newStage(g *node, m mix) *model.Load {
	return &model.Load{Name: p.stages.Take(naming.Plain(naming.OneLine(p.groupTitle(g), 80))), Steps: m}
}

// whole is a property of a group as a whole number; false where it is not known.
func (p *plan) whole(g *node, name string) (int, bool) {
	f, known := p.names.number(g.text(name))
	if !known || !(f >= 0 && f <= 1e9) {
		return 0, false
	}
	return int(f), true
}

// scheduled is how many seconds a scheduled group runs; 0: until its loops end.
func (p *plan) scheduled(g *node) int {
	if !g.flag("ThreadGroup.scheduler") {
		return 0
	}
	n, _ := p.whole(g, "ThreadGroup.duration")
	return n
}

// duration writes how long a stage lasts: as the plan says, or else as long as the past
// run; empty: nothing says it.
func (p *plan) duration(g *node, planned int) string {
	n := planned
	if x := p.past.of(g.name); n <= 0 && x != nil {
		if n = x.seconds(); n > 0 {
			p.Report.Note("", "%s: the duration of %d s is that of the results", g.label(), n)
		}
	}
	if n <= 0 {
		return ""
	}
	if n > maxDuration {
		p.Report.Note("", "%s lasts %d s; here it lasts a day", g.label(), n)
	}
	return seconds(min(n, maxDuration))
}

// userStage writes the threads of a group as users of a closed loop.
func (p *plan) userStage(g *node, cases []*model.Case, m mix) {
	count, known := p.threadCount(g)
	past := p.past.of(g.name)
	// A run of the plan shows how many threads there were.
	if !known && past != nil {
		count, known = len(past.threads), true
		p.Report.Note("", "%s: the %d users are the threads of the results", g.label(), count)
	}
	switch {
	case !known:
		p.Lose(nil, model.Lost{
			Kind: model.Settings, Place: g.label(), Text: "threads " + g.trimmed("ThreadGroup.num_threads"),
			Why: "the number of threads is not known before the run",
		})
		return
	case count <= 1:
		p.Report.Mapped(model.Settings, 1)
		return // one thread is no load
	}
	u := &model.Users{Count: min(count, maxUsers), Think: p.think(g, cases)}
	if count > maxUsers {
		p.Report.Note("", "%s has %d threads; a stage has at most %d users", g.label(), count, maxUsers)
	}
	ramp, _ := p.whole(g, "ThreadGroup.ramp_time")
	if ramp = min(ramp, maxRamp); ramp > 0 {
		u.Ramp = seconds(ramp)
	}
	// The time of a JMeter group includes its ramp, that of users does not.
	planned := p.scheduled(g)
	if planned > 0 {
		planned = max(1, planned-ramp)
	}
	u.Duration = p.duration(g, planned)
	l := p.newStage(g, m)
	l.Users = u
	// Iterations are not part of a stage: it ends by time.
	loops := textOf(propOf(g.props, "ThreadGroup.main_controller"), "LoopController.loops")
	if n, _ := p.names.integer(loops); n > 0 && planned == 0 {
		p.Report.Note("", "%s ends after %d iterations of each thread; the stage ends by its duration", g.label(), n)
	}
	p.stage(g, cases, l)
}

// threadCount is how many threads a group has; groups of plugins have them in rows.
func (p *plan) threadCount(g *node) (int, bool) {
	count := 0
	for _, row := range list(g.props, "ultimatethreadgroupdata") {
		if len(row.kids) > 0 {
			n, _ := p.names.integer(row.kids[0].text)
			count += n
		}
	}
	if count > 0 {
		return count, true
	}
	if g.class != "ThreadGroup" {
		if n, known := p.whole(g, "TargetLevel"); known && n > 0 {
			return n, true
		}
	}
	return p.whole(g, "ThreadGroup.num_threads")
}

// think is how long a user waits between two walks. Timers of a case that is walked are
// pauses of its steps, so that only what they add at random is left; those of a single
// request are all of it. A plan without timers has the waits of the past run.
func (p *plan) think(g *node, cases []*model.Case) string {
	// The waits of all steps of a walk add up; what is random in them is left to the user's pause.
	low, high, steps := 0, 0, 0
	for _, c := range cases {
		for _, s := range c.Steps {
			wait := p.waits[s]
			steps += max(1, s.Repeat)
			high += wait[1] - wait[0]
			if len(cases) == 1 && isSingle(c) {
				low, high = wait[0], wait[1]
				s.Pause = ""
			}
		}
	}
	high /= max(1, len(cases))
	if past := p.past.of(g.name); past != nil && !slices.ContainsFunc(cases, func(c *model.Case) bool {
		return slices.ContainsFunc(c.Steps, func(s *model.Step) bool { return p.waits[s] != [2]int{} || s.Pause != "" })
	}) {
		each := max(1, steps/max(1, len(cases)))
		if low, high = past.waits(); high > 0 {
			low, high = low*each, high*each
			p.Report.Note("", "%s: users wait as long as the threads of the results did", g.label())
		}
	}
	low, high = min(low, maxThink), min(high, maxThink)
	switch {
	case high <= 0:
		return ""
	case low == high:
		return fmt.Sprintf("%dms", low)
	}
	return fmt.Sprintf("%dms..%dms", low, high)
}

// isSingle reports whether a case is one request that a stage does not walk.
func isSingle(c *model.Case) bool {
	return len(c.Steps) == 1 && len(c.Steps[0].Captures) == 0 && len(c.Steps[0].When) == 0 && c.Steps[0].Repeat <= 1
}

// arrivals are groups that start iterations at a rate.
func (p *plan) arrivals(g *node, cases []*model.Case, m mix) {
	target, known := p.names.number(g.text("TargetLevel"))
	if !known || target <= 0 {
		p.Lose(nil, model.Lost{Kind: model.Settings, Place: g.label(), Why: "its rate is not known before the run"})
		return
	}
	unit := 1
	if g.trimmed("Unit") == "M" {
		unit = 60
	}
	hold, _ := p.names.integer(g.text("Hold"))
	l := p.newStage(g, m)
	l.Rate, l.Duration = rateText(target/float64(unit)), p.duration(g, hold*unit)
	p.stage(g, cases, l)
}

// stage writes a stage where the language can hold it, and lists its numbers where
// it cannot.
func (p *plan) stage(g *node, cases []*model.Case, l *model.Load) {
	// A stage with such a case would be refused when it is loaded.
	why := ""
	for _, c := range cases {
		if c.Skip != "" {
			why = "its case is skipped"
		}
		for _, s := range c.Steps {
			if s.Auth != nil && s.Auth.Kind == model.Digest {
				why = "a load stage sends each request once, and Digest authentication asks twice"
			}
			if s.Effects == model.Unreviewed {
				why = "it has unreviewed requests: say what they leave behind, then add the stage with writes: true"
			}
		}
	}
	if slices.ContainsFunc(append([]string{l.Rate}, l.Rates...), tooFast) {
		why = fmt.Sprintf("a stage sends at most %d/s", maxRate)
	}
	if why != "" {
		p.Lose(nil, model.Lost{Kind: model.Settings, Place: g.label(), Text: loadText(l), Why: why})
		return
	}
	p.Report.Mapped(model.Settings, 1)
	p.Suite.Load = append(p.Suite.Load, l)
}

// tooFast reports whether a rate is above what the language takes, as of plans that
// write a rate for no limit.
func tooFast(rate string) bool {
	f, err := strconv.ParseFloat(strings.TrimSuffix(rate, "/s"), 64)
	return err == nil && f > maxRate
}

// loadText is a stage in words, for the report.
func loadText(l *model.Load) string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+" "+value)
		}
	}
	if u := l.Users; u != nil {
		add("users", strconv.Itoa(u.Count))
		add("ramp", u.Ramp)
		add("think", u.Think)
		add("duration", u.Duration)
	}
	add("rate", l.Rate)
	add("rates", strings.Join(l.Rates, ", "))
	add("duration", l.Duration)
	return strings.Join(parts, ", ")
}
