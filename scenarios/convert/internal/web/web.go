// Package web turns single requests into the steps and cases of a suite, for the
// sources that record requests and know nothing else. In comes a Request as it
// was sent, in marked text (marked.go); out comes a step with its service, query,
// headers, cookies, authentication and body in the form that reads best and sends
// the same bytes. Whatever has no place is reported with Lose, a secret becomes an
// environment variable, and a request that cannot be sent as it is gets a reason
// in Skip.
package web

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
)

// A Request is one request as another tool sent it, before it becomes a step.
// All its texts are marked: see Mark.
type Request struct {
	// ID names the case, and the request in the report. It is unique in an import.
	ID string
	// Name is what people read; empty: the id.
	Name string
	// Method is the method as the source has it, in any case of letters.
	Method string
	// URL is the whole address, with its query and perhaps user and password.
	URL string
	// Headers are those of the source, in order. Host, Cookie, Authorization and
	// what a client writes itself are taken out of them by StepOf.
	Headers []model.Field
	Cookies []model.Field
	// Auth is what options of the source say; a header Authorization replaces it.
	Auth *model.Auth
	Body Body
	// Timeout is a duration of the language; empty: none.
	Timeout string
	// Expect is what is known of the answer.
	Expect model.Expect
	// Loose lets query and form be encoded anew where that means the same.
	Loose bool
	// Lift replaces values of earlier answers by marks; nil: there are none.
	Lift func(text string) string
	// LiftJSON is Lift for a leaf of a JSON body, whose type is kept.
	LiftJSON func(text string, number bool) string
	// Skip are the reasons why it cannot be sent as it is.
	Skip []string
	// Comment is written above the case, a line each.
	Comment []string
	// Step is what StepOf makes of it.
	Step   *model.Step
	origin string // of the URL: it decides the service
}

// A Body is a body as it was sent; at most one of Data, Raw, Parts and File is set.
type Body struct {
	Data  string       // marked text
	Raw   []byte       // any bytes, without marks
	Parts []model.Part // multipart; texts are marked
	File  string       // an asset: see Import.Asset
	// Type is the Content-Type that goes with it when no header says another.
	Type string
}

// An Import turns requests into a suite. A source embeds one, calls StepOf for
// every request, then Hosts, CaseOf and Hoist, and returns Result.
type Import struct {
	// Report collects what was converted and what was not.
	Report model.Report
	// Suite is what is being made.
	Suite *model.Suite
	// Cases gives ids of cases, Envs names of environment variables.
	Cases *naming.Namer
	Envs  *naming.Namer

	// Named names the services of origins; nil: after their hosts.
	Named map[string]string

	assets  []model.File
	files   *naming.Namer // names of assets
	secrets []webSecret
	// short are the environment variables of secrets that are too short to be hidden.
	short []string
}

// A webSecret is a secret that was found, and the variable that holds it.
type webSecret struct{ name, text, env string }

// New begins the import of a file: the suite is named after it.
func New(file string) *Import {
	name := naming.Name(strings.TrimSuffix(BaseName(file), extension(file)))
	if name == "" {
		name = "imported"
	}
	return &Import{
		Suite: &model.Suite{File: name + ".yaml", Name: name, Doc: "Imported from " + naming.Plain(BaseName(file)) + "."},
		files: naming.NewNamer("-"), Cases: naming.NewNamer("-"), Envs: naming.NewNamer("_"),
	}
}

