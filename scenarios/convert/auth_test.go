package convert

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// What counts as a secret by its name.
func TestSecretName(t *testing.T) {
	tests := []struct {
		name, reason string
		want         bool
	}{
		{"password", "the word", true},
		{"adminPassword", "a part of the name", true},
		{"API key", "spaces say nothing", true},
		{"x-api-key", "nor do dashes", true},
		{"Api.Key", "nor dots", true},
		{"PRIVATE_KEY", "nor case", true},
		{"AWS_ACCESS_KEY_ID", "what a key is known by", true},
		{"X-CSRF-Token", "of a session", true},
		{"JSESSIONID", "of a session", true},
		{"jwt", "a signed token", true},
		{"sig", "of a signed address", true},
		{"key", "a whole name", true},
		{"session", "a whole name", true},
		{"token_type", "no exceptions", true},
		{"token_url", "an address may hold a key", true},
		{"monkey", "key is no part", false},
		{"author", "nor is auth", false},
		{"pinned", "nor is pin", false},
		{"expires_in", "a time", false},
		{"", "nothing", false},
	}
	for _, tt := range tests {
		if got := secretName(tt.name); got != tt.want {
			t.Errorf("%q (%s) is a secret: %v, want %v", tt.name, tt.reason, got, tt.want)
		}
	}
}

// bare is YAML without what a mapping on one line has and one over lines has not.
func bare(text string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("{", "", "}", "", ",", " ").Replace(text)), " ")
}

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
				r, err := Postman(PostmanInput{Files: fstest.MapFS{"c.json": {Data: []byte(collection)}}, Name: "c.json"})
				if err != nil {
					t.Fatal(err)
				}
				_, text := loadResult(t, r)
				if !strings.Contains(bare(text), bare(tt.want)) || strings.Contains(text, "hunter") {
					t.Errorf("%s: %q is not in\n%s", tt.reason, tt.want, text)
				}
				var lost []string
				for _, l := range r.Report.Lost {
					lost = append(lost, l.Text)
				}
				if got := strings.Join(lost, "; "); got != tt.lost || got != "" && !strings.Contains(text, "# not carried over: auth") {
					t.Errorf("%s: lost %q, want %q\n%s", tt.reason, got, tt.lost, text)
				}
				if got := r.Tree.Suites[0].Cases[0].Skip; !strings.Contains(got, tt.skip) || got != "" && tt.skip == "" {
					t.Errorf("%s: skipped with %q, want %q", tt.reason, got, tt.skip)
				}
			}
		})
	}
}

