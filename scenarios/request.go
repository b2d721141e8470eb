package scenarios

import (
	"encoding/base64"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// request reads the verb, the URL and everything that is sent.
func (b *builder) request(o *keys.Mapping, ctx stepContext, s *Step) {
	d := b.defaults
	b.verb(o, ctx, s)
	s.Service = b.service(o, ctx)
	s.Request.Query = mergeFields(d.Query, ctx.fields(o, "query", nil), false)
	headers := ctx.fields(o, "headers", ctx.headerKey)
	ctx.checkLiterals(headers, "header", headerValue)
	s.Request.Headers = mergeFields(d.Headers, headers, true)
	cookies := ctx.fields(o, "cookies", ctx.cookieName)
	ctx.checkLiterals(cookies, "cookie", cookieValue)
	s.Request.Cookies = mergeFields(d.Cookies, cookies, false)
	b.requestBody(o, ctx, s)
}

// service is the named service of a step; empty: the side's url. The suite's
// own service counts where the sides have one of that name.
func (b *builder) service(o *keys.Mapping, ctx stepContext) string {
	has := func(name string) bool {
		same := func(s Service) bool { return s.Name == name }
		return slices.ContainsFunc(b.suite.Blue.Services, same) || slices.ContainsFunc(b.suite.Green.Services, same)
	}
	name := o.Name("service")
	switch {
	case name != "":
		if !b.unbound && !has(name) {
			o.Fail(o.At("service"), suggest.Hint(name, b.serviceNames()), "unknown service %q%s", name, o.What)
		}
		return name
	case ctx.service != "":
		return ctx.service
	case b.defaults.Service != "":
		return b.defaults.Service
	case has(b.suite.Service):
		return b.suite.Service
	}
	return ""
}

func (b *builder) serviceNames() []string {
	var out []string
	for _, s := range slices.Concat(b.suite.Blue.Services, b.suite.Green.Services) {
		if !slices.Contains(out, s.Name) {
			out = append(out, s.Name)
		}
	}
	return out
}

// verbKey is the key that names the request.
func verbKey(o *keys.Mapping) *yaml.Node {
	for _, v := range append(slices.Clone(keys.Verbs), "request") {
		if k := o.Keys[v]; k != nil {
			return k
		}
	}
	return o.Node
}

// verb reads the one verb key, or request.
func (b *builder) verb(o *keys.Mapping, ctx stepContext, s *Step) {
	var found []string
	for _, v := range append(slices.Clone(keys.Verbs), "request") {
		if o.Has(v) {
			found = append(found, v)
		}
	}
	switch {
	case len(found) == 0:
		if !o.Broken {
			o.Fail(o.Node, "add a verb: get: /path", "no request%s", o.What)
		}
		return
	case len(found) > 1:
		o.Fail(o.Keys[found[1]], "a step is one request; write two steps", "both %q and %q%s", found[0], found[1], o.What)
		o.MarkRead(found...)
		return
	case found[0] == "request":
		r := ctx.Object(o.Get("request"), "request", "")
		r.Bind(&s.Request)
		if m := s.Request.Method; m != "" && (!template.IsToken(m) || m != strings.ToUpper(m)) {
			r.Fail(r.At("method"), "", "%q is not a method in capitals", problem.Cut(m, 40))
		} else if slices.Contains(keys.Verbs, strings.ToLower(m)) && m != "" {
			r.Fail(r.At("method"), "write "+strings.ToLower(m)+": /path", "method %q has a key of its own", m)
		} else if m == "CONNECT" {
			r.Fail(r.At("method"), "", "CONNECT is not sent to a service")
		}
		o.Broken = o.Broken || r.Broken
	default:
		s.Request.Method, s.Request.URL = strings.ToUpper(found[0]), o.Template(found[0])
	}
	if s.Request.URL != nil {
		b.checkURL(o, ctx.walker, s.Request.URL)
	}
}

// checkURL looks at what the file itself writes of a URL.
func (b *builder) checkURL(o *keys.Mapping, w *walker, t *Template) {
	fail := func(hint, format string, args ...any) {
		o.Broken = true
		n := &yaml.Node{Kind: yaml.ScalarNode, Line: t.Pos.Line, Column: t.Pos.Col, Value: t.Text}
		w.Errorf(n, hint, format, args...)
	}
	if len(t.Parts) == 0 {
		fail("write / for the root", "the path is empty")
		return
	}
	for _, p := range t.Parts {
		if err := headerValue(p.Literal); err != nil || strings.ContainsAny(p.Literal, "\\") {
			fail("", "a URL may not hold control characters or backslashes")
			return
		}
		if strings.Contains(p.Literal, "#") {
			fail("write %23 for the character itself", "a fragment (#…) is never sent")
			return
		}
		if !validPercents(p.Literal) {
			fail("write %25 for the character itself", "%% in a URL must be followed by two hex digits")
			return
		}
	}
	first := t.Parts[0]
	switch {
	case first.Name != "":
	case strings.HasPrefix(first.Literal, "//"):
		fail("", "a path begins with one /")
	case strings.HasPrefix(first.Literal, "/"), strings.HasPrefix(first.Literal, "?"): // ?…: the base URL itself
	case strings.HasPrefix(first.Literal, "http://"), strings.HasPrefix(first.Literal, "https://"):
		b.checkOrigin(fail, first.Literal)
	default:
		fail("write /"+problem.Cut(t.Text, 60), "a path must begin with /, not %q", problem.Cut(t.Text, 40))
	}
}

func validPercents(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// requestBody reads the one body key.
func (b *builder) requestBody(o *keys.Mapping, ctx stepContext, s *Step) {
	var found []string
	for _, k := range keys.BodyKeys {
		if o.Has(k) {
			found = append(found, k)
		}
	}
	if len(found) > 1 {
		o.Fail(o.Keys[found[1]], "a request has one body", "both %q and %q%s", found[0], found[1], o.What)
		o.MarkRead(found...)
		return
	}
	if len(found) == 0 {
		return
	}
	n := o.Get(found[0])
	if n == nil {
		return
	}
	body := &Body{Kind: BodyKind(slices.Index(keys.BodyKeys, found[0]) + 1), Pos: ctx.Pos(n)}
	switch body.Kind {
	case BodyJSON:
		body.Node = ctx.JSONNode(n, "json")
		if n = source.Deref(n); n.Kind == yaml.ScalarNode && n.Style != 0 && strings.ContainsAny(strings.TrimSpace(n.Value)[:min(1,
			len(strings.TrimSpace(n.Value)))], "{[") {
			ctx.Warnf(n, "write the body as YAML, or use text: with a Content-Type header", "this JSON body is one string")
		}
	case BodyForm:
		body.Fields = ctx.fields(o, "form", nil)
	case BodyMultipart:
		body.Parts = ctx.multipart(o)
	case BodyGraphQL:
		ctx.graphql(o, n, body)
	case BodyFile:
		body.File = o.FileName("file")
		body.Data = ctx.payload(o.At("file"), body.File)
	default:
		body.Text = o.Template(found[0])
		b.checkBase64(o, body)
	}
	if m := s.Request.Method; m == "GET" || m == "HEAD" {
		ctx.Warnf(o.Keys[found[0]], "many servers and caches ignore it", "a %s with a body", m)
	}
	if body.Kind == BodyMultipart && slices.ContainsFunc(s.Request.Headers,
		func(f Field) bool { return strings.EqualFold(f.Name, "Content-Type") }) {
		o.Fail(o.Keys[found[0]], "leave the header out", "multipart writes its own Content-Type")
	}
	if !o.Broken {
		s.Request.Body = body
	}
}

func (b *builder) checkBase64(o *keys.Mapping, body *Body) {
	if body.Kind != BodyBase64 || body.Text == nil || !body.Text.Static() {
		return
	}
	if _, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body.Text.Text), "")); err != nil {
		o.Fail(o.At("base64"), "", "base64: %v", err)
	}
}

