package attack

import (
	"context"
	"errors"
	"io"
)

// Run loads both sides by the plan and judges them. Every request becomes a
// record in records, as soon as it is answered. progress may be nil; it is called
// from one goroutine, about ten times a second.
//
// The error is not nil when the plan cannot be sent, when records cannot be
// written, or when ctx ends first; in the last case the report holds what was
// measured until then.
func Run(ctx context.Context, plan Plan, records io.Writer, progress func(Progress)) (*Report, error) {
	return nil, errors.New("attack: the engine is not joined yet")
}
