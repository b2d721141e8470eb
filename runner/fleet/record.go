package fleet

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/runner/attack"
)

// A share travels as three parts: its head as JSON, the findings of the caller, and the
// records in columns, each preceded by its length; all of it compressed. In columns the
// fields that the schedule decides are nearly constant differences, so that what remains of
// a record is its latency and its lag.

// errShare marks a share that cannot be read.
var errShare = errors.New("a share is damaged")

// maxShare bounds a share once it is unpacked.
const maxShare = 512 << 20

var (
	encoder, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1))
	decoder, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxShare))
)

// packShare writes a share. Its records come back in the order of the schedule.
func packShare(s *attack.Share) ([]byte, error) {
	head, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write a share: %w", err)
	}
	var b []byte
	for _, part := range [][]byte{head, s.Findings, packRecords(s.Records)} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return encoder.EncodeAll(b, nil), nil
}

// unpackShare reads a share; every record is given its worker.
func unpackShare(b []byte, worker uint8) (*attack.Share, error) {
	b, err := decoder.DecodeAll(b, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errShare, err)
	}
	// Head, findings and records, in this order; see packShare.
	var parts [3][]byte
	for i := range parts {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return nil, fmt.Errorf("%w: cut off", errShare)
		}
		parts[i], b = b[w:w+int(n)], b[w+int(n):]
	}
	s := &attack.Share{}
	if err := json.Unmarshal(parts[0], s); err != nil {
		return nil, fmt.Errorf("%w: %w", errShare, err)
	}
	s.Findings = slices.Clone(parts[1])
	if s.Records, err = unpackRecords(parts[2]); err != nil {
		return nil, err
	}
	for i := range s.Records {
		s.Records[i].Worker = worker
	}
	return s, nil
}

// columns are the fields of a record as numbers, in the order in which they are written.
// Each is written as the difference to the record before.
const columns = 8

// fields are a record's columns. Lag is in microseconds, as a record file keeps it; latency
// stays in nanoseconds.
func fields(r *perf.Record) [columns]int64 {
	flags := int64(r.Failure) << 3
	for i, set := range [...]bool{r.Green, r.Solo, r.Walk} {
		if set {
			flags |= 1 << i
		}
	}
	return [columns]int64{int64(r.Pair), flags, int64(r.Route), int64(r.Step), int64(r.Scheduled), int64(r.Status), int64(r.Lag / time.Microsecond), int64(r.Latency)}
}

// recordFrom undoes fields.
func recordFrom(f [columns]int64) perf.Record {
	return perf.Record{
		Pair: uint32(f[0]), Green: f[1]&1 != 0, Solo: f[1]&2 != 0, Walk: f[1]&4 != 0, Failure: perf.Failure(f[1] >> 3),
		Route: uint8(f[2]), Step: uint16(f[3]), Scheduled: time.Duration(f[4]), Status: uint16(f[5]),
		Lag: time.Duration(f[6]) * time.Microsecond, Latency: time.Duration(f[7]),
	}
}

// plain are the columns that are written as they are: differences of what was measured
// would only be longer.
func plain(column int) bool { return column >= columns-2 }

// packRecords writes the records column by column, in the order of their scheduled times:
// neighbours then differ least, and equal differences compress to almost nothing.
func packRecords(records []perf.Record) []byte {
	sorted := slices.Clone(records)
	slices.SortStableFunc(sorted, func(a, b perf.Record) int { return int(a.Scheduled - b.Scheduled) })
	b := binary.AppendUvarint(nil, uint64(len(sorted)))
	// Of the scheduled times the differences of differences are written: a schedule has equal steps.
	for column := range columns {
		var before, step int64
		for i := range sorted {
			v := fields(&sorted[i])[column]
			switch {
			case plain(column):
				b = binary.AppendVarint(b, v)
			case column == 4: // equal steps of time leave nothing
				b = binary.AppendVarint(b, v-before-step)
				step = v - before
			default:
				b = binary.AppendVarint(b, v-before)
			}
			before = v
		}
	}
	return b
}

// unpackRecords undoes packRecords. What a worker sends is bounded and checked like a file from
// outside: a count beyond the bytes that are there, or a field that no generator writes, is
// errShare.
func unpackRecords(b []byte) ([]perf.Record, error) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)) {
		return nil, fmt.Errorf("%w: a count of records", errShare)
	}
	b = b[w:]
	all := make([][columns]int64, n)
	for column := range columns {
		var before, step int64
		for i := range all {
			v, w := binary.Varint(b)
			if w <= 0 {
				return nil, fmt.Errorf("%w: cut off in its records", errShare)
			}
			b = b[w:]
			switch {
			case plain(column):
			case column == 4:
				step += v
				v = before + step
			default:
				v += before
			}
			all[i][column], before = v, v
		}
	}
	records := make([]perf.Record, n)
	for i, f := range all {
		if f[0] < 0 || f[0] > math.MaxUint32 || f[7] < 0 {
			return nil, fmt.Errorf("%w: a record that no generator writes", errShare)
		}
		records[i] = recordFrom(f)
	}
	return records, nil
}
