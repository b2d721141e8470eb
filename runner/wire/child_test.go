package wire

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// Some rows need a process of their own: one whose memory is measured, one
// whose descriptors are few. The test binary starts itself for them.
const childEnv = "BGVERIFY_WIRE_CHILD"

// theirs are goroutines that toxiproxy leaves when a toxic was in the middle of a connection.
var theirs = []goleak.Option{
	goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"),
	goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
	goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
	goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*Proxy).freeBlocker"),
}

func TestMain(m *testing.M) {
	if job, url, found := strings.Cut(os.Getenv(childEnv), " "); found {
		switch job {
		case "memory":
			childMemory(url)
		case "descriptors":
			childDescriptors(url)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, theirs...) // no test leaves a goroutine behind
}

// child runs a job against a server of this process and returns what it prints.
func child(t *testing.T, job, url string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+job+" "+url)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", job, err, out)
	}
	return string(out)
}

var memoryPaths = []string{"/endless", "/chunks", "/gzip", "/br", "/zstd", "/headers", "/informational", "/declared"}

func childMemory(url string) {
	t, err := New(Config{BaseURL: url, Limits: Limits{Ratio: 1 << 40}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		for _, path := range memoryPaths {
			x := t.Do(context.Background(), &Request{Method: "GET", URL: url + path})
			fmt.Println(path, x.Err)
		}
	}
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			fmt.Println("peak", strings.TrimSpace(rest))
		}
	}
}

// The whole process stays below 64 MB and the default body limit, whatever comes.
func TestHostileAnswersInBoundedRSS(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("no /proc to read the peak from")
	}
	if raceEnabled {
		t.Skip("the race detector's memory is not the product's")
	}
	bodies := map[string]string{}
	for _, coding := range []string{"gzip", "br", "zstd"} {
		bodies["/"+coding] = framed(coding, bomb(t, coding, 72<<20))
	}
	block := strings.Repeat("x", 1<<16)
	url := rawServer(t, func(c net.Conn, r *bufio.Reader) {
		req := readRequest(r)
		if req == nil {
			return
		}
		const ok = "HTTP/1.1 200 OK\r\n"
		switch path := req.URL.Path; path {
		case "/endless":
			_, _ = io.WriteString(c, ok+"\r\n")
			repeat(c, block)
		case "/chunks":
			_, _ = io.WriteString(c, ok+"Transfer-Encoding: chunked\r\n\r\n")
			repeat(c, "10000\r\n"+block+"\r\n")
		case "/headers":
			_, _ = io.WriteString(c, ok)
			repeat(c, "A: "+block[:1000]+"\r\n")
		case "/informational":
			repeat(c, "HTTP/1.1 103 Early Hints\r\nA: "+block[:1000]+"\r\n\r\n")
		case "/declared":
			_, _ = io.WriteString(c, ok+"Content-Length: 67108863\r\n\r\n")
			for range 1023 {
				_, _ = io.WriteString(c, block)
			}
		default:
			_, _ = io.WriteString(c, bodies[path])
		}
	})
	out := child(t, "memory", url)
	if n := strings.Count(out, "limit: "); n != 3*(len(memoryPaths)-1) || strings.Count(out, "truncated: ") != 3 {
		t.Errorf("answers got through:\n%s", out)
	}
	var kib int
	if _, err := fmt.Sscanf(out[strings.LastIndex(out, "peak"):], "peak %d kB", &kib); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	t.Logf("peak RSS %d MiB with a body limit of 64 MiB", kib>>10)
	if kib > (64+64)<<10 {
		t.Errorf("peak RSS %d MiB, want at most 128", kib>>10)
	}
}

func childDescriptors(url string) {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 24, Max: 24}); err != nil {
		fmt.Println(err)
		return
	}
	t, err := New(Config{BaseURL: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	answers := make(chan *Exchange)
	for range 40 {
		go func() { answers <- t.Do(context.Background(), &Request{Method: "GET", URL: url}) }()
	}
	for range 40 {
		if x := <-answers; x.Err != nil {
			fmt.Println(x.Err.Class)
		} else {
			fmt.Println("answered")
		}
	}
}

// Running out of descriptors is our fault, never green's.
func TestOutOfDescriptors(t *testing.T) {
	all := make(chan bool)
	url := rawServer(t, func(c net.Conn, r *bufio.Reader) {
		if readRequest(r) != nil {
			<-all
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
		}
	})
	cmdDone := make(chan string)
	go func() { cmdDone <- child(t, "descriptors", url) }()
	for range 5 { // some answers, late: the rest fails meanwhile
		all <- true
	}
	close(all)
	out := <-cmdDone
	answered, ours := strings.Count(out, "answered"), strings.Count(out, string(ClassDescriptors))
	if answered == 0 || ours == 0 || answered+ours != 40 {
		t.Errorf("got %d answers and %d failures of our own:\n%s", answered, ours, out)
	}
}
