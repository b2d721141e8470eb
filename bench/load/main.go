// Command load compares the load generator with others on loopback: how late its
// requests arrive, whether it holds the rate, what latency it reports and what it
// costs. A truth server in a process of its own logs every arrival, so that no
// tool is believed about itself.
//
//	go run ./load [-rates 100,1000] [-seconds 8] [-rounds 3] [-tools ours,vegeta,fortio,k6]
//
// The tools take turns in every round, in random order; the table shows the
// median over the rounds, and the median of the ratio to vegeta in the same round.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	role := flag.String("role", "", "internal: what this process is")
	url := flag.String("url", "", "internal: the truth server")
	rate := flag.Float64("rate", 0, "internal: requests per second")
	seconds := flag.Int("seconds", 8, "length of one measurement")
	rounds := flag.Int("rounds", 3, "measurements of each tool and rate")
	rates := flag.String("rates", "100,1000", "requests per second, comma separated")
	tools := flag.String("tools", "ours,vegeta", "any of ours, vegeta, fortio, k6; the last two must be on PATH")
	flag.Parse()
	var err error
	switch *role {
	case "truth":
		err = serveTruth()
	case "ours", "vegeta":
		err = generate(*role, *url, *rate, time.Duration(*seconds)*time.Second)
	default:
		err = compare(strings.Split(*tools, ","), strings.Split(*rates, ","), *rounds, *seconds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// A measurement is one tool at one rate in one round.
type measurement struct {
	LatenessP50 float64 `json:"lateness_p50"` // seconds behind the exact schedule, at arrival
	LatenessP99 float64 `json:"lateness_p99"`
	Achieved    float64 `json:"achieved"` // requests per second
	Requests    int     `json:"requests"`
	Mean        float64 `json:"mean"` // seconds, as the tool reports it
	CPU         float64 `json:"cpu"`  // seconds per request
	RSS         float64 `json:"rss"`  // peak, bytes
}

func compare(tools, rates []string, rounds, seconds int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	truth := exec.CommandContext(ctx, self, "-role", "truth")
	out, err := truth.StdoutPipe()
	if err != nil {
		return err
	}
	if err := truth.Start(); err != nil {
		return err
	}
	defer func() { _ = truth.Process.Kill() }()
	line := make([]byte, 256)
	n, err := out.Read(line)
	if err != nil {
		return fmt.Errorf("start the truth server: %w", err)
	}
	url := strings.TrimSpace(string(line[:n]))
	fmt.Println("| rate /s | tool | lateness p50 µs | lateness p99 µs | achieved | mean latency µs | CPU µs/request | peak RSS MB | lateness p50, p99, mean, CPU against vegeta |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for _, text := range rates {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return err
		}
		seen := map[string][]measurement{}
		for range rounds {
			for _, i := range rand.Perm(len(tools)) {
				m, err := measure(self, tools[i], url, rate, seconds)
				if err != nil {
					return fmt.Errorf("%s at %s/s: %w", tools[i], text, err)
				}
				seen[tools[i]] = append(seen[tools[i]], m)
			}
		}
		for _, tool := range tools {
			fmt.Println(row(text, tool, rate, seen[tool], seen["vegeta"]))
		}
	}
	return nil
}

func row(rate, tool string, planned float64, own, vegeta []measurement) string {
	of := func(f func(measurement) float64) float64 {
		var all []float64
		for _, m := range own {
			all = append(all, f(m))
		}
		return median(all)
	}
	ratio := func(f func(measurement) float64) string {
		var all []float64
		for i := range min(len(own), len(vegeta)) {
			all = append(all, f(own[i])/f(vegeta[i]))
		}
		if len(all) == 0 {
			return "–"
		}
		return fmt.Sprintf("%.2f", median(all))
	}
	p50 := func(m measurement) float64 { return m.LatenessP50 }
	p99 := func(m measurement) float64 { return m.LatenessP99 }
	mean := func(m measurement) float64 { return m.Mean }
	cpu := func(m measurement) float64 { return m.CPU }
	return fmt.Sprintf("| %s | %s | %.0f | %.0f | %.2f %% | %.0f | %.0f | %.0f | %s, %s, %s, %s |", rate, tool, of(p50)*1e6, of(p99)*1e6,
		of(func(m measurement) float64 { return m.Achieved })/planned*100, of(mean)*1e6, of(cpu)*1e6, of(func(m measurement) float64 { return m.RSS })/1e6, ratio(p50), ratio(p99), ratio(mean), ratio(cpu))
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// measure runs one tool against the truth server.
func measure(self, tool, url string, rate float64, seconds int) (measurement, error) {
	var m measurement
	if _, err := get(url + "/_reset"); err != nil {
		return m, err
	}
	cmd, read, err := command(self, tool, url, rate, seconds)
	if err != nil {
		return m, err
	}
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return m, fmt.Errorf("%w: %s", err, problems.String())
	}
	body, err := get(fmt.Sprintf("%s/_stats?rate=%g", url, rate))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, err
	}
	m.Mean, err = read(out.Bytes())
	m.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds() / float64(max(m.Requests, 1))
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.RSS = float64(usage.Maxrss) * 1024
	}
	return m, err
}

