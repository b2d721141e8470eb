package postman

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

// body translates a request body. The JSON forms say whether one is sent with
// GET; v3 holds only bodies that are.
func (im *pmImport) body(d *pmDraft, b *pmBody) {
	if b == nil || b.empty() {
		return
	}
	method := d.item.request.method
	if pruned(method) && !im.in.Folder && !d.setting("disableBodyPruning", "true") {
		im.report.Mapped(model.Bodies, 1)
		d.comment("the body is left out: Postman does not send one with %s", method)
		return
	}
	if b.disabled {
		im.report.Mapped(model.Bodies, 1)
		d.comment("the body is disabled")
		return
	}
	switch b.mode {
	case "urlencoded":
		im.form(d, b)
	case "formdata":
		im.multipart(d, b)
	case "file":
		im.fileBody(d, b)
	case "graphql":
		im.graphql(d, b)
	default:
		im.raw(d, b)
	}
}

// pruned reports whether Postman sends no body with a method.
func pruned(method string) bool {
	return slices.Contains([]string{"GET", "HEAD", "COPY", "PURGE", "UNLOCK"}, method)
}

func (b *pmBody) empty() bool {
	return b.raw == "" && len(b.fields) == 0 && b.query == "" && b.variables == "" && b.file == "" && b.mode != "file"
}

// contentType is the header that the request writes itself.
func (d *pmDraft) contentType() string {
	for _, h := range d.item.request.headers {
		if !h.disabled && strings.EqualFold(strings.TrimSpace(h.key), "content-type") {
			return strings.ToLower(strings.TrimSpace(h.value))
		}
	}
	return ""
}

// mediaTypes are what a raw body's language makes of it.
var mediaTypes = map[string]string{
	"json": "application/json", "xml": "application/xml", "html": "text/html",
	"javascript": "application/javascript",
}

// raw translates a body that is written as text: JSON becomes YAML where that holds it, what is too
// large to read and has no placeholder a file, XML and everything else text.
func (im *pmImport) raw(d *pmDraft, b *pmBody) {
	im.report.Mapped(model.Bodies, 1)
	typ := cmp.Or(d.contentType(), mediaTypes[b.language])
	where := "body"
	if strings.Contains(typ, "json") {
		if n, ok := im.jsonBody(d, b.raw); ok {
			d.step.Body = &model.Body{Kind: model.JSONBody, JSON: n}
			d.dropHeader("application/json")
			return
		}
	}
	if len(b.raw) > model.InlineText && !strings.Contains(b.raw, "{{") {
		d.step.Body = &model.Body{Kind: model.FileBody, File: im.asset("files/"+cmp.Or(naming.Name(d.item.name), "body")+fileExt(typ),
			[]byte(b.raw))}
		d.setType(cmp.Or(typ, "text/plain"))
		return
	}
	text := im.text(d, b.raw, where, false)
	if typ == "application/xml" || typ == "text/xml" || strings.HasPrefix(typ, "application/xml;") || strings.HasPrefix(typ, "text/xml;") {
		d.step.Body = &model.Body{Kind: model.XMLBody, Text: text}
		d.dropHeader("application/xml")
		d.setType(typ)
		return
	}
	d.step.Body = &model.Body{Kind: model.TextBody, Text: text}
	d.setType(cmp.Or(typ, "text/plain")) // Postman names no charset
}

func fileExt(typ string) string {
	for _, x := range []struct{ word, ext string }{{"json", ".json"}, {"xml", ".xml"}, {"html", ".html"}} {
		if strings.Contains(typ, x.word) {
			return x.ext
		}
	}
	return ".txt"
}

// dropHeader takes a Content-Type out that the body's kind implies.
func (d *pmDraft) dropHeader(typ string) {
	d.step.Headers = slices.DeleteFunc(d.step.Headers, func(f model.Field) bool {
		return strings.EqualFold(f.Name, "Content-Type") && (typ == "" || strings.EqualFold(strings.TrimSpace(f.Text), typ))
	})
}

// setType writes a Content-Type where the request has none and the kind of the
// body would write another.
func (d *pmDraft) setType(typ string) {
	implied := map[model.BodyKind]string{model.XMLBody: "application/xml", model.JSONBody: "application/json"}[d.step.Body.Kind]
	if d.contentType() == "" && typ != implied {
		d.step.Headers = append(d.step.Headers, model.Field{Name: "Content-Type", Text: typ})
	}
}

// bareMark stands for a placeholder outside quotes while JSON is read.
const bareMark = "\ue000bare"

