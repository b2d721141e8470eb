package runner

import (
	"context"
	"errors"
)

// Execute walks the plan and emits what happens into the sink. The End carries
// the verdict, also of a run that was broken or interrupted; the error is not
// nil only when the sink could not keep the events, and the verdict is then at
// least Broken. progress may be nil.
func Execute(ctx context.Context, plan *Plan, sink Sink, progress func(Progress)) (*End, error) {
	return nil, errors.New("execute: not yet")
}
