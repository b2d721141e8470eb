package attack

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/run"
)

// A record file is a sequence of frames, each closed by a CRC-32C of its bytes:
//
//	magic   "BGLOAD1\n"
//	section 'S', length (4 bytes), a Section as JSON
//	records 'R', count (4), through (8), CPU in 1/10000 (4), GC pause in ns (4), flags (4), count x 32 bytes
//
//	stop    'B', a Stop as JSON like a section: the circuit breaker ended the stage
//
//	void    'V', a run.LoadVoid as JSON: the block was left out, see perf.Stage.Void
//
// Numbers are little endian. A section opens a stage (a ladder has several).
// "through" is the time up to which the schedule is complete once the frame's
// records are counted, and the figures next to it are the generator's health, so
// that reading the file back takes every decision again as it was taken.
// Magic begins a record file.
const Magic = "BGLOAD1\n"

const (
	// recordSize and headSize are the bytes of a record and of the head of a frame.
	recordSize = 32
	headSize   = 28
	walkFlag   = 1 << 7  // of a record: it is of a whole walk
	maxRecords = 1 << 16 // of one frame
)

// A Section opens a stage in a record file.
type Section struct {
	Name   string      `json:"name"`
	Design perf.Design `json:"design"`
	Rates  int         `json:"rates,omitempty"` // of the ladder that it is a step of
	Again  bool        `json:"again,omitempty"` // in place of the section before, which was inconclusive
}

// castagnoli is the polynomial of the checksums: processors compute it.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// quantise cuts a record to what the file keeps, so that what is judged live is
// what is judged when the file is read back.
func quantise(r perf.Record) perf.Record {
	r.Lag = min(max(r.Lag.Truncate(time.Microsecond), 0), math.MaxInt32*time.Microsecond)
	r.Latency = max(r.Latency, 0)
	return r
}

// appendRecord appends a record in recordSize bytes, little endian.
func appendRecord(b []byte, r perf.Record) []byte {
	flags := byte(r.Failure) << 2
	if r.Green {
		flags |= 1
	}
	if r.Solo {
		flags |= 2
	}
	if r.Walk {
		flags |= walkFlag
	}
	b = binary.LittleEndian.AppendUint32(b, r.Pair)
	b = append(b, flags, r.Route, r.Worker, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Scheduled))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Latency))
	b = binary.LittleEndian.AppendUint32(b, uint32(r.Lag/time.Microsecond))
	b = binary.LittleEndian.AppendUint16(b, r.Status)
	return binary.LittleEndian.AppendUint16(b, r.Step)
}

// recordOf is the record that appendRecord wrote.
func recordOf(b []byte) perf.Record {
	return perf.Record{
		Pair:      binary.LittleEndian.Uint32(b),
		Green:     b[4]&1 != 0,
		Solo:      b[4]&2 != 0,
		Walk:      b[4]&walkFlag != 0,
		Failure:   perf.Failure(b[4] &^ walkFlag >> 2),
		Route:     b[5],
		Worker:    b[6],
		Scheduled: time.Duration(binary.LittleEndian.Uint64(b[8:])),
		Latency:   time.Duration(binary.LittleEndian.Uint64(b[16:])),
		Lag:       time.Duration(binary.LittleEndian.Uint32(b[24:])) * time.Microsecond,
		Status:    binary.LittleEndian.Uint16(b[28:]),
		Step:      binary.LittleEndian.Uint16(b[30:]),
	}
}

// A recorder writes a record file. Its first error stays.
type recorder struct {
	w       io.Writer
	buf     []byte
	started bool
	err     error
}

// A Stop is why the circuit breaker ended a stage.
type Stop struct {
	Blue  perf.Burst `json:"blue"`
	Green perf.Burst `json:"green"`
}

// section writes the design that the records after it follow.
func (rec *recorder) section(s Section) error { return rec.json('S', s) }

// stop writes why the circuit breaker ended the attack: the last requests of both sides.
func (rec *recorder) stop(recent [2]perf.Burst) error {
	return rec.json('B', Stop{recent[0], recent[1]})
}

// void says that the next block is not judged.
func (rec *recorder) void(v run.LoadVoid) error { return rec.json('V', v) }

// json writes a frame that holds JSON.
func (rec *recorder) json(kind byte, v any) error {
	head, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode load records: %w", err)
	}
	b := rec.buf[:0]
	if !rec.started {
		b = append(b, Magic...)
		rec.started = true
	}
	start := len(b)
	b = append(b, kind)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(head)))
	b = append(b, head...)
	return rec.seal(b, start)
}

// frame writes records with what is known of the generator. through is up to where no record is
// missing; 0: nothing new is complete.
func (rec *recorder) frame(records []perf.Record, through time.Duration, h perf.Health) error {
	for len(records) > maxRecords { // what is not complete yet stays open
		if err := rec.frame(records[:maxRecords], 0, h); err != nil {
			return err
		}
		records = records[maxRecords:]
	}
	head := frameHead{
		Count: uint32(len(records)), Through: through, CPU: uint32(math.Round(h.CPU * 1e4)), Pause: uint32(min(h.GCPauseP99, math.MaxUint32)),
	}
	if h.CapHit {
		head.Flags = 1
	}
	b, err := binary.Append(append(rec.buf[:0], 'R'), binary.LittleEndian, head)
	if err != nil {
		return fmt.Errorf("encode load records: %w", err)
	}
	for _, r := range records {
		b = appendRecord(b, r)
	}
	return rec.seal(b, 0)
}

