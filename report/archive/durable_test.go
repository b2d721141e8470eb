package archive

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/runner/run"
)

// syncFS remembers what was put on the disk, by its name in the run folder.
type syncFS struct {
	disk.OS
	mu     sync.Mutex // guards synced
	synced []string
}

func (f *syncFS) note(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.synced = append(f.synced, name)
}

// since returns what was synced since the last call.
func (f *syncFS) since() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.synced
	f.synced = nil
	return list
}

func (f *syncFS) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	file, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &syncedFile{file, f, name}, nil
}

func (f *syncFS) SyncDir(name string) error { f.note(filepath.Base(name) + "/"); return nil }

func (f *syncFS) Lock(file disk.File, wait bool) error {
	return f.OS.Lock(file.(*syncedFile).File, wait)
}

type syncedFile struct {
	disk.File
	fs   *syncFS
	name string
}

func (f *syncedFile) Sync() error {
	f.fs.note(strings.TrimPrefix(filepath.Base(f.name), disk.TempPrefix))
	return nil
}

// TestWhatIsOnTheDisk follows a run and asks at each step what it has synced.
func TestWhatIsOnTheDisk(t *testing.T) {
	disk := &syncFS{}
	w, err := Create(t.TempDir(), Options{FS: disk, Clock: testClock()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	want := func(when string, names ...string) {
		t.Helper()
		got := disk.since()
		at := 0
		for _, name := range names {
			i := slices.Index(got[at:], name)
			if i < 0 {
				t.Fatalf("%s: %s is not on the disk, or too early: %v", when, name, got)
			}
			at += i + 1
		}
	}
	emit := func(ev run.Event) {
		t.Helper()
		if err := w.Emit(ev); err != nil {
			t.Fatal(err)
		}
	}
	want("created", RunFile)
	if err := w.WriteFile("scenarios/stb/suite.yaml", func(to io.Writer) error { _, err := to.Write([]byte("suite: stb\n")); return err }); err != nil {
		t.Fatal(err)
	}
	emit(run.Event{Begin: sampleHeader(w.ID(), 1)})
	began := disk.since()
	for _, name := range []string{RunFile, EventsFile, "suite.yaml", "stb/", ScenariosDir + "/", filepath.Base(w.Path()) + "/"} {
		if !slices.Contains(began, name) {
			t.Errorf("begun: %s is not on the disk: %v", name, began)
		}
	}
	emit(intent("stb/case-000", "buy", "blue"))
	want("an intent", EventsFile)
	w.flusher.stop() // from here on only by hand
	if err := emitCases(w, 0, 1); err != nil {
		t.Fatal(err)
	}
	disk.since()
	w.flush()
	want("flushed", packName, ExchangesFile, EventsFile)
	emit(run.Event{End: sampleEnd(run.Pass, 1)})
	if _, err := closeRun(w); err != nil {
		t.Fatal(err)
	}
	done := disk.since()
	manifest := slices.Index(done, ManifestFile)
	for _, name := range []string{packName, EventsFile, RunFile, "report.html", BodiesDir + "/"} {
		if i := slices.Index(done, name); i < 0 || i > manifest {
			t.Errorf("finished: %s is not on the disk before the manifest: %v", name, done)
		}
	}
}

// TestFlushComesByItself: what was emitted reaches the disk without a further event.
func TestFlushComesByItself(t *testing.T) {
	disk := &syncFS{}
	w, err := Create(t.TempDir(), Options{FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Emit(run.Event{Begin: sampleHeader(w.ID(), 1)}); err != nil {
		t.Fatal(err)
	}
	w.flusher.stop()
	w.flusher = flusher{} // the one of Begin is over
	disk.since()
	if err := emitCases(w, 0, 1); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if slices.Contains(disk.since(), packName) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the bodies of a case never reached the disk")
}
