package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing/fstest"
	"time"

	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// generate sends a load and prints the mean latency in seconds.
func generate(tool, url string, rate float64, length time.Duration) error {
	route := attack.Route{Name: "GET /"}
	switch tool {
	case "vegeta":
		return bare(url, rate, length)
	case "plain", "judged":
		url += "/list"
		route.Compare = true
	}
	if tool == "judged" {
		var err error
		if route.Judge, err = judge(); err != nil {
			return err
		}
	}
	return ours(url, rate, length, route)
}

// meanAnswerTime is the mean time from the actual send to the last byte of the answered requests
// in a record file, the warm-up left out: what generators that do not know a schedule call
// latency. The layout is that of runner/attack/records.go.
func meanAnswerTime(file io.Reader, warmUp time.Duration) (time.Duration, error) {
	in := bufio.NewReader(file)
	if _, err := in.Discard(len(attack.Magic)); err != nil {
		return 0, err
	}
	var sum time.Duration
	n := 0
	for {
		kind, err := in.ReadByte()
		if err == io.EOF {
			return sum / time.Duration(max(n, 1)), nil
		}
		var count uint32
		if err == nil {
			err = binary.Read(in, binary.LittleEndian, &count)
		}
		rest := int(count) // of a frame of JSON
		if kind == 'R' {
			rest = 20
		}
		if err == nil {
			_, err = in.Discard(rest)
		}
		record := make([]byte, 32)
		for i := uint32(0); kind == 'R' && i < count && err == nil; i++ {
			_, err = io.ReadFull(in, record)
			at := func(from int) time.Duration { return time.Duration(binary.LittleEndian.Uint64(record[from:])) }
			if failed := record[4]>>2 != 0; !failed && at(8) >= warmUp {
				sum += at(16) - time.Duration(binary.LittleEndian.Uint32(record[24:]))*time.Microsecond
				n++
			}
		}
		if err == nil {
			_, err = in.Discard(4) // the checksum
		}
		if err != nil {
			return 0, err
		}
	}
}

// judge is what judges the answers of a case that expects two things of a list.
func judge() (attack.Judge, error) {
	const suite = "suite: s\ncases:\n  - {case: list, get: /list, expect: {body: {$.channels: {count: {gte: 10}}, $.error: {exists: false}}}}\n"
	suites, problems := scenarios.Load(fstest.MapFS{"s.yaml": {Data: []byte(suite)}}, []string{"."}, scenarios.LoadOptions{})
	if problems.HasErrors() {
		return nil, errors.New(problems[0].Summary)
	}
	return runner.NewLoadJudge(suites[0].Cases[0].Steps[0])
}

// bare is the vegeta library as it comes.
func bare(url string, rate float64, length time.Duration) error {
	targeter := vegeta.NewStaticTargeter(vegeta.Target{Method: "GET", URL: url + "/"})
	var sum time.Duration
	n := 0
	for res := range vegeta.NewAttacker().Attack(targeter, vegeta.Rate{Freq: int(rate), Per: time.Second}, length, "") {
		sum += res.Latency
		n++
	}
	fmt.Println(sum.Seconds() / float64(max(n, 1)))
	return nil
}

// ours is the attack with everything on: pairs, records on disk, a verdict. It
// prints the CPU time of judging too, in seconds for each request.
func ours(url string, rate float64, length time.Duration, route attack.Route) error {
	file, err := os.CreateTemp("", "load-*.bin")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	request := []attack.Request{{Method: "GET", URL: strings.TrimSuffix(url, "/list") + "/"}}
	if route.Compare {
		request[0].URL = url
	}
	route.Blue, route.Green = request, request
	side := attack.Side{Services: map[string]wire.Config{"": {BaseURL: url}}}
	report, err := attack.Run(context.Background(), attack.Plan{
		Name: "bench", Routes: []attack.Route{route}, Blue: side, Green: side,
		Rate: rate / 2, WarmUp: time.Second, Duration: length - time.Second,
	}, file, func(attack.Progress) {})
	if err != nil {
		return err
	}
	if report.Outcome == 0 {
		return fmt.Errorf("broken: %s", report.Reason)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	mean, err := meanAnswerTime(file, time.Second)
	fmt.Println(mean.Seconds(), report.Judging.CPUSeconds/float64(max(report.Requests.Blue+report.Requests.Green, 1)))
	return err
}
