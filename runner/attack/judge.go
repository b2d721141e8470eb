package attack

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	vegeta "github.com/tsenart/vegeta/v12/lib"
)

func (p *PerSide) count(green bool) {
	if green {
		p.Green++
	} else {
		p.Blue++
	}
}

// judged fills the report with what perf decided.
func (r *Report) judged(design perf.Design, d *perf.Decision) {
	r.Outcome, r.Cause, r.Reason, r.Advice = d.Outcome, d.Cause, d.Reason, d.Advice
	r.Rate, r.Seconds, r.Blocks, r.Dropped = design.Rate, d.Seconds, d.Blocks, d.Dropped
	r.Comparisons, r.Alone = d.Comparisons, d.Alone
	r.Errors = PerSide{d.Errors[0], d.Errors[1]}
	r.Generator.Achieved, r.Generator.LatenessP50, r.Generator.LatenessP99 = d.Achieved, d.LatenessP50, d.LatenessP99
	if r.Routes == nil {
		for _, route := range design.Routes {
			r.Routes = append(r.Routes, route.Name)
		}
	}
}

// JudgeOptions say how recorded attacks are judged. Zero fields mean the default
// named with them.
type JudgeOptions struct {
	Margins perf.Margins
	WarmUp  time.Duration // default max(5 s, 200 requests per side); negative: none
	Expect  []Status      // statuses that succeed; default 200 to 299
}

// A recorded result file shorter than this share of the other was not recorded
// side by side with it.
const leastOverlap = 0.8

// JudgeResults judges two result files of vegeta (gob, CSV or JSON) that were
// recorded side by side. Blocks are cut by time, requests are not paired, and
// latency counts from the send, as vegeta measures it: what a busy vegeta held
// back is not seen.
func JudgeResults(blue, green io.Reader, opts JudgeOptions) (*Report, error) {
	var sides [2][]recorded
	for i, in := range [...]io.Reader{blue, green} {
		name := [...]string{"blue", "green"}[i]
		results, err := readResults(in, opts)
		if err != nil {
			return nil, fmt.Errorf("read results of %s: %w", name, err)
		}
		if len(results) == 0 {
			return nil, fmt.Errorf("read results of %s: no results", name)
		}
		sides[i] = results
	}
	from, to, warnings := overlap(sides)
	if !to.After(from) {
		return nil, errors.New("the two attacks were not recorded side by side: their times do not overlap")
	}
	counts := [2]int{}
	for i, results := range sides {
		for _, r := range results {
			if !r.at.Before(from) && !r.at.After(to) {
				counts[i]++
			}
		}
	}
	seconds := to.Sub(from).Seconds()
	rate := float64(min(counts[0], counts[1])) / seconds
	warmUp := opts.WarmUp
	if warmUp == 0 {
		warmUp = max(5*time.Second, time.Duration(200/rate*1e9))
	}
	design := perf.Design{
		Rate: rate, WarmUp: max(warmUp, 0), Duration: to.Sub(from) - max(warmUp, 0), Margins: opts.Margins,
		Pairing: perf.Recorded, OneLook: true,
	}
	if design.Duration <= 0 {
		return nil, fmt.Errorf("the attacks overlap for %.1f s, no longer than the warm-up of %s", seconds, warmUp)
	}
	stage := perf.NewStage(design)
	report := &Report{}
	for i, results := range sides {
		for _, r := range results {
			r.record.Scheduled, r.record.Green = r.at.Sub(from), i == 1
			if r.record.Scheduled >= 0 {
				stage.Add(r.record)
			}
			report.Requests.count(i == 1)
		}
	}
	decision := stage.Finish(perf.Health{})
	report.judged(stage.Design(), decision)
	report.Series = stage.Series()
	report.Warnings = append(append(warnings, stage.Design().Warnings()...), decision.Notes...)
	report.Warnings = append(report.Warnings, "recorded results: requests are not paired, and latency counts from the send, not from the schedule")
	return report, nil
}

type recorded struct {
	at     time.Time
	record perf.Record
}

// overlap is the time during which both sides were attacked.
func overlap(sides [2][]recorded) (from, to time.Time, warnings []string) {
	var first, last [2]time.Time
	for i, results := range sides {
		for _, r := range results {
			if first[i].IsZero() || r.at.Before(first[i]) {
				first[i] = r.at
			}
			if r.at.After(last[i]) {
				last[i] = r.at
			}
		}
	}
	from, to = first[0], last[0]
	if first[1].After(from) {
		from = first[1]
	}
	if last[1].Before(to) {
		to = last[1]
	}
	for i, name := range [...]string{"blue", "green"} {
		if whole := last[i].Sub(first[i]); to.Sub(from) < time.Duration(leastOverlap*float64(whole)) {
			warnings = append(warnings, fmt.Sprintf("%s was attacked for %.0f s, side by side only for %.0f s: the rest is left out", name, whole.Seconds(), max(0, to.Sub(from).Seconds())))
		}
	}
	return from, to, warnings
}

// readResults reads a result file in any of vegeta's encodings.
func readResults(in io.Reader, opts JudgeOptions) ([]recorded, error) {
	decode := vegeta.DecoderFor(in)
	if decode == nil {
		return nil, errors.New("not a result file of vegeta (gob, CSV or JSON)")
	}
	route := Route{Expect: opts.Expect}
	var results []recorded
	for {
		var res vegeta.Result
		if err := decode(&res); err != nil {
			if errors.Is(err, io.EOF) {
				return results, nil
			}
			return nil, fmt.Errorf("result %d: %w", len(results)+1, err)
		}
		r := perf.Record{Pair: uint32(res.Seq), Latency: max(res.Latency, 0), Status: res.Code}
		switch {
		case res.Code == 0 && timedOut(res.Error):
			r.Failure = perf.TimedOut
		case res.Code == 0:
			r.Failure = perf.Transport
		case !route.accepts(int(res.Code)):
			r.Failure = perf.BadStatus
		}
		results = append(results, recorded{res.Timestamp, r})
	}
}

// timedOut reads vegeta's error text, which is all it keeps.
func timedOut(text string) bool {
	return strings.Contains(text, "Client.Timeout") || strings.Contains(text, "deadline exceeded") || strings.Contains(text, "i/o timeout")
}

// MeanAnswerTime is the mean time from the actual send to the last byte of the
// answered requests in a record file, the warm-up left out: what generators that
// do not know a schedule call latency. No verdict uses it.
func MeanAnswerTime(records io.Reader) (time.Duration, error) {
	var sum, warmUp time.Duration
	var n int64
	err := readRecords(records, reader{
		section: func(s Section) error { warmUp = s.Design.WarmUp; return nil },
		stop:    func(Stop) error { return nil },
		frame: func(batch []perf.Record, _ time.Duration, _ perf.Health) error {
			for _, r := range batch {
				if r.Failure == perf.Succeeded && r.Scheduled >= warmUp {
					sum += r.Latency - r.Lag
					n++
				}
			}
			return nil
		},
	})
	return sum / time.Duration(max(n, 1)), err
}
