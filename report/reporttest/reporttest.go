// Package reporttest makes runs out of a seed, for the tests of everything that
// reads a run.Run: differences with their causes and bodies, load stages with
// their series, Korean names, and on demand hostile text in every place that an
// answer or a scenario file can reach.
package reporttest

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/runner/run"
)

// Options say what run to make. The zero value is a passing run without cases.
type Options struct {
	Seed   uint64
	Cases  int
	Differ float64 // share of cases that differ
	Suites int     // 0: 1
	// Sick is how many suites the differing cases fall into, spread over the plan;
	// 0: all of them. A quarter of a sick suite's cases differ, whatever Differ is.
	Sick  int
	Loads int  // load stages, on the first suites
	Worse bool // green is slower under load
	Vague bool // the first load stage proves nothing
	// Odd adds broken, inconclusive, skipped and flaky cases, one each in a thousand.
	Odd bool
	// Texts are put in turn into names, paths, headers and bodies.
	Texts []string
	// Wide is the length of a list in every body, of which each element differs where
	// the body does; 0: there is none.
	Wide int
	// Unfinished leaves the run without an end.
	Unfinished bool
}

// Started is when every made run started.
var Started = time.Date(2026, 11, 23, 3, 0, 29, 0, time.UTC)

// Run makes a run. The same options give the same run; its cases are made anew
// each time they are ranged over, so that a million take no memory.
func Run(o Options) *run.Run {
	if o.Suites == 0 {
		o.Suites = 1
	}
	m := &maker{Options: o}
	r := &run.Run{Header: m.header(), Cases: m.cases(), Pair: m.pair}
	for i := range o.Loads {
		r.Loads = append(r.Loads, m.load(i))
	}
	if !o.Unfinished {
		r.End = m.end(r.Loads)
	}
	return r
}

type maker struct{ Options }

// service is one of the made services. Their causes differ, so that each has a
// first cause of its own.
type service struct {
	name, korean, owner, path string
}

var services = []service{
	{"account", "가입자 계정", "team-account", "/v2/accounts/"},
	{"epg", "채널 편성표", "team-epg", "/v2/epg/channels/"},
	{"vod", "주문형 비디오 검색", "team-vod", "/v2/vod/search/"},
	{"purchase", "구매", "team-billing", "/v2/purchases/"},
	{"playback", "재생", "team-cdn", "/v2/playback/sessions/"},
}

func (m *maker) service(suite int) service {
	s := services[suite%len(services)]
	if suite >= len(services) {
		s.name += "-" + strconv.Itoa(suite/len(services)+1)
	}
	return s
}

// suiteOf says which suite case i belongs to: cases are in plan order.
func (m *maker) suiteOf(i int) int { return i * m.Suites / max(m.Cases, 1) }

func (m *maker) header() run.Header {
	h := run.Header{
		Schema: 1, ID: "2026-11-23T03-00-29Z-stb-7f3a", Tool: run.Tool{Name: "bgverify", Version: "0.1.0"},
		Started: Started, Seed: m.Seed, Sides: sides(), Flags: []string{"--tag", "smoke and not slow", "--concurrency", "8"},
		Planned: run.Planned{Cases: m.Cases, Loads: m.Loads}, Audit: audit(),
		Env: run.Environment{Go: "go1.26", OS: "linux", Arch: "amd64", CPUs: 2, Hostname: "ci-runner-1"},
	}
	counts := make([]int, m.Suites)
	for i := range m.Cases {
		counts[m.suiteOf(i)]++
	}
	for i := range m.Suites {
		s := m.service(i)
		head := run.SuiteHead{
			Name: s.name, File: "scenarios/" + s.name + ".yaml", Service: s.name, Owner: s.owner, Wave: 1 + i*4/m.Suites,
			Gate: "required", Cases: counts[i],
		}
		if i < m.Loads {
			head.Loads = 1
		}
		h.Suites = append(h.Suites, head)
	}
	return h
}

func sides() run.Sides {
	return run.Sides{
		Blue: run.SideHead{
			URL: "http://10.0.1.7:8080", Identity: map[string]string{"build": "v1.41.0", "cluster": "prod-a"},
			Protocol: "HTTP/1.1",
		},
		Green: run.SideHead{
			URL: "http://10.0.2.7:8080", Identity: map[string]string{"build": "v1.41.0", "cluster": "prod-b"},
			Protocol: "HTTP/1.1",
		},
	}
}

