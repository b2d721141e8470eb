// Package media turns bodies that are not JSON into trees that compare like
// JSON: it writes them as JSON text, so that one engine and one rule language
// serve all. It is pure and shares nothing with the engine.
package media

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"mime"
	"strings"
	"unicode/utf8"
)

// A Kind is what a body is.
type Kind uint8

// The kinds. Zero is invalid.
const (
	Empty Kind = iota + 1
	JSON
	NDJSON
	XML
	HTML
	Text
	Form
	M3U8
	Binary
)

var kindNames = [...]string{Empty: "empty", JSON: "json", NDJSON: "ndjson", XML: "xml", HTML: "html", Text: "text", Form: "form", M3U8: "m3u8", Binary: "binary"}

// String is the kind's word in notes and flags.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// ParseKind reads a kind's word: json, xml, …
func ParseKind(s string) (Kind, bool) {
	for k, n := range kindNames {
		if n != "" && n == s {
			return Kind(k), true
		}
	}
	return 0, false
}

// A Doc is a body as JSON text.
type Doc struct {
	Kind Kind
	JSON []byte
	Note string // a mismatch between what was declared and what was found
}

// An Error says why a body is not what it was declared to be.
type Error struct {
	Offset int
	Msg    string
}

func (e *Error) Error() string { return e.Msg }

// Read turns a body into a Doc by its declared content type.
func Read(body []byte, contentType string) (Doc, error) {
	if len(body) == 0 {
		return Doc{Kind: Empty}, nil
	}
	declared := declaredKind(contentType)
	kind := declared
	if kind == 0 || kind == Text && looksJSON(body) {
		kind = Sniff(body)
	}
	d := Doc{Kind: kind}
	if declared != 0 && declared != kind {
		d.Note = "declared as " + declared.String() + ", reads as " + kind.String()
	}
	switch kind {
	case JSON:
		d.JSON = body
	case Text, HTML:
		d.JSON = lines(body)
	default:
		d.Kind, d.JSON = Binary, binary(body)
	}
	return d, nil
}

func declaredKind(contentType string) Kind {
	if contentType == "" {
		return 0
	}
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		t, _, _ = strings.Cut(contentType, ";")
		t = strings.ToLower(strings.TrimSpace(t))
	}
	switch {
	case t == "application/json", strings.HasSuffix(t, "+json"), t == "text/json":
		return JSON
	case t == "text/html":
		return HTML
	case strings.HasPrefix(t, "text/"):
		return Text
	}
	return 0
}

func looksJSON(body []byte) bool {
	b := bytes.TrimLeft(body, " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[') && json.Valid(body)
}

// Sniff guesses what a body is from its bytes.
func Sniff(body []byte) Kind {
	switch {
	case len(body) == 0:
		return Empty
	case looksJSON(body):
		return JSON
	case utf8.Valid(body) && bytes.IndexByte(body, 0) < 0:
		return Text
	}
	return Binary
}

func lines(body []byte) []byte {
	var out []string
	for l := range strings.Lines(strings.ToValidUTF8(string(body), "\uFFFD")) {
		out = append(out, strings.TrimRight(l, "\r\n"))
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err) // strings always encode
	}
	return b
}

func binary(body []byte) []byte {
	sum := sha256.Sum256(body)
	b, err := json.Marshal(struct {
		Length int    `json:"length"`
		SHA256 string `json:"sha256"`
	}{len(body), hex.EncodeToString(sum[:])})
	if err != nil {
		panic(err)
	}
	return b
}
