package shift

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bgverify/bgverify/runner/shift/machine"
)

// A fakeDriver holds weights in memory and misbehaves where a test asks it to.
type fakeDriver struct {
	mu      sync.Mutex
	have    machine.Weights
	writes  []machine.Weights
	onWrite func(ctx context.Context, to machine.Weights) error // before it is done; nil: nothing
	onRead  func(ctx context.Context) error
	setting machine.Setting // next to the weights
}

func (d *fakeDriver) Name() string                { return "fake" }
func (d *fakeDriver) Max() int                    { return 100 }
func (d *fakeDriver) Check(context.Context) error { return nil }

func (d *fakeDriver) Read(ctx context.Context) (machine.Weights, machine.Setting, error) {
	if d.onRead != nil {
		if err := d.onRead(ctx); err != nil {
			return machine.Weights{}, nil, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.have, d.setting, nil
}

func (d *fakeDriver) Write(ctx context.Context, from, to machine.Weights, compare bool) error {
	if d.onWrite != nil {
		if err := d.onWrite(ctx, to); err != nil {
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if compare && d.have != from {
		return Refused(errors.New("changed meanwhile"))
	}
	d.have = to
	d.writes = append(d.writes, to)
	return nil
}
func (d *fakeDriver) Await(context.Context) (time.Duration, error) { return 0, nil }
func (d *fakeDriver) ByHand(machine.Weights) []string              { return []string{"by hand"} }

func (d *fakeDriver) weights() machine.Weights {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.have
}

var begun = machine.Weights{Blue: 100}

// newWalk is a walk that stays at its first step until something happens.
func newWalk(t *testing.T, d *fakeDriver) *Walk {
	d.have = begun
	plan := machine.Plan{
		Steps: []machine.Step{{Name: "5%", Target: machine.Weights{Blue: 95, Green: 5}}, {Name: "100%", Target: machine.Weights{Green: 100}}},
		Hold:  time.Hour, MaxHold: time.Hour, WriteTimeout: time.Minute, EffectTimeout: time.Minute, RollbackTimeout: 30 * time.Second,
		PauseTimeout: time.Minute, ReadEvery: 50 * time.Millisecond,
	}
	return &Walk{Plan: plan, Driver: d, Folder: t.TempDir(), Outside: Outside{Now: time.Now}, Begun: Begun{Walk: "api", How: "walk", Plan: plan}}
}

// run runs the walk and calls when once the first step is set.
func run(t *testing.T, w *Walk, when func(cancel context.CancelFunc)) *Result {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var once sync.Once
	tell := w.Tell
	w.Tell = func(l Line) error {
		t.Log(l.Step, l.Text)
		if l.Step == "5%" {
			once.Do(func() { when(cancel) })
		}
		if tell != nil {
			return tell(l)
		}
		return nil
	}
	return w.Go(ctx, machine.New(w.Plan, 0), machine.Begin)
}

func back(t *testing.T, d *fakeDriver, r *Result) {
	t.Helper()
	if r.Outcome != machine.RolledBack || d.weights() != begun {
		t.Errorf("%s (%s) with %s", r.Outcome, r.Reason, d.weights())
	}
}

// inBubble gives a test a clock of its own, on which waiting takes no time.
func inBubble(test func(t *testing.T)) func(t *testing.T) {
	return func(t *testing.T) { synctest.Test(t, test) }
}

// A write that hangs and does not heed its context does not keep the rollback from
// leaving; when it lands late, the rollback is written again.
func TestHangingWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDriver{}
		landed := make(chan struct{})
		d.onWrite = func(_ context.Context, to machine.Weights) error {
			if to.Green == 100 {
				time.Sleep(2 * time.Second)
				close(landed)
			}
			return nil
		}
		w := newWalk(t, d)
		w.Plan.Hold = 0
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for d.weights().Green != 5 {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(300 * time.Millisecond)
			cancel()
		}()
		r := w.Go(ctx, machine.New(w.Plan, 0), machine.Begin)
		select {
		case <-landed:
		default:
			t.Error("the walk ended while a write was on its way")
		}
		back(t, d, r)
	})
}

// A disk that is full rolls the walk back, and does not keep the rollback from being done.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for n := range 12 {
		t.Run(strconv.Itoa(n), inBubble(func(t *testing.T) {
			d := &fakeDriver{}
			w := newWalk(t, d)
			w.Plan.Hold = 0
			var writes atomic.Int64
			w.Open = func() (File, error) { return &fullDisk{after: int64(n), writes: &writes}, nil }
			r := w.Go(t.Context(), machine.New(w.Plan, 0), machine.Begin)
			switch r.Outcome {
			case machine.Untouched, machine.RolledBack:
				if d.weights() != begun || r.Unrecorded == nil {
					t.Errorf("%s with %s, %v", r.Outcome, d.weights(), r.Unrecorded)
				}
			case machine.Done: // only what comes after the last write was not recorded
				if n < 9 || r.Unrecorded == nil || d.weights() != (machine.Weights{Green: 100}) {
					t.Errorf("%s with %s, %v", r.Outcome, d.weights(), r.Unrecorded)
				}
			default:
				t.Errorf("%s with %s", r.Outcome, d.weights())
			}
		}))
	}
}

type fullDisk struct {
	after  int64
	writes *atomic.Int64
}

