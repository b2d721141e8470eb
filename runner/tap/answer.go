package tap

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// wholeText is the length up to which a text is read whole before it is passed on,
// so that its length is known.
const wholeText = 1 << 20

// maxFindings bounds what is remembered of the answers.
const maxFindings = 200

// A finding is something about the answers of a side that its user should know: a sentence with
// the number of times after what, and before more.
type finding struct{ what, more string }

// findings are those that were met, in the order of meeting.
type findings struct {
	mu     sync.Mutex
	counts map[finding]int
	order  []finding
}

// add counts a finding. Beyond maxFindings only those that are known are counted: a service
// that invents hosts cannot fill the memory.
func (f *findings) add(what, more string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := finding{what, more}
	if f.counts[x] == 0 {
		if len(f.order) >= maxFindings {
			return
		}
		f.order = append(f.order, x)
	}
	f.counts[x]++
}

// Write takes the log of the server: a client that does not complete a TLS handshake is a
// finding, with its reason and without its address.
func (f *findings) Write(line []byte) (int, error) {
	if _, from, ok := strings.Cut(string(line), "TLS handshake error from "); ok {
		if _, reason, ok := strings.Cut(from, ": "); ok {
			f.add("a client ended the TLS handshake: "+strings.TrimSpace(reason), "")
		}
	}
	return len(line), nil
}

// Findings are what the answers held that a user should know, in the order of
// meeting, each as a sentence.
func (p *Proxy) Findings() []string {
	p.seen.mu.Lock()
	defer p.seen.mu.Unlock()
	var out []string
	for _, f := range p.seen.order {
		out = append(out, fmt.Sprintf("%s (%d times)%s", f.what, p.seen.counts[f], f.more))
	}
	return out
}

// answered makes the answer that the client gets. What is kept of it is what the
// service sent.
func (p *Proxy) answered(res *http.Response) error {
	x := exchangeOf(res.Request.Context())
	x.Answer.Status, x.Answer.Proto, x.Answer.Header = res.StatusCode, res.Proto, res.Header.Clone()
	p.fields(res.Header, x)
	if res.StatusCode == http.StatusSwitchingProtocols {
		x.Upgraded = true
		return nil // its body is the connection
	}
	x.Answer.Body.reader = res.Body
	res.Body = &watched{Body: &x.Answer.Body, proxy: p}
	if res.Request.Method == http.MethodHead || res.ContentLength == 0 {
		return nil
	}
	if res.StatusCode == http.StatusPartialContent || !isText(res.Header.Get("Content-Type")) {
		return nil
	}
	return p.text(res, x)
}

// text lets the addresses of a text be rewritten on its way.
func (p *Proxy) text(res *http.Response, x *Exchange) error {
	body := res.Body
	switch strings.ToLower(res.Header.Get("Content-Encoding")) {
	case "", "identity":
	case "gzip":
		body = &unzipped{from: res.Body, sent: &x.Answer.Body}
		res.Header.Del("Content-Encoding")
		res.Header.Del("Content-Length")
		res.ContentLength = -1
	default:
		return nil
	}
	r := newRewriter(body, func(scheme, host string, rest []byte) (string, int) { return p.address(x, scheme, host, rest) })
	if res.ContentLength < 0 || res.ContentLength > wholeText {
		res.Header.Del("Content-Length")
		res.ContentLength = -1
		res.Body = r
		return nil
	}
	all, err := io.ReadAll(r)
	_ = r.Close()
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	res.ContentLength = int64(len(all))
	res.Header.Set("Content-Length", strconv.Itoa(len(all)))
	res.Body = io.NopCloser(bytes.NewReader(all))
	return nil
}

// isText reports whether a body may hold addresses that a client follows.
func isText(contentType string) bool {
	t, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	t = strings.TrimSpace(t)
	for _, part := range []string{"json", "mpegurl", "xml", "text/html", "text/plain", "text/event-stream", "javascript"} {
		if strings.Contains(t, part) {
			return true
		}
	}
	return false
}

// onlyGzip leaves of the content codings that a client accepts gzip alone.
func onlyGzip(accepts string) string {
	for part := range strings.SplitSeq(strings.ToLower(accepts), ",") {
		name, q, _ := strings.Cut(part, ";")
		if name = strings.TrimSpace(name); (name == "gzip" || name == "*") && strings.ReplaceAll(q, " ", "") != "q=0" {
			return "gzip"
		}
	}
	return "identity"
}

// ErrCoding marks a body that is not in the content coding that its answer names.
var ErrCoding = errors.New("the answer is declared as gzip")

// unzipped undoes gzip from the first read on: nothing waits for a header that
// has not arrived yet.
type unzipped struct {
	from io.ReadCloser
	sent *Body // is noted as broken where it is not gzip
	zip  *gzip.Reader
}

