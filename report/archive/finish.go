package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
)

// WriteFile makes a file of the folder appear whole or not at all, and without
// secrets. name uses slashes. It is on the disk once the next Begin or Finish has
// returned. run.json waits under a temporary name until Finish: until then it
// says incomplete.
func (w *Writer) WriteFile(name string, write func(io.Writer) error) error {
	return w.WriteFiles([]string{name}, func(ws []io.Writer) error { return write(ws[0]) })
}

// WriteFiles is WriteFile for several files that are written together: either
// all of them are whole, or none takes its place.
func (w *Writer) WriteFiles(names []string, write func([]io.Writer) error) error {
	if sorted := slices.Sorted(slices.Values(names)); len(slices.Compact(sorted)) < len(names) {
		return fmt.Errorf("write %s: a name is listed twice", strings.Join(names, ", "))
	}
	temps := make([]string, 0, len(names))
	err := w.withTemps(names, nil, &temps, write)
	for i, name := range names {
		if err != nil {
			break
		}
		err = w.place(name, temps[i])
	}
	if err != nil {
		for _, temp := range temps {
			_ = w.fs.Remove(temp) // the first error says it
		}
		return fmt.Errorf("write %s: %w", strings.Join(names, ", "), err)
	}
	return nil
}

// withTemps opens a temporary file for each name in turn, then has them written.
func (w *Writer) withTemps(names []string, open []io.Writer, temps *[]string, write func([]io.Writer) error) error {
	if len(names) == len(open) {
		return write(open)
	}
	name := names[len(open)]
	full, err := w.target(name)
	if err != nil {
		return err
	}
	temp, err := disk.WriteTemp(w.fs, full, false, func(to io.Writer) error {
		clean := w.cleaned(name, to)
		if err := w.withTemps(names, append(open, clean), temps, write); err != nil {
			return err
		}
		return clean.Flush()
	})
	if err == nil {
		*temps = slices.Insert(*temps, 0, temp) // the innermost is whole first
	}
	return err
}

// A cleaner replaces secrets in what is written through it.
type cleaner interface {
	io.Writer
	Flush() error
}

// cleaned is the last net under a file: its content is made from events that
// hold no secrets.
func (w *Writer) cleaned(name string, to io.Writer) cleaner {
	if strings.HasSuffix(name, ".json") && !strings.HasPrefix(name, ScenariosDir+"/") {
		return w.red.JSONWriter(to)
	}
	return w.red.Writer(to)
}

// target is the path of a file of the folder; its folders are made.
func (w *Writer) target(name string) (string, error) {
	if !fs.ValidPath(name) || !filepath.IsLocal(filepath.FromSlash(name)) || strings.HasPrefix(path.Base(name), disk.TempPrefix) {
		return "", fmt.Errorf("%q is not a name below the run folder", name)
	}
	switch {
	case name == EventsFile, name == ExchangesFile, name == ManifestFile, strings.HasPrefix(name, BodiesDir+"/"):
		return "", fmt.Errorf("%s is written by the archive itself", name)
	}
	full := filepath.Join(w.path, filepath.FromSlash(name))
	return full, disk.MakeDir(w.fs, filepath.Dir(full))
}

// place moves a whole file to where it belongs.
func (w *Writer) place(name, temp string) error {
	if name == RunFile {
		w.mu.Lock()
		w.staged = temp
		w.mu.Unlock()
		return nil
	}
	return w.fs.Rename(temp, filepath.Join(w.path, filepath.FromSlash(name)))
}

// CopyScenarios keeps the files that the run was made from under scenarios/,
// without secrets.
func (w *Writer) CopyScenarios(files fs.FS, names []string) error {
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		name = path.Clean(filepath.ToSlash(name))
		if !fs.ValidPath(name) {
			return fmt.Errorf("copy scenario file %q: not a path below the scenario tree", name)
		}
		err := w.WriteFile(path.Join(ScenariosDir, name), func(to io.Writer) error {
			f, err := files.Open(name)
			if err != nil {
				return err
			}
			_, err = io.Copy(to, f)
			return errors.Join(err, f.Close())
		})
		if err != nil {
			return fmt.Errorf("copy scenario file: %w", err)
		}
	}
	return nil
}

