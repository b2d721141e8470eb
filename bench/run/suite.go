package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/bgverify/bgverify/fixtures"
	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/page"
	"github.com/bgverify/bgverify/report/reporttest"
	"github.com/bgverify/bgverify/runner"
	result "github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/stb"
)

// twin serves the set-top-box services until its input ends.
func twin() error {
	t, err := fixtures.Start(fixtures.Options{Seed: 1})
	if err != nil {
		return err
	}
	defer t.Close()
	fmt.Printf("%s\n%s\n", t.BlueURL, t.GreenURL)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// suite runs scenarios/stb as `bgverify run --no-load` does, with or without the
// two mechanisms that hold a comparison against itself.
func suite(blue, green string, control bool) error {
	suites, problems := scenarios.Load(stb.FS, []string{"."}, scenarios.LoadOptions{Now: time.Now(), Demand: true, BlueURL: blue, GreenURL: green, Seed: 1})
	if problems.HasErrors() {
		return errors.New(problems[0].Summary)
	}
	root, err := os.MkdirTemp("", "bgverify-suite-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	w, err := archive.Create(root, archive.Options{Suite: "stb"})
	if err != nil {
		return err
	}
	defer w.Close()
	plan := &runner.Plan{
		ID: w.ID(), Started: w.Started(), Tool: result.Tool{Name: "bgverify"}, Suites: suites,
		Options: runner.Options{Seed: 1, Part: runner.OnlyCompare}, World: runner.World{Now: time.Now, Files: stb.FS},
	}
	if !control {
		plan.Options.MaxMutants = -1
	}
	end, err := runner.Execute(context.Background(), plan, w, nil)
	if err != nil {
		return err
	}
	if end.Verdict != result.Pass {
		return fmt.Errorf("the suite did not pass: %v", end.Reasons)
	}
	run, err := w.Run()
	if err != nil {
		return err
	}
	if err := writeReports(run, w.WriteFiles); err != nil {
		return err
	}
	_, err = w.Finish()
	return err
}

// reports writes every report of a made run with n cases, 3 % of them with
// differences; with a negative n the cases are only made.
func reports(n int) error {
	run := reporttest.Run(reporttest.Options{Seed: 1, Cases: max(n, -n), Differ: 0.03, Suites: 12, Loads: 2})
	if n < 0 {
		for _, err := range run.Cases {
			if err != nil {
				return err
			}
		}
		return nil
	}
	dir, err := os.MkdirTemp("", "bgverify-reports-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return writeReports(run, func(names []string, write func([]io.Writer) error) error {
		files := make([]io.Writer, len(names))
		for i, name := range names {
			f, err := os.Create(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			defer f.Close()
			files[i] = f
		}
		return write(files)
	})
}

func writeReports(run *result.Run, into func([]string, func([]io.Writer) error) error) error {
	names := make([]string, len(report.Formats))
	for i, f := range report.Formats {
		names[i] = f.File
	}
	return into(names, func(ws []io.Writer) error {
		outputs := make([]report.Output, len(ws))
		for i := range ws {
			outputs[i] = report.Output{Format: report.Formats[i], W: ws[i]}
		}
		return report.WriteAll(run, outputs, page.Options{})
	})
}
