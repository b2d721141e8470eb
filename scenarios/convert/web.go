package convert

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A webRequest is one request as another tool sent it, before it becomes a step.
// All texts are marked.
type webRequest struct {
	id      string // of the case, and in the report
	name    string // for people; empty: the id
	method  string
	url     string
	headers []Field
	cookies []Field
	auth    *Auth
	body    webBody
	timeout string
	expect  Expect
	// loose lets query and form be encoded anew where that means the same.
	loose bool
	// lift replaces values of earlier answers by marks; nil: there are none.
	lift func(text string) string
	// liftJSON is lift for a leaf of a JSON body, whose type is kept.
	liftJSON func(text string, number bool) string
	// skip are reasons why it cannot be sent as it stands.
	skip    []string
	comment []string
	origin  string // of the url: what decides the service
	step    *Step
}

// A webBody is a body as it was sent; at most one of data, raw, parts and file.
type webBody struct {
	data  string // marked text
	raw   []byte // any bytes, without marks
	parts []Part // texts marked
	file  string // asset
	// typ is the Content-Type that goes with it when no header says another.
	typ string
}

// A webImport turns requests into a suite. It is shared by the formats that
// record requests and know nothing else.
type webImport struct {
	report  Report
	suite   *Suite
	assets  []File
	files   *Namer // names of assets
	cases   *Namer
	envs    *Namer
	secrets []webSecret
}

type webSecret struct{ name, text, env string }

func newWebImport(file string) *webImport {
	name := Name(strings.TrimSuffix(baseName(file), extension(file)))
	if name == "" {
		name = "imported"
	}
	return &webImport{
		suite: &Suite{File: name + ".yaml", Name: name, Doc: "Imported from " + Plain(baseName(file)) + "."},
		files: NewNamer("-"), cases: NewNamer("-"), envs: NewNamer("_"),
	}
}

