// Package steady helps tests that depend on what else the machine does: tests of load, which
// need it to be on time, and tests that start servers, which need an address. It is imported by
// tests alone.
package steady

import (
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Address returns a host and port of loopback that are free, for a server that the test starts
// as another process. A port of 127.0.0.1 that was free a moment ago may belong to anybody by
// the time the server opens it, so on Linux, where all of 127.0.0.0/8 is loopback, the host is
// one that nobody else uses.
func Address(t testing.TB) string {
	t.Helper()
	host := fmt.Sprintf("127.%d.%d.%d", 64+rand.IntN(128), rand.IntN(256), 1+rand.IntN(254))
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil { // not Linux
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

const (
	// attempts is how often a test of load is tried.
	attempts = 3
	// nap is how long the watch sleeps, and late from when on it has slept too long.
	nap, late = 2 * time.Millisecond, 7 * time.Millisecond
	// stall is a sleep so long that one of them explains a failure; of shorter ones, one in
	// share has to be late.
	stall, share = 50 * time.Millisecond, 50
)

// Try runs a test of load. What fails while the machine is on time is a failure. What fails
// while the machine is late is tried again, and when it has failed three times the test is
// skipped: a load that could not be sent on time says nothing. [Wrong] is a failure in any case.
// What test registers with Cleanup is called at the end of each attempt.
func Try(t *testing.T, test func(t testing.TB)) {
	t.Helper()
	for range attempts {
		a := &attempt{TB: t}
		wasLate := Late(func() { a.run(test) })
		if t.Failed() || t.Skipped() || !a.Failed() {
			return
		}
		problems := strings.Join(a.problems, "\n")
		if !wasLate {
			t.Error(problems)
			return
		}
		t.Logf("while this machine was busy: %s", problems)
	}
	t.Skip("this machine is too busy to send a load on time")
}

// Wrong reports a failure that a busy machine does not excuse, such as a pass where there must
// be none.
func Wrong(t testing.TB, format string, args ...any) {
	t.Helper()
	if a, ok := t.(*attempt); ok {
		t = a.TB
	}
	t.Errorf(format, args...)
}

// Late calls f and reports whether the machine was late meanwhile, by sleeping all the time.
func Late(f func()) bool {
	done, result := make(chan struct{}), make(chan bool)
	go func() {
		naps, tooLong, longest := 0, 0, time.Duration(0)
		for {
			began := time.Now()
			time.Sleep(nap)
			took := time.Since(began)
			longest = max(longest, took)
			if naps++; took > late {
				tooLong++
			}
			select {
			case <-done:
				result <- longest >= stall || tooLong*share >= naps
				return
			default:
			}
		}
	}()
	f()
	close(done)
	return <-result
}

// An attempt notes what fails instead of failing the test.
type attempt struct {
	testing.TB
	mu       sync.Mutex
	failed   bool
	problems []string
	cleanups []func()
}

// run runs the test in a goroutine, which a fatal failure ends, and cleans up.
func (a *attempt) run(test func(testing.TB)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for i := len(a.cleanups) - 1; i >= 0; i-- {
				a.cleanups[i]()
			}
		}()
		test(a)
	}()
	<-done
}

func (a *attempt) note(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed = true
	if text != "" {
		a.problems = append(a.problems, text)
	}
}

func (a *attempt) Cleanup(f func()) { a.cleanups = append(a.cleanups, f) }

func (a *attempt) Error(args ...any) { a.note(strings.TrimSuffix(fmt.Sprintln(args...), "\n")) }

func (a *attempt) Errorf(format string, args ...any) { a.note(fmt.Sprintf(format, args...)) }

func (a *attempt) Fail() { a.note("") }

func (a *attempt) FailNow() { a.note(""); runtime.Goexit() }

func (a *attempt) Fatal(args ...any) { a.Error(args...); runtime.Goexit() }

func (a *attempt) Fatalf(format string, args ...any) { a.Errorf(format, args...); runtime.Goexit() }

// Failed reports whether this attempt has failed.
func (a *attempt) Failed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed
}
