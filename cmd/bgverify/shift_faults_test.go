package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// onlyLong leaves a test to make test-shift: each takes seconds, in which it mostly waits.
func onlyLong(t *testing.T) {
	t.Helper()
	if os.Getenv("BGVERIFY_TORTURE") == "" {
		t.Skip("make test-shift tries it")
	}
}

const longHold = "hold: {min: 1h, settle: 0s}\n"

// A killed walk whose weights somebody else has changed since is left to a person: the next
// call overwrites nothing, rollback does what it is asked for.
func TestShiftKilledAndChanged(t *testing.T) {
	t.Parallel()
	r := newShiftRig(t, longHold)
	cmd, _ := r.start("shift.yaml")
	r.until("weights", five)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	const other = `{"blue": 40, "green": 60}`
	r.write("weights", other)
	if out := r.run(4, "shift.yaml"); r.read("weights") != other || !strings.Contains(out, "somebody else has changed the weights") {
		t.Errorf("the next call leaves %s\n%s", r.read("weights"), out)
	}
	r.run(4, "shift.yaml") // it stays with a person
	r.run(0, "rollback", "shift.yaml")
	if r.read("weights") != begun {
		t.Errorf("rolled back to %s", r.read("weights"))
	}
	if out := r.run(2, "shift.yaml", "--resume"); !strings.Contains(out, "has ended: rolled back") {
		t.Errorf("resume after the rollback says %s", out)
	}
}

// Two walks whose records are in two folders do not know of each other, but see what the
// other wrote: one of them goes no further, and a rollback of the other one holds.
func TestShiftTwoFolders(t *testing.T) {
	onlyLong(t)
	t.Parallel()
	r := newShiftRig(t, longHold)
	first, out := r.start("shift.yaml", "--out", "a")
	second, also := r.start("shift.yaml", "--out", "b", "--pause-timeout", "1s")
	r.until("weights", five)
	time.Sleep(300 * time.Millisecond) // both may have written the same
	_ = first.Process.Signal(syscall.SIGTERM)
	_ = first.Wait()
	_ = second.Wait()
	if a, b := first.ProcessState.ExitCode(), second.ProcessState.ExitCode(); r.read("weights") != begun || b != 2 && b != 3 && b != 4 {
		t.Errorf("status %d and %d with %s\n%s\n%s", a, b, r.read("weights"), out, also)
	}
}

// Output that nobody reads any more rolls back within a hold, as a signal does; the status is that
// of the walk.
func TestShiftLostPipe(t *testing.T) {
	t.Parallel()
	r := newShiftRig(t, longHold)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(r.exe, "shift", "shift.yaml")
	cmd.Dir, cmd.Stdout = r.dir, write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	_ = write.Close()
	r.untilAudit(`"kind":"set"`)
	time.Sleep(100 * time.Millisecond)
	_ = read.Close()
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 1 || r.read("weights") != begun {
		t.Errorf("status %d with %s", cmd.ProcessState.ExitCode(), r.read("weights"))
	}
}

// Output that is stuck, on both streams, keeps no rollback from being done.
func TestShiftStuckPipe(t *testing.T) {
	onlyLong(t)
	t.Parallel()
	r := newShiftRig(t, longHold)
	cmd, _ := r.start("shift.yaml")
	r.until("weights", five)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	r.write("shift.yaml", "shift: api.example.com\nsteps: [5%]\ndriver: {exec: {get: ./get.sh, set: ./set.sh}}\nstpes: [1%]\n") // its mistakes are printed first
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	full := make([]byte, 1<<20)
	_ = write.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
	_, _ = write.Write(full)
	back := exec.Command(r.exe, "shift", "shift.yaml")
	back.Dir, back.Stdout, back.Stderr = r.dir, write, write
	if err := back.Start(); err != nil {
		t.Fatal(err)
	}
	end := time.AfterFunc(time.Minute, func() { _ = back.Process.Kill() })
	defer end.Stop()
	_ = back.Wait()
	if back.ProcessState.ExitCode() != 1 || r.read("weights") != begun {
		t.Errorf("status %d with %s", back.ProcessState.ExitCode(), r.read("weights"))
	}
}

// A record that reaches the limit of its file in the middle of a walk rolls back.
func TestShiftFileLimit(t *testing.T) {
	onlyLong(t)
	t.Parallel()
	r := newShiftRig(t, "hold: {min: 20ms, settle: 0s}\n")
	r.write("shift.yaml", strings.Replace(r.read("shift.yaml"), "[5%, 100%]", "[1%, 5%, 25%, 50%, 75%, 90%, 95%, 100%]", 1)+"\n")
	cmd := exec.Command("/bin/sh", "-c", `ulimit -f 6; exec "$0" shift shift.yaml`, r.exe)
	cmd.Dir = r.dir
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 || r.read("weights") != begun || !strings.Contains(r.read("calls"), "\n") || !strings.Contains(string(out), "the record cannot be written") {
		t.Errorf("status %v with %s after\n%s\n%s", cmd.ProcessState, r.read("weights"), r.read("calls"), out)
	}
}

// Output on a full disk, and a folder for records that is none, let no walk begin.
func TestShiftNoPlace(t *testing.T) {
	onlyLong(t)
	t.Parallel()
	r := newShiftRig(t, longHold)
	r.write("shifts", "not a folder")
	r.run(3, "shift.yaml")
	_ = os.Remove(filepath.Join(r.dir, "shifts"))
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full")
	}
	defer full.Close()
	cmd := exec.Command(r.exe, "shift", "shift.yaml")
	cmd.Dir, cmd.Stdout = r.dir, full
	_ = cmd.Run()
	if status := cmd.ProcessState.ExitCode(); status != 1 && status != 3 || r.read("weights") != begun {
		t.Errorf("output on a full disk: status %d with %s", status, r.read("weights"))
	}
}

// A walk cannot be stopped by the terminal: it would leave weights that nobody watches.
func TestShiftCtrlZ(t *testing.T) {
	onlyLong(t)
	t.Parallel()
	r := newShiftRig(t, longHold)
	cmd, out := r.start("shift.yaml")
	r.until("weights", five)
	_ = cmd.Process.Signal(syscall.SIGTSTP)
	end := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer end.Stop()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 143 || r.read("weights") != begun {
		t.Errorf("status %d with %s\n%s", cmd.ProcessState.ExitCode(), r.read("weights"), out)
	}
}

// A set that changes the weights to others than asked for pauses the walk, which says so.
func TestShiftWrongWeights(t *testing.T) {
	onlyLong(t)
	t.Parallel()
	r := newShiftRig(t, longHold)
	r.write("set.sh", "#!/bin/sh\nif [ $SHIFT_GREEN = 5 ]; then echo '{\"blue\": 70, \"green\": 30}' > weights; else cat > weights; fi\n")
	out := r.run(4, "shift.yaml", "--pause-timeout", "1s")
	if !strings.Contains(out, "blue=95 green=5 was written, and the weights are blue=70 green=30") || !strings.Contains(out, "exit=4 blue=70 green=30") {
		t.Error(out)
	}
	r.run(0, "rollback", "shift.yaml")
	if r.read("weights") != begun {
		t.Errorf("rolled back to %s", r.read("weights"))
	}
}
