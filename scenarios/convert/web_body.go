package convert

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of a body that is written into the scenario file; past one it is a
// file beside it, or text.
const (
	inlineBody  = 64 << 10
	inlineBytes = 4 << 10 // as base64
	inlineDepth = 24
	inlineNodes = 4000
	inlineKey   = 200
)

// impliedType is the Content-Type that the language sends with a kind of body.
func impliedType(b *Body) string {
	switch b.Kind {
	case JSONBody, GraphQLBody:
		return "application/json"
	case FormBody:
		return "application/x-www-form-urlencoded"
	case XMLBody:
		return "application/xml"
	case TextBody:
		return "text/plain; charset=utf-8"
	case Base64Body:
		return "application/octet-stream"
	}
	return "" // files are always written with their type
}

// header is the text of the request's header of a name.
func (r *webRequest) header(name string) (text string, has bool) {
	for _, h := range r.headers {
		if strings.EqualFold(h.Name, name) {
			return h.Text, true
		}
	}
	return "", false
}

// bodyOf writes the body in the kind that reads best and is sent the same, and
// the Content-Type where the kind implies another.
func (im *webImport) bodyOf(r *webRequest) {
	b := &r.body
	typ, written := r.header("Content-Type")
	if !written && headerText(b.typ) && !hasMark(b.typ) {
		typ = b.typ
	}
	r.headers = slices.DeleteFunc(r.headers, func(h Field) bool { return strings.EqualFold(h.Name, "Content-Type") })
	switch {
	case len(b.parts) > 0:
		im.multipart(r, typ)
		return
	case b.file != "":
		r.step.Body = &Body{Kind: FileBody, File: b.file}
	case len(b.raw) > 0 && (!utf8.Valid(b.raw) || bytes.Contains(b.raw, []byte(mark))):
		r.step.Body = im.bytesBody(r, b.raw, media(typ))
	case len(b.raw) > 0:
		b.data = string(b.raw)
		r.step.Body = im.dataBody(r, typ)
	case b.data != "":
		r.step.Body = im.dataBody(r, typ)
	default:
		if typ != "" {
			r.headers = append(r.headers, Field{"Content-Type", typ})
		}
		return
	}
	im.report.Mapped(Bodies, 1)
	if typ == "" {
		return // the kind's own is sent
	}
	if !strings.EqualFold(typ, impliedType(r.step.Body)) {
		r.headers = append(r.headers, Field{"Content-Type", typ})
	}
}

// media is a Content-Type without its parameters.
func media(typ string) string {
	typ, _, _ = strings.Cut(typ, ";")
	return strings.ToLower(strings.TrimSpace(typ))
}

// dataBody chooses the kind of body for text or bytes.
func (im *webImport) dataBody(r *webRequest, typ string) *Body {
	data, m := r.body.data, media(typ)
	isText := utf8.ValidString(data) && strings.Count(data, mark)%2 == 0 && !strings.Contains(data, "\ufeff")
	first := strings.TrimLeft(data, " \t\r\n")
	form := m == "application/x-www-form-urlencoded"
	switch {
	case !isText:
		return im.bytesBody(r, []byte(data), m)
	case strings.Contains(m, "json"), form && first != "" && strings.IndexByte("{[", first[0]) >= 0:
		if n, ok := im.jsonBody(r, data); ok {
			return &Body{Kind: JSONBody, JSON: n}
		}
		data = r.lifted(data)
	case form:
		if fields, ok := pairs(data, true, r.loose); ok {
			for i, f := range fields {
				fields[i].Text = im.text(im.keep(r, f.Name, f.Text, "form field "+f.Name))
			}
			return &Body{Kind: FormBody, Fields: fields}
		}
		data = im.secretPairs(r, data, "form field")
	default:
		data = r.lifted(data)
	}
	switch {
	case len(data) > inlineBody && !hasMark(data):
		return im.bytesBody(r, []byte(data), m)
	case m == "application/xml" || m == "text/xml" || strings.HasSuffix(m, "+xml"):
		return &Body{Kind: XMLBody, Text: im.text(data)}
	}
	return &Body{Kind: TextBody, Text: im.text(data)}
}

