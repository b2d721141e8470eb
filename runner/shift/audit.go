package shift

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
)

// auditFile is the record of a walk in its folder.
const auditFile = "audit.ndjson"

// A File is what a log is written to; tests give one that fails.
type File interface {
	io.Writer
	Sync() error
	Close() error
}

// A log writes records in the order in which they are given. A goroutine writes, so that a
// disk that hangs holds up only those who wait for it.
type log struct {
	f     File
	queue chan entry
	done  chan struct{}
}

// An entry is a record on its way to the disk.
type entry struct {
	r    Record
	sync bool
	end  chan error
}

func newLog(f File) *log {
	l := &log{f: f, queue: make(chan entry, 4096), done: make(chan struct{})}
	go l.write()
	return l
}

func (l *log) write() {
	defer close(l.done)
	var first error // once a record is missing, no later one is as good as written
	for e := range l.queue {
		line, err := e.r.encode()
		if err == nil && first != nil { // the file may end in the middle of a line
			line = append([]byte("\n"), line...)
		}
		if err == nil {
			_, err = l.f.Write(line)
		}
		if err == nil && e.sync {
			err = l.f.Sync()
		}
		if first == nil {
			first = err
		}
		e.end <- first
	}
}

// add gives a record to the writer. The channel has its error once it is on the disk; nobody
// has to wait for it.
func (l *log) add(r Record, sync bool) <-chan error {
	e := entry{r, sync, make(chan error, 1)}
	select {
	case l.queue <- e:
	default:
		e.end <- errors.New("the disk does not take records")
	}
	return e.end
}

// close ends the log after what was given to it.
func (l *log) close() {
	close(l.queue)
	<-l.done
	_ = l.f.Close()
}

// openAudit opens the record of a folder for further records. A line that a kill has torn is ended first.
func openAudit(folder string) (File, error) {
	name := filepath.Join(folder, auditFile)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.Size() > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], info.Size()-1); err == nil && last[0] != '\n' {
			if _, err := f.Write([]byte("\n")); err != nil {
				_ = f.Close()
				return nil, err
			}
		}
	}
	return audit{f, name}, nil
}

// An audit is the file of a record. What is written to a file that has been removed, or moved away, is
// on the disk and cannot be found again: that is an error too.
type audit struct {
	*os.File
	name string
}

func (a audit) Sync() error {
	if err := a.File.Sync(); err != nil {
		return err
	}
	found, err := os.Stat(a.name)
	if err != nil {
		return err
	}
	if open, err := a.Stat(); err != nil || !os.SameFile(open, found) {
		return fmt.Errorf("another file has taken the place of %s", a.name)
	}
	return nil
}

// longestRecord bounds a line of the record, in bytes; a longer one counts as one that cannot be read.
const longestRecord = 1 << 20

// Records reads the record of a folder. A line that cannot be read gives nil and goes on.
func Records(folder string) iter.Seq2[*Record, error] {
	return func(yield func(*Record, error) bool) {
		f, err := os.Open(filepath.Join(folder, auditFile))
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		lines := bufio.NewReaderSize(f, 64<<10)
		for {
			line, err := readLine(lines)
			if err != nil && !errors.Is(err, io.EOF) {
				yield(nil, err)
				return
			}
			if r := decode(line); len(line) > 0 && !yield(r, nil) || err != nil {
				return
			}
		}
	}
}

// readLine reads a line to its end, and keeps at most longestRecord bytes of it.
func readLine(lines *bufio.Reader) (line []byte, err error) {
	for {
		part, err := lines.ReadSlice('\n')
		if len(line) < longestRecord {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSpace(line), err
		}
	}
}

// decode reads a line; nil: it cannot be read.
func decode(line []byte) *Record {
	r := &Record{}
	if json.Unmarshal(line, r) != nil {
		return nil
	}
	return r
}

// ReadHistory reads what the record of a folder says of its walk.
func ReadHistory(folder string) (*History, error) {
	h := &History{}
	for r, err := range Records(folder) {
		switch {
		case err != nil:
			return nil, fmt.Errorf("read the record of %s: %w", folder, err)
		case r == nil:
			h.Broken++
		default:
			h.add(r)
		}
	}
	if h.First.Walk == "" {
		return nil, fmt.Errorf("%s: the record has no beginning", filepath.Join(folder, auditFile))
	}
	return h, nil
}
