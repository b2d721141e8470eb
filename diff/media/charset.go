package media

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/korean"
)

// aliases are names that Java, Windows and old mail programs give a charset,
// without their separators, where the HTML index does not know them.
var aliases = map[string]string{
	"euckr": "euc-kr", "xeuckr": "euc-kr", "cp949": "euc-kr", "ms949": "euc-kr", "windows949": "euc-kr", "xwindows949": "euc-kr",
	"949": "euc-kr",
	"uhc": "euc-kr", "ksc5601": "euc-kr", "ksc56011987": "euc-kr", "ksc56011989": "euc-kr", "ksc56011992": "euc-kr", "ksx1001": "euc-kr",
	"ibm949": "euc-kr", "xibm949": "euc-kr", "ibm949c": "euc-kr",
	"cseuckr": "euc-kr", "csksc56011987": "euc-kr", "isoir149": "euc-kr", "korean": "euc-kr", "eucksc": "euc-kr", "euckorean": "euc-kr",
	"utf8": "utf-8", "usascii": "us-ascii", "ascii": "us-ascii", "iso646us": "us-ascii", "ansix341968": "us-ascii",
	"utf16le": "utf-16le", "utf16be": "utf-16be", "utf16": "utf-16",
	"ms932": "shift_jis", "cp932": "shift_jis", "windows31j": "shift_jis", "xsjis": "shift_jis", "eucjp": "euc-jp", "iso88591": "iso-8859-1",
	"latin1": "iso-8859-1",
}

// squeezer takes out of a charset's name what aliases leave out.
var squeezer = strings.NewReplacer("-", "", "_", "", ".", "", ":", "", " ", "")

// canonical is the name of a charset that the HTML index knows; an unknown name
// stays what it is, in lower case.
func canonical(name string) string {
	name = strings.ToLower(strings.Trim(name, " \t\"'"))
	if name == "utf-8" || name == "" { // nearly every answer
		return name
	}
	if a, ok := aliases[squeezer.Replace(name)]; ok {
		return a
	}
	if _, err := htmlindex.Get(name); err != nil {
		if dashed := strings.ReplaceAll(name, "_", "-"); dashed != name {
			if _, err := htmlindex.Get(dashed); err == nil {
				return dashed
			}
		}
	}
	return name
}

// mark is the byte order mark of UTF-8. RFC 8259 lets a reader of JSON skip one, and forbids a
// writer to add one, so that it is a fact of the body and not a part of its text.
const mark = "\xef\xbb\xbf"

// decode sets the document's text: the body as UTF-8 without a byte order
// mark. Nothing is replaced in silence: bytes outside the charset are an error
// with their place, and what decoding does not keep is a fact.
//
//  1. A UTF-8 byte order mark says what the charset is, whatever was declared.
//  2. Content-Type comes before what the document says of itself: the prolog of
//     XML, the meta elements of HTML.
func (d *Doc) decode(charset string) error {
	body := d.body
	if rest, ok := bytes.CutPrefix(body, []byte(mark)); ok { // Rule 1
		d.marked, d.charset = true, "utf-8"
		d.fact(Fact{Name: "#bom", Value: "UTF-8"})
		if err := checkUTF8(rest, len(mark), "utf-8"); err != nil {
			return err
		}
		d.Text = rest
		return nil
	}
	charset = canonical(charset)
	if charset == "" { // Rule 2
		switch d.Kind {
		case XML:
			charset = canonical(prologCharset(body))
		case HTML:
			charset = canonical(metaCharset(body))
		}
	}
	d.charset = charset
	switch charset {
	case "", "utf-8", "us-ascii":
		d.charset = "utf-8"
		if err := checkUTF8(body, 0, charset); err != nil {
			return err
		}
		d.Text = body
		return nil
	}
	return d.decodeFrom(charset)
}

