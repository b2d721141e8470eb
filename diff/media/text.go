package media

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
)

// lines is text as an array of its lines.
func lines(text []byte) []byte {
	out := []string{}
	for l := range strings.Lines(string(text)) {
		out = append(out, strings.TrimRight(l, "\r\n"))
	}
	return mustMarshal(out)
}

// documents is NDJSON as an array of its lines, each of which is one document.
func documents(text []byte) ([]byte, error) {
	out := []byte{'['}
	at := 0
	for line := range bytes.Lines(text) {
		doc := bytes.TrimSpace(line)
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

// formTree is a form as its values by name, in order.
func formTree(text []byte) ([]byte, error) {
	values, err := url.ParseQuery(strings.TrimRight(string(text), "\r\n"))
	if err != nil {
		return nil, &Error{0, "not a form: " + err.Error()}
	}
	for name, vs := range values {
		for _, s := range append(vs, name) {
			if strings.ToValidUTF8(s, "\uFFFD") != s {
				return nil, &Error{0, "a form field that is not UTF-8"}
			}
		}
	}
	return mustMarshal(values), nil
}

// binaryTree is what can be said of bytes.
func binaryTree(body []byte) []byte {
	sum := sha256.Sum256(body)
	return mustMarshal(struct {
		Length int    `json:"length"`
		SHA256 string `json:"sha256"`
		Type   string `json:"type"`
	}{len(body), hex.EncodeToString(sum[:]), magic(body)})
}

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
