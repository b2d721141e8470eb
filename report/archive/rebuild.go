package archive

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
)

// RebuildHistory writes history.ndjson anew from the run.json files under root,
// and index.html when opts can render it. It returns how many runs it found and
// the folders that it could not read.
func RebuildHistory(root string, opts Options) (found int, unreadable []string, err error) {
	opts = opts.withDefaults()
	fsys := opts.FS
	err = history.WithRoot(fsys, root, func() error {
		names, err := history.RunNames(fsys, root)
		if err != nil {
			return err
		}
		err = disk.WriteWhole(fsys, filepath.Join(root, history.HistoryFile), func(to io.Writer) error {
			for _, name := range names {
				e, complete, err := entryFromFolder(fsys, root, name)
				if err != nil {
					unreadable = append(unreadable, name)
					continue
				}
				if !complete {
					continue
				}
				data, err := disk.EncodeLine(e)
				if err != nil {
					return err
				}
				if _, err := to.Write(append(data, '\n')); err != nil {
					return err
				}
				found++
			}
			return nil
		})
		if err != nil {
			return err
		}
		return history.RenderIndex(fsys, root, opts.Index)
	})
	if err != nil {
		return 0, nil, fmt.Errorf("rebuild the history: %w", err)
	}
	return found, unreadable, nil
}

// entryFromFolder makes a line from a folder's run.json and manifest.
func entryFromFolder(fsys disk.FS, root, name string) (e history.Entry, complete bool, err error) {
	folder := &Folder{reader: reader{fsys, filepath.Join(root, name)}}
	head, err := folder.Head()
	if err != nil || head.Verdict == run.Incomplete {
		return history.Entry{}, false, err
	}
	_, digest, err := folder.Manifest()
	if err != nil {
		return history.Entry{}, false, err
	}
	err = disk.Reading(fsys, filepath.Join(root, name, RunFile), func(f disk.File) (err error) {
		e, err = history.ParseEntry(disk.OnlyReader(f), name, digest)
		return err
	})
	return e, true, err
}
