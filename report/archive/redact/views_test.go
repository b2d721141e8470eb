package redact

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// What other writers escape, and how: no table of forms would name them all.
func TestEscapesOfOtherWriters(t *testing.T) {
	const secret = "p+ss=w'rd/(한)!"
	r := New(testKey)
	r.Add("token", secret)
	mark := r.Mark("", secret)
	for name, text := range map[string]string{
		"gson":                `p+ss\u003dw\u0027rd/(한)!`,
		"system.text.json":    `p\u002Bss=w\u0027rd/(\uD55C)!`,
		"php":                 `p+ss=w'rd\/(\ud55c)!`,
		"every character":     `\u0070\u002b\u0073\u0073\u003d\u0077\u0027\u0072\u0064\u002f\u0028\ud55c\u0029\u0021`,
		"javascript":          `p+ss\x3dw\'rd/(한)!`,
		"json in json":        `p+ss\\u003dw\\u0027rd/(한)!`,
		"encodeURIComponent":  `p%2Bss%3Dw'rd%2F(%ED%95%9C)!`,
		"url in json":         `p%2Bss%3Dw\u0027rd%2F(%ED%95%9C)!`,
		"html/template":       `p&#43;ss=w&#39;rd/(한)!`,
		"xml":                 `p+ss=w&apos;rd/(&#xD55C;)!`,
		"every html entity":   `&#112;&#43;&#115;&#115;&equals;&#119;&#39;&#114;&#100;&sol;&lpar;&#54620;&rpar;&excl;`,
		"entities of a page":  `p&plus;ss&equals;w&#x27;rd&sol;(한)!`,
		"json pointer":        `p+ss=w'rd~1(한)!`,
		"double percent":      `p%252Bss%253Dw'rd%252F(%25ED%2595%259C)!`,
		"es6":                 `p\u{2b}ss=w\u{000027}rd/(\u{d55c})!`,
		"escape":              `p+ss%3Dw%27rd/%28%uD55C%29%21`,
		"python bytes":        `p+ss=w\'rd/(\xed\x95\x9c)!`,
		"bytes in json":       `p+ss=w'rd/(\\xed\\x95\\x9c)!`,
		"every byte":          `\x70\x2b\x73\x73\x3d\x77\x27\x72\x64\x2f\x28\xED\x95\x9C\x29\x21`,
		"octal":               `p+ss=w\047rd/(\355\225\234)!`,
		"html in json string": `p\u0026#43;ss=w\u0026#39;rd/(한)!`,
	} {
		for _, around := range [][2]string{{"", ""}, {"before ", " after"}, {`{"a":"`, `"}`}, {`<a href="`, `">`}, {`\u003d&lt;%20`, `\u003d&lt;%20`}} {
			whole := around[0] + text + around[1]
			h := &Hider{r: r}
			body, _ := h.Body([]byte(whole), false)
			ways := map[string]string{"text": h.Text(whole), "body": string(body)}
			if json.Valid([]byte(whole)) {
				ways["json"] = string(r.JSON([]byte(whole)))
			}
			var out strings.Builder
			s := r.Writer(&out)
			for i := range len(whole) {
				if _, err := s.Write([]byte(whole[i : i+1])); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
			ways["stream"] = out.String()
			want := around[0] + mark + around[1]
			for way, got := range ways {
				if way == "body" && strings.HasPrefix(whole, "<") { // markup stays markup
					got = strings.NewReplacer("&lt;secret", "<secret", "&gt;", ">").Replace(got)
				}
				if got != want {
					t.Errorf("%s, as %s: %s became %s, want %s", name, way, whole, got, want)
				}
			}
		}
	}
}

// A long body full of escapes is looked at in a time that grows with its length.
func TestEscapesInManyPlaces(t *testing.T) {
	r := New(testKey)
	r.Add("token", "secret=value")
	text := strings.Repeat(`secret\u003dvalue,`, 50_000)
	if got, want := r.JSON([]byte(`"`+text+`"`)), `"`+strings.Repeat(r.Mark("", "secret=value")+",", 50_000)+`"`; string(got) != want {
		t.Errorf("got %s…, want %s…", got[:100], want[:100])
	}
}

// What looking under escapes costs, beside the scan for the forms alone.
func BenchmarkEscapes(b *testing.B) {
	r := New(testKey)
	for i := range 20 {
		r.Add("token", fmt.Sprintf("secret-value-%d-%x", i, i*7919))
	}
	h := &Hider{r: r}
	plain := string(corpus(1 << 20))
	for name, text := range map[string]string{
		"none": plain, "slashes": strings.ReplaceAll(plain, "/", `\/`), "ascii": strings.ReplaceAll(plain, "드라마", `\ub4dc\ub77c\ub9c8`),
	} {
		b.Run(name+"/forms", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				find(r, text, false)
			}
		})
		b.Run(name+"/escapes", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				findAll(h, text, false)
			}
		})
	}
}

// A token of one letter in a body of that letter is a candidate at every place: a
// quadratic look at it would run into the test's time limit.
func TestTokenOfOneLetter(t *testing.T) {
	r := New(testKey)
	secret := strings.Repeat("c", 8<<10)
	r.Add("token", secret)
	body := []byte(`{"a":"` + strings.Repeat("c", 1<<20) + `"}`)
	out, _ := (&Hider{r: r}).Body(body, false)
	if want := `{"a":"` + r.Mark("", secret) + `"}`; string(out) != want {
		t.Errorf("got %d bytes, want %s", len(out), want)
	}
	var text strings.Builder
	w := r.Writer(&text)
	for range 64 {
		if _, err := w.Write(body[:4096]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}
