package main

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/report/archive/redact"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
)

// unarchived runs suites several times and archives nothing: what calibrate and
// selftest are made of.
type unarchived struct {
	io, out  stdio // out: without secrets
	flags    *runFlags
	tree     *tree
	how      loading
	redactor *redact.Redactor
}

// newUnarchived also returns the function that prints what was held back at the end.
func newUnarchived(io stdio, flags *runFlags, t *tree, how loading) (u *unarchived, flush func()) {
	u = &unarchived{io: io, flags: flags, tree: t, how: how, redactor: newRedactor()}
	u.out, flush = redacted(io, u.redactor)
	return u, flush
}

// failed is failed of package main for an error that may quote answers: its text is shown
// without the secrets that were met.
func (u *unarchived) failed(ctx context.Context, err error) error {
	var status *statusError
	if !errors.As(failed(ctx, err), &status) || status.err == nil {
		return err
	}
	hidden := *status
	hidden.err = errors.New(u.redactor.String(status.err.Error()))
	return &hidden
}

// newRedactor makes a redactor with a key that nobody keeps.
func newRedactor() *redact.Redactor {
	key := make([]byte, 32)
	rand.Read(key) //nolint:errcheck // documented never to fail
	return redact.New(key)
}

// plan reads the suites anew, so that no run sees what another changed, with rules
// before those of every suite.
func (u *unarchived) plan(seed uint64, rules []diff.Rule) (*runner.Plan, error) {
	u.flags.seed = seed
	how := u.how
	how.rules = rules
	s, err := loadSession(u.io, u.flags, u.tree, nil, how)
	if err != nil {
		return nil, err
	}
	for _, suite := range s.plan.Suites {
		hidePasswords(u.redactor.Add, suite)
	}
	return s.plan, nil
}

// execute runs a plan; visit takes each case as it ends.
func (u *unarchived) execute(
	ctx context.Context, plan *runner.Plan, visit func(*run.CaseResult),
) (*run.End, []run.LoadResult, error) {
	sink := &roundSink{redactor: u.redactor, visit: visit}
	progress := newProgress(u.out.err, u.io.err, u.flags)
	end, err := runner.Execute(ctx, plan, sink, progress.show)
	progress.close()
	return end, sink.loads, err
}

// A roundSink keeps what a round finds and archives nothing.
type roundSink struct {
	redactor *redact.Redactor
	visit    func(*run.CaseResult)

	mu    sync.Mutex // guards what visit writes, and loads
	loads []run.LoadResult
}

// Secret makes a value unreadable in what is printed.
func (s *roundSink) Secret(name, value string) { s.redactor.Add(name, value) }

// Emit hands over the cases and keeps the load stages.
func (s *roundSink) Emit(ev run.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ev.Case != nil && s.visit != nil:
		s.visit(ev.Case)
	case ev.Load != nil:
		s.loads = append(s.loads, *ev.Load)
	}
	return nil
}

// LoadFile drops the records: their verdict is all that is wanted.
func (*roundSink) LoadFile(string) (run.RecordWriter, error) { return noRecords{}, nil }

type noRecords struct{}

func (noRecords) Write(p []byte) (int, error) { return len(p), nil }
func (noRecords) Name() string                { return "" }
func (noRecords) Close() error                { return nil }
