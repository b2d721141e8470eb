package shift

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// A Subject is what identifies a walk: the thing whose weights it moves. The name in a shift
// file is only a label, which may be changed while a walk is open.
type Subject struct {
	// Name is the label, for messages.
	Name string
	// Moves are the keys of what is moved; see [shiftfile.Driver.Moves]. Two subjects with a key
	// in common are the same.
	Moves []string
	// File is the absolute path of the shift file.
	File string
}

// SubjectOf is the subject of a shift file in a folder.
func SubjectOf(f *shiftfile.File, dir string) Subject {
	return Subject{f.Name, f.Driver.Moves(f.Name, dir), filepath.Join(dir, filepath.Base(f.File))}
}

// Subject is what the walk moves.
func (b *Begun) Subject() Subject {
	return Subject{b.Walk, b.Driver.Moves(b.Walk, b.Dir), filepath.Join(b.Dir, filepath.Base(b.File))}
}

// same reports whether both move the same thing.
func (s Subject) same(o Subject) bool {
	return slices.ContainsFunc(s.Moves, func(key string) bool { return slices.Contains(o.Moves, key) })
}

// FindWalk is the folder of the walk that a subject means. The rules:
//
//  1. A walk belongs to a subject that moves the same thing, whatever it was called then. A walk that
//     the same file began belongs to it too: the file may name another mechanism by now.
//  2. An open walk comes first, then one that wrote anything, then any; and of these the newest.
//     One of the file alone counts as open only while no process works on it.
//  3. A folder that cannot be read is an error: it may be an open walk.
func FindWalk(root string, of Subject) (folder string, h *History, err error) {
	entries, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", nil, err
	}
	slices.Reverse(entries)
	best := 0
	for _, e := range entries {
		at := filepath.Join(root, e.Name())
		if !e.IsDir() || !isWalk(e.Name()) {
			continue
		}
		found, err := readWalkOf(at, of)
		if err != nil {
			return "", nil, err
		}
		if found == nil {
			continue
		}
		if rank := rankOf(root, found, of); rank > best {
			folder, h, best = at, found, rank
		}
	}
	if h == nil {
		return "", nil, fmt.Errorf("%w of %s in %s", ErrNoWalk, of.Name, root)
	}
	return folder, h, nil
}

// readWalkOf reads the record of a folder; nil: it is not of the subject, or its process was killed
// before the first record. What begins a record is read first: most folders are of other walks.
func readWalkOf(folder string, of Subject) (*History, error) {
	for r, err := range Records(folder) {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("read the record of %s: %w", folder, err)
		case r == nil || r.Begin == nil:
			continue
		}
		if found := r.Begin.Subject(); !found.same(of) && found.File != of.File {
			return nil, nil
		}
		return ReadHistory(folder)
	}
	if isEmpty(folder) {
		return nil, nil
	}
	return ReadHistory(folder) // which says that it has no beginning
}

// rankOf orders the walks of a subject by what a rollback would find in them. Rule 2.
func rankOf(root string, h *History, of Subject) int {
	same := h.First.Subject().same(of)
	switch {
	case same && h.Open():
		return 6
	case !same && h.Open() && !IsLive(root, h):
		return 5
	case same && h.Progress.Touched:
		return 4
	case same:
		return 3
	case h.Progress.Touched:
		return 2
	}
	return 1
}

// IsLive reports whether a process works on a walk.
func IsLive(root string, h *History) bool {
	lock, err := waitLock(root, h.First.Subject(), "bgverify shift")
	if err == nil {
		lock.Unlock()
	}
	_, locked := errors.AsType[*LockedError](err)
	return locked
}

// killed reports whether a walk that was found for a subject, whose lock is held, was not brought to its end.
func (h *History) killed(root string, of Subject) bool {
	return h.Open() && (h.First.Subject().same(of) || !IsLive(root, h))
}

// isWalk reports whether a folder's name is one that createFolder gives.
func isWalk(folder string) bool {
	const random = len("-00000000")
	if len(folder) <= len(startLayout)+1+random || folder[len(startLayout)] != '-' {
		return false
	}
	_, err := time.Parse(startLayout, folder[:len(startLayout)])
	return err == nil
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
