package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/report/archive/redact"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios"
)

// A State is how far a resumed run has come.
type State struct {
	// Run is the run read back: its Header says what was planned, its Cases are
	// those that ended, setup and teardown apart, which run again.
	Run *run.Run
	// Over says that the run has its End: only reports and Finish are missing.
	Over bool
	// Doubtful names the cases that did not end and have an unsafe request on
	// its way without an answer: id to reason. They are not to be walked again.
	Doubtful map[string]string
	// Unfinished are the cases, setups included, that sent unsafe requests and have
	// no result, by id: what they created may still be there.
	Unfinished map[string]*run.Unfinished
	// Torn says that the last line of a log was torn, and taken off.
	Torn bool
	// Lost counts results without their evidence, which do not count.
	Lost int
}

// Resume opens the folder of a run that was killed or interrupted, to go on
// writing it. ErrComplete: the run has its verdict, and nothing was changed.
// ErrRunning: another process writes it.
//
//  1. Torn last lines are taken off; what went before stays as it is.
//  2. run.json says incomplete again before anything else changes, and the
//     manifest of an interrupted run goes.
//  3. A resumed run begins with its own Begin, which voids an earlier End.
//  4. A result of a case without all its exchanges and their bodies does not
//     count, and the case is one that did not end: a machine that died may have
//     kept the result and lost what it was found in.
func Resume(path string, opts Options) (*Writer, *State, error) {
	opts = opts.withDefaults()
	path = filepath.Clean(path)
	w := &Writer{opts: opts, fs: opts.FS, root: filepath.Dir(path), path: path}
	state, err := w.resume()
	if err != nil {
		_ = w.Close()
		return nil, nil, fmt.Errorf("resume %s: %w", path, err)
	}
	return w, state, nil
}

// resume reads the logs back, cuts what is torn, and opens them for more.
func (w *Writer) resume() (*State, error) {
	folder, err := OpenFS(w.fs, w.path)
	if err != nil {
		return nil, err
	}
	head, err := folder.Head()
	if err != nil {
		return nil, err
	}
	err = history.WithRoot(w.fs, w.root, func() error {
		key, err := history.LoadKey(w.fs, w.root, w.opts.Rand)
		if err != nil {
			return err
		}
		w.red = redact.New(key, w.opts.Headers...)
		return w.openLogs(0)
	})
	if err != nil {
		return nil, err
	}
	w.id = head.ID
	state := &State{}
	open, err := w.replay(state)
	if err != nil {
		return nil, err
	}
	state.Run, err = w.Run()
	if err != nil {
		return nil, err
	}
	if state.Run.Header.ID != w.id {
		return nil, fmt.Errorf("%s is of run %s, the log of %s", RunFile, w.id, state.Run.Header.ID)
	}
	w.started = state.Run.Header.Started
	over := w.index.end.size > 0 && state.Run.End.Verdict != run.Interrupted
	if over && head.Verdict != run.Incomplete {
		return nil, ErrComplete
	}
	state.Over = over && state.Lost == 0
	if err := w.reopen(state, &state.Run.Header); err != nil {
		return nil, err
	}
	state.Doubtful, state.Unfinished = open.doubtful(), open.unfinished()
	state.Run.Cases = onlyCases(state.Run.Cases)
	return state, nil
}

