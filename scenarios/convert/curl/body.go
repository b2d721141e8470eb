package curl

import (
	"bytes"
	"cmp"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
	"github.com/bgverify/bgverify/scenarios/template"
)

// inlineFile is up to which size a file of text is written into the scenario.
const inlineFile = 16 << 10

// body reads -d and its kin, -F and -T.
func (c *curlImport) body(r *web.Request, p *pendingCurl) {
	cr := p.curl
	noType := r.Body.Type == "-"
	r.Body.Type = ""
	for _, d := range cr.query {
		if text, raw, ok := c.datum(r, p, d); ok {
			c.addQuery(r, text+string(raw))
		}
	}
	if cr.upload != nil {
		c.uploadBody(r, p)
		return
	}
	if len(cr.parts) > 0 {
		for _, part := range cr.parts {
			c.part(r, p, part)
		}
		r.Body.Type = "multipart/form-data"
		return
	}
	if len(cr.data) == 0 {
		return
	}
	// All data options are one body. The bytes of a file stay bytes only where it is alone.
	text, raw := "", []byte(nil)
	for i, d := range cr.data {
		t, b, ok := c.datum(r, p, d)
		if !ok {
			return
		}
		if i > 0 && d.kind != dataJSON {
			t = "&" + t
		}
		r.Loose = r.Loose || d.kind == dataURLEncode
		if b != nil && len(cr.data) == 1 && r.Body.File == "" {
			raw = b
			continue
		}
		text += t + string(b)
	}
	// -G moves the data into the address.
	if cr.on["get"] {
		c.addQuery(r, text+string(raw))
		return
	}
	r.Body.Type = "application/x-www-form-urlencoded"
	switch {
	case noType:
		r.Body.Type = ""
	case cr.isJSON():
		r.Body.Type = "application/json"
	}
	switch {
	case len(raw) > inlineFile:
		r.Body.File = c.Asset("files", web.BaseName(strings.TrimPrefix(cr.data[0].word.text, "@")), raw)
	case raw != nil:
		r.Body.Raw = raw
	default:
		r.Body.Data = text
	}
}

func (c *curlImport) addQuery(r *web.Request, text string) {
	head, fragment, _ := web.CutOutside(r.URL, "#")
	sep := "?"
	if _, query, has := web.CutOutside(head, "?"); has {
		sep = "&"
		if query == "" {
			sep = ""
		}
	} else if _, path, _ := web.CutURL(head); path == "/" && !strings.HasSuffix(head, "/") {
		sep = "/?"
	}
	r.URL = head + sep + web.Literals(text, strings.NewReplacer(" ", "%20", "#", "%23").Replace)
	if fragment != "" {
		r.URL += "#" + fragment
	}
}

// missing says that a file cannot be read, and skips the request.
func (c *curlImport) missing(r *web.Request, line int, text string, why string) {
	c.Lose(r, lostAt(model.Files, line, text, why))
	r.Skip = model.AppendOnce(r.Skip, why)
}

// input reads a file that an option names; - is standard input. A file that cannot be read
// is listed with the text of the option, and its request skipped.
func (c *curlImport) input(r *web.Request, p *pendingCurl, name string, option shWord) (in stdin, ok bool) {
	if in = p.stdin; name != "-" {
		in = c.fileIn(shWord{text: name})
	}
	if !in.known {
		c.missing(r, option.line, option.text, in.why)
		return in, false
	}
	c.Report.Mapped(model.Files, 1)
	return in, true
}

// datum is what one data option adds: marked text, or bytes of a file.
func (c *curlImport) datum(r *web.Request, p *pendingCurl, d curlData) (text string, raw []byte, ok bool) {
	text = d.word.text
	if d.kind == dataURLEncode {
		return c.encoded(r, p, d)
	}
	name, isFile := strings.CutPrefix(text, "@")
	if !isFile || d.kind == dataRaw {
		return text, nil, true
	}
	in, ok := c.input(r, p, name, d.word)
	if !ok {
		return "", nil, false
	}
	if d.kind == dataText {
		for _, cut := range []string{"\r", "\n"} { // -d reads lines into one
			in.text = strings.ReplaceAll(in.text, cut, "")
			in.raw = bytes.ReplaceAll(in.raw, []byte(cut), nil)
		}
		in.raw = bytes.ReplaceAll(in.raw, []byte{0}, nil)
	}
	if in.raw == nil {
		return in.text, nil, true
	}
	return "", in.raw, true
}

// encoded reads --data-urlencode: content, =content, name=content, @file,
// name@file. A variable is encoded when it is sent.
func (c *curlImport) encoded(r *web.Request, p *pendingCurl, d curlData) (string, []byte, bool) {
	text := d.word.text
	name, content := "", text
	at := strings.IndexAny(text, "=@")
	if at >= 0 && !web.HasMark(text[:at]) {
		name, content = text[:at], text[at+1:]
		if text[at] == '@' {
			in, ok := c.input(r, p, content, d.word)
			if !ok {
				return "", nil, false
			}
			content = in.text + strings.ReplaceAll(string(in.raw), web.Mark, "")
		}
	}
	out := ""
	for i, s := range strings.Split(content, web.Mark) {
		if i%2 == 1 {
			out += web.Marked(s + " | urlencode")
		} else {
			out += template.PercentEncode(s, "")
		}
	}
	if name != "" {
		out = name + "=" + out
	}
	return out, nil, true
}

