package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/internal/watch"
)

// watchable gives the run command --watch.
func watchable(io stdio, cmd *cobra.Command, flags *runFlags) *cobra.Command {
	watching := false
	cmd.Flags().BoolVar(&watching, "watch", false,
		"when a file below the PATHs or the env file changes, run the suites that use it again,\nuntil Ctrl-C; exits with the status of the "+
			"last run")
	once := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !watching {
			return once(cmd, args)
		}
		if len(args) == 0 {
			return usage("bgverify run scenarios/ --watch", "--watch needs the files or folders to watch")
		}
		for _, name := range []string{"run-id", "dry-run", "workers"} {
			if cmd.Flags().Changed(name) {
				return usage("leave one of them out", "--watch runs many times: --%s does not apply", name)
			}
		}
		watcher, err := watch.New(watchedPaths(cmd, args), cmd.Flag("out").Value.String())
		if err != nil {
			return broken(fmt.Errorf("watch the scenario files: %w", err))
		}
		defer watcher.Close()
		return watchRuns(cmd.Context(), io, watcher, func(changed []string) error {
			flags.changed = changed
			return once(cmd, args)
		})
	}
	return cmd
}

// watchedPaths are the files and folders whose changes count: the suites and the env file.
func watchedPaths(cmd *cobra.Command, args []string) []string {
	if env := cmd.Flag("env").Value.String(); env != "" {
		return append(args[:len(args):len(args)], env)
	}
	return args
}

// watchRuns runs, waits for a change, and runs again until the context ends.
func watchRuns(ctx context.Context, io stdio, watcher *watch.Watcher, once func(changed []string) error) error {
	var changed []string
	for {
		if err := watcher.AddFolders(); err != nil {
			return failed(ctx, err)
		}
		// A run that ended with a status has said why; any other error ends the watching.
		last := once(changed)
		if ctx.Err() != nil {
			return last
		}
		se := endOf(last)
		if se != nil {
			tell(io.err, se)
		} else if last != nil {
			return last
		}
		// The last run's status is the command's when the reader stops it.
		fmt.Fprintln(io.err, "bgverify: watching for changes; press Ctrl-C to stop")
		var err error
		changed, err = watcher.Wait(ctx)
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