// Read unpacks as much as has arrived. To the client a body that is not gzip breaks off.
func (u *unzipped) Read(p []byte) (int, error) {
	if u.zip == nil {
		z, err := gzip.NewReader(u.from)
		if err != nil {
			return 0, u.failed(err)
		}
		u.zip = z
	}
	n, err := u.zip.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = u.failed(err)
	}
	return n, err
}

// failed keeps why a body cannot be unpacked, unless it broke off before, or is empty (io.EOF).
func (u *unzipped) failed(err error) error {
	err = fmt.Errorf("%w: %w", ErrCoding, err)
	u.sent.mu.Lock()
	defer u.sent.mu.Unlock()
	if u.sent.Err == nil && !u.sent.closed && !errors.Is(err, io.EOF) {
		u.sent.Err = err
	}
	return err
}

// Close ends the body as it came.
func (u *unzipped) Close() error { return u.from.Close() }

// fields keeps the fields of an answer from leading the client past the proxy.
func (p *Proxy) fields(h http.Header, x *Exchange) {
	for _, name := range []string{"Location", "Content-Location", "Link", "Refresh"} {
		for i, v := range h[name] {
			h[name][i] = p.inText(x, v)
		}
	}
	if to := h.Get("Location"); x.inside && strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") {
		h.Set("Location", servicePath+x.target.key()+to)
	}
	drop := []string{"Alt-Svc"}
	if !p.secure {
		drop = append(drop, "Strict-Transport-Security")
	}
	for _, name := range drop {
		if h.Get(name) != "" {
			h.Del(name)
			p.seen.add("the field "+name+" was taken out of answers", "")
		}
	}
	for i, line := range h["Set-Cookie"] {
		h["Set-Cookie"][i] = p.cookie(line, x)
	}
}

// cookie makes a cookie one that the client keeps: a Domain that is not the host it
// asked is taken out, and Secure where the proxy does not speak TLS.
func (p *Proxy) cookie(line string, x *Exchange) string {
	parts := strings.Split(line, ";")
	kept := parts[:1]
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		domain := strings.ToLower(strings.TrimPrefix(value, "."))
		asked := strings.ToLower(hostOnly(x.host))
		switch {
		case strings.EqualFold(name, "domain") && asked != domain && !strings.HasSuffix(asked, "."+domain):
			p.seen.add("the domain "+domain+" was taken out of cookies", "")
		case strings.EqualFold(name, "secure") && !p.secure && x.target.URL.Scheme == "https":
			p.seen.add("Secure was taken out of cookies: the client speaks no TLS with this proxy", "")
		default:
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ";")
}

// inText rewrites the addresses of a short text.
func (p *Proxy) inText(x *Exchange, s string) string {
	r := newRewriter(io.NopCloser(strings.NewReader(s)), func(scheme, host string, rest []byte) (string, int) { return p.address(x, scheme, host, rest) })
	out, err := io.ReadAll(r)
	if err != nil {
		return s
	}
	return string(out)
}

// address says what replaces an address that begins with scheme and host, and how
// many bytes of what follows the host are replaced with it; "": it is left alone.
func (p *Proxy) address(x *Exchange, scheme, host string, rest []byte) (string, int) {
	at := origin(scheme, host)
	for _, t := range p.targets {
		if t.origin != at || !bytes.HasPrefix(rest, []byte(t.base)) {
			continue
		}
		if after := rest[len(t.base):]; t.base != "" && len(after) > 0 && isPathByte(after[0]) {
			continue
		}
		to := p.reached(x, t)
		if to != scheme+"://"+host || t.base != "" {
			p.seen.add("addresses of "+scheme+"://"+host+t.base+" in answers were replaced by this proxy's", "")
		}
		return to, len(t.base)
	}
	if p.leadsHere(scheme, host) || namesNothing(host) {
		return "", 0
	}
	p.seen.add("answers hold addresses of "+scheme+"://"+host+", which is not one of the services",
		": a client that follows them does not pass here; add --service NAME="+scheme+"://"+host)
	return "", 0
}

// leadsHere reports whether a client that asks the host comes to this proxy.
func (p *Proxy) leadsHere(scheme, host string) bool {
	for _, t := range p.targets {
		t.mu.Lock()
		known := t.host
		t.mu.Unlock()
		if known != "" && (scheme == "https") == p.secure && origin(scheme, known) == origin(scheme, host) {
			return true
		}
	}
	return false
}

// namesNothing reports whether a host is one that documents name and no client asks.
func namesNothing(host string) bool {
	for _, known := range []string{"www.w3.org", "schemas.xmlsoap.org", "json-schema.org", "schema.org", "tools.ietf.org"} {
		if strings.EqualFold(host, known) {
			return true
		}
	}
	return strings.HasPrefix(host, "schemas.")
}

// isPathByte reports whether a byte continues a segment of a path.
func isPathByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '%' || c == '~'
}
