package runner

import (
	"slices"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/judge"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// Tampered is an answer that a proxy broke on purpose.
type Tampered struct {
	What string         // was done to it, for people
	True *wire.Exchange // as the service gave it
}

// planted describes the faults in the answers of a step.
func planted(rules *judge.StepRules, shots ...*shot) []run.PlantedFault {
	var out []run.PlantedFault
	for _, s := range shots {
		if s == nil || s.tampered == nil || s.answer == nil {
			continue
		}
		f := run.PlantedFault{What: s.tampered.What}
		is, was := s.answer.Message(), judge.NewAnswer(s.tampered.True).Message()
		if bare := diff.CompareMessages(was, is, nil, nil); bare.Equal() {
			f.Invisible = true
		} else if under := diff.CompareMessages(was, is, rules.Apart(judge.Lag(s.x, s.x)).Full, nil); under.Equal() {
			for _, r := range under.Rules {
				if r.Hits > 0 {
					f.Rules = append(f.Rules, r.Origin)
				}
			}
			if len(f.Rules) == 0 {
				f.Rules = []string{"a rule or mode that leaves it out"}
			}
		}
		out = append(out, f)
	}
	return out
}

// truth is the answer as the service gave it.
func (s *shot) truth() *wire.Exchange {
	if s.tampered != nil {
		return s.tampered.True
	}
	return s.x
}

// captureTruth keeps what a capture would have found in the true answer, where the
// broken one has something else: what was created can then be taken back.
func (w *walk) captureTruth(c *scenarios.Capture, l *lane, s *shot) {
	delete(l.truth, c.Name)
	if s == nil || s.tampered == nil {
		return
	}
	v, err := judge.Capture(c, judge.NewAnswer(s.tampered.True))
	if err != nil || judge.SameValue(v, l.captures[c.Name]) {
		return
	}
	if l.truth == nil {
		l.truth = map[string]scenarios.Value{}
	}
	l.truth[c.Name] = v
	if slices.Contains(w.suite.suite.Secrets, c.Name) && v.Text != "" {
		w.suite.run.secret(c.Name, v.Text)
	}
}
