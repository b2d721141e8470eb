// Package openapi turns a description of an API into suites. In comes a document
// of OpenAPI 3.0, 3.1 or Swagger 2.0; out come a suite for each tag, with a case for
// each operation that can be asked with what the document says, and the schemas of
// the answers as files of JSON Schema.
//
//  1. A request is made of examples, defaults and enums; nothing else is guessed, but
//     for members of a JSON body: see values.go.
//  2. A parameter that is required and has none of them becomes a variable that must
//     come from outside (needs); an optional one is not sent.
//  3. Each example is a row. Rows that are sent in the same form are rows of one case.
//  4. An expectation is what the document says of the successful statuses. Where it
//     says different things of several, nothing is written and that is listed.
//  5. A link is a case of two steps: the first captures what the second sends. It takes
//     the place of the second operation's own case where that would need a value from
//     outside and the first only reads. What the language has no place for is listed.
//
// Reading the document is the work of package scenarios/openapi.
package openapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
	"github.com/bgverify/bgverify/scenarios/internal/bodyschema"
	"github.com/bgverify/bgverify/scenarios/openapi"
)

// An importer holds what is being made.
type importer struct {
	d       *openapi.Document
	report  model.Report
	assets  []model.File
	files   *naming.Namer
	suites  []*suite
	envs    *naming.Namer     // names of environment variables
	secrets map[string]string // what a secret is, to its variable
	needs   map[string]string // what a needed variable is for, to its name
	needed  *naming.Namer
	caseIDs map[*openapi.Operation]string
	ids     *naming.Namer
	schemas schemaFiles
	// compiled are the schema files of assets, for whoever loads what is written. It outlives
	// the importer.
	compiled *bodyschema.Cache
	links    links
	unsent   int // optional parameters that the document gives no value for
}

// A suite is a suite in the making.
type suite struct {
	model.Suite
	operations []*openapi.Operation
}

// Convert reads a document.
func Convert(in source.Input) (*model.Result, error) {
	if in.Folder {
		return nil, fmt.Errorf("%s is not a regular file", in.Name)
	}
	d, err := openapi.Open(in.Files, in.Name)
	var at *openapi.Error
	switch {
	case errors.As(err, &at):
		return nil, mistake(in.Name, at.Pos, at.Msg)
	case err != nil:
		return nil, err
	case len(d.Operations) == 0 && len(d.Faults) > 0:
		return nil, mistake(in.Name, d.Faults[0].Pos, "there is no operation in the description: "+d.Faults[0].Msg)
	case len(d.Operations) == 0:
		return nil, &source.Error{Offset: -1, Line: 1, Col: 1, Msg: "there is no operation in the description"}
	}
	im := &importer{
		d: d, files: naming.NewNamer("-"), envs: naming.NewNamer("_"), secrets: map[string]string{}, needs: map[string]string{},
		compiled: new(bodyschema.Cache), needed: naming.NewNamer("_"), caseIDs: map[*openapi.Operation]string{}, ids: naming.NewNamer("-"),
	}
	for _, f := range d.Faults {
		im.report.Lose(model.Lost{Kind: model.Settings, Place: f.Pos.String(), Why: f.Msg})
	}
	// Names of cases come first: schemas and links are called after them.
	im.group(in.Name)
	im.writeSchemas()
	im.readLinks()
	for _, s := range im.suites {
		for _, o := range s.operations {
			im.operation(s, o)
		}
		im.linkedCases(s)
		im.finish(s)
	}
	if im.unsent > 0 {
		im.report.Note("", "%d optional parameters have no example, default or enum and are not sent", im.unsent)
	}
	return im.result(), nil
}

// mistake is what is wrong at a place; the file that is imported is not named.
func mistake(imported string, at scenarios.Pos, msg string) error {
	if at.File == imported {
		at.File = ""
	}
	return &source.Error{File: at.File, Offset: -1, Line: at.Line, Col: at.Col, Msg: msg}
}

