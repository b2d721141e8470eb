package diff

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// signedToken makes a JWT of these header fields and claims.
func signedToken(header, claims, signature string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(header)) + "." + enc([]byte(claims)) + "." + enc([]byte(signature))
}

// answered is when the answers of these tests came.
var answered = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

func httpTime(d time.Duration) string {
	return answered.Add(d).Format("Mon, 02 Jan 2006 15:04:05 GMT")
}

func TestCookies(t *testing.T) {
	const hex1, hex2 = "3f9ac1d27b6e4f0a8c5d1e2f3a4b5c6d", "a0b1f2d9e4c5268798a9b0c1d2e3f4a5"
	const json = "%7B%22lang%22%3A%22ko%22%2C%22size%22%3A20%7D"
	jwt := signedToken(`{"alg":"RS256","kid":"b"}`, `{"sub":"box","role":"user","exp":1900000000}`, "b")
	for _, tt := range []struct {
		name, blue, green, want, why string
	}{
		{"tokens", "sid=" + hex1, "sid=" + hex2, "", "each side draws its own"},
		{"uuids", "sid=7a2e5b1c-9f04-4d3a-8e61-2c5b7d9f1a30", "sid=0c9d4f72-1b6e-4a85-b3d7-e8f1a2c5946b", "", "each side draws its own"},
		{"signed", "sid=s%3Ak9Xw2QmZr7TfLb4N.Yc8VhJ3sPd6GnRx1", "sid=s%3Az4Tq8LmXw1RfKb7P.Hd2NsVj9Yc5GtRx3", "", "percent-encoded"},
		{"zeros", "sid=" + hex1, "sid=" + strings.Repeat("0", 32), "changed set-cookie[sid]", "nobody draws zeros"},
		{"counting", "sid=" + hex1, "sid=01234567890123456789012345678901", "changed set-cookie[sid]", "nobody draws that"},
		{"one word again and again", "sid=" + hex1, "sid=deadbeefdeadbeefdeadbeefdeadbeef", "changed set-cookie[sid]", "a constant"},
		{"deleted", "sid=" + hex1, "sid=deleted", "changed set-cookie[sid]", "a word"},
		{"quotes", `a="1"`, "a=1", "changed set-cookie[a]", "RFC 6265, 5.2: clients keep and return them"},
		{"quotes around one token", `sid="` + hex1 + `"`, "sid=" + hex2, "changed set-cookie[sid]", "the server gets quotes back"},
		{"quotes around both tokens", `sid="` + hex1 + `"`, `sid="` + hex2 + `"`, "", "each side draws its own"},
		{"empty", "sid=" + hex1, "sid=", "changed set-cookie[sid]", "nothing"},
		{"long words", "model=stb-UHD3-firmware-2.4.17-r3", "model=stb-UHD3-firmware-2.4.18-r1", "changed set-cookie[model]", "long, with digits, and no token"},
		{"nil uuid", "sid=7a2e5b1c-9f04-4d3a-8e61-2c5b7d9f1a30", "sid=00000000-0000-0000-0000-000000000000", "changed set-cookie[sid]", "a form without entropy"},
		{"encoded twice", "p=" + json, "p=" + strings.ReplaceAll(json, "%", "%25"), "changed set-cookie[p]", "clients decode once"},
		{"token encoded twice", "p=" + hex1 + "%3D", "p=" + hex2 + "%253D", "changed set-cookie[p]", "clients decode once"},
		{"json, other notation", "p=" + json, "p=%7b%22size%22:20.0,%22lang%22:%22ko%22%7d", "", "one value"},
		{"json, other value", "p=" + json, "p=" + strings.Replace(json, "ko", "en", 1), "changed set-cookie[p]", "a value"},
		{"json, not encoded", "p=" + json, `p={"lang":"ko","size":20}`, "changed set-cookie[p]", "clients decode"},
		{"json with a token", `p={"id":"` + hex1 + `"}`, `p={"id":"` + hex2 + `"}`, "", "a session inside"},
		{"jwt", "t=" + jwt, "t=" + signedToken(`{"alg":"RS256","kid":"g"}`, `{"sub":"box","role":"user","exp":1900000001}`, "g"), "", "each side signs its own"},
		{"jwt, alg none", "t=" + jwt, "t=" + signedToken(`{"alg":"none","kid":"g"}`, `{"sub":"box","role":"user","exp":1900000001}`, ""), "changed set-cookie[t]", "unsigned"},
		{"jwt, cut off", "t=" + signedToken(`{"alg":"HS256"}`, `{"role":"user"}`, strings.Repeat("b", 32)), "t=" + signedToken(`{"alg":"HS256"}`, `{"role":"user"}`, strings.Repeat("g", 20)), "changed set-cookie[t]", "a column was too short"},
		{"jwt, keys of two lengths", "t=" + signedToken(`{"alg":"RS256"}`, `{"role":"user"}`, strings.Repeat("b", 256)), "t=" + signedToken(`{"alg":"RS256"}`, `{"role":"user"}`, strings.Repeat("g", 512)), "", "each side has its key"},
		{"token, cut off", "sid=" + hex1 + hex2, "sid=" + hex2, "changed set-cookie[sid]", "half of one"},
		{"jwt, expired", "t=" + jwt, "t=" + signedToken(`{"alg":"RS256","kid":"g"}`, `{"sub":"box","role":"user","exp":1000000000}`, "g"), "changed set-cookie[t]", "of no use"},
		{"expires, a second apart", "a=1; Expires=" + httpTime(time.Hour), "a=1; Expires=" + httpTime(time.Hour+time.Second), "", "a clock"},
		{"expires, dashes", "a=1; Expires=" + httpTime(time.Hour), "a=1; Expires=Sat, 28-Nov-2026 10:00:00 GMT", "", "an older form of date"},
		{"expired", "a=1; Expires=" + httpTime(time.Hour), "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "changed set-cookie[a].expires", "deleted at once"},
		{"expired six weeks ago", "a=1; Expires=" + httpTime(time.Hour), "a=1; Expires=" + httpTime(-42*24*time.Hour), "changed set-cookie[a].expires", "deleted at once"},
		{"just expired", "a=1; Expires=" + httpTime(30*time.Second), "a=1; Expires=" + httpTime(-10*time.Second), "changed set-cookie[a].expires", "near, and not the same"},
		{"both deleted", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a=; Expires=" + httpTime(-24*time.Hour), "", "both delete it"},
		{"a shorter life", "a=1; Expires=" + httpTime(24*time.Hour), "a=1; Expires=" + httpTime(time.Hour), "changed set-cookie[a].expires", "boxes sign in again"},
		{"no date", "a=1; Expires=" + httpTime(time.Hour), "a=1; Expires=0", "changed set-cookie[a].expires", "clients ignore it"},
		{"max-age 0", "a=1; Max-Age=3600", "a=1; Max-Age=0", "changed set-cookie[a].max-age", "deleted at once"},
		{"max-age added", "a=1", "a=1; Max-Age=-1", "added set-cookie[a].max-age", "deleted at once"},
		{"attributes lost", "a=1; Secure; HttpOnly; SameSite=Lax; Domain=x.example; Path=/a", "a=1", "removed set-cookie[a].domain, removed set-cookie[a].httponly, removed set-cookie[a].path, removed set-cookie[a].samesite, removed set-cookie[a].secure", "all"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, ignored := range []bool{false, true} {
				blue := &Message{Headers: headers("Set-Cookie: " + tt.blue), At: answered}
				green := &Message{Headers: headers("Set-Cookie: " + tt.green), At: answered}
				want, rules := tt.want, mustCompile(t, Options{})
				if ignored {
					rules = mustCompile(t, Options{}, Rule{Header: "set-cookie", Do: DoIgnore, Why: "w"})
					if !strings.Contains(want, "].") {
						want = "" // attributes are compared all the same
					}
				}
				r := CompareMessages(blue, green, rules, nil)
				if got := brief(r.Differences); got != want {
					t.Errorf("ignored %t: got %q, want %q: %s", ignored, got, want, tt.why)
				}
				if back := CompareMessages(green, blue, rules, nil); (back.Total == 0) != (want == "") {
					t.Errorf("ignored %t, sides swapped: %d differences: %s", ignored, back.Total, tt.why)
				}
			}
		})
	}
}

// The Expires header is a clock as Date is one, but says whether an answer may be kept.
func TestExpiresHeader(t *testing.T) {
	for _, tt := range []struct {
		name, blue, green, want string
		known                   bool
	}{
		{"a second apart", httpTime(time.Hour), httpTime(time.Hour + time.Second), "", true},
		{"a second apart, time unknown", httpTime(time.Hour), httpTime(time.Hour + time.Second), "", false},
		{"1970", httpTime(time.Hour), "Thu, 01 Jan 1970 00:00:00 GMT", "changed expires", true},
		{"1970, time unknown", httpTime(time.Hour), "Thu, 01 Jan 1970 00:00:00 GMT", "changed expires", false},
		{"now on both", httpTime(0), httpTime(time.Second), "", true},
		{"a day less", httpTime(48 * time.Hour), httpTime(24 * time.Hour), "changed expires", true},
		{"no date", httpTime(time.Hour), "-1", "changed expires", true},
		{"the same text", "-1", "-1", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			blue, green := &Message{Headers: headers("Expires: " + tt.blue)}, &Message{Headers: headers("Expires: " + tt.green)}
			if tt.known {
				blue.At, green.At = answered, answered.Add(time.Second)
			}
			r := CompareMessages(blue, green, nil, nil)
			if got := brief(r.Differences); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
