package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/gateway"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

const (
	gatewayRoutes = "/apis/gateway.networking.k8s.io/v1/namespaces/stb/httproutes"
	istioServices = "/apis/networking.istio.io/v1/namespaces/stb/virtualservices"
)

// realRoutes defines both kinds of route, one of each, and users who may and may not walk them.
func realRoutes(s *realServer) {
	const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	s.do(http.MethodPost, definitions, crd("gateway.networking.k8s.io", "HTTPRoute", "httproutes"))
	s.do(http.MethodPost, definitions, crd("networking.istio.io", "VirtualService", "virtualservices"))
	s.waitFor(gatewayRoutes)
	s.waitFor(istioServices)
	for user, verbs := range map[string]string{"reader": `"get","patch"`, "nobody": `"get"`} {
		s.do(http.MethodPost, "/apis/rbac.authorization.k8s.io/v1/clusterroles", fmt.Sprintf(`{"metadata":{"name":"walk-%s"},
"rules":[{"apiGroups":["gateway.networking.k8s.io","networking.istio.io"],"resources":["httproutes","virtualservices"],"verbs":[%s]},
{"apiGroups":["coordination.k8s.io"],"resources":["leases"],"verbs":["get","create","patch"]}]}`, user, verbs))
		s.do(http.MethodPost, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", fmt.Sprintf(`{"metadata":{"name":"walk-%[1]s"},
"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"walk-%[1]s"},"subjects":[{"kind":"User","name":%[1]q,"apiGroup":"rbac.authorization.k8s.io"}]}`, user))
	}
	s.do(http.MethodPost, gatewayRoutes, `{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{"name":"api"},
"spec":{"rules":[{"backendRefs":[{"name":"svc-blue","port":80,"weight":100},{"name":"svc-green","port":80,"weight":0}]},
{"matches":[{"path":{"value":"/epg"}}],"backendRefs":[{"name":"svc-green","port":80,"weight":0},{"name":"svc-blue","port":80,"weight":100}]}]}}`)
	s.do(http.MethodPost, istioServices, `{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"api"},
"spec":{"hosts":["api"],"http":[{"route":[{"destination":{"host":"api","subset":"v1"},"weight":100},{"destination":{"host":"api","subset":"v2"},"weight":0}]}]}}`)
}

// realSetup is a walk of a route as a user, with steps that last.
func realSetup(config, user, kind, root string, hold time.Duration, tell func(shift.Line) error) *shift.Setup {
	route := shiftfile.Route{Kubeconfig: config, Context: "green-" + user, Namespace: "stb", Name: "api", Blue: "svc-blue", Green: "svc-green"}
	file := &shiftfile.File{
		Name: "api", Steps: []float64{0.01, 0.05, 0.25, 0.5, 1}, Hold: shiftfile.Hold{Min: hold, Max: hold}, OnFail: "rollback",
		Driver: shiftfile.Driver{HTTPRoute: &route},
	}
	var d shift.Driver = gateway.NewHTTPRoute(route)
	if kind == "VirtualService" {
		route.Blue, route.Green = "api:v1", "api:v2"
		file.Driver, d = shiftfile.Driver{VirtualService: &route}, gateway.NewVirtualService(route)
	}
	return &shift.Setup{
		Shift: file, Driver: d, Root: root, Tool: "test", RollbackTimeout: 30 * time.Second, PauseTimeout: time.Second, Outside: shift.Outside{Tell: tell, Now: time.Now},
	}
}

// weightsOf are the weights of the first rule as the server has them.
func (s *realServer) weightsOf(path string) machine.Weights {
	s.t.Helper()
	status, text := s.try(http.MethodGet, path+"/api", "")
	var o struct {
		Spec struct {
			Rules []struct{ BackendRefs []struct{ Weight int } }
			HTTP  []struct{ Route []struct{ Weight int } }
		}
	}
	if err := json.Unmarshal([]byte(text), &o); err != nil || status != http.StatusOK {
		s.t.Fatalf("%s: %d, %v", path, status, err)
	}
	if len(o.Spec.Rules) > 0 {
		r := o.Spec.Rules
		if r[0].BackendRefs[0].Weight != r[1].BackendRefs[1].Weight || r[0].BackendRefs[1].Weight != r[1].BackendRefs[0].Weight {
			s.t.Errorf("the rules disagree: %v", r)
		}
		return machine.Weights{Blue: r[0].BackendRefs[0].Weight, Green: r[0].BackendRefs[1].Weight}
	}
	return machine.Weights{Blue: o.Spec.HTTP[0].Route[0].Weight, Green: o.Spec.HTTP[0].Route[1].Weight}
}

// realWalk walks both kinds of route on a real server; in the gate one of them, without faults.
func realWalk(t *testing.T, green *realServer, config string) {
	long := os.Getenv("BGVERIFY_KUBE_ASSETS") != ""
	realRoutes(green)
	begun := machine.Weights{Blue: 100}
	for kind, path := range map[string]string{"HTTPRoute": gatewayRoutes, "VirtualService": istioServices} {
		root := t.TempDir()
		if r, _, err := realSetup(config, "nobody", kind, root, 0, nil).Begin(t.Context()); err != nil || r.Outcome != machine.Untouched ||
			!strings.Contains(r.Reason, "no right to patch") || green.weightsOf(path) != begun {
			t.Errorf("%s without the right to patch: %+v, %v", kind, r, err)
		}
		stop := green.annotate(path) // others write the object all the time
		r, folder, err := realSetup(config, "reader", kind, root, 200*time.Millisecond, nil).Begin(t.Context())
		writes := stop()
		if err != nil || r.Outcome != machine.Done || green.weightsOf(path) != (machine.Weights{Green: 100}) {
			t.Fatalf("%s: %+v, %v", kind, r, err)
		}
		t.Logf("%s: walked while others wrote it %d times", kind, writes)
		if !long {
			return
		}
		realBack(t, green, config, path, realSetup(config, "reader", kind, root, 0, nil), folder)
		realDrift(t, green, config, kind, path)
		realKill(t, green, config, kind, path)
	}
}

// realBack rolls a walk back by its record.
func realBack(t *testing.T, green *realServer, config, path string, s *shift.Setup, folder string) {
	t.Helper()
	h, err := shift.ReadHistory(folder)
	if err != nil {
		t.Fatal(err)
	}
	back := &shift.Return{Driver: s.Driver, Root: s.Root, Folder: folder, History: h, Tool: "test", Timeout: 30 * time.Second, Outside: shift.Outside{Now: time.Now}}
	r, err := back.Roll(t.Context())
	if err != nil || r.Outcome != machine.RolledBack || green.weightsOf(path) != (machine.Weights{Blue: 100}) {
		t.Errorf("rollback: %+v, %v with %s", r, err, green.weightsOf(path))
	}
}

// realDrift changes the weights in the middle of a walk.
func realDrift(t *testing.T, green *realServer, config, kind, path string) {
	var once sync.Once
	other := map[string]string{
		"HTTPRoute": `{"spec":{"rules":[{"backendRefs":[{"name":"svc-blue","port":80,"weight":60},{"name":"svc-green","port":80,"weight":40}]},
{"backendRefs":[{"name":"svc-green","port":80,"weight":40},{"name":"svc-blue","port":80,"weight":60}]}]}}`,
		"VirtualService": `{"spec":{"http":[{"route":[{"destination":{"host":"api","subset":"v1"},"weight":60},{"destination":{"host":"api","subset":"v2"},"weight":40}]}]}}`,
	}[kind]
	root := t.TempDir()
	s := realSetup(config, "reader", kind, root, 500*time.Millisecond, func(l shift.Line) error {
		if l.Step == "5%" && strings.HasPrefix(l.Text, "set") {
			once.Do(func() { green.do(http.MethodPatch, path+"/api", other) })
		}
		return nil
	})
	r, folder, err := s.Begin(t.Context())
	if err != nil || r.Outcome != machine.Held || green.weightsOf(path) != (machine.Weights{Blue: 60, Green: 40}) {
		t.Fatalf("%s, changed by somebody else: %+v, %v", kind, r, err)
	}
	realBack(t, green, config, path, s, folder)
}

// realKill kills a process that walks, and rolls back by the record that it leaves.
func realKill(t *testing.T, green *realServer, config, kind, path string) {
	root := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestWalkProcess$")
	cmd.Env = append(os.Environ(), "BGVERIFY_WALK="+strings.Join([]string{config, kind, root}, "\n"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		if green.weightsOf(path).Green == 1 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if w := green.weightsOf(path); w != (machine.Weights{Blue: 99, Green: 1}) {
		t.Fatalf("killed with %s", w)
	}
	folder, h, err := shift.FindWalk(root, realSetup(config, "reader", kind, root, 0, nil).Subject())
	if err != nil || !h.Open() {
		t.Fatalf("the record: %v", err)
	}
	realBack(t, green, config, path, realSetup(config, "reader", kind, root, 0, nil), folder)
}

// TestWalkProcess is the process that realKill kills.
func TestWalkProcess(t *testing.T) {
	args := strings.Split(os.Getenv("BGVERIFY_WALK"), "\n")
	if len(args) != 3 {
		t.Skip("it is a process of TestRealServers")
	}
	_, _, _ = realSetup(args[0], "reader", args[1], args[2], time.Hour, nil).Begin(t.Context())
}

// annotate writes an object all the time, from four sides, until the function it returns is called, which
// says how often that was done.
func (s *realServer) annotate(path string) func() int {
	ctx, cancel := context.WithCancel(s.t.Context())
	var all sync.WaitGroup
	var counts [4]int
	for i := range counts {
		all.Go(func() {
			for ctx.Err() == nil {
				status, _ := s.try(http.MethodPatch, path+"/api", fmt.Sprintf(`{"metadata":{"annotations":{"n%d":"%d"}}}`, i, counts[i]))
				if status == http.StatusOK {
					counts[i]++
				}
			}
		})
	}
	return func() (sum int) {
		cancel()
		all.Wait()
		for _, n := range counts {
			sum += n
		}
		return sum
	}
}
