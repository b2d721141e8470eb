package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
)

var errInjected = errors.New("injected failure")

// faultFS fails the n-th call, or every call from the n-th on. It syncs
// nothing: what a test reads back never leaves the page cache.
type faultFS struct {
	disk.OS
	calls *atomic.Int64
	at    int64
	dead  bool // every later call fails too, as if the process had been killed
	kill  bool // the call kills the process instead
}

func newFaultFS(at int64, dead bool) *faultFS {
	return &faultFS{calls: new(atomic.Int64), at: at, dead: dead}
}

func (f *faultFS) fail(what string) error {
	n := f.calls.Add(1)
	if f.kill && n == f.at {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {} // nothing happens after the kill
	}
	if n == f.at || f.dead && f.at > 0 && n > f.at {
		return fmt.Errorf("%s: call %d: %w", what, n, errInjected)
	}
	return nil
}

func (f *faultFS) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	if err := f.fail("open"); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultFile{file, f}, nil
}

func (f *faultFS) Mkdir(name string, perm fs.FileMode) error {
	if err := f.fail("mkdir"); err != nil {
		return err
	}
	return f.OS.Mkdir(name, perm)
}

func (f *faultFS) Rename(from, to string) error {
	if err := f.fail("rename"); err != nil {
		return err
	}
	return f.OS.Rename(from, to)
}

func (f *faultFS) Remove(name string) error {
	if err := f.fail("remove"); err != nil {
		return err
	}
	return f.OS.Remove(name)
}

func (f *faultFS) RemoveAll(name string) error {
	if err := f.fail("remove all"); err != nil {
		return err
	}
	return f.OS.RemoveAll(name)
}

func (f *faultFS) Symlink(target, name string) error {
	if err := f.fail("symlink"); err != nil {
		return err
	}
	return f.OS.Symlink(target, name)
}

func (f *faultFS) Readlink(name string) (string, error) {
	if err := f.fail("readlink"); err != nil {
		return "", err
	}
	return f.OS.Readlink(name)
}

func (f *faultFS) Lstat(name string) (fs.FileInfo, error) {
	if err := f.fail("lstat"); err != nil {
		return nil, err
	}
	return f.OS.Lstat(name)
}

func (f *faultFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.fail("readdir"); err != nil {
		return nil, err
	}
	return f.OS.ReadDir(name)
}

func (f *faultFS) SyncDir(string) error { return f.fail("sync folder") }

func (f *faultFS) Lock(file disk.File, wait bool) error {
	if err := f.fail("lock"); err != nil {
		return err
	}
	return f.OS.Lock(file.(*faultFile).File, wait)
}

type faultFile struct {
	disk.File
	fs *faultFS
}

