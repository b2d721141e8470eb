package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/archive/disk"
)

// The kinds of lines in the logs.
const (
	kindBegin  = "begin"
	kindIntent = "intent"
	kindCase   = "case"
	kindLoad   = "load"
	kindEnd    = "end"
	kindPair   = "pair"
	kindSides  = "sides"
)

// A line of a log is one JSON object:
//
//	{"crc":"1f2e3d4c","n":7,"kind":"case","suite":0,"index":5,"data":{…}}
//
// crc is the CRC-32C of the bytes after its own value and comma, up to the
// line's end; n counts from 0.
type line struct {
	// CRC is the CRC-32C of the rest of the line, in eight hex digits.
	CRC string `json:"crc"`
	// N is the number of the line in its file, from 0: a line that was cut out or moved
	// does not read back.
	N int64 `json:"n"`
	// Kind says what Data is: begin, sides, intent, case, load or end in events.ndjson,
	// pair in exchanges.ndjson.
	Kind string `json:"kind"`
	// Suite and Index order the events of cases without reading Data.
	Suite int `json:"suite"`
	// Index is the case's place in the plan.
	Index int `json:"index"`
	// Key is the key of a pair; empty in events.ndjson.
	Key string `json:"key"`
	// Data is the event or the pair itself.
	Data json.RawMessage `json:"data"`
}

// head is what a line has between its number and its data.
func (ln *line) head() string {
	head := `"kind":"` + ln.Kind + `"`
	if ln.Kind == kindCase || ln.Kind == kindLoad {
		head += `,"suite":` + strconv.Itoa(ln.Suite)
	}
	if ln.Kind == kindCase {
		head += `,"index":` + strconv.Itoa(ln.Index)
	}
	if ln.Key != "" {
		head += `,"key":` + text.Quote(ln.Key)
	}
	return head
}

// crcPrefix is how many bytes of a line come before what its CRC covers.
const crcPrefix = len(`{"crc":"00000000",`)

// castagnoli is the polynomial that processors compute in hardware.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errClosed is what a log answers once it is closed.
var errClosed = errors.New("log is closed")

// A logWriter appends lines to a log. Appends of several goroutines share one
// sync: the first to wait syncs for all that was written before it began.
type logWriter struct {
	f    disk.File
	name string

	mu      sync.Mutex // guards everything below
	wake    *sync.Cond // a sync ended
	n       int64      // lines written
	size    int64      // bytes written
	synced  int64      // bytes known to be on the disk
	syncing bool
	err     error // the first failure: nothing is accepted after it
	closed  bool
	buf     []byte
}

// newLogWriter makes a writer that appends to f.
func newLogWriter(f disk.File, name string) *logWriter {
	l := &logWriter{f: f, name: name}
	l.wake = sync.NewCond(&l.mu)
	return l
}

// append writes one line and returns where it begins and ends. head is what
// comes before data in the line.
func (l *logWriter) append(head string, data []byte) (start, end int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, 0, l.err
	}
	if l.closed {
		return 0, 0, errClosed
	}
	b := append(l.buf[:0], `{"crc":"00000000","n":`...)
	b = strconv.AppendInt(b, l.n, 10)
	b = append(b, ',')
	b = append(b, head...)
	b = append(b, `,"data":`...)
	b = append(b, data...)
	b = append(b, "}\n"...)
	l.buf = b
	if cap(l.buf) > 1<<20 {
		l.buf = nil
	}
	var sum [4]byte
	crc := crc32.Checksum(b[crcPrefix:len(b)-1], castagnoli)
	binary.BigEndian.PutUint32(sum[:], crc)
	hex.Encode(b[len(`{"crc":"`):], sum[:])
	n, err := l.f.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		l.err = fmt.Errorf("append to %s: %w", l.name, err)
		return 0, 0, l.err
	}
	start = l.size
	l.n++
	l.size += int64(n)
	return start, l.size, nil
}

// commit returns when the log's first `to` bytes are on the disk.
func (l *logWriter) commit(to int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case l.err != nil:
			return l.err
		case l.synced >= to:
			return nil
		case l.syncing:
			l.wake.Wait()
			continue
		}
		l.syncing = true
		written := l.size
		l.mu.Unlock()
		err := l.f.Sync()
		l.mu.Lock()
		l.syncing = false
		if err != nil { // what the disk has is unknown from here on
			l.err = fmt.Errorf("sync %s: %w", l.name, err)
		} else {
			l.synced = max(l.synced, written)
		}
		l.wake.Broadcast()
	}
}

// sync puts all that was written on the disk.
func (l *logWriter) sync() error {
	l.mu.Lock()
	size := l.size
	l.mu.Unlock()
	return l.commit(size)
}

// fail makes the log refuse everything from now on.
func (l *logWriter) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = err
	}
	return l.err
}

// close lets go of the file; it does not sync.
func (l *logWriter) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	for l.syncing {
		l.wake.Wait()
	}
	l.closed = true
	return l.f.Close()
}

