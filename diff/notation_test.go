package diff

import (
	"testing"
	"time"
)

// What a rule lets differ is the value, not how it is written.
func TestNotation(t *testing.T) {
	at := func(r Rule) Rule { r.At, r.Why = "$.a", "w"; return r }
	clock := Rule{Do: DoTime, Within: time.Minute}
	is := func(name string) Rule { return Rule{Do: DoFormat, Is: name} }
	for _, tt := range []struct {
		name        string
		rule        Rule
		blue, green string
		same, any   bool
		why         string
	}{
		{"same", clock, `"2026-11-28T09:00:00Z"`, `"2026-11-28T09:00:01Z"`, true, true, "one notation"},
		{"digits of the fraction", clock, `"2026-11-28T09:00:00.120Z"`, `"2026-11-28T09:00:01Z"`, true, true, "Java and Go trim zeros"},
		{"T or a space", clock, `"2026-11-28T09:00:00"`, `"2026-11-28 09:00:00"`, false, true, "a parser of one fails on the other"},
		{"T or a space, with a zone", clock, `"2026-11-28T09:00:00Z"`, `"2026-11-28 09:00:00Z"`, false, true, "as above"},
		{"small t", clock, `"2026-11-28T09:00:00Z"`, `"2026-11-28t09:00:00Z"`, false, true, "as above"},
		{"offset or Z", clock, `"2026-11-28T09:00:00+09:00"`, `"2026-11-28T00:00:00Z"`, false, true, "clients show local time"},
		{"+00:00 or Z", clock, `"2026-11-28T00:00:00+00:00"`, `"2026-11-28T00:00:00Z"`, false, true, "as above"},
		{"another offset", clock, `"2026-11-28T09:00:00+09:00"`, `"2026-11-28T08:00:00+08:00"`, false, true, "as above"},
		{"offset without a colon", clock, `"2026-11-28T09:00:00+0900"`, `"2026-11-28T09:00:00+09:00"`, false, true, "as above"},
		{"seconds or milliseconds", clock, `1795856400`, `1795856400000`, false, true, "a thousand times later"},
		{"seconds or milliseconds, in text", clock, `"1795856400"`, `"1795856400000"`, false, true, "as above"},
		{"HTTP or ISO", clock, `"Sat, 28 Nov 2026 09:00:00 GMT"`, `"2026-11-28T09:00:00Z"`, false, true, "as above"},
		{"GMT or +0000", clock, `"Sat, 28 Nov 2026 09:00:00 GMT"`, `"Sat, 28 Nov 2026 09:00:00 +0000"`, false, true, "as above"},
		{"too far apart", clock, `"2026-11-28T09:00:00Z"`, `"2026-11-28 11:00:00Z"`, false, false, "whatever the notation"},
		{"date-time", is("date-time"), `"2026-11-28T09:00:00Z"`, `"2027-01-01T09:00:00.5Z"`, true, true, "one notation"},
		{"date-time, offset", is("date-time"), `"2026-11-28T09:00:00Z"`, `"2027-01-01T09:00:00+09:00"`, false, true, "another"},
		{"uuid", is("uuid"), `"7a2e5b1c-9f04-4d3a-8e61-2c5b7d9f1a30"`, `"0c9d4f72-1b6e-4a85-b3d7-e8f1a2c5946b"`, true, true, "one notation"},
		{"uuid, capitals", is("uuid"), `"7a2e5b1c-9f04-4d3a-8e61-2c5b7d9f1a30"`, `"0C9D4F72-1B6E-4A85-B3D7-E8F1A2C5946B"`, false, true, "keys are compared as text"},
		{"uuid without letters", is("uuid"), `"7a2e5b1c-9f04-4d3a-8e61-2c5b7d9f1a30"`, `"01234567-0123-4012-8012-012345678901"`, true, true, "shows no letter case"},
		{"hex, capitals", is("hex"), `"ab12"`, `"AB34"`, false, true, "as above"},
		{"base64, alphabet", is("base64"), `"a+b/"`, `"a-b_"`, false, true, "decoders know one"},
		{"base64, padding", is("base64"), `"YQ=="`, `"Yg"`, false, true, "decoders want one"},
		{"url, scheme", is("url"), `"https://a.example/1"`, `"http://a.example/2"`, false, true, "boxes refuse it"},
		{"url", is("url"), `"https://a.example/1"`, `"https://b.example/2"`, true, true, "one notation"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, notation := range []string{"", "any"} {
				rule := at(tt.rule)
				rule.Notation = notation
				rules := mustCompile(t, Options{}, rule)
				want := tt.same
				if notation == "any" {
					want = tt.any
				}
				for _, sides := range [][2]string{{tt.blue, tt.green}, {tt.green, tt.blue}} {
					r := Compare([]byte(`{"a":`+sides[0]+`}`), []byte(`{"a":`+sides[1]+`}`), rules)
					if r.Equal() != want {
						t.Errorf("notation %q: equal is %t, want %t: %s", notation, r.Equal(), want, tt.why)
					}
				}
			}
		})
	}
	if _, errs := Compile([]Rule{{At: "$.a", Do: DoTime, Within: time.Second, Notation: "some"}}, Options{}); len(errs) != 1 || errs[0].Field != "notation" {
		t.Errorf("notation some: %v", errs)
	}
	if _, errs := Compile([]Rule{{At: "$.a", Do: DoIgnore, Why: "w", Notation: "any"}}, Options{}); len(errs) != 1 || errs[0].Field != "notation" {
		t.Errorf("notation of ignore: %v", errs)
	}
}