func (f *faultFile) Read(p []byte) (int, error) {
	if err := f.fs.fail("read"); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *faultFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.fail("read at"); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

// Write writes half of p before it fails, as a full disk does.
func (f *faultFile) Write(p []byte) (int, error) {
	if err := f.fs.fail("write"); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultFile) Stat() (fs.FileInfo, error) {
	if err := f.fs.fail("stat"); err != nil {
		return nil, err
	}
	return f.File.Stat()
}

func (f *faultFile) Sync() error { return f.fs.fail("sync") }

func (f *faultFile) Truncate(size int64) error {
	if err := f.fs.fail("truncate"); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

// Close closes the file even when it says that it failed.
func (f *faultFile) Close() error {
	err := f.fs.fail("close")
	return errors.Join(err, f.File.Close())
}

// checkRoot holds an archive to what must be true of it at any moment. It
// returns the folders that say incomplete.
func checkRoot(t *testing.T, root string) (open []string) {
	t.Helper()
	names, err := history.RunNames(disk.OS{}, root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f := mustOpenAny(filepath.Join(root, name))
		head, err := f.Head()
		if err != nil {
			t.Fatalf("%s: a folder without a readable run.json: %v", name, err)
		}
		if head.Verdict == run.Incomplete {
			open = append(open, f.Path())
			if _, err := f.Run(); err != nil && !errors.Is(err, ErrIncomplete) {
				t.Fatalf("%s: incomplete and not readable: %v", name, err)
			}
			continue
		}
		if err := f.Verify(); err != nil {
			t.Fatalf("%s says %s, and does not verify: %v", name, head.Verdict, err)
		}
	}
	switch latest, err := history.Resolve(root, history.LatestLink); {
	case errors.Is(err, history.ErrNotFound):
	case err != nil:
		t.Fatal(err)
	default:
		if err := mustOpen(t, latest).Verify(); err != nil {
			t.Fatalf("latest: %v", err)
		}
	}
	if _, bad, err := history.Read(root); err != nil || bad > 1 {
		t.Fatalf("history: %d bad lines, %v", bad, err)
	}
	return open
}

// finishLater resumes a run as the command does and finishes it.
func finishLater(t *testing.T, fsys disk.FS, path string, cases int) run.Verdict {
	t.Helper()
	w, state, err := Resume(path, Options{FS: fsys})
	if errors.Is(err, ErrIncomplete) {
		return 0 // it never began: nothing was sent, and there is nothing to go on with
	}
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if !state.Over {
		h := state.Run.Header
		if err := w.Emit(run.Event{Begin: &h}); err != nil {
			t.Fatal(err)
		}
		done := map[int]bool{}
		for c, err := range state.Run.Cases {
			if err != nil {
				t.Fatal(err)
			}
			done[c.Index] = true
		}
		for i := range cases {
			if !done[i] {
				if err := emitCases(w, i, i+1); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Emit(run.Event{Load: sampleLoad()}); err != nil {
			t.Fatal(err)
		}
		if err := w.Emit(run.Event{End: sampleEnd(run.Fail, cases)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := closeRun(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f := mustOpen(t, path)
	if err := f.Verify(); err != nil {
		t.Fatal(err)
	}
	r, err := f.Run()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for c, err := range r.Cases {
		if err != nil || c.Index != n {
			t.Fatalf("resumed: case %v stands at %d: %v", c, n, err)
		}
		if pair, err := r.Pair(c.Steps[0].Exchange); err != nil || pair == nil || pair.Blue.Answer == nil {
			t.Fatalf("resumed: pair of %s: %v, %v", c.ID, pair, err)
		}
		n++
	}
	if n != cases {
		t.Fatalf("resumed: %d cases, want %d", n, cases)
	}
	return r.End.Verdict
}

// onlyRun removes every run but one, so that a loop of many runs stays short.
func onlyRun(t *testing.T, root, keep string) {
	t.Helper()
	if err := history.PointLatest(disk.OS{}, root, keep); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(root, history.HistoryFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	names, err := history.RunNames(disk.OS{}, root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if name != keep {
			if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFailEveryCall makes each call to the file system fail in turn: the run
// says so, or its folder is complete. Nothing older is damaged, and the archive
// works on.
func TestFailEveryCall(t *testing.T) {
	for _, dead := range []bool{false, true} {
		t.Run(map[bool]string{false: "once", true: "from then on"}[dead], func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			first, _ := mustRun(t, root, Options{FS: newFaultFS(0, false)}, 1)
			resumed := 0
			n, step := int64(1), int64(1)
			if dead && os.Getenv("BGVERIFY_TORTURE") == "" {
				step = 3
			}
			for ; ; n += step {
				fsys := newFaultFS(n, dead)
				path, _, err := wholeRun(root, Options{FS: fsys}, 2)
				if err == nil && fsys.calls.Load() < n {
					break
				}
				if err == nil {
					if verr := mustOpen(t, path).Verify(); verr != nil {
						t.Fatalf("call %d failed, the run says nothing, and its folder does not verify: %v", n, verr)
					}
				} else if !errors.Is(err, errInjected) && !errors.Is(err, errClosed) {
					t.Fatalf("call %d failed, and the error does not say so: %v", n, err)
				}
				for _, open := range checkRoot(t, root) {
					if v := finishLater(t, newFaultFS(0, false), open, 2); v == run.Fail {
						resumed++
					}
				}
				onlyRun(t, root, filepath.Base(first))
			}
			t.Logf("%d calls, %d runs resumed to the verdict of an undisturbed one", n-1, resumed)
			if n < 100 || resumed < 20/int(step) {
				t.Errorf("only %d calls and %d resumed runs: the test tests nothing", n-1, resumed)
			}
			mustRun(t, root, Options{}, 1)
			checkRoot(t, root)
		})
	}
}

func mustNames(t *testing.T, root string) []string {
	t.Helper()
	names, err := history.RunNames(disk.OS{}, root)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// killedCases is how many cases the run of TestKill has.
const killedCases = 12

// killedChild is what the child of TestKill runs: a run that is killed at its
// at-th call of the file system.
func killedChild(root, at string) {
	n, err := strconv.ParseInt(at, 10, 64)
	if err == nil {
		fsys := newFaultFS(n, false)
		fsys.kill = true
		_, _, err = wholeRun(root, Options{Suite: "stb", Clock: time.Now, FS: fsys}, killedCases)
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(3)
	}
	fmt.Println("done")
	os.Exit(0)
}

func TestMain(m *testing.M) {
	if root := os.Getenv("BGVERIFY_TEST_KILLED"); root != "" {
		killedChild(root, os.Getenv("BGVERIFY_TEST_KILL_AT"))
	}
	goleak.VerifyTestMain(m) // no test leaves a goroutine behind
}

// TestKill kills a child process at seeded calls of the file system, spread over
// the whole run, however fast it goes. Set BGVERIFY_TORTURE=200 for as many moments.
func TestKill(t *testing.T) {
	moments := 15
	if n, err := strconv.Atoi(os.Getenv("BGVERIFY_TORTURE")); err == nil {
		moments = n
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	counted := newFaultFS(0, false)
	if _, _, err := wholeRun(t.TempDir(), Options{Suite: "stb", Clock: time.Now, FS: counted}, killedCases); err != nil {
		t.Fatal(err)
	}
	calls := counted.calls.Load()
	root := t.TempDir()
	rng := rand.New(rand.NewPCG(8, 15))
	counts := map[string]int{}
	for moment := range moments {
		folders := len(mustNames(t, root))
		// One call of each equal part of the run, and one that never comes.
		at := 1 + (int64(moment)*calls+rng.Int64N(calls))/int64(moments-1)
		if moment == moments-1 {
			at = math.MaxInt64
		}
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), "BGVERIFY_TEST_KILLED="+root, fmt.Sprintf("BGVERIFY_TEST_KILL_AT=%d", at))
		out, err := cmd.Output() // an error when it was killed
		text := strings.TrimSpace(string(out))
		done := text == "done"
		if strings.HasPrefix(text, "error") || (err == nil) != done {
			t.Fatalf("the child, to be killed at call %d of %d: %q, %v", at, calls, text, err)
		}
		open := checkRoot(t, root)
		switch {
		case done && len(open) > 0:
			t.Fatalf("the child was done, and %v is incomplete", open)
		case done:
			counts["done"]++
		case len(open) == 0 && len(mustNames(t, root)) > folders:
			counts["behind its commit"]++
		case len(open) == 0:
			counts["before its folder"]++
		}
		for _, path := range open {
			switch v := finishLater(t, disk.OS{}, path, killedCases); v {
			case 0:
				counts["before its first event"]++
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
			case run.Fail:
				counts["resumed"]++
			default:
				t.Fatalf("resumed to %v", v)
			}
		}
	}
	t.Logf("%d moments: %v", moments, counts)
	if counts["resumed"] == 0 || counts["done"] == 0 {
		t.Error("no run was killed in its middle, or none came to its end: the test tests nothing")
	}
	found, unreadable, err := RebuildHistory(root, Options{})
	if err != nil || len(unreadable) > 0 {
		t.Fatalf("rebuild: %v, %v", unreadable, err)
	}
	if names := mustNames(t, root); found != len(names) {
		t.Errorf("the history has %d runs, the archive %d folders", found, len(names))
	}
}

func TestReadOnlyRoot(t *testing.T) {
	root := filepath.Join(t.TempDir(), "runs")
	if err := os.Mkdir(root, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() != 0 { // root may write anywhere
		if _, err := Create(root, Options{}); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("created in a read-only folder: %v", err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{file, filepath.Join(file, "below")} {
		if _, err := Create(root, Options{}); err == nil {
			t.Errorf("created under %s, which is a file", root)
		}
	}
}
