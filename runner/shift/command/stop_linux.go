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

// stopMarked kills the commands of this machine whose environment has an entry, with what they
// have started, and waits until they are gone or ctx ends. It returns how many it killed.
//
// A command is the leader of its process group, as ownGroup made it, and not of a session. What
// inherited the entry and is none is spared: daemons that a finished command has started, such as
// a load balancer that it replaced, and whatever started this process.
func stopMarked(ctx context.Context, mark string) int {
	spared := map[int]bool{}
	for pid := os.Getpid(); pid > 1 && !spared[pid]; pid, _, _ = familyOf(pid) {
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
			if _, group, session := familyOf(pid); group != pid || session == pid {
				continue
			}
			if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
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

// familyOf is the parent, group and session of a process; 0: they cannot be read.
func familyOf(pid int) (parent, group, session int) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, 0
	}
	// The name of the program, in parentheses, may hold anything; the state follows it.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 4 {
		return 0, 0, 0
	}
	for i, to := range []*int{&parent, &group, &session} {
		*to, _ = strconv.Atoi(string(fields[i+1]))
	}
	return parent, group, session
}
