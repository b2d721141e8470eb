package remote

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/remote/remotetest"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/scenarios/stage"
)

const (
	older  = "2026-11-23T03-12-45Z-stb-7f3a"
	newest = "2026-11-24T03-12-45Z-stb-8a4b"
)

// runDir makes what a finished run folder is to this package: files and their manifest.
func runDir(t *testing.T, folder string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), folder)
	m := archive.Manifest{Schema: 1, ID: folder[len("2026-11-23T03-12-45Z-"):], Verdict: run.Pass}
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(text))
		m.Files = append(m.Files, archive.FileDigest{Path: name, Size: int64(len(text)), SHA256: hex.EncodeToString(sum[:])})
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, archive.ManifestFile), text, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

var someFiles = map[string]string{
	"run.json": `{"id":"x"}`, "events.ndjson": "{}\n", "exchanges.ndjson": "", "bodies/aa/1": "body", "report.html": "<p>",
}

func open(t *testing.T) (*remotetest.Server, *Store) {
	t.Helper()
	server := remotetest.Start(t)
	s, err := Open(t.Context(), stage.Store{Bucket: remotetest.Bucket, Prefix: "stb/dev"})
	if err != nil {
		t.Fatal(err)
	}
	return server, s
}

func upload(t *testing.T, s *Store, folder string) string {
	t.Helper()
	dir := runDir(t, folder, someFiles)
	if err := s.Upload(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRoundTrip(t *testing.T) {
	server, s := open(t)
	dir := upload(t, s, older)
	puts := server.Puts()
	if puts[0] != "stb/dev/LATEST" || puts[len(puts)-1] != "stb/dev/"+older+"/manifest.json" {
		t.Errorf("the order of objects is %v", puts)
	}
	got, err := s.Fetch(t.Context(), older, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(slices.Collect(func(yield func(string) bool) {
		for name := range someFiles {
			yield(name)
		}
	}), archive.ManifestFile) {
		want, err1 := os.ReadFile(filepath.Join(dir, name))
		have, err2 := os.ReadFile(filepath.Join(got, name))
		if err1 != nil || err2 != nil || !bytes.Equal(want, have) {
			t.Errorf("%s: got %q (%v), want %q (%v)", name, have, err2, want, err1)
		}
	}
	if err := s.Upload(t.Context(), dir); err != nil {
		t.Errorf("a second upload of the same folder: %v", err)
	}
	server.Set("stb/dev/"+older+"/run.json", []byte("{}"))
	if err := s.Upload(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "another content") {
		t.Errorf("an upload over another content: got %v", err)
	}
}

// Names lead to the folder that they name, and the newest is the newest.
func TestResolve(t *testing.T) {
	_, s := open(t)
	if _, err := s.Resolve(t.Context(), "latest"); err == nil || !strings.Contains(err.Error(), "no run in s3://stb-runs/stb/dev") {
		t.Errorf("of nothing: got %v", err)
	}
	for _, day := range []string{"2026-11-19", "2026-11-20", "2026-11-21", "2026-11-22"} {
		upload(t, s, day+"T03-12-45Z-r-"+day)
	}
	upload(t, s, newest)
	upload(t, s, older)
	for ref, want := range map[string]string{"latest": newest, "stb-7f3a": older, older: older} {
		if got, err := s.Resolve(t.Context(), ref); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", ref, got, err, want)
		}
	}
	list, err := s.Runs(t.Context())
	if err != nil || len(list) != 6 || list[0] != newest {
		t.Errorf("got %v, %v", list, err)
	}
	if _, err := s.Resolve(t.Context(), "7f3b"); err == nil || !strings.Contains(err.Error(), `no run "7f3b"`) {
		t.Errorf("an id that is not there: got %v", err)
	}
}

// A store that withholds, shortens or changes something gives no run.
func TestFaults(t *testing.T) {
	at := "stb/dev/" + newest + "/"
	rows := []struct {
		name  string
		fault func(*remotetest.Server)
		want  string
	}{
		{"no manifest", func(s *remotetest.Server) { s.Set(at+"manifest.json", nil) }, "run is incomplete in the store"},
		{"a file is missing", func(s *remotetest.Server) { s.Set(at+"bodies/aa/1", nil) }, "is in the manifest, and the store does not have it"},
		{"a file is shorter", func(s *remotetest.Server) { s.Set(at+"run.json", []byte(`{"id"`)) }, "was cut off after 5 of 10 bytes"},
		{"a file is longer", func(s *remotetest.Server) { s.Set(at+"run.json", []byte(`{"id":"x"} `)) }, "another content"},
		{"a file is another", func(s *remotetest.Server) { s.Set(at+"run.json", []byte(`{"id":"y"}`)) }, "another content"},
		{"the manifest of another run", func(s *remotetest.Server) {
			s.Set(at+"manifest.json", s.Objects()["stb/dev/"+older+"/manifest.json"])
		}, "it is the manifest of run stb-7f3a"},
		{"no manifest at all", func(s *remotetest.Server) { s.Set(at+"manifest.json", []byte("<html>")) }, "manifest.json: "},
		{"a path that leads outside", func(s *remotetest.Server) {
			s.Set(at+"manifest.json", []byte(`{"schema":1,"id":"stb-8a4b","verdict":"pass",
				"files":[{"path":"../../x","size":1,"sha256":""}]}`))
		}, "is not a file of a run folder"},
		{"refused", func(s *remotetest.Server) {
			s.Fail(func(w http.ResponseWriter, _ *http.Request, _ string) bool {
				remotetest.Refuse(w, http.StatusForbidden, "AccessDenied")
				return true
			})
		}, "the store answered 403 AccessDenied"},
		{"a listing of last week", func(s *remotetest.Server) {
			old := remotetest.New()
			for key, data := range s.Objects() {
				if !strings.HasPrefix(key, at) {
					old.Set(key, data)
				}
			}
			s.Fail(func(w http.ResponseWriter, r *http.Request, _ string) bool {
				if r.URL.Query().Get("list-type") == "" {
					return false
				}
				old.ServeHTTP(w, r)
				return true
			})
		}, "was announced, and the listing does not show it"},
		{"cut off on its way", func(s *remotetest.Server) {
			s.Fail(func(w http.ResponseWriter, r *http.Request, key string) bool {
				if r.Method != http.MethodGet || !strings.HasSuffix(key, "run.json") {
					return false
				}
				w.Header().Set("Content-Length", "10")
				_, _ = w.Write([]byte(`{"id"`))
				return true
			})
		}, "was cut off after 5 of 10 bytes"},
		{"no answer", func(s *remotetest.Server) {
			s.Fail(func(_ http.ResponseWriter, r *http.Request, _ string) bool {
				<-r.Context().Done()
				return true
			})
		}, "did not answer in time"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			server, s := open(t)
			upload(t, s, older)
			upload(t, s, newest)
			row.fault(server)
			if row.name == "no answer" {
				s.patience = 20 * time.Millisecond
			}
			folder, err := s.Resolve(t.Context(), "latest")
			if err == nil {
				if folder != newest {
					t.Fatalf("latest is %s, an older run", folder)
				}
				_, err = s.Fetch(t.Context(), folder, t.TempDir())
			}
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

// An upload that ends at any of its requests leaves a run that is not read, and one that
// the next upload completes.
func TestUploadEnds(t *testing.T) {
	for at := range 2 + len(someFiles) {
		server, s := open(t)
		upload(t, s, older)
		dir := runDir(t, newest, someFiles)
		puts := 0
		server.Fail(func(w http.ResponseWriter, r *http.Request, _ string) bool {
			if r.Method != http.MethodPut {
				return false
			}
			if puts++; puts <= at {
				return false
			}
			remotetest.Refuse(w, http.StatusForbidden, "AccessDenied")
			return true
		})
		if err := s.Upload(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "403 AccessDenied") {
			t.Errorf("%d writes: got %v", at, err)
		}
		server.Fail(nil)
		folder, err := s.Resolve(t.Context(), "latest")
		if at > 0 && err == nil {
			t.Errorf("%d writes: the latest run is %s", at, folder)
		}
		if err := s.Upload(t.Context(), dir); err != nil {
			t.Errorf("%d writes: the second upload: %v", at, err)
		}
		if folder, err := s.Resolve(t.Context(), "latest"); folder != newest || err != nil {
			t.Errorf("%d writes: after the second upload the latest run is %q, %v", at, folder, err)
		}
	}
}

func TestChangedFolder(t *testing.T) {
	_, s := open(t)
	dir := runDir(t, older, someFiles)
	if err := os.WriteFile(filepath.Join(dir, "run.json"), []byte(`{"id":"y"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Upload(context.Background(), dir); err == nil || !strings.Contains(err.Error(), "run.json is not what the manifest says") {
		t.Errorf("got %v", err)
	}
}

// A list says when it is not known which run is the newest.
func TestHeadsWithoutTheNewest(t *testing.T) {
	server, s := open(t)
	upload(t, s, older)
	for what, latest := range map[string]string{"withheld": newest + "\n", "foreign": "<html>"} {
		server.Set("stb/dev/LATEST", []byte(latest))
		if unread, err := s.FetchHeads(t.Context(), t.TempDir(), 0); err != nil || len(unread) != 1 {
			t.Errorf("%s: left out %v, error %v", what, unread, err)
		}
	}
}
