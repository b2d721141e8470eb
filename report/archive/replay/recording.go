package replay

import (
	"io/fs"
	"maps"
	"slices"
	"sync"
)

// A Recording is a file system that remembers which regular files were opened, so that a run
// folder can keep every file that its suites were read from. It is safe for concurrent use.
// Links, folders and devices are not recorded.
type Recording struct {
	// inner is the file system that is read.
	inner fs.FS
	// mu makes recording safe while several goroutines open files.
	mu    sync.Mutex // guards names
	names map[string]bool
}

// Record remembers what is opened in files. Nothing is opened by this call.
func Record(files fs.FS) *Recording { return &Recording{inner: files, names: map[string]bool{}} }

// Open opens a file and remembers its name. A file counts as read from then on, even if it is
// closed unread.
func (r *Recording) Open(name string) (fs.File, error) {
	f, err := r.inner.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		r.mu.Lock()
		r.names[name] = true
		r.mu.Unlock()
	}
	return f, nil
}

// Stat does not open the file: opening a FIFO would block.
func (r *Recording) Stat(name string) (fs.FileInfo, error) { return fs.Stat(r.inner, name) }

// ReadDir lists a folder.
func (r *Recording) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(r.inner, name) }

// Opened are the files read so far, sorted.
func (r *Recording) Opened() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.names))
}
