package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
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

const deploymentOf = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"part-of":"stb"},"name":%q,"namespace":"stb","generation":1},
"spec":{"replicas":2},"status":{"observedGeneration":1,"replicas":2,"updatedReplicas":2,"availableReplicas":%d}}`

func TestReadyExitsWithTheState(t *testing.T) {
	t.Parallel()
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
		{
			"nothing about ready", "clusters:\n  green: {context: eks-green}\n  services: {from: Service, namespaces: [stb]}\n",
			"says nothing about ready",
		},
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

const runEnv = `
sides:
  blue: {url: BLUE}
  green: {url: GREEN}
limits: {load: allow}
REQUIREclusters:
  blue: {context: eks-blue, kubeconfig: KUBECONFIG}
  green: {context: eks-green, kubeconfig: KUBECONFIG}
  ready:
    workloads: {namespaces: [stb], settle: 0s}
    timeout: 1s
  alike:
    namespaces: [stb]
    rules: []
  services: {from: VirtualService, namespaces: [stb]}
`

const runSuite = `
suite: smoke
cases:
  - case: channels
    get: /v1/channels
`

const routesOf = `{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"api","namespace":"stb","uid":%q},"spec":{"hosts":["127.0.0.1"],"http":[
{"match":[{"uri":{"prefix":"/v1/channels"}}],"route":[{"destination":{"host":"epg"}}]},{"match":[{"uri":{"prefix":"/v1/vod"}}],"route":[{"destination":{"host":"vod"}}]}]}}`

// prepare starts two services and fills both clusters alike; it returns the arguments of
// run.
func (c *clusterTest) prepare(require string) []string {
	c.t.Helper()
	var urls [2]string
	for i := range urls {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"channels":[{"id":"CH001","title":"News"}]}`))
		}))
		c.t.Cleanup(s.Close)
		urls[i] = s.URL
	}
	for i, s := range []*kubetest.Server{c.blue, c.green} {
		s.Serve(kubetest.VirtualService)
		uid := fmt.Sprint("u-", i)
		s.Put(fmt.Sprintf(routesOf, uid), strings.Replace(fmt.Sprintf(deploymentOf, "epg", 2), `"name"`, `"uid":"d`+uid+`","name"`, 1))
	}
	env := c.env(strings.NewReplacer("BLUE", urls[0], "GREEN", urls[1], "REQUIRE", require).Replace(runEnv))
	suite := filepath.Join(c.dir, "smoke.yaml")
	if err := os.WriteFile(suite, []byte(runSuite), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return []string{"run", suite, "--env", env, "--out", filepath.Join(c.dir, "runs"), "--no-progress", "--no-load"}
}

// runJSON is what a test reads of run.json.
type runJSON struct {
	ID       string           `json:"id"`
	Verdict  run.Verdict      `json:"verdict"`
	Reasons  []string         `json:"reasons"`
	Gates    []run.GateResult `json:"gates"`
	Clusters *run.Clusters    `json:"clusters"`
	Counts   run.Counts       `json:"counts"`
}

// latest reads run.json of the last run.
func (c *clusterTest) latest() (r runJSON, folder string) {
	c.t.Helper()
	folder, err := filepath.EvalSymlinks(filepath.Join(c.dir, "runs", "latest"))
	if err != nil {
		c.t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "run.json"))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return r, folder
}

