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

// createFolder makes the folder of a new walk: time, name and four random bytes.
func createFolder(root, name string, now time.Time) (string, error) {
	var b [4]byte
	rand.Read(b[:]) //nolint:errcheck // documented never to fail
	folder := filepath.Join(root, now.UTC().Format(startLayout)+"-"+name+"-"+hex.EncodeToString(b[:]))
	if err := os.MkdirAll(root, 0o700); err != nil {
		return "", err
	}
	return folder, os.Mkdir(folder, 0o700)
}

// FindWalk is the folder of the newest walk of a name that wrote anything, or of the newest of
// all where none did. A folder that cannot be read is an error: it may be an open walk.
func FindWalk(root, name string) (folder string, h *History, err error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, fmt.Errorf("%w of %s in %s", ErrNoWalk, name, root)
	}
	if err != nil {
		return "", nil, err
	}
	slices.Reverse(entries)
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
		if found.First.Walk != name {
			continue
		}
		if found.Progress.Touched {
			return at, found, nil
		}
		if folder == "" {
			folder, h = at, found
		}
	}
	if folder == "" {
		return "", nil, fmt.Errorf("%w of %s in %s", ErrNoWalk, name, root)
	}
	return folder, h, nil
}

// isWalkOf reports whether a folder's name is that of a walk of a name.
func isWalkOf(folder, name string) bool {
	const random = len("-00000000")
	if len(folder) < len(startLayout)+1+len(name)+random {
		return false
	}
	return strings.HasPrefix(folder[len(startLayout):], "-"+name+"-") && len(folder) == len(startLayout)+1+len(name)+random
}

// isEmpty reports whether a record holds no complete line.
func isEmpty(folder string) bool {
	for r := range Records(folder) {
		if r != nil {
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
