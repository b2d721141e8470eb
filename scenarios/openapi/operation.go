package openapi

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/problem"
)

// An Operation is a method of a path.
type Operation struct {
	Method  string // in capitals
	Path    string // as the document has it: /pets/{petId}
	ID      string // operationId; may be empty
	Summary string
	Tags    []string
	// Deprecated operations still answer.
	Deprecated bool
	Params     []*Param
	Body       *Body // nil: none
	Responses  []*Response
	// Servers are those of the operation, of its path or of the document.
	Servers []Server
	// Security are the alternatives, any of which will do; none: no proof is asked for.
	Security []Requirement
	Pos      problem.Pos
}

// A Server is where an API is.
type Server struct {
	URL string // variables are replaced by their defaults
	Doc string
	Pos problem.Pos
}

// A Requirement lists schemes that are all needed; empty: none is needed.
type Requirement []string

// A Param is a parameter of a path, query, header or cookie, or a form field of
// version 2.
type Param struct {
	Name     string
	In       string // path, query, header, cookie, formData
	Required bool
	// Style is form, spaceDelimited, pipeDelimited, deepObject, simple, label,
	// matrix, or tabDelimited of version 2.
	Style   string
	Explode bool
	// JSON is set where the value is sent as JSON text.
	JSON     bool
	Schema   *Node
	Examples []Example
	Pos      problem.Pos
}

// An Example is a value that the document gives. Name is empty where it has none.
type Example struct {
	Name  string
	Value *Node
}

// A Body is what a request sends.
type Body struct {
	Required bool
	Media    []Media
	Pos      problem.Pos
}

// A Media is one form of a body.
type Media struct {
	Type     string // in lower case, with its parameters
	Schema   *Node
	Examples []Example
	Pos      problem.Pos
}

// JSON reports whether the form is JSON.
func (m *Media) JSON() bool {
	t, _, _ := strings.Cut(m.Type, ";")
	t = strings.TrimSpace(t)
	return t == "application/json" || t == "text/json" || strings.HasSuffix(t, "+json")
}

// A Response is what the document says of a status.
type Response struct {
	Status string // 200, 2XX or default
	Media  []Media
	// Headers are those that a response must have.
	Headers []Header
	Links   []*Link
	Pos     problem.Pos
}

// A Header is a header field of a response. Schema is nil where the document has none.
type Header struct {
	Name   string
	Schema *Node
	Pos    problem.Pos
}

// A Link says which operation takes a value of a response.
type Link struct {
	Name   string
	To     *Operation // nil where the document has none of that name; Why says so
	Why    string
	Params []LinkParam
	Body   bool // the response also gives the body of the request
	Server bool // the request goes to a server that only the link names
	Pos    problem.Pos
}

// A LinkParam is a parameter of a link: an expression, or a value.
type LinkParam struct {
	Name  string // perhaps with its place: path.id
	Value *Node
	Pos   problem.Pos
}

// A Scheme is a way to prove who sends a request.
type Scheme struct {
	Name string
	Type string // apiKey, http, oauth2, openIdConnect, mutualTLS
	// Scheme is basic, bearer, digest, … of http.
	Scheme string
	// In and Param are the place and name of an API key.
	In, Param string
	// Flow is clientCredentials, password, or another of oauth2; empty where none is read.
	Flow     string
	TokenURL string
	Scopes   []string
	Pos      problem.Pos
}

// methods of a path item, in the order in which they are written out.
var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"}

func (d *Document) fault(at *Node, format string, args ...any) {
	d.Faults = append(d.Faults, &Error{at.Pos(), fmt.Sprintf(format, args...)})
}

// resolved follows references and lists the fault where that fails.
func (d *Document) resolved(n *Node, what string) *Node {
	out, err := d.Resolve(n)
	if err != nil {
		d.Faults = append(d.Faults, &Error{err.Pos, what + ": " + err.Msg})
		return nil
	}
	if ref := out.Get("$ref"); ref != nil {
		ref.is(String, "$ref")
	}
	return out
}

