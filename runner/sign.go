package runner

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what some servers sign with
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/bgverify/bgverify/runner/random"
	"github.com/bgverify/bgverify/runner/services"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/template"
)

// A signer completes a request right before it leaves, each time that it leaves:
// a signature holds the time or a count. When that needs its own exchange
// which fails, the failed exchange stands for the request's.
type signer func(ctx context.Context) (failed *wire.Exchange, err error)

// signed completes the request.
func (o *outgoing) signed(ctx context.Context) (*wire.Exchange, error) {
	if o.signer == nil {
		return nil, nil
	}
	return o.signer(ctx)
}

// deliver signs a request and sends it, once more where the answer only asks for
// another signature. before is called right before it leaves, if it is not nil.
func (w *walk) deliver(ctx context.Context, out *outgoing, before func()) (*wire.Exchange, error) {
	for again := false; ; again = true {
		if failed, err := out.signed(ctx); failed != nil || err != nil {
			return failed, err
		}
		if before != nil {
			before()
		}
		var x *wire.Exchange
		if w.loaded != nil {
			x = w.loaded.sendOver(ctx, out)
		} else {
			x = w.suite.run.send(ctx, out.to, out.request, &w.sent)
		}
		if again || out.answered == nil || x.Err != nil || !out.answered(x) {
			return x, nil
		}
	}
}

// set puts a header in place of those of its name.
func (o *outgoing) set(name, value string) {
	o.request.Headers = slices.DeleteFunc(o.request.Headers, func(f wire.Field) bool { return strings.EqualFold(f.Name, name) })
	o.add(name, value)
}

