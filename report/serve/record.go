package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/bgverify/bgverify/report/archive/disk"
)

// recordDir is the folder below the archive root that keeps the orders. Its name begins
// with a dot, so that nothing takes it for a run.
const recordDir = ".serve"

// A record is what the server keeps of an order, so that it knows it after a restart.
type record struct {
	Order Order `json:"order"`
	// Asked, Began and Ended are when the order came, its run began, and it was over; zero:
	// not yet.
	Asked time.Time `json:"asked"`
	Began time.Time `json:"began,omitzero"`
	Ended time.Time `json:"ended,omitzero"`
	// Status is the exit status of the run; it means something once Ended is set.
	Status int `json:"status"`
	// Digest is that of the run folder's manifest when the run was over; empty: it has none.
	Digest string `json:"digest,omitempty"`
	// Log is the beginning of what the run wrote to standard error.
	Log string `json:"log,omitempty"`
}

// records are the orders on disk.
type records struct{ dir string }

// openRecords makes the folder of the orders where there is none.
func openRecords(root string) (records, error) {
	r := records{filepath.Join(root, recordDir)}
	for _, dir := range []string{root, r.dir} {
		if err := disk.MakeDir(disk.OS{}, dir); err != nil {
			return r, err
		}
	}
	return r, nil
}

// write keeps a record; when it returns without an error the disk has it.
func (r records) write(rec *record) error {
	return disk.WriteWhole(disk.OS{}, r.file(rec.Order.ID), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(rec)
	})
}

// read returns the record of an id; nil: there is none. An id must be valid.
func (r records) read(id string) (*record, error) {
	text, err := disk.ReadAll(disk.OS{}, r.file(id), maxBody+2*maxLog)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the order of run %s: %w", id, err)
	}
	rec := new(record)
	if err := json.Unmarshal(text, rec); err != nil {
		return nil, fmt.Errorf("read the order of run %s: %w", id, err)
	}
	if rec.Order.ID != id {
		return nil, fmt.Errorf("read the order of run %s: the file is of run %q", id, rec.Order.ID)
	}
	return rec, nil
}

func (r records) file(id string) string { return filepath.Join(r.dir, id+".json") }
