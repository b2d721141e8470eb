package convert

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// inlineFile is up to which size a file of text is written into the scenario.
const inlineFile = 16 << 10

// body reads -d and its kin, -F and -T.
func (c *curlImport) body(r *webRequest, p *pendingCurl) {
	cr := p.curl
	noType := r.body.typ == "-"
	r.body.typ = ""
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
		r.body.typ = "multipart/form-data"
		return
	}
	if len(cr.data) == 0 {
		return
	}
	text, raw := "", []byte(nil)
	for i, d := range cr.data {
		t, b, ok := c.datum(r, p, d)
		if !ok {
			return
		}
		if i > 0 && d.kind != dataJSON {
			t = "&" + t
		}
		r.loose = r.loose || d.kind == dataURLEncode
		if b != nil && len(cr.data) == 1 && r.body.file == "" {
			raw = b
			continue
		}
		text += t + string(b)
	}
	if cr.get {
		c.addQuery(r, text+string(raw))
		return
	}
	r.body.typ = "application/x-www-form-urlencoded"
	if cr.json {
		r.body.typ = "application/json"
	}
	if noType {
		r.body.typ = ""
	}
	switch {
	case len(raw) > inlineFile:
		r.body.file = c.asset("files", baseName(strings.TrimPrefix(cr.data[0].word.text, "@")), raw)
	case raw != nil:
		r.body.raw = raw
	default:
		r.body.data = text
	}
}

func (c *curlImport) addQuery(r *webRequest, text string) {
	head, fragment, _ := cutOutside(r.url, "#")
	sep := "?"
	if _, query, has := cutOutside(head, "?"); has {
		sep = "&"
		if query == "" {
			sep = ""
		}
	} else if _, path, _ := cutURL(head); path == "/" && !strings.HasSuffix(head, "/") {
		sep = "/?"
	}
	r.url = head + sep + literals(text, strings.NewReplacer(" ", "%20", "#", "%23").Replace)
	if fragment != "" {
		r.url += "#" + fragment
	}
}

// missing says that a file cannot be read, and skips the request.
func (c *curlImport) missing(r *webRequest, line int, text string, why string) {
	c.lose(r, Lost{Kind: Files, Place: fmt.Sprintf("line %d", line), Text: text, Why: why})
	r.skip = appendOnce(r.skip, why)
}

// datum is what one data option adds: marked text, or bytes of a file.
func (c *curlImport) datum(r *webRequest, p *pendingCurl, d curlData) (text string, raw []byte, ok bool) {
	text = d.word.text
	if d.kind == dataURLEncode {
		return c.encoded(r, p, d)
	}
	name, isFile := strings.CutPrefix(text, "@")
	if !isFile || d.kind == dataRaw {
		return text, nil, true
	}
	in := p.stdin
	if name != "-" {
		in = c.fileIn(shWord{text: name})
	}
	if !in.known {
		c.missing(r, d.word.line, text, in.why)
		return "", nil, false
	}
	c.report.Mapped(Files, 1)
	if d.kind != dataText {
		if in.raw == nil {
			return in.text, nil, true
		}
		return "", in.raw, true
	}
	for _, cut := range []string{"\r", "\n"} { // -d reads lines into one
		in.text = strings.ReplaceAll(in.text, cut, "")
		in.raw = bytes.ReplaceAll(in.raw, []byte(cut), nil)
	}
	in.raw = bytes.ReplaceAll(in.raw, []byte{0}, nil)
	if in.raw == nil {
		return in.text, nil, true
	}
	return "", in.raw, true
}

