package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/runner"
)

// tellGitHub adds the run to the page of a GitHub job: annotations at the
// places of the scenario files, and the summary.
func tellGitHub(stderr io.Writer, folder string, run *runner.Run) error {
	if os.Getenv("GITHUB_ACTIONS") != "true" {
		return nil
	}
	if err := report.Annotations(stderr, run); err != nil {
		return fmt.Errorf("write the annotations: %w", err)
	}
	page := os.Getenv("GITHUB_STEP_SUMMARY")
	if page == "" {
		return nil
	}
	summary, err := os.ReadFile(filepath.Join(folder, "summary.md"))
	if os.IsNotExist(err) {
		return nil // --format left it out
	}
	if err != nil {
		return fmt.Errorf("read the summary: %w", err)
	}
	f, err := os.OpenFile(page, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the step summary: %w", err)
	}
	if _, err := f.Write(summary); err != nil {
		f.Close()
		return fmt.Errorf("write the step summary: %w", err)
	}
	return f.Close()
}
