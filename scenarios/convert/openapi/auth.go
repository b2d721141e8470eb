package openapi

import (
	"net/url"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/openapi"
)

// auth writes how an operation proves who sends it: the first alternative that can be
// written. Credentials come from the environment, in variables named after the scheme.
func (im *importer) auth(s *suite, c *model.Case, o *openapi.Operation, r *request) {
	if len(o.Security) == 0 {
		return
	}
	// Any of the alternatives will do. Where none can be written, the first is listed.
	best := o.Security[0]
	for _, alternative := range o.Security {
		if !slices.ContainsFunc(alternative, func(name string) bool { return im.cannot(name) != "" }) {
			best = alternative
			break
		}
	}
	im.report.Mapped(model.Auths, 1)
	for _, name := range best {
		if why := im.cannot(name); why != "" {
			im.report.Unmap(model.Auths, 1)
			im.lose(c, model.Auths, o.Pos.String()+" security "+naming.OneLine(name, 60), why)
			r.skip = append(r.skip, "its security scheme "+naming.OneLine(name, 40)+" is not converted")
			return
		}
		im.prove(s, o, im.scheme(name), r)
	}
}

func (im *importer) scheme(name string) *openapi.Scheme {
	i := slices.IndexFunc(im.d.Schemes, func(s *openapi.Scheme) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return im.d.Schemes[i]
}

// cannot says why a scheme has no place in a suite; empty: it has.
func (im *importer) cannot(name string) string {
	s := im.scheme(name)
	switch {
	case s == nil:
		return "the document has no such scheme"
	case s.Type == "apiKey" && (naming.IsToken(s.Param) || s.In == "query" && s.Param != "") &&
		slices.Contains([]string{"header", "query", "cookie"}, s.In):
		return ""
	case s.Type == "http" && slices.Contains([]string{"basic", "bearer", "digest"}, s.Scheme),
		s.Type == "oauth2", s.Type == "openIdConnect", s.Type == "mutualTLS":
		return ""
	}
	return "a scheme of type " + naming.OneLine(s.Type+" "+s.Scheme, 40)
}

// prove adds one scheme to a request.
func (im *importer) prove(s *suite, o *openapi.Operation, scheme *openapi.Scheme, r *request) {
	env := func(what string) string { return im.credential(s, scheme.Name, what) }
	// A step has one authentication. Keys and cookies may be added to it, other schemes not.
	set := func(a *model.Auth) {
		if r.auth == nil {
			r.auth = a
			return
		}
		im.report.Note(im.caseIDs[o], "needs several schemes at once; %s is not sent", scheme.Name)
		r.skip = append(r.skip, "it needs several security schemes at once")
	}
	switch scheme.Type {
	case "apiKey":
		switch {
		case scheme.In == "cookie", r.auth != nil:
			r.pieces = append(r.pieces, piece{in: scheme.In, name: scheme.Param, text: value{template: env("")}})
		case scheme.In == "query":
			r.auth = &model.Auth{Kind: model.APIKeyQuery, Name: naming.Escape(scheme.Param), Value: env("")}
		default:
			r.auth = &model.Auth{Kind: model.APIKeyHeader, Name: scheme.Param, Value: env("")}
		}
	case "http":
		switch scheme.Scheme {
		case "basic":
			set(&model.Auth{Kind: model.Basic, User: env("USER"), Password: env("PASSWORD")})
		case "digest":
			set(&model.Auth{Kind: model.Digest, User: env("USER"), Password: env("PASSWORD")})
		default:
			set(&model.Auth{Kind: model.Bearer, Token: env("TOKEN")})
		}
	case "mutualTLS":
		im.report.Note("", "%s: %s asks for a client certificate: give tls: {cert, key} in sides", scheme.Pos, scheme.Name)
	default:
		set(im.oauth(o, scheme, env))
	}
}

// oauth fetches tokens where that needs no person; otherwise the token is given.
func (im *importer) oauth(o *openapi.Operation, scheme *openapi.Scheme, env func(string) string) *model.Auth {
	u, err := url.Parse(scheme.TokenURL)
	usable := scheme.TokenURL != "" && err == nil && !strings.Contains(scheme.TokenURL, "{{") &&
		(u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") || u.Host == "" && strings.HasPrefix(u.Path, "/"))
	if scheme.Flow != "clientCredentials" && scheme.Flow != "password" || !usable {
		im.report.Note("", "%s: tokens of %s are given by a person; set the environment variable with one", scheme.Pos, scheme.Name)
		return &model.Auth{Kind: model.Bearer, Token: env("TOKEN")}
	}
	// These two grants need no person: the runner asks for the token.
	a := &model.Auth{Kind: model.OAuth2Client, TokenURL: scheme.TokenURL, ClientID: env("CLIENT_ID"), ClientSecret: env("CLIENT_SECRET")}
	for _, scope := range scheme.Scopes {
		if !strings.Contains(scope, "{{") && scope != "" {
			a.Scopes = append(a.Scopes, scope)
		}
	}
	if scheme.Flow == "password" {
		a.Kind, a.User, a.Password = model.OAuth2Password, env("USER"), env("PASSWORD")
	}
	return a
}

// credential is the environment variable of a scheme's secret as a placeholder.
func (im *importer) credential(s *suite, scheme, what string) string {
	base := naming.EnvName(strings.ReplaceAll(words(scheme), " ", "_"))
	name := strings.TrimSuffix(base+"_"+what, "_")
	if slices.Contains(naming.CommonEnv, name) {
		name = "SECRET_" + name
	}
	env, isNew := im.secretEnv(s, "scheme "+scheme+" "+what, name)
	if isNew {
		im.report.Note("", "the security scheme %s reads the environment variable %s", naming.OneLine(scheme, 60), env)
	}
	return "{{env." + env + "}}"
}
