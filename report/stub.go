package report

import (
	"bufio"

	"github.com/bgverify/bgverify/runner"
)

type pending struct{}

func (pending) begin() error                 { return nil }
func (pending) add(*runner.CaseResult) error { return nil }
func (pending) end() error                   { return nil }

func newHTML(*bufio.Writer, *source) renderer { return pending{} }
