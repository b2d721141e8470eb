// Package command runs a command of the user for a walk of traffic, and makes a driver of
// two of them.
//
// In comes a line for the shell, its folder and what it reads; out comes what it printed, or
// an error with the last line of its complaints. A command runs in a process group of its
// own: a Ctrl-C at the terminal does not reach it, and when its context ends the
// whole group is killed at once, with whatever it has started. Nothing is waited for after that.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
)

// A Command is one line for the shell, or one program with its arguments.
type Command struct {
	// Line is run by /bin/sh -c; Args are used instead where they are given.
	Line string
	Args []string
	// Dir is the folder it runs in; Env is added to the environment.
	Dir   string
	Env   []string
	Stdin string
	// Output receives standard output and error as they come, in addition to what Run returns;
	// nil: nobody. One with a Flush is flushed when the command has ended.
	Output io.Writer
	// Hide removes what nobody may read from what an error repeats of the output; nil: nothing
	// is. What Run returns is as the command printed it.
	Hide func(string) string
}

// A Screen shows what a command prints, without what nobody may read.
type Screen interface {
	io.Writer
	Hide(text string) string
}

// mostOutput bounds what is kept of each stream, in bytes; the rest is read and dropped.
const mostOutput = 64 << 10

// closing is how long a stream may stay open after the command has ended: a child
// that it left behind may hold it.
const closing = 500 * time.Millisecond

// An ExitError says that a command ended with a status other than 0.
type ExitError struct {
	Status int
	// Complaint is the last line of its standard error, or output; may be empty.
	Complaint string
}

func (e *ExitError) Error() string {
	if e.Complaint == "" {
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return fmt.Sprintf("exit status %d: %s", e.Status, e.Complaint)
}

// Run runs a command to its end. The error is an *ExitError for a status other than 0, and the
// cause of the context where that cut it short.
func Run(ctx context.Context, c Command) (string, error) {
	args := c.Args
	if len(args) == 0 {
		args = []string{"/bin/sh", "-c", c.Line}
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.Dir, append(os.Environ(), c.Env...), strings.NewReader(c.Stdin)
	out, complaints := &bounded{also: c.Output}, &bounded{also: c.Output}
	cmd.Stdout, cmd.Stderr = out, complaints
	cmd.WaitDelay = closing
	ownGroup(cmd)
	err := cmd.Run()
	if f, ok := c.Output.(interface{ Flush() error }); ok {
		_ = f.Flush() // a reader that is gone changes nothing
	}
	hide := c.Hide
	if hide == nil {
		hide = func(s string) string { return s }
	}
	var exited *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("cut short: %w", context.Cause(ctx))
	case errors.Is(err, exec.ErrWaitDelay): // it ended well, and a child of it holds its streams
		return out.String(), nil
	case errors.As(err, &exited):
		return out.String(), &ExitError{Status: exited.ExitCode(), Complaint: lastLine(hide(complaints.String()), hide(out.String()))}
	case err != nil:
		return "", fmt.Errorf("start %s: %w", args[0], err)
	}
	return out.String(), nil
}

// lastLine is the last line that is not blank, of the first text that has one.
func lastLine(texts ...string) string {
	for _, s := range texts {
		s = strings.TrimSpace(s)
		if s != "" {
			return text.Cut(text.Visible(s[strings.LastIndexByte(s, '\n')+1:]), 300)
		}
	}
	return ""
}

// A bounded keeps the first bytes of a stream and passes all of it on.
type bounded struct {
	bytes.Buffer
	also io.Writer
}

func (b *bounded) Write(p []byte) (int, error) {
	if keep := min(len(p), mostOutput-b.Len()); keep > 0 {
		b.Buffer.Write(p[:keep])
	}
	if b.also != nil {
		_, _ = b.also.Write(p) // a reader that is gone must not stop the command
	}
	return len(p), nil
}
