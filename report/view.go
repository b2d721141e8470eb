package report

import (
	"fmt"
	"sort"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner"
)

// pageView is what page.tmpl renders. It holds texts only: html/template escapes
// every one of them.
type pageView struct {
	Title, Word, Mark, Answer, Class string
	Reasons                          []string
	MoreReasons                      int
	Without                          string
	Sides                            []sideView
	Meta                             []string
	Services                         *servicesView
	Gates                            []gateView
	GatesFailed                      int
	Causes                           []causeView
	CausesTitle                      string
	Loads                            []loadView
	Cases                            []caseView
	CasesTitle                       string
	StaticMore                       string
	LeftOut                          []string
	Rules                            []ruleView
	Facts                            []fact
	Reproduce                        []string
	Warnings                         []string
	Tool                             string
	Known                            bool
}

type sideView struct {
	Name, URL, Protocol string
	Identity            []fact
	Insecure            bool
}

// A fact is a name with its value; Mono marks what a reader may copy.
type fact struct {
	Name, Value string
	Mono        bool
}

type verdictView struct{ Mark, Word, Class string }

type gateView struct {
	Name, Measured, Limit, Reason string
	Load                          string // id of the stage it is about
	Verdict                       verdictView
	Failed                        bool
}

type causeView struct {
	ID                                        int
	Kind, Where, Edit, Cases, Share, Severity string
	Examples                                  []string
	Rule                                      string
	Known                                     string
}

type ruleView struct{ At, Rule, Why, Until, Visits, Hits, Note string }

type servicesView struct {
	Title string
	Waves []string
	Open  []serviceView // not ready, gravest first
	Ready []serviceView
}

type serviceView struct {
	Name, Owner, Wave, Cases, Cause string
	Verdict                         verdictView
	order                           int
	verdict                         runner.Verdict
}

func viewOf(v runner.Verdict) verdictView {
	return verdictView{mark(v), v.String(), "v-" + classOf(v)}
}

