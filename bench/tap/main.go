// Command tap measures what `bgverify tap` costs the clients that it serves: the latency that
// it adds to nginx as a plain reverse proxy in front of the same service, in turns, and its
// memory under many clients at once.
//
//	go run ./tap [-rate 200] [-seconds 5] [-rounds 5] [-boxes 200] [-- FLAG OF TAP...]
//
// One nginx is blue, green and the plain reverse proxy, on three ports. Every request that
// passes the tap is also sent to green and compared. Figures are medians over the rounds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

func main() {
	rate := flag.Int("rate", 200, "requests per second")
	seconds := flag.Int("seconds", 5, "length of one measurement")
	rounds := flag.Int("rounds", 5, "measurements of each proxy")
	boxes := flag.Int("boxes", 200, "clients at once, each with separate connections")
	flag.Parse()
	if err := measure(*rate, *rounds, *boxes, time.Duration(*seconds)*time.Second); err != nil {
		fmt.Fprintln(os.Stderr, "bench tap:", err)
		os.Exit(1)
	}
}

// measure starts everything, measures, and prints the table.
func measure(rate, rounds, boxes int, length time.Duration) error {
	dir, err := os.MkdirTemp("", "bench-tap")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	addresses, err := free(3)
	if err != nil {
		return err
	}
	nginx, err := startNginx(dir, addresses)
	if err != nil {
		return err
	}
	defer nginx.Process.Kill()
	tap, err := startTap(dir, addresses[0], addresses[1])
	if err != nil {
		return err
	}
	defer tap.cmd.Process.Kill()

	paths := map[string]string{"nginx": "http://" + addresses[2], "tap": tap.url}
	p50, p99 := map[string][]time.Duration{}, map[string][]time.Duration{}
	attack(tap.url, rate, time.Second) // connections, caches
	attack(paths["nginx"], rate, time.Second)
	for round := range rounds {
		order := []string{"nginx", "tap"}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, name := range order {
			m := attack(paths[name], rate, length)
			if m.Success < 1 {
				return fmt.Errorf("%s: %.2f %% of the requests succeeded: %v", name, 100*m.Success, m.Errors)
			}
			p50[name], p99[name] = append(p50[name], m.Latencies.P50), append(p99[name], m.Latencies.P99)
		}
	}
	fmt.Printf("%d requests/s, %d rounds of %s, median over the rounds\n\n| proxy | p50 | p99 |\n|---|---:|---:|\n", rate, rounds, length)
	for _, name := range []string{"nginx", "tap"} {
		fmt.Printf("| %s | %s | %s |\n", name, ms(median(p50[name])), ms(median(p99[name])))
	}
	fmt.Printf("| tap adds (limits: 1 ms, 3 ms) | %s | %s |\n\n", ms(median(p50["tap"])-median(p50["nginx"])), ms(median(p99["tap"])-median(p99["nginx"])))
	return crowd(tap, boxes)
}

// crowd is many clients at once, each with separate connections, for two equal times.
func crowd(t *tapped, boxes int) error {
	before := t.memory()
	var failed, sent atomic.Int64
	half := 8 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), 2*half)
	defer cancel()
	var group sync.WaitGroup
	for range boxes {
		group.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for {
				res, err := client.Get(t.url + "/now")
				if err == nil {
					_, err = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
				sent.Add(1)
				if err != nil {
					failed.Add(1)
				}
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
			}
		})
	}
	time.Sleep(half)
	middle := t.memory()
	group.Wait()
	fmt.Printf("%d clients at once, each one request a second: %d requests, %d failed\n", boxes, sent.Load(), failed.Load())
	fmt.Printf("memory of the tap: %d MiB before, %d MiB after %s, %d MiB after %s\n", before, middle, half, t.memory(), 2*half)
	if err := t.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	_ = t.cmd.Wait() // its status is the verdict
	for line := range strings.Lines(t.out.String()) {
		if strings.Contains(line, "passed;") || strings.Contains(line, "not compared") || strings.Contains(line, "verdict=") {
			line, _, _ = strings.Cut(line, " run=")
			fmt.Println(strings.TrimSpace(line))
		}
	}
	if failed.Load() > 0 {
		return errors.New("requests of clients failed")
	}
	return nil
}

// attack sends requests at a rate and returns what came of them.
func attack(url string, rate int, length time.Duration) *vegeta.Metrics {
	var m vegeta.Metrics
	targeter := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: url + "/channels"})
	for r := range vegeta.NewAttacker(vegeta.Workers(20)).Attack(targeter, vegeta.Rate{Freq: rate, Per: time.Second}, length, "") {
		m.Add(r)
	}
	m.Close()
	return &m
}

const config = `daemon off; worker_processes 1; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000; default_type application/json; client_body_temp_path %[1]s; proxy_temp_path %[1]s;
  fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  upstream blue { server %[2]s; keepalive 64; keepalive_requests 1000000; }
  server { listen %[2]s; location / { return 200 '%[5]s'; } }
  server { listen %[3]s; location / { return 200 '%[5]s'; } }
  server { listen %[4]s; location / { proxy_pass http://blue; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}
`

// startNginx starts blue, green and the plain reverse proxy to blue.
func startNginx(dir string, addresses []string) (*exec.Cmd, error) {
	var channels []string
	for i := range 20 {
		channels = append(channels, fmt.Sprintf(`{"id":"CH%03d","name":"channel %d","number":%d}`, i, i, i))
	}
	body := `{"channels":[` + strings.Join(channels, ",") + `]}`
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, dir, addresses[0], addresses[1], addresses[2], body), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command("nginx", "-p", dir, "-c", file)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start nginx (apt-get install nginx-light): %w", err)
	}
	for range 100 {
		if conn, err := net.Dial("tcp", addresses[2]); err == nil {
			return cmd, conn.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, errors.New("nginx does not listen")
}

// A tapped is a running tap.
type tapped struct {
	cmd *exec.Cmd
	url string
	out *lines
}

// lines is what a process printed so far.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// startTap builds the command and starts a tap of blue and green.
func startTap(dir, blue, green string) (*tapped, error) {
	binary := filepath.Join(dir, "bgverify")
	build := exec.Command("go", "build", "-C", "..", "-o", binary, "./cmd/bgverify")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build bgverify: %w", err)
	}
	t := &tapped{out: &lines{}}
	t.cmd = exec.Command(binary, "tap", "--listen", "127.0.0.1:0", "--blue", "http://"+blue, "--green", "http://"+green, "--out", filepath.Join(dir, "runs"), "--format", "text")
	t.cmd.Args = append(t.cmd.Args, flag.Args()...)
	t.cmd.Stdout, t.cmd.Stderr = t.out, t.out
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		if m := regexp.MustCompile(`at (http://\S+);`).FindStringSubmatch(t.out.String()); m != nil {
			t.url = m[1]
			return t, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, fmt.Errorf("the tap does not listen: %s", t.out.String())
}

// memory is the resident size of the tap in MiB; 0: it cannot be read.
func (t *tapped) memory() int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", t.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(data)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n / 1024
}

// free are addresses of loopback that nobody listens on.
func free(n int) ([]string, error) {
	var out []string
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close()
		out = append(out, ln.Addr().String())
	}
	return out, nil
}

func median(list []time.Duration) time.Duration {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }
