package runner

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/bgverify/bgverify/runner/wire"
)

// apiAnswer is what the default expectation asks for beside a 2xx.
const apiAnswer = "an API answer"

// api holds the answer against the default that it is an API's:
//
//  1. It is not a page, declared as one or by its first bytes. A file that names
//     the content type knows of a declared one.
//  2. It is not empty where HTTP gives it a body: no bytes, white space, null.
//  3. It is not a part of something that was asked for whole.
//  4. It is not an error that a success status hides; see errorShape.
//
// An expectation of the body takes the place of all of it.
func (c *Checks) api(k *checker, a *answer) {
	declared := a.declaresHTML()
	switch {
	case a.isHTML() && !(declared && c.namesContentType()):
		k.add(false, apiAnswer, "an HTML page", at(c.expect.Pos))
	case a.bodiless():
		k.add(true, apiAnswer, contentOf(a), at(c.expect.Pos))
	case len(a.Answer) == 0:
		k.add(false, apiAnswer, "an empty body", at(c.expect.Pos))
	case isNothing(a.Answer):
		k.add(false, apiAnswer, "an empty body: "+cut(string(bytes.TrimSpace(a.Answer)), 8), at(c.expect.Pos))
	case a.Status == 206 && !slices.ContainsFunc(a.Sent, func(f wire.Field) bool { return strings.EqualFold(f.Name, "Range") }):
		k.add(false, apiAnswer, "a part (206) of what was asked for whole", at(c.expect.Pos))
	default:
		if shape := errorShape(a); shape != "" {
			k.add(false, apiAnswer, "an error in the body: "+shape, at(c.expect.Pos))
			return
		}
		k.add(true, apiAnswer, contentOf(a), at(c.expect.Pos))
	}
}

// isNothing: white space, or the null of JSON.
func isNothing(body []byte) bool {
	body = bytes.TrimPrefix(body[:min(len(body), 64)], []byte("\xef\xbb\xbf"))
	body = bytes.TrimSpace(body)
	return len(body) == 0 || string(body) == "null"
}

// declaresHTML reports whether the content type is a page's.
func (a *answer) declaresHTML() bool {
	declared := strings.ToLower(a.first("Content-Type"))
	return strings.HasPrefix(declared, "text/html") || strings.HasPrefix(declared, "application/xhtml")
}

// pageMarks begin a page whatever its content type says; pageTags do where
// nothing says that it is XML (the tags by which browsers recognise HTML).
var (
	pageMarks = []string{"<!doctype html", "<html", "<head>", "<body"}
	pageTags  = []string{"script", "iframe", "h1", "div", "font", "table", "a", "style", "title", "b", "br", "p", "meta", "center"}
)

// isHTML reports whether the answer is a page, declared or by its first bytes.
func (a *answer) isHTML() bool {
	if a.declaresHTML() {
		return true
	}
	start := bytes.ToLower(pageStart(a.Answer))
	if len(start) == 0 || start[0] != '<' {
		return false
	}
	for _, mark := range pageMarks {
		if bytes.HasPrefix(start, []byte(mark)) {
			return true
		}
	}
	if containsFold(a.first("Content-Type"), "xml") {
		return false
	}
	end := bytes.IndexAny(start, " \t\r\n>")
	return end > 0 && slices.Contains(pageTags, string(start[1:end]))
}

// pageStart is the beginning of a body behind a byte order mark, white space, an
// XML declaration and comments.
func pageStart(body []byte) []byte {
	const most = 4096
	start := bytes.TrimPrefix(body[:min(len(body), most)], []byte("\xef\xbb\xbf"))
	for {
		start = bytes.TrimLeft(start, " \t\r\n")
		var end []byte
		switch {
		case bytes.HasPrefix(start, []byte("<!--")):
			end = []byte("-->")
		case bytes.HasPrefix(start, []byte("<?")):
			end = []byte("?>")
		default:
			return start[:min(len(start), 64)]
		}
		_, rest, ok := bytes.Cut(start, end)
		if !ok {
			return nil
		}
		start = rest
	}
}

