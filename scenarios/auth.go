package scenarios

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// auth reads none or one kind of authentication; nil when the key is absent or wrong.
func (w *walker) auth(o *obj, name string) *Auth {
	n := o.get(name)
	if n == nil {
		return nil
	}
	n = source.Deref(n)
	if n.Kind == yaml.ScalarNode {
		if n.Value != "none" {
			o.fail(n, `write auth: none, {bearer: …}, {basic: …}, {api_key: …}, {oauth2: …}, {digest: …}, {hmac: …} or {aws: …}`,
				"auth must be none or a mapping, not %q", problem.Cut(n.Value, 40))
			return nil
		}
		return &Auth{Kind: AuthNone, Pos: w.pos(n)}
	}
	a := w.object(n, "auth", "")
	out := &Auth{Pos: w.pos(n)}
	kinds := 0
	a.bind(out)
	if a.has("bearer") {
		kinds++
		out.Kind = AuthBearer
	}
	if x := a.sub("basic", "basic", "auth"); x != nil {
		kinds++
		out.Kind = AuthBasic
		x.bind(out)
	}
	if v := a.get("api_key"); v != nil {
		kinds++
		w.apiKey(v, out)
	}
	if v := a.get("oauth2"); v != nil {
		kinds++
		w.oauth2(v, out)
	}
	kinds += w.signing(a, out)
	if kinds != 1 && !a.broken {
		a.fail(n, "write one of "+strings.Join(authTable.names(), ", "), "auth has %d kinds", kinds)
	}
	if a.broken || out.Kind == 0 {
		o.broken = true
		return nil
	}
	return out
}

func (w *walker) apiKey(n *yaml.Node, out *Auth) {
	x := w.object(n, "api_key", "auth")
	out.Kind = AuthAPIKey
	x.bind(out)
	header, query := x.text("header"), x.text("query")
	switch {
	case header != "" && query != "":
		x.fail(x.at("query"), "", "an api_key is sent in a header or in the query, not both")
	case header != "":
		out.In, out.Name = "header", header
		if !template.IsToken(header) {
			x.fail(x.at("header"), "", "%q is not the name of a header", problem.Cut(header, 40))
		}
	case query != "":
		out.In, out.Name = "query", query
	case !x.broken:
		x.fail(x.n, "add header: X-Api-Key", "an api_key needs header or query")
	}
}

func (w *walker) oauth2(n *yaml.Node, out *Auth) {
	x := w.object(n, "oauth2", "auth")
	out.Kind = AuthOAuth2Client
	x.bind(out)
	if x.word("grant") == "password" {
		out.Kind = AuthOAuth2Password
		out.User, out.Password = x.template("user"), x.template("password")
		if (out.User == nil || out.Password == nil) && !x.broken {
			x.fail(x.n, "", "the password grant needs user and password")
		}
	} else if out.ClientSecret == nil && !x.broken {
		x.fail(x.n, "", "the client_credentials grant needs client_secret")
	}
	x.done(" with this grant")
}

// templates calls f for what an auth is made of.
func (a *Auth) templates(f func(*Template)) {
	if a == nil {
		return
	}
	for _, t := range []*Template{a.User, a.Password, a.Token, a.Value, a.TokenURL, a.ClientID, a.ClientSecret} {
		if t != nil {
			f(t)
		}
	}
	if h := a.HMAC; h != nil {
		f(h.Secret)
		f(h.Sign)
		f(h.Value)
	}
	if k := a.AWS; k != nil {
		for _, t := range []*Template{k.Region, k.Service, k.AccessKey, k.SecretKey, k.SessionToken} {
			if t != nil {
				f(t)
			}
		}
	}
}

// clientHeaders are written by the client from what it sends.
var clientHeaders = map[string]string{
	"host": "write host: in sides", "content-length": "it follows from the body", "transfer-encoding": "it follows from the body",
	"connection": "connections belong to the client", "keep-alive": "connections belong to the client",
	"upgrade": "upgrades are not part of a comparison", "te": "", "trailer": "", "expect": "",
}

func (w *walker) headerKey(k *yaml.Node) bool { return w.headerName(k, k.Value) }