// BaseName is the last part of a file name of any system.
func BaseName(file string) string { return file[strings.LastIndexAny(file, `/\`)+1:] }

func extension(file string) string {
	if i := strings.LastIndexByte(file, '.'); i > 0 {
		return file[i:]
	}
	return ""
}

// Lose lists something that was not converted, and says so next to the case.
func (im *Import) Lose(r *Request, l model.Lost) {
	l.Text = Readable(l.Text)
	if r != nil {
		l.Request = r.ID
		r.Comment = append(r.Comment, "not converted: "+l.Line())
	}
	im.Report.Lose(l)
}

// useEnv lists the environment variables of marked text.
func (im *Import) useEnv(text string) {
	for _, in := range Insides(text) {
		name, isEnv := strings.CutPrefix(in, "env.")
		name, _, _ = strings.Cut(name, " ")
		if isEnv && !slices.Contains(im.Suite.Env, name) {
			im.Suite.Env = append(im.Suite.Env, name)
			if naming.SecretName(name) && !slices.Contains(im.Suite.Secrets, name) && !slices.Contains(im.short, name) {
				im.Suite.Secrets = append(im.Suite.Secrets, name)
			}
		}
	}
}

// Text writes marked text as text of the language, and lists the environment
// variables in it in the suite.
func (im *Import) Text(text string) string {
	im.useEnv(text)
	return Template(text)
}

// lifted is text with what earlier answers gave taken out.
func (r *Request) lifted(text string) string {
	if r.Lift == nil {
		return text
	}
	return r.Lift(text)
}

// liftedJSON is a string or number of a JSON body with what earlier answers gave.
func (r *Request) liftedJSON(text string, number bool) string {
	if r.LiftJSON == nil {
		return text
	}
	return r.LiftJSON(text, number)
}

// clientFields are headers that the client writes from what it sends.
var clientFields = []string{
	"host", "content-length", "transfer-encoding", "connection", "proxy-connection", "keep-alive", "upgrade",
	"te", "trailer", "expect", "http2-settings",
}

// fields turns headers into the step's, its cookies and its authentication.
func (im *Import) fields(r *Request) {
	var out []model.Field
	for _, h := range r.Headers {
		name, value := h.Name, strings.TrimSpace(h.Text)
		lower := strings.ToLower(name)
		where := "header " + naming.OneLine(name, 60)
		switch {
		case !naming.IsToken(name):
			im.Lose(r, model.Lost{Kind: model.Headers, Place: where, Why: "that is not the name of a header"})
		case !HeaderText(value):
			im.Lose(r, model.Lost{Kind: model.Headers, Place: where, Why: "its value has bytes that no header may have"})
		case slices.Contains(clientFields, lower):
			im.clientField(r, lower, value)
		case lower == "cookie":
			r.Cookies = append(r.Cookies, CookiePairs(value)...)
		case lower == "authorization":
			im.authorization(r, value)
		default:
			im.Report.Mapped(model.Headers, 1)
			text := im.keep(r, name, value, where)
			for _, o := range out {
				if strings.EqualFold(o.Name, name) {
					name = o.Name
				}
			}
			out = append(out, model.Field{Name: name, Text: text})
		}
	}
	r.Headers = out
}

func (im *Import) clientField(r *Request, name, value string) {
	switch {
	case name == "host":
		im.Lose(r, model.Lost{
			Kind: model.Headers, Place: "header Host", Text: value,
			Why: "the virtual host belongs to a side: write host: in sides",
		})
	case name == "upgrade" || name == "te" || name == "trailer":
		im.Lose(r, model.Lost{
			Kind: model.Headers, Place: "header " + name, Text: value,
			Why: "upgrades and trailers are not part of a comparison",
		})
	default:
		im.Report.Mapped(model.Headers, 1) // follows from what is sent
	}
}

// HeaderText reports whether marked text may be in a header, and in YAML.
func HeaderText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for i, p := range strings.Split(s, Mark) {
		if i%2 == 0 && strings.IndexFunc(p, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) >= 0 {
			return false
		}
	}
	return true
}

// authorization reads the header into auth where that has a word for it.
func (im *Import) authorization(r *Request, value string) {
	im.Report.Mapped(model.Auths, 1)
	value = r.lifted(value)
	scheme, rest, _ := CutOutside(value, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case strings.EqualFold(scheme, "bearer") && rest != "":
		r.Auth = &model.Auth{Kind: model.Bearer, Token: im.Secret(r, "TOKEN", rest, "the bearer token")}
	case strings.EqualFold(scheme, "basic") && !HasMark(rest) && im.basic(r, rest):
	case rest != "" && !HasMark(scheme) && naming.IsToken(scheme):
		r.Auth = &model.Auth{
			Kind: model.APIKeyHeader, Name: "Authorization",
			Value: scheme + " " + im.Secret(r, "AUTHORIZATION", rest, "the header Authorization"),
		}
	case value != "":
		r.Auth = &model.Auth{
			Kind: model.APIKeyHeader, Name: "Authorization",
			Value: im.Secret(r, "AUTHORIZATION", value, "the header Authorization"),
		}
	}
}

// basic decodes the credentials of HTTP Basic.
func (im *Import) basic(r *Request, text string) bool {
	data, err := base64.StdEncoding.DecodeString(text)
	user, password, ok := strings.Cut(string(data), ":")
	if err != nil || !ok || !HeaderText(string(data)) || HasMark(string(data)) {
		return false
	}
	r.Auth = &model.Auth{Kind: model.Basic, User: user, Password: im.Secret(r, "PASSWORD", password, "the password")}
	return true
}

// finishAuth writes the marks of an auth as placeholders.
func (im *Import) finishAuth(a *model.Auth) *model.Auth {
	if a == nil {
		return nil
	}
	out := *a
	for _, s := range out.Credentials() {
		*s = im.Text(*s)
	}
	return &out
}

// CookiePairs cuts a=b; c=d.
func CookiePairs(text string) []model.Field {
	var out []model.Field
	for _, p := range SplitOutside(text, ";") {
		if p = strings.TrimSpace(p); p != "" {
			name, value, _ := CutOutside(p, "=")
			out = append(out, model.Field{Name: strings.TrimSpace(name), Text: strings.TrimSpace(value)})
		}
	}
	return out
}

// cookieFields checks cookies; a name appears once. plain says which values may be
// written; all others come from the environment.
func (im *Import) cookieFields(r *Request, plain func(name, value string) bool) []model.Field {
	var out []model.Field
	for _, c := range r.Cookies {
		where := "cookie " + naming.OneLine(Readable(c.Name), 60)
		switch {
		case !naming.IsToken(c.Name) || !HeaderText(c.Text) || strings.ContainsAny(c.Text, ";"):
			im.Lose(r, model.Lost{Kind: model.Headers, Place: where, Why: "that is not a cookie"})
			if HasMark(c.Name) {
				r.Skip = append(r.Skip, "its cookies are a variable")
			}
		case slices.ContainsFunc(out, func(o model.Field) bool { return o.Name == c.Name }):
			im.Lose(r, model.Lost{Kind: model.Headers, Place: where, Why: "it is listed twice; only the first is sent"})
		default:
			im.Report.Mapped(model.Headers, 1)
			text := r.lifted(c.Text)
			if text != "" && !plain(c.Name, text) {
				text = im.Secret(r, "COOKIE_"+c.Name, text, where)
			}
			out = append(out, model.Field{Name: c.Name, Text: im.Text(text)})
		}
	}
	return out
}

// Asset adds a file below files/ and returns its name.
func (im *Import) Asset(folder, name string, data []byte) string {
	ext := extension(name)
	stem := naming.Name(strings.TrimSuffix(name, ext))
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
	im.assets = append(im.assets, model.File{Name: file, Data: data})
	return file
}

// CaseID is a readable name of a request: get-v1-channels.
func CaseID(method, path string) string {
	words := []string{method}
	for seg := range strings.SplitSeq(Literals(path, PercentDecoded), "/") {
		switch {
		case HasMark(seg):
			words = append(words, strings.ToLower(strings.TrimPrefix(Readable(seg), "$")))
		case Opaque(seg):
			words = append(words, "id")
		case seg != "":
			words = append(words, seg)
		}
	}
	if len(words) == 1 {
		words = append(words, "root")
	}
	return cmp.Or(naming.Name(strings.ToValidUTF8(strings.Join(words, " "), "")), "request")
}

// Opaque reports whether a segment is an id that says nothing to people.
func Opaque(seg string) bool {
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

// UnsafeMethod reports whether a request may leave something behind.
func UnsafeMethod(method string) bool {
	return !slices.Contains([]string{"GET", "HEAD", "OPTIONS", "TRACE"}, method)
}

// Describe is a request in a word for notes: GET /v1/channels.
func (r *Request) Describe() string {
	_, path, _ := CutURL(r.URL)
	path, _, _ = CutOutside(path, "?")
	for _, in := range Insides(path) {
		path = strings.ReplaceAll(path, Marked(in), "{"+in+"}")
	}
	return fmt.Sprintf("%s %s", r.Method, naming.OneLine(path, 80))
}
