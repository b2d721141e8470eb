// Package remotetest is an object store in memory, for tests: the part of the S3 protocol
// that package remote uses, with the conditions of its writes. It checks no signature.
package remotetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A Server is a store of one bucket.
type Server struct {
	URL string

	mu      sync.Mutex
	objects map[string][]byte
	puts    []string
	// fault, where it reports true, has answered in place of the server.
	fault func(w http.ResponseWriter, r *http.Request, key string) bool
}

// Bucket is the bucket that every Server has.
const Bucket = "stb-runs"

// Start starts a store that ends with the test, and makes the SDK use it.
func Start(t testing.TB) *Server {
	t.Helper()
	s := New()
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.URL = h.URL
	for name, value := range Env(h.URL) {
		t.Setenv(name, value)
	}
	return s
}

// New is a store that is not started: an http.Handler.
func New() *Server { return &Server{objects: map[string][]byte{}} }

// Env is the environment in which the SDK uses a store at a URL.
func Env(url string) map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL_S3": url, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	}
}

// Fail makes f answer first; nil: nothing does.
func (s *Server) Fail(f func(w http.ResponseWriter, r *http.Request, key string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Objects are the contents by key, as a copy that may be changed.
func (s *Server) Objects() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.objects)
}

// Set replaces an object; nil removes it.
func (s *Server) Set(key string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects[key] = data; data == nil {
		delete(s.objects, key)
	}
}

// Puts are the keys that were written, in order.
func (s *Server) Puts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.puts)
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	s.mu.Lock()
	fault := s.fault
	s.mu.Unlock()
	switch {
	case fault != nil && fault(w, r, key):
	case bucket != Bucket:
		Refuse(w, http.StatusNotFound, "NoSuchBucket")
	case r.Method == http.MethodPut:
		s.put(w, r, key)
	case r.Method == http.MethodGet && r.URL.Query().Get("list-type") == "2":
		s.list(w, r)
	case r.Method == http.MethodGet:
		s.get(w, key)
	default:
		Refuse(w, http.StatusNotImplemented, "NotImplemented")
	}
}

func tagOf(data []byte) string { return fmt.Sprintf(`"%x"`, sha256.Sum256(data)) }

func (s *Server) put(w http.ResponseWriter, r *http.Request, key string) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	sum := sha256.Sum256(data)
	if want := r.Header.Get("X-Amz-Checksum-Sha256"); want != "" && want != base64.StdEncoding.EncodeToString(sum[:]) {
		Refuse(w, http.StatusBadRequest, "BadDigest")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, there := s.objects[key]
	if there && r.Header.Get("If-None-Match") == "*" || r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != tagOf(old) {
		Refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	s.objects[key] = data
	s.puts = append(s.puts, key)
	w.Header().Set("ETag", tagOf(data))
}

func (s *Server) get(w http.ResponseWriter, key string) {
	s.mu.Lock()
	data, there := s.objects[key]
	s.mu.Unlock()
	if !there {
		Refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	w.Header().Set("ETag", tagOf(data))
	_, _ = io.Copy(w, bytes.NewReader(data))
}

// listing is the answer to ListObjectsV2.
type listing struct {
	XMLName     xml.Name `xml:"ListBucketResult"`
	Prefixes    []prefix `xml:"CommonPrefixes"`
	IsTruncated bool
	Next        string `xml:"NextContinuationToken,omitempty"`
}

type prefix struct{ Prefix string }

// pageSize is small, so that tests see several pages.
const pageSize = 3

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.mu.Lock()
	var names []string
	for key := range s.objects {
		rest, ok := strings.CutPrefix(key, q.Get("prefix"))
		if folder, _, inside := strings.Cut(rest, "/"); ok && inside && folder > q.Get("continuation-token") {
			names = append(names, folder)
		}
	}
	s.mu.Unlock()
	slices.Sort(names)
	names = slices.Compact(names)
	out := listing{IsTruncated: len(names) > pageSize}
	if out.IsTruncated {
		names = names[:pageSize]
		out.Next = names[pageSize-1]
	}
	for _, name := range names {
		out.Prefixes = append(out.Prefixes, prefix{q.Get("prefix") + name + "/"})
	}
	w.Header().Set("Content-Type", "application/xml")
	_ = xml.NewEncoder(w).Encode(out)
}

// Refuse answers with an error of the protocol.
func Refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, http.StatusText(status))
}
