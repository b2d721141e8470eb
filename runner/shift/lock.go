package shift

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// errLocked says that another process holds a lock.
var errLocked = errors.New("locked by another process")

// A Lock keeps two processes from walking one name. It ends with the process.
type Lock struct{ f *os.File }

// A LockedError says who works on a walk.
type LockedError struct{ Name, Holder string }

func (e *LockedError) Error() string {
	return fmt.Sprintf("another process works on %s: %s", e.Name, e.Holder)
}

// LockWalk takes the lock of a name in a folder of walks. A *LockedError says that another
// process has it.
func LockWalk(root, name, holder string) (*Lock, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(root, ".lock-"+name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		b := make([]byte, 300)
		n, _ := f.ReadAt(b, 0)
		_ = f.Close()
		if errors.Is(err, errLocked) {
			return nil, &LockedError{name, strings.TrimSpace(string(b[:n]))}
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	// The holder's name is for people; a full disk must not keep a rollback from its lock.
	_ = f.Truncate(0)
	_, _ = f.WriteAt([]byte(holder+"\n"), 0)
	return &Lock{f}, nil
}

// Unlock lets go of the lock; its file stays.
func (l *Lock) Unlock() { _ = l.f.Close() }