var bareMarks = regexp.MustCompile(`^` + bareMark + `(\d+)$`)

// jsonBody reads a raw body as JSON in which placeholders may be whole
// values, and comments between them, as Postman allows.
func (im *pmImport) jsonBody(d *pmDraft, raw string) (*model.Node, bool) {
	if len(raw) > model.InlineText*4 || !utf8.ValidString(raw) || strings.Contains(raw, bareMark) {
		return nil, false
	}
	text, bare := quoteBare(raw)
	v, err := source.ParseJSON("", []byte(text))
	if err != nil {
		return nil, false
	}
	count := 0
	if !writableJSON(v, 0, &count) {
		return nil, false
	}
	return im.jsonValue(d, v, bare), true
}

// quoteBare takes comments out of JSON and puts quotes around placeholders that
// are values, as marks; bare are their names.
func quoteBare(raw string) (text string, bare []string) {
	var b strings.Builder
	quote := false
	for i := 0; i < len(raw); {
		c := raw[i]
		switch {
		case quote && c == '\\' && i+1 < len(raw):
			b.WriteString(raw[i : i+2])
			i += 2
			continue
		case c == '"':
			quote = !quote
		case quote:
		case strings.HasPrefix(raw[i:], "//"):
			if n := strings.IndexByte(raw[i:], '\n'); n >= 0 {
				i += n
			} else {
				i = len(raw)
			}
			continue
		case strings.HasPrefix(raw[i:], "/*"):
			if n := strings.Index(raw[i+2:], "*/"); n >= 0 {
				i += n + 4
				continue
			}
		default:
			if end := placeholderEnd(raw, i); end > 0 {
				fmt.Fprintf(&b, "\"%s%d\"", bareMark, len(bare))
				bare = append(bare, raw[i+2:end-2])
				i = end
				continue
			}
		}
		b.WriteByte(c)
		i++
	}
	return b.String(), bare
}

// writableJSON reports whether YAML in a scenario file can hold a value: not too
// deep or large, and names that are written once, short and without placeholders.
func writableJSON(v *source.Value, depth int, count *int) bool {
	*count++
	if depth > model.InlineDepth || *count > model.InlineValues || len(v.Text) > model.InlineText {
		return false
	}
	for i, k := range v.Keys {
		if len(k) > model.InlineKey || strings.Contains(k, "{{") || strings.Contains(k, bareMark) || slices.Contains(v.Keys[:i], k) {
			return false
		}
	}
	for _, item := range v.Items {
		if !writableJSON(item, depth+1, count) {
			return false
		}
	}
	return true
}

// jsonValue is a value of a body in the language. Whole placeholders are kept for typeValues, which
// knows only later what type they have.
func (im *pmImport) jsonValue(d *pmDraft, v *source.Value, bare []string) *model.Node {
	switch v.Kind {
	case 'o', 'a':
		n := &model.Node{Kind: model.ArrayNode}
		if v.Kind == 'o' {
			n = &model.Node{Kind: model.ObjectNode, Keys: v.Keys}
		}
		for _, item := range v.Items {
			n.Items = append(n.Items, im.jsonValue(d, item, bare))
		}
		return n
	case 's':
		if m := bareMarks.FindStringSubmatch(v.Text); m != nil {
			if i, err := strconv.Atoi(m[1]); err == nil && i < len(bare) { // not one of our marks otherwise
				im.bare[strings.TrimSpace(bare[i])] = true
				return im.jsonUse(model.String(im.placeholder(d, bare[i], "body", false)), true)
			}
		}
		return im.jsonUse(model.String(im.text(d, v.Text, "body", false)), false)
	case '0':
		return model.Literal("null")
	}
	return model.Literal(v.Text)
}

// form translates an urlencoded body.
func (im *pmImport) form(d *pmDraft, b *pmBody) {
	im.report.Mapped(model.Bodies, 1)
	body := &model.Body{Kind: model.FormBody}
	for _, f := range b.fields {
		if im.disabledField(d, f, "form field") {
			continue
		}
		if !im.plainName(d, f, "form field") {
			continue
		}
		body.Fields = append(body.Fields, model.Field{Name: f.key, Text: im.text(d, f.value, "form field "+f.key, false)})
	}
	if len(body.Fields) == 0 {
		return
	}
	d.step.Body = body
	if !strings.HasPrefix(d.contentType(), "application/x-www-form-urlencoded;") {
		d.dropHeader("") // Postman sends no other type with fields
	}
}

