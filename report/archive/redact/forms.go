package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// formKind is a way in which a secret can stand in a text.
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
	formQuery      // a+b%2Fc
	formQueryLower // a+b%2fc
	formPath
	formPathLower
	formPercent // as RFC 3986: a%20b%2Fc
	formPercentLower
	formJSON
	formJSONHTML // as Go writes it: <
	formJSONASCII
	formJSONASCIIUpper
	formJSONSlash // as PHP writes it: \/
	formJSONTwice // JSON held in a JSON string
	formHTML
	formHTMLNamed // &quot; &apos;
	formHTMLMixed // &quot; &#39;
	formGo        // %q in an error text
	formGoASCII
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
	formKinds
)

// derive writes value in a form.
func derive(kind formKind, value string) string {
	switch kind {
	case formRaw:
		return value
	case formBase64At0, formBase64At1, formBase64At2:
		return base64Inside(base64.RawStdEncoding, value, int(kind-formBase64At0))
	case formBase64URLAt0, formBase64URLAt1, formBase64URLAt2:
		return base64Inside(base64.RawURLEncoding, value, int(kind-formBase64URLAt0))
	case formQueryBase64At0, formQueryBase64At1, formQueryBase64At2:
		return base64Inside(base64.RawStdEncoding, url.QueryEscape(value), int(kind-formQueryBase64At0))
	case formQueryBase64URLAt0, formQueryBase64URLAt1, formQueryBase64URLAt2:
		return base64Inside(base64.RawURLEncoding, url.QueryEscape(value), int(kind-formQueryBase64URLAt0))
	case formQueryHex:
		return hex.EncodeToString([]byte(url.QueryEscape(value)))
	case formQueryHexUpper:
		return strings.ToUpper(hex.EncodeToString([]byte(url.QueryEscape(value))))
	case formHex:
		return hex.EncodeToString([]byte(value))
	case formHexUpper:
		return strings.ToUpper(hex.EncodeToString([]byte(value)))
	case formQuery:
		return url.QueryEscape(value)
	case formQueryLower:
		return lowerPercent(url.QueryEscape(value))
	case formPath:
		return url.PathEscape(value)
	case formPathLower:
		return lowerPercent(url.PathEscape(value))
	case formPercent:
		return strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
	case formPercentLower:
		return lowerPercent(strings.ReplaceAll(url.QueryEscape(value), "+", "%20"))
	default:
		return deriveQuoted(kind, value)
	}
}

// deriveQuoted writes value in one of the forms that quote or mark up.
func deriveQuoted(kind formKind, value string) string {
	switch kind {
	case formJSON:
		return jsonInside(value, false)
	case formJSONHTML:
		return jsonInside(value, true)
	case formJSONASCII:
		return jsonASCII(value)
	case formJSONASCIIUpper:
		return upperEscapes(jsonASCII(value))
	case formJSONSlash:
		return strings.ReplaceAll(jsonInside(value, false), "/", `\/`)
	case formJSONTwice:
		return jsonInside(jsonInside(value, false), false)
	case formHTML:
		return html.EscapeString(value)
	case formHTMLNamed:
		return strings.NewReplacer("&#34;", "&quot;", "&#39;", "&apos;").Replace(html.EscapeString(value))
	case formHTMLMixed:
		return strings.ReplaceAll(html.EscapeString(value), "&#34;", "&quot;")
	case formGo:
		quoted := strconv.Quote(value)
		return quoted[1 : len(quoted)-1]
	case formGoASCII:
		quoted := strconv.QuoteToASCII(value)
		return quoted[1 : len(quoted)-1]
	default:
		return value
	}
}

// base64Inside is the part of a base64 text that value alone decides when
// `before` bytes (modulo 3) stand before it: whole characters only.
func base64Inside(enc *base64.Encoding, value string, before int) string {
	text := enc.EncodeToString(append(make([]byte, before), value...))
	first := (before*8 + 5) / 6
	end := (before + len(value)) * 8 / 6
	return text[first:end]
}

// jsonInside is value as a JSON string without its quotes.
func jsonInside(value string, escapeHTML bool) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(escapeHTML)
	if err := enc.Encode(value); err != nil { // a string always encodes
		panic(err)
	}
	text := strings.TrimSuffix(b.String(), "\n")
	return text[1 : len(text)-1]
}

// jsonASCII is value as a JSON string in ASCII, without its quotes.
func jsonASCII(value string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	unit := func(u rune) {
		b.WriteString(`\u`)
		for shift := 12; shift >= 0; shift -= 4 {
			b.WriteByte(digits[u>>shift&0xf])
		}
	}
	for _, r := range jsonInside(value, false) {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			unit(0xd800 + r>>10)
			unit(0xdc00 + r&0x3ff)
		default:
			unit(r)
		}
	}
	return b.String()
}

// lowerPercent writes the digits of %XX in lower case.
func lowerPercent(s string) string { return mapEscapes(s, "%", 2, strings.ToLower) }

// upperEscapes writes the digits of \uXXXX in upper case.
func upperEscapes(s string) string { return mapEscapes(s, `\u`, 4, strings.ToUpper) }

func mapEscapes(s, mark string, digits int, change func(string) string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, mark)
		if i < 0 || i+len(mark)+digits > len(s) {
			return b.String() + s
		}
		i += len(mark)
		b.WriteString(s[:i])
		b.WriteString(change(s[i : i+digits]))
		s = s[i+digits:]
	}
}
