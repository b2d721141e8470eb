package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// peakRSS watches the first process of an evidence from its start and says how much memory it had at
// most, in KiB, when done is called. (What wait4 reports begins with the memory of
// the process that forked it.)
func peakRSS(t *testing.T, e *evidence, cmd *exec.Cmd) (done func() (kib int64, known bool)) {
	t.Helper()
	var peak atomic.Int64
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-e.begun:
		case <-stop:
			return
		}
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
			if err != nil {
				continue // not there yet, or any more
			}
			if _, rest, found := strings.Cut(string(text), "VmHWM:"); found && strings.Contains(string(text), "Name:\tbgverify") {
				var kib int64
				if _, err := fmt.Sscan(rest, &kib); err == nil {
					peak.Store(max(peak.Load(), kib))
				}
			}
		}
	}()
	return func() (int64, bool) {
		close(stop)
		<-ended
		return peak.Load(), peak.Load() > 0
	}
}
