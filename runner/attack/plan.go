package attack

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
)

// The defaults of a plan.
const (
	DefaultTimeout    = 30 * time.Second
	DefaultMaxWorkers = 4096
	maxConnections    = 10_000
	maxRoutes         = 255 // a record names its route in a byte
	fewPayloads       = 100 // below as many distinct requests a cache is measured
)

// withDefaults returns the plan with its defaults filled in, its rate under the
// cap, and what is worth a warning; or the reason why it cannot be sent.
func (p Plan) withDefaults() (Plan, []string, error) {
	if p.Timeout <= 0 {
		p.Timeout = DefaultTimeout
	}
	if p.Connections <= 0 && p.Users.Count > 0 {
		p.Connections = min(p.Users.Count, maxConnections)
	}
	if p.Connections <= 0 {
		p.Connections = DefaultConnections
	}
	if p.MaxWorkers <= 0 {
		p.MaxWorkers = DefaultMaxWorkers
	}
	if p.Users.Count > 0 { // each user has a worker: their number says nothing of this machine
		p.MaxWorkers = 2*p.Users.Count + 1
	}
	if p.Breaker.Errors <= 0 {
		p.Breaker.Errors = defaultBreakerErrors
	}
	if len(p.Rates) == 0 {
		p.Rates = []float64{p.Rate}
	}
	if err := p.check(); err != nil {
		return p, nil, fmt.Errorf("load %q: %w", p.Name, err)
	}
	warnings := p.capped()
	if n := p.payloads(); n < fewPayloads && len(p.Cases) == 0 {
		warnings = append(warnings, fmt.Sprintf("distinct requests per side: %d, fewer than %d: a cache may be measured rather than the service",
			n, fewPayloads))
	}
	return p, warnings, nil
}

// check refuses plans that no attack could carry out. Each of them is a mistake of the caller,
// found before anything is sent.
func (p *Plan) check() error {
	if len(p.Routes) == 0 {
		return errors.New("no routes")
	}
	if n := len(p.Routes) + len(p.Cases); n > maxRoutes {
		return fmt.Errorf("%d routes, at most %d", n, maxRoutes)
	}
	if p.Reconnect < 0 || p.Reconnect > 1 {
		return fmt.Errorf("reconnect %g is not a share", p.Reconnect)
	}
	if p.Users.Count > 0 {
		if err := p.checkUsers(); err != nil {
			return err
		}
		return p.checkRoutes()
	}
	for _, rate := range p.Rates {
		if !(rate > 0) || rate > 1e5 {
			return fmt.Errorf("rate %g/s is not between 0 and 100000/s", rate)
		}
	}
	return p.checkRoutes()
}

// checkRoutes says what is wrong with what is sent.
func (p *Plan) checkRoutes() error {
	if len(p.Cases) > 0 {
		return p.checkCases()
	}
	for _, r := range p.Routes {
		if len(r.Blue) == 0 || len(r.Blue) != len(r.Green) {
			return fmt.Errorf("route %q: %d requests for blue, %d for green", r.Name, len(r.Blue), len(r.Green))
		}
		for i, requests := range r.sides() {
			services := p.sides()[i].Services
			for _, request := range requests {
				if _, ok := services[request.Service]; !ok {
					return fmt.Errorf("route %q: no service %q", r.Name, request.Service)
				}
				if u, err := url.Parse(request.URL); err != nil || u.Host == "" {
					return fmt.Errorf("route %q: %q is not an absolute URL", r.Name, request.URL)
				}
			}
		}
	}
	return nil
}

// sides are blue and green.
func (p *Plan) sides() [2]Side { return [2]Side{p.Blue, p.Green} }

// sides are the rows of blue and of green.
func (r *Route) sides() [2][]Request { return [2][]Request{r.Blue, r.Green} }

// services returns the services that a side's requests use, sorted.
func (p *Plan) services(side int) []string {
	if len(p.Cases) > 0 { // which of them a walk needs, its answers may decide
		return slices.Sorted(maps.Keys(p.sides()[side].Services))
	}
	used := map[string]bool{}
	for _, r := range p.Routes {
		for _, request := range r.sides()[side] {
			used[request.Service] = true
		}
	}
	return slices.Sorted(maps.Keys(used))
}

