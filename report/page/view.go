package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/report/words"
	"github.com/bgverify/bgverify/runner/run"
)

// pageView is what page.tmpl renders. It holds texts only: html/template escapes
// every one of them.
type pageView struct {
	Title, Word, Mark, Answer, Class string
	Reasons, MoreReasons             []string
	ReasonsLeft                      int
	Without                          string
	Doubts                           []string // about what the run proves
	Sides                            []sideView
	Meta                             []string
	Services                         *servicesView
	GatesOpen, GatesPassed           []gateView
	Gates, GatesFailed               int
	Spreads                          []spreadView
	CausesTitle                      string
	Clusters                         *clustersView
	Loads                            []loadView
	Cases                            []caseLine
	CasesTitle                       string
	LinesLead                        string // above Cases
	LeftOut                          []string
	Rules, MoreRules                 []ruleView
	IdleRules                        int // that matched nothing
	Facts                            []fact
	Reproduce                        []string
	Warnings                         []string
	Tool                             string
	Known                            bool
}

// A sideView is blue or green as the banner names it.
type sideView struct {
	Name, URL, Protocol string
	Identity            []fact
	Insecure            bool
	identity            map[string]string // under its full names
}

// A fact is a name with its value; Mono marks what a reader may copy.
type fact struct {
	Name, Value string
	Mono        bool
}

// A verdictView is a verdict as its sign, its word and its class in the style.
type verdictView struct{ Mark, Word, Class string }

// A gateView is a row of the gates.
type gateView struct {
	Name, Measured, Limit string
	Load                  string // id of the stage it is about
	Verdict               verdictView
	Failed                bool
}

// A spreadView is one line of the causes; it opens to the causes themselves.
type spreadView struct {
	IDs, Query, Kind, Where, Edit, Places, Cases, Share, Known string
	Causes                                                     []causeView
}

// A causeView is one cause in the line of its spread.
type causeView struct {
	ID                               int
	Where, Cases, Share, Rule, Known string
	Scope                            string // where the rule belongs
	NoRule                           string // why there is none
	Examples                         []string
}

// A ruleView is a row of the rules: where it is written, what it says, and what it hid.
type ruleView struct{ At, Rule, Why, Until, Visits, Hits, Note string }

// A servicesView is the list of services, only there for runs of more than one.
type servicesView struct {
	Title string
	Waves []string
	Open  []serviceView // not ready, gravest first
	Ready []ownerView   // by owner, in the order of the plan
	Dense bool          // one line each
	// ReadyCount is the number of services that are ready.
	ReadyCount int
}

// An ownerView is who owns services that are ready, with their names.
type ownerView struct {
	Owner    string
	Services []string
}

// A serviceView is a service that is not ready.
type serviceView struct {
	Name, Owner, Wave, Cases, Cause string
	Verdict                         verdictView
	verdict                         run.Verdict
}

// viewOf is a verdict as the page shows it.
func viewOf(v run.Verdict) verdictView {
	return verdictView{words.Mark(v), v.String(), "v-" + classOf(v)}
}

// classOf groups verdicts by how they are shown.
func classOf(v run.Verdict) string {
	switch v {
	case run.Pass, run.Fail, run.Skip:
		return v.String()
	default:
		return "doubt"
	}
}

// sentence begins with an upper-case letter.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if first == utf8.RuneError { // empty, or not UTF-8
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

// mostReasons is how many reasons of the verdict the page holds; run.json has all.
const mostReasons = 60

// head fills what is above the first plot.
func (p *pageView) head(s *pageRun) {
	e, h := &s.End, s.Head
	p.Word, p.Mark, p.Answer, p.Class = sentence(e.Verdict.String()), words.Mark(e.Verdict), sentence(words.Answer(e.Verdict))+".",
		"v-"+classOf(e.Verdict)
	p.Title = fmt.Sprintf("%s: %s · bgverify", strings.ToUpper(e.Verdict.String()), suiteNames(h.Suites))
	p.Reasons = e.Reasons[:min(3, len(e.Reasons))]
	p.MoreReasons = e.Reasons[len(p.Reasons):min(len(e.Reasons), mostReasons)]
	p.ReasonsLeft = len(e.Reasons) - len(p.Reasons) - len(p.MoreReasons)
	p.Without = s.Without()
	p.Doubts = s.Doubts()
	p.Sides = []sideView{sideOf("blue", e.Sides.Blue), sideOf("green", e.Sides.Green)}
	c := e.Counts
	p.Meta = append(p.Meta, text.Count(c.Cases, "case"))
	for _, part := range []struct {
		n    int
		word string
	}{{c.Fail, "failed"}, {c.Broken, "broken"}, {c.Inconclusive, "inconclusive"}, {c.Skip, "skipped"}, {c.Flaky, "flaky"}} {
		if part.n > 0 {
			p.Meta = append(p.Meta, text.Thousands(part.n)+" "+part.word)
		}
	}
	p.Meta = append(p.Meta, h.Started.UTC().Format("2 Jan 2006 15:04 UTC"), "took "+text.Seconds(e.ElapsedMS/1000), "run "+h.ID)
	p.gates(s)
	p.Tool = strings.TrimSpace(h.Tool.Name + " " + h.Tool.Version)
	p.Warnings = e.Warnings
}

