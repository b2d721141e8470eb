package steady

import (
	"net"
	"testing"
	"time"
)

// What fails on a machine that is late is tried again; what fails on one that is not, fails.
func TestTry(t *testing.T) {
	held := Late(func() {
		began := time.Now()
		for time.Since(began) < stall { // with one processor this delays the watch
			time.Sleep(nap)
		}
	})
	t.Logf("late while the test slept: %v", held)
	var a attempt
	a.TB = t
	order := ""
	a.run(func(t testing.TB) {
		t.Cleanup(func() { order += "1" })
		t.Cleanup(func() { order += "2" })
		t.Errorf("first %d", 1)
		t.Fatal("second", 2)
		order += "not reached"
	})
	if !a.Failed() || len(a.problems) != 2 || a.problems[0] != "first 1" || a.problems[1] != "second 2" || order != "21" {
		t.Errorf("failed %v, problems %q, cleanups %q", a.Failed(), a.problems, order)
	}
	passed := 0
	Try(t, func(testing.TB) { passed++ })
	if passed != 1 {
		t.Errorf("a test that passes ran %d times", passed)
	}
}

// Two servers get addresses that do not collide, and that can be opened.
func TestAddress(t *testing.T) {
	first, second := Address(t), Address(t)
	if first == second {
		t.Errorf("both are %s", first)
	}
	for _, at := range []string{first, second} {
		l, err := net.Listen("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
	}
}
