package judge

import (
	"bytes"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/wire"
)

// APIAnswer is what the default expectation asks for in addition to a 2xx. Its text is both the
// expectation's name in reports and the mark by which it is recognised.
const APIAnswer = "an API answer"

// api holds the answer against the default that it is an API's:
//
//  1. It needs no body where it has none by nature; see needsNone.
//  2. It is not a page, declared as one or by its first bytes. A file that says
//     of the content type what data would not meet knows of a declared one.
//  3. It is not empty where HTTP gives it a body: no bytes, white space, null.
//  4. It is not a part of something that was asked for whole.
//  5. It is not an error that a success status hides; see finding.
//
// An expectation of the body takes the place of all of it, but for rule 5.
// The order of the cases matters: an answer that needs no body may still have a page in it that
// people read, and a page would pass the tests for emptiness. All that it adds are roots, since
// nothing else about the body can hold where it is not an API's.
func (c *Checks) api(k *checker, a *Answer) {
	got, ok := "", false
	switch {
	case c.needsNone(a): // Rule 1
		got, ok = contentOf(a), true
	case a.isHTML() && !(a.declaresHTML() && c.namesPage()):
		got = "an HTML page"
	case a.bodiless():
		got, ok = contentOf(a), true
	case len(a.Answer) == 0:
		got = "an empty body"
	case isNothing(a.Answer):
		got = "an empty body: " + text.Cut(string(bytes.TrimSpace(a.Answer)), 8)
	case a.Status == 206 && !a.asked("Range"):
		got = "a part (206) of what was asked for whole"
	case c.hiddenError(k, a): // it has added what it found
		return
	default:
		got, ok = contentOf(a), true
	}
	k.addRoot(ok, APIAnswer, got, PosText(c.expect.Pos))
}

// asked reports whether the request had a header. It looks at the fields as they were sent,
// those that the client added included.
func (a *Answer) asked(name string) bool {
	return slices.ContainsFunc(a.Sent, func(f wire.Field) bool { return strings.EqualFold(f.Name, name) })
}

// needsNone reports whether an answer is complete without a body, or has one only
// for people: a redirect whose status the file expects and that leads somewhere; and where
// it has none, 201 or 202 with the Location of what was made, and the answer to a preflight.
// allows is asked so that a status which the file does not expect never counts as complete.
func (c *Checks) needsNone(a *Answer) bool {
	switch {
	case a.Status >= 300 && a.Status <= 399:
		return c.allows(a.Status) && a.first("Location") != ""
	// Redirects may have a body for people, and it is not looked at.
	case len(a.Answer) > 0 || !c.allows(a.Status):
		return false
	case a.Status == 201 || a.Status == 202:
		return a.first("Location") != ""
	}
	return a.Method == "OPTIONS" && a.Status == 200 && (a.first("Access-Control-Allow-Origin") != "" ||
		a.first("Access-Control-Allow-Methods") != "" || a.first("Allow") != "")
}

// isNothing: white space, or the null of JSON, also after a byte order mark.
func isNothing(body []byte) bool {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	return len(body) == 0 || string(body) == "null"
}

// wantsTLS reports whether a server that speaks TLS refused a request without it:
// the words of net/http, nginx, Apache and Tomcat.
// It turns a bare 400, which helps little, into the advice to write https.
func (a *Answer) wantsTLS() bool {
	if a.Status != 400 {
		return false
	}
	// All of these words come early. A long body of another kind need not be searched.
	head := a.Answer[:min(len(a.Answer), 2048)]
	return slices.ContainsFunc([]string{
		"HTTP request to an HTTPS server", "plain HTTP request was sent to HTTPS port",
		"speaking plain HTTP to an SSL-enabled server port", "combination of host and port requires TLS",
	}, func(words string) bool { return bytes.Contains(head, []byte(words)) })
}

// declaresHTML reports whether the content type is a page's. Parameters such as charset follow
// and do not matter.
func (a *Answer) declaresHTML() bool {
	declared := strings.ToLower(a.first("Content-Type"))
	return strings.HasPrefix(declared, "text/html") || strings.HasPrefix(declared, "application/xhtml")
}

// pageMarks begin a page whatever its content type says; pageTags do where
// nothing says that it is XML (the tags by which browsers recognise HTML).
var (
	pageMarks = []string{"<!doctype html", "<html", "<head>", "<body"}
	pageTags  = []string{"script", "iframe", "h1", "div", "font", "table", "a", "style", "title", "b", "br", "p", "meta", "center"}
)

// isHTML reports whether the answer is a page, declared or by its first bytes. What begins with
// < is tried against marks first, then, unless declared XML, against tags: an XML document may
// have an element named title or table.
func (a *Answer) isHTML() bool {
	if a.declaresHTML() {
		return true
	}
	start := bytes.ToLower(pageStart(a.Answer))
	if len(start) == 0 || start[0] != '<' {
		return false
	}
	if slices.ContainsFunc(pageMarks, func(mark string) bool { return bytes.HasPrefix(start, []byte(mark)) }) {
		return true
	}
	if containsFold(a.first("Content-Type"), "xml") {
		return false
	}
	end := bytes.IndexAny(start, " \t\r\n>")
	return end > 0 && slices.Contains(pageTags, string(start[1:end]))
}

// pageStart is the beginning of a body behind a byte order mark, white space, an XML
// declaration and comments. The result has at most 64 bytes, and is nil where a comment or a
// declaration is not closed within the first 4096: it is then unknown what follows.
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
