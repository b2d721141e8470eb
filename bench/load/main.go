// Command load compares the load generator with others on loopback: how late its
// requests arrive, whether it holds the rate, what latency it reports and what it
// costs. A truth server in its own process logs every arrival, so that no
// tool is believed about itself.
//
//	go run ./load [-rates 100,1000] [-ladder 2000,5000,8000] [-seconds 8] [-rounds 3] [-budget 9m] [-tools ours,vegeta,fortio,k6,plain,judged] [-loop=false]
//
// plain and judged are ours against answers of 2 KB, without and with judging
// each of them like one outside a load.
//
// The tools take turns in every round, in random order; the table shows the
// median over the rounds, and the median of the ratio to vegeta in the same round.
// Rates of the ladder are sent by ours and vegeta alone, to see where each ends.
// k6 and Fortio are installed into .tools next to this module when they are on no
// path; one that cannot be had is left out and named. When the budget is spent,
// the rounds end early and the table says how many there were.
//
// Last comes a closed loop against nginx, next to a bare loop of net/http, wrk and k6; without
// nginx it is left out. With -rates "" and -ladder "" it is all that is measured.
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
	ladder := flag.String("ladder", "2000,5000,8000", "further rates, of ours and vegeta alone; empty: none")
	budget := flag.Duration("budget", 9*time.Minute, "after this no further round begins")
	tools := flag.String("tools", "ours,vegeta,k6,fortio,plain,judged", "any of ours, vegeta, fortio, k6, plain, judged")
	loop := flag.Bool("loop", true, "compare a closed loop against nginx with wrk and k6 too")
	flag.Parse()
	var err error
	switch *role {
	case "truth":
		err = serveTruth()
	case "ours", "vegeta", "plain", "judged":
		err = generate(*role, *url, *rate, time.Duration(*seconds)*time.Second)
	case "loop":
		err = loopOurs(*url, time.Duration(*seconds)*time.Second)
	case "bareloop":
		err = loopBare(*url, time.Duration(*seconds)*time.Second)
	default:
		b := &bench{seconds: *seconds, rounds: *rounds, until: time.Now().Add(*budget)}
		if b.self, err = os.Executable(); err != nil {
			break
		}
		b.tools = b.available(strings.Split(*tools, ","))
		if *rates != "" || *ladder != "" {
			err = b.compare(*rates, *ladder)
		}
		if err == nil && *loop {
			err = b.closedLoop(os.Stdout)
		}
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
	Mean        float64 `json:"mean"`    // seconds, as the tool reports it
	CPU         float64 `json:"cpu"`     // seconds per request
	RSS         float64 `json:"rss"`     // peak, bytes
	Judging     float64 `json:"judging"` // of CPU: judging answers, seconds per request
}

// A bench is one comparison of the tools.
type bench struct {
	self, url       string
	seconds, rounds int
	until           time.Time
	tools           []string
	paths           map[string]string // of the tools that are separate programs
	judging         float64           // as the tool that ran last printed it
}

func (b *bench) compare(rates, ladder string) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	truth := exec.CommandContext(ctx, b.self, "-role", "truth")
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
	b.url = strings.TrimSpace(string(line[:n]))
	t := newTable()
	// The ladder comes first: what the budget cuts short is the number of rounds.
	if err := b.rows(t, ladder, []string{"ours", "vegeta"}, min(b.rounds, 2)); err != nil {
		return err
	}
	if err := b.rows(t, rates, b.tools, b.rounds); err != nil {
		return err
	}
	t.print(os.Stdout)
	return nil
}

// rows measures the tools at each rate.
func (b *bench) rows(t *table, rates string, tools []string, rounds int) error {
	for text := range strings.SplitSeq(rates, ",") {
		if text == "" {
			continue
		}
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("rate %q: %w", text, err)
		}
		for round := range rounds {
			if round > 0 && time.Now().After(b.until) {
				break
			}
			if err := b.round(t, rate, tools, round); err != nil {
				return err
			}
		}
	}
	return nil
}

// round measures every tool once at a rate, in random order.
func (b *bench) round(t *table, rate float64, tools []string, round int) error {
	for _, i := range rand.Perm(len(tools)) {
		m, err := b.measure(tools[i], rate)
		if err != nil {
			return fmt.Errorf("%s at %g/s: %w", tools[i], rate, err)
		}
		fmt.Fprintf(os.Stderr, "%g/s round %d: %s %.0f µs late, %.1f µs of CPU a request\n", rate, round+1, tools[i], m.LatenessP50*1e6, m.CPU*1e6)
		t.add(rate, tools[i], m)
	}
	return nil
}

// measure runs one tool against the truth server.
func (b *bench) measure(tool string, rate float64) (measurement, error) {
	var m measurement
	if _, err := get(b.url + "/_reset"); err != nil {
		return m, err
	}
	cmd, read, err := b.command(tool, rate)
	if err != nil {
		return m, err
	}
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return m, fmt.Errorf("%w: %s", err, problems.String())
	}
	body, err := get(fmt.Sprintf("%s/_stats?rate=%g", b.url, rate))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, err
	}
	b.judging = 0
	m.Mean, err = read(out.Bytes())
	m.Judging = b.judging
	m.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds() / float64(max(m.Requests, 1))
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.RSS = float64(usage.Maxrss) * 1024
	}
	return m, err
}

// command prepares a tool and says how its mean latency is read from its output.
func (b *bench) command(tool string, rate float64) (*exec.Cmd, func([]byte) (float64, error), error) {
	self, url, seconds := b.self, b.url, b.seconds
	text := strconv.FormatFloat(rate, 'f', -1, 64)
	switch tool {
	case "ours", "vegeta", "plain", "judged":
		return exec.Command(self, "-role", tool, "-url", url, "-rate", text, "-seconds", strconv.Itoa(seconds)), func(out []byte) (float64, error) {
			mean, judging, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
			if judging != "" {
				var err error
				if b.judging, err = strconv.ParseFloat(judging, 64); err != nil {
					return 0, err
				}
			}
			return strconv.ParseFloat(mean, 64)
		}, nil
	case "fortio":
		return exec.Command(b.paths["fortio"], "load", "-quiet", "-qps", text, "-c", "64", "-uniform", "-t", fmt.Sprintf("%ds", seconds), "-json", "-", url+"/"), func(out []byte) (float64, error) {
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
		return exec.Command(b.paths["k6"], "run", "--quiet", "--summary-export", summary, script), func([]byte) (float64, error) {
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
