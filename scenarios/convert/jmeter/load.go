package jmeter

import (
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

// load reads how a group is loaded, and writes a stage where the plan says a rate.
// Threads are listed with their numbers.
func (p *plan) load(g *node, c *model.Case) {
	switch {
	case c == nil:
		return
	case p.pacing != nil:
		p.rateStage(g, c)
	case g.class == "ThreadGroup":
		p.threadStage(g, c)
	case g.class == "ArrivalsThreadGroup" || g.class == "FreeFormArrivalsThreadGroup":
		p.arrivals(g, c)
	default:
		p.otherGroup(g, c)
	}
}

// rateStage writes a load stage with a rate of requests.
func (p *plan) rateStage(g *node, c *model.Case) {
	l := &model.Load{Name: naming.Plain(naming.OneLine(p.groupTitle(g), 80)), Steps: []model.LoadStep{{Case: c.ID}}}
	steps := float64(max(1, len(c.Steps)))
	if p.pacing.perSecond > 0 {
		l.Rate = rateText(p.pacing.perSecond / steps)
	}
	for _, r := range p.pacing.rates {
		l.Rates = append(l.Rates, rateText(r/steps))
	}
	if d := p.duration(g); d > 0 {
		l.Duration = seconds(d)
	} else if p.pacing.duration > 0 {
		l.Duration = seconds(p.pacing.duration)
	}
	p.stage(g, c, l)
}

// duration is how many seconds a scheduled group runs; 0: until its loops end.
func (p *plan) duration(g *node) int {
	if !g.flag("ThreadGroup.scheduler") {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(p.names.constantOr(g.trimmed("ThreadGroup.duration"))))
	return n
}

// threadStage is a closed loop of users.
func (p *plan) threadStage(g *node, c *model.Case) {
	text, ok := p.names.constant(g.trimmed("ThreadGroup.num_threads"))
	count, err := strconv.Atoi(strings.TrimSpace(text))
	ramp, _ := strconv.Atoi(strings.TrimSpace(p.names.constantOr(g.trimmed("ThreadGroup.ramp_time"))))
	switch {
	case !ok || err != nil:
		p.Lose(nil, model.Lost{Kind: model.Settings, Place: g.label(), Text: "threads " + g.trimmed("ThreadGroup.num_threads"), Why: "the number of threads is not known before the run"})
		return
	case count <= 1:
		p.Report.Mapped(model.Settings, 1)
		return // one thread is no load
	}
	u := &model.Users{Count: count}
	if ramp > 0 {
		u.Ramp = seconds(ramp)
	}
	if d := p.duration(g); d > 0 {
		u.Duration = seconds(d)
	}
	p.stage(g, c, &model.Load{Name: naming.Plain(naming.OneLine(p.groupTitle(g), 80)), Steps: []model.LoadStep{{Case: c.ID}}, Users: u})
}

// arrivals are groups that start iterations at a rate.
func (p *plan) arrivals(g *node, c *model.Case) {
	target, err := strconv.ParseFloat(strings.TrimSpace(p.names.constantOr(g.trimmed("TargetLevel"))), 64)
	if err != nil || target <= 0 {
		p.Lose(nil, model.Lost{Kind: model.Settings, Place: g.label(), Why: "its rate is not known before the run"})
		return
	}
	unit := 1
	if g.trimmed("Unit") == "M" {
		unit = 60
	}
	hold, _ := strconv.Atoi(strings.TrimSpace(p.names.constantOr(g.trimmed("Hold"))))
	l := &model.Load{Name: naming.Plain(naming.OneLine(p.groupTitle(g), 80)), Steps: []model.LoadStep{{Case: c.ID}}, Rate: rateText(target / float64(unit))}
	if hold > 0 {
		l.Duration = seconds(hold * unit)
	}
	p.stage(g, c, l)
}

// otherGroup lists the threads of groups of plugins.
func (p *plan) otherGroup(g *node, c *model.Case) {
	count := 0
	for _, row := range list(g.props, "ultimatethreadgroupdata") {
		if len(row.kids) > 0 {
			n, _ := strconv.Atoi(strings.TrimSpace(p.names.constantOr(row.kids[0].text)))
			count += n
		}
	}
	if count == 0 {
		for _, name := range []string{"TargetLevel", "ThreadGroup.num_threads"} {
			if n, _ := strconv.Atoi(strings.TrimSpace(p.names.constantOr(g.trimmed(name)))); count == 0 {
				count = n
			}
		}
	}
	if count <= 1 {
		p.Lose(nil, model.Lost{Kind: model.Settings, Place: g.label(), Why: "its load is not known before the run"})
		return
	}
	p.stage(g, c, &model.Load{Name: naming.Plain(naming.OneLine(p.groupTitle(g), 80)), Steps: []model.LoadStep{{Case: c.ID}}, Users: &model.Users{Count: count}})
}

// stage writes a stage where the language can hold it, and lists its numbers where
// it cannot.
func (p *plan) stage(g *node, c *model.Case, l *model.Load) {
	why := ""
	switch {
	case l.Users != nil:
		why = "a stage of users is not written yet"
	case len(c.Steps) != 1:
		why = "a load stage takes cases of one request"
	case c.Steps[0].Effects == model.Unreviewed:
		why = "the request is unreviewed: say first what it leaves behind"
	}
	if why != "" {
		p.Lose(nil, model.Lost{Kind: model.Settings, Place: g.label(), Text: loadText(l), Why: why})
		return
	}
	p.Report.Mapped(model.Settings, 1)
	p.Suite.Load = append(p.Suite.Load, l)
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
		add("duration", u.Duration)
	}
	add("rate", l.Rate)
	add("rates", strings.Join(l.Rates, ", "))
	add("duration", l.Duration)
	return strings.Join(parts, ", ")
}
