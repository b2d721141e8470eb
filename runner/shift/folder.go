package shift

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// startLayout begins the names of folders, so that they sort by time.
const startLayout = "2006-01-02T15-04-05.000Z"

// controlFile holds what another process asks of a walk that is under way.
const controlFile = "control"

// ErrNoWalk says that a folder holds no walk of a name.
var ErrNoWalk = errors.New("no walk")

// createFolder makes the folder of a new walk: time, name and four random bytes. Where the
// clock was set back, the time is that of the newest folder and a moment: order is by name. The
// folder and its empty record are on the disk when it returns.
func createFolder(root, name string, now time.Time) (string, error) {
	var b [4]byte
	rand.Read(b[:]) //nolint:errcheck // documented never to fail
	if err := os.MkdirAll(root, 0o700); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if !isWalkOf(e.Name(), name) {
			continue
		}
		if began, err := time.Parse(startLayout, e.Name()[:len(startLayout)]); err == nil && !now.After(began.Add(time.Millisecond)) {
			now = began.Add(time.Millisecond)
		}
	}
	folder := filepath.Join(root, now.UTC().Format(startLayout)+"-"+name+"-"+hex.EncodeToString(b[:]))
	if err := os.Mkdir(folder, 0o700); err != nil {
		return "", err
	}
	f, err := openAudit(folder)
	if err != nil {
		return "", err
	}
	return folder, errors.Join(f.Close(), syncFolder(folder), syncFolder(root))
}

// syncFolder brings the entries of a folder to the disk, where a file system can do that.
func syncFolder(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// FindWalk is the folder of the newest walk of a name that is open, else of the newest that
// wrote anything, else of the newest of all. A folder that cannot be read is an error: it
// may be an open walk.
func FindWalk(root, name string) (folder string, h *History, err error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, fmt.Errorf("%w of %s in %s", ErrNoWalk, name, root)
	}
	if err != nil {
		return "", nil, err
	}
	slices.Reverse(entries)
	best := 0
	for _, e := range entries {
		at := filepath.Join(root, e.Name())
		if !e.IsDir() || !isWalkOf(e.Name(), name) {
			continue
		}
		found, err := ReadHistory(at)
		if errors.Is(err, fs.ErrNotExist) || found == nil && isEmpty(at) {
			continue // it was killed before its first record
		}
		if err != nil {
			return "", nil, err
		}
		if rank := rankOf(found); found.First.Walk == name && rank > best {
			folder, h, best = at, found, rank
		}
	}
	if folder == "" {
		return "", nil, fmt.Errorf("%w of %s in %s", ErrNoWalk, name, root)
	}
	return folder, h, nil
}

// rankOf orders walks by what a rollback would find in them.
func rankOf(h *History) int {
	switch {
	case h.Open():
		return 3
	case h.Progress.Touched:
		return 2
	}
	return 1
}

// isWalkOf reports whether a folder's name is that of a walk of a name.
func isWalkOf(folder, name string) bool {
	const random = len("-00000000")
	if len(folder) < len(startLayout)+1+len(name)+random {
		return false
	}
	return strings.HasPrefix(folder[len(startLayout):], "-"+name+"-") && len(folder) == len(startLayout)+1+len(name)+random
}

// isEmpty reports whether a record was read to its end and holds no complete line.
func isEmpty(folder string) bool {
	for r, err := range Records(folder) {
		if r != nil || err != nil {
			return false
		}
	}
	return true
}

// Ask asks the process that works on a folder's walk to resume or to roll back.
func Ask(folder, what string) error {
	name := filepath.Join(folder, controlFile)
	temp := filepath.Join(folder, ".tmp-"+controlFile)
	if err := os.WriteFile(temp, []byte(what+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, name)
}

// asked takes what another process asked for; empty: nothing.
func asked(folder string) string {
	name := filepath.Join(folder, controlFile)
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	_ = os.Remove(name)
	return strings.TrimSpace(string(b))
}