// seal writes what was appended to b since start with its checksum. After the first error nothing
// more is written.
func (rec *recorder) seal(b []byte, start int) error {
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	rec.buf = b
	if rec.err == nil {
		if _, err := rec.w.Write(b); err != nil {
			rec.err = fmt.Errorf("write load records: %w", err)
		}
	}
	return rec.err
}

// A frameHead is what follows the kind of a frame of records.
type frameHead struct {
	Count   uint32 // of records
	Through time.Duration
	CPU     uint32 // in 1/10000 of GOMAXPROCS
	Pause   uint32 // of the garbage collector, its p99 in ns
	Flags   uint32 // 1: all workers were busy at once
}

// quantiseHealth cuts the health to what the file keeps.
func quantiseHealth(h perf.Health) perf.Health {
	h.CPU = math.Round(h.CPU*1e4) / 1e4
	h.GCPauseP99 = min(h.GCPauseP99, math.MaxUint32)
	return h
}

// errRecords marks a record file that is not whole.
var errRecords = errors.New("load records are damaged")

// A reader gets the frames of a record file in order.
type reader struct {
	section func(Section) error
	frame   func(records []perf.Record, through time.Duration, h perf.Health) error
	stop    func(Stop) error
	void    func(run.LoadVoid) error
}

// readRecords reads a whole file. A file that was cut off ends with an error
// after its last whole frame.
func readRecords(r io.Reader, to reader) error {
	in := bufio.NewReaderSize(r, 1<<16)
	head := make([]byte, len(Magic))
	if _, err := io.ReadFull(in, head); err != nil || string(head) != Magic {
		return fmt.Errorf("%w: not a record file", errRecords)
	}
	var records []perf.Record
	for {
		kind, err := in.ReadByte()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read load records: %w", err)
		}
		switch kind {
		case 'S':
			err = readJSON(in, kind, func(s Section) error {
				if err := s.check(); err != nil {
					return err
				}
				return to.section(s)
			})
		case 'B':
			err = readJSON(in, kind, to.stop)
		case 'V':
			err = readJSON(in, kind, to.void)
		case 'R':
			records, err = readFrame(in, records[:0], to.frame)
		default:
			err = fmt.Errorf("%w: unknown frame %q", errRecords, kind)
		}
		if err != nil {
			return err
		}
	}
}

// check refuses a design that no attack writes.
func (s Section) check() error {
	d := s.Design
	if !(d.Rate > 0) && d.Users.Count <= 0 || d.Users.Count < 0 || d.Users.Count > maxUsers || d.Users.Idle < 0 || d.Rate > 1e6 ||
		d.Duration <= 0 || d.Unit <= 0 || d.WarmUp < 0 || d.Duration/d.Unit > 1e5 || !(d.PerWalk >= 0) || d.PerWalk > 1e5 || d.Settle < 0 {
		return fmt.Errorf("%w: a stage of %g/s for %s in blocks of %s", errRecords, d.Rate, d.Duration, d.Unit)
	}
	return nil
}

// readJSON reads one JSON part of the file with its length and checksum, and hands it over. Its
// size is bounded, as the file may be damaged or foreign.
func readJSON[T any](in io.Reader, kind byte, take func(T) error) error {
	size := make([]byte, 4)
	if _, err := io.ReadFull(in, size); err != nil {
		return fmt.Errorf("%w: cut off", errRecords)
	}
	n := binary.LittleEndian.Uint32(size)
	if n > 1<<20 {
		return fmt.Errorf("%w: a head of %d bytes", errRecords, n)
	}
	body := make([]byte, n)
	if err := readSealed(in, body, kind, size); err != nil {
		return err
	}
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("%w: %v", errRecords, err)
	}
	return take(v)
}

// readFrame reads a frame and hands its records over. The slice is returned for the next frame.
func readFrame(in io.Reader, records []perf.Record, frame func([]perf.Record, time.Duration, perf.Health) error) ([]perf.Record, error) {
	head := make([]byte, headSize-4)
	if _, err := io.ReadFull(in, head); err != nil {
		return records, fmt.Errorf("%w: cut off", errRecords)
	}
	var h frameHead
	if _, err := binary.Decode(head, binary.LittleEndian, &h); err != nil || h.Count > maxRecords {
		return records, fmt.Errorf("%w: frame of %d records", errRecords, h.Count)
	}
	body := make([]byte, int(h.Count)*recordSize)
	if err := readSealed(in, body, 'R', head); err != nil {
		return records, err
	}
	for ; len(body) > 0; body = body[recordSize:] {
		records = append(records, recordOf(body))
	}
	health := perf.Health{CPU: float64(h.CPU) / 1e4, GCPauseP99: time.Duration(h.Pause), CapHit: h.Flags&1 != 0}
	return records, frame(records, h.Through, health)
}

// readSealed fills body and checks the frame's CRC.
func readSealed(in io.Reader, body []byte, kind byte, head []byte) error {
	var sum [4]byte
	if _, err := io.ReadFull(in, body); err != nil {
		return fmt.Errorf("%w: cut off", errRecords)
	}
	if _, err := io.ReadFull(in, sum[:]); err != nil {
		return fmt.Errorf("%w: cut off", errRecords)
	}
	want := crc32.Update(crc32.Checksum([]byte{kind}, castagnoli), castagnoli, head)
	want = crc32.Update(want, castagnoli, body)
	if binary.LittleEndian.Uint32(sum[:]) != want {
		return fmt.Errorf("%w: a frame's checksum does not match", errRecords)
	}
	return nil
}
