package web

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

// The bounds of what a recorded body is written as, in addition to those of the model.
const (
	inlineBytes = 4 << 10 // as base64
	inlineKey   = 200     // bytes of a name
)

// impliedType is the Content-Type that the language sends with a kind of body.
func impliedType(b *model.Body) string {
	switch b.Kind {
	case model.JSONBody, model.GraphQLBody:
		return "application/json"
	case model.FormBody:
		return "application/x-www-form-urlencoded"
	case model.XMLBody:
		return "application/xml"
	case model.TextBody:
		return "text/plain; charset=utf-8"
	case model.Base64Body:
		return "application/octet-stream"
	}
	return "" // files are always written with their type
}

// Header is the text of the request's header of a name.
func (r *Request) Header(name string) (text string, has bool) {
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Text, true
		}
	}
	return "", false
}

// bodyOf writes the body in the kind that reads best and is sent the same, and
// the Content-Type where the kind implies another.
func (im *Import) bodyOf(r *Request) {
	b := &r.Body
	typ, written := r.Header("Content-Type")
	if !written && HeaderText(b.Type) && !HasMark(b.Type) {
		typ = b.Type
	}
	r.Headers = slices.DeleteFunc(r.Headers, func(h model.Field) bool { return strings.EqualFold(h.Name, "Content-Type") })
	switch {
	case len(b.Parts) > 0:
		im.multipart(r, typ)
		return
	case b.File != "":
		r.Step.Body = &model.Body{Kind: model.FileBody, File: b.File}
	case len(b.Raw) > 0 && (!utf8.Valid(b.Raw) || bytes.Contains(b.Raw, []byte(Mark))):
		r.Step.Body = im.bytesBody(r, b.Raw, Media(typ))
	case len(b.Raw) > 0:
		b.Data = string(b.Raw)
		r.Step.Body = im.dataBody(r, typ)
	case b.Data != "":
		r.Step.Body = im.dataBody(r, typ)
	default:
		if typ != "" {
			r.Headers = append(r.Headers, model.Field{Name: "Content-Type", Text: typ})
		}
		return
	}
	im.Report.Mapped(model.Bodies, 1)
	if typ == "" {
		return // the kind's own is sent
	}
	if !strings.EqualFold(typ, impliedType(r.Step.Body)) {
		r.Headers = append(r.Headers, model.Field{Name: "Content-Type", Text: typ})
	}
}

// Media is a Content-Type without its parameters.
func Media(typ string) string {
	typ, _, _ = strings.Cut(typ, ";")
	return strings.ToLower(strings.TrimSpace(typ))
}

// dataBody chooses the kind of body for text or bytes.
func (im *Import) dataBody(r *Request, typ string) *model.Body {
	data, m := r.Body.Data, Media(typ)
	isText := utf8.ValidString(data) && strings.Count(data, Mark)%2 == 0 && !strings.Contains(data, "\ufeff")
	first := strings.TrimLeft(data, " \t\r\n")
	form := m == "application/x-www-form-urlencoded"
	switch {
	case !isText:
		return im.bytesBody(r, []byte(data), m)
	case strings.Contains(m, "json"), form && first != "" && strings.IndexByte("{[", first[0]) >= 0:
		if n, ok := im.jsonBody(r, data); ok {
			return &model.Body{Kind: model.JSONBody, JSON: n}
		}
		data = r.lifted(data)
	case form:
		if fields, ok := pairs(data, true, r.Loose); ok {
			for i, f := range fields {
				fields[i].Text = im.Text(im.keep(r, f.Name, f.Text, "form field "+f.Name))
			}
			return &model.Body{Kind: model.FormBody, Fields: fields}
		}
		data = im.secretPairs(r, data, "form field")
	default:
		data = r.lifted(data)
	}
	switch {
	case len(data) > model.InlineText && !HasMark(data):
		return im.bytesBody(r, []byte(data), m)
	case m == "application/xml" || m == "text/xml" || strings.HasSuffix(m, "+xml"):
		return &model.Body{Kind: model.XMLBody, Text: im.Text(data)}
	}
	return &model.Body{Kind: model.TextBody, Text: im.Text(data)}
}

