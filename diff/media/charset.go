package media

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/korean"
)

// aliases are names for CP949 that the HTML index does not know.
var aliases = map[string]string{"cp949": "euc-kr", "ms949": "euc-kr", "uhc": "euc-kr", "x-windows-949": "euc-kr", "utf8": "utf-8"}

// decode turns a body into UTF-8. Nothing is replaced in silence: bytes outside
// the charset are an error with their place.
func decode(body []byte, kind Kind, charset string) ([]byte, error) {
	if kind != JSON {
		body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	}
	if kind == XML && charset == "" {
		charset = prologCharset(body)
	}
	if a, ok := aliases[charset]; ok {
		charset = a
	}
	if charset == "" || charset == "utf-8" || charset == "us-ascii" || charset == "ascii" {
		return checkUTF8(body, charset)
	}
	enc, err := htmlindex.Get(charset)
	if err != nil {
		return nil, &Error{0, fmt.Sprintf("the charset %q is unknown", charset)}
	}
	out, err := enc.NewDecoder().Bytes(body)
	if err != nil {
		return nil, &Error{0, fmt.Sprintf("not in its declared charset %s: %v", charset, err)}
	}
	if i := bytes.IndexRune(out, utf8.RuneError); i >= 0 {
		return nil, &Error{min(i, len(body)-1), "not in its declared charset " + charset}
	}
	return out, nil
}

func checkUTF8(body []byte, charset string) ([]byte, error) {
	if utf8.Valid(body) {
		return body, nil
	}
	at := 0
	for at < len(body) {
		r, n := utf8.DecodeRune(body[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	e := &Error{at, fmt.Sprintf("the byte %#02x is not UTF-8", body[at])}
	if isKorean(body) && charset == "" {
		e.Msg += "; it reads as EUC-KR (CP949): Content-Type should say charset=euc-kr"
	}
	return nil, e
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
	head := body[:min(len(body), 256)]
	if !bytes.HasPrefix(head, []byte("<?xml")) {
		return ""
	}
	prolog, _, ok := strings.Cut(string(head), "?>")
	if !ok {
		return ""
	}
	_, rest, ok := strings.Cut(prolog, "encoding")
	if !ok {
		return ""
	}
	rest = strings.TrimLeft(strings.TrimLeft(rest, " \t\r\n"), "= \t\r\n")
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return ""
	}
	name, _, _ := strings.Cut(rest[1:], rest[:1])
	return strings.ToLower(name)
}
