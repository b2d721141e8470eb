package remote

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/bgverify/bgverify/internal/steady"
	"github.com/bgverify/bgverify/report/archive/remote/remotetest"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// A server that others wrote, which checks signatures and conditions: make test-store.
func TestReal(t *testing.T) {
	binary := os.Getenv("BGVERIFY_S3_SERVER")
	if binary == "" {
		t.Skip("BGVERIFY_S3_SERVER names no versitygw: not tried against a real server")
	}
	address := steady.Address(t)
	disk := t.TempDir()
	if err := os.Mkdir(filepath.Join(disk, remotetest.Bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, value := range remotetest.Env("http://" + address) {
		t.Setenv(name, value)
	}
	server := exec.CommandContext(t.Context(), binary, "--access", os.Getenv("AWS_ACCESS_KEY_ID"),
		"--secret", os.Getenv("AWS_SECRET_ACCESS_KEY"), "--region", os.Getenv("AWS_REGION"), "--port", address, "posix", disk)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Wait() }) // the context of the test ends it first
	for range 100 {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	s, err := Open(t.Context(), stage.Store{Bucket: remotetest.Bucket, Prefix: "stb/dev"})
	if err != nil {
		t.Fatal(err)
	}
	dir := upload(t, s, older)
	upload(t, s, newest)
	if err := s.Upload(t.Context(), dir); err != nil {
		t.Errorf("a second upload: %v", err)
	}
	for ref, want := range map[string]string{"latest": newest, "stb-7f3a": older} {
		folder, err := s.Resolve(t.Context(), ref)
		if folder != want || err != nil {
			t.Errorf("%s: got %q, %v", ref, folder, err)
		}
		if _, err := s.Fetch(t.Context(), want, t.TempDir()); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
	object := filepath.Join(disk, remotetest.Bucket, "stb/dev", newest, "run.json")
	if err := errors.Join(os.WriteFile(object, []byte(`{"id":"y"}`), 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Fetch(t.Context(), newest, t.TempDir()); err == nil {
		t.Error("a changed object was read")
	}
	if err := os.Remove(object); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Fetch(t.Context(), newest, t.TempDir()); err == nil {
		t.Error("a run without one of its objects was read")
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	other, err := Open(t.Context(), stage.Store{Bucket: remotetest.Bucket, Prefix: "stb/dev"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Resolve(t.Context(), "latest"); err == nil {
		t.Error("a wrong key was accepted")
	}
}
