package command

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// stopMarked kills the processes of this machine whose environment has an entry, but for this
// one and those that started it, and waits until they are gone or ctx ends. It returns how
// many it killed. Processes that start others meanwhile are looked for again.
func stopMarked(ctx context.Context, mark string) int {
	spared := map[int]bool{}
	for pid := os.Getpid(); pid > 1 && !spared[pid]; pid = parentOf(pid) {
		spared[pid] = true
	}
	killed := map[int]bool{}
	for ctx.Err() == nil {
		found := false
		entries, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, name := range entries {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			if err != nil || spared[pid] || !hasEntry(name, mark) {
				continue
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				spared[pid] = true // another user's, or gone
				continue
			}
			killed[pid], found = true, true
		}
		if !found {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return len(killed)
}

// hasEntry reports whether the environment in a file of /proc has an entry. That of a process
// that has ended is empty.
func hasEntry(name, entry string) bool {
	text, err := os.ReadFile(name)
	if err != nil {
		return false
	}
	for e := range bytes.SplitSeq(text, []byte{0}) {
		if string(e) == entry {
			return true
		}
	}
	return false
}

// parentOf is the parent of a process; 0: it cannot be read.
func parentOf(pid int) int {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The name of the program, in parentheses, may hold anything; state and parent follow it.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return 0
	}
	return parent
}
