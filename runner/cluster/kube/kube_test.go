package kube_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/runner/cluster/kube"
	"github.com/bgverify/bgverify/runner/cluster/kubetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var configMaps = kubetest.Builtin[2]

// fill puts n ConfigMaps into a namespace.
func fill(s *kubetest.Server, n int) {
	for i := range n {
		s.Put(fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c-%04d","namespace":"stb","labels":{"part-of":"stb"}}}`, i))
	}
}

func TestListReadsEveryPage(t *testing.T) {
	s := kubetest.New(t)
	fill(s, 1203)
	got, err := s.Connect("green").List(t.Context(), kube.Query{Resource: configMaps, Namespace: "stb"})
	if err != nil || len(got) != 1203 {
		t.Fatalf("%d objects, %v; want 1203", len(got), err)
	}
	if got[1202].Name != "c-1202" || got[0].Namespace != "stb" || got[0].Kind != "ConfigMap" {
		t.Errorf("got %+v first", got[0])
	}
}

func TestListBeginsAgainWhereItsPagesAreGone(t *testing.T) {
	s := kubetest.New(t)
	fill(s, 1203)
	var gone atomic.Int32
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("continue") == "1000" && gone.Add(1) == 1 {
			kubetest.Status(w, http.StatusGone, "Expired", "The provided continue parameter is too old")
			return true
		}
		return false
	}
	got, err := s.Connect("green").List(t.Context(), kube.Query{Resource: configMaps})
	if err != nil || len(got) != 1203 {
		t.Fatalf("%d objects, %v; want 1203", len(got), err)
	}
	gone.Store(-1000) // each time from now on
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Has("continue") {
			kubetest.Status(w, http.StatusGone, "Expired", "The provided continue parameter is too old")
			return true
		}
		return false
	}
	_, err = s.Connect("green").List(t.Context(), kube.Query{Resource: configMaps})
	wantReason(t, err, kube.Expired, "configmaps")
}

func wantReason(t *testing.T, err error, reason kube.Reason, kind string) {
	t.Helper()
	var e *kube.Error
	if !errors.As(err, &e) || e.Reason != reason || e.Kind != kind {
		t.Errorf("got %v (%+v), want reason %q of %s", err, e, reason, kind)
	}
}

