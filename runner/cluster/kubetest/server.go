package kubetest

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bgverify/bgverify/runner/cluster/kube"
)

// A Server is one API server. Its fields are set before it is asked.
type Server struct {
	URL string
	// CA is the certificate that the server shows, as PEM.
	CA []byte
	// Version is what /version says.
	Version string
	// Fault sees each request first. It answers itself and returns true, or leaves the
	// request to the server.
	Fault func(w http.ResponseWriter, r *http.Request) bool

	t         testing.TB
	mu        sync.Mutex // guards all below
	resources []kube.Resource
	objects   map[string][]*object // by plural with group
	index     map[string]*object   // by that, namespace and name
	forbidden map[string]bool      // "list deployments.apps"
	deprecate map[string]string    // by plural with group: the text of a warning
	requests  []string             // method and path of each
	patches   []string             // bodies
}

// An object is one that the server keeps.
type object struct {
	namespace, name string
	labels          map[string]string
	json            json.RawMessage
}

// New starts a server that serves the kinds of Kubernetes itself and stops it with the
// test.
func New(t testing.TB) *Server {
	s := &Server{t: t, Version: "v1.31.4", objects: map[string][]*object{}, index: map[string]*object{}, forbidden: map[string]bool{}, deprecate: map[string]string{}}
	s.resources = slices.Clone(Builtin)
	h := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	h.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that a client opened and did not use
	h.StartTLS()                                   // credentials of kubeconfigs go over TLS alone
	t.Cleanup(h.Close)
	s.URL = h.URL
	s.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})
	return s
}

// Serve adds kinds, or versions of kinds.
func (s *Server) Serve(resources ...kube.Resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resources = append(s.resources, resources...)
}

// Drop stops serving a version of a group.
func (s *Server) Drop(apiVersion string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resources = slices.DeleteFunc(s.resources, func(r kube.Resource) bool { return r.APIVersion() == apiVersion })
}

// Put keeps objects, each a JSON text with its kind, in place of those of the same name.
func (s *Server) Put(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		var head struct {
			APIVersion, Kind string
			Metadata         struct {
				Name, Namespace string
				Labels          map[string]string
			}
		}
		if err := json.Unmarshal([]byte(text), &head); err != nil {
			s.t.Fatalf("object %s: %v", text, err)
		}
		s.mu.Lock()
		i := slices.IndexFunc(s.resources, func(r kube.Resource) bool { return r.Kind == head.Kind && r.APIVersion() == head.APIVersion })
		if i < 0 {
			s.mu.Unlock()
			s.t.Fatalf("the server does not serve %s %s", head.APIVersion, head.Kind)
		}
		key := s.resources[i].String()
		put := &object{head.Metadata.Namespace, head.Metadata.Name, head.Metadata.Labels, json.RawMessage(text)}
		if old := s.find(key, put.namespace, put.name); old != nil {
			*old = *put
		} else {
			s.add(key, put)
		}
		s.mu.Unlock()
	}
}

// Remove forgets an object.
func (s *Server) Remove(resource, namespace, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.index, resource+"/"+namespace+"/"+name)
	s.objects[resource] = slices.DeleteFunc(s.objects[resource], func(o *object) bool { return o.namespace == namespace && o.name == name })
}

// Forbid answers 403 to a verb on a kind: Forbid("list", "secrets").
func (s *Server) Forbid(verb, resource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forbidden[verb+" "+resource] = true
}

// Deprecate sends a warning with every list of a kind.
func (s *Server) Deprecate(resource, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deprecate[resource] = text
}

// Requests are the method and path of every request so far.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Patches are the bodies of every patch so far.
func (s *Server) Patches() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.patches)
}

// Kubeconfig writes a kubeconfig with one context for each server, by name, and returns
// the file. The first one is the current context.
func Kubeconfig(t testing.TB, names []string, servers ...*Server) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: v1\nkind: Config\ncurrent-context: %s\nclusters:\n", names[0])
	for i, s := range servers {
		fmt.Fprintf(&b, "- {name: %s, cluster: {server: %q, certificate-authority-data: %s}}\n", names[i], s.URL,
			base64.StdEncoding.EncodeToString(s.CA))
	}
	b.WriteString("contexts:\n")
	for _, name := range names {
		fmt.Fprintf(&b, "- {name: %s, context: {cluster: %s, user: reader}}\n", name, name)
	}
	b.WriteString("users:\n- {name: reader, user: {token: kubeconfig-token-7f3a}}\n")
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Connect is a connection to the server under a name.
func (s *Server) Connect(name string) *kube.Cluster {
	s.t.Helper()
	c, err := kube.Connect(kube.Access{Name: name, Context: name, Kubeconfig: Kubeconfig(s.t, []string{name}, s)})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// add keeps an object that is not there yet.
func (s *Server) add(key string, o *object) {
	s.objects[key] = append(s.objects[key], o)
	s.index[key+"/"+o.namespace+"/"+o.name] = o
}

func (s *Server) find(key, namespace, name string) *object {
	return s.index[key+"/"+namespace+"/"+name]
}

// serve answers one request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	if s.Fault != nil && s.Fault(w, r) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch path := r.URL.Path; {
	case path == "/version":
		reply(w, map[string]string{"gitVersion": s.Version})
	case path == "/apis":
		reply(w, s.groups())
	case path == "/api/v1" || strings.HasPrefix(path, "/apis/") && strings.Count(path, "/") == 3:
		s.describe(w, strings.TrimPrefix(strings.TrimPrefix(path, "/apis/"), "/api/"))
	default:
		s.object(w, r)
	}
}

