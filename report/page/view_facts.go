package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
)

// mostRules is how many rules the page shows at first, those with the most hits
// first; one click shows the rest.
const mostRules = 12

// facts are what a reader needs to know of how the run was made.
func (p *pageView) facts(s *pageRun) {
	h, e, a := s.Head, &s.End, s.Audit()
	add := func(name, value string) {
		if value != "" {
			p.Facts = append(p.Facts, fact{Name: name, Value: value})
		}
	}
	add("tool", p.Tool)
	add("run", h.ID)
	add("started", h.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	add("took", text.Seconds(e.ElapsedMS/1000))
	add("judged again from", h.Parent)
	add("seed", fmt.Sprint(h.Seed))
	add("requests", fmt.Sprintf("%s to blue, %s to green", text.Thousands(e.Counts.Requests.Blue), text.Thousands(e.Counts.Requests.Green)))
	if c := e.Coverage; c.Mutants > 0 {
		add("coverage", fmt.Sprintf("%s of %s changed copies found (%s)", text.Thousands(c.Killed), text.Thousands(c.Mutants),
			text.Percent(float64(c.Killed)/float64(c.Mutants))))
		add("values in blue's bodies", fmt.Sprintf("%s: %s compared by value, %s by presence and type", text.Thousands(c.Leaves),
			text.Thousands(c.Compared), text.Thousands(c.Ignored)))
	}
	add("numbers", cmp.Or(s.TypedNumbers(), "compared by value: 1, 1.0 and 1e0 are equal"))
	for _, side := range []sideView{sideOf("blue", e.Sides.Blue), sideOf("green", e.Sides.Green)} {
		var text strings.Builder
		text.WriteString(side.URL)
		for _, id := range sortedFacts(side.identity) {
			text.WriteString(", " + id.Name + " " + id.Value)
		}
		if side.Protocol != "" {
			text.WriteString(", " + side.Protocol)
		}
		add(side.Name, text.String())
	}
	add("scenarios", strings.TrimSpace(a.ScenariosCommit+map[bool]string{true: " with changes"}[a.Dirty]))
	add("run by", a.Actor)
	add("CI", a.CI)
	add("ticket", a.Ticket)
	add("flags", strings.Join(h.Flags, " "))
	add("machine", strings.TrimSpace(fmt.Sprintf("%s %s/%s %d CPUs %s", h.Env.Hostname, h.Env.OS, h.Env.Arch, h.Env.CPUs, h.Env.Go)))
	for i := range p.Facts {
		p.Facts[i].Value = text.Visible(p.Facts[i].Value)
	}
	// Rules that hid most come first: a reader who trusts a pass looks at what it rests on.
	rules := slices.Clone(e.Rules)
	slices.SortStableFunc(rules, func(a, b run.RuleVisits) int { return b.Hits - a.Hits })
	for _, r := range rules {
		v := ruleView{
			At: text.Visible(r.At), Rule: text.Visible(r.Rule), Why: text.Visible(r.Why), Until: r.Until,
			Visits: text.Thousands(r.Visits), Hits: text.Thousands(r.Hits),
		}
		if r.Visits == 0 {
			v.Note = "matched nothing"
			p.IdleRules++
		}
		p.Rules = append(p.Rules, v)
	}
	if n := len(p.Rules); n > mostRules {
		p.Rules, p.MoreRules = p.Rules[:mostRules:mostRules], p.Rules[mostRules:]
	}
	p.Reproduce = s.Commands()
}
