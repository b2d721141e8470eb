package archive

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/report/archive/redact"
	"github.com/bgverify/bgverify/runner/run"
)

// probeSize is how much the disk must take before the first request may leave.
const probeSize = 1 << 20

// A Writer writes one run folder. It implements run.Sink and is safe for
// concurrent use. From Create or Resume to Close it holds a lock on the
// folder's log, so that no other process writes or prunes it.
type Writer struct {
	opts       Options
	fs         disk.FS
	root, path string
	id         string
	started    time.Time
	red        *redact.Redactor
	events     *logWriter
	exchanges  *logWriter
	bodies     *bodyStore
	flusher    flusher

	mu      sync.Mutex // guards everything below
	index   eventIndex
	pairs   pairIndex
	learned map[string][]string // credentials that a pair's headers carried, by its key
	order   []string            // keys of learned, oldest first
	header  *run.Header         // as emitted, redacted
	end     *run.End
	staged  string          // run.json as it will be, under a temporary name
	records map[string]bool // load files by name
	done    bool
	closed  bool
}

var _ run.Sink = (*Writer)(nil)

// Create makes the folder of a new run under root, which it makes as well. When
// it returns without an error the folder is there, says incomplete, and the
// disk has taken a probe; nothing remains when it returns one.
func Create(root string, opts Options) (*Writer, error) {
	opts = opts.withDefaults()
	if opts.ID != "" && !history.ValidID(opts.ID) {
		return nil, fmt.Errorf("run id %q: want 1 to 64 of A-Z a-z 0-9 . _ -", opts.ID)
	}
	w := &Writer{opts: opts, fs: opts.FS, root: root, started: opts.Clock().UTC().Truncate(time.Millisecond)}
	if err := disk.MakeDir(w.fs, root); err != nil {
		return nil, fmt.Errorf("make the archive %s: %w", root, err)
	}
	err := history.WithRoot(w.fs, root, func() error {
		key, err := history.LoadKey(w.fs, root, opts.Rand)
		if err != nil {
			return err
		}
		w.red = redact.New(key, opts.Headers...)
		return w.makeFolder()
	})
	if err != nil {
		w.abandon()
		return nil, fmt.Errorf("make a run folder under %s: %w", root, err)
	}
	return w, nil
}

// makeFolder makes the folder and the files that it has from the beginning. It
// takes its name when all of that is there, so that no process ever sees a
// folder that does not say incomplete. The caller holds the root's lock.
func (w *Writer) makeFolder() error {
	name, err := w.claim()
	if err != nil {
		return err
	}
	if err := removeUnborn(w.fs, w.root); err != nil {
		return err
	}
	w.path = filepath.Join(w.root, disk.TempPrefix+name)
	if err := w.fs.Mkdir(w.path, 0o700); err != nil {
		return err
	}
	if err := w.probe(); err != nil {
		return err
	}
	if err := w.writeIncomplete(run.Header{}); err != nil {
		return err
	}
	for _, dir := range []string{BodiesDir, LoadDir, ScenariosDir} {
		if err := w.fs.Mkdir(filepath.Join(w.path, dir), 0o700); err != nil {
			return err
		}
	}
	if err := w.openLogs(os.O_CREATE | os.O_EXCL); err != nil {
		return err
	}
	if err := w.fs.SyncDir(w.path); err != nil {
		return err
	}
	final := filepath.Join(w.root, name)
	if err := w.fs.Rename(w.path, final); err != nil {
		return err
	}
	w.path = final
	w.bodies = newBodyStore(w.fs, filepath.Join(final, BodiesDir))
	return w.fs.SyncDir(w.root)
}

