// Package hint has the error of a request that bgverify refuses: what is wrong,
// and what the caller can do about it. The command prints the hint below the
// error and exits with the status of a usage problem.
package hint

import (
	"errors"
	"fmt"
	"io/fs"
)

// An Error is a mistake of the caller, found before anything was sent.
type Error struct {
	Err  error
	Hint string // what to do instead; may be empty
}

// Errorf makes an Error; format and args are those of fmt.Errorf.
func Errorf(hint, format string, args ...any) error {
	return &Error{Err: fmt.Errorf(format, args...), Hint: hint}
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// WithoutPath is what went wrong with a file, for a message that names the file itself:
// the cause of a fs.PathError, and any other error as it is.
func WithoutPath(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
