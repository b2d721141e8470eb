package runner

import "errors"

// ErrStopped is the error of a verb that runs suites several times and was
// stopped by a signal before it had an answer. Callers wrap it with what is lost.
var ErrStopped = errors.New("stopped")