// groups is the answer of /apis.
func (s *Server) groups() any {
	type version struct {
		GroupVersion string `json:"groupVersion"`
	}
	type group struct {
		Name             string    `json:"name"`
		Versions         []version `json:"versions"`
		PreferredVersion version   `json:"preferredVersion"`
	}
	var groups []*group
	for _, r := range s.resources {
		if r.Group == "" {
			continue
		}
		i := slices.IndexFunc(groups, func(g *group) bool { return g.Name == r.Group })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &group{Name: r.Group, PreferredVersion: version{r.APIVersion()}})
		}
		if v := (version{r.APIVersion()}); !slices.Contains(groups[i].Versions, v) {
			groups[i].Versions = append(groups[i].Versions, v)
		}
	}
	return map[string]any{"kind": "APIGroupList", "groups": groups}
}

func (s *Server) describe(w http.ResponseWriter, groupVersion string) {
	list := []map[string]any{}
	for _, r := range s.resources {
		if r.APIVersion() == groupVersion {
			list = append(list, map[string]any{"name": r.Name, "kind": r.Kind, "namespaced": r.Namespaced, "verbs": []string{
				"get",
				"list", "patch", "watch",
			}})
		}
	}
	if len(list) == 0 {
		Status(w, http.StatusNotFound, "NotFound", "the server could not find the requested resource")
		return
	}
	reply(w, map[string]any{"kind": "APIResourceList", "groupVersion": groupVersion, "resources": list})
}

// object answers list, get, patch and create.
func (s *Server) object(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	group, version := "", ""
	if parts[0] == "api" && len(parts) > 2 {
		version, parts = parts[1], parts[2:]
	} else if parts[0] == "apis" && len(parts) > 3 {
		group, version, parts = parts[1], parts[2], parts[3:]
	}
	namespace := ""
	if parts[0] == "namespaces" && len(parts) > 2 {
		namespace, parts = parts[1], parts[2:]
	}
	i := slices.IndexFunc(s.resources, func(r kube.Resource) bool { return r.Group == group && r.Version == version && r.Name == parts[0] })
	if i < 0 {
		Status(w, http.StatusNotFound, "NotFound", "the server could not find the requested resource")
		return
	}
	res := s.resources[i]
	verb := map[string]string{http.MethodGet: "list", http.MethodPatch: "patch", http.MethodPost: "create"}[r.Method]
	if verb == "list" && len(parts) > 1 {
		verb = "get"
	}
	if s.forbidden[verb+" "+res.String()] {
		Status(w, http.StatusForbidden, "Forbidden", fmt.Sprintf(`%s is forbidden: User "reader" cannot %s resource %q`, res, verb, res.Name))
		return
	}
	if text := s.deprecate[res.String()]; text != "" {
		w.Header().Set("Warning", `299 - "`+text+`"`)
	}
	switch verb {
	case "list":
		s.list(w, r, res, namespace)
	case "create":
		s.create(w, r, res, namespace)
	case "get", "patch":
		o := s.find(res.String(), namespace, parts[1])
		if o == nil {
			Status(w, http.StatusNotFound, "NotFound", fmt.Sprintf("%s %q not found", res, parts[1]))
			return
		}
		if verb == "patch" && !s.patch(w, r, o) {
			return
		}
		replyJSON(w, o.json)
	}
}

// create puts an object that is not there.
func (s *Server) create(w http.ResponseWriter, r *http.Request, res kube.Resource, namespace string) {
	body, err := io.ReadAll(r.Body)
	var head struct{ Metadata struct{ Name string } }
	if err != nil || json.Unmarshal(body, &head) != nil || head.Metadata.Name == "" {
		Status(w, http.StatusBadRequest, "BadRequest", "not an object with a name")
		return
	}
	name := head.Metadata.Name
	if s.find(res.String(), namespace, name) != nil {
		Status(w, http.StatusConflict, "AlreadyExists", fmt.Sprintf("%s %q already exists", res, name))
		return
	}
	s.add(res.String(), &object{namespace: namespace, name: name, json: body})
	w.WriteHeader(http.StatusCreated)
	replyJSON(w, body)
}

// list answers one page. A token is the place where the next page begins.
func (s *Server) list(w http.ResponseWriter, r *http.Request, res kube.Resource, namespace string) {
	var matching []json.RawMessage
	for _, o := range s.objects[res.String()] {
		if (namespace == "" || o.namespace == namespace) && selects(r.URL.Query().Get("labelSelector"), o.labels) {
			matching = append(matching, o.json)
		}
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	to := len(matching)
	meta := map[string]any{"resourceVersion": "1000"}
	if limit > 0 && from+limit < to {
		to = from + limit
		meta["continue"] = strconv.Itoa(to)
	}
	items := matching[min(from, to):to]
	if items == nil {
		items = []json.RawMessage{}
	}
	reply(w, map[string]any{"kind": res.Kind + "List", "apiVersion": res.APIVersion(), "metadata": meta, "items": items})
}

// selects holds labels to a selector of equalities.
func selects(selector string, labels map[string]string) bool {
	for part := range strings.SplitSeq(selector, ",") {
		if key, value, ok := strings.Cut(part, "="); ok && labels[key] != strings.TrimPrefix(value, "=") {
			return false
		}
	}
	return true
}

// Status answers with an error of the API.
func Status(w http.ResponseWriter, code int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	body, _ := json.Marshal(map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
		"reason": reason, "message": message,
	})
	_, _ = w.Write(body)
}

func reply(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		Status(w, http.StatusInternalServerError, "InternalError", err.Error())
		return
	}
	replyJSON(w, body)
}

func replyJSON(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
