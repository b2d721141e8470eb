// Package callers holds bgverify serve to the code that asks it in a cluster: the web metric
// provider of Argo Rollouts and the webhook caller of Flagger, with the samples of deploy/.
// It is a separate module, so that bgverify itself does not depend on their modules.
package callers

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-rollouts/metricproviders/webmetric"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	flagger "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	"github.com/fluxcd/flagger/pkg/controller"
	"github.com/sirupsen/logrus"
	"sigs.k8s.io/yaml"
)

// The token of the server, in bytes that a URL carries as they are.
const token = "t0ken-of-the-callers-0123456789abcdef"

// suites are one that passes, one that fails, and one that does not end.
var suites = map[string]string{
	"stb":  "suite: stb\ncases:\n  - {case: home, get: /home, expect: {body: {$.title: {eq: Home}}}}\n",
	"bad":  "suite: bad\ncases:\n  - {case: differs, get: /differs}\n",
	"hang": "suite: hang\ncases:\n  - {case: slow, get: /slow, timeout: 10m}\n",
}

// side is one cluster.
func side(t *testing.T, name string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/version":
			fmt.Fprintf(w, `{"cluster":%q,"commit":"9f2c1e7"}`, name)
		case "/differs":
			fmt.Fprintf(w, `{"side":%q}`, name)
		case "/slow":
			<-r.Context().Done()
		default:
			fmt.Fprint(w, `{"title":"Home"}`)
		}
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

// serve starts bgverify serve and returns its address.
func serve(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	exe := filepath.Join(dir, "bgverify")
	build := exec.Command("go", "build", "-trimpath", "-o", exe, "./cmd/bgverify")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	files := map[string]string{
		"token": token + "\n",
		"production.yaml": fmt.Sprintf("sides: {blue: {url: %q}, green: {url: %q}}\nidentity:\n  - {get: /version, at: $.cluster, must: differ}\n"+
			"  - {get: /version, at: $.commit, must: same}\n", side(t, "blue"), side(t, "green")),
	}
	for name, text := range suites {
		files["suites/"+name+"/"+name+".yaml"] = text
	}
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(exe, "serve", "--suites", "suites", "--env", "production.yaml", "--listen", "127.0.0.1:0", "--token-file", "token")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(line, "serving ")
	url, _, _ := strings.Cut(rest, ",")
	return url
}

