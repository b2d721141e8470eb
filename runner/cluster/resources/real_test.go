package resources_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/runner/cluster/resources"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// TestRealPrometheus asks a real Prometheus that scrapes both sides every second: green
// needs three times the processor time of blue.
func TestRealPrometheus(t *testing.T) {
	if os.Getenv("BGVERIFY_LONG") == "" {
		t.Skip("waits for seven scrapes: set BGVERIFY_LONG=1, or make test-cluster")
	}
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("no prometheus: apt-get install prometheus")
	}
	var scrapes [2]atomic.Int64
	var targets [2]string
	for i, name := range []string{"blue", "green"} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n := scrapes[i].Add(1)
			fmt.Fprintf(w, "container_cpu_usage_seconds_total{namespace=\"stb\",container=\"app\",cluster=%q} %d\n", name, n*int64(1+2*i))
		}))
		t.Cleanup(s.Close)
		targets[i] = s.Listener.Addr().String()
	}
	dir := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs: [{job_name: stb, static_configs: [{targets: [%q, %q]}]}]\n", targets[0], targets[1])
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	address := steady.Address(t)
	cmd := exec.Command(program, "--config.file", filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path",
		filepath.Join(dir, "data"), "--web.listen-address", address, "--log.level", "error")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	// Until both sides were scraped seven times, at most a minute.
	const enough = 7
	begun := time.Now()
	for range 600 {
		if scrapes[0].Load() >= enough && scrapes[1].Load() >= enough {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	server := stage.PrometheusServer{URL: "http://" + address}
	asked := &stage.Prometheus{Blue: server, Green: server, Namespaces: []string{"stb"}}
	asked.Blue.Match, asked.Green.Match = `cluster="blue"`, `cluster="green"`
	m, err := resources.New(asked, resources.Outside{})
	if err != nil {
		t.Fatal(err)
	}
	got := m.Measure(t.Context(), begun, time.Now(), 100)
	f := figure(t, got, "CPU per request")
	if got.Verdict != run.Fail || f.Verdict != run.Fail || f.BlueScrapes < 5 || f.Green < 2*f.Blue {
		t.Errorf("%v %q: %+v", got.Verdict, got.Reason, f)
	}
}
