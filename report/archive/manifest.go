package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/runner/run"
)

// A Manifest names every file of a complete run, itself apart, with its digest.
type Manifest struct {
	// Schema is the manifest's version, 1.
	Schema int `json:"schema"`
	// ID is the run id, as run.json has it.
	ID string `json:"id"`
	// Verdict is the verdict of the run. It is part of the digest that a run prints, so
	// that a changed verdict is a changed digest.
	Verdict run.Verdict `json:"verdict"`
	// Started is when the run began, in UTC.
	Started time.Time `json:"started"`
	// Finished is when its folder was complete, in UTC.
	Finished time.Time `json:"finished"`
	// Files are all files of the folder but the manifest itself, sorted by path.
	Files []FileDigest `json:"files"`
}

// A FileDigest is one file of a manifest.
type FileDigest struct {
	// Path is relative to the run folder, with slashes on every system.
	Path string `json:"path"`
	// Size is in bytes.
	Size int64 `json:"size"`
	// SHA256 is the digest of the content in lower-case hex.
	SHA256 string `json:"sha256"`
}

// OtherFiles are the scenario files, relative to scenarios/, that two runs do not have in
// common, sorted: those of one run alone, and those with another content.
func OtherFiles(a, b *Manifest) []string {
	digests := func(m *Manifest) map[string]string {
		out := map[string]string{}
		for _, f := range m.Files {
			if name, ok := strings.CutPrefix(f.Path, ScenariosDir+"/"); ok {
				out[name] = f.SHA256
			}
		}
		return out
	}
	return Unequal(digests(a), digests(b))
}

