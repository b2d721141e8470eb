package scenarios

import (
	"cmp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// readAuth reads none or one kind of authentication; nil when the key is absent or wrong. Two
// kinds are a problem and not a chain: a server takes one of them, and which one decides
// who the request belongs to.
func (w *walker) readAuth(o *keys.Mapping, name string) *Auth {
	n := o.Get(name)
	if n == nil {
		return nil
	}
	n = source.Deref(n)
	if n.Kind == yaml.ScalarNode {
		if n.Value != "none" {
			o.Fail(n, `write auth: none, {bearer: …}, {basic: …}, {api_key: …}, {oauth2: …}, {digest: …}, {hmac: …} or {aws: …}`,
				"auth must be none or a mapping, not %q", problem.Cut(n.Value, 40))
			return nil
		}
		return &Auth{Kind: AuthNone, Pos: w.Pos(n)}
	}
	a := w.Object(n, "auth", "")
	out := &Auth{Pos: w.Pos(n)}
	a.Bind(out)
	if a.Has("bearer") {
		out.Kind = AuthBearer
	}
	if x := a.Open("basic", "basic", "auth"); x != nil {
		out.Kind = AuthBasic
		x.Bind(out)
	}
	if v := a.Get("api_key"); v != nil {
		w.readAPIKey(v, out)
	}
	if v := a.Get("oauth2"); v != nil {
		w.readOAuth2(v, out)
	}
	w.readSigning(a, out)
	// Each key of the table is one kind.
	if kinds := len(present(a, a.Table.Names())); kinds != 1 && !a.Broken {
		a.Fail(n, "write one of "+strings.Join(a.Table.Names(), ", "), "auth has %d kinds", kinds)
	}
	if a.Broken || out.Kind == 0 {
		o.Broken = true
		return nil
	}
	return out
}

// readAPIKey reads a key that is sent in a header or in the query, not both.
func (w *walker) readAPIKey(n *yaml.Node, out *Auth) {
	x := w.Object(n, "api_key", "auth")
	out.Kind = AuthAPIKey
	x.Bind(out)
	header, query := x.Text("header"), x.Text("query")
	switch {
	case header != "" && query != "":
		x.Fail(x.At("query"), "", "an api_key is sent in a header or in the query, not both")
	case header != "":
		out.In, out.Name = "header", header
		x.Broken = !w.checkToken(x.At("header"), header, "header") || x.Broken
	case query != "":
		out.In, out.Name = "query", query
	case !x.Broken:
		x.Fail(x.Node, "add header: X-Api-Key", "an api_key needs header or query")
	}
}

// readOAuth2 reads a grant. client_credentials needs the client's secret, password a user and
// a password; keys of the other grant do nothing and are reported.
func (w *walker) readOAuth2(n *yaml.Node, out *Auth) {
	x := w.Object(n, "oauth2", "auth")
	out.Kind = AuthOAuth2Client
	x.Bind(out)
	if x.Word("grant") == "password" {
		out.Kind = AuthOAuth2Password
		out.User, out.Password = x.Template("user"), x.Template("password")
		if (out.User == nil || out.Password == nil) && !x.Broken {
			x.Fail(x.Node, "", "the password grant needs user and password")
		}
	} else if out.ClientSecret == nil && !x.Broken {
		x.Fail(x.Node, "", "the client_credentials grant needs client_secret")
	}
	x.RefuseUnread(" with this grant")
}

// templates calls f for what an auth is made of, nil for what it does not have; a nil Auth has
// nothing.
func (a *Auth) templates(f func(*Template)) {
	if a == nil {
		return
	}
	list := []*Template{a.User, a.Password, a.Token, a.Value, a.TokenURL, a.ClientID, a.ClientSecret}
	if h := a.HMAC; h != nil {
		list = append(list, h.Secret, h.Sign, h.Value)
	}
	if k := a.AWS; k != nil {
		list = append(list, k.Region, k.Service, k.AccessKey, k.SecretKey, k.SessionToken)
	}
	for _, t := range list {
		f(t)
	}
}

// clientHeaders are written by the client from what it sends.
// The values are hints: where the same is written instead. What has none is never sent.
var clientHeaders = map[string]string{
	"host": "write host: in sides", "content-length": "it follows from the body", "transfer-encoding": "it follows from the body",
	"connection": "connections belong to the client", "keep-alive": "connections belong to the client",
	"upgrade": "upgrades are not part of a comparison", "te": "", "trailer": "", "expect": "",
}

// checkHeaderKey is checkHeaderName for the key of a mapping.
func (w *walker) checkHeaderKey(k *yaml.Node) bool { return w.checkHeaderName(k, k.Value) }

// checkHeaderName holds the name of a request header to what a file may write: a token that the
// client does not write itself, and not Cookie, which the jar of a lane is merged into.
func (w *walker) checkHeaderName(k *yaml.Node, text string) bool {
	name := strings.ToLower(text)
	// The cases go from what no header is to what this client does not send from headers:.
	switch hint, own := clientHeaders[name]; {
	case !w.checkToken(k, text, "header"):
	case own:
		w.Errorf(k, hint, "header %q is set by the client", text)
	case name == "cookie":
		w.Errorf(k, "write cookies: {name: value}", "cookies have their own key")
	default:
		return true
	}
	return false
}

// checkCookieName checks the name of a cookie.
func (w *walker) checkCookieName(k *yaml.Node) bool { return w.checkToken(k, k.Value, "cookie") }

// checkToken reports a name of a header or cookie that no such thing can have.
func (w *walker) checkToken(n *yaml.Node, name, what string) bool {
	if !template.IsToken(name) {
		w.Errorf(n, "", "%q is not the name of a %s", problem.Cut(name, 40), what)
		return false
	}
	return true
}

// checkLiterals reports control characters in what the file writes itself.
// What placeholders bring is checked when the request is rendered.
func (w *walker) checkLiterals(fields []Field, what string, check func(string) error) {
	for _, f := range fields {
		for i := range f.Value.Parts {
			if err := check(f.Value.Parts[i].Literal); err != nil {
				w.failAt(f.Pos, f.Name, "", "%s %s: %v", what, quoteName(f.Name), err)
				break
			}
		}
	}
}

// quoteName is a name in quotes as messages show it, cut to 40 characters.
func quoteName(s string) string { return `"` + problem.Cut(s, 40) + `"` }

// HMACAuth signs a text made of the request with a shared secret.
type HMACAuth struct {
	// Secret is the shared key. It is used as its bytes, not decoded.
	Secret *Template
	// Sign is the text that is signed; {{request.method}} and its like are parts of the request.
	Sign *Template
	// Header carries the signature; Authorization without a word of the file.
	Header string
	Value  *Template // of the header; {{request.signature}} is the signature
	// Hash is sha256, sha512 or sha1, and Encode how its result is written: hex or base64.
	Hash   string // sha256, sha512 or sha1
	Encode string // hex or base64
}

// AWSAuth signs requests by AWS Signature Version 4.
type AWSAuth struct {
	// Region and Service are those of the signed request; the keys are those of an IAM user or
	// role.
	Region, Service, AccessKey, SecretKey *Template
	// SessionToken belongs to temporary credentials; nil: there are none.
	SessionToken *Template
}

// readSigning reads the kinds of authentication that sign each request. They are computed by the runner when the rest of the request is known.
func (w *walker) readSigning(a *keys.Mapping, out *Auth) {
	if x := a.Open("digest", "digest", "auth"); x != nil {
		out.Kind = AuthDigest
		x.Bind(out)
		a.Broken = a.Broken || x.Broken
	}
	if v := a.Get("hmac"); v != nil {
		out.Kind, out.HMAC = AuthHMAC, w.readHMAC(a, v)
	}
	if x := a.Open("aws", "aws", "auth"); x != nil {
		out.Kind, out.AWS = AuthAWS, &AWSAuth{}
		x.Bind(out.AWS)
		a.Broken = a.Broken || x.Broken
	}
}

// readHMAC reads a signature with a shared secret. Without a header it is Authorization, without
// a hash sha256, in hex, and without a value the header is the signature alone.
func (w *walker) readHMAC(a *keys.Mapping, v *yaml.Node) *HMACAuth {
	x := w.Object(v, "hmac", "auth")
	h := &HMACAuth{}
	x.Bind(h)
	h.Hash, h.Encode = cmp.Or(h.Hash, "sha256"), cmp.Or(h.Encode, "hex")
	if h.Header == "" {
		h.Header = "Authorization"
	} else if !w.checkHeaderName(x.At("header"), h.Header) {
		x.Broken = true
	}
	// names reports whether a template has a placeholder that begins so.
	names := func(t *Template, prefix string) bool {
		return slices.ContainsFunc(t.Parts, func(p template.Part) bool { return strings.HasPrefix(p.Name, prefix) })
	}
	const signature = template.RequestPrefix + "signature"
	// A text without any part of the request would be one signature for every request, and
	// one with the signature would need itself.
	if h.Sign != nil {
		h.Sign.Signs = true
		switch {
		case names(h.Sign, signature):
			x.Fail(x.At("sign"), "", "what is signed cannot hold the signature")
		case !names(h.Sign, template.RequestPrefix):
			x.Fail(x.At("sign"), `write "{{request.method}} {{request.path}}", with what else the server signs`,
				"sign holds nothing of the request")
		}
	}
	switch {
	case h.Value != nil:
		if h.Value.Signs = true; !names(h.Value, signature) {
			x.Fail(x.At("value"), `write "HMAC {{request.signature}}"`, "value does not hold the signature")
		}
	default:
		h.Value, _ = template.Parse("{{"+signature+"}}", w.Pos(v))
		h.Value.Signs = true
	}
	a.Broken = a.Broken || x.Broken
	return h
}

// kinds are the kinds of authentication that a step is sent with.
// Each side may have its own; a load stage asks before it makes its requests.
func (s *Suite) kinds(step *Step) []AuthKind {
	var out []AuthKind
	// The nearest word wins: the step's, the service's, the side's.
	for _, side := range []*SideConfig{&s.Blue, &s.Green} {
		auth := side.Auth
		for _, service := range side.Services {
			if service.Name == step.Service && service.Auth != nil {
				auth = service.Auth
			}
		}
		if step.Auth != nil {
			auth = step.Auth
		}
		if auth != nil {
			out = append(out, auth.Kind)
		}
	}
	return out
}

// AuthKind is the kind of authentication. Zero is invalid: "none" is a kind.
type AuthKind uint8

// Auth says how a request proves who sends it. Which fields count depends on Kind; the
// others are nil or empty. Values are templates, so that a token may be a capture.
type Auth struct {
	Kind AuthKind
	// User and Password are those of basic, digest and the password grant.
	User, Password *Template
	// Token is sent by bearer.
	Token *Template
	// Name is the header or query parameter of an API key, In is "header" or "query", and
	// Value is what is sent there.
	Name  string
	In    string    // api key: "header" or "query"
	Value *Template // api key
	// TokenURL answers with an access token of OAuth 2, for the client and its Scopes.
	TokenURL     *Template
	ClientID     *Template
	ClientSecret *Template
	Scopes       []string
	// HMAC and AWS sign each request; nil for every other kind.
	HMAC *HMACAuth
	AWS  *AWSAuth
	Pos  Pos
}

// The auth kinds.
const (
	// AuthNone overrides what defaults, service and side would send.
	AuthNone AuthKind = iota + 1
	// AuthBasic sends user and password in base64 (RFC 7617).
	AuthBasic
	// AuthBearer sends a token (RFC 6750).
	AuthBearer
	// AuthAPIKey sends a value in a header or in the query.
	AuthAPIKey
	// AuthOAuth2Client and AuthOAuth2Password ask a server for a token first, each side its own.
	AuthOAuth2Client
	AuthOAuth2Password
	// AuthDigest answers the challenge of a first request (RFC 7616).
	AuthDigest
	// AuthHMAC signs a text made of the request, as the file says; see [HMACAuth].
	AuthHMAC
	// AuthAWS signs by AWS Signature Version 4; see [AWSAuth].
	AuthAWS
)
