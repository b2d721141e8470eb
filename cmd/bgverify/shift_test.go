package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// A shiftRig is a folder with a shift file over two scripts, whose weights are a file.
type shiftRig struct {
	t        *testing.T
	dir, exe string
	env      []string // beyond that of the test
}

// newShiftRig writes the scripts; extra is added to the shift file.
func newShiftRig(t *testing.T, extra string) *shiftRig {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes: skipped with -short")
	}
	exe, err := exec.LookPath("bgverify")
	if err != nil {
		t.Fatal(err)
	}
	r := &shiftRig{t: t, dir: t.TempDir(), exe: exe}
	r.write("get.sh", "#!/bin/sh\ncat weights\n")
	r.write("set.sh", "#!/bin/sh\ncat > next.$$ && mv next.$$ weights && echo \"$SHIFT_BLUE $SHIFT_GREEN\" >> calls\n")
	r.write("weights", `{"blue": 100, "green": 0}`)
	unchecked := "unchecked: the weights are what is tested\n"
	for _, check := range []string{"before:", "during:", "after:", "confirm:"} {
		if strings.Contains(extra, check) {
			unchecked = ""
		}
	}
	r.write("shift.yaml", "shift: api.example.com\nsteps: [5%, 100%]\ndriver: {exec: {get: ./get.sh, set: ./set.sh}}\n"+extra+unchecked)
	return r
}

func (r *shiftRig) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

