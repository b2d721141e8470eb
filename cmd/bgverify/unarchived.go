package main

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/report/archive/redact"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/rounds"
	"github.com/bgverify/bgverify/runner/run"
)

// unarchived runs suites several times and archives nothing: what calibrate and
// selftest are made of.
type unarchived struct {
	io, out  stdio // out: without secrets
	flags    *runFlags
	tree     *tree.Tree
	how      loading
	redactor *redact.Redactor
}

// newUnarchived also returns the function that prints what was held back at the end.
func newUnarchived(io stdio, flags *runFlags, t *tree.Tree, how loading) (u *unarchived, flush func()) {
	u = &unarchived{io: io, flags: flags, tree: t, how: how, redactor: newRedactor()}
	u.out, flush = redacted(io, u.redactor)
	return u, flush
}

// failed is failed of package main for an error that may quote answers: its text is shown
// without the secrets that were met.
func (u *unarchived) failed(ctx context.Context, err error) error {
	var status *statusError
	if !errors.As(failed(ctx, err), &status) || status.err == nil {
		return err
	}
	hidden := *status
	hidden.err = errors.New(u.redactor.String(status.err.Error()))
	return &hidden
}

// newRedactor makes a redactor with a key that is not kept.
func newRedactor() *redact.Redactor {
	key := make([]byte, 32)
	rand.Read(key) //nolint:errcheck // documented never to fail
	return redact.New(key)
}

// plan reads the suites anew, so that no run sees what another changed, with rules
// before those of every suite.
func (u *unarchived) plan(seed uint64, rules []diff.Rule) (*runner.Plan, error) {
	u.flags.seed = seed
	how := u.how
	how.rules = rules
	s, err := loadSession(u.io, u.flags, u.tree, nil, how)
	if err != nil {
		return nil, err
	}
	u.how.quiet = true
	for _, suite := range s.plan.Suites {
		for _, password := range suite.Passwords() {
			u.redactor.Add("userinfo", password)
		}
	}
	return s.plan, nil
}

// execute runs a plan; visit takes each case as it ends.
func (u *unarchived) execute(
	ctx context.Context, plan *runner.Plan, visit func(*run.CaseResult),
) (*run.End, []run.LoadResult, error) {
	progress := newProgress(u.out.err, u.io.err, u.flags)
	defer progress.close()
	return rounds.Execute(ctx, plan, rounds.Watch{Secret: u.redactor.Add, Visit: visit, Progress: progress.show})
}
