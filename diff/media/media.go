// Package media turns bodies that are not JSON into trees that compare like
// JSON: it writes them as JSON text, so that one engine and one rule language
// serve all. It is pure and shares nothing with the engine.
//
// The trees:
//
//	ndjson   an array of the documents
//	xml      see xmlTree: an object of the root element
//	html     an array of lines, as text
//	text     an array of lines, without their ends
//	form     an object of arrays of values, by name
//	m3u8     see playlist: tags, variants and renditions, or segments
//	multipart  see partsTree: headers, length and digest of each part
//	binary   {"length":…, "sha256":"…", "type":"image/png"}
//
// What a tree leaves out is a Fact of the document (a byte order mark, how
// lines end) or one of HarmlessForms, the table of harmless ways to write the same.
// A law of the tests: bodies that differ in bytes have different trees,
// different facts, or differ in forms of that table alone.
package media

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
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
	Multipart
)

// kindNames are the words of the kinds, which notes and flags use.
var kindNames = [...]string{
	Empty: "empty", JSON: "json", NDJSON: "ndjson", XML: "xml", HTML: "html", Text: "text", Form: "form",
	M3U8: "m3u8", Binary: "binary", Multipart: "multipart",
}

// String is the kind's word in notes and flags.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// A Doc is a body as it is compared: the one reading of a body, for whoever
// looks into it.
type Doc struct {
	Kind Kind
	// Text is the body as UTF-8 without a byte order mark, line ends as they were
	// sent. It is nil for an empty and a binary body and for one that is not in its
	// charset, and it is set next to an error that comes after decoding.
	Text []byte
	// JSON is the tree as JSON text. For a Kind of JSON or NDJSON the documents are
	// those of the body, not yet parsed: diff.Validate says whether they are good.
	JSON []byte
	// Facts are what the tree does not hold and is compared nevertheless.
	Facts []Fact
	Note  string // a mismatch between what was declared and what was found

	body     []byte
	charset  string // that the text was read in
	marked   bool   // a byte order mark came first
	boundary string
}

// An Error says why a body is not what it was declared to be.
type Error struct {
	Offset int
	Msg    string
}

// Error is what is wrong; the offset is for whoever shows the body.
func (e *Error) Error() string { return e.Msg }

// Read turns a body into a Doc. The declared type decides, with three
// exceptions: no declaration or one that says nothing is sniffed; a body declared
// as text that is a JSON document, an XML document or a playlist is read as what
// it is; and an error is returned, never another reading, for a body that is not
// what a telling declaration says. Text that is not in its declared charset, or
// undeclared and not UTF-8, is an *Error. octet-stream means bytes, whatever
// they look like.
func Read(body []byte, declaredType string) (Doc, error) {
	if len(body) == 0 {
		return Doc{Kind: Empty}, nil
	}
	ct := parseContentType(declaredType)
	declared := ct.kind()
	kind := declared
	// Servers declare text/plain and text/html where they know nothing better. Sniffing only adds what
	// is surely more than text.
	if kind == 0 || kind == Text || kind == HTML {
		if s := Sniff(body); kind == 0 || s != Binary && s != Text && s != HTML {
			kind = s
		}
	}
	d := Doc{Kind: kind, body: body}
	if declared != 0 && declared != kind {
		d.Note = "declared as " + declared.String() + ", reads as " + kind.String()
	}
	var err error
	// These two are not decoded: their bytes have no charset.
	switch kind {
	case Binary:
		if s := Sniff(body); declared == Binary && (s == JSON || s == NDJSON || s == XML) {
			d.Note = "declared as binary, reads as " + s.String()
		}
		d.JSON = binaryTree(body)
		return d, nil
	case Multipart:
		d.boundary = ct.param("boundary")
		d.JSON, err = partsTree(body, d.boundary, nil)
		return d, err
	}
	if err := d.decode(ct.param("charset")); err != nil {
		return d, err
	}
	err = d.read()
	return d, err
}

// ReadBytewise reads a body that is not in its charset as lines in which each byte is one
// character (ISO 8859-1). false: it is not declared as text or HTML. What is declared as
// JSON, XML, a form or a playlist has to be read as that, and UTF-16 has no such lines.
func ReadBytewise(body []byte, declaredType string) (Doc, bool) {
	ct := parseContentType(declaredType)
	kind := ct.kind()
	if kind == 0 {
		kind = Sniff(body)
	}
	if kind != Text && kind != HTML || strings.HasPrefix(canonical(ct.param("charset")), "utf-16") {
		return Doc{}, false
	}
	text, err := charmap.ISO8859_1.NewDecoder().Bytes(body) // the browsers' ISO 8859-1 lacks five bytes
	if err != nil {
		return Doc{}, false
	}
	d := Doc{Kind: kind, Text: text, body: body}
	return d, d.read() == nil
}

