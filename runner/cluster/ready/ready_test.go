package ready_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"

	"github.com/bgverify/bgverify/runner/cluster/kubetest"
	"github.com/bgverify/bgverify/runner/cluster/ready"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Applications of one name in two namespaces do not share when they were compared.
func TestApplicationsOfOneName(t *testing.T) {
	const object = `{"metadata":{"name":"epg","namespace":"b"},"status":{"reconciledAt":"2026-11-23T03:04:00Z","sync":{"status":"Synced"},
"health":{"status":"Healthy"},"operationState":{"phase":"Succeeded"}}}`
	old := time.Date(2026, 11, 23, 3, 4, 0, 0, time.UTC)
	asked := &ready.Asked{Before: map[string]time.Time{"a/epg": old.Add(-time.Hour), "b/epg": old}}
	if item := ready.Application([]byte(object), asked); item.Ready || !item.Waits {
		t.Errorf("%+v", item)
	}
}

// testdata/states.txtar has recorded states of objects, each with what is to be said of
// it: a first line "ready", "left out" or nothing, and one line for each reason.
func TestRecordedStates(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/states.txtar")
	if err != nil {
		t.Fatal(err)
	}
	before := map[string]time.Time{"argocd/epg": time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		object, want := archive.Files[i], archive.Files[i+1]
		t.Run(object.Name, func(t *testing.T) {
			kind, _, _ := strings.Cut(object.Name, " ")
			var state ready.State
			if kind == "Application" {
				state.ReadyItem = ready.Application(object.Data, &ready.Asked{
					Before: before, Suspended: strings.Contains(object.Name, "accepted"),
					Revision: "4f2c9e1",
				})
			} else {
				state = ready.Workload(kind, object.Data, map[string]int{"epg": 1})
			}
			var got strings.Builder
			switch {
			case state.LeftOut:
				got.WriteString("left out\n")
			case state.Ready:
				got.WriteString("ready\n")
			}
			for _, reason := range state.Reasons {
				fmt.Fprintln(&got, reason)
			}
			if d := cmp.Diff(strings.TrimSpace(string(want.Data)), strings.TrimSpace(got.String())); d != "" {
				t.Errorf("%s(-want +got):\n%s", object.Data, d)
			}
		})
	}
	if n := len(archive.Files) / 2; n < 30 {
		t.Errorf("only %d states", n)
	}
}

// A fakeClock is a clock that moves when somebody sleeps.
type fakeClock struct {
	now   time.Time
	sleep func(n int) // called before each sleep
	n     int
}

func (c *fakeClock) waiter(s *kubetest.Server, progress func(*run.Ready)) *ready.Waiter {
	cluster := s.Connect("green")
	return &ready.Waiter{
		Green: cluster, ArgoCD: cluster, Now: func() time.Time { return c.now }, Progress: progress,
		Sleep: func(ctx context.Context, d time.Duration) error {
			c.n++
			if c.sleep != nil {
				c.sleep(c.n)
			}
			c.now = c.now.Add(d)
			return ctx.Err()
		},
	}
}

// application is one that is ready, compared n minutes after three.
func application(name string, wave, n int, change ...string) string {
	text := fmt.Sprintf(`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application",
"metadata":{"name":%q,"namespace":"argocd","labels":{"part-of":"stb"},"annotations":{"argocd.argoproj.io/sync-wave":"%d"}},
"spec":{"source":{"repoURL":"https://git.example/stb","path":"epg"},"destination":{"server":"https://green"}},
"status":{"reconciledAt":"2026-11-23T03:%02d:00Z","sync":{"status":"Synced","revision":"4f2c9e1aa",
"comparedTo":{"source":{"repoURL":"https://git.example/stb","path":"epg"},"destination":{"server":"https://green"}}},
"health":{"status":"Healthy"},"operationState":{"phase":"Succeeded"}}}`, name, wave, n)
	return strings.NewReplacer(change...).Replace(text)
}

