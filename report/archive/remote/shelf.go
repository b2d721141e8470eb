package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/bgverify/bgverify/report/archive"
)

// Shelf is the runs of a store for [archive.Ladder]. Runs that are read are written below a folder of
// this machine, which the caller removes.
func (s *Store) Shelf(ctx context.Context, below string) archive.Shelf {
	return &shelf{ctx, s, below}
}

type shelf struct {
	ctx   context.Context //nolint:containedctx // of the one question that the shelf is made for
	store *Store
	below string
}

// Names lists the runs. Rule 3: one that was announced and is not listed may be newer than all others.
func (h *shelf) Names() ([]string, error) {
	list, err := h.store.Runs(h.ctx)
	if err != nil {
		return nil, err
	}
	told, _, err := h.store.announced(h.ctx)
	if err == nil && told != "" && !slices.Contains(list, told) {
		err = fmt.Errorf("%s was announced, and the listing does not show it", h.store.Address(told))
	}
	return list, err
}

// Head fetches run.json. A run that is not whole in the store has ended, and it is not known how.
func (h *shelf) Head(name string) (archive.Head, error) {
	below, err := os.MkdirTemp(h.below, "head-*")
	if err != nil {
		return archive.Head{}, err
	}
	defer os.RemoveAll(below) //nolint:errcheck // the caller removes the folder above it
	dir, err := h.store.fetch(h.ctx, name, below, func(file string) bool { return file == archive.RunFile })
	if err != nil {
		return archive.Head{}, plain(err)
	}
	head, err := archive.ReadHead(dir)
	return head, plain(err)
}

// plain is an error that does not say that the run is not there: a shelf has none of the runs that it lists
// missing.
func plain(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return errors.New(err.Error())
	}
	return err
}

// Open fetches a run whole.
func (h *shelf) Open(name string) (*archive.Folder, error) {
	path := filepath.Join(h.below, name)
	if _, err := os.Stat(path); err == nil { // asked for by an earlier stage
		return archive.Open(path)
	}
	path, err := h.store.Fetch(h.ctx, name, h.below)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(filepath.Join(h.below, name)))
	}
	return archive.Open(path)
}