func (f *fullDisk) Write(p []byte) (int, error) {
	if f.writes.Add(1) > f.after {
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}
func (f *fullDisk) Sync() error  { return nil }
func (f *fullDisk) Close() error { return nil }

// A disk that hangs does not hold up a rollback.
func TestHangingDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDriver{}
		w := newWalk(t, d)
		disk := &slowDisk{release: make(chan struct{})}
		defer close(disk.release)
		w.Open = func() (File, error) { return disk, nil }
		back(t, d, run(t, w, func(cancel context.CancelFunc) {
			disk.hang.Store(true)
			cancel()
		}))
	})
}

type slowDisk struct {
	hang    atomic.Bool
	release chan struct{}
}

func (f *slowDisk) Write(p []byte) (int, error) {
	if f.hang.Load() {
		<-f.release
	}
	return len(p), nil
}
func (f *slowDisk) Sync() error  { return nil }
func (f *slowDisk) Close() error { return nil }

// A panic of a check, of the driver, or of the probe rolls back.
func TestPanics(t *testing.T) {
	t.Parallel()
	t.Run("check", inBubble(func(t *testing.T) {
		d := &fakeDriver{}
		w := newWalk(t, d)
		w.Plan.Hold, w.Plan.Run = 0, true
		w.Run = func(context.Context, machine.Step) (machine.Verdict, string) { panic("in a check") }
		back(t, d, w.Go(t.Context(), machine.New(w.Plan, 0), machine.Begin))
	}))
	t.Run("write", inBubble(func(t *testing.T) {
		d := &fakeDriver{}
		d.onWrite = func(_ context.Context, to machine.Weights) error {
			if to.Green == 100 {
				panic("in a write")
			}
			return nil
		}
		w := newWalk(t, d)
		w.Plan.Hold = 0
		back(t, d, w.Go(t.Context(), machine.New(w.Plan, 0), machine.Begin))
	}))
	t.Run("first rollback write", inBubble(func(t *testing.T) {
		d := &fakeDriver{}
		var panicked atomic.Bool
		d.onWrite = func(_ context.Context, to machine.Weights) error {
			if to == begun && !panicked.Swap(true) {
				panic("in the rollback")
			}
			return nil
		}
		back(t, d, run(t, newWalk(t, d), func(cancel context.CancelFunc) { cancel() }))
	}))
	panicsLater := func(d *fakeDriver, what string) error {
		if d.weights().Green > 0 {
			panic(what)
		}
		return nil
	}
	for name, unsafe := range map[string]func(*Walk, *fakeDriver){
		"terminal": func(w *Walk, d *fakeDriver) { w.Tell = func(Line) error { return panicsLater(d, "in a line") } },
		"listener": func(w *Walk, d *fakeDriver) { w.Lost = func() error { return panicsLater(d, "in a look") } },
		"receiver": func(w *Walk, _ *fakeDriver) {
			w.Plan.Hold, w.Plan.Run, w.Paused = 0, true, func(string) { panic("in a notification") }
			w.Run = func(context.Context, machine.Step) (machine.Verdict, string) { return machine.Doubt, "stale" }
		},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			d := &fakeDriver{}
			w := newWalk(t, d)
			unsafe(w, d)
			back(t, d, w.Go(t.Context(), machine.New(w.Plan, 0), machine.Begin))
		}))
	}
	t.Run("read", inBubble(func(t *testing.T) {
		d := &fakeDriver{}
		var reads atomic.Int64
		d.onRead = func(context.Context) error {
			if reads.Add(1) == 4 {
				panic("in a read")
			}
			return nil
		}
		back(t, d, newWalk(t, d).Go(t.Context(), machine.New(newWalk(t, d).Plan, 0), machine.Begin))
	}))
}

// A terminal that is lost rolls back; one that hangs keeps nothing from being done.
func TestTerminal(t *testing.T) {
	t.Parallel()
	t.Run("lost", inBubble(func(t *testing.T) {
		d := &fakeDriver{}
		w := newWalk(t, d)
		w.Tell = func(l Line) error {
			if l.Step == "5%" {
				return errors.New("broken pipe")
			}
			return nil
		}
		back(t, d, w.Go(t.Context(), machine.New(w.Plan, 0), machine.Begin))
	}))
	t.Run("stuck", inBubble(func(t *testing.T) {
		d := &fakeDriver{}
		w := newWalk(t, d)
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		defer close(release)
		w.Tell = func(Line) error { <-release; return nil }
		go func() {
			for d.weights().Green != 5 {
				time.Sleep(time.Millisecond)
			}
			cancel()
		}()
		back(t, d, w.Go(ctx, machine.New(w.Plan, 0), machine.Begin))
	}))
}

// A mechanism that cannot be reached for a while is tried until it can.
func TestUnreachableDuringRollback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDriver{}
		var down atomic.Bool
		d.onWrite = func(_ context.Context, to machine.Weights) error {
			if down.Load() {
				return errors.New("connection refused")
			}
			return nil
		}
		d.onRead = func(context.Context) error {
			if down.Load() {
				return errors.New("connection refused")
			}
			return nil
		}
		back(t, d, run(t, newWalk(t, d), func(cancel context.CancelFunc) {
			down.Store(true)
			time.AfterFunc(1500*time.Millisecond, func() { down.Store(false) })
			cancel()
		}))
	})
}

// A record cut at any byte still says what a rollback needs, once a write may have left.
func TestTornRecord(t *testing.T) {
	t.Parallel()
	d := &fakeDriver{}
	w := newWalk(t, d)
	whole := &memory{}
	w.Open = func() (File, error) { return whole, nil }
	back(t, d, run(t, w, func(cancel context.CancelFunc) { cancel() }))
	tornEverywhere(t, whole.text())
}
