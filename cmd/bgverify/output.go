package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
)

// checkOutput refuses an --output that is neither text nor json.
func checkOutput(output string) error {
	if output != "text" && output != "json" {
		return usage("text or json", "unknown output %q", output)
	}
	return nil
}

// printJSON writes a document for --output json.
func printJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(text.JSON(b.Bytes()))
	return err
}

// print shows what a verb found: document for --output json, else what text writes.
func (s stdio) print(output string, document any, text func(io.Writer) error) error {
	write := text
	if output == "json" {
		write = func(w io.Writer) error { return printJSON(w, document) }
	}
	if err := write(s.out); err != nil {
		return broken(fmt.Errorf("write what was found: %w", err))
	}
	return nil
}

// An output is standard output that remembers its first failure, so that no verb
// can end as if its text had been read.
type output struct {
	w   io.Writer
	mu  sync.Mutex // guards err alone: a write that hangs must not hold up who asks for it
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// lost is how a command ends whose output was lost: broken, unless it ended
// because of something that it said on standard error.
func (o *output) lost(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		return err
	}
	failure := broken(fmt.Errorf("write to standard output: %w", hint.WithoutPath(o.err)))
	var se *statusError
	switch {
	case errors.As(err, &se) && se.whatever:
	case se == nil:
		if err == nil || errors.Is(err, o.err) {
			return failure
		}
	case se.err == nil && se.status < statusBroken, se.err == nil && se.status == statusUnknown:
		return failure
	}
	return err
}