// group puts each operation into the suite of its first tag.
func (im *importer) group(file string) {
	base := cmp.Or(naming.Name(strings.TrimSuffix(file, file[max(0, strings.LastIndexByte(file, '.')):])), "api")
	names := naming.NewNamer("-")
	byTag := map[string]*suite{}
	for _, o := range im.d.Operations {
		tag := base
		if len(o.Tags) > 0 {
			tag = cmp.Or(naming.Name(o.Tags[0]), base)
		}
		s := byTag[tag]
		if s == nil {
			s = &suite{}
			s.Name = names.Take(tag)
			s.File = s.Name + ".yaml"
			s.Doc = strings.TrimSpace("Imported from " + naming.Plain(file) + ": " + naming.Plain(naming.OneLine(im.d.Title, 100)) + ".")
			byTag[tag] = s
			im.suites = append(im.suites, s)
		}
		s.operations = append(s.operations, o)
		im.caseIDs[o] = im.ids.Take(operationName(o))
	}
}

// operationName is a name of the language for an operation: get-pet-by-id.
func operationName(o *openapi.Operation) string {
	if name := naming.Name(words(o.ID)); name != "" {
		return name
	}
	return cmp.Or(naming.Name(o.Method+" "+words(o.Path)), "operation")
}

// words puts spaces where camelCase begins a word.
func words(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' && i > 0 && (s[i-1] >= 'a' && s[i-1] <= 'z' || i+1 < len(s) && s[i+1] >= 'a' && s[i+1] <= 'z') {
			b.WriteByte(' ')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// describe names an operation for people.
func describe(o *openapi.Operation) string { return o.Method + " " + o.Path }

// lose lists something, and says so next to the case.
func (im *importer) lose(c *model.Case, kind model.Kind, place, why string) {
	l := model.Lost{Kind: kind, Place: place, Why: why}
	if c != nil {
		l.Request = c.ID
		c.Comment = model.AppendOnce(c.Comment, "not converted: "+l.Line())
	}
	im.report.Lose(l)
}

// origin is the scheme and host of a server and the path that all requests to it begin
// with; the origin is empty where the document does not say it.
func origin(s openapi.Server) (base, prefix, why string) {
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || strings.Contains(s.URL, "{"):
		return "", "", "not an address"
	case u.Host != "" && u.Scheme != "http" && u.Scheme != "https":
		return "", "", "only http and https are compared"
	case u.Host != "" && u.User != nil:
		return "", "", "an address with a user"
	case u.Host != "":
		base = u.Scheme + "://" + u.Host
		if why := scenarios.URLFault(base); why != "" {
			return "", "", why
		}
	}
	prefix = strings.TrimRight(u.EscapedPath(), "/")
	if prefix != "" && prefix[0] != '/' { // relative to the document
		prefix = "/" + prefix
	}
	return base, prefix, ""
}

// place writes where the sides are, and returns what the paths of an operation begin
// with and its service.
func (im *importer) place(s *suite, o *openapi.Operation) (prefix, service string) {
	if len(o.Servers) == 0 {
		return "", ""
	}
	base, prefix, why := origin(o.Servers[0])
	if why != "" {
		im.report.Note("", "%s: server %s: %s; give the address with --blue and --green", o.Servers[0].Pos, naming.OneLine(o.Servers[0].URL, 80), why)
		return "", ""
	}
	if len(o.Servers) > 1 {
		im.report.Note("", "%s: the first server is blue; another is %s", o.Servers[1].Pos, naming.OneLine(o.Servers[1].URL, 80))
	}
	// The first server of the document is the side itself; any other host is a service of it.
	main := ""
	if len(im.d.Servers) > 0 {
		main, _, _ = origin(im.d.Servers[0])
	}
	if base == "" || base == main {
		return prefix, ""
	}
	u, _ := url.Parse(base)
	name := cmp.Or(naming.Name(u.Host), "service")
	if !slices.ContainsFunc(s.Blue.Services, func(v model.Var) bool { return v.Name == name }) {
		green := im.envName("green "+name, "GREEN_"+naming.EnvName(name)+"_URL")
		s.Env = model.AppendOnce(s.Env, green)
		s.Blue.Services = append(s.Blue.Services, model.Var{Name: name, Text: naming.Escape(base)})
		s.Green.Services = append(s.Green.Services, model.Var{Name: name, Text: "{{env." + green + "}}"})
		im.report.Note("", "%s is the service %s; %s says where green has it", base, name, green)
	}
	return prefix, name
}