// Each row is what a server does to a list, and why the list is an error.
func TestListIsWholeOrAnError(t *testing.T) {
	pages := func(text string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(text))
			return true
		}
	}
	for _, row := range []struct {
		name   string
		fault  func(http.ResponseWriter, *http.Request) bool
		reason kube.Reason
	}{
		{"an answer that breaks off", func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"kind":"ConfigMapList","items":[`))
			return true
		}, kube.Torn},
		{"JSON that is cut", pages(`{"kind":"ConfigMapList","metadata":{},"items":[{"meta`), kube.Torn},
		{"an empty object", pages(`{}`), kube.Torn},
		{"a page of a proxy", pages(`<html>sign in</html>`), kube.Torn},
		{"a list of another kind", pages(`{"kind":"PodList","items":[]}`), kube.Torn},
		{"an item without a name", pages(`{"kind":"ConfigMapList","items":[{}]}`), kube.Torn},
		{"the same page without end", pages(`{"kind":"ConfigMapList","metadata":{"continue":"x"},"items":[{"metadata":{"name":"a"}}]}`), kube.Torn},
		{"a server error", func(w http.ResponseWriter, _ *http.Request) bool {
			kubetest.Status(w, http.StatusInternalServerError, "InternalError", "etcd is down")
			return true
		}, kube.Refused},
		{"an expired token", func(w http.ResponseWriter, _ *http.Request) bool {
			kubetest.Status(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized")
			return true
		}, kube.Unauthorized},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := kubetest.New(t)
			s.Fault = row.fault
			got, err := s.Connect("green").List(t.Context(), kube.Query{Resource: configMaps, Namespace: "stb"})
			if len(got) > 0 {
				t.Errorf("%d objects came with the error", len(got))
			}
			wantReason(t, err, row.reason, "configmaps")
		})
	}
}

func TestListWaitsForABusyServer(t *testing.T) {
	s := kubetest.New(t)
	fill(s, 3)
	var n atomic.Int32
	s.Fault = func(w http.ResponseWriter, _ *http.Request) bool {
		if n.Add(1) < 3 {
			w.Header().Set("Retry-After", "0")
			kubetest.Status(w, http.StatusTooManyRequests, "TooManyRequests", "slow down")
			return true
		}
		return false
	}
	got, err := s.Connect("green").List(t.Context(), kube.Query{Resource: configMaps})
	if err != nil || len(got) != 3 {
		t.Errorf("%d objects, %v; want 3", len(got), err)
	}
}

func TestListThatIsForbiddenNamesKindAndVerb(t *testing.T) {
	s := kubetest.New(t)
	s.Forbid("list", "deployments.apps")
	_, err := s.Connect("green").List(t.Context(), kube.Query{Resource: kubetest.Builtin[7], Namespace: "stb"})
	wantReason(t, err, kube.Forbidden, "deployments.apps")
	var e *kube.Error
	if errors.As(err, &e) && !strings.Contains(e.Hint(), "grant list on deployments.apps") {
		t.Errorf("hint %q does not say what to grant", e.Hint())
	}
	if want := "green: no right to list deployments.apps in namespace stb"; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %q, want it to begin with %q", err, want)
	}
}

func TestListEndsWithItsContext(t *testing.T) {
	s := kubetest.New(t)
	asked := make(chan struct{}, 1)
	s.Fault = func(_ http.ResponseWriter, r *http.Request) bool {
		asked <- struct{}{}
		<-r.Context().Done()
		return true
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := s.Connect("green").List(ctx, kube.Query{Resource: configMaps}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestServedKnowsVersionsAndWhatFailed(t *testing.T) {
	s := kubetest.New(t)
	s.Serve(kubetest.VirtualService, kube.Resource{
		Group: "networking.istio.io", Version: "v1beta1", Name: "virtualservices",
		Kind: "VirtualService", Namespaced: true,
	})
	s.Serve(kube.Resource{Group: "metrics.k8s.io", Version: "v1beta1", Name: "nodes", Kind: "NodeMetrics"})
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/apis/metrics.k8s.io/v1beta1" {
			kubetest.Status(w, http.StatusServiceUnavailable, "ServiceUnavailable", "the server is currently unable to handle the request")
			return true
		}
		return false
	}
	served, err := s.Connect("green").Served(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r, ok := served.Find("virtualservice"); !ok || r != kubetest.VirtualService {
		t.Errorf("Find: %+v, %v", r, ok)
	}
	if served.Version != "v1.31.4" || !served.Serves("networking.istio.io/v1beta1",
		"VirtualService") || served.Serves("extensions/v1beta1", "Ingress") {
		t.Errorf("served %+v", served)
	}
	if len(served.Failed) != 1 || served.Knows("metrics.k8s.io/v1beta1") || !served.Knows("extensions/v1beta1") {
		t.Errorf("failed %v", served.Failed)
	}
}

func TestPatchChangesWhatWasSeenOrNothing(t *testing.T) {
	s := kubetest.New(t)
	s.Serve(kubetest.HTTPRoute)
	s.Put(`{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{"name":"api","namespace":"stb"},
		"spec":{"rules":[{"backendRefs":[{"name":"blue","weight":100},{"name":"green","weight":0}]}]}}`)
	c := s.Connect("green")
	ops := func(old, blue, green int) []kube.Op {
		const refs = "/spec/rules/0/backendRefs/"
		return []kube.Op{
			{Op: "test", Path: refs + "0/name", Value: "blue"},
			{Op: "test", Path: refs + "0/weight", Value: old},
			{Op: "replace", Path: refs + "0/weight", Value: blue},
			{Op: "replace", Path: refs + "1/weight", Value: green},
		}
	}
	after, err := c.Patch(t.Context(), kubetest.HTTPRoute, "stb", "api", ops(100, 95, 5))
	if err != nil || !strings.Contains(string(after.JSON), `"weight":95`) {
		t.Fatalf("%s, %v", after.JSON, err)
	}
	_, err = c.Patch(t.Context(), kubetest.HTTPRoute, "stb", "api", ops(100, 50, 50))
	wantReason(t, err, kube.Invalid, "httproutes.gateway.networking.k8s.io")
	now, err := c.Get(t.Context(), kubetest.HTTPRoute, "stb", "api")
	if err != nil || !strings.Contains(string(now.JSON), `"weight":95`) {
		t.Errorf("%s, %v: a patch whose test failed changed something", now.JSON, err)
	}
	_, err = c.Get(t.Context(), kubetest.HTTPRoute, "stb", "other")
	wantReason(t, err, kube.NotFound, "httproutes.gateway.networking.k8s.io")
}

// Each row is a kubeconfig that does not work, and what the hint says.
func TestConnectExplainsKubeconfigs(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("HOME", t.TempDir())
	s := kubetest.New(t)
	good := kubetest.Kubeconfig(t, []string{"eks-green"}, s)
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("clusters: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name       string
		access     kube.Access
		text, hint string
	}{
		{
			"no file of that name",
			kube.Access{Name: "green", Kubeconfig: "~/.kube/green"},
			"kubeconfig ~/.kube/green: no such file", "update-kubeconfig",
		},
		{"no kubeconfig at all", kube.Access{Name: "green"}, "no kubeconfig with a context", "in-cluster"},
		{"no such context", kube.Access{Name: "green", Context: "eks-grene", Kubeconfig: good}, `no context "eks-grene"`, `"eks-green"`},
		{"a file that is not YAML", kube.Access{Name: "green", Kubeconfig: bad}, "read the kubeconfig", "kubectl config view"},
		{"not in a pod", kube.Access{Name: "green", InCluster: true}, "cluster green", "in a pod"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := kube.Connect(row.access)
			var h *hint.Error
			if !errors.As(err, &h) || !strings.Contains(err.Error(), row.text) || !strings.Contains(h.Hint, row.hint) {
				t.Errorf("got %v (hint %q), want %q (hint %q)", err, hintOf(h), row.text, row.hint)
			}
		})
	}
}

func hintOf(h *hint.Error) string {
	if h == nil {
		return ""
	}
	return h.Hint
}

func TestConnectRunsExecPlugins(t *testing.T) {
	s := kubetest.New(t)
	fill(s, 1)
	var authorization atomic.Value
	s.Fault = func(_ http.ResponseWriter, r *http.Request) bool {
		authorization.Store(r.Header.Get("Authorization"))
		return false
	}
	dir := t.TempDir()
	plugin, config := filepath.Join(dir, "get-token"), filepath.Join(dir, "config")
	script := `#!/bin/sh
echo '{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"token":"from-the-plugin"}}'
`
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: %q, certificate-authority-data: %s}}],
contexts: [{name: c, context: {cluster: c, user: u}}],
users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: %s, args: [eks]}}}]}`, s.URL, base64.StdEncoding.EncodeToString(s.CA), plugin)
	for name, body := range map[string]string{plugin: script, config: text} {
		if err := os.WriteFile(name, []byte(body), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c, err := kube.Connect(kube.Access{Name: "green", Kubeconfig: config})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := c.List(ctx, kube.Query{Resource: configMaps}); err != nil || authorization.Load() != "Bearer from-the-plugin" {
		t.Errorf("%v, sent %v", err, authorization.Load())
	}
}

func TestWarningsAreKeptOnce(t *testing.T) {
	s := kubetest.New(t)
	s.Deprecate("configmaps", "v1 ConfigMap is deprecated")
	c := s.Connect("green")
	for range 2 {
		if _, err := c.List(t.Context(), kube.Query{Resource: configMaps}); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.Warnings(); len(got) != 1 || got[0] != "v1 ConfigMap is deprecated" {
		t.Errorf("warnings %q", got)
	}
}
