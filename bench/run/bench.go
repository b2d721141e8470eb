package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// atOnce is how many cases a run walks at once unless set otherwise; the bare
// loop with the same concurrency keeps as many pairs under way.
const atOnce = 8

// A bench is what the tables share: the built binary, the server, and a folder
// for suites and runs.
type bench struct {
	self, bgverify string
	dir, tools     string
	server, twin   *peer
}

// A peer is a process that serves on two addresses until its input ends.
type peer struct {
	cmd         *exec.Cmd
	stop        io.Closer
	blue, green string
}

func newBench() (*bench, error) {
	b := &bench{}
	var err error
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if b.tools, err = filepath.Abs(".tools"); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "bgverify-bench-"); err != nil {
		return nil, err
	}
	b.bgverify = filepath.Join(b.dir, "bgverify")
	build := exec.Command("go", "build", "-o", b.bgverify, "./cmd/bgverify")
	build.Dir = ".."
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build bgverify: %w", err)
	}
	if b.server, err = startPeer(exec.Command(b.self, "-role", "serve")); err != nil {
		return nil, err
	}
	if b.twin, err = startPeer(exec.Command(b.self, "-role", "twin")); err != nil {
		return nil, err
	}
	return b, nil
}

// startPeer starts a process and reads its two addresses.
func startPeer(cmd *exec.Cmd) (*peer, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	var urls []string
	for len(urls) < 2 && lines.Scan() {
		urls = append(urls, lines.Text())
	}
	if len(urls) < 2 {
		return nil, errors.Join(errors.New("a server did not start"), cmd.Wait())
	}
	return &peer{cmd: cmd, stop: in, blue: urls[0], green: urls[1]}, nil
}

func (b *bench) close() {
	for _, p := range []*peer{b.server, b.twin} {
		_ = p.stop.Close() // the process ends with its input
		_ = p.cmd.Wait()   // it is over either way
	}
	_ = os.RemoveAll(b.dir)
}

// bare is the bare loop with n requests or pairs.
func (b *bench) bare(name string, n, atOnce int, green string) *tool {
	return &tool{name: name, each: n, args: []string{
		b.self, "-role", "bare", "-blue", b.server.blue, "-green", green, "-n", strconv.Itoa(n), "-at-once", strconv.Itoa(atOnce),
	}}
}

// judge is a whole bgverify run of a suite: loaded, sent, compared, controlled,
// archived, every report written.
func (b *bench) judge(name, suite string, n int) *tool {
	out := filepath.Join(b.dir, "runs")
	return &tool{
		name: name, each: n,
		args:   []string{b.bgverify, "run", suite, "--blue", b.server.blue, "--green", b.server.green, "--out", out, "--no-progress", "-q"},
		before: func() error { return os.RemoveAll(out) },
	}
}

const rules = `rules:
  - {at: $.serverTime, do: ignore, why: each service has its own clock}
  - {at: $.requestId, do: format, is: hex}
`

// written is a suite of n cases, each written out.
func (b *bench) written(n int) (string, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "suite: written-%d\n%scases:\n", n, rules)
	for i := range n {
		fmt.Fprintf(&text, "  - {case: item-%d, get: /v1/items/%d, expect: {body: {$.code: 0, $.items: {count: 20}}}}\n", i, i)
	}
	return b.file(fmt.Sprintf("written-%d.yaml", n), text.String())
}

// tabled is a suite of one case with n rows.
func (b *bench) tabled(n int) (string, error) {
	var csv strings.Builder
	csv.WriteString("item\n")
	for i := range n {
		fmt.Fprintf(&csv, "%d\n", i)
	}
	rows := fmt.Sprintf("rows-%d.csv", n)
	if _, err := b.file(rows, csv.String()); err != nil {
		return "", err
	}
	return b.file(fmt.Sprintf("tabled-%d.yaml", n), fmt.Sprintf("suite: tabled-%d\n%scases:\n"+
		"  - {case: item, data: {file: %s}, get: \"/v1/items/{{item}}\", expect: {body: {$.code: 0, $.items: {count: 20}}}}\n", n, rules, rows))
}

func (b *bench) file(name, text string) (string, error) {
	path := filepath.Join(b.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

func (b *bench) start() (*table, error) {
	one, err := b.written(1)
	if err != nil {
		return nil, err
	}
	return &table{title: "Start-up", tools: []*tool{
		{name: "bgverify version", each: 1, args: []string{b.bgverify, "version"}},
		{name: "bgverify validate, one case", each: 1, args: []string{b.bgverify, "validate", one}},
		b.judge("bgverify run, one case", one, 1),
		b.bare("bare loop, one pair", 1, 1, b.server.green),
	}}, nil
}

func (b *bench) small() (*table, error) {
	suite, err := b.written(200)
	if err != nil {
		return nil, err
	}
	return &table{title: "200 cases on both sides (400 requests)", base: "sequential bare loop", tools: []*tool{
		b.bare("sequential bare loop", 200, 1, b.server.green),
		b.bare("concurrent bare loop", 200, atOnce, b.server.green),
		b.judge("bgverify run", suite, 200),
	}}, nil
}

func (b *bench) large() (*table, error) {
	suite, err := b.written(2000)
	if err != nil {
		return nil, err
	}
	return &table{title: "2,000 cases on both sides (4,000 requests)", base: "sequential bare loop", tools: []*tool{
		b.bare("sequential bare loop", 2000, 1, b.server.green),
		b.bare("concurrent bare loop", 2000, atOnce, b.server.green),
		b.judge("bgverify run", suite, 2000),
	}}, nil
}

func (b *bench) rows(numbers []string) (*table, error) {
	t := &table{title: "Data rows"}
	for _, text := range numbers {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("-rows: %w", err)
		}
		suite, err := b.tabled(n)
		if err != nil {
			return nil, err
		}
		x := b.judge("bgverify run, "+text+" rows", suite, n)
		if n > 10_000 {
			x.slow, x.most = true, 1
		}
		t.tools = append(t.tools, x)
	}
	return t, nil
}

// control runs scenarios/stb against its twin with and without the negative
// control; the difference is what it costs.
func (b *bench) control() (*table, error) {
	suite := func(name string, on bool) *tool {
		return &tool{name: name, each: 1, args: []string{
			b.self, "-role", "suite", "-blue", b.twin.blue, "-green", b.twin.green, "-control=" + strconv.FormatBool(on),
		}}
	}
	return &table{title: "Negative control on scenarios/stb", base: "with", tools: []*tool{
		suite("with", true), suite("without", false),
	}}, nil
}

func (b *bench) reports() (*table, error) {
	return &table{title: "All reports of 10,000 cases", tools: []*tool{
		{name: "making the cases alone", each: 10_000, args: []string{b.self, "-role", "reports", "-n", "-10000"}},
		{name: "making and writing", each: 10_000, args: []string{b.self, "-role", "reports", "-n", "10000"}},
	}}, nil
}
