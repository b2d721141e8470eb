package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/report/reporttest"
)

var testKey = []byte("0123456789abcdef0123456789abcdef")

func TestEveryFormIsReplaced(t *testing.T) {
	for i, value := range reporttest.Secrets {
		r := New(testKey)
		r.Add("token", value)
		mark := r.Mark("other", value)
		if !strings.HasPrefix(mark, "<secret:token#") {
			t.Fatalf("mark of a known value is %s", mark)
		}
		for _, f := range reporttest.SecretForms(value) {
			text := "before " + f + " after"
			got := r.String(text)
			if strings.Contains(got, f) || !strings.Contains(got, mark) {
				t.Errorf("canary %d, form %q: got %q", i, f, got)
			}
			if again := r.String(got); again != got {
				t.Errorf("replaced twice: %q became %q", got, again)
			}
		}
		for before := range 6 { // the secret anywhere in a base64 text
			raw := strings.Repeat("-", before) + value + strings.Repeat("+", before)
			text := base64.StdEncoding.EncodeToString([]byte(raw))
			middle := len(text) / 2
			if got := r.String(text); !strings.Contains(got, mark) || strings.Contains(got, text[middle-3:middle+3]) {
				t.Errorf("canary %d at %d of a base64 text stays: %q", i, before, got)
			}
			text = base64.RawURLEncoding.EncodeToString([]byte(raw))
			if got := r.String(text); !strings.Contains(got, mark) || strings.Contains(got, text[middle-3:middle+3]) {
				t.Errorf("canary %d at %d of a base64url text stays: %q", i, before, got)
			}
		}
	}
}

func TestMarks(t *testing.T) {
	a, b := New(testKey), New([]byte("another key of the same length..."))
	for _, r := range []*Redactor{a, b} {
		r.Add("token", "value-one")
		r.Add("token", "value-two")
		r.Add("alias", "value-one")
	}
	if a.String("value-one") == a.String("value-two") {
		t.Error("different secrets have one mark")
	}
	if a.String("value-one") == b.String("value-one") {
		t.Error("the mark does not depend on the key")
	}
	if got := a.String("x value-one y value-one z"); strings.Count(got, a.Mark("", "value-one")) != 2 {
		t.Errorf("equal secrets do not look equal: %q", got)
	}
	if !isMark(a.String("value-one")) {
		t.Errorf("%q is not a mark", a.String("value-one"))
	}
	r := New(testKey)
	r.Add("password", "password")
	r.Add("pw", "secret")
	got := r.String("the password is secret")
	if strings.Contains(got, "password") || r.String(got) != got {
		t.Errorf("a value that is a word of marks: %q, again %q", got, r.String(got))
	}
	r.Add("thing", "hidden-value")
	if got := r.String("<secret:hidden-value#00000000>"); strings.Contains(got, "hidden-value") {
		t.Errorf("a forged mark hides a secret: %q", got)
	}
}

