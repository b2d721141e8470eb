// Package recorded judges two result files that another tool wrote while it loaded both
// sides: vegeta (gob, CSV, JSON) or JMeter (CSV, XML). Files come in as streams; a
// Judgement goes out, or an error with everything that keeps the files from being two
// sides under one load. Nothing is sent, and no file is written.
package recorded

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/run"
)

// Options say how recorded attacks are judged. Zero fields mean the default
// named with them.
type Options struct {
	Margins  perf.Margins
	WarmUp   time.Duration   // default max(5 s, 200 requests per side); negative: none
	Expect   []attack.Status // statuses that succeed; default 200 to 299
	SameHost bool            // both sides may have been sent to one host and port
	AnySize  bool            // sizes of answers do not count: empty ones succeed, others are not compared
	AnyIDs   bool            // each side may have been asked for ids and values of its cluster
}

// A Judgement is that of two result files.
type Judgement struct {
	attack.Report
	Sizes    []SizeDifference   // routes whose answers differ in size, the largest share first
	Statuses []StatusDifference // routes whose answers differ in status
	Outside  []Outside          // errors before and after the blocks
	Empty    run.PerSide        // answers that count as errors because they had no body
}

// A recorded result file shorter than this share of the other was not recorded
// side by side with it.
const leastOverlap = 0.8

// Judge judges two result files of vegeta (gob, CSV or JSON) that were
// recorded side by side. Both are read once, as streams: 16 bytes of a result are
// kept.
//
//  1. The files must be two recordings of two sides: other results, other hosts
//     (unless SameHost), the same routes and values (unless AnyIDs) in the same
//     proportion, rates and durations no more than 5 % apart, and latencies must be
//     possible. Otherwise the error is a *MismatchError with all that was found.
//  2. A 200 without a body is an error of its side (unless AnySize), and so is an
//     answer of any status with an error text that is not its status line.
//  3. Blocks are cut by time, requests are not paired, and latency counts from the
//     send, as vegeta measures it: what a busy vegeta held back is not seen.
//  4. Sizes of answers that succeeded are compared by route (compareSizes). A green
//     whose median is less than half of blue's is worse; any other difference makes
//     what would be no worse inconclusive.
//  5. Errors outside whole blocks count too (judgeOutside), results that one file
//     lacks, at its ends too, make a pass inconclusive (judgeMissing), and statuses are compared by
//     route (compareStatuses): a share that is more than 5 % apart is worse. A route of which green
//     fails every request makes a pass inconclusive (silentRoutes).
//  6. Fewer than two requests a side, or none after the warm-up, is inconclusive.
func Judge(blue, green io.Reader, opts Options) (*Judgement, error) {
	var sides [2]*recording
	for i, in := range [...]io.Reader{blue, green} {
		side, err := record(in, opts)
		if err == nil && len(side.results) == 0 {
			err = errors.New("no results")
		}
		if err != nil {
			return nil, fmt.Errorf("read results of %s: %w", sideNames[i], err)
		}
		sides[i] = side
	}
	if err := sameSubject(sides, opts); err != nil { // Rule 1
		return nil, err
	}
	report := &Judgement{Empty: run.PerSide{Blue: sides[0].empty, Green: sides[1].empty}}
	report.Requests = run.PerSide{Blue: len(sides[0].results), Green: len(sides[1].results)}
	if min(report.Requests.Blue, report.Requests.Green) < 2 { // Rule 6
		report.tooFew("there is nothing to measure")
		return report, nil
	}
	from, to, warnings := overlap(sides)
	if to <= from {
		return nil, errors.New("the two attacks were not recorded side by side: their times do not overlap")
	}
	rate, err := commonRate(sides, from, to)
	if err != nil {
		return nil, err
	}
	warmUp := opts.WarmUp
	if warmUp == 0 {
		warmUp = max(5*time.Second, time.Duration(200/rate*1e9))
	}
	warmUp = max(warmUp, 0)
	report.Warnings = warnings
	design := perf.Design{
		Rate: rate, WarmUp: warmUp, Duration: time.Duration(to-from) - warmUp, Margins: opts.Margins,
		Pairing: perf.Recorded, OneLook: true,
	}
	begin := from + int64(warmUp)
	end := begin
	if design.Duration <= 0 {
		report.tooFew(fmt.Sprintf("they overlap for %s, and the warm-up takes %s", text.Seconds(float64(to-from)/1e9),
			text.Seconds(warmUp.Seconds())))
	} else {
		end = from + int64(report.decide(sides, from, design))
	}
	for _, w := range warnings {
		report.lower(perf.Inconclusive, causeOverlap, w, "start both attacks at one time")
	}
	report.judgeOutside(sides, begin, end)
	if !opts.AnySize {
		report.judgeSizes(compareSizes(sides)) // Rule 4
	}
	report.judgeStatuses(compareStatuses(sides, opts.Expect))
	for _, route := range silentRoutes(sides) {
		report.lower(perf.Inconclusive, causeStatuses, route, "ask that route alone, as often as the others")
	}
	report.judgeMissing(sides, from, to)
	return report, nil
}

