package probe

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios"
)

// A service answers for both sides and the public name, as tests ask it to.
type service func(ctx context.Context, door runner.Door) runner.Asked

func (s service) Size() int { return 2 }

func (s service) Ask(ctx context.Context, _ int, door runner.Door) runner.Asked {
	a := s(ctx, door)
	a.Name = "case"
	return a
}

// healthy answers with the address of a side; the public name is blue's.
func healthy(_ context.Context, door runner.Door) runner.Asked {
	if door.Side == scenarios.Green && door.Base == "" {
		return runner.Asked{Remote: "10.0.2.10:443"}
	}
	return runner.Asked{Remote: "10.0.1.10:443"}
}

func config() Config { return Config{Through: "https://api.example", Every: time.Second, MinGreen: 3} }

// hangs answers when its context ends.
func hangs(ctx context.Context) runner.Asked {
	<-ctx.Done()
	return runner.Asked{Failed: context.Cause(ctx).Error()}
}

// A blue that hangs fails, within the time that a rollback waits for it.
func TestAskBlue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		p := New(service(func(ctx context.Context, _ runner.Door) runner.Asked { return hangs(ctx) }), config())
		if v, why := p.AskBlue(t.Context()); v != machine.Fail || time.Since(began) != blueWithin {
			t.Errorf("blue hangs: %v (%s) after %s", v, why, time.Since(began))
		}
		var n atomic.Int64
		once := service(func(context.Context, runner.Door) runner.Asked {
			if n.Add(1) == 1 {
				return runner.Asked{Failed: "status 503"}
			}
			return runner.Asked{}
		})
		if v, why := New(once, config()).AskBlue(t.Context()); v != machine.Pass {
			t.Errorf("one of three fails: %v (%s)", v, why)
		}
		stopped := service(func(context.Context, runner.Door) runner.Asked { return runner.Asked{Failed: "timeout", Void: true} })
		if v, why := New(stopped, config()).AskBlue(t.Context()); v != machine.Pass {
			t.Errorf("this process was stopped: %v (%s)", v, why)
		}
	})
}

// A panic while a round asks is that of Watch, whose caller rolls back.
func TestPanicInARound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rounds atomic.Int64
		p := New(service(func(ctx context.Context, door runner.Door) runner.Asked {
			if door.Base != "" && rounds.Add(1) == 4 {
				panic("in a round")
			}
			return healthy(ctx, door)
		}), config())
		defer func() {
			if caught := recover(); caught != "in a round" {
				t.Errorf("caught %v", caught)
			}
		}()
		p.Watch(t.Context(), func(shift.Seen) {})
		t.Error("Watch returned")
	})
}

// Answers that were asked for in an earlier hold do not count in the next one.
func TestAnswersOfAnEarlierHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := New(service(func(ctx context.Context, door runner.Door) runner.Asked {
			<-release
			return healthy(ctx, door)
		}), config())
		p.mark(scenarios.Blue, runner.Asked{Remote: "10.0.1.10:443"})
		p.mark(scenarios.Green, runner.Asked{Remote: "10.0.2.10:443"})
		ctx, cancel := context.WithCancel(t.Context())
		var enough atomic.Int64
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.Watch(ctx, func(s shift.Seen) {
				if s.Enough && s.Hold == 2 {
					enough.Add(1)
				}
			})
		}()
		p.Hold(1, false)
		time.Sleep(4500 * time.Millisecond) // five rounds wait
		p.Hold(2, false)
		close(release)
		synctest.Wait()
		if enough.Load() != 0 {
			t.Error("answers of the first hold are enough for the second")
		}
		time.Sleep(5 * time.Second)
		if enough.Load() == 0 {
			t.Error("the second hold never has enough")
		}
		cancel()
		<-done
	})
}

// Failures of green spend the budget; those that blue shows too are reported as such, and those that
// this process made itself, as it was stopped, count for nothing.
func TestBudget(t *testing.T) {
	for name, row := range map[string]struct {
		blue, green string
		void, spent bool
	}{
		"green fails": {"", "status 500", false, true}, "both fail": {"status 500", "status 500", false, false}, "blue fails": {"status 500", "", false, false},
		"stopped": {"", "timeout", true, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := New(service(func(ctx context.Context, door runner.Door) runner.Asked {
				a := healthy(ctx, door)
				if a.Remote == "10.0.2.10:443" {
					a.Failed, a.Void = row.green, row.void
				} else {
					a.Failed = row.blue
				}
				return a
			}), config())
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			spent, alike := false, false
			p.Watch(ctx, func(s shift.Seen) { spent, alike = spent || s.Spent != "", alike || s.Alike != "" })
			if spent != row.spent || alike != (row.blue != "" && row.green != "") {
				t.Errorf("%s: spent %t, alike %t", name, spent, alike)
			}
		})
	}
}

