package main

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
	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/internal/text"
)

// watchable gives the run command --watch.
func watchable(io stdio, cmd *cobra.Command, flags *runFlags) *cobra.Command {
	watch := false
	cmd.Flags().BoolVar(&watch, "watch", false,
		"when a file below the PATHs or the env file changes, run the suites that use it again,\nuntil Ctrl-C; exits with the status of the last run")
	cmd.Example += `

  # While writing cases: again after every save
  bgverify run scenarios/stb --env env/dev.yaml --no-load --watch`
	once := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !watch {
			return once(cmd, args)
		}
		if len(args) == 0 {
			return usage("bgverify run scenarios/ --watch", "--watch needs the files or folders to watch")
		}
		for _, name := range []string{"run-id", "dry-run"} {
			if cmd.Flags().Changed(name) {
				return usage("leave one of them out", "--watch runs many times: --%s does not apply", name)
			}
		}
		return watchRuns(cmd.Context(), io, watchedPlaces(cmd, args), func(changed []string) error {
			flags.changed = changed
			return once(cmd, args)
		})
	}
	return cmd
}

// watched says what a change counts in.
type watched struct {
	paths []string
	out   string // the archive, whose files are not scenarios
}

func watchedPlaces(cmd *cobra.Command, args []string) watched {
	w := watched{paths: args}
	if env := cmd.Flag("env").Value.String(); env != "" {
		w.paths = append(w.paths[:len(args):len(args)], env)
	}
	w.out, _ = filepath.Abs(cmd.Flag("out").Value.String()) // fails only without a working folder
	return w
}

// Figures of watching: an editor writes in several steps, and a tree that is too
// large was not meant.
const (
	settle     = 200 * time.Millisecond
	maxFolders = 4096
)

// watchRuns runs, waits for a change, and runs again until the context ends.
func watchRuns(ctx context.Context, io stdio, places watched, once func(changed []string) error) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return broken(fmt.Errorf("watch the scenario files: %w", err))
	}
	defer watcher.Close()
	var changed []string
	for {
		if err := places.addTo(watcher); err != nil {
			return err
		}
		// A run that ended with a status has said why; any other error ends the watching.
		last := once(changed)
		if ctx.Err() != nil {
			return last
		}
		var se *statusError
		if errors.As(last, &se) {
			tell(io.err, se)
		} else if last != nil {
			return last
		}
		// The last run's status is the command's when the reader stops it.
		fmt.Fprintln(io.err, "bgverify: watching for changes; press Ctrl-C to stop")
		changed, err = places.changed(ctx, watcher)
		switch {
		case err != nil:
			return broken(fmt.Errorf("watch the scenario files: %w", err))
		case ctx.Err() != nil:
			if se != nil {
				return exit(se.status)
			}
			return nil
		}
		for _, name := range changed {
			fmt.Fprintf(io.err, "bgverify: %s changed\n", text.Visible(filepath.Base(name)))
		}
	}
}

// addTo watches every folder below the places; folders that are watched stay so.
func (w *watched) addTo(watcher *fsnotify.Watcher) error {
	n := 0
	for _, p := range w.paths {
		root := p
		if info, err := os.Stat(p); err != nil {
			return usage("name a scenario file or a folder of them", "%s: %w", p, unwrapPath(err))
		} else if !info.IsDir() {
			root = filepath.Dir(p)
		}
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil // gone meanwhile, or cannot be read: then it is no scenario
			}
			if name != root && w.ignores(name) {
				return fs.SkipDir
			}
			if n++; n > maxFolders {
				return usage("name the scenario folder itself", "%s holds more than %d folders to watch", root, maxFolders)
			}
			return watcher.Add(name)
		})
		if err != nil {
			var se *statusError
			if errors.As(err, &se) {
				return err
			}
			return broken(fmt.Errorf("watch %s: %w", root, err))
		}
	}
	return nil
}

// ignores leaves out the archive, hidden files and the backup files of editors.
func (w *watched) ignores(name string) bool {
	base := filepath.Base(name)
	if strings.HasPrefix(base, ".") || strings.HasSuffix(base, "~") || strings.HasSuffix(base, ".swp") || base == "node_modules" {
		return true
	}
	abs, err := filepath.Abs(name)
	return err == nil && (abs == w.out || strings.HasPrefix(abs, w.out+string(filepath.Separator)))
}

// passing reports whether a file was only there while an editor saved another.
func passing(name string) bool {
	ext := strings.ToLower(filepath.Ext(name))
	_, err := os.Stat(name)
	return err != nil && ext != ".yaml" && ext != ".yml"
}

// changed waits for a change that counts and until no more follow it, and names
// the files, absolute.
func (w *watched) changed(ctx context.Context, watcher *fsnotify.Watcher) (names []string, err error) {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, nil
		case <-timer.C:
			return slices.DeleteFunc(names, passing), nil
		case err := <-watcher.Errors:
			return nil, err
		case event := <-watcher.Events:
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
