package curl

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
)

// A curlOption is one option of curl's command line.
type curlOption struct {
	name  string
	short byte // 0: none
	arg   bool
	// apply takes the option into a request; nil: it says nothing about the request.
	apply func(r *curlRequest, value shWord)
	// isSwitch is set of what --no-name takes back.
	isSwitch bool
	// why says what makes an option impossible to carry over.
	why string
}

// Why options have no place in a scenario file.
const (
	whyRedirect = "a redirect is an answer here, and compared; write the next request as its own step"
	whyRetry    = "a retry makes a case flaky here; write retry: if that is meant"
	whyAddress  = "it pins where one side is: write resolve: in that side"
	whyProxy    = "a proxy belongs to a side: write proxy: in sides"
	whyClient   = "a private key is not copied; write tls: {cert: …, key: …} in sides"
	whyTLS      = "the language has no word for it"
	whyOther    = "it is not about a request over HTTP"
	whyLimit    = "limits of transfer are bgverify's own"
	whyConfig   = "options in other files are not read; write them on the command line"
	whyScheme   = "this authentication is not part of the language"
)

// curlOptions is every option that curl knows, by what it does to the request.
var curlOptions = makeCurlOptions()

func makeCurlOptions() []curlOption {
	list := requestOptions()
	// what = name or s/name, a space between.
	add := func(arg bool, why, what string) {
		for word := range strings.FieldsSeq(what) {
			o := curlOption{name: word, arg: arg, why: why}
			if len(word) > 2 && word[1] == '/' {
				o.short, o.name = word[0], word[2:]
			}
			list = append(list, o)
		}
	}
	// About curl's output and its way of working: nothing for a comparison.
	add(false, "", `s/silent S/show-error v/verbose i/include #/progress-bar N/no-buffer O/remote-name J/remote-header-name
		R/remote-time f/fail q/disable
		no-progress-meter remote-name-all create-dirs styled-output trace-time trace-ids fail-with-body fail-early Z/parallel
		parallel-immediate no-clobber
		remove-on-error xattr basic show-headers tcp-nodelay no-keepalive no-sessionid out-null skip-existing no-alpn no-npn buffer
		keepalive progress-meter`)
	add(true, "", `o/output w/write-out D/dump-header c/cookie-jar trace trace-ascii trace-config output-dir stderr parallel-max
		parallel-max-host create-file-mode libcurl etag-save keepalive-time expect100-timeout`)
	add(false, whyRedirect, `L/location location-trusted post301 post302 post303 follow`)
	add(true, whyRedirect, `max-redirs proto-redir`)
	add(true, whyRetry, `retry retry-delay retry-max-time`)
	add(false, whyRetry, `retry-connrefused retry-all-errors`)
	add(true, whyAddress, `resolve connect-to interface local-port dns-servers dns-interface dns-ipv4-addr dns-ipv6-addr doh-url
		unix-socket abstract-unix-socket ipfs-gateway ip-tos vlan-priority`)
	add(false, whyAddress, `4/ipv4 6/ipv6 doh-insecure doh-cert-status`)
	add(true, whyProxy, `x/proxy preproxy noproxy U/proxy-user proxy-header proxy1.0 socks4 socks4a socks5 socks5-hostname
		socks5-gssapi-service proxy-service-name proxy-cacert proxy-capath
		proxy-cert proxy-cert-type proxy-ciphers proxy-crlfile proxy-key proxy-key-type proxy-pass proxy-pinnedpubkey
		proxy-tls13-ciphers proxy-tlsauthtype proxy-tlspassword proxy-tlsuser haproxy-clientip`)
	add(false, whyProxy, `p/proxytunnel proxy-anyauth proxy-basic proxy-digest proxy-insecure proxy-negotiate proxy-ntlm
		proxy-ssl-allow-beast proxy-ssl-auto-client-cert proxy-tlsv1 proxy-ca-native
		proxy-http2 suppress-connect-headers socks5-basic socks5-gssapi socks5-gssapi-nec haproxy-protocol`)
	add(true, whyClient, `E/cert key pass cert-type key-type`)
	add(true, whyTLS, `capath ciphers tls13-ciphers curves tls-max crlfile pinnedpubkey tlsauthtype tlspassword tlsuser engine
		egd-file random-file ech sigalgs tls-earlydata dns-resolver`)
	add(false, whyTLS, `1/tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 2/sslv2 3/sslv3 ssl ssl-reqd ssl-allow-beast ssl-no-revoke
		ssl-revoke-best-effort ssl-auto-client-cert cert-status false-start ca-native dump-ca-embed tcp-fastopen`)
	add(false, whyTLS, `0/http1.0 http0.9 http3 http3-only tr-encoding raw ignore-content-length mptcp`)
	add(true, whyTLS, `hsts alt-svc request-target proto proto-default delegation service-name sasl-authzid login-options`)
	add(true, whyLimit, `connect-timeout limit-rate max-filesize Y/speed-limit y/speed-time rate happy-eyeballs-timeout-ms C/continue-at`)
	add(true, whyConfig, `K/config netrc-file`)
	add(false, whyConfig, `n/netrc netrc-optional`)
	add(true, whyOther, `t/telnet-option Q/quote P/ftp-port ftp-account ftp-alternative-to-user ftp-method ftp-ssl-ccc-mode
		mail-auth mail-from mail-rcpt pubkey hostpubmd5 hostpubsha256 krb tftp-blksize h/help
		z/time-cond etag-compare upload-flags knownhosts`)
	add(false, whyOther, `a/append B/use-ascii l/list-only crlf disable-eprt disable-epsv disable-username-in-url
		disallow-username-in-url ftp-create-dirs ftp-pasv ftp-pret ftp-skip-pasv-ip ftp-ssl-ccc
		ftp-ssl-control compressed-ssh mail-rcpt-allowfails tftp-no-options metalink sasl-ir M/manual V/version j/junk-session-cookies
		form-escape`)
	return list
}