// bytesBody keeps bytes that are no text, or too many to read.
func (im *Import) bytesBody(r *Request, data []byte, m string) *model.Body {
	if len(data) <= inlineBytes {
		return &model.Body{Kind: model.Base64Body, Text: base64.StdEncoding.EncodeToString(data)}
	}
	ext := ".bin"
	for _, x := range []struct{ word, ext string }{{"json", ".json"}, {"xml", ".xml"}, {"text/", ".txt"}, {"form-urlencoded", ".txt"}} {
		if strings.Contains(m, x.word) {
			ext = x.ext
			break
		}
	}
	return &model.Body{Kind: model.FileBody, File: im.Asset("files", r.ID+ext, data)}
}

// jsonBody reads marked text as JSON that YAML can hold.
func (im *Import) jsonBody(r *Request, data string) (*model.Node, bool) {
	if len(data) > model.InlineText || strings.Contains(strings.ToLower(data), `\u0000`) {
		return nil, false
	}
	v, err := source.ParseJSON("", []byte(strings.ReplaceAll(data, Mark, `\u0000`)))
	if err != nil {
		return nil, false
	}
	count := 0
	if !inlineJSON(v, 0, &count) || v.Kind != 'o' && v.Kind != 'a' {
		return nil, false
	}
	if !HasMark(data) && v.Compact() != data {
		im.Report.Note("", "JSON bodies are written as YAML and sent without the source's white space and escapes: the values are the same")
	}
	return im.jsonNode(r, v, "", "$"), true
}

// inlineJSON reports whether YAML in a scenario file can hold a value as it is.
func inlineJSON(v *source.Value, depth int, count *int) bool {
	*count++
	if depth > model.InlineDepth || *count > model.InlineValues || strings.ContainsRune(v.Text, utf8.RuneError) {
		return false
	}
	for i, k := range v.Keys {
		if len(k) > inlineKey || strings.Contains(k, "{{") || strings.ContainsRune(k, utf8.RuneError) || HasMark(k) ||
			slices.Contains(v.Keys[:i], k) {
			return false
		}
	}
	return !slices.ContainsFunc(v.Items, func(item *source.Value) bool { return !inlineJSON(item, depth+1, count) })
}

func (im *Import) jsonNode(r *Request, v *source.Value, key, path string) *model.Node {
	switch v.Kind {
	case 'o', 'a':
		n := &model.Node{Kind: model.ArrayNode}
		if v.Kind == 'o' {
			n = &model.Node{Kind: model.ObjectNode, Keys: v.Keys}
		}
		for i, item := range v.Items {
			if v.Kind == 'o' {
				n.Items = append(n.Items, im.jsonNode(r, item, v.Keys[i], path+source.PathMember(v.Keys[i])))
			} else {
				n.Items = append(n.Items, im.jsonNode(r, item, key, fmt.Sprintf("%s[%d]", path, i)))
			}
		}
		return n
	case 's':
		if text := r.liftedJSON(v.Text, false); HasMark(text) {
			return model.String(im.Text(text))
		}
		return model.String(im.Text(im.keep(r, key, v.Text, "body "+path)))
	case '0':
		return model.Literal("null")
	case 'n':
		if text := r.liftedJSON(v.Text, true); HasMark(text) {
			return model.String(im.Text(text)) // one whole placeholder keeps its type
		}
	}
	return model.Literal(v.Text)
}

// multipart writes the parts of multipart/form-data.
func (im *Import) multipart(r *Request, typ string) {
	body := &model.Body{Kind: model.MultipartBody}
	if m := Media(typ); m != "" && m != "multipart/form-data" {
		im.Lose(r, model.Lost{Kind: model.Headers, Place: "header Content-Type", Text: typ, Why: "multipart writes its own Content-Type"})
	}
	for _, p := range r.Body.Parts {
		where := "part " + naming.OneLine(Readable(p.Name), 60)
		switch {
		case !HeaderText(p.Name) || !utf8.ValidString(p.Text) || HasMark(p.Name) || len(p.Name) > inlineKey:
			im.Lose(r, model.Lost{Kind: model.Bodies, Place: where, Why: "its name or text is too long for YAML, or no text"})
			r.Skip = append(r.Skip, where+" is missing")
			continue
		}
		if p.Type != naming.Plain(p.Type) || !HeaderText(p.Type) || HasMark(p.Type) {
			p.Type = ""
			im.Lose(r, model.Lost{Kind: model.Bodies, Place: where, Why: "its type is not plain text"})
		}
		if p.File == "" {
			p.Text = im.Text(im.keep(r, p.Name, p.Text, where))
		}
		p.FileName = Readable(p.FileName)
		body.Parts = append(body.Parts, p)
	}
	if len(body.Parts) > 0 {
		r.Step.Body = body
		im.Report.Mapped(model.Bodies, 1)
	}
}
