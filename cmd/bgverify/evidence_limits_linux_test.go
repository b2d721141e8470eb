package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// smallDisk mounts a disk as the archive of an evidence; it needs root.
func (e *evidence) smallDisk(flags uintptr, options string) {
	e.t.Helper()
	dir := filepath.Join(e.dir, "runs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		e.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		e.t.Skipf("skipped: mounting a tmpfs needs root and a kernel that allows it: %v", err)
	}
	e.t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			e.t.Error(err)
		}
	})
}

// A disk that is full, small or read-only is found before the first request, or
// ends the run as broken; a report that was there stays what it was.
func TestEvidenceDisk(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		flags   uintptr
		options string
	}{
		{"256 KiB", 0, "size=256k"},
		{"read-only", syscall.MS_RDONLY, "size=4m"},
	} {
		t.Run("disk/"+row.name, func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			e.smallDisk(row.flags, row.options)
			e.file("suite.yaml", one)
			var seen atomic.Int64
			side := func(w http.ResponseWriter, r *http.Request) { seen.Add(1); says(`{"a":1}`)(w, r) }
			r := e.bgverify("run", "suite.yaml", "--blue", serve(t, side), "--green", serve(t, side))
			if r.status != 3 || r.err.Len() == 0 || seen.Load() != 0 {
				t.Errorf("exit status %d after %d requests, want 3 after none, and why\n%s%s", r.status, seen.Load(), &r.out, &r.err)
			}
		})
	}
	t.Run("disk/fills during the run", func(t *testing.T) {
		t.Parallel()
		e := newEvidence(t)
		e.smallDisk(0, "size=4m")
		e.file("suite.yaml", one)
		if r := e.bgverify("run", "suite.yaml", "--run-id", "first", "--blue", serve(t, says(`{"a":1}`)), "--green", serve(t, says(`{"a":1}`))); r.status != 0 {
			t.Fatalf("exit status %d of a run with room\n%s%s", r.status, &r.out, &r.err)
		}
		e.file("suite.yaml", "suite: one\ncases:\n  - {case: item, get: \"/item/{{n}}\", data: {file: rows.csv, name: \"{{n}}\"}}\n")
		var rows strings.Builder
		rows.WriteString("n\n")
		for i := range 600 {
			rows.WriteString(fmt.Sprintln(i))
		}
		e.file("rows.csv", rows.String())
		noise := func(w http.ResponseWriter, r *http.Request) { // 40 KB that no packer makes smaller, equal on both sides
			rng := rand.New(rand.NewPCG(uint64(len(r.URL.Path)), uint64(r.URL.Path[len(r.URL.Path)-1])<<8|uint64(r.URL.Path[max(0, len(r.URL.Path)-2)])))
			var b strings.Builder
			for b.Len() < 40_000 {
				fmt.Fprintf(&b, "%x", rng.Uint64())
			}
			says(`{"noise":"`+b.String()+r.URL.Path+`"}`)(w, r)
		}
		r := e.bgverify("run", "suite.yaml", "--run-id", "it", "--blue", serve(t, noise), "--green", serve(t, noise))
		if r.status != 3 || !strings.Contains(r.err.String(), "no space left") {
			t.Errorf("exit status %d, want 3 and the reason\n%s%s", r.status, &r.out, &r.err)
		}
		if folder := e.runFolder("it"); folder == "" || runVerdict(t, folder) != "incomplete" {
			t.Errorf("what is left in %q does not say incomplete", folder)
		}
		if g := e.bgverify("gate", "it"); g.status != 3 {
			t.Errorf("gate ends with %d on what is left, want 3", g.status)
		}
		if g := e.bgverify("gate", "latest", "--without", "identity"); g.status != 0 {
			t.Errorf("gate ends with %d on the run before, want 0\n%s%s", g.status, &g.out, &g.err)
		}
	})
}

// With 64 descriptors, or with too few for anything, the run says that it is we
// who are short: never that green fails.
func TestEvidenceDescriptors(t *testing.T) {
	t.Parallel()
	var rows strings.Builder
	rows.WriteString("n\n")
	for i := range 300 {
		rows.WriteString(fmt.Sprintln(i))
	}
	for _, n := range []int{64, 24, 14} {
		t.Run(fmt.Sprintf("descriptors/%d", n), func(t *testing.T) {
			t.Parallel()
			e := newEvidence(t)
			e.file("suite.yaml", "suite: one\ncases:\n  - {case: item, get: /item, query: {n: \"{{n}}\"}, data: {file: rows.csv, name: \"{{n}}\"}}\n")
			e.file("rows.csv", rows.String())
			cmd := e.command("run", "suite.yaml", "--run-id", "it", "--concurrency", "64", "--no-progress", "--blue", serve(t, says(`{"a":1}`)), "--green", serve(t, says(`{"a":1}`)))
			cmd.Args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, n), cmd.Path}, cmd.Args[1:]...)
			cmd.Path = "/bin/sh"
			r := e.wait(cmd)
			if !slices.Contains([]int{0, 3}, r.status) {
				t.Errorf("exit status %d, want a pass or broken\n%s%s", r.status, &r.out, &r.err)
			}
			t.Logf("%d descriptors: exit status %d, %d of %d cases pass, %q", n, r.status, r.run.Counts.Pass, r.run.Counts.Cases, r.run.Reasons)
			if r.status == 0 && r.run.Counts.Pass != 300 {
				t.Errorf("a pass with %d of 300 cases", r.run.Counts.Pass)
			}
			if g := e.bgverify("gate", "it", "--without", "identity"); r.status == 0 && g.status != 0 || g.status == 1 {
				t.Errorf("gate ends with %d after %d\n%s%s", g.status, r.status, &g.out, &g.err)
			}
		})
	}
}
