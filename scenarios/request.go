package scenarios

import (
	"encoding/base64"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/bgverify/bgverify/internal/suggest"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/internal/source"
	"github.com/bgverify/bgverify/scenarios/problem"
	"github.com/bgverify/bgverify/scenarios/template"
)

// readRequest reads the verb, the URL and everything that is sent. Query, headers and cookies
// of the defaults come first, then those of the step: the order is that of the wire.
func (b *builder) readRequest(o *keys.Mapping, ctx stepContext, s *Step) {
	d := b.defaults
	b.readVerb(o, ctx, s)
	s.Service = b.chooseService(o, ctx)
	s.Request.Query = mergeFields(d.Query, ctx.readFields(o, "query", nil), false)
	headers := ctx.readFields(o, "headers", ctx.checkHeaderKey)
	// What the file writes itself is checked now; values of placeholders when they are known.
	ctx.checkLiterals(headers, "header", headerValue)
	s.Request.Headers = mergeFields(d.Headers, headers, true)
	cookies := ctx.readFields(o, "cookies", ctx.checkCookieName)
	ctx.checkLiterals(cookies, "cookie", cookieValue)
	s.Request.Cookies = mergeFields(d.Cookies, cookies, false)
	b.readRequestBody(o, ctx, s)
}

// chooseService is the named service of a step; empty: the side's url. The nearest word counts:
// the step's, the case's, the defaults', then the suite's own where the sides have a service
// of that name. An unknown name is a problem, and is returned all the same, so that the
// step is not also sent to the side's url in later checks.
func (b *builder) chooseService(o *keys.Mapping, ctx stepContext) string {
	has := func(name string) bool { return slices.Contains(b.serviceNames(), name) }
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

// serviceNames are the services of both sides, each once, in the order of blue's file.
func (b *builder) serviceNames() []string {
	var out []string
	for _, s := range slices.Concat(b.suite.Blue.Services, b.suite.Green.Services) {
		out = union(out, []string{s.Name})
	}
	return out
}

// verbKey is the key that names the request, for problems of the request as a whole.
func verbKey(o *keys.Mapping) *yaml.Node {
	for _, v := range append(slices.Clone(keys.Verbs), "request") {
		// The first in the order of the table, when there are several.
		if k := o.Keys[v]; k != nil {
			return k
		}
	}
	return o.Node
}

// present are the keys of a list that a mapping has.
func present(o *keys.Mapping, list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(key string) bool { return !o.Has(key) })
}

