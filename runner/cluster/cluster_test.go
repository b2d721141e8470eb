package cluster_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/cluster"
	"github.com/bgverify/bgverify/runner/cluster/kube"
	"github.com/bgverify/bgverify/runner/cluster/kubetest"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/stage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Two are both API servers with what is asked of them.
type two struct {
	t           *testing.T
	blue, green *kubetest.Server
	asked       stage.Clusters
	files       map[string][]byte
}

func newTwo(t *testing.T) *two {
	w := &two{t: t, blue: kubetest.New(t), green: kubetest.New(t), files: map[string][]byte{}}
	config := kubetest.Kubeconfig(t, []string{"eks-blue", "eks-green"}, w.blue, w.green)
	w.asked = stage.Clusters{
		Blue:  stage.ClusterAccess{Pos: problem.Pos{Line: 1}, Context: "eks-blue", Kubeconfig: config},
		Green: stage.ClusterAccess{Pos: problem.Pos{Line: 2}, Context: "eks-green", Kubeconfig: config},
		Alike: &stage.ClusterAlike{Namespaces: []string{"stb"}},
	}
	return w
}

func (w *two) gates() *cluster.Gates {
	w.t.Helper()
	c, err := cluster.Open(&w.asked)
	if err != nil {
		w.t.Fatal(err)
	}
	return c.Gates(cluster.Keeper{File: w.keep})
}

func (w *two) keep(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	err := write(&b)
	w.files[name] = b.Bytes()
	return err
}

func (w *two) open(name string) (io.ReadCloser, error) {
	text, ok := w.files[name]
	if !ok {
		return nil, os.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(text)), nil
}

func (w *two) alike() *run.Alike {
	w.t.Helper()
	return w.gates().Before(w.t.Context(), nil).Alike
}

// both puts objects on both sides, each with what its cluster makes up by itself.
func (w *two) both(texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		w.blue.Put(withMeta(w.t, text, "blue"))
		w.green.Put(withMeta(w.t, text, "green"))
	}
}

// withMeta adds to an object what a cluster adds.
func withMeta(t *testing.T, text, side string) string {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	meta := doc["metadata"].(map[string]any)
	meta["uid"] = side + "-" + fmt.Sprint(doc["kind"], meta["name"])
	meta["resourceVersion"], meta["creationTimestamp"] = side, side
	meta["managedFields"] = []any{map[string]any{"manager": "argocd", "apiVersion": doc["apiVersion"]}}
	doc["status"] = map[string]any{"of": side}
	if spec, ok := doc["spec"].(map[string]any); ok && doc["kind"] == "Service" {
		spec["clusterIP"], spec["clusterIPs"] = "10.0.0."+side, []any{"10.0.0." + side}
	}
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func deployment(name, image string) string {
	return fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":%q,"namespace":"stb"},"spec":{"replicas":2,
"template":{"metadata":{"creationTimestamp":null,"annotations":{"kubectl.kubernetes.io/restartedAt":"x"}},"spec":{"containers":[{"name":"app","image":%q,"env":[{"name":"DB_PASSWORD","value":"hunter2"}]}]}}}}`, name, image)
}

func TestAlikePassesWhatOnlyTheClusterMakesUp(t *testing.T) {
	w := newTwo(t)
	w.both(deployment("epg", "registry/epg:1.4"), deployment("vod", "registry/vod:1.4"),
		`{"apiVersion":"v1","kind":"Service","metadata":{"name":"epg","namespace":"stb"},"spec":{"ports":[{"port":80,"nodePort":30000}]}}`,
		`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"epg","namespace":"stb"},"data":{"cluster":"runs in eks-blue"}}`)
	w.green.Put(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"epg","namespace":"stb"},"data":{"cluster":"runs in eks-green"}}`)
	w.green.Put(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kube-root-ca.crt","namespace":"stb"},"data":{"ca.crt":"x"}}`)
	got := w.alike()
	if got.Verdict != run.Pass || got.Objects != 4 {
		t.Errorf("%v, %d objects: %v", got.Verdict, got.Objects, got.Reasons)
	}
}

