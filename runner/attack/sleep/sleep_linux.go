package sleep

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// timerSleeper sleeps on a timerfd through the runtime's poller: precise to some
// 50 µs, and no thread is blocked. Arming the timer is its only system call: the
// poller is notified of each expiry once, and arming clears the one before, so that
// the timer need not be read.
type timerSleeper struct {
	file  *os.File
	fd    int
	conn  syscall.RawConn
	at    time.Time
	woken bool
	over  func(uintptr) bool // t.ready, made once
}

// Precise returns the most precise sleeper that the system grants.
func Precise() Sleeper {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return coarseSleeper{}
	}
	t := &timerSleeper{file: os.NewFile(uintptr(fd), "timerfd"), fd: fd}
	t.over = t.ready
	if t.conn, err = t.file.SyscallConn(); err != nil {
		t.Close()
		return coarseSleeper{}
	}
	return t
}

// Until sleeps until an instant. Where the timer cannot be set or read it sleeps as Plain does.
func (t *timerSleeper) Until(at time.Time) {
	wait := time.Until(at)
	if wait <= 0 {
		return
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(wait))}
	if err := unix.TimerfdSettime(t.fd, 0, &spec, nil); err != nil {
		time.Sleep(wait)
		return
	}
	t.at, t.woken = at, false
	if err := t.conn.Read(t.over); err != nil {
		time.Sleep(time.Until(at))
	}
}

// ready is asked before the wait and after it. Before: the timer may have expired
// before the poller began to listen, and will not be heard again. After: whatever
// woke us, the caller looks at the clock.
func (t *timerSleeper) ready(uintptr) bool {
	before := !t.woken
	t.woken = true
	return !before || !time.Now().Before(t.at)
}

// Close gives the descriptor of the timer back.
func (t *timerSleeper) Close() { _ = t.file.Close() }
