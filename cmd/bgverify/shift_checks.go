package main

import (
	"context"
	"errors"
	"fmt"
	goio "io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/probe"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/command"
	walking "github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// checks gives a walk the checks that its file asks for.
func (s *shiftFlags) checks(io stdio, setup *shift.Setup) error {
	f := setup.Shift
	if f.Gate != nil {
		if err := s.pin(setup); err != nil {
			return err
		}
	}
	if f.Confirm != nil {
		setup.Confirm = command.Confirm(*f.Confirm, f.Name, setup.Dir, s.redactor.Screen(io.err))
	}
	if f.Run != nil {
		self, err := os.Executable()
		if err != nil {
			return broken(fmt.Errorf("find this program, to run suites: %w", err))
		}
		setup.Run = command.Suites(*f.Run, self, setup.Dir, buildOf(f), s.redactor.Screen(goio.Discard))
		if err := s.learnRun(io, f.Run, setup.Dir); err != nil {
			return err
		}
	}
	if f.Probe != nil {
		return s.probe(io, setup)
	}
	return nil
}

// buildOf is the build of green that the gate demands; empty: any.
func buildOf(f *shiftfile.File) string {
	if f.Gate == nil {
		return ""
	}
	return f.Gate.GreenBuild
}

// probe loads the suites of the probe.
func (s *shiftFlags) probe(io stdio, setup *shift.Setup) error {
	config := setup.Shift.Probe
	s.redactor.AddURL(config.Through)
	session, err := s.session(io, setup.Dir, shiftfile.Run{Suites: config.Suites, Env: config.Env, Tag: config.Tag})
	if err != nil {
		return err
	}
	s.learn(session)
	asker, err := runner.NewAsker(session.plan, s.redactor.Add)
	if err != nil {
		return usage("add a case with a GET, or another tag", "during.probe: %w", err)
	}
	setup.Probe = probe.New(asker, probe.Config{
		Through: config.Through, Blue: config.Blue, Green: config.Green, Every: config.Every, Budget: config.Budget, MinGreen: config.MinGreen,
		GreenBuild: buildOf(setup.Shift),
	})
	return nil
}

// pin chooses the archived run of the gate. A walk that is resumed keeps the run that it began with.
func (s *shiftFlags) pin(setup *shift.Setup) error {
	g := setup.Shift.Gate
	root, name := filepath.Join(setup.Dir, g.Out), g.Run
	gate := archive.Gate{Digest: g.Digest, MaxAge: g.MaxAge, GreenBuild: g.GreenBuild, Without: aspectsOf(g.Without), Require: aspectsOf(g.Require)}
	gate.After = archive.Ladder{Root: root, Stages: g.After}
	if s.resume {
		if _, h, err := shift.FindWalk(s.out, setup.Subject()); err == nil && h.Evidence != "" {
			name, gate.Digest = h.Evidence, h.EvidenceDigest
		}
	}
	if g.NoWeaker != "" {
		_, stronger, err := openRun(root, g.NoWeaker)
		if err != nil {
			return err
		}
		gate.Stronger = stronger
	}
	pinned, err := archive.Pin(root, name, gate)
	if errors.Is(err, history.ErrNotFound) {
		return usage("the run that judged green: a folder, an id, or latest under "+root, "before.gate.run: %w", err)
	}
	if err != nil {
		return broken(fmt.Errorf("before.gate.run: %w", err))
	}
	setup.Evidence, setup.EvidenceDigest = pinned.Path, pinned.Digest
	setup.Gate = gateCheck(pinned)
	return nil
}

// gateCheck asks a pinned run. Whatever does not pass is a doubt: green carries traffic already,
// and that a record has become stale says nothing against it.
// A clock that is set back during the walk makes no evidence younger.
func gateCheck(pinned *archive.Pinned) shift.Check {
	began := time.Now()
	return func(context.Context, walking.Step) (walking.Verdict, string) {
		answer := pinned.Check(latest(time.Now().Round(0), began.Round(0).Add(time.Since(began))))
		if answer.Verdict == run.Pass {
			return walking.Pass, ""
		}
		return walking.Doubt, fmt.Sprintf("%s of %s: %s", answer.Verdict, pinned.Path, strings.Join(answer.Reasons, "; "))
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func aspectsOf(words []string) []run.Aspect {
	out := make([]run.Aspect, len(words))
	for i, w := range words {
		out[i] = run.Aspect(w)
	}
	return out
}
