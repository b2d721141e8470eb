package archive

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
)

// begun makes a run that has its Begin and some cases.
func begun(t *testing.T, root string, cases int) *Writer {
	t.Helper()
	w, err := Create(root, Options{Clock: testClock()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if err := w.Emit(run.Event{Begin: sampleHeader(w.ID(), cases)}); err != nil {
		t.Fatal(err)
	}
	if err := emitCases(w, 0, cases); err != nil {
		t.Fatal(err)
	}
	return w
}

func emitAll(t *testing.T, w *Writer, events ...run.Event) {
	t.Helper()
	for _, ev := range events {
		if err := w.Emit(ev); err != nil {
			t.Fatal(err)
		}
	}
}

func intent(id, step, side string) run.Event {
	return run.Event{Intent: &run.Intent{Case: id, Step: step, Side: side}}
}

func answered(id, step, lane string, blue, green bool) run.Event {
	p := &run.Pair{Key: run.PairKey(id, step, lane)}
	if blue {
		p.Blue = sampleExchange("blue", 1)
	}
	if green {
		p.Green = sampleExchange("green", 1)
	}
	return run.Event{Pair: p}
}

func TestDoubtfulCases(t *testing.T) {
	for _, row := range []struct {
		name   string
		events []run.Event
		want   bool
	}{
		{"nothing unsafe", []run.Event{intent("s/x", "", "")}, false},
		{"both on their way", []run.Event{intent("s/x", "buy", "blue"), intent("s/x", "buy", "green")}, true},
		{"both answered", []run.Event{intent("s/x", "buy", "blue"), intent("s/x", "buy", "green"), answered("s/x", "buy", "", true, true)}, false},
		{"one side only, answered", []run.Event{intent("s/x", "buy", "blue"), answered("s/x", "buy", "", true, false)}, false},
		{"the second step pending", []run.Event{intent("s/x", "buy", "blue"), answered("s/x", "buy", "", true, false), intent("s/x", "pay", "blue")}, true},
		{"a crossing lane pending while the other is answered", []run.Event{
			intent("s/x", "buy", "blue"), intent("s/x", "buy", "green"), answered("s/x", "buy", "", true, true),
			intent("s/x", "buy", "blue"), intent("s/x", "buy", "green"), answered("s/x", "buy", "cross-blue", true, true),
		}, true},
		{"both crossing lanes answered", []run.Event{
			intent("s/x", "buy", "blue"), intent("s/x", "buy", "green"), answered("s/x", "buy", "", true, true),
			intent("s/x", "buy", "blue"), intent("s/x", "buy", "green"),
			answered("s/x", "buy", "cross-blue", true, true), answered("s/x", "buy", "cross-green", true, true),
		}, false},
		{"a case of another id answered", []run.Event{intent("s/x", "buy", "blue"), answered("s/x[2]", "buy", "", true, false)}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := begun(t, t.TempDir(), 2)
			emitAll(t, w, intent("stb/case-000", "done", "blue")) // its case has ended, yet began again: see below
			emitAll(t, w, run.Event{Case: sampleCase(0)})
			emitAll(t, w, row.events...)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			again, state, err := Resume(w.Path(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			if _, got := state.Doubtful["s/x"]; got != row.want || len(state.Doubtful) > 1 {
				t.Errorf("doubtful: %v, want %v", state.Doubtful, row.want)
			}
			if state.Over || state.Torn {
				t.Errorf("state %+v", state)
			}
		})
	}
}

func TestResumeTakesTornLinesOff(t *testing.T) {
	root := t.TempDir()
	w := begun(t, root, 3)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{EventsFile, ExchangesFile} {
		log := filepath.Join(w.Path(), name)
		whole := readFile(t, log)
		if err := os.WriteFile(log, []byte(whole[:len(whole)-9]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again, state, err := Resume(w.Path(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !state.Torn || state.Run.End.Counts.Cases != 2 {
		t.Errorf("torn %v, %d cases", state.Torn, state.Run.End.Counts.Cases)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if v := finishLater(t, disk.OS{}, w.Path(), 3); v != run.Fail {
		t.Errorf("resumed to %v", v)
	}
}

func TestResumeOfAnInterruptedRun(t *testing.T) {
	root := t.TempDir()
	w := begun(t, root, 2)
	if _, err := finishRun(w, run.Interrupted, 2); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	again, state, err := Resume(w.Path(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if state.Over {
		t.Error("an interrupted run is over")
	}
	f := mustOpen(t, w.Path())
	if head, err := f.Head(); err != nil || head.Verdict != run.Incomplete {
		t.Errorf("a resumed run says %v, %v", head, err)
	}
	if err := f.Verify(); !errors.Is(err, ErrIncomplete) {
		t.Errorf("a resumed run verifies: %v", err)
	}
	h := state.Run.Header
	emitAll(t, again, run.Event{Begin: &h})
	if r, err := again.Run(); err != nil || r.End.Verdict != run.Incomplete {
		t.Errorf("a run that began again is %v, %v", r.End.Verdict, err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if v := finishLater(t, disk.OS{}, w.Path(), 5); v != run.Fail {
		t.Errorf("resumed to %v", v)
	}
	if latest, err := history.Resolve(root, history.LatestLink); err != nil || latest != w.Path() {
		t.Errorf("latest is %s, %v", latest, err)
	}
	entries, bad, err := history.Read(root)
	if err != nil || bad > 0 || len(entries) != 1 || entries[0].Verdict != run.Fail {
		t.Errorf("history: %+v, %d, %v: one run, its last verdict", entries, bad, err)
	}
}

func TestResumeRefuses(t *testing.T) {
	root := t.TempDir()
	path, _ := mustRun(t, root, Options{Clock: testClock()}, 2)
	before := map[string]string{}
	everyByte(t, path, func(name, text string) { before[name] = text })
	if _, _, err := Resume(path, Options{}); !errors.Is(err, ErrComplete) {
		t.Errorf("a complete run: %v", err)
	}
	after := map[string]string{}
	everyByte(t, path, func(name, text string) { after[name] = text })
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("refusing changed the folder (-before +after):\n%s", d)
	}
	running := begun(t, root, 1)
	if _, _, err := Resume(running.Path(), Options{}); !errors.Is(err, ErrRunning) {
		t.Errorf("a running run: %v", err)
	}
	if _, _, err := Resume(filepath.Join(root, "none"), Options{}); err == nil {
		t.Error("resumed nothing")
	}
	other := begun(t, root, 1)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(other.Path(), EventsFile)
	text := readFile(t, log)
	if err := os.WriteFile(log, []byte(strings.Replace(text, "case-000", "case-001", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	if _, _, err := Resume(other.Path(), Options{}); !errors.As(err, &corrupt) {
		t.Errorf("a changed log: %v", err)
	}
}

func TestRunKilledBehindItsEndOnlyNeedsFinishing(t *testing.T) {
	root := t.TempDir()
	w := begun(t, root, 2)
	emitAll(t, w, run.Event{Load: sampleLoad()}, run.Event{End: sampleEnd(run.Pass, 2)})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	again, state, err := Resume(w.Path(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if !state.Over {
		t.Fatal("a run with its end is not over")
	}
	if _, err := closeRun(again); err != nil {
		t.Fatal(err)
	}
	if r, err := mustOpen(t, w.Path()).Run(); err != nil || r.End.Verdict != run.Pass {
		t.Errorf("verdict %v, %v", r.End.Verdict, err)
	}
}

// A machine that dies can keep a result and lose what it was found in: the log of
// results may reach the disk before the exchanges, and both before the bodies.
func TestResumeOfResultsWithoutEvidence(t *testing.T) {
	cut := func(part ...string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			name := filepath.Join(append([]string{path}, part...)...)
			whole := readFile(t, name)
			if part[0] == ExchangesFile { // its last line
				whole = whole[:strings.LastIndexByte(whole[:len(whole)-1], '\n')+1]
			} else {
				whole = whole[:len(whole)-1]
			}
			if err := os.WriteFile(name, []byte(whole), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, row := range []struct {
		name     string
		doubtful bool // nobody knows that the purchase was answered
		lose     func(t *testing.T, path string)
	}{
		{"the last exchanges", true, cut(ExchangesFile)},
		{"the last body", false, cut(BodiesDir, packName)},
		{"a large body", false, func(t *testing.T, path string) {
			files, err := filepath.Glob(filepath.Join(path, BodiesDir, "*.zst"))
			if err != nil || len(files) != 2 {
				t.Fatal(files, err)
			}
			for _, f := range files {
				if filepath.Base(f) == packName {
					continue
				}
				if err := os.Truncate(f, 0); err != nil {
					t.Fatal(err)
				}
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := begun(t, t.TempDir(), 2)
			// The last case bought something, and got a large answer and a small one.
			c := sampleCase(2)
			blue, green := sampleExchange("blue", 90), sampleExchange("green", 90)
			blue.Answer = []byte(strings.Repeat("x", mostPacked+1))
			emitAll(t, w, intent(c.ID, "get", "blue"), intent(c.ID, "get", "green"),
				run.Event{Pair: &run.Pair{Key: c.Steps[0].Exchange, Blue: blue, Green: green}}, run.Event{Case: c})
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			again, state, err := Resume(w.Path(), Options{})
			if err != nil || state.Lost != 0 || state.Run.End.Counts.Cases != 3 || len(state.Doubtful) != 0 {
				t.Fatalf("nothing lost: %+v, %v", state, err)
			}
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
			row.lose(t, w.Path())
			again, state, err = Resume(w.Path(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if state.Lost != 1 || state.Run.End.Counts.Cases != 2 || (state.Doubtful[c.ID] != "") != row.doubtful {
				t.Errorf("lost %d, %d cases, doubtful %v", state.Lost, state.Run.End.Counts.Cases, state.Doubtful)
			}
			// The case ends once more, with its evidence.
			emitAll(t, again, run.Event{Begin: sampleHeader(again.ID(), 3)},
				run.Event{Pair: &run.Pair{Key: c.Steps[0].Exchange, Blue: blue, Green: green}}, run.Event{Case: c})
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
			last, state, err := Resume(w.Path(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer last.Close()
			if state.Run.End.Counts.Cases != 3 {
				t.Errorf("%d cases at last, want 3", state.Run.End.Counts.Cases)
			}
			pair, err := state.Run.Pair(c.Steps[0].Exchange)
			if err != nil || pair == nil || string(pair.Blue.Answer) != string(blue.Answer) || string(pair.Green.Answer) != string(green.Answer) {
				t.Errorf("the pair: %v", err)
			}
		})
	}
}
