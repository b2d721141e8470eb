package scenarios

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// loadStage reads one load stage.
func (w *walker) loadStage(n *yaml.Node, suite string) *LoadStage {
	what := "load"
	if name := scalarOf(n, "load"); name != "" {
		what = "load " + quoteName(name)
	}
	o := w.Object(n, "load", what)
	l := &LoadStage{
		Pos: w.Pos(o.Node), line: string(w.Src.Line(o.Node.Line)), Duration: defaultLoad, Connections: 64,
		Interleaved: o.Word("pairing") == "interleaved",
	}
	o.Bind(l)
	if o.Has("load") && strings.TrimSpace(l.Name) == "" && !o.Broken {
		o.Fail(o.At("load"), "", "the name of a load stage is empty")
	}
	seen := map[string]bool{}
	o.EachElement("steps", func(_ int, n *yaml.Node) {
		x := w.Object(n, "load step", what)
		step := LoadStep{Weight: 1, Pos: w.Pos(x.At("case"))}
		x.Bind(&step)
		ref := x.Text("case")
		step.Suite, step.Case = suite, ref
		if s, c, ok := strings.Cut(ref, "/"); ok {
			step.Suite, step.Case = s, c
		}
		switch {
		case x.Broken:
			return
		case seen[step.Suite+"/"+step.Case]:
			x.Fail(x.At("case"), "raise its weight instead", "case %q is listed twice in %s", ref, what)
		}
		seen[step.Suite+"/"+step.Case] = true
		l.Steps = append(l.Steps, step)
	})
	if v := o.Values["steps"]; o.IsEmpty("steps") && source.Deref(v).Kind == yaml.SequenceNode {
		o.Fail(v, "", "steps is empty in %s", what)
	}
	w.rates(o, l, what)
	w.users(o, l, what)
	if m := o.Open("margins", "margins", what); m != nil {
		m.Bind(&l.Margins) // what is not written has the default of perf
	}
	return l
}

// Problem is a problem of the stage that only its figures show.
func (l *LoadStage) Problem(kind ProblemKind, summary, hint string) Problem {
	return Problem{
		Pos: l.Pos, Kind: kind, Summary: fmt.Sprintf("load %s: %s", quoteName(l.Name), summary), Hint: hint, Source: l.line,
		Width: 1,
	}
}

// rates reads rate, or rates with peak.
func (w *walker) rates(o *keys.Mapping, l *LoadStage, what string) {
	if n := o.Get("rate"); n != nil {
		l.Rate = w.rate(n, "rate")
	}
	peak := 0.0
	if n := o.Get("peak"); n != nil {
		peak = w.rate(n, "peak")
	}
	o.EachElement("rates", func(_ int, n *yaml.Node) {
		text, ok := w.ScalarText(n, "rates", keys.Rate)
		if !ok {
			return
		}
		if !strings.HasSuffix(text, "%") {
			l.Rates = append(l.Rates, w.rate(n, "rates"))
			return
		}
		x, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
		switch {
		case err != nil || !(x > 0 && x <= 1000):
			w.Errorf(n, "", "a share of the peak must be between 0.1%% and 1000%%, not %q", problem.Cut(text, 40))
		case !o.Has("peak"):
			w.Errorf(n, "add peak: 400/s", "a share of the peak without peak")
		default:
			l.Rates = append(l.Rates, peak*x/100)
		}
	})
	if rising := slices.Compact(slices.Sorted(slices.Values(l.Rates))); !slices.Equal(rising, l.Rates) && !o.Broken {
		o.Fail(o.At("rates"), "", "rates must rise")
	}
	switch {
	case o.Broken:
	case o.Has("rate") && o.Has("rates"):
		o.Fail(o.At("rates"), "", "a stage has rate or rates, not both")
	case o.Has("users"): // see users
	case !o.Has("rate") && !o.Has("rates"):
		o.Fail(o.Node, "add rate: 200/s, or users: {count: 200}", "no rate in %s", what)
	case o.Has("peak") && !o.Has("rates"):
		o.Fail(o.At("peak"), "add rates: [50%, 100%], or remove it", "peak does nothing without rates")
	case o.IsEmpty("rates"):
		o.Fail(o.At("rates"), "", "rates is empty")
	}
}

// users reads the users of a closed loop.
func (w *walker) users(o *keys.Mapping, l *LoadStage, what string) {
	u := o.Open("users", "users", what)
	if u == nil {
		return
	}
	u.Bind(&l.Users)
	l.Duration = u.Duration("duration", l.Duration)
	if o.Has("duration") && u.Has("duration") {
		u.Fail(u.At("duration"), "remove one of them", "%s has a duration, and so have its users", what)
	}
	for _, key := range [...]string{"rate", "rates", "peak"} {
		if o.Has(key) {
			o.Fail(o.At(key), "users send as fast as they are answered; remove one of them", "%s has users and %s", what, key)
		}
	}
}

const (
	defaultLoad = 120e9 // 2m, as load-verdict has it
	maxRate     = 100_000
)

var rateForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?/ ?(s|m|h)$`)

// rate reads 200/s as 200.
func (w *walker) rate(n *yaml.Node, what string) float64 {
	text, ok := w.ScalarText(n, what, keys.Rate)
	if !ok {
		return 0
	}
	m := rateForm.FindStringSubmatch(text)
	if m == nil {
		hint := "write 200/s"
		if template.IsNumber(text) {
			hint = "write the unit: " + text + "/s"
		}
		w.Errorf(source.Deref(n), hint, "%s must be requests per time and side, not %q", what, problem.Cut(text, 40))
		return 0
	}
	x, err := strconv.ParseFloat(m[1], 64)
	x /= map[string]float64{"s": 1, "m": 60, "h": 3600}[m[2]]
	if err != nil || x <= 0 || x > maxRate {
		w.Errorf(source.Deref(n), "", "%s must be above 0 and at most %d/s", what, maxRate)
		return 0
	}
	return x
}

// A LoadStage is one load stage of a suite.
type LoadStage struct {
	Name        string
	Pos         Pos
	Steps       []LoadStep
	Rate        float64    // requests per second and side; 0 when Rates is used
	Rates       []float64  // a ladder, requests per second and side
	Users       perf.Users // a closed loop where its Count is not 0; there is no rate then
	Duration    time.Duration
	WarmUp      time.Duration // 0: the default of perf
	Margins     perf.Margins
	Connections int     // per side, default 64
	Reconnect   float64 // share of requests that open a new connection
	Interleaved bool
	Writes      bool
	Timeout     time.Duration
	Identity    string // response header that tells back ends apart; empty: that of the suite's identity, else their address

	line string // of Pos, as the file has it
}

// A LoadStep is one route of a load stage.
type LoadStep struct {
	Suite, Case string // a case; its suite's setup runs once per side before the load
	Weight      int
	// Home and Target are the suite and case named, whatever a Selection leaves of them.
	Home   *Suite
	Target *Case
	Pos    Pos
}
