package remote

import (
	"context"
	"os"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/history"
)

// A Run is an archived run to read: in place, or a copy from an object store.
type Run struct {
	*archive.Folder
	// Name is the path of the folder, or its address in the store.
	Name string
	// copied is the folder that a copy is in; empty for a folder that was not copied.
	copied string
}

// InPlace is a run folder of this machine. Close leaves it alone.
func InPlace(folder *archive.Folder) *Run { return &Run{Folder: folder, Name: folder.Path()} }

// Close removes a copy.
func (r *Run) Close() {
	if r.copied != "" {
		_ = os.RemoveAll(r.copied) // in the system's own folder for such files
	}
}

// OpenRun copies a run from the store and opens it. ref is what Resolve takes; the caller
// closes the run.
func (s *Store) OpenRun(ctx context.Context, ref string) (*Run, error) {
	found, err := s.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	r := &Run{Name: s.Address(found)}
	if r.copied, err = os.MkdirTemp("", "bgverify-run-*"); err != nil {
		return nil, err
	}
	path, err := s.Fetch(ctx, found, r.copied)
	if err == nil {
		r.Folder, err = archive.Open(path)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// List lists the newest runs of the store, at least so many (0: all): some before them are
// read too, which they are compared with. bad is the number of lines that cannot be read, and
// unread what is wrong with runs that are left out.
func (s *Store) List(ctx context.Context, newest int) (list []history.Listed, bad int, unread []error, err error) {
	root, err := os.MkdirTemp("", "bgverify-history-*")
	if err != nil {
		return nil, 0, nil, err
	}
	defer os.RemoveAll(root)
	most := 0
	if newest > 0 {
		most = 2*newest + 20
	}
	if unread, err = s.FetchHeads(ctx, root, most); err != nil {
		return nil, 0, unread, err
	}
	if _, _, err := archive.RebuildHistory(root, archive.Options{}); err != nil {
		return nil, 0, unread, err
	}
	list, bad, err = history.List(root)
	return list, bad, unread, err
}
