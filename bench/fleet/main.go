// Command fleet compares one machine that fires a load stage with workers that share it, on this
// machine: the share of the plan that is sent, how late requests leave, and CPU for each request. The vegeta
// library, at the same rate against the same server, is the peer.
//
//	go run ./fleet [-rates 250,1000,2000] [-seconds 16] [-rounds 3] [-budget 12m]
//
// The contenders take turns in every round, in random order; the table has the median over the
// rounds. A server in a separate process counts what arrives. CPU is that of all processes of
// a contender, from their start to their end, so that it holds reading suites and writing reports.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

func main() {
	role := flag.String("role", "", "internal: what this process is")
	url := flag.String("url", "", "internal: the server")
	rate := flag.Float64("rate", 0, "internal: requests per second")
	rates := flag.String("rates", "250,1000,2000", "requests per second and side, comma separated")
	seconds := flag.Int("seconds", 16, "length of one measurement, after a second of warm-up")
	rounds := flag.Int("rounds", 3, "measurements of each contender and rate")
	budget := flag.Duration("budget", 12*time.Minute, "after this no further round begins")
	flag.Parse()
	var err error
	switch *role {
	case "server":
		serve()
	case "vegeta":
		attack(*url, *rate, *seconds+1)
	default:
		b := &bench{seconds: *seconds, until: time.Now().Add(*budget)}
		err = b.compare(strings.Split(*rates, ","), *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

// serve answers with 2 KB on two ports, prints their addresses, and counts.
func serve() {
	var count atomic.Int64
	body := []byte(`{"items":["` + strings.Repeat("x", 2000) + `"]}`)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/count" {
			fmt.Fprint(w, count.Swap(0))
			return
		}
		count.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
	blue, green := httptest.NewServer(h), httptest.NewServer(h)
	fmt.Println(blue.URL, green.URL)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent ends
}

// attack is the peer: both sides at once, as one rate.
func attack(url string, rate float64, seconds int) {
	blue, green, _ := strings.Cut(url, ",")
	targeter := vegeta.NewStaticTargeter(vegeta.Target{Method: "GET", URL: blue + "/item"}, vegeta.Target{Method: "GET", URL: green + "/item"})
	pacer := vegeta.Rate{Freq: int(2 * rate), Per: time.Second}
	for range vegeta.NewAttacker().Attack(targeter, pacer, time.Duration(seconds)*time.Second, "") {
	}
}

// A bench runs contenders against one server.
type bench struct {
	seconds     int
	until       time.Time
	dir, binary string
	blue, green string
}

// A measurement is one contender at one rate in one round.
type measurement struct {
	sent float64       // share of the plan
	cpu  time.Duration // for each request
	late float64       // p99, ms; 0: not known
}

// contenders are the peer, one process, and fleets by their workers.
var contenders = []string{"vegeta", "one process", "1 worker", "2 workers"}

func (b *bench) compare(rates []string, rounds int) error {
	var err error
	if b.dir, err = os.MkdirTemp("", "bench-fleet-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	b.binary = filepath.Join(b.dir, "bgverify")
	build := exec.Command("go", "build", "-o", b.binary, "./cmd/bgverify")
	build.Dir, build.Stderr = "..", os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build bgverify: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	server := exec.Command(self, "-role", "server")
	hold, err := server.StdinPipe()
	if err != nil {
		return err
	}
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	defer server.Wait() //nolint:errcheck // it ends with its input
	defer hold.Close()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read the server's addresses: %w", err)
	}
	b.blue, b.green, _ = strings.Cut(strings.TrimSpace(line), " ")
	fmt.Println("| requests/s, both sides | contender | sent of the plan | CPU a request | / vegeta | / one process | late p99 | rounds |")
	fmt.Println("|---|---|---|---|---|---|---|---|")
	for _, text := range rates {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("-rates %s: %w", text, err)
		}
		if err := b.table(self, rate, rounds); err != nil {
			return err
		}
	}
	return nil
}

// table measures all contenders at one rate.
func (b *bench) table(self string, rate float64, rounds int) error {
	all := map[string][]measurement{}
	for range rounds {
		if time.Now().After(b.until) && len(all) > 0 {
			break
		}
		order := slices.Clone(contenders)
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, name := range order {
			m, err := b.measure(self, name, rate)
			if err != nil {
				return fmt.Errorf("%s at %g/s: %w", name, rate, err)
			}
			all[name] = append(all[name], *m)
		}
	}
	for _, name := range contenders {
		late := "–"
		if name != "vegeta" {
			late = fmt.Sprintf("%.2f ms", median(all[name], func(i int) float64 { return all[name][i].late }))
		}
		against := func(peer string) float64 {
			return median(all[name], func(i int) float64 { return float64(all[name][i].cpu) / float64(all[peer][i].cpu) })
		}
		fmt.Printf("| %.0f | %s | %.1f %% | %s | %.2f | %.2f | %s | %d |\n", 2*rate, name,
			100*median(all[name], func(i int) float64 { return all[name][i].sent }),
			time.Duration(median(all[name], func(i int) float64 { return float64(all[name][i].cpu) })).Round(time.Microsecond),
			against("vegeta"), against("one process"), late, len(all[name]))
	}
	return nil
}

func median(all []measurement, of func(i int) float64) float64 {
	var values []float64
	for i := range all {
		values = append(values, of(i))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// count is how many requests have arrived since it was asked last.
func (b *bench) count() (int, error) {
	res, err := http.Get(b.blue + "/count")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(text))
}

// measure runs one contender.
func (b *bench) measure(self, name string, rate float64) (*measurement, error) {
	if _, err := b.count(); err != nil {
		return nil, err
	}
	var ran []*exec.Cmd
	var err error
	m := &measurement{}
	if name == "vegeta" {
		cmd := exec.Command(self, "-role", "vegeta", "-url", b.blue+","+b.green, "-rate", fmt.Sprint(rate), "-seconds", fmt.Sprint(b.seconds))
		ran, err = []*exec.Cmd{cmd}, cmd.Run()
	} else {
		workers, _ := strconv.Atoi(name[:1])
		ran, err = b.fire(rate, workers, m)
	}
	if err != nil {
		return nil, err
	}
	arrived, err := b.count()
	if err != nil || arrived == 0 {
		return nil, fmt.Errorf("%d requests arrived, error %v", arrived, err)
	}
	for _, cmd := range ran {
		m.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	m.cpu /= time.Duration(arrived)
	if name == "vegeta" {
		m.sent = float64(arrived) / (2 * rate * float64(b.seconds+1))
	}
	return m, nil
}

// fire runs a stage: with workers, each a process, or without.
func (b *bench) fire(rate float64, workers int, m *measurement) (ran []*exec.Cmd, err error) {
	dir, err := os.MkdirTemp(b.dir, "run-")
	if err != nil {
		return nil, err
	}
	suite := fmt.Sprintf("suite: one\ncases: [{case: item, get: /item}]\nload:\n  - {load: peak, steps: [{case: item}], rate: %g/s, duration: %ds, warmup: 1s}\n", rate, b.seconds)
	if err := os.WriteFile(filepath.Join(dir, "suite.yaml"), []byte(suite), 0o600); err != nil {
		return nil, err
	}
	args := []string{"run", "suite.yaml", "--only-load", "--no-progress", "-q", "--blue", b.blue, "--green", b.green, "--run-id", "it"}
	if workers > 0 {
		args = append(args, "--workers", fmt.Sprint(workers), "--listen", "127.0.0.1:0")
	}
	run := exec.Command(b.binary, args...)
	run.Dir = dir
	said, err := run.StderrPipe()
	if err == nil {
		err = run.Start()
	}
	if err != nil {
		return nil, err
	}
	ran = append(ran, run)
	join := regexp.MustCompile(`worker --join (\S+)`)
	for lines := bufio.NewScanner(said); lines.Scan(); {
		at := join.FindStringSubmatch(lines.Text())
		for range workers * len(at) / 2 {
			w := exec.Command(b.binary, "worker", "--join", at[1])
			if err := w.Start(); err != nil {
				return nil, err
			}
			ran = append(ran, w)
		}
	}
	for _, cmd := range ran {
		_ = cmd.Wait() // the run is inconclusive: it is short
	}
	return ran, m.read(dir)
}

// read takes what the run's folder says of the generators.
func (m *measurement) read(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "runs", "latest", "run.json"))
	if err != nil {
		return err
	}
	var doc struct {
		Suites []struct {
			Loads []struct {
				Generator struct {
					LatenessP99MS float64 `json:"lateness_p99_ms"`
					Achieved      float64
				}
				Fleet struct {
					Workers []struct {
						LatenessP99MS float64 `json:"lateness_p99_ms"`
					}
				}
			}
		}
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return err
	}
	if len(doc.Suites) != 1 || len(doc.Suites[0].Loads) != 1 {
		return fmt.Errorf("run.json has no load stage")
	}
	l := &doc.Suites[0].Loads[0]
	m.late, m.sent = l.Generator.LatenessP99MS, l.Generator.Achieved
	for _, w := range l.Fleet.Workers {
		m.late = max(m.late, w.LatenessP99MS)
	}
	return nil
}
