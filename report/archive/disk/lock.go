package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrLocked says that another process holds a lock. Test for it with errors.Is; the error
// itself may be a LockedError.
var ErrLocked = errors.New("locked by another process")

// A Lock is held until Unlock or the end of the process. The operating system releases it when
// the process dies, so a lock is never left over.
type Lock struct{ f File }

// LockedError says who holds a lock. It is ErrLocked.
type LockedError struct {
	// File is the lock file.
	File string
	// Holder is what the process that holds the lock wrote into it; may be empty.
	Holder string
}

// Error says what to wait for, in words for the terminal.
func (e *LockedError) Error() string {
	if e.Holder == "" {
		return fmt.Sprintf("another load run is under way on this host (%s is locked)", e.File)
	}
	return fmt.Sprintf("another load run is under way on this host: %s (%s is locked)", e.Holder, e.File)
}

// Is makes errors.Is(err, ErrLocked) hold.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// loadLockFile is the lock of a host's load runs, in the folder for temporary files.
const loadLockFile = "bgverify-load.lock"

// LockLoad makes sure that this host runs no other load at the same time: two
// would measure each other. holder is what another process reads about this one.
// It does not wait: the error is a LockedError where another load runs.
func LockLoad(holder string) (*Lock, error) { return lockLoad(OS{}, os.TempDir(), holder) }

func lockLoad(fsys FS, dir, holder string) (*Lock, error) {
	name := filepath.Join(dir, loadLockFile)
	f, err := openLock(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("lock the load of this host: %w", err)
	}
	if err := fsys.Lock(f, false); err != nil {
		// The holder's text tells people which run to wait for. It may be cut or missing.
		var text [256]byte
		n, _ := f.ReadAt(text[:], 0) // empty when it cannot be read
		_ = f.Close()
		if errors.Is(err, ErrLocked) {
			who, _, _ := strings.Cut(string(bytes.ToValidUTF8(text[:n], nil)), "\n")
			return nil, &LockedError{name, who}
		}
		return nil, fmt.Errorf("lock the load of this host: %w", err)
	}
	if err := f.Truncate(0); err == nil { // a lock of another user cannot be written on, and holds all the same
		_, _ = f.Write([]byte(holder + "\n"))
	}
	return &Lock{f}, nil
}

// openLock opens the lock file, which every user of the host must be able to
// open; a link in its place is refused, as the folder is everybody's.
func openLock(fsys FS, name string) (File, error) {
	if info, err := fsys.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	// The file is opened without being made first: some systems forbid to open a file of
	// another user for creation in a folder that everybody may write to.
	f, err := fsys.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) { // somebody was faster
			f, err = fsys.OpenFile(name, os.O_RDWR, 0)
		}
	}
	if errors.Is(err, fs.ErrPermission) { // another user made it
		f, err = OpenRead(fsys, name)
	}
	return f, err
}

// Unlock lets go of the lock. The file stays: a lock on a file that another
// process is about to open must not vanish beneath it.
func (l *Lock) Unlock() error { return l.f.Close() }