// gates fills the rows that keep a pass from being given and, apart from them,
// those that passed: next to a failure they are one line.
func (p *pageView) gates(s *pageRun) {
	for _, g := range source.GateRows(s.Run) {
		v := gateView{Name: g.Name, Measured: g.Measured, Limit: g.Limit, Verdict: viewOf(g.Verdict), Failed: g.Verdict > run.Pass}
		for i := range s.Result.Loads {
			if g.Load != "" && s.Result.Loads[i].Name == g.Load {
				v.Load = fmt.Sprintf("load-%d", i+1)
				break
			}
		}
		if v.Failed {
			p.GatesOpen = append(p.GatesOpen, v)
		} else {
			p.GatesPassed = append(p.GatesPassed, v)
		}
	}
	for _, g := range s.End.Gates {
		p.Gates++
		if g.Verdict > run.Pass {
			p.GatesFailed++
		}
	}
}

// suiteNames names the run in the title.
func suiteNames(suites []run.SuiteHead) string {
	switch len(suites) {
	case 0:
		return "no suite"
	case 1:
		return suites[0].Name
	default:
		return fmt.Sprintf("%s and %d more", suites[0].Name, len(suites)-1)
	}
}

// sideOf makes the view of a side; all of it is hostile text.
func sideOf(name string, s run.SideHead) sideView {
	return sideView{
		Name: name, URL: text.Visible(s.URL), Protocol: text.Visible(s.Protocol), Insecure: s.Insecure,
		Identity: shortNames(sortedFacts(s.Identity)), identity: s.Identity,
	}
}

// shortNames leaves of each name what tells it from the others: the end of a
// probe such as /version $.commit says enough where no other ends alike.
func shortNames(facts []fact) []fact {
	seen := map[string]int{}
	short := func(name string) string {
		if i := strings.LastIndexAny(name, ". "); i >= 0 && i < len(name)-1 {
			return name[i+1:]
		}
		return name
	}
	for _, f := range facts {
		seen[short(f.Name)]++
	}
	for i := range facts {
		if s := short(facts[i].Name); seen[s] == 1 {
			facts[i].Name = s
		}
	}
	return facts
}

// sortedFacts are the entries of a map, by name.
func sortedFacts(m map[string]string) []fact {
	out := make([]fact, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, fact{Name: name, Value: m[name]})
	}
	return out
}

// causes fills the spreads, each with its causes.
func (p *pageView) causes(s *pageRun, sp *source.Spreads) {
	all := s.End.Causes
	p.Known = s.opts.Known != nil
	total := 0
	for i := range sp.List {
		spread := &sp.List[i]
		first := &spread.Causes[0]
		total += spread.Count()
		v := spreadView{
			IDs: source.SpreadIDs(spread, ", "), Query: source.SpreadIDs(spread,
				","), Kind: source.KindWord(first.Kind), Where: source.SpreadPlace(spread), Edit: source.EditBeside(first),
			Places: source.SpreadCount(spread),
			Cases:  sp.Seen(i), Share: s.share(sp.Cases[i]),
		}
		news := 0
		for k := range spread.Causes {
			c := s.causeView(&spread.Causes[k])
			if c.Known == knownNew {
				news++
			}
			v.Causes = append(v.Causes, c)
		}
		v.Known = knownOf(v.Causes, news)
		p.Spreads = append(p.Spreads, v)
	}
	if len(all) > 0 {
		p.CausesTitle = fmt.Sprintf("%s of %s", text.Count(len(all), "cause"), text.Count(total, "difference"))
	}
}

// knownNew is what a cause says that no earlier run had.
const knownNew = "new"

// knownOf is what a spread's causes say of themselves together.
func knownOf(causes []causeView, news int) string {
	switch {
	case len(causes) == 1:
		return causes[0].Known
	case news == len(causes):
		return knownNew
	case news > 0:
		return fmt.Sprintf("%d new", news)
	default:
		return causes[0].Known
	}
}

// causeView makes the view of a cause, with the rule that would silence it.
func (s *pageRun) causeView(c *cause.Cause) causeView {
	v := causeView{
		ID: source.Number(c.ID), Where: words.Place(c.Where, c.Path), Cases: c.Seen(), Share: s.share(c.Cases),
		Examples: c.Examples, Rule: eachLine(c.Rule), Scope: text.Visible(c.Scope), NoRule: text.Visible(c.NoRule),
	}
	if s.opts.Known != nil {
		v.Known = knownNew
		if since, known := s.opts.Known(*c); known {
			v.Known = "known since " + since
		}
	}
	return v
}

// eachLine is visible of each line.
func eachLine(s string) string {
	return strings.Join(each(strings.Split(strings.TrimRight(s, "\n"), "\n"), text.Visible), "\n")
}

// share is a count of cases as a share of all of them.
func (s *pageRun) share(cases int) string {
	all := s.End.Counts.Cases
	if all == 0 || cases == 0 || cases > all {
		return ""
	}
	f := 100 * float64(cases) / float64(all)
	switch {
	case cases == all:
		return "100 %"
	case f >= 99.5: // never rounded up to all
		return "99 %"
	case f >= 9.95:
		return fmt.Sprintf("%.0f %%", f)
	case f >= 0.05:
		return fmt.Sprintf("%.1f %%", f)
	default:
		return "< 0.1 %"
	}
}
