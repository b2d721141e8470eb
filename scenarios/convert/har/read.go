package har

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// A harEntry is one request of a recording with its answer.
type harEntry struct {
	fold     string // what the rows of one case have in common; empty: it is not one
	path     string // in the recording: $.log.entries[3]
	method   string
	url      string
	headers  []model.Field
	cookies  []model.Field
	post     *harPost
	lacks    bool // it had a body that was not recorded
	status   int  // 0: no answer
	mime     string
	sets     []model.Field // cookies that the answer sets
	body     []byte        // of the answer, decoded; nil: not recorded
	resource string        // what a browser took it for
	odd      []harOdd      // what the recording says that cannot be, in the order of meeting
	began    time.Time
	page     harPage
}

// A harPage is a part of a recording, with the title that it was given.
type harPage struct{ id, title string }

type harPost struct {
	mime   string
	text   string
	raw    []byte // set when text was base64
	params []harParam
}

// A harOdd is a mistake that the rest of its entry can be read without.
type harOdd struct {
	path, why string
	sent      bool // of the request
}

func (e *harEntry) doubt(path, why string, sent bool) {
	e.odd = append(e.odd, harOdd{path, why, sent})
}

type harParam struct{ name, value, file, typ string }

func (e *harEntry) header(name string) (string, bool) {
	for _, h := range e.headers {
		if strings.EqualFold(h.Name, name) {
			return h.Text, true
		}
	}
	return "", false
}

// A harReader reads the tree of a recording and remembers the first mistake.
type harReader struct{ err error }

