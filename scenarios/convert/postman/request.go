package postman

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
)

// method holds a method to what the language sends.
func (im *pmImport) method(d *pmDraft) {
	m := im.resolved(d.step.Method)
	if m == "" || !naming.IsToken(m) || m == "CONNECT" {
		im.lose(d, model.Lost{Kind: model.Requests, Place: "method", Text: d.step.Method, Why: "this method cannot be sent"})
		d.skip("the method " + naming.OneLine(naming.Plain(d.step.Method), 40) + " cannot be sent")
		m = "GET"
	}
	d.step.Method = strings.ToUpper(m)
}

// resolved is a text with its placeholders resolved, or the text.
func (im *pmImport) resolved(text string) string {
	if out, ok := im.static(text, im.firstEnv(), 0); ok {
		return out
	}
	return text
}

var clientHeaders = []string{
	"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer",
	"expect",
}

func (im *pmImport) headers(d *pmDraft, headers []pmField) {
	for _, h := range headers {
		name := strings.TrimSpace(h.key)
		if im.disabledField(d, h, "header") || name == "" && h.value == "" {
			continue
		}
		why := ""
		switch lower := strings.ToLower(name); {
		case strings.Contains(name, "{{") || !naming.IsToken(name):
			why = "this is not the name of a header"
		case lower == "host":
			why = "write host: in sides"
		case slices.Contains(clientHeaders, lower):
			why = "the client sets it from what it sends"
		case strings.ContainsFunc(h.value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			why = "a control character in the value"
		}
		if why != "" {
			im.lose(d, model.Lost{Kind: model.Headers, Place: "header " + name, Text: h.value, Why: why})
			continue
		}
		im.report.Mapped(model.Headers, 1)
		if strings.EqualFold(name, "cookie") {
			im.cookies(d, h.value)
			continue
		}
		value := im.keep(d, name, h.value, "header "+name, true)
		d.step.Headers = append(d.step.Headers, model.Field{Name: name, Text: strings.TrimSpace(value)})
	}
	// The language compares names without case; Postman's repetitions stay together.
	for i := range d.step.Headers {
		for j := range d.step.Headers[:i] {
			if strings.EqualFold(d.step.Headers[i].Name, d.step.Headers[j].Name) {
				d.step.Headers[i].Name = d.step.Headers[j].Name
			}
		}
	}
}

func (im *pmImport) cookies(d *pmDraft, value string) {
	for one := range strings.SplitSeq(value, ";") {
		name, text, ok := strings.Cut(strings.TrimSpace(one), "=")
		if !ok || !naming.IsToken(name) || slices.ContainsFunc(d.step.Cookies, func(f model.Field) bool { return f.Name == name }) {
			if strings.TrimSpace(one) != "" {
				im.lose(d, model.Lost{Kind: model.Headers, Place: "header Cookie", Text: one, Why: "this is not a cookie: name=value"})
			}
			continue
		}
		d.step.Cookies = append(d.step.Cookies, model.Field{Name: name, Text: im.keep(d, name, text, "cookie "+name, true)})
	}
}

// authOf translates the auth that counts for a request.
func (im *pmImport) authOf(d *pmDraft) {
	owner := d.item
	for owner != nil && owner.auth == nil {
		owner = owner.parent
	}
	if owner == nil {
		if d.item.request.url.user {
			im.lose(d, model.Lost{Kind: model.Auths, Place: "address", Why: "a user in the address is not sent; use auth: {basic: …}"})
		}
		return
	}
	out, reason := im.auth(d, owner.auth)
	key := "auth " + owner.path()
	if reason != "" {
		if !im.listed[key] {
			im.listed[key] = true
			im.lose(&pmDraft{item: owner}, model.Lost{Kind: model.Auths, Place: "auth", Text: owner.auth.kind, Why: reason})
		}
		d.comment("not converted: auth %s", owner.auth.kind)
		d.skip(reason)
		return
	}
	rest, hasRest := authRest(owner.auth)
	if !im.listed[key] {
		im.listed[key] = true
		im.report.Mapped(model.Auths, 1)
		if hasRest {
			im.lose(&pmDraft{item: owner}, rest)
		}
	}
	if hasRest {
		d.comment("not converted: %s", rest.Line())
	}
	if out.Kind != model.NoAuth && out.Kind != model.APIKeyHeader && out.Kind != model.APIKeyQuery {
		d.step.Headers = slices.DeleteFunc(d.step.Headers, func(f model.Field) bool { // Postman's auth writes over it
			return strings.EqualFold(f.Name, "Authorization")
		})
	}
	if owner != im.suiteRoot(d.item) && owner != im.c.root {
		if out.Kind != model.NoAuth || im.defaultAuth(d.item) != nil {
			d.step.Auth = out
		}
	} else if owner == im.c.root && im.suiteRoot(d.item).auth != nil {
		d.step.Auth = out
	}
}

// suiteRoot is the folder at the top that an item belongs to, or the collection.
func (im *pmImport) suiteRoot(item *pmItem) *pmItem {
	for item.parent != nil && item.parent.parent != nil {
		item = item.parent
	}
	if item.request != nil {
		return im.c.root
	}
	return item
}

// defaultAuth is the auth of the suite that an item belongs to.
func (im *pmImport) defaultAuth(item *pmItem) *pmAuth {
	if a := im.suiteRoot(item).auth; a != nil {
		return a
	}
	return im.c.root.auth
}

// settings goes through how a request is to be sent.
func (im *pmImport) settings(d *pmDraft) {
	for _, s := range d.item.settings {
		switch {
		case s.key == "disableBodyPruning", s.key == "followRedirects" && s.value == "false", s.key == "disabledSystemHeaders" && s.value == "":
			im.report.Mapped(model.Settings, 1)
		case s.key == "followRedirects", s.key == "followOriginalHttpMethod", s.key == "followAuthorizationHeader",
			s.key == "removeRefererHeaderOnRedirect", s.key == "maxRedirects":
			im.lose(d, model.Lost{Kind: model.Settings, Place: s.key, Text: s.value, Why: "a redirect is an answer; it is compared, not followed"})
		case s.key == "strictSSL":
			im.lose(d, model.Lost{Kind: model.Settings, Place: s.key, Text: s.value, Why: "write tls: {insecure: true} in sides if that is meant"})
		default:
			im.lose(d, model.Lost{Kind: model.Settings, Place: s.key, Text: s.value, Why: "there is no such setting"})
		}
	}
}

// maxExample bounds a saved answer that becomes a snapshot.
const maxExample = 1 << 20

// examples makes the first saved answer that succeeded a snapshot.
func (im *pmImport) examples(d *pmDraft) {
	for i, e := range d.item.examples {
		why := ""
		switch {
		case im.opts.NoExamples:
			why = "left out as asked"
		case d.step.Expect.Snapshot != "":
			why = "a step has one snapshot"
		case im.dependsOnOthers(d):
			why = "the answer depends on what other requests left"
		case len(d.step.Expect.Status) == 1 && d.step.Expect.Status[0] != fmt.Sprint(e.code) && d.step.Expect.Status[0] != "2xx":
			why = "another status is expected"
		case e.code < 200 || e.code > 299 || e.code == 204 || e.code == 205:
			why = "it is not the answer of a success"
		case strings.TrimSpace(e.body) == "":
			why = "it has no body"
		case strings.Contains(e.body, "{{"):
			why = "it is a template"
		case len(e.body) > maxExample:
			why = "it is too large"
		}
		if why != "" {
			im.lose(d, model.Lost{Kind: model.Examples, Place: "example " + cmp.Or(e.name, fmt.Sprint(i+1)), Why: why})
			continue
		}
		im.report.Mapped(model.Examples, 1)
		ext := ".txt"
		if _, err := source.ParseJSON("", []byte(e.body)); err == nil {
			ext = ".json"
		}
		d.step.Expect.Snapshot = im.asset("snapshots/"+cmp.Or(naming.Name(d.item.name), "answer")+ext, []byte(e.body))
		if len(d.step.Expect.Status) == 0 {
			d.step.Expect.Status = []string{fmt.Sprint(e.code)}
		}
	}
}

// dependsOnOthers reports whether an answer cannot be the one that was saved: the
// request changes something, or holds what a script sets.
func (im *pmImport) dependsOnOthers(d *pmDraft) bool {
	reads := d.step.Method == "GET" || d.step.Method == "HEAD"
	if b := d.item.request.body; b != nil && b.mode == "graphql" && b.query != "" {
		reads = !strings.Contains(b.query, "mutation")
	}
	return !reads || slices.ContainsFunc(d.uses, func(u pmUse) bool { return !u.header && im.setSomewhere[u.name] })
}