func TestAlikeReportsCauses(t *testing.T) {
	w := newTwo(t)
	for _, name := range []string{"epg", "vod", "auth"} {
		w.both(deployment(name, "registry/app:1.4"))
		w.green.Put(withMeta(t, deployment(name, "registry/app:1.5"), "green"))
	}
	w.blue.Put(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"epg-flags","namespace":"stb"}}`)
	got := w.alike()
	text := strings.Join(got.Reasons, "\n")
	if got.Verdict != run.Fail || got.Differ != 3 || len(got.Causes) != 1 || got.Causes[0].Objects != 3 {
		t.Errorf("%v: %+v", got.Verdict, got.Causes)
	}
	for _, want := range []string{`"registry/app:1.4" -> "registry/app:1.5" in 3 Deployments`, "only on blue: ConfigMap stb/epg-flags"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	w.asked.Alike.Rules = []stage.ObjectRule{{Kinds: []string{"Deployment"}, Rule: diff.Rule{
		At: "$..image", Do: diff.DoIgnore,
		Why: "the release under test", Origin: "stage.yaml:9:9",
	}}}
	got = w.alike()
	if got.Differ != 0 || got.OnlyBlue != 1 || len(got.Rules) == 0 || got.Rules[len(got.Rules)-1].Hits != 3 {
		t.Errorf("under a rule: %+v", got)
	}
}

// Each row is a green that is another one though its specifications are blue's, or rules that leave
// nothing to compare.
func TestAlikeLooksBehindSpecifications(t *testing.T) {
	pod := func(digest string) string {
		return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"epg-1","namespace":"stb"},"spec":{"containers":[{"name":"app","image":"registry/epg:1.4"}]},
"status":{"containerStatuses":[{"name":"app","image":"registry/epg:1.4","imageID":"registry/epg@sha256:` + digest + `"}]}}`
	}
	config := `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"epg","namespace":"stb"},"data":{"a":"1","b":"2"}}`
	rule := func(at string, kinds ...string) func(*two) {
		return func(w *two) {
			w.asked.Alike.Rules = []stage.ObjectRule{{Kinds: kinds, Rule: diff.Rule{At: at, Do: diff.DoIgnore, Why: "tuned", Origin: "stage.yaml:9:9"}}}
		}
	}
	for _, row := range []struct {
		name    string
		prepare func(*two)
		want    run.Verdict
		reason  string
	}{
		{"the same image", func(w *two) { w.both(); w.blue.Put(pod("aa")); w.green.Put(pod("aa")) }, run.Pass, ""},
		{"a tag that was pushed again", func(w *two) { w.blue.Put(pod("aa")); w.green.Put(pod("bb")) }, run.Fail, `digests[*] "sha256:aa" -> "sha256:bb" in 1 Image`},
		{"Pods may not be listed", func(w *two) { w.green.Forbid("list", "pods") }, run.Broken, "green: no right to list pods"},
		{"an object that is being deleted", func(w *two) {
			w.green.Put(strings.Replace(config, `"name":"epg"`, `"name":"epg","deletionTimestamp":"2026-11-23T03:00:00Z"`, 1))
		}, run.Fail, "only on blue: ConfigMap stb/epg"},
		{"a rule that hides a kind", rule("$.data", "ConfigMap"), run.Broken, "the rules hide every value of kind ConfigMap"},
		{"a rule that hides most", rule("$.spec.template"), run.Broken, "more than half"},
		{"a rule that hides one value", rule("$.data.a", "ConfigMap"), run.Pass, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newTwo(t)
			w.both(deployment("epg", "registry/epg:1.4"), config)
			row.prepare(w)
			got := w.alike()
			if text := strings.Join(got.Reasons, "\n"); got.Verdict != row.want || !strings.Contains(text, row.reason) {
				t.Errorf("%v: %s", got.Verdict, text)
			}
		})
	}
}