// capped lowers the rates to MaxRPS per host and says so.
func (p *Plan) capped() []string {
	if p.MaxRPS <= 0 || p.Users.Count > 0 { // see checkUsers
		return nil
	}
	limit := p.limit()
	unit := "requests"
	if len(p.Cases) > 0 {
		limit /= p.perWalk()
		unit = "walks"
	}
	var warnings []string
	p.Rates = slices.Clone(p.Rates)
	for i, rate := range p.Rates {
		if rate > limit {
			warnings = append(warnings, fmt.Sprintf("rate lowered from %g to %.4g %s/s per side: max_rps is %g/s per host", rate, limit,
				unit, p.MaxRPS))
			p.Rates[i] = limit
		}
	}
	return warnings
}

// limit is how many requests per second a side may send: half of MaxRPS where both sides
// are one host.
func (p *Plan) limit() float64 {
	if p.shareHost() {
		return p.MaxRPS / 2
	}
	return p.MaxRPS
}

// shareHost says whether a host gets the requests of both sides.
func (p *Plan) shareHost() bool {
	blue := map[string]bool{}
	for _, r := range p.Routes {
		for _, request := range r.Blue {
			blue[hostOf(request.URL)] = true
		}
	}
	return slices.ContainsFunc(p.Routes, func(r Route) bool {
		return slices.ContainsFunc(r.Green, func(request Request) bool { return blue[hostOf(request.URL)] })
	})
}

// hostOf is the host of a URL, for a message; of one that cannot be read the text.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	return u.Host
}

// payloads counts the distinct requests of blue, up to the number that is enough.
func (p *Plan) payloads() int {
	distinct := map[string]bool{}
	for _, r := range p.Routes {
		for _, request := range r.Blue {
			distinct[request.Method+" "+request.URL+"\n"+string(request.Body)] = true
			if len(distinct) >= fewPayloads {
				return len(distinct)
			}
		}
	}
	return len(distinct)
}

// Designs are what the steps of the plan set out to measure, in the order of its
// rates. They are those of Run, and need no payloads: of the routes only the names,
// the weights and the hosts. Of an attack that may be made again it is the first.
func (p Plan) Designs() []perf.Design {
	if len(p.Rates) == 0 {
		p.Rates = []float64{p.Rate}
	}
	p.capped()
	designs := p.designs()
	if p.Retry {
		for i := range designs {
			designs[i].Alpha /= 2
		}
	}
	return designs
}

// designs divides alpha among the rates.
func (p *Plan) designs() []perf.Design {
	designs := make([]perf.Design, len(p.Rates))
	for i, rate := range p.Rates {
		designs[i] = p.design(rate, perf.DefaultAlpha/float64(len(p.Rates)), perf.Mix(p.Seed, uint64(i)))
	}
	return designs
}

// design is what one step of the plan sets out to measure.
func (p *Plan) design(rate, alpha float64, seed uint64) perf.Design {
	d := perf.Design{
		Rate: rate, Duration: p.Duration, WarmUp: p.WarmUp, Timeout: p.Timeout,
		Margins: p.Margins, Alpha: alpha, Pairing: perf.Paired, Seed: seed, Unit: p.unit, Calibrates: p.Calibrate,
	}
	if p.Known != nil {
		d.Known = p.Known(rate)
	}
	if p.Interleaved {
		d.Pairing = perf.Interleaved
	}
	if d.Users = p.Users; d.Users.Count > 0 {
		d.Users.Idle = p.idle()
	}
	if len(p.Cases) > 0 {
		p.designWalks(&d)
		return d
	}
	total := 0
	for _, r := range p.Routes {
		total += max(r.Weight, 1)
	}
	for _, r := range p.Routes {
		d.Routes = append(d.Routes, perf.Route{Name: r.Name, Share: float64(max(r.Weight, 1)) / float64(total)})
	}
	return d
}

// Accepts says whether a status is one of the expected.
func Accepts(expected []Status, status int) bool {
	if len(expected) == 0 {
		return status >= 200 && status <= 299
	}
	return slices.ContainsFunc(expected, func(s Status) bool { return status >= s.Low && status <= s.High })
}
