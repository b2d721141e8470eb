// Package resources compares what both sides needed while a load stage ran: processor
// time, memory, restarts, and whatever else their Prometheus servers know.
//
// In comes what an env file says (stage.Prometheus), the time that was measured, and how
// many requests each side got. [Meter.Measure] asks both servers for the same figures over
// the same time and returns a run.Resources: each figure with blue, green and an outcome.
// Nothing is written to a server.
package resources

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// A Meter asks the servers of both sides. It is safe for concurrent use.
type Meter struct {
	asked *stage.Prometheus
	sides [2]server // blue, green
}

// A server is one side's Prometheus.
type server struct {
	name, url, match, token string
	client                  *http.Client
}

// Outside is what a meter needs of its surroundings: environment variables, and the files
// that the env file names.
type Outside struct {
	Getenv func(name string) (string, bool)
	File   func(name string) ([]byte, error)
}

const askTimeout = 30 * time.Second

// New prepares both connections and sends nothing.
func New(asked *stage.Prometheus, o Outside) (*Meter, error) {
	m := &Meter{asked: asked}
	var err error
	for i, s := range []stage.PrometheusServer{asked.Blue, asked.Green} {
		side := server{name: []string{"blue", "green"}[i], url: strings.TrimSuffix(s.URL, "/"), match: s.Match}
		transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
		if s.CA != "" {
			pem, err := o.File(s.CA)
			if err != nil {
				return nil, fmt.Errorf("prometheus of %s: %w", side.name, err)
			}
			transport.TLSClientConfig.RootCAs = x509.NewCertPool()
			transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem)
		}
		side.client = &http.Client{Transport: transport, Timeout: askTimeout}
		if s.SigV4 {
			if side.client.Transport, err = newSigner(transport, side.url, s.Region); err != nil {
				return nil, fmt.Errorf("prometheus of %s: %w", side.name, err)
			}
		}
		if s.TokenEnv != "" {
			token, ok := o.Getenv(s.TokenEnv)
			if !ok {
				return nil, fmt.Errorf("prometheus of %s: environment variable %s is not set", side.name, s.TokenEnv)
			}
			side.token = token
		}
		m.sides[i] = side
	}
	return m, nil
}

// Secrets are the values that may not appear in any output.
func (m *Meter) Secrets() []string {
	var out []string
	for _, s := range m.sides {
		if s.token != "" {
			out = append(out, s.token)
		}
	}
	return out
}

// A query is one figure, as it is asked. label is the name of the label that holds the
// namespace; empty: namespaces do not narrow it.
type query struct {
	stage.PrometheusQuery
	label   string
	perCall bool // a counter that is divided by the requests
	unit    string
}

// builtin are the figures that are asked without being named: those of cAdvisor,
// kube-state-metrics and Istio. Floors keep noise of idle Pods from counting.
var builtin = []query{
	{q("CPU per request", `container_cpu_usage_seconds_total{container!="",$match}`, true, 0.0005), "namespace", true, "s"},
	{q("working set", `container_memory_working_set_bytes{container!="",$match}`, false, 32<<20), "namespace", false, "B"},
	{q("restarts", `kube_pod_container_status_restarts_total{$match}`, true, 0.5), "namespace", false, ""},
	{q("throttled periods", `container_cpu_cfs_throttled_periods_total{container!="",$match}`, true, 50), "namespace", false, ""},
	{q("OOM kills", `container_oom_events_total{container!="",$match}`, true, 0.5), "namespace", false, ""},
	{
		q("5xx of the ingress", `istio_requests_total{reporter="destination",response_code=~"5..",$match}`, true, 5),
		"destination_workload_namespace", false, "",
	},
}

func q(name, text string, counter bool, floor float64) stage.PrometheusQuery {
	return stage.PrometheusQuery{Name: name, Query: text, Counter: counter, Floor: floor, Margin: stage.DefaultResourceMargin}
}

// queries are the built-in ones with those of the file after them, or in their place.
func (m *Meter) queries() []query {
	out := slices.Clone(builtin)
	for _, own := range m.asked.Queries {
		asked := query{PrometheusQuery: own, label: "namespace", perCall: own.Counter}
		if i := slices.IndexFunc(out, func(b query) bool { return b.Name == own.Name }); i >= 0 {
			asked.unit = out[i].unit
			out[i] = asked
			continue
		}
		out = append(out, asked)
	}
	return out
}

// text is the PromQL for a side: $match is the side's matchers and the namespaces.
func (m *Meter) text(asked *query, side *server) string {
	var parts []string
	if side.match != "" {
		parts = append(parts, side.match)
	}
	if len(m.asked.Namespaces) > 0 && asked.label != "" {
		var names []string
		for _, n := range m.asked.Namespaces {
			names = append(names, regexp.QuoteMeta(n))
		}
		parts = append(parts, asked.label+"=~"+strconv.Quote(strings.Join(names, "|")))
	}
	// An empty matcher may leave a comma at the end, which PromQL allows.
	return strings.ReplaceAll(asked.Query, "$match", strings.Join(parts, ","))
}

