package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff/cause"
	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/runner/run"
)

// An Entry is one complete run in the history: one line of history.ndjson. It has what lists
// and the index show, so that they need not open the folders of runs, which may have been
// removed since.
type Entry struct {
	// ID is the run id.
	ID string `json:"id"`
	// Folder is the name of the run folder, below the root.
	Folder string `json:"folder"`
	// Started is when the run began, in UTC.
	Started time.Time `json:"started"`
	// ElapsedMS is the duration of the run in milliseconds.
	ElapsedMS float64 `json:"elapsed_ms"`
	// Parent is the run that was judged again; empty: none.
	Parent string `json:"parent,omitempty"`
	// Verdict is the verdict of the whole run.
	Verdict run.Verdict `json:"verdict"`
	// Reasons are those of the verdict, gravest first.
	Reasons []string `json:"reasons,omitempty"`
	// Digest is that of the run's manifest, as the run printed it.
	Digest string `json:"digest"`
	// Sides tell runs against other places apart.
	Sides run.Sides `json:"sides"`
	// Counts are those of all suites together.
	Counts run.Counts `json:"counts"`
	// Suites are in the order of the plan.
	Suites []EntrySuite `json:"suites"`
	// Causes are those of the run, for "new", "known" and "fixed" of later runs.
	Causes []cause.Cause `json:"causes,omitempty"`
	// Paths are the files and folders that the suites were named by.
	Paths []string `json:"paths,omitempty"`
	// Weaker is what the suites asked less than in the run before.
	Weaker *run.WeakerThan `json:"weaker,omitempty"`
}

// An EntrySuite is one suite of an Entry.
type EntrySuite struct {
	// Name is the name in the suite file, by which runs of the same suites are found.
	Name string `json:"name"`
	// Service is the service that the suite speaks for; empty: its name.
	Service string `json:"service,omitempty"`
	// Owner is the team to ask; empty: none is named.
	Owner string `json:"owner,omitempty"`
	// Wave is the step of the migration that the service belongs to; 0: none.
	Wave int `json:"wave,omitempty"`
	// Gate is required or advisory: an advisory suite does not decide.
	Gate    string      `json:"gate"`
	Verdict run.Verdict `json:"verdict"`
	// Verdict and Counts are zero for a suite without a result.
	Counts run.Counts `json:"counts"`
	// Loads are the stages whose cases the suite has.
	Loads []EntryLoad `json:"loads,omitempty"`
}

// An EntryLoad is one load stage of an Entry.
type EntryLoad struct {
	Name    string      `json:"name"`
	Verdict run.Verdict `json:"verdict"`
	// Comparisons are those of the whole stage; those of single routes are left out.
	Comparisons []perf.Comparison `json:"comparisons"`
}

// SuiteNames are the names of the entry's suites, in order. They tell which entries are runs of
// the same suites.
func (e *Entry) SuiteNames() []string {
	names := make([]string, len(e.Suites))
	for i, s := range e.Suites {
		names[i] = s.Name
	}
	return names
}

// EntryOf makes a run's line. folder is the name of the run folder and digest that of its
// manifest. The run is not changed.
func EntryOf(run *run.Run, folder, digest string) Entry {
	e := Entry{
		ID: run.Header.ID, Folder: folder, Started: run.Header.Started, ElapsedMS: run.End.ElapsedMS, Parent: run.Header.Parent,
		Verdict: run.End.Verdict, Reasons: run.End.Reasons, Digest: digest, Sides: run.End.Sides, Counts: run.End.Counts,
		Suites: make([]EntrySuite, len(run.Header.Suites)), Causes: run.End.Causes,
		Paths: run.Header.Paths, Weaker: run.Header.Weaker,
	}
	for i, h := range run.Header.Suites {
		s := EntrySuite{Name: h.Name, Service: h.Service, Owner: h.Owner, Wave: h.Wave, Gate: h.Gate}
		// A run that was interrupted may have fewer results than suites.
		if i < len(run.End.Suites) {
			s.Verdict, s.Counts = run.End.Suites[i].Verdict, run.End.Suites[i].Counts
		}
		for _, l := range run.Loads {
			if l.Suite == i {
				s.Loads = append(s.Loads, EntryLoad{l.Name, l.Verdict, ofStage(l.Comparisons)})
			}
		}
		e.Suites[i] = s
	}
	e.trim()
	return e
}

// trim leaves out what a line of the history does not need. Services and rules are the largest
// parts of it, and are found in the run itself. The causes are copied first, as the list may be
// that of the run.
func (e *Entry) trim() {
	e.Started = e.Started.UTC()
	e.Sides.Blue.Services, e.Sides.Green.Services = nil, nil
	e.Causes = slices.Clone(e.Causes)
	for i := range e.Causes {
		e.Causes[i].Rule = ""
	}
}

// ofStage are the comparisons of the whole stage, not of one route. The list that was given
// stays as it is.
func ofStage(list []perf.Comparison) []perf.Comparison {
	return slices.DeleteFunc(slices.Clone(list), func(c perf.Comparison) bool { return c.Route != "" })
}

