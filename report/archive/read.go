package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"sync"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/redact"
	"github.com/bgverify/bgverify/runner/run"
)

// A reader reads the logs of a folder.
type reader struct {
	fs   disk.FS
	path string
}

// index scans events.ndjson.
func (r reader) index() (x eventIndex, end, lines int64, err error) {
	end, lines, x.torn, err = r.scan(EventsFile, func(ln *line, offset, size int64) error {
		x.add(ln, place{offset, size})
		return nil
	})
	return x, end, lines, err
}

// scan reads a log line by line; it reports where the whole lines end, how many they
// are, and whether a torn one follows.
func (r reader) scan(name string, each func(ln *line, offset, size int64) error) (end, lines int64, torn bool, err error) {
	full := filepath.Join(r.path, name)
	err = disk.Reading(r.fs, full, func(f disk.File) (err error) {
		end, lines, torn, err = scanLog(f, full, each)
		return err
	})
	return end, lines, torn, err
}

// decode reads the event at a place into v.
func (r reader) decode(f disk.File, name string, at place, v any) error {
	ln, err := readLine(f, filepath.Join(r.path, name), at.offset, at.size)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(ln.Data, v); err != nil {
		return fmt.Errorf("%s at byte %d: %w", filepath.Join(r.path, name), at.offset, err)
	}
	return nil
}

// run reads a run back through an index, which it puts in plan order.
func (r reader) run(x eventIndex, pair func(key string) (*run.Pair, error)) (*run.Run, error) {
	x.plan()
	ran := &run.Run{Cases: r.cases(x.cases), Pair: pair}
	err := disk.Reading(r.fs, filepath.Join(r.path, EventsFile), func(f disk.File) error { return r.fill(f, &x, ran) })
	if err != nil {
		return nil, err
	}
	if x.end.size == 0 {
		if err := unfinished(ran, x.torn); err != nil {
			return nil, err
		}
	}
	return ran, nil
}

// fill reads what a run has only once.
func (r reader) fill(f disk.File, x *eventIndex, ran *run.Run) error {
	if len(x.begins) == 0 {
		return fmt.Errorf("%w: it was stopped before it began", ErrIncomplete)
	}
	for i, at := range x.begins { // a resumed run began more than once
		started := ran.Header.Started
		ran.Header = run.Header{}
		if err := r.decode(f, EventsFile, at, &ran.Header); err != nil {
			return err
		}
		if i > 0 {
			ran.Header.Started = started
		}
	}
	for _, at := range x.loads {
		var load run.LoadResult
		if err := r.decode(f, EventsFile, at.place, &load); err != nil {
			return err
		}
		ran.Loads = append(ran.Loads, load)
	}
	if x.sides.size > 0 {
		ran.Before = &run.Sides{}
		if err := r.decode(f, EventsFile, x.sides, ran.Before); err != nil {
			return err
		}
	}
	if x.end.size > 0 {
		return r.decode(f, EventsFile, x.end, &ran.End)
	}
	return nil
}

