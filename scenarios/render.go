package scenarios

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/scenarios/template"
)

// Render expands the step's request in a scope, each value escaped for its place, so that a
// value never changes the structure of the request:
//
//  1. In the URL a value is percent-encoded as a path segment or a query value. One that
//     would add or remove a segment is an error.
//  2. A placeholder at the very start of the URL is a URL and stays as it is.
//  3. A header or cookie value may not hold what would end it: that is an error.
//  4. Text inside JSON and XML is escaped; a JSON value that is one whole placeholder keeps
//     its type.
//  5. A body names its content type; a Content-Type header of the step wins.
//
// The same scope gives the same bytes. Errors name the part of the request and the step.
func (s *Step) Render(scope template.Scope) (*Rendered, error) {
	r := &Rendered{Method: s.Request.Method}
	var err error
	if r.URL, err = s.renderURL(scope); err != nil {
		return nil, fmt.Errorf("render url of step %q: %w", s.Name, err)
	}
	if r.Headers, err = renderFields(s.Request.Headers, scope, headerValue); err != nil {
		return nil, fmt.Errorf("render headers of step %q: %w", s.Name, err)
	}
	if r.Cookies, err = renderFields(s.Request.Cookies, scope, cookieValue); err != nil {
		return nil, fmt.Errorf("render cookies of step %q: %w", s.Name, err)
	}
	if s.Request.Body == nil {
		return r, nil
	}
	if r.Body, r.ContentType, err = s.Request.Body.render(scope); err != nil {
		return nil, fmt.Errorf("render body of step %q: %w", s.Name, err)
	}
	// Rule 5.
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name, "Content-Type") {
			r.ContentType = ""
		}
	}
	return r, nil
}

// renderFields expands headers or cookies; check refuses values (rule 3).
func renderFields(fields []Field, scope template.Scope, check func(string) error) ([]Named, error) {
	out := make([]Named, 0, len(fields))
	for _, f := range fields {
		v, err := f.Value.ExpandText(scope, nil)
		if err == nil {
			err = check(v)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		out = append(out, Named{Name: f.Name, Value: v})
	}
	return out, nil
}

// headerValue refuses what would end the header: CR, LF and other controls.
// A tab is allowed, as in RFC 9110.
func headerValue(v string) error {
	for i := range len(v) {
		if c := v[i]; c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("control character 0x%02x in a header value", c)
		}
	}
	return nil
}

// cookieValue refuses controls and the semicolon, which would begin another cookie.
func cookieValue(v string) error {
	for i := range len(v) {
		if c := v[i]; c < ' ' || c == 0x7f || c == ';' {
			return fmt.Errorf("character %q in a cookie value", string(c))
		}
	}
	return nil
}

// renderURL expands the URL and appends the query (rules 1 and 2). A URL of the file may have
// a query already.
func (s *Step) renderURL(scope template.Scope) (string, error) {
	url, err := s.Request.URL.ExpandURL(scope)
	if err != nil {
		return "", err
	}
	// The URL may have a query already, or end in the ? or & of one.
	sep := "?"
	if strings.Contains(url, "?") {
		sep = "&"
		if strings.HasSuffix(url, "?") || strings.HasSuffix(url, "&") {
			sep = ""
		}
	}
	var b strings.Builder
	b.WriteString(url)
	for _, f := range s.Request.Query {
		b.WriteString(sep)
		sep = "&"
		b.WriteString(template.PercentEncode(f.Name, template.QueryExtra))
		if !f.HasValue {
			continue
		}
		v, err := f.Value.ExpandText(scope, nil)
		if err != nil {
			return "", fmt.Errorf("query %s: %w", f.Name, err)
		}
		b.WriteByte('=')
		b.WriteString(template.PercentEncode(v, template.QueryValueExtra))
	}
	return b.String(), nil
}

// render expands a body and names its type (rules 4 and 5). A file's bytes are sent as they
// are and never expanded.
func (b *Body) render(scope template.Scope) (body []byte, contentType string, err error) {
	var text string
	switch b.Kind {
	case BodyJSON:
		text, err = b.Node.Render(scope)
		return []byte(text), "application/json", err
	case BodyForm:
		body, err = b.renderForm(scope)
		return body, "application/x-www-form-urlencoded", err
	case BodyMultipart:
		return b.renderMultipart(scope)
	case BodyGraphQL:
		body, err = b.renderGraphQL(scope)
		return body, "application/json", err
	case BodyXML:
		text, err = b.Text.ExpandText(scope, func(_, v string) (string, error) { return escapeXML(v), nil })
		return []byte(text), "application/xml", err
	case BodyText:
		text, err = b.Text.ExpandText(scope, nil)
		return []byte(text), "text/plain; charset=utf-8", err
	case BodyFile:
		return b.Data, fileType(b.File), nil
	case BodyBase64:
		if text, err = b.Text.ExpandText(scope, nil); err != nil {
			return nil, "", err
		}
		if body, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), "")); err != nil {
			return nil, "", fmt.Errorf("base64: %w", err)
		}
		return body, "application/octet-stream", nil
	}
	return nil, "", fmt.Errorf("invalid body kind %s", b.Kind)
}

