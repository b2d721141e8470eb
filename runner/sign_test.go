package runner

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/runner/run"
)

// A digestServer asks for Digest credentials: each nonce is good for `good`
// requests, whose counts rise.
type digestServer struct {
	nonces map[string]int
	good   int
}

func md5Hex(parts ...string) string {
	sum := md5.Sum([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(sum[:])
}

// check holds a request to the last challenge; it says what to answer instead.
func (s *digestServer) check(w http.ResponseWriter, r *seen) bool {
	params := map[string]string{}
	scheme, rest, _ := strings.Cut(r.header.Get("Authorization"), " ")
	for p := range strings.SplitSeq(rest, ", ") {
		name, value, _ := strings.Cut(p, "=")
		params[name] = strings.Trim(value, `"`)
	}
	nonce := params["nonce"]
	used, known := s.nonces[nonce]
	stale := ""
	uri := r.path
	if r.query != "" {
		uri += "?" + r.query
	}
	want := md5Hex(md5Hex("box", "stb", "pass-word"), nonce, params["nc"], params["cnonce"], "auth", md5Hex(r.method, uri))
	if scheme == "Digest" && known && params["nc"] == fmt.Sprintf("%08x", used+1) && params["response"] == want && params["uri"] == uri {
		if used < s.good {
			s.nonces[nonce]++
			return true
		}
		stale = ", stale=true"
	}
	next := fmt.Sprintf("n%d", len(s.nonces)+1)
	s.nonces[next] = 0
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Basic realm="no", Digest realm="stb", nonce=%q, qop="auth"%s`, next, stale))
	w.WriteHeader(401)
	ok(w, `{"code":401}`)
	return false
}

// A lane answers a challenge again and again, asks for another when the nonce is
// stale, and sends what leaves something behind once, never without credentials.
func TestDigestAuth(t *testing.T) {
	servers := map[string]*digestServer{"blue": {map[string]int{}, 2}, "green": {map[string]int{}, 5}}
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		if servers[d.name].check(w, r) {
			ok(w, `{"n":%d}`, d.count("/d"))
		}
	})
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
defaults: {auth: {digest: {user: box, password: pass-word}}}
rules: [{header: www-authenticate, do: ignore, why: nonces are drawn}]
cases:
  - case: one
    steps:
      - {step: read, get: /a, query: {q: "한 글"}}
      - {step: again, get: /b}
      - {step: third, get: /c}
      - {step: write, post: /order, side_effects: compensated, json: {a: 1}}
      - {step: waits, get: /d, poll: {until: {body: {"$.n": {gte: 3}}}, every: 10ms, up_to: 2s}, compare: none, expect: {status: 200}}
`)
	want(t, r.run(), run.Pass)
	for _, d := range []*double{blue, green} {
		posts := 0
		for _, s := range d.seen {
			if s.method == "POST" {
				posts++
				if !strings.HasPrefix(s.header.Get("Authorization"), "Digest ") {
					t.Errorf("%s: an order without credentials", d.name)
				}
			}
		}
		if posts != 1 {
			t.Errorf("%s: %d orders", d.name, posts)
		}
	}
	if r.sink.secrets["pass-word"] == "" {
		t.Error("the password was not made a secret")
	}
	if one := r.sink.find(t, "s/one"); one.Flaky {
		t.Error("a stale nonce made the case flaky")
	}
}

func TestDigestAuthFailures(t *testing.T) {
	for _, tt := range []struct {
		name, password string
		greenAsks      bool
		why            string
	}{
		{"a wrong password is the answer 401", "another", true, "got 401"},
		{"a side that asks for nothing fails", "pass-word", false, "GET without credentials was answered 200: no Digest challenge"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			servers := map[string]*digestServer{"blue": {map[string]int{}, 9}, "green": {map[string]int{}, 9}}
			blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
				if d.name == "green" && !tt.greenAsks || servers[d.name].check(w, r) {
					ok(w, `{"n":1}`)
				}
			})
			r := newRig(t, blue, green).file("s.yaml", fmt.Sprintf(`
suite: s
defaults: {auth: {digest: {user: box, password: %s}}}
rules: [{header: www-authenticate, do: ignore, why: nonces are drawn}]
cases: [{case: one, get: /a}]
`, tt.password))
			want(t, r.run(), run.Fail, tt.why)
		})
	}
}

// The text is made of the request as it leaves, each time that it leaves.
func TestHMACAuth(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		body := sha256.Sum256([]byte(r.body))
		mac := hmac.New(sha256.New, []byte("shared-secret"))
		fmt.Fprintf(mac, "%s\n%s\n%s\n%s\n%x\nstb", r.method, (&url.URL{Path: r.path}).EscapedPath(), r.query, r.header.Get("X-Timestamp"), body)
		if want := "HMAC box:" + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.header.Get("X-Signature") != want || len(r.header.Get("X-Timestamp")) != 13 {
			w.WriteHeader(401)
			ok(w, `{"got":%q,"want":%q}`, r.header.Get("X-Signature"), want)
			return
		}
		ok(w, `{"v":1}`)
	})
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
vars: {client: box, salt: stb}
defaults:
  headers: {X-Timestamp: "{{$now | format: unix_ms}}"}
  auth:
    hmac:
      secret: shared-secret
      sign: "{{request.method}}\n{{request.path}}\n{{request.query}}\n{{request.headers.X-Timestamp}}\n{{request.body | sha256}}\n{{salt}}"
      header: X-Signature
      value: "HMAC {{client}}:{{request.signature}}"
      encode: base64
cases:
  - {case: read, get: /a b/한글, query: {q: "x y&z"}}
  - {case: write, post: /orders, side_effects: isolated, json: {price: 1650, title: 겨울}}
  - {case: own, get: /own, headers: {X-Signature: written by the step}, expect: {status: 401}, compare: none}
`)
	want(t, r.run(), run.Pass)
	if r.sink.secrets["shared-secret"] == "" {
		t.Error("the secret was not made one")
	}
}

// The signature is made for the host that is asked, with the time of sending.
func TestAWSAuth(t *testing.T) {
	blue, green := doubles(func(_ *double, w http.ResponseWriter, r *seen) {
		got := r.header.Get("Authorization")
		if !strings.HasPrefix(got, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") || !strings.Contains(got, "/ap-northeast-2/execute-api/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=") || r.header.Get("X-Amz-Security-Token") != "session-token" {
			w.WriteHeader(403)
		}
		ok(w, `{"v":1}`)
	})
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
defaults: {auth: {aws: {region: ap-northeast-2, service: execute-api, access_key: AKIDEXAMPLE, secret_key: secret-key, session_token: session-token}}}
cases: [{case: one, post: /a, side_effects: none, json: {a: 1}}]
`)
	want(t, r.run(), run.Pass)
	for _, secret := range []string{"secret-key", "session-token"} {
		if r.sink.secrets[secret] == "" {
			t.Errorf("%s was not made a secret", secret)
		}
	}
}
