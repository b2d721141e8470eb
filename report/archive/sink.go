package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/redact"
	"github.com/bgverify/bgverify/runner/run"
)

// maxLearned bounds how many pairs' credentials wait for their case to end;
// those of setup and polls may never end.
const maxLearned = 4096

// Emit writes an event. When it returns the event is with the operating system,
// which outlives the process; Begin, the sides and an intent are on the disk, and
// the rest gets there within flushEvery.
func (w *Writer) Emit(ev run.Event) error {
	if err := w.emit(ev); err != nil {
		return w.failed(err)
	}
	w.flusher.later(w.flush)
	return nil
}

// emit writes an event by its kind. What a resumed run depends on is on the disk before
// it returns.
func (w *Writer) emit(ev run.Event) error {
	switch {
	case ev.Pair != nil:
		return w.emitPair(ev.Pair)
	case ev.Case != nil:
		return w.emitCase(ev.Case)
	case ev.Begin != nil:
		return w.emitBegin(ev.Begin)
	}
	// What follows carries no credentials of a pair.
	hide := w.red.NewHider(nil)
	switch {
	case ev.Intent != nil:
		return w.durable(w.logEvent(line{Kind: kindIntent}, redact.Hide(hide, ev.Intent), nil))
	case ev.Load != nil:
		load := redact.Hide(hide, ev.Load)
		return w.logEvent(line{Kind: kindLoad, Suite: load.Suite, Key: load.Name}, load, nil)
	case ev.Sides != nil:
		return w.durable(w.logEvent(line{Kind: kindSides}, redact.Hide(hide, ev.Sides), nil))
	case ev.End != nil:
		end := redact.Hide(hide, ev.End)
		return w.logEvent(line{Kind: kindEnd}, end, func() { w.end = end })
	default:
		return errors.New("emit: an event without content")
	}
}

// emitBegin writes the header of the run, or of its resumption, which voids an earlier
// end.
func (w *Writer) emitBegin(h *run.Header) error {
	if h.ID != w.id {
		return fmt.Errorf("emit: the run's header says id %q, its folder %q", h.ID, w.id)
	}
	for _, side := range []run.SideHead{h.Sides.Blue, h.Sides.Green} {
		w.red.AddURL(side.URL)
		for _, u := range side.Services {
			w.red.AddURL(u)
		}
	}
	header := redact.Hide(w.red.NewHider(nil), h)
	if err := w.logEvent(line{Kind: kindBegin}, header, func() { w.header, w.end = header, nil }); err != nil {
		return err
	}
	if err := w.writeIncomplete(*header); err != nil {
		return err
	}
	return w.syncFolder()
}

// emitCase writes a result. Credentials that its pairs carried are hidden in its texts
// too.
func (w *Writer) emitCase(c *run.CaseResult) error {
	hidden := redact.Hide(w.red.NewHider(w.takeLearned(c)), c)
	return w.logEvent(line{Kind: kindCase, Suite: c.Suite, Index: c.Index, Key: hidden.ID}, hidden, nil)
}

// takeLearned returns the credentials of a case's pairs, and forgets them.
func (w *Writer) takeLearned(c *run.CaseResult) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for i := range c.Steps {
		key := c.Steps[i].Exchange
		if values, ok := w.learned[key]; ok {
			list = append(list, values...)
			delete(w.learned, key)
		}
	}
	return list
}

// logEvent appends an event to events.ndjson and to the index. then is called under the
// writer's lock; nil: nothing more is noted.
func (w *Writer) logEvent(ln line, v any, then func()) error {
	data, err := disk.EncodeLine(v)
	if err != nil {
		return fmt.Errorf("emit %s: %w", ln.Kind, err)
	}
	start, end, err := w.events.append(ln.head(), data)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.index.add(&ln, place{start, end - start})
	if then != nil {
		then()
	}
	return nil
}

// durable puts what was logged on the disk, together with what others log meanwhile.
func (w *Writer) durable(err error) error {
	if err != nil {
		return err
	}
	return w.events.sync()
}

// emitPair writes the bodies of a pair, then the pair that refers to them.
func (w *Writer) emitPair(p *run.Pair) error {
	rec, found, err := hidePair(w.red, w.bodies, p)
	if err != nil {
		return fmt.Errorf("emit pair %s: %w", w.red.String(p.Key), err)
	}
	if err := w.logPair(w.red.NewHider(nil).Text(p.Key), rec); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(found) > 0 {
		w.learned[p.Key] = found
		w.order = append(w.order, p.Key)
		if len(w.order) > maxLearned {
			delete(w.learned, w.order[0])
			w.order = w.order[1:]
		}
	}
	return nil
}

// LoadFile opens the file that keeps a load stage's records: load/STAGE.bin,
// with the stage's name made fit for a file's.
func (w *Writer) LoadFile(stage string) (run.RecordWriter, error) {
	base := strings.ToLower(suiteWord(stage))
	w.mu.Lock()
	name := base
	for n := 2; w.records[name]; n++ {
		name = base + "-" + strconv.Itoa(n)
	}
	w.records[name] = true
	w.mu.Unlock()
	rel := LoadDir + "/" + name + ".bin"
	f, err := w.fs.OpenFile(filepath.Join(w.path, LoadDir, name+".bin"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fs.FileMode(0o600))
	if err != nil {
		return nil, w.events.fail(fmt.Errorf("open %s: %w", rel, err))
	}
	return &recordFile{w: w, f: f, name: rel}, nil
}

// A recordFile keeps the records of one load stage.
type recordFile struct {
	w    *Writer
	f    disk.File
	name string
	mu   sync.Mutex // guards buf and err
	buf  []byte
	err  error
}

// Name is the file under the run folder.
func (r *recordFile) Name() string { return r.name }

// Write keeps p; it reaches the disk in larger pieces.
func (r *recordFile) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return 0, r.err
	}
	r.buf = append(r.buf, p...)
	if len(r.buf) >= 64<<10 {
		r.flush()
	}
	if r.err != nil {
		return 0, r.err
	}
	return len(p), nil
}

// flush hands what is buffered to the file.
func (r *recordFile) flush() {
	if r.err != nil || len(r.buf) == 0 {
		return
	}
	if _, err := r.f.Write(r.buf); err != nil {
		r.err = r.w.events.fail(fmt.Errorf("write %s: %w", r.name, err))
	}
	r.buf = r.buf[:0]
}

// Close puts the records on the disk.
func (r *recordFile) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flush()
	if r.err == nil {
		if err := r.f.Sync(); err != nil {
			r.err = r.w.events.fail(fmt.Errorf("sync %s: %w", r.name, err))
		} else if err := r.w.fs.SyncDir(filepath.Join(r.w.path, LoadDir)); err != nil {
			r.err = r.w.events.fail(fmt.Errorf("sync %s: %w", LoadDir, err))
		}
	}
	if err := r.f.Close(); err != nil && r.err == nil {
		r.err = r.w.events.fail(fmt.Errorf("close %s: %w", r.name, err))
	}
	return r.err
}
