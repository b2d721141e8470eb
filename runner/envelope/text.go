package envelope

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/lazy"
)

// maxErrorText is the longest text that is looked at as an error of a proxy.
const maxErrorText = 4096

// phrases are the reason phrases of HTTP's errors (RFC 9110, 6585), as an expression.
const phrases = `bad request|unauthorized|payment required|forbidden|not found|method not allowed|not acceptable|proxy authentication required|request time-?out|conflict|gone|length required|precondition failed|(?:request entity|payload|content) too large|(?:request-)?uri too long|unsupported media type|range not satisfiable|expectation failed|misdirected request|unprocessable (?:entity|content)|locked|too early|upgrade required|precondition required|too many requests|request header fields too large|unavailable for legal reasons|internal server error|not implemented|bad gateway|service (?:temporarily )?unavailable|gateway time-?out|http version not supported|insufficient storage|loop detected|network authentication required`

// textErrors are what proxies, routers and runtimes write instead of an answer,
// at the beginning of a text.
var textErrors = lazy.Regexp(`(?i)^(?:` + strings.Join([]string{
	`upstream (?:connect error|request timeout|.*reset|unavailable)`, `no healthy upstream`, `stream timeout`, `upstream_`, // Envoy
	`local_rate_limited`, `rbac: access denied`, `jwt (?:is missing|is expired|verification fails|issuer is not)`, `fault filter abort`,
	`ext_authz_`, `no cluster match`, `cluster not found`, `overload manager`,
	`default backend - 404`, `404 page not found`, `client sent an http request to an https server`, `error code: \d+`, // Go, Cloudflare
	`no route matched`, `an invalid response was received from the upstream`, `no server is available to handle this request`,
	`the upstream server is`, // Kong, HAProxy
	`http (?:status|error)\W+[45]\d\d`, `(?:http/[\d.]+ )?[45]\d\d[ :-]+\W*(?:` + phrases + `)`,
	`traceback \(most recent call last\)`, `exception in thread`, `panic: `, `(?:[a-z_]\w*\.){2,}\w*(?:exception|error)\b`,
	`(?:php )?fatal error\b`, `ora-\d{4,5}\b`, `sqlstate\[`, `segmentation fault`,
	`(?:error|err|exception|fatal|failed|fail|failure)(?:\s*[:!|]|\s+-\s|\s*$)`,
	`(?:internal (?:server )?error|an? (?:unexpected |internal |unknown )?error (?:has )?occurred)`,
	`(?:<br ?/?>\s*)?(?:<b>)?(?:php )?(?:warning|notice|deprecated|parse error|fatal error)(?:</b>)?:\s(?s:.*)\bon line\b`, // PHP
	`connection (?:refused|reset|timed out)`, `could ?n[o']t connect`, `(?:request|gateway|operation) timed out`,
	`(?:access|permission) denied`, `unauthorized\b.{0,40}$`, `invalid (?:token|session|api key|credentials)\b`,
}, "|") + `)`)

// reason finds a text that is an HTTP status and its phrase, or either.
var reason = lazy.Regexp(`(?i)^(?:[45]\d\d\W*)?(?:` + phrases + `)[.!]?$`)

// textError recognises text that stands in for an answer:
//
//  1. What textErrors lists, at its beginning.
//  2. Nothing but a status of HTTP's errors or its phrase.
//
// Tables (CSV), events and playlists are data, but for an event named error.
func textError(text []byte, contentType string) (Finding, bool) {
	declared := strings.ToLower(contentType)
	switch {
	case strings.Contains(declared, "csv"):
		return Finding{}, false
	case strings.Contains(declared, "event-stream"):
		return eventError(text)
	}
	// Proxies write little. Of a long text only the beginning is looked at, so that a document that
	// quotes an error is not one.
	s := strings.TrimSpace(strings.TrimPrefix(string(text[:min(len(text), maxErrorText)]), "\ufeff"))
	if f, ok := jsonp(text); ok {
		return f, true
	}
	if !saysError(s) {
		return Finding{}, false
	}
	line, _, _ := strings.Cut(s, "\n")
	return Finding{Class: Error, Value: strconv.Quote(strings.TrimSpace(line))}, true
}

// jsonp judges what a script hands to a function: callback({"error": …});
func jsonp(text []byte) (Finding, bool) {
	if m := call().FindSubmatch(text); m != nil {
		return inText(m[1])
	}
	return Finding{}, false
}

// call is a JSON value as the argument of a function: JSONP, with the comment and the guard that
// some servers put before it.
var call = lazy.Regexp(`(?s)^\s*(?:/\*.{0,64}?\*/)?\s*(?:typeof [\w.$]+ ?=== ?'function' ?&& ?)?[\w.$\[\]]+\(\s*([{\[].*[}\]])\s*\)\s*;?\s*$`)

// inText judges text that is a JSON document: an object or a list.
func inText(text []byte) (Finding, bool) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return Finding{}, false
	}
	tree, err := diff.ReadStrict(text)
	if err != nil {
		return Finding{}, false
	}
	f, ok := document(rootOf(tree))
	if !ok || f.Class != Error {
		return Finding{}, false
	}
	return Finding{Class: Error, Value: "in a text: " + f.Path + " " + f.Value}, true
}

// saysError reports whether a text begins as textErrors or is a reason phrase.
func saysError(s string) bool { return textErrors().MatchString(s) || reason().MatchString(s) }

// eventError finds an event named error, or one whose data is nothing but an envelope.
func eventError(text []byte) (Finding, bool) {
	if event := errorEvent().Find(text); event != nil {
		return Finding{Class: Error, Value: strconv.Quote(strings.TrimSpace(string(event)))}, true
	}
	for line := range bytes.Lines(text) {
		// Only whole objects on one line are judged: data that goes on over lines is content.
		data, ok := bytes.CutPrefix(line, []byte("data:"))
		if data = bytes.TrimSpace(data); !ok || len(data) == 0 || data[0] != '{' {
			continue
		}
		tree, _ := diff.ReadStrict(data) // absent where it is not valid, and then without members
		v := rootOf(tree)
		if !onlyEnvelope(v) {
			continue
		}
		if hit, ok := object(v, outside{}); ok {
			return Finding{Class: Error, Value: "an event: " + hit.name + " " + string(hit.v.JSON())}, true
		}
	}
	return Finding{}, false
}

// errorEvent is a server-sent event that reports a failure.
var errorEvent = lazy.Regexp(`(?im)^event: ?(?:error|exception|failure)[ \t\r]*$`)
