package wire

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/internal/steady"
)

const nginxConf = `
daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
	keepalive_timeout 1s;
	gzip on; gzip_min_length 1; gzip_types text/plain application/json;
	server {
		listen %[2]s;
		listen %[3]s http2;
		listen %[4]s ssl http2;
		ssl_certificate %[5]s; ssl_certificate_key %[6]s;
		root %[1]s;
		default_type application/json;
		location /away { return 302 https://elsewhere.example/; }
		location /empty { return 204; }
		location /teapot { return 418 "short"; }
		location /ssi { ssi on; ssi_types application/json; }
	}
}`

// nginx runs a stranger's server: keep-alive that ends after a second, chunks,
// compression, HTTP/2. It returns the http, h2c and https URLs.
func nginx(t *testing.T, ca *authority, body string) (plain, h2c, secure string) {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		if path = "/usr/sbin/nginx"; exec.Command(path, "-v").Run() != nil {
			t.Skip("nginx is not installed: apt-get install nginx-light")
		}
	}
	dir := t.TempDir()
	at := [3]string{steady.Address(t), steady.Address(t), steady.Address(t)}
	host, _, _ := net.SplitHostPort(at[2])
	cert, key, _ := ca.issue(t, time.Now().Add(time.Hour), host)
	conf := filepath.Join(dir, "nginx.conf")
	for name, text := range map[string]string{
		conf:                            fmt.Sprintf(nginxConf, dir, at[0], at[1], at[2], cert, key),
		filepath.Join(dir, "body.json"): body,
		filepath.Join(dir, "ssi"):       body + `<!--# echo var="uri" -->`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, "-c", conf, "-p", dir)
	var output strings.Builder
	cmd.Stderr = &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 200 {
		if c, err := net.Dial("tcp", at[2]); err == nil {
			_ = c.Close()
			return "http://" + at[0], "http://" + at[1], "https://" + at[2]
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Skipf("nginx does not start here: %s", output.String())
	return "", "", ""
}

func TestNginx(t *testing.T) {
	noLeak(t)
	ca := newAuthority(t)
	body := strings.Repeat(`{"채널":1}`, 5000)
	plain, h2c, secure := nginx(t, ca, body)
	for _, c := range []struct {
		base  string
		http  string
		proto string
	}{{plain, "1.1", "HTTP/1.1"}, {h2c, "h2c", "HTTP/2.0"}, {secure, "", "HTTP/2.0"}, {secure, "1.1", "HTTP/1.1"}} {
		t.Run(c.base+" "+c.http, func(t *testing.T) {
			t.Parallel()
			steady.Try(t, func(t testing.TB) {
				tr := transport(t, Config{BaseURL: c.base, HTTP: c.http, CAFile: ca.file})
				for i := range 3 {
					x := get(t, tr, c.base+"/body.json")
					if x.Proto != c.proto || string(x.Answer) != body || x.Encoding != "" || x.Reused != (i > 0) || x.WireBytes != int64(len(body)) {
						t.Errorf("%s %q: got %s, %d bytes, encoding %q, reused %v", c.base, c.http, x.Proto, len(x.Answer), x.Encoding, x.Reused)
					}
				}
				x := get(t, tr, c.base+"/body.json", Field{"Accept-Encoding", "gzip"})
				if string(x.Answer) != body || x.Encoding != "gzip" || x.WireBytes >= int64(len(body))/10 || value(x.Headers, "Content-Encoding") != "gzip" {
					t.Errorf("%s %q, gzip: got %d bytes from %d, encoding %q", c.base, c.http, len(x.Answer), x.WireBytes, x.Encoding)
				}
				if x = get(t, tr, c.base+"/ssi"); string(x.Answer) != body+"/ssi" { // chunked over HTTP/1.1
					t.Errorf("%s %q, chunks: got %d bytes", c.base, c.http, len(x.Answer))
				}
				if x = get(t, tr, c.base+"/away"); x.Status != 302 || value(x.Headers, "Location") != "https://elsewhere.example/" {
					t.Errorf("%s %q, redirect: got %+v", c.base, c.http, x)
				}
				if x = get(t, tr, c.base+"/empty"); x.Status != 204 || x.Answer != nil {
					t.Errorf("%s %q, 204: got %+v", c.base, c.http, x)
				}
				x = tr.Do(context.Background(), &Request{Method: "POST", URL: c.base + "/teapot", Body: []byte("x")})
				if x.Err != nil || x.Status != 418 || string(x.Answer) != "short" || x.Attempts != 1 {
					t.Errorf("%s %q, POST: got %+v, %v", c.base, c.http, x, x.Err)
				}
				if tr.Opened() != 1 {
					t.Errorf("%s %q: %d connections, want 1", c.base, c.http, tr.Opened())
				}
				time.Sleep(1300 * time.Millisecond) // nginx closes the connection
				x = tr.Do(context.Background(), &Request{Method: "POST", URL: c.base + "/teapot", Body: []byte("x")})
				if x.Err != nil || x.Reused || x.Attempts != 1 || tr.Opened() != 2 {
					t.Errorf("%s %q, after the keep-alive: got %+v, %v, %d connections", c.base, c.http, x, x.Err, tr.Opened())
				}
				tr.Close()
			})
		})
	}
}
