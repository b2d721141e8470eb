//go:build linux

package command

import (
	"context"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// Claim stops what an earlier process of the walk has left running, children in groups of their own
// included, and nothing else.
func TestClaim(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	start := func(mark string) *exec.Cmd {
		cmd := exec.Command("/bin/sh", "-c", "setsid sleep 60 & sleep 60")
		cmd.Env = []string{"PATH=/usr/bin:/bin", walkVariable + "=" + mark}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		return cmd
	}
	left, other := start(folder), start(folder+"-other")
	defer func() { stopMarked(context.Background(), walkVariable+"="+folder+"-other") }()
	time.Sleep(50 * time.Millisecond) // the shell may have started its children by now; if not, Claim stops it before
	d := New(shiftfile.Exec{Get: `echo '{"blue": 1, "green": 0}'`, Set: "true", Max: 100, Timeout: 30 * time.Second}, folder)
	if n := d.Claim(t.Context(), folder); n == 0 {
		t.Error("nothing was stopped")
	}
	if err := left.Wait(); err == nil || left.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the command ended with %v", err)
	}
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the command of another walk: %v", err)
	}
	if n := d.Claim(t.Context(), folder); n != 0 {
		t.Errorf("%d processes were left", n)
	}
}
