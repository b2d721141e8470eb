package haproxy

import "context"

// Send sends a command of a test.
func Send(ctx context.Context, d *Driver, command string) { _, _ = d.send(ctx, command) }
