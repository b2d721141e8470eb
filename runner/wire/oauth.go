package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// OAuth2 says how a side gets its tokens: with User by the password grant,
// without by client credentials.
type OAuth2 struct {
	TokenURL               string
	ClientID, ClientSecret string
	User, Password         string
	Scopes                 []string
}

// A TokenSource gets and keeps the access token of one side. It is safe for
// concurrent use; of many callers that need a token one asks for it. Tokens
// never appear in its errors.
type TokenSource struct {
	config OAuth2
	client *http.Client
	turn   chan struct{} // holds one value while token is free
	token  *oauth2.Token
	style  oauth2.AuthStyle
	now    func() time.Time
}

// earlyRefresh is how long before its end a token is not used any more.
const earlyRefresh = 10 * time.Second

// NewTokenSource makes a source whose requests go through t: the token
// endpoint's own transport, with that side's certificates and pins. Redirects
// are not followed.
func NewTokenSource(t *Transport, config OAuth2) (*TokenSource, error) {
	if u, err := url.Parse(config.TokenURL); err != nil || u.Host == "" {
		return nil, errors.New("oauth2: token url is not an absolute URL")
	}
	if config.ClientID == "" {
		return nil, errors.New("oauth2: no client id")
	}
	s := &TokenSource{config: config, turn: make(chan struct{}, 1), style: oauth2.AuthStyleInHeader, now: time.Now}
	s.turn <- struct{}{}
	s.client = &http.Client{
		Transport:     exchanger{t},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s, nil
}

// Authorization is the value of the Authorization header.
func (s *TokenSource) Authorization(ctx context.Context) (string, *Err) {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return "", &Err{Class: ClassCanceled, Detail: "the run was stopped"}
	}
	defer func() { s.turn <- struct{}{} }()
	if t := s.token; t == nil || !t.Expiry.IsZero() && !t.Expiry.After(s.now().Add(earlyRefresh)) {
		token, err := s.fetch(ctx)
		if err != nil {
			return "", s.failure(err)
		}
		s.token = token
	}
	return s.token.Type() + " " + s.token.AccessToken, nil
}

// Forget drops the token: a server has refused it.
func (s *TokenSource) Forget() {
	<-s.turn
	s.token = nil
	s.turn <- struct{}{}
}

// fetch asks for a token. RFC 6749 wants the client named in the Authorization
// header; a server that refuses that is asked once with the client in the form,
// and the way that worked is kept.
func (s *TokenSource) fetch(ctx context.Context) (*oauth2.Token, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, s.client)
	token, err := s.ask(ctx, s.style)
	var answered *oauth2.RetrieveError
	if s.token == nil && s.style == oauth2.AuthStyleInHeader && errors.As(err, &answered) &&
		(answered.Response.StatusCode == http.StatusUnauthorized || answered.Response.StatusCode == http.StatusBadRequest) &&
		answered.ErrorCode != "invalid_grant" {
		if second, secondErr := s.ask(ctx, oauth2.AuthStyleInParams); secondErr == nil {
			s.style = oauth2.AuthStyleInParams
			return second, nil
		}
	}
	return token, err
}

// ask requests a token from the server, by client credentials or, where a user is given, by
// password. style is where the client's credentials go: servers differ, and one that refuses the
// header may take the body.
func (s *TokenSource) ask(ctx context.Context, style oauth2.AuthStyle) (*oauth2.Token, error) {
	c := s.config
	if c.User == "" {
		return (&clientcredentials.Config{
			ClientID: c.ClientID, ClientSecret: c.ClientSecret, TokenURL: c.TokenURL, Scopes: c.Scopes, AuthStyle: style,
		}).Token(ctx)
	}
	return (&oauth2.Config{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, Scopes: c.Scopes,
		Endpoint: oauth2.Endpoint{TokenURL: c.TokenURL, AuthStyle: style},
	}).PasswordCredentialsToken(ctx, c.User, c.Password)
}

// failure keeps the server's error code and drops its answer, which may hold
// what was sent.
func (s *TokenSource) failure(err error) *Err {
	var answered *oauth2.RetrieveError
	if errors.As(err, &answered) && answered.Response != nil {
		detail := fmt.Sprintf("token endpoint answered %d", answered.Response.StatusCode)
		if answered.ErrorCode != "" {
			detail += " " + tidyText(answered.ErrorCode)
		}
		return &Err{Class: ClassRequest, Detail: detail}
	}
	var known *Err
	if errors.As(err, &known) {
		return &Err{Class: known.Class, Detail: "token endpoint: " + known.Detail}
	}
	return &Err{Class: ClassProtocol, Detail: "token endpoint: no token in the answer"}
}

// An exchanger answers an http.Client by Transport.Do: the answer is whole and
// decoded, or the error is an *Err.
type exchanger struct{ t *Transport }

// RoundTrip sends one request.
func (e exchanger) RoundTrip(req *http.Request) (*http.Response, error) {
	r := &Request{Method: req.Method, URL: req.URL.String(), Headers: SortedFields(req.Header)}
	if req.Body != nil {
		var err error
		r.Body, err = io.ReadAll(req.Body)
		if err = errors.Join(err, req.Body.Close()); err != nil {
			return nil, err
		}
	}
	x := e.t.Do(req.Context(), r)
	if x.Err != nil {
		return nil, x.Err
	}
	resp := &http.Response{
		StatusCode: x.Status, Status: http.StatusText(x.Status), Proto: x.Proto, Request: req,
		Header: http.Header{}, ContentLength: int64(len(x.Answer)), Body: io.NopCloser(bytes.NewReader(x.Answer)),
	}
	for _, f := range x.Headers {
		resp.Header.Add(f.Name, f.Value)
	}
	return resp, nil
}
