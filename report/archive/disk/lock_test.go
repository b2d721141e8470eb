package disk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestLockLoad(t *testing.T) {
	dir := t.TempDir()
	first, err := lockLoad(OS{}, dir, "run 7f3a, process 1")
	if err != nil {
		t.Fatal(err)
	}
	_, err = lockLoad(OS{}, dir, "run 8, process 2")
	var locked *LockedError
	if !errors.As(err, &locked) || !errors.Is(err, ErrLocked) || locked.Holder != "run 7f3a, process 1" {
		t.Errorf("a second load run: %v", err)
	}
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	second, err := lockLoad(OS{}, dir, "x")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, loadLockFile)); err != nil || string(got) != "x\n" {
		t.Errorf("the lock says %q", got)
	}
	if err := second.Unlock(); err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), filepath.Join(other, loadLockFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := lockLoad(OS{}, other, "x"); err == nil {
		t.Error("followed a link")
	}
}