// reopen takes off torn lines and makes the folder say incomplete.
func (w *Writer) reopen(state *State, h *run.Header) error {
	w.header = h
	if state.Over {
		w.end = &state.Run.End
	}
	if err := w.writeIncomplete(*h); err != nil {
		return err
	}
	if err := w.fs.SyncDir(w.path); err != nil { // Rule 2
		return err
	}
	if err := w.fs.Remove(filepath.Join(w.path, ManifestFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := removeTemps(w.fs, w.path, ""); err != nil {
		return err
	}
	for _, l := range []*logWriter{w.exchanges, w.events} {
		if err := l.f.Truncate(l.size); err != nil {
			return err
		}
		if err := l.f.Sync(); err != nil {
			return err
		}
	}
	return w.fs.SyncDir(w.path)
}

// replay reads both logs to where they end whole.
func (w *Writer) replay(state *State) (openCases, error) {
	r := reader{w.fs, w.path}
	bare, err := w.replayPairs(r, state)
	if err != nil {
		return nil, err
	}
	open := openCases{}
	size, lines, torn, err := r.scan(EventsFile, func(ln *line, offset, size int64) error {
		if ln.Kind == kindCase {
			if whole, err := w.backed(ln, bare); err != nil {
				return err
			} else if !whole { // Rule 4
				state.Lost++
				return nil
			}
		}
		w.index.add(ln, place{offset, size})
		return open.event(ln)
	})
	if err != nil {
		return nil, err
	}
	w.events.n, w.events.size, w.events.synced = lines, size, 0
	state.Torn = state.Torn || torn
	_, _, _, err = r.scan(ExchangesFile, func(ln *line, _, _ int64) error { return open.pair(ln) })
	return open, err
}

// replayPairs reads where the pairs are. It returns the hashed keys of those
// that lack a body, the latest of a key counting.
func (w *Writer) replayPairs(r reader, state *State) (bare map[uint64]bool, err error) {
	bare = map[uint64]bool{}
	type side struct{ Body, Answer *bodyRef }
	size, lines, torn, err := r.scan(ExchangesFile, func(ln *line, offset, size int64) error {
		w.pairs.add(ln.Key, place{offset, size})
		var rec struct{ Blue, Green side }
		if err := json.Unmarshal(ln.Data, &rec); err != nil {
			return err
		}
		key := hashID(ln.Key)
		delete(bare, key)
		for _, ref := range []*bodyRef{rec.Blue.Body, rec.Blue.Answer, rec.Green.Body, rec.Green.Answer} {
			if whole, err := w.bodies.whole(ref); err != nil {
				return err
			} else if !whole {
				bare[key] = true
			}
		}
		return nil
	})
	w.exchanges.n, w.exchanges.size, w.exchanges.synced = lines, size, 0
	state.Torn = torn
	return bare, err
}

// backed reports whether all exchanges that a case's result names are there.
func (w *Writer) backed(ln *line, bare map[uint64]bool) (bool, error) {
	var c struct{ Steps []struct{ Exchange string } }
	if err := json.Unmarshal(ln.Data, &c); err != nil {
		return false, err
	}
	for _, s := range c.Steps {
		if s.Exchange != "" && (bare[hashID(s.Exchange)] || len(w.pairs.find(s.Exchange)) == 0) {
			return false, nil
		}
	}
	return true, nil
}

// openCases are the cases that sent unsafe requests and did not end, by id.
type openCases map[string]*openCase

// An openCase is a case that has begun and has no result yet.
type openCase struct {
	// sent counts the unsafe requests of a step that were about to leave, blue and
	// green, and are not known to be answered.
	sent  map[string]*[2]int
	keys  []string  // of its pairs, in the order in which they were last written
	began time.Time // by the last of its intents
}

// event counts intents, and forgets a case that ended. A run that began again
// walks its open cases anew: their intents still count, as no more is known.
func (o openCases) event(ln *line) error {
	switch ln.Kind {
	case kindIntent:
		var in run.Intent
		if err := json.Unmarshal(ln.Data, &in); err != nil {
			return err
		}
		if in.Step == "" {
			return nil
		}
		if o[in.Case] == nil {
			o[in.Case] = &openCase{sent: map[string]*[2]int{}}
		}
		o[in.Case].began = in.Began
		n := o[in.Case].sent[in.Step]
		if n == nil {
			n = new([2]int)
			o[in.Case].sent[in.Step] = n
		}
		n[sideIndex(in.Side)]++
	case kindCase:
		o.close(ln.Key)
	}
	return nil
}

// close forgets a case whose result is there. What a setup created is in use until
// its teardown has a result, so it stays; what was taken back after a kill is settled.
func (o openCases) close(id string) {
	settled, recovered := strings.CutSuffix(id, run.RecoveredSuffix)
	switch {
	case recovered:
		delete(o, settled)
	case strings.Contains(id, "/(setup)"):
	default:
		delete(o, id)
		delete(o, strings.Replace(id, "/(teardown)", "/(setup)", 1))
	}
}

// sideIndex is 1 for green.
func sideIndex(side string) int {
	if side == scenarios.Green.String() {
		return 1
	}
	return 0
}

// pair takes off what a pair answers: both its exchanges, or the one that a
// crossing lane added (see run.PairKey).
func (o openCases) pair(ln *line) error {
	for i := strings.IndexByte(ln.Key, '/'); i >= 0; {
		if c, ok := o[ln.Key[:i]]; ok {
			if k := slices.Index(c.keys, ln.Key); k >= 0 {
				c.keys = slices.Delete(c.keys, k, k+1)
			}
			c.keys = append(c.keys, ln.Key)
			step, lane, _ := strings.Cut(ln.Key[i+1:], "/")
			if err := c.answer(step, lane != "", ln); err != nil {
				return err
			}
		}
		next := strings.IndexByte(ln.Key[i+1:], '/')
		if next < 0 {
			return nil
		}
		i += 1 + next
	}
	return nil
}

// answer takes note of a pair that was written: its requests are not open any more.
func (c *openCase) answer(step string, crossing bool, ln *line) error {
	n := c.sent[step]
	if n == nil {
		return nil
	}
	var rec pairRecord
	if err := json.Unmarshal(ln.Data, &rec); err != nil {
		return err
	}
	if crossing {
		if n[1] > n[0] {
			n[1]--
		} else {
			n[0]--
		}
		return nil
	}
	for i, x := range []*exchangeRecord{rec.Blue, rec.Green} {
		if x != nil {
			n[i]--
		}
	}
	return nil
}

// doubtful says, by id, why a case must not be walked again: an unsafe request may have
// reached a side.
func (o openCases) doubtful() map[string]string {
	out := map[string]string{}
	for id, c := range o {
		for step, n := range c.sent {
			if n[0]+n[1] > 0 && (out[id] == "" || step < out[id]) {
				out[id] = step
			}
		}
	}
	for id, step := range out {
		out[id] = fmt.Sprintf("step %s: an earlier execution was stopped with this request on its way; it is not idempotent and may have been "+
			"carried out", step)
	}
	return out
}

// unfinished are the cases whose unsafe requests were answered and may have created
// something.
func (o openCases) unfinished() map[string]*run.Unfinished {
	out := map[string]*run.Unfinished{}
	for id, c := range o {
		out[id] = &run.Unfinished{Keys: c.keys, Began: c.began, Unanswered: c.unanswered(id)}
	}
	return out
}

// unanswered lists the unsafe requests that were about to leave and have no answer in the log,
// by step and then blue before green. id is the case's.
func (c *openCase) unanswered(id string) []run.Intent {
	var out []run.Intent
	for _, step := range slices.Sorted(maps.Keys(c.sent)) {
		for i, side := range []scenarios.Side{scenarios.Blue, scenarios.Green} {
			if c.sent[step][i] > 0 {
				out = append(out, run.Intent{Case: id, Step: step, Side: side.String()})
			}
		}
	}
	return out
}

// onlyCases leaves out setup and teardown.
func onlyCases(all func(func(*run.CaseResult, error) bool)) func(func(*run.CaseResult, error) bool) {
	return func(yield func(*run.CaseResult, error) bool) {
		for c, err := range all {
			if err == nil && c.Kind != "" {
				continue
			}
			if !yield(c, err) {
				return
			}
		}
	}
}