// Finish completes the folder and returns the manifest's digest. The run's End
// and run.json must have been written. The order is:
//
//  1. everything is on the disk;
//  2. manifest.json, with the final run.json's digest;
//  3. run.json takes its place: from here on the run is complete;
//  4. history.ndjson, index.html, latest.
//
// An error before step 3 leaves a run that says incomplete; one after it leaves
// a complete run that the history may not know (RebuildHistory mends it).
func (w *Writer) Finish() (digest string, err error) {
	w.mu.Lock()
	end, header, staged, done := w.end, w.header, w.staged, w.done
	w.mu.Unlock()
	switch {
	case done:
		return "", errors.New("finish: the run is finished already")
	case header == nil || end == nil:
		return "", fmt.Errorf("finish: %w: its log has no end", ErrIncomplete)
	case staged == "":
		return "", fmt.Errorf("finish: %s has not been written", RunFile)
	}
	if err := w.settle(); err != nil {
		return "", fmt.Errorf("finish: %w", err)
	}
	digest, err = w.commit(header, end, staged)
	if err != nil {
		return "", fmt.Errorf("finish: %w", err)
	}
	w.mu.Lock()
	w.done = true
	w.mu.Unlock()
	if err := w.publish(digest); err != nil {
		return digest, fmt.Errorf("the run is complete, but the history is not: %w", err)
	}
	return digest, nil
}

// settle puts everything that was written on the disk.
func (w *Writer) settle() error {
	if err := w.writeLoads(); err != nil {
		return err
	}
	if err := removeTemps(w.fs, w.path, w.staged); err != nil {
		return err
	}
	return w.syncFolder()
}

// writeLoads writes load/load.json: the load results without what plots need.
func (w *Writer) writeLoads() error {
	run, err := w.Run()
	if err != nil || len(run.Loads) == 0 {
		return err
	}
	for i := range run.Loads {
		run.Loads[i].Series = nil
	}
	return w.WriteFile(path.Join(LoadDir, "load.json"), func(to io.Writer) error {
		enc := json.NewEncoder(to)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(run.Loads)
	})
}

// removeTemps removes what a killed run left half written.
func removeTemps(fsys disk.FS, dir, keep string) error {
	names, err := walkFiles(fsys, dir, "")
	if err != nil {
		return err
	}
	for _, name := range names {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasPrefix(path.Base(name), disk.TempPrefix) && full != keep {
			if err := fsys.Remove(full); err != nil {
				return err
			}
		}
	}
	return nil
}

// commit writes the manifest and lets run.json take its place.
func (w *Writer) commit(header *run.Header, end *run.End, staged string) (string, error) {
	m := Manifest{Schema: 1, ID: w.id, Verdict: end.Verdict, Started: header.Started, Finished: w.opts.Clock().UTC()}
	names, err := walkFiles(w.fs, w.path, "")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		full := filepath.Join(w.path, filepath.FromSlash(name))
		switch {
		case full == staged, name == ManifestFile:
			continue
		case name == RunFile:
			full = staged
		}
		sum, size, err := digestFile(w.fs, full)
		if err != nil {
			return "", err
		}
		m.Files = append(m.Files, FileDigest{name, size, sum})
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", " ")
	if err := enc.Encode(m); err != nil {
		return "", err
	}
	err = disk.WriteWhole(w.fs, filepath.Join(w.path, ManifestFile), func(to io.Writer) error {
		_, err := to.Write(text.Bytes())
		return err
	})
	if err != nil {
		return "", err
	}
	if err := w.fs.Rename(staged, filepath.Join(w.path, RunFile)); err != nil {
		return "", err
	}
	return digestOf(text.Bytes()), w.fs.SyncDir(w.path)
}

// publish makes the complete run known outside its folder.
func (w *Writer) publish(digest string) error {
	r, err := w.Run()
	if err != nil {
		return err
	}
	entry := history.EntryOf(r, filepath.Base(w.path), digest)
	return history.WithRoot(w.fs, w.root, func() error {
		if err := history.Append(w.fs, w.root, entry); err != nil {
			return err
		}
		if err := history.RenderIndex(w.fs, w.root, w.opts.Index); err != nil {
			return err
		}
		if r.End.Verdict == run.Interrupted {
			return nil
		}
		return history.PointLatest(w.fs, w.root, filepath.Base(w.path))
	})
}
