package attack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"pgregory.net/rapid"
)

func drawRecord(t *rapid.T) perf.Record {
	return quantise(perf.Record{
		Pair: rapid.Uint32().Draw(t, "pair"), Green: rapid.Bool().Draw(t, "green"), Solo: rapid.Bool().Draw(t, "solo"),
		Route: rapid.Uint8().Draw(t, "route"), Worker: rapid.Uint8().Draw(t, "worker"),
		Scheduled: time.Duration(rapid.Int64Min(0).Draw(t, "scheduled")),
		Lag:       time.Duration(rapid.Int64().Draw(t, "lag")),
		Latency:   time.Duration(rapid.Int64().Draw(t, "latency")),
		Status:    rapid.Uint16().Draw(t, "status"), Failure: perf.Failure(rapid.IntRange(0, 4).Draw(t, "failure")),
	})
}

// Law: decode(encode(record)) = record, in at most 32 bytes.
func TestLawRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRecord(t)
		encoded := appendRecord(nil, want)
		if len(encoded) != recordSize || recordSize > 32 {
			t.Fatalf("%d bytes", len(encoded))
		}
		if got := recordOf(encoded); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

type frame struct {
	records []perf.Record
	through time.Duration
	health  perf.Health
}

func readAll(file []byte) (sections []Section, frames []frame, stops []Stop, err error) {
	err = readRecords(bytes.NewReader(file), reader{
		section: func(s Section) error { sections = append(sections, s); return nil },
		stop:    func(s Stop) error { stops = append(stops, s); return nil },
		frame: func(r []perf.Record, through time.Duration, h perf.Health) error {
			frames = append(frames, frame{append([]perf.Record(nil), r...), through, h})
			return nil
		},
	})
	return sections, frames, stops, err
}

