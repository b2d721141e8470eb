package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fivePlan is a plan of five threads that begin within two seconds, think 200 to 400 ms
// and walk for four seconds.
const fivePlan = `<?xml version="1.0" encoding="UTF-8"?>
<jmeterTestPlan version="1.2"><hashTree><TestPlan testname="five"/><hashTree>
<CookieManager testname="cookies"/><hashTree/>
<ThreadGroup testname="five">
  <stringProp name="ThreadGroup.num_threads">5</stringProp>
  <stringProp name="ThreadGroup.ramp_time">2</stringProp>
  <boolProp name="ThreadGroup.scheduler">true</boolProp>
  <stringProp name="ThreadGroup.duration">6</stringProp>
</ThreadGroup><hashTree>
<UniformRandomTimer testname="think">
  <stringProp name="ConstantTimer.delay">200</stringProp>
  <stringProp name="RandomTimer.range">200</stringProp>
</UniformRandomTimer><hashTree/>
<HTTPSamplerProxy testname="version"><stringProp name="HTTPSampler.path">/version</stringProp></HTTPSamplerProxy><hashTree/>
</hashTree></hashTree></hashTree></jmeterTestPlan>`

// A userLog remembers when each connection of a side asked.
type userLog struct {
	mu           sync.Mutex
	byConnection map[string][]time.Time
}

func (l *userLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.byConnection[r.RemoteAddr] = append(l.byConnection[r.RemoteAddr], time.Now())
	l.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"version": 1}`)
}

// users is how many connections waited between all of their requests, as users do. The
// checks before a stage ask several times without a wait.
func (l *userLog) users(wait time.Duration) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, times := range l.byConnection {
		waits := len(times) > 1
		for k := 1; k < len(times); k++ {
			waits = waits && times[k].Sub(times[k-1]) >= wait
		}
		if waits {
			n++
		}
	}
	return n
}

// The threads of a plan arrive as users: as many, with the plan's waits between their
// requests. A slow machine makes waits longer, and the load inconclusive; neither is an
// error here.
func TestJMeterUsers(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes six seconds of load")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "five.jmx"), []byte(fivePlan), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(want []int, args ...string) string {
		t.Helper()
		cmd, out := bgverifyIn(t, dir, args...)
		if got := statusOf(t, cmd); !slices.Contains(want, got) {
			t.Fatalf("%s: exit %d, want one of %d\n%s", strings.Join(args, " "), got, want, out)
		}
		return out.String()
	}
	run([]int{0}, "import", "jmeter", "five.jmx", "-o", "made")
	run([]int{0}, "validate", "made")
	blue, green := &userLog{byConnection: map[string][]time.Time{}}, &userLog{byConnection: map[string][]time.Time{}}
	out := run([]int{0, 4}, "run", "made", "--blue", serve(t, blue.ServeHTTP), "--green", serve(t, green.ServeHTTP), "--no-progress")
	for _, want := range []string{"load five: 5 users a side", "5 users a side, 0.2 to 0.4 s to think"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not have %q\n%s", want, out)
		}
	}
	for side, log := range map[string]*userLog{"blue": blue, "green": green} {
		if n := log.users(190 * time.Millisecond); n < 5 {
			t.Errorf("%s: %d connections waited 200 ms between their requests, want 5", side, n)
		}
	}
}
