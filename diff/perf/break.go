package perf

import "fmt"

// A Burst is one side's answers within the breaker's span.
type Burst struct {
	All     int  `json:"all"`
	Failed  int  `json:"failed"`
	Tripped bool `json:"tripped"` // beyond the limits
}

// breakLevel is the share of alpha at which a burst of failures is a verdict.
const breakLevel = 0.1

// Break is the decision when an attack is stopped because a side is going down.
// It is worse when green alone passed the limits and its failures compared with blue's
// are beyond chance. A generator that sent late may have made the failures itself:
// that is inconclusive. Otherwise the evidence up to here decides, and what it does
// not prove to be worse is inconclusive.
func (s *Stage) Break(blueBurst, greenBurst Burst, h Health) *Decision {
	d := s.decide(s.carried+s.remaining(), true, h)
	if d.Outcome != Worse {
		d.Outcome, d.Cause, d.Advice = Inconclusive, Baseline, "find out what the load does to blue before it is repeated"
		d.Reason = fmt.Sprintf("stopped by the circuit breaker: %s; %s", blueBurst.of("blue"), greenBurst.of("green"))
	}
	if s.starved() {
		d.Outcome, d.Cause, d.Advice, d.Final = Inconclusive, Generator, generatorAdvice, true
		d.Reason = fmt.Sprintf("generator: stopped by the circuit breaker while requests left late: %s; %s", blueBurst.of("blue"),
			greenBurst.of("green"))
		s.last = d
		return d
	}
	p := fisherTest(float64(blueBurst.Failed), float64(blueBurst.All), float64(greenBurst.Failed), float64(greenBurst.All))
	if greenBurst.Tripped && !blueBurst.Tripped && p <= breakLevel*s.design.Alpha {
		d.Outcome, d.Cause, d.Advice = Worse, "", ""
		d.Reason = fmt.Sprintf("green is going down, stopped by the circuit breaker: %s; %s", greenBurst.of("green"), blueBurst.of("blue"))
	}
	if greenBurst.Tripped && !blueBurst.Tripped && d.Outcome == Inconclusive {
		d.Cause, d.Advice = Overload, "lower the rate or look at green first"
	}
	d.Final = true
	s.last = d
	return d
}

// starved says whether more than a fifth of all requests so far, the warm-up's
// included, left late.
func (s *Stage) starved() bool {
	return share(s.every.late, s.every.sent[blue]+s.every.sent[green]) > maxDropped
}

// of is the burst in words.
func (b Burst) of(side string) string {
	return fmt.Sprintf("%s failed %d of its last %d requests", side, b.Failed, b.All)
}