// Each row is something that keeps both clusters from being read or told apart: never alike.
func TestAlikeIsNeverAssumed(t *testing.T) {
	for _, row := range []struct {
		name    string
		prepare func(*two)
		reason  string
	}{
		{
			"a kind may not be listed on green", func(w *two) { w.green.Forbid("list", "configmaps") },
			"green: no right to list configmaps in namespace stb",
		},
		{
			"a kind may not be listed on blue", func(w *two) { w.blue.Forbid("list", "deployments.apps") },
			"blue: no right to list deployments.apps in namespace stb",
		},
		{"nothing is there", func(w *two) {
			w.blue.Remove("deployments.apps", "stb", "epg")
			w.green.Remove("deployments.apps", "stb", "epg")
		}, "nothing was compared"},
		{"one cluster twice", func(w *two) {
			w.blue.Put(strings.Replace(deployment("epg", "a"), `"name":"epg"`, `"name":"epg","uid":"u-1"`, 1))
			w.green.Put(strings.Replace(deployment("epg", "a"), `"name":"epg"`, `"name":"epg","uid":"u-1"`, 1))
		}, "the same cluster"},
		{
			"a kind that nobody serves", func(w *two) { w.asked.Alike.Kinds = []string{"+Rollout.argoproj.io"} },
			"neither cluster serves the kind Rollout.argoproj.io",
		},
		{"a group that neither server can describe", func(w *two) {
			for _, s := range []*kubetest.Server{w.blue, w.green} {
				s.Fault = func(rw http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path != "/apis/batch/v1" {
						return false
					}
					kubetest.Status(rw, http.StatusServiceUnavailable, "ServiceUnavailable", "down")
					return true
				}
			}
		}, "blue: the API server does not say which kinds batch/v1 has"},
		{"a list that breaks off", func(w *two) {
			w.green.Fault = func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/services") {
					return false
				}
				_, _ = rw.Write([]byte(`{"kind":"ServiceList","items":[`))
				return true
			}
		}, "green: the answer is not whole: list services"},
		{"an unreachable server", func(w *two) {
			w.green.Fault = func(rw http.ResponseWriter, _ *http.Request) bool {
				kubetest.Status(rw, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
				return true
			}
		}, "the credentials are not accepted"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newTwo(t)
			w.both(deployment("epg", "a"))
			row.prepare(w)
			got := w.alike()
			if text := strings.Join(got.Reasons, "\n"); got.Verdict != run.Broken || !strings.Contains(text, row.reason) {
				t.Errorf("%v:\n%s\nwant %q", got.Verdict, text, row.reason)
			}
		})
	}
}

func TestAlikeComparesSecretsWithoutShowingThem(t *testing.T) {
	secret := func(value string) string {
		return fmt.Sprintf(`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db","namespace":"stb","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"k\":\"%s\"}}"}},"data":{"k":%q}}`, value, value)
	}
	w := newTwo(t)
	w.both(deployment("epg", "a"), secret("c2VjcmV0LW9uZQ=="))
	w.green.Put(secret("c2VjcmV0LXR3bw=="))
	if got := w.alike(); got.Verdict != run.Pass {
		t.Errorf("without secrets: compare: %v", got.Reasons)
	}
	for _, r := range append(w.blue.Requests(), w.green.Requests()...) {
		if strings.HasSuffix(r, "/secrets") {
			t.Errorf("asked %s without being allowed to", r)
		}
	}
	w.asked.Alike.Secrets = true
	got := w.alike()
	if got.Verdict != run.Fail || got.Differ != 1 {
		t.Errorf("%v: %+v", got.Verdict, got)
	}
	shown, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"the result": shown, "blue's inventory": w.files[cluster.BlueFile],
		"green's": w.files[cluster.GreenFile],
	} {
		for _, value := range []string{"c2VjcmV0", "hunter2", "kubeconfig-token"} {
			if bytes.Contains(text, []byte(value)) {
				t.Errorf("%s holds %s: %s", name, value, text)
			}
		}
	}
}

func TestAlikeReportsVersionsThatGreenDropped(t *testing.T) {
	w := newTwo(t)
	old := kube.Resource{Group: "policy", Version: "v1beta1", Name: "poddisruptionbudgets", Kind: "PodDisruptionBudget", Namespaced: true}
	w.blue.Version, w.green.Version = "v1.21.14-eks", "v1.25.3-eks"
	w.blue.Serve(old)
	const pdb = `{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"epg","namespace":"stb","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"apiVersion\":\"policy/v1beta1\"}"}},"spec":{"minAvailable":1}}`
	w.both(pdb)
	w.blue.Deprecate("poddisruptionbudgets.policy", "policy/v1beta1 PodDisruptionBudget is deprecated in v1.21+")
	got := w.alike()
	if len(got.Removed) != 1 || got.Removed[0].APIVersion != "policy/v1beta1" || got.Removed[0].Objects != 1 || got.Versions.Green != "v1.25.3-eks" {
		t.Errorf("removed %+v, versions %+v", got.Removed, got.Versions)
	}
	if len(got.Deprecated) != 1 || !strings.HasPrefix(got.Deprecated[0], "blue: policy/v1beta1") {
		t.Errorf("deprecated %q", got.Deprecated)
	}
}

