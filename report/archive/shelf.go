package archive

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/history"
	"github.com/bgverify/bgverify/runner/run"
)

// A Shelf is where the runs are that a [Ladder] searches.
type Shelf interface {
	// Names lists the run folders, newest first. An error says that the newest ones may not be among
	// them.
	Names() ([]string, error)
	// Head is the head of a run. An error says that its stage is not known; one that is
	// fs.ErrNotExist, that the folder holds no run.
	Head(name string) (Head, error)
	// Open opens a run whole.
	Open(name string) (*Folder, error)
}

// folders is the shelf that is a folder of this machine.
type folders string

func (root folders) Names() ([]string, error) {
	names, err := history.RunNames(disk.OS{}, string(root))
	slices.Reverse(names)
	return names, err
}

func (root folders) Open(name string) (*Folder, error) {
	return Open(filepath.Join(string(root), name))
}

// Head reads run.json, or else the log, which knows the stage too.
func (root folders) Head(name string) (Head, error) {
	f, err := root.Open(name)
	if err != nil {
		return Head{}, err
	}
	head, err := f.Head()
	if err == nil {
		return head, nil
	}
	r, unread := f.Run()
	if unread != nil || r.End.Verdict == run.Incomplete && !errors.Is(err, fs.ErrNotExist) {
		return Head{}, unreadable{err}
	}
	return Head{ID: r.Header.ID, Verdict: r.End.Verdict, Stage: r.Header.Stage}, nil
}

// An unreadable is why a run that is there has no head: not fs.ErrNotExist, whatever file is missing.
type unreadable struct{ err error }

func (u unreadable) Error() string { return u.err.Error() }

// ReadHead reads run.json of a folder that need not hold anything else.
func ReadHead(dir string) (Head, error) {
	f := Folder{reader: reader{disk.OS{}, dir}}
	return f.Head()
}