// envName is the environment variable of something, the same each time.
func (im *importer) envName(what, name string) string {
	if im.secrets[what] == "" {
		im.secrets[what] = im.envs.Take(name)
	}
	return im.secrets[what]
}

// finish writes what the steps of a suite have in common once.
func (im *importer) finish(s *suite) {
	if len(im.d.Servers) > 0 {
		s.Blue.URL, _, _ = origin(im.d.Servers[0])
		s.Blue.URL = naming.Escape(s.Blue.URL)
	}
	if s.Blue.URL != "" {
		s.Green.Comment = []string{"Say where green is: --green URL, or green: {url: …}."}
	}
	var steps []*model.Step
	for _, c := range s.Cases {
		steps = append(steps, c.Steps...)
	}
	hoistAccept(s, steps)
	hoistAuth(s, steps)
}

func hoistAccept(s *suite, steps []*model.Step) {
	accept := func(f model.Field) bool { return f.Name == "Accept" }
	if len(steps) < 2 || !slices.ContainsFunc(steps[0].Headers, accept) {
		return
	}
	first := steps[0].Headers[slices.IndexFunc(steps[0].Headers, accept)]
	if slices.ContainsFunc(steps, func(step *model.Step) bool { return !slices.Contains(step.Headers, first) }) {
		return
	}
	s.Defaults.Headers = []model.Field{first}
	for _, step := range steps {
		step.Headers = slices.DeleteFunc(step.Headers, accept)
	}
}

// hoistAuth makes the authentication of most steps the default.
func hoistAuth(s *suite, steps []*model.Step) {
	same := func(a, b *model.Auth) bool {
		return a != nil && b != nil && a.Kind == b.Kind && a.Name == b.Name && a.Proof() == b.Proof() && a.ClientID == b.ClientID
	}
	var most *model.Auth
	best := 0
	// Each step is compared with all others: a hundred candidates are enough to find the usual one.
	for _, step := range steps[:min(len(steps), 100)] {
		n := 0
		for _, o := range steps {
			if same(step.Auth, o.Auth) {
				n++
			}
		}
		if n > best {
			most, best = step.Auth, n
		}
	}
	if best < 2 || best*2 < len(steps) {
		return
	}
	s.Defaults.Auth = most
	for _, step := range steps {
		switch {
		case same(step.Auth, most):
			step.Auth = nil
		case step.Auth == nil:
			step.Auth = &model.Auth{Kind: model.NoAuth}
		}
	}
}

// result writes the suites, in several files where one would be too large.
func (im *importer) result() *model.Result {
	out := &model.Result{Report: im.report, Schemas: im.compiled, Tree: model.Tree{Assets: im.assets}}
	taken := naming.NewNamer("-")
	for _, s := range im.suites {
		taken.Take(s.Name)
	}
	for _, s := range im.suites {
		cases, sizes := s.Cases, write.CaseSizes(s.Cases)
		for first := true; len(cases) > 0; first = false {
			n, size := 0, 0
			for ; n < len(cases) && (n == 0 || size+sizes[n] < write.MaxSuite); n++ {
				size += sizes[n]
			}
			sizes = sizes[n:]
			part := s.Suite
			part.Cases = cases[:n:n]
			if !first {
				part.Name = taken.Take(s.Name)
				part.File = part.Name + ".yaml"
			}
			cases = cases[n:]
			out.Tree.Suites = append(out.Tree.Suites, &part)
		}
	}
	return out
}
