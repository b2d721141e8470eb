package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/report/archive/remote"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// Budgets of copying a run folder; the second begins with a signal, after which the process
// will soon be killed.
const (
	copyBudget    = 15 * time.Minute
	copyAfterStop = 15 * time.Second
)

// isStore reports whether --out, or a run, is in an object store.
func isStore(name string) bool { return strings.HasPrefix(name, stage.StoreScheme) }

// localRoot refuses an object store where runs are written, or read in place.
func localRoot(root string) error {
	if isStore(root) {
		return usage("gate, report and history read from a store; archive: of an env file copies runs there",
			"--out %s is an object store, and this command needs a folder", root)
	}
	return nil
}

// openStore makes an object store ready to be asked.
func openStore(ctx context.Context, address string) (*remote.Store, error) {
	at, err := stage.ParseStore(address)
	if err != nil {
		return nil, usage("s3://bucket/prefix", "%s: %w", text.Visible(address), err)
	}
	store, err := remote.Open(ctx, at)
	return store, failed(ctx, err)
}

// openKept finds a run as openFolder does, also in an object store: below --out
// s3://bucket/prefix, or by its whole address.
func openKept(ctx context.Context, root, name string) (*remote.Run, error) {
	if isStore(name) {
		i := strings.LastIndexByte(name, '/')
		root, name = name[:i], name[i+1:]
	}
	if !isStore(root) {
		folder, err := openFolder(root, name)
		if err != nil {
			return nil, err
		}
		return remote.InPlace(folder), nil
	}
	store, err := openStore(ctx, root)
	if err != nil {
		return nil, err
	}
	kept, err := store.OpenRun(ctx, name)
	return kept, failed(ctx, err)
}

// copyToStore copies the finished run folder to where the env file says. A failure is a
// warning with the command that tries again; the verdict stays.
func (s *session) copyToStore(ctx context.Context, out stdio, w *archive.Writer) {
	if s.flags.verb != "" || s.plan.Env == nil || s.plan.Env.Archive == (stage.Store{}) || s.finished == nil {
		return
	}
	stopped := ctx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(stopped), copyBudget)
	defer cancel()
	defer context.AfterFunc(stopped, func() { time.AfterFunc(copyAfterStop, cancel) })()
	to := s.plan.Env.Archive.String()
	store, err := openStore(ctx, to)
	if err == nil {
		err = store.Upload(ctx, w.Path())
	}
	if err != nil {
		again := fmt.Sprintf("bgverify history --upload %s --to %s", w.ID(), to)
		if s.flags.out != "runs" {
			again += " --out '" + strings.ReplaceAll(s.flags.out, "'", `'\''`) + "'"
		}
		fmt.Fprintf(out.err, "bgverify: warning: the run was not copied to %s: %s\n  hint: %s\n", to, text.Visible(err.Error()), again)
		return
	}
	if !s.flags.quiet {
		fmt.Fprintf(out.err, "copied to %s\n", store.Address(filepath.Base(w.Path())))
	}
}

// send copies an archived run to an object store, once its folder is known to be what its
// manifest says: what is in a store was whole when it was copied.
func (flags *historyFlags) send(ctx context.Context, io stdio) error {
	store, err := openStore(ctx, flags.to)
	if err != nil {
		return err
	}
	folder, err := openFolder(flags.root, flags.upload)
	if err != nil {
		return err
	}
	if err := folder.Verify(); err != nil {
		return broken(err)
	}
	if err := store.Upload(ctx, folder.Path()); err != nil {
		return broken(fmt.Errorf("copy to %s: %w", flags.to, err))
	}
	fmt.Fprintf(io.err, "copied to %s\n", store.Address(filepath.Base(folder.Path())))
	return nil
}

// listStore lists the runs of an object store: the newest, and some before them that they
// are compared with.
func (flags *historyFlags) listStore(ctx context.Context, io stdio) ([]history.Listed, int, error) {
	store, err := openStore(ctx, flags.root)
	if err != nil {
		return nil, 0, err
	}
	list, bad, unread, err := store.List(ctx, flags.limit)
	for _, err := range unread {
		fmt.Fprintf(io.err, "bgverify: warning: left out: %s\n", text.Visible(err.Error()))
	}
	return list, bad, failed(ctx, err)
}
