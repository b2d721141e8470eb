package wire

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const clientSecret = "s3cr3t-of-the-client"

// tokenServer gives tokens t1, t2, … for 60 s and counts requests.
func tokenServer(t *testing.T, check func(*http.Request) (status int, body string)) (string, *atomic.Int64) {
	n := new(atomic.Int64)
	return httpServer(t, nil, "1", func(w http.ResponseWriter, r *http.Request) {
		i := n.Add(1)
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		if status, body := check(r); status != 0 {
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, body)
			return
		}
		_, _ = fmt.Fprintf(w, `{"access_token":"t%d","token_type":"bearer","expires_in":60}`, i)
	}) + "/token", n
}

func source(t *testing.T, config OAuth2) *TokenSource {
	t.Helper()
	s, err := NewTokenSource(transport(t, Config{BaseURL: config.TokenURL}), config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func basicOnly(r *http.Request) (int, string) {
	if user, password, _ := r.BasicAuth(); user != "box" || password != clientSecret || r.PostForm.Has("client_secret") {
		return 401, `{"error":"invalid_client"}`
	}
	return 0, ""
}

func TestOAuth2(t *testing.T) {
	noLeak(t)
	formOnly := func(r *http.Request) (int, string) {
		if r.PostForm.Get("client_id") != "box" || r.PostForm.Get("client_secret") != clientSecret {
			return 401, `{"error":"invalid_client"}`
		}
		return 0, ""
	}
	for _, c := range []struct {
		name     string
		check    func(*http.Request) (int, string)
		config   OAuth2
		grant    string
		requests int64
	}{
		{"client credentials", basicOnly, OAuth2{Scopes: []string{"a", "b"}}, "client_credentials", 1},
		{"client in the form", formOnly, OAuth2{}, "client_credentials", 2},
		{"password", basicOnly, OAuth2{User: "u", Password: "p"}, "password", 1},
	} {
		var grant, scope, user string
		url, n := tokenServer(t, func(r *http.Request) (int, string) {
			grant, scope, user = r.PostForm.Get("grant_type"), r.PostForm.Get("scope"), r.PostForm.Get("username")+r.PostForm.Get("password")
			return c.check(r)
		})
		c.config.TokenURL, c.config.ClientID, c.config.ClientSecret = url, "box", clientSecret
		s := source(t, c.config)
		now := time.Now()
		s.now = func() time.Time { return now }
		var wg sync.WaitGroup
		for range 20 { // of many callers one asks
			wg.Go(func() {
				got, err := s.Authorization(context.Background())
				if want := fmt.Sprintf("Bearer t%d", c.requests); err != nil || got != want {
					t.Errorf("%s: got %q, %v; want %q", c.name, got, err, want)
				}
			})
		}
		wg.Wait()
		if n.Load() != c.requests || grant != c.grant || scope != strings.Join(c.config.Scopes, " ") || user != c.config.User+c.config.Password {
			t.Errorf("%s: %d requests, grant %q, scope %q, user %q", c.name, n.Load(), grant, scope, user)
		}
		now = now.Add(49 * time.Second)
		if _, err := s.Authorization(context.Background()); err != nil || n.Load() != c.requests {
			t.Errorf("%s: asked again before the end: %d requests", c.name, n.Load())
		}
		now = now.Add(2 * time.Second)
		if got, err := s.Authorization(context.Background()); err != nil || n.Load() != c.requests+1 || got != fmt.Sprintf("Bearer t%d", c.requests+1) {
			t.Errorf("%s: at the end: got %q, %v, %d requests", c.name, got, err, n.Load())
		}
		s.Forget()
		if _, err := s.Authorization(context.Background()); err != nil || n.Load() != c.requests+2 {
			t.Errorf("%s: after Forget: %v, %d requests", c.name, err, n.Load())
		}
	}
}

func TestOAuth2Failures(t *testing.T) {
	noLeak(t)
	for _, c := range []struct {
		name     string
		status   int
		body     string
		class    Class
		detail   string
		requests int64
	}{
		{"invalid client", 401, `{"error":"invalid_client","error_description":"` + clientSecret + `"}`, ClassRequest, "token endpoint answered 401 invalid_client", 2},
		{"wrong password", 400, `{"error":"invalid_grant"}`, ClassRequest, "token endpoint answered 400 invalid_grant", 1},
		{"server error", 500, `oops ` + clientSecret, ClassRequest, "token endpoint answered 500", 1},
		{"redirect", 307, ``, ClassRequest, "token endpoint answered 307", 1},
		{"no token", 200, `{}`, ClassProtocol, "token endpoint: no token in the answer", 1},
		{"not json", 200, `<html>`, ClassProtocol, "token endpoint: no token in the answer", 1},
	} {
		url, n := tokenServer(t, func(*http.Request) (int, string) { return c.status, c.body })
		s := source(t, OAuth2{TokenURL: url, ClientID: "box", ClientSecret: clientSecret, User: "u", Password: clientSecret})
		got, err := s.Authorization(context.Background())
		if got != "" || err == nil || err.Class != c.class || err.Detail != c.detail || n.Load() != c.requests {
			t.Errorf("%s: got %q, %v, %d requests; want %s: %s, %d", c.name, got, err, n.Load(), c.class, c.detail, c.requests)
		}
	}
	dead := listen(t)
	url := "http://" + dead.Addr().String()
	_ = dead.Close()
	_, err := source(t, OAuth2{TokenURL: url, ClientID: "x"}).Authorization(context.Background())
	if err == nil || err.Class != ClassRefused {
		t.Errorf("refused: got %v", err)
	}
	base := rawServer(t, says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"))
	tr := transport(t, Config{BaseURL: base, Limits: Limits{Idle: 50 * time.Millisecond}})
	s, newErr := NewTokenSource(tr, OAuth2{TokenURL: base, ClientID: "x"})
	if newErr != nil {
		t.Fatal(newErr)
	}
	if _, err = s.Authorization(context.Background()); err == nil || err.Class != ClassTimeout {
		t.Errorf("body that stops: got %v", err)
	}
	for _, bad := range []OAuth2{{TokenURL: "/token", ClientID: "x"}, {TokenURL: base}} {
		if _, err := NewTokenSource(tr, bad); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}