func baseName(file string) string { return file[strings.LastIndexAny(file, `/\`)+1:] }

func extension(file string) string {
	if i := strings.LastIndexByte(file, '.'); i > 0 {
		return file[i:]
	}
	return ""
}

// lose lists something that was not carried over, and says so beside the case.
func (im *webImport) lose(r *webRequest, l Lost) {
	l.Text = readable(l.Text)
	if r != nil {
		l.Request = r.id
		r.comment = append(r.comment, "not carried over: "+l.line())
	}
	im.report.Lose(l)
}

// useEnv lists the environment variables of marked text.
func (im *webImport) useEnv(text string) {
	for _, in := range insides(text) {
		name, isEnv := strings.CutPrefix(in, "env.")
		name, _, _ = strings.Cut(name, " ")
		if isEnv && !slices.Contains(im.suite.Env, name) {
			im.suite.Env = append(im.suite.Env, name)
			if secretName(name) && !slices.Contains(im.suite.Secrets, name) {
				im.suite.Secrets = append(im.suite.Secrets, name)
			}
		}
	}
}

// text finishes marked text.
func (im *webImport) text(text string) string {
	im.useEnv(text)
	return templateOf(text)
}

// lifted is text with what earlier answers gave taken out.
func (r *webRequest) lifted(text string) string {
	if r.lift == nil {
		return text
	}
	return r.lift(text)
}

// liftedJSON is a string or number of a JSON body with what earlier answers gave.
func (r *webRequest) liftedJSON(text string, number bool) string {
	if r.liftJSON == nil {
		return text
	}
	return r.liftJSON(text, number)
}

// clientFields are headers that the client writes from what it sends.
var clientFields = []string{"host", "content-length", "transfer-encoding", "connection", "proxy-connection", "keep-alive", "upgrade", "te", "trailer", "expect", "http2-settings"}

// fields turns headers into the step's, its cookies and its authentication.
func (im *webImport) fields(r *webRequest) {
	var out []Field
	for _, h := range r.headers {
		name, value := h.Name, strings.TrimSpace(h.Text)
		lower := strings.ToLower(name)
		where := "header " + oneLine(name, 60)
		switch {
		case !isToken(name):
			im.lose(r, Lost{Kind: Headers, Place: where, Why: "that is not the name of a header"})
		case !headerText(value):
			im.lose(r, Lost{Kind: Headers, Place: where, Why: "its value has bytes that no header may have"})
		case slices.Contains(clientFields, lower):
			im.clientField(r, lower, value)
		case lower == "cookie":
			r.cookies = append(r.cookies, cookiePairs(value)...)
		case lower == "authorization":
			im.authorization(r, value)
		default:
			im.report.Mapped(Headers, 1)
			text := im.keep(r, name, value, where)
			for _, o := range out {
				if strings.EqualFold(o.Name, name) {
					name = o.Name
				}
			}
			out = append(out, Field{name, text})
		}
	}
	r.headers = out
}

func (im *webImport) clientField(r *webRequest, name, value string) {
	switch {
	case name == "host":
		im.lose(r, Lost{Kind: Headers, Place: "header Host", Text: value, Why: "the virtual host belongs to a side: write host: in sides"})
	case name == "upgrade" || name == "te" || name == "trailer":
		im.lose(r, Lost{Kind: Headers, Place: "header " + name, Text: value, Why: "upgrades and trailers are not part of a comparison"})
	default:
		im.report.Mapped(Headers, 1) // follows from what is sent
	}
}

// headerText reports whether marked text may stand in a header, and in YAML.
func headerText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for i, p := range strings.Split(s, mark) {
		if i%2 == 0 && strings.IndexFunc(p, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) >= 0 {
			return false
		}
	}
	return true
}

// authorization reads the header into auth where that has a word for it.
func (im *webImport) authorization(r *webRequest, value string) {
	im.report.Mapped(Auths, 1)
	value = r.lifted(value)
	scheme, rest, _ := cutOutside(value, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "bearer") && rest != "":
		r.auth = &Auth{Kind: Bearer, Token: im.secret(r, "TOKEN", rest, "the bearer token")}
	case strings.EqualFold(scheme, "basic") && !hasMark(rest) && im.basic(r, rest):
	case rest != "" && !hasMark(scheme) && isToken(scheme):
		r.auth = &Auth{Kind: APIKeyHeader, Name: "Authorization", Value: scheme + " " + im.secret(r, "AUTHORIZATION", rest, "the header Authorization")}
	case value != "":
		r.auth = &Auth{Kind: APIKeyHeader, Name: "Authorization", Value: im.secret(r, "AUTHORIZATION", value, "the header Authorization")}
	}
}

// basic decodes the credentials of HTTP Basic.
func (im *webImport) basic(r *webRequest, text string) bool {
	data, err := base64.StdEncoding.DecodeString(text)
	user, password, ok := strings.Cut(string(data), ":")
	if err != nil || !ok || !headerText(string(data)) || hasMark(string(data)) {
		return false
	}
	r.auth = &Auth{Kind: Basic, User: user, Password: im.secret(r, "PASSWORD", password, "the password")}
	return true
}

// finishAuth writes the marks of an auth as placeholders.
func (im *webImport) finishAuth(a *Auth) *Auth {
	if a == nil {
		return nil
	}
	out := *a
	for _, s := range out.credentials() {
		*s = im.text(*s)
	}
	return &out
}

// cookiePairs cuts a=b; c=d.
func cookiePairs(text string) []Field {
	var out []Field
	for _, p := range splitOutside(text, ";") {
		if p = strings.TrimSpace(p); p != "" {
			name, value, _ := cutOutside(p, "=")
			out = append(out, Field{strings.TrimSpace(name), strings.TrimSpace(value)})
		}
	}
	return out
}

// cookieFields checks cookies; a name stands once. plain says which values may be
// written; all others come from the environment.
func (im *webImport) cookieFields(r *webRequest, plain func(name, value string) bool) []Field {
	var out []Field
	for _, c := range r.cookies {
		where := "cookie " + oneLine(readable(c.Name), 60)
		switch {
		case !isToken(c.Name) || !headerText(c.Text) || strings.ContainsAny(c.Text, ";"):
			im.lose(r, Lost{Kind: Headers, Place: where, Why: "that is not a cookie"})
			if hasMark(c.Name) {
				r.skip = append(r.skip, "its cookies are a variable")
			}
		case slices.ContainsFunc(out, func(o Field) bool { return o.Name == c.Name }):
			im.lose(r, Lost{Kind: Headers, Place: where, Why: "it stands twice; the first is sent"})
		default:
			im.report.Mapped(Headers, 1)
			text := r.lifted(c.Text)
			if text != "" && !plain(c.Name, text) {
				text = im.secret(r, "COOKIE_"+c.Name, text, where)
			}
			out = append(out, Field{c.Name, im.text(text)})
		}
	}
	return out
}

// asset adds a file below files/ and returns its name.
func (im *webImport) asset(folder, name string, data []byte) string {
	ext := extension(name)
	stem := Name(strings.TrimSuffix(name, ext))
	if stem == "" {
		stem = "file"
	}
	ext = strings.Map(func(r rune) rune {
		if r == '.' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, ext)
	if e := strings.ToLower(ext); e == "." || e == ".yaml" || e == ".yml" || len(e) > 12 {
		ext = ".bin" // a YAML file in the folder would be read as a suite
	}
	for _, f := range im.assets {
		if string(f.Data) == string(data) && strings.HasPrefix(f.Name, folder+"/"+stem) && strings.HasSuffix(f.Name, ext) {
			return f.Name
		}
	}
	file := folder + "/" + im.files.Take(stem+ext)
	if n := strings.LastIndex(file, ext+"-"); ext != "" && n > 0 {
		file = file[:n] + "-" + file[n+len(ext)+1:] + ext
	}
	im.assets = append(im.assets, File{file, data})
	return file
}

// caseID is a readable name of a request: get-v1-channels.
func caseID(method, path string) string {
	words := []string{method}
	for seg := range strings.SplitSeq(literals(path, percentDecoded), "/") {
		switch {
		case hasMark(seg):
			words = append(words, strings.ToLower(strings.TrimPrefix(readable(seg), "$")))
		case opaque(seg):
			words = append(words, "id")
		case seg != "":
			words = append(words, seg)
		}
	}
	if len(words) == 1 {
		words = append(words, "root")
	}
	return orElse(Name(strings.ToValidUTF8(strings.Join(words, " "), "")), "request")
}

// opaque reports whether a segment is an id that says nothing to people.
func opaque(seg string) bool {
	digits, letters := 0, 0
	for i := range len(seg) {
		switch c := seg[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letters++
		}
	}
	return len(seg) > 0 && digits == len(seg) || len(seg) >= 16 && digits >= 4 && digits+letters >= len(seg)*3/4
}

// unsafeMethod reports whether a request may leave something behind.
func unsafeMethod(method string) bool {
	return !slices.Contains([]string{"GET", "HEAD", "OPTIONS", "TRACE"}, method)
}

// describe is a request in a word for notes: GET /v1/channels.
func (r *webRequest) describe() string {
	_, path, _ := cutURL(r.url)
	path, _, _ = cutOutside(path, "?")
	for _, in := range insides(path) {
		path = strings.ReplaceAll(path, marked(in), "{"+in+"}")
	}
	return fmt.Sprintf("%s %s", r.method, oneLine(path, 80))
}
