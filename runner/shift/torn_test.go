package shift

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bgverify/bgverify/runner/shift/machine"
)

// A memory keeps a record in memory.
type memory struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (m *memory) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.b.Write(p)
}
func (m *memory) Sync() error  { return nil }
func (m *memory) Close() error { return nil }

func (m *memory) text() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return bytes.Clone(m.b.Bytes())
}

// apiWalk is the subject of records that name no driver.
var apiWalk = Subject{Name: "api", Moves: []string{"name\napi"}}

// tornEverywhere cuts a record at each byte: as soon as an intent is in it whole, the
// weights to restore are known, and until the trial is known to have changed nothing, or after
// the next intent, that there is something to restore.
func tornEverywhere(t *testing.T, text []byte) {
	t.Helper()
	dir := t.TempDir()
	ends := func(kind string, from int) int {
		at := bytes.Index(text[from:], []byte(`"kind":"`+kind+`"`))
		if at < 0 {
			t.Fatalf("no %s in\n%s", kind, text)
		}
		return from + at + bytes.IndexByte(text[from+at:], '\n')
	}
	trial := ends("intent", 0)
	tried := ends("tried", trial)
	step := ends("intent", tried)
	for n := 0; n < len(text); n += 7 {
		if err := os.WriteFile(filepath.Join(dir, auditFile), text[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := ReadHistory(dir)
		if n <= trial {
			continue // nothing has left
		}
		touched := n < tried || n > step
		if err != nil || !h.HasRecord || h.Progress.Recorded != (machine.Weights{Blue: 100}) || h.Progress.Touched != touched {
			t.Fatalf("cut at %d: touched %t, %v", n, h.Progress.Touched, err)
		}
	}
}

// What disks and clocks do to a record and its folder does not hide a walk that is open.
func TestRecordOfAnOpenWalk(t *testing.T) {
	root := t.TempDir()
	walk := func(now string, lines ...string) string {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		folder, err := createFolder(root, "api", at)
		if err != nil {
			t.Fatal(err)
		}
		text := `{"kind":"begin","begin":{"walk":"api"}}` + "\n" + strings.Join(lines, "\n") + "\n"
		if err := os.WriteFile(filepath.Join(folder, auditFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return folder
	}
	const (
		first  = `{"kind":"recorded","weights":{"blue":100,"green":0}}`
		intent = `{"kind":"intent","id":3,"step":0,"weights":{"blue":95,"green":5},"from":{"blue":100,"green":0}}`
		done   = `{"kind":"end","outcome":"done"}`
	)
	walk("2026-11-28T12:00:00Z", first, intent, done)
	open := walk("2026-11-27T12:00:00Z", strings.Repeat("\x00", 2<<20), intent) // the clock was set back, the disk lost a line
	walk("2026-11-28T12:00:00Z", first, intent, done)
	walk("2026-11-29T12:00:00Z", first)
	at, h, err := FindWalk(root, apiWalk)
	if err != nil || at != open || !h.HasRecord || h.Progress.Recorded != (machine.Weights{Blue: 100}) {
		t.Fatalf("found %s, %v, want %s", at, err, open)
	}
	if err := os.WriteFile(filepath.Join(open, auditFile), []byte(`{"kind":"begin","begin":{"walk":"api"}}`+"\n"+first+"\n"+done+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(root)
	if err != nil || filepath.Base(open) <= entries[0].Name() {
		t.Errorf("a folder made after the clock was set back sorts as the oldest: %v, %v", entries, err)
	}
}

// A record that cannot be read may be that of an open walk: it is not passed over.
func TestUnreadableRecord(t *testing.T) {
	root := t.TempDir()
	folder, err := createFolder(root, "api", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := FindWalk(root, apiWalk); !errors.Is(err, ErrNoWalk) {
		t.Errorf("an empty record: %v", err)
	}
	name := filepath.Join(folder, auditFile)
	if err := errors.Join(os.Remove(name), os.Mkdir(name, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := FindWalk(root, apiWalk); err == nil || errors.Is(err, ErrNoWalk) {
		t.Errorf("a record that cannot be read: %v", err)
	}
}

// A record that nobody can find again is not written, however well the disk took it.
func TestRemovedRecord(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("open files cannot be removed")
	}
	for name, lose := range map[string]func(folder, file string) error{
		"removed": func(folder, _ string) error { return os.RemoveAll(folder) },
		"moved":   func(_, file string) error { return os.Rename(file, file+".old") },
		"replaced": func(_, file string) error {
			return errors.Join(os.Rename(file, file+".old"), os.WriteFile(file, []byte("{}\n"), 0o600))
		},
	} {
		folder := filepath.Join(t.TempDir(), "walk")
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := openAudit(folder)
		if err != nil {
			t.Fatal(err)
		}
		log := newLog(f)
		if err := <-log.add(Record{Kind: RecordNote, Text: "there"}, true); err != nil {
			t.Errorf("%s: before: %v", name, err)
		}
		if err := lose(folder, filepath.Join(folder, auditFile)); err != nil {
			t.Fatal(err)
		}
		if err := <-log.add(Record{Kind: RecordNote, Text: "lost"}, true); err == nil {
			t.Errorf("%s: written without an error", name)
		}
		log.close()
	}
}
