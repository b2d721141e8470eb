package recorded

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	vegeta "github.com/tsenart/vegeta/v12/lib"
)

var encoders = map[string]func(io.Writer) vegeta.Encoder{
	"gob": vegeta.NewEncoder, "csv": vegeta.NewCSVEncoder, "json": vegeta.NewJSONEncoder,
}

// hostOfSeed gives each side of a test, which is a seed, a host.
func hostOfSeed(seed uint64) string { return map[uint64]string{1: "blue", 2: "green"}[seed] }

// results writes a result file of an attack at 100/s for a minute.
func results(t *testing.T, encoding string, seed uint64, factor, errors float64, offset time.Duration) io.Reader {
	t.Helper()
	var file bytes.Buffer
	encode := encoders[encoding](&file)
	rng := rand.New(rand.NewPCG(seed, 1))
	began := time.Date(2026, 11, 23, 3, 12, 45, 0, time.UTC).Add(offset)
	for i := range 6000 {
		res := vegeta.Result{
			Seq: uint64(i), Code: 200, Timestamp: began.Add(time.Duration(i) * 10 * time.Millisecond),
			Latency: time.Duration(5e6 * factor * math.Exp(0.3*rng.NormFloat64())), BytesIn: 1200,
			Method: "GET", URL: "http://" + hostOfSeed(seed) + ".example/",
		}
		if rng.Float64() < errors {
			res.Code, res.Error = 500, "500 Internal Server Error"
		}
		if err := encode(&res); err != nil {
			t.Fatal(err)
		}
	}
	return &file
}

func TestJudgeRecordedResults(t *testing.T) {
	for encoding := range encoders {
		for _, c := range []struct {
			name           string
			factor, errors float64
			want           perf.Outcome
			reason         string
		}{
			{"equal", 1, 0, perf.NoWorse, "no worse"},
			{"slower by 20 %", 1.2, 0, perf.Worse, "p50"},
			{"3 % errors", 1, 0.03, perf.Worse, "errors"},
		} {
			report, err := Judge(results(t, encoding, 1, 1, 0, 0), results(t, encoding, 2, c.factor, c.errors, 3*time.Millisecond), Options{})
			if err != nil {
				t.Errorf("%s, %s: %v", encoding, c.name, err)
				continue
			}
			t.Logf("%s, %s: %v: %s", encoding, c.name, report.Outcome, report.Reason)
			if problem := report.not(c.want, c.reason); problem != "" {
				t.Errorf("%s, %s: got %v (%s): %s", encoding, c.name, report.Outcome, report.Reason, problem)
			}
			if report.Rate < 99 || report.Rate > 101 {
				t.Errorf("%s: rate %g/s, want 100/s", encoding, report.Rate)
			}
		}
	}
}

func TestJudgeRefuses(t *testing.T) {
	if _, err := Judge(strings.NewReader("not a result"), results(t, "gob", 1, 1, 0, 0), Options{}); err == nil || !strings.Contains(err.Error(), "blue") {
		t.Errorf("garbage for blue: %v", err)
	}
	if _, err := Judge(results(t, "gob", 1, 1, 0, 0), strings.NewReader(""), Options{}); err == nil || !strings.Contains(err.Error(), "green") {
		t.Errorf("nothing for green: %v", err)
	}
	if _, err := Judge(results(t, "gob", 1, 1, 0, 0), results(t, "gob", 2, 1, 0, time.Hour), Options{}); err == nil || !strings.Contains(err.Error(), "side by side") {
		t.Errorf("one after the other: %v", err)
	}
	cut := results(t, "csv", 1, 1, 0, 0).(*bytes.Buffer)
	cut.Truncate(cut.Len() - 20)
	if _, err := Judge(cut, results(t, "csv", 2, 1, 0, 0), Options{}); err == nil {
		t.Error("a file that was cut off is judged")
	}
}

// Mostly one after the other: what does not overlap is left out, and said.
func TestJudgePartialOverlap(t *testing.T) {
	report, err := Judge(results(t, "gob", 1, 1, 0, 0), results(t, "gob", 2, 1, 0, 40*time.Second), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if problem := report.not(perf.Inconclusive, "underpowered"); problem != "" {
		t.Errorf("got %v (%s): %s", report.Outcome, report.Reason, problem)
	}
	if !strings.Contains(strings.Join(report.Warnings, "\n"), "side by side only for 20 s") {
		t.Errorf("warnings %q", report.Warnings)
	}
}

// not says what is wrong with a judgement that should be of one outcome, with a reason
// that contains a text; empty when nothing is.
func (j *Judgement) not(want perf.Outcome, reason string) string {
	if j.Outcome == want && strings.Contains(j.Reason, reason) {
		return ""
	}
	return fmt.Sprintf("%v (%s), want %v with %q", j.Outcome, j.Reason, want, reason)
}