// A CorruptError says that a log does not add up.
type CorruptError struct {
	// File is the name of the log in the run folder.
	File string
	// Line is counted from 1.
	Line int64
	// Offset is where the line begins, in bytes.
	Offset int64
	// Reason says what is wrong with the line.
	Reason string
}

// Error names the file, the line and the offset.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s:%d (byte %d): %s", e.File, e.Line, e.Offset, e.Reason)
}

// parseLine checks a line, without its newline, and reads its head; Data
// shares text's memory. Whether Data is JSON is left to who decodes it.
func parseLine(text []byte) (*line, string) {
	var ln line
	if len(text) < crcPrefix+1 || string(text[:8]) != `{"crc":"` || string(text[16:crcPrefix]) != `",` {
		return nil, "not a log line"
	}
	var sum [4]byte
	if _, err := hex.Decode(sum[:], text[len(`{"crc":"`):len(`{"crc":"`)+8]); err != nil {
		return nil, "not a log line"
	}
	if crc32.Checksum(text[crcPrefix:], castagnoli) != binary.BigEndian.Uint32(sum[:]) {
		return nil, "the checksum does not fit the line"
	}
	if ln.readHead(text) {
		return &ln, ""
	}
	ln = line{}
	if err := json.Unmarshal(text, &ln); err != nil {
		return nil, "not JSON: " + err.Error()
	}
	return &ln, ""
}

// readHead reads a line as append writes it, without looking into its data,
// which makes most of it. It reports whether the line is of that form.
func (ln *line) readHead(text []byte) bool {
	rest := text[crcPrefix:]
	for {
		name, value, ok := bytes.Cut(rest, []byte(`":`))
		if !ok || len(name) == 0 || name[0] != '"' || len(value) == 0 {
			return false
		}
		name = name[1:]
		switch {
		case string(name) == "data":
			ln.Data = value[:len(value)-1]
			return value[len(value)-1] == '}'
		case value[0] == '"':
			value, rest, ok = bytes.Cut(value[1:], []byte(`",`))
			ok = ok && ln.setText(string(name), value)
		default:
			value, rest, ok = bytes.Cut(value, []byte{','})
			ok = ok && ln.setNumber(string(name), value)
		}
		if !ok {
			return false
		}
	}
}

// setText sets a member of the head that is a string; false: it has no such member.
func (ln *line) setText(name string, value []byte) bool {
	if bytes.ContainsAny(value, `"\`) || !utf8.Valid(value) {
		return false
	}
	switch name {
	case "kind":
		ln.Kind = string(value)
	case "key":
		ln.Key = string(value)
	default:
		return false
	}
	return true
}

// setNumber sets a member of the head that is a number; false: it has no such member.
func (ln *line) setNumber(name string, value []byte) bool {
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != string(value) {
		return false
	}
	switch name {
	case "n":
		ln.N = n
	case "suite":
		ln.Suite = int(n)
	case "index":
		ln.Index = int(n)
	default:
		return false
	}
	return true
}

// scanBuffers are shared by readers, which are many and short.
var scanBuffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 128<<10) }}

// scanLog reads a log from its beginning and hands over each whole line with
// its place. It returns the size of the whole lines, their number
// and whether a torn line follows them.
func scanLog(r io.Reader, name string, each func(ln *line, offset, size int64) error) (end, lines int64, torn bool, err error) {
	br := scanBuffers.Get().(*bufio.Reader)
	br.Reset(r)
	defer scanBuffers.Put(br)
	var long []byte
	for {
		text, rerr := br.ReadSlice('\n')
		if errors.Is(rerr, bufio.ErrBufferFull) {
			long = append(long, text...)
			continue
		}
		if len(long) > 0 {
			long = append(long, text...)
			text = long
		}
		if rerr == io.EOF {
			return end, lines, len(text) > 0, nil
		}
		if rerr != nil {
			return end, lines, false, fmt.Errorf("read %s: %w", name, rerr)
		}
		ln, reason := parseLine(text[:len(text)-1])
		if ln != nil && !json.Valid(ln.Data) {
			reason = "its data is not JSON"
		}
		if ln != nil && ln.N != lines {
			reason = fmt.Sprintf("line %d is where line %d belongs", ln.N, lines)
		}
		if reason != "" {
			return end, lines, false, &CorruptError{name, lines + 1, end, reason}
		}
		if err := each(ln, end, int64(len(text))); err != nil {
			return end, lines, false, err
		}
		end += int64(len(text))
		lines++
		long = long[:0]
	}
}

// readLine reads one line again, at a place that scanLog or append gave.
func readLine(f io.ReaderAt, name string, offset, size int64) (*line, error) {
	text := make([]byte, size)
	if n, err := f.ReadAt(text, offset); int64(n) < size {
		return nil, fmt.Errorf("read %s at byte %d: %w", name, offset, err)
	}
	ln, reason := parseLine(text[:size-1])
	if reason != "" {
		return nil, &CorruptError{File: name, Offset: offset, Reason: reason}
	}
	return ln, nil
}