// sample reads a manifest of deploy/ into its own type, strictly.
func sample(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../deploy", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// order starts a run as a pipeline does.
func order(t *testing.T, url, id, suite string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url+"/v1/runs", strings.NewReader(fmt.Sprintf(`{"id":%q,"suites":[%q],"env":"production","green_build":"9f2c1e7"}`, id, suite)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusAccepted {
		t.Fatalf("order %s: %d %s", id, resp.StatusCode, text)
	}
}

// eventually asks until an answer is as wanted.
func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for range 600 {
		if ask() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("%s: it never came to that", what)
}

// measure is one measurement of the sample by the provider of Argo Rollouts.
func measure(t *testing.T, url, run, build, bearer string) v1alpha1.Measurement {
	t.Helper()
	var template v1alpha1.ClusterAnalysisTemplate
	sample(t, "argo/analysis-web.yaml", &template)
	metric := template.Spec.Metrics[0]
	fill := strings.NewReplacer("{{args.run}}", run, "{{args.build}}", build, "{{args.token}}", bearer, "http://bgverify.release", url)
	metric.Provider.Web.URL = fill.Replace(metric.Provider.Web.URL)
	for i := range metric.Provider.Web.Headers {
		metric.Provider.Web.Headers[i].Value = fill.Replace(metric.Provider.Web.Headers[i].Value)
	}
	client, err := webmetric.NewWebMetricHttpClient(metric)
	if err != nil {
		t.Fatal(err)
	}
	parser, err := webmetric.NewWebMetricJsonParser(metric)
	if err != nil {
		t.Fatal(err)
	}
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	return webmetric.NewWebMetricProvider(*logrus.NewEntry(quiet), client, parser).Run(&v1alpha1.AnalysisRun{}, metric)
}

// TestCallers: each state of a run is to both hosts what it is to bgverify gate, and nothing but a pass
// lets traffic move.
func TestCallers(t *testing.T) {
	url := serve(t)
	t.Run("argo rollouts", func(t *testing.T) { argo(t, url) })
	t.Run("flagger", func(t *testing.T) { fluxcd(t, url) })
}

func argo(t *testing.T, url string) {
	order(t, url, "good-1", "stb")
	order(t, url, "bad-1", "bad")
	phase := func(run, build, bearer string) v1alpha1.AnalysisPhase {
		return measure(t, url, run, build, bearer).Phase
	}
	eventually(t, "a pass is successful", func() bool { return phase("good-1", "9f2c1e7", token) == v1alpha1.AnalysisPhaseSuccessful })
	eventually(t, "a fail is failed", func() bool {
		got := phase("bad-1", "9f2c1e7", token)
		if got == v1alpha1.AnalysisPhaseSuccessful {
			t.Fatal("a run that failed is successful")
		}
		return got == v1alpha1.AnalysisPhaseFailed
	})
	for name, row := range map[string]struct {
		run, build, bearer string
		want               v1alpha1.AnalysisPhase
	}{
		"nobody ordered it": {"unknown-1", "9f2c1e7", token, v1alpha1.AnalysisPhaseFailed},
		"another build":     {"good-1", "0000000", token, v1alpha1.AnalysisPhaseFailed},
		"no token":          {"good-1", "9f2c1e7", "wrong", v1alpha1.AnalysisPhaseError},
	} {
		if got := measure(t, url, row.run, row.build, row.bearer); got.Phase != row.want {
			t.Errorf("%s: %s (%s%s), want %s", name, got.Phase, got.Value, got.Message, row.want)
		}
	}
}

// fluxcd walks canaries through the webhooks of the sample, in the order in which Flagger calls them.
func fluxcd(t *testing.T, url string) {
	var canary flagger.Canary
	sample(t, "flagger/canary.yaml", &canary)
	hooks := map[flagger.HookType]flagger.CanaryWebhook{}
	for _, hook := range canary.Spec.Analysis.Webhooks {
		hook.URL = strings.NewReplacer("TOKEN", token, "bgverify.release", strings.TrimPrefix(url, "http://")).Replace(hook.URL)
		hooks[hook.Type] = hook
	}
	call := func(kind flagger.HookType, suite, spec string) error {
		hook, c := hooks[kind], canary.DeepCopy()
		if hook.URL == "" {
			t.Fatalf("the sample has no %s", kind)
		}
		metadata := map[string]string{}
		for name, value := range *hook.Metadata {
			metadata[name] = value
		}
		metadata["suites"] = suite
		hook.Metadata, c.Status.LastAppliedSpec = &metadata, spec
		return controller.CallWebhook(*c, flagger.CanaryPhaseProgressing, hook)
	}
	const start, gate, back = flagger.PreRolloutHook, flagger.ConfirmTrafficIncreaseHook, flagger.RollbackHook
	if err := call(gate, "stb", "spec-1"); err == nil {
		t.Error("weight moves before a run was ordered")
	}
	if err := call(start, "stb", "spec-1"); err != nil {
		t.Errorf("the start: %v", err)
	}
	eventually(t, "weight moves after the pass", func() bool { return call(gate, "stb", "spec-1") == nil })
	if call(back, "stb", "spec-1") == nil {
		t.Error("a pass rolls back")
	}
	if err := call(gate, "stb", "spec-2"); err == nil {
		t.Error("weight moves for a spec that was not judged")
	}
	if err := call(start, "bad", "spec-3"); err != nil {
		t.Errorf("the start: %v", err)
	}
	eventually(t, "a fail rolls back", func() bool {
		if call(gate, "bad", "spec-3") == nil {
			t.Fatal("weight moves although the run failed, or runs")
		}
		return call(back, "bad", "spec-3") == nil
	})
	if call(start, "bad", "spec-3") == nil {
		t.Error("a canary that was judged and did not pass starts")
	}
	if err := call(start, "hang", "spec-4"); err != nil {
		t.Errorf("the start: %v", err)
	}
	if call(gate, "hang", "spec-4") == nil || call(back, "hang", "spec-4") == nil {
		t.Error("a run in progress moves weight, or rolls back")
	}
	for kind, hook := range hooks {
		hook.URL = strings.Replace(hook.URL, token, "wrong", 1)
		if err := controller.CallWebhook(canary, flagger.CanaryPhaseProgressing, hook); err == nil {
			t.Errorf("%s passes with a wrong token", kind)
		}
	}
}
