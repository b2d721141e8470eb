package shift

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bgverify/bgverify/runner/shift/machine"
)

const openRecord = `{"kind":"begin","begin":{"walk":"api","how":"walk","plan":{"steps":[{"name":"5%","target":{"blue":95,"green":5}}],"rollback_timeout":30000000000}}}
{"kind":"recorded","weights":{"blue":100,"green":0}}
{"kind":"intent","id":3,"step":0,"weights":{"blue":95,"green":5},"from":{"blue":100,"green":0}}
{"kind":"wrote","id":3}
`

// A process that is asked to roll back and ends the walk in another way at that moment has not
// rolled back: that is then done.
func TestAskedTooLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		folder := filepath.Join(root, "walk")
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		write := func(text string) {
			if err := os.WriteFile(filepath.Join(folder, auditFile), []byte(openRecord+text), 0o600); err != nil {
				t.Error(err)
			}
		}
		write("")
		h, err := ReadHistory(folder)
		if err != nil {
			t.Fatal(err)
		}
		lock, err := LockWalk(root, apiWalk, "another process")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for asked(folder) != AskedRollback {
				time.Sleep(time.Millisecond)
			}
			write(`{"kind":"end","outcome":"done"}` + "\n")
			time.Sleep(2 * listenEvery)
			lock.Unlock()
		}()
		d := &fakeDriver{have: machine.Weights{Blue: 95, Green: 5}}
		r := &Return{Driver: d, Root: root, Folder: folder, History: h, Timeout: 30 * time.Second, Outside: Outside{Now: time.Now}}
		result, err := r.Roll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		back(t, d, result)
	})
}

// A walk that is continued and cannot be recorded is rolled back: its weights are not those
// that were recorded.
func TestResumeWithoutRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, open := range map[string]func() (File, error){
			"no file":   func() (File, error) { return nil, errors.New("read-only file system") },
			"full disk": func() (File, error) { return &fullDisk{writes: new(atomic.Int64)}, nil },
		} {
			d := &fakeDriver{}
			w := newWalk(t, d)
			d.have = machine.Weights{Blue: 95, Green: 5}
			w.Open = open
			m := machine.Continued(w.Plan, machine.Progress{Recorded: begun, Known: d.have, Set: true, Touched: true})
			r := w.Go(t.Context(), m, machine.Begin)
			if back(t, d, r); r.Unrecorded == nil {
				t.Errorf("%s: the record is said to be complete", name)
			}
		}
	})
}

// A failing is a green that fails: the budget is spent with the first answer.
type failing struct{}

func (failing) Look(context.Context) (string, error) { return "", nil }
func (failing) Hold(int, bool)                       {}
func (failing) Watch(ctx context.Context, report func(Seen)) {
	for ctx.Err() == nil {
		report(Seen{Spent: "green fails"})
		time.Sleep(500 * time.Millisecond)
	}
}

func (failing) AskBlue(context.Context) (machine.Verdict, string) { return machine.Pass, "" }

// A walk that is continued where green has traffic already is watched from its first moment, not from its next
// write on.
func TestResumedWalkIsWatched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDriver{}
		w := newWalk(t, d)
		d.have = machine.Weights{Blue: 95, Green: 5}
		w.Probe, w.Plan.Probe = failing{}, true
		w.Open = func() (File, error) { return &memory{}, nil }
		began := time.Now()
		r := w.Go(t.Context(), machine.Continued(w.Plan, machine.Progress{Recorded: begun, Known: d.have, Set: true, Touched: true}), machine.Begin)
		if back(t, d, r); r.Reason != "green fails" || time.Since(began) > time.Minute {
			t.Errorf("%s after %s", r.Reason, time.Since(began))
		}
	})
}

// A clock that jumps changes nothing: holds and limits are measured on one that does not.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDriver{}
		w := newWalk(t, d)
		w.Plan.Hold, w.Plan.MaxHold = 300*time.Millisecond, time.Minute
		var calls atomic.Int64
		w.Now = func() time.Time {
			n := calls.Add(1)
			return time.Now().Add(time.Duration(n%2*2-1) * 1000 * time.Hour)
		}
		began := time.Now()
		r := w.Go(t.Context(), machine.New(w.Plan, 0), machine.Begin)
		if r.Outcome != machine.Done || time.Since(began) < 2*w.Plan.Hold {
			t.Errorf("%s (%s) after %s", r.Outcome, r.Reason, time.Since(began))
		}
	})
}

// A disk that hangs before a write forward is no write on its way: the rollback is over as
// soon as it holds.
func TestDiskHangsBeforeAWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDriver{}
		w := newWalk(t, d)
		disk := &slowDisk{release: make(chan struct{})}
		defer close(disk.release)
		w.Open = func() (File, error) { return disk, nil }
		w.Plan.Hold = 200 * time.Millisecond
		w.Plan.WriteTimeout = 500 * time.Millisecond
		back(t, d, run(t, w, func(context.CancelFunc) { disk.hang.Store(true) }))
	})
}
