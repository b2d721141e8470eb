package runner

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// tokens keeps the OAuth2 token sources of a run: one for each side and set of
// credentials.
type tokens struct {
	mu   sync.Mutex
	held map[string]*wire.TokenSource
}

// forget drops every token: an answer said that a session is over.
func (t *tokens) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.held {
		s.Forget()
	}
}

// oauth returns the Authorization value of auth's grant. The token endpoint is
// called over the transport of the side's service that it belongs to; an
// identity provider of its own is called because the file declares it.
func (w *walk) oauth(ctx context.Context, to *service, auth *scenarios.Auth, sc *scope) (string, error) {
	var config wire.OAuth2
	err := w.credentials(sc, []credential{
		{&config.TokenURL, auth.TokenURL, ""},
		{&config.ClientID, auth.ClientID, ""},
		{&config.ClientSecret, auth.ClientSecret, "client_secret"},
		{&config.User, auth.User, ""},
		{&config.Password, auth.Password, "password"},
	})
	if err != nil {
		return "", err
	}
	if sc.loose != nil {
		return "Bearer {{oauth2 token}}", nil
	}
	config.Scopes = auth.Scopes
	if strings.HasPrefix(config.TokenURL, "/") {
		config.TokenURL = join(to.base, config.TokenURL)
	}
	source, err := w.tokenSource(to, config)
	if err != nil {
		return "", err
	}
	value, failure := source.Authorization(ctx)
	if failure != nil {
		return "", fmt.Errorf("oauth2: %s: %s", failure.Class, failure.Detail)
	}
	if _, token, ok := strings.Cut(value, " "); ok {
		w.suite.run.secret("access_token", token)
	}
	return value, nil
}

func (w *walk) tokenSource(to *service, config wire.OAuth2) (*wire.TokenSource, error) {
	t := &w.suite.run.tokens
	key := fmt.Sprintf("%d %q", to.side, config)
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.held[key]; s != nil {
		return s, nil
	}
	u, err := url.Parse(config.TokenURL)
	if err != nil {
		return nil, err
	}
	var carrier *wire.Transport
	if at := pick(to.side, w.suite.blue, w.suite.green).at(u); at != nil {
		carrier = at.wire
	} else {
		alone := to.config
		alone.BaseURL, alone.Resolve, alone.Host, alone.ServerName = config.TokenURL, "", "", ""
		if carrier, err = w.suite.run.pool.get(to.side, alone); err != nil {
			return nil, err
		}
	}
	s, err := wire.NewTokenSource(carrier, config)
	if err != nil {
		return nil, err
	}
	if t.held == nil {
		t.held = map[string]*wire.TokenSource{}
	}
	t.held[key] = s
	return s, nil
}