const deployment = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"epg","namespace":"stb","generation":2},
"spec":{"replicas":2},"status":{"observedGeneration":2,"replicas":2,"updatedReplicas":2,"availableReplicas":2}}`

func asked(atLeast int) *stage.ClusterReady {
	return &stage.ClusterReady{Timeout: time.Minute, Applications: &stage.ReadyApplications{
		Namespace: "argocd", Selector: "part-of=stb", AtLeast: atLeast, Settle: 10 * time.Second,
	}}
}

func newServer(t *testing.T) *kubetest.Server {
	s := kubetest.New(t)
	s.Serve(kubetest.Application)
	return s
}

func TestWaitHoldsTheStateForAsLongAsItSettles(t *testing.T) {
	s := newServer(t)
	s.Put(application("epg", 1, 0), application("auth", 0, 0))
	clock := &fakeClock{sleep: func(n int) {
		switch n {
		case 3: // compared again, and ready
			s.Put(application("epg", 1, 5), application("auth", 0, 5))
		case 6: // for one look in between
			s.Put(application("epg", 1, 5, "Healthy", "Degraded"))
		case 7:
			s.Put(application("epg", 1, 5))
		}
	}}
	looks := 0
	got := clock.waiter(s, func(*run.Ready) { looks++ }).Wait(t.Context(), asked(2))
	// Ready from the look after sleep 7 on: 14 s, and 10 s more.
	if got.Verdict != run.Pass || got.WaitedS != 24 {
		t.Errorf("%v after %v s, want pass after 24: %v", got.Verdict, got.WaitedS, got.Reasons)
	}
	if looks != 12 || len(got.Waves) != 2 || got.Waves[1] != (run.ReadyCount{Name: "1", Ready: 1, Of: 1}) {
		t.Errorf("%d looks, waves %+v", looks, got.Waves)
	}
}

func TestWaitGivesUpWithEveryReason(t *testing.T) {
	s := newServer(t)
	s.Put(application("epg", 1, 0, "Healthy", "Degraded"), application("auth", 0, 0))
	got := (&fakeClock{}).waiter(s, nil).Wait(t.Context(), asked(3))
	if got.Verdict != run.Broken || got.WaitedS != 60 {
		t.Errorf("%v after %v s", got.Verdict, got.WaitedS)
	}
	text := strings.Join(got.Reasons, "\n")
	for _, want := range []string{
		"2 applications match, and at least 3 are expected",
		"Application argocd/auth: Argo CD has not compared it", "is Degraded", "wave 0 is the first that waits",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	if len(got.Waiting) != 2 || got.Waiting[0].Name != "auth" || !got.Waiting[0].Waits {
		t.Errorf("waiting %+v", got.Waiting)
	}
}

// Each row is a selection that is not there, or cannot be read.
func TestWaitNeverPassesOnNothing(t *testing.T) {
	workloads := &stage.ClusterReady{Timeout: time.Minute, Workloads: &stage.ReadyWorkloads{Namespaces: []string{"stb", "istio-system"}}}
	for _, row := range []struct {
		name    string
		prepare func(*kubetest.Server)
		asked   *stage.ClusterReady
		reason  string
		waited  float64
	}{
		{"no application", func(*kubetest.Server) {}, asked(1), "0 applications match", 60},
		{"no Argo CD", func(s *kubetest.Server) { s.Drop("argoproj.io/v1alpha1") }, asked(1), "does not serve applications", 60},
		{
			"no right to list", func(s *kubetest.Server) { s.Forbid("list", "applications.argoproj.io") }, asked(1),
			"no right to list applications.argoproj.io", 0,
		},
		{"an expired token", func(s *kubetest.Server) {
			s.Fault = func(w http.ResponseWriter, _ *http.Request) bool {
				kubetest.Status(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
				return true
			}
		}, asked(1), "credentials are not accepted", 0},
		{"a namespace in which nothing runs", func(s *kubetest.Server) {
			s.Put(deployment, strings.NewReplacer(`"stb"`, `"istio-system"`, `:2}`, `:0}`, `"replicas":2`, `"replicas":0`).Replace(deployment))
			s.Put(`{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"a","namespace":"istio-system"},"status":{"phase":"Bound"}}`)
		}, workloads, "nothing runs in namespace istio-system", 60},
		{"an empty namespace", func(s *kubetest.Server) { s.Put(deployment) }, workloads, "namespace istio-system has no workload", 60},
		{"a group that the server cannot describe", func(s *kubetest.Server) {
			s.Put(deployment, strings.ReplaceAll(deployment, `"stb"`, `"istio-system"`))
			s.Put(`{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"j","namespace":"stb"}}`)
			s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/apis/batch/v1" {
					return false
				}
				kubetest.Status(w, http.StatusServiceUnavailable, "ServiceUnavailable", "down")
				return true
			}
		}, workloads, "does not say whether it serves the kind Job", 60},
		{"only Services", func(s *kubetest.Server) {
			s.Put(deployment, `{"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"istio-system"},"spec":{"type":"ClusterIP"}}`)
		}, workloads, "namespace istio-system has no workload", 60},
		{"one kind may not be listed", func(s *kubetest.Server) {
			s.Put(deployment, strings.ReplaceAll(deployment, `"stb"`, `"istio-system"`))
			s.Forbid("list", "pods")
		}, workloads, "no right to list pods in namespace stb", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newServer(t)
			row.prepare(s)
			got := (&fakeClock{}).waiter(s, nil).Wait(t.Context(), row.asked)
			if text := strings.Join(got.Reasons, "\n"); got.Verdict != run.Broken || !strings.Contains(text,
				row.reason) || got.WaitedS != row.waited {
				t.Errorf("%v after %v s: %s; want %q after %v s", got.Verdict, got.WaitedS, text, row.reason, row.waited)
			}
		})
	}
}

