package shift

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// A Setup is what a walk of a shift file is made from.
type Setup struct {
	Shift  *shiftfile.File
	Driver Driver
	// Recorded makes a driver of what the record of an earlier walk says of it, and of its folder.
	Recorded func(config shiftfile.Driver, dir string) (Driver, error)
	// Dir is the folder of the file, Digest the SHA-256 of its content and of what its placeholders stand for.
	Dir, Digest string
	// Root is the folder of walks.
	Root string
	// Tool is the name and version of the program.
	Tool string
	// From is the share of green that a new walk starts at; 0: green has no traffic.
	From float64
	// Stay leaves the weights on a signal.
	Stay bool
	// RollbackTimeout and PauseTimeout bound a rollback and a pause.
	RollbackTimeout, PauseTimeout time.Duration
	Checks
	Outside
}

// ErrHeld says that an earlier walk of the subject was left where it is.
var ErrHeld = errors.New("an earlier walk was left with its weights held")

// Subject is what the file moves.
func (s *Setup) Subject() Subject { return SubjectOf(s.Shift, s.Dir) }

// Begin starts a new walk.
//
//  1. One process works on a subject; a *LockedError names the other.
//  2. A walk that was killed is rolled back and nothing is started: a Job that a
//     cluster restarts must not begin anew. One that ended with its weights held is
//     left to a person (ErrHeld).
//  3. The driver's Check and the weights at the start come before the first record; the
//     right to write is tried by the walk itself, after it.
//  4. Where the mechanism keeps a lease, the walk has it before it writes: walks of other machines are refused (*LockedError).
func (s *Setup) Begin(ctx context.Context) (*Result, string, error) {
	lock, err := waitLock(s.Root, s.Subject(), s.holder())
	if err != nil {
		return nil, "", err
	}
	defer lock.Unlock()
	folder, h, err := FindWalk(s.Root, s.Subject())
	switch {
	case err != nil && !errors.Is(err, ErrNoWalk):
		return nil, "", err
	case err == nil && h.killed(s.Root, s.Subject()) && h.Outcome == machine.Held:
		return nil, folder, ErrHeld
	case err == nil && h.killed(s.Root, s.Subject()): // Rule 2
		s.say("the walk in %s was not brought to an end: it is rolled back, and no new one starts", folder)
		result, err := s.back(ctx, folder, h)
		return result, folder, err
	}
	plan, err := s.Plan()
	if err != nil {
		return nil, "", err
	}
	step, have, err := s.preflight(ctx, plan)
	if err != nil {
		return nil, "", err
	}
	plan.Start = have // Rule 3
	if folder, err = createFolder(s.Root, s.Shift.Name, s.Now()); err != nil {
		return nil, "", err
	}
	w := s.walk(folder, plan, "walk")
	if w.Lease, err = s.takeLease(ctx, folder); err != nil {
		return nil, "", errors.Join(err, os.RemoveAll(folder)) // it holds nothing
	}
	return w.Go(ctx, machine.New(plan, step), machine.Begin), folder, nil
}

// Resume continues the newest walk of the subject, from its record: the first record is kept, and
// the file must be the one that the walk began with. A paused walk that a live process holds is
// asked to go on, which is reported by a nil Result.
func (s *Setup) Resume(ctx context.Context) (*Result, string, error) {
	folder, h, err := FindWalk(s.Root, s.Subject())
	if err != nil {
		return nil, "", hint.Errorf("leave --resume out to start a walk", "nothing to resume: %w", err)
	}
	if !h.Open() && h.Outcome != 0 {
		return nil, folder, hint.Errorf("leave --resume out to start a walk", "the walk in %s has ended: %s", folder, h.Outcome)
	}
	if h.First.Digest != s.Digest {
		return nil, folder, hint.Errorf("restore them, or run 'bgverify shift rollback'", "%s, or a variable that it names, has changed since the walk in %s began", s.Shift.File, folder)
	}
	lock, err := waitLock(s.Root, s.Subject(), s.holder())
	if _, locked := errors.AsType[*LockedError](err); locked {
		return nil, folder, Ask(folder, AskedResume)
	}
	if err != nil {
		return nil, folder, err
	}
	defer lock.Unlock()
	if h, err = ReadHistory(folder); err != nil {
		return nil, folder, err
	}
	switch {
	case !h.Open():
		return nil, folder, hint.Errorf("leave --resume out to start a walk", "the walk in %s has ended: %s", folder, h.Outcome)
	case h.Back:
		s.say("the walk in %s was rolling back: that is brought to its end", folder)
		result, err := s.back(ctx, folder, h)
		return result, folder, err
	}
	if err := s.Driver.Check(ctx); err != nil {
		return nil, folder, err
	}
	plan := h.First.Plan
	plan.StayOnSignal, plan.RollbackTimeout, plan.PauseTimeout = s.Stay, s.RollbackTimeout, s.PauseTimeout
	w := s.walk(folder, plan, "resume")
	if w.Lease, err = s.takeLease(ctx, folder); err != nil {
		return nil, folder, err
	}
	return w.Go(ctx, machine.Continued(plan, h.Progress), machine.Begin), folder, nil
}