// renderForm writes the fields in file order.
func (b *Body) renderForm(scope template.Scope) ([]byte, error) {
	var out []byte
	for i, f := range b.Fields {
		v, err := f.Value.ExpandText(scope, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if i > 0 {
			out = append(out, '&')
		}
		out = append(out, formEncode(f.Name)...)
		out = append(out, '=')
		out = append(out, formEncode(v)...)
	}
	return out, nil
}

// formEncode is the encoding of application/x-www-form-urlencoded: space is +.
// Letters, digits and - _ . ~ * stay as they are.
func formEncode(s string) string {
	return strings.ReplaceAll(template.PercentEncode(s, " *"), " ", "+")
}

// renderGraphQL writes the JSON object that GraphQL over HTTP sends.
func (b *Body) renderGraphQL(scope template.Scope) ([]byte, error) {
	query, err := b.Text.ExpandText(scope, nil)
	if err != nil {
		return nil, err
	}
	out := `{"query":` + text.Quote(query)
	if b.Operation != "" {
		out += `,"operationName":` + text.Quote(b.Operation)
	}
	if b.Node != nil {
		vars, err := b.Node.Render(scope)
		if err != nil {
			return nil, err
		}
		out += `,"variables":` + vars
	}
	return []byte(out + "}"), nil
}

// renderMultipart writes multipart/form-data. The boundary is computed from the
// content, so that both sides get the same bytes.
func (b *Body) renderMultipart(scope template.Scope) ([]byte, string, error) {
	data := make([][]byte, len(b.Parts))
	// The boundary follows from the parts: a random one would be two requests. That it
	// occurs in a part by chance is as unlikely as a collision of half a SHA-256.
	hash := sha256.New()
	for i, p := range b.Parts {
		data[i] = p.Data
		if p.Value != nil {
			v, err := p.Value.ExpandText(scope, nil)
			if err != nil {
				return nil, "", fmt.Errorf("%s: %w", p.Name, err)
			}
			data[i] = []byte(v)
		}
		hash.Write(data[i])
	}
	boundary := "bgverify-" + hex.EncodeToString(hash.Sum(nil)[:16])
	var out []byte
	for i, p := range b.Parts {
		out = fmt.Appendf(out, "--%s\r\nContent-Disposition: form-data; name=\"%s\"", boundary, quoteParameter(p.Name))
		if p.FileName != "" {
			out = fmt.Appendf(out, "; filename=\"%s\"", quoteParameter(p.FileName))
		}
		out = append(out, "\r\n"...)
		if p.Type != "" {
			out = fmt.Appendf(out, "Content-Type: %s\r\n", p.Type)
		}
		out = append(out, "\r\n"...)
		out = append(out, data[i]...)
		out = append(out, "\r\n"...)
	}
	out = fmt.Appendf(out, "--%s--\r\n", boundary)
	return out, "multipart/form-data; boundary=" + boundary, nil
}

// quoteParameter escapes as browsers do.
// Names of parts and files stay in UTF-8.
func quoteParameter(s string) string {
	return strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A").Replace(s)
}

// xmlEscaper writes both quotes as entities too, so that one function serves attributes.
var xmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")

// escapeXML makes a value fit between tags and in attributes of either quote.
func escapeXML(s string) string { return xmlEscaper.Replace(s) }

// fileTypes are the types of files by their ending; the machine's own table is
// not asked, so that every machine sends the same.
var fileTypes = map[string]string{
	".json": "application/json", ".xml": "application/xml", ".txt": "text/plain; charset=utf-8", ".csv": "text/csv; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".png":  "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
	".pdf": "application/pdf", ".zip": "application/zip", ".gz": "application/gzip", ".m3u8": "application/vnd.apple.mpegurl",
}

// fileType is the type of a file by its ending; application/octet-stream for any other.
func fileType(name string) string {
	if t := fileTypes[strings.ToLower(path.Ext(name))]; t != "" {
		return t
	}
	return "application/octet-stream"
}

// A Rendered request is a step's request with every placeholder expanded and
// escaped for its position.
type Rendered struct {
	Method string
	// URL is a path with query, or an absolute URL.
	URL string
	// Headers and Cookies are in order, and may repeat a name.
	Headers []Named
	Cookies []Named
	Body    []byte
	// ContentType follows from the body's kind; empty without a body, and where the step has a
	// Content-Type header.
	ContentType string
}

// A Body is a request body, unexpanded. Which fields count depends on Kind.
type Body struct {
	Kind BodyKind
	// Text is that of text, xml and base64, and graphql's query.
	Text *Template
	// Node is the JSON value of json (and graphql's variables).
	Node *JSONNode
	// Fields are those of form.
	Fields []Field
	// Parts are those of multipart, in the order in which they are written.
	Parts []Part
	// Operation is graphql's operationName.
	Operation string
	// File is a path below the root of the loaded files, and Data its bytes, read at load time.
	File string
	// Data is never expanded.
	Data []byte
	Pos  Pos
}

// A Part is one part of a multipart body: a text or a file's bytes.
type Part struct {
	Name  string
	Value *Template // nil: Data
	Data  []byte
	File  string
	// FileName is sent to the server: that of File unless the file names another.
	FileName string
	// Type is the part's Content-Type; empty: none is written.
	Type string
	Pos  Pos
}

// A Request is what a step sends, unexpanded. Query, Headers and Cookies are in the order in
// which they are sent, and may repeat a name.
type Request struct {
	Method string
	// URL is a path joined to the service's URL, or an absolute URL of one of the side's
	// services.
	URL     *Template
	Query   []Field
	Headers []Field
	Cookies []Field
	Body    *Body
}

// BodyKind is the kind of a request body. Zero is invalid.
type BodyKind uint8

// The body kinds.
const (
	// BodyJSON is a JSON value written in YAML, with placeholders at its leaves.
	BodyJSON BodyKind = iota + 1
	// BodyForm is application/x-www-form-urlencoded.
	BodyForm
	// BodyMultipart is multipart/form-data of texts and files.
	BodyMultipart
	// BodyGraphQL is a query, with variables where it has some, as JSON.
	BodyGraphQL
	// BodyXML is text whose values are escaped for XML.
	BodyXML
	// BodyText is plain text.
	BodyText
	// BodyFile is the bytes of a file as they are.
	BodyFile
	// BodyBase64 is bytes written as base64.
	BodyBase64
)
