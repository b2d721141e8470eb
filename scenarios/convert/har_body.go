package convert

import (
	"bytes"
	"mime"
	"mime/multipart"
	"path"
	"slices"
	"strings"
)

// postOf reads the body.
func (h *harImport) postOf(e *harEntry, r *webRequest) {
	p := e.post
	if p == nil {
		return
	}
	typ, has := r.header("Content-Type")
	if !has {
		typ = p.mime
	}
	r.body.typ = p.mime
	if m, params, err := mime.ParseMediaType(typ); err == nil && m == "multipart/form-data" {
		h.partsOf(p, params["boundary"], r)
		return
	}
	switch {
	case p.raw != nil:
		r.body.raw = p.raw
	case p.text != "":
		r.body.raw = []byte(p.text)
	case len(p.params) > 0:
		var pairs []string
		for _, x := range p.params {
			pairs = append(pairs, percentEncoded(percentDecoded(x.name), "*")+"="+percentEncoded(percentDecoded(x.value), "*"))
		}
		r.body.raw = []byte(strings.Join(pairs, "&"))
		if r.body.typ == "" {
			r.body.typ = "application/x-www-form-urlencoded"
		}
	}
}

// partsOf reads multipart/form-data from the recorded text, or from its params.
// Recordings leave the bytes of files out.
func (h *harImport) partsOf(p *harPost, boundary string, r *webRequest) {
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
		if strings.Contains(x.name+x.value+x.file+x.typ, mark) && x.file == "" {
			h.lose(r, Lost{Kind: Bodies, Place: "part", Text: readable(x.name), Why: "it holds NUL bytes, and is no text"})
			r.skip = appendOnce(r.skip, "a part of its body is no text")
			continue
		}
		out := Part{Name: x.name, Text: x.value, Type: x.typ}
		if x.file != "" {
			if x.value == "" {
				h.lose(r, Lost{Kind: Files, Place: "part " + oneLine(x.name, 60), Text: x.file, Why: "the recording does not hold the file; put it beside the suite"})
				r.skip = appendOnce(r.skip, "the file "+oneLine(x.file, 60)+" is not in the recording")
			}
			out.Text, out.File = "", h.asset("files", baseName(x.file), []byte(x.value))
			if out.FileName = x.file; path.Base(out.File) == x.file {
				out.FileName = ""
			}
		}
		r.body.parts = append(r.body.parts, out)
	}
	if len(list) == 0 && len(p.text)+len(p.raw) > 0 {
		h.lose(r, Lost{Kind: Bodies, Place: "body", Why: "its parts cannot be told apart"})
		r.skip = append(r.skip, "its body is not in the recording")
	}
	r.headers = slices.DeleteFunc(r.headers, func(f Field) bool { return strings.EqualFold(f.Name, "Content-Type") })
	r.body.typ = "multipart/form-data"
}
