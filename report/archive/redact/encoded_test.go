package redact

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bgverify/bgverify/diff/notation"
)

// A letter of Latin-1 is one escape as a character and two as bytes.
func TestEscapesOfLatin1(t *testing.T) {
	for secret, texts := range map[string][]string{
		"Kräft7Zt9Wm2Xp4L": {
			`Kr\xc3\xa4ft7Zt9Wm2Xp4L`, `Kr\xe4ft7Zt9Wm2Xp4L`, `Kr\303\244ft7Zt9Wm2Xp4L`,
			`Kr\u{e4}ft7Zt9Wm2Xp4L`, `Kr%E4ft7Zt9Wm2Xp4L`, `Kr%u00e4ft7Zt9Wm2Xp4L`,
		},
		"KrÃ¤ft7Zt": {`Kr\xc3\xa4ft7Zt`, `Kr%C3%A4ft7Zt`},
		"pass😀word": {`pass\u{1F600}word`, `pass%uD83D%uDE00word`, `pass\xf0\x9f\x98\x80word`},
	} {
		r := New(testKey)
		r.Add("token", secret)
		for _, text := range texts {
			if got := r.String("a " + text + " b"); got != "a "+r.Mark("", secret)+" b" {
				t.Errorf("%s became %s", text, got)
			}
			var out strings.Builder
			s := r.Writer(&out)
			for i := range len(text) {
				if _, err := s.Write([]byte(text[i : i+1])); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
			if out.String() != r.Mark("", secret) {
				t.Errorf("%s in pieces became %s", text, out.String())
			}
		}
	}
}

// A hidden value of zero is not known as one of a format.
func TestFormatsOfZero(t *testing.T) {
	for text, want := range map[string]bool{"6ba7b810-9dad-11d1-80b4-00c04fd430c8": true, "00000000-0000-0000-0000-000000000000": false} {
		if got := formatsOf(text); slices.Contains(got, "uuid") != want {
			t.Errorf("%s: %v, want uuid among them: %t", text, got, want)
		}
	}
	if got := formatsOf("http://127.0.0.1:8080/x"); !slices.Equal(got, []string{notation.Nowhere}) {
		t.Errorf("an address of this machine: %v, want %s", got, notation.Nowhere)
	}
}

// A body is kept in its charset.
func TestOtherCharsets(t *testing.T) {
	for secret, texts := range map[string][]string{
		"Zt9Wm2Xp4L":    {"Z\x00t\x009\x00W\x00m\x002\x00X\x00p\x004\x00L\x00", "\x00Z\x00t\x009\x00W\x00m\x002\x00X\x00p\x004\x00L"},
		"비밀번호1":         {"\xba\xf1\xb9\xd0\xb9\xf8\xc8\xa31", "D\xbe\x00\xbc\x88\xbc8\xd61\x00"},
		"Kräft7Zt9Wm2X": {"Kr\xe4ft7Zt9Wm2X"},
	} {
		r := New(testKey)
		r.Add("token", secret)
		for _, text := range texts {
			if got := r.String(`{"a":"` + text + `"}`); got != `{"a":"`+r.Mark("", secret)+`"}` {
				t.Errorf("%q became %q", text, got)
			}
		}
	}
}

// What is escaped and then encoded, or encoded in pieces, is decoded to be found.
func TestEncodedRuns(t *testing.T) {
	const secret = "Kräft7Zt9Wm2Xp4L"
	r := New(testKey)
	r.Add("token", secret)
	lines := func(s string, n int, end string) string {
		var b strings.Builder
		for len(s) > n {
			b.WriteString(s[:n] + end)
			s = s[n:]
		}
		return b.String() + s
	}
	pairs := strings.ReplaceAll(fmt.Sprintf("% x", secret), " ", ":")
	claims := `{"sub": "someone", "pass": "` + jsonASCII(secret) + `", "more": "words and words"}`
	page := strings.Repeat("a line of text, ", 5)
	texts := map[string]string{"pairs": pairs, "upper pairs": strings.ToUpper(pairs), "pairs in a row": "00:11:" + pairs + ":ff"}
	for before := range 3 {
		at := page[:before]
		std, url := base64.StdEncoding.EncodeToString([]byte(at+claims)), base64.RawURLEncoding.EncodeToString([]byte(at+claims))
		texts[fmt.Sprint("claims ", before)] = std
		texts[fmt.Sprint("jwt ", before)] = "eyJhbGciOiJIUzI1NiJ9." + url + ".c2lnbmF0dXJlIG9mIGl0"
		texts[fmt.Sprint("after a slash ", before)] = "/tok/" + url
	}
	for before := range 60 {
		for _, width := range []int{64, 76} {
			long := base64.StdEncoding.EncodeToString([]byte(page[:before] + secret + page))
			texts[fmt.Sprint("lines ", before, " ", width)] = lines(long, width, "\r\n")
			texts[fmt.Sprint("folded ", before, " ", width)] = lines(long, width, "\n ")
			texts[fmt.Sprint("lines in json ", before, " ", width)] = lines(long, width, `\n`)
		}
	}
	for name, text := range texts {
		inside := `{"a":"` + jsonInside(text, false) + `"}`
		if strings.HasPrefix(name, "lines in json") {
			inside = `{"a":"` + text + `"}`
		}
		body, _ := (&Hider{r: r}).Body([]byte(inside), false)
		if !json.Valid(body) {
			t.Errorf("%s: %s became %s", name, inside, body)
		}
		for _, got := range []string{r.String(text), r.String("a " + text + " b"), string(r.JSON([]byte(inside))), string(body)} {
			if !strings.Contains(got, r.Mark("", secret)) {
				t.Errorf("%s: %s became %s", name, text, got)
			}
		}
		// Nothing of the secret is left, and what is around it stays.
		left := strings.Join(strings.Fields(strings.ReplaceAll(strings.Replace(r.String(text), r.Mark("", secret), "", 1), `\n`, "")), "")
		for _, form := range spellings(secret[len(secret)-8:]) {
			if len(form) >= 8 && strings.Contains(left, form) {
				t.Errorf("%s: %s leaves %s", name, text, form)
			}
		}
		if strings.Contains(name, "lines") && len(left) < 100 {
			t.Errorf("%s: of %s only %s is left", name, text, left)
		}
	}
	const other = `{"sub": "some\u00e4one", "pass": "nothing that is known"}`
	for _, text := range []string{
		base64.StdEncoding.EncodeToString([]byte(other)), "00:11:22:33:44:55:66:77", lines(strings.Repeat("abcd", 100), 64, "\n"),
	} {
		if got := r.String(text); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
}
