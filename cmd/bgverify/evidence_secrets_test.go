package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/klauspost/compress/zstd"
)

// canaries are secrets by the slot they are sent in: a leak names its slot. All
// have characters that encodings escape; those of header slots stay ASCII.
var canaries = map[string]string{
	"STB_HEADER": `hdr+C4nary/="1'x`, "STB_BEARER": `brr+C4nary/="2'x`, "STB_BASIC": `bsc+C4nary/="3'x`, "STB_COOKIE": `cki+C4nary/=4'x`,
	"STB_KEY": `key+C4nary/="5'x`, "STB_QUERY": `qry+C4nary/="<6>'&비밀`, "STB_PATH": `pth+C4nary/="<7>'&비밀`, "STB_JSON": `jsn+C4nary/="<8>'&비밀\`,
	"STB_FORM": `frm+C4nary/="<9>'&비밀`, "STB_PART": `prt+C4nary/="<10>'&비밀`, "STB_XML": `xml+C4nary/="<11>'&비밀`, "STB_HMAC": `hmc+C4nary/="<12>'&비밀`,
	"STB_ROW": `row+C4nary/="<13>'비밀`, "STB_TEXT": "txt+C4nary\ttab\nline é14",
	"flag": `flg+C4nary/="<15>'&비밀`, "captured": `cap+C4nary/="<16>'&비밀`, "userinfo": "usr+C4nary17",
}

// canaryForms are the texts that none of the outputs may hold, written down
// apart from the table of the archive.
func canaryForms(value string) []string {
	inner := func(escapeHTML bool, s string) string {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(escapeHTML)
		_ = enc.Encode(s)
		return strings.Trim(strings.TrimSuffix(b.String(), "\n"), `"`)
	}
	forms := []string{
		value, url.QueryEscape(value), url.PathEscape(value), strings.ReplaceAll(url.QueryEscape(value), "+", "%20"), html.EscapeString(value),
		inner(false, value), inner(true, value), inner(false, inner(false, value)), gson(value),
		hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value))),
		strings.Trim(strconv.Quote(value), `"`), strings.Trim(strconv.QuoteToASCII(value), `"`),
		"C4nary", hex.EncodeToString([]byte("C4nary")), // the middle of every secret: also a piece of one is too much
	}
	for before := range 3 {
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString([]byte(strings.Repeat("-", before) + value))
			forms = append(forms, text[2+before:len(text)-2])
			middle := enc.EncodeToString([]byte(strings.Repeat("-", before) + "C4nary"))
			forms = append(forms, middle[(before*8+5)/6:(before+6)*8/6])
		}
	}
	return forms
}