// removeUnborn removes folders whose Create was killed. The caller holds the
// root's lock, so that none of them is being made.
func removeUnborn(fsys disk.FS, root string) error {
	entries, err := fsys.ReadDir(root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), disk.TempPrefix) {
			if err := fsys.RemoveAll(filepath.Join(root, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// claim finds a name that no other run has.
func (w *Writer) claim() (string, error) {
	prefix := w.started.Format(history.StartLayout) + "-" + suiteWord(w.opts.Suite) + "-"
	for try := range 16 {
		id := w.opts.ID
		if id == "" {
			random, err := randomID(w.opts.Rand, 2+try/4)
			if err != nil {
				return "", err
			}
			id = random
		}
		taken, err := history.FindID(w.fs, w.root, id)
		if err != nil {
			return "", err
		}
		if taken == "" {
			there, err := disk.Exists(w.fs, filepath.Join(w.root, prefix+id))
			if err != nil {
				return "", err
			}
			if !there {
				w.id = id
				return prefix + id, nil
			}
			taken = prefix + id
		}
		if w.opts.ID != "" {
			return "", fmt.Errorf("%w: %s is %s", ErrTaken, id, taken)
		}
	}
	return "", fmt.Errorf("%w: sixteen random ones in a row", ErrTaken)
}

// probe writes, syncs and removes a file, to find a full or failing disk early.
func (w *Writer) probe() error {
	name := filepath.Join(w.path, disk.TempPrefix+"probe")
	f, err := w.fs.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, probeSize))
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if rerr := w.fs.Remove(name); err == nil {
		err = rerr
	}
	if err != nil {
		return fmt.Errorf("the disk does not take %d KiB: %w", probeSize>>10, err)
	}
	return nil
}

// openLogs opens both logs for appending and locks the folder.
func (w *Writer) openLogs(flag int) error {
	open := func(name string) (*logWriter, error) {
		f, err := w.fs.OpenFile(filepath.Join(w.path, name), os.O_RDWR|os.O_APPEND|flag, 0o600)
		if err != nil {
			return nil, err
		}
		return newLogWriter(f, name), nil
	}
	var err error
	if w.events, err = open(EventsFile); err != nil {
		return err
	}
	if err := w.fs.Lock(w.events.f, false); err != nil {
		if errors.Is(err, disk.ErrLocked) {
			return ErrRunning
		}
		return err
	}
	if w.exchanges, err = open(ExchangesFile); err != nil {
		return err
	}
	w.bodies = newBodyStore(w.fs, filepath.Join(w.path, BodiesDir))
	w.learned = make(map[string][]string)
	w.records = make(map[string]bool)
	return nil
}

// abandon removes what a failed Create has made.
func (w *Writer) abandon() {
	_ = w.Close()
	if w.path != "" {
		_ = w.fs.RemoveAll(w.path) // the error that led here says it
	}
}

// incomplete is run.json while a run is not complete: the same members as the
// final one, as far as they are known.
type incomplete struct {
	Schema    int             `json:"schema"`
	ID        string          `json:"id"`
	Tool      run.Tool        `json:"tool"`
	Parent    string          `json:"parent,omitempty"`
	Stage     string          `json:"stage,omitempty"`
	Started   time.Time       `json:"started"`
	ElapsedMS float64         `json:"elapsed_ms"`
	Seed      uint64          `json:"seed"`
	Verdict   run.Verdict     `json:"verdict"`
	Reasons   []string        `json:"reasons"`
	Sides     run.Sides       `json:"sides"`
	Planned   run.Planned     `json:"planned"`
	Audit     run.Audit       `json:"audit"`
	Flags     []string        `json:"flags"`
	Suites    []run.SuiteHead `json:"suites"`
}

// writeIncomplete makes run.json say that the run is not complete. Its content is
// on the disk before its name is; the caller syncs the folder.
func (w *Writer) writeIncomplete(h run.Header) error {
	out := incomplete{
		Schema: 1, ID: w.id, Tool: h.Tool, Parent: h.Parent, Stage: h.Stage, Started: w.started, Seed: h.Seed,
		Verdict: run.Incomplete, Reasons: []string{"the run is not over, or was killed: bgverify resume " + w.id + " continues it"},
		Sides: h.Sides, Planned: h.Planned, Audit: h.Audit, Flags: h.Flags, Suites: h.Suites,
	}
	if out.Suites == nil {
		out.Suites = []run.SuiteHead{}
	}
	if out.Tool.Name == "" {
		out.Tool = run.Tool{Name: "bgverify", Version: w.opts.Tool}
	}
	name := filepath.Join(w.path, RunFile)
	temp, err := disk.WriteTemp(w.fs, name, true, func(to io.Writer) error {
		enc := json.NewEncoder(to)
		enc.SetEscapeHTML(false)
		return enc.Encode(out)
	})
	if err == nil {
		err = w.fs.Rename(temp, name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// ID is the run's id.
func (w *Writer) ID() string { return w.id }

// Path is the run's folder.
func (w *Writer) Path() string { return w.path }

// Started is when the folder was made; the run's Header carries it.
func (w *Writer) Started() time.Time { return w.started }

// Redactor replaces the secrets of this run; what goes to a terminal or
// another tool passes through it as well.
func (w *Writer) Redactor() *redact.Redactor { return w.red }

// Secret makes a value unreadable in everything written from now on.
func (w *Writer) Secret(name, value string) { w.red.Add(name, value) }

// Close lets go of the folder. A run that was not finished stays incomplete.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.flusher.stop()
	var err error
	if w.bodies != nil {
		err = w.bodies.pack.close()
	}
	for _, l := range []*logWriter{w.exchanges, w.events} { // the lock goes last
		if l != nil {
			err = errors.Join(err, l.close())
		}
	}
	return err
}

// CommonName is what several suites are called together, in the name of a run folder: the
// beginning that their names share.
func CommonName(suites []string) string {
	name := suites[0]
	for _, s := range suites[1:] {
		for !strings.HasPrefix(s, name) {
			name = name[:len(name)-1]
		}
	}
	if name = strings.Trim(name, "-_."); name == "" {
		return "run"
	}
	return name
}

// suiteWord makes a suite's name fit for a folder's name.
func suiteWord(name string) string {
	word := strings.Map(func(c rune) rune {
		switch {
		case unicode.IsLetter(c), unicode.IsDigit(c), c == '.', c == '_':
			return c
		default:
			return '-'
		}
	}, name)
	word = strings.Trim(word, "-.")
	for len(word) > 60 { // bytes; a name has at most 255
		r := []rune(word)
		word = string(r[:len(r)-1])
	}
	if word == "" {
		return "run"
	}
	return word
}

// randomID makes a short id.
func randomID(random io.Reader, bytes int) (string, error) {
	b := make([]byte, bytes)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("make a run id: %w", err)
	}
	return hex.EncodeToString(b), nil
}