// Append adds a line to the history. The caller holds the root's lock. A run that was judged or
// resumed again gets a second line; see Read. The error wraps that of the file system.
func Append(fsys disk.FS, root string, e Entry) error {
	data, err := disk.EncodeLine(e)
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	name := filepath.Join(root, HistoryFile)
	f, err := fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	err = appendLine(f, data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return nil
}

// appendLine adds a line, on its own line even where a killed process left half of one. A line
// is written in one call, and is on the disk when it returns. Half a line of a killed process
// becomes its own bad line, and costs no other entry.
func appendLine(f disk.File, data []byte) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var text []byte
	if size := info.Size(); size > 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], size-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			text = append(text, '\n')
		}
	}
	text = append(append(text, data...), '\n')
	if n, err := f.Write(text); err != nil {
		return err
	} else if n < len(text) {
		return io.ErrShortWrite
	}
	return f.Sync()
}

// Read reads the history of a root, oldest first. Of two lines of one run the later counts.
// bad is the number of lines that are not entries. A root without a history has no entries
// and is not an error.
func Read(root string) (entries []Entry, bad int, err error) { return ReadFS(disk.OS{}, root) }

// ReadFS is Read on a given file system. bad counts lines that do not read back; they are
// skipped. It reads line by line, and keeps one entry for each run.
func ReadFS(fsys disk.FS, root string) (entries []Entry, bad int, err error) {
	f, err := disk.OpenRead(fsys, filepath.Join(root, HistoryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the history: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	at := make(map[string]int)
	br := bufio.NewReader(disk.OnlyReader(f))
	for {
		text, rerr := br.ReadBytes('\n')
		if text = bytes.TrimSpace(text); len(text) > 0 {
			var e Entry
			// An entry without a folder or verdict comes from another version or from another
			// program.
			if json.Unmarshal(text, &e) != nil || e.Folder == "" || e.Verdict == 0 {
				bad++
			} else if i, seen := at[e.Folder]; seen {
				entries[i] = e
			} else {
				at[e.Folder] = len(entries)
				entries = append(entries, e)
			}
		}
		// The last line may have no line feed, so that it is looked at before the end is.
		if rerr == io.EOF {
			break
		}
		if rerr != nil {
			return nil, 0, fmt.Errorf("read the history: %w", rerr)
		}
	}
	// Folders begin with the time of their run, so that their order is that of the starts.
	slices.SortStableFunc(entries, func(a, b Entry) int { return strings.Compare(a.Folder, b.Folder) })
	return entries, bad, nil
}

// A Render writes index.html from the whole history, oldest entry first. It is given by the
// caller, because this package does not know how a page looks.
type Render func(w io.Writer, entries []Entry) error

// WriteIndex renders index.html anew, for callers that removed or pinned runs. It waits for
// the lock of the root.
func WriteIndex(root string, render Render) error {
	fsys := disk.OS{}
	if err := WithRoot(fsys, root, func() error { return RenderIndex(fsys, root, render) }); err != nil {
		return fmt.Errorf("write %s: %w", IndexFile, err)
	}
	return nil
}

// RenderIndex renders index.html from the history. The caller holds the root's lock. Without a
// render nothing is written, which suits archives without a page.
func RenderIndex(fsys disk.FS, root string, render Render) error {
	if render == nil {
		return nil
	}
	entries, _, err := ReadFS(fsys, root)
	if err != nil {
		return err
	}
	return disk.WriteWhole(fsys, filepath.Join(root, IndexFile), func(to io.Writer) error { return render(to, entries) })
}

// ParseEntry makes a line from the text of a run.json, of which it keeps what a line needs;
// cases are passed over. It is for runs that have no line, such as those of a history that was
// lost. Members may come in any order, and the whole file is never in memory. After an error
// the entry has what was read so far.
func ParseEntry(r io.Reader, folder, digest string) (Entry, error) {
	e := Entry{Folder: folder, Digest: digest}
	err := disk.EachMember(json.NewDecoder(bufio.NewReader(r)), e.member)
	e.trim()
	return e, err
}

// member reads one member of run.json into the entry. Members that the entry does not keep are
// passed over, those of later versions included.
func (e *Entry) member(key string, dec *json.Decoder) (bool, error) {
	into := map[string]any{
		"id": &e.ID, "started": &e.Started, "elapsed_ms": &e.ElapsedMS, "parent": &e.Parent, "verdict": &e.Verdict,
		"reasons": &e.Reasons, "sides": &e.Sides, "counts": &e.Counts, "causes": &e.Causes,
		"paths": &e.Paths, "weaker": &e.Weaker,
	}
	if v, ok := into[key]; ok {
		return true, dec.Decode(v)
	}
	if key != "suites" {
		return true, disk.SkipValue(dec)
	}
	return true, disk.EachElement(dec, func(dec *json.Decoder) error {
		var s EntrySuite
		err := disk.EachMember(dec, s.member)
		e.Suites = append(e.Suites, s)
		return err
	})
}

// member reads one member of a suite of run.json, its cases apart. It reads the same members of
// a suite as EntryOf takes from the run in memory.
func (s *EntrySuite) member(key string, dec *json.Decoder) (bool, error) {
	into := map[string]any{
		"name": &s.Name, "service": &s.Service, "owner": &s.Owner, "wave": &s.Wave, "gate": &s.Gate,
		"verdict": &s.Verdict, "counts": &s.Counts, "loads": &s.Loads,
	}
	v, ok := into[key]
	if !ok {
		return true, disk.SkipValue(dec)
	}
	if err := dec.Decode(v); err != nil {
		return false, err
	}
	// A route's comparisons are left out, and an empty list becomes an absent one, as in
	// EntryOf.
	if key == "loads" {
		for i := range s.Loads {
			s.Loads[i].Comparisons = ofStage(s.Loads[i].Comparisons)
		}
		if len(s.Loads) == 0 {
			s.Loads = nil
		}
	}
	return true, nil
}
