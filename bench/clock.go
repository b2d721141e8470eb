package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the processor time that this process has used, collector
// included: on a machine that others use too it says more than a wall clock.
func cpuTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}