// --digest and --aws-sigv4 of curl, and what the language cannot say of them.
func TestCurlAuth(t *testing.T) {
	const keys = `access_key: "{{env.AWS_ACCESS_KEY_ID}}", secret_key: "{{env.AWS_SECRET_ACCESS_KEY}}"`
	tests := []struct{ name, reason, line, want, lost string }{
		{"digest", "user and password", "curl --digest -u kim:hunter22 http://h/a", `auth: {digest: {user: kim, password: "{{env.PASSWORD}}"}}`, ""},
		{"digest of the address", "decoded", "curl --digest http://kim%40x:hunter22@h/a", `auth: {digest: {user: kim@x, password: "{{env.PASSWORD}}"}}`, ""},
		{"digest of variables", "stay", `curl --digest -u "$WHO:$PW" http://h/a`, `auth: {digest: {user: "{{env.WHO}}", password: "{{env.PW}}"}}`, ""},
		{"digest asked for", "curl asks for it", "curl --digest -u kim http://h/a", `auth: {digest: {user: kim, password: "{{env.PASSWORD}}"}}`, ""},
		{"digest beside basic", "curl takes the stronger", "curl --basic --digest -u kim:hunter22 http://h/a", "auth: {digest: ", ""},
		{"digest taken back", "basic is left", "curl --digest --no-digest -u kim:hunter22 http://h/a", "auth: {basic: ", ""},
		{"a header wins", "as with curl", "curl --digest -u kim:hunter22 -H 'Authorization: Bearer hunter23' http://h/a", `auth: {bearer: "{{env.TOKEN}}"}`, ""},
		{"digest of nobody", "nothing to sign in with", "curl --digest http://h/a", "skip: ", "--digest"},
		{"digest of one variable", "where it ends is not known", `curl --digest -u "$BOTH" http://h/a`, "skip: ", "--digest"},
		{"digest or ntlm", "the server would choose", "curl --digest --ntlm -u kim:hunter22 http://h/a", "skip: ", "--digest --ntlm"},
		{"digest or a token", "the server would choose", "curl --digest --oauth2-bearer hunter22 -u kim:hunter22 http://h/a", "skip: ", "--digest"},
		{"any", "the server would choose", "curl --anyauth -u kim:hunter22 http://h/a", "skip: ", "--anyauth"},
		{"aws", "region and service", "curl --aws-sigv4 aws:amz:eu-west-1:es -u AKIDEXAMPLE:hunter22/+x https://h/a", "auth: {aws: {region: eu-west-1, service: es, " + keys + "}}", ""},
		{"aws of variables", "stay", `curl --aws-sigv4 "aws:amz:$REGION:es" -u "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" https://h/a`, `aws: {region: "{{env.REGION}}", service: es, ` + keys + "}", ""},
		{"aws by the address", "curl's rule", "curl --aws-sigv4 aws:amz -u AKIDEXAMPLE:hunter22 https://es.eu-west-1.amazonaws.com:443/a", "aws: {region: eu-west-1, service: es, " + keys + "}", ""},
		{"aws service by the address", "curl's rule", "curl --aws-sigv4 AWS:AMZ:us-east-2 -u AKIDEXAMPLE:hunter22 https://es.eu-west-1.amazonaws.com/a", "aws: {region: us-east-2, service: es, ", ""},
		{"aws token as a header", "the language signs its own", "curl --aws-sigv4 aws:amz:r:s -u AKIDEXAMPLE:hunter22 -H 'x-amz-security-token: hunter23' https://h/a", keys + `, session_token: "{{env.AWS_SESSION_TOKEN}}"}`, ""},
		{"aws token behind the key", "of newer curls", "curl --aws-sigv4 aws:amz:r:s -u AKIDEXAMPLE:hunter22:hunter23 https://h/a", keys + `, session_token: "{{env.AWS_SESSION_TOKEN}}"}`, ""},
		{"aws without a region", "curl refuses", "curl --aws-sigv4 aws:amz -u AKIDEXAMPLE:hunter22 https://h/a", "skip: ", "--aws-sigv4 aws:amz"},
		{"aws by a variable host", "not known", `curl --aws-sigv4 aws:amz -u AKIDEXAMPLE:hunter22 "https://$HOST/a"`, "skip: ", "--aws-sigv4 aws:amz"},
		{"other provider", "another signature", "curl --aws-sigv4 osc:osc:r:s -u AKIDEXAMPLE:hunter22 https://h/a", "skip: ", "--aws-sigv4 osc:osc:r:s"},
		{"one provider", "dates of X-Aws-Date", "curl --aws-sigv4 aws -u AKIDEXAMPLE:hunter22 https://h/a", "skip: ", "--aws-sigv4 aws"},
		{"aws of nobody", "nothing to sign with", "curl --aws-sigv4 aws:amz:r:s https://h/a", "skip: ", "--aws-sigv4 aws:amz:r:s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := importCurl(t, tt.line, nil)
			_, text := loadResult(t, r)
			if !strings.Contains(bare(text), bare(tt.want)) || strings.Contains(text, "hunter") || strings.Contains(text, "AKID") {
				t.Errorf("%s (%s)\n%q is not in\n%s", tt.line, tt.reason, tt.want, text)
			}
			var lost []string
			for _, l := range r.Report.Lost {
				lost = append(lost, l.Text)
			}
			if d := cmp.Diff(tt.lost, strings.Join(lost, "; ")); d != "" {
				t.Errorf("%s (%s)\nlost (-want +got)\n%s", tt.line, tt.reason, d)
			}
			if got := r.Tree.Suites[0].Cases[0].Skip != ""; got != (tt.lost != "") {
				t.Errorf("%s (%s): skipped: %v\n%s", tt.line, tt.reason, got, text)
			}
		})
	}
}

// A signature that all requests share is written once, others where they belong.
func TestCurlAuthShared(t *testing.T) {
	line := "curl --aws-sigv4 aws:amz:r:%s -u AKIDEXAMPLE:hunter22 https://h/%s\n"
	same := importCurl(t, fmt.Sprintf(line, "s", "a")+fmt.Sprintf(line, "s", "b"), nil)
	if _, text := loadResult(t, same); strings.Count(text, "aws:") != 1 || !strings.Contains(text, "defaults:") {
		t.Errorf("want one auth in defaults\n%s", text)
	}
	other := importCurl(t, fmt.Sprintf(line, "s", "a")+fmt.Sprintf(line, "z", "b"), nil)
	if _, text := loadResult(t, other); !strings.Contains(bare(text), "service: s ") || !strings.Contains(bare(text), "service: z ") {
		t.Errorf("want two auths\n%s", text)
	}
}

// An address is written out whatever its variable is called, unless it may hold a key.
func TestCurlAddressOfTokens(t *testing.T) {
	for value, want := range map[string]bool{
		"https://auth.example/oauth/token":                   true,
		"https://auth.example/token?sig=hunter22":            false,
		"https://kim:hunter22@auth.example/token":            false,
		"https://hooks.example/services/T0000B1111hunter22x": false,
		"hunter22":  false,
		"httpunter": false,
	} {
		r := importCurl(t, "TOKEN_URL='"+value+"'\ncurl \"$TOKEN_URL\"\n", nil)
		_, text := loadResult(t, r)
		if written := r.Tree.Suites[0].Cases[0].Skip == ""; written != want || strings.Contains(text, "hunter22") {
			t.Errorf("%s is written out: %v, want %v\n%s", value, written, want, text)
		}
	}
}