func TestReplayJudgesInventoriesAgain(t *testing.T) {
	w := newTwo(t)
	w.both(deployment("epg", "a"))
	w.green.Put(withMeta(t, deployment("epg", "b"), "green"))
	first := w.gates().Before(t.Context(), nil)
	if first.Alike.Verdict != run.Fail {
		t.Fatal(first.Alike.Verdict)
	}
	w.asked.Alike.Rules = []stage.ObjectRule{{Rule: diff.Rule{
		At: "$..image", Do: diff.DoIgnore, Why: "the release under test",
		Origin: "stage.yaml:9:9",
	}}}
	again := cluster.Replay(&w.asked, first, w.open, cluster.Keeper{}).Before(t.Context(), nil)
	if again.Alike.Verdict != run.Pass || again.Alike.Objects != 1 {
		t.Errorf("%v: %v", again.Alike.Verdict, again.Alike.Reasons)
	}
	delete(w.files, cluster.GreenFile)
	again = cluster.Replay(&w.asked, first, w.open, cluster.Keeper{}).Before(t.Context(), nil)
	if again.Alike.Verdict != run.Broken {
		t.Errorf("without an inventory: %v", again.Alike.Verdict)
	}
}

const virtualService = `{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"api","namespace":"stb"},"spec":{"hosts":["api.example"],"http":[
{"match":[{"uri":{"prefix":"/v1/epg"}}],"route":[{"destination":{"host":"epg"}}]},
{"match":[{"uri":{"exact":"/v1/auth"}},{"uri":{"regex":"/v1/token/[a-z]+"}}],"route":[{"destination":{"host":"auth.identity.svc.cluster.local"}}]},
{"route":[{"destination":{"host":"web"}}]}]}}`

const httpRoute = `{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{"name":"api","namespace":"stb"},"spec":{"hostnames":["api.example"],"rules":[
{"backendRefs":[{"name":"web"}]},
{"matches":[{"path":{"type":"PathPrefix","value":"/v1/epg"}}],"backendRefs":[{"name":"epg"}]},
{"matches":[{"path":{"type":"Exact","value":"/v1/auth"}},{"path":{"type":"RegularExpression","value":"/v1/token/[a-z]+"}}],"backendRefs":[{"name":"auth","namespace":"identity"}]}]}}`

const ingress = `{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"api","namespace":"stb"},"spec":{"defaultBackend":{"service":{"name":"web"}},"rules":[{"host":"api.example","http":{"paths":[
{"path":"/v1/epg","pathType":"Prefix","backend":{"service":{"name":"epg"}}},{"path":"/v1/auth","pathType":"Exact","backend":{"service":{"name":"auth"}}}]}}]}}`

// Each row reads the same routes from another kind of object.
func TestServicesAreHeldAgainstWhatWasAsked(t *testing.T) {
	for _, row := range []struct{ from, object, auth string }{
		{"VirtualService", virtualService, "identity/auth"}, {"HTTPRoute", httpRoute, "identity/auth"}, {"Ingress", ingress, "stb/auth"},
	} {
		t.Run(row.from, func(t *testing.T) {
			w := newTwo(t)
			w.green.Serve(kubetest.VirtualService, kubetest.HTTPRoute)
			w.green.Put(row.object)
			w.asked.Alike, w.asked.Services = nil, &stage.ClusterServices{From: row.from, Namespaces: []string{"stb"}}
			g := w.gates()
			g.Before(t.Context(), nil)
			g.Note("GET", "https://10.0.0.7/v1/epg/now?region=seoul", "api.example")
			g.Note("GET", "https://api.example:443/", "")
			g.Note("GET", "https://other.example.org/v1/auth", "")
			got := g.Services()
			if got.Of != 3 || got.Asked != 2 || got.Problem != "" {
				t.Fatalf("%+v", got)
			}
			first := got.Services[0]
			if name := first.Namespace + "/" + first.Name; name != row.auth || first.Asked != 0 || first.Routes[0].Route != "api.example/v1/auth" && first.Routes[0].Route != "api.example ~ ^(?:/v1/token/[a-z]+)$" {
				t.Errorf("not asked: %+v, want %s", first, row.auth)
			}
			g.Note("GET", "https://api.example/v1/auth", "")
			if got := g.Services(); got.Asked != 3 {
				t.Errorf("asked %d of %d", got.Asked, got.Of)
			}
		})
	}
}

