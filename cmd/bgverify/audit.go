package main

import (
	"os"
	"os/exec"
	"strings"

	"github.com/bgverify/bgverify/runner"
)

// audit says who runs what for whom: the commit of the scenario files, the
// actor and job that the CI service names, the ticket of the change.
func audit(root, ticket string) runner.Audit {
	a := runner.Audit{Ticket: ticket}
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
	if server, run := os.Getenv("GITHUB_SERVER_URL"), os.Getenv("GITHUB_RUN_ID"); server != "" && run != "" {
		a.CI = server + "/" + os.Getenv("GITHUB_REPOSITORY") + "/actions/runs/" + run
	}
	return a
}

// git asks the checkout that the scenario files lie in; there may be none.
func git(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}
