package runner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/verdict"
	"github.com/bgverify/bgverify/scenarios"
)

// A Preview is one request as a run would send it. What only an answer can give
// (a capture) stands as its placeholder: {{token}}.
type Preview struct {
	Case    string      `json:"case"`
	Step    string      `json:"step"`
	Side    string      `json:"side"`
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers []NameValue `json:"headers"`
	Body    string      `json:"body,omitempty"`
}

// A NameValue is one header field of a preview.
type NameValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// DryRun renders every request of the plan in its order and sends nothing. A
// request that cannot be rendered is an error, and the rest goes on. Credentials
// are made known to secret before they are yielded.
func DryRun(plan *Plan, secret func(name, value string)) iter.Seq2[*Preview, error] {
	return func(yield func(*Preview, error) bool) {
		e := newExecution(plan, secretsOnly(secret), nil)
		defer e.pool.close()
		if problems := e.build(); len(problems) > 0 {
			yield(nil, errors.New(strings.Join(problems, "; ")))
			return
		}
		e.declare()
		e.declareVariables()
		for _, s := range e.suites {
			if !s.preview(yield) {
				return
			}
		}
	}
}

// secretsOnly is the Sink of a dry run: it keeps no event.
type secretsOnly func(name, value string)

func (s secretsOnly) Secret(name, value string) { s(name, value) }

func (s secretsOnly) Emit(run.Event) error { return nil }

func (s secretsOnly) LoadFile(string) (run.RecordWriter, error) {
	return nil, errors.New("a dry run keeps no records")
}

// preview renders setup, cases with their rows, and teardown.
func (s *suiteRun) preview(yield func(*Preview, error) bool) bool {
	w := newWalk(s, s.suite.Name+"/(setup)", s.run.board.started)
	if !w.preview(s.suite.Setup, "", yield) {
		return false
	}
	for _, c := range s.suite.Cases {
		for j := range s.rows(c, 0) {
			if j.err != nil {
				return yield(nil, j.err)
			}
			w := newWalk(s, "", s.run.board.started)
			w.result = j.result()
			w.id, w.test, w.row = w.result.ID, c, j.row
			if c.Data != nil {
				w.columns = c.Data.Columns
			}
			w.declare()
			if c.Skip == "" && (!w.preview(c.Steps, "", yield) || !w.preview(c.Cleanup, "cleanup: ", yield)) {
				return false
			}
		}
	}
	w = newWalk(s, s.suite.Name+"/(teardown)", s.run.board.started)
	return w.preview(s.suite.Teardown, "", yield)
}

func (w *walk) preview(steps []*scenarios.Step, prefix string, yield func(*Preview, error) bool) bool {
	for _, step := range steps {
		for round := range max(step.Repeat, 1) {
			name := stepName(prefix, step, round)
			for _, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
				if asked(step, side) && !yield(w.previewOne(step, name, side)) {
					return false
				}
			}
		}
	}
	return true
}

func (w *walk) previewOne(step *scenarios.Step, name string, side scenarios.Side) (*Preview, error) {
	sc := w.scope(newLane(straightLane(side)), side, step, name, w.started)
	sc.loose = w.suite.captureNames()
	out, err := w.compose(context.Background(), step, sc)
	if err != nil {
		return nil, fmt.Errorf("%s: step %q: %s: %w", w.id, name, side, err)
	}
	p := &Preview{Case: w.id, Step: name, Side: side.String(), Method: out.request.Method, URL: out.request.URL, Body: string(out.request.Body)}
	for _, f := range out.request.Headers {
		p.Headers = append(p.Headers, NameValue(f))
	}
	p.URL = unescapeLoose(p.URL, sc.loose)
	return p, nil
}

// unescapeLoose shows the placeholders that only an answer can give as they are
// written: a path or query escapes their braces.
func unescapeLoose(address string, loose map[string]bool) string {
	for capture := range loose {
		for _, escaped := range []string{"%7B%7B" + capture + "%7D%7D", "%7b%7b" + capture + "%7d%7d"} {
			address = strings.ReplaceAll(address, escaped, "{{"+capture+"}}")
		}
	}
	return address
}

// captureNames are the names that the suite's steps capture.
func (s *suiteRun) captureNames() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.captures == nil {
		s.captures = map[string]bool{}
		verdict.EachStep(s.suite, func(step *scenarios.Step) {
			for _, c := range step.Captures {
				s.captures[c.Name] = true
			}
		})
	}
	return s.captures
}
