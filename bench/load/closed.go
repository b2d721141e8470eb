package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/wire"
)

// loopConnections is how many connections, each with one request under way, the closed
// loops have to nginx. Ours has half of them to each side; both sides are the same nginx.
const loopConnections = 32

// closedLoop compares how many requests per second ours, wrk and k6 get answered by one
// nginx. The tools take turns in every round, in random order; the ratios are medians over
// the rounds. A tool that cannot be had is left out and named; without nginx there is
// nothing to compare.
func (b *bench) closedLoop(w io.Writer) error {
	url, stop, err := startNginx()
	if err != nil {
		fmt.Fprintf(os.Stderr, "closed loop left out: %v\n", err)
		return nil
	}
	defer stop()
	tools := []string{"ours", "net/http"}
	for _, tool := range []string{"wrk", "k6"} {
		path, err := b.loopTool(tool)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s is left out: %v\n", tool, err)
			continue
		}
		b.paths[tool] = path
		tools = append(tools, tool)
	}
	rates := map[string][]float64{}
	for round := range b.rounds {
		for _, i := range rand.Perm(len(tools)) {
			rate, err := b.loop(tools[i], url)
			if err != nil {
				return fmt.Errorf("closed loop of %s: %w", tools[i], err)
			}
			fmt.Fprintf(os.Stderr, "closed loop round %d: %s %.0f requests/s\n", round+1, tools[i], rate)
			rates[tools[i]] = append(rates[tools[i]], rate)
		}
	}
	fmt.Fprintf(w, "\n| closed loop against nginx, %d connections | requests/s | ours against it | target |\n|---|---|---|---|\n", loopConnections)
	for _, tool := range tools {
		var ratios []float64
		for i, rate := range rates[tool] {
			ratios = append(ratios, rates["ours"][i]/rate)
		}
		ratio, target := median(ratios), map[string]float64{"wrk": 0.6, "k6": 1.7}[tool]
		cells := "- | -"
		if target > 0 {
			cells = fmt.Sprintf("%s | >= %.1f", verdict(fmt.Sprintf("%.2f", ratio), ratio >= target), target)
		}
		fmt.Fprintf(w, "| %s | %.0f | %s |\n", tool, median(rates[tool]), cells)
	}
	return nil
}

func (b *bench) loopTool(tool string) (string, error) {
	if module, known := peers[tool]; known {
		return locate(tool, module)
	}
	return exec.LookPath(tool)
}

// loop runs one tool and returns the requests per second that succeeded.
func (b *bench) loop(tool, url string) (float64, error) {
	seconds := strconv.Itoa(b.seconds)
	switch tool {
	case "ours":
		return number(exec.Command(b.self, "-role", "loop", "-url", url, "-seconds", seconds))
	case "net/http":
		return number(exec.Command(b.self, "-role", "bareloop", "-url", url, "-seconds", seconds))
	case "wrk":
		out, err := exec.Command(b.paths[tool], "-t2", "-c", strconv.Itoa(loopConnections), "-d", seconds+"s", url+"/").Output()
		if err != nil {
			return 0, err
		}
		_, after, found := strings.Cut(string(out), "Requests/sec:")
		if !found || strings.Contains(string(out), "Non-2xx") {
			return 0, fmt.Errorf("wrk printed %.300q", out)
		}
		return strconv.ParseFloat(strings.TrimSpace(strings.SplitN(after, "\n", 2)[0]), 64)
	}
	dir, err := os.MkdirTemp("", "k6-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	script, summary := filepath.Join(dir, "loop.js"), filepath.Join(dir, "summary.json")
	text := fmt.Sprintf("import http from \"k6/http\";\nexport const options = {discardResponseBodies: true, vus: %d, duration: \"%ss\"};\nexport default function () { http.get(%q); }\n",
		loopConnections, seconds, url+"/")
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		return 0, err
	}
	if out, err := exec.Command(b.paths["k6"], "run", "--quiet", "--summary-export", summary, script).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w: %.300s", err, out)
	}
	body, err := os.ReadFile(summary)
	if err != nil {
		return 0, err
	}
	var r struct {
		Metrics struct {
			Requests struct{ Rate float64 }  `json:"http_reqs"`
			Failed   struct{ Value float64 } `json:"http_req_failed"`
		} `json:"metrics"`
	}
	err = json.Unmarshal(body, &r)
	return r.Metrics.Requests.Rate * (1 - r.Metrics.Failed.Value), err
}

// number runs a command that prints one number.
func number(cmd *exec.Cmd) (float64, error) {
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, problems.String())
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// loopOurs is a closed loop of users that do not think, with everything on: records on
// disk, comparison of bodies, a verdict. It prints the requests per second that succeeded
// on both sides together.
func loopOurs(url string, length time.Duration) error {
	file, err := os.CreateTemp("", "loop-*.bin")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	request := []attack.Request{{Method: "GET", URL: url + "/"}}
	side := attack.Side{Services: map[string]wire.Config{"": {BaseURL: url}}}
	report, err := attack.Run(context.Background(), attack.Plan{
		Name: "loop", Routes: []attack.Route{{Name: "GET /", Blue: request, Green: request}}, Blue: side, Green: side,
		Users: perf.Users{Count: loopConnections / 2}, Connections: loopConnections / 2, WarmUp: time.Second, Duration: length - time.Second,
	}, file, func(attack.Progress) {})
	if err != nil {
		return err
	}
	if report.Outcome == 0 || report.Errors.Blue+report.Errors.Green > 0 {
		return fmt.Errorf("broken: %q, errors %+v", report.Reason, report.Errors)
	}
	rate := 0.0
	for _, c := range report.Comparisons {
		if c.Metric == perf.RequestRate {
			rate = c.Blue + c.Green
		}
	}
	if rate == 0 {
		return errors.New("no block was judged")
	}
	_, err = fmt.Println(rate)
	return err
}

// loopBare is the least that a closed loop in Go can be: as many goroutines as connections, each
// with a transport of net/http, which send the same request and read its answer. No tool that is
// made of net/http can be faster. It prints the requests per second.
func loopBare(url string, length time.Duration) error {
	var answered atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	began := time.Now()
	for range loopConnections {
		all.Go(func() {
			transport := &http.Transport{DisableCompression: true}
			defer transport.CloseIdleConnections()
			req, err := http.NewRequest(http.MethodGet, url+"/", nil)
			for err == nil && time.Since(began) < length {
				var resp *http.Response
				if resp, err = transport.RoundTrip(req); err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
					answered.Add(1)
				}
			}
			if err != nil {
				failed.Store(&err)
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	_, err := fmt.Println(float64(answered.Load()) / time.Since(began).Seconds())
	return err
}

// startNginx starts an nginx of two workers on loopback that answers a small text, and
// says where it is.
func startNginx() (url string, stop func(), err error) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			return "", nil, err
		}
	}
	dir, err := os.MkdirTemp("", "nginx-")
	if err != nil {
		return "", nil, err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return "", nil, err
	}
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`worker_processes 2; daemon off; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 100000000;
  client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  server { listen %[2]s; location / { default_type application/json; return 200 '{"ok":true}'; } } }
`, dir, address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return "", nil, err
	}
	cmd := exec.Command(path, "-e", filepath.Join(dir, "error.log"), "-c", config)
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // stopped by the signal
		_ = os.RemoveAll(dir)
	}
	for range 100 {
		if conn, err := net.Dial("tcp", address); err == nil {
			return "http://" + address, stop, conn.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	return "", nil, fmt.Errorf("nginx does not listen on %s", address)
}