// disabledField keeps a field that is switched off as a comment.
func (im *pmImport) disabledField(d *pmDraft, f pmField, what string) bool {
	if !f.disabled {
		return false
	}
	im.report.Mapped(model.Headers, 1)
	if f.key != "" || f.value != "" {
		d.comment("disabled %s %s: %s", what, f.key, f.value)
	}
	return true
}

// plainName refuses names that the language cannot write.
func (im *pmImport) plainName(d *pmDraft, f pmField, what string) bool {
	if f.key != "" && len(f.key) <= model.InlineKey && !strings.Contains(f.key, "{{") {
		im.report.Mapped(model.Headers, 1)
		return true
	}
	if f.key == "" && f.value == "" {
		return false
	}
	im.lose(d, model.Lost{Kind: model.Headers, Place: what, Text: f.key + "=" + f.value, Why: "a name must be text without placeholders"})
	return false
}

// multipart translates form data; several files of a field are parts of one name.
func (im *pmImport) multipart(d *pmDraft, b *pmBody) {
	im.report.Mapped(model.Bodies, 1)
	body := &model.Body{Kind: model.MultipartBody}
	for _, f := range b.fields {
		if im.disabledField(d, f, "part") || !im.plainName(d, f, "part") {
			continue
		}
		p := model.Part{Name: f.key, Type: f.mime, FileName: f.filename}
		if strings.ContainsFunc(p.Type, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			p.Type = ""
		}
		if !f.file {
			p.Text = im.text(d, f.value, "part "+f.key, false)
			body.Parts = append(body.Parts, p)
			continue
		}
		files := f.files
		if len(files) == 0 {
			files = []string{""} // chosen when it is sent
		}
		for i, name := range files {
			p := p
			if i > 0 {
				p.FileName = "" // the name that is written is the first one's
			}
			if p.File = im.payload(d, name, "part "+f.key); p.File == "" {
				p.Text = "missing file"
			}
			body.Parts = append(body.Parts, p)
		}
	}
	if len(body.Parts) == 0 {
		return
	}
	d.step.Body = body
	d.dropHeader("")
}

// fileBody translates a body that is a file; some exports hold its content in place of its name.
func (im *pmImport) fileBody(d *pmDraft, b *pmBody) {
	im.report.Mapped(model.Bodies, 1)
	if b.file == "" && b.raw != "" {
		d.step.Body = &model.Body{Kind: model.TextBody, Text: im.text(d, b.raw, "body", false)}
		return
	}
	if file := im.payload(d, b.file, "body"); file != "" {
		d.step.Body = &model.Body{Kind: model.FileBody, File: file}
	}
}

// graphql translates a query with its variables. One with placeholders inside is written out as the
// JSON that carries it: the language takes a query only as it stands, or as one placeholder.
func (im *pmImport) graphql(d *pmDraft, b *pmBody) {
	im.report.Mapped(model.Bodies, 1)
	d.dropHeader("application/json")
	var vars *model.Node
	varsOK := strings.TrimSpace(b.variables) == ""
	if !varsOK {
		vars, varsOK = im.jsonBody(d, b.variables)
	}
	query := im.text(d, b.query, "query", false)
	if varsOK && query != "" && (!strings.Contains(query, "{{") || placeholderEnd(query, 0) == len(query)) {
		if vars == nil || vars.Kind != model.ObjectNode {
			vars = &model.Node{Kind: model.ObjectNode} // Postman sends {} where there are none
		}
		d.step.Body = &model.Body{Kind: model.GraphQLBody, Text: query, JSON: vars, Operation: naming.Plain(b.operation)}
		return
	}
	// A query with placeholders inside: the same JSON, written out.
	n := &model.Node{Kind: model.ObjectNode, Keys: []string{"query"}, Items: []*model.Node{model.String(query)}}
	if b.operation != "" {
		n.Keys, n.Items = append(n.Keys, "operationName"), append(n.Items, model.String(im.text(d, b.operation, "operation", false)))
	}
	switch {
	case vars != nil:
		n.Keys, n.Items = append(n.Keys, "variables"), append(n.Items, vars)
	case !varsOK:
		im.lose(d, model.Lost{Kind: model.Bodies, Place: "variables of the query", Text: b.variables, Why: "they are not JSON"})
		fallthrough
	default:
		n.Keys, n.Items = append(n.Keys, "variables"), append(n.Items, &model.Node{Kind: model.ObjectNode})
	}
	d.step.Body = &model.Body{Kind: model.JSONBody, JSON: n}
}
