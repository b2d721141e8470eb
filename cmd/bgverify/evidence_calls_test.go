package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/internal/tree"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/disk"
	"github.com/bgverify/bgverify/report/archive/history"
)

var errCall = errors.New("this call fails")

// A failingDisk fails its n-th call, or every call from there on. It syncs
// nothing: what a test reads back never leaves the page cache.
type failingDisk struct {
	disk.OS
	calls atomic.Int64
	at    int64
	dead  bool
}

func (d *failingDisk) fail() error {
	if n := d.calls.Add(1); n == d.at || d.dead && n > d.at {
		return errCall
	}
	return nil
}

func (d *failingDisk) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	if err := d.fail(); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &failingFile{f, d}, nil
}

func (d *failingDisk) Mkdir(name string, perm fs.FileMode) error {
	if err := d.fail(); err != nil {
		return err
	}
	return d.OS.Mkdir(name, perm)
}

func (d *failingDisk) Rename(from, to string) error {
	if err := d.fail(); err != nil {
		return err
	}
	return d.OS.Rename(from, to)
}

func (d *failingDisk) Symlink(target, name string) error {
	if err := d.fail(); err != nil {
		return err
	}
	return d.OS.Symlink(target, name)
}

func (d *failingDisk) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := d.fail(); err != nil {
		return nil, err
	}
	return d.OS.ReadDir(name)
}

func (d *failingDisk) SyncDir(string) error { return d.fail() }

func (d *failingDisk) Lock(f disk.File, wait bool) error {
	return d.OS.Lock(f.(*failingFile).File, wait)
}

type failingFile struct {
	disk.File
	disk *failingDisk
}

// Write writes half of p before it fails, as a full disk does.
func (f *failingFile) Write(p []byte) (int, error) {
	if err := f.disk.fail(); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *failingFile) Read(p []byte) (int, error) {
	if err := f.disk.fail(); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *failingFile) ReadAt(p []byte, at int64) (int, error) {
	if err := f.disk.fail(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, at)
}

func (f *failingFile) Sync() error  { return f.disk.fail() }
func (f *failingFile) Close() error { return errors.Join(f.disk.fail(), f.File.Close()) }

// within runs a suite in this process, on a disk, and returns its status.
func (e *evidence) within(disk disk.FS, id, blue, green string) int {
	e.t.Helper()
	flags := &runFlags{}
	set := pflag.NewFlagSet("run", pflag.ContinueOnError)
	flags.bind(set)
	if err := set.Parse([]string{"--blue", blue, "--green", green, "--out", filepath.Join(e.dir, "runs"), "--run-id", id, "--seed", "5", "--no-progress"}); err != nil {
		e.t.Fatal(err)
	}
	files, err := tree.Open([]string{filepath.Join(e.dir, "suite.yaml")})
	if err != nil {
		e.t.Fatal(err)
	}
	s, err := newSession(stdio{in: &bytes.Buffer{}, out: io.Discard, err: io.Discard}, flags, files, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	s.disk = disk
	var end *statusError
	if err := s.execute(e.t.Context()); errors.As(err, &end) {
		return end.status
	} else if err != nil {
		e.t.Fatal(err)
	}
	return 0
}

// holds checks what must be true whatever failed: a status of 0 has a whole
// archive behind it, and older runs are what they were.
func (e *evidence) holds(what, id string, status int) {
	e.t.Helper()
	for _, name := range []string{id, "first", history.LatestLink} {
		path, err := history.Resolve(filepath.Join(e.dir, "runs"), name)
		if err != nil {
			if name != id || status == 0 {
				e.t.Errorf("%s, status %d: no run %s: %v", what, status, name, err)
			}
			continue
		}
		folder, err := archive.Open(path)
		if err == nil && (name != id || status == 0) {
			err = folder.Verify()
		}
		if err != nil {
			e.t.Errorf("%s, status %d: %s: %v", what, status, name, err)
		}
	}
}

// Whatever call to the disk or to the network fails, alone or with all that
// follow: the status is not 0, or the archive is whole. By default a seeded share of
// the calls is tried, with BGVERIFY_TORTURE every one.
func TestEvidenceEveryCall(t *testing.T) {
	t.Parallel()
	const suite = "suite: one\nsetup: [{step: in, get: /in}]\ncases:\n  - {case: a, get: /a}\n  - {case: b, put: /b, side_effects: idempotent, json: {x: 1}}\n"
	every := int64(11)
	if tortureMoments(t, 1) > 1 {
		every = 1
	}
	for _, dead := range []bool{false, true} {
		t.Run(map[bool]string{false: "every_call/disk, once", true: "every_call/disk, from then on"}[dead], func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			e.file("suite.yaml", suite)
			blue, green := serve(t, says(`{"a":1}`)), serve(t, says(`{"a":1}`))
			if status := e.within(&failingDisk{}, "first", blue, green); status != 0 {
				t.Fatalf("exit status %d of an undisturbed run", status)
			}
			passed, failed := 0, 0
			n := int64(1)
			for ; ; n += every {
				disk := &failingDisk{at: n, dead: dead}
				id := fmt.Sprintf("n%d", n)
				status := e.within(disk, id, blue, green)
				if disk.calls.Load() < n {
					break
				}
				e.holds(fmt.Sprintf("call %d of the disk fails", n), id, status)
				if status == 0 {
					passed++
				} else {
					failed++
				}
				if t.Failed() {
					return
				}
			}
			t.Logf("%d calls: %d runs ended with another status than 0, %d passed with a whole archive", n-1, failed, passed)
			if failed < passed {
				t.Errorf("only %d of %d failures were noticed: the test tests nothing", failed, failed+passed)
			}
		})
	}
	t.Run("every_call/connections", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.file("suite.yaml", suite)
		var accepted, at atomic.Int64
		side := func() string {
			return raw(t, func(c net.Conn, r *bufio.Reader) {
				if accepted.Add(1) == at.Load() {
					_ = c.(*net.TCPConn).SetLinger(0)
					return
				}
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					write(c, 200, "", `{"a":1}`)
				}
			})
		}
		blue, green := side(), side()
		if status := e.within(nil, "first", blue, green); status != 0 {
			t.Fatalf("exit status %d of an undisturbed run", status)
		}
		total := accepted.Load()
		failed := 0
		for n := int64(1); n <= total; n++ {
			accepted.Store(0)
			at.Store(n)
			id := fmt.Sprintf("n%d", n)
			status := e.within(nil, id, blue, green)
			e.holds(fmt.Sprintf("connection %d fails", n), id, status)
			if status != 0 {
				failed++
			}
		}
		t.Logf("%d connections: %d runs ended with another status than 0", total, failed)
		if failed == 0 {
			t.Error("no failing connection was noticed: the test tests nothing")
		}
	})
}
