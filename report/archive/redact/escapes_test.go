package redact

import (
	"encoding/json"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// spellings are the texts that writers of JSON, URLs, HTML and Go make of a value,
// and its forms: none of them may be left where the value is a secret.
func spellings(value string) []string {
	percent := strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
	goASCII, goText := strconv.QuoteToASCII(value), strconv.Quote(value)
	list := []string{
		url.PathEscape(value), lowerPercent(url.PathEscape(value)), percent, lowerPercent(percent),
		jsonInside(value, false), jsonInside(value, true), jsonASCII(value), upperEscapes(jsonASCII(value)),
		strings.ReplaceAll(jsonInside(value, false), "/", `\/`), jsonInside(jsonInside(value, false), false),
		html.EscapeString(value), strings.ReplaceAll(html.EscapeString(value), "&#34;", "&quot;"),
		strings.NewReplacer("&#34;", "&quot;", "&#39;", "&apos;").Replace(html.EscapeString(value)),
		goText[1 : len(goText)-1], goASCII[1 : len(goASCII)-1],
	}
	for kind := range formKinds {
		list = append(list, derive(kind, value))
	}
	return list
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