// headerName holds the name of a request header to what a file may write.
func (w *walker) headerName(k *yaml.Node, text string) bool {
	name := strings.ToLower(text)
	switch hint, own := clientHeaders[name]; {
	case !template.IsToken(text):
		w.errorf(k, "", "%q is not the name of a header", problem.Cut(text, 40))
	case own:
		w.errorf(k, hint, "header %q is set by the client", text)
	case name == "cookie":
		w.errorf(k, "write cookies: {name: value}", "cookies have a key of their own")
	default:
		return true
	}
	return false
}

func (w *walker) cookieName(k *yaml.Node) bool {
	if template.IsToken(k.Value) {
		return true
	}
	w.errorf(k, "", "%q is not the name of a cookie", problem.Cut(k.Value, 40))
	return false
}

// checkLiterals reports control characters in what the file writes itself.
func (w *walker) checkLiterals(fields []Field, what string, check func(string) error) {
	for _, f := range fields {
		for i := range f.Value.Parts {
			if err := check(f.Value.Parts[i].Literal); err != nil {
				w.add(Problem{Pos: f.Pos, Width: len([]rune(f.Name)), Summary: what + " " + quoteName(f.Name) + ": " + err.Error()})
				break
			}
		}
	}
}

func quoteName(s string) string { return `"` + problem.Cut(s, 40) + `"` }

// HMACAuth signs a text made of the request with a shared secret.
type HMACAuth struct {
	Secret *Template
	Sign   *Template // the text; {{request.method}} and its like are parts of the request
	Header string    // that carries the signature
	Value  *Template // of the header; {{request.signature}} is the signature
	Hash   string    // sha256, sha512 or sha1
	Encode string    // hex or base64
}

// AWSAuth signs requests by AWS Signature Version 4.
type AWSAuth struct {
	Region, Service, AccessKey, SecretKey *Template
	SessionToken                          *Template // nil: no temporary credentials
}

// signing reads the kinds of authentication that sign each request, and returns
// how many there are.
func (w *walker) signing(a *obj, out *Auth) int {
	kinds := 0
	if x := a.sub("digest", "digest", "auth"); x != nil {
		kinds++
		out.Kind = AuthDigest
		x.bind(out)
		a.broken = a.broken || x.broken
	}
	if v := a.get("hmac"); v != nil {
		kinds++
		out.Kind, out.HMAC = AuthHMAC, w.hmac(a, v)
	}
	if x := a.sub("aws", "aws", "auth"); x != nil {
		kinds++
		out.Kind, out.AWS = AuthAWS, &AWSAuth{}
		x.bind(out.AWS)
		a.broken = a.broken || x.broken
	}
	return kinds
}

func (w *walker) hmac(a *obj, v *yaml.Node) *HMACAuth {
	x := w.object(v, "hmac", "auth")
	h := &HMACAuth{}
	x.bind(h)
	h.Hash, h.Encode = orElse(h.Hash, "sha256"), orElse(h.Encode, "hex")
	if h.Header == "" {
		h.Header = "Authorization"
	} else if !w.headerName(x.at("header"), h.Header) {
		x.broken = true
	}
	names := func(t *Template, prefix string) bool {
		return slices.ContainsFunc(t.Parts, func(p template.Part) bool { return strings.HasPrefix(p.Name, prefix) })
	}
	const signature = template.RequestPrefix + "signature"
	if h.Sign != nil {
		h.Sign.Signs = true
		switch {
		case names(h.Sign, signature):
			x.fail(x.at("sign"), "", "what is signed cannot hold the signature")
		case !names(h.Sign, template.RequestPrefix):
			x.fail(x.at("sign"), `write "{{request.method}} {{request.path}}", with what else the server signs`,
				"sign holds nothing of the request")
		}
	}
	switch {
	case h.Value != nil:
		if h.Value.Signs = true; !names(h.Value, signature) {
			x.fail(x.at("value"), `write "HMAC {{request.signature}}"`, "value does not hold the signature")
		}
	default:
		h.Value, _ = template.Parse("{{"+signature+"}}", w.pos(v))
		h.Value.Signs = true
	}
	a.broken = a.broken || x.broken
	return h
}

// kinds are the kinds of authentication that a step is sent with.
func (s *Suite) kinds(step *Step) []AuthKind {
	var out []AuthKind
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