func sampleFile(t testing.TB) []byte {
	t.Helper()
	var file bytes.Buffer
	rec := &recorder{w: &file}
	design := perf.NewStage(perf.Design{Rate: 50, Duration: time.Minute, Timeout: time.Second, Routes: []perf.Route{{Name: "GET /", Share: 1}}}).Design()
	records := []perf.Record{{Pair: 1, Latency: time.Millisecond, Status: 200}, {Pair: 1, Green: true, Latency: 2 * time.Millisecond, Failure: perf.TimedOut}}
	for _, err := range []error{
		rec.section(Section{Name: "peak", Design: design}),
		rec.frame(records, 3*time.Second, perf.Health{CPU: 0.25, GCPauseP99: time.Microsecond}),
		rec.frame(nil, allTime, perf.Health{CapHit: true}),
		rec.stop([2]perf.Burst{{All: 20, Failed: 0}, {All: 20, Failed: 20, Tripped: true}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return file.Bytes()
}

func TestRecordFileRoundTrip(t *testing.T) {
	sections, frames, stops, err := readAll(sampleFile(t))
	if err != nil || len(sections) != 1 || len(frames) != 2 || len(stops) != 1 {
		t.Fatalf("read %d sections, %d frames, %d stops, %v", len(sections), len(frames), len(stops), err)
	}
	if s := sections[0]; s.Name != "peak" || s.Design.Rate != 50 || s.Design.Unit != perf.DefaultUnit {
		t.Errorf("section %+v", s)
	}
	if f := frames[0]; len(f.records) != 2 || f.through != 3*time.Second || f.health != (perf.Health{CPU: 0.25, GCPauseP99: time.Microsecond}) || f.records[1].Failure != perf.TimedOut {
		t.Errorf("frame %+v", f)
	}
	if f := frames[1]; f.through != allTime || !f.health.CapHit {
		t.Errorf("frame %+v", f)
	}
	if s := stops[0]; !s.Green.Tripped || s.Green.Failed != 20 {
		t.Errorf("stop %+v", s)
	}
}

// A file that is cut anywhere, or has any bit turned, is never taken for whole
// and never read wrong.
func TestDamagedRecordFiles(t *testing.T) {
	file := sampleFile(t)
	_, whole, _, _ := readAll(file)
	for n := range file {
		sections, frames, stops, err := readAll(file[:n])
		if err == nil && len(sections)+len(frames)+len(stops) == 4 {
			t.Errorf("cut at %d of %d bytes: taken for whole", n, len(file))
		}
		if len(frames) > 0 && len(frames[0].records) != len(whole[0].records) {
			t.Errorf("cut at %d bytes: a frame of %d records", n, len(frames[0].records))
		}
		turned := bytes.Clone(file)
		turned[n] ^= 0x10
		if _, _, _, err := readAll(turned); !errors.Is(err, errRecords) {
			t.Errorf("bit turned at %d of %d bytes: %v", n, len(file), err)
		}
	}
}

// A writer that fails at any byte makes the recorder say so, and go on saying so.
func TestRecorderOnFailingWriter(t *testing.T) {
	design := perf.NewStage(perf.Design{Rate: 50, Duration: time.Minute, Timeout: time.Second}).Design()
	write := func(w io.Writer) (errs []error) {
		rec := &recorder{w: w}
		return append(errs, rec.section(Section{Name: "peak", Design: design}), rec.frame([]perf.Record{{}, {}}, time.Second, perf.Health{}), rec.stop([2]perf.Burst{}))
	}
	var whole bytes.Buffer
	write(&whole)
	for n := range whole.Len() {
		errs := write(&brittle{n})
		for i, err := range errs {
			if i > 0 && errs[i-1] != nil && err == nil {
				t.Errorf("writer failing after %d bytes: forgotten: %v", n, errs)
			}
		}
		if !errors.Is(errs[2], errBrittle) {
			t.Errorf("writer failing after %d of %d bytes: %v", n, whole.Len(), errs)
		}
	}
}

// Whatever a record file holds, with its checksums wrong or put right, it is judged
// without a panic and twice alike; damaged, it is not judged.
func FuzzRejudge(f *testing.F) {
	f.Add([]byte(Magic))
	f.Add(sampleFile(f))
	f.Add(hourRecord(f, 5, 40*time.Second))
	f.Fuzz(func(t *testing.T, file []byte) {
		sealed := reseal(file)
		if r, err := Rejudge(bytes.NewReader(file), nil); err == nil && !bytes.Equal(file, sealed) {
			t.Errorf("%q is damaged and judged: %+v", file, r)
		}
		first, err := Rejudge(bytes.NewReader(sealed), nil)
		second, again := Rejudge(bytes.NewReader(sealed), nil)
		if (err == nil) != (again == nil) || inWords(first) != inWords(second) {
			t.Errorf("%q: %+v, %v and then %+v, %v", file, first, err, second, again)
		}
	})
}

// inWords is a report in words, where a number that is none equals itself.
func inWords(r *Report) string {
	return fmt.Sprintf("%v %v %v %+v", r.Outcome, r.Reason, r.Requests, r.Comparisons)
}

// reseal puts the checksums of a file right, as far as it reads as frames.
func reseal(file []byte) []byte {
	file = bytes.Clone(file)
	for at := len(Magic); at+headSize < len(file); {
		end := at + 5 + int(binary.LittleEndian.Uint32(file[at+1:]))
		if file[at] == 'R' {
			end = at + 1 + headSize - 4 + int(binary.LittleEndian.Uint32(file[at+1:]))*recordSize
		}
		if end < at || end+4 > len(file) {
			break
		}
		binary.LittleEndian.PutUint32(file[end:], crc32.Checksum(file[at:end], castagnoli))
		at = end + 4
	}
	return file
}

// The schedule: two requests a pair, one of each side, half an interval apart, at
// the exact rate; drawn from the seed alone; routes by weight.
// A pair of a slow schedule ends with it.
func TestSlowScheduleEndsInTime(t *testing.T) {
	design := perf.NewStage(perf.Design{Rate: 2.0 / 60, Duration: 5 * time.Second}).Design()
	s := newSchedule(design, []Route{{Blue: make([]Request, 1)}})
	for n := 0; ; n++ {
		sl, ok := s.next()
		if !ok {
			if n != 2 {
				t.Errorf("%d requests in %s at 2/m, want one pair", n, design.Length())
			}
			return
		}
		if sl.at > time.Second {
			t.Errorf("request %d of a stage of 5 s leaves after %s", n, sl.at)
		}
	}
}

func TestSchedule(t *testing.T) {
	design := perf.NewStage(perf.Design{Rate: 33.3, Duration: 60 * time.Second, Seed: 7, NoSolo: true}).Design()
	routes := []Route{{Weight: 3, Blue: make([]Request, 5)}, {Weight: 1, Blue: make([]Request, 2)}}
	a, b := newSchedule(design, routes), newSchedule(design, routes)
	var slots []slot
	count := map[int]int{}
	greenFirst := 0
	for {
		x, ok := a.next()
		if y, also := b.next(); ok != also || x != y {
			t.Fatalf("two schedules of one seed: %+v and %+v", x, y)
		}
		if !ok {
			break
		}
		slots = append(slots, x)
		count[x.route]++
		if x.row >= len(routes[x.route].Blue) {
			t.Fatalf("row %d of %d", x.row, len(routes[x.route].Blue))
		}
	}
	end := design.WarmUp + time.Duration(design.Blocks())*design.Block()
	if want := 2 * 33.3 * end.Seconds(); math.Abs(float64(len(slots))-want) > 2 {
		t.Errorf("%d slots in %s, want %.0f", len(slots), end, want)
	}
	for i := 0; i+1 < len(slots); i += 2 {
		x, y := slots[i], slots[i+1]
		if x.pair != y.pair || x.green == y.green || x.route != y.route || x.row != y.row || x.n != uint64(i) {
			t.Fatalf("pair %+v, %+v", x, y)
		}
		if gap := (y.at - x.at).Seconds() * 33.3 * 2; math.Abs(gap-1) > 1e-6 {
			t.Fatalf("the second request of a pair follows after %s", y.at-x.at)
		}
		if x.green {
			greenFirst++
		}
	}
	if share := float64(count[0]) / float64(len(slots)); math.Abs(share-0.75) > 0.03 {
		t.Errorf("route of weight 3 of 4 got %.3f of the load", share)
	}
	if share := float64(greenFirst) * 2 / float64(len(slots)); math.Abs(share-0.5) > 0.05 {
		t.Errorf("green goes first in %.3f of the pairs", share)
	}
	design.Seed++
	if x, _ := newSchedule(design, routes).next(); x == slots[0] {
		if y, _ := newSchedule(design, routes).next(); y == slots[1] {
			t.Error("another seed draws the same schedule")
		}
	}
}
