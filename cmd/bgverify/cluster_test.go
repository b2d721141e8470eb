package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/runner/cluster/kubetest"
	"github.com/bgverify/bgverify/runner/run"
)

// A clusterTest is two API servers in process and a folder with a kubeconfig.
type clusterTest struct {
	t           *testing.T
	blue, green *kubetest.Server
	dir         string
	kubeconfig  string
}

func newClusterTest(t *testing.T) *clusterTest {
	c := &clusterTest{t: t, blue: kubetest.New(t), green: kubetest.New(t), dir: t.TempDir()}
	c.kubeconfig = kubetest.Kubeconfig(t, []string{"eks-blue", "eks-green"}, c.blue, c.green)
	return c
}

// env writes an env file; KUBECONFIG in it is the test's.
func (c *clusterTest) env(text string) string {
	c.t.Helper()
	file := filepath.Join(c.dir, "stage.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "KUBECONFIG", c.kubeconfig)), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return file
}

// bgverify runs one command line.
func (c *clusterTest) bgverify(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = execute(c.t.Context(), stdio{out: &out, err: &errs}, args)
	return status, out.String(), errs.String()
}

const readyEnv = `
clusters:
  green: {context: eks-green, kubeconfig: KUBECONFIG}
  ready:
    workloads: {namespaces: [stb], settle: 0s}
    timeout: 1s
`

const deploymentOf = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":%q,"namespace":"stb","generation":1},
"spec":{"replicas":2},"status":{"observedGeneration":1,"replicas":2,"updatedReplicas":2,"availableReplicas":%d}}`

func TestReadyExitsWithTheState(t *testing.T) {
	c := newClusterTest(t)
	env := c.env(readyEnv)
	c.green.Put(fmt.Sprintf(deploymentOf, "epg", 2))
	if status, stdout, stderr := c.bgverify("ready", "--env", env); status != 0 || !strings.Contains(stdout, "green is ready") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	c.green.Put(fmt.Sprintf(deploymentOf, "vod", 1))
	status, stdout, stderr := c.bgverify("ready", "--env", env)
	if status != 3 || !strings.Contains(stdout, "Deployment stb/vod") || !strings.Contains(stdout, "1 of 2 replicas are available") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	if !strings.Contains(stderr, "Deployment 1/2") {
		t.Errorf("no progress in:\n%s", stderr)
	}
	status, stdout, _ = c.bgverify("ready", "--env", env, "--output", "json", "--no-progress")
	var state run.Ready
	if err := json.Unmarshal([]byte(stdout), &state); err != nil || status != 3 || len(state.Waiting) != 1 {
		t.Errorf("status %d, %v:\n%s", status, err, stdout)
	}
}

// Each row is a command line or file that cannot work: status 2, and nothing is asked.
func TestReadyRefuses(t *testing.T) {
	c := newClusterTest(t)
	for _, row := range []struct{ name, env, stderr string }{
		{"no clusters", "limits: {load: deny}\n", "names no clusters"},
		{"nothing about ready", "clusters:\n  green: {context: eks-green}\n  services: {from: Service, namespaces: [stb]}\n", "says nothing about ready"},
		{"a wrong context", strings.Replace(readyEnv, "context: eks-green", "context: eks-grene", 1), `did you mean "eks-green"`},
		{"no such kubeconfig", strings.Replace(readyEnv, "KUBECONFIG", "/nowhere/config", 1), "/nowhere/config: no such file"},
		{"a mistyped key", strings.Replace(readyEnv, "settle", "setle", 1), `did you mean "settle"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, stdout, stderr := c.bgverify("ready", "--env", c.env(row.env))
			if status != 2 || !strings.Contains(stderr, row.stderr) || stdout != "" {
				t.Errorf("status %d\n%s%s\nwant %q", status, stdout, stderr, row.stderr)
			}
		})
	}
	if n := len(c.green.Requests()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}