// A window is what was measured: a time, and how many requests each side got in it.
type window struct {
	from, to time.Time
	requests float64
	step     time.Duration // of the values that are asked for; 0: see stepOf
}

// leastScrapes is how many scrapes of a figure are data.
const leastScrapes = 5

// Measure asks for every figure on both sides, over a time in which each side got so many
// requests. Its rules:
//
//  1. Counters count by their increase, summed over their series, a reset included, and
//     per request where the query says so. A series that begins in the window counts from
//     zero, where the server had other data in the hour before. Gauges count by their mean and by their
//     maximum, summed over their series at each time.
//  2. Fewer than five scrapes in the window are no data, nor are fewer than five values of
//     the query itself: a quotient may have none where its parts were scraped.
//  3. A figure is worse where green needs more than blue by the margin and by the floor.
//  4. Without data on green alone a figure is inconclusive; without data on blue, or on
//     both sides, a guard is skipped and a gate inconclusive.
//  5. Where blue carries live traffic nothing is compared.
func (m *Meter) Measure(ctx context.Context, from, to time.Time, requests float64) *run.Resources {
	w := &window{from: from, to: to, requests: requests}
	out := &run.Resources{Verdict: run.Skip}
	if m.asked.BlueLive { // Rule 5
		out.Reason = "not comparable: blue carries live traffic"
	}
	for _, asked := range m.queries() {
		f := run.ResourceFigure{Name: asked.Name, Unit: asked.unit, Gate: asked.Gate, Margin: asked.Margin, Floor: asked.Floor}
		var found [2]measured
		for i := range m.sides {
			found[i] = m.sides[i].measure(ctx, m.text(&asked, &m.sides[i]), &asked, w)
		}
		f.Blue, f.Green, f.BlueMax, f.GreenMax = found[0].value, found[1].value, found[0].most, found[1].most
		f.BlueScrapes, f.GreenScrapes = found[0].scrapes, found[1].scrapes
		f.Verdict, f.Note = judge(&f, found, m.asked.BlueLive)
		out.Figures = append(out.Figures, f)
		if f.Verdict > out.Verdict {
			out.Verdict, out.Reason = f.Verdict, ""
		}
		if f.Verdict > run.Pass && out.Reason == "" {
			out.Reason = f.Name + ": " + f.Note
		}
	}
	if out.Verdict == run.Skip && out.Reason == "" {
		out.Reason = "no figure has data on both sides"
	}
	return out
}

// judge is rules 2 to 5 for one figure.
func judge(f *run.ResourceFigure, found [2]measured, live bool) (run.Verdict, string) {
	have := func(i int) bool { return found[i].err == "" && found[i].scrapes >= leastScrapes }
	why := func(i int) string {
		if found[i].err != "" {
			return found[i].err
		}
		return fmt.Sprintf("no data (%s)", text.Count(found[i].scrapes, "scrape"))
	}
	lacking := run.Skip
	if f.Gate {
		lacking = run.Inconclusive
	}
	switch {
	case live:
		return run.Skip, "not comparable: blue carries live traffic"
	case have(0) && !have(1): // Rule 4
		return run.Inconclusive, "green: " + why(1)
	case !have(0):
		return lacking, "blue: " + why(0)
	}
	worse := func(blue, green float64) bool { return green-blue > f.Floor && green-blue > f.Margin*blue } // Rule 3
	switch {
	case worse(f.Blue, f.Green):
		return run.Fail, fmt.Sprintf("blue %s, green %s", f.Amount(f.Blue), f.Amount(f.Green))
	case worse(f.BlueMax, f.GreenMax):
		return run.Fail, fmt.Sprintf("at most: blue %s, green %s", f.Amount(f.BlueMax), f.Amount(f.GreenMax))
	}
	return run.Pass, ""
}

// measured is one figure of one side.
type measured struct {
	value, most float64
	scrapes     int
	err         string // why it could not be asked, in words
}

// stepOf is the distance of the values that are asked for: some 150 in a window, no more
// than one a second and no fewer than one every 15 s. Scrapes are counted by their own
// timestamps, so that a value which the server repeats between two scrapes is one.
func stepOf(w *window) time.Duration {
	if w.step > 0 {
		return w.step
	}
	const values, shortest, longest = 150, time.Second, 15 * time.Second
	return min(max((w.to.Sub(w.from)/values).Round(time.Second), shortest), longest)
}

