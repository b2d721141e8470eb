package main

import (
	"bufio"
	"fmt"
	stdlib "io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/report/page"
)

func newReportCommand(io stdio) *cobra.Command {
	var root, format, output, traceURL string
	var noColor bool
	cmd := &cobra.Command{
		Use:     "report RUN",
		GroupID: "archive",
		Args:    oneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			folder, err := openKept(cmd.Context(), root, args[0])
			if err != nil {
				return err
			}
			defer folder.Close()
			run, err := folder.Run()
			if err != nil {
				return broken(err)
			}
			write := func(w stdlib.Writer) error {
				if format == "text" {
					opts := textOptions(io.out, noColor)
					opts.Folder = folder.Name
					return report.Text(w, run, opts)
				}
				chosen, _ := report.Lookup(format)
				if traceURL == "" {
					traceURL = run.Header.Flag("trace-url")
				}
				// Which causes are known is looked up in the history that the run is in.
				known := history.KnownCauses(filepath.Dir(folder.Path()), run)
				return report.WriteAll(run, []report.Output{{Format: chosen, W: w}}, page.Options{TraceURL: traceURL, Known: known})
			}
			if _, ok := report.Lookup(format); !ok && format != "text" {
				return unknownFormat(format)
			}
			if output == "" {
				return tellBroken("write the report", write(io.out))
			}
			return writeOutside(folder.Path(), output, write)
		},
	}
	f := cmd.Flags()
	f.StringVar(&root, "out", "runs", "`folder` that keeps the runs, or s3://bucket/prefix")
	f.StringVar(&format, "format", "text", "`format` of the report: text, "+strings.Join(formatNames(), ", "))
	f.StringVarP(&output, "output", "o", "", "`file` to write; standard output when empty")
	f.StringVar(&traceURL, "trace-url", "", "link `template` for trace ids")
	f.BoolVar(&noColor, "no-color", false, "disable colour even on a terminal")
	return cmd
}

// writeOutside writes a file whole or not at all, and never below folder.
func writeOutside(folder, name string, write func(stdlib.Writer) error) error {
	abs, err := filepath.Abs(name)
	if err != nil {
		return broken(err)
	}
	inside, err := filepath.Abs(folder)
	if err != nil {
		return broken(err)
	}
	if strings.HasPrefix(abs, inside+string(filepath.Separator)) {
		return usage("choose a file elsewhere", "-o %s is in the run's folder, whose files are listed in its manifest", name)
	}
	temp, err := os.CreateTemp(filepath.Dir(abs), ".bgverify-*")
	if err != nil {
		return broken(fmt.Errorf("write %s: %w", name, hint.WithoutPath(err)))
	}
	defer os.Remove(temp.Name())
	b := bufio.NewWriter(temp)
	rename := func() error { return os.Rename(temp.Name(), abs) }
	for _, step := range []func() error{func() error { return write(b) }, b.Flush, temp.Close, rename} {
		if err := step(); err != nil {
			temp.Close()
			return broken(fmt.Errorf("write %s: %w", name, err))
		}
	}
	return nil
}

func tellBroken(what string, err error) error {
	if err != nil {
		return broken(fmt.Errorf("%s: %w", what, err))
	}
	return nil
}