func (w *walker) graphql(o *keys.Mapping, n *yaml.Node, body *Body) {
	if source.Deref(n).Kind != yaml.MappingNode {
		body.Text = o.Template("graphql")
	} else {
		g := w.Object(n, "graphql", "")
		g.Bind(body)
		if v := g.Get("variables"); v != nil {
			body.Node = w.JSONNode(v, "variables")
		}
		o.Broken = o.Broken || g.Broken
	}
	if t := body.Text; t != nil && !t.Static() && !t.Whole() {
		o.Fail(n, "declare a variable in the query and give it in variables:", "a GraphQL query takes no placeholders inside its text")
	}
}

func (w *walker) multipart(o *keys.Mapping) []Part {
	var out []Part
	o.EachPair("multipart", func(k, v *yaml.Node) {
		for _, v := range w.oneOrSeveral(k, v, "multipart") {
			if p, ok := w.part(k, v); ok {
				out = append(out, p)
			}
		}
	})
	return out
}

// part reads a part of the name k.
func (w *walker) part(k, v *yaml.Node) (Part, bool) {
	p := Part{Name: k.Value, Pos: w.Pos(k)}
	if source.Deref(v).Kind != yaml.MappingNode {
		p.Value = w.Template(v, "part "+k.Value)
		return p, p.Value != nil
	}
	x := w.Object(v, "multipart part", "part "+quoteName(k.Value))
	x.Bind(&p)
	if x.Has("value") == x.Has("file") && !x.Broken {
		x.Fail(x.Node, "write value: or file:", "part %q needs a value or a file, one of them", k.Value)
	}
	if headerValue(p.Type) != nil {
		x.Fail(x.At("type"), "", "type has a control character")
	}
	if p.File != "" {
		p.Data = w.payload(x.At("file"), p.File)
		if p.FileName == "" {
			p.FileName = path.Base(p.File)
		}
		if p.Type == "" {
			p.Type = fileType(p.File)
		}
	}
	return p, !x.Broken
}