// selector finds the series that a query is about.
var selector = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*\{[^}]*\}`)

// measure asks for one figure over a window.
func (s *server) measure(ctx context.Context, promQL string, asked *query, w *window) measured {
	series, err := s.queryRange(ctx, promQL, w)
	if err != nil {
		return measured{err: err.Error()}
	}
	counted := series
	if about := selector.FindString(promQL); about != "" {
		if counted, err = s.queryRange(ctx, "timestamp("+about+")", w); err != nil {
			return measured{err: err.Error()}
		}
	}
	out := measured{scrapes: min(distinct(counted), times(series))}
	if asked.Counter {
		known, err := s.before(ctx, promQL, w, series)
		if err != nil {
			return measured{err: err.Error()}
		}
		for _, one := range series {
			out.value += increase(one.points)
			if known != nil && !known[one.labels] && len(one.points) > 0 {
				out.value += one.points[0].value
			}
		}
		if asked.perCall {
			if w.requests <= 0 {
				return measured{err: "no request was counted"}
			}
			out.value /= w.requests
		}
		return out
	}
	at := map[float64]float64{}
	for _, one := range series {
		for _, p := range one.points {
			at[p.at] += p.value
		}
	}
	for _, v := range at {
		out.value += v / float64(len(at))
		out.most = max(out.most, v)
	}
	return out
}

// before are the series that the server had in the hour before the window, by their labels;
// nil: all of these were there, or the server had no data at all then, so that nothing is known.
func (s *server) before(ctx context.Context, promQL string, w *window, found []series) (map[string]bool, error) {
	hour := &window{from: w.from.Add(-time.Hour), to: w.from, step: time.Minute}
	earlier, err := s.queryRange(ctx, promQL, hour)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, one := range earlier {
		known[one.labels] = true
	}
	if !slices.ContainsFunc(found, func(one series) bool { return !known[one.labels] }) {
		return nil, nil
	}
	up, err := s.queryRange(ctx, "count(up{"+s.match+"})", hour)
	if err != nil || times(up) == 0 {
		return nil, err
	}
	return known, nil
}

// A series is what one set of labels has; labels is a text that is the same for the same set.
type series struct {
	labels string
	points []point
}

// A point is a value at a time in seconds.
type point struct{ at, value float64 }

// increase is how much a counter grew; after a reset it began at zero.
func increase(points []point) float64 {
	sum := 0.0
	for i := 1; i < len(points); i++ {
		if d := points[i].value - points[i-1].value; d >= 0 {
			sum += d
		} else {
			sum += points[i].value
		}
	}
	return sum
}

// distinct is the largest number of different values in one series: of timestamps, that
// of the scrapes.
func distinct(list []series) int {
	most := 0
	for _, one := range list {
		seen := map[float64]bool{}
		for _, p := range one.points {
			seen[p.value] = true
		}
		most = max(most, len(seen))
	}
	return most
}

// times is at how many times a query has a value.
func times(list []series) int {
	seen := map[float64]bool{}
	for _, one := range list {
		for _, p := range one.points {
			seen[p.at] = true
		}
	}
	return len(seen)
}

const maxAnswer = 64 << 20

// queryRange asks for the values of a query over the window.
func (s *server) queryRange(ctx context.Context, promQL string, w *window) ([]series, error) {
	form := url.Values{
		"query": {promQL}, "step": {strconv.FormatFloat(stepOf(w).Seconds(), 'f', -1, 64)},
		"start": {strconv.FormatFloat(float64(w.from.UnixMilli())/1000, 'f', 3,
			64)}, "end": {strconv.FormatFloat(float64(w.to.UnixMilli())/1000, 'f', 3, 64)},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/query_range?"+form.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask the Prometheus of %s: %w", s.name, plain(err))
	}
	defer resp.Body.Close()
	var answer struct {
		Status   string   `json:"status"`
		Error    string   `json:"error"`
		Warnings []string `json:"warnings"`
		Data     struct {
			ResultType string `json:"resultType"`
			Result     []struct {
				Metric map[string]string `json:"metric"`
				Values [][2]any          `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer); err != nil {
		return nil, fmt.Errorf("the Prometheus of %s answered status %d and nothing that can be read", s.name, resp.StatusCode)
	}
	if answer.Status != "success" || answer.Data.ResultType != "matrix" {
		return nil, fmt.Errorf("the Prometheus of %s refused the query: %s", s.name, text.Cut(answer.Error, 160))
	}
	if len(answer.Warnings) > 0 { // as where a store of a Thanos is down: the values are not all of them
		return nil, fmt.Errorf("the Prometheus of %s doubts its answer: %s", s.name, text.Cut(answer.Warnings[0], 160))
	}
	out := make([]series, len(answer.Data.Result))
	for i, found := range answer.Data.Result {
		labels, _ := json.Marshal(found.Metric) // in the order of the names
		out[i].labels = string(labels)
		for _, v := range found.Values {
			at, okAt := v[0].(float64)
			value, okText := v[1].(string)
			x, err := strconv.ParseFloat(value, 64)
			if !okAt || !okText || err != nil {
				return nil, fmt.Errorf("the Prometheus of %s sent a value that is not a number", s.name)
			}
			if !math.IsNaN(x) && !math.IsInf(x, 0) { // what is divided by zero is a gap
				out[i].points = append(out[i].points, point{at, x})
			}
		}
	}
	return out, nil
}

// plain is an error of net/http without the URL, which holds the whole query.
func plain(err error) error {
	if u, ok := err.(*url.Error); ok {
		return u.Err
	}
	return err
}
