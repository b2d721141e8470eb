package calibrate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
)

// measures say which cases of a calibration could be compared, and which requests
// a service accepts only once. Without them a case that broke in every round would look as
// stable as one that never differed. Ids are those of cases without the number of a repeated
// setup; steps are case/step.
type measures struct {
	compared map[string]bool   // cases of which a step was compared
	why      map[string]string // cases that were broken in every round, and why
	status   map[string]int    // steps to the first status that accepted them
	once     map[string]int    // of those, the status that refused them later
}

// add takes a case of a round, setup and teardown included.
func (m *measures) add(c *run.CaseResult) {
	if m.compared == nil {
		*m = measures{map[string]bool{}, map[string]string{}, map[string]int{}, map[string]int{}}
	}
	// A setup that was walked again is the same part of the suite.
	id := unrepeated(c.ID)
	for i := range c.Steps {
		step := &c.Steps[i]
		m.compared[id] = m.compared[id] || step.Compared
		for _, side := range []*run.SideResult{step.Blue, step.Green} {
			if side != nil && side.Err == nil {
				m.answered(id+"/"+step.Name, side, step.Verdict)
			}
		}
	}
	// One round that could compare the case is enough, whatever broke in others.
	switch {
	case m.compared[id]:
		delete(m.why, id)
	case c.Verdict == run.Broken && m.why[id] == "":
		m.why[id] = "it could not be run"
		if len(c.Reasons) > 0 {
			m.why[id] = c.Reasons[0]
		}
	}
}

// unrepeated is the id of a case, or of a setup that was walked more than once.
func unrepeated(id string) string {
	id, _, _ = strings.Cut(id, "~")
	return id
}

// answered books the status of a request that leaves something behind: a side that
// has accepted it may refuse the next one that is the same. Where the step passes all
// the same, the suite expects so.
func (m *measures) answered(step string, side *run.SideResult, verdict run.Verdict) {
	if side.Method == "GET" || side.Method == "HEAD" || side.Method == "OPTIONS" {
		return
	}
	// The first success is the reference; only a refusal after it shows that the request
	// cannot be repeated.
	switch first := m.status[step]; {
	case side.Status < 400 && first == 0:
		m.status[step] = side.Status
	// The first refusal is kept: later ones may follow from it.
	case verdict != run.Pass && refusesRepeats(side.Status) && m.once[step] == 0:
		m.once[step] = side.Status
	}
}

// refusesRepeats reports whether a status may mean that something is there already.
func refusesRepeats(status int) bool {
	return status == 400 || status == 409 || status == 412 || status == 422
}

// merge adds what the other side showed.
func (m *measures) merge(o *measures) {
	if m.compared == nil {
		*m = *o
		return
	}
	// A case that one side could compare is measured, whatever it was on the other.
	for id, yes := range o.compared {
		m.compared[id] = m.compared[id] || yes
	}
	// Reasons and refusals of either side are kept; of both sides the second replaces the first.
	maps.Copy(m.why, o.why)
	maps.Copy(m.status, o.status)
	maps.Copy(m.once, o.once)
	for id := range m.why {
		if m.compared[id] {
			delete(m.why, id)
		}
	}
}

// newEachTime is what makes a request repeatable.
const newEachTime = "give it a value that is new for each request, such as {{$uuid.side}}, " +
	"or take back what it creates (side_effects: compensated)"

// onceLines name the requests that were accepted and later refused.
func (o *observations) onceLines() []string {
	var out []string
	for _, step := range slices.Sorted(maps.Keys(o.measures.once)) {
		if first := o.measures.status[step]; first != 0 {
			out = append(out, fmt.Sprintf("%s: answered %d and then %d; %s", text.Visible(step), first, o.measures.once[step], newEachTime))
		}
	}
	return out
}

// onceText is onceLines as the end of an error message.
func (o *observations) onceText() string {
	if lines := o.onceLines(); len(lines) > 0 {
		return "; accepted only once: " + strings.Join(lines, "; ")
	}
	return ""
}

// unmeasured names the cases of which nothing could be compared in any round.
func (o *observations) unmeasured() []string {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(o.measures.why)) {
		out = append(out, text.Visible(id)+": "+text.Visible(o.measures.why[id]))
	}
	return out
}

// refused says what to do where a place's two statuses are those of a request that
// is accepted only once.
func (g *unstable) refused() string {
	for i := range g.values {
		v := &g.values[i]
		// The two answers came from one side, in either order.
		a, err1 := strconv.Atoi(v.pair[0].JSON)
		b, err2 := strconv.Atoi(v.pair[1].JSON)
		if err1 == nil && err2 == nil && min(a, b) < 400 && refusesRepeats(max(a, b)) {
			return fmt.Sprintf(", %d and %d: see what is accepted only once", min(a, b), max(a, b))
		}
	}
	return ""
}