// encoded reads --data-urlencode: content, =content, name=content, @file,
// name@file. A variable is encoded when it is sent.
func (c *curlImport) encoded(r *webRequest, p *pendingCurl, d curlData) (string, []byte, bool) {
	text := d.word.text
	name, content := "", text
	at := strings.IndexAny(text, "=@")
	if at >= 0 && !hasMark(text[:at]) {
		name, content = text[:at], text[at+1:]
		if text[at] == '@' {
			in := p.stdin
			if content != "-" {
				in = c.fileIn(shWord{text: content})
			}
			if !in.known {
				c.missing(r, d.word.line, text, in.why)
				return "", nil, false
			}
			c.report.Mapped(Files, 1)
			content = in.text + strings.ReplaceAll(string(in.raw), mark, "")
		}
	}
	out := ""
	for i, s := range strings.Split(content, mark) {
		if i%2 == 1 {
			out += marked(s + " | urlencode")
		} else {
			out += percentEncoded(s, "")
		}
	}
	if name != "" {
		out = name + "=" + out
	}
	return out, nil, true
}

// uploadBody reads -T.
func (c *curlImport) uploadBody(r *webRequest, p *pendingCurl) {
	name := p.curl.upload.text
	in := p.stdin
	if name != "-" && name != "." {
		in = c.fileIn(shWord{text: name})
		if _, path, _ := cutURL(r.url); strings.HasSuffix(path, "/") {
			if !strings.HasSuffix(r.url, "/") {
				r.url += "/"
			}
			r.url += percentEncoded(baseName(readable(name)), "")
		}
	}
	switch {
	case !in.known:
		c.missing(r, p.curl.upload.line, "-T "+name, in.why)
	case in.raw == nil:
		r.body.data = in.text
	case len(in.raw) == 0:
	default:
		r.body.file = c.asset("files", baseName(name), in.raw)
	}
	if in.known {
		c.report.Mapped(Files, 1)
	}
}

// part reads one -F: name=content, name=@file or name=<file, each with
// ;type= and ;filename=.
func (c *curlImport) part(r *webRequest, p *pendingCurl, f curlPart) {
	name, content, ok := cutOutside(f.word.text, "=")
	text := "-F " + name + "=…" // the content may be a secret
	if !ok {
		text = "-F " + f.word.text
		c.lose(r, Lost{Kind: Bodies, Place: fmt.Sprintf("line %d", f.word.line), Text: text, Why: "a part is name=content"})
		return
	}
	out := Part{Name: name, Text: content}
	if f.literal {
		r.body.parts = append(r.body.parts, out)
		return
	}
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
			c.lose(r, Lost{Kind: Bodies, Place: fmt.Sprintf("line %d", f.word.line), Text: text, Why: "a part has no " + oneLine(o.key, 40)})
		}
	}
	if kind != 0 && !c.partFile(r, p, f, kind, value, &out) {
		return
	}
	if out.File == "" && out.FileName != "" {
		c.lose(r, Lost{Kind: Bodies, Place: fmt.Sprintf("line %d", f.word.line), Text: text, Why: "text with a file name is written as a file here: file: …"})
		out.FileName = ""
	}
	r.body.parts = append(r.body.parts, out)
}

// partFile reads the file of a part.
func (c *curlImport) partFile(r *webRequest, p *pendingCurl, f curlPart, kind byte, name string, out *Part) bool {
	in := p.stdin
	if name != "-" {
		in = c.fileIn(shWord{text: name})
	}
	if !in.known {
		c.missing(r, f.word.line, "-F "+f.word.text, in.why) // the name of a file
		return false
	}
	c.report.Mapped(Files, 1)
	data := in.raw
	if data == nil {
		data = []byte(readable(in.text))
	}
	if kind == '<' {
		out.Text = string(data)
		if !utf8.Valid(data) || bytes.Contains(data, []byte(mark)) {
			c.missing(r, f.word.line, "-F "+f.word.text, "the file is no text")
			return false
		}
		return true
	}
	out.Text, out.File = "", c.asset("files", baseName(name), data)
	if out.FileName == "" {
		out.FileName = baseName(name)
	}
	if out.Type == "" {
		out.Type = curlFileType(name)
	}
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
		option, later, _ := cutOutside(rest, ";")
		key, value, has := cutOutside(option, "=")
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
		word, rest, _ = cutOutside(text, ";")
		return word, rest
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		case text[i] == '"':
			_, rest, _ = cutOutside(text[i+1:], ";")
			return b.String(), rest
		default:
			b.WriteByte(text[i])
		}
	}
	return text, "" // no end: as it is
}