// errorShape recognises a failure that a success status hides:
//
//  1. problem+json or problem+xml (RFC 9457), a SOAP fault
//  2. an object whose error or errors is not empty, or whose success or ok is false
//  3. an envelope whose status or result says error, fail or failed beside a
//     message or a data of null (JSend)
//  4. an envelope of a code in the manner of HTTP's errors (404, 50000) with a
//     message and without content
func errorShape(a *answer) string {
	if a.Status < 200 || a.Status > 299 || len(a.Answer) == 0 {
		return ""
	}
	declared := strings.ToLower(a.first("Content-Type"))
	if strings.HasPrefix(declared, "application/problem+") {
		return "declared as application/problem"
	}
	if start := pageStart(a.Answer); len(start) > 0 && start[0] == '<' {
		if soapFault.Match(a.Answer[:min(len(a.Answer), 4096)]) {
			return "a SOAP fault"
		}
		return ""
	}
	body, err := a.body()
	if err != nil {
		return ""
	}
	root := gjson.ParseBytes(body)
	if !root.IsObject() {
		return ""
	}
	members := map[string]gjson.Result{}
	content := false // a member that holds something
	root.ForEach(func(key, v gjson.Result) bool {
		if slices.Contains(envelopeNames, key.Str) {
			members[key.Str] = v
		}
		content = content || (v.IsObject() || v.IsArray()) && !isHollow(v)
		return true
	})
	for _, name := range []string{"error", "errors"} { // Rule 2
		if v := members[name]; !isHollow(v) {
			return name + " " + cut(v.Raw, 80)
		}
	}
	for _, name := range []string{"success", "ok"} {
		if members[name].Type == gjson.False {
			return name + " false"
		}
	}
	return errorEnvelope(members, content)
}

// envelopeNames are the members by which an error is told from an answer.
var envelopeNames = []string{"error", "errors", "success", "ok", "status", "result", "code", "message", "msg", "data"}

// soapFault is the element of SOAP 1.1 and 1.2 that stands for an error.
var soapFault = regexp.MustCompile(`<(?:[A-Za-z_][\w.-]*:)?Envelope[\s>][\s\S]*<(?:[A-Za-z_][\w.-]*:)?Body[^<]*<(?:[A-Za-z_][\w.-]*:)?Fault[\s>]`)

// isHollow reports whether a member holds nothing: an error that is none.
func isHollow(v gjson.Result) bool {
	if v.IsArray() || v.IsObject() {
		hollow := true
		v.ForEach(func(_, _ gjson.Result) bool { hollow = false; return false })
		return hollow
	}
	return v.Raw == "" || v.Type == gjson.Null || v.Type == gjson.False || v.Raw == `""` || v.Raw == "0"
}

// errorEnvelope is rules 3 and 4 of errorShape.
func errorEnvelope(members map[string]gjson.Result, content bool) string {
	text := func(name string) bool { return members[name].Type == gjson.String }
	message := text("message") || text("msg")
	data, hasData := members["data"]
	for _, name := range []string{"status", "result"} { // Rule 3
		said := strings.ToLower(members[name].Str)
		if (said == "error" || said == "fail" || said == "failed") && (message || hasData && data.Type == gjson.Null) {
			return name + " " + said
		}
	}
	if message && !content && errorCode(members["code"]) { // Rule 4
		return "code " + members["code"].Raw
	}
	return ""
}

// errorCode reports whether a code reads like a 4xx or 5xx of HTTP: 404, 40401,
// 500001. Zeros and 2xx are successes, and what anything else means nobody knows.
func errorCode(code gjson.Result) bool {
	text := code.Raw
	if code.Type == gjson.String {
		text = code.Str
	}
	if len(text) < 3 || len(text) > 6 || text[0] != '4' && text[0] != '5' {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}