// bytesBody keeps bytes that are no text, or too many to read.
func (im *webImport) bytesBody(r *webRequest, data []byte, m string) *Body {
	if len(data) <= inlineBytes {
		return &Body{Kind: Base64Body, Text: base64.StdEncoding.EncodeToString(data)}
	}
	ext := ".bin"
	for _, x := range []struct{ word, ext string }{{"json", ".json"}, {"xml", ".xml"}, {"text/", ".txt"}, {"form-urlencoded", ".txt"}} {
		if strings.Contains(m, x.word) {
			ext = x.ext
			break
		}
	}
	return &Body{Kind: FileBody, File: im.asset("files", r.id+ext, data)}
}

// jsonBody reads marked text as JSON that YAML can hold.
func (im *webImport) jsonBody(r *webRequest, data string) (*Node, bool) {
	if len(data) > inlineBody || strings.Contains(strings.ToLower(data), `\u0000`) {
		return nil, false
	}
	v, err := parseJSON("", []byte(strings.ReplaceAll(data, mark, `\u0000`)))
	if err != nil {
		return nil, false
	}
	count := 0
	if !inlineJSON(v, 0, &count) || v.kind != 'o' && v.kind != 'a' {
		return nil, false
	}
	if !hasMark(data) && v.compact() != data {
		im.report.Note("", "JSON bodies are written as YAML and sent without the source's white space and escapes: the values are the same")
	}
	return im.jsonNode(r, v, "", "$"), true
}

// inlineJSON reports whether YAML in a scenario file can hold a value as it is.
func inlineJSON(v *jsonValue, depth int, count *int) bool {
	*count++
	if depth > inlineDepth || *count > inlineNodes || strings.ContainsRune(v.text, utf8.RuneError) {
		return false
	}
	for i, k := range v.keys {
		if len(k) > inlineKey || strings.Contains(k, "{{") || strings.ContainsRune(k, utf8.RuneError) || hasMark(k) || slices.Contains(v.keys[:i], k) {
			return false
		}
	}
	return !slices.ContainsFunc(v.items, func(item *jsonValue) bool { return !inlineJSON(item, depth+1, count) })
}

func (im *webImport) jsonNode(r *webRequest, v *jsonValue, key, path string) *Node {
	switch v.kind {
	case 'o', 'a':
		n := &Node{Kind: ArrayNode}
		if v.kind == 'o' {
			n = &Node{Kind: ObjectNode, Keys: v.keys}
		}
		for i, item := range v.items {
			if v.kind == 'o' {
				n.Items = append(n.Items, im.jsonNode(r, item, v.keys[i], path+pathMember(v.keys[i])))
			} else {
				n.Items = append(n.Items, im.jsonNode(r, item, key, fmt.Sprintf("%s[%d]", path, i)))
			}
		}
		return n
	case 's':
		if text := r.liftedJSON(v.text, false); hasMark(text) {
			return String(im.text(text))
		}
		return String(im.text(im.keep(r, key, v.text, "body "+path)))
	case '0':
		return Literal("null")
	case 'n':
		if text := r.liftedJSON(v.text, true); hasMark(text) {
			return String(im.text(text)) // one whole placeholder keeps its type
		}
	}
	return Literal(v.text)
}

// multipart writes the parts of multipart/form-data.
func (im *webImport) multipart(r *webRequest, typ string) {
	body := &Body{Kind: MultipartBody}
	if m := media(typ); m != "" && m != "multipart/form-data" {
		im.lose(r, Lost{Kind: Headers, Place: "header Content-Type", Text: typ, Why: "multipart writes its own Content-Type"})
	}
	for _, p := range r.body.parts {
		where := "part " + oneLine(readable(p.Name), 60)
		switch {
		case !headerText(p.Name) || !utf8.ValidString(p.Text) || hasMark(p.Name) || len(p.Name) > inlineKey:
			im.lose(r, Lost{Kind: Bodies, Place: where, Why: "its name or text is too long for YAML, or no text"})
			r.skip = append(r.skip, where+" is missing")
			continue
		}
		if p.Type != Plain(p.Type) || !headerText(p.Type) || hasMark(p.Type) {
			p.Type = ""
			im.lose(r, Lost{Kind: Bodies, Place: where, Why: "its type is not plain text"})
		}
		if p.File == "" {
			p.Text = im.text(im.keep(r, p.Name, p.Text, where))
		}
		p.FileName = readable(p.FileName)
		body.Parts = append(body.Parts, p)
	}
	if len(body.Parts) > 0 {
		r.step.Body = body
		im.report.Mapped(Bodies, 1)
	}
}
