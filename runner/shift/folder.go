package shift

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// startLayout begins the names of folders, so that they sort by time.
const startLayout = "2006-01-02T15-04-05.000Z"

// controlFile holds what another process asks of a walk that is under way.
const controlFile = "control"

// ErrNoWalk says that a folder holds no walk of a subject.
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
		if !isWalk(e.Name()) {
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
