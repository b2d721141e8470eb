package redact

import (
	"net/url"
	"strings"
)

// credentialHeaders are the headers whose values never reach the disk.
var credentialHeaders = []string{
	"Authorization", "Proxy-Authorization", "X-Authorization", "Authentication",
	"X-Api-Key", "Api-Key", "Apikey", "X-Auth-Token", "X-Access-Token", "X-Refresh-Token",
	"X-Id-Token", "X-Session-Token", "X-Csrf-Token", "X-Xsrf-Token", "X-Auth-Key", "X-Secret",
	"X-Amz-Security-Token", "X-Goog-Api-Key", "X-Goog-Iam-Authorization-Token", "X-Vault-Token",
	"X-Consul-Token", "X-Functions-Key", "X-Gitlab-Token", "Private-Token", "Job-Token",
	"Ocp-Apim-Subscription-Key", "Dpop", "X-Forwarded-Access-Token",
}

// Names of marks that are not called after a declared secret or a header.
const (
	cookieName   = "cookie" // the same in Cookie and Set-Cookie, so that equal stays equal
	userinfoName = "userinfo"
	learnedName  = "credential"
)

// Credential reports whether a header's value never reaches the disk.
func (r *Redactor) Credential(name string) bool {
	name = strings.ToLower(name)
	return r.headers[name] || name == "cookie" || name == "set-cookie" || name == "set-cookie2"
}

// Header replaces the secrets in a header's value: all of a credential
// header's (the scheme of Authorization, the names and attributes of cookies
// stay), declared ones in any other's.
func (r *Redactor) Header(name, value string) string {
	out, _ := r.HeaderCredentials(name, value)
	return out
}

// HeaderCredentials is Header, and lists the credentials that stood in value.
func (r *Redactor) HeaderCredentials(name, value string) (string, []string) {
	// Any other header is text that may name a secret. A cookie header is a list of pairs, whose
	// names stay readable; Set-Cookie has one pair, and attributes that are compared.
	lower := strings.ToLower(name)
	switch {
	case !r.Credential(lower):
		return r.line(value), nil
	case lower == "cookie":
		parts := strings.Split(value, ";")
		var found []string
		for i, part := range parts {
			parts[i], found = r.cookie(part, found)
		}
		return strings.Join(parts, ";"), found
	case lower == "set-cookie", lower == "set-cookie2":
		pair, attributes, more := strings.Cut(value, ";")
		pair, found := r.cookie(pair, nil)
		if more {
			pair += ";" + r.line(attributes)
		}
		return pair, found
	}
	// What is left is a credential as a whole. Its scheme (Bearer, Basic) tells a reader which
	// kind was sent, where the header has one.
	scheme, rest, ok := strings.Cut(value, " ")
	if !ok || !strings.Contains(lower, "authorization") || !isToken(scheme) {
		scheme, rest = "", value
	} else {
		scheme += " "
	}
	// A value that was replaced before stays as it is: a mark of a mark would compare as another
	// value.
	credential := strings.TrimSpace(rest)
	if credential == "" || isMark(credential) {
		return value, nil
	}
	return scheme + r.Mark(lower, credential), []string{credential}
}

// cookie replaces the value of a NAME=VALUE pair.
func (r *Redactor) cookie(pair string, found []string) (string, []string) {
	name, value, ok := strings.Cut(pair, "=")
	if !ok { // a cookie without a name
		name, value = "", strings.TrimSpace(pair)
	} else {
		name += "="
	}
	// The value may be in quotes, which belong to the pair: what is learned is the value that a
	// client would send elsewhere.
	if value == "" || isMark(value) {
		return pair, found
	}
	return name + r.Mark(cookieName, value), append(found, strings.Trim(value, `"`))
}

// isToken reports whether a text can be the name of a scheme or parameter in a header.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c != '-' && !(c >= 0x80 || isWord(byte(c))) })
}

// line replaces the secrets in a line of text of the tool's own, and who a URL
// in it signs in as.
func (r *Redactor) line(s string) string {
	return r.String(r.userinfo(s))
}

// userinfoEnds are the characters that end the host of a URL in a text.
const userinfoEnds = "/?#\\\"'<> \t\r\n"

// userinfo replaces the part of every URL in s before the @.
func (r *Redactor) userinfo(s string) string {
	if !strings.Contains(s, "://") || !strings.Contains(s, "@") {
		return s
	}
	var b strings.Builder
	// Every URL of the text is looked at; what is before the last @ of its host part is who it
	// signs in as, with or without a password.
	for {
		i := strings.Index(s, "://")
		if i < 0 {
			return b.String() + s
		}
		i += len("://")
		b.WriteString(s[:i])
		s = s[i:]
		end := strings.IndexAny(s, userinfoEnds)
		if end < 0 {
			end = len(s)
		}
		if at := strings.LastIndexByte(s[:end], '@'); at > 0 {
			b.WriteString(r.Mark(userinfoName, s[:at]))
			s = s[at:]
		}
	}
}

// AddURL makes the password that a URL holds unreadable from now on. One that is
// shorter than a window is left alone: it would be found in ordinary text.
func (r *Redactor) AddURL(rawURL string) {
	u, err := url.Parse(rawURL)
	if err != nil || u.User == nil {
		return
	}
	if pass, _ := u.User.Password(); len(pass) >= window {
		r.Add(userinfoName, pass)
	}
}
