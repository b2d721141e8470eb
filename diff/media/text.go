package media

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// lineTree is text as an array of its lines. How lines end is a fact of the
// whole text where all end alike; where they do not, a line keeps its CR.
func (d *Doc) lineTree() []byte {
	text := string(d.Text)
	crlf, lf := strings.Count(text, "\r\n"), strings.Count(text, "\n")
	end, ends := "\n", ""
	switch {
	case lf == 0:
	case crlf == lf:
		end, ends = "\r\n", "CRLF"
	case crlf == 0:
		ends = "LF"
	default:
		ends = "mixed"
	}
	if ends != "" {
		d.fact(Fact{Name: "#line-ends", Value: ends, Style: true, Loose: true})
	}
	d.lastLine()
	out := []string{}
	for l := range strings.Lines(text) {
		out = append(out, strings.TrimSuffix(l, end))
	}
	return mustMarshal(out)
}

// lastLine adds whether the last line has an end.
func (d *Doc) lastLine() {
	if n := len(d.Text); n > 0 && d.Text[n-1] != '\n' {
		d.fact(Fact{Name: "#last-line", Value: "without an end", Style: true})
	}
}

// documents is NDJSON as an array of its lines, each of which is one document.
func documents(text []byte) ([]byte, error) {
	out := []byte{'['}
	at := 0
	for line := range bytes.Lines(text) {
		doc := bytes.Trim(line, " \t\r\n")
		if len(doc) > 0 {
			if !json.Valid(doc) {
				return nil, &Error{at, "a line that is not one JSON document"}
			}
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, doc...)
		}
		at += len(line)
	}
	return append(out, ']'), nil
}

// formTree is a form (URL standard, section 5.1) as its values by name, in order.
func formTree(text []byte, w *writing) ([]byte, error) {
	out := map[string][]string{}
	var names []string
	at := 0
	for pair := range strings.SplitSeq(string(text), "&") {
		start := at
		at += len(pair) + 1
		if pair == "" {
			names = append(names, "")
			continue
		}
		rawName, rawValue, equals := strings.Cut(pair, "=")
		name, err := unescape(rawName, start)
		if err != nil {
			return nil, err
		}
		value, err := unescape(rawValue, start)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
		out[name] = append(out[name], value)
		if raw := rawName + "=" + rawValue; !equals || raw != name+"="+value {
			w.add(percentForm, len(out[name]), name+" "+pair)
		}
	}
	w.add(fieldOrder, 0, strings.Join(names, "&"))
	return mustMarshal(out), nil
}

// unescape decodes a name or a value of a form: + is a space, %XX a byte. at is the offset of the pair,
// for errors. Bytes that are not UTF-8 are an error, for the tree is JSON text.
func unescape(s string, at int) (string, error) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, nil
	}
	out, err := url.QueryUnescape(s)
	if escape, ok := errors.AsType[url.EscapeError](err); ok {
		return "", &Error{at, fmt.Sprintf("not a form: %q is not an escape", string(escape))}
	}
	if !utf8.ValidString(out) {
		return "", &Error{at, "a form field that is not UTF-8"}
	}
	return out, nil
}

// binaryTree is what can be said of bytes.
func binaryTree(body []byte) []byte {
	return mustMarshal(struct {
		Length int    `json:"length"`
		SHA256 string `json:"sha256"`
		Type   string `json:"type"`
	}{len(body), digest(body), magic(body)})
}

// magics are the first bytes of formats that an answer may be of, by which a binary body is named
// (IANA's registry and the specifications of the formats).
var magics = []struct{ prefix, name string }{
	{"\x89PNG\r\n\x1a\n", "image/png"},
	{"\xff\xd8\xff", "image/jpeg"},
	{"GIF8", "image/gif"},
	{"%PDF-", "application/pdf"},
	{"PK\x03\x04", "application/zip"},
	{"\x1f\x8b", "application/gzip"},
	{"\x28\xb5\x2f\xfd", "application/zstd"},
	{"wOF2", "font/woff2"},
	{"wOFF", "font/woff"},
	{"\x00asm", "application/wasm"},
	{"ID3", "audio/mpeg"},
	{"OggS", "application/ogg"},
	{"\x1a\x45\xdf\xa3", "video/webm"},
}

// magic is a binary body's media type by its first bytes; empty when unknown.
func magic(b []byte) string {
	s := string(b[:min(len(b), 400)])
	for _, m := range magics {
		if strings.HasPrefix(s, m.prefix) {
			return m.name
		}
	}
	switch {
	case len(s) >= 12 && s[:4] == "RIFF" && s[8:12] == "WEBP":
		return "image/webp"
	case len(s) >= 12 && s[4:8] == "ftyp":
		return "video/mp4"
	case len(s) > 376 && s[0] == 0x47 && s[188] == 0x47 && s[376] == 0x47:
		return "video/mp2t"
	}
	return ""
}
