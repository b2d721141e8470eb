package archive

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

func TestRunIsReadBack(t *testing.T) {
	root := t.TempDir()
	w, err := Create(root, Options{Suite: "stb", Clock: testClock()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	header := sampleHeader(w.ID(), 40)
	if err := w.Emit(run.Event{Begin: header}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	order := rand.New(rand.NewPCG(1, 1)).Perm(40)
	for worker := range 8 { // cases end in any order
		wg.Go(func() {
			for k := worker; k < 40; k += 8 {
				if err := emitCases(w, order[k], order[k]+1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := w.Emit(run.Event{Load: sampleLoad()}); err != nil {
		t.Fatal(err)
	}
	if _, err := finishRun(w, run.Fail, 40); err != nil {
		t.Fatal(err)
	}
	fromWriter, err := w.Run()
	if err != nil {
		t.Fatal(err)
	}
	folder := mustOpen(t, w.Path())
	fromFolder, err := folder.Run()
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*run.Run{"writer": fromWriter, "folder": fromFolder} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(*header, r.Header, exportedOnly); d != "" {
				t.Errorf("header (-want +got):\n%s", d)
			}
			if d := cmp.Diff(*sampleEnd(run.Fail, 40), r.End, exportedOnly); d != "" {
				t.Errorf("end (-want +got):\n%s", d)
			}
			if d := cmp.Diff([]run.LoadResult{*sampleLoad()}, r.Loads, exportedOnly); d != "" {
				t.Errorf("loads (-want +got):\n%s", d)
			}
			for range 2 { // a run can be ranged over again
				n := 0
				for c, err := range r.Cases {
					if err != nil {
						t.Fatal(err)
					}
					if d := cmp.Diff(sampleCase(n), c, exportedOnly); d != "" {
						t.Fatalf("case %d (-want +got):\n%s", n, d)
					}
					n++
				}
				if n != 40 {
					t.Errorf("%d cases, want 40", n)
				}
			}
			pair, err := r.Pair("stb/case-007/get")
			if err != nil {
				t.Fatal(err)
			}
			want := &run.Pair{Key: "stb/case-007/get", Blue: sampleExchange("blue", 7), Green: sampleExchange("green", 7)}
			if d := cmp.Diff(want, pair, cmpopts.EquateComparable(netip.AddrPort{})); d != "" {
				t.Errorf("pair (-want +got):\n%s", d)
			}
			if pair, err := r.Pair("stb/none"); pair != nil || err != nil {
				t.Errorf("an unknown pair: %v, %v", pair, err)
			}
		})
	}
	if err := folder.Verify(); err != nil {
		t.Error(err)
	}
}

func TestFolderLayout(t *testing.T) {
	root := t.TempDir()
	path, digest := mustRun(t, root, Options{Suite: "stb suite/x", Clock: testClock()}, 3)
	if name := filepath.Base(path); !regexp.MustCompile(`^2026-11-23T03-12-45Z-stb-suite-x-[0-9a-f]{4}$`).MatchString(name) {
		t.Errorf("folder %s", name)
	}
	names, err := walkFiles(disk.OS{}, path, "")
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, "bodies/") })
	want := []string{"events.ndjson", "exchanges.ndjson", "load/evening-peak.bin", "load/load.json", "manifest.json", "report.html", "run.json", "scenarios/stb/suite.yaml"}
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	err = filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || p == root || e.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", p, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(filepath.Join(root, "latest")); err != nil || target != filepath.Base(path) {
		t.Errorf("latest: %s, %v", target, err)
	}
	if _, got, err := mustOpen(t, path).Manifest(); err != nil || got != digest || !strings.HasPrefix(digest, "sha256:") {
		t.Errorf("digest %s, Finish said %s, %v", got, digest, err)
	}
	packed, err := os.ReadFile(filepath.Join(path, "bodies", packName))
	if n := bytes.Count(packed, binary.LittleEndian.AppendUint32(nil, packMagic)); err != nil || n != 4 {
		t.Errorf("%d bodies, want 4: case 0 and 1 have the same; %v", n, err)
	}
}

func TestIncompleteUntilFinished(t *testing.T) {
	root := t.TempDir()
	older, _ := mustRun(t, root, Options{Suite: "stb", Clock: testClock()}, 1)
	w, err := Create(root, Options{Suite: "stb", Clock: testClock()})
	if err != nil {
		t.Fatal(err)
	}
	says := func(want run.Verdict) {
		t.Helper()
		head, err := mustOpen(t, w.Path()).Head()
		if err != nil || head.Verdict != want || head.ID != w.ID() {
			t.Errorf("run.json says %+v, %v; want %v", head, err, want)
		}
	}
	says(run.Incomplete)
	if err := w.Emit(run.Event{Begin: sampleHeader(w.ID(), 5)}); err != nil {
		t.Fatal(err)
	}
	says(run.Incomplete)
	if !strings.Contains(readFile(t, w.Path(), "run.json"), "http://blue.test") {
		t.Error("run.json of a running run does not say what it runs against")
	}
	if err := emitCases(w, 0, 3); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Finish(); !errors.Is(err, ErrIncomplete) {
		t.Errorf("finished without an end: %v", err)
	}
	r, err := mustOpen(t, w.Path()).Run()
	if err != nil {
		t.Fatal(err)
	}
	if r.End.Verdict != run.Incomplete || r.End.Counts.Cases != 3 || r.End.Counts.Fail != 3 {
		t.Errorf("end of a running run: %+v", r.End)
	}
	if err := w.WriteFile("run.json", func(to io.Writer) error { return writeRunJSON(to, r) }); err != nil {
		t.Fatal(err)
	}
	says(run.Incomplete)
	if err := mustOpen(t, w.Path()).Verify(); !errors.Is(err, ErrIncomplete) {
		t.Errorf("verified a running run: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if latest, err := history.Resolve(root, "latest"); err != nil || latest != older {
		t.Errorf("latest is %s, %v; want the complete %s", latest, err, older)
	}
}

func TestInterruptedIsFinishedButNotLatest(t *testing.T) {
	root := t.TempDir()
	older, _ := mustRun(t, root, Options{Clock: testClock()}, 1)
	w, err := Create(root, Options{Clock: testClock()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Emit(run.Event{Begin: sampleHeader(w.ID(), 5)}); err != nil {
		t.Fatal(err)
	}
	if _, err := finishRun(w, run.Interrupted, 0); err != nil {
		t.Fatal(err)
	}
	if err := mustOpen(t, w.Path()).Verify(); err != nil {
		t.Error(err)
	}
	if latest, _ := history.Resolve(root, "latest"); latest != older {
		t.Errorf("latest is %s", latest)
	}
}

func TestTornAndCorruptLogs(t *testing.T) {
	root := t.TempDir()
	w, err := Create(root, Options{Clock: testClock()})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Emit(run.Event{Begin: sampleHeader(w.ID(), 5)}); err != nil {
		t.Fatal(err)
	}
	if err := emitCases(w, 0, 4); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(w.Path(), EventsFile)
	whole := readFile(t, log)
	write := func(text string) *Folder {
		t.Helper()
		if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return mustOpen(t, w.Path())
	}
	lastLine := strings.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := lastLine + 1; cut < len(whole); cut += 37 {
		f := write(whole[:cut])
		r, err := f.Run()
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if len(r.End.Warnings) == 0 || r.End.Counts.Cases != 3 {
			t.Fatalf("cut at %d: no warning of a torn line: %+v", cut, r.End)
		}
	}
	for at := 1; at < len(whole); at += 1 + at/200 { // one bit flipped anywhere
		if whole[at] == '\n' || whole[at-1] == '\n' {
			continue
		}
		text := []byte(whole)
		text[at] ^= 1
		if text[at] == '\n' {
			continue
		}
		f := write(string(text))
		var corrupt *CorruptError
		if _, err := f.Run(); !errors.As(err, &corrupt) {
			t.Fatalf("a flipped bit at byte %d (%q): %v", at, whole[max(0, at-5):at+5], err)
		}
	}
	second := strings.IndexByte(whole, '\n') + 1
	third := second + strings.IndexByte(whole[second:], '\n') + 1
	var corrupt *CorruptError
	if _, err := write(whole[:second] + whole[third:]).Run(); !errors.As(err, &corrupt) || corrupt.Line != 2 {
		t.Errorf("a line taken out: %v", err)
	}
	if _, err := write("").Run(); !errors.Is(err, ErrIncomplete) {
		t.Errorf("an empty log: %v", err)
	}
}

func TestVerifyFindsEveryChange(t *testing.T) {
	root := t.TempDir()
	path, _ := mustRun(t, root, Options{Clock: testClock()}, 2)
	names, err := walkFiles(disk.OS{}, path, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		full := filepath.Join(path, name)
		old := readFile(t, full)
		flipped := []byte(old)
		flipped[len(flipped)/2] ^= 1
		for what, do := range map[string]func() error{
			"changed":  func() error { return os.WriteFile(full, flipped, 0o600) },
			"longer":   func() error { return os.WriteFile(full, append([]byte(old), ' '), 0o600) },
			"missing":  func() error { return os.Remove(full) },
			"a folder": func() error { return errors.Join(os.Remove(full), os.Mkdir(full, 0o700)) },
		} {
			if name == ManifestFile && what == "longer" { // only the digest tells
				continue
			}
			if err := do(); err != nil {
				t.Fatal(err)
			}
			if err := mustOpenAny(path).Verify(); err == nil {
				t.Errorf("%s is %s, and Verify says nothing", name, what)
			}
			if err := errors.Join(os.RemoveAll(full), os.WriteFile(full, []byte(old), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	extra := filepath.Join(path, "load", "extra.bin")
	if err := os.WriteFile(extra, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var bad *VerifyError
	if err := mustOpen(t, path).Verify(); !errors.As(err, &bad) || !slices.Equal(bad.Extra, []string{"load/extra.bin"}) {
		t.Errorf("an extra file: %v", err)
	}
	if err := os.Remove(extra); err != nil {
		t.Fatal(err)
	}
	if err := mustOpen(t, path).Verify(); err != nil {
		t.Errorf("all put back: %v", err)
	}
}

// mustOpenAny opens a folder whose log may be gone.
func mustOpenAny(path string) *Folder {
	return &Folder{reader: reader{disk.OS{}, path}, bodies: newBodyStore(disk.OS{}, filepath.Join(path, BodiesDir))}
}

func TestRunsNeverCollide(t *testing.T) {
	root := t.TempDir()
	const n = 40
	paths := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			w, err := Create(root, Options{Suite: "s", Clock: testClock()})
			if err != nil {
				t.Error(err)
				return
			}
			paths[i] = w.Path()
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	slices.Sort(paths)
	if got := len(slices.Compact(paths)); got != n {
		t.Errorf("%d folders for %d runs", got, n)
	}
	w, err := Create(root, Options{ID: "nightly-1"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := Create(root, Options{ID: "nightly-1"}); !errors.Is(err, ErrTaken) {
		t.Errorf("an id was given twice: %v", err)
	}
	if _, err := Create(root, Options{ID: "1"}); err != nil { // the end of another id
		t.Error(err)
	}
	for _, id := range []string{"a/b", "..", ".", strings.Repeat("x", 65), "a b", "é"} {
		if _, err := Create(root, Options{ID: id}); err == nil {
			t.Errorf("id %q was taken", id)
		}
	}
}

func TestResolve(t *testing.T) {
	root := t.TempDir()
	clock := testClock()
	a, _ := mustRun(t, root, Options{Suite: "s", ID: "one", Clock: clock}, 1)
	b, _ := mustRun(t, root, Options{Suite: "s", ID: "x-one", Clock: clock}, 1)
	for ref, want := range map[string]string{"one": a, "x-one": b, "latest": b, a: a, filepath.Base(a): a} {
		if got, err := history.Resolve(root, ref); err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", ref, got, err, want)
		}
	}
	for _, ref := range []string{"", "none", "../x", "one/"} {
		if got, err := history.Resolve(root, ref); err == nil && got != a {
			t.Errorf("%q: got %s", ref, got)
		} else if err != nil && !errors.Is(err, history.ErrNotFound) {
			t.Errorf("%q: %v", ref, err)
		}
	}
	if _, err := history.Resolve(t.TempDir(), "latest"); !errors.Is(err, history.ErrNotFound) {
		t.Errorf("latest of nothing: %v", err)
	}
}

func TestFilesAreWholeOrAbsent(t *testing.T) {
	w, err := Create(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	broken := errors.New("renderer broke")
	err = w.WriteFiles([]string{"a.txt", "b.txt", "sub/c.txt"}, func(ws []io.Writer) error {
		for _, to := range ws {
			fmt.Fprintln(to, "half")
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	names, err := walkFiles(disk.OS{}, w.Path(), "")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"events.ndjson", "exchanges.ndjson", "run.json"}, names); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	for _, name := range []string{"../x", "/x", "", "events.ndjson", "manifest.json", "bodies/x", "a/../b", "."} {
		if err := w.WriteFile(name, func(io.Writer) error { return nil }); err == nil {
			t.Errorf("wrote %q", name)
		}
	}
	if err := w.WriteFiles([]string{"a", "a"}, func([]io.Writer) error { return nil }); err == nil {
		t.Error("one name twice")
	}
	err = w.WriteFiles([]string{"a.txt", "b.txt"}, func(ws []io.Writer) error {
		fmt.Fprint(ws[0], "A")
		fmt.Fprint(ws[1], "B")
		return nil
	})
	if err != nil || readFile(t, w.Path(), "a.txt") != "A" || readFile(t, w.Path(), "b.txt") != "B" {
		t.Errorf("files are mixed up: %v", err)
	}
	if err := w.CopyScenarios(fstest.MapFS{"x": {}}, []string{"../x"}); err == nil {
		t.Error("copied a file above the tree")
	}
}

func TestInvalidEventsBreakTheRun(t *testing.T) {
	for name, ev := range map[string]run.Event{
		"no content":         {},
		"no verdict":         {Case: &run.CaseResult{ID: "x"}},
		"header of another":  {Begin: sampleHeader("other", 1)},
		"an end without one": {End: &run.End{}},
	} {
		w, err := Create(t.TempDir(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Emit(ev); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if err := w.Emit(run.Event{Case: sampleCase(1)}); err == nil {
			t.Errorf("%s: the run goes on behind it", name)
		}
		w.Close()
	}
}

func TestBodiesKeepAbsentAndEmptyApart(t *testing.T) {
	w, err := Create(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Emit(run.Event{Begin: sampleHeader(w.ID(), 1)}); err != nil {
		t.Fatal(err)
	}
	want := &run.Pair{
		Key:   "k",
		Blue:  &wire.Exchange{Method: "HEAD", Answer: []byte{}, Body: nil},
		Green: &wire.Exchange{Method: "POST", Answer: nil, Body: []byte{0, 1, 255}, Err: &wire.Err{Class: wire.ClassReset, Detail: "died"}},
	}
	if err := w.Emit(run.Event{Pair: want}); err != nil {
		t.Fatal(err)
	}
	r, err := w.Run()
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Pair("k")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); d != "" {
		t.Errorf("pair (-want +got):\n%s", d)
	}
}

// TestLineIsReadAsJSON: a line's head is read without a JSON parser to what a
// JSON parser reads.
func TestLineIsReadAsJSON(t *testing.T) {
	for _, text := range []string{
		`"n":7,"kind":"case","suite":0,"index":5,"key":"stb/한글 [1]","data":{"a":"}\",\"data\":"}}`,
		`"n":7,"kind":"pair","key":"a\"b\\c\u0041","data":{}}`,
		`"n":0,"kind":"intent","data":{"key":"x"}}`,
		`"n":0,"kind":"load","suite":-3,"key":"","data":null}`,
		`"n":0,"kind":"a","kind":"b","data":1}`,
		`"n":1, "kind":"case","data":{}}`,
		`"kind":"case","n":3,"more":[1,2],"data":{}}`,
	} {
		whole := []byte(`{"crc":"00000000",` + text)
		var want line
		if err := json.Unmarshal(whole, &want); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		sealed := seal(whole)
		got, reason := parseLine(sealed)
		if got == nil {
			t.Errorf("%s: %s", text, reason)
			continue
		}
		got.CRC, want.CRC = "", ""
		if d := cmp.Diff(&want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", text, d)
		}
	}
	for _, text := range []string{``, `}`, `"n":"7","data":{}}`, `"n":7,"kind":3,"data":{}}`, `"n":07,"data":{}}`, `"n":+7,"data":{}}`, `"n":7,"kind":"a"b","data":{}}`, `"n":7,"data":{}`} {
		if ln, _ := parseLine(seal([]byte(`{"crc":"00000000",` + text))); ln != nil && json.Valid(ln.Data) {
			t.Errorf("%s is taken for a line: %+v", text, ln)
		}
	}
}

// seal gives a line the checksum of its text.
func seal(text []byte) []byte {
	sealed := bytes.Clone(text)
	copy(sealed[len(`{"crc":"`):], fmt.Sprintf("%08x", crc32.Checksum(sealed[min(crcPrefix, len(sealed)):], castagnoli)))
	return sealed
}