// host is the Host field that will be sent.
func (o *outgoing) host() string {
	if o.to.Config.Host != "" {
		return o.to.Config.Host
	}
	u, err := url.Parse(o.request.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// target is the path and query as they will be sent.
func (o *outgoing) target() (path, query string) {
	u, err := url.Parse(o.request.URL)
	if err != nil {
		return "", ""
	}
	if path = u.EscapedPath(); path == "" {
		path = "/"
	}
	return path, u.RawQuery
}

// signByHMAC signs the text that the suite describes. The header is left alone
// when the step writes it itself.
func (w *walk) signByHMAC(out *outgoing, auth *scenarios.HMACAuth, sc *scope) error {
	if out.has(auth.Header) {
		return nil
	}
	if sc.loose != nil {
		out.add(auth.Header, "{{hmac signature}}")
		return nil
	}
	secret, err := w.secret(sc, "secret", auth.Secret)
	if err != nil {
		return err
	}
	// The text is made when the request is sent: it may hold the body, the time or a count.
	out.signer = func(context.Context) (*wire.Exchange, error) {
		parts := requestScope{scope: sc, out: out}
		text, err := auth.Sign.Expand(&parts)
		if err != nil {
			return nil, fmt.Errorf("auth: hmac: sign: %w", err)
		}
		// The text is the file's own form of the request; the signature is then part of another text,
		// the header's value.
		mac := hmac.New(hmacHashes[auth.Hash], []byte(secret))
		mac.Write([]byte(text.Text))
		parts.signature = hex.EncodeToString(mac.Sum(nil))
		if auth.Encode == "base64" {
			parts.signature = base64.StdEncoding.EncodeToString(mac.Sum(nil))
		}
		value, err := auth.Value.Expand(&parts)
		if err != nil {
			return nil, fmt.Errorf("auth: hmac: value: %w", err)
		}
		out.set(auth.Header, value.Text)
		return nil, nil
	}
	return nil
}

// hmacHashes are the hash functions by the names that a file gives them.
var hmacHashes = map[string]func() hash.Hash{"sha256": sha256.New, "sha512": sha512.New, "sha1": sha1.New}

// A requestScope also answers the parts of a request that is about to leave.
type requestScope struct {
	*scope
	// out is the request, as far as it is made.
	out *outgoing
	// signature is empty until the text is signed.
	signature string
}

// Lookup finds a variable or request.PART.
func (s *requestScope) Lookup(name string) (scenarios.Value, bool, error) {
	part, ok := strings.CutPrefix(name, "request.")
	if !ok {
		return s.scope.Lookup(name)
	}
	path, query := s.out.target()
	text, ok := map[string]string{
		"method": s.out.request.Method, "path": path, "query": query, "host": s.out.host(),
		"body": string(s.out.request.Body), "signature": s.signature,
	}[part]
	if ok {
		return template.TextValue(text), true, nil
	}
	// Several fields of one name are one list (RFC 9110, section 5.2).
	field := strings.TrimPrefix(part, "headers.")
	var values []string
	for _, f := range s.out.request.Headers {
		if strings.EqualFold(f.Name, field) {
			values = append(values, f.Value)
		}
	}
	return template.TextValue(strings.Join(values, ", ")), len(values) > 0, nil
}

// signByAWS signs with the time of sending.
func (w *walk) signByAWS(out *outgoing, auth *scenarios.AWSAuth, sc *scope) error {
	var key wire.AWS
	err := w.credentials(sc, []credential{
		{&key.Region, auth.Region, ""},
		{&key.Service, auth.Service, ""},
		{&key.AccessKey, auth.AccessKey, ""},
		{&key.SecretKey, auth.SecretKey, "secret_key"},
		{&key.SessionToken, auth.SessionToken, "session_token"},
	})
	if err != nil {
		return err
	}
	if sc.loose != nil {
		out.add("Authorization", "{{aws signature}}")
		return nil
	}
	out.signer = func(context.Context) (*wire.Exchange, error) {
		if err := key.Sign(out.request, out.host(), w.suite.run.now()); err != nil {
			return nil, fmt.Errorf("auth: aws: %s", err.Detail)
		}
		return nil, nil
	}
	return nil
}

// A digestKey is what a challenge is good for.
type digestKey struct {
	side                    scenarios.Side
	service, user, password string
}

// signByDigest answers the side's challenge.
//
//  1. A challenge is asked for without credentials and without a body, by the
//     step's own method when that is safe and by GET otherwise: a request that
//     leaves something behind is sent once, with its credentials.
//  2. A lane answers a challenge as long as it is good. Before a request that may
//     not be sent again a new one is asked for, since a stale one would end it.
//  3. A side that asks for no credentials has failed: the other may have asked.
func (w *walk) signByDigest(out *outgoing, auth *scenarios.Auth, step *scenarios.Step, sc *scope) error {
	var user, password string
	err := w.credentials(sc, []credential{{&user, auth.User, ""}, {&password, auth.Password, "password"}})
	if err != nil {
		return err
	}
	if sc.loose != nil {
		out.add("Authorization", "{{digest response}}")
		return nil
	}
	key := digestKey{out.to.Side, out.to.Name, user, password}
	drawn := random.Source(w.suite.run.plan.Options.Seed, "cnonce", w.id, sc.step, sc.lane.kind.String())
	out.signer = func(ctx context.Context) (*wire.Exchange, error) {
		d := sc.lane.digests[key]
		if d == nil || !step.Repeatable() { // Rule 2
			x := w.askChallenge(ctx, out)
			if x.Err != nil {
				return x, nil
			}
			d = challengeOf(x)
			if x.Err != nil {
				return x, nil
			}
			sc.lane.digests[key] = d
		}
		path, query := out.target()
		if query != "" {
			path += "?" + query
		}
		cnonce := fmt.Sprintf("%016x", drawn.Uint64())
		out.set("Authorization", d.Authorization(out.request.Method, path, out.request.Body, user, password, cnonce))
		return nil, nil
	}
	// An answer may bring the next nonce. A challenge that has become stale is answered once more,
	// with the new one, where the step may be sent twice.
	out.answered = func(x *wire.Exchange) (again bool) {
		d := sc.lane.digests[key]
		if d == nil {
			return false
		}
		d.Next(x.Headers)
		if x.Status != 401 {
			return false
		}
		delete(sc.lane.digests, key)
		challenge, err := wire.DigestChallenge(x.Headers)
		if err != nil || !challenge.Stale || !step.Repeatable() {
			return false
		}
		sc.lane.digests[key] = challenge
		return true
	}
	return nil
}

// challengeOf is the challenge of an answer. An answer that is none gets an error: rule 3.
func challengeOf(x *wire.Exchange) *wire.Digest {
	d, err := wire.DigestChallenge(x.Headers)
	if err == nil && x.Status != 401 {
		err = fmt.Errorf("status %d", x.Status)
	}
	if err != nil {
		x.Err = &wire.Err{Class: wire.ClassProtocol, Detail: fmt.Sprintf("digest: %s without credentials was answered %d: %v", x.Method,
			x.Status, err)}
	}
	return d
}

// askChallenge sends a request without its credentials and body (rule 1).
func (w *walk) askChallenge(ctx context.Context, out *outgoing) *wire.Exchange {
	ask := *out.request
	ask.Headers = slices.DeleteFunc(slices.Clone(ask.Headers), func(f wire.Field) bool {
		return strings.EqualFold(f.Name, "Authorization") || len(ask.Body) > 0 && strings.EqualFold(f.Name, "Content-Type")
	})
	ask.Body = nil
	if !scenarios.SafeMethod(ask.Method) {
		ask.Method = "GET"
	}
	return w.suite.run.send(ctx, out.to, &ask, &w.sent)
}

// tokens keeps the OAuth2 token sources of a run: one for each side and set of
// credentials.
type tokens struct {
	// mu guards held.
	mu sync.Mutex
	// held are the sources by side and credentials.
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
func (w *walk) oauth(ctx context.Context, to *services.Service, auth *scenarios.Auth, sc *scope) (string, error) {
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
		config.TokenURL = services.Join(to.Base, config.TokenURL)
	}
	source, err := w.tokenSource(to, config)
	if err != nil {
		return "", err
	}
	value, failure := source.Authorization(ctx)
	if failure != nil {
		return "", fmt.Errorf("oauth2: %s: %s", failure.Class, failure.Detail)
	}
	// The token is a secret of the run, though no file names it.
	if _, token, ok := strings.Cut(value, " "); ok {
		w.suite.run.secret("access_token", token)
	}
	return value, nil
}

// tokenSource is the source of tokens for one set of credentials on a side: all cases share it,
// so that the identity provider is asked once. A provider that is not a service of the side is
// called over a transport that has the side's settings, but not its pinned address.
func (w *walk) tokenSource(to *services.Service, config wire.OAuth2) (*wire.TokenSource, error) {
	// The lock is held through the making of a source, which sends nothing: its first use does.
	t := &w.suite.run.tokens
	key := fmt.Sprintf("%d %q", to.Side, config)
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
	if at := pick(to.Side, w.suite.blue, w.suite.green).At(u); at != nil {
		carrier = at.Wire
	} else {
		alone := to.Config
		alone.BaseURL, alone.Resolve, alone.Host, alone.ServerName = config.TokenURL, "", "", ""
		if carrier, err = w.suite.run.pool.Get(to.Side, alone); err != nil {
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