// Services of one namespace alone are not all services: nothing is covered.
func TestServicesThatAreReadInPartAreAProblem(t *testing.T) {
	w := newTwo(t)
	w.green.Serve(kubetest.VirtualService)
	w.green.Put(virtualService)
	w.green.Fault = func(rw http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/namespaces/other/") {
			return false
		}
		kubetest.Status(rw, http.StatusForbidden, "Forbidden", "not here")
		return true
	}
	w.asked.Alike, w.asked.Services = nil, &stage.ClusterServices{From: "VirtualService", Namespaces: []string{"stb", "other"}}
	g := w.gates()
	g.Before(t.Context(), nil)
	g.Note("GET", "https://api.example/v1/epg", "")
	if got := g.Services(); !strings.Contains(got.Problem, "no right to list virtualservices.networking.istio.io in namespace other") {
		t.Errorf("%+v", got)
	}
}

// A namespace that is misspelled is alike on both sides, and has no services.
func TestNamespacesWithoutObjects(t *testing.T) {
	w := newTwo(t)
	w.both(deployment("epg", "registry/epg:1.4"))
	w.green.Serve(kubetest.VirtualService)
	w.green.Put(virtualService)
	w.blue.Serve(kubetest.VirtualService)
	w.blue.Put(virtualService)
	w.asked.Alike.Namespaces = []string{"stb", "sbt"}
	w.asked.Services = &stage.ClusterServices{From: "VirtualService", Namespaces: []string{"stb", "sbt"}}
	g := w.gates()
	got := g.Before(t.Context(), nil).Alike
	if got.Verdict != run.Broken || !strings.Contains(strings.Join(got.Reasons, "\n"), "namespace sbt has no object") {
		t.Errorf("%v %q", got.Verdict, got.Reasons)
	}
	if got := g.Services(); got.Problem != "green: namespace sbt has no VirtualService" {
		t.Errorf("%+v", got)
	}
}

func TestServicesThatCannotBeReadAreAProblem(t *testing.T) {
	for name, prepare := range map[string]func(*two){
		"not served": func(*two) {},
		"forbidden": func(w *two) {
			w.green.Serve(kubetest.VirtualService)
			w.green.Forbid("list", "virtualservices.networking.istio.io")
		},
		"none": func(w *two) { w.green.Serve(kubetest.VirtualService) },
	} {
		w := newTwo(t)
		prepare(w)
		w.asked.Alike, w.asked.Services = nil, &stage.ClusterServices{From: "VirtualService", Namespaces: []string{"stb"}}
		g := w.gates()
		g.Before(t.Context(), nil)
		if got := g.Services(); got.Problem == "" || got.Asked != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Many objects a side, in pages, with the size of real ones: 5,000 in the long form.
func TestManyObjects(t *testing.T) {
	objects := 1200
	if os.Getenv("BGVERIFY_LONG") != "" {
		objects = 5000
	}
	w := newTwo(t)
	padding := strings.Repeat("x", 300)
	for i := range objects {
		w.both(fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c-%04d","namespace":"stb"},"data":{"a":%q,"n":"%d"}}`, i, padding, i))
	}
	w.green.Put(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c-1171","namespace":"stb"},"data":{"a":"other","n":"1171"}}`)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begun := time.Now()
	got := w.alike()
	runtime.ReadMemStats(&after)
	t.Logf("%v; %d MB more of the heap in use, the servers of the test included", time.Since(begun), (int64(after.HeapSys)-int64(before.HeapSys))>>20)
	if got.Objects != objects || got.Differ != 1 {
		t.Errorf("%d objects, %d differ: %v", got.Objects, got.Differ, got.Reasons)
	}
}
