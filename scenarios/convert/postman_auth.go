package convert

import (
	"slices"
	"strings"
)

// auth translates an auth of the source; nil when there is no counterpart, which
// is then listed and reason says why nothing can be sent.
func (im *pmImport) auth(d *pmDraft, a *pmAuth) (out *Auth, reason string) {
	secret := func(name, param string) string { return im.secret(d, name, a.get(param), a.kind+" "+param) }
	text := func(param string) string { return im.text(d, a.get(param), a.kind+" "+param, true) }
	switch a.kind {
	case "noauth":
		return &Auth{Kind: NoAuth}, ""
	case "bearer":
		if a.get("token") == "" {
			return &Auth{Kind: NoAuth}, ""
		}
		return &Auth{Kind: Bearer, Token: secret("token", "token")}, ""
	case "basic":
		return &Auth{Kind: Basic, User: text("username"), Password: secret("password", "password")}, ""
	case "apikey":
		out = &Auth{Kind: APIKeyHeader, Name: a.get("key"), Value: secret(orElse(a.get("key"), "api_key"), "value")}
		if a.get("in") == "query" {
			out.Kind = APIKeyQuery
		}
		switch {
		case out.Name == "":
			return &Auth{Kind: NoAuth}, "" // Postman sends nothing then
		case strings.Contains(out.Name, "{{"), out.Kind == APIKeyHeader && !isToken(out.Name):
			return nil, "the name of the key is no plain text"
		}
		return out, ""
	case "digest":
		if a.get("username") == "" {
			return &Auth{Kind: NoAuth}, "" // Postman sends nothing then
		}
		return &Auth{Kind: Digest, User: text("username"), Password: secret("password", "password")}, ""
	case "awsv4":
		return im.aws(d, a)
	case "oauth2":
		return im.oauth2(d, a)
	}
	return nil, a.kind + " authentication is not part of the language"
}

// aws translates Signature Version 4, with Postman's defaults. A key that the
// collection does not hold is left to the environment.
func (im *pmImport) aws(d *pmDraft, a *pmAuth) (*Auth, string) {
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
		return orElse(im.text(d, a.get(param), "awsv4 "+param, true), otherwise)
	}
	return &Auth{
		Kind: AWS, Region: text("region", "us-east-1"), Service: text("service", "execute-api"),
		AccessKey: key("AWS_ACCESS_KEY_ID", "accessKey"), SecretKey: key("AWS_SECRET_ACCESS_KEY", "secretKey"),
		SessionToken: secret("AWS_SESSION_TOKEN", "sessionToken"),
	}, ""
}

// challenged are the settings of digest that the language takes from the
// challenge of the server alone.
var challenged = []string{"algorithm", "realm", "nonce", "qop", "opaque", "clientNonce", "nonceCount", "disableRetryRequest"}

// authRest is what an auth says beside what was carried over; false: nothing.
func authRest(a *pmAuth) (Lost, bool) {
	if a.kind != "digest" || a.get("username") == "" {
		return Lost{}, false
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
	return Lost{Kind: Settings, Place: "auth", Text: "digest: " + strings.Join(out, ", "), Why: "the server's challenge decides"}, len(out) > 0
}

func (im *pmImport) oauth2(d *pmDraft, a *pmAuth) (*Auth, string) {
	text := func(param string) string { return im.text(d, a.get(param), "oauth2 "+param, true) }
	secret := func(param string) string { return im.secret(d, param, a.get(param), "oauth2 "+param) }
	grant := a.get("grant_type")
	if a.get("accessTokenUrl") != "" && (grant == "client_credentials" || grant == "password_credentials") {
		out := &Auth{Kind: OAuth2Client, TokenURL: text("accessTokenUrl"), ClientID: text("clientId"), ClientSecret: secret("clientSecret")}
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
			out.Kind, out.User, out.Password = OAuth2Password, text("username"), secret("password")
		}
		return out, ""
	}
	token := secret("accessToken")
	if token == "" {
		env := im.secretEnv("accessToken", "")
		d.useEnv(env)
		token = "{{env." + env + "}}"
		im.report.Note(d.path(), "oauth2 with the grant %q asks a person; give the token in the environment variable %s", orElse(grant, "authorization_code"), env)
	}
	if a.get("addTokenTo") == "queryParams" {
		return &Auth{Kind: APIKeyQuery, Name: "access_token", Value: token}, ""
	}
	if prefix := strings.TrimSpace(a.get("headerPrefix")); prefix != "" && !strings.EqualFold(prefix, "bearer") && !strings.Contains(prefix, "{{") {
		return &Auth{Kind: APIKeyHeader, Name: "Authorization", Value: prefix + " " + token}, ""
	}
	return &Auth{Kind: Bearer, Token: token}, ""
}

// isToken reports whether text is a token of RFC 9110, as names of headers are.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != "" && len(s) <= 200
}
