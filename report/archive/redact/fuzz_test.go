package redact

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bgverify/bgverify/report/reporttest"
)

// FuzzRedact holds the redactor to its laws:
//   - no form of a secret is left between the marks, wherever it is;
//   - a text written in pieces of any size becomes what it becomes whole;
//   - JSON stays JSON, and no string or name in it decodes to one that holds the
//     secret, however the server escaped it.
func FuzzRedact(f *testing.F) {
	for i, value := range reporttest.Secrets {
		f.Add(value, "before ", " after", uint8(i))
		f.Add(value, `{"a":"`, `"}`, uint8(i+1))
		f.Add(value, `["`+value, `",1,"\u0041`+value+`"]`, uint8(7))
	}
	f.Add("abc==/+", `{"a":"abc\u003d\u003d/+","b":"\u0061bc=\u003D\/`, `\u002B"}`, uint8(3))
	f.Add("abcabc", "abcab", "cabc", uint8(1))
	f.Fuzz(func(t *testing.T, secret, before, after string, piece uint8) {
		if len(secret) < window || strings.TrimSpace(secret) == "" || !utf8.ValidString(secret) || len(secret)+len(before)+len(after) > 1<<14 {
			return
		}
		r := New(testKey)
		r.Add("token", secret)
		for _, form := range spellings(secret) {
			if len(form) < window {
				continue
			}
			text := before + form + after
			whole := r.String(text)
			if at := leftIn(r, whole, secret); at != "" {
				t.Fatalf("%q as %q in %q leaves %q: %q", secret, form, text, at, whole)
			}
			var out bytes.Buffer
			s := r.Writer(&out)
			for rest := text; rest != ""; {
				n := min(len(rest), int(piece)%17+1)
				if len(secret) > 512 { // a long secret is held whole: byte by byte is quadratic
					n = min(len(rest), 4096)
				}
				if _, err := s.Write([]byte(rest[:n])); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
			if out.String() != whole {
				t.Fatalf("%q in pieces of %d: %q, whole: %q", text, piece%17+1, out.String(), whole)
			}
			redactedJSON(t, r, text, secret)
		}
		redactedJSON(t, r, before+after, secret)
	})
}

// leftIn returns a form of secret that text holds outside the marks.
func leftIn(r *Redactor, text, secret string) string {
	at, forms := 0, spellings(secret)
	for _, m := range append(r.marksIn(text), match{start: len(text), end: len(text)}) {
		for _, form := range forms {
			if len(form) >= window && strings.Contains(text[at:m.start], form) {
				return form
			}
		}
		at = m.end
	}
	return ""
}

// redactedJSON checks a text that is JSON as a body and as a line of JSON.
func redactedJSON(t *testing.T, r *Redactor, text, secret string) {
	t.Helper()
	if !json.Valid([]byte(text)) {
		return
	}
	body, _ := (&Hider{r: r}).Body([]byte(text), false)
	for _, out := range [][]byte{r.JSON([]byte(text)), body} {
		if !json.Valid(out) {
			t.Fatalf("%s became %s", text, out)
		}
		dec := json.NewDecoder(bytes.NewReader(out))
		for {
			token, err := dec.Token()
			if err != nil {
				break // the end: it is valid
			}
			if s, ok := token.(string); ok && leftIn(r, s, secret) != "" {
				t.Fatalf("secret %q: %s became %s, where %q still holds it", secret, text, out, s)
			}
		}
	}
}