// classOf groups verdicts by how they are shown.
func classOf(v runner.Verdict) string {
	switch v {
	case runner.Pass, runner.Fail, runner.Skip:
		return v.String()
	default:
		return "doubt"
	}
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// head fills what stands above the first plot.
func (p *pageView) head(s *source) {
	e, h := &s.end, s.head
	p.Word, p.Mark, p.Answer, p.Class = sentence(e.Verdict.String()), mark(e.Verdict), sentence(answer(e.Verdict))+".", "v-"+classOf(e.Verdict)
	p.Title = fmt.Sprintf("%s: %s · bgverify", strings.ToUpper(e.Verdict.String()), suiteNames(h.Suites))
	p.Reasons = e.Reasons[:min(3, len(e.Reasons))]
	p.MoreReasons = len(e.Reasons) - len(p.Reasons)
	p.Without = strings.Join(s.audit().VerifiedWithout, " and ")
	p.Sides = []sideView{sideOf("blue", e.Sides.Blue), sideOf("green", e.Sides.Green)}
	c := e.Counts
	p.Meta = append(p.Meta, plural(c.Cases, "case", "cases"))
	for _, part := range []struct {
		n    int
		word string
	}{{c.Fail, "failed"}, {c.Broken, "broken"}, {c.Inconclusive, "inconclusive"}, {c.Skip, "skipped"}, {c.Flaky, "flaky"}} {
		if part.n > 0 {
			p.Meta = append(p.Meta, thousands(part.n)+" "+part.word)
		}
	}
	p.Meta = append(p.Meta, h.Started.UTC().Format("2 Jan 2006 15:04 UTC"), "took "+seconds(e.ElapsedMS/1000), "run "+h.ID)
	for _, g := range gravestFirst(e.Gates) {
		v := gateView{Name: g.Name, Measured: g.Measured, Limit: g.Limit, Reason: g.Reason, Verdict: viewOf(g.Verdict), Failed: g.Verdict > runner.Pass}
		for i := range s.run.Loads {
			if g.Load != "" && s.run.Loads[i].Name == g.Load {
				v.Load = fmt.Sprintf("load-%d", i+1)
				break
			}
		}
		if v.Failed {
			p.GatesFailed++
		}
		p.Gates = append(p.Gates, v)
	}
	p.causes(s)
	p.Tool = strings.TrimSpace(h.Tool.Name + " " + h.Tool.Version)
	p.Warnings = e.Warnings
}

func suiteNames(suites []runner.SuiteHead) string {
	switch len(suites) {
	case 0:
		return "no suite"
	case 1:
		return suites[0].Name
	default:
		return fmt.Sprintf("%s and %d more", suites[0].Name, len(suites)-1)
	}
}

func sideOf(name string, s runner.SideHead) sideView {
	return sideView{Name: name, URL: visible(s.URL), Protocol: visible(s.Protocol), Insecure: s.Insecure, Identity: sortedFacts(s.Identity)}
}

func sortedFacts(m map[string]string) []fact {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	out := make([]fact, len(names))
	for i, name := range names {
		out[i] = fact{Name: name, Value: m[name]}
	}
	return out
}

func (p *pageView) causes(s *source) {
	all := s.end.Causes
	p.Known = s.opts.Known != nil
	total := 0
	for i := range all {
		c := &all[i]
		total += c.Count
		v := causeView{
			ID: c.ID, Kind: kindWord(c.Kind), Where: place(c.Where, c.Path), Edit: editBeside(c), Cases: thousands(c.Cases), Severity: c.Severity.String(),
			Examples: c.Examples, Rule: strings.TrimRight(c.Rule, "\n"),
		}
		if s.end.Counts.Cases > 0 {
			v.Share = percent(float64(c.Cases) / float64(s.end.Counts.Cases))
		}
		if p.Known {
			v.Known = "new"
			if since, known := s.opts.Known(*c); known {
				v.Known = "known since " + since
			}
		}
		p.Causes = append(p.Causes, v)
	}
	if len(all) > 0 {
		p.CausesTitle = fmt.Sprintf("%s behind %s", plural(len(all), "cause", "causes"), plural(total, "difference", "differences"))
	}
}

// kindWord is a kind as a heading reads it.
func kindWord(k diff.Kind) string {
	switch k {
	case diff.TypeChanged:
		return "type changed"
	case diff.Added:
		return "only green"
	case diff.Removed:
		return "only blue"
	default:
		return k.String()
	}
}

// services groups suites by the service they speak for.
func (p *pageView) services(s *source, causes []map[int]int) {
	heads := s.head.Suites
	byName := map[string]*serviceTotal{}
	var order []string
	for i, h := range heads {
		name := h.Service
		if name == "" {
			name = h.Name
		}
		t := byName[name]
		if t == nil {
			t = &serviceTotal{owner: h.Owner, wave: h.Wave, causes: map[int]int{}, order: len(order)}
			byName[name] = t
			order = append(order, name)
		}
		t.add(s, i, causes[i])
	}
	if len(order) < 2 {
		return
	}
	v := &servicesView{}
	waves := map[int][2]int{}
	for _, name := range order {
		t := byName[name]
		view := t.view(name, s)
		w := waves[t.wave]
		w[1]++
		if t.verdict == runner.Pass {
			w[0]++
			v.Ready = append(v.Ready, view)
		} else {
			v.Open = append(v.Open, view)
		}
		waves[t.wave] = w
	}
	sort.SliceStable(v.Open, func(i, k int) bool { return v.Open[i].verdict > v.Open[k].verdict })
	v.Title = fmt.Sprintf("%d of %d services are ready", len(v.Ready), len(order))
	v.Waves = waveLines(waves)
	p.Services = v
}

// waveLines counts what is ready in each wave; nothing where there are no waves.
func waveLines(waves map[int][2]int) []string {
	var numbers []int
	for n := range waves {
		if n > 0 {
			numbers = append(numbers, n)
		}
	}
	sort.Ints(numbers)
	var out []string
	for _, n := range numbers {
		out = append(out, fmt.Sprintf("wave %d: %d of %d", n, waves[n][0], waves[n][1]))
	}
	return out
}

type serviceTotal struct {
	owner       string
	wave, order int
	verdict     runner.Verdict
	counts      runner.Counts
	causes      map[int]int
	reasons     []string
}

func (t *serviceTotal) add(s *source, suite int, causes map[int]int) {
	e := s.end.Suites[suite]
	t.verdict = t.verdict.Worse(e.Verdict)
	t.counts.Cases += e.Counts.Cases
	t.counts.Pass += e.Counts.Pass
	t.counts.Fail += e.Counts.Fail
	t.reasons = append(t.reasons, e.Reasons...)
	for id, n := range causes {
		t.causes[id] += n
	}
}

// view is the row of a service, with the cause that most of its cases share.
func (t *serviceTotal) view(name string, s *source) serviceView {
	v := serviceView{Name: name, Owner: t.owner, Verdict: viewOf(t.verdict), verdict: t.verdict, order: t.order, Cases: plural(t.counts.Cases, "case", "cases")}
	if t.wave > 0 {
		v.Wave = fmt.Sprint(t.wave)
	}
	if t.verdict == runner.Pass {
		return v
	}
	if t.counts.Fail > 0 {
		v.Cases = fmt.Sprintf("%s of %s failed", thousands(t.counts.Fail), thousands(t.counts.Cases))
	}
	most := 0
	for i := range s.end.Causes { // in the order of ids, so that ties do not depend on a map
		if c := &s.end.Causes[i]; t.causes[c.ID] > most {
			most = t.causes[c.ID]
			v.Cause = fmt.Sprintf("cause %d: %s %s", c.ID, place(c.Where, c.Path), edit(c))
		}
	}
	if v.Cause == "" && len(t.reasons) > 0 {
		v.Cause = t.reasons[0]
	}
	return v
}