func TestOverlapsAreJoined(t *testing.T) {
	r := New(testKey)
	r.Add("a", "abcdefgh")
	r.Add("b", "fghijklmnop")
	r.Add("c", "cdefgh")
	got := r.String("--abcdefghijklmnop--abcdefgh--")
	want := "--" + r.Mark("", "fghijklmnop") + "--" + r.Mark("", "abcdefgh") + "--"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestShortSecrets(t *testing.T) {
	r := New(testKey)
	r.Add("pin", "4711")
	r.Add("tiny", "12")
	mark := r.Mark("", "4711")
	for in, want := range map[string]string{
		"pin 4711.":    "pin " + mark + ".",
		"x47110":       "x47110",
		`{"pin":4711}`: `{"pin":"` + mark + `"}`,
		"12 and 12":    "12 and 12",
	} {
		got := r.String(in)
		if strings.HasPrefix(in, "{") {
			got = string(r.JSON([]byte(in)))
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if weak := r.Weak(); len(weak) != 1 || weak[0] != "tiny" {
		t.Errorf("weak secrets: %v", weak)
	}
}

func TestJSONStaysJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[a-z0-9"\\/<é ]{6,12}`).Filter(func(s string) bool { return strings.TrimSpace(s) != "" }).Draw(t, "secret")
		r := New(testKey)
		r.Add("token", value)
		var tree any
		leaf := rapid.OneOf(rapid.Just[any](value), rapid.Just[any]("pre "+value+" post"), rapid.Just[any](12.5),
			rapid.Just[any](nil), rapid.Map(rapid.String(), func(s string) any { return s }),
			rapid.Map(rapid.Int64(), func(n int64) any { return n }))
		tree = map[string]any{
			"list": rapid.SliceOf(leaf).Draw(t, "list"), value: leaf.Draw(t, "under a secret key"),
			rapid.String().Draw(t, "key"): leaf.Draw(t, "leaf"),
		}
		in, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		out := r.JSON(in)
		if !json.Valid(out) {
			t.Fatalf("%s became %s", in, out)
		}
		var back any
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(fmt.Sprintf("%q", back), fmt.Sprintf("%q", value)) {
			t.Fatalf("secret %q stays in %s", value, out)
		}
	})
}

func TestJSONNumbersAndEscapes(t *testing.T) {
	r := New(testKey)
	r.Add("pin", "123456")
	r.Add("word", "nabcdef")
	for in, want := range map[string]string{
		`{"a":123456}`:      `{"a":"<pin>"}`,
		`[0.1234567,1]`:     `["0.<pin>7",1]`,
		`"x\nabcdef"`:       `"x<word>"`, // the escape goes with what follows it
		`{"123456":true}`:   `{"<pin>":true}`,
		`{"a":"b","c":[1]}`: `{"a":"b","c":[1]}`,
		`"\u0123456"`:       `"<pin>"`,
	} {
		want = strings.NewReplacer("<pin>", r.Mark("", "123456"), "<word>", r.Mark("", "nabcdef")).Replace(want)
		if got := string(r.JSON([]byte(in))); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestBodyFacts(t *testing.T) {
	r := New(testKey)
	const uuid = "0a8f6c1e-1d5b-4d0c-9d5e-7f0b3c2a1e4d"
	r.Add("id", uuid)
	r.Add("pin", "123456")
	_, facts := (&Hider{r: r}).Body([]byte(`{"id":"`+uuid+`","pin":123456,"text":"pin 123456"}`), false)
	got := fmt.Sprintf("%+v", facts)
	want := fmt.Sprintf("%+v", []Redaction{
		{Mark: r.Mark("", uuid), Type: "string", Whole: true, Length: 36, Formats: []string{"base64", "uuid"}, Notations: map[string][2]string{"base64": {"base64url"}, "uuid": {"lower case"}}},
		{Mark: r.Mark("", "123456"), Type: "number", Whole: true, Length: 6, Formats: []string{"base64", "hex"}, Notations: map[string][2]string{"base64": {"", "not padded"}}},
		{Mark: r.Mark("", "123456"), Type: "string", Length: 6, Formats: []string{"base64", "hex"}, Notations: map[string][2]string{"base64": {"", "not padded"}}},
	})
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	xml, _ := (&Hider{r: r}).Body([]byte(`<a>123456</a>`), false)
	if want := "<a>&lt;secret:pin#" + hashOf(r, "123456") + "&gt;</a>"; string(xml) != want {
		t.Errorf("markup: got %s, want %s", xml, want)
	}
	cut, _ := (&Hider{r: r}).Body([]byte(`{"id":"`+uuid[:20]), true)
	if strings.Contains(string(cut), uuid[:minPartial]) {
		t.Errorf("a cut body shows the beginning of a secret: %s", cut)
	}
}

func hashOf(r *Redactor, value string) string {
	mark := r.Mark("", value)
	return mark[len(mark)-2*markHash-1 : len(mark)-1]
}

func TestHeaders(t *testing.T) {
	r := New(testKey, "X-Stb-Key")
	r.Add("token", "declared-token")
	m := func(name, value string) string { return r.Mark(name, value) }
	for _, row := range []struct{ name, value, want string }{
		{"Authorization", "Bearer abc.def", "Bearer " + m("authorization", "abc.def")},
		{"authorization", "Bearer declared-token", "Bearer " + m("token", "declared-token")},
		{"Authorization", "rawtoken", m("authorization", "rawtoken")},
		{"Authorization", "", ""},
		{"Cookie", "sid=12; theme=dark", "sid=" + m("cookie", "12") + "; theme=" + m("cookie", "dark")},
		{"Set-Cookie", "sid=12; Path=/; HttpOnly", "sid=" + m("cookie", "12") + "; Path=/; HttpOnly"},
		{"X-Api-Key", "k", m("x-api-key", "k")},
		{"X-STB-KEY", "k v", m("x-stb-key", "k v")},
		{"X-Other", "has declared-token in it", "has " + m("token", "declared-token") + " in it"},
		{"Location", "https://u:p@host/x", "https://" + m("userinfo", "u:p") + "@host/x"},
		{"X-Plain", "nothing", "nothing"},
	} {
		got := r.Header(row.name, row.value)
		if got != row.want {
			t.Errorf("%s: %s: got %q, want %q", row.name, row.value, got, row.want)
		}
		if again := r.Header(row.name, got); again != got {
			t.Errorf("%s: replaced twice: %q became %q", row.name, got, again)
		}
	}
}

func TestStreamCatchesSplitSecrets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := New(testKey)
		n := rapid.IntRange(1, 3).Draw(t, "secrets")
		var values []string
		for range n {
			v := rapid.StringMatching(`[ab]{6,9}`).Draw(t, "value")
			values = append(values, v)
			r.Add("s", v)
		}
		short := rapid.Bool().Draw(t, "short one")
		if short {
			r.Add("pin", "0815")
		}
		parts := rapid.SliceOf(rapid.OneOf(rapid.SampledFrom(values), rapid.StringMatching(`[abc 0815\n]{0,8}`))).Draw(t, "parts")
		text := strings.Join(parts, "")
		var out bytes.Buffer
		w := r.Writer(&out)
		for rest := text; rest != ""; {
			k := rapid.IntRange(1, min(len(rest), 7)).Draw(t, "write")
			if _, err := w.Write([]byte(rest[:k])); err != nil {
				t.Fatal(err)
			}
			rest = rest[k:]
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if strings.Contains(out.String(), v) {
				t.Fatalf("%q went through as %q, holding %q", text, out.String(), v)
			}
		}
		if want := r.String(text); !short && out.String() != want {
			t.Fatalf("%q became %q in pieces, and %q whole", text, out.String(), want)
		}
	})
}

