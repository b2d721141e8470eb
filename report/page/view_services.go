package page

import (
	"fmt"
	"slices"
	"sort"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/source"
	"github.com/bgverify/bgverify/runner/run"
)

// services groups suites by the service they speak for.
func (p *pageView) services(s *pageRun, sp *source.Spreads, suites []map[int]int) {
	heads := s.Head.Suites
	byName := map[string]*serviceTotal{}
	var order []string
	// A suite without a service is a service under its name.
	for i, h := range heads {
		name := h.Service
		if name == "" {
			name = h.Name
		}
		t := byName[name]
		if t == nil {
			t = &serviceTotal{owner: h.Owner, wave: h.Wave, spreads: map[int]int{}}
			byName[name] = t
			order = append(order, name)
		}
		t.add(s, i, suites[i])
	}
	if len(order) < 2 {
		return
	}
	v := &servicesView{}
	waves := map[int][2]int{}
	for _, name := range order {
		t := byName[name]
		view := t.view(name, sp)
		w := waves[t.wave]
		w[1]++
		if t.verdict == run.Pass {
			w[0]++
			v.ready(view)
		} else {
			v.Open = append(v.Open, view)
		}
		waves[t.wave] = w
	}
	v.Dense = len(v.Open) > fewServices
	sort.SliceStable(v.Open, func(i, k int) bool { return v.Open[i].verdict > v.Open[k].verdict })
	v.Title = fmt.Sprintf("%d of %d services are ready", v.ReadyCount, len(order))
	v.Waves = waveLines(waves)
	p.Services = v
}

// fewServices are shown with two lines each.
const fewServices = 8

// ready adds a service to those of its owner.
func (v *servicesView) ready(s serviceView) {
	v.ReadyCount++
	i := slices.IndexFunc(v.Ready, func(o ownerView) bool { return o.Owner == s.Owner })
	if i < 0 {
		i = len(v.Ready)
		v.Ready = append(v.Ready, ownerView{Owner: s.Owner})
	}
	v.Ready[i].Services = append(v.Ready[i].Services, s.Name)
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

// A serviceTotal sums up the suites of a service.
type serviceTotal struct {
	owner       string
	wave, loads int
	verdict     run.Verdict
	counts      run.Counts
	spreads     map[int]int // place of a spread to the cases that have it
	reasons     []string
}

// add takes a suite into the total. found are its cases by spread.
func (t *serviceTotal) add(s *pageRun, suite int, found map[int]int) {
	e := s.End.Suites[suite]
	t.verdict = t.verdict.Worse(e.Verdict)
	t.loads += s.Head.Suites[suite].Loads
	t.counts.Cases += e.Counts.Cases
	t.counts.Pass += e.Counts.Pass
	t.counts.Fail += e.Counts.Fail
	t.counts.Broken += e.Counts.Broken
	t.counts.Inconclusive += e.Counts.Inconclusive
	t.reasons = append(t.reasons, e.Reasons...)
	for i, n := range found {
		t.spreads[i] += n
	}
}

// view is the row of a service, with what most of its failing cases share.
func (t *serviceTotal) view(name string, sp *source.Spreads) serviceView {
	v := serviceView{Name: name, Owner: t.owner, Verdict: viewOf(t.verdict), verdict: t.verdict, Cases: text.Count(t.counts.Cases, "case")}
	if t.wave > 0 {
		v.Wave = fmt.Sprint(t.wave)
	}
	if t.verdict == run.Pass {
		return v
	}
	if t.counts.Cases == 0 && t.loads > 0 {
		v.Cases = "load"
	}
	for _, part := range []struct {
		n    int
		word string
	}{{t.counts.Fail, "failed"}, {t.counts.Broken, "broken"}, {t.counts.Inconclusive, "inconclusive"}} {
		if part.n > 0 {
			v.Cases = fmt.Sprintf("%s of %s %s", text.Thousands(part.n), text.Thousands(t.counts.Cases), part.word)
			break
		}
	}
	most := 0
	// The cause that most of the failing cases share says more than the first reason does.
	for i := range sp.List { // in their order, so that ties do not depend on a map
		if t.spreads[i] > most {
			most = t.spreads[i]
			v.Cause = sp.List[i].String()
		}
	}
	if v.Cause == "" && len(t.reasons) > 0 {
		v.Cause = text.Cut(t.reasons[0], longestCause)
	}
	return v
}

// longestCause is how many characters of a reason a line of the services shows; the first
// screen and the load stage have the whole of it.
const longestCause = 160
