// Package rounds runs a plan and archives nothing: what calibrate, selftest and init are made
// of. In comes a runner.Plan; out come its End and its load stages, and each case as it ends
// goes to the caller. Records of load are dropped. The package decides nothing.
package rounds

import (
	"context"
	"sync"

	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
)

// A Watch is what a caller takes from a round while it runs.
type Watch struct {
	// Secret makes a value unreadable in what is printed.
	Secret func(name, value string)
	// Visit takes each case as it ends, one at a time; nil: they are dropped.
	Visit func(*run.CaseResult)
	// Progress is that of runner.Execute.
	Progress func(runner.Progress)
}

// Execute runs a plan once. Its errors are those of runner.Execute.
func Execute(ctx context.Context, plan *runner.Plan, w Watch) (*run.End, []run.LoadResult, error) {
	s := &sink{watch: w}
	end, err := runner.Execute(ctx, plan, s, w.Progress)
	return end, s.loads, err
}

// A sink keeps the load stages of a round and passes its cases on.
type sink struct {
	watch Watch

	mu    sync.Mutex // guards what Visit writes, and loads
	loads []run.LoadResult
}

// Secret passes a secret on.
func (s *sink) Secret(name, value string) { s.watch.Secret(name, value) }

// Emit passes cases on and keeps load stages.
func (s *sink) Emit(ev run.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ev.Case != nil && s.watch.Visit != nil:
		s.watch.Visit(ev.Case)
	case ev.Load != nil:
		s.loads = append(s.loads, *ev.Load)
	}
	return nil
}

// LoadFile drops the records: only the verdict of a stage is asked for.
func (*sink) LoadFile(string) (run.RecordWriter, error) { return noRecords{}, nil }

// noRecords is a file that keeps nothing.
type noRecords struct{}

func (noRecords) Write(p []byte) (int, error) { return len(p), nil }
func (noRecords) Name() string                { return "" }
func (noRecords) Close() error                { return nil }