// wrongKind lists a value of the wrong kind once, however often it is read.
func (d *Document) wrongKind(n *Node, msg string) {
	if !d.wrong[n] {
		d.wrong[n] = true
		d.fault(n, "%s", msg)
	}
}

// read fills the document from its tree.
func (d *Document) read() {
	root := d.main.root
	if d.Swagger() {
		d.swaggerServers(root)
	} else {
		d.Servers = d.serverList(root)
	}
	d.readSchemes(root)
	security, hasSecurity := d.security(root)
	names, items := root.members("paths")
	for i, p := range names {
		if strings.HasPrefix(p, "x-") {
			continue
		}
		item := d.resolved(items[i], "path "+p)
		switch {
		case item == nil:
		case item.Kind != Object || !strings.HasPrefix(p, "/"):
			d.fault(items[i], "path %s: not a path with its operations", problem.Cut(p, 80))
		default:
			d.pathItem(p, item, security, hasSecurity)
		}
	}
	if hooks, items := root.members("webhooks"); len(hooks) > 0 {
		d.fault(items[0], "webhooks are sent by the server: %s", strings.Join(hooks[:min(3, len(hooks))], ", "))
	}
	d.linkOperations()
}

func (d *Document) pathItem(p string, item *Node, security []Requirement, secured bool) {
	servers := d.serverList(item)
	shared := d.params(item, p)
	for i, key := range item.Keys {
		method := strings.ToLower(key)
		if !slices.Contains(methods, method) {
			continue
		}
		// JSON is case-sensitive: a method in capitals is an extension for most readers.
		if key != method {
			d.fault(item.Items[i], "%s %s: methods are written in lower case", key, problem.Cut(p, 80))
			continue
		}
		n := d.resolved(item.Items[i], key+" "+p)
		if n == nil {
			continue
		}
		if n.Kind != Object {
			d.fault(n, "%s %s: not an operation", key, p)
			continue
		}
		o := &Operation{
			Method: strings.ToUpper(key), Path: p, ID: n.text("operationId"), Summary: n.text("summary"), Tags: n.words("tags"),
			Deprecated: n.truth("deprecated"), Servers: d.Servers, Security: security, Pos: item.Items[i].Pos(),
		}
		// The nearest list of servers counts alone: operation, path, document.
		if own := d.serverList(n); len(own) > 0 {
			o.Servers = own
		} else if len(servers) > 0 {
			o.Servers = servers
		}
		if own, has := d.security(n); has {
			o.Security = own
		}
		d.operationParams(o, n, shared)
		if body := n.Get("requestBody"); body != nil && !d.Swagger() {
			o.Body = d.body(body, o)
		}
		o.Responses = d.responses(n, o)
		if names, items := n.members("callbacks"); len(names) > 0 {
			d.fault(items[0], "%s %s: callbacks are sent by the server: %s", o.Method, o.Path, names[0])
		}
		d.Operations = append(d.Operations, o)
	}
}

// operationParams joins the parameters of an operation and of its path. Those of
// version 2 also hold the body.
func (d *Document) operationParams(o *Operation, n *Node, shared []*paramNode) {
	own := d.params(n, o.Method+" "+o.Path)
	list := slices.DeleteFunc(slices.Clone(shared), func(s *paramNode) bool {
		return slices.ContainsFunc(own, func(x *paramNode) bool { return x.Name == s.Name && x.In == s.In })
	})
	list = append(list, own...)
	consumes := d.wordsOf(n, "consumes")
	var form []*paramNode
	for _, p := range list {
		switch p.In {
		case "body":
			o.Body = d.swaggerBody(p, consumes)
		case "formData":
			form = append(form, p)
		default:
			o.Params = append(o.Params, &p.Param)
		}
	}
	if len(form) > 0 {
		o.Body = formBody(form, consumes)
	}
}

// A paramNode is a parameter with its own node.
type paramNode struct {
	Param
	node *Node
}

var styles = map[string]string{"path": "simple", "header": "simple", "query": "form", "cookie": "form"}

