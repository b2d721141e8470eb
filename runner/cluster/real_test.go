package cluster_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/runner/cluster"
	"github.com/bgverify/bgverify/runner/cluster/kube"
	"github.com/bgverify/bgverify/runner/cluster/ready"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// kubeAssets is the folder with kube-apiserver and etcd; the test is skipped without it.
func kubeAssets(t *testing.T) string {
	dir := os.Getenv("BGVERIFY_KUBE_ASSETS")
	if dir == "" && os.Getenv("BGVERIFY_LONG") == "" {
		t.Skip("starts two API servers: set BGVERIFY_LONG=1, or make test-cluster")
	}
	if dir == "" {
		if cache, err := os.UserCacheDir(); err == nil {
			dir = filepath.Join(cache, "bgverify", "kube")
		}
	}
	for _, name := range []string{"kube-apiserver", "etcd"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Skip("no API server of Kubernetes: make test-cluster builds one")
		}
	}
	return dir
}

// spawn runs a program until the test ends; its output is shown where the test fails.
func spawn(t *testing.T, name string, args ...string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", filepath.Base(name), out.String()[max(0, out.Len()-3000):])
		}
	})
}

// A realServer is a real API server with an administrator.
type realServer struct {
	t      *testing.T
	url    string
	client *http.Client
}

// The tokens of the test's users: an administrator, one with rights, one without.
const tokens = "admin-token,admin,1,system:masters\nreader-token,reader,2,\nnobody-token,nobody,3,\n"