// decide judges latency and errors (rule 3). It returns where the last whole block
// ends.
func (r *Judgement) decide(sides [2]*recording, from int64, design perf.Design) time.Duration {
	stage := perf.NewStage(design)
	block := time.Duration(0)
	merge(sides, func(side int, result compact) {
		record := result.record()
		record.Scheduled, record.Green = time.Duration(result.at-from), side == 1
		if record.Scheduled < 0 {
			return
		}
		if now := record.Scheduled; now >= block { // the stage keeps the records of open blocks only
			stage.Through(now, perf.Health{})
			block = now + stage.Design().Block()
		}
		stage.Add(record)
	})
	decision := stage.Finish(perf.Health{})
	r.Decide(stage, decision)
	r.Warnings = append(r.Warnings, "recorded results: requests are not paired, and latency counts from the send, not from the schedule")
	for i, n := range [...]int{r.Empty.Blue, r.Empty.Green} {
		if n > 0 {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s answered %d requests with status 200 and no body: these are errors (--any-size "+
				"accepts them; vegeta -max-body 0 keeps no sizes)", sideNames[i], n))
		}
	}
	design = stage.Design()
	return design.WarmUp + time.Duration(design.Blocks())*design.Block()
}

// tooFew ends a judgement that has too few requests to begin with.
func (r *Judgement) tooFew(why string) {
	r.Outcome, r.Cause = perf.Inconclusive, perf.Underpowered
	r.Reason = fmt.Sprintf("too few requests, %d of blue and %d of green: %s", r.Requests.Blue, r.Requests.Green, why)
	r.Advice = "attack both sides for a minute or longer"
}

// judgeSizes lets differing sizes count.
func (r *Judgement) judgeSizes(found []SizeDifference) {
	r.Sizes = found
	for _, d := range found {
		if 2*d.Green < d.Blue {
			r.lower(perf.Worse, "", "green's answers lost most of their body: "+d.String(), "")
		}
	}
	if len(found) > 0 {
		r.lower(perf.Inconclusive, causeSizes, "answers differ in size: "+found[0].String(),
			"compare the answers with bgverify run, or accept any size with --any-size")
	}
}

// overlap is the time, in Unix nanoseconds, during which both sides were attacked.
func overlap(sides [2]*recording) (from, to int64, warnings []string) {
	from, to = max(sides[0].first(), sides[1].first()), min(sides[0].last(), sides[1].last())
	for i, side := range sides {
		if whole := side.last() - side.first(); float64(to-from) < leastOverlap*float64(whole) {
			warnings = append(warnings, fmt.Sprintf("%s was attacked for %.0f s, side by side only for %.0f s: the rest is left out", sideNames[i],
				float64(whole)/1e9, max(0, float64(to-from)/1e9)))
		}
	}
	return from, to, warnings
}

// timedOut reads vegeta's error text, which is all it keeps.
func timedOut(text string) bool {
	return strings.Contains(text, "Client.Timeout") || strings.Contains(text, "deadline exceeded") || strings.Contains(text, "i/o timeout")
}
