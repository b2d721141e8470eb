// Package watch waits until files of a reader change. Paths of files and folders come in;
// out go the names of what changed, once it has stopped changing. It reads no file and
// writes none; what a change leads to is the caller's.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/bgverify/bgverify/internal/hint"
)

const (
	// settle is how long nothing must change any more: an editor saves in several steps.
	settle = 200 * time.Millisecond
	// maxFolders is the largest tree that is watched; a larger one was not meant.
	maxFolders = 4096
)

// A Watcher watches files and every folder below the folders that it was given.
type Watcher struct {
	paths   []string
	ignored string // absolute; empty: none
	events  *fsnotify.Watcher
}

// New makes a watcher of paths. Changes below the folder ignored do not count: a run writes
// its own folder there.
func New(paths []string, ignored string) (*Watcher, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &Watcher{paths: paths, events: events}
	w.ignored, _ = filepath.Abs(ignored) // fails only without a working folder
	return w, nil
}

// Close ends the watching.
func (w *Watcher) Close() error { return w.events.Close() }

// AddFolders watches every folder that is there now; those that are watched stay so. A path
// that is not there, or that holds too many folders, is a mistake of the caller (hint.Error).
func (w *Watcher) AddFolders() error {
	n := 0
	for _, p := range w.paths {
		root := p
		if info, err := os.Stat(p); err != nil {
			return hint.Errorf("name a scenario file or a folder of them", "%s: %w", p, hint.WithoutPath(err))
		} else if !info.IsDir() {
			root = filepath.Dir(p)
		}
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil // gone meanwhile, or cannot be read: then it is not a scenario
			}
			if name != root && w.ignores(name) {
				return fs.SkipDir
			}
			if n++; n > maxFolders {
				return hint.Errorf("name the scenario folder itself", "%s holds more than %d folders to watch", root, maxFolders)
			}
			return w.events.Add(name)
		})
		if _, mistake := errors.AsType[*hint.Error](err); mistake {
			return err
		}
		if err != nil {
			return fmt.Errorf("watch %s: %w", root, err)
		}
	}
	return nil
}

// ignores leaves out the ignored folder, hidden files and the backup files of editors.
func (w *Watcher) ignores(name string) bool {
	base := filepath.Base(name)
	if strings.HasPrefix(base, ".") || strings.HasSuffix(base, "~") || strings.HasSuffix(base, ".swp") || base == "node_modules" {
		return true
	}
	abs, err := filepath.Abs(name)
	return err == nil && (abs == w.ignored || strings.HasPrefix(abs, w.ignored+string(filepath.Separator)))
}

// isTemporary reports whether a file was only there while an editor saved another.
func isTemporary(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	_, err := os.Stat(name)
	return err != nil && ext != ".yaml" && ext != ".yml"
}

// Wait waits for a change that counts and until no more follow it, and returns the names of
// the files, absolute. When the context ends it returns none.
func (w *Watcher) Wait(ctx context.Context) (names []string, err error) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, nil
		case <-timer.C:
			return slices.DeleteFunc(names, isTemporary), nil
		case err := <-w.events.Errors:
			return nil, err
		case event := <-w.events.Events:
			if event.Op == fsnotify.Chmod || w.ignores(event.Name) {
				continue
			}
			name, err := filepath.Abs(event.Name)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			timer.Reset(settle)
		}
	}
}