// Unequal lists the names whose values are not the same, or that only one of two has, sorted.
func Unequal(a, b map[string]string) []string {
	names := map[string]bool{}
	for name, value := range a {
		if other, ok := b[name]; !ok || other != value {
			names[name] = true
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// maxManifest bounds a manifest that is read: a million files and more.
const maxManifest = 256 << 20

// walkFiles lists the files below dir, sorted, with slashes. Anything that is
// neither a file nor a folder is listed too: it has no business there.
func walkFiles(fsys disk.FS, dir, below string) ([]string, error) {
	entries, err := fsys.ReadDir(filepath.Join(dir, filepath.FromSlash(below)))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name := path.Join(below, e.Name())
		if !e.IsDir() {
			names = append(names, name)
			continue
		}
		inner, err := walkFiles(fsys, dir, name)
		if err != nil {
			return nil, err
		}
		names = append(names, inner...)
	}
	slices.Sort(names)
	return names, nil
}

// digestFile hashes a file.
func digestFile(fsys disk.FS, name string) (string, int64, error) {
	h := sha256.New()
	n := &countingWriter{w: h}
	if err := disk.CopyTo(fsys, n, name); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), n.n, nil
}

// A countingWriter counts the bytes that pass through it.
type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// digestOf is how a digest is shown and given: sha256: and hex.
func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// A VerifyError says how a folder differs from its manifest.
type VerifyError struct {
	// Tampered are the files whose content is not the one that the manifest lists.
	Tampered []string
	// Missing are listed in the manifest and not in the folder.
	Missing []string
	// Extra are in the folder and not listed in the manifest.
	Extra []string
}

// Error names some files of each kind.
func (e *VerifyError) Error() string {
	var parts []string
	for _, p := range []struct {
		word string
		list []string
	}{{"changed", e.Tampered}, {"missing", e.Missing}, {"not in the manifest", e.Extra}} {
		if len(p.list) > 0 {
			parts = append(parts, p.word+": "+some(p.list))
		}
	}
	return "the folder is not what its manifest says (" + strings.Join(parts, "; ") + ")"
}

// some lists the first few names, and how many more there are.
func some(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// Manifest reads the folder's manifest and its digest. ErrIncomplete: there is none.
func (f *Folder) Manifest() (*Manifest, string, error) {
	text, err := disk.ReadAll(f.fs, filepath.Join(f.path, ManifestFile), maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("%w: it has no %s", ErrIncomplete, ManifestFile)
	}
	if err != nil {
		return nil, "", err
	}
	m, err := ParseManifest(text)
	if err != nil {
		return nil, "", fmt.Errorf("read %s: %w", filepath.Join(f.path, ManifestFile), err)
	}
	return m, digestOf(text), nil
}

// ParseManifest reads the text of a manifest.
func ParseManifest(text []byte) (*Manifest, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	m := new(Manifest)
	if err := dec.Decode(m); err != nil {
		return nil, err
	}
	if m.Schema != 1 {
		return nil, fmt.Errorf("schema %d, want 1", m.Schema)
	}
	return m, nil
}

// Verify compares the folder with its manifest, file by file, and run.json and
// the manifest with the log. It returns ErrIncomplete (wrapped) for a run that
// was never finished and a *VerifyError for a folder that was changed.
func (f *Folder) Verify() error {
	m, _, err := f.Manifest()
	if err != nil {
		return err
	}
	if head, err := f.Head(); err != nil {
		return err
	} else if head.Verdict == run.Incomplete {
		return fmt.Errorf("%w: its %s says so", ErrIncomplete, RunFile)
	}
	names, err := walkFiles(f.fs, f.path, "")
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	bad, err := f.compare(m, names)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if len(bad.Tampered)+len(bad.Missing)+len(bad.Extra) > 0 {
		return bad
	}
	return f.agree(m)
}

// compare holds the files of the folder against the manifest, in both directions.
func (f *Folder) compare(m *Manifest, names []string) (*VerifyError, error) {
	bad := new(VerifyError)
	listed := make(map[string]bool, len(m.Files))
	for _, want := range m.Files {
		listed[want.Path] = true
		if _, there := slices.BinarySearch(names, want.Path); !there {
			bad.Missing = append(bad.Missing, want.Path)
			continue
		}
		info, err := f.fs.Lstat(filepath.Join(f.path, filepath.FromSlash(want.Path)))
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() || info.Size() != want.Size {
			bad.Tampered = append(bad.Tampered, want.Path)
			continue
		}
		sum, _, err := digestFile(f.fs, filepath.Join(f.path, filepath.FromSlash(want.Path)))
		if err != nil {
			return nil, err
		}
		if sum != want.SHA256 {
			bad.Tampered = append(bad.Tampered, want.Path)
		}
	}
	for _, name := range names {
		if name != ManifestFile && !listed[name] {
			bad.Extra = append(bad.Extra, name)
		}
	}
	for _, must := range []string{RunFile, EventsFile, ExchangesFile} {
		if !listed[must] {
			bad.Missing = append(bad.Missing, must+" (in the manifest)")
		}
	}
	return bad, nil
}

// agree checks that run.json, manifest and log tell of one run with one verdict.
func (f *Folder) agree(m *Manifest) error {
	head, err := f.Head()
	if err != nil {
		return err
	}
	r, err := f.Run()
	if err != nil {
		return err
	}
	switch {
	case head.ID != m.ID || head.ID != r.Header.ID:
		return fmt.Errorf("verify: %s is of run %s, the manifest of %s, the log of %s", RunFile, head.ID, m.ID, r.Header.ID)
	case head.Verdict != m.Verdict || head.Verdict != r.End.Verdict:
		return fmt.Errorf("verify: %s says %s, the manifest %s, the log %s", RunFile, head.Verdict, m.Verdict, r.End.Verdict)
	}
	return nil
}

// A Head is what run.json says first.
type Head struct {
	// ID is the run id.
	ID string
	// Verdict is incomplete for a run that has not ended.
	Verdict run.Verdict
	// Stage is that of the run's header; empty: it had no env file.
	Stage string
}

// Head reads run.json up to its suites, which come after what a Head has.
func (f *Folder) Head() (Head, error) {
	name := filepath.Join(f.path, RunFile)
	file, err := disk.OpenRead(f.fs, name)
	if err != nil {
		return Head{}, err
	}
	defer func() { _ = file.Close() }() // only read
	var h Head
	err = disk.EachMember(json.NewDecoder(disk.OnlyReader(file)), func(key string, dec *json.Decoder) (bool, error) {
		switch key {
		case "id":
			return true, dec.Decode(&h.ID)
		case "verdict":
			return true, dec.Decode(&h.Verdict)
		case "stage":
			return true, dec.Decode(&h.Stage)
		case "suites":
			if h.ID != "" && h.Verdict != 0 {
				return false, nil
			}
		}
		return true, disk.SkipValue(dec)
	})
	if err != nil {
		return Head{}, fmt.Errorf("read %s: %w", name, err)
	}
	if h.Verdict == 0 {
		return Head{}, fmt.Errorf("read %s: it has no verdict", name)
	}
	return h, nil
}

// Complete reports whether the run was finished. It trusts the folder; Verify does not.
func (f *Folder) Complete() (bool, error) {
	h, err := f.Head()
	if err != nil {
		return false, err
	}
	if h.Verdict == run.Incomplete {
		return false, nil
	}
	return disk.Exists(f.fs, filepath.Join(f.path, ManifestFile))
}