func TestTokens(t *testing.T) {
	const header, claims = `{"alg":"RS256","typ":"JWT","kid":"b1"}`, `{"sub":"kim","role":"user","admin":false,"roles":["a","b"],"exp":1900000000,"jti":"x1"}`
	const mine = `{"alg":"RS256","typ":"JWT","kid":"g1"}`
	for _, tt := range []struct{ name, header, claims, signature, note string }{
		{"signed by each side", mine, `{"roles":["b","a"],"sub":"kim","role":"user","admin":false,"exp":1900000009,"jti":"x2"}`, "g", ""},
		{"alg none", `{"alg":"none","typ":"JWT","kid":"g1"}`, claims, "", "jwt: empty signature is on green alone, header alg differs"},
		{"no kid", `{"alg":"RS256","typ":"JWT"}`, claims, "g", "jwt: header kid is missing on green"},
		{"another role", mine, `{"sub":"kim","role":"root","admin":false,"roles":["a","b"],"exp":1900000000,"jti":"x2"}`, "g", "jwt: claim role differs"},
		{"another box", mine, `{"sub":"lee","role":"user","admin":false,"roles":["a","b"],"exp":1900000000,"jti":"x2"}`, "g", ""},
		{"a number for the box", mine, `{"sub":7,"role":"user","admin":false,"roles":["a","b"],"exp":1900000000,"jti":"x2"}`, "g", "jwt: claim sub differs"},
		{"another truth", mine, `{"sub":"kim","role":"user","admin":true,"roles":["a","b"],"exp":1900000000,"jti":"x2"}`, "g", "jwt: claim admin differs"},
		{"a role less", mine, `{"sub":"kim","role":"user","admin":false,"roles":["a"],"exp":1900000000,"jti":"x2"}`, "g", "jwt: claim roles differs"},
		{"a claim less", mine, `{"sub":"kim","role":"user","roles":["a","b"],"exp":1900000000,"jti":"x2"}`, "g", "jwt: claim admin is missing on green"},
		{"a claim more", mine, `{"sub":"kim","role":"user","admin":false,"roles":["a","b"],"exp":1900000000,"jti":"x2","x":1}`, "g", "jwt: claim x is on green alone"},
		{"exp as text", mine, `{"sub":"kim","role":"user","admin":false,"roles":["a","b"],"exp":"1900000000","jti":"x2"}`, "g", "jwt: claim exp differs"},
		{"exp in milliseconds", mine, `{"sub":"kim","role":"user","admin":false,"roles":["a","b"],"exp":1900000000000,"jti":"x2"}`, "g", "jwt: claim exp differs"},
		{"expired", mine, `{"sub":"kim","role":"user","admin":false,"roles":["a","b"],"exp":1700000000,"jti":"x2"}`, "g", "jwt: green's has expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			blue, green := signedToken(header, claims, "b"), signedToken(tt.header, tt.claims, tt.signature)
			body := func(s string) *Message {
				return &Message{Body: []byte(`{"t":"` + s + `"}`), ContentType: "application/json", Headers: headers("X-Token: " + s), At: answered}
			}
			for _, notation := range []string{"", "any"} {
				rules := mustCompile(t, Options{}, Rule{At: "$.t", Do: DoFormat, Is: "jwt", Notation: notation}, Rule{Header: "x-token", Do: DoFormat, Is: "jwt", Notation: notation})
				r := CompareMessages(body(blue), body(green), rules, nil)
				want, n := tt.note, 2
				if notation == "any" || want == "" {
					want, n = "", 0
				}
				if r.Total != n {
					t.Fatalf("notation %q: %d differences, want %d", notation, r.Total, n)
				}
				for _, d := range r.Differences {
					if d.Note != want {
						t.Errorf("%v %s: got note %q, want %q", d.Where, d.Path, d.Note, want)
					}
				}
			}
		})
	}
}
