package apiuse

import (
	"strings"

	"github.com/bgverify/bgverify/scenarios"
)

// addStatuses marks the statuses that a step accepts (rule 4).
func (o *Operation) addStatuses(s *scenarios.Step, by, doubt string) {
	accepted := s.ExpectOf(scenarios.Green).Status
	if len(accepted) == 0 {
		accepted = []scenarios.StatusMatch{{Low: 200, High: 299}}
	}
	var hit []*Status
	for _, status := range o.Statuses {
		if o.accepts(status.Status, accepted) {
			hit = append(hit, status)
		}
	}
	for _, status := range hit {
		why := doubt
		if why == "" && len(hit) > 1 {
			var others []string
			for _, s := range hit {
				if s != status {
					others = append(others, s.Status)
				}
			}
			why = "the case also accepts " + strings.Join(others, ", ")
		}
		status.add(by, why)
	}
}

// accepts reports whether a documented status is among the accepted ones. default is
// every status that the document does not have otherwise; a class is what it does not
// have as a number.
func (o *Operation) accepts(documented string, accepted []scenarios.StatusMatch) bool {
	for code := 100; code < 600; code++ {
		if o.documented(code) != documented {
			continue
		}
		for _, m := range accepted {
			if m.Low <= code && code <= m.High {
				return documented != "default" || m.Low == m.High || !o.hasOther(m)
			}
		}
	}
	return false
}

// hasOther reports whether the document names a status of a range, so that the range
// does not speak of default.
func (o *Operation) hasOther(m scenarios.StatusMatch) bool {
	for code := m.Low; code <= m.High; code++ {
		if d := o.documented(code); d != "default" && d != "" {
			return true
		}
	}
	return false
}

// documented is what the document says of a status: its number, its class, default, or
// nothing.
func (o *Operation) documented(code int) string {
	number := string([]byte{byte('0' + code/100), byte('0' + code/10%10), byte('0' + code%10)})
	class := number[:1] + "XX"
	best := ""
	for _, s := range o.Statuses {
		switch {
		case s.Status == number:
			return number
		case s.Status == class:
			best = class
		case s.Status == "default" && best == "":
			best = "default"
		}
	}
	return best
}
