package redact

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/unicode"
)

// formKind is one of the encodings that turn a secret into a text without a
// trace of it: such a text has to be derived from the secret and looked for.
// Escapes, which leave most of a secret as it is, are not forms: views.go undoes
// them in the text that is searched, whoever wrote them.
type formKind uint8

// The forms. What a base64 text shows of a secret depends on where the secret
// begins within the encoded bytes, hence three alignments for each alphabet.
const (
	formRaw formKind = iota
	formBase64At0
	formBase64At1
	formBase64At2
	formBase64URLAt0
	formBase64URLAt1
	formBase64URLAt2
	formHex
	formHexUpper
	// A plus in a query is a space, which no view may assume of other texts.
	formQuery      // a+b%2Fc
	formQueryLower // a+b%2fc
	// A secret in a cookie is percent-encoded, and what shows the cookie may encode
	// it once more.
	formQueryBase64At0
	formQueryBase64At1
	formQueryBase64At2
	formQueryBase64URLAt0
	formQueryBase64URLAt1
	formQueryBase64URLAt2
	formQueryHex
	formQueryHexUpper
	// Go's %q writes a byte that is not UTF-8 as \xff, which elsewhere is the
	// character U+00FF.
	formGo
	// Bodies are kept as they came, in whatever charset.
	formUTF16Little
	formUTF16Big
	formKorean  // EUC-KR and CP949
	formWestern // ISO-8859-1 and Windows-1252
	formKinds
)

// derive writes value in a form.
func derive(kind formKind, value string) string {
	// A form of a query is the form of the value as a query writes it.
	if kind >= formQuery && kind < formGo {
		query := url.QueryEscape(value)
		switch {
		case kind == formQuery:
			return query
		case kind == formQueryLower:
			return lowerPercent(query)
		}
		// The forms of a query that is encoded once more come in the order of the
		// forms of the value itself.
		kind, value = kind-formQueryBase64At0+formBase64At0, query
	}
	switch {
	case kind > formGo:
		return inCharset(kind, value)
	case kind == formRaw, kind == formGo && utf8.ValidString(value):
		return value
	case kind == formGo:
		quoted := strconv.Quote(value)
		return quoted[1 : len(quoted)-1]
	case kind == formHex:
		return hex.EncodeToString([]byte(value))
	case kind == formHexUpper:
		return strings.ToUpper(hex.EncodeToString([]byte(value)))
	case kind >= formBase64URLAt0:
		return base64Inside(base64.RawURLEncoding, value, int(kind-formBase64URLAt0))
	default:
		return base64Inside(base64.RawStdEncoding, value, int(kind-formBase64At0))
	}
}

// inCharset writes value in another charset than UTF-8; a value that the charset cannot
// write stays as it is.
func inCharset(kind formKind, value string) string {
	if !utf8.ValidString(value) {
		return value
	}
	var to encoding.Encoding
	switch kind {
	case formUTF16Little:
		to = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case formUTF16Big:
		to = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case formKorean:
		to = korean.EUCKR
	default:
		to = charmap.Windows1252
	}
	// A value that the charset has no letters for cannot be in a text of it.
	text, err := to.NewEncoder().String(value)
	if err != nil {
		return value
	}
	return text
}

// base64Inside is the part of a base64 text that value alone decides when
// `before` bytes (modulo 3) precede it: whole characters only.
func base64Inside(enc *base64.Encoding, value string, before int) string {
	// The bytes before decide the first character or two together with the value, and the bytes
	// after it the last one. Both are left out.
	text := enc.EncodeToString(append(make([]byte, before), value...))
	first := (before*8 + 5) / 6
	end := (before + len(value)) * 8 / 6
	return text[first:end]
}

// lowerPercent writes the digits of %XX in lower case.
func lowerPercent(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], strings.ToLower(s[i+1:i+3]))
		}
	}
	return string(b)
}
