package runner

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// tokens keeps the OAuth2 tokens of a run: one for each side and set of
// credentials, renewed a little before it ends.
type tokens struct {
	mu   sync.Mutex
	held map[string]*token
}

type token struct {
	mu     sync.Mutex // one request at a time for the same token
	value  string
	expiry time.Time // zero: never
}

// slack is how long before its end a token is no longer used.
const slack = 10 * time.Second

func (t *tokens) entry(key string) *token {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held == nil {
		t.held = map[string]*token{}
	}
	if t.held[key] == nil {
		t.held[key] = &token{}
	}
	return t.held[key]
}

// oauth returns an access token of auth's grant (RFC 6749 4.3 and 4.4; the
// client authenticates with HTTP Basic). The token endpoint is called with the
// TLS settings of the service that the token is for.
func (w *walk) oauth(ctx context.Context, to *service, auth *scenarios.Auth, sc *scope) (string, error) {
	var fields [5]string
	for i, t := range []*scenarios.Template{auth.TokenURL, auth.ClientID, auth.ClientSecret, auth.User, auth.Password} {
		var err error
		if i == 2 || i == 4 {
			fields[i], err = w.secret(sc, "client_secret", t)
		} else {
			fields[i], err = sc.expand(t)
		}
		if err != nil {
			return "", err
		}
	}
	if sc.loose {
		return "{{oauth2 token}}", nil
	}
	endpoint := fields[0]
	if strings.HasPrefix(endpoint, "/") {
		endpoint = join(to.base, endpoint)
	}
	entry := w.suite.run.tokens.entry(strings.Join(append(fields[:], to.side.String(), fmt.Sprint(auth.Kind), strings.Join(auth.Scopes, " ")), "\x00"))
	entry.mu.Lock()
	defer entry.mu.Unlock()
	now := w.suite.run.now()
	if entry.value != "" && (entry.expiry.IsZero() || now.Before(entry.expiry.Add(-slack))) {
		return entry.value, nil
	}
	form := url.Values{}
	if auth.Kind == scenarios.AuthOAuth2Password {
		form.Set("grant_type", "password")
		form.Set("username", fields[3])
		form.Set("password", fields[4])
	} else {
		form.Set("grant_type", "client_credentials")
	}
	if len(auth.Scopes) > 0 {
		form.Set("scope", strings.Join(auth.Scopes, " "))
	}
	value, life, err := w.askToken(ctx, to, endpoint, form, basic(fields[1], fields[2]))
	if err != nil {
		return "", err
	}
	w.suite.run.secret("access_token", value)
	entry.value, entry.expiry = value, time.Time{}
	if life > 0 {
		entry.expiry = now.Add(life)
	}
	return value, nil
}

func (w *walk) askToken(ctx context.Context, to *service, endpoint string, form url.Values, authorization string) (string, time.Duration, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", 0, err
	}
	at := pick(to.side, w.suite.blue, w.suite.green).at(u)
	if at == nil { // an identity provider of its own: declared by the file, so it may be called
		config := to.config
		config.BaseURL, config.Resolve, config.Host, config.ServerName = endpoint, "", "", ""
		carrier, err := w.suite.run.pool.get(to.side, config)
		if err != nil {
			return "", 0, err
		}
		at = &service{side: to.side, name: "oauth2", base: u, config: config, wire: carrier}
	}
	headers := []wire.Field{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}, {Name: "Accept", Value: "application/json"}}
	if authorization != "" {
		headers = append(headers, wire.Field{Name: "Authorization", Value: authorization})
	}
	x := w.suite.run.send(ctx, at, &wire.Request{Method: "POST", URL: endpoint, Headers: headers, Body: []byte(form.Encode())}, &w.sent)
	switch {
	case x.Err != nil:
		return "", 0, fmt.Errorf("token endpoint %s: %s: %s", endpoint, x.Err.Class, x.Err.Detail)
	case x.Status != 200:
		return "", 0, fmt.Errorf("token endpoint %s answered %d", endpoint, x.Status)
	}
	if err := diff.Validate(x.Answer); err != nil {
		return "", 0, fmt.Errorf("token endpoint %s: %w", endpoint, err)
	}
	got := gjson.GetManyBytes(x.Answer, "access_token", "expires_in", "token_type")
	if got[0].Type != gjson.String || got[0].Str == "" {
		return "", 0, errors.New("the token endpoint's answer has no access_token")
	}
	if kind := got[2].String(); kind != "" && !strings.EqualFold(kind, "bearer") {
		return "", 0, fmt.Errorf("the token endpoint gave a %q token, not a bearer token", kind)
	}
	return got[0].Str, time.Duration(got[1].Float() * float64(time.Second)), nil
}
