//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// endings are further signals that end a process unless it answers them.
var endings = []os.Signal{
	syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGVTALRM, syscall.SIGXCPU,
	syscall.SIGABRT,
}

// survived are signals that must neither end nor stop a process that answers for traffic: a lost pipe
// and a file that reached its limit are errors of a write, and Ctrl-Z would leave
// weights that are not watched.
var survived = []os.Signal{syscall.SIGPIPE, syscall.SIGXFSZ, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU}

// hungUp says whether the other end of a pipe or terminal is gone.
func hungUp(f *os.File) error {
	c, err := f.SyscallConn()
	if err != nil {
		return nil //nolint:nilerr // what cannot be asked is not lost
	}
	gone := false
	err = c.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(fds, 0)
		gone = err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
	})
	if err == nil && gone {
		return errors.New("nobody reads standard output")
	}
	return nil
}