// readVerb reads the one verb key, or request for a method that has no key. The method of
// request is written in capitals, as it is sent: methods are case-sensitive.
func (b *builder) readVerb(o *keys.Mapping, ctx stepContext, s *Step) {
	found := present(o, append(slices.Clone(keys.Verbs), "request"))
	switch {
	case len(found) == 0:
		if !o.Broken {
			o.Fail(o.Node, "add a verb: get: /path", "no request%s", o.What)
		}
		return
	// All of them count as read: one problem is enough for one mistake.
	case len(found) > 1:
		o.Fail(o.Keys[found[1]], "a step is one request; write two steps", "both %q and %q%s", found[0], found[1], o.What)
		o.MarkRead(found...)
		return
	// Methods that have a key must be written by it: one way to write a request.
	case found[0] == "request":
		// The long form, for methods without a key. A null was reported.
		n := o.Get("request")
		if n == nil {
			return
		}
		r := ctx.Object(n, "request", "")
		r.Bind(&s.Request)
		if m := s.Request.Method; m != "" && (!template.IsToken(m) || m != strings.ToUpper(m)) {
			r.Fail(r.At("method"), "", "%q is not a method in capitals", problem.Cut(m, 40))
		} else if slices.Contains(keys.Verbs, strings.ToLower(m)) && m != "" {
			r.Fail(r.At("method"), "write "+strings.ToLower(m)+": /path", "method %q has its own key", m)
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

// foreignPlaceholder matches how other tools write a variable in a path: {id}, ${id} and :id.
var foreignPlaceholder = regexp.MustCompile(`(\$?\{[A-Za-z_]\w*\}|/:[A-Za-z_]\w*)(?:[/?&]|$)`)

// checkURL holds what the file itself writes of a URL to what can be sent. Values of
// placeholders are escaped when the URL is expanded, and never change its path.
func (b *builder) checkURL(o *keys.Mapping, w *walker, t *Template) {
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: t.Pos.Line, Column: t.Pos.Col, Value: t.Text}
	fail := func(hint, format string, args ...any) {
		o.Broken = true
		w.Errorf(n, hint, format, args...)
	}
	if len(t.Parts) == 0 {
		fail("write / for the root", "the path is empty")
		return
	}
	// Literal text is sent as it is, but for what no URL may hold.
	for _, p := range t.Parts {
		// Control characters and backslashes are read differently by servers and proxies.
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
		if m := foreignPlaceholder.FindStringSubmatch(p.Literal); m != nil {
			name := strings.Trim(m[1], "${}:/")
			w.Warnf(n, fmt.Sprintf("a variable is written {{%s}}, one of the environment {{env.%s}}", name, name),
				"%s is sent as it is written here", strings.TrimPrefix(m[1], "/"))
		}
	}
	// A URL that begins with a placeholder is known only at run time; the runner then holds
	// it to the services.
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

// validPercents reports whether every % begins an escape of two hex digits.
func validPercents(s string) bool {
	for i := range len(s) {
		if s[i] == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			return false
		}
	}
	return true
}

// isHex reports whether a byte is a hex digit of either case.
func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// readRequestBody reads the one body key. Its kind follows from the key.
func (b *builder) readRequestBody(o *keys.Mapping, ctx stepContext, s *Step) {
	found := present(o, keys.BodyKeys)
	if len(found) > 1 {
		o.Fail(o.Keys[found[1]], "a request has one body", "both %q and %q%s", found[0], found[1], o.What)
		o.MarkRead(found...)
		return
	}
	if len(found) == 0 {
		return
	}
	// A body key without a value was reported.
	n := o.Get(found[0])
	if n == nil {
		return
	}
	// The kinds are the body keys in the order of the key table, counted from 1.
	body := &Body{Kind: BodyKind(slices.Index(keys.BodyKeys, found[0]) + 1), Pos: ctx.Pos(n)}
	switch body.Kind {
	case BodyJSON:
		body.Node = ctx.JSONNode(n, "json")
		if n = source.Deref(n); n.Kind == yaml.ScalarNode && n.Style != 0 && strings.ContainsAny(strings.TrimSpace(n.Value)[:min(1,
			len(strings.TrimSpace(n.Value)))], "{[") {
			ctx.Warnf(n, "write the body as YAML, or use text: with a Content-Type header", "this JSON body is one string")
		}
	case BodyForm:
		body.Fields = ctx.readFields(o, "form", nil)
	case BodyMultipart:
		body.Parts = ctx.readMultipart(o)
	case BodyGraphQL:
		ctx.readGraphQL(o, n, body)
	case BodyFile:
		body.File = o.FileName("file")
		body.Data = ctx.readPayload(o.At("file"), body.File)
	default:
		body.Text = o.Template(found[0])
		b.checkBase64(o, body)
	}
	// Warned of and not refused: some APIs search by a GET with a body.
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

// checkBase64 decodes a body without placeholders; white space in it is allowed.
func (b *builder) checkBase64(o *keys.Mapping, body *Body) {
	if body.Kind != BodyBase64 || body.Text == nil || !body.Text.Static() {
		return
	}
	if _, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body.Text.Text), "")); err != nil {
		o.Fail(o.At("base64"), "", "base64: %v", err)
	}
}

// readGraphQL reads a query, or a query with its variables. Text inside a query takes no
// placeholders: a value in it could change the query, and variables cannot.
func (w *walker) readGraphQL(o *keys.Mapping, n *yaml.Node, body *Body) {
	if source.Deref(n).Kind != yaml.MappingNode {
		body.Text = o.Template("graphql")
	} else {
		g := w.Object(n, "graphql", "")
		g.Bind(body)
		// Variables are any JSON, with placeholders at their leaves.
		if v := g.Get("variables"); v != nil {
			body.Node = w.JSONNode(v, "variables")
		}
		o.Broken = o.Broken || g.Broken
	}
	if t := body.Text; t != nil && !t.Static() && !t.Whole() {
		o.Fail(n, "declare a variable in the query and give it in variables:", "a GraphQL query takes no placeholders inside its text")
	}
}

// readMultipart reads the parts in file order; a list makes several parts of one name.
func (w *walker) readMultipart(o *keys.Mapping) []Part {
	var out []Part
	o.EachPair("multipart", func(k, v *yaml.Node) {
		for _, v := range w.oneOrSeveral(k, v, "multipart") {
			if p, ok := w.readPart(k, v); ok {
				out = append(out, p)
			}
		}
	})
	return out
}

// readPart reads one part of the name k: a text, or a mapping with a text or a file.
func (w *walker) readPart(k, v *yaml.Node) (Part, bool) {
	p := Part{Name: k.Value, Pos: w.Pos(k)}
	if source.Deref(v).Kind != yaml.MappingNode {
		p.Value = w.Template(v, "part "+k.Value)
		return p, p.Value != nil
	}
	x := w.Object(v, "multipart part", "part "+quoteName(k.Value))
	x.Bind(&p)
	// Neither or both.
	if x.Has("value") == x.Has("file") && !x.Broken {
		x.Fail(x.Node, "write value: or file:", "part %q needs a value or a file, one of them", k.Value)
	}
	if headerValue(p.Type) != nil {
		x.Fail(x.At("type"), "", "type has a control character")
	}
	// What the part does not say follows from the file's name.
	if p.File != "" {
		p.Data = w.readPayload(x.At("file"), p.File)
		if p.FileName == "" {
			p.FileName = path.Base(p.File)
		}
		if p.Type == "" {
			p.Type = fileType(p.File)
		}
	}
	return p, !x.Broken
}
