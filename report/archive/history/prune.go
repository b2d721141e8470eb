package history

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/report/archive/disk"
)

// Retention says which runs stay. A run stays when any of its rules keeps it; with no rule at
// all, every run stays. Pinned runs, the one that latest points to and those that a process is
// writing always stay. Age and Keep are alternatives: a run that one of them keeps stays.
type Retention struct {
	// Keep is how many of the newest runs stay, whatever their age.
	Keep int
	// Age keeps the runs that began within this time before Now.
	Age time.Duration
	// Now is the time that Age is measured at.
	Now time.Time
	// DryRun lists what would go and removes nothing.
	DryRun bool
}

// Prune removes run folders under root except the keep newest and those of the last keepDays
// days; 0 switches a rule off. History keeps their lines. It measures ages at the time of the
// call.
func Prune(root string, keep, keepDays int) error {
	_, err := PruneFS(disk.OS{}, root, Retention{Keep: keep, Age: time.Duration(keepDays) * 24 * time.Hour, Now: time.Now()})
	return err
}

// PruneFS removes the run folders under root that no rule keeps, and returns their names.
// Nothing is removed without a rule, and negative values are an error. After an error the names
// are those removed so far. It holds the root's lock, so no run can begin or end meanwhile.
func PruneFS(fsys disk.FS, root string, keep Retention) (removed []string, err error) {
	if keep.Keep < 0 || keep.Age < 0 {
		return nil, errors.New("prune: a negative number of runs or days")
	}
	if keep.Keep == 0 && keep.Age == 0 {
		return nil, nil
	}
	err = WithRoot(fsys, root, func() error {
		// What an earlier prune renamed and did not delete is finished first.
		if err := emptyTrash(fsys, root); err != nil {
			return err
		}
		names, err := RunNames(fsys, root)
		if err != nil {
			return err
		}
		pins, err := readPins(fsys, root)
		if err != nil {
			return err
		}
		latest, _ := fsys.Readlink(filepath.Join(root, LatestLink)) // absent: nothing is latest
		slices.Reverse(names)                                       // newest first
		for i, name := range names {
			started := startOf(name)
			// The newest, the latest and the young stay without being opened.
			switch {
			case i < keep.Keep, name == filepath.Base(latest), keep.Age > 0 && keep.Now.Sub(started) < keep.Age:
				continue
			}
			stays, err := mustStay(fsys, root, name, pins)
			if err != nil {
				return err
			}
			if stays {
				continue
			}
			// With DryRun the names are collected all the same.
			if !keep.DryRun {
				if err := removeRun(fsys, root, name); err != nil {
					return err
				}
			}
			removed = append(removed, name)
		}
		return nil
	})
	if err != nil {
		return removed, fmt.Errorf("prune %s: %w", root, err)
	}
	return removed, nil
}

// mustStay reports whether a run is pinned or being written. An error counts as staying.
func mustStay(fsys disk.FS, root, name string, pins []string) (bool, error) {
	path := filepath.Join(root, name)
	id, err := idOf(fsys, path)
	if err != nil || slices.Contains(pins, id) {
		return true, err
	}
	busy, err := isBusy(fsys, path)
	return busy, err
}

// isBusy reports whether a process writes the run. A process that writes a run holds a lock on
// its log. The lock is tried and given back at once, which is safe under the root's lock.
func isBusy(fsys disk.FS, path string) (bool, error) {
	f, err := fsys.OpenFile(filepath.Join(path, EventsFile), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // Create holds the root's lock until there is one
	}
	if err != nil {
		return false, err
	}
	err = fsys.Lock(f, false)
	_ = f.Close() // gives the lock back
	if errors.Is(err, disk.ErrLocked) {
		return true, nil
	}
	return false, err
}

// removeRun takes a run out of sight at once, then deletes it. After the rename no reader finds
// the run, even if deleting it takes long or fails.
func removeRun(fsys disk.FS, root, name string) error {
	trash := filepath.Join(root, TrashPrefix+name)
	if err := fsys.Rename(filepath.Join(root, name), trash); err != nil {
		return err
	}
	return fsys.RemoveAll(trash)
}

// emptyTrash deletes what a killed prune left. The folders have names that no run can have.
func emptyTrash(fsys disk.FS, root string) error {
	entries, err := fsys.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), TrashPrefix) {
			if err := fsys.RemoveAll(filepath.Join(root, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Pin keeps a run from being pruned; unpin gives it back. Both take an id. The run has to
// exist. A pin of a pinned run changes nothing.
func Pin(root, id string) error { return changePins(disk.OS{}, root, id, true) }

// Unpin lets a run be pruned again. The run need not exist any more.
func Unpin(root, id string) error { return changePins(disk.OS{}, root, id, false) }

// Pins lists the ids of the pinned runs. They are sorted, as they were written.
func Pins(root string) ([]string, error) { return readPins(disk.OS{}, root) }

// changePins adds or removes a pin under the root's lock. The file of pins is written anew as a
// whole. An id is in it once.
func changePins(fsys disk.FS, root, id string, pinned bool) error {
	if !ValidID(id) {
		return fmt.Errorf("pin %q: not a run id", id)
	}
	return WithRoot(fsys, root, func() error {
		if pinned {
			path, err := FindID(fsys, root, id)
			if err != nil {
				return err
			}
			if path == "" {
				return fmt.Errorf("pin: %w: %s", ErrNotFound, id)
			}
		}
		pins, err := readPins(fsys, root)
		if err != nil {
			return err
		}
		pins = slices.DeleteFunc(pins, func(p string) bool { return p == id })
		if pinned {
			pins = append(pins, id)
		}
		slices.Sort(pins)
		return disk.WriteWhole(fsys, filepath.Join(root, pinsFile), func(to io.Writer) error {
			for _, p := range pins {
				if _, err := fmt.Fprintln(to, p); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// readPins lists the pinned ids; a root without the file has none. The bound on its size is far
// above what people pin by hand.
func readPins(fsys disk.FS, root string) ([]string, error) {
	text, err := disk.ReadAll(fsys, filepath.Join(root, pinsFile), 16<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pins []string
	for sc := bufio.NewScanner(bytes.NewReader(text)); sc.Scan(); {
		if id := strings.TrimSpace(sc.Text()); id != "" {
			pins = append(pins, id)
		}
	}
	return pins, nil
}
