package wire

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// UserAgent is sent unless the request has one: net/http's own names the
// protocol version, and so would differ between two sides.
const UserAgent = "bgverify"

// prepare makes the net/http request. What is sent is what is asked for:
//
//  1. Nothing is added but Host, User-Agent (unless declared; an empty one is
//     not sent), Content-Length, and Authorization from the URL's user.
//     Accept-Encoding is not added: a server may still compress, and the answer
//     is decoded.
//  2. What cannot be sent as asked is refused, never mended: line breaks in
//     names and values, an invalid host or method, a Content-Length that is not
//     the body's, fields that belong to the connection.
//  3. A Host field names the virtual host of one request; Config.Host that of all.
//  4. Names keep their spelling (HTTP/2 knows only lower case); net/http sends
//     them sorted, values of one name in order.
func (t *Transport) prepare(r *Request) (*http.Request, *Err) {
	if !validToken(r.Method) || r.Method == http.MethodConnect {
		return nil, refuse("method %q", r.Method)
	}
	u, err := t.target(r.URL)
	if err != nil {
		return nil, err
	}
	req := &http.Request{
		Method: r.Method, URL: u, Host: u.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, len(r.Headers)+2),
	}
	if t.host != "" {
		req.Host = t.host
	}
	if user := u.User; user != nil {
		u.User = nil
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
	}
	req.Header["User-Agent"] = []string{UserAgent}
	for i, f := range r.Headers {
		if err := addField(req, f, len(r.Body), firstOf(r.Headers, i)); err != nil {
			return nil, err
		}
	}
	if len(r.Body) > 0 {
		req.ContentLength = int64(len(r.Body))
		if safeMethod(r.Method) || r.Resend { // without GetBody net/http does not send a body again
			req.GetBody = bodyOf(r.Body)
		}
	}
	if r.Resend && !safeMethod(r.Method) {
		if _, declared := req.Header["Idempotency-Key"]; !declared {
			req.Header["Idempotency-Key"] = nil // without a value: it is not sent, and net/http resends
		}
	}
	return req, nil
}

// newBody reads a request's body once.
func newBody(body []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }

// bodyOf begins a body anew each time that net/http sends it.
func bodyOf(body []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return newBody(body), nil }
}

// refuse is the failure of a request that cannot be sent as it is.
func refuse(format string, args ...any) *Err {
	return &Err{Class: ClassRequest, Detail: fmt.Sprintf(format, args...)}
}

// firstOf reports whether field i is the first of its name.
func firstOf(fields []Field, i int) bool {
	for _, f := range fields[:i] {
		if strings.EqualFold(f.Name, fields[i].Name) {
			return false
		}
	}
	return true
}

// target checks the URL and, by rule 1 of Transport, its origin.
func (t *Transport) target(raw string) (*url.URL, *Err) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, refuse("url: %v", err.(*url.Error).Err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "" {
		return nil, refuse("url: scheme %q is not http or https", u.Scheme)
	}
	if err := t.within(u); err != nil {
		return nil, err
	}
	if t.config.HTTP == "h2c" && u.Scheme != "http" || t.config.HTTP == "2" && u.Scheme != "https" {
		return nil, refuse("url: scheme %s with protocol %q", u.Scheme, t.config.HTTP)
	}
	u.Fragment, u.RawFragment = "", ""
	u.RawQuery = cleanQuery(u.RawQuery)
	return u, nil
}

// within checks the host of a URL, writes it in ASCII, and holds the URL to the
// origin of the transport.
func (t *Transport) within(u *url.URL) *Err {
	if t.base != nil && u.Scheme == t.base.Scheme && u.Host == t.base.Host {
		return nil // checked by New
	}
	if err := asciiHost(u); err != nil {
		return refuse("url: %v", err)
	}
	if t.base != nil && origin(u) != origin(t.base) {
		return refuse("url: %s is not the service's origin %s", origin(u), origin(t.base))
	}
	return nil
}

// origin is scheme, host and port, comparable.
func origin(u *url.URL) string {
	return u.Scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") + ":" + portOf(u)
}

// portOf is the port of a URL, or else that of its scheme.
func portOf(u *url.URL) string {
	return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme])
}

// cleanQuery escapes the bytes that would break a request line; net/http sends
// a query as it is.
func cleanQuery(q string) string {
	bad := func(c byte) bool { return c <= ' ' || c >= 0x7f }
	n := 0
	for i := range len(q) {
		if bad(q[i]) {
			n++
		}
	}
	if n == 0 {
		return q
	}
	out := make([]byte, 0, len(q)+2*n)
	for i := range len(q) {
		if c := q[i]; bad(c) {
			out = fmt.Appendf(out, "%%%02X", c)
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}

// addField adds one declared field.
func addField(req *http.Request, f Field, length int, first bool) *Err {
	if !httpguts.ValidHeaderFieldName(f.Name) {
		return refuse("header name %q", f.Name)
	}
	if !httpguts.ValidHeaderFieldValue(f.Value) {
		return refuse("header %s: its value holds a line break or control character", f.Name)
	}
	name := textproto.CanonicalMIMEHeaderKey(f.Name)
	switch name {
	case "Host":
		host, err := cleanHost(f.Value)
		if err != nil || !first {
			return refuse("header Host %q", f.Value)
		}
		req.Host = host
	case "Content-Length":
		if n, err := strconv.Atoi(f.Value); err != nil || n != length {
			return refuse("header Content-Length %q with a body of %d bytes", f.Value, length)
		}
	case "Transfer-Encoding", "Trailer", "Upgrade", "Keep-Alive", "Proxy-Connection", "Te", "Http2-Settings":
		return refuse("header %s belongs to the connection", name)
	case "Connection":
		switch strings.ToLower(f.Value) {
		case "close":
			req.Close = true
		case "keep-alive": // is the default
		default:
			return refuse("header Connection %q", f.Value)
		}
	case "User-Agent":
		if !first {
			return refuse("header User-Agent twice")
		}
		req.Header[name] = []string{f.Value}
	case "Authorization":
		if first {
			delete(req.Header, name) // the URL's user yields
		}
		req.Header[name] = append(req.Header[name], f.Value)
	case "Expect", "Cookie", "Content-Type", "Accept-Encoding", "Idempotency-Key", "X-Idempotency-Key", "Range":
		req.Header[name] = append(req.Header[name], f.Value) // net/http looks these up by their canonical name
	default:
		req.Header[f.Name] = append(req.Header[f.Name], f.Value)
	}
	return nil
}

// validToken reports whether a method is one.
func validToken(s string) bool {
	return s != "" && httpguts.ValidHeaderFieldName(s)
}
