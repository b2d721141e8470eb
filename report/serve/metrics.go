package serve

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/runner/run"
)

// metrics count since the server started. Labels are env files, suites, verdicts and
// states: names that the server was started with, never a request's or a run's.
type metrics struct {
	mu     sync.Mutex // guards all below
	runs   map[[2]string]int
	suites map[[3]string]int
	gates  map[string]int
	last   map[string]lastRun
}

// A lastRun is the newest run of an env file.
type lastRun struct {
	ended       time.Time
	seconds     float64
	total       float64 // seconds of all runs
	differences int
	cases       int
	failed      int
	verdict     string
}

func newMetrics() *metrics {
	return &metrics{runs: map[[2]string]int{}, suites: map[[3]string]int{}, gates: map[string]int{}, last: map[string]lastRun{}}
}

// answered counts the answer of a gate.
func (m *metrics) answered(s State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gates[s.String()]++
}

// observe counts a run that is over.
func (m *metrics) observe(root string, rec *record, a Answer) {
	// The folder is read before the lock is taken: it may be on a slow disk.
	var ended *run.Run
	if a.Folder != "" {
		if folder, err := archive.Open(filepath.Join(root, a.Folder)); err == nil {
			ended, _ = folder.Run() // without it the run counts by its state alone
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	env := rec.Order.Env
	m.runs[[2]string{env, a.State.String()}]++
	// The totals of an env file go on; what is about its newest run is replaced as a whole.
	l := m.last[env]
	l.ended, l.seconds, l.verdict = rec.Ended, rec.Ended.Sub(rec.Began).Seconds(), a.State.String()
	l.total += l.seconds
	l.differences, l.cases, l.failed = 0, 0, 0
	if ended != nil {
		for _, c := range ended.End.Causes {
			l.differences += c.Count
		}
		l.cases = ended.End.Counts.Cases
		l.failed = ended.End.Counts.Fail
		for i, suite := range ended.End.Suites {
			if i < len(ended.Header.Suites) {
				m.suites[[3]string{env, ended.Header.Suites[i].Name, suite.Verdict.String()}]++
			}
		}
	}
	m.last[env] = l
}

// getMetrics writes the metrics in the text format of Prometheus.
func (s *Server) getMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	waiting, running := s.queue.length()
	write(w, "bgverify_queue_length", "gauge", "Orders that wait.", func(line func(labels []string, v float64)) {
		line(nil, float64(waiting))
	})
	write(w, "bgverify_run_in_progress", "gauge", "1 while a run is in progress.", func(line func(labels []string, v float64)) {
		v := 0.0
		if running {
			v = 1
		}
		line(nil, v)
	})
	s.metrics.write(w)
}

func (m *metrics) write(w io.Writer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	write(w, "bgverify_runs_total", "counter", "Runs that are over, by state.", func(line func([]string, float64)) {
		for _, k := range slices.SortedFunc(maps.Keys(m.runs), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
			line([]string{"env", k[0], "state", k[1]}, float64(m.runs[k]))
		}
	})
	write(w, "bgverify_suite_runs_total", "counter", "Suites judged, by verdict.", func(line func([]string, float64)) {
		for _, k := range slices.SortedFunc(maps.Keys(m.suites), func(a, b [3]string) int { return slices.Compare(a[:], b[:]) }) {
			line([]string{"env", k[0], "suite", k[1], "verdict", k[2]}, float64(m.suites[k]))
		}
	})
	write(w, "bgverify_gate_answers_total", "counter", "Answers of gates, by state.", func(line func([]string, float64)) {
		for _, k := range slices.Sorted(maps.Keys(m.gates)) {
			line([]string{"state", k}, float64(m.gates[k]))
		}
	})
	// All series are written in a fixed order, so that two scrapes of the same state are equal.
	envs := slices.Sorted(maps.Keys(m.last))
	for _, g := range []struct {
		name, kind, help string
		of               func(lastRun) float64
	}{
		{"bgverify_run_seconds_total", "counter", "Time that runs took.", func(l lastRun) float64 { return l.total }},
		{
			"bgverify_last_run_end_timestamp_seconds", "gauge", "When the newest run ended.",
			func(l lastRun) float64 { return float64(l.ended.Unix()) },
		},
		{"bgverify_last_run_seconds", "gauge", "Time that the newest run took.", func(l lastRun) float64 { return l.seconds }},
		{
			"bgverify_last_run_differences", "gauge", "Differences between blue and green in the newest run.",
			func(l lastRun) float64 { return float64(l.differences) },
		},
		{"bgverify_last_run_cases", "gauge", "Cases of the newest run.", func(l lastRun) float64 { return float64(l.cases) }},
		{"bgverify_last_run_failed_cases", "gauge", "Failed cases of the newest run.", func(l lastRun) float64 { return float64(l.failed) }},
	} {
		write(w, g.name, g.kind, g.help, func(line func([]string, float64)) {
			for _, env := range envs {
				line([]string{"env", env}, g.of(m.last[env]))
			}
		})
	}
	write(w, "bgverify_last_run_state", "gauge", "1 for the state of the newest run.", func(line func([]string, float64)) {
		// Every state has a series, 0 or 1: an alert on a state must not wait for its first
		// occurrence.
		for _, env := range envs {
			for s := Passed; s <= Unknown; s++ {
				v := 0.0
				if s.String() == m.last[env].verdict {
					v = 1
				}
				line([]string{"env", env, "state", s.String()}, v)
			}
		}
	})
}

// labelText escapes a label's value.
var labelText = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// write writes one family. each calls line with names and values of labels in turn.
func write(w io.Writer, name, kind, help string, each func(line func(labels []string, v float64))) {
	fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	each(func(labels []string, v float64) {
		var pairs []string
		for i := 0; i+1 < len(labels); i += 2 {
			pairs = append(pairs, fmt.Sprintf(`%s="%s"`, labels[i], labelText.Replace(labels[i+1])))
		}
		set := ""
		if len(pairs) > 0 {
			set = "{" + strings.Join(pairs, ",") + "}"
		}
		fmt.Fprintf(w, "%s%s %g\n", name, set, v)
	})
}