// preflight finds the step that a walk starts at, and the weights that it starts from.
func (s *Setup) preflight(ctx context.Context, plan machine.Plan) (int, machine.Weights, error) {
	if err := s.Driver.Check(ctx); err != nil {
		return 0, machine.Weights{}, err
	}
	have, _, err := s.Driver.Read(ctx)
	if err != nil {
		return 0, have, fmt.Errorf("read the weights of %s: %w", s.Driver.Name(), err)
	}
	switch {
	case have.Empty():
		return 0, have, hint.Errorf("give blue its weight first", "both sides of %s have weight 0: there is nothing to go back to", s.Driver.Name())
	case s.From == 0 && have.Green > 0:
		return 0, have, hint.Errorf(fmt.Sprintf("to start there on purpose: --from %s", shiftfile.PercentText(have.Share())),
			"green has %s of the traffic already (%s): a walk starts at 0%%", shiftfile.PercentText(have.Share()), have)
	case s.From > 0 && math.Abs(have.Share()-s.From) > 1e-6:
		return 0, have, hint.Errorf("--from names the share that green has now", "green has %s of the traffic (%s), not %s", shiftfile.PercentText(have.Share()), have, shiftfile.PercentText(s.From))
	}
	if s.Probe != nil {
		remark, err := s.Probe.Look(ctx)
		if err != nil {
			return 0, have, fmt.Errorf("the probe: %w", err)
		}
		if remark != "" {
			s.say("probe: %s", remark)
		}
	}
	for i, share := range s.Shift.Steps {
		if share > s.From+1e-9 && plan.Steps[i].Target != have {
			return i, have, nil
		}
	}
	return 0, have, hint.Errorf("lower --from, or add a step", "no step gives green more than %s", shiftfile.PercentText(s.From))
}

// DryRun says what a walk would do. It reads the weights and writes nothing.
func (s *Setup) DryRun(ctx context.Context) error {
	plan, err := s.Plan()
	if err != nil {
		return err
	}
	step, have, err := s.preflight(ctx, plan)
	if err != nil {
		return err
	}
	s.say("%s has %s; a rollback would restore that", s.Driver.Name(), have)
	for ; step < len(plan.Steps); step++ {
		var text strings.Builder
		fmt.Fprintf(&text, "%s: write %s, settle %s, hold %s", plan.Steps[step].Name, plan.Steps[step].Target, plan.Settle, plan.Hold)
		for _, part := range []struct {
			on   bool
			text string
		}{{plan.Gate, "gate before"}, {plan.Steps[step].Confirm, "confirm before"}, {plan.Probe, "probe during"}, {plan.Run, "run after"}} {
			if part.on {
				text.WriteString(", " + part.text)
			}
		}
		s.say("%s", text.String())
	}
	return nil
}

// Plan is the machine's plan of the file, in weights of the driver.
func (s *Setup) Plan() (machine.Plan, error) {
	f := s.Shift
	plan := machine.Plan{
		Hold: f.Hold.Min, MaxHold: f.Hold.Max, Settle: f.Hold.Settle, Gate: f.Gate != nil, Probe: f.Probe != nil, Run: f.Run != nil,
		PauseOnFail: f.OnFail == "pause", StayOnSignal: s.Stay, WriteTimeout: time.Minute, EffectTimeout: effectTimeout,
		RollbackTimeout: s.RollbackTimeout, PauseTimeout: s.PauseTimeout, ReadEvery: readEvery,
	}
	if f.Run != nil {
		plan.CheckTimeout = f.Run.Timeout + checkSlack
	}
	if f.Confirm != nil {
		plan.CheckTimeout = max(plan.CheckTimeout, f.Confirm.Timeout+checkSlack)
	}
	var wrong []error
	for _, share := range f.Steps {
		target, err := WeightsOf(share, s.Driver.Max())
		if err != nil {
			wrong = append(wrong, err)
		}
		confirm := f.Confirm != nil && slices.ContainsFunc(f.Confirm.At, func(at float64) bool { return math.Abs(at-share) < 1e-9 })
		plan.Steps = append(plan.Steps, machine.Step{Name: shiftfile.PercentText(share), Target: target, Confirm: confirm})
	}
	return plan, errors.Join(wrong...)
}

// effectTimeout bounds the wait for effect: changes of DNS take about a minute, at times several.
// readEvery is the time between two looks at the weights, and checkSlack what a check may take to end after its
// own limit: a process that cannot be killed never does.
const (
	checkSlack    = time.Minute
	effectTimeout = 15 * time.Minute
	readEvery     = 5 * time.Second
)

func (s *Setup) walk(folder string, plan machine.Plan, how string) *Walk {
	return &Walk{
		Plan: plan, Driver: s.Driver, Folder: folder, Checks: s.Checks, Outside: s.Outside,
		Begun: Begun{Walk: s.Shift.Name, File: s.Shift.File, Dir: s.Dir, Tool: s.Tool, How: how, Plan: plan, Driver: s.Shift.Driver, Digest: s.Digest},
	}
}

// back rolls a walk back through the mechanism that its record names, which becomes s.Driver: the
// file may name another by now, whose weights say nothing of the walk.
func (s *Setup) back(ctx context.Context, folder string, h *History) (*Result, error) {
	driver, err := s.Recorded(h.First.Driver, h.First.Dir)
	if err != nil {
		return nil, err
	}
	s.Driver = driver
	if was := h.First.Subject(); !was.same(s.Subject()) { // the lock that is held is of another one
		lock, err := waitLock(s.Root, was, s.holder())
		if err != nil {
			return nil, err
		}
		defer lock.Unlock()
	}
	r := Return{Driver: s.Driver, Root: s.Root, Folder: folder, History: h, Tool: s.Tool, Timeout: s.RollbackTimeout, Outside: s.Outside, Recover: true}
	return r.restore(ctx), nil
}

func (s *Setup) holder() string { return holder(s.Tool) }

func holder(tool string) string {
	host, _ := os.Hostname()
	dir, _ := os.Getwd()
	return fmt.Sprintf("%s, process %d on %s in %s", tool, os.Getpid(), host, filepath.Clean(dir))
}
