package runner

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff/perf"
	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/run"
)

// A dyingFleet is one worker, which is heard no more when it has said what so many walks of both
// sides have created.
type dyingFleet struct {
	t        testing.TB
	site     *Site
	walks    int
	owed     func(worker int, message []byte)
	message  []byte
	member   *attack.Member
	stop     context.CancelFunc
	listened sync.WaitGroup
}

func (f *dyingFleet) Stage(message []byte, owed func(int, []byte)) attack.Fleet {
	f.message, f.owed = message, owed
	return f
}

func (f *dyingFleet) Begin(ctx context.Context, o attack.Order) (attack.Firing, error) {
	o.Workers = 1
	var err error
	if f.member, err = f.site.Begin(ctx, f.message, o, func(*attack.Share) {}); err != nil {
		return nil, err
	}
	ctx, f.stop = context.WithCancel(context.Background())
	heard := make(chan struct{})
	f.listened.Go(func() {
		sure := map[string]bool{} // walks whose request was answered
		for m := f.site.Owed(ctx); m != nil; m = f.site.Owed(ctx) {
			var changes map[string]*owedWalk
			if err := json.Unmarshal(m, &changes); err != nil {
				f.t.Error(err)
			}
			if len(sure) < f.walks {
				f.owed(1, m)
				for name, w := range changes {
					if w != nil && !w.Effects[0].Unsure {
						sure[name] = true
					}
				}
				if len(sure) == f.walks {
					close(heard)
				}
			}
		}
	})
	f.member.Fire(attack.SliceOf(o.Section.Design, 0), time.Now().Add(100*time.Millisecond), 0, 1)
	select {
	case <-heard:
	case <-time.After(time.Minute):
		f.t.Error("the walks did not say what they created within a minute")
	}
	return f, nil
}

func (f *dyingFleet) Slices() <-chan attack.Fired {
	none := make(chan attack.Fired)
	close(none)
	return none
}
func (f *dyingFleet) Extend(int)                   {}
func (f *dyingFleet) Bursts() (none [2]perf.Burst) { return none }
func (f *dyingFleet) Workers() []attack.WorkerLive { return nil }
func (f *dyingFleet) End() []run.LoadWorker {
	return []run.LoadWorker{{Number: 1, Host: "h", Lost: true}}
}

// What walks of a worker have created is taken back by the coordinator when the worker dies, with
// the session that each walk had, or else listed by name.
func TestWalksOfADeadWorkerAreTakenBack(t *testing.T) {
	t.Parallel()
	for name, refuses := range map[string]bool{"taken back": false, "not taken back": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steady.Try(t, func(t testing.TB) {
				held := make(chan struct{})
				blue, green := newShop(), newShop()
				wrong := func(w http.ResponseWriter, r *http.Request, _ *shop) bool {
					if r.URL.Path == "/last" {
						<-held
					}
					if refuses && r.Method == http.MethodDelete {
						w.WriteHeader(http.StatusInternalServerError)
					}
					return refuses && r.Method == http.MethodDelete
				}
				blue.wrong, green.wrong = wrong, wrong
				r := newRig(t, http.HandlerFunc(blue.ServeHTTP), http.HandlerFunc(green.ServeHTTP)).file("s.yaml",
					"suite: s\ncases:\n"+visitCase+"load:\n  - {load: peak, rate: 5/s, duration: 4s, warmup: 2s, pairing: simultaneous, writes: true, steps: [{case: visit}]}\n")
				r.options.Part = OnlyLoad
				r.options.AllowLoad, r.options.AllowWrites = true, true
				site, err := NewSite(r.plan())
				if err != nil {
					t.Fatal(err)
				}
				f := &dyingFleet{t: t, site: site, walks: 20}
				r.change = func(p *Plan) { p.Fleet = f }
				end := r.run()
				// The worker comes back to life: it finds nothing more to take back.
				leftOnBlue, leftOnGreen := blue.left(), green.left()
				close(held)
				f.member.Close()
				f.stop()
				f.listened.Wait()
				site.Close()
				c := end.Created
				if c == nil || c.Made != (run.PerSide{Blue: 10, Green: 10}) {
					t.Fatalf("created %+v; %v", c, end.Reasons)
				}
				switch {
				case refuses && (len(c.Left) != 20 || !strings.HasPrefix(c.Left[0].Undo, "DELETE http") || !strings.Contains(c.Left[0].Case, "s/visit load")):
					t.Errorf("left %+v", c.Left)
				case !refuses && (leftOnBlue != 0 || leftOnGreen != 0 || c.Open() != 0):
					t.Errorf("left on blue %d, on green %d: %+v", leftOnBlue, leftOnGreen, c)
				}
				if text := strings.Join(r.sink.loads[0].Warnings, "\n"); !strings.Contains(text, "did not take back 20 things") {
					t.Errorf("warnings %q", text)
				}
			})
		})
	}
}