// startServers starts etcd and two API servers over it, each with its own prefix.
func startServers(t *testing.T, assets string) (blue, green *realServer) {
	dir := t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{
		"sa.key":     pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
		"tokens.csv": []byte(tokens),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	etcd, peers := "http://"+steady.Address(t), "http://"+steady.Address(t)
	spawn(t, filepath.Join(assets, "etcd"), "--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", etcd,
		"--advertise-client-urls", etcd,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers)
	var both [2]*realServer
	for i, name := range []string{"blue", "green"} {
		address := steady.Address(t)
		host, port, _ := net.SplitHostPort(address)
		spawn(t, filepath.Join(assets, "kube-apiserver"), "--etcd-servers", etcd, "--etcd-prefix", "/"+name, "--bind-address", host,
			"--secure-port", port, "--cert-dir", filepath.Join(dir, name), "--token-auth-file", filepath.Join(dir, "tokens.csv"),
			"--authorization-mode", "RBAC", "--service-account-issuer", "https://localhost", "--service-account-signing-key-file", filepath.Join(dir, "sa.key"),
			"--service-account-key-file", filepath.Join(dir, "sa.key"), "--service-cluster-ip-range", "10.0.0.0/24", "--disable-admission-plugins", "ServiceAccount")
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the certificate is made by the server itself
		t.Cleanup(transport.CloseIdleConnections)
		both[i] = &realServer{t: t, url: "https://" + address, client: &http.Client{
			Transport: transport,
			Timeout:   30 * time.Second,
		}}
	}
	for _, s := range both {
		s.waitFor("/readyz")
	}
	return both[0], both[1]
}

// waitFor waits until a path answers with 200.
func (s *realServer) waitFor(path string) {
	s.t.Helper()
	for range 600 {
		if status, _ := s.try(http.MethodGet, path, ""); status == http.StatusOK {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	s.t.Fatalf("%s%s is not ready", s.url, path)
}

// try sends a request as the administrator.
func (s *realServer) try(method, path, body string) (int, string) {
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer admin-token")
	r.Header.Set("Content-Type", map[bool]string{true: "application/merge-patch+json", false: "application/json"}[method == http.MethodPatch])
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

// do sends a request that must succeed.
func (s *realServer) do(method, path, body string) {
	s.t.Helper()
	if status, text := s.try(method, path, body); status < 200 || status > 299 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
}

// crd is a definition that takes any object.
func crd(group, kind, plural string) string {
	return fmt.Sprintf(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"%[3]s.%[1]s","annotations":{"api-approved.kubernetes.io":"unapproved"}},
"spec":{"group":%[1]q,"scope":"Namespaced","names":{"kind":%[2]q,"plural":%[3]q},"versions":[{"name":"v1","served":true,"storage":true,
"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}`, group, kind, plural)
}

// kubeconfig writes a kubeconfig with a context for each server and user: blue-reader.
func kubeconfig(t *testing.T, blue, green *realServer) string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: Config\nclusters:\n")
	for name, s := range map[string]*realServer{"blue": blue, "green": green} {
		fmt.Fprintf(&b, "- {name: %s, cluster: {server: %q, insecure-skip-tls-verify: true}}\n", name, s.url)
	}
	b.WriteString("users:\n")
	for _, user := range []string{"admin", "reader", "nobody"} {
		fmt.Fprintf(&b, "- {name: %s, user: {token: %s-token}}\n", user, user)
	}
	b.WriteString("contexts:\n")
	for _, name := range []string{"blue", "green"} {
		for _, user := range []string{"admin", "reader", "nobody"} {
			fmt.Fprintf(&b, "- {name: %[1]s-%[2]s, context: {cluster: %[1]s, user: %[2]s}}\n", name, user)
		}
	}
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestRealServers holds reading, waiting, comparing and patching to two real API servers.
func TestRealServers(t *testing.T) {
	assets := kubeAssets(t)
	// In the gate few objects; make test-cluster has more than one page.
	objects := 50
	if os.Getenv("BGVERIFY_KUBE_ASSETS") != "" {
		objects = 700
	}
	blue, green := startServers(t, assets)
	config := kubeconfig(t, blue, green)
	role, err := os.ReadFile("testdata/reader.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*realServer{blue, green} {
		s.do(http.MethodPost, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd("argoproj.io", "Application", "applications"))
		s.do(http.MethodPost, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd("routes.example", "HTTPRoute", "httproutes"))
		s.do(http.MethodPost, "/apis/rbac.authorization.k8s.io/v1/clusterroles", string(role))
		s.do(http.MethodPost, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", `{"metadata":{"name":"reader"},
"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"reader"},"subjects":[{"kind":"User","name":"reader","apiGroup":"rbac.authorization.k8s.io"}]}`)
		for _, ns := range []string{"stb", "argocd"} {
			s.do(http.MethodPost, "/api/v1/namespaces", fmt.Sprintf(`{"metadata":{"name":%q}}`, ns))
		}
		s.waitFor("/apis/argoproj.io/v1/applications")
		s.waitFor("/apis/routes.example/v1/httproutes")
		for i := range objects {
			s.do(http.MethodPost, "/api/v1/namespaces/stb/configmaps", fmt.Sprintf(`{"metadata":{"name":"c-%03d"},"data":{"n":"%d"}}`, i, i))
		}
		s.do(http.MethodPost, "/api/v1/namespaces/stb/services", `{"metadata":{"name":"epg"},"spec":{"ports":[{"port":80}]}}`)
	}
	asked := func(user string) *stage.Clusters {
		return &stage.Clusters{
			Blue:  stage.ClusterAccess{Pos: problem.Pos{Line: 1}, Context: "blue-" + user, Kubeconfig: config},
			Green: stage.ClusterAccess{Pos: problem.Pos{Line: 2}, Context: "green-" + user, Kubeconfig: config},
			Alike: &stage.ClusterAlike{Namespaces: []string{"stb"}},
		}
	}
	compare := func(user string) *run.Alike {
		t.Helper()
		c, err := cluster.Open(asked(user))
		if err != nil {
			t.Fatal(err)
		}
		return c.Gates(cluster.Keeper{}).Before(t.Context(), nil).Alike
	}
	t.Run("alike", func(t *testing.T) {
		if got := compare("reader"); got.Verdict != run.Pass || got.Objects < objects+1 {
			t.Errorf("%v, %d objects: %v %+v", got.Verdict, got.Objects, got.Reasons, got.Only)
		}
		if got := compare("nobody"); got.Verdict != run.Broken || !strings.Contains(strings.Join(got.Reasons, "\n"),
			"no right to list configmaps in namespace stb") {
			t.Errorf("without rights: %v: %v", got.Verdict, got.Reasons)
		}
		green.do(http.MethodPatch, "/api/v1/namespaces/stb/configmaps/c-042", `{"data":{"n":"other"}}`)
		got := compare("reader")
		if got.Verdict != run.Fail || got.Differ != 1 || got.Causes[0].Examples[0] != "stb/c-042" {
			t.Errorf("%v: %v", got.Verdict, got.Reasons)
		}
		one := asked("reader")
		one.Green.Context = "blue-admin"
		c, err := cluster.Open(one)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Gates(cluster.Keeper{}).Before(t.Context(),
			nil).Alike; got.Verdict != run.Broken || !strings.Contains(strings.Join(got.Reasons, "\n"), "the same cluster") {
			t.Errorf("one cluster twice: %v: %v", got.Verdict, got.Reasons)
		}
	})
	t.Run("ready", func(t *testing.T) { realReady(t, green, config) })
	t.Run("patch", func(t *testing.T) { realPatch(t, green, config) })
	t.Run("walk", func(t *testing.T) { realWalk(t, green, config) })
	t.Run("samples", func(t *testing.T) { realSamples(t, green) })
}

// realReady walks an Application through its states on a real server.
func realReady(t *testing.T, green *realServer, config string) {
	const path = "/apis/argoproj.io/v1/namespaces/argocd/applications"
	state := func(target, sync, phase, health string, minute int) string {
		return fmt.Sprintf(`{"apiVersion":"argoproj.io/v1","kind":"Application","metadata":{"name":"epg","labels":{"part-of":"stb"}},
"spec":{"source":{"repoURL":"https://git.example/stb","targetRevision":"v2"}},
"status":{"reconciledAt":"2026-11-23T03:%02d:00Z","sync":{"status":%q,"comparedTo":{"source":{"repoURL":"https://git.example/stb","targetRevision":%q}}},
"operationState":{"phase":%q},"health":{"status":%q}}}`, minute, sync, target, phase, health)
	}
	green.do(http.MethodPost, path, state("v1", "Synced", "Succeeded", "Healthy", 0))
	steps := []struct{ object, waits string }{
		{state("v1", "Synced", "Succeeded", "Healthy", 1), "stale"},
		{state("v2", "OutOfSync", "Succeeded", "Healthy", 2), "OutOfSync"},
		{state("v2", "Synced", "Running", "Healthy", 3), "Running"},
		{state("v2", "Synced", "Succeeded", "Progressing", 4), "Progressing"},
		{state("v2", "Synced", "Succeeded", "Healthy", 0), "has not compared it"},
		{state("v2", "Synced", "Succeeded", "Healthy", 5), ""},
	}
	c, err := kube.Connect(kube.Access{Name: "green", Context: "green-reader", Kubeconfig: config})
	if err != nil {
		t.Fatal(err)
	}
	now, step := time.Now(), 0
	w := &ready.Waiter{Green: c, ArgoCD: c, Now: func() time.Time { return now }, Progress: func(r *run.Ready) {
		if step > 0 && step <= len(steps) && steps[step-1].waits != "" && !strings.Contains(strings.Join(r.Reasons, "\n"), steps[step-1].waits) {
			t.Errorf("step %d: %v, want %q", step, r.Reasons, steps[step-1].waits)
		}
	}, Sleep: func(_ context.Context, d time.Duration) error {
		now = now.Add(d)
		if step < len(steps) {
			green.do(http.MethodPatch, path+"/epg", steps[step].object)
			step++
		}
		return nil
	}}
	got := w.Wait(t.Context(), &stage.ClusterReady{
		Timeout:      time.Minute,
		Applications: &stage.ReadyApplications{Namespace: "argocd", Selector: "part-of=stb", AtLeast: 1, Settle: 4 * time.Second},
	})
	if got.Verdict != run.Pass || step != len(steps) {
		t.Errorf("%v after step %d: %v", got.Verdict, step, got.Reasons)
	}
}

// realPatch moves weights of a route: all of a patch or nothing.
func realPatch(t *testing.T, green *realServer, config string) {
	green.do(http.MethodPost, "/apis/routes.example/v1/namespaces/stb/httproutes", `{"apiVersion":"routes.example/v1","kind":"HTTPRoute","metadata":{"name":"api"},
"spec":{"rules":[{"backendRefs":[{"name":"blue","weight":100},{"name":"green","weight":0}]}]}}`)
	c, err := kube.Connect(kube.Access{Name: "green", Context: "green-admin", Kubeconfig: config})
	if err != nil {
		t.Fatal(err)
	}
	r := kube.Resource{Group: "routes.example", Version: "v1", Name: "httproutes", Kind: "HTTPRoute", Namespaced: true}
	ops := []kube.Op{
		{Op: "test", Path: "/spec/rules/0/backendRefs/0/weight", Value: 100},
		{Op: "replace", Path: "/spec/rules/0/backendRefs/0/weight", Value: 95},
		{Op: "replace", Path: "/spec/rules/0/backendRefs/1/weight", Value: 5},
	}
	if after, err := c.Patch(t.Context(), r, "stb", "api", ops); err != nil || !strings.Contains(string(after.JSON), `"weight":95`) {
		t.Errorf("%s, %v", after.JSON, err)
	}
	_, err = c.Patch(t.Context(), r, "stb", "api", ops)
	var e *kube.Error
	if !errors.As(err, &e) || e.Reason != kube.Invalid {
		t.Errorf("a patch whose test fails: %v", err)
	}
}
