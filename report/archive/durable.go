package archive

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bgverify/bgverify/report/archive/disk"
)

// When what is on the disk (docs/adr/0006-durability.md). A killed process loses
// nothing that Emit took: it is with the operating system. A machine that dies
// loses
//
//  1. no intent: Emit of an intent returns when it is on the disk, so that an
//     unsafe request is never sent again without anyone knowing;
//  2. nothing that a resumed run depends on: Begin puts the whole folder on the
//     disk, scenarios and plan included, and the sides follow before any case;
//  3. of the rest at most what the last flushEvery brought. Evidence goes before
//     what was found in it: bodies, then exchanges, then events;
//  4. nothing of a complete run: Finish puts everything on the disk before it
//     writes the manifest.
const flushEvery = time.Second

// A flusher puts what was emitted on the disk within flushEvery.
type flusher struct {
	mu      sync.Mutex // guards timer and stopped
	timer   *time.Timer
	stopped bool
	running sync.WaitGroup
}

// later makes flush run within flushEvery, unless that is on its way already.
func (f *flusher) later(flush func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.timer != nil || f.stopped {
		return
	}
	f.running.Add(1)
	f.timer = time.AfterFunc(flushEvery, func() {
		defer f.running.Done()
		f.mu.Lock()
		f.timer = nil
		f.mu.Unlock()
		flush()
	})
}

// stop ends the flusher; a flush under way is waited for.
func (f *flusher) stop() {
	f.mu.Lock()
	f.stopped = true
	if f.timer != nil && f.timer.Stop() {
		f.timer = nil
		f.running.Done()
	}
	f.mu.Unlock()
	f.running.Wait()
}

// flush is rule 3. What goes wrong shows at the next Emit, or in Finish.
func (w *Writer) flush() {
	if err := w.syncLogs(); err != nil {
		w.failed(err)
	}
}

// failed makes the folder refuse everything from now on, and returns the first failure.
func (w *Writer) failed(err error) error {
	err = w.events.fail(err)
	_ = w.exchanges.fail(err) // one failure ends both
	return err
}

// syncLogs puts the evidence on the disk, then the events.
func (w *Writer) syncLogs() error {
	if err := w.bodies.pack.sync(); err != nil {
		return err
	}
	if err := w.exchanges.sync(); err != nil {
		return err
	}
	return w.events.sync()
}

// syncFolder puts every file of the folder on the disk, and the folders' names
// after them, sixteen at a time: journals join syncs that run together.
func (w *Writer) syncFolder() error {
	names, err := walkFiles(w.fs, w.path, "")
	if err != nil {
		return err
	}
	dirs := map[string]bool{w.path: true, filepath.Join(w.path, BodiesDir): true, filepath.Join(w.path, LoadDir): true}
	var files errgroup.Group
	files.SetLimit(16)
	files.Go(w.syncLogs)
	for _, name := range names {
		if name == EventsFile || name == ExchangesFile || name == path.Join(BodiesDir, packName) {
			continue // syncLogs
		}
		full := filepath.Join(w.path, filepath.FromSlash(name))
		for dir := filepath.Dir(full); !dirs[dir] && dir != "."; dir = filepath.Dir(dir) {
			dirs[dir] = true
		}
		files.Go(func() error { return syncFile(w.fs, full) })
	}
	if err := files.Wait(); err != nil {
		return err
	}
	var folders errgroup.Group
	folders.SetLimit(16)
	for dir := range dirs {
		folders.Go(func() error { return w.fs.SyncDir(dir) })
	}
	return folders.Wait()
}

// syncFile puts the content of a file on the disk; the file may have been written by
// anybody.
func syncFile(fsys disk.FS, name string) error {
	f, err := fsys.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// sync puts the pack on the disk as far as it is written.
func (p *pack) sync() error {
	p.mu.Lock()
	f := p.f
	p.mu.Unlock()
	if f == nil {
		return nil
	}
	return f.Sync()
}
