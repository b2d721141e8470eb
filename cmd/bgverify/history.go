package main

import (
	"context"
	"fmt"
	goio "io"
	"os"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/report/page"
)

type historyFlags struct {
	root, output string
	limit        int
	rebuild      bool
	pin, unpin   []string
	upload, to   string
}

func newHistoryCommand(io stdio) *cobra.Command {
	flags := historyFlags{}
	cmd := &cobra.Command{
		Use:     "history",
		GroupID: "archive",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showHistory(cmd.Context(), io, flags)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.root, "out", "runs", "`folder` that keeps the runs, or s3://bucket/prefix")
	f.StringVar(&flags.output, "output", "text", "what standard output is: text or json")
	f.IntVarP(&flags.limit, "limit", "n", 20, "list the newest `N` runs; 0 all")
	f.BoolVar(&flags.rebuild, "rebuild", false, "make the history anew from the run folders first")
	f.StringArrayVar(&flags.pin, "pin", nil, "keep the run with this `ID` from being pruned; may be repeated")
	f.StringArrayVar(&flags.unpin, "unpin", nil, "let the run with this `ID` be pruned again; may be repeated")
	f.StringVar(&flags.upload, "upload", "", "copy this `run` to the object store of --to")
	f.StringVar(&flags.to, "to", "", "the object `store` that --upload copies to: s3://bucket/prefix")
	return cmd
}

// showHistory lists the runs of an archive.
func showHistory(ctx context.Context, io stdio, flags historyFlags) error {
	if err := checkOutput(flags.output); err != nil {
		return err
	}
	if flags.limit < 0 {
		return usage("0 lists all", "--limit %d is negative", flags.limit)
	}
	if (flags.upload != "") != (flags.to != "") {
		return usage("--upload RUN --to s3://bucket/prefix", "--upload and --to need each other")
	}
	list, bad, err := flags.list(ctx, io)
	if err != nil {
		return err
	}
	if bad > 0 {
		fmt.Fprintf(io.err, "bgverify: warning: %s of the history cannot be read; --rebuild makes it anew\n", text.Count(bad, "line"))
	}
	if flags.limit > 0 {
		list = list[:min(flags.limit, len(list))]
	}
	return io.print(flags.output, list, func(w goio.Writer) error { return history.WriteList(w, list) })
}

// list does what the flags ask of the archive, then reads its runs.
func (flags *historyFlags) list(ctx context.Context, io stdio) ([]history.Listed, int, error) {
	changes := len(flags.pin)+len(flags.unpin) > 0 || flags.rebuild || flags.upload != ""
	if isStore(flags.root) && !changes {
		return flags.listStore(ctx, io)
	}
	if err := localRoot(flags.root); err != nil {
		return nil, 0, err
	}
	if _, err := os.Stat(flags.root); err != nil {
		return nil, 0, usage("--out names the folder that keeps the runs", "%s: %w", flags.root, hint.WithoutPath(err))
	}
	if err := flags.maintain(io); err != nil {
		return nil, 0, err
	}
	if flags.upload != "" {
		if err := flags.send(ctx, io); err != nil {
			return nil, 0, err
		}
	}
	list, bad, err := history.List(flags.root)
	if err != nil {
		return nil, 0, broken(err)
	}
	return list, bad, nil
}

// maintain pins and unpins runs, and rebuilds the history from the run folders.
func (flags *historyFlags) maintain(io stdio) error {
	for _, id := range flags.pin {
		if err := pinned(history.Pin, flags.root, id); err != nil {
			return err
		}
	}
	for _, id := range flags.unpin {
		if err := pinned(history.Unpin, flags.root, id); err != nil {
			return err
		}
	}
	// The page marks pinned runs.
	if len(flags.pin)+len(flags.unpin) > 0 {
		if err := history.WriteIndex(flags.root, page.Index(flags.root)); err != nil {
			return broken(err)
		}
	}
	if flags.rebuild {
		found, unreadable, err := archive.RebuildHistory(flags.root, archive.Options{Index: page.Index(flags.root)})
		if err != nil {
			return broken(err)
		}
		fmt.Fprintf(io.err, "history rebuilt: %s\n", text.Count(found, "run"))
		for _, name := range unreadable {
			fmt.Fprintf(io.err, "bgverify: warning: %s cannot be read and is left out\n", text.Visible(name))
		}
	}
	return nil
}

// pinned pins or unpins the run with an id, however much of the id is given.
func pinned(do func(root, id string) error, root, id string) error {
	path, err := history.Resolve(root, id)
	if err != nil {
		return usage("bgverify history lists the ids", "%w", err)
	}
	folder, err := archive.Open(path)
	if err != nil {
		return broken(err)
	}
	head, err := folder.Head()
	if err != nil {
		return broken(err)
	}
	return tellBroken("pin the run", do(root, head.ID))
}
