package scenarios

import (
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/bgverify/bgverify/scenarios/internal/source"
)

// A readAhead parses the files that a load will come to while it checks those before: of
// hundreds of files parsing takes half of the time. What is read and reported is the same
// with and without it.
type readAhead struct {
	files map[string]*aheadFile
	room  chan struct{} // a place for each parsed file that waits to be used
	quit  chan struct{}
	work  sync.WaitGroup
}

// An aheadFile is a file that may be parsed before it is asked for.
type aheadFile struct {
	// claimed is set by who parses it: the goroutine, or the load where that came first.
	claimed atomic.Bool
	parsed  chan openedFile // of the goroutine; it holds one
}

// An openedFile is what source.Open returns.
type openedFile struct {
	file     *source.File
	problems Problems
}

// maxAhead bounds how many parsed files wait.
const maxAhead = 8

// startReading parses files in their order until stop is called.
func startReading(fsys fs.FS, list []found) *readAhead {
	a := &readAhead{files: map[string]*aheadFile{}, room: make(chan struct{}, maxAhead), quit: make(chan struct{})}
	if len(list) <= maxAhead {
		return a // not worth it
	}
	for _, f := range list {
		a.files[f.path] = &aheadFile{parsed: make(chan openedFile, 1)}
	}
	a.work.Go(func() {
		for _, f := range list {
			select {
			case a.room <- struct{}{}:
			case <-a.quit:
				return
			}
			next := a.files[f.path]
			if !next.claimed.CompareAndSwap(false, true) {
				<-a.room
				continue
			}
			file, problems := source.Open(fsys, f.path)
			next.parsed <- openedFile{file, problems}
		}
	})
	return a
}

// open is source.Open of a file that may have been parsed.
func (a *readAhead) open(fsys fs.FS, name string) (*source.File, Problems) {
	if f := a.files[name]; f != nil && !f.claimed.CompareAndSwap(false, true) {
		got := <-f.parsed
		<-a.room
		return got.file, got.problems
	}
	return source.Open(fsys, name)
}

// stop ends the goroutine.
func (a *readAhead) stop() {
	close(a.quit)
	a.work.Wait()
}