// command prepares a tool and says how its mean latency is read from its output.
func command(self, tool, url string, rate float64, seconds int) (*exec.Cmd, func([]byte) (float64, error), error) {
	text := strconv.FormatFloat(rate, 'f', -1, 64)
	switch tool {
	case "ours", "vegeta":
		return exec.Command(self, "-role", tool, "-url", url, "-rate", text, "-seconds", strconv.Itoa(seconds)), func(out []byte) (float64, error) {
			return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		}, nil
	case "fortio":
		return exec.Command("fortio", "load", "-quiet", "-qps", text, "-c", "64", "-uniform", "-t", fmt.Sprintf("%ds", seconds), "-json", "-", url+"/"), func(out []byte) (float64, error) {
			var r struct{ DurationHistogram struct{ Avg float64 } }
			at := bytes.IndexByte(out, '{')
			if at < 0 {
				return 0, fmt.Errorf("no JSON in %.80q", out)
			}
			err := json.NewDecoder(bytes.NewReader(out[at:])).Decode(&r)
			return r.DurationHistogram.Avg, err
		}, nil
	case "k6":
		script, summary, err := k6Files(url, text, seconds)
		if err != nil {
			return nil, nil, err
		}
		return exec.Command("k6", "run", "--quiet", "--summary-export", summary, script), func([]byte) (float64, error) {
			var r struct {
				Metrics map[string]map[string]any `json:"metrics"`
			}
			body, err := os.ReadFile(summary)
			if err != nil {
				return 0, err
			}
			if err := json.Unmarshal(body, &r); err != nil {
				return 0, err
			}
			ms, _ := r.Metrics["http_req_duration"]["avg"].(float64)
			return ms / 1e3, nil
		}, nil
	}
	return nil, nil, fmt.Errorf("unknown tool %q", tool)
}

func k6Files(url, rate string, seconds int) (script, summary string, err error) {
	dir, err := os.MkdirTemp("", "k6-")
	if err != nil {
		return "", "", err
	}
	script, summary = dir+"/load.js", dir+"/summary.json"
	text := fmt.Sprintf(`import http from "k6/http";
export const options = {discardResponseBodies: true, scenarios: {load: {executor: "constant-arrival-rate", rate: %s, timeUnit: "1s", duration: "%ds", preAllocatedVUs: 64, maxVUs: 4096}}};
export default function () { http.get("%s/"); }
`, rate, seconds, url)
	return script, summary, os.WriteFile(script, []byte(text), 0o600)
}

func get(url string) ([]byte, error) {
	resp, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// listen opens a loopback port and prints its URL.
func listen() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		fmt.Printf("http://%s\n", l.Addr())
	}
	return l, err
}