// decodeFrom is decode for a charset other than UTF-8. The text is encoded again, and where that
// does not give the body's bytes, their digest is a fact: in such a charset a character has more
// than one form, and two bodies of equal text may then differ for a reader that does not decode.
func (d *Doc) decodeFrom(charset string) error {
	body := d.body
	// The index takes utf-16 for little endian; a mark says otherwise.
	name := charset
	if charset == "utf-16" && bytes.HasPrefix(body, []byte("\xfe\xff")) {
		name = "utf-16be"
	}
	enc, err := htmlindex.Get(name)
	if err != nil {
		return &Error{0, fmt.Sprintf("the charset %q is unknown", charset)}
	}
	out, err := enc.NewDecoder().Bytes(body)
	if err != nil {
		return &Error{0, fmt.Sprintf("not in its declared charset %s: %v", charset, err)}
	}
	// The decoders put U+FFFD for what they do not know. Its offset in the text is the best guess of
	// that in the body.
	if i := bytes.IndexRune(out, utf8.RuneError); i >= 0 {
		return &Error{min(i, len(body)-1), "not in its declared charset " + charset}
	}
	if back, err := encoding.ReplaceUnsupported(enc.NewEncoder()).Bytes(out); err != nil || !bytes.Equal(back, body) {
		// Charsets with more than one form of a character: no form is named harmless.
		d.fact(Fact{Name: "#bytes", Value: digest(body)})
	}
	if text, ok := bytes.CutPrefix(out, []byte(mark)); ok {
		d.marked = true
		d.fact(Fact{Name: "#bom", Value: strings.ToUpper(charset)})
		out = text
	}
	d.Text = out
	return nil
}

// checkUTF8 says where a text is not UTF-8; skipped is how far into the body it
// begins.
func checkUTF8(text []byte, skipped int, charset string) error {
	if utf8.Valid(text) {
		return nil
	}
	at := 0
	for at < len(text) {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	e := &Error{skipped + at, fmt.Sprintf("the byte %#02x is not UTF-8", text[at])}
	if charset == "" && isKorean(text) {
		e.Msg += "; it reads as EUC-KR (CP949): Content-Type should say charset=euc-kr"
	}
	return e
}

// isKorean reports whether bytes that are not UTF-8 read as CP949 text.
func isKorean(body []byte) bool {
	body = body[:min(len(body), 4096)]
	out, err := korean.EUCKR.NewDecoder().Bytes(body)
	if err != nil {
		return false
	}
	hangul, bad := 0, 0
	for _, r := range string(out) {
		switch {
		case r == utf8.RuneError, r < ' ' && r != '\n' && r != '\r' && r != '\t':
			bad++
		case r >= 0xAC00 && r <= 0xD7A3:
			hangul++
		}
	}
	return hangul > 0 && bad <= 1 // a character may be cut at the end
}

// prologCharset is the encoding that an XML prolog names.
func prologCharset(body []byte) string {
	return strings.ToLower(pseudoAttribute(prolog(body), "encoding"))
}

// prolog is what an XML declaration holds; empty without one.
func prolog(body []byte) string {
	head := string(body[:min(len(body), 256)])
	if !strings.HasPrefix(head, "<?xml") || len(head) < 6 || strings.IndexByte(" \t\r\n", head[5]) < 0 {
		return ""
	}
	inside, _, ok := strings.Cut(head[5:], "?>")
	if !ok {
		return ""
	}
	return inside
}

// pseudoAttribute is a value of an XML declaration.
func pseudoAttribute(prolog, name string) string {
	_, rest, ok := strings.Cut(prolog, name)
	if !ok {
		return ""
	}
	rest = strings.TrimLeft(strings.TrimLeft(rest, " \t\r\n"), "= \t\r\n")
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return ""
	}
	value, _, _ := strings.Cut(rest[1:], rest[:1])
	return value
}

// metaHead is how far into a page browsers look for its charset.
const metaHead = 1024

// A comment may hold a meta element that does not count. The charset is read from the bytes before
// anything is decoded, as the HTML standard does it (section 13.2.3.2).
var (
	htmlComment = regexp.MustCompile(`(?s)<!--.*?-->`)
	metaElement = regexp.MustCompile(`(?is)<meta\s[^>]*?charset\s*=\s*["']?\s*([a-z0-9_:.\-]+)`)
)

// metaCharset is the charset that a page names in <meta charset> or in <meta
// http-equiv="Content-Type" content="…; charset=…">.
func metaCharset(body []byte) string {
	head := htmlComment.ReplaceAll(body[:min(len(body), metaHead)], nil)
	m := metaElement.FindSubmatch(head)
	if m == nil {
		return ""
	}
	return string(m[1])
}