// cases iterates over case results, each read when it is asked for.
func (r reader) cases(places []casePlace) iter.Seq2[*run.CaseResult, error] {
	return func(yield func(*run.CaseResult, error) bool) {
		f, err := disk.OpenRead(r.fs, filepath.Join(r.path, EventsFile))
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = f.Close() }() // only read
		for _, at := range places {
			c := new(run.CaseResult)
			if err := r.decode(f, EventsFile, at.place, c); err != nil {
				yield(nil, err)
				return
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// unfinished gives a run without an End the totals of what it has.
func unfinished(r *run.Run, torn bool) error {
	end := &r.End
	*end = run.End{Verdict: run.Incomplete, Sides: r.Header.Sides, Audit: r.Header.Audit}
	end.Suites = make([]run.SuiteEnd, len(r.Header.Suites))
	for i := range end.Suites {
		end.Suites[i].Verdict = run.Incomplete
	}
	for c, err := range r.Cases {
		if err != nil {
			return err
		}
		if c.Kind != "" { // setup and teardown are not cases
			continue
		}
		end.Counts.Add(c)
		end.Coverage = end.Coverage.Add(c.Coverage)
		if c.Suite >= 0 && c.Suite < len(end.Suites) {
			s := &end.Suites[c.Suite]
			s.Counts.Add(c)
			s.Coverage = s.Coverage.Add(c.Coverage)
		}
	}
	end.Reasons = []string{fmt.Sprintf("the run is not over, or was killed: %d of %d cases ended", end.Counts.Cases,
		r.Header.Planned.Cases)}
	if torn {
		end.Warnings = []string{"the last line of the log is torn, as a killed run leaves it"}
	}
	return nil
}

// readPair reads the pair with a key from one of places, and what was replaced in it.
func (r reader) readPair(key string, places []place, bodies *bodyStore) (*run.Pair, []redact.Redaction, error) {
	if len(places) == 0 {
		return nil, nil, nil
	}
	f, err := disk.OpenRead(r.fs, filepath.Join(r.path, ExchangesFile))
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // only read
	for _, at := range places {
		ln, err := readLine(f, filepath.Join(r.path, ExchangesFile), at.offset, at.size)
		if err != nil {
			return nil, nil, err
		}
		if ln.Key != key {
			continue
		}
		var rec pairRecord
		if err := json.Unmarshal(ln.Data, &rec); err != nil {
			return nil, nil, fmt.Errorf("pair %s: %w", key, err)
		}
		pair := &run.Pair{Key: key}
		var berr, gerr error
		pair.Blue, berr = rec.Blue.restore(bodies)
		pair.Green, gerr = rec.Green.restore(bodies)
		if err := errors.Join(berr, gerr); err != nil {
			return nil, nil, fmt.Errorf("pair %s: %w", key, err)
		}
		return pair, rec.Redacted, nil
	}
	return nil, nil, nil
}

// Run reads the log back as far as it is written: what reports are made from.
func (w *Writer) Run() (*run.Run, error) {
	w.mu.Lock()
	x := w.index.clone()
	w.mu.Unlock()
	r := reader{w.fs, w.path}
	return r.run(x, func(key string) (*run.Pair, error) {
		w.mu.Lock()
		places := w.pairs.find(key)
		w.mu.Unlock()
		pair, _, err := r.readPair(key, places, w.bodies)
		return pair, err
	})
}

// A Folder is a run folder opened for reading. It is safe for concurrent use.
type Folder struct {
	reader
	bodies *bodyStore

	mu      sync.Mutex // guards everything below
	indexed bool
	index   eventIndex
	paired  bool
	pairs   pairIndex
}

// Open opens a run folder. Only its log must be there.
func Open(path string) (*Folder, error) { return OpenFS(disk.OS{}, path) }

// OpenFS opens a run folder of another file system.
func OpenFS(fsys disk.FS, path string) (*Folder, error) {
	info, err := fsys.Lstat(filepath.Join(path, EventsFile))
	if err != nil {
		return nil, fmt.Errorf("open run %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open run %s: %s is not a file", path, EventsFile)
	}
	return &Folder{reader: reader{fsys, path}, bodies: newBodyStore(fsys, filepath.Join(path, BodiesDir))}, nil
}

// Path is the run's folder.
func (f *Folder) Path() string { return f.path }

// Run reads the log back. A run without an End has the verdict incomplete, the
// totals of the cases that ended, and a warning when its last line is torn.
func (f *Folder) Run() (*run.Run, error) {
	x, err := f.events()
	if err != nil {
		return nil, err
	}
	return f.run(x, f.Pair)
}

// events is the index of the event log, made once.
func (f *Folder) events() (eventIndex, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.indexed {
		x, _, _, err := f.reader.index()
		if err != nil {
			return eventIndex{}, err
		}
		f.index, f.indexed = x, true
	}
	return f.index.clone(), nil
}

// Pair reads the exchanges of a step back; nil when there are none under key.
func (f *Folder) Pair(key string) (*run.Pair, error) {
	pair, _, err := f.RedactedPair(key)
	return pair, err
}

// RedactedPair returns the pair with a key, and what was replaced in it; nil where the run has none.
func (f *Folder) RedactedPair(key string) (*run.Pair, []redact.Redaction, error) {
	f.mu.Lock()
	if !f.paired {
		_, _, _, err := f.scan(ExchangesFile, func(ln *line, offset, size int64) error {
			f.pairs.add(ln.Key, place{offset, size})
			return nil
		})
		if err != nil {
			f.mu.Unlock()
			return nil, nil, err
		}
		f.paired = true
	}
	places := f.pairs.find(key)
	f.mu.Unlock()
	return f.readPair(key, places, f.bodies)
}
