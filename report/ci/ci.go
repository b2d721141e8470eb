// Package ci connects a run to the CI service that it runs in. Out of the environment and the
// checkout come who runs what for whom; into a job's page go the findings of a run, where the
// service takes them. Outside a CI service it does nothing.
package ci

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bgverify/bgverify/report"
	"github.com/bgverify/bgverify/runner/run"
)

// Audit says who runs what for whom: the commit of the scenario files, the
// actor and job that the CI service names, the ticket of the change. root is the folder
// of the scenario files; empty: they are not from a folder.
func Audit(root, ticket string) run.Audit {
	a := run.Audit{Ticket: ticket}
	if root != "" {
		if commit, err := git(root, "rev-parse", "HEAD"); err == nil {
			a.ScenariosCommit = commit
			if changed, err := git(root, "status", "--porcelain", "--", "."); err == nil {
				a.Dirty = changed != ""
			}
		}
	}
	for _, name := range []string{"GITHUB_ACTOR", "GITLAB_USER_LOGIN", "BUILD_USER_ID", "USER"} {
		if v := os.Getenv(name); v != "" {
			a.Actor = v
			break
		}
	}
	for _, name := range []string{"CI_JOB_URL", "BUILD_URL"} {
		if v := os.Getenv(name); v != "" {
			a.CI = v
		}
	}
	if server, r := os.Getenv("GITHUB_SERVER_URL"), os.Getenv("GITHUB_RUN_ID"); server != "" && r != "" {
		a.CI = server + "/" + os.Getenv("GITHUB_REPOSITORY") + "/actions/runs/" + r
	}
	return a
}

// git asks the checkout that holds the scenario files; there may be none.
func git(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// ShowGitHub adds the run to the page of a GitHub job: annotations at the
// places of the scenario files on stderr, which the runner reads, and summary.md of the run
// folder in the step's summary. Outside GitHub Actions it does nothing.
func ShowGitHub(stderr io.Writer, folder string, run *run.Run) error {
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