func (r *shiftRig) read(name string) string {
	text, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// start begins bgverify shift with arguments.
func (r *shiftRig) start(args ...string) (*exec.Cmd, *bytes.Buffer) {
	r.t.Helper()
	cmd := exec.Command(r.exe, append([]string{"shift"}, args...)...)
	cmd.Dir, cmd.Env = r.dir, append(os.Environ(), r.env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, &out
}

// run is start to the end, which must have a status.
func (r *shiftRig) run(status int, args ...string) string {
	r.t.Helper()
	cmd, out := r.start(args...)
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != status {
		r.t.Fatalf("bgverify shift %s: status %d, want %d\n%s", strings.Join(args, " "), got, status, out)
	}
	return out.String()
}

// until waits for a file to hold a text.
func (r *shiftRig) until(name, text string) {
	r.t.Helper()
	for range 1200 {
		if strings.Contains(r.read(name), text) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.t.Fatalf("%s never holds %q: %q", name, text, r.read(name))
}

const begun, five, whole = `{"blue": 100, "green": 0}`, `{"blue": 95, "green": 5}`, `{"blue": 0, "green": 100}`

func TestShiftWalksAndRollsBack(t *testing.T) {
	t.Parallel()
	r := newShiftRig(t, "hold: {min: 10ms, settle: 0s}\n")
	r.run(0, "shift.yaml", "--dry-run")
	if r.read("calls") != "" {
		t.Errorf("the dry run writes: %s", r.read("calls"))
	}
	r.run(0, "shift.yaml")
	if r.read("weights") != whole || r.read("calls") != "100 0\n95 5\n0 100" {
		t.Errorf("done with %s after\n%s", r.read("weights"), r.read("calls"))
	}
	if out := r.run(2, "shift.yaml"); !strings.Contains(out, "--from 100%") || r.read("weights") != whole {
		t.Errorf("a walk from 100 %% says %s", out)
	}
	if out := r.run(0, "status", "shift.yaml"); !strings.Contains(out, "done") || !strings.Contains(out, "recorded  blue=100 green=0") {
		t.Errorf("status: %s", out)
	}
	r.write("shift.yaml", "shift: api.example.com\nsteps: [{{\n") // going back needs the record alone
	folders, _ := filepath.Glob(filepath.Join(r.dir, "shifts", "2*"))
	r.run(0, "rollback", folders[0])
	if r.read("weights") != begun {
		t.Errorf("rolled back to %s", r.read("weights"))
	}
}

// Whatever signal arrives, in a hold, in a confirmation, or in the middle of a command of the
// driver, the recorded weights are written at once: no hold or child is waited for.
func TestShiftSignals(t *testing.T) {
	for name, row := range map[string]struct {
		signal syscall.Signal
		extra  string
		set    string
		flags  []string
		want   string
		status int
	}{
		"TERM in a hold":          {syscall.SIGTERM, "hold: {min: 1h, settle: 0s}\n", "", nil, begun, 143},
		"INT while settling":      {syscall.SIGINT, "hold: {min: 1h, settle: 1h}\n", "", nil, begun, 130},
		"HUP in a hold":           {syscall.SIGHUP, "hold: {min: 1h, settle: 0s}\n", "", nil, begun, 129},
		"USR1 in a hold":          {syscall.SIGUSR1, "hold: {min: 1h, settle: 0s}\n", "", nil, begun, 138},
		"QUIT in a hold":          {syscall.SIGQUIT, "hold: {min: 1h, settle: 0s}\n", "", nil, begun, 131},
		"TERM in a confirmation":  {syscall.SIGTERM, "hold: {min: 0s, settle: 0s}\nconfirm: {at: [100%], exec: \"trap '' TERM; sleep 3600\"}\n", "", nil, begun, 143},
		"TERM in the driver":      {syscall.SIGTERM, "hold: {min: 0s, settle: 0s}\n", "if [ $SHIFT_GREEN = 100 ]; then trap '' TERM INT; sleep 3600; fi\n", nil, begun, 143},
		"stay on a signal":        {syscall.SIGTERM, "hold: {min: 1h, settle: 0s}\n", "", []string{"--on-interrupt", "stay"}, five, 143},
		"TERM with a slow answer": {syscall.SIGTERM, "hold: {min: 0s, settle: 0s}\n", "if [ $SHIFT_GREEN = 100 ]; then cat > weights; sleep 3600; fi\n", nil, begun, 143},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newShiftRig(t, row.extra)
			if row.set != "" {
				r.write("set.sh", "#!/bin/sh\n"+row.set+"cat > next.$$ && mv next.$$ weights && echo \"$SHIFT_BLUE $SHIFT_GREEN\" >> calls\n")
			}
			cmd, out := r.start(append([]string{"shift.yaml"}, row.flags...)...)
			r.until("calls", "95 5")
			time.Sleep(300 * time.Millisecond) // into the next phase; any of them must do
			if err := cmd.Process.Signal(row.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Process.Signal(row.signal) // a second one does not end the rollback
			_ = cmd.Wait()
			if cmd.ProcessState.ExitCode() != row.status || r.read("weights") != row.want {
				t.Errorf("status %d with %s, want %d with %s\n%s", cmd.ProcessState.ExitCode(), r.read("weights"), row.status, row.want, out)
			}
		})
	}
}

// A walk that is killed leaves a record from which status, rollback, resume, and the next
// call work.
func TestShiftKilled(t *testing.T) {
	killed := func(t *testing.T) *shiftRig {
		r := newShiftRig(t, "hold: {min: 1h, settle: 0s}\n")
		cmd, _ := r.start("shift.yaml")
		r.until("calls", "95 5")
		time.Sleep(100 * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if r.read("weights") != five {
			t.Fatalf("killed at %s", r.read("weights"))
		}
		return r
	}
	t.Run("rollback", func(t *testing.T) {
		t.Parallel()
		r := killed(t)
		if out := r.run(0, "status", "shift.yaml"); !strings.Contains(out, "open") || !strings.Contains(out, "blue=95 green=5") {
			t.Errorf("status: %s", out)
		}
		r.run(0, "rollback", "shift.yaml")
		if r.read("weights") != begun {
			t.Errorf("rolled back to %s", r.read("weights"))
		}
	})
	t.Run("a restarted job", func(t *testing.T) {
		t.Parallel()
		r := killed(t)
		out := r.run(1, "shift.yaml")
		if r.read("weights") != begun || strings.Contains(strings.SplitN(r.read("calls"), "95 5", 2)[1], "95 5") {
			t.Errorf("the next call leaves %s after\n%s\n%s", r.read("weights"), r.read("calls"), out)
		}
	})
	t.Run("a restarted job with another mechanism in its file", func(t *testing.T) {
		t.Parallel()
		r := killed(t)
		r.write("other", begun)
		r.write("shift.yaml", strings.NewReplacer("./get.sh", "cat other", "./set.sh", "cat > other; echo >> others").Replace(r.read("shift.yaml"))+"\n")
		out := r.run(1, "shift.yaml")
		if r.read("weights") != begun || r.read("others") != "" {
			t.Errorf("the next call leaves %s after\n%s\n%s", r.read("weights"), r.read("calls"), out)
		}
	})
	// The name of a walk is a label: what is open is found by what it moves, and by its file.
	for name, change := range map[string][2]string{
		"another name in its file":            {"shift: api.example.com", "shift: api"},
		"another name and mechanism":          {"shift: api.example.com\nsteps: [5%, 100%]\ndriver: {exec: {get: ./get.sh", "shift: api\nsteps: [5%, 100%]\ndriver: {exec: {get: ./got.sh"},
		"another name, and it cannot be read": {"shift: api.example.com\nsteps: [5%", "shift: [api]\nsteps: [5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := killed(t)
			r.write("shift.yaml", strings.Replace(r.read("shift.yaml"), change[0], change[1], 1)+"\n")
			if out := r.run(0, "status", "shift.yaml"); !strings.Contains(out, "open") {
				t.Errorf("status: %s", out)
			}
			if out := r.run(1, "shift.yaml"); r.read("weights") != begun {
				t.Errorf("the next call leaves %s\n%s", r.read("weights"), out)
			}
		})
	}
	t.Run("a file that is gone", func(t *testing.T) {
		t.Parallel()
		r := killed(t)
		if err := os.Remove(filepath.Join(r.dir, "shift.yaml")); err != nil {
			t.Fatal(err)
		}
		if r.run(0, "rollback", "shift.yaml"); r.read("weights") != begun {
			t.Errorf("rolled back to %s", r.read("weights"))
		}
		r.run(2, "rollback", "other.yaml")
	})
	t.Run("resume keeps the record", func(t *testing.T) {
		t.Parallel()
		r := killed(t)
		recorded := func() (size int64) { // of all that the walk wrote down
			files, _ := filepath.Glob(filepath.Join(r.dir, "shifts", "2*", "*"))
			for _, name := range files {
				if info, err := os.Stat(name); err == nil {
					size += info.Size()
				}
			}
			return size
		}
		before := recorded()
		cmd, out := r.start("shift.yaml", "--resume")
		for i := 0; i < 1200 && recorded() == before; i++ { // until it walks
			time.Sleep(50 * time.Millisecond)
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if cmd.ProcessState.ExitCode() != 143 || r.read("weights") != begun {
			t.Errorf("status %d with %s\n%s", cmd.ProcessState.ExitCode(), r.read("weights"), out)
		}
	})
	t.Run("another file", func(t *testing.T) {
		t.Parallel()
		r := killed(t)
		r.write("shift.yaml", r.read("shift.yaml")+"\n# changed\n")
		r.run(2, "shift.yaml", "--resume")
	})
}

// A walk is resumed from any folder, but not with variables that stand for another green.
func TestShiftDigest(t *testing.T) {
	digest := func(name, green string) string {
		sum, err := digestOf([]byte("shift: a"), shiftfile.File{File: name, Probe: &shiftfile.Probe{Green: green}})
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	one := digest("a.yaml", "10.0.2.10")
	if one != digest("b/a.yaml", "10.0.2.10") {
		t.Error("the digest depends on where the file is named from")
	}
	if one == digest("a.yaml", "10.0.2.11") {
		t.Error("another green has the same digest")
	}
}

// Two walks of one name do not run at once; the second one's rollback reaches the first.
func TestShiftOnce(t *testing.T) {
	t.Parallel()
	r := newShiftRig(t, "hold: {min: 1h, settle: 0s}\n")
	cmd, out := r.start("shift.yaml")
	r.until("calls", "95 5")
	if said := r.run(3, "shift.yaml"); !strings.Contains(said, "another process works on api.example.com") {
		t.Errorf("the second walk says %s", said)
	}
	r.run(0, "rollback", "shift.yaml")
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 1 || r.read("weights") != begun {
		t.Errorf("status %d with %s\n%s", cmd.ProcessState.ExitCode(), r.read("weights"), out)
	}
}

// A process that is stopped, and so neither reacts nor lets go of its lock, does not keep
// another one from rolling back.
func TestShiftStoppedProcess(t *testing.T) {
	t.Parallel()
	r := newShiftRig(t, "hold: {min: 1h, settle: 0s}\n")
	cmd, _ := r.start("shift.yaml")
	r.until("calls", "95 5")
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.run(0, "rollback", "shift.yaml")
	if r.read("weights") != begun {
		t.Errorf("rolled back to %s", r.read("weights"))
	}
	end := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer end.Stop()
	_ = cmd.Process.Signal(syscall.SIGCONT) // it finds what it was asked for
	_ = cmd.Wait()
	if r.read("weights") != begun {
		t.Errorf("the process went on to %s", r.read("weights"))
	}
}

// Weights that somebody else wrote pause the walk, which never fights; a resume that finds
// them still different stays paused, and the pause ends with 4 and the weights held.
func TestShiftDrift(t *testing.T) {
	t.Parallel()
	r := newShiftRig(t, "hold: {min: 1h, settle: 0s}\n")
	cmd, out := r.start("shift.yaml", "--pause-timeout", "6s")
	r.until("calls", "95 5")
	r.write("weights", `{"blue": 60, "green": 40}`)
	_ = cmd.Wait()
	// This is noticed while the step is held, or as its write is read back.
	if cmd.ProcessState.ExitCode() != 4 || r.read("weights") != `{"blue": 60, "green": 40}` || !strings.Contains(out.String(), "somebody else") {
		t.Errorf("status %d with %s\n%s", cmd.ProcessState.ExitCode(), r.read("weights"), out)
	}
	if said := r.run(4, "shift.yaml"); !strings.Contains(said, "--resume") {
		t.Errorf("a new walk after a held one says %s", said)
	}
}

// A rollback that cannot be written ends with 3 and the commands to run by hand.
func TestShiftRollbackFails(t *testing.T) {
	t.Parallel()
	r := newShiftRig(t, "hold: {min: 1h, settle: 0s}\n")
	cmd, out := r.start("shift.yaml", "--rollback-timeout", "3s")
	r.until("calls", "95 5")
	r.write("set.sh", "#!/bin/sh\necho no right to write >&2\nexit 1\n")
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 3 || !strings.Contains(out.String(), "SHIFT_BLUE=100 SHIFT_GREEN=0") {
		t.Errorf("status %d\n%s", cmd.ProcessState.ExitCode(), out)
	}
}

// A Job that is started again rolls an open walk back although its file has a mistake by
// now, or does not name the walk's variables; a live walk is left alone.
func TestShiftKilledWithABrokenFile(t *testing.T) {
	t.Parallel()
	for name, extra := range map[string]string{
		"a mistake": "stpes: [1%]\n", "no check any more": "", "no variable": "before: {gate: {run: '{{env.NOT_SET}}'}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newShiftRig(t, "hold: {min: 1h, settle: 0s}\n")
			cmd, _ := r.start("shift.yaml")
			r.until("weights", five)
			r.write("shift.yaml", "shift: api.example.com\nsteps: [5%, 100%]\ndriver: {exec: {get: ./get.sh, set: ./set.sh}}\n"+extra)
			r.run(2, "shift.yaml")
			if r.read("weights") != five {
				t.Fatalf("a second call changed the weights of a live walk to %s", r.read("weights"))
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if out := r.run(1, "shift.yaml"); !strings.Contains(out, "rolled back by its record") || r.read("weights") != begun {
				t.Errorf("%s\n%s", r.read("weights"), out)
			}
			r.run(2, "shift.yaml") // now the mistake is all there is
		})
	}
}
