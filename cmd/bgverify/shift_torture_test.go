package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The commands of a walk that is killed: they count their calls, and kill the walk at the one that
// the file kill-at names, between the two halves of a write too. They live on after that.
const (
	deadly = `#!/bin/sh
die() {
	[ "$(cat kill-at 2>/dev/null)" = "$1" ] || return 0
	rm kill-at
	until [ -s pid ]; do sleep 0.01; done
	echo $$ > orphan
	kill -9 "$(cat pid)"
	sleep 0.3
}
count() { n=1; until mkdir "$1.$n" 2>/dev/null; do n=$((n + 1)); done; }
`
	deadlyGet = deadly + `count get
die "get $n before"
echo "{\"blue\": $(cat blue), \"green\": $(cat green)}"
die "get $n after"
`
	deadlySet = deadly + `count set
put() { echo "$2" > "$1.new" && mv "$1.new" "$1"; }
die "set $n before"
if [ "$SHIFT_BLUE" = 0 ]; then put green "$SHIFT_GREEN"; else put blue "$SHIFT_BLUE"; fi
die "set $n middle"
put green "$SHIFT_GREEN"; put blue "$SHIFT_BLUE"
die "set $n after"
`
	deadlyConfirm = deadly + "count confirm\ndie \"confirm $n\"\n"
)

// A moment is when a walk is killed: at a call of its commands, or once its record has so many
// lines; on its way back where term is set.
type moment struct {
	at   string
	term bool
}

// moments are all that a walk of three steps has; few are those of the gate.
func moments(few bool) []moment {
	if few {
		return []moment{{"set 2 middle", false}, {"get 9 after", false}, {"set 3 middle", true}}
	}
	var all []moment
	for i := 1; i <= 14; i++ {
		all = append(all, moment{fmt.Sprintf("get %d before", i), false}, moment{fmt.Sprintf("get %d after", i), false})
	}
	for i := 1; i <= 4; i++ {
		for _, half := range []string{"before", "middle", "after"} {
			all = append(all, moment{fmt.Sprintf("set %d %s", i, half), false})
		}
	}
	for _, at := range []string{"set 3 before", "set 3 middle", "set 3 after", "get 8 before", "get 8 after", "get 9 after"} {
		all = append(all, moment{at, true})
	}
	for i := 1; i <= 24; i++ {
		all = append(all, moment{"record " + strconv.Itoa(i), false})
	}
	return append(all, moment{"confirm 1", false})
}

// A walk that is killed -9, before, within or after any call of its mechanism, or after any
// line of its record, leaves what each of the three ways on works from: rollback restores the recorded
// weights, the next call does so too and starts nothing, --resume goes on. Commands that the
// killed process had started are stopped. BGVERIFY_TORTURE=50 tries all moments.
func TestShiftTorture(t *testing.T) {
	t.Parallel()
	few := os.Getenv("BGVERIFY_TORTURE") == ""
	for i, m := range moments(few) {
		for way, name := range []string{"rollback", "next call", "resume"} {
			if few && way != i%3 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s", m.at, name), func(t *testing.T) {
				t.Parallel()
				torture(t, m, way)
			})
		}
	}
}

func torture(t *testing.T, m moment, way int) {
	r := newShiftRig(t, "")
	hold := "20ms"
	if m.term {
		hold = "1h"
	}
	r.write("shift.yaml", "shift: api.example.com\nsteps: [5%, 50%, 100%]\nhold: {min: "+hold+", settle: 0s}\nconfirm: {at: [50%], exec: ./ask.sh}\ndriver: {exec: {get: ./get.sh, set: ./set.sh}}\n")
	for name, text := range map[string]string{"get.sh": deadlyGet, "set.sh": deadlySet, "ask.sh": deadlyConfirm, "blue": "100\n", "green": "0\n", "kill-at": m.at} {
		r.write(name, text)
	}
	cmd, out := r.start("shift.yaml")
	r.write("pid", strconv.Itoa(cmd.Process.Pid))
	if lines, ok := strings.CutPrefix(m.at, "record "); ok {
		n, _ := strconv.Atoi(lines)
		for cmd.Process.Signal(syscall.Signal(0)) == nil && r.recorded() < n && !strings.Contains(r.audit(), `"kind":"end"`) {
			time.Sleep(time.Millisecond)
		}
		_ = cmd.Process.Kill()
	}
	if m.term {
		for r.read("kill-at") != "" && !strings.Contains(r.audit(), `"kind":"set"`) { // a look may be the call that kills
			time.Sleep(20 * time.Millisecond)
		}
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	_ = cmd.Wait()
	if cmd.ProcessState.Exited() {
		if strings.HasPrefix(m.at, "record ") { // it was quicker than the test
			t.Skipf("the walk ended first: %d records", r.recorded())
		}
		t.Fatalf("never killed at %q\n%s\n%s", m.at, out, r.audit())
	}
	if strings.Contains(r.audit(), `"kind":"end"`) { // killed after its end: only a rollback has work
		way = 0
	}
	wrote := strings.Contains(r.audit(), `"kind":"intent"`)
	changed := strings.Count(r.audit(), `"kind":"intent"`) > 1 || wrote && !strings.Contains(r.audit(), `"kind":"tried"`)
	status, said := 0, ""
	switch way {
	case 1:
		status, said = r.end("shift.yaml")
		if want := map[bool]int{true: 1, false: 0}[changed]; status != want {
			t.Errorf("the next call exits with %d, want %d\n%s\n%s", status, want, said, r.audit())
		}
	case 2:
		status, said = r.end("shift.yaml", "--resume")
		if m.term && status != 1 || changed && status != 0 && status != 1 {
			t.Errorf("resume exits with %d\n%s\n%s", status, said, r.audit())
		}
		if status == 0 && r.read("green") != "100" {
			t.Errorf("resume is done with green=%s\n%s", r.read("green"), said)
		}
	}
	if way != 1 || !changed { // a finished walk is rolled back too
		if status, said = r.end("rollback", "shift.yaml"); status != 0 && (status != 2 || changed) {
			t.Errorf("rollback exits with %d\n%s\n%s", status, said, r.audit())
		}
	}
	if r.read("blue") != "100" || r.read("green") != "0" {
		t.Errorf("at the end: blue=%s green=%s\n%s\n%s", r.read("blue"), r.read("green"), said, r.audit())
	}
	if !strings.HasPrefix(m.at, "set ") {
		return
	}
	// One that has ended, and that nobody waited for, has no environment any more.
	if left, err := os.ReadFile("/proc/" + r.read("orphan") + "/environ"); err == nil && strings.Contains(string(left), "SHIFT_WALK="+r.dir) {
		t.Errorf("a command of the killed walk is still running")
	}
}

// audit is the record of the newest walk.
func (r *shiftRig) audit() string {
	folders, _ := filepath.Glob(filepath.Join(r.dir, "shifts", "2*"))
	if len(folders) == 0 {
		return ""
	}
	text, _ := os.ReadFile(filepath.Join(folders[len(folders)-1], "audit.ndjson"))
	return string(text)
}

func (r *shiftRig) recorded() int { return strings.Count(r.audit(), "\n") }

func (r *shiftRig) untilAudit(text string) {
	r.t.Helper()
	for range 1200 {
		if strings.Contains(r.audit(), text) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	r.t.Fatalf("the record never has %s: %s", text, r.audit())
}

// end runs to the end, whatever the status is.
func (r *shiftRig) end(args ...string) (int, string) {
	cmd, out := r.start(args...)
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode(), out.String()
}