func audit() run.Audit {
	return run.Audit{ScenariosCommit: "3f2a9c1d8e", Actor: "jenkins", CI: "https://ci.example.com/job/bg/412", Ticket: "STB-2231"}
}

// random is the stream of one case, apart from that of every other.
func (m *maker) random(i int) *rand.Rand { return rand.New(rand.NewPCG(m.Seed, uint64(i)+1)) }

// text is the next of the texts, or the given one.
func (m *maker) text(i, place int, given string) string {
	if len(m.Texts) == 0 {
		return given
	}
	return given + m.Texts[(i*3+place)%len(m.Texts)]
}

func (m *maker) cases() iter.Seq2[*run.CaseResult, error] {
	return func(yield func(*run.CaseResult, error) bool) {
		for i := range m.Cases {
			if !yield(m.makeCase(i), nil) {
				return
			}
		}
	}
}

// end sums up what a runner would have: counts, causes, gates, verdict.
func (m *maker) end(loads []run.LoadResult) run.End {
	e := run.End{
		ElapsedMS: 252_000, Sides: sides(), Suites: make([]run.SuiteEnd, m.Suites), Audit: audit(),
		Verdict: run.Skip,
	}
	causes := cause.NewSet()
	rules := make([]run.RuleVisits, len(ruleAt))
	for i := range m.Cases {
		c := m.makeCase(i)
		s := &e.Suites[c.Suite]
		s.Counts.Add(c)
		s.Verdict = s.Verdict.Worse(c.Verdict)
		s.Coverage = s.Coverage.Add(c.Coverage)
		for j, r := range c.Rules {
			rules[j].At, rules[j].Visits, rules[j].Hits = r.At, rules[j].Visits+r.Visits, rules[j].Hits+r.Hits
		}
		for k := range c.Steps {
			causes.Add(c.ID, c.Steps[k].Differences)
		}
	}
	for i := range e.Suites {
		s := &e.Suites[i]
		if s.Counts.Fail > 0 {
			s.Reasons = []string{fmt.Sprintf("%d of %d cases differ", s.Counts.Fail, s.Counts.Cases)}
		}
		e.Counts.Merge(s.Counts)
		e.Coverage = e.Coverage.Add(s.Coverage)
		e.Verdict = e.Verdict.Worse(s.Verdict)
	}
	for _, l := range loads {
		e.Verdict = e.Verdict.Worse(l.Verdict)
		e.Suites[l.Suite].Verdict = e.Suites[l.Suite].Verdict.Worse(l.Verdict)
	}
	e.Rules, e.Causes = rules, causes.List()
	e.Gates = gates(&e, loads)
	for _, g := range e.Gates {
		if g.Verdict > run.Pass {
			e.Reasons = append(e.Reasons, g.Reason)
		}
	}
	if len(e.Reasons) == 0 {
		e.Reasons = []string{fmt.Sprintf("%d cases are equal under the rules", e.Counts.Pass)}
	}
	if len(loads) == 0 {
		e.Audit.VerifiedWithout = []string{"load"}
	}
	return e
}

func gates(e *run.End, loads []run.LoadResult) []run.GateResult {
	equal := run.GateResult{
		Name: "responses equal", Limit: "all", Verdict: run.Pass,
		Measured: fmt.Sprintf("%.2f %% (%d of %d differ, %d causes)", 100*float64(e.Counts.Cases-e.Counts.Fail)/float64(max(e.Counts.Cases, 1)),
			e.Counts.Fail, e.Counts.Cases, len(e.Causes)),
	}
	switch {
	case e.Counts.Fail > 0:
		equal.Verdict, equal.Reason = run.Fail, fmt.Sprintf("%d of %d cases differ, by %d causes", e.Counts.Fail, e.Counts.Cases, len(e.Causes))
	case e.Counts.Cases == 0:
		equal.Verdict, equal.Measured, equal.Reason = run.Broken, "nothing", "no case was judged"
	}
	out := []run.GateResult{equal, {Name: "coverage", Measured: "94.1 %", Limit: ">= 60 %", Verdict: run.Pass}}
	for _, l := range loads {
		out = append(out, loadGates(l)...)
	}
	return out
}

// indexOf reads a case's place in the plan out of an exchange key.
func indexOf(key string) (int, bool) {
	id, _, _ := strings.Cut(key, "#")
	at := strings.LastIndexByte(id, '-')
	i, err := strconv.Atoi(id[at+1:])
	return i, err == nil
}
