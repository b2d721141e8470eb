package fleet

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack"
)

func drawRecord(t *rapid.T) perf.Record {
	return perf.Record{
		Pair: rapid.Uint32().Draw(t, "pair"), Step: rapid.Uint16().Draw(t, "step"), Walk: rapid.Bool().Draw(t, "walk"), Green: rapid.Bool().Draw(t, "green"),
		Solo: rapid.Bool().Draw(t, "solo"), Route: rapid.Uint8().Draw(t, "route"), Scheduled: time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "scheduled")),
		Lag: time.Duration(rapid.Int32Range(0, 1<<30).Draw(t, "lag")) * time.Microsecond, Latency: time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "latency")),
		Status: rapid.Uint16().Draw(t, "status"), Failure: perf.Failure(rapid.IntRange(0, 4).Draw(t, "failure")),
	}
}

// Law: a share that was packed and unpacked is the share, in the order of the schedule.
func TestLawShareComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &attack.Share{Slice: 7, Planned: 3, Findings: rapid.SliceOf(rapid.Byte()).Draw(t, "findings")}
		for range rapid.IntRange(0, 50).Draw(t, "records") {
			s.Records = append(s.Records, drawRecord(t))
		}
		b, err := packShare(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpackShare(b, 9)
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(s.Records)
		slices.SortStableFunc(want, func(a, b perf.Record) int { return int(a.Scheduled - b.Scheduled) })
		for i := range want {
			want[i].Worker = 9
		}
		if d := gocmp.Diff(want, got.Records); d != "" && len(want) > 0 {
			t.Fatalf("records (-want +got)\n%s", d)
		}
		if string(got.Findings) != string(s.Findings) || got.Slice != 7 || got.Planned != 3 {
			t.Fatalf("got %+v", got)
		}
		for cut := range len(b) {
			if _, err := unpackShare(b[:cut], 1); err == nil {
				t.Fatalf("a share cut off after %d of %d bytes was read", cut, len(b))
			}
		}
	})
}

// A request costs at most 16 bytes on the bus.
func TestBytesOfARequest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	s := &attack.Share{}
	for pair := range uint32(2000) {
		for side := range 2 {
			at := time.Duration(float64(pair)/500*1e9) + time.Duration(side)*time.Millisecond
			s.Records = append(s.Records, perf.Record{
				Pair: 2 * pair, Green: side == 1, Route: uint8(rng.IntN(5)), Scheduled: at, Status: 200,
				Lag: time.Duration(rng.ExpFloat64()*3e5) / 1000 * 1000, Latency: time.Duration(20e6 * (1 + rng.ExpFloat64())),
			})
		}
	}
	b, err := packShare(s)
	if err != nil {
		t.Fatal(err)
	}
	if per := float64(len(b)) / float64(len(s.Records)); per > 16 {
		t.Errorf("%.1f bytes a request, at most 16", per)
	} else {
		t.Logf("%.1f bytes a request", per)
	}
}
