package serve

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/bgverify/bgverify/report/archive/disk"
)

// recordDir is the folder below the archive root that keeps the orders. Its name begins
// with a dot, so that nothing takes it for a run.
const recordDir = ".serve"

// A record is what the server keeps of an order, so that it knows it after a restart.
type record struct {
	Order Order `json:"order"`
	// Server names the lock file of the server that took the order.
	Server string `json:"server,omitempty"`
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

// records are the orders on disk. Several servers may keep theirs in one archive: each holds a lock
// of its own while it lives, so that the others can tell an order that waits or runs from one whose
// server was killed.
type records struct {
	dir string
	// own is the name of this server's lock file, and lock holds it.
	own  string
	lock disk.File
}

// openRecords makes the folder of the orders where there is none, and takes this server's lock.
func openRecords(root string) (*records, error) {
	r := &records{dir: filepath.Join(root, recordDir)}
	for _, dir := range []string{root, r.dir} {
		if err := disk.MakeDir(disk.OS{}, dir); err != nil {
			return nil, err
		}
	}
	// Nobody else knows the name, and so tries the lock, until an order has it.
	r.own = "server-" + rand.Text() + ".lock"
	var err error
	r.lock, err = r.locked(r.own)
	return r, err
}

// close lets go of the lock. Orders that have not ended then count as interrupted.
func (r *records) close() {
	_ = r.lock.Close()
	_ = os.Remove(filepath.Join(r.dir, r.own))
}

// Bounds of the wait for another server that takes an order at this moment: it may be stopped in the middle.
const (
	takeTries = 200
	takeEvery = 10 * time.Millisecond
)

// take lets one server at a time look for an id and take it, until the file is closed.
func (r *records) take() (disk.File, error) {
	for i := 1; ; i++ {
		f, err := r.locked("taking.lock")
		if i == takeTries || !errors.Is(err, disk.ErrLocked) {
			return f, err
		}
		time.Sleep(takeEvery)
	}
}

// locked opens a file of the folder and locks it, until it is closed.
func (r *records) locked(name string) (disk.File, error) {
	f, err := disk.OS{}.OpenFile(filepath.Join(r.dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := (disk.OS{}).Lock(f, false); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// lives reports whether the server that took an order holds its lock.
func (r *records) lives(server string) bool {
	if !strings.HasPrefix(server, "server-") || strings.ContainsAny(server, `/\`) {
		return false
	}
	f, err := disk.OS{}.OpenFile(filepath.Join(r.dir, server), os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is((disk.OS{}).Lock(f, false), disk.ErrLocked)
}

// write keeps a record; when it returns without an error the disk has it.
func (r *records) write(rec *record) error {
	return disk.WriteWhole(disk.OS{}, r.file(rec.Order.ID), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(rec)
	})
}

// read returns the record of an id; nil: there is none. An id must be valid.
func (r *records) read(id string) (*record, error) {
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

func (r *records) file(id string) string { return filepath.Join(r.dir, id+".json") }
