package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/wire"
	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// generate sends a load and prints the mean latency in seconds.
func generate(tool, url string, rate float64, length time.Duration) error {
	if tool == "vegeta" {
		return bare(url, rate, length)
	}
	return ours(url, rate, length)
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

// ours is the attack with everything on: pairs, records on disk, judgement.
func ours(url string, rate float64, length time.Duration) error {
	file, err := os.CreateTemp("", "load-*.bin")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	request := []attack.Request{{Method: "GET", URL: url + "/"}}
	side := attack.Side{Services: map[string]wire.Config{"": {BaseURL: url}}}
	report, err := attack.Run(context.Background(), attack.Plan{
		Name: "bench", Routes: []attack.Route{{Name: "GET /", Blue: request, Green: request}}, Blue: side, Green: side,
		Rate: rate / 2, WarmUp: time.Second, Duration: length - time.Second,
	}, file, func(attack.Progress) {})
	if err != nil {
		return err
	}
	if report.Broken != "" {
		return fmt.Errorf("broken: %s", report.Broken)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	mean, err := attack.MeanAnswerTime(file)
	fmt.Println(mean.Seconds())
	return err
}
