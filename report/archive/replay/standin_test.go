package replay

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/diff/notation"
	"github.com/bgverify/bgverify/report/archive/redact"
)

func TestStandInHasTheFormatsOfTheSecret(t *testing.T) {
	formatsOf := func(s string) (list []string) {
		for _, f := range notation.Formats() {
			if ok, known := notation.Match(f, s); ok && known {
				list = append(list, f)
			}
		}
		return list
	}
	for _, secret := range []string{
		"eyJhbGciOiJIUzI1NiJ9.eyJkZXZpY2UiOiJzdGIifQ.c2lnbmF0dXJl", "9b2c6f4e-6f0a-4d6e-9a55-0d8a3f0f7c11",
		"d2ab4f6e8c0b1a39", "01ARZ3NDEKTSV4RRFFQ69G5FAV",
	} {
		r := redact.Redaction{Mark: "<secret:token#158f3972>", Type: "string", Formats: formatsOf(secret), Length: len(secret), Like: diff.LikeJWT(secret, func(string) string { return "x" })}
		value, ok := standIn(r)
		if !ok {
			t.Errorf("no stand-in for %q of formats %v", secret, r.Formats)
			continue
		}
		if got := formatsOf(value); !slices.Equal(got, r.Formats) {
			t.Errorf("%q has formats %v, want %v", value, got, r.Formats)
		}
		other := r
		other.Mark = "<secret:token#87df8fe8>"
		again, _ := standIn(r)
		if second, _ := standIn(other); second == value || again != value {
			t.Errorf("%q and %q: equal secrets and only they have one stand-in", value, second)
		}
	}
	nowhere := redact.Redaction{
		Mark: "<secret:url#1>", Type: "string", Length: 30, Formats: []string{notation.Nowhere},
		Notations: map[string][2]string{notation.Nowhere: {"http"}},
	}
	if value, ok := standIn(nowhere); !ok || !notation.IsNone("url", value) || !strings.HasPrefix(value, "http:") {
		t.Errorf("%q, %v: want an address of this machine", value, ok)
	}
	pin := redact.Redaction{Mark: "<secret:pin#1>", Length: 6}
	if value, ok := standIn(pin); ok || value != pin.Mark {
		t.Errorf("%q stands for a secret in a body that is no JSON", value)
	}
	pin.Type = "string"
	if value, ok := standIn(pin); !ok || value != pin.Mark {
		t.Errorf("%q, %v: want the mark, which has no format either", value, ok)
	}
	pin.Formats = []string{"hex", "nothing that rules know"}
	if value, ok := standIn(pin); ok && value == pin.Mark {
		t.Errorf("%q stands for a secret of another format", value)
	}
	pin.Type = "number"
	if value, ok := standIn(pin); !ok || len(value) != 6 || diff.Validate([]byte(value)) != nil {
		t.Errorf("%q, %v: want a number of six digits", value, ok)
	}
}

// A hidden token is stood for by one that compares with others as it did.
func TestStandInOfTokens(t *testing.T) {
	token := func(header, claims, signature string) string {
		enc := base64.RawURLEncoding.EncodeToString
		return enc([]byte(header)) + "." + enc([]byte(claims)) + "." + enc([]byte(signature))
	}
	rules, errs := diff.Compile([]diff.Rule{{At: "$.t", Do: diff.DoFormat, Is: "jwt", Why: "w"}}, diff.Options{})
	if errs != nil {
		t.Fatal(errs)
	}
	at := time.Unix(1_800_000_000, 0)
	body := func(token string) *diff.Message {
		return &diff.Message{Body: []byte(`{"t":"` + token + `"}`), ContentType: "application/json", At: at}
	}
	hidden := func(n int, token string) string {
		r := redact.Redaction{Mark: fmt.Sprintf("<secret:t#%d>", n), Type: "string", Formats: []string{"jwt"}, Length: len(token)}
		r.Like = diff.LikeJWT(token, func(parts string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(parts))) })
		value, ok := standIn(r)
		if !ok {
			t.Fatalf("no stand-in for %s", token)
		}
		return value
	}
	blue := token(`{"alg":"RS256"}`, `{"role":"user","exp":1800003600}`, "b")
	for _, green := range []string{
		token(`{"alg":"RS256"}`, `{"role":"user","exp":1800003601}`, "g"),
		token(`{"alg":"none"}`, `{"role":"user","exp":1800003601}`, ""),
		token(`{"alg":"RS256"}`, `{"role":"root","exp":1800003601}`, "g"),
		token(`{"alg":"RS256"}`, `{"role":"user","exp":1}`, "g"),
	} {
		live := diff.CompareMessages(body(blue), body(green), rules, nil)
		again := diff.CompareMessages(body(hidden(1, blue)), body(hidden(2, green)), rules, nil)
		if live.Equal() != again.Equal() {
			t.Errorf("%s: equal is %t, of stand-ins %t", green, live.Equal(), again.Equal())
		}
	}
}
