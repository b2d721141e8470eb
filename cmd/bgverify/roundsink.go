package main

import (
	"sync"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/runner"
)

// A roundSink keeps what a round finds and archives nothing.
type roundSink struct {
	redactor *archive.Redactor
	visit    func(*runner.CaseResult)

	mu    sync.Mutex // guards what visit writes, and loads
	loads []runner.LoadResult
}

// Secret makes a value unreadable in what is printed.
func (s *roundSink) Secret(name, value string) { s.redactor.Add(name, value) }

// Emit hands over the cases and keeps the load stages.
func (s *roundSink) Emit(ev runner.Event) error {
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
func (*roundSink) LoadFile(string) (runner.RecordWriter, error) { return noRecords{}, nil }

type noRecords struct{}

func (noRecords) Write(p []byte) (int, error) { return len(p), nil }
func (noRecords) Name() string                { return "" }
func (noRecords) Close() error                { return nil }