func (d *Document) params(n *Node, what string) []*paramNode {
	var out []*paramNode
	for _, item := range n.list("parameters") {
		p := d.resolved(item, what+": a parameter")
		if p == nil {
			continue
		}
		x := &paramNode{node: p, Param: Param{Name: p.text("name"), In: p.text("in"), Required: p.truth("required"), Pos: item.Pos()}}
		known := []string{"path", "query", "header", "cookie"}
		if d.Swagger() {
			known = []string{"path", "query", "header", "body", "formData"}
		}
		if x.Name == "" || !slices.Contains(known, x.In) {
			d.fault(item, "%s: a parameter without a name, or in %q", what, problem.Cut(x.In, 80))
			continue
		}
		x.Required = x.Required || x.In == "path"
		if d.Swagger() {
			d.swaggerParam(x, p)
		} else {
			d.param(x, p)
		}
		out = append(out, x)
	}
	return out
}

func (d *Document) param(x *paramNode, p *Node) {
	x.Style = cmp.Or(p.text("style"), styles[x.In])
	x.Explode = x.Style == "form" || x.Style == "deepObject"
	if e := p.member("explode", Bool); e != nil {
		x.Explode = e.Text == "true"
	}
	x.Schema = p.Get("schema")
	x.Examples = d.examples(p, x.Name)
	if types, items := p.members("content"); len(types) > 0 {
		m := d.media(types[0], items[0], x.Name)
		x.JSON, x.Schema = m.JSON(), m.Schema
		x.Examples = append(x.Examples, m.Examples...)
	}
}

// examples are those that an object names, then its single one.
func (d *Document) examples(n *Node, what string) []Example {
	var out []Example
	names, items := n.members("examples")
	for i, name := range names {
		e := d.resolved(items[i], what+": example "+name)
		switch {
		case !e.is(Object, "example "+problem.Cut(name, 80)):
		case e.Get("value") != nil:
			out = append(out, Example{name, e.Get("value")})
		case e.Get("dataValue") != nil:
			out = append(out, Example{name, e.Get("dataValue")})
		case e.Get("externalValue") != nil:
			d.fault(e, "%s: example %s is outside the document", what, name)
		}
	}
	if e := n.Get("example"); e != nil && len(out) == 0 {
		out = append(out, Example{"", e})
	}
	return out
}

func (d *Document) media(typ string, n *Node, what string) Media {
	return Media{Type: strings.ToLower(typ), Schema: n.Get("schema"), Examples: d.examples(n, what), Pos: n.Pos()}
}

func (d *Document) body(n *Node, o *Operation) *Body {
	b := d.resolved(n, o.Method+" "+o.Path+": request body")
	if b == nil {
		return nil
	}
	out := &Body{Required: b.truth("required"), Pos: n.Pos(), Media: d.content(b, o.Method+" "+o.Path)}
	if len(out.Media) == 0 {
		return nil
	}
	return out
}

// content are the forms of a body that an object describes.
func (d *Document) content(n *Node, what string) []Media {
	var out []Media
	types, items := n.members("content")
	for i, t := range types {
		if m := d.resolved(items[i], what); m != nil {
			out = append(out, d.media(t, m, what))
		}
	}
	return out
}

func (d *Document) responses(n *Node, o *Operation) []*Response {
	var out []*Response
	names, items := n.members("responses")
	for i, status := range names {
		if strings.HasPrefix(status, "x-") {
			continue
		}
		what := o.Method + " " + o.Path + ": response " + problem.Cut(status, 80)
		// Classes are written 2XX or 2xx.
		up := strings.ToUpper(status)
		if !statusForm(up) && status != "default" {
			d.fault(items[i], "%s: not a status", what)
			continue
		}
		r := d.resolved(items[i], what)
		if r == nil {
			continue
		}
		x := &Response{Status: up, Pos: items[i].Pos()}
		if status == "default" {
			x.Status = status
		}
		if d.Swagger() {
			d.swaggerResponse(x, r, n)
		} else {
			x.Media = d.content(r, what)
			d.responseHeaders(x, r, what)
			d.links(x, r, what)
		}
		out = append(out, x)
	}
	return out
}

// statusForm reports whether text is a status or a class of them.
func statusForm(s string) bool {
	return len(s) == 3 && s[0] >= '1' && s[0] <= '5' && (s[1:] == "XX" || s[1] >= '0' && s[1] <= '9' && s[2] >= '0' && s[2] <= '9')
}

