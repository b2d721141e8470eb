package archive

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/runner/run"
)

// mountTmpfs mounts a small disk; it needs root.
func mountTmpfs(t *testing.T, flags uintptr, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		t.Skipf("skipped: mounting a tmpfs needs root and a kernel that allows it: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestSmallDiskIsRefusedBeforeTheFirstRequest(t *testing.T) {
	root := filepath.Join(mountTmpfs(t, 0, "size=256k"), "runs")
	if _, err := Create(root, Options{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, want no space left", err)
	}
	if names, err := walkFiles(disk.OS{}, root, ""); err != nil || len(names) > 2 { // lock and key
		t.Errorf("left behind: %v, %v", names, err)
	}
}

func TestDiskThatFills(t *testing.T) {
	root := mountTmpfs(t, 0, "size=3m")
	mustRun(t, root, Options{}, 1)
	w, err := Create(root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Emit(run.Event{Begin: sampleHeader(w.ID(), 1)}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; n < 20000; n++ {
		if err = emitCases(w, n, n+1); err != nil {
			break
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("case %d: got %v, want no space left", n, err)
	}
	if err := w.Emit(run.Event{End: sampleEnd(run.Pass, n)}); err == nil {
		t.Error("an end was written behind a failure")
	}
	if _, err := w.Finish(); err == nil {
		t.Error("finished on a full disk")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if open := checkRoot(t, root); len(open) != 1 {
		t.Errorf("incomplete folders: %v", open)
	}
	r, err := mustOpen(t, w.Path()).Run()
	if err != nil {
		t.Fatal(err)
	}
	if r.End.Verdict != run.Incomplete || r.End.Counts.Cases < n-1 {
		t.Errorf("%d of %d cases are left, verdict %s", r.End.Counts.Cases, n, r.End.Verdict)
	}
	t.Logf("full after %d cases", n)
}

func TestReadOnlyMount(t *testing.T) {
	root := mountTmpfs(t, syscall.MS_RDONLY, "size=1m")
	if _, err := Create(filepath.Join(root, "runs"), Options{}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("got %v, want a read-only file system", err)
	}
	if _, err := os.Stat(filepath.Join(root, "runs")); err == nil {
		t.Error("something was made")
	}
}
