package shift

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// errLocked says that another process holds a lock.
var errLocked = errors.New("locked by another process")

// A Lock keeps two processes from walking one subject. It ends with the process.
type Lock struct{ files []*os.File }

// A LockedError says who works on a walk.
type LockedError struct{ Name, Holder string }

func (e *LockedError) Error() string {
	return fmt.Sprintf("another process works on %s: %s", e.Name, e.Holder)
}

// LockWalk takes the lock of a subject in a folder of walks, which is a file for each of its keys. A
// *LockedError says that another process has it.
func LockWalk(root string, of Subject, holder string) (*Lock, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, err
	}
	l := &Lock{}
	for _, key := range of.Moves {
		sum := sha256.Sum256([]byte(key))
		f, err := lockKey(filepath.Join(root, ".lock-"+hex.EncodeToString(sum[:8])), holder)
		if err != nil {
			l.Unlock()
			if locked, ok := errors.AsType[*LockedError](err); ok {
				locked.Name = of.Name
				return nil, err
			}
			return nil, fmt.Errorf("lock %s: %w", of.Name, err)
		}
		l.files = append(l.files, f)
	}
	return l, nil
}

// patience is how long the lock of a killed process is waited for.
const patience = 500 * time.Millisecond

// waitLock is LockWalk for those who must know that a process lives: a lock that another one holds is
// tried again for a while. A process that was killed while it started a command keeps its
// lock until that command's program begins, and its walk would not be rolled back.
func waitLock(root string, of Subject, holder string) (*Lock, error) {
	for until := time.Now().Add(patience); ; time.Sleep(patience / 25) {
		lock, err := LockWalk(root, of, holder)
		if _, locked := errors.AsType[*LockedError](err); !locked || time.Now().After(until) {
			return lock, err
		}
	}
}

// lockKey takes the lock of one file.
func lockKey(name, holder string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		b := make([]byte, 300)
		n, _ := f.ReadAt(b, 0)
		_ = f.Close()
		if errors.Is(err, errLocked) {
			return nil, &LockedError{Holder: strings.TrimSpace(string(b[:n]))}
		}
		return nil, err
	}
	// The holder's name is for people; a full disk must not keep a rollback from its lock.
	_ = f.Truncate(0)
	_, _ = f.WriteAt([]byte(holder+"\n"), 0)
	return f, nil
}

// Unlock lets go of the lock; its files stay.
func (l *Lock) Unlock() {
	for _, f := range l.files {
		_ = f.Close()
	}
}
