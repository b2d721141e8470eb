package jmeter

import (
	"cmp"
	"mime"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// charsetOf is the charset that JMeter's client names for a raw body without a
// Content-Type.
func charsetOf(encoding string) string {
	if encoding = strings.TrimSpace(encoding); encoding != "" && !strings.Contains(encoding, "${") {
		return strings.ToUpper(encoding)
	}
	return "ISO-8859-1"
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 0x7f }) < 0
}

// joined are the values of arguments one after the other, as a raw body has them.
func joined(args []argument) string {
	var b strings.Builder
	for _, a := range args {
		_, value := a.encoded()
		b.WriteString(value)
	}
	return b.String()
}

// form joins arguments as the form that JMeter posts: what is not encoded is read
// as encoded already, and encoded anew.
func form(args []argument) string {
	var parts []string
	for _, a := range args {
		if !a.encode {
			a.name, a.value = formDecoded(a.name), formDecoded(a.value)
		}
		if a.name != "" {
			parts = append(parts, urlEncoded(a.name)+"="+urlEncoded(a.value))
		}
	}
	return strings.Join(parts, "&")
}

func formDecoded(marked string) string {
	return web.Literals(marked, func(t string) string { return web.PercentDecoded(strings.ReplaceAll(t, "+", " ")) })
}

// typed is a whole value of a JSON text: what was a number in an answer, or is
// made as one, is a text where the plan puts it between quotes.
func (s *scope) typed(text string, number bool) string {
	inside := web.Insides(text)
	if number || len(inside) != 1 || web.Marked(inside[0]) != text {
		return text
	}
	name, filters, _ := strings.Cut(inside[0], " |")
	made := strings.HasPrefix(name, "$int") || name == "$row" || strings.Contains(filters, "format: unix")
	if !made && !s.p.names.mayBeNumber[name] {
		return text
	}
	return web.Marked(inside[0] + " | " + asText)
}

// asText is the filter that makes a text of a number.
const asText = "text"

// A upload is a file that a sampler sends.
type upload struct{ path, name, typ string }

func (r *reach) files(s *scope) []upload {
	var out []upload
	add := func(path, name, typ string) {
		if path = strings.TrimSpace(path); path != "" {
			out = append(out, upload{s.p.names.constantOr(path), s.text(strings.TrimSpace(name)), s.text(strings.TrimSpace(typ))})
		}
	}
	for _, f := range list(propOf(r.n.props, "HTTPsampler.Files"), "HTTPFileArgs.files") {
		add(textOf(f, "File.path"), textOf(f, "File.paramname"), textOf(f, "File.mimetype"))
	}
	if len(out) == 0 {
		add(r.n.text("HTTPSampler.FILE_NAME"), r.n.text("HTTPSampler.FILE_FIELD"), r.n.text("HTTPSampler.MIMETYPE"))
	}
	return out
}

// baseName is the last part of a path of any system.
func baseName(file string) string { return path.Base(strings.ReplaceAll(file, `\`, "/")) }

// upload is the asset of a file; a request whose file is missing is not written.
func (p *plan) upload(q *web.Request, f upload) (string, bool) {
	data, found := p.files.read(f.path)
	if !found {
		p.Lose(q, model.Lost{Kind: model.Files, Place: "file", Text: f.path, Why: "it is missing next to the plan"})
		q.Skip = append(q.Skip, "its file "+strconv.Quote(f.path)+" is missing next to the plan")
		return "", false
	}
	p.Report.Mapped(model.Files, 1)
	return p.Asset("files", baseName(f.path), data), true
}

// fileBody sends a file as the body. The content of one that is missing is asked
// for from outside.
func (p *plan) fileBody(q *web.Request, f upload) {
	data, found := p.files.read(f.path)
	if !found {
		p.Lose(q, model.Lost{Kind: model.Files, Place: "file", Text: f.path, Why: "it is missing next to the plan"})
		name := strings.Trim(strings.TrimPrefix(naming.VarName(baseName(f.path)), "__P"), "_")
		q.Body = web.Body{Data: p.names.need(p.names.name("f", name), f.path, "the content of the file, which is missing next to the plan"), Type: f.typ}
		return
	}
	p.Report.Mapped(model.Files, 1)
	q.Body = web.Body{File: p.Asset("files", baseName(f.path), data), Type: cmp.Or(f.typ, mime.TypeByExtension(path.Ext(f.path)))}
}

func (p *plan) multipart(q *web.Request, args []argument, files []upload) {
	for _, a := range args {
		if a.name != "" {
			q.Body.Parts = append(q.Body.Parts, model.Part{Name: a.name, Text: a.value})
		}
	}
	for _, f := range files {
		name, found := p.upload(q, f)
		if !found {
			return
		}
		q.Body.Parts = append(q.Body.Parts, model.Part{
			Name: f.name, File: name, FileName: baseName(f.path), Type: cmp.Or(f.typ, "application/octet-stream"),
		})
	}
	q.Headers = slices.DeleteFunc(q.Headers, func(h model.Field) bool {
		return strings.EqualFold(h.Name, "Content-Type") && strings.HasPrefix(strings.ToLower(h.Text), "multipart/")
	})
}