func TestWaitPassesWorkloads(t *testing.T) {
	s := newServer(t)
	s.Put(deployment)
	got := (&fakeClock{}).waiter(s, nil).Wait(t.Context(), &stage.ClusterReady{
		Timeout:   time.Minute,
		Workloads: &stage.ReadyWorkloads{Namespaces: []string{"stb"}},
	})
	if got.Verdict != run.Pass || got.WaitedS != 0 || len(got.Kinds) != 1 {
		t.Errorf("%+v", got)
	}
}

// Objects that the env file leaves out are not waited for.
func TestWaitLeavesOutWhatIsExcepted(t *testing.T) {
	s := newServer(t)
	s.Put(deployment, `{"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"report-7","namespace":"stb"},"spec":{"suspend":true}}`,
		`{"apiVersion":"v1","kind":"Service","metadata":{"name":"epg","namespace":"stb"},"spec":{"selector":{"app":"epg"}}}`,
		`{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":"epg-1","namespace":"stb","labels":{"kubernetes.io/service-name":"epg"}},
"endpoints":[{"conditions":{"ready":false}},{"conditions":{}}]}`)
	for except, want := range map[string]run.Verdict{"CronJob/report-*": run.Pass, "CronJob/epg": run.Broken, "Job/report-*": run.Broken} {
		got := (&fakeClock{}).waiter(s, nil).Wait(t.Context(), &stage.ClusterReady{
			Timeout: time.Minute, Workloads: &stage.ReadyWorkloads{Namespaces: []string{"stb"}, Except: []string{except}},
		})
		if got.Verdict != want {
			t.Errorf("%s: %v %v", except, got.Verdict, got.Reasons)
		}
	}
}

// Applications of another cluster than green are not those of green.
func TestApplicationsOfAnotherCluster(t *testing.T) {
	green, central, blue := newServer(t), newServer(t), newServer(t)
	for _, row := range []struct{ name, first, second, reason string }{
		{"of blue", blue.URL, "https://green", "deploys to blue's cluster"},
		{"of Argo CD's own cluster", "https://kubernetes.default.svc", "https://kubernetes.default.svc", "no application deploys to green"},
		{"a parent in Argo CD's own cluster", "https://kubernetes.default.svc", "https://green", ""},
	} {
		central.Put(application("epg", 0, 0, "https://green", row.first), application("auth", 0, 0, "https://green", row.second))
		w := (&fakeClock{sleep: func(int) {
			central.Put(application("epg", 0, 5, "https://green", row.first), application("auth", 0, 5, "https://green", row.second))
		}}).waiter(green, nil)
		w.Blue, w.ArgoCD = blue.Connect("blue"), central.Connect("argo cd")
		got := w.Wait(t.Context(), asked(2))
		if text := strings.Join(got.Reasons, "\n"); (got.Verdict == run.Pass) != (row.reason == "") || !strings.Contains(text, row.reason) {
			t.Errorf("%s: %v %s", row.name, got.Verdict, text)
		}
	}
}

func TestWaitWritesNothingWithoutRefresh(t *testing.T) {
	s := newServer(t)
	s.Put(application("epg", 0, 0))
	a := asked(1)
	(&fakeClock{}).waiter(s, nil).Wait(t.Context(), a)
	for _, r := range s.Requests() {
		if !strings.HasPrefix(r, "GET ") {
			t.Errorf("sent %s", r)
		}
	}
	a.Applications.Refresh = true
	(&fakeClock{}).waiter(s, nil).Wait(t.Context(), a)
	if got := s.Patches(); len(got) != 1 || !strings.Contains(got[0], `"argocd.argoproj.io/refresh":"normal"`) {
		t.Errorf("patches %q, want one refresh", got)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	clock := &fakeClock{sleep: func(int) { cancel(fmt.Errorf("signal 15")) }}
	got := clock.waiter(s, nil).Wait(ctx, asked(1))
	if got.Verdict != run.Interrupted || !strings.Contains(got.Reasons[0], "signal 15") {
		t.Errorf("%+v", got)
	}
}

// A cluster whose API breaks off now and then is waited for, not passed and not given up.
func TestWaitLivesWithAnUnreliableServer(t *testing.T) {
	s := newServer(t)
	s.Put(deployment)
	down := true
	s.Fault = func(w http.ResponseWriter, _ *http.Request) bool {
		if down {
			kubetest.Status(w, http.StatusInternalServerError, "InternalError", "etcd leader changed")
		}
		return down
	}
	clock := &fakeClock{sleep: func(n int) { down = n < 3 }}
	got := clock.waiter(s, nil).Wait(t.Context(), &stage.ClusterReady{
		Timeout:   time.Minute,
		Workloads: &stage.ReadyWorkloads{Namespaces: []string{"stb"}},
	})
	if got.Verdict != run.Pass || got.WaitedS != 6 {
		t.Errorf("%v after %v s: %v", got.Verdict, got.WaitedS, got.Reasons)
	}
}