// read makes the tree of the text.
func (d *Doc) read() (err error) {
	switch d.Kind {
	case JSON:
		d.JSON = d.Text
	case NDJSON:
		d.lastLine()
		d.JSON, err = documents(d.Text)
	case XML:
		err = d.xmlTree()
	case Form:
		d.JSON, err = formTree(d.Text, nil)
	case M3U8:
		d.JSON, err = playlist(d.Text, nil)
	default:
		d.JSON = d.lineTree()
	}
	return err
}

// types are the media types that say what a body is. Those of binary formats are here so that a body
// of them is not sniffed: a protobuf message may look like text.
var types = map[string]Kind{
	"application/json": JSON, "text/json": JSON,
	"application/x-ndjson": NDJSON, "application/ndjson": NDJSON, "application/jsonl": NDJSON, "application/jsonlines": NDJSON,
	"application/x-jsonlines": NDJSON,
	"application/xml":         XML, "text/xml": XML, "application/dash+xml": XML,
	"text/html": HTML, "text/plain": Text, "text/csv": Text,
	"application/x-www-form-urlencoded": Form,
	"application/vnd.apple.mpegurl":     M3U8, "application/x-mpegurl": M3U8, "audio/mpegurl": M3U8, "audio/x-mpegurl": M3U8,
	"application/binary": Binary, "application/octet-stream": Binary, "binary/octet-stream": Binary, "application/zip": Binary,
	"application/gzip": Binary, "application/pdf": Binary,
	"application/x-protobuf": Binary, "application/protobuf": Binary, "application/vnd.google.protobuf": Binary,
	"application/x-google-protobuf": Binary,
	"application/msgpack":           Binary, "application/x-msgpack": Binary, "application/vnd.msgpack": Binary, "application/cbor": Binary,
	"application/avro": Binary, "application/x-thrift": Binary, "application/vnd.apache.thrift.binary": Binary,
	"application/x-tar": Binary, "application/x-gzip": Binary, "application/zstd": Binary, "application/wasm": Binary,
	"application/x-java-serialized-object": Binary,
}

// kind is what the type declares; zero when it says nothing.
func (c *contentType) kind() Kind {
	t := c.typ
	if k, ok := types[t]; ok {
		return k
	}
	switch {
	case strings.HasSuffix(t, "+json"):
		return JSON
	case strings.HasSuffix(t, "+xml"):
		return XML
	case strings.HasPrefix(t, "multipart/"):
		return Multipart
	case strings.HasPrefix(t, "text/"):
		return Text
	case strings.HasPrefix(t, "image/"), strings.HasPrefix(t, "video/"), strings.HasPrefix(t, "audio/"), strings.HasPrefix(t, "font/"),
		strings.HasPrefix(t, "application/grpc"), strings.HasSuffix(t, "+cbor"), strings.HasSuffix(t, "+zip"), strings.HasSuffix(t, "+protobuf"),
		strings.HasSuffix(t, "+proto"):
		return Binary
	}
	return 0
}

// Sniff guesses what a body is from its bytes alone.
func Sniff(body []byte) Kind {
	b := bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	b = bytes.TrimLeft(b, " \t\r\n")
	head := strings.ToLower(string(b[:min(len(b), 64)]))
	switch {
	case len(body) == 0:
		return Empty
	case strings.HasPrefix(head, "#extm3u"):
		return M3U8
	case strings.HasPrefix(head, "<!doctype html"), strings.HasPrefix(head, "<html"):
		return HTML
	case strings.HasPrefix(head, "<?xml"):
		return XML
	case len(b) > 0 && (b[0] == '{' || b[0] == '['):
		if json.Valid(b) {
			return JSON
		}
		if isNDJSON(b) {
			return NDJSON
		}
	case len(b) > 1 && b[0] == '<':
		if d := (Doc{Text: b}); d.xmlTree() == nil {
			return XML
		}
	}
	if utf8.Valid(body) && bytes.IndexByte(body, 0) < 0 {
		return Text
	}
	if magic(body) == "" && isKorean(body) {
		return Text
	}
	return Binary
}

// isNDJSON reports whether a body is two or more lines, each a JSON object.
func isNDJSON(b []byte) bool {
	n := 0
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if line[0] != '{' || !json.Valid(line) {
			return false
		}
		n++
	}
	return n > 1
}

// mustMarshal writes values that always encode.
func mustMarshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