// requestOptions are those that a scenario file has a word for.
func requestOptions() []curlOption {
	toggle := func(name string, short byte) curlOption {
		return curlOption{name: name, short: short, isSwitch: true, apply: func(r *curlRequest, _ shWord) { r.on[name] = true }}
	}
	scheme := func(name string) curlOption {
		apply := func(r *curlRequest, _ shWord) { r.schemes = model.AppendOnce(r.schemes, "--"+name) }
		return curlOption{name: name, isSwitch: true, apply: apply}
	}
	version := func(name, http string) curlOption {
		return curlOption{name: name, apply: func(r *curlRequest, _ shWord) { r.http = http }}
	}
	data := func(kind dataKind) func(*curlRequest, shWord) {
		return func(r *curlRequest, w shWord) { r.data = append(r.data, curlData{kind, w}) }
	}
	return []curlOption{
		{name: "request", short: 'X', arg: true, apply: func(r *curlRequest, w shWord) { r.method = w.text }},
		{name: "url", arg: true, apply: func(r *curlRequest, w shWord) { r.urls = append(r.urls, w) }},
		{name: "header", short: 'H', arg: true, apply: func(r *curlRequest, w shWord) { r.headers = append(r.headers, w) }},
		{name: "data", short: 'd', arg: true, apply: data(dataText)},
		{name: "data-ascii", arg: true, apply: data(dataText)},
		{name: "data-raw", arg: true, apply: data(dataRaw)},
		{name: "data-binary", arg: true, apply: data(dataBinary)},
		{name: "data-urlencode", arg: true, apply: data(dataURLEncode)},
		{name: "json", arg: true, apply: data(dataJSON)},
		{name: "url-query", arg: true, apply: func(r *curlRequest, w shWord) { r.query = append(r.query, curlData{dataURLEncode, w}) }},
		{name: "form", short: 'F', arg: true, apply: func(r *curlRequest, w shWord) { r.parts = append(r.parts, curlPart{word: w}) }},
		{name: "form-string", arg: true, apply: func(r *curlRequest, w shWord) { r.parts = append(r.parts, curlPart{word: w, literal: true}) }},
		{name: "upload-file", short: 'T', arg: true, apply: func(r *curlRequest, w shWord) { r.upload = &w }},
		toggle("get", 'G'), toggle("head", 'I'), toggle("compressed", 0), toggle("globoff", 'g'), toggle("path-as-is", 0), toggle("insecure", 'k'),
		{name: "user", short: 'u', arg: true, apply: func(r *curlRequest, w shWord) { r.user = &w }},
		{name: "oauth2-bearer", arg: true, apply: func(r *curlRequest, w shWord) { r.bearer = &w }},
		scheme("digest"), scheme("ntlm"), scheme("ntlm-wb"), scheme("negotiate"), scheme("anyauth"),
		{name: "aws-sigv4", arg: true, apply: func(r *curlRequest, w shWord) { r.sigv4 = &w }},
		{name: "cookie", short: 'b', arg: true, apply: func(r *curlRequest, w shWord) { r.cookies = append(r.cookies, w) }},
		{name: "user-agent", short: 'A', arg: true, apply: func(r *curlRequest, w shWord) { r.agent = &w }},
		{name: "referer", short: 'e', arg: true, apply: func(r *curlRequest, w shWord) { r.referer = &w }},
		{name: "range", short: 'r', arg: true, apply: func(r *curlRequest, w shWord) {
			r.headers = append(r.headers, shWord{text: "Range: bytes=" + w.text, line: w.line})
		}},
		{name: "cacert", arg: true, apply: func(r *curlRequest, w shWord) { r.ca = w.text }},
		version("http1.1", "1.1"), version("http2", "2"), version("http2-prior-knowledge", "h2c"),
		{name: "max-time", short: 'm', arg: true, apply: func(r *curlRequest, w shWord) { r.maxTime = &w }},
	}
}

// findCurl finds an option by its long name, or by the beginning of one that no
// other shares, as curl does. off is set for --no-name.
func findCurl(name string) (o *curlOption, off bool) {
	var found []*curlOption
	for i := range curlOptions {
		o := &curlOptions[i]
		if o.name == name {
			return o, false
		}
		if strings.HasPrefix(o.name, name) {
			found = append(found, o)
		}
	}
	if rest, ok := strings.CutPrefix(name, "no-"); ok {
		for i := range curlOptions {
			if o := &curlOptions[i]; o.name == rest && !o.arg {
				return o, true
			}
		}
	}
	if len(found) == 1 {
		return found[0], false
	}
	return nil, false
}

func shortCurl(c byte) *curlOption {
	i := slices.IndexFunc(curlOptions, func(o curlOption) bool { return c != 0 && o.short == c })
	if i < 0 {
		return nil
	}
	return &curlOptions[i]
}
