package double

import (
	"net/url"
	"strings"

	"github.com/bgverify/bgverify/runner/tap"
)

// A credential is a value by which a service knows its client.
type credential struct {
	cookie string // its name; empty: it is not one
	value  string
}

// credentials are those of a request.
func (t *Tap) credentials(x *tap.Exchange) []credential {
	var out []credential
	for name, values := range x.Request.Header {
		for _, v := range values {
			switch {
			case strings.EqualFold(name, "Cookie"):
				out = append(out, inCookies(v)...)
			case strings.EqualFold(name, "Authorization"), strings.EqualFold(name, "Proxy-Authorization"):
				out = append(out, credential{value: afterScheme(v)})
			case t.opts.Secret(name, v):
				out = append(out, credential{value: v})
			}
		}
	}
	return append(out, t.inQuery(x.Request.URL.RawQuery)...)
}

// afterScheme is an Authorization header without the word of its scheme, such as Bearer.
func afterScheme(header string) string {
	if _, rest, ok := strings.Cut(header, " "); ok {
		return rest
	}
	return header
}

// inCookies are the credentials of a Cookie header: every cookie is taken for one.
func inCookies(header string) []credential {
	var out []credential
	for pair := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(pair, "=")
		out = append(out, credential{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	return out
}

// inQuery are the credentials of a query.
func (t *Tap) inQuery(raw string) []credential {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return []credential{{value: raw}} // unknown: taken for a session
	}
	var out []credential
	for name, values := range query {
		for _, v := range values {
			if t.opts.Secret(name, v) {
				out = append(out, credential{value: v})
			}
		}
	}
	return out
}