func TestRunAsksTheClusters(t *testing.T) {
	c := newClusterTest(t)
	args := c.prepare("")
	status, stdout, stderr := c.bgverify(args...)
	r, folder := c.latest()
	if status != 0 || r.Clusters == nil || r.Clusters.Ready == nil || r.Clusters.Alike.Objects != 2 || r.Clusters.Services.Asked != 1 || r.Clusters.Services.Of != 2 {
		t.Fatalf("status %d, clusters %+v\n%s%s", status, r.Clusters, stdout, stderr)
	}
	if !strings.Contains(stdout, "stb/vod") || !strings.Contains(stdout, "1 of 2 services were not asked") {
		t.Errorf("the report does not name the service that nobody asked:\n%s", stdout)
	}
	// No kubeconfig and no token of one is kept.
	err := filepath.WalkDir(folder, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if bytes.Contains(text, []byte("kubeconfig-token")) {
			t.Errorf("%s holds the token of the kubeconfig", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRunSendsNothingToAGreenThatIsNotReady(t *testing.T) {
	t.Parallel()
	c := newClusterTest(t)
	args := c.prepare("")
	c.green.Put(fmt.Sprintf(deploymentOf, "vod", 0))
	status, _, _ := c.bgverify(args...)
	r, _ := c.latest()
	if status != 3 || r.Counts.Cases != 0 || r.Counts.Requests != (run.PerSide{}) || len(r.Reasons) == 0 || !strings.Contains(r.Reasons[0], "green is not ready: Deployment stb/vod") {
		t.Errorf("status %d, %+v: %q", status, r.Counts, r.Reasons)
	}
}

// A difference between the clusters fails the run; rediff accepts it under a rule, from
// the inventories of the run folder alone.
func TestRunFailsOnClustersThatDiffer(t *testing.T) {
	c := newClusterTest(t)
	args := c.prepare("")
	c.green.Put(strings.NewReplacer(`"replicas":2,`, `"replicas":3,`, `"updatedReplicas":2`, `"updatedReplicas":3`,
		`"spec":{"replicas":2}`, `"spec":{"replicas":3}`).Replace(fmt.Sprintf(deploymentOf, "epg", 3)))
	status, stdout, _ := c.bgverify(args...)
	r, _ := c.latest()
	if status != 1 || r.Clusters.Alike.Differ != 1 || !strings.Contains(stdout, "spec.replicas 2 -> 3 in 1 Deployment") {
		t.Fatalf("status %d, %+v\n%s", status, r.Clusters.Alike, stdout)
	}
	env, err := os.ReadFile(filepath.Join(c.dir, "stage.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(c.dir, "changed.yaml")
	rule := strings.Replace(string(env), "rules: []", `rules: [{at: "$.spec.replicas", kind: Deployment, do: ignore, why: autoscaler}]`, 1)
	if err := os.WriteFile(changed, []byte(rule), 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(c.green.Requests())
	status, stdout, stderr := c.bgverify("rediff", "latest", "--out", filepath.Join(c.dir, "runs"), "--env", changed)
	if again, _ := c.latest(); status != 0 || again.ID == r.ID || again.Clusters.Services.Asked != 1 {
		t.Errorf("rediff: status %d\n%s%s", status, stdout, stderr)
	}
	if n := len(c.green.Requests()); n != before {
		t.Errorf("rediff sent %d requests to the cluster", n-before)
	}
}

func TestRunRequiresAShareOfTheServices(t *testing.T) {
	c := newClusterTest(t)
	args := c.prepare("require: {services: 95%}\n")
	status, stdout, _ := c.bgverify(args...)
	if status != 4 || !strings.Contains(stdout, "1 of 2 services") {
		t.Errorf("status %d\n%s", status, stdout)
	}
	c = newClusterTest(t)
	args = c.prepare("require: [compare, services: 50%]\n")
	if status, stdout, _ = c.bgverify(args...); status != 0 {
		t.Errorf("status %d\n%s", status, stdout)
	}
}

func TestAlikeExitsWithTheVerdict(t *testing.T) {
	c := newClusterTest(t)
	c.prepare("")
	env := filepath.Join(c.dir, "stage.yaml")
	if status, stdout, stderr := c.bgverify("alike", "--env", env); status != 0 || !strings.Contains(stdout,
		"the clusters are alike: 2 objects compared") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	c.blue.Put(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"epg-flags","namespace":"stb"}}`)
	if status, stdout, _ := c.bgverify("alike", "--env", env); status != 1 || !strings.Contains(stdout, "ConfigMap stb/epg-flags") {
		t.Errorf("status %d\n%s", status, stdout)
	}
	c.green.Forbid("list", "configmaps")
	if status, stdout, _ := c.bgverify("alike", "--env", env); status != 3 || !strings.Contains(stdout, "no right to list configmaps") {
		t.Errorf("status %d\n%s", status, stdout)
	}
}

// What import cluster writes validates, and alike runs with it.
func TestImportClusterWritesAnEnvFile(t *testing.T) {
	c := newClusterTest(t)
	c.prepare("")
	out := filepath.Join(c.dir, "env", "imported.yaml")
	args := []string{
		"import", "cluster", "--kubeconfig", c.kubeconfig, "--blue-context", "eks-blue", "--green-context",
		"eks-green", "--namespace", "stb", "-o", out,
	}
	if status, _, stderr := c.bgverify(args...); status != 2 || !strings.Contains(stderr, "--blue-address") {
		t.Errorf("hosts that both clusters have: status %d, %s", status, stderr)
	}
	args = append(args, "--blue-address", "127.0.0.2", "--green-address", "127.0.0.3")
	status, stdout, stderr := c.bgverify(args...)
	text, err := os.ReadFile(out)
	if status != 0 || err != nil || !strings.Contains(string(text), "epg: \"https://127.0.0.1\"") {
		t.Fatalf("status %d, %v\n%s%s%s", status, err, text, stdout, stderr)
	}
	if status, stdout, stderr := c.bgverify("validate", filepath.Join(c.dir, "smoke.yaml"), "--env", out); status != 0 {
		t.Errorf("validate: status %d\n%s%s\n%s", status, stdout, stderr, text)
	}
	if status, stdout, stderr := c.bgverify("alike", "--env", out); status != 0 {
		t.Errorf("alike: status %d\n%s%s", status, stdout, stderr)
	}
	if status, _, _ := c.bgverify(args...); status != 2 {
		t.Errorf("a file that is there was replaced: status %d", status)
	}
}
