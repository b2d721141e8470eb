package curl

import (
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bgverify/bgverify/scenarios"
	"github.com/bgverify/bgverify/scenarios/convert/internal/converttest"
	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
	"github.com/bgverify/bgverify/scenarios/convert/internal/write"
)

// sent is a step as it would be sent, in lines.
func sent(t testing.TB, suite *scenarios.Suite, s *scenarios.Step) string {
	t.Helper()
	r, err := s.Render(converttest.EnvScope{Suite: suite})
	if err != nil {
		t.Fatalf("render: %v", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL)
	if s.Service != "" {
		fmt.Fprintf(&b, "service %s\n", s.Service)
	}
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\n", h.Name, h.Value)
	}
	for _, c := range r.Cookies {
		fmt.Fprintf(&b, "cookie %s=%s\n", c.Name, c.Value)
	}
	if a := s.Auth; a != nil {
		b.WriteString(strings.TrimRight("auth "+strings.Join(authTexts(a), " "), " ") + "\n")
	}
	if r.ContentType != "" {
		fmt.Fprintf(&b, "type %s\n", r.ContentType)
	}
	if len(r.Body) > 0 {
		fmt.Fprintf(&b, "\n%s\n", r.Body)
	}
	return b.String()
}

func authTexts(a *scenarios.Auth) []string {
	out := []string{a.Name}
	for _, t := range []*scenarios.Template{a.User, a.Password, a.Token, a.Value} {
		if t != nil {
			out = append(out, t.Text)
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

func importCurl(t testing.TB, text string, files fstest.MapFS) *model.Result {
	t.Helper()
	fsys := fstest.MapFS{"x.sh": {Data: []byte(text)}}
	maps.Copy(fsys, files)
	r, err := Convert(source.Input{Files: fsys, Name: "x.sh"})
	if err != nil {
		t.Fatalf("import: %v\n%s", err, text)
	}
	return r
}

// Text that would take the parser too deep is refused with its line: a stack that
// is used up could not be caught.
func TestNestedKeywords(t *testing.T) {
	for _, text := range []string{
		"if ", "if if ", "while ", "until ", "time ", "coproc ", "a && ", "a | ", "a||", "a&&", "a |\n", "a && \\\n", "case x in x) ", "[[ ! ", "if a; then ", "while a\ndo\n",
		"((", "$((", "! ", "[[ a && ", "else ", "for x in ", "{ ", "( ", "f() {", "\"$(", "${a:-",
	} {
		data := "echo a\n" + strings.Repeat(text, 1<<18/len(text)) + "curl http://x.example/"
		if _, err := splitShell(data); err == nil {
			t.Errorf("%q, repeated: no error", text)
		}
	}
	for _, text := range []string{"a=!!!", "a=- - ", "$((- ", "$((!", "$((~", "$((a?a:", "((a=", "[[ ! ", "let a=", "((a**", "time -p "} {
		splitShell(text + strings.Repeat(strings.TrimLeft(text, "$(a=[let "), 50_000)) //nolint:errcheck // that it returns is what counts
	}
	fine := strings.Repeat("if true; then\n  curl http://x.example/a | jq -r .a && echo ok || echo no\nfi\n", 1000)
	if list, err := splitShell(fine); err != nil || len(list) == 0 {
		t.Errorf("a long script: %v", err)
	}
}

func TestCurlRequests(t *testing.T) {
	files := fstest.MapFS{
		"body.json": {Data: []byte("{\"a\": 1}\n")}, "lines.txt": {Data: []byte("one\r\ntwo\n")}, "logo.png": {Data: []byte("\x89PNG")},
		"note.txt": {Data: []byte("a note")}, "heads": {Data: []byte("X-A: 1\r\nX-B: 2\n")}, "big.bin": {Data: bytes.Repeat([]byte{0, 1}, 9000)},
	}
	tests := []struct{ name, reason, line, want string }{
		{"get", "the plainest", `curl http://h/a`, "GET /a\n"},
		{"no scheme", "curl takes http", `curl h:8080`, "GET /\n"},
		{"fragment", "never sent", `curl 'http://h/a#top'`, "GET /a\n"},
		{"query", "decoded where that is the same", `curl 'http://h/a?x=1&y=%EC%84%9C'`, "GET /a?x=1&y=%EC%84%9C\n"},
		{"odd query", "kept as it is", `curl -g 'http://h/a?x&y=a+b&x=[1]'`, "GET /a?x&y=a+b&x=[1]\n"},
		{"dots", "curl squashes them", `curl http://h/a/./b/../c`, "GET /a/c\n"},
		{"dots kept", "unless told not to", `curl --path-as-is http://h/a/../c`, "GET /a/../c\n"},
		{"stray percent", "the language wants two digits", `curl http://h/100%`, "GET /100%25\n"},
		{"joined short", "-sSL and -XPOST", `curl -sSXDELETE http://h/a`, "DELETE /a\n"},
		{"value joined", "-Hname", `curl -sHX-A:1 http://h/a`, "GET /a\nX-A: 1\n"},
		{"abbreviated", "curl takes the beginning of a name", `curl --user-ag stb http://h/a`, "GET /a\nUser-Agent: stb\n"},
		{"lower method", "the language has capitals", `curl -X patch http://h/a`, "PATCH /a\n"},
		{"own method", "any token", `curl -X PROPFIND http://h/a`, "PROPFIND /a\n"},
		{"head", "-I", `curl -I http://h/a`, "HEAD /a\n"},
		{"data", "a form by default", `curl http://h/a -d a=1 -d 'b=x y'`, "POST /a\ntype application/x-www-form-urlencoded\n\na=1&b=x+y\n"},
		{"data no form", "kept as text with curl's type", `curl http://h/a -d hello`, "POST /a\nContent-Type: application/x-www-form-urlencoded\n\nhello\n"},
		{"json with form type", "as curl sends it", `curl http://h/a -d '{"a": 1.50}'`, "POST /a\nContent-Type: application/x-www-form-urlencoded\n\n{\"a\":1.50}\n"},
		{"json", "--json adds both headers", `curl http://h/a --json '{"a":' --json '[true,null,"x"]}'`, "POST /a\nAccept: application/json\ntype application/json\n\n{\"a\":[true,null,\"x\"]}\n"},
		{"json twice", "a member twice is text", `curl http://h/a --json '{"a":1,"a":2}'`, "POST /a\nAccept: application/json\nContent-Type: application/json\n\n{\"a\":1,\"a\":2}\n"},
		{"data file", "-d takes line ends out", `curl http://h/a -d @lines.txt -H 'Content-Type: text/plain'`, "POST /a\nContent-Type: text/plain\n\nonetwo\n"},
		{"binary file", "as it is", `curl http://h/a --data-binary @lines.txt -H 'Content-Type: text/plain'`, "POST /a\nContent-Type: text/plain\n\none\r\ntwo\n\n"},
		{"json file", "read and written as YAML", `curl http://h/a -d @body.json -H 'Content-Type: application/json'`, "POST /a\ntype application/json\n\n{\"a\":1}\n"},
		{"raw", "@ is no file", `curl http://h/a --data-raw @body.json -H 'Content-Type: text/plain'`, "POST /a\nContent-Type: text/plain\n\n@body.json\n"},
		{"urlencode", "five forms", `curl http://h/a --data-urlencode 'a=x y&' --data-urlencode '=p=q' --data-urlencode 'plain text' --data-urlencode n@note.txt --data-urlencode @note.txt`, "POST /a\nContent-Type: application/x-www-form-urlencoded\n\na=x%20y%26&p%3Dq&plain%20text&n=a%20note&a%20note\n"},
		{"urlencode form", "readable where it can be", `curl http://h/a --data-urlencode 'a=x y'`, "POST /a\ntype application/x-www-form-urlencoded\n\na=x+y\n"},
		{"get data", "-G puts it into the query", `curl -G http://h/a?z=0 -d a=1 --data-urlencode 'b=x y'`, "GET /a?z=0&a=1&b=x%20y\n"},
		{"get data no path", "the path is the root", `curl -G http://h -d a=1`, "GET /?a=1\n"},
		{"url-query", "added", `curl http://h/a --url-query 'q=x y'`, "GET /a?q=x%20y\n"},
		{"multipart of one name", "a list", `curl http://h/a -F a=1 -F b=2 -F a=@note.txt`, "POST /a\ntype multipart/form-data; boundary=bgverify-*\n\n*"},
		{"multipart", "text, file, type, filename", `curl http://h/a -F t=x -F 'f=@logo.png' -F 'g=@note.txt;type=text/x;filename="n ote"' -F 'h=<note.txt' --form-string 's=@x;y'`, "POST /a\ntype multipart/form-data; boundary=bgverify-*\n\n*"},
		{"upload", "-T is PUT; a folder takes the name", `curl -T note.txt http://h/d/`, "PUT /d/note.txt\ntype text/plain; charset=utf-8\n\na note\n"},
		{"big upload", "a file beside the suite", `curl --data-binary @big.bin -H 'Content-Type: application/octet-stream' http://h/a`, "POST /a\nContent-Type: application/octet-stream\n\n" + strings.Repeat("\x00\x01", 9000) + "\n"},
		{"headers", "also empty and none", `curl http://h/a -H 'X-A: 1' -H 'x-a:2' -H 'X-E;' -H 'Accept:' -H 'User-Agent:'`, "GET /a\nX-A: 1\nX-A: 2\nX-E: \nUser-Agent: \n"},
		{"header file", "-H @file", `curl http://h/a -H @heads`, "GET /a\nX-A: 1\nX-B: 2\n"},
		{"agent and referer", "-A and -e", `curl http://h/a -A stb/1 -e 'http://r/;auto' --compressed -r 0-9`, "GET /a\nRange: bytes=0-9\nUser-Agent: stb/1\nReferer: http://r/\nAccept-Encoding: deflate, gzip, br, zstd\n"},
		{"cookies", "plain ones are written", `curl http://h/a -b 'lang=ko; sid=0123456789abcdef' -H 'Cookie: b=2'`, "GET /a\ncookie lang=ko\ncookie sid=<COOKIE_SID>\ncookie b=2\n"},
		{"basic", "the password is not written", `curl -u kim:s3cr3t http://h/a`, "GET /a\nauth kim {{env.PASSWORD}}\n"},
		{"basic in url", "decoded", `curl http://kim%40x:s3cr3t@h/a`, "GET /a\nauth kim@x {{env.PASSWORD}}\n"},
		{"bearer", "the token is not written", `curl --oauth2-bearer abcdef http://h/a`, "GET /a\nauth {{env.TOKEN}}\n"},
		{"bearer header", "the same", `curl -H 'Authorization: Bearer abcdef' http://h/a`, "GET /a\nauth {{env.TOKEN}}\n"},
		{"basic header", "decoded", `curl -H 'Authorization: Basic a2ltOnMzY3IzdA==' http://h/a`, "GET /a\nauth kim {{env.PASSWORD}}\n"},
		{"basic by hand", "what echo and base64 print is known", `curl -H "Authorization: Basic $(echo -n kim:s3cr3t | base64)" http://h/a`, "GET /a\nauth kim {{env.PASSWORD}}\n"},
		{"other scheme", "a header of its own", `curl -H 'Authorization: Token abc def' http://h/a`, "GET /a\nauth Authorization Token {{env.AUTHORIZATION}}\n"},
		{"api key", "known by its name", `curl -H 'X-Api-Key: abcdef' 'http://h/a?api_key=zzz'`, "GET /a?api_key=%3CAPI_KEY%3E\nX-Api-Key: <X_API_KEY>\n"},
		{"secret in a body", "known by its name", `curl http://h/a --json '{"user":"kim","password":"hunter22"}'`, "POST /a\nAccept: application/json\ntype application/json\n\n{\"user\":\"kim\",\"password\":\"<PASSWORD>\"}\n"},
		{"variables", "of the environment", `curl "http://h/$A/${B}?c=${C:-x y}" -H "X: $D\$E" -d '$F'`, "POST /%3CA%3E/%3CB%3E?c=%3CC%3E\nX: <D>$E\nContent-Type: application/x-www-form-urlencoded\n\n$F\n"},
		{"variable in json", "inside a string", `curl http://h/a --json "{\"a\":\"x$A\"}"`, "POST /a\nAccept: application/json\ntype application/json\n\n{\"a\":\"x<A>\"}\n"},
		{"variable as json", "outside a string it is text", `curl http://h/a --json "{\"a\":{$A}}"`, "POST /a\nAccept: application/json\nContent-Type: application/json\n\n{\"a\":{<A>}}\n"},
		{"assigned", "a variable of the suite", "SIZE=30\ncurl \"http://h/a?size=$SIZE\"", "GET /a?size=30\n"},
		{"assigned place", "where a service is, is written out", "API_URL=http://h/base\ncurl $API_URL/a", "GET /base/a\n"},
		{"assigned twice", "the value of that moment", "N=1\ncurl http://h/a?n=$N >x\nN=2", "GET /a?n=1\n"},
		{"assigned secret", "is not written", "TOKEN=abcdef\ncurl http://h/a -H \"X: $TOKEN\"", "GET /a\nX: <TOKEN>\n"},
		{"base and path", "what follows a base is a path", `curl "${BASE}v1/a"`, "GET /v1/a\n"},
		{"host in Korean", "is a host", `curl http://한글.example/a`, "GET /a\n"},
		{"empty data", "sends its type", `curl http://h/a -d ''`, "POST /a\nContent-Type: application/x-www-form-urlencoded\n"},
		{"base variable", "is the side's url", `curl "$BASE_URL/v1/a"`, "GET /v1/a\n"},
		{"generated", "ours", `curl "http://h/a?u=$(uuidgen)&t=$(date +%s)&r=$RANDOM"`, "GET /a?u=%3C$uuid%3E&t=1767225600&r=%3C$int%3E\n"},
		{"braces", "stand for themselves", `curl -g 'http://h/{{a}}' -H 'X: {{b}}' --json '{"{{c}}":"{{d}}"}'`, "POST /%7B%7Ba%7D%7D\nX: {{b}}\nAccept: application/json\nContent-Type: application/json\n\n{\"{{c}}\":\"{{d}}\"}\n"},
		{"brace before variable", "the longest run of braces", `curl http://h/a -d "{{{$A}" -H 'Content-Type: text/plain'`, "POST /a\nContent-Type: text/plain\n\n{{{<A>}\n"},
		{"here-document", "is what curl reads", "curl -d @- -H 'Content-Type: text/plain' http://h/a <<EOF\nx $A \\$B\nEOF", "POST /a\nContent-Type: text/plain\n\nx <A> $B\n"},
		{"literal document", "quoted", "curl --data-binary @- -H 'Content-Type: text/plain' http://h/a <<'EOF'\nx $A\nEOF", "POST /a\nContent-Type: text/plain\n\nx $A\n\n"},
		{"here-string", "of bash", `curl --data-binary @- -H 'Content-Type: text/plain' http://h/a <<< "x"`, "POST /a\nContent-Type: text/plain\n\nx\n\n"},
		{"piped", "what is printed is known", `printf %s 'aGk=' | base64 -d | curl --data-binary @- -H 'Content-Type: text/plain' http://h/a`, "POST /a\nContent-Type: text/plain\n\nhi\n"},
		{"echoed", "with its line end", `echo '{"a":1}' | curl --json @- http://h/a`, "POST /a\nAccept: application/json\ntype application/json\n\n{\"a\":1}\n"},
		{"printf in a word", "is its text", `curl http://h/a -H "X: $(printf 'a\tb')"`, "GET /a\nX: a\tb\n"},
		{"ansi", "of bash", `curl http://h/a --data-raw $'it\'s\n\x41\u00e9' -H 'Content-Type: text/plain'`, "POST /a\nContent-Type: text/plain\n\nit's\nAé\n"},
		{"continued", "backslash and line end", "curl \\\r\n -X POST \\\n  http://h/a", "POST /a\n"},
		{"prompt", "from documentation", `$ curl http://h/a`, "GET /a\n"},
		{"path of curl", "and what stands before it", `A=1 sudo /usr/bin/curl http://h/a`, "GET /a\n"},
		{"range globs", "listed, not sent", `curl 'http://h/[1-3]'`, "GET /[1-3]\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := importCurl(t, tt.line, files)
			suites, text := converttest.Load(t, write.Files(&r.Tree))
			got := sent(t, suites[0], suites[0].Cases[0].Steps[0])
			if !matchesStar(tt.want, got) {
				t.Errorf("%s (%s)\n%s\nis sent as\n%s\nwant\n%s\n%s", tt.name, tt.reason, tt.line, got, tt.want, text)
			}
		})
	}
}

// matchesStar compares text in which * stands for anything.
func matchesStar(want, got string) bool {
	if !strings.Contains(want, "bgverify-*") {
		return want == got
	}
	at := 0
	for i, p := range strings.Split(want, "*") {
		n := strings.Index(got[at:], p)
		if n < 0 || i == 0 && n > 0 {
			return false
		}
		at += n + len(p)
	}
	return true
}

// A sign-in whose answer gives a variable is a step of setup.
func TestCurlCaptures(t *testing.T) {
	r := importCurl(t, `# Sign in
TOKEN=$(curl -s http://h/session --json '{"user":"kim"}' | jq -r '.data.tokens[0].value')
curl http://h/me -H "Authorization: Bearer $TOKEN"
OTHER=$(curl -s http://h/x -d @nowhere | jq -r .a)
curl "http://h/y?o=$OTHER"
NOT=$(curl -s http://h/z | grep x)
curl "http://h/n?o=$NOT"
`, nil)
	_, text := converttest.Load(t, write.Files(&r.Tree))
	for _, want := range []string{
		"needs: [OTHER]", "setup:\n  - step: Sign in\n    post: /session\n", "capture: {TOKEN: \"$.data.tokens[0].value\"}", `auth: {bearer: "{{TOKEN}}"}`,
		`query: {o: "{{OTHER}}"}`, `query: {o: "{{env.NOT}}"}`, "skip: there is no file nowhere next to the commands", "secrets: [TOKEN]",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// A suite of setup alone would prove nothing.
func TestCurlCapturesOnly(t *testing.T) {
	r := importCurl(t, "TOKEN=$(curl -s http://h/session | jq -r .token)\n", nil)
	suites, text := converttest.Load(t, write.Files(&r.Tree))
	if len(suites) != 1 || len(suites[0].Cases) != 1 || len(suites[0].Setup) != 0 {
		t.Errorf("want one case\n%s", text)
	}
}

// Wherever a secret stands, it is in no file that is written.
func TestCurlWritesNoSecret(t *testing.T) {
	const secret = "hunter22hunter22"
	for _, line := range []string{
		"-u kim:" + secret, "--oauth2-bearer " + secret, "-H 'Authorization: Bearer " + secret + "'", "-H 'Authorization: Custom " + secret + "'", "-H 'Authorization: " + secret + "'",
		"-H 'X-Api-Key: " + secret + "'", "-H 'X-Auth-Token: " + secret + "'", "-b 'sid=" + secret + "'", "-b 'x=" + secret + "1'", "-d 'password=" + secret + "'", "-d 'a&password=" + secret + "'",
		`--json '{"a":[{"password":"` + secret + `"}]}'`, "-F password=" + secret, "-F password=1 -F password=" + secret, "-G -d token=" + secret, "-G -d 'x&token=" + secret + "'",
		"-U kim:" + secret, "-x http://kim:" + secret + "@p:1", "--pass " + secret, "-E a.pem:" + secret, "-H \"Authorization: Basic $(printf %s kim:" + secret + " | base64)\"", "--aws-sigv4 aws:amz -u kim:" + secret,
	} {
		_, text := converttest.Load(t, write.Files(&importCurl(t, "curl https://h/a "+line, nil).Tree))
		if strings.Contains(text, secret) {
			t.Errorf("%s\nis written as\n%s", line, text)
		}
	}
	for _, text := range []string{"curl https://kim:" + secret + "@h/a", "TOKEN=" + secret + "\ncurl https://h/a?token=$TOKEN", "export API_KEY=" + secret + "; curl -H \"X: $API_KEY\" https://h"} {
		if _, out := converttest.Load(t, write.Files(&importCurl(t, text, nil).Tree)); strings.Contains(out, secret) {
			t.Errorf("%s\nis written as\n%s", text, out)
		}
	}
}

func TestCurlMultipart(t *testing.T) {
	files := fstest.MapFS{"logo.png": {Data: []byte("\x89PNG")}, "note.txt": {Data: []byte("a note")}}
	r := importCurl(t, `curl http://h/a -F t=x -F 'f=@logo.png' -F 'g=@note.txt;type=text/x;filename="n ote"' -F 'h=<note.txt' --form-string 's=@x;y'`, files)
	want := []model.Part{
		{Name: "t", Text: "x"},
		{Name: "f", File: "files/logo.png"},
		{Name: "g", File: "files/note.txt", FileName: "n ote", Type: "text/x"},
		{Name: "h", Text: "a note"},
		{Name: "s", Text: "@x;y"},
	}
	if d := cmp.Diff(want, r.Tree.Suites[0].Cases[0].Steps[0].Body.Parts); d != "" {
		t.Errorf("parts (-want +got)\n%s", d)
	}
}

// What has no place is listed with its line, and where the request cannot be
// sent as it is its case is skipped.
func TestCurlLost(t *testing.T) {
	tests := []struct {
		name, line string
		lost       []string // place: text
		skip       bool
	}{
		{"unknown option", "\ncurl http://h/a --frob", []string{"line 2: --frob"}, false},
		{"unknown option with a value", "curl --frob 5 http://h/a", []string{"line 1: --frob 5"}, false},
		{"equals refused", "curl --request=POST http://h/a", []string{"line 1: --request=POST"}, true},
		{"whole address", `curl "$LINK"`, []string{"line 1: $LINK"}, true},
		{"equals", "curl --max-time=5 http://h/a", []string{"line 1: --max-time=5"}, true},
		{"unknown short", "curl -sYZ http://h/a", []string{"line 1: -Y Z"}, false},
		{"redirects", "curl -L http://h/a --max-redirs 3", []string{"line 1: -L", "line 1: --max-redirs 3"}, false},
		{"addresses", "curl http://h/a --resolve h:80:1.2.3.4 \\\n --connect-to ::x:", []string{"line 1: --resolve h:80:1.2.3.4", "line 2: --connect-to ::x:"}, false},
		{"client certificate", "curl https://h/a --cert c.pem --key k.pem", []string{"line 1: --cert c.pem", "line 1: --key k.pem"}, false},
		{"authority not there", "curl https://h/a --cacert ca.pem", []string{"line 1: --cacert ca.pem"}, false},
		{"some insecure", "curl -k https://h/a\ncurl https://h/b", []string{"line 1: -k"}, false},
		{"some versions", "curl --http1.1 https://h/a\ncurl https://h/b", []string{"line 1: --http1.1"}, false},
		{"connect timeout", "curl --connect-timeout 3 --max-time 900 http://h/a", []string{"line 1: --connect-timeout 3", "line 1: --max-time 900"}, false},
		{"ntlm", "curl --ntlm -u a:b http://h/a", []string{"authentication: --ntlm"}, true},
		{"sigv4", "curl --aws-sigv4 aws:amz -u a:b http://h/a", []string{"authentication: --aws-sigv4 aws:amz"}, true},
		{"command substitution", "curl http://h/$(id)", []string{"line 1: $(id)"}, true},
		{"backquotes", "curl http://h/`id`", []string{"line 1: `id`"}, true},
		{"positional", `curl "http://h/$1"`, []string{"line 1: $1"}, true},
		{"expansion", `curl "http://h/${A##x}"`, []string{"line 1: ${A##x}"}, true},
		{"loop", "for i in 1 2; do\ncurl http://h/$i\ndone", []string{"line 1: for i in 1 2", "line 2: $i"}, true},
		{"no file", "curl http://h/a -d @nowhere.json", []string{"line 1: @nowhere.json"}, true},
		{"outside file", "curl http://h/a -d @../x", []string{"line 1: @../x"}, true},
		{"variable file", "curl http://h/a -d @$F", []string{"line 1: @$F"}, true},
		{"unknown input", "make-body | curl http://h/a -d @-", []string{"line 1: @-"}, true},
		{"globs", "curl 'http://h/{a,b}'", []string{"line 1: http://h/{a,b}"}, true},
		{"secrets of options", "curl https://h/a -U kim:s3cr3t -x http://kim:s3cr3t@p:1 --pass s3cr3t -E c.pem:s3cr3t", []string{"line 1: -U …", "line 1: -x …@p:1", "line 1: --pass …", "line 1: -E c.pem:…"}, false},
		{"cookie file", "curl -b jar.txt http://h/a", []string{"line 1: -b jar.txt"}, false},
		{"cookie variable", `curl -b "$C" http://h/a`, []string{"cookie $C"}, true},
		{"host header", "curl -H 'Host: x' http://h/a", []string{"header Host: x"}, false},
		{"no header", "curl -H nothing http://h/a", []string{"line 1: -H nothing"}, false},
		{"other commands", "ls -la\ncurl http://h/a | jq -r .token", []string{"line 1: ls -la", "line 2: jq -r .token"}, false},
		{"other scheme", "curl ftp://h/a\ncurl http://h/a", []string{"line 1: ftp://h/a"}, false},
		{"no address", "curl -s\ncurl http://h/a", []string{"line 1: curl -s"}, false},
		{"assigned by a command", "TOKEN=$(get-token)\ncurl http://h/a -H \"X: $TOKEN\"", []string{"line 1: TOKEN=$(get-token)"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := importCurl(t, tt.line, nil)
			_, text := converttest.Load(t, write.Files(&r.Tree))
			var got []string
			for _, l := range r.Report.Lost {
				got = append(got, strings.TrimSuffix(l.Place+": "+naming.OneLine(l.Text, 100), ": "))
				if l.Request != "" && !strings.Contains(text, "# not converted: "+strings.TrimSuffix(l.Place+": "+naming.OneLine(l.Text, 100), ": ")) {
					t.Errorf("no comment beside the case about %s\n%s", l.Text, text)
				}
			}
			if d := cmp.Diff(tt.lost, got); d != "" {
				t.Errorf("%s\nlost (-want +got)\n%s", tt.line, d)
			}
			if skip := r.Tree.Suites[0].Cases[0].Skip != ""; skip != tt.skip {
				t.Errorf("%s\nskipped: %v, want %v\n%s", tt.line, skip, tt.skip, text)
			}
		})
	}
}

func TestCurlRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "ls\n", "no curl command was found"},
		{"quote", "curl 'http://h", "line 1: reached EOF without closing quote `'`"},
		{"double quote", "curl \\\n \"http://h", "line 2: reached EOF without closing quote `\"`"},
		{"document", "curl <<EOF\nx", "line 1: unclosed here-document `EOF`"},
		{"substitution", "curl $(x", "line 1: reached EOF without matching `$(` with `)`"},
		{"not text", "curl \x00", "the file holds NUL bytes; it is not text"},
		{"encoding", "curl \xff", "the file is not UTF-8"},
		{"only ftp", "curl ftp://h/a", "none of 1 requests can be converted: line 1: ftp://h/a — only http and https are compared"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Convert(source.Input{Files: fstest.MapFS{"x.sh": {Data: []byte(tt.text)}}, Name: "x.sh"})
			if got := fmt.Sprint(err); got != tt.want {
				t.Errorf("%q: %s, want %s", tt.text, got, tt.want)
			}
		})
	}
}

