package attack

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// timerSleeper sleeps on a timerfd read through the runtime's poller: precise to
// some 50 µs, and no thread is blocked.
type timerSleeper struct {
	file *os.File
	fd   int
}

// newSleeper returns the most precise sleeper that the system grants.
func newSleeper() sleeper {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return coarseSleeper{}
	}
	return &timerSleeper{os.NewFile(uintptr(fd), "timerfd"), fd}
}

func (t *timerSleeper) until(at time.Time) {
	wait := time.Until(at)
	if wait <= 0 {
		return
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(wait))}
	if err := unix.TimerfdSettime(t.fd, 0, &spec, nil); err != nil {
		time.Sleep(wait)
		return
	}
	var expired [8]byte
	if _, err := t.file.Read(expired[:]); err != nil {
		time.Sleep(time.Until(at))
	}
}

func (t *timerSleeper) close() { _ = t.file.Close() }
