package wire

import (
	"context"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"
)

// blackHole is an address whose queue of connections is full: what comes is
// neither taken nor refused, as behind a firewall that drops.
func blackHole(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 20 {
		c, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if err != nil {
			return addr // full
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Skip("the queue of this kernel cannot be filled")
	return ""
}

func TestBlackHole(t *testing.T) {
	noLeak(t)
	url := "http://" + blackHole(t)
	for _, method := range []string{"GET", "POST"} {
		tr := transport(t, Config{BaseURL: url, Limits: Limits{Connect: 200 * time.Millisecond}})
		x := tr.Do(context.Background(), &Request{Method: method, URL: url})
		if x.Err == nil || x.Err.Class != ClassTimeout || x.Err.Detail != "connect: 200ms passed" || x.Attempts != 0 {
			t.Errorf("%s: got %v after %d attempts, want the connect timeout after none", method, x.Err, x.Attempts)
		}
	}
}
