package openapi

import (
	"cmp"
	"slices"
	"strings"
)

// What version 2 writes elsewhere, or in other words.

func (d *Document) swaggerServers(root *Node) {
	host, base := root.text("host"), root.text("basePath")
	if host == "" {
		if base != "" {
			d.Servers = []Server{{URL: base, Pos: root.Get("basePath").Pos()}}
		}
		return
	}
	schemes := root.words("schemes")
	scheme := "https"
	if len(schemes) > 0 && !slices.Contains(schemes, "https") {
		scheme = schemes[0]
	}
	d.Servers = []Server{{URL: scheme + "://" + host + base, Pos: root.Get("host").Pos()}}
}

// swaggerParam reads a parameter, whose schema is its own members.
func (d *Document) swaggerParam(x *paramNode, p *Node) {
	x.Schema, x.Style = p, styles[x.In]
	if x.In == "body" {
		x.Schema = p.Get("schema")
	}
	switch p.text("collectionFormat") {
	case "multi":
		x.Explode = true
	case "ssv":
		x.Style = "spaceDelimited"
	case "pipes":
		x.Style = "pipeDelimited"
	case "tsv":
		x.Style = "tabDelimited"
	}
	if e := p.Get("x-example"); e != nil {
		x.Examples = []Example{{"", e}}
	}
	names, items := p.members("x-examples")
	for i, name := range names {
		x.Examples = append(x.Examples, Example{name, items[i]})
	}
}

// wordsOf are the words of an operation, or else of the document.
func (d *Document) wordsOf(operation *Node, name string) []string {
	if words := operation.words(name); len(words) > 0 {
		return words
	}
	return d.main.root.words(name)
}

func (d *Document) swaggerBody(p *paramNode, consumes []string) *Body {
	typ := "application/json"
	for _, t := range slices.Backward(consumes) {
		if m := (Media{Type: strings.ToLower(t)}); m.JSON() || len(consumes) == 1 {
			typ = m.Type
		}
	}
	m := Media{Type: typ, Schema: p.Schema, Pos: p.Pos}
	for _, e := range p.Examples {
		// Keyed by media type, as generators write them; any other name is one example.
		if !strings.Contains(e.Name, "/") || strings.EqualFold(e.Name, typ) {
			m.Examples = append(m.Examples, Example{strings.TrimPrefix(e.Name, typ), e.Value})
		}
	}
	return &Body{Required: p.Required, Media: []Media{m}, Pos: p.Pos}
}

// formBody is the body of form fields: an object with a property each.
func formBody(fields []*paramNode, consumes []string) *Body {
	first := fields[0].node
	properties := &Node{Kind: Object, Line: first.Line, Col: first.Col, file: first.file}
	required := &Node{Kind: Array, Line: first.Line, Col: first.Col, file: first.file}
	typ := "application/x-www-form-urlencoded"
	out := &Body{Pos: fields[0].Pos}
	for _, f := range fields {
		properties.Keys, properties.Items = append(properties.Keys, f.Name), append(properties.Items, f.node)
		if f.Required {
			out.Required = true
			required.Items = append(required.Items, &Node{Kind: String, Text: f.Name, file: first.file})
		}
		if f.node.Str("type") == "file" {
			typ = "multipart/form-data"
		}
	}
	if slices.Contains(consumes, "multipart/form-data") && !slices.Contains(consumes, typ) {
		typ = "multipart/form-data"
	}
	schema := &Node{
		Kind: Object, Keys: []string{"type", "properties", "required"}, Line: first.Line, Col: first.Col, file: first.file,
		Items: []*Node{{Kind: String, Text: "object", file: first.file}, properties, required},
	}
	out.Media = []Media{{Type: typ, Schema: schema, Pos: fields[0].Pos}}
	return out
}

func (d *Document) swaggerResponse(x *Response, r, operation *Node) {
	schema := r.Get("schema")
	examples, values := r.members("examples")
	if schema == nil && len(examples) == 0 {
		return
	}
	produces := d.wordsOf(operation, "produces")
	if len(produces) == 0 {
		produces = []string{"application/json"}
	}
	for _, t := range produces {
		m := Media{Type: strings.ToLower(t), Schema: schema, Pos: x.Pos}
		if i := slices.Index(examples, t); i >= 0 {
			m.Examples = []Example{{"", values[i]}}
		}
		x.Media = append(x.Media, m)
	}
}

func swaggerScheme(s *Scheme, n *Node) {
	switch s.Type {
	case "basic":
		s.Type, s.Scheme = "http", "basic"
	case "oauth2":
		s.TokenURL = n.text("tokenUrl")
		s.Scopes, _ = n.members("scopes")
		flow := n.text("flow")
		s.Flow = cmp.Or(map[string]string{"application": "clientCredentials", "accessCode": "authorizationCode"}[flow], flow)
	}
}