func (d *Document) responseHeaders(x *Response, r *Node, what string) {
	names, items := r.members("headers")
	for i, name := range names {
		if h := d.resolved(items[i], what+": header "+name); h.truth("required") && !strings.EqualFold(name, "content-type") {
			x.Headers = append(x.Headers, Header{Name: name, Schema: h.Get("schema"), Pos: items[i].Pos()})
		}
	}
}

func (d *Document) links(x *Response, r *Node, what string) {
	names, items := r.members("links")
	for i, name := range names {
		n := d.resolved(items[i], what+": link "+name)
		if n == nil {
			continue
		}
		l := &Link{
			Name: name, Body: n.Get("requestBody") != nil, Server: n.Get("server") != nil, Pos: items[i].Pos(),
			Why: cmp.Or(n.text("operationRef"), n.text("operationId")),
		}
		params, values := n.members("parameters")
		for k, p := range params {
			l.Params = append(l.Params, LinkParam{p, values[k], values[k].Pos()})
		}
		x.Links = append(x.Links, l)
	}
}

// linkOperations finds the operations that links name.
func (d *Document) linkOperations() {
	byID := map[string]*Operation{}
	for _, o := range d.Operations {
		if o.ID != "" {
			byID[o.ID] = o
		}
		pointer := "#/paths/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(o.Path) + "/" + strings.ToLower(o.Method)
		byID[pointer] = o
	}
	for _, o := range d.Operations {
		for _, r := range o.Responses {
			for _, l := range r.Links {
				name := strings.NewReplacer("%7B", "{", "%7D", "}", "%7b", "{", "%7d", "}").Replace(l.Why)
				if l.To = byID[name]; l.To == nil {
					l.Why = fmt.Sprintf("there is no operation %q", problem.Cut(l.Why, 80))
				}
			}
		}
	}
}

// security are the requirements of an object, if it has any.
func (d *Document) security(n *Node) ([]Requirement, bool) {
	v := n.member("security", Array)
	if v == nil {
		return nil, false
	}
	out := []Requirement{}
	for _, item := range v.Items {
		if item.is(Object, "an element of security") {
			out = append(out, Requirement(item.Keys))
		}
	}
	return out, true
}

func (d *Document) serverList(n *Node) []Server {
	var out []Server
	for _, s := range n.list("servers") {
		if !s.is(Object, "an element of servers") {
			continue
		}
		u := s.text("url")
		names, items := s.members("variables")
		for i, name := range names {
			value := items[i].Get("default")
			if value == nil || value.Kind != Number { // a port that is not quoted
				value = items[i].member("default", String)
			}
			if value != nil {
				u = strings.ReplaceAll(u, "{"+name+"}", value.Text)
			}
		}
		out = append(out, Server{URL: u, Doc: s.text("description"), Pos: s.Pos()})
	}
	return out
}

func (d *Document) readSchemes(root *Node) {
	names, items := root.member("components", Object).members("securitySchemes")
	if d.Swagger() {
		names, items = root.members("securityDefinitions")
	}
	for i, name := range names {
		n := d.resolved(items[i], "security scheme "+name)
		if n == nil {
			continue
		}
		s := &Scheme{
			Name: name, Type: n.text("type"), Scheme: strings.ToLower(n.text("scheme")), In: n.text("in"), Param: n.text("name"), Pos: items[i].Pos(),
		}
		if d.Swagger() {
			swaggerScheme(s, n)
		} else {
			readFlow(s, n)
		}
		d.Schemes = append(d.Schemes, s)
	}
}

// readFlow takes the flow that needs no person, where there is one.
func readFlow(s *Scheme, n *Node) {
	names, items := n.members("flows")
	for _, want := range []string{"clientCredentials", "password", "authorizationCode", "implicit"} {
		if i := slices.Index(names, want); i >= 0 {
			s.Flow, s.TokenURL = want, items[i].text("tokenUrl")
			s.Scopes, _ = items[i].members("scopes")
			return
		}
	}
}