// uploadBody reads -T.
func (c *curlImport) uploadBody(r *web.Request, p *pendingCurl) {
	name := p.curl.upload.text
	option := shWord{text: "-T " + name, line: p.curl.upload.line}
	if name == "." { // standard input too
		name = "-"
	}
	in, ok := c.input(r, p, name, option)
	if name != "-" {
		if _, path, _ := web.CutURL(r.URL); strings.HasSuffix(path, "/") {
			if !strings.HasSuffix(r.URL, "/") {
				r.URL += "/"
			}
			r.URL += template.PercentEncode(web.BaseName(web.Readable(name)), "")
		}
	}
	switch {
	case !ok:
	case in.raw == nil:
		r.Body.Data = in.text
	case len(in.raw) > 0:
		r.Body.File = c.Asset("files", web.BaseName(name), in.raw)
	}
}

// part reads one -F: name=content, name=@file or name=<file, each with
// ;type= and ;filename=.
func (c *curlImport) part(r *web.Request, p *pendingCurl, f curlPart) {
	name, content, ok := web.CutOutside(f.word.text, "=")
	text := "-F " + name + "=…" // the content may be a secret
	if !ok {
		text = "-F " + f.word.text
		c.Lose(r, lostAt(model.Bodies, f.word.line, text, "a part is name=content"))
		return
	}
	out := model.Part{Name: name, Text: content}
	if f.literal {
		r.Body.Parts = append(r.Body.Parts, out)
		return
	}
	// @ sends a file as a file, < its content as text.
	kind := byte(0)
	if content != "" && (content[0] == '@' || content[0] == '<') {
		kind, content = content[0], content[1:]
	}
	value, options := partOptions(content)
	out.Text = value
	for _, o := range options {
		switch o.key {
		case "type":
			out.Type = o.value
		case "filename":
			out.FileName = o.value
		default:
			c.Lose(r, lostAt(model.Bodies, f.word.line, text, "a part has no "+naming.OneLine(o.key, 40)))
		}
	}
	if kind != 0 {
		option := shWord{text: "-F " + f.word.text, line: f.word.line} // the name of a file
		in, ok := c.input(r, p, value, option)
		if !ok || !c.partFile(r, option, kind == '<', in, &out) {
			return
		}
	}
	if out.File == "" && out.FileName != "" {
		c.Lose(r, lostAt(model.Bodies, f.word.line, text, "text with a file name is written as a file here: file: …"))
		out.FileName = ""
	}
	r.Body.Parts = append(r.Body.Parts, out)
}

// partFile makes a part of the content of a file: its text, or the file itself. out.Text is
// the name of the file.
func (c *curlImport) partFile(r *web.Request, option shWord, asText bool, in stdin, out *model.Part) bool {
	name, data := out.Text, in.raw
	if data == nil {
		data = []byte(web.Readable(in.text))
	}
	if asText {
		out.Text = string(data)
		if !utf8.Valid(data) || bytes.Contains(data, []byte(web.Mark)) {
			c.missing(r, option.line, option.text, "the file is not text")
			return false
		}
		return true
	}
	out.Text, out.File = "", c.Asset("files", web.BaseName(name), data)
	out.FileName, out.Type = cmp.Or(out.FileName, web.BaseName(name)), cmp.Or(out.Type, curlFileType(name))
	if out.FileName == path.Base(out.File) {
		out.FileName = ""
	}
	return true
}

// curlFileType is the type that curl sends with a file, where ours would differ.
func curlFileType(name string) string {
	ext := strings.ToLower(path.Ext(name))
	if t := map[string]string{".svg": "image/svg+xml", ".txt": "text/plain", ".htm": "text/html", ".html": "text/html"}[ext]; t != "" {
		return t
	}
	if slices.Contains([]string{".json", ".csv", ".webp", ".zip", ".gz", ".m3u8"}, ext) {
		return "application/octet-stream"
	}
	return ""
}

// partOptions cuts content;key=value;…, where the content and each value may be in
// quotes, which keep a ;. What follows type= and is none of curl's keys belongs to
// the type: its parameters.
func partOptions(text string) (content string, options []partOption) {
	content, rest := quotedWord(text)
	for rest != "" {
		option, later, _ := web.CutOutside(rest, ";")
		key, value, has := web.CutOutside(option, "=")
		if has {
			value, later = quotedWord(rest[len(key)+1:]) // which may hold a ;
		}
		o := partOption{strings.TrimSpace(key), strings.TrimSpace(value)}
		rest = later
		if n := len(options); n > 0 && options[n-1].key == "type" && !slices.Contains(partKeys, o.key) && o.key != "" {
			options[n-1].value += "; " + strings.TrimSuffix(o.key+"="+o.value, "=")
			continue
		}
		if o.key != "" {
			options = append(options, o)
		}
	}
	return content, options
}

// A partOption is ;key=value of a part.
type partOption struct{ key, value string }

var partKeys = []string{"type", "filename", "headers", "encoder"}

// quotedWord reads text up to the next ;, or a text in quotes with \" and \\ in it.
func quotedWord(text string) (word, rest string) {
	if !strings.HasPrefix(text, `"`) {
		word, rest, _ = web.CutOutside(text, ";")
		return word, rest
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		case text[i] == '"':
			_, rest, _ = web.CutOutside(text[i+1:], ";")
			return b.String(), rest
		default:
			b.WriteByte(text[i])
		}
	}
	return text, "" // no end: as it is
}
