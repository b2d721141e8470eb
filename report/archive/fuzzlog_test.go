package archive

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/runner/run"
)

// A textFS has one text for every file.
type textFS struct {
	disk.FS
	text []byte
}

func (f textFS) OpenFile(string, int, fs.FileMode) (disk.File, error) {
	return textFile{Reader: bytes.NewReader(f.text)}, nil
}

type textFile struct {
	disk.File
	*bytes.Reader
}

func (f textFile) Read(p []byte) (int, error)              { return f.Reader.Read(p) }
func (f textFile) ReadAt(p []byte, off int64) (int, error) { return f.Reader.ReadAt(p, off) }
func (textFile) Close() error                              { return nil }

// FuzzLog holds the reader of logs to its laws: no panic; of a damaged log what
// stands before the damage is handed over, and nothing behind it; a log without
// a whole end is never more than incomplete. The events are the fuzzer's, their
// checksums right: what a checksum finds is not what is sought.
func FuzzLog(f *testing.F) {
	const begin = `"kind":"begin" {"schema":1,"suites":[{"name":"s","cases":1}],"planned":{"cases":1}}` + "\n"
	const one = `"kind":"case","suite":0,"index":0 {"index":0,"id":"s/a","verdict":"pass","steps":[{"name":"get","verdict":"pass"}]}` + "\n"
	const end = `"kind":"end" {"verdict":"pass","suites":[{"verdict":"pass"}]}` + "\n"
	f.Add([]byte(begin+one+end), uint16(0), byte(0))
	f.Add([]byte(begin+one), uint16(0), byte(0))
	f.Add([]byte(begin+one+end), uint16(100), byte(1))
	f.Add([]byte(begin+one+end), uint16(3), byte(0))
	f.Add([]byte(end+begin+one+one), uint16(0), byte(0))
	f.Add([]byte(`"kind":"load","index":-1 {"verdict":9}`+"\n"+begin+`"kind":"intent" {}`+"\n"), uint16(0), byte(0))
	f.Fuzz(func(t *testing.T, events []byte, at uint16, damage byte) {
		if len(events) > 1<<12 {
			return
		}
		text := logOf(events)
		if i := int(at); damage == 0 && i <= len(text) {
			text = text[:len(text)-i] // torn
		} else if i < len(text) {
			text[i] ^= damage
		}
		scanned(t, text)
		r := reader{textFS{text: text}, ""}
		x, _, _, err := r.index()
		if err != nil {
			return
		}
		ran, err := r.run(x, nil)
		if err != nil {
			return
		}
		if x.end.size == 0 && ran.End.Verdict != run.Incomplete {
			t.Fatalf("a log without an end says %s:\n%s", ran.End.Verdict, text)
		}
		for _, err := range ran.Cases {
			if err != nil {
				return
			}
		}
	})
}

// logOf writes a log whose lines are events: a head, a space, data.
func logOf(events []byte) []byte {
	var out memoryFile
	w := newLogWriter(&out, EventsFile)
	for event := range bytes.Lines(events) {
		head, data, _ := bytes.Cut(bytes.TrimSuffix(event, []byte("\n")), []byte(" "))
		if _, _, err := w.append(string(head), data); err != nil {
			panic(err)
		}
	}
	return out.text
}

type memoryFile struct {
	disk.File
	text []byte
}

func (f *memoryFile) Write(p []byte) (int, error) {
	f.text = append(f.text, p...)
	return len(p), nil
}

// scanned checks what a scan hands over.
func scanned(t *testing.T, text []byte) {
	t.Helper()
	var lines []byte
	end, n, torn, err := scanLog(bytes.NewReader(text), EventsFile, func(_ *line, offset, size int64) error {
		if offset != int64(len(lines)) {
			t.Fatalf("a line stands at %d, not at %d", offset, len(lines))
		}
		lines = append(lines, text[offset:offset+size]...)
		return nil
	})
	if int64(len(lines)) != end || n != int64(bytes.Count(lines, []byte("\n"))) || !bytes.HasPrefix(text, lines) {
		t.Fatalf("%d bytes in %d lines were handed over, and %d in %d reported", len(lines), bytes.Count(lines, []byte("\n")), end, n)
	}
	var corrupt *CorruptError
	if err != nil && !errors.As(err, &corrupt) || err == nil && torn == (end == int64(len(text))) {
		t.Fatalf("torn %v at %d of %d: %v", torn, end, len(text), err)
	}
}