// What the probe sees before a walk decides whether it may begin.
func TestLook(t *testing.T) {
	for name, row := range map[string]struct {
		public runner.Asked
		want   string
		remark bool
	}{
		"blue answers":    {runner.Asked{Remote: "10.0.1.10:443"}, "", false},
		"green answers":   {runner.Asked{Remote: "10.0.2.10:443"}, "is answered by green", false},
		"a third answers": {runner.Asked{Remote: "10.0.9.9:443"}, "", true},
		"nobody answers":  {runner.Asked{Failed: "no such host"}, "no such host", false},
	} {
		p := New(service(func(ctx context.Context, door runner.Door) runner.Asked {
			if door.Base != "" {
				return row.public
			}
			return healthy(ctx, door)
		}), config())
		remark, err := p.Look(t.Context())
		if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) || (remark != "") != row.remark {
			t.Errorf("%s: %q, %v", name, remark, err)
		}
	}
}

// Green has all of the traffic, and the public name still leads to blue: whatever green itself answers is not
// enough. Where it is not known who answers, or green does, it is.
func TestNameThatStaysWithBlue(t *testing.T) {
	for name, row := range map[string]struct {
		public string
		whole  bool
		enough bool
	}{
		"blue":             {"10.0.1.10:443", true, false},
		"blue, at a share": {"10.0.1.10:443", false, true},
		"green":            {"10.0.2.10:443", true, true},
		"unknown":          {"10.0.9.9:443", true, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := New(service(func(ctx context.Context, door runner.Door) runner.Asked {
				if door.Base != "" {
					return runner.Asked{Remote: row.public}
				}
				return healthy(ctx, door)
			}), config())
			p.learn(t.Context())
			p.Hold(1, row.whole)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var last shift.Seen
			p.Watch(ctx, func(s shift.Seen) { last = s })
			if last.Enough != row.enough || (last.Short == "") != row.enough {
				t.Errorf("%s: enough %t, %q", name, last.Enough, last.Short)
			}
		})
	}
}

// A green that was deployed anew while traffic moves is not the one that was judged; one whose headers never
// showed the build says nothing.
func TestAnotherBuild(t *testing.T) {
	for name, row := range map[string]struct {
		before, after string
		changed       bool
	}{
		"another build":     {"green, 9f2c", "green, 77aa", true},
		"the same build":    {"green, 9f2c", "green-2, 9f2c", false},
		"no build is shown": {"green", "green-2", false},
		"none any more":     {"green, 9f2c", "", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			with := config()
			with.GreenBuild = "9f2c"
			p := New(service(func(ctx context.Context, door runner.Door) runner.Asked {
				a := healthy(ctx, door)
				if door.Side == scenarios.Green && door.Base == "" {
					a.Identity = row.before
					if time.Since(began) > 5*time.Second {
						a.Identity = row.after
					}
				}
				return a
			}), with)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			changed := false
			p.Watch(ctx, func(s shift.Seen) { changed = changed || strings.Contains(s.Alike, "not build 9f2c") })
			if changed != row.changed {
				t.Errorf("%s: changed is %t", name, changed)
			}
		})
	}
}

// Blue and green pinned to one address are one place.
func TestAlikePins(t *testing.T) {
	same := service(func(context.Context, runner.Door) runner.Asked { return runner.Asked{Remote: "10.0.1.10:443"} })
	with := config()
	with.Blue, with.Green = "10.0.1.10", "10.0.1.10:443"
	if _, err := New(same, with).Look(t.Context()); err == nil || !strings.Contains(err.Error(), "both pinned to 10.0.1.10:443") {
		t.Errorf("got %v", err)
	}
	with.Blue = "" // asked by its own URL
	if _, err := New(same, with).Look(t.Context()); err != nil {
		t.Errorf("one pin: %v", err)
	}
}
