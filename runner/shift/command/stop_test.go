//go:build linux

package command

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// Claim stops the command in whose middle a walk was killed, with what it has started. It spares
// commands of other walks, and daemons that inherited the mark.
func TestClaim(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	daemons := filepath.Join(folder, "daemon")
	start := func(mark, file string) *exec.Cmd {
		// As the driver starts commands; the daemon leaves the session, as load balancers do.
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", "setsid sh -c 'echo $$ > "+file+"; exec sleep 60' & sleep 60")
		cmd.Env = []string{"PATH=/usr/bin:/bin", walkVariable + "=" + mark}
		ownGroup(cmd)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		return cmd
	}
	other := start(folder+"-other", daemons+"-other")
	left := start(folder, daemons)
	d := New(shiftfile.Exec{Get: `echo '{"blue": 1, "green": 0}'`, Set: "true", Max: 100, Timeout: 30 * time.Second}, folder)
	for range 400 { // until both daemons have left
		if text, _ := os.ReadFile(daemons); len(text) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := d.Claim(t.Context(), folder, false); n != 0 {
		t.Errorf("%d commands were stopped although none was to be", n)
	}
	if n := d.Claim(t.Context(), folder, true); n != 1 {
		t.Errorf("%d commands were stopped, want 1", n)
	}
	if err := left.Wait(); err == nil || left.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the command ended with %v", err)
	}
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the command of another walk: %v", err)
	}
	text, _ := os.ReadFile(daemons)
	daemon, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || syscall.Kill(daemon, 0) != nil {
		t.Errorf("the daemon %q is gone: %v", text, err)
	}
	_ = syscall.Kill(daemon, syscall.SIGKILL)
	for _, mark := range []string{folder, folder + "-other"} { // the other daemon
		for _, name := range globbed(t) {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil && hasEntry(name, walkVariable+"="+mark) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
	if n := d.Claim(context.Background(), folder, true); n != 0 {
		t.Errorf("%d commands were left", n)
	}
}

func globbed(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	return names
}
