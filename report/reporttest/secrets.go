package reporttest

import (
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// Secrets are secrets of every sort: plain, with characters that every
// encoding escapes, Korean, long, digits only.
var Secrets = []string{
	"canary-Tk9", "p@ss/w+rd?&=%", `qu"ote\back<tag>'`, "비밀번호-한글", "1234567890", "tab\tnew\nline é",
	"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + strings.Repeat("dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P", 6), "😀emoji-secret",
}

// SecretForms are the texts in which a secret must never appear, written down apart
// from the table of forms that redaction uses.
func SecretForms(value string) []string {
	inner := func(s string) string { b, _ := json.Marshal(s); return string(b[1 : len(b)-1]) }
	list := []string{
		value, url.QueryEscape(value), url.PathEscape(value), html.EscapeString(value), inner(value),
		hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value))),
		strings.Trim(strconv.Quote(value), `"`), strings.Trim(strconv.QuoteToASCII(value), `"`),
	}
	return list
}
