package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// A recorder answers every request alike and keeps what it was asked.
type recorder struct {
	mu   sync.Mutex
	list []sent
	ln   net.Listener
}

// A sent is one request as it left its tool, in the form that is compared.
type sent struct {
	path, query string
	text        string // all of it, one part a line
}

// ownHeaders are written by a client itself, whatever it is asked to send.
var ownHeaders = []string{"User-Agent", "Connection", "Accept-Encoding", "Content-Length", "Traceparent", "X-Bgverify-Run", "Keep-Alive"}

func newRecorder() (*recorder, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &recorder{ln: ln}
	go http.Serve(ln, r) //nolint:errcheck // it ends with the program
	return r, nil
}

func (r *recorder) port() int { return r.ln.Addr().(*net.TCPAddr).Port }

func (r *recorder) url() string { return fmt.Sprintf("http://127.0.0.1:%d", r.port()) }

// take returns what was recorded since the last call, by path.
func (r *recorder) take() map[string][]sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string][]sent{}
	for _, s := range r.list {
		out[s.path] = append(out[s.path], s)
	}
	r.list = nil
	return out
}

// ServeHTTP answers with all that captures and assertions of the plans look for.
func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	if req.Header.Get("X-Bgverify-Probe") == "" {
		s := sent{path: req.URL.EscapedPath(), query: canonicalQuery(req.URL.RawQuery)}
		s.text = describe(req, body, s.query)
		r.mu.Lock()
		r.list = append(r.list, s)
		r.mu.Unlock()
	}
	h := w.Header()
	h.Set("X-Token", "tok-7")
	h.Set("Location", "/next/9")
	if strings.Contains(req.URL.Path, "/c") { // without a manager JMeter keeps no cookies; a case always does
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s1", Path: "/"})
	}
	if strings.Contains(req.URL.Path, "/xml") {
		h.Set("Content-Type", "application/xml")
		fmt.Fprint(w, `<r><id>5</id></r>`)
		return
	}
	h.Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"id":42,"token":"tok-1","name":"Kim \"K\"","items":[{"id":"a1"},{"id":"a2"},{"id":"a3"}],"state":"READY","page=3":"x"}`)
}

// describe is a request as lines that are equal where two requests are.
func describe(req *http.Request, body []byte, query string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s?%s\n", req.Method, req.URL.EscapedPath(), query)
	typ := req.Header.Get("Content-Type")
	media, params, _ := mime.ParseMediaType(typ)
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		switch {
		case slices.Contains(ownHeaders, name):
		case name == "Content-Type" && strings.HasPrefix(media, "multipart/"):
			fmt.Fprintf(&b, "%s: %s\n", name, media)
		case name == "Content-Type" && len(body) == 0:
		case name == "Content-Type":
			fmt.Fprintf(&b, "%s: %s\n", name, strings.ToLower(typ))
		default:
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(req.Header[name], " | "))
		}
	}
	var value any
	switch {
	case strings.HasPrefix(media, "multipart/"):
		b.WriteString(parts(body, params["boundary"]))
	case strings.IndexAny(strings.TrimSpace(string(body)), "{[") == 0 && decode(body, &value) == nil:
		data, _ := json.Marshal(value)
		b.Write(data)
	case media == "application/x-www-form-urlencoded":
		b.WriteString(canonicalQuery(string(body)))
	default:
		b.Write(body)
	}
	return b.String()
}

func decode(body []byte, into *any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return d.Decode(into)
}

func canonicalQuery(raw string) string {
	var out []string
	for p := range strings.SplitSeq(raw, "&") {
		name, value, has := strings.Cut(p, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return raw
		}
		if n = url.QueryEscape(n); has {
			n += "=" + url.QueryEscape(v)
		}
		out = append(out, n)
	}
	return strings.Join(out, "&")
}

func parts(body []byte, boundary string) string {
	var b strings.Builder
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		p, err := r.NextRawPart()
		if err != nil {
			return b.String()
		}
		data, _ := io.ReadAll(p)
		typ := p.Header.Get("Content-Type")
		if p.FileName() == "" {
			typ = "" // of a field: clients name a charset or do not
		}
		fmt.Fprintf(&b, "part %s %s %s: %s\n", p.FormName(), p.FileName(), typ, data)
	}
}
