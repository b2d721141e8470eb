package postman

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

// auth translates an auth of the source; nil when there is no counterpart, which
// is then listed and reason says why nothing can be sent.
func (im *pmImport) auth(d *pmDraft, a *pmAuth) (out *model.Auth, reason string) {
	secret := func(name, param string) string { return im.secret(d, name, a.get(param), a.kind+" "+param) }
	text := func(param string) string { return im.text(d, a.get(param), a.kind+" "+param, true) }
	switch a.kind {
	case "noauth":
		return &model.Auth{Kind: model.NoAuth}, ""
	case "bearer":
		if a.get("token") == "" {
			return &model.Auth{Kind: model.NoAuth}, ""
		}
		return &model.Auth{Kind: model.Bearer, Token: secret("token", "token")}, ""
	case "basic":
		if a.get("username") == "" && a.get("password") == "" { // Postman sends two empty texts
			return &model.Auth{Kind: model.APIKeyHeader, Name: "Authorization", Value: "Basic Og=="}, ""
		}
		return &model.Auth{Kind: model.Basic, User: text("username"), Password: secret("password", "password")}, ""
	case "apikey":
		out = &model.Auth{Kind: model.APIKeyHeader, Name: a.get("key"), Value: secret(cmp.Or(a.get("key"), "api_key"), "value")}
		if a.get("in") == "query" {
			out.Kind = model.APIKeyQuery
		}
		switch {
		case out.Name == "":
			return &model.Auth{Kind: model.NoAuth}, "" // Postman sends nothing then
		case strings.Contains(out.Name, "{{"), out.Kind == model.APIKeyHeader && !naming.IsToken(out.Name):
			return nil, "the name of the key is not plain text"
		}
		return out, ""
	case "digest":
		if a.get("username") == "" {
			return &model.Auth{Kind: model.NoAuth}, "" // Postman sends nothing then
		}
		return &model.Auth{Kind: model.Digest, User: text("username"), Password: secret("password", "password")}, ""
	case "awsv4":
		return im.aws(d, a)
	case "oauth2":
		return im.oauth2(d, a)
	}
	return nil, a.kind + " authentication is not part of the language"
}

// aws translates Signature Version 4, with Postman's defaults. A key that the
// collection does not hold is left to the environment.
func (im *pmImport) aws(d *pmDraft, a *pmAuth) (*model.Auth, string) {
	if a.get("addAuthDataToQuery") == "true" {
		return nil, "a signature in the query is not part of the language: it signs in headers"
	}
	secret := func(name, param string) string { return im.secret(d, name, a.get(param), "awsv4 "+param) }
	key := func(name, param string) string {
		if a.get(param) != "" {
			return secret(name, param)
		}
		env := im.secretEnv(name, "")
		d.useEnv(env)
		im.report.Note(d.path(), "awsv4 has no %s; it is read from the environment variable %s", param, env)
		return "{{env." + env + "}}"
	}
	text := func(param, otherwise string) string {
		return cmp.Or(im.text(d, a.get(param), "awsv4 "+param, true), otherwise)
	}
	return &model.Auth{
		Kind: model.AWS, Region: text("region", "us-east-1"), Service: text("service", "execute-api"),
		AccessKey: key("AWS_ACCESS_KEY_ID", "accessKey"), SecretKey: key("AWS_SECRET_ACCESS_KEY", "secretKey"),
		SessionToken: secret("AWS_SESSION_TOKEN", "sessionToken"),
	}, ""
}

// challenged are the settings of digest that the language takes from the
// challenge of the server alone.
var challenged = []string{"algorithm", "realm", "nonce", "qop", "opaque", "clientNonce", "nonceCount", "disableRetryRequest"}

// authRest is what an auth says in addition to what was carried over; false: nothing.
func authRest(a *pmAuth) (model.Lost, bool) {
	if a.kind != "digest" || a.get("username") == "" {
		return model.Lost{}, false
	}
	var out []string
	for _, param := range challenged {
		switch value := a.get(param); {
		case value == "" || value == "false":
		case param == "algorithm" && len(value) <= 20:
			out = append(out, param+" "+value)
		default:
			out = append(out, param)
		}
	}
	return model.Lost{
		Kind: model.Settings, Place: "auth", Text: "digest: " + strings.Join(out, ", "),
		Why: "the server's challenge decides",
	}, len(out) > 0
}

// oauth2 translates the two grants that need no person. Of any other what counts is the token that
// the collection holds; without one it is asked for in the environment.
func (im *pmImport) oauth2(d *pmDraft, a *pmAuth) (*model.Auth, string) {
	text := func(param string) string { return im.text(d, a.get(param), "oauth2 "+param, true) }
	secret := func(param string) string { return im.secret(d, param, a.get(param), "oauth2 "+param) }
	grant := a.get("grant_type")
	if a.get("accessTokenUrl") != "" && (grant == "client_credentials" || grant == "password_credentials") {
		out := &model.Auth{
			Kind: model.OAuth2Client, TokenURL: text("accessTokenUrl"), ClientID: text("clientId"),
			ClientSecret: secret("clientSecret"),
		}
		if out.ClientSecret == "" {
			out.ClientSecret = "{{env." + im.secretEnv("clientSecret", "") + "}}"
			d.useEnv(im.secretEnv("clientSecret", ""))
		}
		for s := range strings.FieldsSeq(a.get("scope")) {
			if !strings.Contains(s, "{{") && !slices.Contains(out.Scopes, s) {
				out.Scopes = append(out.Scopes, s)
			}
		}
		if grant == "password_credentials" {
			out.Kind, out.User, out.Password = model.OAuth2Password, text("username"), secret("password")
		}
		return out, ""
	}
	token := secret("accessToken")
	if token == "" {
		env := im.secretEnv("accessToken", "")
		d.useEnv(env)
		token = "{{env." + env + "}}"
		im.report.Note(d.path(), "oauth2 with the grant %q asks a person; give the token in the environment variable %s",
			cmp.Or(grant, "authorization_code"), env)
	}
	if a.get("addTokenTo") == "queryParams" {
		return &model.Auth{Kind: model.APIKeyQuery, Name: "access_token", Value: token}, ""
	}
	if prefix := strings.TrimSpace(a.get("headerPrefix")); prefix != "" && !strings.EqualFold(prefix, "bearer") &&
		!strings.Contains(prefix, "{{") {
		return &model.Auth{Kind: model.APIKeyHeader, Name: "Authorization", Value: prefix + " " + token}, ""
	}
	return &model.Auth{Kind: model.Bearer, Token: token}, ""
}
