package scenarios

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/scenarios/template"
)

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
