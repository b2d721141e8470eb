package har

import (
	"bytes"
	"cmp"
	"mime"
	"mime/multipart"
	"path"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
	"github.com/bgverify/bgverify/scenarios/template"
)

// postOf reads the body.
func (h *harImport) postOf(e *harEntry, r *web.Request) {
	p := e.post
	// A length without a body means that the recording lost it: the request would not be the same.
	if length, _ := r.Header("Content-Length"); p == nil && (e.lacks || strings.Trim(length, "0123456789") == "" &&
		strings.Trim(length, "0") != "") {
		h.Lose(r, model.Lost{Kind: model.Bodies, Place: "body", Why: "the recording does not hold it"})
		r.Skip = append(r.Skip, "its body is not in the recording")
	}
	if p == nil {
		return
	}
	r.Body.Type = p.mime
	typ, has := r.Header("Content-Type")
	if !has {
		typ = p.mime
	}
	if m, params, err := mime.ParseMediaType(typ); err == nil && m == "multipart/form-data" {
		h.partsOf(p, params["boundary"], r)
		return
	}
	switch {
	case p.raw != nil:
		r.Body.Raw = p.raw
	case p.text != "":
		r.Body.Raw = []byte(p.text)
	case len(p.params) > 0:
		var pairs []string
		for _, x := range p.params {
			again := func(text string) string { return template.PercentEncode(web.PercentDecoded(text), "*") }
			pairs = append(pairs, again(x.name)+"="+again(x.value))
		}
		r.Body.Raw = []byte(strings.Join(pairs, "&"))
		r.Body.Type = cmp.Or(r.Body.Type, "application/x-www-form-urlencoded")
	}
}

// partsOf reads multipart/form-data from the recorded text, or from its params.
// Recordings leave the bytes of files out.
func (h *harImport) partsOf(p *harPost, boundary string, r *web.Request) {
	// The recorded text has the parts as they were sent; params are a summary of them.
	var list []harParam
	if text := append([]byte(p.text), p.raw...); len(text) > 0 && boundary != "" {
		in := multipart.NewReader(bytes.NewReader(text), boundary)
		for len(list) < 1000 {
			part, err := in.NextRawPart()
			if err != nil {
				break
			}
			var b bytes.Buffer
			if _, err := b.ReadFrom(part); err != nil {
				break
			}
			list = append(list, harParam{part.FormName(), b.String(), part.FileName(), part.Header.Get("Content-Type")})
		}
	}
	if len(list) == 0 {
		list = p.params
	}
	for _, x := range list {
		if strings.Contains(x.name+x.value+x.file+x.typ, web.Mark) && x.file == "" {
			h.Lose(r, model.Lost{Kind: model.Bodies, Place: "part", Text: web.Readable(x.name), Why: "it holds NUL bytes and is not text"})
			r.Skip = model.AppendOnce(r.Skip, "a part of its body is not text")
			continue
		}
		out := model.Part{Name: x.name, Text: x.value, Type: x.typ}
		if x.file != "" {
			if x.value == "" {
				h.Lose(r, model.Lost{
					Kind: model.Files, Place: "part " + naming.OneLine(x.name, 60), Text: x.file,
					Why: "the recording does not hold the file; put it next to the suite",
				})
				r.Skip = model.AppendOnce(r.Skip, "the file "+naming.OneLine(x.file, 60)+" is not in the recording")
			}
			out.Text, out.File = "", h.Asset("files", web.BaseName(x.file), []byte(x.value))
			if out.FileName = x.file; path.Base(out.File) == x.file {
				out.FileName = ""
			}
		}
		r.Body.Parts = append(r.Body.Parts, out)
	}
	if len(list) == 0 && len(p.text)+len(p.raw) > 0 {
		h.Lose(r, model.Lost{Kind: model.Bodies, Place: "body", Why: "its parts cannot be separated"})
		r.Skip = append(r.Skip, "its body is not in the recording")
	}
	r.Headers = slices.DeleteFunc(r.Headers, func(f model.Field) bool { return strings.EqualFold(f.Name, "Content-Type") })
	r.Body.Type = "multipart/form-data"
}
