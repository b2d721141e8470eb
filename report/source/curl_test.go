package source

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/runner/wire"
)

// got is what the echo server saw.
type got struct {
	Method, URI string
	Header      http.Header
	Body        []byte
}

// TestCurlSendsTheSameBytes runs the commands of drawn requests in a shell and
// compares what an echo server sees with what the exchange says was sent.
func TestCurlSendsTheSameBytes(t *testing.T) {
	for _, name := range []string{"curl", "sh"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
	arrived := make(chan got, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		arrived <- got{r.Method, r.RequestURI, r.Header, body}
	}))
	defer server.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		x := drawExchange(r, server.URL)
		line := curl(x, curlOptions{})
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Env = []string{"PATH=/usr/bin:/bin", "BGVERIFY_VAR_TOKEN=s3cr3t'\"$x"}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("request %d: %v\n%s\n%s", i, err, line, out)
		}
		seen := <-arrived
		want := got{x.Method, strings.TrimPrefix(x.URL, server.URL), http.Header{}, x.Body}
		for _, f := range x.Sent {
			if f.Name != "Host" {
				want.Header.Add(f.Name, strings.ReplaceAll(f.Value, "<secret:token#3f2a>", "s3cr3t'\"$x"))
			}
		}
		seen.Header.Del("Content-Length")
		if len(want.Body) == 0 {
			want.Body, seen.Body = nil, nil
		}
		if d := cmp.Diff(want, seen); d != "" {
			t.Fatalf("request %d: %s\n(-want +got)\n%s", i, line, d)
		}
	}
}

// drawExchange makes a request of all that a shell or curl might misread.
func drawExchange(r *rand.Rand, base string) *wire.Exchange {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	text := func() string {
		var b strings.Builder
		for range r.IntN(5) {
			b.WriteString(pick("'", `"`, "$HOME", "`id`", `\`, "!", "*", "{a,b}", "[1-3]", "한글", "@file", "%41", "a b", "&", ";", "#", "~", "\\n", "<", "|", "-d"))
		}
		return b.String()
	}
	x := &wire.Exchange{
		Method: pick("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"), Proto: "HTTP/1.1",
		URL:  base + pick("/", "/a/../b", "/v1/[x]{y}", "/%2e%2e/c", "/it's", "/$(id)") + pick("", "?q=1&r=%20", "?a=[1-9]&b={x,y}", "?it's"),
		Sent: []wire.Field{{Name: "Host", Value: strings.TrimPrefix(base, "http://")}},
	}
	if r.IntN(2) == 0 {
		x.Sent = append(x.Sent, wire.Field{Name: "Accept", Value: "application/json"}, wire.Field{Name: "User-Agent", Value: "stb/1.0"})
	}
	if r.IntN(2) == 0 {
		x.Sent = append(x.Sent, wire.Field{Name: "Authorization", Value: "Bearer <secret:token#3f2a>"})
	}
	if v := strings.TrimSpace(text()); r.IntN(2) == 0 {
		x.Sent = append(x.Sent, wire.Field{Name: "X-Odd", Value: v}, wire.Field{Name: "X-Odd", Value: "second"})
	}
	if x.Method == "GET" || x.Method == "OPTIONS" || x.Method == "DELETE" {
		return x
	}
	switch r.IntN(4) {
	case 0:
		x.Body = []byte(`{"memo":"` + text() + `"}` + "\n\n")
	case 1:
		x.Body = []byte("@/etc/passwd\r\n\x00\x1b[31m\xff")
	case 2:
		x.Body = bytes.Repeat([]byte("큰 값 "), 4000)
	default:
		x.Body = []byte(text() + "=" + text())
	}
	if r.IntN(2) == 0 {
		x.Sent = append(x.Sent, wire.Field{Name: "Content-Type", Value: "application/json"})
	}
	return x
}

func TestShellWord(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("sh is not installed")
	}
	for _, s := range []string{"", "plain", "it's", "$HOME", "a\nb", "\x1b[2J", "한글", "\u202eab", "%s\\n", "--flag", "*"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf '%s' "+shellWord(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("shellWord(%q) = %s reads as %q (%v)", s, shellWord(s), out, err)
		}
	}
}