// gson writes a string as Google's Gson does.
func gson(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case strings.ContainsRune(`<>&='`, r):
			fmt.Fprintf(&b, `\u%04x`, r)
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// echo tells back all that it was sent, in every encoding and every place of an
// answer, with something of the side's own in it.
func echo(side string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		said := []string{r.URL.Path}
		for name, list := range r.Header {
			switch name {
			case "Traceparent", "X-Bgverify-Run":
			case "X-Row", "X-T": // sent URL-escaped
				plain, _ := url.QueryUnescape(list[0])
				said = append(said, plain)
			default:
				said = append(said, list...)
			}
		}
		if user, password, ok := r.BasicAuth(); ok {
			said = append(said, user, password)
		}
		for _, c := range r.Cookies() {
			said = append(said, c.Value)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		_ = r.ParseMultipartForm(1 << 20) // what is no form has none
		for _, list := range r.Form {
			said = append(said, list...)
		}
		var doc struct{ Secret string }
		if json.Unmarshal(body, &doc) == nil && doc.Secret != "" {
			said = append(said, doc.Secret)
		}
		slices.Sort(said)
		if r.URL.Path == "/token" {
			said = []string{canaries["captured"]}
		}
		for i, s := range said {
			if !strings.ContainsFunc(s, unicode.IsControl) {
				w.Header().Add("X-Echo", s+side)
			}
			w.Header().Add("X-Echo-Query", url.QueryEscape(s)+side)
			if i == 0 {
				http.SetCookie(w, &http.Cookie{Name: "echo", Value: url.QueryEscape(s) + side})
			}
		}
		if r.URL.Path == "/page" {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprintf(w, "<html><a title=%q>%s</a> of %s</html>", html.EscapeString(strings.Join(said, " ")), html.EscapeString(strings.Join(said, "</p>")), side)
			return
		}
		if r.URL.Path == "/away" {
			w.Header().Set("Location", "/elsewhere/"+side+"?token="+url.QueryEscape(strings.Join(said, " ")))
			w.WriteHeader(http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"side":%q,"captured":%s,"body":%s,"said":[`, side, mustJSON(said[0]), mustJSON(string(body)+side))
		for i, s := range said {
			if i > 0 {
				_, _ = io.WriteString(w, ",")
			}
			raw, _ := json.Marshal(map[string]string{
				"raw": s + side, "pre": side + s, "hex": hex.EncodeToString([]byte(s + side)), "url": url.QueryEscape(s + side), "html": html.EscapeString(s + side),
				"b0": base64.StdEncoding.EncodeToString([]byte(s + side)), "b1": base64.URLEncoding.EncodeToString([]byte("-" + s + side)), "b2": base64.StdEncoding.EncodeToString([]byte("--" + s + side)),
				"json": string(mustJSON(s + side)), s + side: "a name of a member",
			})
			_, _ = w.Write(raw)
			fmt.Fprintf(w, `,"%s"`, gson(s+side))
		}
		_, _ = io.WriteString(w, "]}")
	}
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

const secretSuite = `
suite: secrets
env: [STB_HEADER, STB_BEARER, STB_BASIC, STB_COOKIE, STB_KEY, STB_QUERY, STB_PATH, STB_JSON, STB_FORM, STB_PART, STB_XML, STB_HMAC, STB_ROW, STB_TEXT]
secrets: [STB_HEADER, STB_BEARER, STB_BASIC, STB_COOKIE, STB_KEY, STB_QUERY, STB_PATH, STB_JSON, STB_FORM, STB_PART, STB_XML, STB_HMAC, STB_ROW, STB_TEXT, flag, captured]
needs: [flag]
defaults: {expect: {status: [200, 302, 502]}}
cases:
  - {case: header, get: /h, headers: {X-Stb: "{{env.STB_HEADER}}"}}
  - {case: bearer, get: /b, auth: {bearer: "{{env.STB_BEARER}}"}}
  - {case: basic, get: /b, auth: {basic: {user: box, password: "{{env.STB_BASIC}}"}}}
  - {case: cookie, get: /c, cookies: {sid: "{{env.STB_COOKIE}}"}}
  - {case: key, get: /k, auth: {api_key: {query: key, value: "{{env.STB_KEY}}"}}}
  - {case: query, get: /q, query: {q: "{{env.STB_QUERY}}"}}
  - {case: path, get: "/p/{{env.STB_PATH}}"}
  - {case: json, post: /j, side_effects: none, json: {Secret: "{{env.STB_JSON}}", in: "x {{env.STB_JSON}} y"}}
  - {case: form, post: /f, side_effects: none, form: {s: "{{env.STB_FORM}}"}}
  - {case: part, post: /m, side_effects: none, multipart: {s: "{{env.STB_PART}}"}}
  - {case: xml, post: /x, side_effects: none, xml: "<a>{{env.STB_XML}}</a>"}
  - {case: text, post: /t, side_effects: none, text: "{{env.STB_TEXT}}"}
  - {case: signed, get: /s, headers: {X-Sign: "{{'abc' | hmac: env.STB_HMAC}}"}}
  - {case: row, get: /r, query: {r: "{{v}}"}, data: [{v: one}, {v: two}], vars: {secretrow: "{{v}}{{env.STB_ROW}}"}, headers: {X-Row: "{{secretrow | urlencode}}"}}
  - {case: flag, get: /v, query: {v: "{{flag}}", w: "{{flag | base64}}", x: "x{{flag}}x"}}
  - {case: page, get: /page, query: {v: "{{env.STB_QUERY}}"}}
  - {case: away, get: /away, query: {v: "{{env.STB_QUERY}}"}}
  - case: captured
    steps:
      - {step: get, get: /token, capture: {captured: $.captured}}
      - {step: use, get: "/u/{{captured}}", query: {t: "{{captured}}"}, headers: {X-T: "{{captured | urlencode}}"}}
  - {case: wrong, get: /q, query: {q: "{{env.STB_QUERY}}"}, expect: {headers: {x-echo: {matches: "^no$"}}, body: {"$.said[0].raw": "{{env.STB_JSON}}", "$.said[0].pre": {in: [a, "{{flag}}"]}}}}
  - {case: nothing, get: /q, query: {q: "{{env.STB_QUERY}}"}, capture: {none: $.said.raw.nothing}}
  - {case: twice, get: "{{env.STB_PATH}}/x"}
`

// leaks lists where one of the forms stands.
func leaks(name, text string) []string {
	var found []string
	for slot, value := range canaries {
		for _, form := range canaryForms(value) {
			if i := strings.Index(text, form); i >= 0 {
				found = append(found, fmt.Sprintf("%s of %s in %s: …%q…", strconv.Quote(form), slot, name, text[max(0, i-60):min(len(text), i+len(form)+20)]))
			}
		}
	}
	return found
}

// everyFile hands over each file and name below a folder, bodies unpacked too.
func everyFile(t *testing.T, root string, do func(name, text string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		do("a name", path)
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		do(path, string(text))
		if strings.HasSuffix(path, ".zst") {
			dec, err := zstd.NewReader(bytes.NewReader(text))
			if err != nil {
				return err
			}
			defer dec.Close()
			plain, err := io.ReadAll(dec)
			if err != nil {
				return err
			}
			do(path+" unpacked", string(plain))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// No form of a secret is in any file or on any stream, whatever slot it was sent
// in and however the services tell it back.
func TestEvidenceSecrets(t *testing.T) {
	t.Parallel()
	e := newEvidence(t)
	for name, value := range canaries {
		if strings.HasPrefix(name, "STB_") {
			e.env = append(e.env, name+"="+value)
		}
	}
	e.file("suite.yaml", secretSuite)
	blue, green := serve(t, echo("blue")), serve(t, echo("green"))
	sides := []string{"suite.yaml", "--blue", blue, "--green", green, "--var", "flag=" + canaries["flag"]}
	shown := 0
	look := func(what string, r *ended, statuses ...int) {
		t.Helper()
		if !slices.Contains(statuses, r.status) {
			t.Errorf("%s ends with %d, want one of %v\n%s%s", what, r.status, statuses, &r.out, &r.err)
		}
		for _, l := range append(leaks(what+"'s stdout", r.out.String()), leaks(what+"'s stderr", r.err.String())...) {
			if shown++; shown < 20 {
				t.Error(l)
			}
		}
	}
	user := strings.Replace(blue, "://", "://box:"+url.PathEscape(canaries["userinfo"])+"@", 1)
	look("a user in a URL", e.bgverify("run", "suite.yaml", "--blue", user, "--green", green, "--var", "flag=x"), 2)
	look("run", e.bgverify(append([]string{"run"}, append(sides, "--verbose")...)...), 1)
	look("run --output json", e.bgverify(append([]string{"run"}, append(sides, "--output", "json", "--run-id", "two")...)...), 1)
	look("run --dry-run", e.bgverify(append([]string{"run"}, append(sides, "--dry-run")...)...), 4)
	for _, format := range []string{"text", "html", "junit", "json", "ctrf", "markdown"} {
		look("report "+format, e.bgverify("report", "it", "--format", format), 0)
	}
	look("rediff", e.bgverify("rediff", "it", "--run-id", "three"), 1, 3)
	look("history", e.bgverify("history"), 0)
	look("resume", e.bgverify("resume", "it", "--same-green"), 1)
	look("gate", e.bgverify("gate", "it"), 1)
	look("calibrate", e.bgverify(append([]string{"calibrate"}, "suite.yaml", "--blue", blue, "--var", "flag="+canaries["flag"], "--rounds", "2", "--settle", "0")...), 0, 3, 4)
	files := 0
	everyFile(t, filepath.Join(e.dir, "runs"), func(name, text string) {
		files++
		for _, l := range leaks(name, text) {
			if shown++; shown < 20 {
				t.Error(l)
			}
		}
	})
	if shown > 0 {
		t.Errorf("%d leaks in all", shown)
	}
	if files < 50 {
		t.Errorf("only %d files were looked at", files)
	}
	text, err := os.ReadFile(filepath.Join(e.runFolder("it"), "run.json"))
	if err != nil || bytes.Count(text, []byte("secret:")) < 50 {
		t.Errorf("run.json has %d marks: the test tests nothing (%v)", bytes.Count(text, []byte("secret:")), err)
	}
}

// A server's certificate may name anything: what the handshake says of it is an
// error text like any other.
func TestEvidenceSecretsInTLS(t *testing.T) {
	t.Parallel()
	e := newEvidence(t)
	const secret = "tls-canary-box-17.example"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: secret, Organization: []string{secret}}, DNSNames: []string{secret},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(says(`{}`))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	e.env = append(e.env, "STB_HOST="+secret)
	e.file("suite.yaml", "suite: s\nenv: [STB_HOST]\nsecrets: [STB_HOST]\ncases:\n  - {case: one, get: /, headers: {X-A: \"{{env.STB_HOST}}\"}}\n")
	r := e.bgverify("run", "suite.yaml", "--blue", serve(t, says(`{}`)), "--green", server.URL)
	r.ends(1, `tls|certificate`, "")
	everyFile(t, filepath.Join(e.dir, "runs"), func(name, text string) {
		if strings.Contains(text, secret) {
			t.Errorf("the secret stands in %s", name)
		}
	})
	if strings.Contains(r.out.String()+r.err.String(), secret) {
		t.Errorf("the secret is printed:\n%s%s", &r.out, &r.err)
	}
}