func TestStreamHoldsNothingBackNeedlessly(t *testing.T) {
	r := New(testKey)
	r.Add("token", "canary-Tk9")
	var out bytes.Buffer
	w := r.Writer(&out)
	fmt.Fprint(w, "a line\nprompt> ")
	if got := out.String(); got != "a line\nprompt> " {
		t.Errorf("held back: got %q", got)
	}
}

func TestManySecrets(t *testing.T) {
	r := New(testKey)
	rng := rand.New(rand.NewPCG(1, 2))
	var values []string
	for range 5000 {
		v := fmt.Sprintf("eyJhbGciOiJIUzI1NiJ9.%x", rng.Uint64())
		values = append(values, v)
		r.Add("token", v)
	}
	for _, v := range values[:100] {
		if got := r.String("[" + v + "]"); strings.Contains(got, v) {
			t.Fatalf("%q stays", v)
		}
	}
}

func corpus(size int) []byte {
	rng := rand.New(rand.NewPCG(3, 4))
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, `{"id":"ch-%d","title":"드라마 %x","url":"https://cdn.example/%x?x=%d","price":%d},`, rng.IntN(1e4), rng.Uint32(), rng.Uint64(), rng.IntN(100), rng.IntN(1e6))
	}
	return b.Bytes()[:size]
}

func BenchmarkRedact(b *testing.B) {
	text := corpus(10 << 20)
	var values []string
	for i := range 20 {
		values = append(values, fmt.Sprintf("secret-value-%d-%x", i, i*7919))
	}
	copy(text[5<<20:], values[3])
	b.Run("grams", func(b *testing.B) {
		r := New(testKey)
		for _, v := range values {
			r.Add("token", v)
		}
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			if len(find(r, text, false)) != 1 {
				b.Fatal("not found")
			}
		}
	})
	b.Run("grams5000", func(b *testing.B) {
		r := New(testKey)
		for i := range 5000 {
			r.Add("token", fmt.Sprintf("eyJhbGciOi-%d-%x", i, uint64(i+1)*gramMix))
		}
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			find(r, text, false)
		}
	})
	b.Run("replacer", func(b *testing.B) {
		var pairs []string
		for _, v := range values {
			for _, text := range spellings(v) {
				pairs = append(pairs, text, "<secret>")
			}
		}
		rep := strings.NewReplacer(pairs...)
		s := string(text)
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			rep.Replace(s)
		}
	})
}
