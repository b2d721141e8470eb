package postman

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

// Digest and AWS of Postman, as they are written and as what is listed.
func TestPostmanAuth(t *testing.T) {
	tests := []struct{ name, reason, auth, want, lost, skip string }{
		{
			"digest", "user and password", `{"type":"digest","digest":[{"key":"username","value":"kim"},{"key":"password","value":"hunter22"}]}`,
			`auth: {digest: {user: kim, password: "{{env.PASSWORD}}"}}`, "", "",
		},
		{
			"digest of v2.0", "variables stay", `{"type":"digest","digest":{"username":"{{who}}","password":"{{pw}}"}}`,
			`auth: {digest: {user: "{{who}}", password: "{{pw}}"}}`, "", "",
		},
		{
			"digest settings", "the challenge decides", `{"type":"digest","digest":{"username":"kim","password":"{{pw}}","algorithm":"MD5","realm":"r","nonce":"n","opaque":"","disableRetryRequest":false}}`,
			`auth: {digest: {user: kim, password: "{{pw}}"}}`, "digest: algorithm MD5, realm, nonce", "",
		},
		{"digest without a user", "Postman sends none", `{"type":"digest","digest":{"password":"hunter22","algorithm":"MD5"}}`, "get: /a\n", "", ""},
		{
			"aws", "all of it", `{"type":"awsv4","awsv4":[{"key":"accessKey","value":"AKIDEXAMPLE"},{"key":"secretKey","value":"hunter22"},{"key":"region","value":"ap-northeast-2"},{"key":"service","value":"es"},{"key":"sessionToken","value":"hunter23"}]}`,
			`aws: {region: ap-northeast-2, service: es, access_key: "{{env.AWS_ACCESS_KEY_ID}}", secret_key: "{{env.AWS_SECRET_ACCESS_KEY}}", session_token: "{{env.AWS_SESSION_TOKEN}}"}`, "", "",
		},
		{
			"aws defaults", "Postman's", `{"type":"awsv4","awsv4":{"accessKey":"{{a}}","secretKey":"{{s}}","addAuthDataToQuery":false}}`,
			`auth: {aws: {region: us-east-1, service: execute-api, access_key: "{{a}}", secret_key: "{{s}}"}}`, "", "",
		},
		{
			"aws without keys", "asked of the environment", `{"type":"awsv4","awsv4":{"region":"{{r}}"}}`,
			`aws: {region: "{{r}}", service: execute-api, access_key: "{{env.AWS_ACCESS_KEY_ID}}", secret_key: "{{env.AWS_SECRET_ACCESS_KEY}}"}`, "", "",
		},
		{
			"aws in the query", "signed in headers only", `{"type":"awsv4","awsv4":{"accessKey":"{{a}}","secretKey":"{{s}}","addAuthDataToQuery":true}}`,
			"skip: ", "awsv4", "a signature in the query",
		},
		{"ntlm", "not part of the language", `{"type":"ntlm","ntlm":{"username":"kim","password":"hunter22"}}`, "skip: ", "ntlm", "ntlm authentication"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, collection := range []string{
				`{"info":{"name":"a"},"item":[{"name":"x","request":{"url":"https://x.example/a","auth":` + tt.auth + `}}]}`,
				`{"info":{"name":"a"},"auth":` + tt.auth + `,"item":[{"name":"x","request":"https://x.example/a"}]}`,
			} {
				r, err := Convert(source.Input{Files: fstest.MapFS{"c.json": {Data: []byte(collection)}}, Name: "c.json"}, Options{})
				if err != nil {
					t.Fatal(err)
				}
				_, text := converttest.Load(t, write.Files(&r.Tree))
				if !strings.Contains(converttest.Bare(text), converttest.Bare(tt.want)) || strings.Contains(text, "hunter") {
					t.Errorf("%s: %q is not in\n%s", tt.reason, tt.want, text)
				}
				var lost []string
				for _, l := range r.Report.Lost {
					lost = append(lost, l.Text)
				}
				if got := strings.Join(lost, "; "); got != tt.lost || got != "" && !strings.Contains(text, "# not converted: auth") {
					t.Errorf("%s: lost %q, want %q\n%s", tt.reason, got, tt.lost, text)
				}
				if got := r.Tree.Suites[0].Cases[0].Skip; !strings.Contains(got, tt.skip) || got != "" && tt.skip == "" {
					t.Errorf("%s: skipped with %q, want %q", tt.reason, got, tt.skip)
				}
			}
		})
	}
}