// readHAR reads a recording. What the format demands of a request and is missing
// or of another kind is an error with its path and place; what it does not know is
// passed over. An answer is not sent: one that cannot be read is left out, and said.
func readHAR(data []byte) ([]*harEntry, error) {
	top, err := source.ParseJSON("", data)
	if err != nil {
		return nil, err
	}
	r := &harReader{}
	log := r.need(r.want(top, "$", 'o'), "$", "log", 'o')
	if v := log.Get("version"); v.Str() != "" && !strings.HasPrefix(v.Str(), "1.") {
		r.fail(v, "$.log.version", "version %s is not known, 1.1 and 1.2 are", naming.OneLine(v.Str(), 20))
	}
	pages := map[string]string{}
	for _, p := range log.Get("pages").List() {
		pages[p.Get("id").Str()] = p.Get("title").Str()
	}
	var out []*harEntry
	for i, v := range r.need(log, "$.log", "entries", 'a').List() {
		if e := r.entry(v, fmt.Sprintf("$.log.entries[%d]", i)); r.err == nil {
			id := v.Get("pageref").Str()
			e.page = harPage{id, pages[id]}
			out = append(out, e)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return out, nil
}

func (r *harReader) fail(v *source.Value, path, format string, args ...any) {
	if r.err == nil {
		at := -1
		if v != nil {
			at = v.Offset
		}
		r.err = &source.Error{Path: path, Offset: at, Msg: fmt.Sprintf(format, args...)}
	}
}

var harKinds = map[byte]string{'o': "an object", 'a': "a list", 's': "text", 'n': "a number", 'b': "true or false", '0': "null"}

// want checks the kind of a value.
func (r *harReader) want(v *source.Value, path string, kind byte) *source.Value {
	if v != nil && v.Kind != kind {
		r.fail(v, path, "must be %s, not %s", harKinds[kind], harKinds[v.Kind])
		return nil
	}
	return v
}

// need is a member that must be there.
func (r *harReader) need(v *source.Value, path, name string, kind byte) *source.Value {
	if r.err != nil {
		return nil
	}
	m := v.Get(name)
	if m == nil {
		r.fail(v, path, "has no %s", name)
		return nil
	}
	return r.want(m, path+"."+name, kind)
}

// may is a member that may be missing or null.
func (r *harReader) may(v *source.Value, path, name string, kind byte) *source.Value {
	if m := v.Get(name); m.Exists() {
		return r.want(m, path+"."+name, kind)
	}
	return nil
}

func (r *harReader) entry(v *source.Value, path string) *harEntry {
	e := &harEntry{path: path, resource: strings.ToLower(v.Get("_resourceType").Str())}
	r.want(v, path, 'o')
	e.began, _ = time.Parse(time.RFC3339Nano, v.Get("startedDateTime").Str()) // zero where it is not a time
	q := r.need(v, path, "request", 'o')
	at := path + ".request"
	e.method, e.url = r.need(q, at, "method", 's').Str(), r.need(q, at, "url", 's').Str()
	if r.err == nil && (e.method == "" || e.url == "" || strings.Contains(e.method+e.url, web.Mark)) {
		r.fail(q, at, "the method or the url is empty, or no text")
	}
	e.headers = r.fields(q, at, "headers")
	e.cookies = r.fields(q, at, "cookies")
	if p := r.may(q, at, "postData", 'o'); p != nil {
		e.post = r.post(e, p, at+".postData")
	}
	if size := q.Get("bodySize"); size != nil && size.Kind == 'n' && e.post == nil {
		e.lacks = !strings.HasPrefix(size.Text, "-") && strings.Trim(size.Text, "0.") != ""
	}
	if r.err != nil {
		return e
	}
	if a := r.may(v, path, "response", 'o'); a != nil {
		r.answer(e, a, path+".response")
	}
	// A fault of the answer costs what it gives, not the request.
	if fault, ok := r.err.(*source.Error); ok { // of the answer
		e.doubt(fault.Path, fault.Msg, false)
		e.sets, e.body, r.err = nil, nil, nil
	}
	return e
}

// decoded undoes base64 in any of its alphabets, with line ends and without padding.
func decoded(text string) ([]byte, bool) {
	text = strings.TrimRight(strings.Join(strings.Fields(text), ""), "=")
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if data, err := e.DecodeString(text); err == nil {
			return data, true
		}
	}
	return nil, false
}

// notBase64 is why a text that is said to be base64 is taken as it is.
const notBase64 = "is not the base64 that encoding says; it is taken as text"

// fields reads a list of {name, value}.
func (r *harReader) fields(v *source.Value, path, name string) []model.Field {
	var out []model.Field
	list := v.Get(name)
	if name == "cookies" && list.Exists() && list.Kind == 'o' { // as Internet Explorer writes them
		return r.cookieObject(list, path+".cookies")
	}
	for i, x := range r.may(v, path, name, 'a').List() {
		at := fmt.Sprintf("%s.%s[%d]", path, name, i)
		if r.want(x, at, 'o') == nil {
			break
		}
		f := model.Field{Name: r.need(x, at, "name", 's').Str(), Text: x.Get("value").Str()}
		if strings.Contains(f.Name+f.Text, web.Mark) {
			r.fail(x, at, "the name or value holds a NUL")
		}
		out = append(out, f)
	}
	return out
}

// cookieObject reads cookies that are not a list: one of them, or a mapping of names to
// values.
func (r *harReader) cookieObject(v *source.Value, path string) []model.Field {
	if name := v.Get("name"); name.Exists() && v.Get("value").Exists() {
		return []model.Field{{Name: name.Str(), Text: v.Get("value").Str()}}
	}
	var out []model.Field
	for i, k := range v.Keys {
		c := v.Items[i]
		inner := c.List()
		switch c.Kind {
		case 'o':
			inner = []*source.Value{c}
		case 'a':
		default:
			out = append(out, model.Field{Name: k, Text: c.Str()})
		}
		for _, x := range inner {
			if x.Get("name").Exists() {
				out = append(out, model.Field{Name: x.Get("name").Str(), Text: x.Get("value").Str()})
			}
		}
	}
	if slices.ContainsFunc(out, func(f model.Field) bool { return strings.Contains(f.Name+f.Text, web.Mark) }) {
		r.fail(v, path, "a name or value holds a NUL")
	}
	return out
}

func (r *harReader) post(e *harEntry, v *source.Value, path string) *harPost {
	p := &harPost{mime: v.Get("mimeType").Str(), text: v.Get("text").Str()}
	if strings.EqualFold(v.Get("encoding").Str(), "base64") || strings.EqualFold(v.Get("_encoding").Str(), "base64") {
		if data, ok := decoded(p.text); ok {
			p.text, p.raw = "", data
		} else {
			e.doubt(path+".text", notBase64, true)
		}
	}
	for i, x := range r.may(v, path, "params", 'a').List() {
		at := fmt.Sprintf("%s.params[%d]", path, i)
		if r.want(x, at, 'o') == nil {
			break
		}
		p.params = append(p.params, harParam{
			r.need(x, at, "name", 's').Str(), x.Get("value").Str(), x.Get("fileName").Str(),
			x.Get("contentType").Str(),
		})
	}
	return p
}

func (r *harReader) answer(e *harEntry, v *source.Value, path string) {
	if s := r.may(v, path, "status", 'n'); s != nil {
		if _, err := fmt.Sscanf(s.Text, "%d", &e.status); err != nil {
			r.fail(s, path+".status", "is not a status")
		}
	}
	for _, h := range r.fields(v, path, "headers") {
		if strings.EqualFold(h.Name, "set-cookie") {
			for line := range strings.Lines(h.Text) { // some tools join them
				pair, _, _ := strings.Cut(line, ";")
				if name, value, ok := strings.Cut(pair, "="); ok {
					e.sets = append(e.sets, model.Field{Name: strings.TrimSpace(name), Text: strings.TrimSpace(value)})
				}
			}
		}
		if strings.EqualFold(h.Name, "content-type") {
			e.mime = h.Text
		}
	}
	// The list of cookies is a summary of Set-Cookie, which some tools leave out of the headers.
	if len(e.sets) == 0 {
		e.sets = r.fields(v, path, "cookies")
	}
	c := r.may(v, path, "content", 'o')
	if e.mime == "" {
		e.mime = c.Get("mimeType").Str()
	}
	t := r.may(c, path+".content", "text", 's')
	if t == nil {
		return
	}
	e.body = []byte(t.Text)
	if strings.EqualFold(c.Get("encoding").Str(), "base64") {
		if data, ok := decoded(t.Text); ok {
			e.body = data
		} else {
			e.doubt(path+".content.text", notBase64, false)
		}
	}
}

// isJSON reports whether the answer was recorded and is declared to be JSON.
func (e *harEntry) isJSON() bool {
	m := web.Media(e.mime)
	return len(e.body) > 0 && utf8.Valid(e.body) && (strings.HasSuffix(m, "json") || strings.HasSuffix(m, "+json") || m == "" ||
		strings.HasPrefix(m, "text/plain"))
}