// quoteSh is a correct quoter, in one of three ways.
func quoteSh(s string, way int) string {
	switch way {
	case 0:
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	case 1:
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s) + `"`
	}
	var b strings.Builder
	b.WriteString("$'")
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, `\x%02x`, c)
	}
	return b.String() + "'"
}

// For any arguments, what a quoter prints is read back as the same arguments.
func TestShellReadsQuotedBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		argv := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.StringMatching("[ -~\n\t]{0,12}"), rapid.SampledFrom([]string{"", "#", "a#b", "~", "$A", "`x`", "{{", "'", `"`, `\`, "\r\n", "한글", "\xff\xfe"})), 1, 6).Draw(t, "argv")
		var line strings.Builder
		line.WriteString("curl")
		for i, a := range argv {
			argv[i] = strings.ReplaceAll(a, "\x00", "0")
			way := rapid.IntRange(0, 2).Draw(t, "way")
			if !utf8.ValidString(a) {
				way = 2 // a file that is not UTF-8 is refused before it is parsed
			}
			line.WriteString(rapid.SampledFrom([]string{" ", "\t", " \\\n "}).Draw(t, "space") + quoteSh(argv[i], way))
		}
		cmds, err := splitShell(line.String() + "\n")
		if err != nil || len(cmds) != 1 {
			t.Fatalf("%s: %d commands, %v", line.String(), len(cmds), err)
		}
		var got []string
		for _, w := range cmds[0].words[1:] {
			got = append(got, w.text)
		}
		if !slices.Equal(got, argv) {
			t.Fatalf("%s\nis read as %q\nwant %q", line.String(), got, argv)
		}
	})
}

// Where the parser and a shell disagree, the shell is right.
func TestShellCorrections(t *testing.T) {
	for _, tt := range []struct{ name, reason, text, want string }{
		{"comment that ends with a backslash", "a comment ends with its line", "curl a # x\\\ncurl b\n", "curl a|curl b"},
		{"two of them", "each is found", "# 1 \\\ncurl a # x\\\ncurl b # y\\\n'c d'\n", "curl a|curl b|c d"},
		{"carriage returns in quotes", "a shell keeps them", "curl 'a\r\nb' \"\r\nc$(printf d)\r\n\"\n", "curl a\r\nb \r\ncd\r\n"},
		{"carriage returns between lines", "the file is one of Windows", "curl a \\\r\n  b\r\ncurl c\r\n", "curl a b|curl c"},
		{"carriage returns in a document", "its lines end without them", "curl -d @- <<E\r\nx\r\nE\r\ncurl b\r\n", "curl -d @- <x\n|curl b"},
		{"joined lines", "wherever they are", "curl a\\\nb \"c\\\nd$E\\\nf\" g\\\n", "curl ab cd\x00env.Ef\x00 g"},
		{"a $ before joined quotes", "they are $\"…\" and $'…'", "curl a$\\\n\"b\" \\$\\\n\"c\" $\\\n'd'\n", "curl ab $c d"},
		{"a $ before a joined number sign", "it is the number of arguments", "curl $\\\n#a", "curl ?$#a"},
		{"a joined name", "it is one name", "curl $\\\nA $B\\\nC \"$\\\nD\" ${E\\\nF} a\\\\$\\\nG", "curl \x00env.A\x00 \x00env.BC\x00 \x00env.D\x00 \x00env.EF\x00 a\\\x00env.G\x00"},
		{"no joined lines", "in single quotes, comments and documents with a quoted end", "curl '$\\\nA' # $\\\ncurl <<'E' \\$\\\nB\n$\\\nC\nE\n", "curl $\\\nA|curl $B <$\\\nC\n"},
		{"tabs of a document", "<<- takes them off", "curl <<-E\n\ta\n\t\tb\\$\n\tE\n", "curl <a\nb$\n"},
		{"braces and files", "are not expanded", "curl {a,b} *.go ~ [x]\n", "curl {a,b} *.go ~ [x]"},
		{"escapes the library does not know", "the word is unknown", "curl $'a\\cA'\n", "curl ?$'a\\cA'"},
		{"another form of $(…)", "its output is literal, or not known", "curl ${ printf a;} ${ id;} $(<x)\n", "curl a ?${ id;} ?$(<x)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmds, err := splitShell(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range cmds {
				var list []string
				for _, w := range c.words {
					list = append(list, strings.Repeat("?", len(w.unknown))+w.text)
				}
				for _, r := range c.redirects {
					list = append(list, "<"+r.word.text)
				}
				got = append(got, strings.Join(list, " "))
			}
			if d := cmp.Diff(tt.want, strings.Join(got, "|")); d != "" {
				t.Errorf("%q (%s) (-want +got)\n%s", tt.text, tt.reason, d)
			}
		})
	}
	if _, err := splitShell("curl " + strings.Repeat("$(", 1<<20)); err == nil {
		t.Error("brackets of any depth are read")
	}
}

// emptyCommand is a ; with no command before it, which sh refuses and the import passes over.
var emptyCommand = regexp.MustCompile(`[;\n]([ \t\n]|\\\n)*;`)

// bashism is $'…' and $"…", with joined lines between.
var bashism = regexp.MustCompile(`\$(\\\n)*['"]`)

// Random text of quotes and blanks means what it means to the shells of this machine.
func TestShellAgrees(t *testing.T) {
	for _, shell := range []struct{ name, pieces string }{
		{"sh", `'|"|\|$|a| |  |\n|#|;|a b|\\|\"|\'|{|}|=|a=1|%|é| # x|x\` + "\n" + `y`},
		{"bash", `'|"|\|$|a| |$'|\x41|\'|\t|\101|é|\u00e9|#|"$'|{|}|\` + "\n|$\\\n"},
	} {
		t.Run(shell.name, func(t *testing.T) {
			sh, err := exec.LookPath(shell.name)
			if err != nil {
				t.Skipf("%s is not installed", shell.name)
			}
			pieces := strings.Split(shell.pieces, "|")
			var lines []string
			rapid.Check(t, func(t *rapid.T) {
				line := "curl " + strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 14).Draw(t, "pieces"), "")
				cmds, err := splitShell(line)
				if err != nil || len(cmds) == 0 || strings.HasSuffix(line, `\`) || emptyCommand.MatchString(line) || shell.name == "sh" && bashism.MatchString(line) || slices.ContainsFunc(cmds, func(c shCommand) bool {
					return !isCurl(c.words) || strip(c.words)[0].quoted || c.words[0].text != "curl" || slices.ContainsFunc(c.words, func(w shWord) bool { return web.HasMark(w.text) || len(w.unknown) > 0 })
				}) {
					return
				}
				lines = append(lines, line)
			})
			if len(lines) < 20 && !testing.Short() {
				t.Fatalf("only %d lines can be compared", len(lines))
			}
			for _, line := range lines[:min(len(lines), 150)] {
				cmd := exec.CommandContext(t.Context(), sh, "-c", "curl() { printf '<'; printf '%s>' \"$@\"; }\n"+line)
				cmd.Env, cmd.Dir = []string{"PATH=", "LC_ALL=C.UTF-8"}, t.TempDir()
				out, err := cmd.Output()
				if err != nil {
					t.Errorf("%q: %s refuses what the import reads: %v", line, shell.name, err)
					continue
				}
				var want strings.Builder
				cmds, _ := splitShell(line)
				for _, c := range cmds {
					want.WriteString("<")
					for _, w := range c.words[1:] {
						want.WriteString(w.text + ">")
					}
					if len(c.words) == 1 {
						want.WriteString(">")
					}
				}
				if string(out) != want.String() {
					t.Errorf("%q\n%s reads %q\nthe import  %q", line, shell.name, out, want.String())
				}
			}
		})
	}
}

func FuzzCurl(f *testing.F) {
	for _, s := range []string{
		"curl -sS 'http://h/a?x=1' -H 'A: b' -d @x.sh\n", "A=1; curl \"$B/${C:-d}\" -F 'a=@x.sh;type=x' | jq .\n", "curl $'\\x41' --json '{\"a\":[1,null]}' <<EOF\n$x\nEOF\n",
		"curl -u a:b --digest h -b 'a=b;c' --next -X PUT h/[1-2] --max-time 3", "for i in 1 2; do curl `x` $(y) ${z%q}; done & # c", "T=$(curl h/s -d @x | jq -r .a.b[0])\ncurl h/$T -H \"X: $(echo a | base64)\"", "curl -G --data-u $A000000 0000", "curl h/%zz/..//\\x -Gd 'a b' --data-urlencode @x.sh -T x.sh",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		fsys := fstest.MapFS{"x.sh": {Data: []byte(text)}}
		converttest.CheckImport(t, write.Files, func() (*model.Result, error) { return Convert(source.Input{Files: fsys, Name: "x.sh"}) })
	})
}

// TestCurlOfWindows reads what browsers copy "as cURL (cmd)" and what people type there.
func TestCurlOfWindows(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"quotes with carets", "curl ^\"https://h/v1/s?a=1^&b=2^\" ^\r\n  -H ^\"accept: */*^\" ^\r\n  --data-raw ^\"^{^\\^\"id^\\^\":1,^\\^\"t^\\^\":^\\^\"a b^\\^\"^}^\" ^\r\n  --compressed\r\n", []string{"post: /v1/s", "query: {a: 1, b: 2}", "accept: \"*/*\"", "json: {id: 1, t: a b}"}},
		{"carets in plain quotes", "curl \"https://h/s?a=1^&b=2\" ^\n  -H \"content-type: application/json\" ^\n  --data-raw \"^{^\\^\"id^\\^\":1^}\"\n", []string{"query: {a: 1, b: 2}", "json: {id: 1}"}},
		{"one line", `curl "https://h/s?a=1^&b=2"`, []string{"query: {a: 1, b: 2}"}},
		{"typed", "rem the list\ncurl.exe \"https://h/a?q=x%%20y\" ^\n -H \"x: it's\"\n:: end\ncurl \"https://h/b\"\n", []string{"get: /a", "it's", "get: /b"}},
		{"a line end in data", "curl ^\"https://h/a^\" ^\n  -H ^\"content-type: text/plain^\" --data-raw ^\"one^\n\ntwo^\"\n", []string{"one\n", "two"}},
		{"an escaped caret and backslashes", `curl ^"https://h/a^" -H ^"x: a^^b^\^\c^\^\^"`, []string{`x: a^b\c\`}},
		{"two commands", "curl ^\"https://h/a^\" ^&^& echo x\ncurl ^\"https://h/b^\" & curl ^\"https://h/c^\"\n", []string{"get: /b", "get: /c"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Convert(source.Input{Files: fstest.MapFS{"x.sh": {Data: []byte(tt.text)}}, Name: "x.sh"})
			if err != nil {
				t.Fatal(err)
			}
			_, text := converttest.Load(t, write.Files(&r.Tree))
			for _, want := range tt.want {
				if !strings.Contains(text, want) {
					t.Errorf("%s\nwant %q in\n%s", tt.text, want, text)
				}
			}
		})
	}
	for _, text := range []string{`curl 'https://h/a?q=^{x}' -d '{"a":"^"}'`, "curl https://h/a -H 'x: ^&'", "curl https://h/a -d \"a^b\""} {
		if windowsLine().MatchString(text) {
			t.Errorf("%s is taken for a line of cmd", text)
		}
	}
}

// TestCurlPartOptions lists -F with its keys, in quotes and without.
func TestCurlPartOptions(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`a`, `"a"`},
		{`{"e":1};type=application/json`, `"{\"e\":1}" type="application/json"`},
		{`x;filename="a;b.pdf"`, `"x" filename="a;b.pdf"`},
		{`x;filename="a\"b\\c;d";type=image/png`, `"x" filename="a\"b\\c;d" type="image/png"`},
		{`"a;b.txt";type=text/plain; charset=utf-8;filename=c.txt`, `"a;b.txt" type="text/plain; charset=utf-8" filename="c.txt"`},
		{`x;type="text/plain";headers="X-A: 1; b"`, `"x" type="text/plain" headers="X-A: 1; b"`},
		{`x;filename="open`, `"x" filename="\"open"`},
		{`x;;odd`, `"x" odd=""`},
	} {
		content, options := partOptions(tt.text)
		var got strings.Builder
		got.WriteString(fmt.Sprintf("%q", content))
		for _, o := range options {
			got.WriteString(fmt.Sprintf(" %s=%q", o.key, o.value))
		}
		if got.String() != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.text, got.String(), tt.want)
		}
	}
}
