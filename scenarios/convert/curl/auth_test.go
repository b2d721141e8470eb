package curl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

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
			_, text := converttest.Load(t, write.Files(&r.Tree))
			if !strings.Contains(converttest.Bare(text), converttest.Bare(tt.want)) || strings.Contains(text, "hunter") || strings.Contains(text, "AKID") {
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
	if _, text := converttest.Load(t, write.Files(&same.Tree)); strings.Count(text, "aws:") != 1 || !strings.Contains(text, "defaults:") {
		t.Errorf("want one auth in defaults\n%s", text)
	}
	other := importCurl(t, fmt.Sprintf(line, "s", "a")+fmt.Sprintf(line, "z", "b"), nil)
	if _, text := converttest.Load(t, write.Files(&other.Tree)); !strings.Contains(converttest.Bare(text), "service: s ") || !strings.Contains(converttest.Bare(text), "service: z ") {
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
		_, text := converttest.Load(t, write.Files(&r.Tree))
		if written := r.Tree.Suites[0].Cases[0].Skip == ""; written != want || strings.Contains(text, "hunter22") {
			t.Errorf("%s is written out: %v, want %v\n%s", value, written, want, text)
		}
	}
}
